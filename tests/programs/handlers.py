#!/usr/bin/env python3
"""Handlers of events and spikes against plain Python written from the language's page alone: the order of several events at one time, handlers
that do more than add, holds of every kind, draws in handlers, spike conditions, handlers in parts."""
import json
import math
import random

from semantics import DT, NSLC, Run, call, compare, hold_steps, mean_of, steps, variance
from tap import Tap

SOURCE = """
neuron source { state x = 0
  x' = 0
  receive go(w) { x += w }
  spike when x >= 1 { x = 0 } }
"""


def emit(times):
    """Steps at which a `source` driven at these times with delay 0.1 ms spikes."""
    return sorted({steps(x) + 1 for x in times})


class Net:
    """Events under way: what arrives at a step, in the order of the language: port, connect, source, number in the row; then drives."""

    def __init__(self):
        self.due = {}

    def send(self, at, target, port, connect, source, number, weight):
        self.due.setdefault(at, {}).setdefault(target, []).append((port, connect, source, number, weight))

    def at(self, step, target):
        return sorted(self.due.get(step, {}).get(target, []))


# ---- order

def order(t):
    """Ports, connects, sources and drives that arrive together; `last` remembers in which order."""
    fire = {0: [0.5, 1, 1.5, 2.5], 1: [0.5, 1.2, 1.5, 2], 2: [0.4, 1, 1.5, 2.6, 3.5]}
    model = SOURCE + """
neuron mixed {
  state a = 1, b = 0, c = 0
  a' = -a / (20 ms)
  c' = -c / (5 ms)
  receive early(w) { c += w }
  receive set(w) { a = 0.5 * a + w * c }
  receive add(w) { c += 2 * w;  b += w }
  receive twist { a *= 1.5;  b = a - b }
  receive late(w) { a += w;  c -= 0.25 * w }
  spike when a > 6 { a = 1 }
}
network net {
  population S : source[3]
  population M : mixed[2]
"""
    links = [("S", "M", "twist", 0, 3), ("S[1..2]", "M", "set", 0.7, 2), ("S", "M[1]", "add", -0.3, 1), ("S", "M", "set", -0.4, 5),
             ("S[0]", "M", "late", 0.9, 4), ("S", "M[0]", "early", 0.35, 2), ("S", "M", "add", 0.45, 3), ("S[2]", "M", "set", 1.3, 2),
             ("M", "M", "set", 0.21, 1), ("M", "M", "late", 0.17, 2)]
    ports = ["early", "set", "add", "twist", "late"]
    for s, m, port, w, d in links:
        weight = "" if port == "twist" else f"weight = {w};  "
        model += f"  connect {s} -> {m}.{port} by all_to_all {{ {weight}delay = {d / 10} ms }}\n"
    for i, times in fire.items():
        model += f"  drive S[{i}].go with times([{', '.join(f'{x} ms' for x in times)}]) {{ weight = 1;  delay = 0.1 ms }}\n"
    model += """  drive M.add with times([0.7 ms, 1.2 ms, 1.2 ms]) { weight = 0.6;  delay = 0.1 ms }
  drive M.set with times([0.7 ms, 1.2 ms]) { weight = -0.8;  delay = 0.1 ms }
  drive M[0].set with times([0.7 ms, 1.2 ms]) { weight = 0.33;  delay = 0.1 ms }
  drive M.twist with times([1.7 ms]) { delay = 0.1 ms }
}
experiment e { network net
  record a of M every 0.1 ms
  record b of M every 0.1 ms
  record c of M every 0.1 ms
  record spikes of (S, M)
  run 8 ms with dt = 0.1 ms }
"""
    net = Net()
    spikes_of = {i: emit(times) for i, times in fire.items()}

    def members(text, n):
        return [int(text.split("[")[1].split("]")[0])] if text.endswith("]") and ".." not in text else [1, 2] if ".." in text else range(n)

    def sent(pop, source, step):
        for k, (s, m, port, w, d) in enumerate(links):
            if s.startswith(pop) and source in members(s, 3 if pop == "S" else 2):
                for target in members(m, 2):
                    net.send(step + d, target, ports.index(port), k, source, 0, w)
    for i, at in spikes_of.items():
        for step in at:
            sent("S", i, step)
    for k, (targets, port, w, times) in enumerate([((0, 1), "add", 0.6, [0.7, 1.2, 1.2]), ((0, 1), "set", -0.8, [0.7, 1.2]),
                                                   ((0,), "set", 0.33, [0.7, 1.2]), ((0, 1), "twist", 0, [1.7])]):
        for number, x in enumerate(times):
            for target in targets:
                net.send(steps(x) + 1, target, ports.index(port), 1000 + k, 0, number, w)
    state, before = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [False, False]
    columns, spikes = [[[1.0], [0.0], [0.0]], [[1.0], [0.0], [0.0]]], [[], []]
    for step in range(1, 81):
        for i in (0, 1):
            a, b, c = state[i]
            a, c = a * math.exp(-DT / 20), c * math.exp(-DT / 5)
            for port, _, _, _, w in net.at(step, i):
                name = ports[port]
                if name == "early":
                    c += w
                elif name == "set":
                    a = 0.5 * a + w * c
                elif name == "add":
                    c, b = c + 2 * w, b + w
                elif name == "twist":
                    a *= 1.5
                    b = a - b
                else:
                    a, c = a + w, c - 0.25 * w
            now = a > 6
            if now and not before[i]:
                spikes[i].append(step)
                sent("M", i, step)
                a = 1
            before[i] = a > 6
            state[i] = [a, b, c]
            for k in range(3):
                columns[i][k].append(state[i][k])
    run = Run(t, model)
    compare(t, run, f"ports, connects, sources and drives in the order of the language ({sum(map(len, spikes))} spikes)",
            lambda r: [(r.of("M", i), spikes[i]) for i in (0, 1)] + [(r.of("S", i), spikes_of[i]) for i in spikes_of] +
            [(r.column(name, i), columns[i][k]) for i in (0, 1) for k, name in enumerate("abc")])
    t.check(all(spikes), "the model spikes", spikes)


def numbers(t):
    """Synapses of one source onto one cell are told apart by their number in the row, whatever their delays."""
    def model(delay, times):
        return SOURCE + f"""
neuron probe {{
  state n = 0, first = 0, last = 0, fold = 0
  receive ev(w) {{ if n == 0 {{ first = w }};  last = w;  fold = 0.5 * fold + w;  n += 1 }}
  receive over {{ n = 0 }} }}
network net {{ population S : source[2]
  population P : probe[3]
  c: connect_ }}
""".replace("c: connect_", "connect c: S -> P.ev by indegree(6) { weight ~ uniform(0, 1);  delay" + delay + " }\n"
            f"  drive S.go with times([{', '.join(f'{x} ms' for x in times)}]) {{ weight = 1;  delay = 0.1 ms }}") + """
experiment e { network net
  record fold of P every 0.1 ms
  record first of P every 0.1 ms
  record last of P every 0.1 ms
  record n of P every 0.1 ms
  run 4 ms with dt = 0.1 ms, seed = 8 }
"""
    one = Run(t, model(" = 1 ms", [0.5]))
    dense = [0.5 + 0.1 * k for k in range(30)]
    many = Run(t, model(" ~ uniform(0.6 ms, 1.8 ms)", dense))
    if not t.check(one.good and many.good, "rows with several synapses of one source", one.process.stderr + many.process.stderr):
        return
    at = emit([0.5])[0] + 10
    order = [[r[k] for k in range(3)] for r in one.rows("fold")]
    t.check([one.rows("n")[at][k] for k in range(3)] == [6, 6, 6] and one.rows("n")[at - 1] == [0, 0, 0], "all arrive at once", one.rows("n"))
    # every source spikes at every step from 6 on (after its handler the condition is false): from step 30 on all six synapses deliver at every step, in the same order
    found = many.rows("fold")
    expected = [[v for v in found[30]]]
    for step in range(31, 36):
        expected.append([expected[-1][k] / 64 + order[at][k] for k in range(3)])
    good = all(abs(a - b) < 1e-12 for s, row in enumerate(expected) for a, b in zip(found[30 + s], row))
    t.check(good and many.rows("n")[35][0] - many.rows("n")[34][0] == 6, "delays do not change the order of a row's synapses",
            f"{found[30:36]}\n{expected}")
    t.check(many.rows("last")[33] == one.rows("last")[at], "the last synapse of the row is handled last")


# ---- what handlers may do

def saturating(t):
    """s += w (1 - s) for each event, Poisson and connections; and the same summed would differ."""
    model = """
neuron cell { param tau = 10 ms
  state s = 0, V = 0 mV, m = 0
  s' = -s / tau
  V' = (s * 50 mV - V) / (5 ms)
  receive nmda(w) { s += w * (1 - s);  if V < 3 mV { m += 1 } else { m -= 0.5 } }
  receive shunt(w) { V *= 1 - w }
  receive clip_to(w : mV) { V = clip(V + w, -2 mV, 12 mV) }
  spike when V >= 10 mV { V = 0 mV } }
network net { population A : cell[4]
  drive A[0].nmda with times([1 ms, 1 ms, 1 ms, 2 ms, 4.5 ms, 4.5 ms, 9 ms]) { weight = 0.4;  delay = 0.5 ms }
  drive A[1].nmda with times([0.3 ms, 7 ms, 7.04 ms]) { weight = 0.9 }
  connect A -> A.nmda by all_to_all, no self { weight = 0.3;  delay = 1 ms }
  connect A -> A.shunt by one_to_one { weight = 0.25;  delay = 0.7 ms }
  connect A[0..1] -> A[2..3].clip_to by all_to_all { weight = 9 mV;  delay = 1.2 ms } }
experiment e { network net
  record s of A every 0.1 ms
  record V of A every 0.1 ms
  record m of A every 0.1 ms
  record spikes of A
  run 30 ms with dt = 0.1 ms }
"""
    net = Net()
    for k, (i, times, w, d) in enumerate([(0, [1, 1, 1, 2, 4.5, 4.5, 9], 0.4, 0.5), (1, [0.3, 7, 7.04], 0.9, 0)]):
        for number, x in enumerate(times):
            net.send(steps(x) + steps(d), i, 0, 100 + k, 0, number, w)
    e5, e10 = math.exp(-DT / 5), math.exp(-DT / 10)
    s, v, m, before = [0.0] * 4, [0.0] * 4, [0.0] * 4, [False] * 4
    cols, spikes = [[list(x) for x in (s, v, m)]], [[] for _ in range(4)]
    for step in range(1, 301):
        for i in range(4):
            # s' = -s/10, V' = (50 s - V)/5: V = e5 V + 50/5 s (e10 - e5) / (1/5 - 1/10)
            v[i] = e5 * v[i] + 10 * s[i] * (e10 - e5) / 0.1
            s[i] *= e10
            for port, _, _, _, w in net.at(step, i):
                if port == 0:
                    s[i] += w * (1 - s[i])
                    m[i] += 1 if v[i] < 3 else -0.5
                elif port == 1:
                    v[i] *= 1 - w
                else:
                    v[i] = min(max(v[i] + w, -2), 12)
            now = v[i] >= 10
            if now and not before[i]:
                spikes[i].append(step)
                v[i] = 0.0
                for j in range(4):
                    if j != i:
                        net.send(step + 10, j, 0, 0, i, 0, 0.3)
                net.send(step + 7, i, 1, 1, i, 0, 0.25)
                if i < 2:
                    for j in (2, 3):
                        net.send(step + 12, j, 2, 2, i, 0, 9)
            before[i] = v[i] >= 10
        cols.append([list(x) for x in (s, v, m)])
    run = Run(t, model)
    t.check(all(spikes), "the saturating model spikes everywhere", spikes)
    compare(t, run, "s += w (1 - s), a condition on V, V *= 1 - w, clip", lambda r: [(r.of("A", i), spikes[i]) for i in range(4)] +
            [(r.column(name, i), [c[k][i] for c in cols]) for i in range(4) for k, name in enumerate("sVm")])


def elements(t):
    """Every element has its own events, in whichever shard it is, and `t` is the time of the event."""
    n = 3000
    model = f"""
neuron once {{ state x ~ uniform(-1.5, 0.9)
  x' = 1/ms
  spike when x >= 1 {{ x = -100 }} }}
neuron target {{ state a = 0, at = 0 ms, n = 1, last = 0 ms
  receive sum(w) {{ a += w }}
  receive mark(w) {{ at = t;  n *= w;  last = t }}
  receive other(w) {{ n = n * n + w * a;  last = t }} }}
network net {{ population S : once[{n}]
  population T : target[{n}]
  connect S -> T.other by one_to_one {{ weight = 0.5;  delay = 0.9 ms }}
  connect S -> T.mark by one_to_one {{ weight = 3;  delay = 0.5 ms }}
  connect S -> T.sum by one_to_one {{ weight = 0.25;  delay = 0.7 ms }}
  connect S[0..9] -> T[1000..1009].mark by one_to_one {{ weight = 2;  delay = 20 ms }}
  drive T[1234..2345].mark with times([2 ms]) {{ weight = 7 }} }}
experiment e {{ network net
""" + "".join(f"  record {v} of T every 10 ms\n" for v in ("a", "at", "n", "last")) + "  record spikes of S\n  run 30 ms with dt = 0.1 ms, seed = 12 }\n"
    run = Run(t, model)
    if not t.check(run.good, "thousands of elements", run.process.stderr):
        return
    fired = {i: s for s, _, i in run.spikes()}
    wrong = []
    rows = {v: run.rows(v)[-1] for v in ("a", "at", "n", "last")}
    for i in range(n):
        events_ = [(fired[i] + 5, 1, 3), (fired[i] + 7, 0, 0.25), (fired[i] + 9, 2, 0.5)]
        if 1000 <= i < 1010:
            events_.append((fired[i - 1000] + 200, 1, 2))
        if 1234 <= i <= 2345:
            events_.append((20, 1, 7))
        a, at, x, last = 0, 0, 1, 0
        for s, port, w in sorted(events_):
            if port == 0:
                a += w
                continue
            if port == 1:
                at, x = s, x * w
            else:
                x = x * x + w * a
            last = s
        expected = (a, at * DT, x, last * DT)
        found = tuple(rows[v][i] for v in ("a", "at", "n", "last"))
        if any(abs(p - q) > 1e-9 for p, q in zip(found, expected)):
            wrong.append((i, found, expected))
    t.check(len(fired) == n and not wrong, "each element has its own events, at their times", wrong[:5])


def threads(t):
    """A network over several shards: the same for any number of threads; f32 too."""
    model = """
neuron cell { param tau ~ normal(10 ms, 1 ms) within [5 ms, inf)
  state s = 0, V ~ uniform(0 mV, 9 mV)
  s' = -s / tau
  V' = (s * 50 mV + 11 mV - V) / (5 ms)
  receive nmda(w) { s += w * (1 - s);  if s > 0.5 { hold s for w * 10 ms };  V ~ normal(V, 0.5 mV) }
  receive inh(w : mV) { V = max(V - w, 0 mV) }
  spike when V >= 10 mV { V ~ uniform(0 mV, 2 mV);  if s > 0.2 { hold V for tau / 5 } } }
network net { population A : cell[1500]
  connect A -> A.nmda by indegree(10) { weight ~ uniform(0, 0.1);  delay ~ uniform(0.5 ms, 3 ms) }
  connect A -> A.inh by probability(0.01) { weight = 1 mV;  delay = 1 ms }
  drive A.nmda with poisson(20 Hz) { weight = 0.2 } }
experiment e { network net
  record spikes of A
  run 60 ms with dt = 0.1 ms, seed = 5 }
"""
    for precision in ("f64", "f32"):
        runs = [Run(t, model, "--precision", precision, "--threads", str(n)) for n in (1, 2, 3)]
        if not t.check(all(r.good for r in runs), f"{precision}: runs", runs[0].process.stderr):
            continue
        one = runs[0].spikes()
        hashes = [run_hash(r) for r in runs]
        t.check(len(one) > 5000 and all(r.spikes() == one for r in runs) and len(set(hashes)) == 1,
                f"{precision}: the same on 1, 2 and 3 threads ({len(one)} spikes)", hashes)


def run_hash(run):
    from tap import run_json
    return run_json(run.out)["state_hash"]


# ---- holds

def holds(t):
    """Holds in handlers of events, under `if`, of a length that differs between elements: of two, the one that ends later counts."""
    n = 6
    model = f"""
neuron cell {{ param d ~ uniform(0 ms, 1.2 ms)
  state x = 0, y = 0, z = 0
  x' = 1/ms
  y' = 2/ms
  z' = 1/ms
  receive stop(w : ms) {{ hold x for w }}
  receive jump(w) {{ x += w;  y = x + 1;  if y > 2 {{ hold y for d;  hold z for 0.35 ms }} }}
  spike when x >= 1.45 {{ x = 0;  z -= 0.5;  hold x for d;  if z > 1 {{ hold z for 2 * d }} else {{ hold y for 0.2 ms }} }} }}
network net {{ population P : cell[{n}]
  drive P.stop with times([0.3 ms, 0.4 ms, 2 ms, 3 ms]) {{ weight = 0.5 ms;  delay = 0.1 ms }}
  drive P.stop with times([0.4 ms, 3 ms]) {{ weight = 0.2 ms;  delay = 0.1 ms }}
  drive P.jump with times([0.5 ms, 0.9 ms, 1 ms, 1.8 ms, 2.3 ms, 3 ms, 3.2 ms, 4 ms, 4.1 ms, 4.2 ms]) {{ weight = 0.4;  delay = 0.1 ms }} }}
experiment e {{ network net
  record x of P every 0.1 ms
  record y of P every 0.1 ms
  record z of P every 0.1 ms
  record d of P every 10 ms
  record spikes of P
  run 8 ms with dt = 0.1 ms, seed = 2 }}
"""
    stops = {}
    for times, w in (([0.3, 0.4, 2, 3], 0.5), ([0.4, 3], 0.2)):
        for v in times:
            stops.setdefault(steps(v) + 1, []).append(w)
    jumps = [steps(v) + 1 for v in (0.5, 0.9, 1, 1.8, 2.3, 3, 3.2, 4, 4.1, 4.2)]

    def simulate(d):
        x = y = z = 0.0
        hold = {"x": 0, "y": 0, "z": 0}  # the last step at which it is in force
        before, out, spikes = False, [[0.0], [0.0], [0.0]], []
        for s in range(1, 81):
            free = {k: s > hold[k] for k in hold}  # a hold that begins at s acts from s + 1

            def begin(name, length):
                hold[name] = max(hold[name], s + hold_steps(length))
            x, y, z = x + 0.1 * free["x"], y + 0.2 * free["y"], z + 0.1 * free["z"]
            for w in stops.get(s, []):
                begin("x", w)
            if s in jumps:
                x += 0.4 * free["x"]
                y = x + 1 if free["y"] else y
                if y > 2:
                    begin("y", d)
                    begin("z", 0.35)
            now = free["x"] and x >= 1.45
            if now and not before:
                spikes.append(s)
                x = 0.0
                z -= 0.5 * free["z"]
                begin("x", d)
                if z > 1:
                    begin("z", 2 * d)
                else:
                    begin("y", 0.2)
                now = x >= 1.45
            before = now
            for k, v in enumerate((x, y, z)):
                out[k].append(v)
        return spikes, out

    def pairs(r):
        found = []
        for i in range(n):
            spikes, out = simulate(r.column("d", i)[0])
            found += [(r.of("P", i), spikes)] + [(r.column(name, i), out[k]) for k, name in enumerate("xyz")]
        return found
    compare(t, Run(t, model), "holds in receive handlers, under `if`, with a length of each element", pairs)

    model = """
neuron cell { state x = 0, y = 0
  x' = 1/ms
  y' = 0
  receive now(w : ms) { hold x for w;  x += 0.05;  y = x }
  receive later(w) { x += w;  y += 10 * x } }
network net { population P : cell[1]
  drive P.now with times([0.4 ms]) { weight = 0.2 ms;  delay = 0.1 ms }
  drive P.later with times([0.4 ms, 0.5 ms, 0.6 ms, 0.7 ms]) { weight = 1;  delay = 0.1 ms } }
experiment e { network net
  record x of P every 0.1 ms
  record y of P every 0.1 ms
  run 1 ms with dt = 0.1 ms }
"""
    xs = [0, 0.1, 0.2, 0.3, 0.4, 1.55, 1.55, 1.55, 2.65, 2.75, 2.85]
    ys = [0, 0, 0, 0, 0, 0.55 + 15.5, 16.05 + 15.5, 31.55 + 15.5, 47.05 + 26.5, 73.55, 73.55]
    compare(t, Run(t, model), "a hold acts from the next step: at its own time handlers still change the state; in it they read its value",
            lambda r: [(r.column("x"), xs), (r.column("y"), ys)])

    model = """
neuron cell { state x = 0, n = 0
  x' = 1/ms
  receive never { hold x for 0 ms }
  receive ever { hold x for inf }
  spike when x >= 0.35 and n < 100 { n += 1;  x = 0;  if n == 2 { hold n for inf } } }
network net { population P : cell[2]
  drive P.never with times([0.2 ms, 0.5 ms])
  drive P[1].ever with times([2 ms]) }
experiment e { network net
  record x of P every 0.1 ms
  record spikes of P
  run 4 ms with dt = 0.1 ms }
"""
    compare(t, Run(t, model), "a hold for 0 ms is none, a hold for inf never ends",
            lambda r: [(r.of("P"), [4, 8]), (r.column("x", 1)[20:], [r.column("x", 1)[20]] * 21)])


def frozen(t):
    """While one state of a linear system is held, the others are still integrated exactly."""
    model = """
neuron cell { state V = -3 mV, s = 0.5, a = 0 mV
  V' = (s * 50 mV - V - a) / (5 ms)
  s' = -s / (10 ms)
  a' = -a / (20 ms)
  receive freeze_s(w : ms) { hold s for w;  if s > 0.3 { a += 2 mV } }
  receive open(w) { s += w * (1 - s) }
  spike when V >= 6 mV { V = 0 mV;  if s > 0.2 { hold s for 0.5 ms } } }
network net { population P : cell[1]
  drive P.freeze_s with times([0.5 ms, 2 ms, 5 ms]) { weight = 1 ms }
  drive P.open with times([1.2 ms, 2.2 ms, 3 ms, 3 ms, 6 ms]) { weight = 0.4 } }
experiment e { network net
  record V of P every 0.1 ms
  record s of P every 0.1 ms
  record a of P every 0.1 ms
  record spikes of P
  run 15 ms with dt = 0.1 ms }
"""
    freeze = {steps(x) for x in (0.5, 2, 5)}
    opens = [steps(x) for x in (1.2, 2.2, 3, 3, 6)]
    v, s, a, hold, before, spikes, cols = -3.0, 0.5, 0.0, 0, False, [], [[-3.0], [0.5], [0.0]]

    def response(tau):
        """What 1/5 exp(-t/tau) adds to V' = -V/5 + ... within one step."""
        return (math.exp(-DT / tau) - math.exp(-DT / 5)) / (1 / 5 - 1 / tau) / 5
    for step in range(1, 151):
        free = step > hold
        v = v * math.exp(-DT / 5) - a * response(20) + 50 * s * (response(10) if free else 1 - math.exp(-DT / 5))
        a *= math.exp(-DT / 20)
        s = s * math.exp(-DT / 10) if free else s
        if step in freeze:
            hold = max(hold, step + 10)
            a += 2 * (s > 0.3)
        for _ in range(opens.count(step)):
            s += 0.4 * (1 - s) * free
        now = v >= 6
        if now and not before:
            spikes.append(step)
            v = 0.0
            hold = max(hold, step + 5) if s > 0.2 else hold
        before = v >= 6
        for k, x in enumerate((v, s, a)):
            cols[k].append(x)
    compare(t, Run(t, model), f"a counted hold inside a linear system ({len(spikes)} spikes)",
            lambda r: [(r.of("P"), spikes)] + [(r.column(name), cols[k]) for k, name in enumerate("Vsa")])


# ---- draws

def ks(sample, cdf):
    """Kolmogorov-Smirnov: sqrt(n) D; above 1.95 with probability 0.1 %."""
    xs, n = sorted(sample), len(sample)
    return math.sqrt(n) * max(max(abs(cdf(x) - i / n), abs(cdf(x) - (i + 1) / n)) for i, x in enumerate(xs))


def normal_cdf(m, s):
    return lambda x: 0.5 * (1 + math.erf((x - m) / s / math.sqrt(2)))


def draws_distributed(t, rows, precision):
    def check(good, what, *why):
        t.check(good, f"{precision}: {what}", *why)

    steps_of_x = [b - a for i in range(1, 20) for a, b in zip(rows["x"][i], rows["x"][i + 1])]
    check(ks(steps_of_x, normal_cdf(0, 2)) < 1.95, "x ~ normal(x, 2): steps of a random walk are normal", ks(steps_of_x, normal_cdf(0, 2)))
    follow = mean_of(a * b for a, b in zip(steps_of_x, steps_of_x[300:])) / 4
    beside = mean_of(a * b for a, b in zip(steps_of_x, steps_of_x[1:])) / 4
    check(abs(follow) < 4 / math.sqrt(5400) and abs(beside) < 4 / math.sqrt(5700), "independent in time and between elements", (follow, beside))
    p = [normal_cdf(0, 1)(v) for v in (0.5, 1.5)]
    inside = [v for i in range(1, 21) for v in rows["w"][i]]
    check(all(0.5 <= v <= 1.5 for v in inside) and ks(inside, lambda v: (normal_cdf(0, 1)(v) - p[0]) / (p[1] - p[0])) < 1.95, "within")
    check(ks([v for i in range(1, 21) for v in rows["e"][i]], lambda v: 1 - math.exp(-v / 3)) < 1.95, "exponential")
    check(ks([v - 1 for i in range(1, 21) for v in rows["l"][i]], lambda v: normal_cdf(0, 0.5)(math.log(v)) if v > 0 else 0) < 1.95, "lognormal")
    uniform = [v for i in (1, 2, 3, 4) for v in rows["u"][i]]
    check(ks(uniform, lambda v: min(max((v + 2) / 8, 0), 1)) < 1.95, "a draw scaled by the event's weight", ks(uniform, lambda v: (v + 2) / 8))
    pairs = [(a, b) for i in (1, 2, 3, 4) for a, b in zip(rows["a"][i], rows["b"][i])]
    check(all(a != b for a, b in pairs) and abs(mean_of(a * b for a, b in pairs)) < 4 / math.sqrt(len(pairs)) and
            ks([a for a, _ in pairs], normal_cdf(0, 1)) < 1.95 and ks([b for _, b in pairs], normal_cdf(0, 1)) < 1.95,
            "two events of one step draw two numbers", pairs[:5])
    b = [v for _, v in pairs]
    xs = [v for i in (1, 2, 3, 4) for v in rows["x"][i]]
    check(abs(mean_of(p * q for p, q in zip(b, xs))) < 4 * math.sqrt(variance(xs) / len(b)), "and others than the spike handler")


def draws(t):
    def model(extra="", n=300, more=""):
        return f"""
neuron cell {{ state x = 0, u = 0, w = 0, e = 0, l = 0, c = 0, a = 0, b = 0
  c' = 1/ms
  receive ev(v) {{ u ~ v * uniform(-1, 3);  a = b;  b ~ normal(0, 1) }}
  spike when c >= 0.95 {{
    c = 0
    x ~ normal(x, 2)
    w ~ normal(0, 1) within [0.5, 1.5]
    e ~ exponential(3)
    l ~ lognormal(0, 0.5) + 1
    {extra}
  }} }}
network net {{ population P : cell[{n}]
  drive P.ev with times([1 ms, 1 ms, 2 ms, 2 ms, 3 ms, 3 ms, 4 ms, 4 ms]) {{ weight = 2 }}
  {more} }}
experiment e {{ network net
""" + "".join(f"  record {v} of P[0..299] every 1 ms\n" for v in "xuwelab") + "  run 20 ms with dt = 0.1 ms, seed = 9 }\n"
    run = Run(t, model())
    if not t.check(run.good, "draws in handlers", run.process.stderr):
        return
    rows = {v: run.rows(v) for v in "xuwelab"}
    draws_distributed(t, rows, "f64")
    again = Run(t, model(n=330, more="population Q : cell[40] { x ~ normal(0, 1) }\n  drive Q.ev with poisson(3 kHz) { weight = 1 }"))
    t.check(again.good and all(again.rows(v) == rows[v] for v in "xuwelab"), "more elements and another population change no draw", again.process.stderr)
    f32 = Run(t, model(), "--precision", "f32")
    narrow = {v: f32.rows(v) for v in "xuwelab"} if f32.good else {}
    t.check(f32.good and all(abs(a - b) < 1e-5 * max(1, abs(b)) for v in "ue" for p, q in zip(narrow[v], rows[v]) for a, b in zip(p, q)),
            "float32 draws the same uniform and exponential numbers", f32.process.stderr)
    if f32.good:
        draws_distributed(t, narrow, "f32")  # normals in single precision are other ones


# ---- spike conditions

def rates(t):
    """spike at rate R: p = 1 - exp(-R dt) in each step, none while what it reads is held."""
    n, seconds = 400, 2
    model = f"""
neuron plain {{ param r = 40 Hz
  spike at rate r }}
neuron dead {{ param r = 100 Hz
  state on = 1
  spike at rate r * on {{ hold on for 4.95 ms }} }}
neuron ramp {{ state x = 0
  x' = 1/ms
  spike at rate 30 Hz * exp(x / 20) {{ x = 0 }} }}
network net {{ population P : plain[{n}]
  population D : dead[{n}]
  population R : ramp[{n}] }}
experiment e {{ network net
  record spikes of (P, D, R)
  run {seconds} s with dt = 1 ms, seed = 6 }}
"""
    run = Run(t, model, dt=1)
    if not t.check(run.good, "spike at rate", run.process.stderr):
        return
    spikes = {}
    for s, pop, i in run.spikes():
        spikes.setdefault(pop, {}).setdefault(i, []).append(s)
    steps_all = n * seconds * 1000
    p = 1 - math.exp(-0.040)
    count = sum(map(len, spikes["P"].values()))
    t.check(abs(count - steps_all * p) < 4 * math.sqrt(steps_all * p * (1 - p)), f"rate R: {count} spikes, expected {steps_all * p:.0f}")

    def intervals(pop):
        return [b - a for v in spikes[pop].values() for a, b in zip(v, v[1:])]
    p = 1 - math.exp(-0.1)
    gaps = intervals("D")
    t.check(min(gaps) == 6 and abs(mean_of(gaps) - (5 + 1 / p)) < 4 * math.sqrt((1 - p) / p / p / len(gaps)),
            f"held for 5 steps: intervals from 6 on, mean {mean_of(gaps):.3f} of {5 + 1 / p:.3f}", min(gaps))
    chi, cells = 0, 0
    for k in range(6, 36):
        expected = len(gaps) * p * (1 - p) ** (k - 6)
        chi += (sum(g == k for g in gaps) - expected) ** 2 / expected
        cells += 1
    t.check(chi < cells + 4 * math.sqrt(2 * cells), f"and geometric behind: chi2 {chi:.1f} of {cells}")
    gaps, survive, chi, cells, k = intervals("R"), 1.0, 0, 0, 0
    while survive * len(gaps) > 50:  # the hazard k steps after the reset is that of x = k
        k += 1
        p = 1 - math.exp(-0.030 * math.exp(k / 20))
        expected = len(gaps) * survive * p
        chi, cells = chi + (sum(g == k for g in gaps) - expected) ** 2 / expected, cells + 1
        survive *= 1 - p
    t.check(chi < cells + 4 * math.sqrt(2 * cells), f"a rate that depends on a state: chi2 {chi:.1f} of {cells}")


def rates_below_zero(t):
    """A rate below 0, or none, ends the run where it is tested; max(0 Hz, …) and a hold keep it from that."""
    cell = """
neuron falling {{ state x = 1.05, on = 1
  x' = -0.1/ms
  receive ev() {{ {event} }}
  spike at rate {rate} {{ on = on }} }}
experiment e {{ neuron falling
  drive ev with times([3 ms])
  run {end} ms with dt = 1 ms, seed = 3 }}
"""
    cases = [("x * 1 Hz", "x += 0", 10, None), ("x * 1 Hz", "x += 0", 12, "spikes of falling[0]: their rate is below 0 at t = 11 ms"),
             ("max(0 Hz, x * 1 Hz)", "x += 0", 30, None), ("log(x) * 1 Hz", "x += 0", 12, "their rate is below 0 at t = 1 ms"),
             ("x * 1 Hz", "x = x * 0.5 - 1", 12, "their rate is below 0 at t = 3 ms"),
             ("x * 1 Hz", "x = -1;  hold x for 4 ms", 7, "their rate is below 0 at t = 3 ms"),
             ("x * on * 1 Hz", "x = 1 - 2 * x;  on = 0", 40, None)]
    for rate, event, end, want in cases:
        for precision in ("f64", "f32"):
            run = Run(t, cell.format(rate=rate, event=event, end=end), "--precision", precision, dt=1)
            good = run.good if want is None else run.process.returncode == 1 and want in run.process.stderr
            t.check(good, f"spike at rate {rate}, {event}, {precision}: {want or 'runs'}", run.process.stderr)


def peaks(t):
    """spike at peak of EXPR above LEVEL: with and without handlers of each event, level, reset, hold."""
    for level, events_, reset in [(" above 4 mV", False, ""), (" above 4 mV", True, ""), ("", True, ""), ("", False, "V -= 3 mV"),
                                  (" above u * 1 mV", True, "V -= 3 mV;  hold u for 0.6 ms")]:
        handler = "V = V + w" if not events_ else "V = V + w * (1 - V / (40 mV))"
        model = f"""
neuron wave {{ state V = 1 mV, u = 2
  V' = 5 mV/ms * cos(2.3/ms * t) + 0.4 mV/ms
  u' = 0.05/ms
  receive ev(w : mV) {{ {handler} }}
  spike at peak of V + 0.1 mV * u{level} {{ u += 0.5;  {reset} }} }}
experiment e {{ neuron wave
  drive ev with times([1 ms, 2.6 ms, 2.7 ms, 5 ms, 5.2 ms, 7.7 ms]) {{ weight = 3 mV }}
  drive ev with times([3.5 ms, 6.3 ms]) {{ weight = -2 mV }}
  record V every 0.1 ms
  record u every 0.1 ms
  record spikes
  run 12 ms with dt = 0.1 ms, method = euler }}
"""
        arrive = {}
        for times, w in (([1, 2.6, 2.7, 5, 5.2, 7.7], 3), ([3.5, 6.3], -2)):
            for x in times:
                arrive.setdefault(steps(x), []).append(w)
        v, u, before, hold, vs, us, spikes = 1.0, 2.0, False, 0, [1.0], [2.0], []
        for s in range(1, 121):
            old, old_level, free = v + 0.1 * u, u, s > hold
            v += 0.1 * (5 * math.cos(2.3 * 0.1 * (s - 1)) + 0.4)
            u += 0.1 * 0.05 * free
            for w in arrive.get(s, []):
                v += w * (1 - v / 40) if events_ else w

            def falls():
                bound = old_level if "u" in level else 4 if level else -math.inf
                return free and v + 0.1 * u < old and old > bound
            if falls() and not before:
                spikes.append(s)
                u += 0.5 * free
                v -= 3 if reset else 0
                if "hold" in reset:
                    hold = max(hold, s + 6)
                before = falls()
            else:
                before = falls()
            vs.append(v)
            us.append(u)
        compare(t, Run(t, model), f"spike at peak{level or ', no level'}{', each event' if events_ else ''}{', ' + reset if reset else ''} ({len(spikes)})",
                lambda r: [(r.of("wave"), spikes), (r.column("V"), vs), (r.column("u"), us)])


# ---- parts

def parts(t):
    model = """
receptor fast { param tau = 4 ms
  state s = 0
  s' = -s / tau
  receive spike_in(w) { s += w * (1 - s) } }
component twin { input V : mV
  use a = fast
  use b = fast { tau = 8 ms }
  state n = 0
  receive count { n = 2 * n + 1;  V *= 0.5;  if n > 6 { hold V for 0.3 ms } }
  let both = a.s - b.s }
component deep { input V : mV
  use inner = twin }
neuron host { state V = 0 mV
  use d = deep
  use solo = fast { tau = 2 ms }
  use t2 = twin
  V' = (20 mV * (solo.s + d.inner.both + t2.both) - V) / (5 ms)
  receive reset_all { d.inner.a.s = 0;  t2.b.s *= 0.5;  hold solo.s for 0.5 ms;  if d.inner.n > 1 { t2.n += 1 } }
  spike when V >= 1 mV { V = 0 mV;  solo.s += 0.25;  hold d.inner.b.s for 0.3 ms } }
network net { population H : host[1]
  drive H.d.inner.a with times([0.5 ms, 0.5 ms, 2 ms]) { weight = 0.6 }
  drive H.d.inner.b with times([0.8 ms, 2 ms]) { weight = 0.5 }
  drive H.solo with times([1 ms, 1.1 ms, 3 ms]) { weight = 0.7 }
  drive H.t2.a with times([2.2 ms, 4 ms]) { weight = 0.9 }
  drive H.t2.b with times([2.4 ms]) { weight = 0.9 }
  drive H.d.inner.count with times([1.5 ms, 1.5 ms, 3.4 ms])
  drive H.reset_all with times([1.2 ms, 3.6 ms]) }
experiment e { network net
""" + "".join(f"  record {v} of H as {n} every 0.1 ms\n" for v, n in
              [("V", "V"), ("d.inner.a.s", "da"), ("d.inner.b.s", "db"), ("solo.s", "so"), ("t2.a.s", "ta"), ("t2.b.s", "tb"), ("d.inner.n", "dn"), ("t2.n", "tn")]) + \
        "  record spikes of H\n  run 6 ms with dt = 0.1 ms, method = euler }\n"
    x = dict(V=0.0, da=0.0, db=0.0, so=0.0, ta=0.0, tb=0.0, dn=0.0, tn=0.0)
    tau = dict(da=4, db=8, so=2, ta=4, tb=8)
    arrive = {}
    # ports in the order of declaration: those of parts where they are used
    for port, times, w in [("da", [0.5, 0.5, 2], 0.6), ("db", [0.8, 2], 0.5), ("dn", [1.5, 1.5, 3.4], 0), ("so", [1, 1.1, 3], 0.7), ("ta", [2.2, 4], 0.9),
                           ("tb", [2.4], 0.9), ("reset", [1.2, 3.6], 0)]:
        for v in times:
            arrive.setdefault(steps(v), []).append((port, w))
    hold, before, spikes, cols = dict(so=0, db=0, V=0), False, [], {k: [v] for k, v in x.items()}
    for s in range(1, 61):
        free = {k: s > hold.get(k, 0) for k in x}
        new = dict(x)
        new["V"] += 0.1 * (20 * (x["so"] + x["da"] - x["db"] + x["ta"] - x["tb"]) - x["V"]) / 5
        for k, v in tau.items():
            new[k] -= 0.1 * x[k] / v
        x = {k: new[k] if free[k] else x[k] for k in x}
        for port, w in arrive.get(s, []):
            if port in tau:
                x[port] += w * (1 - x[port]) * free[port]
            elif port == "dn":
                x["dn"] = 2 * x["dn"] + 1
                x["V"] *= 0.5 if free["V"] else 1
                if x["dn"] > 6:
                    hold["V"] = max(hold["V"], s + 3)
            else:
                x["da"] = 0.0
                x["tb"] *= 0.5
                hold["so"] = max(hold["so"], s + 5)
                x["tn"] += x["dn"] > 1
        now = free["V"] and x["V"] >= 1
        if now and not before:
            spikes.append(s)
            x["V"] = 0.0
            x["so"] += 0.25 * free["so"]
            hold["db"] = max(hold["db"], s + 3)
        before = free["V"] and x["V"] >= 1
        for k in x:
            cols[k].append(x[k])
    compare(t, Run(t, model), f"handlers in parts, at any depth, and of the host on its parts' states ({len(spikes)} spikes)",
            lambda r: [(r.of("H"), spikes)] + [(r.column(k), cols[k]) for k in cols])


def mixed(t):
    """Random handlers: statements over three states, run by the language and by Python."""
    rng = random.Random(4)
    names = ["x", "y", "z"]

    def expression(depth=0):
        kind = rng.randrange(7 if depth < 2 else 2)
        if kind == 0:
            text = rng.choice(names + ["w"])
            return text, text
        if kind == 1:
            text = f"{rng.uniform(0.2, 1.5):.2f}"
            return text, text
        a, b = expression(depth + 1), expression(depth + 1)
        if kind in (2, 3):
            op = rng.choice("+-*")
            return f"({a[0]} {op} {b[0]})", f"({a[1]} {op} {b[1]})"
        if kind == 4:
            return f"max({a[0]}, {b[0]})", f"max({a[1]}, {b[1]})"
        if kind == 5:
            return f"clip({a[0]}, -2, 2)", f"min(max({a[1]}, -2), 2)"
        return f"(if {a[0]} > {b[0]} then {a[0]} else 0.5)", f"({a[1]} if {a[1]} > {b[1]} else 0.5)"

    def statements(depth, indent):
        nsl, py = [], []
        for _ in range(rng.randrange(1, 4)):
            kind, name = rng.randrange(6 if depth < 2 else 4), rng.choice(names)
            if kind < 4:
                op, (a, b) = rng.choice(["=", "+=", "-=", "*="]), expression()
                nsl.append(f"{name} {op} clip({a}, -3, 3)")
                py.append(f"{indent}if free['{name}']: {name} {op} min(max({b}, -3), 3)")
            elif kind == 4:
                d = rng.choice([0.1, 0.2, 0.35, 0.6])
                nsl.append(f"hold {name} for {d} ms")
                py.append(f"{indent}hold['{name}'] = max(hold['{name}'], s + {hold_steps(d)})")
            else:
                (a, b), (c, d) = expression(), expression()
                then, other = statements(depth + 1, indent + "  "), statements(depth + 1, indent + "  ")
                nsl.append(f"if {a} > {c} {{ {';  '.join(then[0])} }} else {{ {';  '.join(other[0])} }}")
                py += [f"{indent}if {b} > {d}:"] + then[1] + [f"{indent}else:"] + other[1]
        return nsl, py
    for trial in range(8):
        ports = [statements(0, "") for _ in range(3)]
        fire = statements(0, "")
        times = [[round(rng.uniform(0.1, 9), 1) for _ in range(14)] for _ in ports]
        weights = [round(rng.uniform(-1, 1), 2) for _ in ports]
        model = "neuron cell { state x = 0.5, y = -0.25, z = 0\n  x' = (0.8 - x) / (3 ms)\n  y' = -y / (4 ms)\n  z' = 0.3/ms\n"
        model += "".join(f"  receive p{i}(w) {{ {';  '.join(p[0])} }}\n" for i, p in enumerate(ports))
        model += f"  spike when x + z > 1 {{ z -= 1;  {';  '.join(fire[0]).replace('w', '0.3')} }} }}\n"
        model += "network net { population P : cell[1]\n"
        for i, at in enumerate(times):
            model += f"  drive P.p{i} with times([{', '.join(f'{v} ms' for v in sorted(at))}]) {{ weight = {weights[i]} }}\n"
        model += "}\nexperiment e { network net\n" + "".join(f"  record {v} of P every 0.1 ms\n" for v in names)
        model += "  record spikes of P\n  run 10 ms with dt = 0.1 ms }\n"
        v = dict(x=0.5, y=-0.25, z=0.0)
        hold, before, spikes, cols = dict(x=0, y=0, z=0), False, [], {k: [v[k]] for k in names}
        handlers = [compile("\n".join(p[1]), f"p{i}", "exec") for i, p in enumerate(ports)]
        on_spike = compile("\n".join(["if free['z']: z -= 1"] + fire[1]), "fire", "exec")
        for s in range(1, 101):
            free = {k: s > hold[k] for k in names}
            v["x"] = 0.8 + (v["x"] - 0.8) * math.exp(-0.1 / 3) if free["x"] else v["x"]
            v["y"] = v["y"] * math.exp(-0.1 / 4) if free["y"] else v["y"]
            v["z"] += 0.03 * free["z"]
            scope = dict(v, free=free, hold=hold, s=s)
            for i, code in enumerate(handlers):
                for _ in range(sum(steps(x) == s for x in times[i])):
                    scope["w"] = weights[i]
                    exec(code, scope)
            tested = free["x"] and free["z"]
            now = tested and scope["x"] + scope["z"] > 1
            if now and not before:
                spikes.append(s)
                scope["w"] = 0.3
                exec(on_spike, scope)
                now = tested and scope["x"] + scope["z"] > 1
            before = now
            v = {k: scope[k] for k in names}
            for k in names:
                cols[k].append(v[k])
        if not compare(t, Run(t, model), f"random handlers {trial} ({len(spikes)} spikes)",
                       lambda r: [(r.of("P"), spikes)] + [(r.column(k), cols[k]) for k in names]):
            for line in model.splitlines():
                print("# " + line)


def both_ways(t):
    """A handler that adds, written so that each event runs it, gives the spikes of the summed one: with every kind of integrator and condition."""
    lif = "V' = (g * (1 mV / (1 nS)) - 60 mV - V) / (10 ms)\n  g' = -g / (5 ms)\n  state g = 0 nS"
    adex = ("V' = (30 nS * (-70 mV - V) + 30 nS * 2 mV * exp((V + 50 mV) / (2 mV)) - u + I - g * V) / (281 pF)\n  g' = -g / (5 ms)\n"
            "  u' = (4 nS * (V + 70 mV) - u) / (144 ms)\n  state g = 0 nS, u = 0 pA")
    models = [
        ("a threshold and a hold by masks", lif, "spike when V >= -50 mV { V = -65 mV;  hold V for 2 ms }", ""),
        ("counted holds", lif, "spike when V >= -50 mV { V = -65 mV;  if g > 10 nS { hold V for 2 ms } else { hold g for 1 ms } }", ""),
        ("a peak", lif, "spike at peak of V above -50 mV", ""),
        ("a rate", lif, "spike at rate 50 Hz * exp((V + 50 mV) / (4 mV)) { V = -65 mV;  hold V for 1 ms }", ""),
        ("a drawn reset", lif, "spike when V >= -50 mV { V ~ normal(-65 mV, 2 mV) }", ""),
        ("spikes within dt", adex, "spike when V >= 0 mV { V = -58 mV;  u += 80 pA;  hold V for 1 ms }", ""),
        ("counted holds within dt", adex, "spike when V >= 0 mV { V = -58 mV;  u += 80 pA;  if g > 10 nS { hold V for 0.4 ms } }", ""),
        ("rosenbrock", adex, "spike when V >= 0 mV { V = -58 mV;  u += 80 pA;  hold V for 1 ms }", ", method = rosenbrock"),
        ("backward_euler", lif, "spike when V >= -50 mV { V = -65 mV;  hold V for 2 ms }", ", method = backward_euler"),
    ]
    for what, equations, spike, method in models:
        found = []
        for change in ("g += w", "g += w * exp(0 * V / (1 mV))"):
            run = Run(t, f"""
neuron cell {{ input I : pA
  state V ~ uniform(-70 mV, -52 mV), q = 0 fC
  q' = I
  {equations}
  receive ev(w : nS) {{ {change} }}
  {spike} }}
network net {{ population P : cell[100]
  drive P.ev with poisson(1 kHz) {{ weight = 2 nS }}
  drive P.I with constant(500 pA)
  connect P -> P.ev by indegree(10) {{ weight ~ uniform(0 nS, 0.5 nS);  delay ~ uniform(0.5 ms, 2 ms) }} }}
experiment e {{ network net
  record spikes of P
  run 200 ms with dt = 0.1 ms, seed = 3{method} }}
""")
            found.append(run.spikes() if run.good else run.process.stderr)
        t.check(found[0] == found[1] and len(found[0]) > 300 and isinstance(found[0], list), f"summed or one by one: {what} ({len(found[0])} spikes)",
                f"{str(found[0])[:300]}\n{str(found[1])[:300]}")


def explained(t):
    path = t.write("explained.nsl", """language 1
neuron cell { state V = 0 mV, s = 0
  V' = -V / (10 ms)
  s' = -s / (10 ms)
  receive before(w : mV) { V += w }
  receive gated(w) { s += w * (1 - s) }
  receive between(w) { s += w }
  receive set { V = 0 mV }
  receive behind(w : mV) { V -= w;  s += w / (1 mV) }
  spike when V > 1 mV { V = 0 mV;  hold V for 2 ms;  if s > 1 { hold s for 1 ms } } }
experiment e { neuron cell
  run 1 ms with dt = 0.1 ms }
""")
    found = {}
    for line in call(NSLC, "explain", "--json", path).stdout.splitlines():
        fact = json.loads(line)
        if "fact" in fact:  # warnings stand beside
            found[fact["fact"], fact.get("port") or fact.get("state")] = fact
    ports = {p: (found["port", p]["method"], found["port", p]["reason"]) for k, p in found if k == "port"}
    adds = "its handler only adds coefficient * weight to states"
    t.check(ports == {"before": ("summed per step", adds), "behind": ("summed per step", adds),
                      "gated": ("each event", "it is not linear in states and weight"),
                      "between": ("each event", "it is declared between handlers that do more than add"),
                      "set": ("each event", "it sets a state instead of adding to it")}, "explain says how events are handled, and why", ports)
    t.check(found["hold", "V"]["steps"] == 20 and found["hold", "s"]["steps"] is None and "%" not in "".join(str(k) for k in found),
            "and how states are held", found)


def main():
    t = Tap()
    for part in (order, numbers, saturating, holds, frozen, draws, rates, rates_below_zero, peaks, parts, mixed, elements, threads, both_ways, explained):
        part(t)
    t.done()


if __name__ == "__main__":
    main()
