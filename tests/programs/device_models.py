#!/usr/bin/env python3
"""Models that nobody has chosen for it, on the emulated device: every neuron and mass of the library in a small network with events on all of its ports
and currents on all of its inputs, populations with steps of their own, and random programs (generate.py), in both precisions, blocks and orders in turn. state_hash, spikes
and records are those of the processor. Without `all`: some of them."""
import os
import re
import shutil
import subprocess
import sys
import time

import generate
from tap import NSLC, ROOT, Tap, call, run_json

ALL = "all" in sys.argv[1:]
SOME = {"iaf_psc_alpha", "gif_cond_exp", "glif5", "pinsky_rinzel", "poisson_dead_time", "montbrio_pazo_roxin"}
WEIGHTS = {"mV": "0.7 mV", "pA": "60 pA", "nS": "3 nS", "1": "0.5"}  # others: one of the unit
INPUTS = {"mV": "5 mV", "pA": "300 pA", "nA": "0.3 nA", "mV/ms": "8 mV/ms", "uA/cm^2": "6 uA/cm^2", "Hz": "60 Hz", "1": "1", "1/ms": "0.1/ms"}
SILENT = {"channel_clamp", "kinetics_clamp", "receptor_clamp", "physics_bench"}  # benches of parts, which the library's own tests run
# steps of their own, longer than the run's: what arrives waits, inputs are means, holds count own steps; pauses lie within such steps
PACES = """language 1
network net {
  param J = 0.5 mV
  population E : iaf_psc_exp[330] step 3 * dt { V ~ uniform(-70 mV, -52 mV) }
  population D : iaf_psc_delta[190] step 5 * dt { V ~ uniform(-70 mV, -52 mV); V_th = -52 mV; t_ref = 4 ms }
  population I : iaf_psc_exp[90] { V ~ uniform(-70 mV, -56 mV) }
  population C : hh_cond_exp[70] step 2 * dt
  connect E -> (E, I).exc by indegree(30) { weight = 40 pA;  delay ~ uniform(0.5 ms, 3 ms) }
  connect E -> D.psp by indegree(20) { weight = J;  delay = 1.5 ms }
  connect D -> E.inh by indegree(20) { weight = -30 pA;  delay ~ uniform(0.3 ms, 2 ms) }
  connect I -> (E).inh by indegree(8) { weight = -60 pA;  delay = 0.7 ms }
  connect E -> C.exc by indegree(8) { weight = 4 nS;  delay = 0.7 ms }
  drive E.exc with poisson(9 kHz) { weight = 45 pA;  delay = 1 ms }
  drive D.psp with poisson(7 kHz) { weight = 0.15 mV;  delay ~ uniform(0.2 ms, 2 ms) }
  drive E.I with sine(60 pA, frequency = 40 Hz) + noise(40 pA, tau = 5 ms)
  drive C.I with step(200 pA, from = 3.3 ms, to = 30.7 ms)
}
experiment main {
  network net
  record spikes of (E, I, D, C)
  record V of E[0..4] every 1 ms
  run 61.3 ms with dt = 0.1 ms, seed = 3
}
"""
# steps within one of the run: several spikes of a cell in it, holds and delayed values on its own grid, events to handlers, each of several of one source
FINER = """language 1
neuron cell {
  param I0 = 20 mV
  input I : mV
  state V = 0 mV
  V' = (I0 + I - V) / (10 ms)
  receive kick(w : mV) { V += w }
  spike when V >= 15 mV { V = 0 mV;  hold V for 1.3 ms }
}
neuron burster {
  state V = 0 mV
  V' = 12 mV/ms
  spike when V >= 1 mV { V -= 1 mV }
}
neuron late {
  param d = 2 ms
  state V = 0 mV, u = 0 mV
  V' = (18 mV - V) / (8 ms) + delayed(u, d) / (3 ms)
  u' = (V - u) / (4 ms)
  receive kick(w : mV) { u += w }
  spike when V >= 14 mV { V = 0 mV;  hold V for 1 ms }
}
neuron drawn {
  state V = 0 mV
  V' = -V / (9 ms)
  receive kick(w : mV) { V ~ normal(V + w, 0.4 mV) }
  spike when V >= 12 mV { V = 0 mV;  hold V for 2 ms }
}
network net {
  population A : cell[130] step dt / 4 { I0 ~ uniform(12 mV, 40 mV) }
  population B : burster[70] step dt / 3
  population L : late[90] step dt / 2 { d ~ uniform(0.3 ms, 3.1 ms) }
  population M : late[90] step 3 * dt { d ~ uniform(0.6 ms, 3.1 ms) }
  population D : drawn[100] step dt / 5
  population C : cell[150] { I0 ~ uniform(12 mV, 20 mV) }
  population E : iaf_psc_exp[80] step dt / 3 { V ~ uniform(-70 mV, -52 mV) }
  connect A -> C.kick by indegree(10) { weight = 0.7 mV;  delay ~ uniform(0.2 ms, 2 ms) }
  connect C -> A.kick by indegree(10) { weight = -0.4 mV;  delay = 0.8 ms }
  connect B -> L.kick by indegree(5) { weight = 0.04 mV;  delay ~ uniform(0.3 ms, 2.2 ms) }
  connect B -> M.kick by indegree(5) { weight = 0.04 mV;  delay = 1 ms }
  connect (A, B, C) -> D.kick by indegree(8) { weight = 1.4 mV;  delay ~ uniform(0.3 ms, 2.2 ms) }
  connect A -> E.exc by indegree(8) { weight = 90 pA;  delay = 1.1 ms }
  drive A.I with noise(3 mV, tau = 3 ms)
  drive D.kick with poisson(700 Hz) { weight = 1 mV;  delay ~ uniform(0.2 ms, 2 ms) }
  drive E.exc with poisson(9 kHz) { weight = 45 pA;  delay = 1 ms }
}
experiment main {
  network net
  record spikes of (A, B, C, D, E, L, M)
  record V of (A[0..4], D[0..4]) every 1 ms
  record u of (L[0..2], M[0..2]) every 1 ms
  run 61.3 ms with dt = 0.1 ms, seed = 3
}
"""
# handlers that do more than add, of cells with longer steps: what waits, of connections and of drives, in its order
WAITING = """language 1
neuron drawn {
  state V = 0 mV
  V' = -V / (9 ms) + 3 mV / (10 ms) * sin(2 * pi * t / (7 ms))
  receive kick(w : mV) { V ~ normal(V + w * (1 - V / (40 mV)), 0.4 mV) }
  receive slow(w : mV) { if V > 3 mV { V += w } }
  spike when V >= 12 mV { V = 0 mV;  hold V for 2.1 ms }
}
neuron cell {
  param I0 = 20 mV
  state V = 0 mV
  V' = (I0 - V) / (10 ms)
  receive kick(w : mV) { V += w }
  spike when V >= 15 mV { V = 0 mV;  hold V for 1 ms }
}
network net {
  population D : drawn[700] step 5 * dt
  population F : drawn[100] step 7 * dt
  population C : cell[300] step dt / 3 { I0 ~ uniform(14 mV, 40 mV) }
  population S : cell[150] { I0 ~ uniform(14 mV, 40 mV) }
  connect (C, S, D) -> (D, F).kick by indegree(8) { weight ~ normal(1.4 mV, 0.3 mV);  delay ~ uniform(0.3 ms, 2.2 ms) }
  connect S -> D.slow by indegree(5) { weight = 0.7 mV;  delay = 1.2 ms }
  connect D -> S.kick by indegree(5) { weight = 0.7 mV;  delay = 1.2 ms }
  drive D.slow with poisson(900 Hz) { weight = 0.3 mV;  delay ~ uniform(0.2 ms, 2 ms) }
  drive D[3..400].kick with poisson(700 Hz) { weight ~ normal(1 mV, 0.1 mV) }
  drive D[7..90].slow with times([0.3 ms, 1.1 ms, 1.2 ms, 5 ms, 5 ms, 11.7 ms]) { weight = 0.4 mV;  delay ~ uniform(0.2 ms, 2 ms) }
  drive F.kick with times([0.3 ms, 1.1 ms, 1.2 ms, 5 ms, 5 ms, 11.7 ms]) { weight = 2 mV }
}
experiment main {
  network net
  record spikes of (D, F, C, S)
  record V of (D[0..4], F[0..4]) every 1 ms
  run 61.3 ms with dt = 0.1 ms, seed = 3
}
"""
WAYS = [("64", "reverse"), ("128", "shuffled:1"), ("256", "shuffled:2"), ("64", "shuffled:3")]


def library():
    """(kind, name, body) of all that can be a population."""
    folder = os.path.join(ROOT, "stdlib")
    for file in sorted(n for n in os.listdir(folder) if n.endswith(".nsl")):
        with open(os.path.join(folder, file)) as f:
            for m in re.finditer(r"^(neuron|mass) (\w+) \{(.*?)^\}", f.read(), re.M | re.S):
                if m[2] not in SILENT:
                    yield m.groups()


def network(kind, name, body):
    lines = []
    for port, unit in re.findall(r"receive (\w+)\s*(?:\(\s*\w+\s*(?::\s*([^)\s]+))?\s*\))?", body):
        weight = "weight = " + WEIGHTS.get(unit, unit if unit[0] == "1" else "1 " + unit) + ";" if unit else ""
        lines.append(f"  drive A.{port} with poisson(1.5 kHz) {{ {weight} delay = 0.5 ms }}")
        lines.append(f"  connect A -> A.{port} by indegree(8) {{ {weight} delay ~ uniform(0.3 ms, 2.2 ms) }}")
    for name_of, unit in re.findall(r"^\s*input (\w+)\s*:\s*(\S+)", body, re.M):
        lines.append(f"  drive A.{name_of} with step({INPUTS.get(unit, unit if unit[0] == '1' else '1 ' + unit)}, from = 2 ms)")
    record = "  record spikes of A\n" if kind == "neuron" else ""
    return (f"language 1\nnetwork net {{\n  population A : {name}[200]\n" + "\n".join(lines)
            + f"\n}}\nexperiment main {{\n  network net\n{record}  run 25 ms with dt = 0.1 ms, seed = 5\n}}\n")


def ran(t, program, out, *options, **options_of_call):
    folder = t.path(out)
    shutil.rmtree(folder, ignore_errors=True)
    r = call(program, "--out", folder, "--quiet", "--no-report", "--csv", "--duration", "25ms", *options, **options_of_call)
    if not os.path.exists(os.path.join(folder, "run.json")):
        return None, r.stderr
    facts = run_json(folder)
    records = {n: open(os.path.join(folder, n), "rb").read() for n in sorted(os.listdir(folder)) if n.endswith(".csv")}
    return (facts["state_hash"], [p["spikes"] for p in facts["populations"]], records), r.stderr


def compare(t, name, text, way, *options):
    source, program = t.write(name + ".nsl", text), t.path(name)
    r = call(NSLC, "build", "--target", "gpu", *options, source, "-o", program)
    if not t.check(r.returncode == 0, f"{name}: built {' '.join(options)}", r.stderr):
        return
    cpu, said = ran(t, program, "cpu")
    if not t.check(cpu, f"{name}: runs on the processor", said):
        return
    device, said = ran(t, program, "device", "--device", "emulated", env=dict(os.environ, NSL_EMULATED_BLOCK=way[0], NSL_EMULATED_ORDER=way[1]))
    t.check(device == cpu, f"{name} {' '.join(options)}: the processor's state, spikes and records (blocks of {way[0]}, {way[1]})",
            said or f"{cpu[:2]} against {device[:2]}")


def paces(t, name, text, duration, *options):
    """Also what waits within a step when the run pauses: in checkpoints of the device, gone on from anywhere."""
    compare(t, name, text, WAYS[2], *options)
    program = t.path(name)
    call(program, "--out", t.path("cpu_whole"), "--quiet", "--no-report", "--force", "--duration", duration)
    for first, then in [("emulated", "cpu"), ("emulated", "emulated"), ("cpu", "emulated")]:
        folder = t.path("stopped")
        shutil.rmtree(folder, ignore_errors=True)
        stopped = subprocess.Popen([program, "--device", first, "--out", folder, "--quiet", "--no-report", "--csv", "--duration", duration, "--checkpoint",
                                    "model=0.7ms"],
                                   stderr=subprocess.DEVNULL)
        while stopped.poll() is None and not os.path.exists(os.path.join(folder, "checkpoint.before")):
            time.sleep(0.001)
        stopped.kill()
        stopped.wait()
        r = call(program, "--device", then, "--resume", folder, "--out", folder, "--quiet", "--no-report", "--csv")
        good = r.returncode == 0 and run_json(folder)["state_hash"] == run_json(t.path("cpu_whole"))["state_hash"]
        t.check(good, f"{name}: begun on {first}, gone on from its checkpoint on {then}", r.stderr)


def main():
    t = Tap()
    k = 0
    for kind, name, body in library():
        if not ALL and name not in SOME:
            continue
        for options in [(), ("--precision", "f32")] if ALL else [((), ("--precision", "f32"))[k % 2]]:
            k += 1
            compare(t, name, network(kind, name, body), WAYS[k % len(WAYS)], *options)
    for name, text, duration in [("paces", PACES, "150.2ms"), ("finer", FINER, "60.2ms"), ("waiting", WAITING, "60.2ms")]:
        paces(t, name, text, duration)
        paces(t, name, text, duration, "--precision", "f32")
    for seed in range(40 if ALL else 4):
        compare(t, f"random_{seed}", generate.program(seed), WAYS[seed % len(WAYS)], *(("--precision", "f32") if seed % 2 else ()))
    t.done()


main()
