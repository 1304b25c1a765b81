"""Strict reading of a reference case: every field is mapped to NSL or is an error; nothing is passed over in silence."""
import re
from dataclasses import dataclass

# Words about the case, and the values of the reference that the comparison itself asks for.
DESCRIPTION = {"case", "model", "equations", "conventions", "solver", "simulator", "notes", "spike_definition",
               "independent_check", "csv", "columns", "recorder_spikes_ms", "tolerance", "_csv"}
TOLERANCE_WORDS = {"basis", "v_rows", "away", "rule"}


class Unknown(ValueError):
    """The case says something that the runner does not understand: an error, never ignored."""


def expect_keys(what, have, known):
    unknown = sorted(set(have) - set(known))
    if unknown:
        raise Unknown(f"{what}: the runner does not know {', '.join(map(repr, unknown))}")


def check_case(case, used, tolerances):
    expect_keys("case", case, DESCRIPTION | set(used))
    expect_keys("tolerance", case["tolerance"], TOLERANCE_WORDS | set(tolerances))


def nsl_unit(unit):
    """Units as the cases write them (`uF/cm2`, `1/(uM ms)`, `1/s`) to units as NSL writes them."""
    if unit in ("", "1", "g_L"):  # g_L: relative to the leak
        return ""
    unit = re.sub(r"([A-Za-z])(\d)", r"\1^\2", unit)
    below = re.fullmatch(r"1/\(([^()]*)\)", unit)
    return "/" + "/".join(below[1].split()) if below else unit.removeprefix("1") if unit.startswith("1/") else unit


def quantity(value, unit=""):
    unit = nsl_unit(unit)
    return f"{value!r}{unit}" if unit.startswith("/") else f"{value!r} {unit}".strip()


@dataclass
class constant:
    """A parameter of the case that is an input in NSL: driven with a constant."""
    target: str
    unit: str


def constants(case, names):
    """`drive TARGET with constant(…)` for the parameters that are inputs."""
    return [f"drive {names[k].target} with constant({quantity(p['value'], names[k].unit)})"
            for k, p in case["parameters"].items() if isinstance(names[k], constant)]


def settings(case, names):
    """`NSL = value` for each parameter of the case. `names` gives the NSL path, or (path, unit) where the case's unit is
    only a word of its simulator, a list of paths, or None or a `constant` if the value goes in otherwise.
    Lists of values become one setting an element."""
    expect_keys("parameters", case["parameters"], names)
    out = []
    for key, p in case["parameters"].items():
        expect_keys(f"parameter {key}", p, {"value", "unit"})
        if names[key] is None or isinstance(names[key], constant):
            continue
        path, unit = names[key] if isinstance(names[key], tuple) else (names[key], p["unit"])
        for one in path if isinstance(path, list) else [path]:
            if isinstance(p["value"], list):
                out += [f"{one}[{k}] = {quantity(v, unit)}" for k, v in enumerate(p["value"], 1)]
            else:
                out.append(f"{one} = {quantity(p['value'], unit)}")
    return out


def start(case, names):
    """`NSL = value unit` for each initial value; what stands for several states can only be zero, as NSL's defaults are."""
    initial = case.get("initial", {})
    expect_keys("initial", initial, set(names) | {"all_other_states", "adaptation"})
    for several in ("all_other_states", "adaptation"):
        if initial.get(several, 0) != 0:
            raise Unknown(f"initial: {several} is not zero")
    return [f"{names[k][0]} = {quantity(v, names[k][1])}" for k, v in initial.items() if k in names and names[k]]


def pieces(case, unit):
    """The injected current as (from, to, value, unit), zeros left out. Two forms: a dict with `current_pA` (each value
    until the next), or a list of {from_ms, to_ms, I_…}; without a unit in its key it is `unit`."""
    stim, end = case.get("stimulus", {}), case["duration_ms"] + 1.0
    out = []
    if isinstance(stim, dict):
        steps = stim.get("current_pA", [])
        for k, s in enumerate(steps):
            expect_keys("current_pA", s, {"from_ms", "I"})
            out.append((s["from_ms"], steps[k + 1]["from_ms"] if k + 1 < len(steps) else end, s["I"], unit or "pA"))
    else:
        units = {"I_pA": "pA", "I_nA": "nA", "I_uA_per_cm2": "uA/cm2", "I": unit}
        for s in stim:
            (key,) = [k for k in s if k.startswith("I")] or [None]
            expect_keys("stimulus", s, {"from_ms", "to_ms"} | set(units))
            if key is None:
                raise Unknown("stimulus: a piece without a current")
            out.append((s["from_ms"], s.get("to_ms", end), s[key], units[key]))
    return [p for p in out if p[2] != 0 and p[1] > p[0]]


def currents(case, target, unit=None, factor=1.0, in_unit=None):
    """`drive TARGET with step(…)` for each piece, times `factor` in `in_unit` where the model wants another unit."""
    return [f"drive {target} with step({quantity(i * factor, in_unit or u)}, from = {quantity(a, 'ms')}, "
            f"to = {quantity(b, 'ms')})" for a, b, i, u in pieces(case, unit)]


def arrivals(case, unit, ports):
    """Events as `drive PORT with times(…)`, handled at the times listed."""
    stim = case.get("stimulus", {})
    if not isinstance(stim, dict):
        return []
    known, out = {"current_pA"}, []
    for key, w, port in (("excitatory_arrivals_ms", "w_ex_", ports[0]), ("inhibitory_arrivals_ms", "w_in_", ports[1])):
        known |= {key, w + unit} if unit else set()
        times = stim.get(key, []) if unit else []
        if times:
            text = ", ".join(quantity(t, "ms") for t in times)
            out.append(f"drive {port} with times([{text}]) {{ weight = {quantity(stim[w + unit], unit)} }}")
    expect_keys("stimulus", stim, known)
    return out


def fine_step(case, largest):
    """The case's step, divided so that it is at most `largest` and its samples still lie on the grid."""
    for n in (1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 40, 50, 64, 80, 100, 125, 160, 200, 250, 400, 500, 1000):
        if case["dt_ms"] / n <= largest * (1 + 1e-9):
            return case["dt_ms"] / n
    raise Unknown(f"dt_ms = {case['dt_ms']} is too large")
