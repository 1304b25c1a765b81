#!/usr/bin/env python3
"""Odd numbers on a device. Subnormal ones that come from outside (set, in a column, of a file, an initial value, a weight, a current): zero, as they are to
a processor, which a GPU would not take them for. Numbers that go wrong, at many elements at once and while handlers go on: the device tells of the one that
the processor tells of, in the same words, for any order of its threads."""
import os
import re

from tap import NSLC, Tap, call, run_json

WAYS = [("64", "reverse"), ("128", "shuffled:1"), ("256", "forward")]

SMALL = """language 1
neuron cell {
  param p = 1, q = 0
  input I : 1
  state x = 0, y = 0, z = 0
  x' = (p + q + I + y) * 1e300 / (1 ms)
  y' = 0 / (1 ms)
  receive go(w : 1) { if w > 0 { z += 1 } }
  spike when x > 1e9 { x = 0 }
}
network net {
  param P = 1, W = 1, S = 1, Y = 0
  population A : cell[70] { p = P }
  population B : cell[70] { p = 0;  q = csv("q.csv").q }
  population C : cell[70] { p = 0;  y = Y }
  population D : cell[7] { p = 0 }
  population F : cell[70] { p = 0 }
  population G : cell[70] { p = 0 }
  population H : cell[7] { p = 0 }
  drive D.go with times([1 ms, 2 ms]) { weight = W }
  drive F.I with samples("i.csv") { t : ms;  I : 1 }
  drive G.I with constant(S)
  connect A -> H.go by all_to_all { weight = W;  delay = 0.5 ms }
}
experiment e { network net
  record x of (A[0], B[0..2], C[0], F[0], G[0]) every 1 ms
  record z of (D[0], H[0]) every 1 ms
  record spikes of A
  run 4 ms with dt = 0.1 ms }
"""


def run(t, program, out, *options, way=None):
    env = dict(os.environ, NSL_EMULATED_BLOCK=way[0], NSL_EMULATED_ORDER=way[1]) if way else None
    device = ["--device", "emulated"] if way else []
    return call(program, "--out", t.path(out), "--force", "--csv", "--quiet", "--no-report", *device, *options, env=env)


def last(t, out, name):
    with open(os.path.join(t.path(out), name + ".csv"), encoding="utf-8") as f:
        return [float(x) for x in f.read().split()[-1].split(",")[1:]]


def built(t, name, model, *options):
    program = t.path(name)
    r = call(NSLC, "build", "--target", "gpu", *options, t.write(name + ".nsl", model), "-o", program)
    return program if t.check(r.returncode == 0, f"{name}: built {' '.join(options)}", r.stderr) else None


def subnormal(t):
    t.write("q.csv", "q\n" + "3e-310\n" * 70)
    t.write("i.csv", "t,I\n" + "".join(f"{k},2e-310\n" for k in range(9)))
    program = built(t, "small", SMALL)
    if not program:
        return
    values = [x for k, name in enumerate("PWSY") for x in ("--set", f"net.{name}={k + 1}e-310")]
    p = run(t, program, "cpu", *values)
    if not t.check(p.returncode == 0, "subnormal numbers: the processor's run", p.stderr):
        return
    t.check(not any(last(t, "cpu", "x")) and not any(last(t, "cpu", "z")), "subnormal numbers are zero", (last(t, "cpu", "x"), last(t, "cpu", "z")))
    for way in WAYS:
        p = run(t, program, "device", *values, way=way)
        same = p.returncode == 0 and run_json(t.path("cpu"))["state_hash"] == run_json(t.path("device"))["state_hash"]
        t.check(same and not any(last(t, "device", "x")) and not any(last(t, "device", "z")), "and they are on a device", p.stderr or (last(t, "device", "x"), last(t, "device", "z")))
    p = run(t, program, "device", *[x.replace("e-310", "e-300") for x in values], way=WAYS[0])
    t.check(last(t, "device", "x")[0] > 0 and min(last(t, "device", "z")[:1]) > 0, "those that are not count", (last(t, "device", "x"), last(t, "device", "z")))


RATES = """language 1
neuron lif {
  state V = -65 mV
  V' = (-65 mV - V) / (10 ms)
  receive exc(w : mV) { V += w }
  spike when V >= -50 mV { V = -65 mV }
}
network net {
  population E : lif[1500]
  drive E.exc with poisson(normal(300 Hz, 90 Hz) + sine(1 kHz, frequency = 30 Hz)) { weight = 1 mV;  delay = 3 ms }
}
experiment e { network net
  run 40 ms with dt = 0.1 ms, seed = 3 }
"""
# all run away together; where they do, a handler puts them back in the same step
RUNAWAYS = """language 1
neuron cell {
  param a = 1
  state y = 0, x = 1
  x' = a * x^2 / (1 ms)
  y' = x / (1 ms)
  receive go(w : 1) { if x > 0 { y += w } }
  spike when y > 1e9 { y = 0 }
}
neuron healed {
  state y = 0, x = 1
  x' = x^2 / (1 ms)
  y' = x / (1 ms)
  receive go(w : 1) { x = 0.5;  y = 0 }
  spike when y > 1e9 { y = 0 }
}
network net {
  population P : %s
  population Q : %s
  drive (P, Q).go with poisson(90 kHz) { weight = 1 }
}
experiment e { network net
  run 90 ms with dt = 0.1 ms, seed = 3 }
"""
KINDS = [("both at once", "cell[1300]", "cell[1300]"), ("some", "cell[1300] { a ~ uniform(0.1, 0.9) }", "cell[1300] { a ~ uniform(0.1, 0.9) }"),
         ("finer", "cell[1300] step dt / 4 { a ~ uniform(0.1, 0.9) }", "cell[700] step dt / 3"), ("coarser", "cell[1300] step 5 * dt { a ~ uniform(0.1, 0.9) }", "cell[70] { a = 0.2 }")]


def words(t, name, program, *parts):
    """The processor's, of one and of two threads, and the device's in all ways."""
    said = [run(t, program, "wrong", *threads).stderr for threads in (("--threads", "1"), ("--threads", "2"))]
    said += [run(t, program, "wrong", way=way).stderr for way in WAYS]
    t.check(len(set(said)) == 1 and all(p in said[0] for p in parts), f"{name}: the same words", "".join(said))
    return said[0]


def wrong(t):
    program = built(t, "rates", RATES)
    said = words(t, "rates that fall below 0", program, "the rate is -", "poisson -> E.exc") if program else ""
    m = re.search(r"t = ([0-9.]+) ms", said)
    t.check(m and float(m[1]) > 16.6, "at the time for which they were drawn", said)  # 1 kHz sin(2 pi 30 Hz t) is above 0 before
    for k, (name, first, second) in enumerate(KINDS):
        program = built(t, f"runaways_{k}", RUNAWAYS % (first, second), *(("--precision", "f32") if k % 2 else ()))
        if program:
            words(t, name, program, "x of P[" if name == "both at once" else "x of ", "became")


t = Tap()
subnormal(t)
wrong(t)
t.done()
