#!/usr/bin/env python3
"""Settings that differ from cell to cell: columns of files, parts of populations, draws; models run through `nslc run … --csv`, against
plain Python written from the language's page alone."""
from semantics import Run, compare
from tap import NSLC, Tap, call, run_json

CELL = """
neuron cell {
  param tau = 10 ms in (0 ms, inf)
  param twice = 2 * tau
  param V_th = 5 mV
  state V = 1 mV, z = V_th / (1 mV)
  V' = 0
  z' = -z / twice
  receive e(w : mV) { V += w }
  spike when V > V_th { V = 0 mV }
}
"""
TAU = [5 + 0.25 * i for i in range(150)]
START = [i % 7 - 3.5 for i in range(150)]


def table(t, name, n):
    rows = "".join(f"{i}, {TAU[i]!r}, {START[i]!r}\n" for i in range(n))
    t.write(name, "id, tau, V0\n# a line for each cell\n" + rows)


# ---- columns and parts

MODEL = CELL + """
network net {
  param n = 150
  population P : cell[n] { tau = csv("all.csv").tau ms;  V = 2 * csv("all.csv").V0 mV }
  population Q : cell[100] { V_th ~ uniform(4 mV, 6 mV) }
  population R : cell[100] { V_th ~ uniform(4 mV, 6 mV) }
}
experiment e {
  network net {
    R[65..79].tau = csv("part.csv").tau ms
    R[70..74].tau = 3 ms
    R[0..9].V_th = 1 mV
    R[99].V = twice * 1 mV / (1 ms)
  }
  record tau of (P, R) as tau every 1 ms
  record twice of (P, R) as twice every 1 ms
  record V of (P, R) as V every 1 ms
  record V_th of (Q, R) as V_th every 1 ms
  record z of (P, R) as z every 1 ms
  run 1 ms with dt = 0.1 ms
}
"""


def cells(t):
    table(t, "all.csv", 150)
    table(t, "part.csv", 15)
    run = Run(t, MODEL)
    tau = [10] * 65 + TAU[:5] + [3] * 5 + TAU[10:15] + [10] * 20
    V = [1] * 99 + [20]

    def pairs(r):
        V_th = r.rows("V_th")[0]
        drawn = V_th[:100], V_th[100:]
        t.check(len(set(drawn[1])) == 91 and all(4 <= v < 6 for v in drawn[1][10:]), "the rest of a part keeps its draws", drawn[1])
        t.check(len(set(drawn[0])) == 100, "another population draws as before", drawn[0])
        start = r.rows("z")[0][150:]
        return [(r.rows("tau")[0], TAU + tau), (r.rows("twice")[1], [2 * x for x in TAU + tau]), (r.rows("V")[0], [2 * x for x in START] + V),
                (drawn[1][:10], [1] * 10), (start, drawn[1])]
    compare(t, run, "columns of files, parts of populations; what depends on them", pairs)
    if run.good:
        t.check(sorted(run_json(run.out)["imports"]) == ["all.csv", "part.csv"], "run.json names the files with their hashes")
    again = Run(t, MODEL, "--threads", "2")
    hashes = [run_json(r.out)["state_hash"] for r in (run, again) if r.good]
    t.check(len(hashes) == 2 and hashes[0] == hashes[1], "the same on two threads", hashes)
    compare(t, Run(t, MODEL, "--precision", "f32"), "the same numbers in f32",
            lambda r: [(r.rows("tau")[0], TAU + tau), (r.rows("V")[0], [2 * x for x in START] + V)], 1e-7)
    other = Run(t, MODEL, "--set", "net.n=151")
    t.check(not other.good and "the column has 150 values, P has 151 cells" in other.process.stderr, "a size that is set must fit the file",
            other.process.stderr)


def main():
    t = Tap()
    for part in (cells,):
        part(t)
    t.done()


if __name__ == "__main__":
    main()
