#!/usr/bin/env python3
"""Options of the optimizers of fits against what can be said without them: early stopping, pruning, l2, dropout of observations."""
import math

from tap import NSLC, Tap, call, run_fit

DECAY = """language 1
neuron cell {
  param tau = 40 ms in (0 ms, inf), V_0 = 5 mV
  state V = V_0
  V' = -V / tau
}
fit decay {
  neuron cell
  data rec = csv("one.csv") { t : ms;  V : mV }
  free tau in [1 ms, 100 ms], V(0) in [1 mV, 16 mV]
  STAGES
  with dt = 0.1 ms, seed = 1
  validate csv("other.csv")
}
"""


def decay(tap, name, tau, start, rows=400):
    tap.write(name, "\n".join(["t,V"] + [f"{i * 0.1:.1f},{start * math.exp(-i * 0.1 / tau):.12g}" for i in range(rows)]) + "\n")


def fit(tap, by, *more, text=DECAY):
    stages = by if "stage" in by else f"minimize mean((V - rec.V)^2) / (1 mV)^2\n  by {by}"
    r, d = run_fit(tap, tap.write("decay.nsl", text.replace("STAGES", stages)), "out", "--fit", "decay", *more)
    return d if r.returncode == 0 else tap.check(False, by, r.stderr) and None


def patience(tap):
    """The way from 40 ms to the 7 ms of the sweep leads past the 12 ms of the other one."""
    alone = DECAY.replace(", V(0) in [1 mV, 16 mV]", "").replace("V_0 = 5 mV", "V_0 = 6 mV")
    for by in ("sgd(steps = 400, rate = 0.02, momentum = 0, patience = 10)", "lbfgs(steps = 60, patience = 8)"):
        d = fit(tap, by, text=alone)
        if not d:
            continue
        tau, (start,) = d["free"][0]["value"], d["stages"][0]["starts"]
        seen = d["stages"][0]["history"]["validation"]
        tap.check(start["validation"] == min(seen) == d["validation"]["objective"], f"{by}: ends where the validation sweep is met best", d["validation"])
        if by.startswith("sgd"):
            tap.check(8.5 < tau < 13 and seen[-1] > min(seen), f"{by}: near the 12 ms of that sweep: {tau:.2f}", seen[-12:])
            tap.check("validation" in start["ended"] and len(seen) == start["steps"] + 10, "10 steps later it ended", start)


def prune(tap):
    runs = [fit(tap, "lm(steps = 40, prune = 2) from 16 starts", "--threads", n) for n in ("1", "2")]
    if None in runs:
        return
    starts = runs[0]["stages"][0]["starts"]
    tap.check(starts == runs[1]["stages"][0]["starts"], "pruned starts: the same for any number of threads")
    pruned = [s for s in starts if s["ended"].startswith("pruned")]
    tap.check(len(pruned) >= 8 and all(s["objective"] >= runs[0]["objective"] for s in pruned), f"{len(pruned)} of 16 starts are pruned, the best is not")
    two = fit(tap, """stage coarse { minimize mean((V - rec.V)^2) / (1 mV)^2;  by adam(steps = 20, prune = 5) from 16 starts }
  stage fine { minimize mean((V - rec.V)^2) / (1 mV)^2;  by lm(steps = 20) }""")
    if two:
        left = [s for s in two["stages"][0]["starts"] if not s["ended"].startswith("pruned")]
        good = len(left) == 2 and len(two["stages"][1]["starts"]) == 2  # 16, 8 after 5, 4 after 10, 2 after 20
        tap.check(good and abs(two["free"][0]["value"] - 7) < 1e-3, f"half of them stops three times: {len(left)} go on to the next stage", two["stages"][0]["starts"])


def l2(tap):
    d = fit(tap, "lm(steps = 60, l2 = 0.01)")
    if d:
        tau, start = (f["value"] for f in d["free"])
        coordinates = [math.log(math.log(v / lo) / math.log(hi / v)) for v, lo, hi in ((tau, 1, 100), (start, 1, 16))]
        squares = sum(x * x for x in coordinates)
        mean, extra = d["terms"]
        tap.check(abs(extra["mean"] - squares) < 1e-6 * squares and extra["weight"] == 0.01, f"l2: squares of the coordinates: {squares:.5f}", extra)
        tap.check(abs(d["objective"] - mean["mean"] - 0.01 * squares) < 1e-9, "and the objective holds them", d["terms"])
    d = fit(tap, "lm(steps = 60, l2 = 100000) from 4 starts")
    if d:
        tau, start = (f["value"] for f in d["free"])
        tap.check(abs(tau - 10) < 0.01 and abs(start - 4) < 0.01, f"much of it: the middle of the domains: {tau:.3f} ms, {start:.3f} mV")


def prior(tap):
    """What is known beforehand: the best place of the sum, found by search in plain Python."""
    text = DECAY.replace(", V(0) in [1 mV, 16 mV]", " ~ normal(known, 2 ms)").replace("V_0 = 5 mV", "V_0 = 6 mV").replace("neuron cell {", "let known = 20 ms\nneuron cell {", 1)
    d = fit(tap, "lm(steps = 60, l2 = 0.01, tolerance = 1e-14)", text=text)
    if not d:
        return
    samples = [(i * 0.1, 6 * math.exp(-i * 0.1 / 7)) for i in range(1, 400)]

    def loss(tau):
        return sum((v - 6 * math.exp(-t / tau)) ** 2 for t, v in samples) / len(samples) + 0.01 * ((tau - 20) / 2) ** 2
    lo = least(loss, 1, 100)
    tau = d["free"][0]["value"]
    tap.check(abs(tau - lo) < 1e-3 and abs(d["objective"] - loss(lo)) < 1e-8, f"~ normal(20 ms, 2 ms): between it and the 7 ms of the data: {tau:.4f} ms", lo)


def dropout(tap):
    by = "adam(steps = 400, rate = 0.1, dropout = DROP) from 3 starts"
    runs = [fit(tap, by.replace("DROP", "0.5"), "--threads", n) for n in ("1", "3")]
    whole = fit(tap, by.replace("DROP", "0"))
    if None in runs or not whole:
        return
    tap.check(runs[0]["stages"][0]["starts"] == runs[1]["stages"][0]["starts"], "dropout: the same for any number of threads")
    tap.check(runs[0]["stages"][0]["history"]["objective"] != whole["stages"][0]["history"]["objective"], "another course than without")
    tau = runs[0]["free"][0]["value"]
    e = runs[0]["stages"][0]["evaluations"]
    tap.check(abs(tau - 7) < 0.05 and runs[0]["objective"] < 1e-3, f"and to the same end: {tau:.4f} ms, {runs[0]['objective']:.2g}")
    tap.check(e["values"] == e["gradients"] == 1200, "objectives are of all observations", e)


def least(loss, lo, hi):
    for _ in range(100):
        a, b = lo + (hi - lo) / 3, hi - (hi - lo) / 3
        lo, hi = (lo, b) if loss(a) < loss(b) else (a, hi)
    return lo


def held(tap):
    """Stages that look for one parameter each, against the same in plain Python."""
    samples = [(i * 0.1, 6 * math.exp(-i * 0.1 / 7)) for i in range(1, 400)]

    def loss(tau, start):
        return sum((v - start * math.exp(-t / tau)) ** 2 for t, v in samples)
    first = least(lambda start: loss(40, start), 1, 16)
    second = least(lambda tau: loss(tau, first), 1, 100)
    measure = "minimize mean((V - rec.V)^2) / (1 mV)^2"
    for by in ("lm(steps = 60, tolerance = 1e-14)", "lbfgs(steps = 100, tolerance = 1e-14)", "cmaes(steps = 150)", "adamw(steps = 2000, rate = 0.1, decay = 0)"):
        d = fit(tap, f"stage start {{ free V(0);  {measure};  by {by} from 3 starts }}\n  stage time {{ free tau;  {measure};  by {by} }}")
        if not d:
            continue
        ends = [[start["values"] for start in stage["starts"]] for stage in d["stages"]]
        good = all(abs(tau - 40) < 1e-9 and abs(start - first) < 1e-3 for tau, start in ends[0])
        good &= all(abs(tau - second) < 1e-2 and end[1] == before[1] for end, before in zip(ends[1], ends[0]) for tau in end[:1])
        tap.check(good and len(ends[1]) == 3, f"{by}: V(0) alone {first:.4f} mV, then tau alone {second:.3f} ms", ends)
    slopes = sum((first * math.exp(-t / second) * t / second ** 2) ** 2 for t, v in samples)
    sure = math.sqrt(loss(second, first) / (len(samples) - 1) / slopes)
    d = fit(tap, f"stage start {{ free V(0);  {measure};  by lm }}\n  stage time {{ free tau;  {measure};  by lm(steps = 60, tolerance = 1e-14) from 3 starts }}", "--profile", "tau")
    if d:
        tau, start = d["free"]
        tap.check(abs(tau["uncertainty"] / sure - 1) < 1e-3 and start["uncertainty"] is None and start["held"], f"tau +- {sure:.4f} ms, with V(0) taken for known", d["free"])
        tap.check([stage["free"] for stage in d["stages"]] == [["V(0)"], ["tau"]], "the stages say what they looked for")
        starts = [s["values"][1] for s in d["stages"][1]["starts"]]
        tap.check(len(set(starts)) == 1 and len(starts) == 3, "new starts begin where the best one is", starts)
        there = {row[1] for row in d["profiles"][0]["all_values"]}
        tap.check(len(there) == 1, "and profiles hold what the last stage held", there)
    d = fit(tap, f"stage start {{ free V(0);  {measure};  by adamw(steps = 30, decay = 0.5) }}\n  stage time {{ free tau;  {measure};  by adamw(steps = 30, decay = 0.5) }}")
    if d:
        (start,), (end,) = ([s["values"] for s in stage["starts"]] for stage in d["stages"])
        tap.check(start[0] == 40 and end[1] == start[1] and end[0] != 40, "decay moves only what is looked for", [start, end])


def refused(tap):
    text = DECAY.replace("STAGES", "minimize mean((V - rec.V)^2) / (1 mV)^2\n  by BY")
    for by, change, wanted in (("lm(dropout = 0.5)", "", "`lm` has no option `dropout`"), ("lm(patience = 0)", "", "whole number from 1"),
                               ("adam(dropout = 0.95)", "", "from 0 to 0.9"), ("lm(patience = 3)", "validate", "there are none")):
        model = text.replace("BY", by)
        r = call(NSLC, "check", tap.write("bad.nsl", model.replace('validate csv("other.csv")', "") if change else model))
        tap.check(r.returncode == 1 and wanted in r.stderr + r.stdout, f"refused: {by}", r.stderr + r.stdout)


def main():
    tap = Tap()
    decay(tap, "one.csv", 7, 6)
    decay(tap, "other.csv", 12, 6)
    patience(tap)
    prune(tap)
    l2(tap)
    prior(tap)
    held(tap)
    dropout(tap)
    refused(tap)
    tap.done()


main()
