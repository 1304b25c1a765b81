#!/usr/bin/env python3
"""Derivatives of every neuron of the library by every parameter that a trace can depend on: a recording by the model itself, a fit
that frees them all, `nslc grad --check` against differences in 113-bit arithmetic. By the neuron's own method.

usage: grad_library.py [NEURON…]: all of them if none is named"""
import json
import math
import os
import re
import sys

from tap import NSLC, ROOT, Tap, call

STEPS = 200
MODEL = """language 1
experiment made_up {{
  neuron {name}
  drive I with {drive} {unit}
  record {state}
  run {last} ms with dt = 0.05 ms
}}
fit all {{
  neuron {name}
  data rec = csv("trace.csv") {{ t : ms;  x : {of} }}
  drive I with {drive} {unit}
  free {free}
  minimize mean(({state} - rec.x)^2) / ({one})^2
  by {by}
  with dt = 0.05 ms
}}
"""


def neurons():
    """Name, text and the first current that its file drives it with, of each neuron that takes a current and has V, v or x."""
    for file in sorted(os.listdir(os.path.join(ROOT, "stdlib"))):
        if not file.endswith(".nsl"):
            continue
        with open(os.path.join(ROOT, "stdlib", file)) as f:
            text = f.read()
        for found in re.finditer(r"^neuron (\w+) \{(.*?)^\}", text, re.M | re.S):
            body = found.group(2)
            unit = re.search(r"^  input I\s*: (\S+)", body, re.M)
            state = re.search(r"^  state (V|v|x|V_s)\s*=.*?", body, re.M)
            drive = re.search(r"neuron " + found.group(1) + r"\b[^}]*?drive I with (?:step\()?([-\d.]+) ?", text[found.end():], re.S)
            if unit and state:
                yield found.group(1), body, unit.group(1), state.group(1), drive.group(1) if drive else "1"


def parameters(t, path):
    """Path, value and unit of what can be set."""
    p = call(NSLC, "run", path, "--", "--describe", "--experiment", "made_up")
    found = re.findall(r"^  \w+\.([\w.]+) = (-?\d[\d.]*(?:e[+-]\d+)?) ?((?:[^\s(]\S*)?)", p.stdout, re.M)
    return [(name, float(value), unit) for name, value, unit in found if float(value) != 0 and unit != "in"]


def free_of(parameters):
    number = lambda v, unit: f"{v:.9g}{unit}" if unit.startswith("/") else f"{v:.9g} {unit}"
    return ", ".join(f"{name} in [{number(min(0.9 * v, 1.1 * v), unit)}, {number(max(0.9 * v, 1.1 * v), unit)}]" for name, v, unit in parameters)


def neuron(t, name, body, unit, state, drive):
    of = "mV" if re.search(r"^  state " + state + r"\s*=.*(mV|E_L|V_r|E)\b", body, re.M) and "dimensionless" not in body else "1"
    known = dict(name=name, drive=drive, unit=unit if unit != "1" else "", state=state, last=f"{STEPS * 0.05:g}", of=of, one=f"1 {of}" if of != "1" else "1",
                 by="lbfgs from 1 starts")
    plain = MODEL.format(free="nothing", **known).split("fit all")[0]
    path = t.write("one.nsl", plain)
    everything = parameters(t, path)
    p = call(NSLC, "run", path, "--", "--csv", "--quiet", "--force", "--out", t.path("out"))
    if not t.check(p.returncode == 0 and everything, f"{name}: runs", p.stderr):
        return
    with open(t.path(f"out/{state}.csv")) as f:
        rows = [line.strip().split(",") for line in f][1:]
    t.write("trace.csv", "t,x\n" + "".join(f"{a},{float(b) + math.sin(i):.12g}\n" for i, (a, b) in enumerate(rows)))
    left = everything
    refused = []  # what no trace depends on, or not differentiably: the compiler says it
    for _ in range(12):
        path = t.write("all.nsl", MODEL.format(free=free_of(left), **known))
        p = call(NSLC, "check", "--json", path)
        if p.returncode == 0:
            break
        text = " ".join(json.loads(line)["message"] for line in p.stdout.splitlines())
        wrong = set(re.findall(r"`([\w.]+)`", text)) | ({"t_ref"} if "of `hold`" in text else set())
        if "at random" in text:
            t.skip(f"{name}", "it spikes at random: fitted to recorded spikes, not to a course")
            return
        refused += [q[0] for q in left if q[0] in wrong]
        left = [q for q in left if q[0] not in wrong]
    if not t.check(p.returncode == 0 and left, f"{name}: fits; refused: {', '.join(refused) or 'nothing'}", p.stdout + p.stderr):
        return
    p = call(NSLC, "grad", path, "--check", "--steps", str(STEPS), "--starts", "2", "--json")
    facts = [json.loads(line) for line in p.stdout.splitlines()]
    got = [f for f in facts if f["fact"] == "derivative"]
    worst = max((f["deviation"] for f in got), default=math.inf)
    seen = {f["parameter"] for f in got} - {""}
    t.check(p.returncode == 0 and seen == {n for n, _, _ in left} and worst < 1e-7,
            f"{name}: {len(seen)} of {len(everything)} parameters, {len(got)} derivatives within {worst:.0e}", p.stderr + p.stdout[-600:])


def main():
    tap = Tap()
    asked = sys.argv[1:]
    for n in neurons():
        if not asked or n[0] in asked:
            neuron(tap, *n)
    tap.done()


main()
