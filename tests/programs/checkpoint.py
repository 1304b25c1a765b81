#!/usr/bin/env python3
"""Checkpoints: a run that is killed and resumed leaves the files of one that never stopped, byte by byte, on any number of threads; checkpoints
and journals that are damaged, of another run, or that do not fit on the disk are refused with the reason, and the last good one is kept.
With a number as argument: so many kills at random moments (suite `long`)."""
import glob
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

from tap import NSLC, Tap, call, run_json

HERE = os.path.dirname(os.path.abspath(__file__))
TIMES = {"updates_at_rest", "build_s", "simulate_s", "simulate_cpu_s", "output_s", "real_time_factor", "phases", "events_per_s", "peak_memory_mb", "memory_of_limit", "memory_limit_mb",
         "command", "threads", "checkpoints", "bytes_per_synapse",
         "bytes_per_event", "connectivity", "ranks", "exchange", "output"}


def facts(folder):
    return {k: v for k, v in run_json(folder).items() if k not in TIMES}


def figures(folder):
    """The report without its tables of facts: everything that is drawn."""
    with open(os.path.join(folder, "report.html")) as f:
        return re.findall(r"<svg.*?</svg>", f.read(), re.S)


def same_run(a, b, drawn=True):
    """What differs between two output folders, drawn: also in the figures; nothing: an empty text."""
    names = [sorted(n for n in os.listdir(x) if n not in ("run.json", "report.html")) for x in (a, b)]
    if names[0] != names[1]:
        return f"files {names[0]} against {names[1]}"
    for name in names[0]:
        x, y = (open(os.path.join(f, name), "rb").read() for f in (a, b))
        if x != y:
            return f"{name} differs"
    x, y = facts(a), facts(b)
    for key in x.keys() | y.keys():
        if x.get(key) != y.get(key):
            return f"run.json: {key} is {x.get(key)} against {y.get(key)}"
    if drawn and os.path.exists(os.path.join(a, "report.html")) and figures(a) != figures(b):
        return "figures of report.html"
    return ""


def tagged(folder):
    """A number that changes with each checkpoint of the folder."""
    try:
        return os.stat(os.path.join(folder, "checkpoint")).st_ino, os.stat(os.path.join(folder, "checkpoint")).st_mtime_ns
    except OSError:
        return None


def kill_after(command, folder, n, limit=60):
    """Starts a program and kills it when its n-th checkpoint is there; True: it was still running."""
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seen, count, end = None, 0, time.time() + limit
    while p.poll() is None and time.time() < end:
        now = tagged(folder)
        count += now is not None and now != seen
        seen = now
        if count >= n:
            break
        time.sleep(0.0005)
    running = p.poll() is None
    p.kill()
    p.communicate()
    return running


def build(t, name, *options):
    program = t.path(name)
    source = os.path.join(HERE, "all_kinds.nsl")
    p = call(NSLC, "build", source, "-o", program, *options)
    t.check(p.returncode == 0, f"{name} is built", p.stderr)
    return program


def text_of(p):
    return p.stderr + p.stdout


# ---- interrupted and resumed

def resumed(t, program, name, points):
    """Killed at several points, on other threads, with files of every kind."""
    whole, cut, reached = t.path(name + ".whole"), t.path(name + ".cut"), []
    p = call(program, "--out", whole, "--csv", "--quiet", "--threads", "2")
    t.check(p.returncode == 0, f"{name}: uninterrupted", text_of(p))
    for n, before, after in points:
        shutil.rmtree(cut, ignore_errors=True)
        running = kill_after([program, "--out", cut, "--csv", "--quiet", "--threads", *before.split(), "--checkpoint", "model=5ms"], cut, n)
        p = call(program, "--resume", cut, "--quiet", "--threads", *after.split())
        if not t.check(running and p.returncode == 0 and not p.stderr, f"{name}: killed after {n} checkpoints, resumed", text_of(p)):
            continue
        at = run_json(cut)["checkpoints"]["resumed_at_ms"]
        reached += at
        why = same_run(whole, cut)
        t.check(not why, f"{name}: threads {before}, killed, {after} from {at} ms: every file the same", why)
    t.check(len(set(reached)) == len(points), f"{name}: several points: {reached}")
    return whole


def again_and_again(t, program, whole):
    cut, done = t.path("again"), 0
    for k in range(60):  # whatever is reached
        options = ["--resume", cut] if k else ["--out", cut, "--csv", "--checkpoint", "model=4ms"]
        if not kill_after([program, *options, "--quiet", "--threads", str(1 + k % 3)], cut, 5):
            break
        done += 1
    at = run_json(cut)["checkpoints"]["resumed_at_ms"] if os.path.exists(os.path.join(cut, "run.json")) else []
    why = same_run(whole, cut) if at else "no run.json"
    t.check(not why and done >= 2 and len(at) >= 2, f"killed {done} times, resumed at {at} ms: the same", why)


def interrupted(t, program, whole):
    """Ctrl-C: the files so far, and a last checkpoint to go on from; also with a longer run."""
    out = t.path("ctrl_c")
    p = subprocess.Popen([program, "--out", out, "--csv", "--quiet", "--checkpoint", "1000s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while p.poll() is None and not tagged(out):
        time.sleep(0.0005)
    p.send_signal(signal.SIGINT)
    text = p.communicate()[1]
    t.check(p.returncode == 130 and "interrupted at" in text, "Ctrl-C: exit 130", text)
    q = call(program, "--out", t.path("wall"), "--quiet", "--no-report", "--checkpoint", "10ms")
    t.check(q.returncode == 0 and run_json(t.path("wall"))["checkpoints"]["written"] >= 2, "by wall time", text_of(q))
    info = run_json(out)
    t.check(info["exit"] == 130 and os.path.exists(os.path.join(out, "spikes.h5")) and tagged(out) is not None,
            f"the files of {info['duration_ms']} ms, and a checkpoint")
    p = call(program, "--resume", out, "--quiet")
    why = same_run(whole, out)
    t.check(p.returncode == 0 and not why, "resumed: the same as without Ctrl-C", why + text_of(p))
    p = call(program, "--resume", out)
    t.check(p.returncode == 1 and "is over and has no checkpoint" in p.stderr, "there is nothing left to resume", text_of(p))


def durations(t, program):
    """A run may go on for longer, or end earlier, than was said at first."""
    long, out = t.path("long"), t.path("longer")
    call(program, "--out", long, "--csv", "--quiet", "--duration", "110ms")
    kill_after([program, "--out", out, "--csv", "--quiet", "--duration", "90ms", "--checkpoint", "model=3ms"], out, 5)
    kept = t.path("kept")
    shutil.copytree(out, kept)
    p = call(program, "--resume", out, "--quiet", "--duration", "110ms")
    if "other units" in p.stderr:
        t.check(False, "a longer run is refused, but its units are the same", p.stderr)
    else:
        why = same_run(long, out)
        t.check(p.returncode == 0 and not why, "90 ms, killed, resumed with --duration 110ms: a run of 110 ms", why + text_of(p))
    p = call(program, "--resume", kept, "--quiet", "--duration", "1ms")
    t.check(p.returncode == 1 and "before the checkpoint" in p.stderr, "an end before the checkpoint", text_of(p))


SEEDS = """
neuron cell {{ input I : pA
  state V = 0 mV
  V' = -V / (10 ms) + I / (100 pF)
  spike when V > 1 mV {{ V = 0 mV;  hold V for 1 ms }} }}
network net {{ population P : cell[40] {{ V ~ uniform(0 mV, 1 mV) }}
  drive P.I with noise(60 pA, tau = 2 ms, mean = 8 pA) }}
experiment e {{ network net
  record spikes of P
  run 60 ms with dt = 0.1 ms, seeds = 3..7
  expect rate(P) in [0 Hz, {most} Hz]
  expect cv_isi(P) < 2 }}
"""


def seeds(t):
    """Several seeds: those that are over are not run again, one goes on, the others follow."""
    program, model = t.path("seeds"), t.write("seeds.nsl", "language 1\n" + SEEDS.format(most=60))
    p = call(NSLC, "build", model, "-o", program)
    t.check(p.returncode == 0, "seeds: built", p.stderr)
    whole, cut = t.path("seeds.whole"), t.path("seeds.cut")
    first = call(program, "--out", whole)
    shutil.rmtree(cut, ignore_errors=True)
    running = kill_after([program, "--out", cut, "--quiet", "--checkpoint", "model=2ms"], os.path.join(cut, "seed-5"), 3)
    t.check(running and not os.path.exists(os.path.join(cut, "seed-6")), "killed in the third of five seeds")
    p = call(program, "--resume", cut)
    t.check(p.returncode == first.returncode, "resumed: the same status", text_of(p))
    t.check(p.stdout.splitlines()[-4:] == first.stdout.splitlines()[-4:] and
            open(os.path.join(whole, "seeds.json")).read() == open(os.path.join(cut, "seeds.json")).read(), "the same table of seeds", text_of(p))
    bad = [why for why in (same_run(os.path.join(whole, f"seed-{n}"), os.path.join(cut, f"seed-{n}")) for n in range(3, 8)) if why]
    t.check(not bad and sorted(os.listdir(cut)) == sorted(os.listdir(whole)), "every file of every seed the same", bad)


# ---- refused

def killed(t, program, name, n=5):
    out = t.path(name)
    shutil.rmtree(out, ignore_errors=True)
    t.check(kill_after([program, "--out", out, "--csv", "--quiet", "--checkpoint", "model=3ms", "--set", "net.N=780", "--duration", "60ms", "--no-report"], out, n),
            f"{name}: a run to resume")
    return out


def refused(t, program, whole):
    out = killed(t, program, "refused")
    cases = [(["--seed", "8"], "is of seed 7, not 8"), (["--set", "net.N=784"], "net.N is 784 here, and was 780"),
             (["--experiment", "other"], "is of experiment e, not of other"), (["--out", t.path("elsewhere")], "its own folder"),
             (["--checkpoint", "0s"], "a time above 0"),
             (["--checkpoint", "5mV"], "a time with its unit"), (["--checkpoint", "model=5"], "a time with its unit")]
    before = {n: open(os.path.join(out, n), "rb").read() for n in ("checkpoint", "checkpoint.before", "checkpoint.data")}
    for options, text in cases:
        p = call(program, "--resume", out, *options)
        t.check(p.returncode == 1 and text in p.stderr and len(p.stderr.splitlines()) == 1, f"{' '.join(options)}: {p.stderr.strip()}", p.stderr)
    for options, text in ((["--resume", t.path("nothing")], "No such file"), (["--resume", whole], "nothing is left to go on with"),
                          (["--resume", t.scratch], "no checkpoint is there"), (["--resume", program], "is no checkpoint"),
                          (["--out", out], "not over; go on with it by --resume")):
        p = call(program, *options)
        t.check(p.returncode == 1 and text in p.stderr, f"{text}", text_of(p))
    narrow = t.path("narrow")
    call(NSLC, "build", os.path.join(HERE, "all_kinds.nsl"), "-o", narrow, "--precision", "f32")
    p = call(narrow, "--resume", out)
    t.check(p.returncode == 1 and "precision f64, this one was built for f32" in p.stderr, "another precision", text_of(p))
    other = t.write("other.nsl", open(os.path.join(HERE, "all_kinds.nsl")).read().replace("tau = 10 ms, E_L", "tau = 11 ms, E_L"))
    p = call(NSLC, "run", other, "--", "--resume", out)
    t.check(p.returncode == 1 and "is of another model" in p.stderr, "another model", text_of(p))
    t.check(all(open(os.path.join(out, n), "rb").read() == x for n, x in before.items()), "a refusal changes nothing")
    p = call(program, "--resume", out, "--quiet", "--seed", "7", "--set", "net.N=780")
    t.check(p.returncode == 0, "what is said again and is the same is no error", text_of(p))


def data_changed(t):
    model = t.write("data.nsl", "language 1\n" + """
neuron cell { input I : pA
  state V = 0 mV
  V' = -V / (10 ms) + I / (100 pF) }
experiment e { neuron cell
  drive I with samples("i.csv") { t : ms;  I : pA }
  record V every 0.1 ms
  run 100 ms with dt = 0.1 ms }
""")
    t.write("i.csv", "t,I\n0,1\n10,3\n50,2\n")
    out = t.path("data.out")
    command = [NSLC, "run", model, "--", "--quiet", "--out", out]
    whole = t.path("data.whole")
    call(NSLC, "run", model, "--", "--quiet", "--out", whole)
    t.check(kill_after([*command, "--checkpoint", "model=2ms"], out, 5), "a run that reads a file")
    t.write("i.csv", "t,I\n0,1\n10,3\n50,2.5\n")
    p = call(NSLC, "run", model, "--", "--quiet", "--resume", out)
    t.check(p.returncode == 1 and "i.csv has changed" in p.stderr, "a file that has changed", text_of(p))
    t.write("i.csv", "t,I\n0,1\n10,3\n50,2\n")
    p = call(NSLC, "run", model, "--", "--quiet", "--resume", out)
    t.check(p.returncode == 0 and not same_run(whole, out), "put back: the same as ever", text_of(p) + same_run(whole, out))


def checksum(data):
    """As rt_checksum of whole words."""
    total, mask = 0, (1 << 64) - 1
    for (word,) in struct.iter_unpack("<Q", data):
        total = ((total ^ word) * 0x9e3779b97f4a7c15) & mask
        total ^= total >> 29
    return total


def damaged(t, program, whole_of_it):
    """Cut off, bits turned, and (with a checksum that fits) made up: an error with the reason, never a crash. runtime/checkpoint_test.c does the
    same by the thousand; here it is the whole program that answers."""
    out = killed(t, program, "damaged")
    paths = {n: os.path.join(out, n) for n in ("checkpoint", "checkpoint.before", "checkpoint.data")}
    whole = {n: open(p, "rb").read() for n, p in paths.items()}
    draw, bad = random.Random(5), []

    def attempt(name, data, what, texts, status=(1,)):
        with open(paths[name], "wb") as f:
            f.write(data)
        p = call(program, "--resume", out, "--quiet", timeout=60, errors="replace")
        if p.returncode not in status or (p.returncode == 1 and not any(x in p.stderr for x in texts)) or "rror" in p.stdout:
            bad.append(f"{name}, {what}: status {p.returncode}: {p.stderr.strip()}")
        with open(paths[name], "wb") as f:
            f.write(whole[name])
        return p

    data = whole["checkpoint"]
    known = ["damaged or cut off", "is no checkpoint", "reads format"]
    for n in [0, 24, draw.randrange(len(data))]:
        p = attempt("checkpoint", data[:n], f"cut off at {n}", known)
    for _ in range(3):
        n = draw.randrange(len(data))
        p = attempt("checkpoint", data[:n] + bytes([data[n] ^ 1 << draw.randrange(8)]) + data[n + 1:], f"a bit of byte {n}", known)
        if "the one before it, of t = " not in p.stderr or "checkpoint.before goes on from there" not in p.stderr:
            bad.append(f"the one before is not named: {p.stderr}")
    t.check(not bad, "checkpoints cut off or with one bit turned", "\n".join(bad[:5]))
    bad.clear()
    fit = known + ["does not fit this program", "is of another", "of a program of precision", "built by", "is of experiment", "and was", "other units", "not have", "has changed", "numbers computed",
                   "other parameters", "reads other files", "before the checkpoint", "does not give back", "is of seed", "not as it must be", "out of memory",
                   "does not hold what", "does not fit in memory", "no such parameter", "cannot be drawn"]
    for _ in range(4):  # mostly in the head, where sizes and numbers stand
        n = draw.randrange(len(data) - 8) if draw.random() < 0.3 else draw.randrange(min(6000, len(data) - 8))
        n = n // 8 * 8
        word = draw.choice([0, 1, 2, 8, 255, 1 << 31, 1 << 32, (1 << 63) - 1, (1 << 64) - 1, draw.getrandbits(64)])
        made = data[:n] + struct.pack("<Q", word) + data[n + 8:-8]
        attempt("checkpoint", made + struct.pack("<Q", checksum(made)), f"word {n // 8} is {word:x}", fit, (0, 1, 2))
        with open(paths["checkpoint.before"], "wb") as f:
            f.write(whole["checkpoint.before"])
        for name in set(os.listdir(out)) - set(paths):
            os.remove(os.path.join(out, name))
        with open(paths["checkpoint.data"], "wb") as f:
            f.write(whole["checkpoint.data"])
    t.check(not bad, "words changed below a checksum that fits", "\n".join(bad[:5]))
    bad.clear()
    journal = whole["checkpoint.data"]
    for n in [0, len(journal) // 2]:
        attempt("checkpoint.data", journal[:n], f"cut off at {n}", ["does not hold what the checkpoint has recorded"])
    for _ in range(2):
        n = draw.randrange(len(journal) // 2)
        attempt("checkpoint.data", journal[:n] + bytes([journal[n] ^ 4]) + journal[n + 1:], f"byte {n}", ["does not hold what"])
    t.check(not bad and len(journal) > 0, f"journals cut off or changed ({len(journal)} bytes)", "\n".join(bad[:5]))
    with open(paths["checkpoint"], "wb") as f:
        f.write(data[:-100])
    p = call(program, "--resume", paths["checkpoint.before"], "--quiet")
    t.check(p.returncode == 0 and not same_run(whole_of_it, out), "the one before, asked for, goes on: the same files", text_of(p) + same_run(whole_of_it, out))


def disk_full(t, program, whole):
    """RLIMIT_FSIZE stands for a full disk: whichever file meets it, the run ends with an error and can be resumed."""
    sizes = [20_000, 120_000, 250_000, 400_000]
    for size in sizes:
        out = t.path("full")
        shutil.rmtree(out, ignore_errors=True)
        p = call(program, "--out", out, "--csv", "--quiet", "--set", "net.N=780", "--duration", "60ms", "--no-report", "--checkpoint", "model=3ms",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        left = sorted(os.listdir(out)) if os.path.exists(out) else []
        good = p.returncode == 1 and "cannot write" in p.stderr and len(p.stderr.splitlines()) == 1
        t.check(good and not [n for n in left if not n.startswith("checkpoint")], f"files of at most {size} bytes: {p.stderr.strip()}",
                f"{p.returncode} {text_of(p)} {left}")
        if "checkpoint" not in left:
            continue
        p = call(program, "--resume", out, "--quiet")
        why = same_run(whole, out) if p.returncode == 0 else text_of(p)
        t.check(not why, f"and room again: resumed at {run_json(out)['checkpoints']['resumed_at_ms']} ms, the same files", why)


def others(t, program):
    """Two processes in one folder."""
    out = t.path("two")
    p = subprocess.Popen([program, "--out", out, "--quiet", "--no-report", "--checkpoint", "model=5ms"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while p.poll() is None and not tagged(out):
        time.sleep(0.0005)
    p.send_signal(signal.SIGSTOP)
    q = call(program, "--resume", out)
    t.check(q.returncode == 1 and "another process is at work" in q.stderr, "a second process in the same folder", text_of(q))
    p.send_signal(signal.SIGCONT)
    p.communicate()
    t.check(p.returncode == 0, "the first one is not disturbed")


# ---- ranks

def kill_ranks(p):
    """mpirun, and the ranks that it has started."""
    below = []
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as f:
                fields = f.read().rsplit(")", 1)
        except OSError:
            continue
        if int(fields[1].split()[1]) == p.pid:
            below.append(int(fields[0].split()[0]))
    for pid in below:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    p.kill()
    p.wait()


def ranks(t, whole):
    """Resumed on other numbers of ranks (their reports have no response curves); what is wrong is said once, and ends all of them."""
    mpirun = os.environ.get("MPIRUN", "mpirun")
    if not shutil.which(mpirun):
        t.skip("ranks", "no mpirun")
        return
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    program, out = build(t, "all_kinds_mpi", "--mpi"), t.path("ranks")
    many = [mpirun, *(["--oversubscribe"] if "Open" in call(mpirun, "--version").stdout else []), "-n", "2", program, "--threads", "1"]
    running = kill_after([program, "--out", out, "--csv", "--quiet", "--checkpoint", "model=10ms"], out, 4)
    p = call(*many, "--resume", out, "--quiet", "--checkpoint", "model=40ms", env=environment)
    why = same_run(whole, out, drawn=False) if p.returncode == 0 else text_of(p)
    t.check(running and not why, "one process, killed, resumed by two ranks: the same files", why)
    shutil.rmtree(out, ignore_errors=True)
    p = subprocess.Popen([*many, "--out", out, "--csv", "--quiet", "--checkpoint", "model=10ms"], env=environment, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    while p.poll() is None and not os.path.exists(os.path.join(out, "checkpoint.before")):
        time.sleep(0.001)
    running = p.poll() is None
    kill_ranks(p)
    p = call(program, "--resume", out, "--quiet")
    why = same_run(whole, out, drawn=False) if p.returncode == 0 else text_of(p)
    t.check(running and not why, "two ranks, killed, resumed by one process: the same files", why)
    shutil.rmtree(out, ignore_errors=True)
    running = kill_after([program, "--out", out, "--csv", "--quiet", "--checkpoint", "model=10ms"], out, 4)
    with open(os.path.join(out, "checkpoint"), "r+b") as f:
        f.truncate(1000)
    p = call(*many, "--resume", out, "--quiet", env=environment, timeout=60)
    said = [line for line in p.stderr.splitlines() if "error:" in line]
    t.check(running and p.returncode not in (0, 124) and len(said) == 1 and "damaged or cut off" in said[0], "two ranks, a damaged checkpoint: one message", text_of(p))
    os.remove(os.path.join(out, "checkpoint.data"))
    p = call(*many, "--resume", os.path.join(out, "checkpoint.before"), "--quiet", env=environment, timeout=60)
    said = [line for line in p.stderr.splitlines() if "error:" in line]
    t.check(p.returncode not in (0, 124) and len(said) == 1 and "does not hold what" in said[0], "what the first rank alone sees ends all", text_of(p))
    seeds_of_ranks(t, many[:-3], environment)


def seeds_of_ranks(t, mpirun, environment):
    model = t.write("seeds_of_ranks.nsl", "language 1\n" + SEEDS.format(most=60).replace("cell[40]", "cell[2048]"))
    program, whole, out = t.path("seeds_of_ranks"), t.path("seeds_of_one"), t.path("seeds_of_two")
    p = call(NSLC, "build", "--mpi", model, "-o", program)
    first = call(program, "--out", whole, "--quiet")
    many = [*mpirun, program, "--threads", "1", "--quiet"]
    p = call(*many, "--out", out, "--checkpoint", "model=10ms", env=environment)
    table = open(os.path.join(whole, "seeds.json")).read()
    t.check(p.returncode == first.returncode and open(os.path.join(out, "seeds.json")).read() == table, "several seeds with checkpoints, two ranks: the same table", text_of(p))
    shutil.rmtree(out, ignore_errors=True)
    p = subprocess.Popen([*many, "--out", out, "--checkpoint", "model=2ms"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while p.poll() is None and not os.path.exists(os.path.join(out, "seed-5", "checkpoint")):
        time.sleep(0.001)
    running = p.poll() is None
    kill_ranks(p)
    p = call(*many, "--resume", out, env=environment)
    same = p.returncode == first.returncode and open(os.path.join(out, "seeds.json")).read() == table
    t.check(running and same, "killed in the third, resumed by two ranks: the same table", text_of(p))


# ---- at random moments

def random_kills(t, program, n):
    draw = random.Random(time.time_ns() if n > 20 else 3)
    whole, out = t.path("random.whole"), t.path("random")
    few = ["--quiet", "--no-report", "--duration", "100ms" if n < 20 else "400ms"]
    call(program, "--out", whole, *few)
    options = [program, "--out", out, *few, "--checkpoint", "model=4ms" if n < 20 else "model=2ms", "--threads"]
    began = time.time()
    call(*options, "2")
    length, bad, resumptions = time.time() - began, [], []
    for k in range(n):
        shutil.rmtree(out, ignore_errors=True)
        p = subprocess.Popen([*options, str(1 + k % 3)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while p.poll() is None and not tagged(out):
            time.sleep(0.0005)
        time.sleep(draw.uniform(0, length))
        p.kill()
        p.wait()
        if not tagged(out):
            continue  # it was over before
        q = call(program, "--resume", out, "--quiet", "--threads", str(1 + (k + 1) % 3))
        why = same_run(whole, out) if q.returncode == 0 else text_of(q)
        if why:
            bad.append(why)
        else:
            resumptions += run_json(out)["checkpoints"]["resumed_at_ms"]
    t.check(not bad and len(resumptions) >= n // 4, f"{n} kills at random moments, {len(resumptions)} resumed, from {min(resumptions, default=0)} to "
            f"{max(resumptions, default=0)} ms: always the same files", "\n".join(bad[:5]))


def main():
    t = Tap()
    program = build(t, "all_kinds")
    if len(sys.argv) > 1:
        random_kills(t, program, int(sys.argv[1]))
        t.done()
    whole = resumed(t, program, "f64", ((1, "1", "2"), (7, "2", "1 --connectivity procedural"), (15, "2 --connectivity procedural", "2"), (19, "1 --rows source", "2 --rows shard")))
    again_and_again(t, program, whole)
    resumed(t, build(t, "all_kinds_f32", "--precision", "f32"), "f32", ((9, "2 --connectivity procedural", "1 --connectivity stored --rows source"),))
    interrupted(t, program, whole)
    durations(t, program)
    seeds(t)
    smaller = t.path("smaller")
    call(program, "--out", smaller, "--csv", "--quiet", "--set", "net.N=780", "--duration", "60ms", "--no-report")
    refused(t, program, whole)
    data_changed(t)
    damaged(t, program, smaller)
    disk_full(t, program, smaller)
    others(t, program)
    ranks(t, whole)
    random_kills(t, program, 4)
    t.done()


if __name__ == "__main__":
    main()
