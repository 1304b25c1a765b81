#!/usr/bin/env python3
"""nslc doc: pages of small models against what the language page says they mean, of every file of the library and the examples, and
what must not leave a page. `--bless` rewrites the golden text for review."""
import glob
import os
import re
import sys

from pages import figure, read_page, text_of
from tap import EXAMPLES, NSLC, ROOT, Tap, call

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "doc_small.txt")
SMALL = """language 1
fn hh_alpha_m(V in mV) -> 1/ms = 0.1 * (V + 40) / (1 - exp(-(V + 40) / 10))

## A channel < of our own.
channel na {
  param g = 20 mS/cm^2 in [0 mS/cm^2, inf)  ## maximal conductance
  input V : mV
  gate m { alpha = hh_alpha_m(V);  beta = 4/ms * exp(-(V + 65 mV) / (18 mV)) }
  gate h { steady = 1 / (1 + exp((V + 60 mV) / (7 mV)));  tau = 2 ms }
  let I = g * m^3 * h * (V - 50 mV)
}

## A cell. Source: Someone A (2000) J Things 1:2, doi 10.1000/x-y_1.
neuron cell {
  param C = 1 uF/cm^2 in (0 uF/cm^2, inf)
  param tau_m = 10 ms in (0 ms, inf)  ## time constant
  param V_th = -50 mV
  param kind in {quiet, loud} = quiet
  input I : nA  ## what is injected
  use na { g = 10 mS/cm^2 }
  state V = -65 mV  ## membrane potential
  state x = 0
  state eta1 = 0, syn_tau = 0
  V' = (-65 mV - V) / tau_m - na.I / C + if kind == loud then 1 mV/ms else 0
  eta1' = -syn_tau / (1 ms)
  syn_tau' = -eta1 / (1 ms)
  x' = -x / (2 * tau_m) + sqrt(abs(x)) / (1 s)
  state ca = 50 nM, b = 20 uM, cab = 0 uM, shut = 9, open = 0
  kinetic { ca + 2 * b <-> cab at 3/ms/uM^2, 0.7/ms;  0 -> ca at 11 nM/ms }
  kinetic stochastic { shut -> open at 13/s }
  receive psp(w : mV) { V += w;  if w > 1 mV { x = 1 } else { x *= 0.5 } }
  spike when V >= V_th and x < 2 {
    V = -65 mV
    hold V for 2 ms
  }
}

network two {
  index pop = { A, B }
  param N[pop] = [3, 4]  ## cells
  param p[to: pop, from: pop] = [[0.1, 0.2], [0.3, 0.4]]
  let K[k: pop] = round(log(1 - p[k, A]) / log(1 - 1 / N[k]))
  population c[k in pop] : cell[N[k]] { V ~ normal(-60 mV, 2 mV);  tau_m = 12 ms }
  connect c[j] -> c[i].psp by probability(p[i, j]), no self for j in pop, i in pop { weight ~ 1 mV * (normal(1, 0.1) within [0, inf));  delay = 1 ms }
  drive c[A].psp with poisson(100 Hz) { weight = 0.5 mV;  delay = 1 ms }
}

## Rest.
experiment rest {
  network two { N = [2, 2] }
  drive c[B].I with step(1 pA, from = 5 ms, to = 10 ms)
  record V of c[A][0..0] every 1 ms
  run 20 ms as rest with dt = 0.1 ms, seed = 3
  expect spikes(c[A]) in [0, 1000]
}
"""


def maths(page):
    """Every <math> without its spaces, as text of MathML."""
    import xml.etree.ElementTree as xml
    return ["".join(xml.tostring(m, encoding="unicode").split()) for m in page.iter("math")]


def page_of(t, text, *options, name="small"):
    path, out = t.write(name + ".nsl", text), t.path(name + ".html")
    p = call(NSLC, "doc", path, "-o", out, *options)
    return p, out


def golden(t):
    p, out = page_of(t, SMALL, "--no-run")
    if not t.check(p.returncode == 0 and os.path.exists(out), "a page is made", p.stderr):
        return
    page = read_page(t, out, "a small model")
    for end in [e for e in page.iter() if e.tag in ("td", "th", "h1", "h2", "caption", "p", "div")]:
        end.tail = " | " + (end.tail or "")
    text = re.sub(r"model [0-9a-f]{16}, nslc [0-9.]+", "model HASH", text_of(page.find("body"))).replace("\u2062", "").replace("\u2061", "")
    lines = "\n".join(x.strip() for x in text.split(" | ") if x.strip(" |")) + "\n"
    if "--bless" in sys.argv:
        with open(GOLDEN, "w") as f:
            f.write(lines)
    with open(GOLDEN) as f:
        was = f.read()
    t.check(lines == was, "the text of the page is that of doc_small.txt", "\n".join(a + "\n" + b for a, b in zip(lines.split("\n"), was.split("\n")) if a != b))
    found = maths(page)
    tau = "<msub><mi>τ</mi><mrow><mi>m</mi></mrow></msub>"
    expected = {
        "dV/dt, fractions, parts, cases": "<mfrac><mrow><mi>d</mi><mi>V</mi></mrow><mrow><mi>d</mi><mi>t</mi></mrow></mfrac><mo>=</mo>"
        "<mfrac><mrow><mo",
        "a Greek letter with a subscript": tau,
        "a quotient as a fraction": f"<mfrac><mrow><mi>x</mi></mrow><mrow><mn>2</mn><mo>\u2062</mo><mspacewidth=\"0.18em\"/>{tau}</mrow></mfrac>",
        "a part as a subscript": "<msub><mi>I</mi><mrow><mtext>na</mtext></mrow></msub>",
        "a power": "<msup><mrow><mi>m</mi></mrow><mrow><mn>3</mn></mrow></msup>",
        "a root": "<msqrt><mrow><mo>|</mo><mi>x</mi><mo>|</mo></mrow></msqrt>",
        "cases": "<mtd><mtext>otherwise</mtext></mtd>",
        "the gate's rate": "<mo>=</mo><msub><mi>α</mi><mi>m</mi></msub>",
        "a function's prefix behind its letter": "<msub><mi>α</mi><mrow><mi>m</mi><moseparator=\"true\">,</mo><mi>hh</mi></mrow></msub>",
        "digits as a subscript": "<msub><mi>η</mi><mrow><mn>1</mn></mrow></msub>",
        "a Greek letter behind a word": "<msub><mi>τ</mi><mrow><mi>syn</mi></mrow></msub>",
        "a steady state": "<msub><mi>h</mi><mi>∞</mi></msub><mo>=</mo>",
        "an event": "<mi>V</mi><mo>←</mo><mi>V</mi><mo>+</mo><mi>w</mi>",
        "a draw": "<mi>V</mi><mo>∼</mo>",
        "a unit": "<mtext>mS/cm²</mtext>",
        "an index": "<msub><mi>p</mi><mrow><mi>i</mi><moseparator=\"true\">,</mo><mi>j</mi></mrow></msub>",
    }
    for what, part in expected.items():
        t.check(any(part in m.replace("xmlns=", "") for m in found), f"MathML: {what}", part)


def figures(t):
    p, out = page_of(t, SMALL)
    page = read_page(t, out, "with figures") if p.returncode == 0 else None
    t.check(page is not None and figure(page, kind="traces") is not None, "the figures of the experiment are in the page", p.stderr)
    t.check(page is not None and "✓ holds" in text_of(page), "and what it expects")
    p, _ = page_of(t, SMALL, "--", "--duration", "7ms")
    with open(out) as f:
        t.check(p.returncode == 0 and ">7</text>" in f.read().replace("7.0", "7"), "options of the program stand behind `--`", p.stderr)
    p = call(NSLC, "doc", t.path("small.nsl"), "--no-run")
    t.check(p.returncode == 0 and p.stdout.startswith("<!DOCTYPE html>"), "without -o: standard output", p.stderr)


def wrong(t):
    for what, text, words, options in (
            ("an error in the file", SMALL.replace("V' = (", "V' = 3 nA + ("), "small.nsl:24", ()),
            ("a syntax error", SMALL.replace("neuron cell {", "neuron cell"), "error", ()),
            ("a run that fails", "language 1\nneuron bad { state x = 1;  x' = x * x * x * x * x / (1 us) }\nexperiment e { neuron bad;  record x;  run 10 ms with dt = 1 ms }\n",
             "gave no figures", ())):
        p, out = page_of(t, text, *options, name="wrong" if "runs" in what or "fails" in what else "small")
        t.check(p.returncode == 1 and words in p.stderr, f"{what}: status 1 and why", f"{p.returncode} {p.stderr}")
    os.remove(t.path("small.html"))
    p, out = page_of(t, SMALL.replace("V' = (", "V' = 3 nA + ("))
    left = [f for f in os.listdir(t.scratch) if f.startswith(("small.html", "wrong.html"))]
    t.check(p.returncode == 1 and not left, "nothing is written", left)
    p = call(NSLC, "doc", t.write("good.nsl", SMALL), "--no-run", "-o", t.path("no/such/page.html"))
    t.check(p.returncode == 1 and "no/such/page.html" in p.stderr, "a folder that is not there", p.stderr)
    p = call(NSLC, "doc", t.path("good.nsl"), t.path("good.nsl"))
    t.check(p.returncode == 2, "two files", p.stderr)


def every_file(t):
    for path in sorted(glob.glob(os.path.join(ROOT, "stdlib", "*.nsl")) + glob.glob(os.path.join(EXAMPLES, "*.nsl"))):
        name, out = os.path.basename(path), t.path("page.html")
        p = call(NSLC, "doc", path, "--no-run", "-o", out)
        if t.check(p.returncode == 0, f"{name}: a page", p.stderr):
            page = read_page(t, out, name)
            with open(path) as f:
                names = re.findall(r"^(?:neuron|channel|receptor|component|synapse|network|experiment) (\w+)", f.read(), re.M)
            said = text_of(page)
            t.check(all(n in said for n in names), f"{name}: {len(names)} blocks are in it", [n for n in names if n not in said])


def main():
    t = Tap()
    golden(t)
    figures(t)
    wrong(t)
    every_file(t)
    t.done()


main()
