#!/usr/bin/env python3
"""What a run says of itself: events, bytes and times in run.json; --verify over all rules and forms of synapses; digests."""
import csv
import os
import re

from tap import NSLC, Tap, call, run_json

CELLS = """
neuron src { state V = 0 mV
  receive go(w : mV) { V += w }
  spike when V > 1 mV { V = 0 mV } }
neuron dst { param tau = 10 ms
  state V = 0 mV, q = 0 mV, n = 0
  V' = -V / tau
  receive psp(w : mV) { V += w }
  receive odd(w : mV) { q = q * 0.5 + w;  n += 1 }
  spike when V > 5 mV { V = 0 mV } }
neuron held { state V = 0 mV, x = 0 mV
  V' = -V / (10 ms)
  x' = -x / (3 ms)
  receive psp(w : mV) { V += w }
  receive own(w : mV) { x += w }
  spike when V > 1000 mV }
"""


def network(body, duration="20 ms", n=50):
    return f"""language 1
{CELLS}
network net {{
  population S : src[{n}]
  population D : dst[{n}]
  population H : held[{n}]
  drive S.go with poisson(100 Hz) {{ weight = 2 mV;  delay = 0.1 ms }}
{body}
}}
experiment x {{
  network net
  record spikes of (S, D)
  run {duration} with dt = 0.1 ms, seed = 3
}}
"""


class Program:
    def __init__(self, t, name, text):
        self.t, self.name = t, name
        self.path = t.path(name)
        p = call(NSLC, "build", t.write(name + ".nsl", text), "-o", self.path)
        t.check(p.returncode == 0, f"{name}: builds", p.stderr)

    def run(self, *options, out="out"):
        self.out = self.t.path(f"{self.name}.{out}")
        return call(self.path, "--quiet", "--no-report", "--force", "--out", self.out, *options)

    def info(self):
        return run_json(self.out)

    def spikes(self):
        with open(os.path.join(self.out, "spikes.csv")) as f:
            return [(float(a), b, int(c)) for a, b, c in list(csv.reader(f))[1:]]


def costs(t):
    """Events that arrived until the end, counted from the spikes; three forms of rows."""
    p = Program(t, "costs", network("""
  connect S -> D.psp by all_to_all { weight = 1 mV;  delay = 1 ms }
  connect S -> D.odd by outdegree(7) { weight = 1 mV;  delay = 2 ms }
  connect S -> H.psp by outdegree(11) { weight ~ normal(1 mV, 0.1 mV);  delay = 3 ms }"""))
    r = p.run("--csv")
    if not t.check(r.returncode == 0, "costs: runs", r.stderr):
        return
    info, spikes = p.info(), p.spikes()
    want = sum(n * sum(1 for s, pop, _ in spikes if pop == "S" and s + d < 20.05) for n, d in ((50, 1), (7, 2), (11, 3)))
    t.check(want > 0 and info["events"] == want, f"events: {want}, counted from the spikes", info["events"])
    r = p.run("--connectivity", "procedural", out="anew")
    t.check(r.returncode == 0 and p.info()["events"] == want, "events of rows that are made anew", r.stderr or p.info())
    phases = info["phases"]
    t.check(set(phases) == {"build_s", "delivery_s", "update_s", "exchange_s", "wait_s", "output_s"} and
            all(v >= 0 for v in phases.values()), "phases of a run", phases)
    sum_of = sum(phases.values())
    all_of = info["build_s"] + info["simulate_s"] + info["output_s"]
    t.check(abs(sum_of - all_of) <= 1e-9 * all_of, "phases sum up to build, simulation and output", (sum_of, all_of))
    t.check(2 < info["bytes_per_event"] < 64 and info["bytes_per_synapse"] > 2, "bytes of a synapse and of an event", info)
    t.check(0 < info["memory_of_limit"] <= 1 and
            abs(info["memory_of_limit"] * info["memory_limit_mb"] - info["peak_memory_mb"]) < 1e-3 * info["peak_memory_mb"],
            "memory: the most of what there is", info)


FORMS = """
  connect S -> D.psp by indegree(9) { weight = 1 mV;  delay = 1 ms }
  connect S -> D.psp by probability(0.1) { weight ~ normal(1 mV, 0.3 mV);  delay ~ uniform(0.3 ms, 9 ms) }
  connect D -> H.psp by total_number(200), no multiple { weight = -2 mV;  delay ~ exponential(1 ms) within [0.1 ms, 20 ms] }
  connect S -> H.own by outdegree(12) { weight = 0.3 mV;  delay ~ uniform(1 ms, 4 ms) }
  connect D -> H.own by one_to_one { weight = 0.3 mV;  delay = 0.2 ms }
  connect S -> D.odd by all_to_all { weight ~ uniform(-1 mV, 1 mV);  delay ~ uniform(0.1 ms, 0.5 ms) }
  connect D[0..9] -> D[20..39].odd by indegree(30), no self { weight = 1 mV;  delay ~ uniform(0.1 ms, 12 ms) }
  connect D -> D.odd by outdegree(49), no self, no multiple { weight = 0.5 mV;  delay = 1.5 ms }"""


def forms(t):
    """All rules onto all forms of synapses, every step looked at; then some steps of a longer run."""
    for duration, precision, n in (("3.2 ms", "f64", 50), ("100 ms", "f64", 50), ("40 ms", "f32", 700)):
        name = f"forms_{precision}_{n}_{duration.replace(' ', '')}"
        text = network(FORMS.replace("outdegree(49)", f"outdegree({n - 1})"), duration, n)
        path = t.path(name)
        p = call(NSLC, "build", "--precision", precision, t.write(name + ".nsl", text), "-o", path)
        if not t.check(p.returncode == 0, f"{name}: builds", p.stderr):
            continue
        for how in ("stored", "procedural"):
            out = t.path(name + ".out")
            r = call(path, "--quiet", "--no-report", "--force", "--verify", "--out", out, "--seed", "11", "--connectivity", how)
            info = run_json(out) if r.returncode == 0 else {}
            v = info.get("verified", {})
            t.check(r.returncode == 0 and v["steps"] == 32 and v["events"] > 500 and v["elements"] == 32 * 5 * n,
                    f"{name}, {how}: 32 steps, {v.get('events')} events and {v.get('elements')} sums agree", r.stderr or v)


def digests(t):
    p = Program(t, "digests", network(FORMS, "30 ms"))
    first = p.run("--verify", "--threads", "1", out="a")
    a = p.out
    t.check(first.returncode == 0 and sorted(os.listdir(a)) == ["digests.csv", "run.json", "spikes.h5"], "digests.csv", first.stderr)
    with open(os.path.join(a, "digests.csv")) as f:
        rows = list(csv.reader(f))
    t.check(rows[0] == ["step", "t_ms", "population", "digest"] and [r[:3] for r in rows[1:4]] == [["0", "0", x] for x in "SDH"] and
            len(rows) == 1 + 301 * 3 and rows[-1][:3] == ["300", "30", "H"] and len({r[3] for r in rows[1:]}) > 500,
            "a line for each step and population", rows[:5] + rows[-2:])
    r = p.run("--compare", a, "--threads", "3", "--duration", "20 ms", out="b")
    with open(os.path.join(p.out, "digests.csv")) as f:
        part = f.read()
    with open(os.path.join(a, "digests.csv")) as f:
        t.check(r.returncode == 0 and len(part) > 5000 and f.read().startswith(part), "--compare: a shorter run with 3 threads", r.stderr)
    r = p.run("--compare", a, "--seed", "4", out="c")
    when = re.search(r"differs from that of the run in .* \(t = ([\d.]+) ms\); at t = ([\d.]+) ms all was equal", r.stderr)
    t.check(r.returncode == 1 and when and abs(float(when[1]) - float(when[2]) - 0.1) < 1e-9 and float(when[1]) < 1
            and not os.path.exists(os.path.join(p.out, "run.json")), "--compare: another seed", r.stderr)
    r = p.run("--compare", a, "--set", "D.tau=10.000001ms", out="d")
    t.check(r.returncode == 1 and "the state of D" in r.stderr and "verify.nsl" not in r.stderr, "--compare: one parameter", r.stderr)
    many = Program(t, "many", network(FORMS, "10 ms").replace("seed = 3", "seeds = 1..2"))
    r = many.run("--verify", out="a")
    first = many.out
    t.check(r.returncode == 0, "--verify: several seeds", r.stderr)
    r = many.run("--compare", first, out="b")
    t.check(r.returncode == 0 and os.path.exists(os.path.join(many.out, "seed-2", "digests.csv")), "--compare: each seed with its own", r.stderr)
    r = p.run("--compare", t.path("nowhere"), out="e")
    t.check(r.returncode == 1 and "there is no digests.csv; a run with --verify leaves one" in r.stderr, "--compare: no such folder", r.stderr)


def main():
    t = Tap()
    costs(t)
    forms(t)
    digests(t)
    t.done()


if __name__ == "__main__":
    main()
