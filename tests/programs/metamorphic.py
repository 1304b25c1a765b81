#!/usr/bin/env python3
"""What must not matter: names, the order of declarations, the prefix of a unit, in how many files a model stands, its layout and its
comments. Each is changed in every example, in every neuron of the library and in random programs (generate.py): the code after the
last pass is the same text, names put back and places left out, and the run the same bits.

Changes are made on the formatted text, in which a declaration is a line or a block of lines. Names of states, populations and networks
are left alone, since draws are keyed by them."""
import glob
import os
import random
import re
import shutil
import sys
from decimal import Decimal

import generate
from tap import EXAMPLES, NSLC, ROOT, Tap, call, run_json
from same_bits import SHORT

STDLIB = os.path.join(ROOT, "stdlib")
# a quantity in another prefix, by which power of ten: what is written stays exact
OTHER = {"ms": ("s", -3), "s": ("ms", 3), "mV": ("uV", 3), "V": ("mV", 3), "pA": ("nA", -3), "nA": ("pA", 3), "nS": ("uS", -3),
         "uS": ("nS", 3), "pF": ("nF", -3), "nF": ("pF", 3), "Hz": ("kHz", -3), "kHz": ("Hz", 3), "um^2": ("mm^2", -6),
         "uF/cm^2": ("mF/cm^2", -3), "mS/cm^2": ("S/cm^2", -3)}
KEYWORDS = set(re.findall(r'^(?:HARD|SOFT)\(\w+, "(\w+)"', open(os.path.join(ROOT, "lang", "keywords.def")).read(), re.M))
PLACES = re.compile(r" @\d+-\d+")


def formatted(text):
    """Without comments, in the one form; a program that cannot be read is a mistake of the test."""
    bare = re.sub(r'("(?:\\.|[^"\\\n])*")|#[^\n]*', lambda m: m.group(1) or "", text)
    done = call(NSLC, "fmt", "-", input=bare)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def chunks(lines, indent):
    """Lines -> declarations: lists of lines that begin at the indentation and go on further in, or with a closing bracket."""
    out = []
    for line in lines:
        own = len(line) - len(line.lstrip())
        begins = line.strip() and own == indent and line.strip()[0] not in "})]"
        if begins or not out:
            out.append([])
        if line.strip():
            out[-1].append(line)
    return [c for c in out if c]


# ---- the changes: text -> text, how names are put back


def reformatted(text, r):
    """Another layout: a line a token where it may be, comments, blanks."""
    lines = []
    for line in text.split("\n"):
        line = re.sub(r"([,(])(?=[^)\]]*[)\]])", lambda m: m.group(1) + r.choice(["", " ", "   "]), line)
        line = re.sub(r"  ;|;  ", r.choice([";", " ; ", ";    "]), line)
        lines.append(r.choice(["", "\t", "      "]) + line.strip() + r.choice(["", "   ", " # a comment", "  ## of it"]) if line.strip() else line)
        if r.random() < 0.1:
            lines += ["", "# on a line of its own", ""]
    return "\n".join(lines), {}


def renamed(text, r):
    """Params, lets and functions of the file get other names, each everywhere the same."""
    library = "".join(open(p).read() for p in glob.glob(os.path.join(STDLIB, "*.nsl")))
    found = set(re.findall(r"^\s*(?:param|let) (\w+)", text, re.M)) | set(re.findall(r"^fn (\w+)", text, re.M))
    for more in re.findall(r"^\s*(?:param|let) (.*)", text, re.M):
        found |= set(re.findall(r", (\w+) =", more))
    kept = set(re.findall(r"^\s*(?:state|population|network|neuron|input|index|gate|use|receive|experiment|signal) (\w+)", text, re.M))
    for more in re.findall(r"^\s*(?:state|index|gate) (.*)", text, re.M):
        kept |= set(re.findall(r"\b(\w+)\b", more))
    units = set(re.findall(r"\d ?/?([A-Za-z]\w*)", text)) | set(re.findall(r" : ([A-Za-z]\w*)", text))
    names = [n for n in sorted(found - kept - units - KEYWORDS) if len(n) > 1 and not re.search(rf"\b{n}\b", library)]
    new = {n: f"z{i}_{n[::-1]}" for i, n in enumerate(r.sample(names, len(names)))}
    back = {v: k for k, v in new.items()}
    return re.sub(r"[A-Za-z_]\w*", lambda m: new.get(m.group(), m.group()), text) if new else text, back


def shuffled(groups, r, kind):
    """Groups in another order; those of one kind keep theirs among themselves."""
    order = list(range(len(groups)))
    r.shuffle(order)
    queue = {}
    for g in groups:
        queue.setdefault(kind(g), []).append(g)
    return [queue[kind(groups[i])].pop(0) for i in order]


# what has a place of its own in a cell or among the values of a network, in the order of declaration: that order is kept
LAYOUT = {"component": ("param", "state", "use", "gate"), "network": ("param", "let")}


def kind_in_block(group, what):
    word = group[0].split()[0]
    if word in LAYOUT[what]:
        return "layout"
    if word in ("input", "population", "signal", "connect", "drive", "receive"):
        return word
    return id(group)


def reordered(text, r):
    """Blocks of the file, and declarations in them, in another order."""
    top = chunks(text.split("\n"), 0)
    head = [g for g in top if g[0].split()[0] in ("language", "import", "model")]
    rest = [g for g in top if g not in head]
    made = []
    for g in rest:
        if len(g) > 2 and g[0].split()[0] in ("neuron", "channel", "receptor", "component", "network") and g[0].endswith("{"):
            what = "network" if g[0].startswith("network") else "component"
            inner = shuffled(chunks(g[1:-1], 2), r, lambda c, what=what: kind_in_block(c, what))
            g = [g[0]] + [line for c in inner for line in c] + [g[-1]]
        made.append(g)
    made = shuffled(made, r, lambda g: "experiment" if g[0].startswith("experiment") else id(g))
    return "\n".join("\n".join(g) + "\n" for g in head + made), {}


def rescaled(text, r):
    """Quantities in other prefixes. What is said in the author's words (expectations, names of output units) keeps them."""
    def other(m):
        number, unit = m.group(1), m.group(2)
        if unit not in OTHER or r.random() < 0.3:
            return m.group()
        name, power = OTHER[unit]
        return f"{Decimal(number).scaleb(power):f} {name}"
    lines = []
    for line in text.split("\n"):
        fixed = re.match(r"\s*(expect|record|state|input|fn|receive|param .*\[)", line)
        lines.append(line if fixed else re.sub(r"(?<![\w.])(\d+(?:\.\d+)?) ([A-Za-z]+(?:/[A-Za-z]+)?(?:\^\d)?)(?![\w^/*])", other, line))
    return "\n".join(lines), {}


def split(text, r, folder):
    """Components and functions in a file of their own, which is imported without a name."""
    top = chunks(text.split("\n"), 0)
    words = ("neuron", "channel", "receptor", "component", "fn", "let", "index")
    away = [g for g in top if g[0].split()[0] in words]
    stay = [g for g in top if g not in away and g[0].split()[0] != "language"]
    with open(os.path.join(folder, "parts_of_it.nsl"), "w") as f:
        f.write("language 1\n\n" + "\n".join("\n".join(g) for g in away) + "\n")
    return "language 1\n\n" + ('import "parts_of_it.nsl"\n' if away else "") + "\n".join("\n".join(g) for g in stay) + "\n", {}


# ---- what must be the same


def code(path):
    """The text after the last pass without places and without what the layout of the sources says; None: does not compile."""
    done = call(NSLC, "ir", path, "--after", "dce")
    if done.returncode:
        return None, done.stderr
    return PLACES.sub("", done.stdout), ""


def put_back(text, back):
    return re.sub(r"z\d+_\w+", lambda m: back.get(m.group(), m.group()), text) if back else text


def first_difference(a, b):
    for x, y in zip(a.split("\n"), b.split("\n")):
        if x != y:
            return f"{x}\nagainst\n{y}"
    return "one is longer"


def bits(t, path, options):
    out = t.path("out")
    shutil.rmtree(out, ignore_errors=True)
    p = call(NSLC, "run", path, "--", "--quiet", "--csv", "--threads", "1", "--out", out, *options)
    if not os.path.exists(os.path.join(out, "run.json")):
        return p.stderr
    spikes = os.path.join(out, "spikes.csv")
    return run_json(out)["state_hash"], open(spikes).read() if os.path.exists(spikes) else ""


def one(t, name, text, seed, options=None):
    """All changes of a program. options: of the runs; None: the code alone is compared."""
    r = random.Random(seed)
    folder = t.path(name)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{name}.nsl")
    plain = formatted(text)

    def write(made):
        with open(path, "w") as f:
            f.write(made)
        return path
    base, trouble = code(write(plain))
    if base is None:
        t.check(False, f"{name} compiles", trouble)
        return
    want = bits(t, path, options) if options is not None else None
    bad, together, back = [], plain, {}
    for change in (reformatted, renamed, reordered, rescaled, split):
        made, names = change(plain, r, folder) if change is split else change(plain, r)
        got, trouble = code(write(made))
        if got is None or put_back(got, names) != base:
            bad.append(f"{change.__name__}: {trouble or first_difference(base, put_back(got, names))}")
        if change is not split:
            together = formatted(together)
            together, names = change(together, r)
            back.update(names)
    if want is not None:
        got = bits(t, write(together), [back_name(o, back) for o in options])
        if got != want:
            bad.append(f"all together: other bits: {str(got)[:300]} against {str(want)[:300]}")
    t.check(not bad, f"{name}: the same code" + ("" if want is None else " and bits"), "\n".join(bad))


def back_name(option, back):
    for new, old in back.items():
        option = re.sub(rf"\b{old}\b", new, option)
    return option


def main():
    t = Tap()
    for path in sorted(glob.glob(os.path.join(EXAMPLES, "*.nsl"))):
        name, text = os.path.basename(path)[:-4], open(path).read()
        if 'import "' in text or '.csv"' in text or '.h5"' in text:
            shutil.copytree(EXAMPLES, t.path(name), dirs_exist_ok=True)
        short = SHORT.get(name, ["--duration", "50ms"])
        one(t, name, text, 1, None if name == "microcircuit" else short)
    for path in sorted(glob.glob(os.path.join(STDLIB, "*.nsl"))):
        text = open(path).read()
        neurons = re.findall(r"^neuron (\w+)", text, re.M)
        runs = "".join(f"\nexperiment of_{n} {{\n  neuron {n}\n  run 20 ms with dt = 0.05 ms\n}}\n" for n in neurons)
        if neurons:
            one(t, "library_" + os.path.basename(path)[:-4], text + runs, 2)
    for seed in range(1, 25):
        one(t, f"random_{seed}", generate.program(seed), seed, [] if seed % 4 == 1 else None)
    t.done()


if __name__ == "__main__":
    main()
