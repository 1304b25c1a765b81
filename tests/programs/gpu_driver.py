#!/usr/bin/env python3
"""Runs on a GPU whose driver is the one of tests/device: the bits of the processor, and what can go wrong (no driver, an old one, no GPU, one that cannot do
it, too little memory, a GPU that fails or is lost in mid-run): an error that says so, no files or those of a checkpoint that a run goes on from.
Arguments: the driver, and an old one."""
import ast
import ctypes
import json
import os
import shutil
import sys

import network_fits
from tap import NSLC, Tap, call, run_json

MODEL = """language 1
network net {
  param J = 0.5 mV
  population E : iaf_psc_delta[300] { tau_m = 20 ms;  V_th = -50 mV;  V_r = -60 mV;  t_ref = 2 ms;  V ~ uniform(-70 mV, -50 mV) }
  population I : iaf_psc_exp[80] { V ~ uniform(-70 mV, -56 mV) }
  connect E -> E.psp by indegree(30) { weight = J;  delay ~ uniform(0.5 ms, 3 ms) }
  connect E -> I.exc by indegree(30) { weight = 40 pA;  delay = 1.5 ms }
  connect I -> E.psp by indegree(8) { weight = -4 * J;  delay = 1.5 ms }
  drive E.psp with poisson(7 kHz) { weight = 0.15 mV;  delay = 1 ms }
}
experiment main {
  network net
  record spikes of (E, I)
  record V of E[0..4] every 1 ms
  run 200 ms with dt = 0.1 ms, seed = 3
}
"""


class Driver:
    """Folders in which libcuda.so.1 is found."""

    def __init__(self, t, fake, old):
        self.t = t
        self.folders = {}
        for name, library in [("fake", fake), ("old", old), ("none", os.devnull)]:
            folder = self.folders[name] = t.path(name)
            os.mkdir(folder)
            if name == "none":  # a file that is no library, also where there is a driver
                open(os.path.join(folder, "libcuda.so.1"), "w").close()
            else:
                os.symlink(library, os.path.join(folder, "libcuda.so.1"))

    def run(self, program, out, *options, driver="fake", faults="", order=None, memory=None, device="gpu"):
        env = dict(os.environ, LD_LIBRARY_PATH=self.folders[driver], NSL_FAKE_CUDA=faults)
        if order:
            env["NSL_EMULATED_ORDER"] = order
        if memory:
            env["NSL_EMULATED_MEMORY"] = memory
        return call(program, "--device", device, "--out", self.t.path(out), "--quiet", *options, env=env, timeout=100)


def files(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def same_files(a, b):
    """Of two folders of runs: what is recorded, byte by byte, and the hash of the state."""
    if files(a) != files(b):
        return f"{files(a)} against {files(b)}"
    for name in files(a):
        if name not in ("run.json", "report.html"):
            with open(os.path.join(a, name), "rb") as x, open(os.path.join(b, name), "rb") as y:
                if x.read() != y.read():
                    return f"{name} differs"
    x, y = run_json(a), run_json(b)
    return next((f"{key}: {x.get(key)} against {y.get(key)}" for key in ("state_hash", "populations", "expects", "steps", "events") if x.get(key) != y.get(key)), "")


def works(t, d, program):
    p = call(program, "--out", t.path("cpu"), "--quiet", "--csv")
    t.check(p.returncode == 0 and run_json(t.path("cpu"))["device"] == "cpu", "the processor's run", p.stderr)
    for order in ["forward", "reverse", "shuffled:1"]:
        shutil.rmtree(t.path("gpu"), ignore_errors=True)
        p = d.run(program, "gpu", "--csv", order=order)
        t.check(p.returncode == 0 and not same_files(t.path("cpu"), t.path("gpu")), f"the same files and state from the GPU, {order}",
                p.stderr or same_files(t.path("cpu"), t.path("gpu")))
    gpu = run_json(t.path("gpu")).get("gpu", {})
    t.check(run_json(t.path("gpu"))["device"] == "gpu" and gpu.get("name") == "Fake GPU" and gpu.get("compute_capability") == "7.5"
            and gpu.get("code") == "sm_75" and gpu.get("driver_knows_cuda") == "12.4", "run.json says which GPU", gpu)
    p = d.run(program, "gpu90", "--csv", faults="capability=120")
    t.check(p.returncode == 0 and not same_files(t.path("cpu"), t.path("gpu90")) and run_json(t.path("gpu90"))["gpu"]["code"] == "sm_90",
            "a newer GPU gets the newer code, and gives the same bits", p.stderr)
    p = d.run(program, "made", "--csv", "--connectivity", "procedural")
    made = [launch["kernel"] for launch in run_json(t.path("made"))["gpu"]["launches"]] if p.returncode == 0 else []
    t.check("push_made" in made and not same_files(t.path("cpu"), t.path("made")), "rows made anew, by functions that stand in the model's PTX: the same files and state",
            p.stderr or f"{made} {same_files(t.path('cpu'), t.path('made'))}")


def refused(t, d, program):
    for what, words, options in [
            ("no driver", ["no NVIDIA driver", "--device cpu"], {"driver": "none"}),
            ("a driver that is too old", ["CUDA 10.2", "11.4 is needed", "470"], {"faults": "version=10020"}),
            ("one that lacks a function", ["no cuGraphInstantiateWithFlags", "11.4 is needed"], {"driver": "old", "faults": "version=11030"}),
            ("no GPU", ["CUDA_ERROR_NO_DEVICE", "no NVIDIA GPU here"], {"faults": "none"}),
            ("a GPU that is too old", ["Fake GPU", "compute capability 6.1; 7.5 is needed"], {"faults": "capability=61"}),
            ("a GPU that another program has", ["DEVICE_UNAVAILABLE", "nvidia-smi"], {"faults": "busy"}),
            ("code that the driver refuses", ["CUDA_ERROR_INVALID_PTX", "Parsing error near '.entry'"], {"faults": "jit"}),
            ("an allocation that fails", ["out of memory", "CUDA_ERROR_OUT_OF_MEMORY"], {"faults": "alloc=1"}),
            ("memory for transfers that fails", ["for transfers: out of memory"], {"faults": "host=2"}),
            ("too little memory", ["needs", "has"], {"memory": "100K"}),
            ("a GPU that fails", ["CUDA_ERROR_ILLEGAL_ADDRESS"], {"faults": "launch=20"})]:
        p = d.run(program, "refused", **options)
        left = files(t.path("refused"))
        t.check(p.returncode == 1 and all(w in p.stderr for w in words) and len(p.stderr.strip().splitlines()) == 1 and not left,
                f"{what}: an error in words, no files", f"{p.returncode}: {p.stderr} {left}")
    p = d.run(program, "refused", device="gpu:3")
    t.check(p.returncode == 1 and "there is no GPU 3" in p.stderr, "a GPU of a number that there is not", p.stderr)


def lost(t, d, program):
    """Lost at different times: the checkpoint is kept, and gone on from where there is another GPU, or none."""
    reached = set()
    for n, (driver, device) in [(200, ("fake", "gpu")), (700, ("fake", "cpu")), (1500, ("fake", "emulated"))]:
        folder = t.path("lost")
        shutil.rmtree(folder, ignore_errors=True)
        p = d.run(program, "lost", "--csv", "--checkpoint", "model=10ms", faults=f"lost={n}")
        kept = files(folder)
        if not t.check(p.returncode == 1 and "CUDA_ERROR_UNKNOWN" in p.stderr and "--resume " + folder in p.stderr and "checkpoint" in kept and "run.json" not in kept
                       and not any(f.endswith(".h5") for f in kept), f"lost at its work {n}: an error, the checkpoint is kept", f"{p.returncode}: {p.stderr} {kept}"):
            continue
        p = d.run(program, "lost", "--csv", "--resume", folder, driver=driver, device=device)
        t.check(p.returncode == 0 and not same_files(t.path("cpu"), folder), f"and the run goes on with --device {device} to the same files",
                p.stderr or same_files(t.path("cpu"), folder))
        reached.add(n)
    t.check(len(reached) == 3, "all of them", reached)


ENDS = ("Free", "Destroy", "Unload", "Release")  # what gives back: nobody is told, if nothing else is called


def each(t, d, program):
    """Each function of the driver fails in its turn, in the middle of its calls: it is named, and what is left can be gone on from."""
    options = ["--csv", "--duration", "40ms", "--checkpoint", "model=10ms"]
    call(program, "--out", t.path("short"), "--quiet", *options)
    counted = d.run(program, "each", *options, faults="count")
    counts = {name: int(n) for name, n in (line.split() for line in counted.stderr.splitlines())}
    t.check(counts.get("cuGraphLaunch", 0) > 100, "how often each function is called", counted.stderr)
    good = {False: 0, True: 0}
    for name, n in counts.items():
        folder = t.path("each")
        shutil.rmtree(folder, ignore_errors=True)
        p = d.run(program, "each", *options, faults=f"{name}={(n + 1) // 2}") if n else None
        kept, wrong = files(folder), ""
        if p is None or name == "cuDriverGetVersion":  # of a driver that cannot even say that, see too_old
            continue
        ends = any(e in name for e in ENDS)
        if p.returncode == 0 and ends:
            wrong = same_files(t.path("short"), folder)
        elif p.returncode != 1 or f"CUDA_ERROR_UNKNOWN from {'' if ends else name + ')'}" not in p.stderr or "run.json" in kept or any(f.endswith((".h5", ".csv")) for f in kept):
            wrong = f"{p.returncode}: {p.stderr} {kept}"
        elif kept:
            q = d.run(program, "each", "--csv", "--duration", "40ms", "--resume", folder, device=["gpu", "cpu", "emulated"][sum(good.values()) % 3])
            wrong = q.stderr if q.returncode else same_files(t.path("short"), folder)
        good[bool(kept)] += not wrong
        if wrong:
            t.check(False, f"{name} fails", wrong)
    t.check(good[True] > 10 and good[False] > 10, f"{sum(good.values())} functions that fail are named; {good[True]} times a checkpoint is gone on from, or all was done", good)


FIT = """language 1
neuron cell {
  param tau = 20 ms in (0 ms, inf)
  state V = 5 mV
  V' = -V / tau
}
fit decay {
  neuron cell
  data rec = csv("decay.csv") { t : ms;  V : mV }
  free tau in [1 ms, 200 ms], V(0)
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by adam(steps = 6) from 9 starts with gradient = reverse
  with dt = 0.1 ms, seed = 1
}
"""


def found(folder):
    """Of a fit: where every start ended."""
    with open(os.path.join(folder, "fit.json"), encoding="utf-8") as f:
        x = json.load(f)
    return x, [s["starts"] for s in x["stages"]]


def fit(t, d):
    """The marches of a fit on a GPU: what the processor finds; what was found before a GPU is lost is kept."""
    t.write("decay.csv", "t,V\n" + "".join(f"{k / 10},{3 * 0.985 ** k:.9g}\n" for k in range(300)))
    program = t.path("decay")
    p = call(NSLC, "build", "--target", "gpu", t.write("decay.nsl", FIT), "-o", program)
    if not t.check(p.returncode == 0, "a fit: nslc build --target gpu", p.stderr):
        return
    p = call(program, "--out", t.path("fit_cpu"), "--quiet")
    q = d.run(program, "fit_gpu", order="shuffled:3")
    if not t.check(p.returncode == 0 and q.returncode == 0, "a fit runs", p.stderr + q.stderr):
        return
    gpu, where = found(t.path("fit_gpu"))
    t.check(where == found(t.path("fit_cpu"))[1] and gpu["device"] == "gpu" and gpu["gpu"]["name"] == "Fake GPU", "a fit: every start ends where it does on the processor", gpu)
    p = d.run(program, "fit_lost", faults="lost=20")
    kept, _ = found(t.path("fit_lost")) if files(t.path("fit_lost")) else ({}, None)
    t.check(p.returncode == 1 and "CUDA_ERROR_UNKNOWN" in p.stderr and "CUDA_ERROR_UNKNOWN" in kept.get("error", "") and kept["exit"] == 1
            and 1 <= len(kept["stages"][0]["history"]["step"]) < len(gpu["stages"][0]["history"]["step"]), "a fit whose GPU is lost keeps what it has found",
            f"{p.returncode}: {p.stderr} {kept.get('error')}")
    for what, faults in (("sweeps", "alloc=1"), ("marches", "alloc=2"), ("transfers", "host=1")):
        p = d.run(program, "fit_refused", faults=faults)
        t.check(p.returncode == 1 and f"for {'the ' if what == 'sweeps' else 'its ' if what == 'marches' else ''}{what}" in p.stderr and "OUT_OF_MEMORY" in p.stderr
                and not files(t.path("fit_refused")), f"a fit without memory for {what}: an error in words, no files", p.stderr)


def network_fit(t, d):
    """Runs of a network's fit on a GPU, two threads at a time, there and back: what the processor finds. A loss of the GPU keeps what was found."""
    program = t.path("trained")
    text = network_fits.TRAINED.replace("MODE", "reverse").replace("40 ms", "20 ms").replace("from 2 starts", "from 3 starts")
    p = call(NSLC, "build", "--target", "gpu", t.write("trained.nsl", text), "-o", program)
    if not t.check(p.returncode == 0, "a network's fit: nslc build --target gpu", p.stderr):
        return
    p = call(program, "--out", t.path("net_cpu"), "--quiet", "--threads", "2")
    q = d.run(program, "net_gpu", "--threads", "2", order="shuffled:5")
    if not t.check(p.returncode == 0 and q.returncode == 0, "a network's fit runs", p.stderr + q.stderr):
        return
    gpu, where = found(t.path("net_gpu"))
    t.check(where == found(t.path("net_cpu"))[1] and gpu["gpu"]["name"] == "Fake GPU", "a network's fit: every start ends where it does on the processor", gpu)
    p = d.run(program, "net_lost", "--threads", "2", faults="lost=3000")
    kept, _ = found(t.path("net_lost")) if files(t.path("net_lost")) else ({}, None)
    t.check(p.returncode == 1 and "CUDA_ERROR_UNKNOWN" in p.stderr and kept.get("exit") == 1, "a network's fit whose GPU is lost keeps what it has found",
            f"{p.returncode}: {p.stderr} {kept.get('error')}")


def library(t, model):
    """A library: two simulations on the emulated device, in turns, in pieces, beside one on the processor."""
    r = call(NSLC, "build", "--lib", "--target", "gpu", model, "-o", t.path("net.so"))
    if not t.check(r.returncode == 0, "nslc build --lib --target gpu", r.stderr):
        return
    lib = ctypes.CDLL(t.path("net.so"))
    lib.nsl_error.restype = ctypes.c_char_p
    sims = [ctypes.c_void_p() for _ in range(3)]
    e = [lib.nsl_open(ctypes.byref(ctypes.c_char.in_dll(lib, "nsl_net_program")), None, ctypes.byref(s)) for s in sims]
    e += [lib.nsl_set_device(s, b"emulated") for s in sims[1:]]
    e += [lib.nsl_run(s, ctypes.c_double(ms)) for s, ms in [(sims[0], 60), (sims[1], 13.7), (sims[2], 60), (sims[1], 46.3)]]
    hashes = []
    for s in sims:
        h = ctypes.c_uint64()
        e.append(lib.nsl_state_hash(s, ctypes.byref(h)))
        hashes.append(h.value)
        lib.nsl_close(s)
    t.check(not any(e) and hashes[0] == hashes[1] == hashes[2], "nsl_set_device: two simulations on a device have the processor's state", (e, hashes, lib.nsl_error()))


STEPPED = """language 1
network net {
  population E : iaf_psc_delta[3000] { V_th = -50 mV;  V ~ uniform(-70 mV, -50 mV) }
  population I : iaf_psc_exp[800] { V ~ uniform(-70 mV, -56 mV) }
  connect E -> E.psp by indegree(30) { weight = 0.5 mV;  delay ~ uniform(0.5 ms, 3 ms) }
  connect E -> I.exc by indegree(30) { weight = 40 pA;  delay = 1.5 ms }
  connect I -> E.psp by indegree(8) { weight = -2 mV;  delay = 1.5 ms }
  drive E.psp with poisson(sine(1 kHz, frequency = 20 Hz, mean = 7 kHz)) { weight = 0.15 mV;  delay = 1 ms }
  drive I.I with sine(100 pA, frequency = 40 Hz) + noise(40 pA, tau = 5 ms)
}
experiment main {
  network net
  run 20 ms with dt = 0.1 ms, seed = 3
}
"""
STEPPER = """import ctypes, os, sys
lib, fake = ctypes.CDLL(sys.argv[1]), ctypes.CDLL("libcuda.so.1")
lib.nsl_error.restype = ctypes.c_char_p
program = ctypes.byref(ctypes.c_char.in_dll(lib, "nsl_stepped_program"))
def sure(e):
    if e:
        sys.exit(lib.nsl_error().decode())
def moved():
    counts = (ctypes.c_uint64 * 4)()
    fake.fake_cuda_moved(counts)
    return list(counts)
def opened(device):
    sim = ctypes.c_void_p()
    sure(lib.nsl_open(program, None, ctypes.byref(sim)) or lib.nsl_set_device(sim, device))
    sure(lib.nsl_run(sim, ctypes.c_double(0.1)))
    return sim
def state(sim):
    h, v = ctypes.c_uint64(), (ctypes.c_double * 5)()
    before = moved()
    sure(lib.nsl_read(sim, 0, b"V", 100, 5, v))
    read = moved()
    sure(lib.nsl_state_hash(sim, ctypes.byref(h)))
    return [list(v), h.value, read[3] - before[3]]
def steps(device, pieces, looks=()):
    sim, before, shown = opened(device), moved(), []
    for k, n in enumerate(pieces):
        sure(lib.nsl_run(sim, ctypes.c_double(0.1 * n)))
        if k in looks:
            shown.append(state(sim))
    return [b - a for a, b in zip(before, moved())], shown, state(sim)
print(repr([steps(b"gpu", [200]), steps(b"gpu", [1] * 200), steps(b"gpu", [1] * 200, (3, 4, 77)), steps(b"cpu", [1] * 200, (3, 4, 77))]))
"""


def stepped(t, d):
    """A library's simulation in calls of one step: what it has stays on the device until somebody looks, and then it is the processor's."""
    r = call(NSLC, "build", "--lib", "--target", "gpu", t.write("stepped.nsl", STEPPED), "-o", t.path("stepped.so"))
    if not t.check(r.returncode == 0, "nslc build --lib --target gpu", r.stderr):
        return
    env = dict(os.environ, LD_LIBRARY_PATH=d.folders["fake"], NSL_FAKE_CUDA_LIBRARY=t.path("stepped.so"))
    p = call(sys.executable, t.write("stepper.py", STEPPER), t.path("stepped.so"), env=env, timeout=100)
    if not t.check(p.returncode == 0, "a library on a GPU, step by step", p.stderr):
        return
    whole, single, looked, cpu = ast.literal_eval(p.stdout)
    t.check(whole[2] == single[2] == looked[2], "the same state in any pieces", (whole[2], single[2], looked[2]))
    t.check([s[:2] for s in looked[1] + [looked[2]]] == [s[:2] for s in cpu[1] + [cpu[2]]], "and what is read between is the processor's", (looked[1:], cpu[1:]))
    t.check([s[2] for s in looked[1]] == [40] * 3, "reading five values brings back five values", looked[1])
    up, down = ([x[0][k] for x in (whole, single)] for k in (1, 3))
    t.check(up[1] < 3 * up[0] and down[1] < 3 * down[0], "200 calls of one step copy no more than three times what one call of 200 does", (whole[0], single[0]))
    t.check(single[0][0] <= 12 * 200 and single[0][2] <= 3 * 200, "and few pieces in a call", (whole[0], single[0]))


class Stage(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("has_gradient", ctypes.c_int), ("has_squares", ctypes.c_int), ("has_products", ctypes.c_int)]


def library_of_fit(t):
    """nsl_fit_*: the objective and its gradient at several places, all on a device: the bits of the processor; also where a value is subnormal."""
    r = call(NSLC, "build", "--lib", "--target", "gpu", t.path("decay.nsl"), "-o", t.path("decay.so"))
    if not t.check(r.returncode == 0, "a fit: nslc build --lib --target gpu", r.stderr):
        return
    lib = ctypes.CDLL(t.path("decay.so"))
    lib.nsl_error.restype = ctypes.c_char_p
    program = ctypes.byref(ctypes.c_char.in_dll(lib, "nsl_decay_program"))
    n, results = 11, []
    for device in (b"cpu", b"emulated"):
        fit, k, stages = ctypes.c_void_p(), ctypes.c_uint32(), ctypes.c_uint32()
        e = [lib.nsl_fit_open(program, None, ctypes.byref(fit)), lib.nsl_fit_set_device(fit, device), lib.nsl_fit_size(fit, ctypes.byref(k), ctypes.byref(stages))]
        values, loss, slopes = ((ctypes.c_double * (n * m))() for m in (k.value, 1, k.value))
        stage = Stage()
        e += [lib.nsl_fit_start(fit, i, ctypes.byref(values, 8 * k.value * i)) for i in range(n)]
        values[k.value + 1] = 3e-310
        e += [lib.nsl_fit_stage(fit, 0, ctypes.byref(stage)), lib.nsl_fit_gradient(fit, 0, n, values, loss, slopes)]
        late = lib.nsl_fit_set_device(fit, b"cpu")
        results.append((bytes(loss), bytes(slopes)))
        t.check(not any(e) and late and k.value == 2 and values[k.value + 1] > 0 and len(set(loss)) > 5, f"nsl_fit_set_device: {device.decode()}", (e, list(loss), lib.nsl_error()))
        lib.nsl_fit_close(fit)
    t.check(results[0] == results[1], "objectives and gradients of a fit's library on a device are the processor's")


def main():
    t = Tap()
    d = Driver(t, os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
    model, program, plain = t.write("net.nsl", MODEL), t.path("net"), t.path("plain")
    p = call(NSLC, "build", "--target", "gpu", model, "-o", program)
    if not t.check(p.returncode == 0, "nslc build --target gpu", p.stderr):
        t.done()
    works(t, d, program)
    refused(t, d, program)
    lost(t, d, program)
    each(t, d, program)
    fit(t, d)
    network_fit(t, d)
    library(t, model)
    library_of_fit(t)
    stepped(t, d)
    p = call(NSLC, "build", "--cpu", "native", model, "-o", plain)
    p = d.run(plain, "refused")
    t.check(p.returncode == 1 and "nslc build --target gpu" in p.stderr, "a program without the code: how to build one with it", p.stderr)
    t.done()


main()
