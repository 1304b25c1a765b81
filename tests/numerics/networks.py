"""Networks compared by their statistics over seeds."""
import compare
from fields import check_case, expect_keys, quantity, settings


def value(case, name):
    return case["parameters"][name]["value"]


def amount(case, name):
    p = case["parameters"][name]
    return quantity(p["value"], p["unit"])


class Brunel:
    """Random balanced network of delta neurons; V starts uniform between 0 and the threshold."""
    CELLS = {"tau_m": "tau_m", "V_th": "V_th", "V_reset": "V_r", "t_ref": "t_ref"}
    REST = dict.fromkeys(("NE", "NI", "CE", "CI", "J", "g", "eta", "external_rate_per_neuron", "delay"))
    START = "V uniform in [0, V_th)"
    RULE = "fixed in-degree, with replacement, self-connections allowed"

    def programs(self, case):
        check_case(case, {"parameters", "protocol", "dt_ms", "statistics"}, set())
        protocol = case["protocol"]
        expect_keys("protocol", protocol, {"initial", "connectivity", "duration_ms", "statistics_from_ms", "seeds"})
        if (protocol["initial"], protocol["connectivity"]) != (self.START, self.RULE):
            raise compare.Skip("another start or rule of connection")
        cells = settings(case, {**self.CELLS, **self.REST})
        cells += ["E_L = 0 mV", f"V ~ uniform(0 mV, {amount(case, 'V_th')})"]
        text = f"""language 1
network brunel {{
  param J = {amount(case, "J")}, g = {amount(case, "g")}, d = {amount(case, "delay")}
  population E : iaf_psc_delta[{value(case, "NE")}] {{ {';  '.join(cells)} }}
  population I : iaf_psc_delta[{value(case, "NI")}] {{ {';  '.join(cells)} }}
  connect E -> (E, I).psp by indegree({value(case, "CE")}) {{ weight = J;  delay = d }}
  connect I -> (E, I).psp by indegree({value(case, "CI")}) {{ weight = -g * J;  delay = d }}
  drive (E, I).psp with poisson({amount(case, "external_rate_per_neuron")}) {{ weight = J;  delay = d }}
}}
experiment case {{
  network brunel
  record spikes of (E, I)
  run {protocol['duration_ms']} ms with dt = {case['dt_ms']} ms
}}
"""
        return [(f"seed {k}", text) for k in range(1, protocol["seeds"] + 1)]

    def compare(self, case, runs, rows):
        t0, t1 = case["protocol"]["statistics_from_ms"], case["protocol"]["duration_ms"]
        own = [{"rate_exc_hz": r.rate(["E"], t0, t1), "rate_inh_hz": r.rate(["I"], t0, t1),
                "mean_isi_cv": r.cv(["E", "I"], t0, t1),
                "fano_of_population_count_5ms": r.fano(["E", "I"], t0, t1, 5.0)} for r in runs.values()]
        yield from compare.statistics(case, own)


class CubaCoba:
    """The benchmarks of Brette et al. (2007) without delay: in NSL one step, which the statistics do not see."""

    def __init__(self, neuron, names, begin, unit):
        self.neuron, self.names, self.begin, self.unit = neuron, names, begin, unit

    def programs(self, case):
        check_case(case, {"parameters", "initial", "protocol", "dt_ms", "statistics"}, set())
        protocol = case["protocol"]
        expect_keys("protocol", protocol, {"duration_s", "statistics_from_ms", "seeds"})
        if case["initial"] not in self.begin:
            raise compare.Skip("another start: " + case["initial"])
        cells = settings(case, {**self.names, **dict.fromkeys(("N", "exc_fraction", "p", "w_e", "w_i"))})
        cells += self.begin[case["initial"]]
        n = value(case, "N")
        n_e = round(n * value(case, "exc_fraction"))
        text = f"""language 1
{self.neuron}
network net {{
  population E : cell[{n_e}] {{ {';  '.join(cells)} }}
  population I : cell[{n - n_e}] {{ {';  '.join(cells)} }}
  connect E -> (E, I).exc by probability({value(case, "p")}) {{ weight = {quantity(value(case, "w_e"), self.unit)};  delay = dt }}
  connect I -> (E, I).inh by probability({value(case, "p")}) {{ weight = {quantity(value(case, "w_i"), self.unit)};  delay = dt }}
}}
experiment case {{
  network net
  record spikes of (E, I)
  run {protocol['duration_s']} s with dt = {case['dt_ms']} ms
}}
"""
        return [(f"seed {k}", text) for k in range(1, protocol["seeds"] + 1)]

    def compare(self, case, runs, rows):
        t0, t1 = case["protocol"]["statistics_from_ms"], case["protocol"]["duration_s"] * 1000.0
        own = [{"rate_hz": r.rate(["E", "I"], t0, t1), "rate_exc_hz": r.rate(["E"], t0, t1),
                "mean_isi_cv": r.cv(["E", "I"], t0, t1)} for r in runs.values()]
        yield from compare.statistics(case, own)


CELLS = {"taum": "tau_m", "taue": "tau_e", "taui": "tau_i", "V_th": "V_th", "V_reset": "V_r", "E_l": "E_L",
         "refractory": "t_ref"}
CUBA = CubaCoba("""
neuron cell {
  param tau_m = 20 ms,  tau_e = 5 ms,  tau_i = 10 ms,  E_L = -49 mV,  V_th = -50 mV,  V_r = -60 mV,  t_ref = 5 ms
  state V = E_L,  g_e = 0 mV,  g_i = 0 mV
  V'   = (g_e + g_i - (V - E_L)) / tau_m
  g_e' = -g_e / tau_e
  g_i' = -g_i / tau_i
  receive exc(w : mV) { g_e += w }
  receive inh(w : mV) { g_i += w }
  spike when V > V_th { V = V_r;  hold V for t_ref }
}""", CELLS, {"v uniform in [-60,-50)": ["V ~ uniform(-60 mV, -50 mV)"]}, "mV")
# max(0, …) of a draw is redrawn here instead, which the first 200 ms forget.
COBA = CubaCoba("""
neuron cell {
  param tau_m = 20 ms,  tau_e = 5 ms,  tau_i = 10 ms,  E_L = -60 mV,  E_e = 0 mV,  E_i = -80 mV,  V_bias = 20 mV
  param V_th = -50 mV,  V_r = -60 mV,  t_ref = 5 ms
  state V = E_L,  g_e = 0,  g_i = 0
  V'   = (E_L - V + g_e * (E_e - V) + g_i * (E_i - V) + V_bias) / tau_m
  g_e' = -g_e / tau_e
  g_i' = -g_i / tau_i
  receive exc(w : 1) { g_e += w }
  receive inh(w : 1) { g_i += w }
  spike when V > V_th { V = V_r;  hold V for t_ref }
}""", {**CELLS, "E_e": "E_e", "E_i": "E_i", "I_bias": "V_bias"}, {
    "v = -60 mV + (N(0,1) 5 - 5) mV; ge = max(0,(1.5 N(0,1)+4) 0.6); gi = max(0,(12 N(0,1)+20) 0.067)":
        ["V ~ normal(-65 mV, 5 mV)", "g_e ~ normal(2.4, 0.9) within [0, inf)", "g_i ~ normal(1.34, 0.804) within [0, inf)"]},
    "")
