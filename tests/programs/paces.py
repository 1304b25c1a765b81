#!/usr/bin/env python3
"""Populations with a step of their own (`step dt / 4`, `step 10 * dt`): finer ones against the same network with the small step for all, coarser
ones against plain Python written from the networks' page; and what holds whatever the model: bits on any number of threads and ranks, runs that go on."""
import math
import os
import shutil
import signal
import subprocess
import time

from mpi import ENV, MPIRUN, launcher
from plastic import table
from semantics import NSLC, Run, call, steps
from tap import Tap, run_json

CELL = """
neuron cell {
  param tau = 10 ms, t_ref = 1.3 ms, I0 = 20 mV
  state V = 0 mV
  V' = (I0 - V) / tau
  receive kick(w : mV) { V += w }
  spike when V >= 15 mV { V = 0 mV;  hold V for t_ref }
}
neuron burster {
  state V = 0 mV
  V' = 12 mV/ms
  spike when V >= 1 mV { V -= 1 mV }
}
"""


def finer(t):
    model = CELL + """
network n {
  population A : cell[3] %s { I0 ~ uniform(16 mV, 40 mV) }
  population B : burster[1] %s
}
experiment e { network n
  record V of A every 1 ms
  record spikes of (A, B)
  run 40 ms with dt = %s ms, seed = 3%s }"""
    for method in ("", ", method = rk4", ", method = euler"):
        own = Run(t, model % ("step dt / 4", "step dt / 4", 0.2, method), dt=0.2)
        small = Run(t, model % ("", "", 0.05, method), dt=0.05)
        if not t.check(own.good and small.good, f"dt / 4{method}", own.process.stderr + small.process.stderr):
            return
        error = max(abs(x - y) for a, b in zip(own.rows("V"), small.rows("V")) for x, y in zip(a, b))
        t.check(error < 1e-9, f"finer steps are those of the small step for all{method}", error)
        expected = sorted((math.ceil(s / 4 - 1e-9), p, i) for s, p, i in small.spikes())
        t.check(sorted(own.spikes()) == expected, f"a spike within a step has the step's time{method}", (sorted(own.spikes())[:9], expected[:9]))
        t.check(len(own.of("B")) > 40 / 0.2 * 2, "several spikes in one step of the run count", len(own.of("B")))


def coarser(t):
    """Events wait for the end of the step, inputs are its mean."""
    r = Run(t, """
component pool {
  param tau = 30 ms
  input J : mM/ms
  state c = 0 mM, q = 1 mM
  c' = -c / tau
  q' = J
  receive add(w : mM) { c += w }
}
network n {
  population M : pool[2] step 10 * dt
  drive M[0].add with times([0.1 ms, 1 ms, 1.05 ms, 4.4 ms, 4.5 ms, 17 ms]) { weight = 1 mM }
  drive M.J with step(2 mM/ms, from = 3.3 ms, to = 7.9 ms)
}
experiment e { network n
  record c of M every 0.1 ms
  record q of M every 0.1 ms
  run 20 ms with dt = 0.1 ms }""", dt=0.1)
    if not t.check(r.good, "10 * dt, a population of a bare component", r.process.stderr):
        return
    events, c, q, wrong = [1, 10, 11, 44, 45, 170], 0.0, 1.0, []
    for step, (row, charge) in enumerate(zip(r.rows("c"), r.rows("q"))):
        if step and step % 10 == 0:
            c = c * math.exp(-1 / 30) + sum(step - 10 < e <= step for e in events)
            q += 0.2 * sum(33 < s <= 79 for s in range(step - 9, step + 1))
        if abs(row[0] - c) > 1e-12 or row[1] != 0 or abs(charge[1] - q) > 1e-12:
            wrong.append((step, row, c, charge, q))
    t.check(not wrong, "what arrives within a longer step is taken at its end, an input is its mean", wrong[:3])


def one_by_one(t):
    """Handlers that do more than add: what arrives within a longer step is handled at its end, port by port, in the order of its times."""
    r = Run(t, """
neuron src { state V = 0 mV
  receive go(w : mV) { V += w }
  spike when V > 1 mV { V = 0 mV } }
neuron pool {
  param tau = 30 ms
  state c = 0, d = 0, n = 0
  c' = -c / tau
  receive add(w) { d += w }
  receive odd(w) { c = 0.5 * c + w * (1 + d);  n += 1 }
  receive cap(w) { d = min(d, w);  n += 10 }
}
network n {
  population A : src[6]
  population M : pool[3] step 7 * dt
  drive A.go with poisson(200 Hz) { weight = 2 mV }
  connect first: A -> M.odd by all_to_all { weight ~ uniform(0, 1);  delay ~ uniform(0.2 ms, 2 ms) }
  connect second: A -> M.cap by all_to_all { weight ~ uniform(0, 3);  delay ~ uniform(0.2 ms, 2 ms) }
  connect third: A -> M.add by all_to_all { weight ~ uniform(0, 1);  delay ~ uniform(0.2 ms, 2 ms) }
  connect fourth: A -> M.odd by all_to_all { weight ~ uniform(0, 1);  delay ~ uniform(0.2 ms, 2 ms) }
  drive M.odd with times([0.3 ms, 12 ms]) { weight = 0.25 }
}
experiment e { network n
  record spikes of A
  record c of M every 0.7 ms
  record d of M every 0.7 ms
  record n of M every 0.7 ms
  record weight of (first, second, third, fourth)
  run 70 ms with dt = 0.1 ms, seed = 4 }""", dt=0.1)
    if not t.check(r.good, "a longer step with handlers that do more than add", r.process.stderr):
        return
    rows = [r for r in table(r, "weight") if r[0] == 0]
    events = [(1, 3, 9, 0, i, 0.25) for i in range(3)] + [(1, 120, 9, 0, i, 0.25) for i in range(3)]
    for i, (_, name, source, target, delay, w) in enumerate(rows):
        rank = ["first", "second", "third", "fourth"].index(name.split(".")[-1])
        events += [({0: 1, 1: 2, 2: 0, 3: 1}[rank], s + steps(delay), rank, source, target, w) for s in r.of("A", source)]
    c, d, n, wrong = [0.0] * 3, [0.0] * 3, [0] * 3, []
    most = 0
    for row, (have_c, have_d, have_n) in enumerate(zip(r.rows("c"), r.rows("d"), r.rows("n"))):
        for i in range(3):
            c[i] *= math.exp(-0.7 / 30) if row else 1
            due = sorted(e for e in events if e[4] == i and 7 * row - 7 < e[1] <= 7 * row)
            most = max(most, len(due))
            for port, _, _, _, _, w in due:
                if port == 0:
                    d[i] += w
                elif port == 1:
                    c[i], n[i] = 0.5 * c[i] + w * (1 + d[i]), n[i] + 1
                else:
                    d[i], n[i] = min(d[i], w), n[i] + 10
        wrong += [(row, i) for i in range(3) if abs(c[i] - have_c[i]) > 1e-9 or abs(d[i] - have_d[i]) > 1e-9 or n[i] != have_n[i]]
    t.check(not wrong and most > 8, "each in its place", (wrong[:5], most))


def alone(t):
    """A bare component and a mean field as the subject of an experiment."""
    r = Run(t, """
component pool {
  state c = 1 mM
  c' = -c / (10 ms)
  receive add(w : mM) { c += w }
}
experiment one { component pool { c = 2 mM }
  record c every 1 ms
  drive add with times([5 ms]) { weight = 1 mM }
  run 10 ms with dt = 0.1 ms }""")
    if t.check(r.good, "a component alone", r.process.stderr):
        t.check(abs(r.column("c")[-1] - 2 * math.exp(-1) - math.exp(-0.5)) < 1e-12, "its closed form", r.column("c"))
    r = Run(t, "experiment two { mass wilson_cowan\n  record E every 10 ms\n  run 100 ms with dt = 0.1 ms }")
    t.check(r.good and 0 < max(r.column("E")) < 1, "a mass alone", r.process.stderr)


PAIR = """
mass unit {
  param a = 0.4
  input I
  state x = 0.2
  x' = (-a * x^3 + I) / (1 ms)
}
synapse link { weight w;  stream w * (pre.x - post.x) }
synapse late { weight w;  stream w * delayed(pre.x, delay) }
"""


def coupled(t):
    """Streams between a fine, a plain and a coarse population: of first order in dt, towards the run with a small step for all."""
    model = PAIR + """
network n {
  population A : unit[1] %s { x = 1 }
  population B : unit[1] { x = -0.5 }
  population C : unit[1] %s { x = 0.7 }
  connect A -> B.I by all_to_all with link { weight = 0.3 }
  connect B -> (A, C).I by all_to_all with link { weight = 0.5 }
  connect C -> (A, B).I by all_to_all with late { weight = 0.2;  delay = 1.7 ms }
}
experiment e { network n
  record x of A as a every 1 ms
  record x of B as b every 1 ms
  record x of C as c every 1 ms
  run 20 ms with dt = %g ms }"""
    truth = Run(t, model.replace("with link", "with link") % ("", "", 0.002))
    errors = []
    for dt in (0.1, 0.05):
        r = Run(t, model % ("step dt / 8", "step 5 * dt", dt))
        if not t.check(r.good and truth.good, f"streams between steps of all kinds, dt = {dt} ms", r.process.stderr + truth.process.stderr):
            return
        errors.append(max(abs(x - y) for name in "abc" for x, y in zip(r.column(name), truth.column(name))))
    t.check(errors[0] < 0.2 and 1.7 < errors[0] / errors[1] < 2.4, "of first order in dt", errors)


def remembered(t):
    """delayed(x, d) in the equations of a population: on its own grid."""
    model = """
neuron echo { state x = 1;  x' = -delayed(x, 1.1 ms) / (2 ms) }
network n { population A : echo[1] %s }
experiment e { network n
  record x of A every 2 ms
  run 20 ms with dt = %g ms }"""
    for own, dt, small in (("step dt / 5", 0.5, 0.1), ("step 4 * dt", 0.1, 0.4)):
        a, b = Run(t, model % (own, dt)), Run(t, model % ("", small))
        if not t.check(a.good and b.good, f"a delayed value, {own}", a.process.stderr + b.process.stderr):
            return
        of = dict(zip([round(x, 9) for x in b.times("x")], b.column("x")))
        both = [(x, of[round(time, 9)]) for time, x in zip(a.times("x"), a.column("x")) if round(time, 9) in of and round(time / small, 6) % 1 == 0]
        t.check(len(both) > 5 and max(abs(x - y) for x, y in both) < 1e-12, f"is as with that step for all, {own}", both)


MIXED = """
neuron lif {
  param tau = 10 ms
  input I : mV/ms
  input n
  state V = 0 mV, u = 0
  let shown = V / (1 mV)
  V' = -V / tau + I + n * 0.1 mV/ms
  u' = -u / (5 ms)
  receive exc(w : mV) { V += w }
  receive more(w) { u += w }
  spike when V >= 15 mV { V = 0 mV;  hold V for 1 ms }
}
component pool {
  input J
  state c = 0, d = 0
  c' = -c / (30 ms) + J / (1 ms)
  d' = (c - d) / (8 ms) + 0.1 / sqrt(1 ms) * white_noise()
  receive add(w) { c += w }
  receive odd(w) { d = 0.9 * d + w;  c ~ normal(c, 0.01) }
}
synapse learns {
  weight w in [0, 2]
  state c = 0
  state x = 0 per pre
  state y = 0 per post
  c' = (0.1 - c) / (20 ms)
  x' = -x / (20 ms)
  y' = -y / (30 ms)
  on pre  { w -= 0.05 * w * y;  w += 0.001 * pre.V / (1 mV);  c ~ normal(c, 0.1);  send w * (1 + 0.1 * c);  x += 1 }
  on post { w += 0.05 * x;  c -= 0.1 * x;  y += 1 }
}
synapse collects {
  weight w in [0, 2]
  state c = 0
  c' = (post.c - c) / (20 ms) + 0.01/ms * pre.u
  on pre { w += 0.01 * c;  send 0.1 * w }
}
synapse seen { weight w;  stream w * pre.c }
synapse back { weight w : mV/ms;  stream w * delayed(pre.c, delay) }
synapse look { weight w;  stream w * pre.shown }
network n {
  population F : lif[1500] step dt / 3 { V ~ uniform(0 mV, 14 mV);  n = level }
  population P : lif[700] { V ~ uniform(0 mV, 14 mV) }
  population S : pool[600] step 7 * dt
  signal level : 1 { level' = (mean(S.c) - level) / (20 ms);  on spike of F { level += 0.001 } }
  connect F -> (F, P).exc by indegree(20) { weight ~ normal(0.3 mV, 0.1 mV);  delay ~ uniform(0.5 ms, 3 ms) }
  connect P -> F.exc by indegree(20) { weight = 0.2 mV;  delay = 1 ms }
  connect (F, P) -> S.add by indegree(5) { weight ~ uniform(0, 0.1);  delay = 0.8 ms }
  connect lf: (F, P) -> (F, P).more by indegree(6) with learns { weight ~ uniform(0, 0.2);  delay = axonal(0.3 ms) + dendritic(0.6 ms) }
  connect ls: F -> S.add by indegree(4) with collects { weight ~ uniform(0, 0.2);  delay ~ uniform(0.4 ms, 1.5 ms) }
  connect (F, P) -> S.odd by indegree(3) { weight ~ uniform(0, 0.1);  delay ~ uniform(0.4 ms, 2 ms) }
  connect lo: P -> S.odd by indegree(4) with learns { weight ~ uniform(0, 0.2);  delay ~ uniform(0.4 ms, 1.5 ms) }
  connect S -> (F, P).I by indegree(3) with back { weight = 0.01 mV/ms;  delay ~ uniform(0.4 ms, 4 ms) }
  connect P -> S.J by indegree(3) with look { weight = 0.001 }
  drive (F, P).exc with poisson(3 kHz) { weight = 0.6 mV }
  drive S.add with poisson(100 Hz) { weight = 0.02 }
  drive (F, P).I with noise(0.1 mV/ms, tau = 5 ms)
}
experiment e { network n
  record spikes of (F, P)
  record V of F[0..9] every 1 ms
  record c of S[0..9] every 0.5 ms
  run 20 ms as one with dt = 0.1 ms, seed = 5
  run 15.3 ms as two
}"""


def same(t):
    model, program = t.write("mixed.nsl", "language 1\n" + MIXED), t.path("mixed")
    p = call(NSLC, "build", model, "-o", program)
    if not t.check(p.returncode == 0, "a network of three steps", p.stderr):
        return

    def run(what, *options):
        out = t.path(f"mixed{len(os.listdir(t.scratch))}.out")
        p = call(*options[:1], *options[1:], "--quiet", "--no-report", "--csv", "--force", "--out", out)
        if not t.check(p.returncode == 0, what, p.stderr):
            return None
        return run_json(out)["state_hash"], open(os.path.join(out, "spikes.csv")).read(), open(os.path.join(out, "c.csv")).read()

    one = run("one thread", program, "--threads", "1")
    if not one:
        return
    t.check(one[1].count("\n") > 200, "it spikes", one[1].count("\n"))
    t.check(run("two threads", program, "--threads", "2") == one, "two threads: the same bits")
    t.check(run("synapses made anew", program, "--connectivity", "procedural") == one, "synapses made anew: the same bits")
    t.check(run("all cells", program, "--all-cells") == one, "cells at rest are computed or not: the same bits")
    t.check(run("what arrives is looked at", program, "--verify") == one, "--verify")
    goes_on(t, program)


def ranks(t):
    """Both precisions, on threads and on ranks: one hash, the same spikes and records."""
    model = t.write("ranks.nsl", "language 1\n" + MIXED)
    there = shutil.which(MPIRUN) is not None
    for precision in ("f64", "f32"):
        program = t.path("ranks_" + precision)
        p = call(NSLC, "build", model, "-o", program, "--precision", precision, *(["--mpi"] if there else []))
        if not t.check(p.returncode == 0, f"{precision} is built", p.stderr):
            continue

        def run(*command):
            out = t.path(f"ranks{len(os.listdir(t.scratch))}.out")
            p = call(*command, "--quiet", "--no-report", "--csv", "--force", "--out", out, env=ENV, timeout=60)
            if p.returncode:
                return p.stderr
            return run_json(out)["state_hash"], *(open(os.path.join(out, name)).read() for name in ("spikes.csv", "c.csv", "V.csv"))

        one = run(program, "--threads", "1")
        t.check(len(one) == 4 and one[1].count("\n") > 200, f"{precision}: it spikes", one)
        t.check(run(program, "--threads", "2") == one, f"{precision}, two threads: the same bits")
        for n in (2, 3):
            what = f"{precision}, {n} ranks: the same bits"
            if there:
                t.check(run(*launcher(), "-n", str(n), program, "--threads", "1") == one, what)
            else:
                t.skip(what, "no mpirun")


def kill_at_checkpoint(program, out, *options):
    """Kills a run when it has written a checkpoint, well before its end."""
    p = subprocess.Popen([program, *options, "--out", out], stderr=subprocess.DEVNULL)
    while p.poll() is None and not os.path.exists(os.path.join(out, "checkpoint")):
        time.sleep(0.005)
    p.send_signal(signal.SIGKILL)
    p.wait()


def goes_on(t, program):
    """From a checkpoint within a longer step, on other threads."""
    options = ["--quiet", "--no-report", "--duration", "250ms"]
    whole, out = t.path("whole.out"), t.path("killed.out")
    p = call(program, *options, "--force", "--out", whole)
    kill_at_checkpoint(program, out, *options, "--force", "--checkpoint", "model=4.9ms")
    again = call(program, "--quiet", "--no-report", "--resume", out, "--threads", "2")
    if t.check(p.returncode == 0 and again.returncode == 0, "a run goes on", p.stderr + again.stderr):
        t.check(run_json(whole)["state_hash"] == run_json(out)["state_hash"], "from a checkpoint on, the same bits", run_json(out)["state_hash"])


def main():
    t = Tap()
    finer(t)
    coarser(t)
    one_by_one(t)
    alone(t)
    coupled(t)
    remembered(t)
    same(t)
    ranks(t)
    t.done()


if __name__ == "__main__":
    main()
