#!/usr/bin/env python3
"""Synapses that learn from more than spikes: signals, variables of the cells on both sides, draws. As in plastic.py each synapse is simulated by itself in
every step, from language.md alone; what it sees of the network (spikes, signals, voltages) is what the run has recorded."""
import math
import re
from collections import defaultdict

from plastic import DT, clip, decayed, table
from semantics import Run, refused, steps
from tap import Tap, run_json

CELLS = """
neuron src { state V = 0 mV, U = 0.5 mV, B = 0 mV
  U' = -U / (10 ms)
  receive go(w : mV) { V += w;  U += w }
  spike when V > 1 mV { B = U;  V = 0 mV;  U -= 3 mV } }
neuron dst { param E = 0.2 mV
  state V = 0 mV, U = 0.5 mV, B = 0 mV, S = 0 pA
  let up = U - E
  U' = -U / (10 ms)
  receive go(w : mV) { V += w;  U += w }
  receive exc(w : pA) { S += w }
  spike when V > 1 mV { B = U;  V = 0 mV;  U -= 3 mV } }
"""

NETWORK = CELLS + """
%(rule)s
network net {
  %(signal)s
  population A : src[8]
  population B : dst[6]
  population D : src[3]
  drive A.go with poisson(50 Hz) { weight = 2 mV }
  drive B.go with poisson(70 Hz) { weight = 2 mV }
  drive D.go with poisson(15 Hz) { weight = 2 mV }
  connect ab: A -> B.exc by all_to_all with rule { %(settings)s  weight ~ uniform(20 pA, 100 pA);  delay = axonal(0.5 ms) + dendritic(0.7 ms) }
}
experiment e { network net
  record spikes of (A, B)
  record S of B every 0.1 ms
  record weight of ab every 20 ms
  %(record)s
  run %(duration)s ms with dt = 0.1 ms, seed = 3 }
"""
AXONAL, DENDRITIC, N_TARGETS = 5, 7, 6


class Rule:
    """step(z, seen, k): the synapse's own states z over (k - 1, k]; pre, post: handlers at k. seen: traces just before the spikes of k (step: at k - 1)
    and signals."""

    def __init__(self, text, own, traces, on_pre, on_post, flow):
        self.text, self.own, self.traces, self.on_pre, self.on_post, self.flow = text, own, traces, on_pre, on_post, flow


def simulate(rule, spikes, synapses, n_steps, signals, cells):
    """Weights by step, and what arrives by (step, target). signals: name -> values by step; cells: name -> (side, just before the spikes of a step, behind
    them), each by cell and step."""
    weights, arrive = [], defaultdict(float)
    for source, target, _, w0 in synapses:
        pre, post = {k + AXONAL for k in spikes["A", source]}, {k + DENDRITIC for k in spikes["B", target]}
        z, seen = dict(rule.own, w=w0), {name: 0.0 for name in rule.traces}
        course = [w0]
        for k in range(1, n_steps + 1):
            seen.update({name: values[k - 1] for name, values in signals.items()})
            for name, (side, _, after) in cells.items():
                seen[name] = after[source][max(k - 1 - AXONAL, 0)] if side == "pre" else after[target][max(k - 1 - DENDRITIC, 0)]
            rule.flow(z, seen)
            for name, (side, before, _) in cells.items():
                seen[name] = before[source][max(k - AXONAL, 0)] if side == "pre" else before[target][max(k - DENDRITIC, 0)]
            for name, (_, tau) in rule.traces.items():
                seen[name] = decayed(seen[name], tau)
            if k in post:
                rule.on_post(z, seen)
            if k in pre:
                arrive[k + DENDRITIC, target] += rule.on_pre(z, seen)
            for name, (side, _) in rule.traces.items():
                seen[name] += k in (pre if side == "pre" else post)
            course.append(z["w"])
        weights.append(course)
    return weights, arrive


def check(t, what, run, rule, n_steps, tolerance=1e-9, signals=lambda run: {}, cells=lambda run, spikes: {}):
    if not t.check(run.good, f"{what}: it runs", run.process.stderr):
        return
    spikes = defaultdict(list)
    for step, population, cell in run.spikes():
        spikes[population, cell].append(step)
    rows = table(run, "weight")
    synapses = [(s, g, steps(d), w) for at, _, s, g, d, w in rows if at == 0]
    want, arrive = simulate(rule, spikes, synapses, n_steps, signals(run), cells(run, spikes))
    worst = max(abs(row[5] - want[i % len(synapses)][round(row[0] / DT)]) for i, row in enumerate(rows))
    moved = max(abs(w[-1] - w[0]) for w in want)
    t.check(worst < tolerance, f"{what}: weights of {len(synapses)} synapses at {len(rows) // len(synapses)} times", worst)
    t.check(moved > 1, f"{what}: which move", moved)
    totals, worst = [0.0] * N_TARGETS, 0.0
    for step, sums in enumerate(run.rows("S")):
        for cell in range(N_TARGETS):
            totals[cell] += arrive.get((step, cell), 0.0)
            worst = max(worst, abs(sums[cell] - totals[cell]))
    t.check(worst < 1e-4 and max(totals) > 100, f"{what}: what arrives, and when", (worst, totals))


# ---- signals

def hybrid_flow(z, seen):
    """c decays over the step, n is that of its begin."""
    z["w"] = clip(z["w"] + z["c"] * 40 * (1 - math.exp(-DT / 40)) * 0.01 * (seen["n"] - 0.1))
    z["c"] *= math.exp(-DT / 40)


def hybrid_pre(z, seen):
    z["c"] -= seen["y"]
    return z["w"] * (1 + seen["n"])


def hybrid_post(z, seen):
    z["c"] += seen["x"] + 0.1 * seen["n"]


# the form of Izhikevich (2007): pairs mark the synapse, the signal turns marks into weights; and handlers that read it, too
HYBRID = Rule("""synapse rule { param b = 0.1 nM
  input n : nM
  weight w : pA in [0 pA, 150 pA]
  state c = 0
  state x = 0 per pre
  state y = 0 per post
  c' = -c / (40 ms)
  w' = 0.01 pA/ms * c * (n - b) / (1 nM)
  x' = -x / (15 ms)
  y' = -y / (25 ms)
  on pre  { c -= y;  send w * (1 + n / (1 nM));  x += 1 }
  on post { c += x + 0.1 * n / (1 nM);  y += 1 } }""", {"c": 0.0}, {"x": ("pre", 15.0), "y": ("post", 25.0)}, hybrid_pre, hybrid_post, hybrid_flow)


def gated_flow(z, seen):
    z["e"] *= math.exp(-DT / 60)


def gated_pre(z, seen):
    z["w"] = clip(z["w"] + 2 * seen["n"] * z["e"])
    z["e"] -= 0.5 * seen["y"]
    return z["w"]


def gated_post(z, seen):
    z["w"] = clip(z["w"] - seen["n"] * z["e"])
    z["e"] += seen["x"]


# handlers alone read the signal: what each synapse has for itself keeps its closed form
GATED = Rule("""synapse rule { input n : nM
  weight w : pA in [0 pA, 150 pA]
  state e = 0
  state x = 0 per pre
  state y = 0 per post
  e' = -e / (60 ms)
  x' = -x / (15 ms)
  y' = -y / (25 ms)
  on pre  { w += 2 pA * e * n / (1 nM);  e -= 0.5 * y;  send w;  x += 1 }
  on post { w -= 1 pA * e * n / (1 nM);  e += x;  y += 1 } }""", {"e": 0.0}, {"x": ("pre", 15.0), "y": ("post", 25.0)}, gated_pre, gated_post, gated_flow)

def closed_flow(z, seen):
    """Eligibility and signal both decay within the step; handlers see the signal at its end."""
    rate = 1 / 40 + 1 / 50
    z["w"] = clip(z["w"] + z["c"] * seen["n"] * 0.02 * (1 - math.exp(-rate * DT)) / rate)
    z["e"] = z["e"] * math.exp(-DT / 80) + seen["n"] * 0.1 * (math.exp(-DT / 50) - math.exp(-DT / 80)) / (1 / 80 - 1 / 50)
    z["c"] *= math.exp(-DT / 40)
    seen["n"] *= math.exp(-DT / 50)


def closed_pre(z, seen):
    z["c"] -= seen["y"]
    return z["w"] * (1 + seen["n"]) + z["e"]


# a signal that decays by itself is followed from event to event: its product with what decays too is one exponential more
CLOSED = Rule("""synapse rule { input n : nM
  weight w : pA in [0 pA, 150 pA]
  state c = 0, e = 0 nM
  state x = 0 per pre
  state y = 0 per post
  let both = c * n
  c' = -c / (40 ms)
  e' = -e / (80 ms) + n * 0.1/ms
  w' = 0.02 pA/ms / (1 nM) * both
  x' = -x / (15 ms)
  y' = -y / (25 ms)
  on pre  { c -= y;  send w * (1 + n / (1 nM)) + e * 1 pA / (1 nM);  x += 1 }
  on post { c += x + 0.1 * n / (1 nM);  y += 1 } }""", {"c": 0.0, "e": 0.0}, {"x": ("pre", 15.0), "y": ("post", 25.0)}, closed_pre, hybrid_post, closed_flow)

SIGNAL = "signal da : nM { da' = -da / (50 ms);  on spike of D { da += 0.3 nM } }"


def signal_model(rule, duration=200):
    return NETWORK % {"rule": rule.text, "signal": SIGNAL, "settings": "n = da;", "record": "record da every 0.1 ms", "duration": duration}


def signals_check(t):
    for what, rule in (("a signal in an equation", HYBRID), ("a signal in handlers", GATED), ("a signal that is followed", CLOSED)):
        check(t, what, Run(t, signal_model(rule), "--threads", "2"), rule, 2000, signals=lambda r: {"n": [v * 1 for v in r.column("da")]})
    for rule in GATED, CLOSED:
        hashes = {}
        for threads in "1", "2":
            run = Run(t, signal_model(rule, 100), "--threads", threads)
            hashes[threads] = run_json(run.out)["state_hash"] if run.good else run.process.stderr
        t.check(len(set(hashes.values())) == 1, "signals: the same bits on one thread and on two", hashes)


# NEST 3.10, one stdp_dopamine_synapse (Izhikevich 2007) between parrots, delay 1 ms, steps of 0.1 ms: tau_c 1 s, tau_n 200 ms, A_minus 1.5, b 0, weight 50 at first.
# Spikes leave the cells 1 ms behind these times, and dopamine arrives a step later. The weight at 100 ms, 200 ms, ...
NEST_PRE, NEST_POST, NEST_DOPAMINE = [10 + 23.7 * k for k in range(40)], [14 + 29.3 * k for k in range(33)], [100, 251.3, 480, 720.4]
NEST_WEIGHTS = [50.0, 49.37395090370573, 48.095493273496025, 46.460122764785176, 44.809687433033375,
                41.65536925522464, 39.27600888153417, 34.92050534156658, 31.616417023892044, 29.736602180739904]


def nest_model(ms):
    def times(of):
        return ", ".join(f"{x + 0.9:.1f} ms" for x in of)

    return CELLS.replace("U -= 3 mV", "U = 0 mV") + f"""
network net {{
  signal da : uM {{ da' = -da / (200 ms);  on spike of D {{ da += 0.005 uM }} }}
  population A : src[1]
  population B : dst[1]
  population D : src[1]
  drive A.go with times([{times(NEST_PRE)}]) {{ weight = 2 mV;  delay = 0.1 ms }}
  drive B.go with times([{times(NEST_POST)}]) {{ weight = 2 mV;  delay = 0.1 ms }}
  drive D.go with times([{times(NEST_DOPAMINE)}]) {{ weight = 2 mV;  delay = 0.1 ms }}
  connect ab: A -> B.exc by all_to_all with stdp_dopamine {{ n = da;  gain = 1 pA/ms/uM;  weight = 50 pA;  delay = 1 ms }}
}}
experiment e {{ network net
  record spikes of B
  record weight of ab every 100 ms
  run {ms} ms with dt = 0.1 ms }}
"""


def nest_check(t, *options, ms=1000):
    run = Run(t, nest_model(ms), *options)
    found = [row[5] for row in table(run, "weight")][1:] if run.good else []
    worst = max((abs(a - b) for a, b in zip(found, NEST_WEIGHTS)), default=1)
    t.check(len(found) == ms // 100 and worst < 1e-10, "dopamine: the weights of NEST's stdp_dopamine_synapse", run.process.stderr or (worst, found))


# ---- variables of the cells on both sides

def of_cells(run, record, spikes, population, n):
    """A recorded state, by cell and step, behind the spikes of the step; and just before them: the neurons keep that in B."""
    after = [list(column) for column in zip(*run.rows(record))]
    kept = [list(column) for column in zip(*run.rows(record.replace("U", "B")))]
    before = [list(column) for column in after]
    for cell in range(n):
        for k in spikes[population, cell]:
            before[cell][k] = kept[cell][k]
    return before, after


def filtered(courses, spikes, population, start, step, jump):
    """A state that the synapse's text gives to each cell: step(m, u) over a step, u being the cell's U at its begin; jump(m) at its spikes."""
    before, after = [], []
    for cell, course in enumerate(courses):
        m, b, a = start, [start], [start]
        for k in range(1, len(course)):
            m = step(m, course[k - 1])
            b.append(m)
            m = jump(m) if k in set(spikes[population, cell]) else m
            a.append(m)
        before.append(b)
        after.append(a)
    return before, after


def followed(m, u, tau=20.0, decay=10.0):
    """m' = (U - m) / tau while U decays on its own."""
    return m * math.exp(-DT / tau) + u * decay / (decay - tau) * (math.exp(-DT / decay) - math.exp(-DT / tau))


def sides_seen(run, spikes):
    post_u, pre_u = of_cells(run, "U", spikes, "B", N_TARGETS), of_cells(run, "UA", spikes, "A", 8)
    m = filtered(post_u[1], spikes, "B", 0.5, followed, lambda v: v + 0.1)
    p = filtered(pre_u[1], spikes, "A", 0.0, followed, lambda v: v)
    q = filtered(pre_u[1], spikes, "A", 1.0, lambda v, u: v / (1 + v * DT / 20), lambda v: v + 1)
    return {"pre": ("pre", *pre_u), "post": ("post", *post_u), "m": ("post", *m), "p": ("pre", *p), "q": ("pre", *q)}


def sides_flow(z, seen):
    z["w"] = clip(z["w"] + DT * 0.05 * max(0, seen["post"] - 1) * max(0, seen["m"] - 0.5) * seen["p"])


def sides_pre(z, seen):
    z["w"] = clip(z["w"] - 0.3 * (seen["post"] - 0.2) * seen["q"] - 0.1 * seen["m"])
    return z["w"] + seen["pre"]


def sides_post(z, seen):
    z["w"] = clip(z["w"] + 0.4 * seen["pre"] * seen["q"] + 0.2 * seen["post"] * seen["p"])


# handlers read both sides as they were just before the spikes; cells filter themselves for the synapse; an equation multiplies both
SIDES = Rule("""synapse rule {
  weight w : pA in [0 pA, 150 pA]
  state q = 1 per pre
  state p = 0 mV per pre
  state m = post.U per post
  q' = -q * q / (20 ms)
  p' = (pre.U - p) / (20 ms)
  m' = (post.U - m) / (20 ms)
  w' = 0.05 pA/ms / (1 mV)^3 * max(0 mV, post.U - 1 mV) * max(0 mV, m - 0.5 mV) * p
  on pre  { w -= 0.3 pA / (1 mV) * post.up * q + 0.1 pA / (1 mV) * m;  send w + pre.U * (1 pA) / (1 mV);  q += 1 }
  on post { w += 0.4 pA / (1 mV) * pre.U * q + 0.2 pA / (1 mV)^2 * post.U * p;  m += 0.1 mV } }""", {}, {}, sides_pre, sides_post, sides_flow)

# the same without the equation: from event to event
EVENTS = Rule(SIDES.text.replace("  w' = 0.05 pA/ms / (1 mV)^3 * max(0 mV, post.U - 1 mV) * max(0 mV, m - 0.5 mV) * p\n", ""), {}, {},
              sides_pre, sides_post, lambda z, seen: None)


def sides_model(rule, duration=200):
    return NETWORK % {"rule": rule.text, "signal": "", "settings": "", "duration": duration,
                      "record": "".join(f"record {v} of {p} as {v}{a} every 0.1 ms\n  " for v in "UB" for p, a in (("A", "A"), ("B", "")))}


def clopath_seen(run, spikes):
    post = of_cells(run, "U", spikes, "B", N_TARGETS)
    minus, plus = (filtered(post[1], spikes, "B", 0.5, lambda m, u, tau=tau: followed(m, u, tau), lambda v: v) for tau in (12.0, 7.0))
    return {"u": ("post", *post), "minus": ("post", *minus), "plus": ("post", *plus)}


def clopath_flow(z, seen):
    """The weight follows the presynaptic trace within the step, and the voltages at its begin."""
    z["w"] = clip(z["w"] + 100 * 0.02 * max(0, seen["u"] - 1) * max(0, seen["plus"] - 0.2) * seen["x"] * DT / 15, hi=100)


def clopath_pre(z, seen):
    z["w"] = clip(z["w"] - 100 * 0.01 * max(0, seen["minus"] - 0.2), hi=100)
    return z["w"]


CLOPATH = Rule("", {}, {"x": ("pre", 15.0)}, clopath_pre, lambda z, seen: None, clopath_flow)


def clopath_model():
    text = sides_model(Rule("", {}, {}, None, None, None)).replace("with rule", "with clopath")
    for a, b in (("V", "X"), ("U", "V"), ("X", "U")):
        text = re.sub(rf"\b{a}\b", b, text)
    text = re.sub(r"record ([UV]) of ([AB]) as ([UV])", lambda m: f"record {m[1]} of {m[2]} as {'V' if m[1] == 'U' else 'U'}", text)
    settings = "theta_minus = 0.2 mV;  theta_plus = 1 mV;  tau_minus = 12 ms;  A_LTD = 0.01/mV;  A_LTP = 0.02/mV^2;  weight"
    return text.replace("weight ~", settings + " ~", 1)


BEGINS = """
neuron src { state V = 3 mV;  V' = 1 mV/ms;  spike when V > 4.95 mV { V = -100 mV } }
neuron dst { state S = 0;  S' = 0 / (1 ms);  receive e(w : 1) { S += w } }
synapse rule { weight w
  state x = pre.V per pre
  x' = -x / (10 ms)
  on pre { send w * (x / (1 mV)) } }
network net {
  population A : src[1]
  population B : dst[1]
  connect ab: A -> B.e by all_to_all with rule { weight = 1;  delay = 1 ms }
}
experiment e { network net
  record S of B every 1 ms
  run 4 ms with dt = 0.1 ms }
"""


def begins_check(t):
    """A state per pre with a closed form that begins with a variable of its cell."""
    run = Run(t, BEGINS)
    sent = run.column("S")[-1] if run.good else run.process.stderr
    t.check(run.good and abs(sent - 3 * math.exp(-0.2)) < 1e-9, "a state per pre begins with the cell's voltage", sent)


TAKES = """synapse rule { weight w : pA
  state x = 0 mV per pre
  x' = -x / (10 ms)
  on pre  { send w * x / (1 mV);  x = pre.U } }"""


def takes_model(duration=100):
    record = "record x of ab every 7.3 ms\n  record U of A as UA every 0.1 ms\n  record B of A as BA every 0.1 ms"
    return NETWORK % {"rule": TAKES, "signal": "", "settings": "", "record": record, "duration": duration}


def takes_check(t):
    """A state per pre that takes a variable of its cell at a spike, which no synapse reads itself."""
    run = Run(t, takes_model(), "--threads", "2")
    if not t.check(run.good, "a state per pre takes a variable of its cell", run.process.stderr):
        return
    kept, want = run.rows("BA"), {}
    for step, population, cell in run.spikes():
        if population == "A":
            want.setdefault(cell, []).append((step + AXONAL, kept[step][cell]))
    worst, n = 0.0, 0
    for at, _, source, _, _, x in table(run, "x"):
        k, u = max(((k, u) for k, u in want.get(source, []) if k <= steps(at)), default=(0, 0.0))
        worst, n = max(worst, abs(x - u * math.exp(-(steps(at) - k) * DT / 10))), n + (x != 0)
    t.check(worst < 1e-9 and n > 100, "a state per pre takes a variable of its cell: as it was just before the spike", (worst, n))


def sides_check(t):
    for what, rule in (("variables of both cells, stepped", SIDES), ("variables of both cells in handlers", EVENTS)):
        check(t, what, Run(t, sides_model(rule), "--threads", "2"), rule, 2000, 1e-8, cells=sides_seen)
    check(t, "the library's clopath", Run(t, clopath_model(), "--threads", "2"), CLOPATH, 2000, cells=clopath_seen)
    hashes = {}
    for threads in "1", "2":
        run = Run(t, sides_model(EVENTS), "--threads", threads)
        hashes[threads] = run_json(run.out)["state_hash"] if run.good else run.process.stderr
    t.check(len(set(hashes.values())) == 1, "variables of both cells: the same bits on one thread and on two", hashes)


# ---- draws, and contacts that come and go

DRAWS = """synapse rule { weight w : pA
  state z = 0, e = 0, l = 0, r = 0
  on pre  { r ~ uniform(-1, 3);  %s;  send w }
  on post { e ~ exponential(2);  if e > 100 { w = 0 pA } } }"""


def draws_check(t):
    """Laws by their first two moments; 5 standard errors."""
    for law, mean, sd in (("w = 10 pA * r", 10, 40 / math.sqrt(12)), ("w ~ normal(5 pA, 2 pA)", 5, 2), ("w ~ exponential(4 pA)", 4, 4),
                          ("l ~ lognormal(0, 0.5);  w = l * 1 pA", math.exp(0.125), math.exp(0.125) * math.sqrt(math.exp(0.25) - 1))):
        text = NETWORK % {"rule": DRAWS % law, "signal": "", "settings": "", "record": "", "duration": 400}
        text = text.replace("every 20 ms", "every 10 ms").replace("src[8]", "src[40]").replace("50 Hz", "200 Hz")
        run = Run(t, text, "--threads", "2")
        if not t.check(run.good, f"draws: {law}", run.process.stderr):
            continue
        drawn = list(dict.fromkeys(row[5] for row in table(run, "weight") if row[0] >= 100))
        n = len(drawn)
        off = abs(sum(drawn) / n - mean) / (sd / math.sqrt(n))
        spread = math.sqrt(sum((x - mean) ** 2 for x in drawn) / n)
        t.check(n > 3000 and off < 5 and abs(spread / sd - 1) < 0.1, f"draws: {law}: its law, and no two synapses or times alike", (n, off, spread, sd))


def turnover_check(t):
    """A contact that is away sends nothing; each presynaptic spike finds it back with 1 - exp(-growth * time since the last one)."""
    settings = "growth = 20 Hz;  w_min = 55 pA;  lambda = 0.02;  weight"
    text = (NETWORK % {"rule": "", "signal": "", "settings": "", "record": "", "duration": 150}).replace("with rule", "with structural_stdp")
    text = text.replace("weight ~", settings + " ~").replace("every 20 ms", "every 0.1 ms").replace("src[8]", "src[16]")
    hashes = set()
    for threads in "2", "1":
        run = Run(t, text, "--threads", threads)
        if not t.check(run.good, "contacts that come and go: it runs", run.process.stderr):
            return
        hashes.add(run_json(run.out)["state_hash"])
    t.check(len(hashes) == 1, "contacts that come and go: the same bits on one thread and on two", hashes)
    spikes = defaultdict(list)
    for step, population, cell in run.spikes():
        spikes[population, cell].append(step + AXONAL)
    w = defaultdict(list)
    for row in table(run, "weight"):
        w[row[2], row[3]].append(row[5])
    arrive, came, expected, spread, went = defaultdict(float), 0, 0.0, 0.0, 0
    for (source, target), course in w.items():
        last = 0
        for k in spikes["A", source]:
            if k >= len(course):
                continue
            arrive[k + DENDRITIC, target] += course[k]
            if course[k - 1] == 0:
                p = 1 - math.exp(-20e-3 * (k - last) * DT)
                came, expected, spread = came + (course[k] == 20), expected + p, spread + p * (1 - p)
            went += course[k - 1] >= 55 and course[k] == 0
            last = k
    t.check(came > 20 and went > 1 and abs(came - expected) < 4 * math.sqrt(spread), "contacts that come and go: how many come back", (came, expected, spread, went))
    totals, worst = [0.0] * N_TARGETS, 0.0
    for step, sums in enumerate(run.rows("S")):
        for cell in range(N_TARGETS):
            totals[cell] += arrive.get((step, cell), 0.0)
            worst = max(worst, abs(sums[cell] - totals[cell]))
    t.check(worst < 1e-4 and max(totals) > 100, "contacts that come and go: what is away sends nothing", (worst, totals))


def refusals_check(t):
    cases = (("a signal of another dimension", signal_model(HYBRID).replace("signal da : nM", "signal da : mV").replace("0.3 nM", "0.3 mV"), "the input `n`"),
             ("a signal bound twice", signal_model(HYBRID).replace("n = da;", "n = da;  n = da;"), "set twice"),
             ("a number in place of a signal", signal_model(HYBRID).replace("n = da;", "n = 2 nM;"), "input"))
    refused(t, cases)


if __name__ == "__main__":
    tap = Tap()
    signals_check(tap)
    nest_check(tap)
    sides_check(tap)
    begins_check(tap)
    takes_check(tap)
    draws_check(tap)
    turnover_check(tap)
    refusals_check(tap)
    tap.done()
