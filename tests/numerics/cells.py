"""Single cells whose reference comes from NEST: the standard library's neurons under the case's current and events."""
import os
import re

import compare
from fields import Unknown, arrivals, check_case, currents, fine_step, quantity, settings, start


def records(case, columns):
    """One record for each column of the reference that the model knows, named by it and in its unit."""
    out = []
    for column in case.get("columns", [])[1:]:
        if column in columns:
            expression, unit = columns[column]
            text = f"({expression}) / ({quantity(1, unit)})" if unit else expression
            out.append(f"record {text} as {column} every {quantity(case['dt_ms'], 'ms')}")
    return out


def program(subject, body, duration, dt, method=None, before=""):
    run = f"run {quantity(duration, 'ms')} with dt = {quantity(dt, 'ms')}" + (f", method = {method}" if method else "")
    lines = "\n".join("  " + b for b in body)
    return f"language 1\n{before}\nexperiment case {{\n  {subject}\n{lines}\n  {run}\n}}\n"


class PointNeuron:
    """A neuron of the standard library on the case's own grid: spikes to the step, states away from spikes."""
    USED = {"parameters", "initial", "stimulus", "dt_ms", "duration_ms", "spikes_ms"}
    TOLERANCES = {"v_abs_mV_same_grid", "spike_abs_ms_same_grid", "spike_abs_ms_any_method", "spike_count"}

    def __init__(self, name, parameters, initial, columns, weight=None, current="pA", target="I", method=None,
                 ports=("exc", "inh")):
        self.name, self.parameters, self.initial, self.columns = name, parameters, initial, columns
        self.weight, self.current, self.target, self.method, self.ports = weight, current, target, method, ports

    def given(self, case):
        return settings(case, self.parameters) + start(case, self.initial)

    def text(self, case, dt, method):
        given = self.given(case)
        body = currents(case, self.target, self.current, in_unit=self.current) + arrivals(case, self.weight, self.ports)
        body += ["record spikes"] + records(case, self.columns)
        return program(f"neuron {self.name} {{ {';  '.join(given)} }}", body, case["duration_ms"], dt, method,
                       self.before(case))

    def before(self, case):
        return ""

    def programs(self, case):
        check_case(case, self.USED, self.TOLERANCES)
        return [("case", self.text(case, case["dt_ms"], self.method))]

    def compare(self, case, runs, rows):
        yield from compare.grid_case(case, runs["case"], rows, self.columns)


class UpwardCrossings(PointNeuron):
    """Conductance-based cells: compared with a converged solution by RK4 at a small step; spikes are the crossings of
    0 mV between the rows."""
    STEP = 0.01
    TOLERANCES = {"v_abs_mV", "spike_abs_ms", "spike_count"}

    def programs(self, case):
        check_case(case, self.USED, self.TOLERANCES)
        return [("case", self.text(case, fine_step(case, self.STEP), "rk4"))]

    def compare(self, case, runs, rows):
        yield from compare.crossing_case(case, runs["case"], rows, self.columns, (2.0, 4.0))


class FiringRate:
    """Leaky integrate-and-fire under constant current: spike k on a grid is late by at most (k + 1) dt."""
    STEP = 0.01
    NAMES = {"tau": "tau_m", "C": "C", "E_L": "E_L", "V_th": "V_th", "V_reset": "V_r", "t_ref": "t_ref"}
    GRADIENTS = ("d_spike_dI_ms_per_pA", "d_spike_dVth_ms_per_mV", "d_spike_dtau_at_fixed_R")

    def programs(self, case):
        check_case(case, {"parameters", "results"},
                   {"spike_abs_ms_event_exact", "spike_abs_ms_grid", "gradient_rel_event_exact"})
        given = settings(case, self.NAMES)
        for r in case["results"]:
            compare.expect_result_keys(r, {"I_pA", "rate_hz", "spikes_ms", *self.GRADIENTS})
            end = (r["spikes_ms"][-1] if r["spikes_ms"] else 200.0) + 1.0
            body = [f"drive I with constant({quantity(r['I_pA'], 'pA')})", "record spikes"]
            yield f"{r['I_pA']:g} pA", program(f"neuron iaf_psc_exp {{ {';  '.join(given)} }}", body, end, self.STEP)

    def compare(self, case, runs, rows):
        gradients = 0
        for r in case["results"]:
            label = f"{r['I_pA']:g} pA"
            own = runs[label].spikes
            yield compare.late_spikes(label, r["spikes_ms"], own, self.STEP)
            if len(own) > 1:
                interval, rate = (own[-1] - own[0]) / (len(own) - 1), r["rate_hz"]
                yield compare.Check(f"{label}: rate (Hz)", abs(1000 / interval - rate), 1e-3 * rate**2 * self.STEP)
            elif r["rate_hz"] == 0:
                yield compare.Check(f"{label}: spikes", len(own), 0)
            gradients += sum(1 for g in self.GRADIENTS if r.get(g))
        yield compare.Later("gradients of spike times", gradients)


class Izhikevich(PointNeuron):
    """Forward Euler on the case's grid must give the same states and spikes; RK4 at a small step must give the spikes of
    the equations themselves."""
    STEP = 0.001
    USED = PointNeuron.USED | {"converged_spikes_ms"}
    TOLERANCES = {"v_abs_mV_same_grid", "spike_abs_ms_same_grid", "spike_abs_ms_any_method", "spike_count",
                  "spike_abs_ms_converged"}

    def programs(self, case):
        check_case(case, self.USED, self.TOLERANCES)
        yield "case", self.text(case, case["dt_ms"], "euler")
        if "converged_spikes_ms" in case:
            yield "converged", self.text(case, fine_step(case, self.STEP), "rk4")

    def compare(self, case, runs, rows):
        yield from compare.grid_case(case, runs["case"], rows, self.columns)
        if "converged" in runs:
            yield from compare.spike_checks(case["converged_spikes_ms"], runs["converged"].spikes,
                                            case["tolerance"]["spike_abs_ms_converged"], "converged")


class AnyMethod(PointNeuron):
    """Neurons that NEST steps by a scheme of its own (its gif keeps spike-triggered currents and thresholds at their old
    value during a step, its glif resets V from the value before the step), where NSL integrates all together: the limit is
    the one for any other scheme, at a tenth of the step. V is compared only by its spikes."""

    def programs(self, case):
        check_case(case, self.USED, self.TOLERANCES)
        compare.expect_columns(case, self.columns)
        yield "case", self.text({**case, "columns": []}, case["dt_ms"] / 10, None)

    def compare(self, case, runs, rows):
        tolerance = case["tolerance"]["spike_abs_ms_any_method"]
        yield from compare.spike_checks(case["spikes_ms"], runs["case"].spikes, tolerance, "any method")


class Gif(AnyMethod):
    """Its lists of exponentials may have another length than the library's two: shorter ones get steps of zero, for longer
    ones the library's neuron is taken with a larger index set."""
    LISTS = {"tau_stc": "tau_eta", "q_stc": "q_eta", "tau_sfa": "tau_gamma", "q_sfa": "q_gamma"}

    def exponentials(self, case):
        """Settings for the lists of exponentials, with steps of zero where the neuron has more of them."""
        out, p, n = [], case["parameters"], self.length(case)
        for tau, q in (("tau_stc", "q_stc"), ("tau_sfa", "q_sfa")):
            taus, steps = (p[k]["value"] if k in p else [] for k in (tau, q))
            if len(taus) != len(steps):
                raise Unknown(f"{len(taus)} {tau}, {len(steps)} {q}")
            for k in range(1, n + 1):
                if k <= len(taus):
                    out.append(f"{self.LISTS[tau]}[{k}] = {quantity(taus[k - 1], p[tau]['unit'])}")
                step = quantity(steps[k - 1], p[q]["unit"]) if k <= len(steps) else "0"
                out.append(f"{self.LISTS[q]}[{k}] = {step}")
        return out

    def length(self, case):
        return max([2] + [len(case["parameters"][k]["value"]) for k in self.LISTS if k in case["parameters"]])

    def before(self, case):
        if self.length(case) == 2:
            return ""
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "stdlib", "gif.nsl")) as f:
            text = re.search(rf"^neuron {self.name} {{.*?^}}", f.read(), re.S | re.M)[0]
        text = text.replace("index k = 1..2", f"index k = 1..{self.length(case)}")
        for name, value in (("tau_eta", "1 ms"), ("tau_gamma", "1 ms"), ("q_eta", "0 pA"), ("q_gamma", "0 mV")):
            text = re.sub(rf"param {name}\[k\] *= \[[^]]*\]", f"param {name}[k] = {value}", text)
        return text

    def given(self, case):
        steady, steps = case["parameters"].get("I_e"), case["stimulus"]["current_pA"]
        if steady and steady["value"] != 0 and [s["I"] for s in steps] != [steady["value"]]:
            raise Unknown("I_e is not the stimulus")  # the cases say a constant current in both places
        return super().given(case) + self.exponentials(case)


class GifRate(Gif):
    """Rate and first spikes of many independent neurons with escape noise, in the bins of the reference."""
    USED = {"parameters", "initial", "stimulus", "dt_ms", "duration_ms", "n_neurons", "statistics"}
    TOLERANCES = {"mean_rate_hz_after_500ms", "first_spike_mean_ms", "rate_hz_bins"}
    BINS = "5 x sqrt(2) x standard_error_hz"

    def programs(self, case):
        check_case(case, self.USED, self.TOLERANCES)
        if case["tolerance"].get("rate_hz_bins", self.BINS) != self.BINS:
            raise Unknown("tolerance of the bins: " + case["tolerance"]["rate_hz_bins"])
        body = "\n".join("  " + line for line in currents(case, "cells.I", "pA") + arrivals(case, self.weight, self.ports))
        yield "case", f"""language 1
{self.before(case)}
network many {{ population cells : {self.name}[{case['n_neurons']}] {{ {';  '.join(self.given(case))} }} }}
experiment case {{
  network many
{body}
  record spikes of cells
  run {quantity(case['duration_ms'], 'ms')} with dt = {quantity(case['dt_ms'], 'ms')}
}}
"""

    def compare(self, case, runs, rows):
        run, n, end = runs["case"], case["n_neurons"], case["duration_ms"]
        tolerance, statistics = case["tolerance"], case["statistics"]
        rate = run.rate(["cells"], 500.0, end)
        yield compare.Check("rate after 500 ms (Hz)", abs(rate - statistics["mean_rate_hz_after_500ms"]),
                            tolerance["mean_rate_hz_after_500ms"], f"{rate:.4g}")
        first = {}
        for t, _, i in run.events:
            first[i] = min(t, first.get(i, t))
        mean = sum(first.values()) / len(first) if first else float("nan")
        yield compare.Check("mean of first spikes (ms)", abs(mean - statistics["first_spike_mean_ms"]),
                            tolerance["first_spike_mean_ms"], f"{mean:.4g}")
        if rows:
            yield compare.rate_bins(run, n, rows)


COMMON = {"C_m": "C", "E_L": "E_L", "V_th": "V_th", "V_reset": "V_r", "t_ref": "t_ref",
          "tau_syn_ex": "tau_ex", "tau_syn_in": "tau_in"}
V = ("V", "mV")
CURRENT_START = {"V_mV": V, "I_syn_ex_pA": ("I_ex", "pA"), "I_syn_in_pA": ("I_in", "pA")}
CONDUCTANCE_START = {"V_mV": V, "g_ex_nS": ("g_ex", "nS"), "g_in_nS": ("g_in", "nS")}
CONDUCTANCE = {**COMMON, "g_L": "g_L", "E_ex": "E_ex", "E_in": "E_in"}

GIF = {"C_m": "C", "g_L": "g_L", "E_L": "E_L", "V_reset": "V_r", "V_T_star": "V_T", "Delta_V": "Delta_V",
       "lambda_0": "lambda_0", "t_ref": "t_ref", "tau_syn_ex": "tau_ex", "tau_syn_in": "tau_in", "I_e": None,
       **dict.fromkeys(Gif.LISTS)}

IAF_PSC_EXP = PointNeuron("iaf_psc_exp", {**COMMON, "tau_m": "tau_m"}, CURRENT_START, CURRENT_START, "pA")
IAF_PSC_ALPHA = PointNeuron("iaf_psc_alpha", {**COMMON, "tau_m": "tau_m"}, CURRENT_START, CURRENT_START, "pA")
IAF_COND_EXP = PointNeuron("iaf_cond_exp", CONDUCTANCE, CONDUCTANCE_START, CONDUCTANCE_START, "nS",
                             method="rk45, tolerance = 1e-9")
IAF_COND_ALPHA = PointNeuron("iaf_cond_alpha", CONDUCTANCE, CONDUCTANCE_START, CONDUCTANCE_START, "nS",
                             method="rk45, tolerance = 1e-9")
HH_PSC_ALPHA = UpwardCrossings(
    "hh_psc_alpha", {"C_m": "C", "g_Na": "g_Na", "g_K": "g_K", "g_L": "g_L", "E_Na": "E_Na", "E_K": "E_K", "E_L": "E_L",
                     "tau_syn_ex": "tau_ex", "tau_syn_in": "tau_in"},
    {"V_mV": V, "m": ("m", ""), "h": ("h", ""), "n": ("n", "")},
    {"V_mV": V, "m": ("m", ""), "h": ("h", ""), "n": ("n", "")}, "pA")
AEIF = {**CONDUCTANCE, "V_th": "V_T", "V_peak": "V_peak", "Delta_T": "Delta_T", "a": "a", "b": "b", "tau_w": "tau_w"}
AEIF_START = {**CONDUCTANCE_START, "w_pA": ("w", "pA")}
AEIF_COND_EXP = PointNeuron("aeif_cond_exp", AEIF, AEIF_START, AEIF_START, "nS", method="taylor, tolerance = 1e-9")
AEIF_COND_ALPHA = PointNeuron("aeif_cond_alpha", AEIF, AEIF_START, AEIF_START, "nS", method="taylor, tolerance = 1e-9")
IZHIKEVICH = Izhikevich(
    "izhikevich", {"a": ("a", "1/ms"), "b": ("b", "1/ms"), "c": ("c", "mV"), "d": ("d", "mV/ms"), "V_th": "V_peak"},
    {"v": V, "u": ("u", "mV/ms")}, {"V_mV": V, "U": ("u", "mV/ms")}, "mV", current="mV/ms", ports=("psp", "psp"))
GIF_PSC_EXP = Gif("gif_psc_exp", GIF, {"V_mV": V}, {"V_mV": None, "threshold_mV": None, "I_stc_pA": None}, "pA")
GIF_PSC_EXP_RATE = GifRate("gif_psc_exp", GIF, {"V_mV": V}, {}, "pA")
GIF_COND_EXP = Gif("gif_cond_exp", {**GIF, "E_ex": "E_ex", "E_in": "E_in"}, {"V_mV": V},
                   {"V_mV": None, "threshold_mV": None, "I_stc_pA": None}, "nS")
MAT2_PSC_EXP = PointNeuron(
    "mat2_psc_exp", {**{k: k for k in ("tau_m", "E_L", "omega", "alpha_1", "alpha_2", "tau_1", "tau_2", "t_ref")},
                     "C_m": "C", "tau_syn_ex": "tau_ex", "tau_syn_in": "tau_in"}, {"V_mV": V},
    {"V_mV": V, "threshold_mV": ("omega + theta_1 + theta_2", "mV")}, "pA")
HH_COND_EXP = UpwardCrossings(
    "hh_cond_exp", {**{k: k for k in ("g_Na", "g_K", "g_L", "E_Na", "E_K", "E_L", "E_ex", "E_in", "V_T")}, "C_m": "C",
                    "tau_syn_ex": "tau_ex", "tau_syn_in": "tau_in"},
    {"V_mV": V, "m": ("na.m", ""), "h": ("na.h", ""), "n": ("k.n", "")},
    {"V_mV": V, "m": ("na.m", ""), "h": ("na.h", ""), "n": ("k.n", "")}, "nS")
GLIF_NAMES = {"C_m": "C", "g": "g_L", "E_L": "E_L", "V_th": "V_th", "V_reset": "V_r", "t_ref": "t_ref", "tau_syn": "exc.tau",
              "voltage_reset_fraction": "f_v", "voltage_reset_add": "d_v", "th_spike_add": "a_s", "th_spike_decay": "b_s",
              "th_voltage_index": "a_v", "th_voltage_decay": "b_v", "asc_amps": "q", "asc_decay": "k", "asc_r": "r"}


def glif(name):
    kind = PointNeuron if name == "glif1" else AnyMethod
    return kind(name, GLIF_NAMES, {"V_mV": V}, {"V_mV": V, "threshold_mV": ("V_th", "mV")}, "pA")
