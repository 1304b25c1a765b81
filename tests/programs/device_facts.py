#!/usr/bin/env python3
"""What `nslc explain --target gpu` and run.json's `gpu` say of a device: the same launches, the plan's sizes against counts of the model's
own, occupancy by hand, registers only from ptxas, and refusals in the program's own words."""
import json
import math
import os
import subprocess
import sys
import tempfile

from tap import EXAMPLES, NSLC, ROOT, Tap, call, run_json

t = Tap()
NET = """language 1
network net {
  population E : iaf_psc_exp[200]
  population I : iaf_psc_exp[70]
  connect E -> I.exc by indegree(20) { weight = 60 pA;  delay = 1.5 ms }
  connect I -> E.inh by indegree(10) { weight ~ normal(-400 pA, 40 pA);  delay = 0.8 ms }
  drive (E, I).exc with poisson(9 kHz) { weight = 60 pA }
}
experiment main {
  network net
  record spikes of E
  run 5 ms with dt = 0.1 ms, seed = 3
}
"""


def explain(path, *options, env=None):
    p = call(NSLC, "explain", "--json", "--target", "gpu", *options, path, env={**os.environ, **(env or {})})
    facts = [json.loads(line) for line in p.stdout.splitlines()] if p.returncode == 0 else []
    return facts, p.stderr


def of(facts, kind, experiment=None):
    return [f for f in facts if f["fact"] == kind and experiment in (None, f.get("experiment"))]


def run(path, folder, *options):
    p = call(NSLC, "run", path, "--", "--device", "emulated", "--out", folder, "--no-report", "--force", *options)
    whole = os.path.exists(os.path.join(folder, "run.json"))  # what is expected may not hold in so short a run
    return (run_json(folder) if whole else None), p.stderr


def same_launches(name, folder, duration):
    path = os.path.join(EXAMPLES, name + ".nsl")
    facts, said = explain(path, "--allow-read", ROOT)
    for x in of(facts, "device"):
        r, said = run(path, folder, "--experiment", x["experiment"], "--duration", duration)
        if "refused" in x:
            t.check(r is None and x["refused"] in said, f"{name}: what explain says is refused is refused, in the same words", said)
            continue
        ours = [f["kernel"] for f in of(facts, "launch", x["experiment"])]
        theirs = [l["kernel"] for l in r["gpu"]["launches"]] if r else said
        t.check(ours == theirs and len(ours) == x["launches_per_step"], f"{name}: explain lists the launches of a step", f"{ours} {theirs}")
        return
    t.check(bool(facts), f"{name}: is explained", said)


def sizes(folder):
    path = os.path.join(folder, "net.nsl")
    with open(path, "w", encoding="utf-8") as f:
        f.write(NET)
    facts, _ = explain(path)
    r, said = run(path, os.path.join(folder, "out"))
    gpu = r["gpu"]
    memory = {m["for"]: m["bytes"] for m in gpu["memory"]}
    t.check(abs(sum(memory.values()) / 1e6 - gpu["used_mb"]) < 0.001, "items of memory are all that is used", f"{memory} {gpu['used_mb']}")
    planned = of(facts, "device_memory")[0]
    t.check(planned["states"] == memory["states and inputs of elements"], "memory of states is known when the model is compiled", f"{planned} {memory}")
    t.check(planned["sums"] == memory["sums of what arrives, by step"], "so is that of sums", f"{planned} {memory}")
    synapses = memory["synapses"]
    t.check(planned["synapses_least"] <= synapses + 8 * 3 and synapses <= planned["synapses_most"] + 256 * 8, "synapses are within the bounds", f"{planned} {synapses}")
    rows = gpu["rows"]
    t.check(sum(x["synapses"] for x in rows) == 70 * 20 + 200 * 10, "all synapses are in rows", f"{rows}")
    read = sum(x["synapses"] * (x["target_bytes"] + x["delay_bytes"] + x["weight_bytes"]) for x in rows) / 3400
    t.check(math.isclose(gpu["bytes_read_per_event"], read) and [x["delay_bytes"] for x in rows] == [0, 0] and rows[0]["weight_bytes"] == 0
            and rows[1]["weight_bytes"] in (2, 4, 8), "bytes of an event: one delay for all is no byte, drawn weights are", f"{rows}")
    t.check(math.isclose(r["bytes_per_event"], gpu["bytes_read_per_event"] + gpu["note_bytes_per_event"]), "bytes_per_event is the device's", f"{r['bytes_per_event']}")
    for f in of(facts, "device_events"):
        x = rows[0] if f["projection"].startswith("E") else rows[1]
        have = x["target_bytes"] + x["delay_bytes"] + x["weight_bytes"]
        t.check(f["bytes_read_least"] <= have <= f["bytes_read_most"] and f["accumulator_bytes"] == x["sum_bytes"], f"events of {f['projection']}", f"{f} {x}")
    step = [f for f in of(facts, "launch") if f["kernel"] == "lumped_iaf_psc_exp"][0]
    t.check(step["bytes_read"] == 3 * 8 + 2 / 8 and step["bytes_written"] == 3 * 8 + 2 / 8, "a step reads and writes V, the current that both kinds share, their sum, and two masks", f"{step}")
    half = [f for f in of(explain(path, "--precision", "f32")[0], "launch") if f["kernel"] == "lumped_iaf_psc_exp"][0]
    t.check(half["bytes_read"] == 3 * 4 + 2 / 8, "half of it in float32", f"{half}")


def occupancy(registers, warps, blocks):
    """Blocks of 128 threads: 4 warps."""
    each = -(-registers * 32 // 256) * 256
    return min(65536 // each // 4 * 4 // 4, warps // 4, blocks) * 4 / warps


def registers(folder):
    path = os.path.join(folder, "net.nsl")
    facts, _ = explain(path, env={"PATH": os.environ["PATH"]})
    steps = of(facts, "launch")
    unknown = of(facts, "device")[0].get("registers_unknown")
    if unknown:
        t.check("ptxas" in unknown and not any("registers_sm_90" in f for f in steps), "without ptxas registers are not told", unknown)
        t.skip("registers", "no ptxas on this machine")
    else:
        good = all(f["registers_sm_90"] > 0 and f["occupancy_sm_90"] == occupancy(f["registers_sm_90"], 64, 32)
                   and f["occupancy_sm_75"] == occupancy(f["registers_sm_75"], 32, 16) for f in steps)
        t.check(good, "registers of all launches, and what they leave room for", f"{steps}")
    fake = os.path.join(folder, "bin")
    os.makedirs(fake, exist_ok=True)
    for body, what in [("exit 1", "an assembler that fails"), ("echo \"ptxas info    : Compiling entry function 'rt_dev_begin' for 'sm_90'\"\n"
                        "echo '    0 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads'\necho 'ptxas info    : Used 200 registers, used 0 barriers'", "one that spills")]:
        with open(os.path.join(fake, "ptxas"), "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n{body}\n")
        os.chmod(os.path.join(fake, "ptxas"), 0o755)
        facts, _ = explain(path, env={"PATH": fake + ":" + os.environ["PATH"]})
        begin = [f for f in of(facts, "launch") if f["kernel"] == "begin"][0]
        if body == "exit 1":
            t.check("does not assemble" in of(facts, "device")[0].get("registers_unknown", "") and "registers_sm_90" not in begin, what, f"{facts}"[:300])
        else:  # 200 registers: 6,400 a warp, 10 warps, whole blocks: 8
            t.check(begin["registers_sm_90"] == 200 and begin["spilled_sm_90"] == 12 and begin["occupancy_sm_90"] == 8 / 64 and begin["occupancy_sm_75"] == 8 / 32, what, f"{begin}")


def table(folder):
    p = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "bench", "gpu_roofline.py"), os.path.join(folder, "out", "run.json"), os.path.join(folder, "net.nsl")],
                       capture_output=True, text=True, check=False, env={**os.environ, "NSLC": NSLC})
    r = run_json(os.path.join(folder, "out"))
    launches = [line for line in p.stdout.splitlines() if "launches" in line]
    t.check(p.returncode == 0 and launches and f"{r['gpu']['launches_per_step']} launches" in launches[0], "the table of the roofline has the run's launches", p.stdout + p.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        sizes(folder)
        registers(folder)
        table(folder)
        for name, duration in [("cuba", "1ms"), ("squid", "1ms"), ("decision", "1ms"), ("graded_release", "1ms"), ("gif_population", "1ms"), ("inhibitory_balance", "1ms"), ("working_memory", "1ms")]:
            same_launches(name, os.path.join(folder, name), duration)
    t.done()


if __name__ == "__main__":
    main()
