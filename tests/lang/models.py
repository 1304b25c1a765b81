#!/usr/bin/env python3
"""Checked models against goldens: each models/NAME.nsl, as `nslc ir --after check` prints it, must be models/NAME.txt.

The goldens hold every value of the programs of language.md sections 2, 4 and 5. Then, for each model, ways of writing it
that mean the same must print the same: without comments and blanks, with `;` for ends of lines inside blocks, with times
in seconds. `--bless` rewrites the goldens for review. `nslc` is taken from $NSLC or the path. Prints TAP.
"""

import decimal
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "models"
NSLC = os.environ.get("NSLC") or shutil.which("nslc") or sys.exit("no nslc: set NSLC")


def printed(path):
    done = subprocess.run([NSLC, "ir", "--after", "check", str(path)], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + (done.stderr if done.returncode else "")


def without_comments(text):
    lines = (re.sub(r"\s*#.*", "", line) for line in text.splitlines())
    return "\n".join(re.sub(r" {2,}", " ", line) for line in lines if line.strip()) + "\n"


def with_more_blanks(text):
    lines = [f"\t{line}   # {'x' * i}" if line.strip() else line for i, line in enumerate(text.splitlines())]
    return "\r\n\r\n".join(lines) + "\r\n"


def in_seconds(text):
    def convert(match):
        return f"{format(decimal.Decimal(match.group(1)) / 1000, 'f')} s"
    return re.sub(r"(?<![\w.])(\d+(?:\.\d+)?) ms\b(?![/^*])", convert, text)


VARIANTS = {"without comments": without_comments, "with more blanks": with_more_blanks, "in seconds": in_seconds}


def main():
    blessing, n, failed = "--bless" in sys.argv, 0, 0

    def report(good, name, why=()):
        nonlocal n, failed
        n += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {n} - {name}")
        for line in [] if good else list(why)[:20]:
            print(f"#   {line}")

    for path in sorted(HERE.glob("*.nsl")):
        golden, got = path.with_suffix(".txt"), printed(path)
        if blessing:
            golden.write_text(got)
        want = golden.read_text() if golden.exists() else ""
        report(got == want, path.stem, difflib.unified_diff(want.splitlines(), got.splitlines(), "golden", "printed", lineterm=""))
        for name, rewrite in VARIANTS.items():
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(HERE / "parts", pathlib.Path(folder) / "parts")
                other = pathlib.Path(folder) / path.name
                with open(other, "w", newline="", encoding="utf-8") as out:
                    out.write(rewrite(path.read_text()))
                again = printed(other)
            report(again == got, f"{path.stem}: {name}",
                   difflib.unified_diff(got.splitlines(), again.splitlines(), "as it stands", name, lineterm=""))
    print(f"1..{n}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
