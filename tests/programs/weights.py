#!/usr/bin/env python3
"""`record weight of LABEL`: who is connected with whom, after how long and how strongly, against the rules of the connections, and against what
the spikes do: each arrives where and when the file says, with the weight that it says."""
import csv
import math
import os
from collections import Counter, defaultdict

from semantics import Run, mean_of, same, variance
from tap import NSLC, Tap, call, run_json

CELLS = """
neuron src { state V = 0 mV
  receive go(w : mV) { V += w }
  spike when V > 1 mV { V = 0 mV } }
neuron dst { state q = 0 mV, last = 0 pA, n = 0
  receive psp(w : mV) { q += w }
  receive ap(w : pA) { last = last + w * (1 + n); n += 1 } }
neuron leaky { state V = 0 mV
  V' = -V / (10 ms)
  receive psp(w : mV) { V += w }
  spike when V > 1000 mV }
"""


def table(run, name):
    """[(t, projection, source, target, delay, weight)] of the CSV file."""
    with open(os.path.join(run.out, name + ".csv")) as f:
        rows = list(csv.reader(f))
    assert rows[0] == ["t_ms", "projection", "source", "target", "delay_ms", "weight"], rows[0]
    return [(float(a), b, int(c), int(d), float(e), float(w)) for a, b, c, d, e, w in rows[1:]]


def by_projection(rows, t=0.0):
    parts = defaultdict(list)
    for row in rows:
        if row[0] == t:
            parts[row[1]].append(row[2:])
    return parts


# ---- indices by the rules

RULES = CELLS + """
network net {
  index pop = { A, B }
  population E : leaky[40]
  population c[k in pop] : leaky[7]
  param w = 2 mV
  connect one: E -> E.psp by one_to_one { weight = w;  delay = 1 ms }
  connect all: E[3..5] -> c[k].psp by all_to_all for k in pop { weight ~ uniform(0 mV, 1 mV);  delay = 0.3 ms }
  connect ind: E -> (E, c[A]).psp by indegree(6), no self { weight = -w;  delay = 0.5 ms }
  connect few: c[A] -> E.psp by indegree(5), no multiple { weight ~ normal(1 mV, 0.1 mV);  delay ~ uniform(1 ms, 2 ms) }
  connect out: E -> c[B].psp by outdegree(9) { weight = 1 mV;  delay = 0.5 ms }
  connect own: E -> E.psp by outdegree(39), no self, no multiple { weight = 1 mV;  delay = 0.5 ms }
  connect tot: E -> E.psp by total_number(333) { weight ~ uniform(-1 mV, 1 mV);  delay = 0.5 ms }
  connect dif: E -> E.psp by total_number(700), no multiple { weight ~ uniform(-1 mV, 1 mV);  delay = 0.5 ms }
  connect pro: E -> E.psp by probability(0.25) { weight = 1 mV;  delay = 0.5 ms }
  connect off: E -> E.psp by all_to_all if w > 5 mV { weight = 1 mV;  delay = 0.5 ms }
}
experiment e { network net
  record weight of (out, one, all, ind, few, own, tot, dif, pro, off) every 0.7 ms
  record weight of all[B] as part
  run 2 ms with dt = 0.1 ms }
"""


def rules(t):
    run = Run(t, RULES)
    if not t.check(run.good, "weights of nine rules", run.process.stderr):
        return
    rows = table(run, "weight")
    times = sorted({r[0] for r in rows})
    t.check(same(times, [0, 0.7, 1.4, 2.0], 1e-9), "rows at 0, every and the end", times)
    p = by_projection(rows)
    order = list(dict.fromkeys(r[1] for r in rows))
    t.check(order == ["one", "all[A]", "all[B]", "ind", "ind#2", "few", "out", "own", "tot", "dif", "pro"], "projections in the order of the model", order)
    t.check(all([r[:2] for r in part] == sorted(r[:2] for r in part) for part in p.values()), "synapses by source, then target")
    for time in times[1:]:
        t.check(by_projection(rows, time) == p, f"static synapses keep their weights: {time} ms")
    pairs = {name: [r[:2] for r in part] for name, part in p.items()}
    t.check(p["one"] == [(i, i, 1.0, 2.0) for i in range(40)], "one_to_one: pairs, delay, weight", p["one"][:3])
    t.check(pairs["all[A]"] == pairs["all[B]"] == [(i, j) for i in (3, 4, 5) for j in range(7)], "all_to_all from a part")
    t.check([r[3] for r in p["all[A]"]] != [r[3] for r in p["all[B]"]], "each projection draws its own")
    ins = [Counter(b for _, b in pairs[name]) for name in ("ind", "ind#2", "few")]
    t.check(ins == [Counter({i: 6 for i in range(40)}), Counter({i: 6 for i in range(7)}), Counter({i: 5 for i in range(40)})],
            "indegree: every target has its number", ins)
    t.check(all(a != b for name in ("ind", "own") for a, b in pairs[name]), "no self")
    t.check(all(len(set(pairs[name])) == len(pairs[name]) for name in ("few", "own", "dif", "pro")), "no multiple")
    t.check(Counter(a for a, _ in pairs["out"]) == {i: 9 for i in range(40)}, "outdegree: every source has its number")
    t.check(pairs["own"] == [(a, b) for a in range(40) for b in range(40) if a != b], "outdegree(n - 1) without repetition: all")
    t.check(len(pairs["tot"]) == 333 and len(pairs["dif"]) == 700, "total_number")
    sigma = math.sqrt(1600 * 0.25 * 0.75)
    t.check(abs(len(pairs["pro"]) - 400) < 5 * sigma, "probability: five standard deviations", len(pairs["pro"]))
    part = table(run, "part")
    t.check([r[1:] for r in part if r[0] == 0] == [r[1:] for r in rows if r[0] == 0 and r[1] == "all[B]"], "an index picks an element of a family")
    t.check(sorted({r[0] for r in part}) == [0.0, 2.0], "without `every`: the start and the end")


# ---- what spikes do

WALK = CELLS + """
network net {
  population S : src[6]
  population D : dst[5]
  population R : src[5]
  connect a: S -> D.psp by indegree(4) { weight ~ normal(1 mV, 0.5 mV);  delay ~ uniform(0.5 ms, 1.5 ms) }
  connect b: S -> D.psp by probability(0.6) { weight = 0.25 mV;  delay = 0.7 ms }
  connect c: S -> D.ap by outdegree(3) { weight ~ uniform(10 pA, 20 pA);  delay ~ uniform(0.5 ms, 1.5 ms) }
""" + "".join(f"  drive S[{i}].go with times([{1 + 3 * i} ms]) {{ weight = 2 mV;  delay = 0.1 ms }}\n" for i in range(6)) + """}
experiment e { network net
  record weight of (a, b) as ab
  record weight of c as c
  record q of D
  record last of D
  record spikes of S
  run 20 ms with dt = 0.1 ms }
"""


def walk(t):
    for options in ((), ("--precision", "f32")):
        run = Run(t, WALK, *options)
        if not t.check(run.good, f"spikes and weights {options}", run.process.stderr):
            return
        fired = {i: step for step, _, i in run.spikes()}
        t.check(sorted(fired) == list(range(6)), "every source fires once")
        steps = len(run.times("q")) - 1
        q, last, n = [0.0] * 5, [0.0] * 5, [0] * 5
        arrive, apart = defaultdict(list), defaultdict(list)
        for name, to in (("ab", arrive), ("c", apart)):
            for _, _, source, target, delay, weight in [r for r in table(run, name) if r[0] == 0]:
                to[fired[source] + round(delay / 0.1)].append((target, weight))
        bad, most = [], 5e-4 if options else 1e-9  # in f32 a weight has at least 10 bits (networks.md)
        q_rows, last_rows = run.rows("q"), run.rows("last")
        for step in range(steps + 1):
            for target, weight in arrive[step]:
                q[target] += weight
            for target, weight in apart[step]:
                last[target] += weight * (1 + n[target])
                n[target] += 1
            for k in range(5):
                if abs(q_rows[step][k] - q[k]) > most * (1 + abs(q[k])):
                    bad.append((step, "q", k, q_rows[step][k], q[k]))
        t.check(not bad, f"each spike arrives with the weight of the file {options}", bad[:5])
        # two events of one step are handled in an order that the file does not tell: the sum of their number is free
        t.check(all(n[k] == 0 or last_rows[-1][k] > 0 for k in range(5)) and sum(n) == 18, f"events one by one reach the targets of the file {options}", n)
        alone = [k for k in range(5) if n[k] and all(sum(1 for x, _ in v if x == k) < 2 for v in apart.values())]
        t.check(alone and all(abs(last_rows[-1][k] - last[k]) <= 1e-5 * last[k] for k in alone), f"with their weights, where no two come at once {options}",
                [(last_rows[-1][k], last[k]) for k in alone])


# ---- what is drawn

DRAWN = CELLS + """
network net {
  population E : leaky[600]
  population shards : leaky[140000]
  connect g: E -> E.psp by indegree(20) { weight ~ normal(2 mV, 0.5 mV);  delay ~ uniform(1 ms, 3 ms) }
  connect h: E -> E.psp by probability(0.05) { weight ~ normal(0 mV, 1 mV) within [0 mV, inf);  delay = 1 ms }
}
experiment e { network net
  record weight of (g, h) every 2 ms
  run 3 ms with dt = 0.1 ms }
"""


def moments(t):
    runs = [Run(t, DRAWN, "--threads", str(n)) for n in (1, 2, 3)]
    if not t.check(all(r.good for r in runs), "1, 2, 3 threads", runs[0].process.stderr):
        return
    threads = [run_json(r.out)["threads"] for r in runs]
    t.check(threads == [1, 2, 3], "as many as were asked for", threads)
    texts = [open(os.path.join(r.out, "weight.csv"), "rb").read() for r in runs]
    t.check(texts[0] == texts[1] == texts[2], "the same weight.csv for 1, 2, 3 threads")
    files = [open(os.path.join(r.out, "weight.h5"), "rb").read() for r in runs]
    t.check(files[0] == files[1] == files[2], "the same weight.h5 for 1, 2, 3 threads")
    p = by_projection(table(runs[0], "weight"))
    g = [r[3] for r in p["g"]]
    n = len(g)
    t.check(n == 12000, "12000 synapses", n)
    t.check(abs(mean_of(g) - 2) < 5 * 0.5 / math.sqrt(n), "mean of normal weights", mean_of(g))
    t.check(abs(variance(g) / 0.25 - 1) < 5 * math.sqrt(2 / n), "their variance", variance(g))
    delays = Counter(round(r[2] / 0.1) for r in p["g"])
    t.check(min(delays) == 10 and max(delays) == 30, "delays on the grid, in the drawn range", (min(delays), max(delays)))
    outs = Counter(r[0] for r in p["g"])
    t.check(abs(variance([outs[i] for i in range(600)]) / 20 - 1) < 5 * math.sqrt(2 / 600), "out-degrees of indegree spread like Poisson")
    h = [r[3] for r in p["h"]]
    t.check(min(h) >= 0 and abs(mean_of(h) - math.sqrt(2 / math.pi)) < 5 * 0.603 / math.sqrt(len(h)), "half of a normal", mean_of(h))
    other = Run(t, DRAWN, "--seed", "7")
    t.check(other.good and by_projection(table(other, "weight"))["g"] != p["g"], "another seed draws others")
    hdf5(t, runs[0])


LAWS = CELLS + """
network net {
  population E : leaky[400]
  population D : dst[400]
  connect a: E -> E.psp by indegree(20) { weight ~ 2 * normal(1 mV, 0.2 mV);  delay ~ normal(1.5 ms, 0.5 ms) within [dt, inf) }
  connect b: E -> E.psp by indegree(20) { weight ~ 3 mV + normal(1 mV, 0.2 mV);  delay ~ 1 ms + exponential(0.5 ms) }
  connect c: E -> E.psp by indegree(20) { weight ~ 1 mV * lognormal(0, 0.3);  delay = 1 ms }
  connect d: E -> D.ap by indegree(20) { weight ~ normal(50 pA, 5 pA);  delay = 1 ms }
}
experiment e { network net
  record weight of (a, b, c, d)
  run 1 ms with dt = 0.1 ms }
"""


def laws(t):
    """Normal and lognormal weights of 16 bits, and delays, are drawn in float32 in every program; what is summed, and what a
    handler gets as it is, is drawn in float64."""
    wide, narrow = (Run(t, LAWS, *options) for options in ((), ("--precision", "f32")))
    if not t.check(wide.good and narrow.good, "laws in float64 and float32", wide.process.stderr + narrow.process.stderr):
        return
    drawn = [(x.get("weights_drawn"), x.get("delays_drawn")) for x in run_json(wide.out)["layout"]["projections"]]
    want = [("float32", "float32"), ("float64", "float64"), ("float32", None), ("float64", None)]
    t.check(drawn == want, "which are drawn in float32", drawn)
    p, q = by_projection(table(wide, "weight")), by_projection(table(narrow, "weight"))
    for name in "ac":
        pairs = list(zip(p[name], q[name]))
        worst = max(abs(x[3] - y[3]) / x[3] for x, y in pairs)
        t.check(len(pairs) == 8000 and worst < 5e-3, f"{name}: the same weights in both, but for grains and units", worst)
        t.check(all(x[:3] == y[:3] for x, y in pairs), f"{name}: the same delays in both")
    t.check(all(x[3] != y[3] for x, y in zip(p["b"], q["b"])), "a sum: other draws")


def hdf5(t, run):
    try:
        import h5py
    except ImportError:
        t.skip("weight.h5", "h5py is absent")
        return
    rows = table(run, "weight")
    with h5py.File(os.path.join(run.out, "weight.h5")) as f:
        for name in ("g", "h"):
            edges, report = f["edges"][name], f["report"][name]
            want = [r for r in rows if r[1] == name and r[0] == 0]
            t.check(list(edges["source_node_id"]) == [r[2] for r in want] and list(edges["target_node_id"]) == [r[3] for r in want], f"{name}: sources, targets")
            t.check(all(math.isclose(a, r[4], rel_tol=1e-9) for a, r in zip(edges["0/delay"], want)), f"{name}: delays")
            t.check(report["data"].shape == (3, len(want)), f"{name}: rows by time, columns by synapse", report["data"].shape)
            t.check(all(list(row) == [r[5] for r in want] for row in report["data"]), f"{name}: weights of every row")
            t.check(list(edges["0/syn_weight"]) == list(report["data"][2]), f"{name}: syn_weight is the last row")
            t.check(len(edges["edge_type_id"]) == len(want), f"{name}: types of edges")
            t.check([round(x, 9) for x in report["sample_times"]] == [0, 2, 3], f"{name}: times")
            text = lambda on, key: on.attrs[key] if isinstance(on.attrs[key], str) else on.attrs[key].decode()
            t.check(text(report["data"], "units") == "mV" and text(edges["0/delay"], "units") == "ms", f"{name}: units")
            t.check(text(edges["source_node_id"], "node_population") == text(edges["target_node_id"], "node_population") == "E", f"{name}: populations")


# ---- units, sizes, names

def units(t):
    model = CELLS.replace("w : pA", "w : nA") + """
network net {
  population S : src[2]
  population D : dst[3]
  connect x: S -> D.ap by all_to_all { weight = 0.5 pA;  delay = 1 ms }
}
experiment e { network net
  record weight of x as strength
  record spikes of S
  run 1 ms with dt = 0.1 ms }
"""
    run = Run(t, model)
    t.check(run.good and all(math.isclose(r[5], 0.0005) for r in table(run, "strength")), "weights in the unit of the port (nA), named by `as`", run.process.stderr)
    synapse = CELLS + """
synapse scaled { param gain = 2
  weight w : pA in [0 pA, 10 pA]
  on pre { send gain * w } }
network net {
  population S : src[4]
  population D : dst[500]
  connect x: S -> D.ap by all_to_all with scaled { weight ~ normal(10 pA, 5 pA);  gain = 3;  delay = 1 ms }
}
experiment e { network net
  record weight of x
  run 1 ms with dt = 0.1 ms }
"""
    run = Run(t, synapse)
    sent = [r[5] for r in table(run, "weight") if r[0] == 0] if run.good else []
    full = sum(1 for w in sent if w == 30) / max(len(sent), 1)
    t.check(len(sent) == 2000 and min(sent) >= 0 and max(sent) == 30 and abs(full - 0.5) < 5 * 0.5 / math.sqrt(2000),
            "a synapse's weight saturates at the ends of its domain; what it sends is recorded", (run.process.stderr, full))
    variable = CELLS + """
neuron plain { state weight = 3 pA
  weight' = 0 pA / (1 ms) }
network net { population P : plain[2] }
experiment e { network net
  record weight of P every 0.5 ms
  run 1 ms with dt = 0.1 ms }
"""
    run = Run(t, variable)
    t.check(run.good and run.rows("weight") == [[3.0, 3.0]] * 3, "a variable that is called weight", run.process.stderr)


def sizes(t):
    """Beforehand: what does not fit on the disk is refused with its size."""
    model = CELLS + """
network net { population E : leaky[1000]
  connect x: E -> E.psp by all_to_all { weight = 1 mV;  delay = 1 ms } }
experiment e { network net
  record weight of x every 0.1 ms
  run 1000 s with dt = 0.1 ms }
"""
    run = Run(t, model)
    t.check(run.process.returncode == 1 and "record weight: the weights of 1e+06 synapses at 10000001 times are 5.6e+05 GB" in run.process.stderr,
            "560 TB of weights are refused", run.process.stderr)
    t.check(not os.path.exists(os.path.join(run.out, "weight.h5")), "and nothing is written")


# ---- continuous synapses

FLOWS = """
neuron node { param c = 1
  input J
  state x = 0
  x' = (c - x + J) / (10 ms) }
synapse gap { weight g;  stream g * (pre.x - post.x) }
synapse flow { weight g in [0, 0.02];  stream g * pre.x }
synapse late { weight g;  stream g * delayed(pre.x, delay) }
network net {
  population A : node[40] { x ~ uniform(0, 1);  c ~ uniform(0, 1) }
  population B : node[30] { x ~ uniform(0, 1);  c ~ uniform(0, 1) }
  connect own: A -- A.J by probability(0.2) with gap { weight ~ uniform(0, 0.1) }
  connect both: A -- B.J by indegree(3) with gap { weight ~ uniform(0, 0.1) }
  connect all: A[5..9] -> B.J by all_to_all with flow { weight = 0.01 }
  connect some: B -> A.J by outdegree(4) with flow { weight ~ uniform(-0.01, 0.03) }
  connect after: B -> A.J by probability(0.1) with late { weight ~ normal(0, 0.1);  delay ~ uniform(0.3 ms, 2 ms) }
}
experiment e { network net
  record weight of (own, both, all, some, after) every 1 ms
  record x of (A, B) every 0.1 ms
  record J of (A, B) every 0.1 ms
  run 4 ms with dt = 0.1 ms }
"""


def flows(t):
    """What flows into each element over a step is what the file's synapses stream of the step's begin."""
    for options in ((), ("--precision", "f32")):
        run = Run(t, FLOWS, *options)
        if not t.check(run.good, f"weights of continuous synapses {options}", run.process.stderr):
            return
        rows = table(run, "weight")
        p = by_projection(rows)
        t.check(list(p) == ["own", "both", "all", "some", "after"] and all(by_projection(rows, time) == p for time in (1.0, 4.0)), "stay as they are")
        t.check(all(a < b for a, b, _, _ in p["own"]) and len(p["both"]) == 90 and len(p["all"]) == 150 and len(p["some"]) == 120, "each pair is there once")
        t.check({w for *_, w in p["some"]} >= {0.0, 0.02} and all(d == 0 for name in ("own", "both", "all", "some") for _, _, d, _ in p[name]), "bounds, and no delay")
        x, flown = run.rows("x"), run.rows("J")
        worst = 0.0

        def past(k, step, delay):
            """Over the step to `step`: the mean of the values at both ends, on lines between grid points, the first one before 0."""
            at = [min(max(step - e - delay / 0.1, 0.0), len(x) - 1.0) for e in (0, 1)]
            return sum(x[math.floor(s)][k] + (s % 1) * (x[math.ceil(s)][k] - x[math.floor(s)][k]) for s in at) / 2

        for step in range(1, 41):
            want, v = [0.0] * 70, x[step - 1]
            for name, a, b in (("own", 0, 0), ("both", 0, 40)):
                for i, j, _, w in p[name]:
                    want[b + j] += w * (v[a + i] - v[b + j])
                    want[a + i] += w * (v[b + j] - v[a + i])
            for name, a, b in (("all", 0, 40), ("some", 40, 0)):
                for i, j, _, w in p[name]:
                    want[b + j] += w * v[a + i]
            for i, j, d, w in p["after"]:
                want[j] += w * past(40 + i, step, d)
            worst = max(worst, max(abs(g - w) for g, w in zip(flown[step], want)))
        t.check(worst < (1e-6 if options else 1e-12), f"what flows is what they stream {options}", worst)


def main():
    t = Tap()
    for part in (flows, rules, walk, moments, laws, units, sizes):
        part(t)
    page = t.write("d.nsl", "language 1\n" + RULES)
    made = call(NSLC, "doc", page, "-o", t.path("d.html"))
    t.check(made.returncode == 0, "nslc doc of a model that records weights", made.stderr)
    t.done()


if __name__ == "__main__":
    main()
