#!/usr/bin/env python3
"""Blocks of cells at rest are passed over with the same bits: every kind of model with and without --all-cells, threads, precisions."""
import os

from tap import NSLC, Tap, call, run_json

LIF = """neuron cell {{
  param tau = 0.4 ms in (0 ms, inf)
  param E = {E}, t_ref = 1 ms
  {more}
  state V = E, I = 0 pA{states}
  V' = (E - V) / tau + I / (20 pF){terms}
  I' = -I / (0.3 ms)
  {equations}
  receive exc(w : pA) {{ I += w }}
  spike when V >= E + 10 mV {{ V = E;  hold V for t_ref }}
}}
"""


def lif(E="-70 mV", more="", states="", terms="", equations=""):
    return LIF.format(E=E, more=more, states=states, terms=terms, equations=equations)


NET = """
network net {{
  population P : cell[{n}]{settings}
  connect P[0..{some}] -> P[0..{some}].exc by outdegree(3) {{ weight {weight};  delay = {delay} }}
  drive P[5..9].exc with times([5 ms, 90 ms, 90.3 ms, 250 ms]) {{ weight = 3000 pA;  delay = 0.2 ms }}
  {drives}
}}
experiment e {{
  network net
  record spikes of P
  {records}
  {runs}
}}
"""


def model(cell, n=3000, some=200, weight="= 900 pA", delay="1.2 ms", settings="", drives="", records="", runs="run 320 ms with dt = 0.1 ms, seed = 4"):
    return "language 1\n" + cell + NET.format(n=n, some=some, weight=weight, delay=delay, settings=settings, drives=drives, records=records, runs=runs)


CUBIC = """neuron cell {
  state x = 1, I = 0
  x' = (x - x^3) / (0.5 ms) + I / (1 ms)
  I' = -I / (0.3 ms)
  receive exc(w : pA) { I += w / (1200 pA) }
  spike at peak of x above 1.1
}
"""
EACH = lif().replace("{ I += w }", "{ I = I * 0.9 + w }")


SOURCE = """neuron source {
  state n = 0
  receive go { n += 1 }
  spike when n >= 1 { n = 0 }
}
"""


def straight(text, targets="5..9"):
    """All events of one weight, none from drives: they are added to I itself."""
    text = text.replace("language 1\n", "language 1\n" + SOURCE)
    return text.replace("  drive P[5..9].exc", f"  population S : source[3]\n  connect S -> P[{targets}].exc by all_to_all {{ weight = 900 pA;  delay = 0.5 ms }}\n  drive S.go"
                        ).replace("{ weight = 3000 pA;  delay = 0.2 ms }", "")


# name, model, does anybody rest, what explain says of those that never do
CASES = [
    ("holds and sums", model(lif(), records="record V of P[0..50] every 1 ms\n  record mean(P.V) as m every 1 ms\n  expect mean(P.V) in [-80 mV, 0 mV]"), True, None),
    ("drawn weights and params", model(lif(), weight="~ normal(900 pA, 100 pA)", settings=" { tau ~ uniform(0.2 ms, 0.5 ms);  V ~ normal(-65 mV, 2 mV) }"), True, None),
    ("holds of their own length", model(lif(), settings=" { t_ref ~ uniform(0.5 ms, 3 ms) }"), True, None),
    ("events straight to states", straight(model(lif())), True, None),
    ("straight, and many of them", straight(model(lif(), some=2999), "0..1500"), True, None),
    ("a nonlinear equation, peaks", model(CUBIC), True, None),
    ("a current that begins and ends", model(lif(more="input J : pA", terms=" + J / (20 pF)"), drives="drive P[0..1200].J with step(300 pA, from = 150 ms, to = 170.05 ms)"), True, None),
    ("a constant current, drawn", model(lif(more="input J : pA", terms=" + J / (20 pF)"), drives="drive P.J with normal(100 pA, 20 pA)"), True, None),
    ("Poisson input of some", model(lif(), drives="drive P[2000..2100].exc with poisson(500 Hz) { weight = 400 pA;  delay ~ uniform(1 ms, 3 ms) }"), True, None),
    ("Poisson input of a whole small part", model(lif(), n=5000, drives="drive P[0..99].exc with poisson(900 Hz) { weight = 800 pA;  delay = 1 ms }"), True, None),
    ("phases with drives", model(lif(more="input J : pA", terms=" + J / (20 pF)"),
                                 runs="run 150 ms as a with dt = 0.1 ms, seed = 4\n  run 100 ms as b { drive P[0..700].J with constant(400 pA) }\n  run 70 ms as c")
     , True, None),
    ("an input that follows a mean", model(lif(more="input J : mV", terms=" + J / (1 ms)")).replace("population P : cell[3000]", "signal s : mV { s' = (mean(P.V) + 70 mV - s) / (1 ms) }\n  population P : cell[3000] { J = s }"), None, None),
    ("noise in a current", model(lif(more="input J : pA", terms=" + J / (20 pF)"), drives="drive P.J with noise(10 pA, tau = 1 ms)"), False, None),
    ("an equation with t", model(lif(terms=" + 0.01 mV/ms * sin(t / (1 ms))")), False, "it depends on t"),
    ("noise", model(lif(terms=" + 0.01 mV / sqrt(1 ms) * white_noise()").replace("-70 mV", "0 mV").replace("E + ", "")), False, "it draws random numbers"),
    ("a delayed value", model(lif(states=", y = 0 mV", equations="y' = (delayed(V, 1 ms) - y) / (1 ms)")), False, "it reads delayed values"),
    ("handlers of each event", model(EACH), False, "its handlers run for each event"),
]


def built(t, path, precision):
    program = t.path("program-" + precision)
    p = call(NSLC, "build", "--precision", precision, path, "-o", program)
    return program if t.check(p.returncode == 0, f"{precision} is built", p.stderr) else None


def outcome(t, what, program, precision, *options):
    out = t.path("out")
    p = call(program, "--out", out, "--force", "--quiet", "--no-report", "--csv", *options)
    if not t.check(p.returncode == 0, f"{what}, {precision} {' '.join(options)} runs", p.stderr):
        return None
    info, files = run_json(out), {}
    for name in sorted(os.listdir(out)):
        if name.endswith(".csv"):
            with open(os.path.join(out, name)) as f:
                files[name] = f.read()
    return info, files


def same_bits(t):
    for k, (what, text, rests, why) in enumerate(CASES):
        path = t.write("model.nsl", text)
        for precision, threads in (("f64", "3"), ("f32", "1"))[:2 if k < 6 else 1]:
            program = built(t, path, precision)
            whole = program and outcome(t, what, program, precision, "--all-cells")
            got = program and outcome(t, what, program, precision, "--threads", threads)
            if not whole or not got:
                continue
            n = got[0]["updates_at_rest"]
            t.check(got[0]["state_hash"] == whole[0]["state_hash"] and got[1] == whole[1] and len(got[1]["spikes.csv"]) > 100,
                    f"{what}, {precision}, {threads} threads: the same bits, {n} updates at rest", (got[0]["state_hash"], whole[0]["state_hash"]))
            t.check(whole[0]["updates_at_rest"] == 0 and (rests is None or (n > 0) == rests), f"{what}, {precision}: who rests", n)
        if k in (0, 3, 4):
            for how in (("--connectivity", "procedural"), ("--rows", "source")):
                made = outcome(t, what, program, precision, *how)
                t.check(made and got and made[0]["state_hash"] == got[0]["state_hash"] and made[1] == got[1] and made[0]["updates_at_rest"] > 0,
                        f"{what}, {' '.join(how)}: the same bits")
        said = call(NSLC, "explain", path).stdout
        t.check((f"every cell is computed in every step: {why}" if why else "are passed over until something arrives") in said, f"{what}: explain says so", said)


def verified(t):
    """--verify and pieces of a run do not see it."""
    path = t.write("verified.nsl", CASES[0][1])
    program = built(t, path, "f64")
    whole = outcome(t, "a whole run", program, "f64")
    seen = outcome(t, "--verify", program, "f64", "--verify")
    t.check(whole and seen and whole[0]["state_hash"] == seen[0]["state_hash"], "--verify looks at arrivals of cells at rest")


def long_sums(t):
    """Poisson events onto a port whose sums are int64 in a float32 program come at their step."""
    text = """language 1
neuron acc { state x = 0 pA
  receive ev(w : pA) { x += w } }
network net {
  population A : acc[3000]
  population S : poisson_neuron[10] { rate = 100 Hz }
  connect S -> A.ev by indegree(2) { weight ~ lognormal(0, 5) * 1e-6 pA;  delay = 1 ms }
  drive A.ev with poisson(2 kHz) { weight = 10000 pA } }
experiment e { network net
  record mean(A.x) as m every 0.1 ms
  run 3 ms with dt = 0.1 ms, seed = 1 }
"""
    path = t.write("long.nsl", text)
    rows = []
    for precision in ("f64", "f32"):
        got = outcome(t, "long sums", built(t, path, precision), precision)
        rows.append([float(line.split(",")[1]) for line in got[1]["m.csv"].splitlines()[1:]] if got else [])
    t.check(len(rows[0]) == 31 and rows[0][1] > 1000 and all(abs(a - b) < 1e-3 * (1 + a) for a, b in zip(*rows)), "long sums: float32 as float64", rows)


def main():
    t = Tap()
    same_bits(t)
    verified(t)
    long_sums(t)
    t.done()


if __name__ == "__main__":
    main()
