"""Smooth systems: membranes, the squid patch, and whatever is compared with a converged solution at a small step."""
import compare
from cells import program, records
from fields import Unknown, check_case, constant, constants, currents, expect_keys, fine_step, quantity, settings, start


class Smooth:
    """Any system without threshold: RK4 at a stated small step against the converged trajectory, relative to the range of
    each state; and the methods with steps of their own, on the grid of the case. Parameters come as the case writes them."""
    STEP = 0.005
    ADAPTIVE = {"rk45": "rk45, tolerance = 1e-8", "rosenbrock": "rosenbrock, tolerance = 1e-8"}
    TOLERANCES = {"state_rel_of_range", "sensitivity_rel_of_max"}
    WORD = "neuron"

    def __init__(self, name, parameters, states, given=(), drive=("I", None, 1.0, None), step=STEP, before=""):
        self.name, self.parameters, self.states, self.given = name, parameters, states, list(given)
        self.drive, self.step, self.before = drive, step, before

    def programs(self, case):
        check_case(case, {"parameters", "initial", "stimulus", "dt_ms", "duration_ms", "sensitivities"}, self.TOLERANCES)
        given = self.given + settings(case, self.parameters) + start(case, self.states)
        target, unit, factor, in_unit = self.drive
        if target is None and case.get("stimulus"):
            raise Unknown("stimulus: this model takes none")
        body = (currents(case, target, unit, factor, in_unit) if target else []) + constants(case, self.parameters)
        body += records(case, self.states)
        subject = f"{self.WORD} {self.name} {{ {';  '.join(given)} }}"
        duration, grid = case["duration_ms"], case["dt_ms"]
        return [("case", program(subject, body, duration, fine_step(case, self.step), "rk4", self.before))] + [
            (name, program(subject, body, duration, grid, method, self.before)) for name, method in self.ADAPTIVE.items()]

    def compare(self, case, runs, rows):
        yield from compare.range_case(case, runs["case"], rows, self.states)
        for name in self.ADAPTIVE:
            for check in compare.range_case(case, runs[name], rows, self.states):
                if isinstance(check, compare.Check):
                    yield compare.Check(f"{name}: {check.what}", check.got, check.limit, check.note)


class Kinetic(Smooth):
    """Reactions: also by what the compiler chooses, on the grid of the case."""
    ADAPTIVE = {**Smooth.ADAPTIVE, "chosen": None}


class Mass(Kinetic):
    """The library's mean fields as they are, in the same ways."""
    WORD = "mass"


# NEURON's hh mechanism reads its rates from a table with 1 mV between entries (TABLE … FROM -100 TO 100 WITH 200) and
# interpolates linearly. Against the closed forms that moves V by up to 0.16 mV during spikes, so the model here is the
# mechanism as NEURON has it (checked: with usetable_hh = 0 NEURON agrees with stdlib's hh to 4e-6 mV).
def _table(name, alpha, beta):
    return f"""
fn {name}_a(x) = {alpha}
fn {name}_b(x) = {beta}
fn {name}_inf(x) = {name}_a(x) / ({name}_a(x) + {name}_b(x))
fn {name}_tau(x) = 1 / ({name}_a(x) + {name}_b(x))
fn {name}_inf_in(x) = {name}_inf(floor(x)) + (x - floor(x)) * ({name}_inf(floor(x) + 1) - {name}_inf(floor(x)))
fn {name}_tau_in(x) = {name}_tau(floor(x)) + (x - floor(x)) * ({name}_tau(floor(x) + 1) - {name}_tau(floor(x)))
fn {name}_inf_at(V in mV) = {name}_inf_in(clip(V, -100, 100))
fn {name}_tau_at(V in mV) -> ms = {name}_tau_in(clip(V, -100, 100))"""


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
HH_STATES = {"V_mV": ("V", "mV"), "m": ("na.m", ""), "h": ("na.h", ""), "n": ("k.n", "")}


class SquidPatch:
    """NEURON's squid patch: spikes are upward crossings of 0 mV between rows."""
    STEP = 0.005
    NAMES = {"gnabar": "na.g", "gkbar": "k.g", "gl": "leak.g", "el": "leak.E", "ena": "na.E", "ek": "k.E", "cm": "C",
             "area": "area", "celsius": "celsius"}

    def programs(self, case):
        check_case(case, {"parameters", "initial", "stimulus", "dt_ms", "duration_ms", "spikes_ms"},
                   {"spike_abs_ms", "spike_count", "v_abs_mV_away_from_spikes"})
        given = settings(case, self.NAMES) + start(case, HH_STATES)
        body = currents(case, "I", "nA") + records(case, HH_STATES)
        dt = fine_step(case, self.STEP)
        return [("case", program(f"neuron neuron_hh {{ {';  '.join(given)} }}", body, case["duration_ms"], dt, "rk4",
                                 NEURON_HH))]

    def compare(self, case, runs, rows):
        yield from compare.crossing_case(case, runs["case"], rows, HH_STATES)


class Passive:
    MODEL = """
neuron passive_cell {
  param C = 100 pF,  g = 10 nS,  E = -70 mV
  input I : pA
  state V = E
  V' = (g * (E - V) + I) / C
}"""
    COLUMNS = {"V_mV": ("V", "mV")}

    def programs(self, case):
        check_case(case, {"parameters", "initial", "stimulus", "dt_ms", "duration_ms"}, {"v_abs_mV"})
        given = settings(case, {"C": "C", "g": "g", "E": "E"}) + start(case, self.COLUMNS)
        body = currents(case, "I", "pA") + records(case, self.COLUMNS)
        return [("case", program(f"neuron passive_cell {{ {';  '.join(given)} }}", body, case["duration_ms"],
                                 case["dt_ms"], before=self.MODEL))]

    def compare(self, case, runs, rows):
        yield from compare.trace_case(case, runs["case"], rows, self.COLUMNS, case["tolerance"]["v_abs_mV"])


class Psp:
    """One synaptic current into an integrate-and-fire neuron that never fires, from the moment of its arrival."""
    COLUMNS = {"V_mV": ("V", "mV")}

    def __init__(self, neuron, state, scale):
        self.neuron, self.state, self.scale = neuron, state, scale  # the state at the arrival of a current `w`

    def programs(self, case):
        check_case(case, {"parameters", "dt_ms", "results"}, {"v_abs_mV"})
        given = settings(case, {"C": "C", "tau": "tau_m", "tau_s": "tau_ex", "w": None})
        given += ["E_L = 0 mV", "V_r = 0 mV", "V_th = 1000 mV"]
        w = case["parameters"]["w"]
        given.append(f"{self.state} = {self.scale} * {quantity(w['value'], w['unit'])}")
        return [("case", program(f"neuron {self.neuron} {{ {';  '.join(given)} }}", records(case, self.COLUMNS),
                                 compare.last_time(case), case["dt_ms"]))]

    def compare(self, case, runs, rows):
        expect_keys("results", case["results"], {"peak_mV", "time_to_peak_ms", "integral_mV_ms"})
        tolerance = case["tolerance"]["v_abs_mV"]
        yield from compare.trace_case(case, runs["case"], rows, self.COLUMNS, tolerance)
        own = runs["case"].trace("V_mV")
        top = max(own, key=own.get)
        yield compare.Check("peak above the closed form's (mV)", own[top] - case["results"]["peak_mV"], tolerance)
        yield compare.Check("time to peak (ms)", abs(top - case["results"]["time_to_peak_ms"]), case["dt_ms"])


HODGKIN_HUXLEY = Smooth(
    "hh", {"gNa": "na.g", "gK": "k.g", "gL": "leak.g", "ENa": "na.E", "EK": "k.E", "EL": "leak.E", "C": "C"}, HH_STATES,
    given=["area = 100000 um^2"], drive=("I", "uA/cm2", 1.0, "nA"))  # 1 uA/cm^2 is 1 nA on this area
PSP_EXPONENTIAL = Psp("iaf_psc_exp", "I_ex", "1")
PSP_ALPHA = Psp("iaf_psc_alpha", "x_ex", "exp(1) / tau_ex")
DENSITY = ("I", "uA/cm2", 1.0, "uA/cm2")
MORRIS_LECAR = Smooth(
    "morris_lecar", {"C": ("C", "uF/cm2"), "gL": ("g_L", "mS/cm2"), "gCa": ("g_Ca", "mS/cm2"), "gK": ("g_K", "mS/cm2"),
                     "VL": ("E_L", "mV"), "VCa": ("E_Ca", "mV"), "VK": ("E_K", "mV"), "V1": ("V_1", "mV"),
                     "V2": ("V_2", "mV"), "V3": ("V_3", "mV"), "V4": ("V_4", "mV"), "phi": ("phi", "1/ms"),
                     "I": constant("I", "uA/cm2")},
    {"V_mV": ("V", "mV"), "w": ("w", "")}, drive=DENSITY, step=0.02)
FITZHUGH_NAGUMO = Smooth(
    "fitzhugh_nagumo", {"eps": "eps", "a": "a", "b": "b", "I": constant("I", "")},
    {"v": ("v", ""), "w": ("w", "")}, drive=("I", "", 1.0, ""), step=0.02)
WILSON_COWAN = Mass(
    "wilson_cowan", {k: k for k in ("tau_e", "tau_i", "c_ee", "c_ei", "c_ie", "c_ii", "a_e", "th_e", "a_i", "th_i",
                                    "P", "Q")},
    {"E": ("E", ""), "I": ("I", "")}, drive=(None,) * 4, step=0.02)
JANSEN_RIT = Mass(
    "jansen_rit", {**{k: k for k in ("A", "B", "a", "b", "e0", "v0", "r", "p")}, "Cc": "C"},
    {**{f"y{k}": (f"y{k}", "mV") for k in range(3)}, **{f"y{k}": (f"y{k}", "mV/s") for k in range(3, 6)}},
    drive=("c", "1/s", 1.0, "1/s"), step=0.05)
WONG_WANG = Mass("wong_wang", {k: k for k in ("tau", "gamma", "a", "b", "d", "w", "J", "I_0")}, {"S": ("S", "")}, drive=("I", "nA", 1.0, "nA"), step=0.05)
MONTBRIO = Mass(
    "montbrio_pazo_roxin", {k: k for k in ("tau", "eta", "Delta", "J")}, {"r_per_ms": ("r", "1/ms"), "v": ("v", "")},
    drive=("c", "", 1.0, ""), step=0.05)
GENERIC = Mass(
    "generic_oscillator", {k: k for k in ("d", "tau", "a", "b", "k", "e", "f", "g", "alpha", "beta", "gamma", "I")},
    {"V": ("V", ""), "W": ("W", "")}, drive=("c", "", 1.0, ""), step=0.05)
BALLOON = Mass(
    "bold", {k: k for k in ("epsilon", "kappa", "gamma", "tau", "alpha", "rho")},
    {"w_per_s": ("w", "1/s"), **{k: (k, "") for k in "fvq"}}, drive=("z", "", 1.0, ""), step=2.0)
MASS_ACTION = Kinetic(
    "calcium_enzyme", {k: k for k in ("kf", "kr", "k1", "k2", "k3", "kex", "Ca0", "J0", "tauJ")},
    {f"{k}_uM": (k, "uM") for k in ("Ca", "B", "CaB", "S", "E", "SE", "P")}, drive=(None,) * 4, step=0.01, before="""
neuron calcium_enzyme {
  param kf = 0.1/uM/ms,  kr = 0.5/ms,  k1 = 0.02/uM/ms,  k2 = 0.1/ms,  k3 = 0.05/ms
  param kex = 0.05/ms,  Ca0 = 0.05 uM,  J0 = 2 uM/ms,  tauJ = 10 ms
  state Ca = 0 uM,  B = 0 uM,  CaB = 0 uM,  S = 0 uM,  E = 0 uM,  SE = 0 uM,  P = 0 uM
  kinetic {
    Ca + B <-> CaB at kf, kr
    S + E <-> SE at k1, k2
    SE -> P + E at k3
    Ca <-> 0 at kex, kex * Ca0
    0 -> Ca at J0 * exp(-t / tauJ)
  }
}""")
WANG_BUZSAKI = Smooth(
    "wang_buzsaki", {"C": "C", "gNa": "na.g", "gK": "k.g", "gL": "leak.g", "ENa": "na.E", "EK": "k.E", "EL": "leak.E",
                     "phi": ["na.phi", "k.phi"]},
    {"V_mV": ("V", "mV"), "h": ("na.h", ""), "n": ("k.n", "")}, drive=DENSITY)
CONNOR_STEVENS = Smooth(
    "connor_stevens", {"C": "C", "gNa": "na.g", "gK": "k.g", "gA": "a.g", "gL": "leak.g", "ENa": "na.E", "EK": "k.E",
                       "EA": "a.E", "EL": "leak.E"},
    {"V_mV": ("V", "mV"), "m": ("na.m", ""), "h": ("na.h", ""), "n": ("k.n", ""), "a": ("a.a", ""), "b": ("a.b", "")},
    drive=DENSITY)
PINSKY_RINZEL = Smooth(
    "pinsky_rinzel", {"C": "C", "gc": "g_c", "p": "p", "gL": "g_L", "gNa": "g_Na", "gKDR": "g_KDR", "gCa": "g_Ca",
                      "gKC": "g_KC", "gAHP": "g_AHP", "EL": "E_L", "ENa": "E_Na", "ECa": "E_Ca", "EK": "E_K"},
    {"Vs_mV": ("V", "mV"), "Vd_mV": ("V_d", "mV"), "Ca": ("ca", ""), "q": ("ahp.q", ""),
     **{k: (k, "") for k in "hnsc"}}, drive=DENSITY, step=0.00125)  # its laws have kinks
HINDMARSH_ROSE = Smooth(
    "hindmarsh_rose", {**{k: k for k in "abcdrs"}, "xR": "x_R"}, {k: (k, "") for k in "xyz"}, drive=("I", "", 1.0, ""),
    step=0.02)
CORTICAL = Smooth(
    "cortical", {"C": "C", "gNa": "na.g", "gKd": "kd.g", "gM": "km.g", "gL": "cal.g", "gT": "cat.g", "gh": "ih.g",
                 "gleak": "leak.g", "Eleak": "leak.E", "VT": ["na.V_T", "kd.V_T"], "taumax": "km.tau_max"},
    {"V_mV": ("V", "mV"), "m": ("na.m", ""), "h": ("na.h", ""), "n": ("kd.n", ""), "p": ("km.p", ""), "q": ("cal.q", ""),
     "r": ("cal.r", ""), "u": ("cat.u", ""), "z": ("ih.r", "")}, drive=DENSITY, before="""
neuron cortical {
  param C = 1 uF/cm^2
  input I : uA/cm^2
  use na = na_fast
  use kd = k_dr
  use km = k_m
  use cal = ca_l
  use cat = ca_t
  use ih = h_current
  use leak = passive
  state V = -70 mV
  V' = (I - na.I - kd.I - km.I - cal.I - cat.I - ih.I - leak.I) / C
}""")
