#!/usr/bin/env python3
"""Third parts of synapses: who stands at which synapse, when what is sent arrives and what flows back, against plain Python; the same bits
wherever the three parts sit; what is refused when a program starts. Sources spike once each, at times of their own, so the astrocytes' jumps
tell whose synapses they stand at; each astrocyte streams a power of 64, so the digits of a target's current tell who stands at its synapses."""
import json
import math
import os

from semantics import NSLC, Run, call
from tap import Tap, run_json

MODEL = """
neuron clock { param at = 1 ms;  state x = 0 ms;  x' = 1;  spike when x >= at }
neuron target {
  input I
  state V = 0, flow = 0
  V' = 0 / (1 ms)
  flow' = (I - flow) / (1 ms)
  receive e(w : 1) { V += w }
}
glia star {
  param power = 0, on = 2 s
  state x = 0
  x' = 0 / (1 ms)
  let y = pow(64, power)
  let late = if t >= on then 1 else 0
  receive glu(w : 1) { x += w }
}
synapse tri {
  param d = 1, after = 0.7 ms
  weight w
  on pre { send w;  send d to astro.glu after after }
  stream astro.y to post.I
}
"""


def network(n, m, cells, rule, pick, more=""):
    times = "\n".join(f"  E[{i}].at = {0.95 + i} ms" for i in range(n))
    powers = "\n".join(f"  A[{k}].power = {k}" for k in range(min(cells, 8)))
    return MODEL + f"""
network n {{
  param pool_of = 2
  population E : clock[{n}]
  population T : target[{m}]
  population A : star[{cells}]
  connect ee: E -> T.e by {rule} with tri {{ astro = A by {pick};  weight = 1;  delay = 0.5 ms{more} }}
}}
experiment e {{
  network n {{
{times}
{powers}
  }}
  record x of A every 1 ms
  record V of T every 1 ms
  record I of T every 1 ms
  run {n + 3} ms with dt = 0.1 ms, seed = 7
}}"""


def jumps(rows, n):
    """By source: what its one spike has added to each element."""
    return [[b - a for a, b in zip(rows[i + 1], rows[i + 2])] for i in range(n)]


def digits(flow, cells):
    return [int(flow) // 64**k % 64 for k in range(cells)]


def who(t, n, m, cells, rule, pick, size, share=1.0):
    r = Run(t, network(n, m, cells, rule, pick))
    if not t.check(r.good, f"{rule}, {pick}", r.process.stderr):
        return None
    to_astro, to_target = jumps(r.rows("x"), n), jumps(r.rows("V"), n)
    back = [digits(x, cells) for x in r.rows("I")[-1]]
    name = f"{rule}, {pick}: "
    t.check(all(sum(a) <= sum(v) for a, v in zip(to_astro, to_target)) and (share < 1 or all(sum(a) == sum(v) for a, v in zip(to_astro, to_target))),
            name + "as many third parts as a source has synapses", (to_astro, to_target))
    t.check([sum(a[k] for a in to_astro) for k in range(cells)] == [sum(b[k] for b in back) for k in range(cells)],
            name + "what is sent and what flows back agree on who it is", (to_astro, back))
    t.check(all(sum(b) <= sum(v[j] for v in to_target) for j, b in enumerate(back)) and all(sum(x > 0 for x in b) <= size for b in back),
            name + "each target knows its pool alone", back)
    total, of = sum(map(sum, to_astro)), sum(map(sum, to_target))
    t.check(abs(total - share * of) <= 5 * (of * share * (1 - share)) ** 0.5, name + "the share of synapses that have one", (total, of))
    return to_astro, back


def pools(t):
    who(t, 12, 20, 8, "indegree(9)", "pool(3)", 3)
    who(t, 12, 20, 8, "total_number(120)", "pool(2, probability = 0.3)", 2, 0.3)
    who(t, 6, 20, 8, "probability(0.5)", "block(2)", 2)
    who(t, 6, 20, 8, "outdegree(7), no multiple", "pool(8)", 8)
    one = who(t, 16, 16, 8, "one_to_one", "pool(3)", 3)
    t.check(one and one[0] == one[1], "one_to_one: the same one is reached and reaches back", one)
    t.check(one and len({a.index(1) for a in one[0]}) > 3, "and different targets have different ones", one)
    for n in (1, 3):
        got = who(t, 10, 20, 8, "all_to_all", f"block({n})", n)
        first = [min(j * 8 // 20, 8 - n) for j in range(20)]
        seen = [[k for k, x in enumerate(b) if x] for b in got[1]] if got else []
        t.check(got and all(set(s) <= set(range(f, f + n)) for s, f in zip(seen, first)), f"block({n}): runs of cells in the order of the targets", seen)
    got = Run(t, network(40, 600, 30, "all_to_all", "pool(4)"))
    if t.check(got.good, "many targets", got.process.stderr):
        counts = got.rows("x")[-1]
        mean = 40 * 600 / 30
        sd = (600 * 40 * 40 / 4 / 30) ** 0.5 * 1.2  # about: 600 targets with a cell in their pool by chance, a quarter of 40 synapses each
        t.check(all(abs(c - mean) < 5 * sd for c in counts), "every cell is as likely", (min(counts), max(counts), mean))


def chi_square(ours, theirs):
    """Of two histograms of different totals, with cells joined that hold less than ten; and its degrees of freedom."""
    joined, run = [], [0, 0]
    for pair in zip(ours, theirs):
        run = [run[0] + pair[0], run[1] + pair[1]]
        if min(run) >= 10:
            joined.append(run)
            run = [0, 0]
    if joined:
        joined[-1] = [joined[-1][0] + run[0], joined[-1][1] + run[1]]
    a, b = (sum(x[i] for x in joined) for i in (0, 1))
    return sum((x * (b / a) ** 0.5 - y * (a / b) ** 0.5) ** 2 / (x + y) for x, y in joined), len(joined) - 1


def pools_of_nest(t):
    """The same histograms as those of NEST's builder; the file says what they count."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference", "made", "third_factor_pools.json")) as f:
        theirs = json.load(f)
    for case in theirs["cases"]:
        pick, targets = f"pool({case['pool']}, probability = {case['probability']})", 1200
        got = Run(t, network(theirs["sources"], targets, theirs["astrocytes"], case["rule"], pick))
        if not t.check(got.good, f"{case['rule']}, {pick}", got.process.stderr):
            continue
        back = [digits(x, theirs["astrocytes"]) for x in got.rows("I")[-1]]
        counted = {"distinct": [sum(n > 0 for n in b) for b in back], "of_target": [sum(b) for b in back], "shared": [n for b in back for n in b if n]}
        for what, values in counted.items():
            chi, degrees = chi_square([values.count(k) for k in range(len(case[what]))], case[what])
            t.check(degrees >= 2 and chi < degrees + 5 * (2 * degrees) ** 0.5, f"{case['rule']}, {pick}: {what}, as in NEST", (chi, degrees))


def times(t):
    """A spike of T is at the astrocyte at T + axonal + after; what it streams at T acts in the step from T on."""
    text = network(1, 1, 1, "one_to_one", "pool(1)", ";  delay = axonal(0.4 ms) + dendritic(0.8 ms)").replace(";  delay = 0.5 ms;", ";")
    text = text.replace("stream astro.y to post.I", "stream astro.late to post.I").replace("A[0].power = 0", "A[0].on = 2 ms").replace("every 1 ms", "every 0.1 ms")
    r = Run(t, text)
    if not t.check(r.good, "times", r.process.stderr):
        return
    x, v, i = r.column("x"), r.column("V"), r.column("I")
    t.check(x.index(1) == 10 + 4 + 7, "sent at 1 ms, behind the axonal part and its own time", x.index(1))
    t.check(v.index(1) == 10 + 4 + 8, "the target's event as ever", v.index(1))
    t.check(i.index(1) == 21, "what is streamed at 2 ms is held over the step that begins there", i.index(1))


PLASTIC = """
synapse tri {
  param d = 0.05, t = 2 ms, late = 1 ms
  weight w : pA in [0 pA, 60 pA]
  state x = 0 per pre
  state y = 0 per post
  x' = -x / (20 ms)
  y' = -y / (20 ms)
  on pre { w -= 0.01 * w * y;  send w;  x += 1;  send d to astro.glu after t }
  on post { w += 0.01 * (60 pA - w) * x;  y += 1 }
  stream 3 * delayed(astro.flow, late) to post.I
}
"""
STATIC = """
synapse tri {
  param d = 0.05, t = 2 ms
  weight w : pA
  on pre { send w;  send d to astro.glu after t }
  stream 3 * astro.flow to post.I
}
"""


RELEASED = """
neuron target { state V = 0;  V' = 0 / (1 ms);  receive e(w : 1) { V += w } }
glia star { state x = 0;  x' = 0 / (1 ms);  receive glu(w : 1) { x += w } }
synapse released {
  param U = 0.4, tau_d = 200 ms, tau_f = 100 ms, d = 2
  weight w in [0, 100]
  state u = 0, r = 1
  state y = 0 per post
  u' = -u / tau_f
  r' = (1 - r) / tau_d
  y' = -y / (20 ms)
  on pre {
    u += U * (1 - u)
    send w * u * r
    if u > 0.5 { r -= u * r } else { r -= 0.5 * u * r }
    send d * r to astro.glu after 0.9 ms
    r -= 0.1 * r
  }
  on post { y += 1 }
}
network n {
  population E : poisson_neuron[5] { rate = 40 Hz }
  population T : target[20]
  population A : star[20]
  connect et: E -> T.e by all_to_all with released { tau_d = 150 ms;  astro = A by block(1);  weight = 1;  delay = axonal(0.2 ms) + dendritic(0.5 ms) }
}
experiment e {
  network n
  record spikes of E
  record x of A every 1 ms
  record V of T every 1 ms
  run 500 ms with dt = 0.1 ms, seed = 4
}
"""


def releases(t):
    """What depends on states of the synapse: against a plain course of u and r from spike to spike."""
    r = Run(t, RELEASED)
    if not t.check(r.good, "release that depends on states", r.process.stderr):
        return
    got, sent, arrived = [0.0] * 501, [0.0] * 501, [0.0] * 501
    for source in range(5):
        u, left, last = 0.0, 1.0, None
        for step, _, i in r.spikes():
            if i != source:
                continue
            gap = (step - last) * 0.1 if last is not None else 0
            u, left, last = u * math.exp(-gap / 100), 1 - (1 - left) * math.exp(-gap / 150), step
            u += 0.4 * (1 - u)
            for k in range(501):
                arrived[k] += u * left if step + 7 <= 10 * k else 0
            left -= u * left if u > 0.5 else 0.5 * u * left
            for k in range(501):
                got[k] += 2 * left if step + 11 <= 10 * k else 0
            left -= 0.1 * left
    x, v = r.rows("x"), r.rows("V")
    for j in (0, 7, 19):
        t.check(max(abs(row[j] - g) for row, g in zip(x, got)) < 1e-6, f"astrocyte {j} gets what is released", (x[-1][j], got[-1]))
        t.check(max(abs(row[j] - g) for row, g in zip(v, arrived)) < 1e-6, f"target {j} gets what it gets without an astrocyte", (v[-1][j], arrived[-1]))


def bits_text(synapse, rule):
    return f"""language 1
glia star {{
  param tau = 20 ms
  state g = 0
  g' = -g / tau
  let flow = g * g / (1 + g) * 1 pA
  receive glu(w : 1) {{ g += w }}
}}
{synapse}
network n {{
  param pool_of = 5
  population E : iaf_psc_exp[700] {{ V ~ uniform(-70 mV, -50 mV) }}
  population A : star[150]
  connect ee: E -> E.exc by {rule} with tri {{ astro = A by pool(pool_of, probability = 0.6);  weight ~ uniform(20 pA, 50 pA);  delay = 1.2 ms }}
  drive E.exc with poisson(8 kHz) {{ weight = 87.8 pA }}
}}
experiment e {{
  network n
  record sum(A.g) as g every 10 ms
  run 60 ms with dt = 0.1 ms, seed = 3
}}
"""


def bits(t):
    for name, synapse, rule, ways in (
            ("static", STATIC, "probability(0.05)", (["--threads", "2"], ["--connectivity", "procedural"], ["--rows", "source", "--threads", "2"], ["--verify"])),
            ("with memory", PLASTIC, "indegree(30), no self", (["--threads", "2"],))):
        path = t.path(f"bits_{name[:6].strip()}.nsl")
        with open(path, "w") as f:
            f.write(bits_text(synapse, rule))
        hashes = []
        for k, way in enumerate((["--threads", "1"], *ways)):
            p = call(NSLC, "run", path, "--", "--out", t.path(f"bits{k}.out"), "--force", "--no-report", *way)
            t.check(p.returncode == 0, f"{name}: {' '.join(way)}", p.stderr)
            hashes.append(run_json(t.path(f"bits{k}.out"))["state_hash"] if p.returncode == 0 else None)
        t.check(len(set(hashes)) == 1, f"{name}: the same bits", hashes)
        p = call(NSLC, "run", path, "--", "--set", "ee.d=0", "--out", t.path("none.out"), "--force", "--no-report")
        t.check(p.returncode == 0 and run_json(t.path("none.out"))["state_hash"] != hashes[0], f"{name}: what is sent can be set, and matters", p.stderr)
    for given, says in (("n.pool_of=151", "a pool of 151 cells among 150"), ("n.pool_of=0", "a pool of 0 cells"), ("ee.t=0.02ms", "less than one step")):
        p = call(NSLC, "run", path, "--", "--set", given, "--out", t.path("bad.out"))
        t.check(p.returncode != 0 and says in p.stderr and "bits_" in p.stderr and not os.path.exists(t.path("bad.out/run.json")), f"refused: {given}", p.stderr)


def main():
    t = Tap()
    pools(t)
    pools_of_nest(t)
    times(t)
    releases(t)
    bits(t)
    t.done()


main()
