"""One synapse that learns, between two cells that fire at given times: what it sends at each presynaptic spike, and what that does."""
import compare
from fields import Unknown, check_case, expect_keys, quantity



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


GUETIG = """
synapse between {
  param W = 100, step = 0.01, alpha = 1, mu_plus = 0, mu_minus = 0, tau_plus = 20 ms, tau_minus = 20 ms
  weight w : 1 in [0, W]
  state x = 0 per pre
  state y = 0 per post
  x' = -x / tau_plus
  y' = -y / tau_minus
  on pre { w -= W * alpha * step * (w / W)^mu_minus * y;  send w;  x += 1 }
  on post { w += W * step * (1 - w / W)^mu_plus * x;  y += 1 }
}
"""


def stdp(p):
    """Additive and multiplicative rules are the library's, others are written out."""
    if p["mu_plus"] == p["mu_minus"] and p["mu_plus"] in (0, 1):
        return (("stdp_additive", "stdp_multiplicative")[int(p["mu_plus"])],
                f"w_max = {p['Wmax']} pA;  lambda = {p['lambda']};  alpha = {p['alpha']};  tau_plus = {p['tau_plus']} ms;  tau_minus = {p['tau_minus']} ms")
    return "between", "".join(f"{ours} = {p[k]}{u};  " for k, ours, u in (
        ("Wmax", "W", ""), ("lambda", "step", ""), ("alpha", "alpha", ""), ("mu_plus", "mu_plus", ""), ("mu_minus", "mu_minus", ""),
        ("tau_plus", "tau_plus", " ms"), ("tau_minus", "tau_minus", " ms")))


def triplet(p):
    """The library's amplitudes are parts of w_max."""
    top = p["Wmax"]
    return "triplet", (f"w_max = {top} pA;  A2_plus = {p['Aplus'] / top!r};  A3_plus = {p['Aplus_triplet'] / top!r};  A2_minus = {p['Aminus'] / top!r};  "
                       f"A3_minus = {p['Aminus_triplet'] / top!r};  tau_plus = {p['tau_plus']} ms;  tau_x = {p['tau_plus_triplet']} ms;  "
                       f"tau_minus = {p['tau_minus']} ms;  tau_y = {p['tau_minus_triplet']} ms")


def power_law(p):
    return "stdp_power_law", (f"lambda = {p['lambda']};  alpha = {p['alpha']};  mu = {p['mu']};  tau_plus = {p['tau_plus']} ms;  "
                              f"tau_minus = {p['tau_minus']} ms")


def inhibitory(p):
    """alpha is the number of spikes that the target rate puts into both traces; what the library sends is negative."""
    if p["tau"] != p["tau_minus"]:
        raise Unknown("two time constants")
    return "inhibitory_stdp", f"eta = {p['eta']} pA;  rate = {p['alpha'] / 2 / p['tau']!r} /ms;  tau = {p['tau']} ms;  w_max = {p['Wmax']} pA".replace(" /", "/")


def short_term(name):
    """Facilitation that is gone at once is one of a nanosecond."""
    def settings(p):
        facil = f"{p['tau_fac']} ms" if p["tau_fac"] > 0 else "1 ns"
        rest = f";  tau_psc = {p['tau_psc']} ms" if "tau_psc" in p else ""
        if (p["x"], p["u"]) not in ((1, p["U"]), (1, 0)) or p.get("y", 0) != 0:
            raise Unknown("a start that is not at rest")
        return name, f"U = {p['U']};  tau_rec = {p['tau_rec']} ms;  tau_facil = {facil}{rest}"
    return settings


class Sends:
    """What rules of the library send at each presynaptic spike. Where nothing but the weight is sent, that is the weight."""
    KNOWN = {"weight", "delay", "Wmax", "tau_plus", "tau_minus", "lambda", "alpha", "mu_plus", "mu_minus", "mu", "tau_plus_triplet", "tau_minus_triplet",
             "Aplus", "Aplus_triplet", "Aminus", "Aminus_triplet", "tau", "eta", "U", "tau_rec", "tau_fac", "tau_psc", "u", "x", "y"}

    def __init__(self, rule, sign=1):
        self.rule, self.sign = rule, sign

    def programs(self, case):
        check_case(case, {"parameters", "protocol", "dt_ms"}, {"sent_rel"})
        p = {k: v["value"] for k, v in case["parameters"].items()}
        expect_keys("parameters", p, self.KNOWN)
        pre, post = case["protocol"]["presynaptic_spikes_ms"], case["protocol"]["postsynaptic_spikes_ms"]
        rule, given = self.rule(p)
        unit = "" if rule == "between" else " pA"
        text = f"""language 1
{GUETIG}
neuron fires {{
  state S = 0{unit}, V = 0
  receive exc(w : {unit or 1}) {{ S += w }}
  receive go(w : 1) {{ V += w }}
  spike when V > 0.5 {{ V = 0 }}
}}
network pair {{
  population A : relay[1]
  population B : fires[1]
  drive A.event with {times(pre)} {{ weight = 1 }}
{f"  drive B.go with {times(post)} {{ weight = 1 }}" if post else ""}
  connect A -> B.exc by one_to_one with {rule} {{ {given};  weight = {p['weight']}{unit};  delay = {p['delay']} ms }}
}}
experiment case {{
  network pair
  record S of B every {case['dt_ms']} ms
  run {max(pre + post) + 5} ms with dt = {case['dt_ms']} ms
}}
"""
        return [("case", text)]

    def compare(self, case, runs, rows):
        own = sent(runs["case"].trace("S"), [r[0] for r in rows[1]], case["parameters"]["delay"]["value"], case["dt_ms"])
        worst = max(abs(self.sign * a - r[1]) / abs(r[1]) for a, r in zip(own, rows[1]))
        yield compare.Check("what is sent at each spike, relative", worst, case["tolerance"]["sent_rel"], f"{len(rows[1])} spikes")


class Clopath:
    """The library's clopath onto its Hodgkin-Huxley cell; amplitudes are parts of w_max."""
    STEP = 0.01
    KNOWN = {"A_LTD", "A_LTP", "theta_minus", "theta_plus", "tau_u_bar_minus", "tau_u_bar_plus", "weight", "Wmax", "tau_x", "delay", "kick"}

    def programs(self, case):
        check_case(case, {"parameters", "initial", "protocol", "dt_ms"}, {"weight_abs"})
        p, first = {k: v["value"] for k, v in case["parameters"].items()}, case["initial"]
        expect_keys("parameters", p, self.KNOWN)
        expect_keys("initial", first, {"V_mV", "m", "h", "n"})
        pre, kicks = case["protocol"]["presynaptic_spikes_ms"], case["protocol"]["kicks_ms"]
        text = f"""language 1
network pair {{
  population A : relay[1]
  population B : hh_psc_alpha[1] {{ V = {first['V_mV']} mV;  m = {first['m']};  h = {first['h']};  n = {first['n']} }}
  drive A.event with {times(pre)} {{ weight = 1 }}
  drive B.exc with {times(kicks)} {{ weight = {p['kick']} pA }}
  connect ab: A -> B.exc by one_to_one with clopath {{
    w_max = {p['Wmax']} pA;  A_LTD = {p['A_LTD'] / p['Wmax']!r}/mV;  A_LTP = {p['A_LTP'] / p['Wmax']!r}/mV^2
    theta_minus = {p['theta_minus']} mV;  theta_plus = {p['theta_plus']} mV
    tau_minus = {p['tau_u_bar_minus']} ms;  tau_plus = {p['tau_u_bar_plus']} ms;  tau_x = {p['tau_x']} ms
    weight = {p['weight']} pA;  delay = {p['delay']} ms
  }}
}}
experiment case {{
  network pair
  record weight of ab every 1 ms
  run {max(pre) + 5} ms with dt = {self.STEP} ms, method = rk4
}}
"""
        return [("case", text)]

    def compare(self, case, runs, rows):
        own = runs["case"].weights("weight")
        yield compare.Check("weight at each presynaptic spike", max(abs(own[round(r[0], 6)] - r[1]) for r in rows[1]), case["tolerance"]["weight_abs"],
                            f"{len(rows[1])} spikes, dt = {self.STEP} ms")


SENDS = {"stdp_synapse": Sends(stdp), "stdp_pl_synapse_hom": Sends(power_law), "stdp_triplet_synapse": Sends(triplet),
         "vogels_sprekeler_synapse": Sends(inhibitory, -1), "tsodyks_synapse": Sends(short_term("tsodyks_three_states")),
         "tsodyks2_synapse": Sends(short_term("tsodyks_markram"))}


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
