#!/usr/bin/env python3
"""The pages of `nslc --explain`: every code has one, its wrong example gives this code, its right one no error and not this code.

A page is a section of lang/explain/*.md (lang/README.md says how to add one). `nsl wrong SKELETON` and `nsl right SKELETON` name
what stands around the lines: `file` nothing but the version, `cell` a neuron, `network` a network with two populations,
`experiment` an experiment of it, `fit` a fit of a neuron; no skeleton: a whole file. Usage: explain.py; nslc is $NSLC. Prints TAP."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "lang" / "explain"))
sys.dont_write_bytecode = True
from embed import pages  # noqa: E402

NSLC = os.path.abspath(os.environ.get("NSLC", "nslc"))
NETWORK = """network net {
  param g = 5
  let h = 2 * g
  population E : iaf_psc_exp[100]
  population I : iaf_psc_exp[25]
@
}
"""
SKELETON = {
    "": "@\n",
    "file": "language 1\n\n@\n",
    "cell": """language 1

neuron cell {
  param C = 250 pF, tau = 10 ms, E = -70 mV
  input I : pA
  state V = E
  V' = (E - V) / tau + I / C
@
}
""",
    "network": "language 1\n\n" + NETWORK,
    "fit": """language 1

neuron cell {
  param C = 250 pF in (0 pF, inf), tau = 10 ms in (0 ms, inf), E = -70 mV
  input I : pA
  state V = E
  V' = (E - V) / tau + I / C
}

fit shown {
@
}
""",
    "experiment": "language 1\n\n" + NETWORK.replace("@", "  connect E -> I.exc by all_to_all { weight = 1 pA;  delay = 1 ms }") +
                  "\nexperiment shown {\n@\n}\n",
}
# what no text of a model can show by itself, or only a text too long for a page
BARE = {1010, 2042, 2050, 1011, 2028, 3030, 4017, 5202, 5203, 5204}


def program(kind, lines):
    words = [line.split()[0] for line in lines.splitlines() if line.split()]
    if kind == "experiment":
        lines = ("" if "network" in words else "network net\n") + lines + ("" if "run" in words else "\nrun 1 s with dt = 0.1 ms")
    if kind == "fit":
        given = {"neuron": "neuron cell", "data": 'data rec[s] = csv("step.csv") { t : ms;  I : pA;  V : mV }', "drive": "drive I with rec.I",
                 "free": "free tau in [1 ms, 100 ms]", "minimize": "minimize mean((V - rec.V)^2) / (1 mV)^2", "by": "by lm",
                 "with": "with dt = 0.1 ms"}
        staged = ("minimize", "by") if "stage" in words else ()
        lines += "".join("\n" + text for word, text in given.items() if word not in words and word not in staged)
    return SKELETON[kind].replace("@", lines)


def main():
    title = dict((int(c), t) for c, t in re.findall(r'^D\((\d+),\s*\w+,\s*\w+,\s*"([^"]*)"', (ROOT / "lang/diag.def").read_text(), re.M))
    page = {code: text for path in sorted((ROOT / "lang" / "explain").glob("*.md")) for code, text in pages(path)}
    troubles = [f"NSL{c:04d} ({title[c]}) has no page in lang/explain; lang/README.md says how to add one" for c in title if c not in page]
    troubles += [f"NSL{c:04d} has a page and is no code" for c in page if c not in title]
    with tempfile.TemporaryDirectory() as folder:
        want = {}
        for code, text in page.items():
            examples = re.findall(r"^```nsl (wrong|right)(?: (\w+))?\n(.*?)\n```$", text, re.M | re.S)
            kinds = [e[0] for e in examples]
            if kinds != ["wrong", "right"] and not (kinds == [] and (code in BARE or code >= 7000)):
                troubles.append(f"NSL{code:04d}: a page has one wrong and one right example, this has {kinds}")
            for kind, skeleton, lines in examples:
                path = pathlib.Path(folder) / f"{code:04d}_{kind}.nsl"
                path.write_text(program(skeleton, lines))
                want[path.name] = (code, kind)
        done = subprocess.run([NSLC, "check", "--json", *want], capture_output=True, text=True, timeout=120, check=False, cwd=folder)
        got = {name: [] for name in want}
        for line in done.stdout.splitlines():
            said = json.loads(line)
            if said.get("file") in got:
                got[said["file"]].append(said)
        for name, (code, kind) in want.items():
            codes = [int(d["code"][3:]) for d in got[name]]
            said = [f"{d['code']} {d['line']}:{d['column']} {d['message']}" for d in got[name]]
            if kind == "wrong" and code not in codes:
                troubles.append(f"NSL{code:04d}: the wrong example gives {said or 'nothing'}")
            if kind == "right" and (code in codes or any(d["severity"] == "error" for d in got[name])):
                troubles.append(f"NSL{code:04d}: the right example gives {said}")
    troubles += [] if done.returncode in (0, 1) else [done.stderr]
    print(f"{'not ' if troubles else ''}ok 1 - {len(page)} pages for {len(title)} codes, {len(want)} examples")
    for line in troubles:
        print("#   " + line)
    code = subprocess.run([NSLC, "--explain", "3001"], capture_output=True, text=True, check=False)
    good = code.returncode == 0 and all(w in code.stdout for w in ["NSL3001: unit mismatch", "wrong:\n    let", "right:\n    let"])
    print(f"{'' if good else 'not '}ok 2 - nslc --explain prints the page\n1..2")
    return 1 if troubles or not good else 0


if __name__ == "__main__":
    sys.exit(main())
