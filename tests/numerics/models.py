"""Reference case (JSON) to NSL text: one class a model. A model that does not exist in NSL yet has no class here, and its
cases count as skipped.

Every class gives
  programs(case)   list of (name, NSL text) to run; names key the results
  compare(case, runs, reference_rows)   yields Check rows (see compare.py)
Times are in ms throughout."""
import compare

UNITS = {"S/cm2": "S/cm^2", "mS/cm2": "mS/cm^2", "uF/cm2": "uF/cm^2", "um2": "um^2", "1/s": "Hz", "1": ""}


def quantity(value, unit=""):
    unit = UNITS.get(unit, unit)
    return f"{value!r} {unit}".strip()


def settings(case, names):
    """`NSL = value unit;` for each parameter of the case that `names` maps to an NSL path."""
    out, unknown = [], []
    for key, p in case["parameters"].items():
        if key not in names:
            unknown.append(key)
        elif names[key]:
            out.append(f"{names[key]} = {quantity(p['value'], p['unit'])}")
    if unknown:
        raise compare.Skip("parameters without a counterpart: " + ", ".join(unknown))
    return out


def currents(case, target, key_unit=None, factor=1.0):
    """The piecewise constant current as `drive TARGET with step(…)` lines. Two forms: a dict with `current_pA`, or a list of
    {from_ms, to_ms, I_unit}."""
    stim, end = case.get("stimulus", {}), case["duration_ms"]
    pieces = []
    if isinstance(stim, dict):
        steps = stim.get("current_pA", [])
        for k, s in enumerate(steps):
            until = steps[k + 1]["from_ms"] if k + 1 < len(steps) else end + 1.0
            pieces.append((s["from_ms"], until, s["I"] * factor, key_unit or "pA"))
    else:
        for s in stim:
            (key,) = [k for k in s if k.startswith("I")]
            unit = {"I_pA": "pA", "I_nA": "nA", "I_uA_per_cm2": key_unit, "I": key_unit or "pA"}[key]
            pieces.append((s["from_ms"], s.get("to_ms", end + 1.0), s[key] * factor, unit))
    return [f"drive {target} with step({quantity(i, u)}, from = {quantity(a, 'ms')}, to = {quantity(b, 'ms')})"
            for a, b, i, u in pieces if i != 0 and b > a]


def arrivals(case, dt, unit):
    """Events as `drive PORT with times(…)`: emitted one step before they arrive."""
    stim = case.get("stimulus", {})
    out = []
    if isinstance(stim, dict):
        for key, w, port in (("excitatory_arrivals_ms", "w_ex_", "exc"), ("inhibitory_arrivals_ms", "w_in_", "inh")):
            times = stim.get(key, [])
            if times:
                text = ", ".join(quantity(round(t - dt, 9), "ms") for t in times)
                out.append(f"drive {port} with times([{text}]) {{ weight = {quantity(stim[w + unit], unit)};  delay = dt }}")
    return out


def program(subject, body, duration, dt, method=None, before=""):
    run = f"run {quantity(duration, 'ms')} with dt = {quantity(dt, 'ms')}" + (f", method = {method}" if method else "")
    lines = "\n".join("  " + b for b in body)
    return f"language 1\n{before}\nexperiment case {{\n  {subject}\n{lines}\n  {run}\n}}\n"


class IntegrateAndFire:
    """iaf_psc_exp and iaf_cond_exp: same grid, spikes equal to the step."""
    COMMON = {"C_m": "C", "E_L": "E_L", "V_th": "V_th", "V_reset": "V_r", "t_ref": "t_ref",
              "tau_syn_ex": "tau_ex", "tau_syn_in": "tau_in"}

    def __init__(self, name, names, columns, unit):
        self.name, self.names, self.columns, self.unit = name, {**self.COMMON, **names}, columns, unit

    def programs(self, case):
        dt = case["dt_ms"]
        start = settings(case, self.names)
        initial = case.get("initial", {})
        if "V_mV" in initial:
            start.append(f"V = {quantity(initial['V_mV'], 'mV')}")
        body = currents(case, "I") + arrivals(case, dt, self.unit)
        body += ["record spikes"] + [f"record {v} every {quantity(dt, 'ms')}" for v in self.columns.values()]
        return [("case", program(f"neuron {self.name} {{ {';  '.join(start)} }}", body, case["duration_ms"], dt))]

    def compare(self, case, runs, rows):
        yield from compare.grid_case(case, runs["case"], rows, self.columns)


HH_PARTS = {"gnabar": "na.g", "gkbar": "k.g", "gl": "leak.g", "el": "leak.E", "ena": "na.E", "ek": "k.E", "cm": "C",
            "area": "area", "gNa": "na.g", "gK": "k.g", "gL": "leak.g", "ENa": "na.E", "EK": "k.E", "EL": "leak.E",
            "C": "C", "celsius": "celsius"}
HH_STATES = {"V_mV": "V", "m": "na.m", "h": "na.h", "n": "k.n"}


# NEURON's hh mechanism reads its rates from a table with 1 mV between entries (TABLE … FROM -100 TO 100 WITH 200) and
# interpolates linearly. Against the closed forms that moves V by up to 0.16 mV during spikes, so the model here is the
# mechanism as NEURON has it (checked: with usetable_hh = 0 NEURON agrees with stdlib's hh to 4e-6 mV).
def _table(name, alpha, beta):
    return f"""
fn {name}_a(x) = {alpha}
fn {name}_b(x) = {beta}
fn {name}_inf(x) = {name}_a(x) / ({name}_a(x) + {name}_b(x))
fn {name}_tau(x) = 1 / ({name}_a(x) + {name}_b(x))
fn {name}_inf_at(V in mV) = {name}_inf(floor(V)) + (V - floor(V)) * ({name}_inf(floor(V) + 1) - {name}_inf(floor(V)))
fn {name}_tau_at(V in mV) -> ms = {name}_tau(floor(V)) + (V - floor(V)) * ({name}_tau(floor(V) + 1) - {name}_tau(floor(V)))"""


NEURON_HH = (_table("m", "0.1 * (x + 40) / (1 - exp(-(x + 40) / 10))", "4 * exp(-(x + 65) / 18)")
             + _table("h", "0.07 * exp(-(x + 65) / 20)", "1 / (1 + exp(-(x + 35) / 10))")
             + _table("n", "0.01 * (x + 55) / (1 - exp(-(x + 55) / 10))", "0.125 * exp(-(x + 65) / 80)")
             + """
channel table_na {
  param g = 120 mS/cm^2,  E = 50 mV,  celsius = 6.3 degC
  input V : mV
  let q = 3 ^ ((celsius - 6.3 degC) / 10 K)
  gate m { steady = m_inf_at(V);  tau = m_tau_at(V) / q }
  gate h { steady = h_inf_at(V);  tau = h_tau_at(V) / q }
  let I = g * m^3 * h * (V - E)
}
channel table_k {
  param g = 36 mS/cm^2,  E = -77 mV,  celsius = 6.3 degC
  input V : mV
  let q = 3 ^ ((celsius - 6.3 degC) / 10 K)
  gate n { steady = n_inf_at(V);  tau = n_tau_at(V) / q }
  let I = g * n^4 * (V - E)
}
neuron neuron_hh {
  param C = 1 uF/cm^2,  area = 1000 um^2,  celsius = 6.3 degC
  input I : nA
  use na = table_na { celsius = celsius }
  use k = table_k { celsius = celsius }
  use leak = passive { g = 0.3 mS/cm^2;  E = -54.3 mV }
  state V = -65 mV
  V' = (I / area - na.I - k.I - leak.I) / C
}""")


class HodgkinHuxley:
    """The squid patch: compared with a converged solution, by RK4 at a small step (stated in the table)."""
    DT = 0.005

    def __init__(self, density):
        self.density = density  # the case gives current per area

    def programs(self, case):
        start = settings(case, HH_PARTS)
        if self.density:
            start.append("area = 100000 um^2")  # 1 uA/cm^2 is 1 nA
        initial = case.get("initial", {})
        start += [f"{HH_STATES[k]} = {quantity(v, 'mV' if k == 'V_mV' else '')}" for k, v in initial.items() if k in HH_STATES]
        dt = min(self.DT, case["dt_ms"])
        body = currents(case, "I", "nA") + [f"record {v} every {quantity(case['dt_ms'], 'ms')}" for v in HH_STATES.values()]
        name, before = ("hh", "") if self.density else ("neuron_hh", NEURON_HH)
        return [("case", program(f"neuron {name} {{ {';  '.join(start)} }}", body, case["duration_ms"], dt, "rk4", before))]

    def compare(self, case, runs, rows):
        if self.density:
            yield from compare.range_case(case, runs["case"], rows, HH_STATES)
        else:
            yield from compare.crossing_case(case, runs["case"], rows, HH_STATES)


class HodgkinHuxleyAlpha:
    """The squid patch as a whole cell with alpha currents (NEST's hh_psc_alpha), by RK4 at a small step."""
    DT = 0.01
    MODEL = """
neuron hh_alpha {
  param C = 100 pF,  g_Na = 12000 nS,  g_K = 3600 nS,  g_L = 30 nS,  E_Na = 50 mV,  E_K = -77 mV,  E_L = -54.402 mV
  param tau_ex = 0.2 ms,  tau_in = 2 ms
  input I : pA
  gate m { alpha = hh_alpha_m(V);  beta = hh_beta_m(V) }
  gate h { alpha = hh_alpha_h(V);  beta = hh_beta_h(V) }
  gate n { alpha = hh_alpha_n(V);  beta = hh_beta_n(V) }
  state V = -65 mV
  state x_ex = 0 pA/ms,  I_ex = 0 pA,  x_in = 0 pA/ms,  I_in = 0 pA
  V' = (I + I_ex + I_in - g_Na * m^3 * h * (V - E_Na) - g_K * n^4 * (V - E_K) - g_L * (V - E_L)) / C
  x_ex' = -x_ex / tau_ex
  I_ex' = x_ex - I_ex / tau_ex
  x_in' = -x_in / tau_in
  I_in' = x_in - I_in / tau_in
  receive exc(w : pA) { x_ex += w * exp(1) / tau_ex }
  receive inh(w : pA) { x_in += w * exp(1) / tau_in }
}"""
    NAMES = {"C_m": "C", "g_Na": "g_Na", "g_K": "g_K", "g_L": "g_L", "E_Na": "E_Na", "E_K": "E_K", "E_L": "E_L",
             "tau_syn_ex": "tau_ex", "tau_syn_in": "tau_in"}
    STATES = {"V_mV": "V", "m": "m", "h": "h", "n": "n"}

    def programs(self, case):
        dt = min(self.DT, case["dt_ms"])
        start = settings(case, self.NAMES)
        start += [f"{self.STATES[k]} = {quantity(v, 'mV' if k == 'V_mV' else '')}" for k, v in case["initial"].items() if k in self.STATES]
        body = currents(case, "I") + arrivals(case, dt, "pA")
        body += [f"record {v} every {quantity(case['dt_ms'], 'ms')}" for v in self.STATES.values()]
        return [("case", program(f"neuron hh_alpha {{ {';  '.join(start)} }}", body, case["duration_ms"], dt, "rk4", self.MODEL))]

    def compare(self, case, runs, rows):
        yield from compare.crossing_case(case, runs["case"], rows, self.STATES, (2.0, 4.0))


class Passive:
    MODEL = """
neuron passive_cell {
  param C = 100 pF,  g = 10 nS,  E = -70 mV
  input I : pA
  state V = E
  V' = (g * (E - V) + I) / C
}"""

    def programs(self, case):
        start = settings(case, {"C": "C", "g": "g", "E": "E"}) + [f"V = {quantity(case['initial']['V_mV'], 'mV')}"]
        body = currents(case, "I") + [f"record V every {quantity(case['dt_ms'], 'ms')}"]
        return [("case", program(f"neuron passive_cell {{ {';  '.join(start)} }}", body, case["duration_ms"],
                                 case["dt_ms"], before=self.MODEL))]

    def compare(self, case, runs, rows):
        yield from compare.trace_case(case, runs["case"], rows, {"V_mV": "V"}, case["tolerance"]["v_abs_mV"])


class ExponentialPsp:
    """One exponential current into iaf_psc_exp that never fires; the current starts at its full height."""

    def programs(self, case):
        p = case["parameters"]
        start = [f"C = {quantity(p['C']['value'], 'pF')}", f"tau_m = {quantity(p['tau']['value'], 'ms')}",
                 f"tau_ex = {quantity(p['tau_s']['value'], 'ms')}", "E_L = 0 mV", "V_r = 0 mV", "V_th = 1000 mV",
                 f"I_ex = {quantity(p['w']['value'], 'pA')}"]
        duration = case.get("duration_ms") or compare.last_time(case)
        body = [f"record V every {quantity(case['dt_ms'], 'ms')}"]
        return [("case", program(f"neuron iaf_psc_exp {{ {';  '.join(start)} }}", body, duration, case["dt_ms"]))]

    def compare(self, case, runs, rows):
        yield from compare.trace_case(case, runs["case"], rows, {"V_mV": "V"}, case["tolerance"]["v_abs_mV"])


class FiringRate:
    """Leaky integrate-and-fire under constant current: spike k on a grid is late by at most (k + 1) dt."""
    DT = 0.01

    def programs(self, case):
        names = {"tau": "tau_m", "C": "C", "E_L": "E_L", "V_th": "V_th", "V_reset": "V_r", "t_ref": "t_ref"}
        start = settings(case, names)
        out = []
        for r in case["results"]:
            end = (r["spikes_ms"][-1] if r["spikes_ms"] else 200.0) + 1.0
            body = [f"drive I with constant({quantity(r['I_pA'], 'pA')})", "record spikes"]
            out.append((f"{r['I_pA']:g} pA", program(f"neuron iaf_psc_exp {{ {';  '.join(start)} }}", body, end, self.DT)))
        return out

    def compare(self, case, runs, rows):
        for r in case["results"]:
            yield compare.late_spikes(f"{r['I_pA']:g} pA", r["spikes_ms"], runs[f"{r['I_pA']:g} pA"].spikes, self.DT)


class Brunel:
    def programs(self, case):
        p = {k: v["value"] for k, v in case["parameters"].items()}
        cells = (f"tau_m = {p['tau_m']} ms;  E_L = 0 mV;  V_th = {p['V_th']} mV;  V_r = {p['V_reset']} mV;  "
                 f"t_ref = {p['t_ref']} ms;  V ~ uniform(0 mV, {p['V_th']} mV)")
        text = f"""language 1
network brunel {{
  population E : iaf_psc_delta[{p['NE']}] {{ {cells} }}
  population I : iaf_psc_delta[{p['NI']}] {{ {cells} }}
  connect E -> (E, I).psp by indegree({p['CE']}) {{ weight = {p['J']} mV;  delay = {p['delay']} ms }}
  connect I -> (E, I).psp by indegree({p['CI']}) {{ weight = {-p['g'] * p['J']} mV;  delay = {p['delay']} ms }}
  drive (E, I).psp with poisson({p['external_rate_per_neuron']} Hz) {{ weight = {p['J']} mV;  delay = {p['delay']} ms }}
}}
experiment case {{
  network brunel
  record spikes of (E, I)
  run {case['protocol']['duration_ms']} ms with dt = {case['dt_ms']} ms
}}
"""
        return [(f"seed {k}", text) for k in range(1, case["protocol"]["seeds"] + 1)]

    def compare(self, case, runs, rows):
        t0, t1 = case["protocol"]["statistics_from_ms"], case["protocol"]["duration_ms"]
        own = [{"rate_exc_hz": r.rate(["E"], t0, t1), "rate_inh_hz": r.rate(["I"], t0, t1),
                "mean_isi_cv": r.cv(["E", "I"], t0, t1)} for r in runs.values()]
        yield from compare.statistics(case, own, skip=("fano_of_population_count_5ms",))


class CubaCoba:
    CUBA = """
neuron cell {
  param tau_m = 20 ms,  tau_e = 5 ms,  tau_i = 10 ms,  E_L = -49 mV,  V_th = -50 mV,  V_r = -60 mV,  t_ref = 5 ms
  state V = E_L,  g_e = 0 mV,  g_i = 0 mV
  V'   = (g_e + g_i - (V - E_L)) / tau_m
  g_e' = -g_e / tau_e
  g_i' = -g_i / tau_i
  receive exc(w : mV) { g_e += w }
  receive inh(w : mV) { g_i += w }
  spike when V > V_th { V = V_r;  hold V for t_ref }
}"""
    COBA = """
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
}"""
    NAMES = {"taum": "tau_m", "taue": "tau_e", "taui": "tau_i", "V_th": "V_th", "V_reset": "V_r", "E_l": "E_L",
             "refractory": "t_ref", "E_e": "E_e", "E_i": "E_i", "I_bias": "V_bias",
             "N": "", "exc_fraction": "", "p": "", "w_e": "", "w_i": ""}

    def programs(self, case):
        p = {k: v["value"] for k, v in case["parameters"].items()}
        coba = "I_bias" in p
        n_e = round(p["N"] * p["exc_fraction"])
        cells = settings(case, self.NAMES)
        if coba:  # max(0, …) of a draw: redrawn here instead, which the first 200 ms forget
            cells += ["V ~ normal(-65 mV, 5 mV)", "g_e ~ normal(2.4, 0.9) within [0, inf)", "g_i ~ normal(1.34, 0.804) within [0, inf)"]
        else:
            cells += ["V ~ uniform(-60 mV, -50 mV)"]
        unit = "" if coba else " mV"
        w_i = -p["w_i"] if coba and p["w_i"] < 0 else p["w_i"]
        text = f"""language 1
{self.COBA if coba else self.CUBA}
network net {{
  population E : cell[{n_e}] {{ {';  '.join(cells)} }}
  population I : cell[{p['N'] - n_e}] {{ {';  '.join(cells)} }}
  connect E -> (E, I).exc by probability({p['p']}) {{ weight = {p['w_e']}{unit};  delay = dt }}
  connect I -> (E, I).inh by probability({p['p']}) {{ weight = {w_i}{unit};  delay = dt }}
}}
experiment case {{
  network net
  record spikes of (E, I)
  run {case['protocol']['duration_s']} s with dt = {case['dt_ms']} ms
}}
"""
        return [(f"seed {k}", text) for k in range(1, case["protocol"]["seeds"] + 1)]

    def compare(self, case, runs, rows):
        t0, t1 = case["protocol"]["statistics_from_ms"], case["protocol"]["duration_s"] * 1000.0
        own = [{"rate_hz": r.rate(["E", "I"], t0, t1), "rate_exc_hz": r.rate(["E"], t0, t1),
                "mean_isi_cv": r.cv(["E", "I"], t0, t1)} for r in runs.values()]
        yield from compare.statistics(case, own)


def model_for(case):
    """The class for a case, by its `model` text; None if NSL does not have the model yet."""
    text = case.get("model", "")
    if text == "iaf_psc_exp":
        return IntegrateAndFire("iaf_psc_exp", {"tau_m": "tau_m"},
                                {"V_mV": "V", "I_syn_ex_pA": "I_ex", "I_syn_in_pA": "I_in"}, "pA")
    if text == "iaf_cond_exp":
        return IntegrateAndFire("iaf_cond_exp", {"g_L": "g_L", "E_ex": "E_ex", "E_in": "E_in"},
                                {"V_mV": "V", "g_ex_nS": "g_ex", "g_in_nS": "g_in"}, "nS")
    if text == "hh_psc_alpha":
        return HodgkinHuxleyAlpha()
    if text.startswith("Hodgkin-Huxley squid patch"):
        return HodgkinHuxley(density=False)
    if text.startswith("Hodgkin-Huxley 1952"):
        return HodgkinHuxley(density=True)
    if text == "passive membrane":
        return Passive()
    if text == "postsynaptic potential of one exponential current":
        return ExponentialPsp()
    if text.startswith("leaky integrate-and-fire, constant current"):
        return FiringRate()
    if text.startswith("random balanced network of iaf_psc_delta"):
        return Brunel()
    if text in ("CUBA network", "COBA network"):
        return CubaCoba()
    return None
