#!/usr/bin/env python3
"""Fits of what is not in order: each is refused, or done with a warning, with a message that says where; none gives a NaN in silence."""
import json
import math
import os
import signal
import subprocess
import time

from tap import NSLC, Tap, call, run_fit

MODEL = """language 1
neuron cell {
  param C = 100 pF in (0 pF, inf), g = 5 nS, E = -65 mV, twin = 2 nS
  input I : pA
  state V = E
  V' = ((g + 0 * twin) * (E - V) + I) / C
}
fit f {
  neuron cell
  data rec = csv("r.csv") { t : ms;  I : pA;  V : mV }
  drive I with rec.I
  free C in [10 pF, 1000 pF], g in [0.5 nS, 50 nS]
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by lm(steps = 30) from 8 starts
  with dt = 0.1 ms
}
"""
SPIKES = """language 1
neuron lif {
  param tau = 15 ms in (0 ms, inf), E = -65 mV, V_th = -48 mV, twin = 1 mV
  input I : mV
  state V = E
  V' = (E - V + I + 0 * twin) / tau
  spike when V > V_th { V = E }
}
neuron escape {
  param tau = 15 ms in (0 ms, inf), E = -65 mV, V_th = -50 mV
  input I : mV
  state V = E
  V' = (E - V + I) / tau
  spike at rate 1/ms * exp((V - V_th) / (2 mV)) { V = E }
}
fit f {
  neuron lif
  data rec = csv("spikes.csv") { t : ms;  I : mV;  V : mV;  events s = crossings(V, -10 mV) }
  drive I with rec.I
  free tau in [5 ms, 50 ms], V_th in [-55 mV, -40 mV]
  minimize van_rossum(spike, given = rec.s, tau = 10 ms)
  by lbfgs(steps = 5) from 2 starts with gradient = exact_events
  with dt = 0.1 ms
}
"""
RANDOM = SPIKES.replace("neuron lif\n", "neuron escape\n").replace("drive I with rec.I", "drive I with rec.I\n  drive spike with rec.s").replace(
    "van_rossum(spike, given = rec.s, tau = 10 ms)", "-loglik(spike, given = rec.s)").replace(" with gradient = exact_events", "")
SHAPES = SPIKES.replace("neuron lif\n", "neuron hh { area = 1000 um^2 }\n").replace("I : mV;  V", "V").replace("drive I with rec.I\n", "drive I with 100 pA\n").replace(
    "tau in [5 ms, 50 ms], V_th in [-55 mV, -40 mV]", "na.g in [40 mS/cm^2, 360 mS/cm^2]").replace(";  events s = crossings(V, -10 mV)", "").replace(
    "van_rossum(spike, given = rec.s, tau = 10 ms)", "peaks(V, given = rec.V, level = -20 mV, smooth = 2 mV)").replace(" with gradient = exact_events", "")
NETWORK = """language 1
network n {
  param J = 0.2 mV, tau = 20 ms in (0 ms, inf)
  population E : iaf_psc_delta[10] { tau_m = tau }
  drive E.psp with poisson(4 kHz) { weight = J;  delay = 1.5 ms }
}
fit f {
  network n
  run 100 ms with dt = 0.1 ms, seed = 1
  free J in [0.1 mV, 0.4 mV]
  minimize (rate(E) - 10 Hz)^2 / (1 Hz)^2
  by cmaes(steps = 2, candidates = 4)
}
"""
OTHERS = [  # of spikes, of random ones, of features, of networks: what, model, change, messages
    ("a parameter that no spike depends on", SPIKES, ("free tau", "free twin in [1 mV, 3 mV], tau"), None),
    ("a time squared", SPIKES, ("van_rossum(spike, given = rec.s, tau = 10 ms)", "latency(spike, given = rec.s)"), "m.nsl:21:12: error NSL5332"),
    ("`floor` between the spikes", SPIKES, ("(E - V", "(1 mV * floor(tau / (1 ms)) - V"), "m.nsl:6:16: error NSL4040"),
    ("spikes that end before the window", SPIKES, ("tau = 10 ms)\n", "tau = 10 ms) during 20 ms..300 ms\n"), "m.nsl:21:12: error: van_rossum(spike, given = rec.s, tau = 10 ms): it is to count until 300 ms, but the longest sweep ends at 40 ms"),
    ("a likelihood behind the data", RANDOM, ("rec.s)\n", "rec.s) after 300 ms\n"), "no sweep has a number to compare with in its window; the longest one ends at 40 ms"),
    ("a likelihood without spikes", RANDOM, ("-10 mV)", "100 mV)"), "and without spikes the likeliest rate is 0; is the level of `crossings` right?"),
    ("a rate that diverges", RANDOM, ("E = -65 mV, V_th = -50 mV", "E = 1e305 mV, V_th = -50 mV"), "the model diverges at every start: at the first one the rate of spikes is infinite at 0.1 ms of spikes.csv"),
    ("shapes of a recording without numbers", SHAPES, ("spikes.csv", "nan.csv"), "m.nsl:21:12: error: peaks(V, given = rec.V, level = -20 mV, smooth = 2 mV): no sweep has a number to compare with"),
    ("a level of another dimension", SHAPES, ("-20 mV", "-20 pA"), "m.nsl:21:44: error NSL3001: unit mismatch: `level` of `peaks` needs mV"),
    ("a rate with its dimension", NETWORK, (" / (1 Hz)^2", ""), "m.nsl:11:12: error NSL5332"),
    ("a network that ends before the window", NETWORK, ("(1 Hz)^2", "(1 Hz)^2 during 50 ms..300 ms"), "m.nsl:11:57: error NSL5127: it is to count until 300 ms, but the run ends at 100 ms"),
    ("no steps", NETWORK, ("steps = 2", "steps = 0"), "m.nsl:12:20: error NSL5341"),
]
REFUSED = [  # what, changes, files, message
    ("a free parameter on which nothing depends", [("0 * twin", "0 nS"), ("free C", "free twin in [1 nS, 3 nS], C")], "m.nsl:12:8: error", "no objective of this fit depends on `twin`"),
    ("an objective with a dimension", [(" / (1 mV)^2", "")], "m.nsl:13:12: error", "an objective is a plain number, this is mV^2"),
    ("a column of another dimension", [("V : mV }", "V : pA }")], "m.nsl:13:18: error", "unit mismatch"),
    ("a stimulus with a gap", [("r.csv", "gap.csv")], "m.nsl:10:18: error", "gap.csv, line 42, column I: what drives the model must be a number in every row"),
    ("a recording without a number", [("r.csv", "nan.csv")], "m.nsl:13:12: error", "no sweep has a number to compare with"),
    ("an infinite number", [("r.csv", "inf.csv")], "m.nsl:10:18: error", "inf.csv, line 42, column V: `inf` is not a finite number"),
    ("an empty file", [("r.csv", "empty.csv")], "m.nsl:10:18: error", "empty.csv is empty"),
    ("a header alone", [("r.csv", "header.csv")], "m.nsl:10:18: error", "a sweep of 0 samples has no duration"),
    ("a file cut off within a line", [("r.csv", "cut.csv")], "m.nsl:10:18: error", "is the file cut off?"),
    ("no text", [("r.csv", "binary.csv")], "m.nsl:10:18: error", "it holds a NUL byte"),
    ("no file", [("r.csv", "none.csv")], "m.nsl:10:18: error", "there is no file none.csv"),
    ("half of an HDF5 file", [('csv("r.csv")', 'hdf5("half.h5", "s")')], "m.nsl:10:", "this is not a whole HDF5 file"),
    ("data that end before the window", [("(1 mV)^2", "(1 mV)^2 during 20 ms..300 ms")], "m.nsl:13:12: error", "it is to count until 300 ms, but the longest sweep ends at 40 ms"),
    ("data that end before it begins", [("(1 mV)^2", "(1 mV)^2 after 300 ms")], "m.nsl:13:12: error", "no sweep has a number to compare with"),
    ("nothing to validate", [("with dt", 'validate csv("nan.csv")\n  with dt')], "m.nsl:13:12: error", "no sweep to validate has a number"),
    ("a model that diverges everywhere", [("g in [0.5 nS, 50 nS]", "g in [-900000 nS, -800000 nS]"), ("g = 5 nS", "g = -850000 nS")], "error", "the model diverges at every start: at the first one V is no finite number at"),
    ("`floor` on the way", [("(g + 0 * twin)", "(1 nS * floor(g / (1 nS)))")], "m.nsl:6:17: error", "derivative of `floor`"),
    ("bounds without the declared value", [("in [0.5 nS, 50 nS]", "in [6 nS, 50 nS]")], "m.nsl:12:", "is not inside of"),
]


def files(tap):
    v, rows = -70.0, []
    for i in range(401):
        current = 100 if 100 <= i < 300 else 0
        rows.append(f"{i * 0.1:.1f},{current},{v:.6f}")
        v = -70 + current / 8 + (v + 70 - current / 8) * math.exp(-0.1 * 8 / 150)
    head, at = "t,I,V\n", 40
    text = {"r": rows, "short": rows[:151], "volts": [r.rsplit(",", 1)[0] + f",{float(r.rsplit(',', 1)[1]) / 1000:.9f}" for r in rows],
            "gap": rows[:at] + ["4.0,nan,-70"] + rows[at + 1:], "inf": rows[:at] + ["4.0,0,inf"] + rows[at + 1:],
            "nan": [r.rsplit(",", 1)[0] + "," for r in rows], "cut": rows[:at] + ["4.0,0"], "header": []}
    for name, lines in text.items():
        tap.write(name + ".csv", head + "".join(line + "\n" for line in lines))
    flat = [f"{i * 0.1:.1f},30,{20 if i in (60, 140, 230) else -60}" for i in range(401)]
    tap.write("spikes.csv", head + "".join(line + "\n" for line in flat))
    tap.write("silent.csv", head + "".join(line.rsplit(",", 1)[0] + ",-60\n" for line in flat))
    tap.write("empty.csv", "")
    with open(tap.path("binary.csv"), "wb") as f:
        f.write(bytes(range(256)))
    with open(tap.path("half.h5"), "wb") as f:
        f.write(b"\x89HDF\r\n\x1a\n" + bytes(200))


def run(tap, changes, out="out"):
    text = MODEL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return run_fit(tap, tap.write("m.nsl", text), out)


def refused(tap):
    for i, (what, changes, place, message) in enumerate(REFUSED):
        r, d = run(tap, changes, f"refused{i}")
        good = r.returncode == 1 and d is None and place in r.stderr and message in r.stderr
        tap.check(good, f"refused: {what}", f"{r.returncode} {r.stderr}")


def others(tap):
    for i, (what, model, (old, new), message) in enumerate(OTHERS):
        assert old in model, what
        r, d = run_fit(tap, tap.write("m.nsl", model.replace(old, new)), f"other{i}")
        if message is None:
            told = "the derivative of the objective by twin is 0" in r.stderr
            tap.check(r.returncode == 0 and told, f"told: {what}", f"{r.returncode} {r.stderr}")
        else:
            tap.check(r.returncode == 1 and d is None and message in r.stderr, f"refused: {what}", f"{r.returncode} {r.stderr}")
    r, d = run_fit(tap, tap.write("m.nsl", SPIKES.replace("spikes.csv", "silent.csv")), "silent")
    tap.check(d and "m.nsl:18:68: " in r.stderr and "no sweep has a crossing of -10 mV, so s is empty" in r.stderr and d["warnings"], "a level that nothing crosses", r.stderr)
    cut = SPIKES.replace("van_rossum(spike, given = rec.s, tau = 10 ms)", "mean((V - rec.V)^2) / (1 mV)^2 after 20 ms")
    r = call(NSLC, "grad", tap.write("m.nsl", cut), "--check", "--steps", "15")
    tap.check(r.returncode == 1 and "the longest one ends at 40 ms, and only the first 1.5 ms are run" in r.stderr, "what a cut leaves out", r.stderr)


def warned(tap):
    """Done, and said."""
    r, d = run(tap, [("free C", "free twin in [1 nS, 3 nS], C")])
    tap.check(r.returncode == 0 and "the data do not determine twin" in r.stderr and not d["free"][0]["determined"], "what has no effect is told", r.stderr)
    r, d = run(tap, [("free C", "free twin in [1 nS, 3 nS], C"), ("by lm(steps = 30)", "by lbfgs(steps = 9)"), (")^2)", ")^4)"), ("(1 mV)^2", "(1 mV)^4")])
    tap.check(r.returncode == 0 and "m.nsl:12:8: the derivative of the objective by twin is 0" in r.stderr, "without a sum of squares too", r.stderr)
    r, d = run(tap, [("r.csv", "volts.csv")])
    tap.check(d and "column V of volts.csv reaches" in r.stderr and "is mV the unit" in r.stderr and d["warnings"], "volts that are said to be mV", r.stderr)
    r, d = run(tap, [('"r.csv"', '"r.csv", "short.csv"'), ("(1 mV)^2", "(1 mV)^2 during 5 ms..40 ms")])
    tap.check(d and "m.nsl:13:12: mean((V - rec.V)^2): it is to count until 40 ms, but short.csv ends at 15 ms" in r.stderr, "one sweep that is too short", r.stderr)
    r, d = run(tap, [('"r.csv"', '"r.csv", "nan.csv"')])
    tap.check(d and "m.nsl:8:5: nothing of nan.csv is compared" in r.stderr and "nothing of r.csv" not in r.stderr, "one sweep without a number", r.stderr)
    r, d = run(tap, [("g in [0.5 nS, 50 nS]", "g in [-4000 nS, 400 nS]"), ("from 8", "from 12")])
    lost = [s for s in d["stages"][0]["starts"] if s["objective"] is None] if d else []
    told = f"m.nsl:8:5: {len(lost)} of 12 starts are lost, since the model diverges: at number" in r.stderr and "is no finite number at" in r.stderr
    tap.check(r.returncode == 0 and 0 < len(lost) < 12 and told, f"{len(lost)} of 12 starts diverge", r.stderr)
    kept = [s["objective"] for s in d["stages"][0]["starts"] if s["objective"] is not None] if d else []
    tap.check(d and d["objective"] == min(kept) and "no number" not in r.stderr, "the others go on", r.stderr)


def interrupted(tap):
    text = MODEL.replace("lm(steps = 30) from 8", "adam(steps = 1000000) from 64")
    tap.write("long.nsl", text)
    p = call(NSLC, "build", tap.path("long.nsl"), "-o", tap.path("long"))
    p = subprocess.Popen([tap.path("long"), "--out", tap.path("stopped")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1.5)  # of which a step takes less than a thousandth
    p.send_signal(signal.SIGINT)
    said, err = p.communicate(timeout=60)
    if not tap.check(os.path.exists(tap.path("stopped/fit.json")), "Ctrl-C: files are written", err):
        return
    with open(tap.path("stopped/fit.json")) as f:
        d = json.load(f)
    left = sorted(os.listdir(tap.path("stopped")))
    tap.check(p.returncode == 130 and d["exit"] == 130 and "stopped" in d["error"], "Ctrl-C: exit status 130", f"{p.returncode} {err}")
    tap.check(left == ["fit.json", "fit.svg", "long.fitted.nsl", "report.html"] and d["objective"] is not None and "objective" in said, "the best so far is kept", left)
    with open(tap.path("stopped/report.html")) as f:
        tap.check("<b>Not the whole fit:</b> stopped" in f.read(), "and the report says that it is not the whole fit")


def main():
    tap = Tap()
    files(tap)
    refused(tap)
    others(tap)
    warned(tap)
    interrupted(tap)
    tap.done()


main()
