#!/usr/bin/env python3
"""Who is connected by files, and what is known of pairs: matrices and tables against what they hold; the same bits for threads, forms of
rows and synapses made anew; files that are wrong, each with its message."""
import csv
import os
import random
import re

from tap import NSLC, Tap, call, run_json


def built(t, name, text, *options):
    path, program = t.write(f"{name}.nsl", text), t.path(name)
    p = call(NSLC, "build", path, "-o", program, *options)
    t.check(p.returncode == 0, f"{name}: built", p.stderr)
    return program


def run(t, program, *options):
    return call(program, "--quiet", "--no-report", "--force", "--csv", "--out", t.path("out"), *options)


def weights(t, label):
    """[(source, target, delay, weight)] of the first row, as recorded"""
    with open(t.path("out/weight.csv")) as f:
        rows = [r for r in csv.DictReader(f) if r["projection"] == label]
    first = rows[0]["t_ms"] if rows else None
    return [(int(r["source"]), int(r["target"]), float(r["delay_ms"]), float(r["weight"])) for r in rows if r["t_ms"] == first]


WAYS = [("stored", "--connectivity", "stored", "--rows", "shard", "--threads", "1"), ("stored, 3 threads", "--connectivity", "stored", "--threads", "3"),
        ("by source", "--connectivity", "stored", "--rows", "source", "--threads", "2"), ("made anew", "--connectivity", "procedural", "--threads", "1"),
        ("made anew, 2 threads", "--connectivity", "procedural", "--threads", "2")]


def same_bits(t, program, what, *options):
    hashes = []
    for name, *way in WAYS:
        p = run(t, program, *way, *options)
        if p.returncode:
            t.check(False, f"{what}: {name}: runs", p.stderr)
            return
        hashes.append(run_json(t.path("out"))["state_hash"])
    t.check(len(set(hashes)) == 1, f"{what}: {len(WAYS)} ways of making rows give the same bits", hashes)


# ---- matrices

MATRIX = """language 1
neuron cell {
  state V = 0 mV
  V' = -V / (10 ms)
  receive psp(w : mV) { V += w }
  spike when V >= 10 mV { V = 0 mV }
}
synapse scaled {
  param gain = 1
  weight w : mV
  on pre { send gain * w }
}
network n {
  param speed = 4 mm/ms
  population A : cell[40] { V ~ uniform(0 mV, 12 mV) }
  population B : cell[30]
  connect ab: A -> B.psp by matrix("ab.csv") { weight = 0.5 mV * entry;  delay = csv("tracts.csv") mm / speed + 0.2 ms }
  connect aa: A[5..34] -> A[0..29].psp by matrix("aa.csv"), no self with scaled { gain = entry;  weight = 0.25 mV;  delay = csv("aa_times.csv") ms }
  connect ba: B -> A.psp by probability(0.3) { weight = csv("ba.csv") mV;  delay = 1 ms }
  drive A.psp with poisson(3 kHz) { weight = 1 mV }
}
experiment x {
  network n
  record weight of (ab, aa, ba)
  run 20 ms with dt = 0.1 ms, seed = 3
}
"""


def table(t, name, rows, columns, number):
    made = [[number() for _ in range(columns)] for _ in range(rows)]
    t.write(name, "# a comment\n" + "\n".join(", ".join(str(x) for x in row) for row in made) + "\n\n")
    return made


def matrices(t):
    rng = random.Random(1)
    entry = lambda: rng.choice([0, 0, 0, rng.randint(-32, 32) / 16])
    ab, aa = table(t, "ab.csv", 30, 40, entry), table(t, "aa.csv", 30, 30, entry)
    tracts = table(t, "tracts.csv", 30, 40, lambda: rng.randint(0, 40) * 0.4)
    times = table(t, "aa_times.csv", 30, 30, lambda: rng.randint(1, 50) / 10)
    ba = table(t, "ba.csv", 40, 30, lambda: rng.randint(-64, 64) / 64)
    program = built(t, "matrix", MATRIX)
    p = run(t, program)
    t.check(p.returncode == 0, "matrices: runs", p.stderr)
    want = [(j, i, 0.2 + tracts[i][j] / 4, 0.5 * ab[i][j]) for j in range(40) for i in range(30) if ab[i][j]]
    alike(t, weights(t, "ab"), want, "a matrix of numbers, with lengths from another file")
    want = [(j + 5, i, times[i][j], 0.25 * aa[i][j]) for j in range(30) for i in range(30) if aa[i][j] and j + 5 != i]
    alike(t, weights(t, "aa"), want, "parts, `no self`, an entry as a param of a synapse")
    have = weights(t, "ba")
    t.check(len(have) > 200 and all(w == ba[i][j] for j, i, _, w in have), "weights of another rule from a table", have[:5])
    data = run_json(t.path("out"))["data"]
    t.check(sorted(data) == ["aa.csv", "aa_times.csv", "ab.csv", "ba.csv", "tracts.csv"], "run.json has the hashes of all files", data)
    same_bits(t, program, "matrices")
    same_bits(t, built(t, "matrix_f32", MATRIX, "--precision", "f32"), "matrices in float32")


def alike(t, have, want, what):
    same = len(have) == len(want) and all(a[:2] == b[:2] and abs(a[2] - b[2]) < 0.051 and abs(a[3] - b[3]) < 1e-6 for a, b in zip(have, want))
    t.check(same, f"{what}: {len(want)} synapses as in the files", f"{len(have)} {have[:4]} {want[:4]}")


# ---- files that are wrong: (file, its text, what is said behind the place)

GOOD = "1, 2\n0, 3\n"
BAD_MATRIX = """language 1
network n {
  population E : iaf_psc_exp[2]
  connect ee: E -> E.exc by matrix("w.csv") { weight = entry * 1 pA;  delay = csv("d.csv") mm / (1 mm/ms) }
}
experiment x {
  network n
  run 1 ms with dt = 0.1 ms
}
"""
WRONG = [
    ("w.csv", "1, 2\n", r":4:36: error: w.csv has 1 lines of 2 numbers, but ee has 2 targets and 2 sources"),
    ("w.csv", "1, 2\n1\n", r":4:36: error: w.csv, line 2 has 1 numbers; ee has 2 sources"),
    ("w.csv", "1, 2, 3\n1, 2, 3\n", r":4:36: error: w.csv, line 1 has 3 numbers; ee has 2 sources"),
    ("w.csv", "# a\n1, nan\n0, 3\n", r":4:36: error: w.csv, line 2, column 2: `nan` is not a finite number"),
    ("w.csv", "1, 2\n, 3\n", r":4:36: error: w.csv, line 2, column 1: a number is missing"),
    ("w.csv", "1, 2\nx, 3\n", r":4:36: error: w.csv, line 2, column 1: `x` is not a number"),
    ("w.csv", "1, inf\n0, 3\n", r":4:36: error: w.csv, line 1, column 2: `inf` is not a finite number"),
    ("w.csv", "\n", r":4:36: error: w.csv is empty; it should hold lines of numbers"),
    ("w.csv", None, r":4:36: error: there is no file w.csv in "),
    ("d.csv", "1, 2\n-4, 3\n", r":4:83: error: d.csv, line 2, column 1: -4 is negative; lengths and times between cells are not"),
    ("d.csv", "1, 0.02\n1, 3\n", r":4:3: error: ee: the delay from source 1 to target 0 is 0.02 ms, less than one step of 0.1 ms; `max"),
    ("d.csv", "1, 2e9\n1, 3\n", r":4:3: error: ee: a delay of 2e\+09 ms is more than \d+ steps"),
]


def wrong_matrices(t):
    program = built(t, "bad", BAD_MATRIX)
    for name, text, message in WRONG:
        for good in ("w.csv", "d.csv"):
            t.write(good, GOOD)
        if text is None:
            os.remove(t.path(name))
        else:
            t.write(name, text)
        refused(t, program, message, f"{name} {text!r}")


def refused(t, program, message, what):
    os.path.exists(t.path("out/run.json")) and os.remove(t.path("out/run.json"))
    p = run(t, program)
    said = p.stderr.strip().splitlines()
    good = p.returncode == 1 and len(said) == 1 and re.search(message, said[0]) and not os.path.exists(t.path("out/run.json"))
    t.check(good, f"{what}: refused with its place", p.stderr)


def main():
    t = Tap()
    matrices(t)
    wrong_matrices(t)
    t.done()


if __name__ == "__main__":
    main()
