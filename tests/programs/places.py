#!/usr/bin/env python3
"""Who is connected by files and by places, and what is known of pairs: matrices, lists of edges (SONATA, CSV), distances and conditions against
what they say; the same bits for threads, forms of rows and synapses made anew; what is wrong, each with its message."""
import csv
import math
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
    ("w.csv", "1 2\n0 3\n", r":4:36: error: w.csv, line 1, column 1: `1 2` is not a number; columns stand apart by commas$"),
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


def refused(t, program, message, what, *options):
    os.path.exists(t.path("out/run.json")) and os.remove(t.path("out/run.json"))
    p = run(t, program, *options)
    said = p.stderr.strip().splitlines()
    good = p.returncode == 1 and len(said) == 1 and re.search(message, said[0]) and not os.path.exists(t.path("out/run.json"))
    t.check(good, f"{what}: refused with its place", p.stderr)


# ---- lists of edges

CELL = MATRIX[:MATRIX.index("synapse scaled")]
EDGES = CELL + """network n {
  population A : cell[20] { V ~ uniform(0 mV, 12 mV) }
  population B : cell[12]
  connect both: (A, B) -> (A, B).psp by edges("net.h5", of = "net", types = "types.csv") { weight = edge.syn_weight * 1 mV;  delay = edge.delay * 1 ms }
  connect few: A -> A.psp by edges("net.h5", of = "small"), no self if edge.edge_type_id == 7 or edge.w > 0.5 { weight = edge.w * 1 mV;  delay = 1 ms }
  connect part: A[5..14] -> B[0..5].psp by edges("edges.csv") { weight = edge.w * 1 mV;  delay = edge.late * 1 ms }
  drive A.psp with poisson(3 kHz) { weight = 1 mV }
}
experiment x {
  network n
  record weight of (both, few, part)
  run 20 ms with dt = 0.1 ms, seed = 3
}
"""
TYPES = """edge_type_id target_query delay "weight function" syn_weight
100 "ei == 'e' & pop=='x'" 2.5 wmax 0.75
101 * 1.5 wmax NULL
"""
EDGES_CSV = "w, source, target, late, note\n0.25, 5, 0, 1.0, a\n0.5, 4, 0, 1, b\n-0.5, 14, 5, 2.5, c\n1, 14, 6, 1, d\n0.125, 14, 5, 1, e\n"


def sonata(path):
    """Two populations of edges; the first has groups 0 (both numbers) and 3 (no weight), in an order of their own."""
    import h5py
    rng = random.Random(4)
    n = 150
    edges = [dict(s=rng.randrange(32), t=rng.randrange(32), group=rng.choice([0, 0, 3]), w=rng.randint(-32, 32) / 32, d=rng.randint(3, 40) / 10)
             for _ in range(n)]
    with h5py.File(path, "w") as f:
        g = f.create_group("edges/net")
        groups = {0: [], 3: []}
        order = list(range(n))
        rng.shuffle(order)
        for i in order:
            edges[i]["at"] = len(groups[edges[i]["group"]])
            groups[edges[i]["group"]].append(i)
        g["source_node_id"], g["target_node_id"] = [e["s"] for e in edges], [e["t"] for e in edges]
        g["edge_type_id"] = [100 if e["group"] == 3 else 101 for e in edges]
        g["edge_group_id"], g["edge_group_index"] = [e["group"] for e in edges], [e["at"] for e in edges]
        g["0/syn_weight"], g["0/delay"] = [edges[i]["w"] for i in groups[0]], [edges[i]["d"] for i in groups[0]]
        g["3/other"] = [1.0] * len(groups[3])
        g = f.create_group("edges/small")
        g["source_node_id"], g["target_node_id"], g["edge_type_id"], g["0/w"] = [0, 3, 3, 19, 3], [1, 2, 3, 0, 2], [7, 6, 7, 6, 6], [0.5, 0.25, 1, 0.75, 1]
    return edges


def edges(t):
    try:
        made = sonata(t.path("net.h5"))
    except ImportError:
        t.skip("lists of edges", "h5py is absent")
        return
    t.write("types.csv", TYPES.replace("NULL", "9"))
    t.write("edges.csv", EDGES_CSV)
    program = built(t, "edges", EDGES)
    p = run(t, program)
    t.check(p.returncode == 0, "edges: runs", p.stderr)
    want = {}
    for e in made:
        e["pair"] = ("A" if e["s"] < 20 else "B", "A" if e["t"] < 20 else "B")
        w, d = (e["w"], e["d"]) if e["group"] == 0 else (0.75, 2.5)
        want.setdefault(e["pair"], []).append((e["s"] % 20, e["t"] % 20, d, w))
    have = [weights(t, label) for label in ("both", "both#2", "both#3", "both#4")]
    for pair, rows in zip([("A", "A"), ("A", "B"), ("B", "A"), ("B", "B")], have):
        alike(t, sorted(rows), sorted(want[pair]), f"SONATA edges with two groups and types, {pair[0]} -> {pair[1]}")
    alike(t, weights(t, "few"), [(0, 1, 1, 0.5), (3, 2, 1, 1), (19, 0, 1, 0.75)], "a condition over edges, `no self`, no groups named")
    alike(t, weights(t, "part"), [(5, 0, 1, 0.25), (14, 5, 2.5, -0.5), (14, 5, 1, 0.125)], "CSV edges between parts")
    same_bits(t, program, "edges")
    t.write("written.h5", "")
    os.replace(t.path("out/weight.h5"), t.path("written.h5"))
    again = CELL + EDGES[len(CELL):].replace("edges(\"net.h5\", of = \"small\"), no self if edge.edge_type_id == 7 or edge.w > 0.5", "edges(\"written.h5\", of = \"few\")")
    again = again.replace("edge.w * 1 mV;  delay = 1 ms", "edge.syn_weight * 1 mV;  delay = edge.delay * 1 ms")
    p = run(t, built(t, "again", again))
    alike(t, weights(t, "few"), [(0, 1, 1, 0.5), (3, 2, 1, 1), (19, 0, 1, 0.75)], "a file of recorded weights read as edges")
    wrong_edges(t)


BAD_EDGES = CELL + """network n {
  population A : cell[4]
  connect aa: A -> A.psp by edges("bad.h5", types = "types.csv") { weight = edge.syn_weight * 1 mV;  delay = edge.delay * 1 ms }
}
experiment x {
  network n
  run 1 ms with dt = 0.1 ms
}
"""
BAD_TYPES = "edge_type_id syn_weight delay\n100 1.5 2\n"
GOOD_EDGES = {"edges/e/source_node_id": [0, 1, 2], "edges/e/target_node_id": [1, 2, 3], "edges/e/edge_type_id": [100, 100, 100]}
HERE = r":10:35: error: bad.h5"
WRONG_EDGES = [  # (what, changes of the file (None: left out), of the file of types, the message)
    ("another kind of file", {"edges/e/source_node_id": None, "edges/e/target_node_id": None, "edges/e/edge_type_id": None, "spikes/x": [1]}, None,
     HERE + r" has no group /edges: it is no such SONATA file$"),
    ("no sources", {"edges/e/source_node_id": None}, None, HERE + r" has no dataset `source_node_id`$"),
    ("several populations", {"edges/f/source_node_id": [1]}, None, HERE + r" has several populations \(e, f\): say which with of = \"…\"$"),
    ("fewer targets", {"edges/e/target_node_id": [1, 2]}, None, HERE + r": `target_node_id` has 2 values, there are 3 edges$"),
    ("an id out of range", {"edges/e/target_node_id": [1, 2, 4]}, None, HERE + r": `target_node_id` of edge 2 is 4, but A has 4 cells, counted from 0$"),
    ("a negative id", {"edges/e/source_node_id": [0, -1, 4]}, None, HERE + r": `source_node_id` of edge 1 is -1, no whole number from 0$"),
    ("half an id", {"edges/e/source_node_id": [0, 1.5, 1]}, None, HERE + r": `source_node_id` of edge 1 is 1.5, no whole number from 0$"),
    ("texts", {"edges/e/source_node_id": ["a", "b", "c"]}, None, HERE + r": `source_node_id` is not a table of numbers with 1 axes$"),
    ("a group that is not there", {"edges/e/edge_group_id": [0, 0, 2], "edges/e/edge_group_index": [0, 1, 0], "edges/e/0/x": [0.0, 1.0]},
     "edge_type_id delay\n100 2\n", HERE + r": population e has no group `0`, which edges of it name$|population e has no group `2`|edges of e have no number `syn_weight`: group 0 has x"),
    ("a place that is not there", {"edges/e/edge_group_id": [0, 0, 0], "edges/e/edge_group_index": [0, 1, 5], "edges/e/0/syn_weight": [0.0, 1.0]}, None,
     HERE + r": edge 2 is number 5 of group 0, whose `syn_weight` has 2 values$"),
    ("a weight that is no number", {"edges/e/0/syn_weight": [0.0, float("nan"), 1.0]}, None, HERE + r": `0/syn_weight` of edge 1 is not a finite number$"),
    ("no such number", {"edges/e/0/x": [0.0, 1.0, 2.0]}, "edge_type_id syn_weight\n100 2\n",
     HERE + r": edges of e have no number `delay`: group 0 has x, and there is no such column in types.csv$"),
    ("a type that is not there", {"edges/e/edge_type_id": [100, 101, 100]}, None,
     r":10:53: error: bad.h5: `edge_type_id` of edge 1 is 101, which types.csv does not have$"),
    ("types without ids", {}, "type syn_weight delay\n100 1 1\n", r":10:53: error: types.csv has no column `edge_type_id`$"),
    ("a type without a number", {}, "edge_type_id syn_weight delay\n100 NULL 1\n", r":10:53: error: types.csv, line 2, column syn_weight: `NULL` is not a number$"),
    ("a negative delay", {}, "edge_type_id syn_weight delay\n100 1 -1\n", r":10:3: error: aa: the delay from source 0 to target 1 is -1 ms, less than one step"),
]
CSV_WRONG = [
    ("source, target\n0, 1\n", r"list.csv has no column `w`; its columns: source, target$"),
    ("source, w\n0, 1\n", r"list.csv has no column `target`"),
    ("source, target, w\n0, 1, 1\nx, 1, 1\n", r"list.csv, line 3, column source: `x` is not a number$"),
    ("source, target, w\n0, 1, 1\n\n3, 9, 1\n", r"list.csv: `target` of line 4 is 9, but A has 4 cells, counted from 0$"),
    ("source, target, w\n0, 1\n", r"list.csv, line 2 has 2 columns, the header 3$"),
    ("source, target, w\n0, 1, inf\n", r"list.csv, line 2, column w: `inf` is not a finite number$"),
    ("source, target, w\n0, 1, 1\n0, 1, 2\n", r":10:3: error: aa: list.csv connects source 0 with target 1 more than once, and the rule says `no multiple`$"),
]


def wrong_edges(t):
    import h5py
    program = built(t, "bad_edges", BAD_EDGES)
    for what, changes, types, message in WRONG_EDGES:
        os.path.exists(t.path("bad.h5")) and os.remove(t.path("bad.h5"))
        with h5py.File(t.path("bad.h5"), "w") as f:
            for name, values in {**GOOD_EDGES, **changes}.items():
                if values is not None:
                    f[name] = values
        t.write("types.csv", types or BAD_TYPES)
        refused(t, program, message, f"edges with {what}")
    with open(t.path("bad.h5"), "r+b") as f:
        f.truncate(500)
    refused(t, program, HERE + r": this is not a whole HDF5 file; is it cut off\?$", "a file that is cut off")
    program = built(t, "bad_list", BAD_EDGES.replace("edges(\"bad.h5\", types = \"types.csv\")", "edges(\"list.csv\"), no multiple")
                    .replace("edge.syn_weight", "edge.w").replace("edge.delay * 1 ms", "1 ms"))
    for text, message in CSV_WRONG:
        t.write("list.csv", text)
        refused(t, program, message, repr(text))


# ---- places

PLACES = CELL + """network n {
  param sigma = 150 um
  population E : cell[900] at grid(30, 30, spacing = 50 um, periodic) { V ~ uniform(0 mV, 12 mV) }
  population I : cell[400] at uniform_in(box(1.5 mm, 1 mm, 0.5 mm), x = 0.1 mm)
  population P : cell[200] at csv("pos.csv") mm
  population Q : cell[60] at grid(3, 4, 5, spacing = 10 um, y = -1 um, z = 0.5 mm)
  connect ee: E -> E.psp by probability(0.5 * exp(-distance^2 / (2 * sigma^2))), no self { weight = 0.5 mV * exp(-distance / (300 um));  delay = 0.5 ms + distance / (0.3 mm/ms) }
  connect ip: I -> P.psp by all_to_all if distance < 600 um and post.x > pre.x { weight = 1 mV * (pre.z + post.y) / (1 mm);  delay = 1 ms }
  connect pi: P -> I[50..349].psp by probability(if distance < 300 um then 0.75 else 0) { weight = 0.25 mV;  delay = 1 ms }
  connect ii: I -> I.psp by probability(0.6 * max(0, 1 - distance / (700 um))^0.5 / (1 + (distance / (500 um))^2)) if post.x > pre.x or distance < 200 um {
    weight = 0.25 mV;  delay = 1 ms
  }
  connect qq: Q -> Q.psp by indegree(5) if sigma > 1 um { weight = distance / (1 um) * 1 mV;  delay = 1 ms }
  connect qi: Q[10..19] -> I.psp by probability(0.5) { weight = 1 mV * post.x / (1 mm);  delay = 1 ms + post.z / (1 mm/ms) }
  drive E.psp with poisson(2 kHz) { weight = 1 mV }
}
experiment x {
  network n
  record weight of (ee, ip, pi, qq, qi, ii)
  run 10 ms with dt = 0.1 ms, seed = 3
}
"""


def torus(a, b, length):
    return math.sqrt(sum(min(abs(x - y), length - abs(x - y)) ** 2 for x, y in zip(a, b)))


def exact(t, rows, pairs, what):
    """Connections of independent pairs against their probabilities, by distance: each bin within 5 standard deviations, chi-square too."""
    count, mean, var = {}, {}, {}
    for at, p in pairs.values():
        mean[at] = mean.get(at, 0) + p
        var[at] = var.get(at, 0) + p * (1 - p)
    for row in rows:
        at = pairs[row[:2]][0]
        count[at] = count.get(at, 0) + 1
    bins = [b for b in mean if var[b] > 5]
    chi = sum((count.get(b, 0) - mean[b]) ** 2 / var[b] for b in bins)
    none = all(count.get(b, 0) == mean[b] for b in mean if var[b] == 0)
    worst = max(abs(count.get(b, 0) - mean[b]) / var[b] ** 0.5 for b in bins)
    t.check(len(bins) > 4 and none and worst < 5 and abs(chi - len(bins)) < 5 * (2 * len(bins)) ** 0.5 and len(rows) == len(set(r[:2] for r in rows)),
            f"{what}: exact over {len(bins)} distances (chi-square {chi:.0f})", f"worst {worst} none {none} bins {len(bins)}")


def places(t):
    rng = random.Random(8)
    pos = [(rng.random() * 1.5, rng.random(), rng.random() * 0.5) for _ in range(200)]
    t.write("pos.csv", "name,z,x,y\n" + "".join(f"c{i},{p[2]!r},{p[0]!r},{p[1]!r}\n" for i, p in enumerate(pos)))
    program = built(t, "places", PLACES)
    p = run(t, program)
    if not t.check(p.returncode == 0, "places: runs", p.stderr):
        return
    E = [((i % 30 + 0.5) * 50, (i // 30 + 0.5) * 50) for i in range(900)]
    ee = weights(t, "ee")
    pairs = {}
    for i in range(900):
        for j in range(900):
            d = torus(E[i], E[j], 1500)
            pairs[i, j] = (round(d), 0 if i == j else 0.5 * math.exp(-d * d / 45000))
    exact(t, ee, pairs, "a Gaussian kernel on a periodic grid")
    good = all(abs(w - 0.5 * math.exp(-torus(E[i], E[j], 1500) / 300)) < 1e-6 and abs(d - 0.5 - torus(E[i], E[j], 1500) / 300) < 0.051 for i, j, d, w in ee)
    t.check(good, "weights and delays by distance")
    q = [((i % 3 + 0.5) * 10, (i // 3 % 4 + 0.5) * 10 - 1, (i // 12 + 0.5) * 10 + 500) for i in range(60)]
    qq = weights(t, "qq")
    t.check(len(qq) == 300 and all(abs(w - math.dist(q[i], q[j])) < 1e-6 for i, j, _, w in qq), "distances on a grid of three axes, with a rule that does not ask for them")
    # where the box's cells are is seen in delays and weights
    where = {}
    for i, j, d, w in weights(t, "qi"):
        where.setdefault(j, w * 1000)
    xs = sorted(where.values())
    n = len(xs)
    ks = max(max(abs((x - 100) / 1500 - k / n), abs((x - 100) / 1500 - (k + 1) / n)) for k, x in enumerate(xs))
    t.check(n > 390 and xs[0] >= 100 and xs[-1] <= 1600 and ks < 1.95 / n ** 0.5, "places in a box are uniform", f"{n} {ks}")
    ii = weights(t, "ii")
    same_bits(t, program, "places")
    try:
        import h5py
    except ImportError:
        t.skip("nodes.h5", "h5py is absent")
    else:
        with h5py.File(t.path("out/nodes.h5")) as f:
            have = {pop: list(zip(*(f[f"nodes/{pop}/0/{axis}"][:] for axis in "xyz"))) for pop in "EIPQ"}
        same = all(math.dist(a, [1000 * x for x in b]) < 1e-6 for a, b in zip(have["P"], pos)) and all(math.dist(a, b) < 1e-6 for a, b in zip(have["Q"], q))
        kernel = lambda a, b, d: 0.6 * max(0, 1 - d / 700) ** 0.5 / (1 + (d / 500) ** 2) if b[0] > a[0] or d < 200 else 0
        pairs = {(i, j): (round(math.dist(a, b) / 25), kernel(a, b, math.dist(a, b))) for i, a in enumerate(have["I"]) for j, b in enumerate(have["I"])}
        exact(t, ii, pairs, "a kernel that ends at a distance, with a condition over places, in a box")
        t.check(same and len(have["E"]) == 900 and all(abs(have["I"][j][0] - x) < 1e-6 for j, x in where.items()), "nodes.h5 has the places", have["P"][:2])
    masks(t, pos)


MASKS = CELL + """network n {
  population P : cell[200] at csv("pos.csv") mm
  connect near: P -> P.psp by all_to_all, no self if distance < 300 um and post.x > pre.x { weight = 1 mV * (pre.z + post.y) / (1 mm);  delay = 1 ms }
  connect step: P -> P[50..149].psp by probability(if distance < 300 um then 0.75 else 0) { weight = 0.25 mV;  delay = 1 ms }
  connect kept: P -> P.psp by edges("list.csv") if distance < 300 um { weight = 0.25 mV;  delay = 1 ms }
}
experiment x {
  network n
  record weight of (near, step, kept)
  run 1 ms with dt = 0.1 ms, seed = 3
}
"""


def masks(t, pos):
    pos = [tuple(1000 * x for x in p) for p in pos]
    near = lambda i, j: math.dist(pos[i], pos[j]) < 300
    listed = [(i, (i * 7 + 3) % 200) for i in range(200)]
    t.write("list.csv", "source,target\n" + "".join(f"{i},{j}\n" for i, j in listed))
    program = built(t, "masks", MASKS)
    p = run(t, program)
    t.check(p.returncode == 0, "masks: runs", p.stderr)
    want = [(i, j, 1, (pos[i][2] + pos[j][1]) / 1000) for i in range(200) for j in range(200) if i != j and near(i, j) and pos[j][0] > pos[i][0]]
    alike(t, weights(t, "near"), want, "all pairs that a condition over places lets pass")
    alike(t, weights(t, "kept"), [(i, j, 1, 0.25) for i, j in listed if near(i, j)], "edges of a file that a condition lets pass")
    step = weights(t, "step")
    may = sum(near(i, j) for i in range(200) for j in range(50, 150))
    t.check(all(near(i, j) for i, j, *_ in step) and abs(len(step) - 0.75 * may) < 5 * (may * 0.1875) ** 0.5, "a probability that ends at a distance", len(step))
    same_bits(t, program, "masks")


BAD_PLACES = CELL + """network n {
  param a = 10, d = 50 um, p = 1, L = 1 mm
  population A : cell[100] at grid(a, 10, spacing = d, periodic)
  population B : cell[20] at uniform_in(box(L, 1 mm))
  population P : cell[3] at csv("p.csv") um
  connect aa: A -> A.psp by probability(p * exp(-distance / (100 um))) { weight = 1 mV;  delay = 1 ms }
  connect ab: A -> B.psp by all_to_all if post.x > 0 um { weight = 1 mV;  delay = 0.2 ms + pre.x / (1 mm/ms) }
  connect pp: P -> P.psp by all_to_all { weight = 1 mV;  delay = 1 ms }
  BETWEEN
}
experiment x {
  network n
  run 1 ms with dt = 0.1 ms
}
"""
WRONG_PLACES = [
    (["--set", "n.a=11"], None, r":10:14: error: the grid of A has 110 places, the population 100 cells$"),
    (["--set", "n.d=0um"], None, r":10:14: error: the places of A: a length of 0 um along axis x$"),
    (["--set", "n.L=-1mm"], None, r":11:14: error: the places of B: a length of -1000 um along axis x$"),
    (["--set", "n.p=2"], None, r":13:3: error: aa: the probability of source 0 and target 0 is not from 0 to 1; `min\(p, 1\)` says what is meant$"),
    (["--set", "n.p=-1"], None, r":13:3: error: aa: the probability of source 0 and target 0 is not from 0 to 1"),
    ([], "1,2\n3,4\n", r":12:33: error: p.csv has 2 places, P has 3 cells$"),
    ([], "1,2\n3,4\n5,x\n", r":12:33: error: p.csv, line 3, column y: `x` is not a number$"),
    ([], "1,2,3,4\n1,2,3,4\n1,2,3,4\n", r":12:33: error: p.csv has 4 columns; places have two or three$"),
    ([], "x,z\n1,2\n1,2\n1,2\n", r":12:33: error: p.csv has no columns `x` and `y`$"),
]


def wrong_places(t):
    program = built(t, "bad_places", BAD_PLACES.replace("BETWEEN", ""))
    for options, text, message in WRONG_PLACES:
        t.write("p.csv", text or "1,2\n3,4\n5,6\n")
        refused(t, program, message, f"{' '.join(options)} {text or ''!r}", *options)
    many = BAD_PLACES.replace("BETWEEN", "").replace("cell[20] at uniform_in(box(L, 1 mm))", "cell[400] at uniform_in(box(L, 1 mm))")
    many = many.replace("connect aa", "connect bb: B -> B.psp by probability(p * (1 - distance / (300 um))) { weight = 1 mV;  delay = 1 ms }\n  connect aa")
    program = built(t, "bad_many", many)
    t.write("p.csv", "1,2\n3,4\n5,6\n")
    for options in ([], ["--set", "n.p=2"]):
        refused(t, program, r":13:3: error: bb: the probability of source \d+ and target \d+ is not from 0 to 1", f"by parts of space {' '.join(options)}", *options)
    program = built(t, "bad_periods", BAD_PLACES.replace("BETWEEN", "connect across: A -> B.psp by probability(0.1) { weight = 1 mV * distance / (1 um);  delay = 1 ms }"))
    t.write("p.csv", "1,2\n3,4\n5,6\n")
    refused(t, program, r":16:3: error: across: distances are not defined: along axis x A comes back after 500 um, B after 0 um", "one side periodic")


def main():
    t = Tap()
    matrices(t)
    wrong_matrices(t)
    edges(t)
    places(t)
    wrong_places(t)
    t.done()


if __name__ == "__main__":
    main()
