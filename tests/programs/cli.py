#!/usr/bin/env python3
"""The command line of nslc and of compiled programs as a user meets them: options, files left behind, exit statuses, and bad
input of every kind: a clear message, a non-zero status, nothing half-written."""
import json
import os
import resource
import signal
import subprocess
import time

from tap import EXAMPLES, NSLC, Tap, call, run_json

LIF = """language 1
network net {
  param J = 0.1 mV in [0 mV, 1 mV]  ## weight
  param mode in {poisson, dc} = poisson
  param size = N
  population E : iaf_psc_delta[size] { V ~ uniform(-70 mV, -56 mV) }
  drive E.psp with poisson(20 kHz) if mode == poisson { weight = J;  delay = 1 ms }
}
experiment main {
  network net
  record spikes of E
  record V of E[0..2] every 1 ms
  run 100 ms with dt = 0.1 ms, seed = 7
  expect rate(E) in [0 Hz, 1 kHz]
}
"""


def lif(n=100):
    return LIF.replace("= N\n", f"= {n}\n")


def good_run(t):
    path, out = t.write("lif.nsl", lif()), t.path("good.out")
    p = call(NSLC, "run", path, "--", "--csv", "--out", out, "--threads", "1")
    t.check(p.returncode == 0, "a run exits with 0", p.stderr)
    if p.returncode:
        return
    info = run_json(out)
    keys = """model_hash source_hash program compiler cpu experiment seed precision integrators exit dt_ms duration_ms parameters
              command populations build_s simulate_s output_s real_time_factor peak_memory_mb threads ranks device state_hash
              expect""".split()
    missing = [k for k in keys if k not in info]
    t.check(not missing, "run.json has every key", missing)
    t.check(info.get("seed") == 7 and info.get("dt_ms") == 0.1 and info.get("duration_ms") == 100, "run.json says what was run", info)
    pop = info["populations"][0]
    t.check(pop["name"] == "E" and pop["size"] == 100 and pop["spikes"] > 0, "run.json: population", pop)
    with open(os.path.join(out, "spikes.csv")) as f:
        lines = f.read().splitlines()
    t.check(lines[0] == "t_ms,population,id", "spikes.csv: header", lines[:1])
    rows = [(float(a), b, int(c)) for a, b, c in (x.split(",") for x in lines[1:])]
    t.check(rows == sorted(rows) and len(rows) == pop["spikes"], "spikes.csv: sorted and complete")
    with open(os.path.join(out, "V.csv")) as f:
        v = f.read().splitlines()
    t.check(v[0] == "t_ms,0,1,2" and len(v) == 102, "V.csv: a column for each recorded cell, a row each ms from 0 to the end",
            f"{v[0]} {len(v)}")
    files = sorted(os.listdir(out))
    t.check(files == ["V.csv", "V.h5", "report.html", "run.json", "spikes.csv", "spikes.h5"], "the folder holds the files and nothing else", files)
    hdf5(t, out, rows)
    again = call(NSLC, "run", path, "--", "--out", out)
    t.check(again.returncode == 1 and "--force" in again.stderr, "a folder that holds a run is refused without --force", again.stderr)
    force = call(NSLC, "run", path, "--", "--out", out, "--force", "--quiet")
    t.check(force.returncode == 0 and "spikes.csv" not in os.listdir(out), "--force replaces the whole run", os.listdir(out))
    t.check(run_json(out)["state_hash"] == info["state_hash"], "the same command gives the same state_hash")


def hdf5(t, out, rows):
    try:
        import h5py
    except ImportError:
        t.skip("SONATA files", "h5py is absent")
        return
    with h5py.File(os.path.join(out, "spikes.h5")) as f:
        g = f["spikes/E"]
        times, ids = g["timestamps"][:], g["node_ids"][:]
        unit = g["timestamps"].attrs.get("units", b"")
        unit = unit.decode() if isinstance(unit, bytes) else unit
        t.check(unit == "ms", "spikes.h5: unit of time", unit)
        same = len(times) == len(rows) and all(abs(a - r[0]) < 1e-9 and b == r[2] for a, b, r in zip(times, ids, rows))
        t.check(same, "spikes.h5 holds what spikes.csv holds")
    with h5py.File(os.path.join(out, "V.h5")) as f:
        g = f["report/E"]
        t.check(g["data"].shape == (101, 3), "V.h5: rows by time, columns by cell", g["data"].shape)
        t.check(list(g["mapping/time"][:])[:1] == [0.0] and abs(g["mapping/time"][1] - 100.0) <= 1.0, "V.h5: mapping/time",
                g["mapping/time"][:])


def options(t):
    path = t.write("lif.nsl", lif())

    def run(*more):
        return call(NSLC, "run", path, "--", "--out", t.path("o.out"), "--force", *more)

    p = run("--set", "net.J=0.2mV", "--seed", "9", "--duration", "50ms")
    info = run_json(t.path("o.out")) if p.returncode == 0 else {}
    t.check(info.get("seed") == 9 and info.get("duration_ms") == 50, "--seed and --duration are what run.json records", p.stderr)
    t.check("0.2" in json.dumps(info.get("parameters", {})), "--set shows in run.json", info.get("parameters"))
    p = run("--set", "E.tau_m=12 ms")
    t.check(p.returncode == 0, "--set of a population's parameter, unit after a blank", p.stderr)
    p = run("--set", "net.mode=dc")
    t.check(p.returncode == 0 and run_json(t.path("o.out"))["populations"][0]["spikes"] == 0, "--set of a label switches the drive off", p.stderr)
    for more, words in [(["--set", "net.j=0.2mV"], ["net.j", "net.J"]), (["--set", "net.J=0.2nA"], ["mV"]),
                        (["--set", "net.J=2mV"], ["1 mV"]), (["--set", "net.J"], ["="]), (["--set", "net.mode=ac"], ["dc"]),
                        (["--set", "net.J=0.2parsec"], ["parsec"]), (["--experiment", "mian"], ["main"]), (["--threads", "0"], ["threads"]),
                        (["--threads", "many"], ["many"]), (["--seed", "x"], ["x"]), (["--duration", "5"], ["5"]),
                        (["--duration", "5mV"], ["mV"]), (["--device", "tpu"], ["tpu", "emulated"]), (["--device", "gpu:one"], ["one"]), (["--resume", "nowhere"], ["resume"]),
                        (["--precision", "f16"], ["f16"]), (["--frobnicate"], ["frobnicate"]), (["--set", "net.J=nan mV"], ["nan"])]:
        p = run(*more)
        good = p.returncode not in (0, 124) and p.returncode > 0 and all(w in p.stderr for w in words)
        t.check(good, f"{' '.join(more)}: an error that names {words}", f"{p.returncode}: {p.stderr}")
    p = call(NSLC, "run", path, "--", "--describe")
    t.check(p.returncode == 0 and "net.J" in p.stdout and "E.tau_m" in p.stdout and "main" in p.stdout, "--describe lists paths and experiments",
            p.stdout)
    p = call(NSLC, "run", path, "--", "--help")
    t.check(p.returncode == 0 and "--set" in p.stdout, "--help", p.stdout)


def programs(t):
    path = t.write("lif.nsl", lif())
    program = t.path("lif")
    p = call(NSLC, "build", path, "-o", program)
    t.check(p.returncode == 0 and os.access(program, os.X_OK), "nslc build makes a program", p.stderr)
    p = call(program, "--out", t.path("p.out"), cwd=t.scratch, env={"PATH": "/usr/bin:/bin"})
    t.check(p.returncode == 0 and "E" in p.stdout, "the program runs by itself and prints its populations", p.stderr)
    p = call(program, "--precision", "f32", "--out", t.path("q.out"))
    t.check(p.returncode != 0 and "f64" in p.stderr and not os.path.exists(t.path("q.out")), "a program built for f64 refuses --precision f32", p.stderr)
    p = call(program, cwd=t.scratch)
    t.check(p.returncode == 0 and os.path.isdir(t.path("lif.out")), "the default folder is NAME.out", os.listdir(t.scratch))
    p = call("ldd", program)
    t.check("LLVM" not in p.stdout and "nsl" not in p.stdout.replace("nsl-programs", ""), "the program needs nothing of the compiler", p.stdout)
    p = call(NSLC, "build", path, "--lib", "-o", t.path("lif.so"))
    t.check(p.returncode == 0 and os.path.exists(t.path("lif.h")), "--lib makes a shared library and a header", p.stderr)
    for emit, word in (("llvm", "define"), ("asm", ".text")):
        p = call(NSLC, "build", path, "--emit", emit, "-o", "-")
        t.check(p.returncode == 0 and word in p.stdout, f"--emit {emit}", p.stderr)
    p = call(NSLC, "build", path, "-o", "/nowhere/at/all")
    t.check(p.returncode == 1 and "/nowhere" in p.stderr, "an output that cannot be written", p.stderr)
    p = call(NSLC, "build", path, "--cpu", "x86-64-v9", "-o", t.path("z"))
    t.check(p.returncode != 0 and not os.path.exists(t.path("z")), "an unknown processor", p.stderr)
    p = call(NSLC, "build", path, "--target", "tpu", "-o", t.path("z"))
    t.check(p.returncode != 0 and "tpu" in p.stderr, "a target that there is not", p.stderr)


def bad_files(t):
    cases = [
        ("a missing file", t.path("missing.nsl"), None),
        ("a folder", t.scratch, None),
        ("an empty file", "empty.nsl", b""),
        ("invalid UTF-8", "utf8.nsl", b"language 1\nneuron a { param x = 1 mV \xff\xfe }\n"),
        ("a NUL byte", "nul.nsl", b"language 1\nneuron a\0 { }\n"),
        ("deep nesting of brackets", "deep.nsl", b"language 1\nneuron a { param x = " + b"(" * 100000 + b"1" + b")" * 100000 + b" }\n"),
        ("deep nesting of blocks", "blocks.nsl", b"language 1\n" + b"neuron a { " * 50000),
        ("a 70 MB file", "big.nsl", b"language 1\n" + b"# " + b"x" * 70_000_000 + b"\n"),
        ("a long token", "token.nsl", b"language 1\nneuron " + b"x" * 1_000_000 + b" { }\n"),
        ("binary rubbish", "rubbish.nsl", bytes(range(1, 256)) * 400),
        ("a cycle of let", "cycle.nsl", b"language 1\nnetwork n {\n  let a = b\n  let b = a\n}\n"),
        ("a missing import", "import.nsl", b'language 1\nimport "lab/none.nsl" as lab\n'),
        ("an import outside the folder", "climb.nsl", b'language 1\nimport "../../etc/passwd" as lab\n'),
    ]
    for what, name, data in cases:
        path = name
        if data is not None:
            path = t.path(name)
            with open(path, "wb") as f:
                f.write(data)
        start = time.time()
        p = call(NSLC, "check", path, timeout=20)
        t.check(p.returncode == 1 and ("error" in p.stderr) and time.time() - start < 15, f"check of {what}: status 1 and a message",
                f"{p.returncode}: {p.stderr[-500:]}")
    p = call(NSLC, "check", "-", input="language 1\nneuron a { state V = 1 mV + 1 pA }\n")
    t.check(p.returncode == 1 and ":2:" in p.stderr, "check of standard input names line 2", p.stderr)
    p = call(NSLC, "check", "--json", t.path("cycle.nsl"))
    first = (p.stdout.splitlines() or ["{}"])[0]
    t.check(p.returncode == 1 and json.loads(first).get("line") in (3, 4), "--json gives JSON lines with the place", p.stdout)


def bad_runs(t):
    huge = t.write("huge.nsl", lif().replace("[size]", f"[{10**12}]"))
    p = call(NSLC, "check", huge)
    t.check(p.returncode == 1 and "huge.nsl:6:" in p.stderr, "10^12 neurons written out: an error with its place", p.stderr)
    for n in (10**12, 2 * 10**9, 2.5, -3):
        p = call(NSLC, "run", t.write("lif.nsl", lif()), "--", "--out", t.path("size.out"), "--set", f"net.size={n}", timeout=60)
        t.check(p.returncode == 1 and ("E" in p.stderr or "net.size" in p.stderr) and not os.path.exists(t.path("size.out")), f"--set of {n} neurons: an error, no folder", p.stderr)
    huge = t.write("huge.nsl", lif(2 * 10**9))
    p = call(NSLC, "run", huge, "--", "--out", t.path("huge.out"), timeout=60)
    t.check(p.returncode == 1 and "memory" in p.stderr and not os.path.exists(t.path("huge.out")), "2e9 neurons: an error that speaks of memory, no folder",
            f"{p.returncode} {p.stderr[-400:]}")
    nan = t.write("nan.nsl", """language 1
neuron bad {
  param k = 1/ms
  state x = 1
  x' = k * x * x
}
experiment blow_up {
  neuron bad
  record x every 0.1 ms
  run 10 ms with dt = 0.1 ms
}
""")
    p = call(NSLC, "run", nan, "--", "--out", t.path("nan.out"))
    words = ["bad", "x", "ms", "nan.nsl:5"]
    t.check(p.returncode == 1 and all(w in p.stderr for w in words), f"an overflow stops the run and names {words}", p.stderr)
    left = os.listdir(t.path("nan.out"))
    t.check("run.json" in left and "report.html" not in left, "an overflow leaves no report", left)
    path = t.write("lif.nsl", lif())
    with open(t.path("file"), "w"):
        pass
    p = call(NSLC, "run", path, "--", "--out", os.path.join(t.path("file"), "x.out"))
    t.check(p.returncode == 1 and "file" in p.stderr, "an output folder that cannot be made", p.stderr)
    p = call(NSLC, "run", path, "--", "--out", "/proc/nsl.out")
    t.check(p.returncode == 1, "an output folder where nothing can be written", p.stderr)
    out = t.path("full.out")
    p = subprocess.run([NSLC, "run", t.write("full.nsl", lif(20000)), "--", "--out", out, "--csv"], capture_output=True, text=True,
                       preexec_fn=lambda: (resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)))
    left = os.listdir(out) if os.path.isdir(out) else []
    t.check(p.returncode == 1 and "run.json" not in left, "a full disk: status 1, and no run.json that says all is well", f"{p.returncode} {left} {p.stderr[-300:]}")
    t.check("spikes.csv" not in left and "spikes.h5" not in left, "a full disk: nothing half-written under a final name", left)


def interrupt(t):
    path = t.write("lif.nsl", lif(20000))
    out = t.path("stop.out")
    p = subprocess.Popen([NSLC, "run", path, "--", "--out", out, "--duration", "1000s", "--csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    p.send_signal(signal.SIGINT)
    try:
        err = p.communicate(timeout=30)[1]
    except subprocess.TimeoutExpired:
        p.kill()
        err = "did not end"
    t.check(p.returncode == 130, "Ctrl-C: status 130", f"{p.returncode} {err[-300:]}")
    if os.path.exists(os.path.join(out, "run.json")):
        info = run_json(out)
        t.check(info["exit"] == 130 and 0 < info["duration_ms"] < 1e6, "Ctrl-C: run.json says how far it came", info.get("duration_ms"))
        with open(os.path.join(out, "report.html")) as f:
            t.check("Not the whole experiment" in f.read(), "Ctrl-C: the report says that it is not whole")
        t.check(os.path.getsize(os.path.join(out, "spikes.csv")) > 30, "Ctrl-C: the spikes so far are there")
    else:
        t.check(False, "Ctrl-C: run.json is there", os.listdir(out) if os.path.isdir(out) else "no folder")


def words(t):
    for args, status in [(["--help"], 0), (["--version"], 0), ([], 2), (["frob"], 2), (["check"], 2), (["fmt"], 2),
                         (["check", "--lib", "x.nsl"], 2), (["fmt", "-o", "y", "x.nsl"], 2), (["check", "--after", "lower", "x.nsl"], 2),
                         (["ir", "x.nsl", "y.nsl"], 2), (["check", "x.nsl", "--help"], 0), (["--explain"], 2), (["--explain", "3001x"], 2),
                         (["test", "/dev"], 1), (["check", "/"], 1), (["fmt", "/"], 1), (["run", "/"], 1), (["grad", "x"], 1), (["grad", "--steps", "3", "x.nsl"], 2), (["run", "--nope", "x.nsl"], 2),
                         (["--explain", "3001"], 0), (["--explain", "9999"], 2)]:
        p = call(NSLC, *args)
        t.check(p.returncode == status, f"nslc {' '.join(args)}: status {status}", f"{p.returncode} {p.stderr}")
    p = call(NSLC, "explain", os.path.join(EXAMPLES, "cuba.nsl"))
    t.check(p.returncode == 0 and "exact" in p.stdout, "explain of cuba names the exact propagator", p.stderr + p.stdout)
    p = call(NSLC, "test", os.path.join(EXAMPLES, "squid.nsl"))
    t.check(p.returncode == 0 and "1 passed, 0 failed" in p.stdout, "nslc test of one example", p.stdout + p.stderr)


def main():
    t = Tap()
    for part in (words, good_run, options, programs, bad_files, bad_runs, interrupt):
        part(t)
    t.done()


if __name__ == "__main__":
    main()
