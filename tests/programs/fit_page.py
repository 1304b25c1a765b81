#!/usr/bin/env python3
"""report.html of fits: well-formed, complete in itself, with the numbers of fit.json; what fit.json says of sweeps, against plain sums."""
import math
import os
import random

from pages import SVG, read_page, text_of
from tap import Tap, run_fit

DECAY = """language 1
## A cell < that > & forgets.
neuron cell {
  param tau = 20 ms in (0 ms, inf), V_0 = 5 mV, lost = 1 mV
  input I : mV
  state V = V_0
  V' = (I - V) / tau + 0 * lost / (1 ms)
}
fit decay {
  neuron cell
  data rec[s] = csv("one.csv", "two.csv") { t : ms;  I : mV;  V : mV }
  drive I with rec.I
  free tau in [1 ms, 200 ms], V(0) in [-20 mV, 20 mV] per s FREE
  minimize mean((V - rec.V)^2) / (1 mV)^2 after 5 ms
  by lm(steps = 30) from 6 starts
  with dt = 0.1 ms, seed = 1
  validate csv("three.csv")
}
"""
TAU, NOISE = 7, 0.05


def sweep(tap, name, start, seed, rows=500):
    """Samples of the exact course with noise; a number is missing. The list of (t, V)."""
    draw = random.Random(seed)
    samples = [(i * 0.1, start * math.exp(-i * 0.1 / TAU) + draw.gauss(0, NOISE)) for i in range(rows)]
    lines = ["t,I,V"] + [f"{t:.1f},0,{'nan' if i == 300 else f'{v:.12g}'}" for i, (t, v) in enumerate(samples)]
    tap.write(name, "\n".join(lines) + "\n")
    return samples


def left_over(samples, tau, start):
    """Of the steps that count: after 5 ms, where there is a number."""
    known = [(t, v) for i, (t, v) in enumerate(samples) if t > 5.05 and i != 300]
    squares = sum((v - start * math.exp(-t / tau)) ** 2 for t, v in known)
    mean = sum(v for t, v in known) / len(known)
    return math.sqrt(squares / len(known)), 1 - squares / sum((v - mean) ** 2 for t, v in known)


def sweeps(tap, result, samples):
    tau = result["free"][0]["value"]
    starts = [x["value"] for x in result["free"][1]["by_sweep"]]
    starts.append(sum(starts) / 2)
    for s, one, start in zip(result["sweeps"], samples, starts):
        if s["validation"]:
            lo, hi = starts[0], starts[1]  # of the coordinates' mean, not of the values'
            share = [math.log((v + 20) / (20 - v)) for v in (lo, hi)]
            start = 40 / (1 + math.exp(-sum(share) / 2)) - 20
        rms, explained = left_over(one, tau, start)
        good = abs(s["rms"] - rms) < 1e-6 and abs(s["explained_variance"] - explained) < 1e-6
        tap.check(good, f"{s['path']}: {s['rms']:.5f} mV are left over", f"{rms} {explained} {s}")


def page_of(tap, result, out):
    page = read_page(tap, tap.path(out + "/report.html"), "report.html")
    if page is None:
        return
    tap.check("report.html" in result["files"], "fit.json lists it")
    figures = [f for f in page.iter("figure") if f.get("class") == "sweep"]
    tap.check(len(figures) == 3 and "validation" in text_of(figures[2]), "a figure for each sweep", len(figures))
    shown = [f"rms {s['rms']:.3g} mV" in text_of(f) for f, s in zip(figures, result["sweeps"])]
    tap.check(all(shown), "with what is left over", shown)
    tables = {text_of(s.find("h2")): s for s in page.iter("section") if s.find("h2") is not None}
    rows = [[text_of(td) for td in tr.iter("td")] for tr in tables["Values"].iter("tr")][1:]
    first, tau = rows[0], result["free"][0]
    good = first[0] == "tau" and first[1] == f"{tau['value']:.6g} ms" and first[2] == f"{tau['uncertainty']:.2g}"
    tap.check(good and len(rows) == 4, "values with their uncertainties", rows)
    tap.check("not determined" in rows[3][-1] and "do not determine lost" in text_of(page.find(".//header")), "what the data do not determine", rows[3])
    cells = [t.text for t in tables["What the data tell apart"].iter(SVG + "text")]
    wanted = f"{result['correlation'][1][0]:.2f}".replace("-", "\u2212")
    tap.check(wanted in cells and abs(result["correlation"][0][1] - result["correlation"][1][0]) < 1e-12, "correlations", f"{wanted} {cells}")
    tap.check("Where the starts ended" in tables and "The search" in tables and "Stages" in tables, "the search and its starts", list(tables))


def main():
    tap = Tap()
    samples = [sweep(tap, "one.csv", 3, 1), sweep(tap, "two.csv", 9, 2), sweep(tap, "three.csv", 6, 3)]
    r, result = run_fit(tap, tap.write("page.nsl", DECAY.replace("FREE", ", lost in [0.5 mV, 2 mV]")), "page")
    if tap.check(r.returncode == 0 and result is not None, "a fit", r.stderr):
        sweeps(tap, result, samples)
        page_of(tap, result, "page")
    r, result = run_fit(tap, tap.write("none.nsl", DECAY.replace("FREE", "")), "none", "--no-report")
    left = os.listdir(tap.path("none"))
    tap.check(r.returncode == 0 and "report.html" not in left and "fit.svg" not in left and "fit.json" in left, "--no-report", left)
    tap.done()


main()
