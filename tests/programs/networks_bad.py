#!/usr/bin/env python3
"""Networks that cannot be run: each is refused before its first step, with its place, the cause and what would do; and those that can be run but
are seldom meant: a warning."""
import os
import re
import resource

from tap import NSLC, Tap, call, run_json

TEXT = """language 1
network net {
  param n = 100, k = 10, more = 10, wide = 0.1, w = 10 pA, big = 10 pA, d = 1 ms, sd = 0.1 ms
  population E : iaf_psc_exp[n]
  population I : iaf_psc_exp[50]
  connect into:  I -> E.exc by indegree(k) { weight = w;  delay = d }
  connect apart: I -> E.exc by indegree(more), no multiple { weight = big;  delay = 1 ms }
  connect out:   E -> I.inh by outdegree(k), no self { weight = -w;  delay ~ normal(d, sd) }
  connect all:   E -> I.exc by total_number(20 * k) { weight ~ w * lognormal(1, wide);  delay = 1 ms }
}
experiment x {
  network net
  run 10 ms with dt = 0.1 ms
}
"""


def limited(gigabytes):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 1e9), int(gigabytes * 1e9)))


# (options, text in the message after the file's name; memory in GB or None)
REFUSED = [
    (["--set", "net.d=0.04ms"], r":6:3: error: into: a delay of 0.04 ms is less than one step of 0.1 ms$", None),
    (["--set", "net.sd=5ms"],
     r":8:3: error: out: a delay of -?[\d.e-]+ ms is less than one step of 0.1 ms; draw it `within \[dt, inf\)`$", None),
    (["--set", "net.d=200s"], r":6:3: error: into: a delay of 200000 ms is more than \d+ steps of 0.1 ms$", None),
    (["--set", "net.big=1e20pA"], r":6:3: error: into: weights of about 10 pA cannot be summed exactly with what else E.exc may get in one step, up to 1e\+21 "
     r"pA: they differ by more than 2\^\d+; give them a port of their own$", None),
    (["--set", "net.big=1e-200pA"], r":7:3: error: apart: weights of about 1e-200 pA cannot be summed exactly", None),
    (["--set", "net.wide=40"], r":9:3: error: all: weights of about [\d.e+-]+ pA cannot be summed exactly", None),
    (["--set", "net.more=51"], r":7:3: error: apart: indegree\(51\) with `no multiple` needs more partners than the 50 there are", None),
    (["--set", "net.n=1e9"], r":4:14: error: population E of 1e\+09 elements needs about [\d.]+ GB of memory; [\d.]+ GB are free on this machine: "
     r"[\d.e+]+ elements would fit$", None),
    (["--set", "net.n=4e6"], r":4:14: error: population E of 4e\+06 elements needs about 0\.\d+ GB of memory; 0\.\d+ GB are free on this "
     r"machine: \d\.?\d*e\+06 elements would fit$", 0.3),
    (["--connectivity", "stored", "--set", "net.n=2e5", "--set", "net.k=10000"], r":\d+:3: error: the synapses need about [\d.]+ GB of memory.*"
     r"[\d.]+ GB are free on this machine", 1.5),
]


def main():
    t = Tap()
    program, out = t.path("net"), t.path("out")
    p = call(NSLC, "build", t.write("net.nsl", TEXT), "-o", program)
    t.check(p.returncode == 0, "builds", p.stderr)
    for options, message, memory in REFUSED:
        p = call(program, "--quiet", "--no-report", "--out", out, *options, preexec_fn=limited(memory) if memory else None)
        said = p.stderr.strip().splitlines()
        t.check(p.returncode == 1 and said and re.search(message, said[-1]) and len(said) == 1 and not os.path.exists(os.path.join(out, "run.json")),
                f"{' '.join(options)}: {said[-1].split('/')[-1] if said else 'nothing is said'}", p.stderr)
    p = call(program, "--quiet", "--no-report", "--out", out, "--set", "net.k=300")
    want = [":6:3: into: indegree(300) among 50 sources connects some more than once; with `no multiple` this is an error",
            ":8:3: out: outdegree(300) among 50 targets connects some more than once",
            ":9:3: all: total_number(6000) among 5000 pairs connects some more than once"]
    t.check(p.returncode == 0 and all(w in p.stderr for w in want) and p.stderr.count("warning: ") == 3 and len(run_json(out)["warnings"]) == 3,
            "more partners than there are: warnings", p.stderr)
    p = call(program, "--quiet", "--no-report", "--force", "--out", out)
    t.check(p.returncode == 0 and p.stderr == "" and run_json(out)["warnings"] == [], "as written: no warning", p.stderr)
    p = call(NSLC, "check", t.write("net.nsl", TEXT.replace("more = 10", "more = 51")))
    t.check(p.returncode == 1 and "net.nsl:7:41: error NSL5054: 51 partners, but `I` offers only 50" in p.stderr,
            "indegree larger than the source: the compiler says so", p.stderr)
    t.done()


if __name__ == "__main__":
    main()
