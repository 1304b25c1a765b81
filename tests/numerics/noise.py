"""Stationary statistics of noise: an Ornstein-Uhlenbeck process, Poisson spikes, and shot noise on a passive membrane, each
within five standard errors of the estimate over the length used here."""
import math

import compare
from fields import check_case, expect_keys, quantity

LENGTH, WARM, STEP = 50000.0, 200.0, 0.1  # ms
FINE = 0.01  # ms; no two events of the Poisson train in one step, nearly


def amount(case, name):
    p = case["parameters"][name]
    return quantity(p["value"], p["unit"])


def mean_sd(values):
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))


class StationaryNoise:
    USED = {"parameters", "results"}
    RESULTS = {"ou_mean_pA", "ou_sd_pA", "ou_autocorrelation_at_tau", "poisson_isi_mean_ms", "poisson_isi_cv",
               "poisson_fano", "shot_V_mean_mV", "shot_V_variance_mV2"}

    def programs(self, case):
        check_case(case, self.USED, set())
        expect_keys("parameters", case["parameters"],
                    {"tau", "mu", "sigma", "poisson_rate", "w", "tau_s", "tau_m", "C"})
        expect_keys("results", case["results"], self.RESULTS)
        yield "ou", f"""language 1
neuron ou {{
  param tau = {amount(case, "tau")},  mu = {amount(case, "mu")},  sigma = {amount(case, "sigma")}
  state x = mu
  x' = (mu - x) / tau + sigma * sqrt(2 / tau) * white_noise()
}}
experiment case {{
  neuron ou {{ x ~ normal(mu, sigma) }}
  record x / (1 pA) as x every {STEP} ms
  run {LENGTH} ms with dt = {STEP} ms
}}
"""
        yield "poisson", f"""language 1
neuron relay {{
  state x = 0
  receive event(w : 1) {{ x += w }}
  spike when x > 0 {{ x = 0 }}
}}
experiment case {{
  neuron relay
  drive event with poisson({amount(case, "poisson_rate")}) {{ weight = 1 }}
  record spikes
  run {LENGTH / 5} ms with dt = {FINE} ms
}}
"""
        yield "shot", f"""language 1
experiment case {{
  neuron iaf_psc_exp {{
    E_L = 0 mV;  V_r = 0 mV;  V_th = 1e6 mV;  C = {amount(case, "C")};  tau_m = {amount(case, "tau_m")}
    tau_ex = {amount(case, "tau_s")}
  }}
  drive exc with poisson({amount(case, "poisson_rate")}) {{ weight = {amount(case, "w")} }}
  record V / (1 mV) as V every 1 ms
  run {LENGTH} ms with dt = {STEP} ms
}}
"""

    def compare(self, case, runs, rows):
        p = {k: v["value"] for k, v in case["parameters"].items()}
        yield from self.compare_ou(case["results"], p["tau"], runs["ou"])
        yield from self.compare_poisson(case["results"], runs["poisson"].spikes)
        yield from self.compare_shot(case["results"], p, runs["shot"])

    @staticmethod
    def compare_ou(expected, tau, run):
        x = [v for t, v in sorted(run.trace("x").items())]
        n = len(x) * STEP / tau  # correlation times in the run
        mean, sd = mean_sd(x)
        lag = round(tau / STEP)
        r = sum((a - mean) * (b - mean) for a, b in zip(x, x[lag:])) / (len(x) - lag) / sd**2
        sigma = expected["ou_sd_pA"]
        yield compare.Check("OU: mean (pA)", abs(mean - expected["ou_mean_pA"]), 5 * sigma * math.sqrt(2 / n), f"{mean:.5g}")
        yield compare.Check("OU: sd (pA)", abs(sd - sigma), 5 * sigma * math.sqrt(1 / (2 * n)), f"{sd:.5g}")
        yield compare.Check("OU: correlation at tau", abs(r - expected["ou_autocorrelation_at_tau"]), 5 * math.sqrt(1 / n),
                            f"{r:.4g}")

    @staticmethod
    def compare_poisson(expected, spikes):
        intervals = [b - a for a, b in zip(spikes, spikes[1:])]
        n = len(intervals)
        mean, sd = mean_sd(intervals)
        want = expected["poisson_isi_mean_ms"]
        missed = FINE / 2  # two events in one step make one spike: the interval is late by half a step in the mean
        yield compare.Check("Poisson: mean interval (ms)", abs(mean - missed - want), 5 * want / math.sqrt(n), f"{mean:.5g}")
        yield compare.Check("Poisson: CV", abs(sd / mean - expected["poisson_isi_cv"]), 5 / math.sqrt(n), f"{sd / mean:.4g}")
        width = 20.0
        counts = [0] * int(LENGTH / 5 / width)
        for t in spikes:
            counts[min(int((t - FINE / 2) / width), len(counts) - 1)] += 1
        m, s = mean_sd(counts)
        yield compare.Check("Poisson: Fano factor", abs(s**2 / m - expected["poisson_fano"]), 5 * math.sqrt(2 / len(counts)),
                            f"{s**2 / m:.4g}")

    @staticmethod
    def compare_shot(expected, p, run):
        v = [x for t, x in sorted(run.trace("V").items()) if t > WARM]
        mean, sd = mean_sd(v)
        n = len(v) / (p["tau_m"] + p["tau_s"])  # correlation times in the run
        variance = expected["shot_V_variance_mV2"]
        yield compare.Check("shot noise: mean (mV)", abs(mean - expected["shot_V_mean_mV"]), 5 * math.sqrt(variance * 2 / n),
                            f"{mean:.5g}")
        yield compare.Check("shot noise: variance (mV^2)", abs(sd**2 - variance), 5 * variance * math.sqrt(2 / n),
                            f"{sd**2:.5g}")
