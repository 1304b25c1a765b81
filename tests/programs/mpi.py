#!/usr/bin/env python3
"""Programs built with --mpi: 1 to 4 ranks with 1 and 2 threads give the state_hash, spikes, records, weights, expects and messages of one
process; what goes wrong on one rank ends all of them, with one message and no file under a final name. Skipped where there is no mpirun."""
import os
import re
import shutil
import signal
import subprocess
import time

from tap import EXAMPLES, NSLC, Tap, call, run_json

MPIRUN = os.environ.get("MPIRUN", "mpirun")
ENV = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def launcher():
    """Open MPI wants to be told that ranks may be more than cores; others have no such option."""
    said = call(MPIRUN, "--version").stdout
    return [MPIRUN, "--oversubscribe"] if "Open MPI" in said or "Open-MPI" in said else [MPIRUN]


def ranks(n, program, *options, before=()):
    return call(*LAUNCH, "-n", str(n), *before, program, *options, env=ENV, timeout=60)


# Feeds, past values, handlers with order and draws, straight events, noise, drawn currents, files of several populations, sums and means, weights:
# whatever crosses shards. 2,600 elements: two shards; the larger model has eight.
MODEL = """
neuron src { param tau = 10 ms in (0 ms, inf)
  input push : mV/ms
  input mean : mV
  state V ~ uniform(0 mV, 14 mV), n = 0, last = 0 mV, u = 0 mV
  V' = -V / tau + push + 0.001/ms * mean
  u' = (delayed(V, 2 ms) - u) / (20 ms)
  receive psp(w : mV) { V += w }
  receive ap(w : mV) { last = 0.9 * last + w * (1 + n / 100);  n += 1 }
  spike when V > 15 mV { V = 0 mV;  hold V for 2 ms } }
neuron dst { state q = 0 mV
  q' = -q / (30 ms)
  receive add(w : mV) { q += w } }
network net {
  population E : src[SIZE]
  population I : src[700] SETS
  population D : dst[300]
  connect e: E -> (E, I).psp by indegree(40) { weight ~ normal(0.3 mV, 0.05 mV);  delay ~ uniform(DELAY, 3 ms) }
  connect i: I -> (E, I).psp by indegree(10) { weight = -1 mV;  delay = DELAY }
  connect a: E -> I.ap by outdegree(2) { weight ~ uniform(0 mV, 1 mV);  delay ~ uniform(DELAY, 2 ms) }
  connect d: I -> D.add by total_number(3000) { weight = 0.5 mV;  delay = DELAY }
  drive E.push with constant(uniform(1 mV/ms, 1.8 mV/ms))
  drive I.push with constant(1.2 mV/ms)
  drive E.psp with poisson(800 Hz) { weight = 0.2 mV }
  MORE
}
experiment run1 { network net
  record spikes of (E, I)
  record V of E[5..1500] every 0.5 ms
  record mean(E.V) as field every 1 ms
  record q of D every 1 ms
  record weight of a
  run 40 ms with dt = 0.1 ms
  expect rate(E) in [1 Hz, 500 Hz]
  expect cv_isi(E) in [0, 5]
  expect correlation(E, bin = 2 ms) in [-1, 1]
  expect max(E.V) in [10 mV, 15.5 mV]
  expect mean(D.q) in [-1 V, 1 V] after 5 ms
}
"""
# Synapses with memory live with their targets: what they have seen, and what is under way
LEARNS = """
synapse learns { weight w : mV in [0 mV, 1 mV]
  state c = 0
  state x = 0 per pre
  state y = 0 per post
  c' = -c / (20 ms)
  x' = -x / (20 ms)
  y' = -y / (30 ms)
  on pre  { w -= 0.05 * w * y;  c += 1;  send w * (1 + 0.1 * c) after 0.4 ms;  x += 1 }
  on post { w += 0.05 mV * x;  y += 1 } }
"""
LEARN = "connect l: E -> (E, I).psp by indegree(8) with learns { weight ~ uniform(0 mV, 0.2 mV);  delay = axonal(0.3 ms) + dendritic(1.1 ms) }"
# An astrocyte may lie on a third rank: what is sent to it, what it streams, what synapses read of it and send because of that
THIRDS = """
glia star { state g = 0, h = 0.2
  g' = -g / (8 ms)
  h' = (g - h) / (15 ms)
  let bound = h / (1 + h), flow = 0.02 mV/ms * g
  receive glu(w : 1) { g += w } }
synapse minds { param U = 0.5
  weight w : mV in [0 mV, 1 mV]
  state u = 0, r = 1
  u' = -u / (30 ms)
  r' = (1 - r) / (40 ms)
  on pre  { u += U * (1 - gliot.bound) * (1 - u);  send w * u * r;  send 0.3 * u * r to gliot.glu after 0.9 ms;  r -= u * r }
  on post { w += 0.02 mV * gliot.h }
  stream gliot.flow to post.push }
"""
THIRD = """population G : star[500]
  connect m: E -> (E, I).psp by indegree(8) with minds { gliot = G by pool(6, probability = 0.7);  weight ~ uniform(0 mV, 0.2 mV);  delay = axonal(0.3 ms) + dendritic(1.1 ms) }"""
# What flows between shards: rows and sums over all, delays of one number and of their own, gap junctions of cells that spike; held, and joint.
FLOWS = """
neuron node { param a = 0.1, c = 0
  input I
  state x = 0
  x' = (c - a * x + I) / (1 ms) }
neuron cell { param push = 120 pA
  input I : pA
  state V = -65 mV
  V' = (-65 mV - V) / (20 ms) + (I + push) / (100 pF)
  receive exc(w : mV) { V += w }
  spike when V >= -50 mV { V = -65 mV;  hold V for 2 ms } }
synapse late { weight w;  stream w * delayed(pre.x, delay) }
synapse swift { weight w;  stream w * pre.x * (1 - post.x) }
synapse opens { param tau = 1 ms
  weight g in [0, 0.1]
  state s = pre.x, c = 0
  s' = (pre.x - s) / tau
  c' = (s * post.x - c) / (3 ms)
  g' = 0.01/ms * c
  stream g * s }
synapse gap { param g = 1 nS;  stream g * (pre.V - post.V) }
network net { param g = 1 nS
  population A : node[1500] { x ~ normal(0, 1);  c ~ normal(0, 1) }
  population B : node[700] { x ~ normal(0, 1) }
  population G : cell[900] { V ~ normal(-58 mV, 5 mV);  push ~ uniform(60 pA, 120 pA) }
  connect few: A -> (A, B).I by probability(0.01) with late { weight ~ uniform(-0.03, 0.03);  delay ~ uniform(0.1 ms, 4 ms) }
  connect B -> A.I by indegree(10) with late { weight ~ uniform(-0.03, 0.03);  delay = 0.85 ms }
  connect B -> B.I by all_to_all, no self with swift { weight = 0.0001 }
  connect B -> A.I by all_to_all with late { weight = 0.0001;  delay = 1.2 ms }
  connect G -- G.I by probability(0.01) with gap { g = g }
  GATED
  connect G -> G.exc by indegree(10) { weight = 0.1 mV;  delay = 0.3 ms } }
experiment e { network net
  record x of A[0..9] every 1 ms
  record spikes of G
  record V of G[5..800] every 1 ms
  record sum(G.I) as charge every 1 ms
  record weight of few
  RECORDED
  run 20 ms with dt = 0.1 ms, coupling = COUPLING }
"""
# Synapses with states of their own; joint steps have none.
GATED = ("  connect gated: B -> A.I by indegree(3) with opens { tau ~ uniform(1 ms, 3 ms);  weight ~ uniform(0, 0.1) }\n",
         "  record s of gated every 5 ms\n  record weight of gated as learnt every 5 ms\n")
LAUNCH = [MPIRUN]


def files(folder):
    """Bytes of all text files, and the data of the others."""
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            if name.endswith(".csv"):
                found[name] = f.read()
    return found


def facts(folder):
    info = run_json(folder)
    return {k: info[k] for k in ("state_hash", "expect", "populations", "duration_ms", "exit", "warnings", "events")}


def h5_differ(a, b):
    try:
        import h5py
        import numpy
    except ImportError:
        return None
    wrong = []
    for name in [n for n in sorted(os.listdir(a)) if n.endswith(".h5")]:
        with h5py.File(os.path.join(a, name)) as x, h5py.File(os.path.join(b, name)) as y:
            def look(path, item):
                if isinstance(item, h5py.Dataset) and not numpy.array_equal(item[...], y[path][...]):
                    wrong.append(f"{name}/{path}")
            x.visititems(look)
    return wrong


def same_rows(early, whole, n):
    """V of a run that was interrupted: rows 0 ... n. The other one has a sample at its end, wherever that is."""
    try:
        import h5py
    except ImportError:
        return True
    with h5py.File(os.path.join(early, "V.h5")) as x, h5py.File(os.path.join(whole, "V.h5")) as y:
        a, b = x["report/E/data"][...], y["report/E/data"][...]
        return len(a) == int(n + 1e-9) + 1 and (a == b[:len(a)]).all() and len(x["report/E/mapping/sample_times"]) == len(a)


# four shards, whose parts of B begin at the second: one rank of two has the first and the last, and so of three
CIRCLE = """neuron c { state V = 0 mV
  V' = (3 mV - V) / 10 ms
  spike when V > 1 mV { V = 0 mV } }
network net {
  population A : c[64]
  population B : c[140000] { V ~ normal(0 mV, 1 mV) } }
experiment e { network net
  record V of B every 1 ms
  record mean(B.V) as m every 1 ms
  run 2 ms with dt = 0.1 ms, seed = 3 }
"""


def same_as_one(t, name, program, options, *counts):
    one = t.path(f"{name}.one")
    p = call(program, *options, "--threads", "1", "--csv", "--no-report", "--quiet", "--force", "--out", one)
    if not t.check(p.returncode in (0, 1) and os.path.exists(one), f"{name}: one process", p.stderr):
        return
    want, texts = facts(one), files(one)
    t.check(sum(x["spikes"] for x in want["populations"]) > 0, f"{name}: there are spikes")
    for n, k in counts:
        out = t.path(f"{name}.{n}.{k}")
        p = ranks(n, program, *options, "--threads", str(k), "--csv", "--no-report", "--quiet", "--force", "--out", out)
        what = f"{name}: {n} ranks of {k} threads"
        if not t.check(os.path.exists(os.path.join(out, "run.json")), f"{what} run", p.stdout + p.stderr):
            continue
        got = facts(out)
        t.check(got == want, f"{what}: state, rates, expects", {x: (want[x], got[x]) for x in want if want[x] != got[x]})
        t.check(files(out) == texts and not h5_differ(one, out), f"{what}: {', '.join(texts)} and .h5", h5_differ(one, out))
        t.check(run_json(out)["ranks"] == n and p.returncode == want["exit"], f"{what}: run.json says so", p.returncode)
        t.check(not [x for x in os.listdir(out) if x.endswith(".part")], f"{what}: nothing is left over")


def build(t, name, text, *options):
    """The program of a text, or of an example of this name."""
    program = t.path(name)
    path = t.write(name + ".nsl", "language 1\n" + text) if text else os.path.join(EXAMPLES, name + ".nsl")
    p = call(NSLC, "build", "--mpi", path, "-o", program, *options)
    return program if t.check(p.returncode == 0, f"{name}: nslc build --mpi", p.stdout + p.stderr) else None


def variant(size=2000, delay="1 ms", more="", sets=""):
    return MODEL.replace("SIZE", str(size)).replace("DELAY", delay).replace("MORE", more).replace("SETS", sets)


# ---- who writes

def figure_of_records(folder):
    with open(os.path.join(folder, "report.html"), encoding="utf-8") as f:
        return [x for x in re.findall(r"<svg.*?</svg>", f.read(), re.S) if "recorded variables" in x]


def together(t, program):
    """Two of three ranks have elements: both write their columns of V, which is wide; other files have writers in turn. Ranks that do not see
    the folder of the first one send it what they have, and it is said."""
    one, wide = t.path("together.one"), 1496 * 8 * 81 * 1e-6
    p = call(program, "--quiet", "--threads", "1", "--out", one)
    t.check(p.returncode in (0, 1) and len(figure_of_records(one)) == 1, "one process, with a report", p.stderr)
    for n in (2, 3):
        out = t.path(f"together.{n}")
        p = ranks(n, program, "--quiet", "--threads", "1", "--out", out)
        said = run_json(out).get("output", {}) if os.path.isdir(out) else p.stderr
        t.check("all ranks see" in said["why"] and said["ranks_of_records"] == 2 and 0.2 * wide < said["megabytes_of_others"] <= wide * (1 + 1e-9)
                and said["files_of_others"] == n - 1, f"{n} ranks write together", said)
        t.check(n == 2 or abs(said["megabytes_of_others"] - wide) < 1e-6, "the first of three has no element: the others write all of V", said)
        t.check(not h5_differ(one, out) and facts(out) == facts(one), f"{n} ranks: the same records", h5_differ(one, out))
        t.check(figure_of_records(out) == figure_of_records(one), f"{n} ranks: the same figure of them")
    for name in ("here", "there"):
        os.mkdir(t.path(name))
    p = call(*LAUNCH, "-n", "1", program, "--quiet", "--no-report", "--out", "apart", ":", "-n", "1", "sh", "-c",
             f"cd {t.path('there')} && exec {program} --quiet --no-report --out apart", env=ENV, timeout=60, cwd=t.path("here"))
    out = os.path.join(t.path("here"), "apart")
    said = run_json(out)["output"] if os.path.isdir(out) else {"why": p.stderr}
    t.check(said == {"why": "the first rank writes: rank 1 does not see its output folder", "ranks_of_records": 0, "megabytes_of_others": 0,
                     "files_of_others": 0}, "ranks in two folders: the first writes, and says why", said)
    t.check(not h5_differ(one, out) and sorted(os.listdir(out)) == sorted(set(os.listdir(one)) - {"report.html"}) and not os.listdir(t.path("there")),
            "the same records, all in its folder", h5_differ(one, out))


# ---- what goes wrong

def fails(t, what, p, out, *texts):
    said = p.stdout + p.stderr
    t.check(p.returncode not in (0, 124) and all(x in said for x in texts), f"{what}: said", f"{p.returncode}\n{said}")
    t.check(said.count(texts[0]) == 1, f"{what}: said once", said)
    left = os.listdir(out) if os.path.isdir(out) else []
    t.check(not left, f"{what}: no files", left)


def faults(t, program):
    out = t.path("fault.out")
    fails(t, "an unknown parameter", ranks(2, program, "--set", "nothing=1", "--out", out), out, "nothing")
    fails(t, "a value outside", ranks(2, program, "--set", "E.tau=-1 ms", "--out", out), out, "E.tau")
    p = call(*LAUNCH, "-n", "1", program, "--out", out, ":", "-n", "1", program, "--out", out, "--set", "E.tau=11 ms", env=ENV, timeout=60)
    fails(t, "ranks with other parameters", p, out, "the ranks disagree on E.tau: 10 ms on rank 0, 11 ms here (rank 1 of 2)")
    p = call(*LAUNCH, "-n", "1", program, "--out", out, ":", "-n", "1", program, "--out", out, "--seed", "3", env=ENV, timeout=60)
    fails(t, "ranks with other seeds", p, out, "the ranks disagree on the seed")
    other = build(t, "other", variant(more="drive I.psp with poisson(10 Hz) { weight = 1 mV }"))
    p = call(*LAUNCH, "-n", "1", program, "--out", out, ":", "-n", "1", other, "--out", out, env=ENV, timeout=60)
    fails(t, "ranks with other programs", p, out, "the ranks disagree on the program")
    os.mkdir(out)
    with open(os.path.join(out, "run.json"), "w") as f:
        f.write("{}")
    p = ranks(2, program, "--out", out)
    t.check(p.returncode == 1 and (p.stdout + p.stderr).count("already holds a run") == 1 and os.listdir(out) == ["run.json"],
            "a folder that holds a run is refused once", p.stderr)
    shutil.rmtree(out)


def numbers(t):
    """A state of one element becomes infinite in mid-run: on the rank that has it, and for all."""
    text = """
neuron c { state x = 1
  param a = 0/ms
  x' = a * x * x
  spike when x > 1000000000 { x = 0 } }
network net {
  population E : c[3000]
  population F : c[64] { a = 1.0 }
}
experiment e { network net
  record spikes of E
  record x of E[0..2]
  run 20 ms with dt = 0.1 ms, method = rk4 }
"""
    text = text.replace("population F : c[64] { a = 1.0 }", "population F : c[64]").replace("param a = 0/ms", "param a ~ uniform(0.35/ms, 0.5/ms)")
    text = text.replace("spike when x > 1000000000 { x = 0 }", "spike when x < 0 { x = 0 }")
    program = build(t, "infinite", text)
    if not program:
        return
    p = call(program, "--quiet", "--no-report", "--out", t.path("nan.one"))
    t.check(p.returncode == 1 and " at t = " in p.stderr, "one process finds the element", p.stderr)
    for n in (2, 3):
        q = ranks(n, program, "--quiet", "--no-report", "--out", t.path(f"nan.{n}"))
        t.check(q.returncode == 1 and p.stderr.strip() in q.stderr and q.stderr.count(" at t = ") == 1, f"{n} ranks say the same, once", q.stderr)
        a, b = run_json(t.path("nan.one")), run_json(t.path(f"nan.{n}"))
        t.check(a["error"] == b["error"] and a["duration_ms"] == b["duration_ms"], f"{n} ranks: run.json too", (a.get("error"), b.get("error")))


def ranks_of(process, program):
    """Process ids of the ranks, in the order in which they were started; MPICH has a process of its own between mpirun and them."""
    table = [x.split(None, 2) for x in subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True).stdout.splitlines()]
    below = {str(process.pid)}
    for _ in range(3):
        below |= {pid for pid, parent, _ in table if parent in below}
    return sorted(int(pid) for pid, _, args in table if pid in below and args.startswith(program))


def started(process, program, out):
    """The ranks, as soon as they simulate: the temporary files are there."""
    for _ in range(200):
        time.sleep(0.05)
        if os.path.isdir(out) and any(x.startswith(".V.csv") for x in os.listdir(out)):
            time.sleep(0.3)
            break
    return ranks_of(process, program)


def lost(t, program):
    """kill -9 of one rank; Ctrl-C of one."""
    for who in (0, 1):
        out = t.path(f"lost{who}.out")
        process = subprocess.Popen([*LAUNCH, "-n", "2", program, "--duration", "1000 s", "--csv", "--out", out, "--threads", "1"], env=ENV,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        own = started(process, program, out)
        if t.check(len(own) >= 2, "two ranks run", own):
            os.kill(own[who], signal.SIGKILL)
        try:
            said = "".join(process.communicate(timeout=20))
        except subprocess.TimeoutExpired:
            process.kill()
            said = "they went on"
        t.check(process.returncode != 0 and said.strip() and "went on" not in said, f"rank {who} is killed: the others end, and it is said", said)
        left = [x for x in os.listdir(out) if not x.startswith(".")] if os.path.isdir(out) else []
        t.check(not left, f"rank {who} is killed: no file has its final name", left)
    out = t.path("stopped.out")
    process = subprocess.Popen([*LAUNCH, "-n", "2", program, "--duration", "1000 s", "--csv", "--no-report", "--out", out, "--threads", "1"], env=ENV,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    own = started(process, program, out)
    if own:
        os.kill(own[-1], signal.SIGINT)
    try:
        said = "".join(process.communicate(timeout=30))
    except subprocess.TimeoutExpired:
        process.kill()
        said = "they went on"
    t.check("interrupted at t = " in said and said.count("interrupted at") == 1 and os.path.exists(os.path.join(out, "run.json")),
            "SIGINT on one rank: all end in order, with their files", said)
    if os.path.exists(os.path.join(out, "run.json")):
        info = run_json(out)
        rows = open(os.path.join(out, "spikes.csv")).read().splitlines()
        t.check(info["exit"] == 130 and info["duration_ms"] > 0 and float(rows[-1].split(",")[0]) <= info["duration_ms"] + 1e-9,
                "they hold what was simulated", (info["exit"], info["duration_ms"], rows[-1]))
        p = call(program, "--duration", f"{info['duration_ms']} ms", "--no-report", "--csv", "--quiet", "--out", t.path("again.out"))
        t.check(run_json(t.path("again.out"))["state_hash"] == info["state_hash"], "and its state is that of one process after this time", p.stderr)
        size, least = (os.path.getsize(os.path.join(x, "V.h5")) for x in (out, t.path("again.out")))
        t.check(info["output"]["ranks_of_records"] == 2 and size <= 1.1 * least + 65536 and same_rows(out, t.path("again.out"), info["duration_ms"] / 0.5),
                "so are the records that both ranks wrote, without room for the rows that were not simulated", (size, least, info["output"]))


def foreign(t, program):
    """An mpirun that is not that of the program's MPI starts processes that know nothing of each other."""
    name = "PMI_SIZE" if "--oversubscribe" in LAUNCH else "OMPI_COMM_WORLD_SIZE"
    p = call(program, "--quiet", "--out", t.path("foreign.out"), env={**ENV, name: "2"}, timeout=60)
    t.check(p.returncode == 1 and "only that one's own mpirun can start it" in p.stderr and not os.path.exists(t.path("foreign.out")),
            "the mpirun of another MPI is refused", p.stderr)


def without(t):
    program, out = t.path("plain"), t.path("plain.out")
    p = call(NSLC, "build", t.write("plain.nsl", "language 1\n" + variant()), "-o", program)
    p = ranks(2, program, "--out", out)
    t.check(p.returncode != 0 and "built without MPI" in p.stderr and not os.path.exists(out), "a program without --mpi refuses several processes", p.stderr)
    p = call(NSLC, "build", "--mpi", "--lib", t.path("plain.nsl"), "-o", t.path("plain.so"))
    t.check(p.returncode == 2 and "--mpi makes a whole program" in p.stderr, "--mpi --lib is refused", p.stderr)


def main():
    global LAUNCH
    t = Tap()
    if h5_differ(t.scratch, t.scratch) is None:
        t.skip("HDF5 files of ranks against those of one process", "h5py is absent")
    missing = [x for x in (os.environ.get("MPICC", "mpicc"), MPIRUN) if not shutil.which(x)]
    if missing:
        t.skip("programs with ranks", f"{' and '.join(missing)} not found (Open MPI: openmpi-bin, libopenmpi-dev)")
        t.done()
    LAUNCH = launcher()
    program = build(t, "model", variant())
    if program:
        same_as_one(t, "model", program, (), (1, 2), (2, 1), (3, 2))
        together(t, program)
        faults(t, program)
        foreign(t, program)
        lost(t, program)
    circle = build(t, "circle", CIRCLE)
    if circle:
        same_as_one(t, "circle", circle, (), (2, 1), (3, 1))
    signal = """signal level : mV { level' = (mean(E.V) - level) / (5 ms)
    on spike of I { level += 0.1 mV } }"""
    for name, text, options, counts in (
            ("third parts", THIRDS + variant(more=THIRD).replace("weight of a", "weight of (a, m) every 10 ms").replace("record mean(E.V)", "record g of G every 1 ms\n  record mean(E.V)"), (), [(2, 1), (3, 2)]),
            ("learning", LEARNS + variant(more=LEARN).replace("weight of a", "weight of (a, l) every 10 ms\n  record c of l every 10 ms\n  record x of l every 10 ms\n  record y of l every 10 ms"), (), [(2, 1), (3, 2)]),
            ("steps", variant(delay="0.1 ms"), (), [(2, 1)]), ("feeds", variant(more=signal, sets="{ mean = level }"), (), [(2, 1)]),
            ("shards", variant(size=110000, delay="0.5 ms"), ("--duration", "5 ms", "--rows", "shard"), [(2, 2), (3, 1), (4, 1)])):
        program = build(t, name, text, *(["--precision", "f32"] if name == "steps" else []))
        if program:
            same_as_one(t, name, program, options, *counts)
    if program: # the last of them, with rows made anew at each spike
        same_as_one(t, "procedural", program, ("--duration", "5 ms", "--connectivity", "procedural"), (2, 1))
        same_as_one(t, "by source", program, ("--duration", "5 ms", "--rows", "source"), (2, 2))
    brunel = build(t, "brunel", None)
    if brunel:
        same_as_one(t, "brunel", brunel, ("--duration", "20 ms", "--set", "brunel.C_E=100", "--set", "brunel.C_I=25"), (2, 1))
    for how in ("held", "joint"):
        gated, shown = ("", "") if how == "joint" else GATED
        flows = build(t, how, FLOWS.replace("COUPLING", how).replace("  GATED\n", gated).replace("  RECORDED\n", shown), *(["--precision", "f32"] if how == "joint" else []))
        if flows:
            same_as_one(t, f"flows, {how}", flows, (), (2, 1), (3, 2))
    if flows:
        p = ranks(2, flows, "--set", "net.g=1e6 nS", "--out", t.path("apart"))
        t.check(p.returncode == 1 and (p.stdout + p.stderr).count("coupled steps do not agree") == 1, "steps that do not agree: said once", p.stderr)
    numbers(t)
    without(t)
    t.done()


if __name__ == "__main__":
    main()
