#!/usr/bin/env python3
"""Cells that a SONATA file of nodes describes: places and numbers of each cell against the file, by group and by type, in any order of ids;
what is wrong with such a file, each with its message."""
import csv
import json
import os
import random
import re

from pages import figure, paths, read_page
from tap import NSLC, Tap, call

CELL = """language 1
neuron cell {
  param tau = 10 ms in (0 ms, inf), th = 5 mV, kind = 0, at = 0 um
  state V = 0 mV
  V' = -V / tau
  receive psp(w : mV) { V += w }
  spike when V >= th { V = 0 mV }
}
"""
MODEL = CELL + """network n {
  population A : cell[6] at nodes("net.h5", of = "v1", types = "types.csv", first = 0) {
    tau = node.tau * 1 ms;  th = node.th * 1 mV + 1 mV;  kind = node.node_type_id + node.node_id / 100;  V ~ normal(node.th * 1 mV, 0 mV)
  }
  population B : cell[4] at nodes("net.h5", of = "v1", types = "types.csv", first = 6) { tau = node.tau * 1 ms }
  connect A -> B.psp by all_to_all if distance < 60 um { weight = 1 mV * distance / (1 um);  delay = 1 ms }
}
experiment x {
  network n { A[1..2].th = node.th * 2 mV }
  record tau of (A, B) every 1 ms
  record th of A every 1 ms
  record kind of A every 1 ms
  record V of A every 1 ms
  run 1 ms with dt = 0.1 ms
  expect spikes(A) >= 0
}
"""
TYPES = "node_type_id model th tau\n7 \"a kind\" 3 12\n8 other 4 20.5\n"


def network(path):
    """Ten nodes in two groups, ids in an order of their own; group 4 has no `th`, no group has `tau`."""
    import h5py
    rng = random.Random(3)
    ids = rng.sample(range(10), 10)
    nodes = [dict(id=i, kind=7 + (i % 3 == 0), group=4 if i in (2, 5, 9) else 0, x=rng.randint(0, 120), y=rng.randint(0, 60), th=rng.randint(1, 9)) for i in ids]
    with h5py.File(path, "w") as f:
        f["nodes/other/node_type_id"] = [0]
        g, at = f.create_group("nodes/v1"), {0: [], 4: []}
        for n in nodes:
            n["at"] = len(at[n["group"]])
            at[n["group"]].append(n)
        for name, key in (("node_id", "id"), ("node_type_id", "kind"), ("node_group_id", "group"), ("node_group_index", "at")):
            g[name] = [n[key] for n in nodes]
        for group in at:
            for name in ("x", "y") + (("th",) if group == 0 else ()):
                g[f"{group}/{name}"] = [float(n[name]) for n in at[group]]
    return {n["id"]: n for n in nodes}


def row(t, name):
    with open(t.path(f"out/{name}.csv")) as f:
        return [float(x) for x in next(r for i, r in enumerate(csv.reader(f)) if i == 1)[1:]]


def numbers(t):
    import h5py
    nodes = network(t.path("net.h5"))
    t.write("types.csv", TYPES)
    p = call(NSLC, "run", t.write("n.nsl", MODEL), "--", "--csv", "--quiet", "--force", "--out", t.path("out"))
    if not t.check(p.returncode == 0, "it runs", p.stderr):
        return
    by_type = {7: (3, 12), 8: (4, 20.5)}
    th = [nodes[i].get("th") if nodes[i]["group"] == 0 else by_type[nodes[i]["kind"]][0] for i in range(10)]
    t.check(row(t, "tau") == [by_type[nodes[i]["kind"]][1] for i in range(10)], "numbers by type", row(t, "tau"))
    want = [2 * th[i] if i in (1, 2) else th[i] + 1 for i in range(6)]
    t.check(row(t, "th") == want, "numbers by group, else by type, also for a part", f"{row(t, 'th')} {want}")
    t.check(row(t, "kind") == [nodes[i]["kind"] + i / 100 for i in range(6)], "types and ids", row(t, "kind"))
    t.check(row(t, "V") == th[:6], "within a draw", row(t, "V"))
    with h5py.File(t.path("out/nodes.h5")) as f:
        places = [(x, y, z) for name in "AB" for x, y, z in zip(*(f[f"nodes/{name}/0/{a}"][:] for a in "xyz"))]
    t.check(places == [(nodes[i]["x"], nodes[i]["y"], 0) for i in range(10)], "places, by ids", places)
    drawn(t, [place[:2] for place in places])
    near = sum((nodes[i]["x"] - nodes[j]["x"]) ** 2 + (nodes[i]["y"] - nodes[j]["y"]) ** 2 < 60 ** 2 for i in range(6) for j in range(6, 10))
    with open(t.path("out/run.json")) as f:
        d = json.load(f)
    t.check(near == d["synapses"] and 0 < near < 24, f"{near} of 24 pairs are near each other", d.get("synapses"))
    t.check({"net.h5", "types.csv"} <= set(d["data"]), "run.json has the hashes of both files", d["data"])


def drawn(t, places):
    """The report shows every cell where it is, in one scale for both axes, y upwards."""
    page = read_page(t, t.path("out/report.html"), "places")
    shown = figure(page, kind="places")
    if not t.check(shown is not None and shown.get("data-cells") == "10", "the report has a figure of places"):
        return
    centres = [tuple(sum(point[a] for point in set(s)) / len(set(s)) for a in (0, 1)) for subs in paths(shown) for s in subs if len(set(s)) == 4]
    scale = (centres[1][0] - centres[0][0]) / (places[1][0] - places[0][0])
    far = [max(abs(c[0] - centres[0][0] - scale * (p[0] - places[0][0])), abs(c[1] - centres[0][1] + scale * (p[1] - places[0][1]))) for c, p in zip(centres, places)]
    t.check(len(centres) == 10 and scale > 0 and max(far) < 0.1, f"every cell stands where it is, {scale:.3f} pixels for each um", f"{centres} {places}")


GOOD = {"nodes/v1/node_type_id": [7, 8, 7], "nodes/v1/0/x": [0.0, 1.0, 2.0], "nodes/v1/0/y": [0.0, 1.0, 2.0], "nodes/v1/0/th": [1.0, 2.0, 3.0]}
BAD = CELL + """network n {
  population A : cell[3] at nodes("bad.h5", types = "types.csv") { th = node.th * 1 mV;  tau = node.tau * 1 ms }
}
experiment x {
  network n
  run 1 ms with dt = 0.1 ms
}
"""
HERE = r":10:35: error: bad.h5"
WRONG = [  # what, changes of the file (None: left out), of the file of types, the message
    ("another kind of file", {**dict.fromkeys(GOOD), "edges/x": [1]}, None, HERE + r" has no group /nodes: it is no such SONATA file$"),
    ("several populations", {"nodes/w/node_type_id": [1]}, None, HERE + r" has several populations \(v1, w\): say which with of = \"…\"$"),
    ("more nodes than cells", {"nodes/v1/node_type_id": [7, 7, 7, 7]}, None, HERE + r" has 4 nodes, A has 3 cells; `first = …` would say which of them they are$"),
    ("no ids", {"nodes/v1/node_type_id": None}, None, HERE + r": population v1 has neither `node_type_id` nor `node_id`: how many nodes are there\?$"),
    ("an id twice", {"nodes/v1/node_id": [0, 1, 1]}, None, HERE + r": `node_id` 1 stands there twice$"),
    ("an id that is missing", {"nodes/v1/node_id": [0, 1, 3]}, None, HERE + r" has no node with the `node_id` 2, which is A\[2\]$"),
    ("half an id", {"nodes/v1/node_id": [0, 0.5, 1]}, None, HERE + r": `node_id` of node 1 is 0\.5, no whole number from 0$"),
    ("texts", {"nodes/v1/node_type_id": ["a", "b", "c"]}, None, HERE + r": `node_type_id` is not a table of numbers with 1 axes$"),
    ("no places", {"nodes/v1/0/x": None}, None, HERE + r": nodes of v1 have no number `x`: group 0 has th, y, and there is no such column in types.csv$"),
    ("a place that is no number", {"nodes/v1/0/y": [0.0, float("nan"), 1.0]}, None, HERE + r": `0/y` of node 1 is not a finite number$"),
    ("too few numbers", {"nodes/v1/0/th": [1.0, 2.0]}, None, HERE + r": node 2 is number 2 of group 0, whose `th` has 2 values$"),
    ("no such number", {"nodes/v1/0/th": None}, "node_type_id tau\n7 3\n8 4\n", HERE + r": nodes of v1 have no number `th`: group 0 has x, y, and there is no such column in types.csv$"),
    ("a group that is not there", {"nodes/v1/node_group_id": [0, 0, 2]}, None, HERE + r": population v1 has no group `2`, which nodes of it name$"),
    ("a type that is not there", {}, "node_type_id tau\n7 3\n", r":10:53: error: bad.h5: `node_type_id` of node 1 is 8, which types.csv does not have$"),
    ("a number outside of its domain", {}, "node_type_id tau\n7 3\n8 -4\n", r"tau of A\[1\]"),
]


def wrong(t):
    import h5py
    program = t.path("bad")
    p = call(NSLC, "build", t.write("bad.nsl", BAD), "-o", program)
    t.check(p.returncode == 0, "bad: built", p.stderr)
    for what, changes, types, message in WRONG:
        os.path.exists(t.path("bad.h5")) and os.remove(t.path("bad.h5"))
        with h5py.File(t.path("bad.h5"), "w") as f:
            for name, values in {**GOOD, **changes}.items():
                if values is not None:
                    f[name] = values
        t.write("types.csv", types or TYPES)
        p = call(program, "--quiet", "--force", "--out", t.path("out"))
        t.check(p.returncode == 1 and re.search(message, p.stderr, re.M), f"nodes with {what}", p.stderr)
    with h5py.File(t.path("bad.h5"), "w") as f:
        for name, values in GOOD.items():
            if name[-1] not in "xy":
                f[name] = values
    t.write("types.csv", TYPES)
    p = call(program, "--quiet", "--force", "--out", t.path("out"))
    t.check(p.returncode == 0 and not os.path.exists(t.path("out/nodes.h5")), "nodes without places, which nobody asks for", p.stderr)
    near = BAD.replace("}\nexperiment", "  connect A -> A.psp by all_to_all if distance < 1 um { weight = 1 mV;  delay = 1 ms }\n}\nexperiment")
    p = call(NSLC, "run", t.write("near.nsl", near), "--", "--quiet", "--force", "--out", t.path("out"))
    t.check(p.returncode == 1 and ":11:3: error: A -> A.psp asks where the cells of A are, and bad.h5 has no `x` and `y` of them" in p.stderr, "... or somebody", p.stderr)
    for text, message in ((BAD.replace("at nodes(\"bad.h5\", types = \"types.csv\")", "at grid(3, spacing = 1 um)"), "`node.th` is not known here"),
                          (BAD.replace("types = \"types.csv\"", "kinds = 3"), "this says nothing about nodes"),
                          (BAD.replace("\"bad.h5\", types", "types"), "nodes stand in a file")):
        p = call(NSLC, "check", t.write("bad.nsl", text))
        t.check(p.returncode == 1 and message in p.stderr, message, p.stderr)


def main():
    t = Tap()
    try:
        import h5py  # noqa: F401
    except ImportError:
        t.skip("files of nodes", "h5py is absent")
        t.done()
    numbers(t)
    wrong(t)
    t.done()


if __name__ == "__main__":
    main()
