#!/usr/bin/env python3
"""Rows made anew at each spike, and stored by source, give the bits of rows stored by shard: every rule, weights and delays drawn or not, every kind of handler,
float64 and float32, 1 to 3 threads; recorded weights; steps with more events than are planned for at once; and the choice by memory."""
import hashlib
import json
import os
import resource
import subprocess

from tap import NSLC, Tap, call, run_json

CELLS = """language 1
neuron lif {
  param tau = 10 ms
  state V ~ uniform(0 mV, 10 mV)
  V' = -V / tau
  receive psp(w : mV) { V += w }
  spike when V >= 10 mV { V = 0 mV; hold V for 1 ms }
}
neuron odd { # its handler does more than add
  state V = 0 mV, x = 0
  V' = -V / (10 ms)
  receive psp(w : mV) { V = V * 0.9 + w;  x += 1 }
  spike when V >= 10 mV { V = 0 mV }
}
neuron calm { # events go straight to a state
  state V = 0 mV, x = 0 mV
  V' = (x - V) / (10 ms)
  x' = -x / (3 ms)
  receive psp(w : mV) { x += w }
  spike when V > 5 mV { V = 0 mV }
}
"""
NETWORK = """
network {name} {{
  population E : lif[900]
  population I : lif[{small}]
  population O : odd[70]
  population C : calm[300]
  population K : calm[300]
  {ee}: E -> E.psp by {rule} {{ weight = 0.3 mV;  delay = 1.5 ms }}
  connect E -> I.psp by {rule} {{ weight ~ normal(0.3 mV, 0.1 mV) within [0 mV, 1 mV);  delay = 1 ms }}
  connect I -> E.psp by {rule} {{ weight = -1 mV;  delay ~ uniform(0.5 ms, 2 ms) }}
  connect I[0..{part}] -> I.psp by {rule} {{ weight ~ normal(-1 mV, 0.3 mV);  delay ~ normal(1 ms, 0.5 ms) within [0.3 ms, 4 ms] }}
  connect E -> C.psp by {rule} {{ weight = 0.5 mV;  delay = 0.8 ms }}
  connect E -> K.psp by {rule} {{ weight = 0.4 mV;  delay ~ uniform(0.5 ms, 1 ms) }}
  connect E -> O.psp by {rule} {{ weight ~ normal(0.2 mV, 0.1 mV);  delay ~ uniform(0.5 ms, 1 ms) }}
  connect I -> O.psp by {rule} {{ weight = -0.2 mV;  delay = 1 ms }}
  drive E.psp with poisson(8 kHz) {{ weight = 0.2 mV }}
  drive I.psp with poisson(6 kHz) {{ weight = 0.2 mV }}
}}
experiment x{name} {{
  network {name}
  record weight of ee
  run 12 ms with dt = 0.1 ms, seed = 5
}}
"""
RULES = {
    "all": "all_to_all", "one": "one_to_one", "ind": "indegree(20)", "outd": "outdegree(20)", "total": "total_number(5000)",
    "prob": "probability(0.04)",
}
PLAIN = {  # `no self`, `no multiple`
    "ind1": "indegree(20)", "outd1": "outdegree(20)", "total1": "total_number(5000)",
}


def network(name, rule, plain):
    size = 900 if rule == "one_to_one" else 300
    text = NETWORK.format(name=name, rule=rule, small=size, part=size - 1 if rule == "one_to_one" else size - 10, ee="connect ee")
    if rule == "one_to_one":
        text = text.replace("odd[70]", "odd[900]").replace("calm[300]", "calm[900]")
    if rule == "all_to_all":
        text = text.replace("lif[900]", "lif[600]")
    if plain:
        text = text.replace(f"by {rule}", f"by {rule}, no self, no multiple")
    return text


def digest(folder):
    info = run_json(folder)
    spikes = os.path.join(folder, "spikes.csv")
    weights = os.path.join(folder, "weight.csv")
    files = [hashlib.sha256(open(f, "rb").read()).hexdigest()[:12] for f in (spikes, weights) if os.path.exists(f)]
    return info["state_hash"], info["synapses"], sum(p["spikes"] for p in info["populations"]), *files


def run(t, program, name, *options, limit=None):
    """(digest or None, the process)"""
    out = t.path("out")
    bound = (lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))) if limit else None
    p = call(program, "--no-report", "--force", "--out", out, *(["--experiment", name] if name else []), *options, preexec_fn=bound)
    return (digest(out) if p.returncode == 0 else None), p


def built(t, name, text, *options):
    path, program = t.write(f"{name}.nsl", text), t.path(name)
    p = call(NSLC, "build", path, "-o", program, *options)
    t.check(p.returncode == 0, f"{name}: built", p.stderr)
    return program


def rules(t):
    text = CELLS + "".join(network(n, r, False) for n, r in RULES.items()) + "".join(network(n, r, True) for n, r in PLAIN.items())
    for precision in ("f64", "f32"):
        program = built(t, f"rules_{precision}", text, "--precision", precision)
        for name, rule in {**RULES, **PLAIN}.items():
            first, p = run(t, program, f"x{name}", "--connectivity", "stored", "--rows", "shard", "--threads", "1", "--csv", "--quiet")
            if not t.check(first and first[2] > 100, f"{precision}: {rule}: stored runs, with spikes", first or p.stderr):
                continue
            for threads in ("1", "2", "3"):
                other, p = run(t, program, f"x{name}", "--connectivity", "procedural", "--threads", threads, "--csv", "--quiet")
                same = other == first and run_json(t.path("out"))["connectivity"]["kind"] == "procedural"
                t.check(same, f"{precision}: {rule}{', no self, no multiple' if name in PLAIN else ''}: made anew as stored, {threads} threads",
                        f"{other} against {first} {p.stderr}")
            for threads in ("1", "3"):
                other, p = run(t, program, f"x{name}", "--connectivity", "stored", "--rows", "source", "--threads", threads, "--csv", "--quiet")
                same = other == first and run_json(t.path("out"))["connectivity"]["rows"] == "by source"
                t.check(same, f"{precision}: {rule}: by source as by shard, {threads} threads", f"{other} against {first} {p.stderr}")


MANY = CELLS + """
network n {
  population E : lif[220000]
  population S : lif[70000]
  connect E -> E.psp by outdegree(4) { weight = 1 mV;  delay = 1 ms }
  connect E -> S.psp by indegree(4) { weight ~ normal(1 mV, 0.1 mV);  delay ~ uniform(0.5 ms, 1.2 ms) }
  drive E.psp with poisson(3 kHz) { weight = 0.5 mV }
}
experiment x {
  network n
  run 4 ms with dt = 0.1 ms, connectivity = procedural
}
"""


def shards(t):
    program = built(t, "many", MANY)
    first, p = run(t, program, None, "--quiet", "--threads", "1")
    kind = run_json(t.path("out"))["connectivity"]["kind"] if first else ""
    t.check(first and first[2] > 1000 and kind == "procedural", "many shards: as the experiment says", first or p.stderr)
    rows = []
    for options in (["--threads", "3"], ["--connectivity", "stored", "--rows", "shard"], ["--connectivity", "stored"]):
        other, p = run(t, program, None, "--quiet", *options)
        t.check(other == first and run_json(t.path("out"))["shards"] >= 8, f"many shards: {' '.join(options)}", f"{other} {first} {p.stderr}")
        rows.append(run_json(t.path("out"))["connectivity"].get("rows"))
    t.check(rows == [None, "by shard", "by source"], "many shards: rows by source without being asked", rows)


# All cells of S spike at once: 49 million events in a step.
BURST = CELLS + """
network n {
  population S : lif[7000]
  population T : lif[7000]
  connect S -> T.psp by all_to_all { weight = 0.001 mV;  delay = 0.3 ms }
  connect S -> T.psp by outdegree(100) { weight = 0.002 mV;  delay = 0.4 ms }
  drive S.psp with times([1 ms, 2.5 ms]) { weight = 11 mV }
}
experiment x {
  network n
  run 4 ms with dt = 0.1 ms
}
"""


def memory(t):
    program = built(t, "burst", BURST)
    first, p = run(t, program, None, "--quiet", "--connectivity", "stored")
    t.check(first is not None, "burst: stored", p.stderr)
    other, p = run(t, program, None, "--quiet", "--connectivity", "procedural", "--threads", "2", limit=300 << 20)
    t.check(other == first, "burst: in portions, in 300 MB", f"{other} against {first} {p.stderr}")
    tight = 90 << 20
    other, p = run(t, program, None, limit=tight)
    about = run_json(t.path("out"))["connectivity"] if other else {}
    t.check(other == first and about.get("kind") == "procedural" and "GB" in about.get("why", ""),
            "stored synapses do not fit: made anew, and run.json says why", f"{other} against {first} {about} {p.stderr}")
    t.check("do not fit" in p.stderr and "made anew" in p.stderr, "and standard error says so", p.stderr)
    other, p = run(t, program, None, "--connectivity", "stored", limit=tight)
    t.check(p.returncode == 1 and "GB" in p.stderr and "--connectivity procedural" in p.stderr,
            "`stored` that does not fit is refused, with the estimate and what would fit", p.stderr)
    late = built(t, "late", BURST.replace("delay = 0.3 ms", "delay ~ uniform(0.3 ms, 1 ms)"))
    other, p = run(t, late, None, "--quiet", "--connectivity", "procedural", "--threads", "2", limit=130 << 20)
    t.check(p.returncode == 1 and "the events under way need more than the" in p.stderr and not other,
            "more events under way than memory for them: an error", f"{p.returncode} {p.stderr}")
    other, p = run(t, program, None, limit=40 << 20)
    t.check(p.returncode == 1 and "GB" in p.stderr and "error" in p.stderr, "what fits neither way is refused", p.stderr)


def main():
    t = Tap()
    rules(t)
    shards(t)
    memory(t)
    t.done()


if __name__ == "__main__":
    main()
