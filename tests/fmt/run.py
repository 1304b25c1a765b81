#!/usr/bin/env python3
"""nslc fmt: cases/*.nsl become *.want (--bless rewrites them for review); every text of the project keeps its meaning and its
comments and is formatted in one step; stdlib/ and examples/ are formatted already; files are written whole or not at all.

Usage: run.py [--bless]; nslc is $NSLC. Prints TAP."""
import collections
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CASES = pathlib.Path(__file__).resolve().parent / "cases"
NSLC = os.path.abspath(os.environ.get("NSLC", "nslc"))
count = failed = 0


def check(good, name, why=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    for line in str(why).splitlines()[:12] if not good else []:
        print(f"#   {line}")


def call(*words, data=None, cwd=None):
    return subprocess.run([NSLC, *map(str, words)], input=data, capture_output=True, timeout=60, check=False, cwd=cwd)


def fmt(data):
    return call("fmt", "-", data=data)


def comments(text):
    """The comments of a text in which no string holds `#`."""
    return collections.Counter(c.strip() for c in re.findall(rb"#[^\n]*", re.sub(rb'"(\\.|[^"\\\n])*"', b'""', text)))


def docs(data):
    """What the declarations of a text are documented with."""
    tree = call("ir", "-", "--after", "parse", data=data).stdout
    return collections.Counter(re.findall(rb' doc ("(?:\\.|[^"\\])*")', tree))


def code_of(data, folder):
    done = call("ir", "-", "--after", "dce", data=data, cwd=folder)
    return re.sub(rb" @\d+-\d+", b"", done.stdout) if done.returncode == 0 else None


def goldens(bless):
    for path in sorted(CASES.glob("*.nsl")):
        done, want = fmt(path.read_bytes()), path.with_suffix(".want")
        if bless and done.returncode == 0:
            want.write_bytes(done.stdout)
        good = done.returncode == 0 and done.stdout == want.read_bytes()
        check(good, f"{path.stem} as written down", (done.stderr or done.stdout).decode())
        wide = [line for line in done.stdout.decode().splitlines() if len(line) > 110 and '"' not in line]
        check(not wide, f"{path.stem}: no line is longer than 110", "\n".join(wide))


def texts():
    for folder in ["stdlib", "examples", "tests"]:
        for path in sorted((ROOT / folder).rglob("*.nsl")):
            yield path


def every_text():
    """Texts with syntax errors are refused; all others are formatted in one step, with their comments and their meaning."""
    seen = refused = compiled = 0
    troubles = []
    for path in texts():
        data = path.read_bytes()
        done = fmt(data)
        name = path.relative_to(ROOT)
        if done.returncode == 1 and done.stderr and not done.stdout:
            refused += 1
            continue
        seen += 1
        again = fmt(done.stdout)
        if done.returncode or again.stdout != done.stdout:
            troubles.append(f"{name}: a second time gives another text {done.stderr.decode()[:200]}")
        if comments(data) != comments(done.stdout):
            troubles.append(f"{name}: comments are lost or changed")
        if done.stdout != data and b"##" in data and docs(data) - docs(done.stdout):
            troubles.append(f"{name}: a declaration loses its documentation")
        if any(line.rstrip() != line for line in done.stdout.decode().splitlines()) or b"\n\n\n" in done.stdout:
            troubles.append(f"{name}: blanks at the end of a line, or two blank lines")
        before = code_of(data, path.parent) if done.stdout != data else None
        if before is not None:
            compiled += 1
            if code_of(done.stdout, path.parent) != before:
                troubles.append(f"{name}: other code")
    check(not troubles and seen > 100 and refused > 10 and compiled > 10,
          f"{seen} texts formatted ({compiled} of them changed and compiled), {refused} with errors refused", "\n".join(troubles))


def library():
    files = [p for p in texts() if p.relative_to(ROOT).parts[0] in ("stdlib", "examples")]
    done = call("fmt", "--check", *files)
    check(done.returncode == 0 and not done.stdout, "stdlib and examples are in the one form",
          done.stdout.decode() + done.stderr.decode() + "(run nslc fmt over them)")


def files():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        messy, good, wrong = folder / "messy.nsl", folder / "good.nsl", folder / "wrong.nsl"
        messy.write_text("language 1\nlet  x=1\n")
        good.write_text("language 1\n\nlet x = 1\n")
        wrong.write_text("language 1\nlet  x==\n")
        messy.chmod(0o640)
        done = call("fmt", "--check", messy, good)
        check(done.returncode == 1 and done.stdout.decode() == f"{messy}\n" and messy.read_text() == "language 1\nlet  x=1\n",
              "--check lists the files that differ, changes nothing and exits with 1", done)
        before = good.stat()
        done = call("fmt", messy, good, wrong)
        check(done.returncode == 1 and b"NSL1001" in done.stderr and wrong.read_text() == "language 1\nlet  x==\n",
              "a file with a syntax error keeps its text and shows the error", done)
        check(messy.read_text() == good.read_text() and stat.S_IMODE(messy.stat().st_mode) == 0o640,
              "a file is rewritten with the permissions that it had", messy.read_text())
        check((before.st_mtime_ns, before.st_ino) == (good.stat().st_mtime_ns, good.stat().st_ino),
              "a file in the one form is not touched")
        link = folder / "link.nsl"
        link.symlink_to(messy)
        messy.write_text("language 1;let x=1")
        done = call("fmt", link)
        check(done.returncode == 0 and link.is_symlink() and messy.read_text() == good.read_text(), "a link stays one", done)
        locked = folder / "locked"
        locked.mkdir()
        (locked / "a.nsl").write_text("language 1;let x=1")
        (locked / "a.nsl").chmod(0o444)
        locked.chmod(0o555)
        if os.geteuid():
            done = call("fmt", locked / "a.nsl")
            check(done.returncode == 1 and b"NSL8010" in done.stderr, "a file that may not be written is an error", done)
        else:  # root may write everywhere, but not below a file of /proc
            done = call("fmt", "/proc/version")
            check(done.returncode == 1 and b"error" in done.stderr, "a file that may not be written is an error", done)
        locked.chmod(0o755)
        for what, path in [("a missing file", folder / "none.nsl"), ("a folder", folder)]:
            done = call("fmt", path)
            check(done.returncode == 1 and b"error NSL80" in done.stderr, f"{what} is an error", done)
        done = call("fmt")
        check(done.returncode == 2 and b"no file given" in done.stderr, "no file is a wrong command line", done)
        done = call("fmt", "--chek", good)
        check(done.returncode == 2 and b"--chek" in done.stderr, "an unknown option is a wrong command line", done)
        check(sorted(p.name for p in folder.iterdir()) == ["good.nsl", "link.nsl", "locked", "messy.nsl", "wrong.nsl"],
              "no file is left beside them", list(folder.iterdir()))
        full = subprocess.run(f"echo 'language 1' | {NSLC} fmt - > /dev/full", shell=True, capture_output=True, check=False)
        check(full.returncode == 1, "an output that cannot be written is an error", full)


def main():
    goldens("--bless" in sys.argv)
    every_text()
    library()
    files()
    print(f"1..{count}")
    return 1 if failed else 0


sys.exit(main())
