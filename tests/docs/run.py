#!/usr/bin/env python3
"""Documents are tests: every block of NSL in a page of the project is what the page says it is.

A block fenced as ```nsl that begins with `language 1` must pass `nslc check` without a message; one fenced as
```nsl wrong must be refused. Blocks that begin otherwise are fragments: they must at least parse and check inside the
skeleton that the fence names (```nsl network, ```nsl experiment, ```nsl file); a bare ```nsl fragment is an error.
`nslc` is taken from $NSLC or the path. Prints TAP.
"""

import os
import pathlib
import re
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
        if not skip & {p.split("-")[0] for p in path.relative_to(ROOT).parts}:
            yield path


def blocks(page):
    """(line, words behind `nsl`, text) of each fenced block of NSL."""
    lines, at = page.read_text().splitlines(), 0
    while at < len(lines):
        fence = re.match(r"\s*```nsl\b(.*)", lines[at])
        if fence:
            end = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == "```")
            yield at + 1, fence.group(1).split(), "\n".join(lines[at + 1:end])
            at = end
        at += 1


def main():
    n = failed = 0
    for page in pages():
        for line, words, text in blocks(page):
            kind = next((w for w in words if w in SKELETON), None)
            whole = text.lstrip().startswith("language 1")
            source = SKELETON[kind].format(text) if kind and not whole else text + "\n"
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "page.nsl"
                path.write_text(source)
                done = subprocess.run([NSLC, "check", str(path)], capture_output=True, text=True, timeout=60, check=False)
            said = (done.stdout + done.stderr).strip()
            good = done.returncode == 1 if "wrong" in words else done.returncode == 0 and not said
            good = good and (whole or kind is not None)
            n += 1
            failed += not good
            print(f"{'ok' if good else 'not ok'} {n} - {page.relative_to(ROOT)}:{line}")
            for text_line in [] if good else (said or "a fragment without a skeleton").splitlines()[:8]:
                print(f"#   {text_line}")
    print(f"1..{n}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
