"""One synapse that learns, between two cells that fire at given times: what it sends at each presynaptic spike, and what that does."""
import compare
from fields import Unknown, check_case, quantity



def times(values):
    return "times([" + ", ".join(f"{t} ms" for t in values) + "])"


def sent(trace, spikes, delay, dt):
    """What a sum jumps by when the spikes arrive."""
    return [trace[round(t + delay, 6)] - trace[round(t + delay - dt, 6)] for t in spikes]


class Stdp:
    """All pairs; the cell that fires is the target too: it counts what arrives, and is kicked at the postsynaptic times."""

    def programs(self, case):
        check_case(case, {"parameters", "protocol", "dt_ms"}, {"weight_rel"})
        p = {k: v["value"] for k, v in case["parameters"].items()}
        unknown = set(p) - {"w0", "Wmax", "delay", "tau_plus", "tau_minus", "alpha", "mu_plus", "mu_minus", "lambda"}
        if unknown:
            raise Unknown(f"parameters {unknown}")
        pre, post = case["protocol"]["presynaptic_spikes_ms"], case["protocol"]["postsynaptic_spikes_ms"]
        text = f"""language 1
neuron fires {{
  state S = 0, V = 0
  receive exc(w : 1) {{ S += w }}
  receive go(w : 1) {{ V += w }}
  spike when V > 0.5 {{ V = 0 }}
}}
synapse rule {{
  param W = {p['Wmax']}, lambda = {p['lambda']}, alpha = {p['alpha']}
  weight w : 1 in [0, W]
  state x = 0 per pre
  state y = 0 per post
  x' = -x / ({p['tau_plus']} ms)
  y' = -y / ({p['tau_minus']} ms)
  on pre {{ w -= W * alpha * lambda * (w / W)^{p['mu_minus']} * y;  send w;  x += 1 }}
  on post {{ w += W * lambda * (1 - w / W)^{p['mu_plus']} * x;  y += 1 }}
}}
network pair {{
  population A : fires[1]
  population B : fires[1]
  drive A.go with {times(pre)} {{ weight = 1 }}
  drive B.go with {times(post)} {{ weight = 1 }}
  connect A -> B.exc by one_to_one with rule {{ weight = {p['w0']};  delay = {p['delay']} ms }}
}}
experiment case {{
  network pair
  record S of B every {case['dt_ms']} ms
  run {max(pre + post) + 5} ms with dt = {case['dt_ms']} ms
}}
"""
        return [("case", text)]

    def compare(self, case, runs, rows):
        want = [r[1] for r in rows[1]]
        own = sent(runs["case"].trace("S"), [r[0] for r in rows[1]], case["parameters"]["delay"]["value"], case["dt_ms"])
        worst = max(abs(a - b) / b for a, b in zip(own, want))
        yield compare.Check("weight at each presynaptic spike, relative", worst, case["tolerance"]["weight_rel"], f"{len(want)} spikes")


class TsodyksMarkram:
    """The library's tsodyks_markram; facilitation that is gone at once is one of a nanosecond."""

    def programs(self, case):
        check_case(case, {"parameters", "protocol", "dt_ms", "per_spike"}, {"amplitude_rel", "v_abs_mV"})
        p = case["parameters"]
        unknown = set(p) - {"w", "U", "tau_rec", "tau_fac", "tau_psc", "delay", "C_m", "tau_m", "E_L"}
        if unknown:
            raise Unknown(f"parameters {unknown}")
        spikes = case["protocol"]["presynaptic_spikes_ms"]
        facil = quantity(p["tau_fac"]["value"], "ms") if p["tau_fac"]["value"] > 0 else "1 ns"
        cell = f"C = {quantity(p['C_m']['value'], 'pF')};  tau_m = {quantity(p['tau_m']['value'], 'ms')};  E_L = {quantity(p['E_L']['value'], 'mV')};  V_th = 1 V"
        text = f"""language 1
neuron sums {{
  state S = 0 pA
  receive exc(w : pA) {{ S += w }}
  spike when S > 1 mA
}}
network pair {{
  population A : relay[1]
  population B : iaf_psc_exp[1] {{ {cell};  tau_ex = {quantity(p['tau_psc']['value'], 'ms')} }}
  population C : sums[1]
  drive A.event with {times(spikes)} {{ weight = 1 }}
  connect A -> (B, C).exc by one_to_one with tsodyks_markram {{
    U = {p['U']['value']};  tau_rec = {quantity(p['tau_rec']['value'], 'ms')};  tau_facil = {facil}
    weight = {quantity(p['w']['value'], 'pA')};  delay = {quantity(p['delay']['value'], 'ms')}
  }}
}}
experiment case {{
  network pair
  record V of B as V_mV every {case['dt_ms']} ms
  record S of C every {case['dt_ms']} ms
  run {compare.last_time(case)} ms with dt = {case['dt_ms']} ms
}}
"""
        return [("case", text)]

    def compare(self, case, runs, rows):
        run, spikes = runs["case"], case["protocol"]["presynaptic_spikes_ms"]
        own = sent(run.trace("S"), spikes, case["parameters"]["delay"]["value"], case["dt_ms"])
        want = case["per_spike"]["amplitude_pA"]
        yield compare.Check("amplitude at each spike, relative", max(abs(a - b) / b for a, b in zip(own, want)), case["tolerance"]["amplitude_rel"])
        v = run.trace("V_mV")
        yield compare.Check("V (mV)", max(abs(v[round(r[0], 6)] - r[1]) for r in rows[1]), case["tolerance"]["v_abs_mV"], f"{len(rows[1])} rows")
