#!/usr/bin/env python3
"""The forms in which synapses lie in memory, in float64 and float32 programs: which is chosen, that run.json says why, and that what arrives is
the plain sum of the recorded weights, each rounded to the unit that run.json tells; the same bits on any number of threads, with --verify, and
where rows are made anew at each spike."""
import csv
import json
import os
from collections import defaultdict

from semantics import Run
from tap import Tap, run_json

# p fires at 1 ms, r at 3 ms; every target keeps the sum of what came
MODEL = """
neuron src { state V = 0 mV
  receive go(w : mV) { V += w }
  spike when V > 1 mV { V = 0 mV } }
neuron dst { state q = 0 mV
  receive psp(w : mV) { q += w } }
network net {
  population P : src[%d]
  population R : src[%d]
  population D : dst[%d]
%s
  drive P.go with times([1 ms]) { weight = 2 mV;  delay = 0.1 ms }
  drive R.go with times([3 ms]) { weight = 2 mV;  delay = 0.1 ms }
}
experiment e { network net
  record weight of (a, b) as w
  record q of D
  run 5 ms with dt = 0.1 ms }
"""

# name, cells of P, R and D, connections, forms of a and b in float64 and in float32
CASES = [
    ("one size", 40, 40, 70, """
  connect a: P -> D.psp by indegree(30) { weight ~ normal(1 mV, 0.1 mV);  delay ~ uniform(0.1 ms, 1.5 ms) }
  connect b: R -> D.psp by total_number(900) { weight ~ uniform(-3 mV, -1 mV);  delay = 0.7 ms }""",
     ("narrow64", "narrow64"), ("narrow32", "narrow32")),
    ("one weight", 40, 40, 70, """
  connect a: P -> D.psp by probability(0.4) { weight = 0.1 mV;  delay ~ uniform(0.1 ms, 1.5 ms) }
  connect b: R -> D.psp by outdegree(20) { weight ~ uniform(0 mV, 1 mV);  delay = 0.7 ms }""",
     ("same64", "narrow64"), ("same32", "narrow32")),
    ("a long tail", 40, 40, 70, """
  connect a: P -> D.psp by indegree(30) { weight ~ 1 mV * lognormal(1, 1.5);  delay ~ uniform(0.1 ms, 1.5 ms) }
  connect b: R -> D.psp by indegree(30) { weight = -1 mV;  delay = 0.7 ms }""",
     ("wide64", "same64"), ("middle32", "same32")),
    ("far apart", 40, 40, 70, """
  connect a: P -> D.psp by indegree(30) { weight ~ uniform(0.001 mV, 0.002 mV);  delay ~ uniform(0.1 ms, 1.5 ms) }
  connect b: R -> D.psp by indegree(30) { weight ~ uniform(1000 mV, 2000 mV);  delay = 0.7 ms }""",
     ("narrow64", "narrow64"), ("narrow64", "narrow64")),
    ("one weight each, far apart", 40, 40, 70, """
  connect a: P -> D.psp by indegree(30) { weight = 0.001 mV;  delay ~ uniform(0.1 ms, 1.5 ms) }
  connect b: R -> D.psp by indegree(30) { weight = 3000 mV;  delay = 0.7 ms }""",
     ("same64", "same64"), ("same64", "same64")),
    ("many at once", 60000, 40, 3, """
  connect a: P -> D.psp by all_to_all { weight ~ normal(1 mV, 0.1 mV);  delay = 0.5 ms }
  connect b: R -> D.psp by all_to_all { weight = -7 mV;  delay = 0.7 ms }""",
     ("narrow64", "same64"), ("narrow32", "same32")),
    ("few sizes", 40, 40, 70, """
  connect a: P -> D.psp by indegree(30) { weight ~ choice(1 mV, 2 mV, 3.3 mV);  delay ~ uniform(0.1 ms, 1.5 ms) }
  connect b: R -> D.psp by indegree(30) { weight ~ 1 mV + uniform(0 mV, 0.00001 mV);  delay = 0.7 ms }""",
     ("middle64", "middle64"), ("narrow32", "narrow32")),
    ("a weight that no sample shows", 200, 40, 70, """
  connect a: P -> D.psp by outdegree(70) { weight ~ 1 mV + 1000 mV * max(0, uniform(-2999, 1));  delay ~ uniform(0.1 ms, 1.5 ms) }
  connect b: R -> D.psp by indegree(30) { weight = -1 mV;  delay = 0.7 ms }""",
     ("wide64", "same64"), ("middle32", "same32")),
]


def expected(run):
    """Per target: what P and what R sent it, and how many synapses."""
    sums = {"a": defaultdict(float), "b": defaultdict(float)}
    counts = {"a": defaultdict(int), "b": defaultdict(int)}
    with open(os.path.join(run.out, "w.csv")) as f:
        for time, name, _, target, _, weight in list(csv.reader(f))[1:]:
            if float(time) == 0:
                sums[name[0]][int(target)] += float(weight)
                counts[name[0]][int(target)] += 1
    return sums, counts


def case(t, name, p, r, d, connections, wide, narrow):
    for options, want in (((), wide), (("--precision", "f32"), narrow)):
        what = f"{name} {'float32' if options else 'float64'}"
        run = Run(t, MODEL % (p, r, d, connections), "--threads", "1", "--verify", *options)
        if not t.check(run.good, f"{what}: runs", run.process.stderr):
            continue
        info = run_json(run.out)
        layout = info["layout"]
        forms = tuple(x["form"] for x in layout["projections"])
        t.check(forms == want, f"{what}: {', '.join(want)}", json.dumps(layout, indent=1))
        t.check(all(x["why"] for x in layout["projections"]), f"{what}: why")
        t.check(info["connectivity"]["rows"] == "by shard" and info["connectivity"]["rows_why"], f"{what}: rows by shard", info["connectivity"])
        port = next(x["unit"] for x in layout["ports"] if x["port"] == "D.psp")
        unit = {name: x.get("unit", port) for name, x in zip("ab", layout["projections"])}
        sums, counts = expected(run)
        rows, bad = run.rows("q"), []
        real = 2e-7 if options else 1e-15
        for k in range(d):
            after_p, end = sums["a"][k], sums["a"][k] + sums["b"][k]
            for step, value in ((28, after_p), (-1, end)):
                allowed = sum(counts[x][k] * (unit[x] / 2 + real * (abs(after_p) + abs(value))) for x in "ab")
                if abs(rows[step][k] - value) > allowed:
                    bad.append((k, step, rows[step][k], value, allowed))
        t.check(not bad, f"{what}: the sums of the recorded weights arrive", bad[:3])
        again = Run(t, MODEL % (p, r, d, connections), "--threads", "2", "--connectivity", "procedural", "--verify", *options)
        t.check(again.good and run_json(again.out)["state_hash"] == info["state_hash"],
                f"{what}: the same bits on two threads and without stored rows", again.process.stderr)
        again = Run(t, MODEL % (p, r, d, connections), "--threads", "2", "--rows", "source", "--verify", *options)
        t.check(again.good and run_json(again.out)["state_hash"] == info["state_hash"] and run_json(again.out)["connectivity"]["rows"] == "by source",
                f"{what}: the same bits with rows by source", again.process.stderr)


def main():
    t = Tap()
    for one in CASES:
        case(t, *one)
    t.done()


if __name__ == "__main__":
    main()
