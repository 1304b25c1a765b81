#!/usr/bin/env python3
"""What a run says of itself: events, bytes and times in run.json."""
import csv
import os

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


def main():
    t = Tap()
    costs(t)
    t.done()


if __name__ == "__main__":
    main()
