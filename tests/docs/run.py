#!/usr/bin/env python3
"""Documents are tests: every block of NSL, and every command, in a page of the project is what the page says it is.

```nsl            a whole file (begins with `language 1`): passes `nslc check` without a message
```nsl wrong      is refused
```nsl network    a fragment, checked inside a skeleton; also `experiment` and `file` (SKELETON below)
```nsl file=NAME  a whole file which the commands of the same page find under this name; `part=WORD` with it: its text replaces
                  the block of this kind and name in NAME (`part="neuron lif"`), or is added at the end
```console        lines `$ COMMAND` are run in that folder, in the order of the page, and must end with status 0 (`console fails`: not)
                  and print what follows; `…` stands for any text in a line, a line of it alone for any lines
A bare ```nsl fragment is an error. `nslc` is taken from $NSLC or the path. Prints TAP.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NSLC = os.environ.get("NSLC") or shutil.which("nslc") or sys.exit("no nslc: set NSLC")
SKELETON = {
    "network": "language 1\n\nnetwork page {{\n{}\n}}\n",
    "experiment": "language 1\n\nnetwork page {{\n  param g = 5\n  param w[k in 1..3] = 1 pA\n"
                  "  population E : iaf_psc_exp[100]\n  population I : iaf_psc_exp[25]\n}}\n\n"
                  "experiment page_experiment {{\n{}\n}}\n",
    "file": "language 1\n\n{}\n",
}


def pages():
    skip = {".git", "build", "subprojects"}
    for path in sorted(ROOT.rglob("*.md")):
        if not skip & {p.split("-")[0] for p in path.relative_to(ROOT).parts} and path.parent.name != "explain":
            yield path


def blocks(page):
    """(line, language, words behind it, text) of each fenced block of NSL or of commands."""
    lines, at = page.read_text().splitlines(), 0
    while at < len(lines):
        fence = re.match(r"\s*```(nsl|console)\b(.*)", lines[at])
        if fence:
            end = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == "```")
            yield at + 1, fence.group(1), shlex.split(fence.group(2)), "\n".join(lines[at + 1:end])
            at = end
        at += 1


def option(words, name):
    return next((w.split("=", 1)[1] for w in words if w.startswith(name + "=")), None)


def write_file(folder, words, text):
    """The page's file NAME, whole or with one block replaced or added. Gives its path."""
    path, part = folder / option(words, "file"), option(words, "part")
    if part:
        old = path.read_text()
        block = re.search(rf"((^##[^\n]*\n)*)^{re.escape(part)} \{{.*?^\}}\n", old, re.M | re.S)
        text = old[:block.start()] + text + "\n" + old[block.end():] if block else f"{old.rstrip()}\n\n{text}"
    path.write_text(text.rstrip() + "\n")
    return path


def check_nsl(path, wrong):
    done = subprocess.run([NSLC, "check", str(path)], capture_output=True, text=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).strip()
    return (done.returncode == 1 if wrong else done.returncode == 0 and not said), said


def printed_as(expected, lines):
    """Whether the lines are the expected ones, `…` standing for any text."""
    pattern = "".join(r"(.*\n)*?" if line.strip() == "…" else
                      ".*?".join(re.escape(p) for p in line.rstrip().split("…")) + r" *\n" for line in expected)
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in lines)) is not None


def check_console(folder, text, fails):
    """Runs the commands of a block; the first that does not do as the page says, with what it printed."""
    commands = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif commands:
            commands[-1][1].append(line)
    env = dict(os.environ, PATH=f"{pathlib.Path(NSLC).resolve().parent}:{os.environ['PATH']}", LC_ALL="C.UTF-8")
    for command, expected in commands:
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=120, check=False)
        while expected and not expected[-1].strip():
            expected.pop()
        if (done.returncode != 0) != fails or not printed_as(expected, done.stdout.splitlines()):
            return False, f"$ {command}\n{done.stdout}(exit status {done.returncode})"
    return bool(commands), "no command"


def check_block(folder, language, words, text):
    if language == "console":
        return check_console(folder, text, "fails" in words)
    if option(words, "file"):
        return check_nsl(write_file(folder, words, text), "wrong" in words)
    kind = next((w for w in words if w in SKELETON), None)
    whole = text.lstrip().startswith("language 1")
    if not whole and not kind:
        return False, "a fragment without a skeleton"
    path = folder / "page.nsl"
    path.write_text(SKELETON[kind].format(text) if not whole else text + "\n")
    return check_nsl(path, "wrong" in words)


def main():
    n = failed = 0
    for page in pages():
        with tempfile.TemporaryDirectory() as folder:
            for line, language, words, text in blocks(page):
                good, said = check_block(pathlib.Path(folder), language, words, text)
                n += 1
                failed += not good
                print(f"{'ok' if good else 'not ok'} {n} - {page.relative_to(ROOT)}:{line}")
                for text_line in [] if good else said.splitlines()[:20]:
                    print(f"#   {text_line}")
    print(f"1..{n}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
