#!/usr/bin/env python3
"""Rules that draw a number of partners among the pairs that a condition lets pass: only these, the right numbers, every one as likely as another
(chi-square tests); the same bits for threads, forms of rows and synapses made anew; what cannot be."""
import math
from collections import Counter

from places import CELL, built, run, same_bits, weights
from tap import Tap

SIDE, REACH = 32, 2.3  # cells of a periodic grid; in spacings: 21 cells, with the own one
OFFSETS = [(x, y) for x in range(-2, 3) for y in range(-2, 3) if math.hypot(x, y) < REACH]
GRID = CELL + """network n {
  population P : cell[%d] at grid(%d, %d, spacing = 50 um, periodic)
  connect din: P -> P.psp by indegree(5) if distance < 115 um { weight = 1 mV;  delay = 1 ms }
  connect din1: P -> P.psp by indegree(5), no self, no multiple if distance < 115 um { weight = 1 mV;  delay = 1 ms }
  connect out: P -> P.psp by outdegree(6), no self if distance < 115 um { weight = 1 mV;  delay = 1 ms }
  connect out1: P -> P.psp by outdegree(6), no multiple if distance < 115 um { weight ~ normal(1 mV, 0.1 mV);  delay ~ uniform(0.2 ms, 2 ms) }
  connect all: P -> P.psp by total_number(%d) if distance < 115 um { weight = 1 mV;  delay = 1 ms }
  connect all1: P -> P.psp by total_number(%d), no self, no multiple if distance < 115 um { weight = 1 mV;  delay = 1 ms }
  drive P.psp with poisson(3 kHz) { weight = 1 mV }
}
experiment x {
  network n
  record weight of (din, din1, out, out1, all, all1)
  run 10 ms with dt = 0.1 ms, seed = %d
}
"""


def offset(i, j, side):
    x, y = j % side - i % side, j // side - i // side
    return (x + side // 2) % side - side // 2, (y + side // 2) % side - side // 2


def alike(t, count, cells, mean, factor, what):
    """Counts of cells that are equally likely; factor: of their variance over that of independent draws."""
    chi = sum((count.get(c, 0) - mean) ** 2 for c in cells) / (mean * factor)
    n = len(cells) - 1
    t.check(abs(chi - n) < 4.5 * (2 * n) ** 0.5, f"{what}: all alike (chi-square {chi:.1f} of {n})", chi)


def grid(t, side):
    n = side * side
    total = 7 * n
    program = built(t, f"grid{side}", GRID % (n, side, side, total, total, 3))
    p = run(t, program, "--threads", "2")
    if not t.check(p.returncode == 0, f"grid {side}: runs", p.stderr):
        return
    for label, by, number, self, multiple in (("din", 1, 5, True, True), ("din1", 1, 5, False, False), ("out", 0, 6, False, True), ("out1", 0, 6, True, False),
                                              ("all", None, total, True, True), ("all1", None, total, False, False)):
        rows, what = weights(t, label), f"{label} of {n}"
        cells = [o for o in OFFSETS if self or o != (0, 0)]
        count = Counter(offset(r[0], r[1], side) for r in rows)
        t.check(set(count) <= set(cells), f"{what}: only pairs that pass", set(count) - set(cells))
        degrees = Counter(r[by] for r in rows) if by is not None else {}
        good = len(rows) == total if by is None else len(degrees) == n and set(degrees.values()) == {number}
        t.check(good and (multiple or len({r[:2] for r in rows}) == len(rows)), f"{what}: as many as they are to be", len(rows))
        c = len(cells)
        factor = 1 if multiple else (c - number) / (c - 1) if by is not None else 1 - total / (n * c)
        alike(t, count, cells, len(rows) / c, factor, f"{what}: by offset")
        if by is None:
            pairs = n * c
            alike(t, Counter(r[0] for r in rows), range(n), total / n, 1 if multiple else (pairs - total) / (pairs - 1) * (1 - 1 / n), f"{what}: by source")
            alike(t, Counter(r[1] for r in rows), range(n), total / n, 1 if multiple else (pairs - total) / (pairs - 1) * (1 - 1 / n), f"{what}: by target")
        else:
            other = Counter(r[1 - by] for r in rows)
            alike(t, other, range(n), number, factor * (c - 1) / c if not multiple else (c - 1) / c, f"{what}: by the other side")
        if multiple and by is not None:  # two draws of one owner are independent: as often equal as they should be
            same = Counter((r[by], r[1 - by]) for r in rows)
            twice, expected = sum(k * (k - 1) // 2 for k in same.values()), n * number * (number - 1) / 2 / c
            t.check(abs(twice - expected) < 5 * expected ** 0.5, f"{what}: how often one twice", (twice, expected))
    if side == SIDE:
        same_bits(t, program, "numbers among pairs with a condition")


UNEVEN = CELL + """network n {
  population P : cell[60] at grid(60, 1, spacing = 10 um)
  connect up: P -> P.psp by total_number(3000) if post.x > pre.x { weight = 1 mV;  delay = 1 ms }
  connect part: P[20..39] -> P[10..49].psp by indegree(4) if pre.x < 350 um and distance < 250 um { weight = 1 mV;  delay = 1 ms }
  %s
}
experiment x {
  network n
  record weight of (up, part)
  run 1 ms with dt = 0.1 ms, seed = 5
}
"""


def uneven(t):
    """Cells with unequal numbers of partners: pairs are alike, not cells; parts of populations."""
    program = built(t, "uneven", UNEVEN % "")
    p = run(t, program)
    if not t.check(p.returncode == 0, "uneven: runs", p.stderr):
        return
    rows = weights(t, "up")
    pairs = Counter(r[:2] for r in rows)
    t.check(all(j > i for i, j in pairs) and len(rows) == 3000, "a condition of places", len(rows))
    alike(t, pairs, [(i, j) for i in range(60) for j in range(i + 1, 60)], 3000 / (59 * 30), 1, "uneven: pairs")
    rows = weights(t, "part")
    passes = {j: [i for i in range(20, 40) if 10 * i + 5 < 350 and abs(i - j) < 25] for j in range(10, 50)}
    t.check(Counter(r[1] for r in rows) == {j: 4 for j in range(10, 50)} and all(r[0] in passes[r[1]] for r in rows), "parts of a population", rows[:3])


def impossible(t):
    for what, line, message in (
            ("a target without sources", "connect P -> P.psp by indegree(2) if pre.x > post.x { weight = 1 mV;  delay = 1 ms }",
             "target 59 is to have 2 partners, but the condition lets 0 pass"),
            ("too few for each once", "connect P -> P.psp by outdegree(9), no multiple if distance < 45 um { weight = 1 mV;  delay = 1 ms }",
             "source 0 is to have 9 partners, but the condition lets 5 pass, and each may be taken once"),
            ("a total of nothing", "connect P -> P.psp by total_number(9) if distance > 1 mm { weight = 1 mV;  delay = 1 ms }",
             "total_number(9), but the condition lets 0 pairs pass"),
            ("a total of more than there are", "connect P -> P.psp by total_number(200), no multiple if distance < 11 um { weight = 1 mV;  delay = 1 ms }",
             "total_number(200), but the condition lets 178 pairs pass, and each may be taken once")):
        p = run(t, built(t, "impossible", UNEVEN % line))
        t.check(p.returncode != 0 and message in p.stderr, what, p.stderr)


if __name__ == "__main__":
    tap = Tap()
    grid(tap, SIDE)
    grid(tap, 12)
    uneven(tap)
    impossible(tap)
    tap.done()
