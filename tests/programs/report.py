#!/usr/bin/env python3
"""report.html of runs: well-formed, complete in itself, with the numbers of run.json and the points of the CSV files of the same
run; and runs that leave little or nothing to show."""
import csv
import os
import re
import shutil

from pages import SVG, figure, paths, read_page, text_of
from tap import EXAMPLES, NSLC, Tap, call, run_json

NET = """language 1
## A network of <two> populations & "quotes".
network net {
  param J = 0.2 mV in [0 mV, 1 mV]   ## weight, a < b & c
  population E : iaf_psc_delta[N] { V ~ uniform(-70 mV, -56 mV) }
  population I : iaf_psc_delta[20] { V ~ uniform(-70 mV, -56 mV) }
  connect E -> I.psp by probability(0.1) { weight = J;  delay = 1 ms }
  connect I -> E.psp by probability(0.1) { weight = -J;  delay = 1 ms }
  drive (E, I).psp with poisson(12 kHz) { weight = 0.2 mV;  delay = 1 ms }
}
## What it does. Someone A (2000) J Things 1:2, doi 10.1000/x-y(81)z_1.
experiment main {
  network net
  record spikes of (E, I)
  record V of E[0..1] every 1 ms
  record V of I[0..9] as many every 0.5 ms
  record mean(E.V) as mean_V every 1 ms
  run 200 ms with dt = 0.1 ms, seed = 7
  expect rate(E) in [0 Hz, 1 kHz]
  expect spikes(I) in [100000, inf)
  expect correlation(I, bin = 5 ms) in [-1, 1]
}
"""
def columns(path):
    with open(path) as f:
        rows = list(csv.reader(f))
    return rows[0], [[float(x) for x in r] for r in rows[1:]]


def line_of(points, xs, ys):
    """Whether the line runs through every (x, y), under a linear map of each axis, to a hundredth of a pixel; it may leave out points
    between its neighbours on a straight line, as cairo does."""
    at_x, at_y = [p[0] for p in points], [p[1] for p in points]
    if len(points) < 2 or any(b <= a for a, b in zip(at_x, at_x[1:])) or xs[0] == xs[-1] or (max(ys) == min(ys)) != (max(at_y) - min(at_y) < 0.01):
        return False
    across = (at_x[-1] - at_x[0]) / (xs[-1] - xs[0])
    up = (min(at_y) - max(at_y)) / (max(ys) - min(ys)) if max(ys) > min(ys) else 0
    i = 0
    for x, y in zip(xs, ys):
        px, py = at_x[0] + across * (x - xs[0]), max(at_y) + up * (y - min(ys))
        while i + 2 < len(points) and at_x[i + 1] < px:
            i += 1
        part = min(1, max(0, (px - at_x[i]) / (at_x[i + 1] - at_x[i])))
        if abs(at_y[i] + part * (at_y[i + 1] - at_y[i]) - py) > 0.02 + 0.02 * abs(at_y[i + 1] - at_y[i]):
            return False
    return i + 2 >= len(points)


def whole(t):
    path, out = t.write("net.nsl", NET.replace("N]", "60]")), t.path("net.out")
    p = call(NSLC, "run", path, "--", "--csv", "--out", out, "--set", "net.J=0.25mV")
    t.check(p.returncode == 1 and "FAIL" in p.stdout, "the run ends, one expect fails", p.stderr)
    page = read_page(t, os.path.join(out, "report.html"), "report.html")
    if page is None:
        return
    info = run_json(out)
    t.check([(r["name"], r["unit"]) for r in info["records"]] == [("V", "mV"), ("many", "mV"), ("mean_V", "mV")], "run.json says in which unit records are", info["records"])
    said = text_of(page)
    t.check(info["files"].count("report.html") == 1, "run.json lists the report", info["files"])
    for words in ("main", 'A network of <two> populations & "quotes".', "What it does.", "weight, a < b & c", info["model_hash"],
                  info["state_hash"], "2 of 3 hold", "✗ fails", "✓ holds", "0.25 mV"):
        t.check(words in said, f"the page says: {words}", said[:400])
    t.check(page.find(".//a").get("href") == "https://doi.org/10.1000/x-y(81)z_1", "a DOI is a link, without the full stop")
    rows = {text_of(r[0]): [text_of(c) for c in r] for r in page.iter("tr") if len(r) == 6}
    same = all(rows[p["name"]][2:5] == [str(p["size"]), f"{p['spikes']:,}", f"{p['rate_hz']:.3f}"] for p in info["populations"])
    t.check(same, "the table of populations is that of run.json", rows)
    with open(os.path.join(out, "spikes.csv")) as f:
        spikes = [r.split(",") for r in f.read().split()[1:]]
    activity = figure(page, kind="activity")
    t.check(activity.get("data-spikes") == str(len(spikes)) == activity.get("data-shown"), "all spikes are shown", activity.attrib)
    marks = sorted(len(s) for s in paths(activity) if len(s) > 20 and all(len(x) == 2 for x in s))
    expected = sorted(sum(s[1] == name for s in spikes) for name in "EI")
    t.check(marks == expected, "a mark for each spike of each population", f"{marks} {expected}")
    dots = [s for s in paths(activity) if len(s) == expected[0]][0] if expected[0] != expected[1] else []
    few = "E" if sum(s[1] == "E" for s in spikes) == expected[0] else "I"
    at, times = sorted(x[0][0] for x in dots), sorted(float(s[0]) for s in spikes if s[1] == few)
    slope = (at[-1] - at[0]) / (times[-1] - times[0])
    t.check(all(abs(at[0] + slope * (x - times[0]) - a) < 0.01 for x, a in zip(times, at)), "the marks stand at the times of the spikes")
    drawn = [s[0] for s in paths(figure(page, kind="traces")) if len(s) == 1]
    for name, shown in (("V", [0, 1]), ("many", [0, 1, 3, 5, 6, 8]), ("mean_V", [0])):
        head, data = columns(os.path.join(out, name + ".csv"))
        for k in shown:
            ys = [r[1 + k] for r in data]
            t.check(any(line_of(s, [r[0] for r in data], ys) for s in drawn), f"trace {name} {head[1 + k]}: {len(ys)} points as in the CSV")
    hist = text_of(figure(page, kind="distributions"))
    c = f"{correlation(spikes, 'I', 40):.3g}".replace("-", "−")
    expected = f"{info['expect'][2]['value']:.3g}".replace("-", "−")
    t.check(c == expected, "and what `expect correlation` measures", f"{c} {expected}")
    t.check(c in hist, "the mean correlation is that of the spikes in the CSV file", f"{c} {hist}")
    for p in info["populations"]:
        t.check(f"{p['cv_isi']:.3g}" in hist, f"the mean CV of {p['name']} is that of run.json", f"{p['cv_isi']} {hist}")


def correlation(spikes, name, bins):
    """The mean of Pearson's correlation over all pairs of cells, of spike counts in bins of 50 steps, (from, to]."""
    counts = {}
    for time, population, cell in spikes:
        step = round(float(time) / 0.1)
        if population == name and (step - 1) // 50 < bins:
            counts.setdefault(cell, [0] * bins)[(step - 1) // 50] += 1
    rows = []
    for c in counts.values():
        mean = sum(c) / bins
        length = sum((x - mean) ** 2 for x in c) ** 0.5
        if length > 0:
            rows.append([(x - mean) / length for x in c])
    pairs = [sum(x * y for x, y in zip(a, b)) for i, a in enumerate(rows) for b in rows[:i]]
    return sum(pairs) / len(pairs)


def sampled(t):
    """A network of more cells than rows: every k-th of each population, with all of its spikes, as an image."""
    path, out = t.write("big.nsl", NET.replace("N]", "5000]")), t.path("big.out")
    call(NSLC, "run", path, "--", "--csv", "--out", out)
    page = read_page(t, os.path.join(out, "report.html"), "many cells")
    activity = figure(page, kind="activity")
    with open(os.path.join(out, "spikes.csv")) as f:
        ids = [(r.split(",")[1], int(r.split(",")[2])) for r in f.read().split()[1:]]
    every = {"E": 5000 // int(round(5000 / 6)), "I": 1}  # 5,020 cells onto 1,000 rows: every 6th; the small population whole
    shown = sum(i % every[name] == 0 for name, i in ids)
    t.check(activity.get("data-shown") == str(shown), f"{shown} of {len(ids)} spikes are shown", activity.attrib)
    t.check(f"854 of 5020 cells are shown" in text_of(activity), "the caption says how many cells", text_of(activity)[-300:])
    t.check(len(list(activity.iter(SVG + "image"))) == 1, "as an image")
    size = os.path.getsize(os.path.join(out, "report.html"))
    t.check(size < 3e6, "the page stays small", size)


def response(t):
    out = t.path("fi.out")
    call(NSLC, "run", os.path.join(EXAMPLES, "f_i_curve.nsl"), "--", "--out", out, "--duration", "1s")
    page = read_page(t, os.path.join(out, "report.html"), "f-I curve")
    curve = figure(page, kind="response")
    info = run_json(out)
    rates = [p["rate_hz"] for p in info["populations"]]
    drawn = [s[0] for s in paths(curve) if len(s) == 1] if curve is not None else []
    t.check(any(line_of(s, list(range(len(rates))), rates) for s in drawn), f"a curve of {len(rates)} points: the rates of run.json")
    t.check(curve is not None and "I (pA)" in text_of(curve), "its axis has the unit of the input")


def drawn(t):
    """Currents drawn for each cell: a point for each; the rest of the page does not depend on threads."""
    path = t.write("drawn.nsl", """language 1
network net {
  population A : iaf_psc_exp[30]
  population B : iaf_psc_exp[30]
  drive A.I with constant(uniform(0 pA, 1000 pA))
  population C : iaf_psc_exp[30]
  drive B.I with sine(10 pA, frequency = 10 Hz)
  drive C.I with pulses(uniform(0 pA, 1000 pA), width = 2 ms, every = 4 ms)    # on in the first, the middle and the last step
}
experiment main { network net;  run 498 ms with dt = 0.1 ms }
""")
    pages = []
    for threads in ("1", "2"):
        out = t.path("drawn.out")
        p = call(NSLC, "run", path, "--", "--out", out, "--force", "--threads", threads)
        page = read_page(t, os.path.join(out, "report.html"), f"drawn currents, {threads} threads") if p.returncode == 0 else None
        with open(os.path.join(out, "report.html")) as f:
            pages.append(re.search(r"<!-- figures -->.*<!-- /figures -->", f.read(), re.S).group(0))
    curve = figure(page, kind="response")
    info = run_json(out)
    t.check(curve is not None and curve.get("data-points") == "30", "a point for each cell with a drawn current, none for currents that change",
            curve.attrib if curve is not None else p.stderr)
    t.check(info["populations"][0]["spikes"] > 0 and pages[0] == pages[1], "the same figures with 1 and 2 threads")


def windowed(t):
    """Currents that act for a while: the rates are those of that while."""
    path, out = t.write("window.nsl", """language 1
network net {
  index k = 0..5
  population c[i in k] : iaf_psc_exp[2]
  drive c[i].I with step(i * 200 pA, from = 50 ms, to = 150 ms) for i in k
}
experiment main { network net;  record spikes of c;  run 200 ms with dt = 0.1 ms }
"""), t.path("window.out")
    p = call(NSLC, "run", path, "--", "--csv", "--out", out)
    t.check(p.returncode == 0, "currents for a while: runs", p.stderr)
    curve = figure(read_page(t, os.path.join(out, "report.html"), "currents for a while"), kind="response")
    rates = [0] * 6
    with open(os.path.join(out, "spikes.csv")) as f:
        for r in f.read().split()[1:]:
            time, name, _ = r.split(",")
            rates[int(name[2:-1])] += (500 < round(float(time) / 0.1) <= 1500) / 2 / 0.1
    drawn_lines = [s[0] for s in paths(curve) if len(s) == 1] if curve is not None else []
    t.check(max(rates) > 0 and any(line_of(s, list(range(6)), rates) for s in drawn_lines), "the curve is that of the spikes while the currents act", rates)


def little(t):
    """Nothing, or next to nothing, to show."""
    path = t.write("one.nsl", """language 1
network net {
  population E : iaf_psc_delta[3]
  drive E[1..1].psp with times([10 ms]) { weight = 30 mV;  delay = 1 ms }
}
experiment silent { network net { };  run 5 ms with dt = 0.1 ms }
experiment one { network net;  record V of E every 1 ms;  run 50 ms with dt = 0.1 ms }
experiment seeds { network net;  run 20 ms with dt = 0.1 ms, seeds = 1..3 }
""".replace(" { }", ""))
    for name, options, shown in (("silent", [], "0"), ("one", [], "1"), ("one", ["--duration", "0ms"], None)):
        out = t.path("little.out")
        p = call(NSLC, "run", path, "--", "--experiment", name, "--out", out, "--force", *options)
        t.check(p.returncode == 0, f"{name} {options}: runs", p.stderr)
        page = read_page(t, os.path.join(out, "report.html"), f"{name} {options}")
        activity = figure(page, kind="activity")
        t.check((activity.get("data-shown") if activity is not None else None) == shown, f"{name} {options}: {shown} spikes")
    p = call(NSLC, "run", path, "--", "--experiment", "seeds", "--out", t.path("seeds.out"))
    there = [os.path.exists(os.path.join(t.path("seeds.out"), f"seed-{i}", "report.html")) for i in (1, 2, 3)]
    t.check(p.returncode == 0 and all(there), "a report for each seed", there)
    p = call(NSLC, "run", path, "--", "--experiment", "one", "--out", t.path("none.out"), "--no-report")
    left = sorted(os.listdir(t.path("none.out")))
    t.check(p.returncode == 0 and left == ["V.h5", "run.json"], "--no-report leaves it out", left)
    p = call(NSLC, "run", path, "--", "--experiment", "one", "--out", t.path("little.out"), "--force", "--no-report")
    t.check(p.returncode == 0 and not os.path.exists(os.path.join(t.path("little.out"), "report.html")), "--force removes the report of the run before")


def without_cairo(t):
    """On a machine that has no libcairo: the run is whole, and says why there is no report."""
    cc = shutil.which("cc") or shutil.which("gcc")
    shim = t.write("shim.c", """#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
void *dlopen(const char *name, int mode) {
  void *(*next)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
  return name && strstr(name, "cairo") ? NULL : next(name, mode);
}
""")
    call(cc, "-shared", "-fPIC", "-o", t.path("shim.so"), shim, "-ldl")
    path = t.write("net.nsl", NET.replace("N]", "10]"))
    prog = t.path("net.prog")
    p = call(NSLC, "build", path, "-o", prog)
    p = call(prog, "--out", t.path("bare.out"), env={**os.environ, "LD_PRELOAD": t.path("shim.so")})
    left = sorted(os.listdir(t.path("bare.out")))
    info = run_json(t.path("bare.out"))
    t.check("libcairo.so.2" in p.stderr and "libcairo.so.2" in info.get("no_report", ""), "without libcairo: standard error and run.json say so", p.stderr)
    t.check("report.html" not in left and "spikes.h5" in left, "without libcairo: all else is there", left)
    p = call(prog, "--out", t.path("with.out"))
    t.check(os.path.exists(os.path.join(t.path("with.out"), "report.html")), "a program that stands alone writes its report", p.stderr)
    linked = call("ldd", prog).stdout
    t.check("cairo" not in linked, "and is not linked with cairo", linked)


PAIRS = """language 1
component unit {
  input I
  state x = 0
  x' = -x / (20 ms) + I / (1 ms)
}
neuron cell { state V = 0 mV;  receive e(w : mV) { V += w };  spike when V > 1 mV { V = 0 mV } }
network n {
  population A : unit[3]
  population B : unit[2]
  population C : cell[5]
  drive A.I with noise(1, tau = 5 ms) + sine(0.5, frequency = 7 Hz)
  drive B.I with noise(1, tau = 5 ms) - sine(0.5, frequency = 7 Hz)
  drive C.e with poisson(50 Hz) { weight = 2 mV }
}
experiment e {
  network n
  record x of (A, B) every 0.1 ms
  record x of A[0..1] as few
  record x + 1000 of (A, B) as shifted every 1 ms
  record V of C
  run 900 ms with dt = 0.1 ms, seed = 5
}
"""


def together(a, b):
    m, k = sum(a) / len(a), sum(b) / len(b)
    dots = [sum((x - p) * (y - q) for x, y in zip(u, v)) for u, p, v, q in ((a, m, b, k), (a, m, a, m), (b, k, b, k))]
    return dots[0] / (dots[1] * dots[2]) ** 0.5


def pairs(t):
    """Who goes with whom: the mean over pairs as the caption says it against the CSV file, of what does not spike, and from a checkpoint on."""
    program, model, found = t.path("pairs"), t.write("pairs.nsl", PAIRS), []
    p = call(NSLC, "build", model, "-o", program)
    for options in ([], ["--threads", "2"]):
        p = p if p.returncode else call(program, "--csv", "--quiet", "--force", "--out", program + ".out", *options)
        if not t.check(p.returncode == 0, "runs with elements that go together", p.stderr):
            return
        found.append(text_of(figure(read_page(t, program + ".out/report.html", f"the page of elements that go together {options}"), kind="pairs").find("figcaption")))
    t.check(found[0] == found[1], "the same on two threads", found)
    for name, shown in (("x", "x"), ("shifted", "shifted")):
        rows = columns(os.path.join(program + ".out", name + ".csv"))[1]
        first = len(rows) // 5
        stride = (len(rows) - first + 3999) // 4000
        course = list(zip(*[r[1:] for r in rows[first::stride]]))
        mean = sum(together(course[i], course[j]) for i in range(5) for j in range(i)) / 10
        words = f"{shown}, {len(course[0])} samples, mean " + f"{mean:.3g}".replace("-", "\u2212")
        t.check(words in found[0] and len(course) == 5, f"correlations of {name}", (words, found[0]))
    t.check("few," not in found[0] and "V," not in found[0], "not of few elements, nor of cells", found[0])


def main():
    t = Tap()
    pairs(t)
    whole(t)
    sampled(t)
    response(t)
    drawn(t)
    windowed(t)
    little(t)
    without_cairo(t)
    t.done()


main()
