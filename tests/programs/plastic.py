#!/usr/bin/env python3
"""Synapses with memory against a simulation of each of them in every step, written from language.md alone: weights and states at every recorded time,
and what arrives at the cells. The spikes are those of the run; everything else follows from the rule. Then: the same bits however the run is made."""
import csv
import math
import os
from collections import defaultdict

from semantics import Run, refused, steps
from tap import NSLC, Tap, call, run_json

DT = 0.1


def table(run, name):
    """[(t, projection, source, target, delay, weight)] of the CSV file."""
    with open(os.path.join(run.out, name + ".csv")) as f:
        return [(float(a), b, int(c), int(d), float(e), float(w)) for a, b, c, d, e, w in list(csv.reader(f))[1:]]


CELLS = """
neuron src { state V = 0 mV
  receive go(w : mV) { V += w }
  spike when V > 1 mV { V = 0 mV } }
neuron dst { state V = 0 mV, S = 0 pA
  receive go(w : mV) { V += w }
  receive exc(w : pA) { S += w }
  spike when V > 1 mV { V = 0 mV } }
"""

NETWORK = CELLS + """
%s
network net {
  population A : src[12]
  population B : dst[9]
  drive A.go with poisson(%s) { weight = 2 mV }
  drive B.go with poisson(%s) { weight = 2 mV }
  connect ab: A -> B.exc by %s with rule { weight ~ uniform(20 pA, 100 pA);  delay %s }
}
experiment e { network net
  record spikes of (A, B)
  record S of B every 0.1 ms
  record weight of ab every 20 ms
  run %s with dt = 0.1 ms, seed = %d }
"""
# three phases: the synapses learn, their weights stand still, they learn again
FROZEN = (100.0, 180.0)
PHASES = "run 100 ms as learn with dt = 0.1 ms, seed = 3\n  run 80 ms as test { freeze weight of ab }\n  run 120 ms as again }"


class State(dict):
    """A synapse's own states; while it is frozen, assignments to w are passed over."""

    frozen = False

    def __setitem__(self, key, value):
        if key != "w" or not self.frozen:
            dict.__setitem__(self, key, value)


class Rule:
    """Own states, the cells' traces, and what spikes do; all arrays of one synapse each are plain numbers here."""

    def __init__(self, text, own, traces, on_pre, on_post=None, flow=None):
        self.text, self.own, self.traces, self.on_pre, self.on_post, self.flow = text, own, traces, on_pre, on_post, flow


def decayed(x, tau):
    return x * math.exp(-DT / tau)


def clip(w, lo=0.0, hi=150.0):
    return min(max(w, lo), hi)


# ---- rules: text, and the same in Python. z: own states; x, y: traces of the cells as the synapse sees them, just before the step's spikes.

def stdp_pre(z, x, y):
    z["w"] = clip(z["w"] - 0.01 * 1.05 * z["w"] * y["y"])
    return z["w"]


def stdp_post(z, x, y):
    z["w"] = clip(z["w"] + 0.01 * (150 - z["w"]) * x["x"])


STDP = Rule("""synapse rule { param lambda = 0.01, alpha = 1.05, w_max = 150 pA, tau_plus = 20 ms, tau_minus = 20 ms
  weight w : pA in [0 pA, w_max]
  state x = 0 per pre
  state y = 0 per post
  x' = -x / tau_plus
  y' = -y / tau_minus
  on pre  { w -= lambda * alpha * w * y;  send w;  x += 1 }
  on post { w += lambda * (w_max - w) * x;  y += 1 } }""", {}, {"x": ("pre", 20.0, lambda v: v + 1), "y": ("post", 20.0, lambda v: v + 1)}, stdp_pre, stdp_post)


def triplet_pre(z, x, y):
    z["w"] = clip(z["w"] - y["o1"] * (0.3 + 0.2 * x["r2"]))
    return z["w"]


def triplet_post(z, x, y):
    z["w"] = clip(z["w"] + x["r1"] * (0.25 + 0.4 * y["o2"]))


# the cells' slow traces are read before they change; nearest-neighbour traces are set, not added to
TRIPLET = Rule("""synapse rule { param tau_p = 16.8 ms, tau_x = 101 ms, tau_m = 33.7 ms, tau_y = 125 ms
  weight w : pA in [0 pA, 150 pA]
  state r1 = 0 per pre
  state r2 = 0 per pre
  state o1 = 0 per post
  state o2 = 0 per post
  r1' = -r1 / tau_p
  r2' = -r2 / tau_x
  o1' = -o1 / tau_m
  o2' = -o2 / tau_y
  on pre  { w -= o1 * (0.3 pA + 0.2 pA * r2);  send w;  r1 = 1;  r2 += 1 }
  on post { w += r1 * (0.25 pA + 0.4 pA * o2);  o1 += 1;  o2 = 1 } }""", {},
               {"r1": ("pre", 16.8, lambda v: 1.0), "r2": ("pre", 101.0, lambda v: v + 1), "o1": ("post", 33.7, lambda v: v + 1), "o2": ("post", 125.0, lambda v: 1.0)},
               triplet_pre, triplet_post)


def eligibility_pre(z, x, y):
    z["c"] += 1 + y["y"]
    if z["c"] > 3:
        z["w"] = clip(z["w"] + 0.5 * z["c"])
    else:
        z["w"] = clip(z["w"] - 0.1)
    return z["w"] * (1 + 0.1 * z["c"]) if z["w"] > 30 else 0.0


def eligibility_post(z, x, y):
    z["c"] -= 0.5 * x["x"]
    z["w"] = clip(z["w"] - z["c"])


# a state of each synapse with a closed form, `if`, a send under a condition, a trace that the handler's own statement changes before it is read
ELIGIBILITY = Rule("""synapse rule { param tau_c = 40 ms, rest = 0.2
  weight w : pA in [0 pA, 150 pA]
  state c = 0
  state x = 0 per pre
  state y = 0 per post
  c' = (rest - c) / tau_c
  x' = -x / (15 ms)
  y' = -y / (25 ms)
  on pre  { x += 1;  c += x / x + y
    if c > 3 { w += 0.5 pA * c } else { w -= 0.1 pA }
    if w > 30 pA { send w * (1 + 0.1 * c) } }
  on post { c -= 0.5 * x;  w -= 1 pA * c;  y += 1 } }""", {"c": 0.0}, {"x": ("pre", 15.0, lambda v: v + 1), "y": ("post", 25.0, lambda v: v + 1)},
                   eligibility_pre, eligibility_post, lambda z, x, y: z.update(c=0.2 + (z["c"] - 0.2) * math.exp(-DT / 40)))


def tm_pre(z, x, y):
    z["u"] += 0.3 * (1 - z["u"])
    sent = z["w"] * z["u"] * z["R"]
    z["R"] -= z["u"] * z["R"]
    return sent


def tm_flow(z, x, y):
    z["u"] *= math.exp(-DT / 50)
    z["R"] = 1 + (z["R"] - 1) * math.exp(-DT / 200)


TM = Rule("""synapse rule { param U = 0.3, tau_rec = 200 ms, tau_facil = 50 ms
  weight w : pA
  state u = 0, R = 1
  u' = -u / tau_facil
  R' = (1 - R) / tau_rec
  on pre { u += U * (1 - u);  send w * u * R;  R -= u * R } }""", {"u": 0.0, "R": 1.0}, {}, tm_pre, None, tm_flow)


def drift_pre(z, x, y):
    z["e"] += y["y"]
    z["w"] = clip(z["w"] + z["c"] - z["e"])
    return z["w"]


def drift_post(z, x, y):
    z["e"] += x["x"]
    z["w"] = clip(z["w"] - z["c"])


def drift_flow(z, x, y):
    """Over the step, with the traces as at its begin."""
    a = math.exp(-DT / 30)
    z["c"] = z["c"] * a + 30 * (1 - a) * (0.01 * y["y"] + 0.02 * x["x"])
    z["e"] *= math.exp(-DT / 100)


# stepped: a state that follows the cells' traces continuously
DRIFT = Rule("""synapse rule {
  weight w : pA in [0 pA, 150 pA]
  state c = 0, e = 0
  state x = 0 per pre
  state y = 0 per post
  c' = -c / (30 ms) + 0.01/ms * y + 0.02/ms * x
  e' = -e / (100 ms)
  x' = -x / (15 ms)
  y' = -y / (25 ms)
  on pre  { e += y;  w += 1 pA * (c - e);  send w;  x += 1 }
  on post { e += x;  w -= 1 pA * c;  y += 1 } }""", {"c": 0.0, "e": 0.0}, {"x": ("pre", 15.0, lambda v: v + 1), "y": ("post", 25.0, lambda v: v + 1)}, drift_pre, drift_post, drift_flow)


def decay_flow(z, x, y):
    z["w"] = clip(60 + (z["w"] - 60) * math.exp(-DT / 100))
    z["c"] *= math.exp(-DT / 50)


def decay_pre(z, x, y):
    z["c"] += 1
    z["w"] = clip(z["w"] - 3 * y["y"])
    return z["w"] * (1 + 0.1 * z["c"])


def decay_post(z, x, y):
    z["w"] = clip(z["w"] + 2 * x["x"] + z["c"])


# a weight with an equation of its own
DECAY = Rule("""synapse rule {
  weight w : pA in [0 pA, 150 pA]
  state c = 0
  state x = 0 per pre
  state y = 0 per post
  w' = (60 pA - w) / (100 ms)
  c' = -c / (50 ms)
  x' = -x / (15 ms)
  y' = -y / (25 ms)
  on pre  { c += 1;  w -= 3 pA * y;  send w * (1 + 0.1 * c);  x += 1 }
  on post { w += 2 pA * x + 1 pA * c;  y += 1 } }""", {"c": 0.0}, {"x": ("pre", 15.0, lambda v: v + 1), "y": ("post", 25.0, lambda v: v + 1)}, decay_pre, decay_post, decay_flow)


# ---- the oracle

def simulate(rule, spikes, synapses, n_steps, axonal, frozen=(0, 0)):
    """[(source, target, delay in steps, w0)] -> w by step, states by step, arrivals by (step, target). Each synapse by itself."""
    weights = [[w0] for _, _, _, w0 in synapses]
    states = [[{**rule.own, **dict.fromkeys(rule.traces, 0.0)}] for _ in synapses]
    arrive = defaultdict(float)
    for k, (source, target, delay, w0) in enumerate(synapses):
        dendritic = delay - axonal
        pre = {s + axonal for s in spikes["A", source]}
        post = {s + dendritic for s in spikes["B", target]}
        z = State(rule.own, w=w0)
        x = {n: 0.0 for n, tr in rule.traces.items() if tr[0] == "pre"}
        y = {n: 0.0 for n, tr in rule.traces.items() if tr[0] == "post"}
        for step in range(1, n_steps + 1):
            z.frozen = frozen[0] < step * DT - 1e-9 and step * DT <= frozen[1] + 1e-9
            if rule.flow:
                rule.flow(z, x, y)
            for n, v in x.items():
                x[n] = decayed(v, rule.traces[n][1])
            for n, v in y.items():
                y[n] = decayed(v, rule.traces[n][1])
            if step in post and rule.on_post:
                rule.on_post(z, x, y)
            if step in pre:
                arrive[step + dendritic, target] += rule.on_pre(z, x, y)
                for n in x:
                    x[n] = rule.traces[n][2](x[n])
            if step in post:
                for n in y:
                    y[n] = rule.traces[n][2](y[n])
            weights[k].append(z["w"])
            states[k].append({**z, **x, **y})
    return weights, states, arrive


def compare(t, what, rule, connect, delay, axonal, duration=300, rates=("40 Hz", "60 Hz"), seed=3, freeze=False):
    text = NETWORK % (rule.text, *rates, connect, delay, f"{duration} ms", seed)
    if freeze:
        text = text[:text.rindex("run ")] + PHASES
    names = [*rule.own, *rule.traces]
    text = text.replace("  record spikes", "".join(f"  record {name} of ab every 7.3 ms\n" for name in names) + "  record spikes")
    run = Run(t, text, "--threads", "2")
    if not t.check(run.good, f"{what}: it runs", run.process.stderr):
        return
    spikes = defaultdict(list)
    for step, population, cell in run.spikes():
        spikes[population, cell].append(step)
    rows = table(run, "weight")
    first = [r for r in rows if r[0] == 0]
    synapses = [(s, g, steps(d), w) for _, _, s, g, d, w in first]
    n_steps = round(duration / DT)
    want, states, arrive = simulate(rule, spikes, synapses, n_steps, axonal, FROZEN if freeze else (0, 0))
    worst, n = 0.0, len(synapses)
    for i, row in enumerate(rows):
        worst = max(worst, abs(row[5] - want[i % n][round(row[0] / DT)]))
    moved = max(abs(w[-1] - w[0]) for w in want)
    t.check(worst < 1e-9, f"{what}: weights of {n} synapses at {len(rows) // n} times", worst)
    off = {}
    for name in names:
        rows = table(run, name)
        off[name] = max(abs(row[5] - states[i % n][steps(row[0])][name]) for i, row in enumerate(rows))
        if [r[1:5] for r in rows[:n]] != [r[1:5] for r in first] or len(rows) != n * (n_steps // 73 + 2):
            off[name] = math.inf
    t.check(max(off.values()) < 1e-9, f"{what}: states of the synapses and of their cells, between events too", off)
    if rule.on_post:
        t.check(moved > 1, f"{what}: which move", moved)
    totals, worst = [0.0] * 9, 0.0
    for step, sums in enumerate(run.rows("S")):
        for cell in range(9):
            totals[cell] += arrive.get((step, cell), 0.0)
            worst = max(worst, abs(sums[cell] - totals[cell]))
    t.check(worst < 1e-4 and max(totals) > 100, f"{what}: what arrives, and when", (worst, totals))


def oracle_check(t):
    all_pairs = "all_to_all"
    compare(t, "pairs, dendritic delay", STDP, all_pairs, "= 1.5 ms", 0)
    compare(t, "pairs, axonal and dendritic parts", STDP, "indegree(8)", "= axonal(0.9 ms) + dendritic(0.4 ms)", 9)
    compare(t, "pairs, delays of their own, several synapses of a pair", STDP, "indegree(20)", "~ uniform(0.4 ms, 4 ms)", 0, duration=200)
    compare(t, "pairs, a target that bursts", STDP, all_pairs, "= 0.5 ms", 0, duration=120, rates=("5 Hz", "2 kHz"))
    compare(t, "triplets", TRIPLET, "probability(0.5)", "= axonal(0.2 ms) + dendritic(1.1 ms)", 2)
    compare(t, "a state of each synapse, conditions", ELIGIBILITY, "indegree(6)", "= axonal(0.5 ms) + dendritic(0.7 ms)", 5)
    compare(t, "short-term plasticity", TM, all_pairs, "~ normal(2 ms, 0.5 ms) within [0.5 ms, 3 ms]", 0, rates=("60 Hz", "1 Hz"))
    compare(t, "stepped", DRIFT, "indegree(6)", "= axonal(0.5 ms) + dendritic(0.7 ms)", 5, duration=150)


def freeze_check(t):
    compare(t, "frozen for a phase: pairs", STDP, "indegree(20)", "~ uniform(0.4 ms, 4 ms)", 0, freeze=True)
    compare(t, "frozen for a phase: a state of each synapse, conditions", ELIGIBILITY, "indegree(6)", "= axonal(0.5 ms) + dendritic(0.7 ms)", 5, freeze=True)
    compare(t, "frozen for a phase: stepped", DRIFT, "indegree(6)", "= axonal(0.5 ms) + dendritic(0.7 ms)", 5, freeze=True)
    compare(t, "a weight with an equation", DECAY, "indegree(6)", "= axonal(0.5 ms) + dendritic(0.7 ms)", 5)
    compare(t, "frozen for a phase: a weight with an equation", DECAY, "indegree(6)", "= axonal(0.5 ms) + dendritic(0.7 ms)", 5, freeze=True)


# ---- the same bits

def bits_check(t):
    text = NETWORK % (ELIGIBILITY.text, "40 Hz", "60 Hz", "indegree(20)", "~ uniform(0.4 ms, 4 ms)", "300 ms", 5)
    often = text.replace("every 20 ms", "every 0.3 ms")
    hashes = {}
    for name, model, options in (("one thread", text, ["--threads", "1"]), ("two", text, ["--threads", "2"]), ("swept often", often, ["--threads", "2"])):
        run = Run(t, model, *options)
        hashes[name] = run_json(run.out)["state_hash"] if run.good else run.process.stderr
    t.check(len(set(hashes.values())) == 1, "threads, and when rows catch up, change no bit", hashes)


def verify_check(t):
    """--verify: static synapses and drives onto the same port, several sends of one event, delays of their own."""
    text = NETWORK % (ELIGIBILITY.text.replace("send w * (1 + 0.1 * c) }", "send w * (1 + 0.1 * c) }\n    send 0.5 * w after 0.7 ms"), "80 Hz", "60 Hz", "indegree(20)", "~ uniform(0.4 ms, 4 ms)", "100 ms", 5)
    text = text.replace("  connect ab:", "  connect A -> B.exc by indegree(7) { weight ~ uniform(1 pA, 2 pA);  delay ~ uniform(0.5 ms, 3 ms) }\n  connect ab:")
    plain, run = Run(t, text, "--threads", "2"), Run(t, text, "--threads", "2", "--verify")
    checked = run_json(run.out).get("verified", {}) if run.good else {}
    t.check(plain.good and run.good and run_json(plain.out)["state_hash"] == run_json(run.out)["state_hash"] and checked.get("events", 0) > 80,
            "--verify looks at what synapses send, and changes no bit", (checked, run.process.stderr, plain.process.stderr))


# ---- what cannot be done is refused

def refusals_check(t):
    short = NETWORK % (STDP.text, "40 Hz", "60 Hz", "indegree(4)", "%s", "20 ms", 1)
    cases = (("an axonal delay that leaves no step for the rest", short % "= axonal(1 ms) + dendritic(0 ms)", "leaves less than one step for its dendritic part"),
             ("a weight without a bound that runs away", (short % "= 1 ms").replace("in [0 pA, w_max]", "").replace("w += lambda", "w *= 1000;  w += lambda"),
              "a synapse sends what is no number, or more than"),
             ("more than there is memory", (NETWORK % (STDP.text, "1 Hz", "1 Hz", "all_to_all", "= 1 ms", "1 ms", 1)).replace("src[12]", "src[200000]")
              .replace("dst[9]", "dst[300000]").replace("record S of B every 0.1 ms", ""), "they are always stored, and"))
    refused(t, cases)


if __name__ == "__main__":
    tap = Tap()
    refusals_check(tap)
    oracle_check(tap)
    freeze_check(tap)
    bits_check(tap)
    verify_check(tap)
    tap.done()
