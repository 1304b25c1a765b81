#!/usr/bin/env python3
"""Golden wrong programs: each tests/diagnostics/*.nsl ends with what the compiler must say about it.

    #! error 5:13-5:20 NSL3001 unit mismatch: mV against nA
    #! note 2:9-2:14 declared here
    #! hint Write the unit in mV.

`error` and `warning` lines open a message, `note` and `hint` lines belong to the message above them. Line, column,
code and text of everything are compared in full, and nothing may be missing or in excess. A message without a
place has `-` instead of it; one in another file (an import) has the file's name before its place. A case
without any expectation must pass the checker silently. What a text file cannot hold (invalid UTF-8, a file of 100 MB)
is made by the functions in `made`.

A case is checked with `nslc check --json CASE`; a line `#$ [NAME=VALUE…] COMMAND ARGUMENTS` gives another command, with {case} for
the case's file and {tmp} for a folder that holds nothing but bin/ld and bin/cc, two linkers that fail.

Usage: run.py [--bless] [--nslc PATH] [CASE...]        prints TAP; --bless rewrites the expectations for review.
`nslc` is taken from --nslc, $NSLC, or the path.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIMIT_S = 120  # a checker that does not answer for so long hangs
SOON_S = 10  # of processor time


def place(diag, path):
    """The place of a message or note as a golden line writes it."""
    if not diag.get("line"):
        return "-"
    text = f"{diag['line']}:{diag['column']}-{diag['end_line']}:{diag['end_column']}"
    file = diag.get("file")
    if file and pathlib.Path(file).name != path.name:
        text = f"{pathlib.Path(file).name}:{text}"
    return text


def golden_lines(diags, path):
    """Diagnostics (parsed JSON lines) -> the lines that describe them."""
    lines = []
    for d in diags:
        lines.append(f"#! {d['severity']} {place(d, path)} {d['code']} {d['message']}")
        for note in d.get("notes", []):
            lines.append(f"#! note {place(note, path)} {note['message']}")
        if d.get("hint"):
            lines.append(f"#! hint {d['hint']}")
    return [line.replace("\n", "\\n") for line in lines]


def check(nslc, path, command=None):
    """Runs the checker: (exit status, diagnostics, what is wrong with the way it answered or None)."""
    with tempfile.TemporaryDirectory() as tmp:
        words, env = ["check", "{case}"], dict(os.environ)
        if command:
            failing_linkers(pathlib.Path(tmp))
            words = shlex.split(command)
        words = [w.replace("{case}", path.name or str(path)).replace("{tmp}", tmp) for w in words]
        while "=" in words[0]:
            name, value = words.pop(0).split("=", 1)
            env[name] = value
        try:
            # from its folder, so that no path of this machine is in a message
            done = subprocess.run([os.path.abspath(nslc), words[0], "--json"] + words[1:], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=LIMIT_S, stdin=subprocess.DEVNULL, check=False,
                                  cwd=path.parent, env=env)
        except subprocess.TimeoutExpired:
            return None, [], f"no answer in {LIMIT_S} s"
    diags = []
    for raw in (done.stdout + done.stderr).splitlines():
        text = raw.decode("utf-8", "replace").strip().replace(tmp, "{tmp}")
        if not text.startswith("{"):
            return done.returncode, diags, f"not a JSON line: {text!r}"
        item = json.loads(text)
        if "code" in item and "severity" in item:
            diags.append(item)
    errors = sum(d["severity"] == "error" for d in diags)
    if done.returncode != (1 if errors else 0):
        return done.returncode, diags, f"exit status {done.returncode} with {errors} errors"
    return done.returncode, diags, None


def failing_linkers(tmp):
    (tmp / "bin").mkdir()
    for name in ["ld", "cc"]:
        (tmp / "bin" / name).write_text("#!/bin/sh\necho \"$0: no memory\" >&2\nexit 1\n")
        (tmp / "bin" / name).chmod(0o755)


def split_case(path):
    """A case file -> (the program's lines, the golden lines)."""
    lines = path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    golden = [line for line in lines if line.startswith("#! ")]
    body = [line for line in lines if not line.startswith("#! ")]
    while body and not body[-1].strip():
        body.pop()
    return body, golden


def bless(path, body, got):
    text = "\n".join(body) + "\n" + ("\n" + "\n".join(got) + "\n" if got else "")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


class Tap:
    def __init__(self):
        self.n = 0
        self.failed = 0

    def report(self, good, name, why=()):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}")
        for line in [] if good else why:
            print(f"#   {line}")

    def skip(self, name, why):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {why}")


def run_golden(tap, nslc, paths, blessing, seen):
    for path in paths:
        body, want = split_case(path)
        command = next((line[3:] for line in body if line.startswith("#$ ")), None)
        _, diags, trouble = check(nslc, path, command)
        got = golden_lines(diags, path)
        seen.update(d["code"] for d in diags)
        if blessing and not trouble:
            bless(path, body, got)
            want = got
        why = ([trouble] if trouble else [])
        if path.stem.startswith("habit_") and not any(line.startswith("#! hint") for line in got):
            why.append("no hint shows the form of the language")
        why += [f"missing: {line}" for line in want if line not in got]
        why += [f"excess:  {line}" for line in got if line not in want]
        tap.report(not why and got == want, path.stem, why or ["the same messages in another order"])


def made(folder):
    """Inputs that no text file holds: (name, path, exit status; None: 0 or 1)."""
    head = b"language 1\n"
    net = head + b"network n {\n  population E : iaf_psc_exp[10]\n}\n"
    cases = {
        "invalid_utf8": head + b"network n {\n  # \xff\xfe\n}\n",
        "nul_byte": head + b"network n {\n\0}\n",
        "truncated_utf8": head + b"network n { param \xcf",
        "empty": b"",
        "only_a_comment": b"# nothing",
        "open_brace": head + b"network n {",
        "open_braces": head + b"network n {" * 20000,
        "open_parens": head + b"network n { let x = " + b"(" * 100000,
        "closed_parens": head + b"network n { let x = " + b"(" * 100000 + b"1" + b")" * 100000 + b" }\n",
        "long_sum": head + b"network n {\n  let x = 1" + b" + 1" * 300000 + b"\n}\n",
        "long_power": head + b"network n {\n  let x = 1" + b"^1" * 100000 + b"\n}\n",
        "long_minus": head + b"network n {\n  let x = " + b"-" * 100000 + b"1\n}\n",
        "long_member": head + b"network n {\n  let x = a" + b".a" * 100000 + b"\n}\n",
        "long_subscript": head + b"network n {\n  let x = a" + b"[1]" * 100000 + b"\n}\n",
        "long_if": head + b"network n {\n  let x = " + b"if 1 == 1 then 1 else " * 50000 + b"1\n}\n",
        "nested_lists": head + b"network n {\n  param x = " + b"[" * 50000 + b"1" + b"]" * 50000 + b"\n}\n",
        "long_name": head + b"network n { let " + b"x" * 200000 + b" = 1 }\n",
        "long_number": head + b"network n { let x = " + b"9" * 200000 + b" }\n",
        "long_chain_of_lets": head + b"network n {\n" + b"".join(
            b"  let a%d = a%d\n" % (i, i + 1) for i in range(50000)) + b"  let a50000 = 1\n}\n",
        "long_cycle_of_lets": head + b"network n {\n" + b"".join(
            b"  let a%d = a%d\n" % (i, (i + 1) % 20000) for i in range(20000)) + b"}\n",
        "many_errors": head + b"network n {\n" + b"".join(b"  let a%d = b%d\n" % (i, i) for i in range(5000)) + b"}\n",
        "many_populations": head + b"network n {\n" + b"".join(
            b"  population p%d : iaf_psc_exp[10]\n" % i for i in range(3000)) + b"}\n",
        "deep_doubling": head + b"network n {\n  let a0 = 1\n" + b"".join(
            b"  let a%d = a%d + a%d\n" % (i, i - 1, i - 1) for i in range(1, 200)) + b"}\n",
        "deep_functions": head + b"fn f0(x) = x + x\n" + b"".join(
            b"fn f%d(x) = f%d(x) + f%d(x)\n" % (i, i - 1, i - 1) for i in range(1, 100)) +
            b"network n {\n  let y = f99(1)\n}\n",
        "chain_of_later_names": head + b"neuron a {\n" + b"".join(
            b"  let a%d = a%d\n" % (i, i + 1) for i in range(50000)) + b"  let a50000 = 1\n}\n",
        "chain_of_later_parts": head + b"".join(
            b"component c%d { use p = c%d }\n" % (i, i + 1) for i in range(20000)) + b"component c20000 { }\n",
        "doubling_parts": head + b"component c0 { param x = 1 }\n" + b"".join(
            b"component c%d {\n  use p = c%d\n  use q = c%d\n}\n" % (i, i - 1, i - 1) for i in range(1, 40)),
        "doubling_lets": head + b"neuron a {\n  let a0 = 1\n  param p = 1 in [0, a99]\n" + b"".join(
            b"  let a%d = a%d + a%d\n" % (i, i - 1, i - 1) for i in range(1, 100)) + b"}\n",
        "many_states": head + b"neuron a {\n" + b"".join(
            b"  state s%d = 1 mV\n  s%d' = -s%d / (10 ms)\n" % (i, i, i) for i in range(20000)) + b"}\n",
        "crlf": net.replace(b"\n", b"\r\n"),
        "byte_order_mark": b"\xef\xbb\xbf" + net,
        "no_last_newline": net.rstrip(b"\n"),
    }
    silent = {"crlf", "byte_order_mark", "no_last_newline", "many_populations", "many_states", "doubling_lets"}
    may_pass = {"long_sum", "long_power", "long_minus", "long_if", "long_name", "long_chain_of_lets", "deep_doubling",
                "closed_parens", "deep_functions"}
    for name, data in cases.items():
        path = pathlib.Path(folder) / f"{name}.nsl"
        path.write_bytes(data)
        yield name, path, 0 if name in silent else None if name in may_pass else 1
    chain = pathlib.Path(folder) / "chain"
    chain.mkdir()
    for i in range(100):
        (chain / f"{i}.nsl").write_bytes(head + b'import "%d.nsl" as next\n' % (i + 1))
    yield "chain_of_imports", chain / "0.nsl", 1
    path = pathlib.Path(folder) / "hundred_megabytes.nsl"
    with open(path, "wb") as out:
        out.write(head)
        for _ in range(100):
            out.write(b"# " + b"x" * (1024 * 1024 - 3) + b"\n")
    yield "hundred_megabytes", path, 1
    yield "missing_file", pathlib.Path(folder) / "missing.nsl", 1
    yield "a_folder", pathlib.Path(folder), 1
    yield "unreadable", pathlib.Path("/proc/self/mem"), 1


def processor_time():
    """Of programs that have ended; who else uses the machine does not show."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_made(tap, nslc, seen):
    """Each must end by itself, soon, with exit status 0 or 1 and at most 20 errors; `want` None: either."""
    with tempfile.TemporaryDirectory() as folder:
        for name, path, want in made(folder):
            start = processor_time()
            status, diags, trouble = check(nslc, path)
            spent = processor_time() - start
            seen.update(d["code"] for d in diags)
            errors = sum(d["severity"] == "error" for d in diags)
            why = [trouble] if trouble else []
            if want is not None and status != want:
                why.append(f"exit status {status}, not {want}")
            if errors > 20:
                why.append(f"{errors} errors, the limit is 20")
            if spent > SOON_S:
                why.append(f"took {spent:.1f} s of processor time")
            why += [f"{d['code']} {d['message'][:150]}" for d in diags[:3]] if why else []
            tap.report(not why, f"bad input: {name}", why)


def declared_codes():
    """Codes and names of lang/diag.def (rows that only a run or another command can give are left to their tests)."""
    text = (ROOT / "lang" / "diag.def").read_text()
    return {f"NSL{int(code):04d}": name for code, name in re.findall(r"^D\((\d+),\s*(\w+)", text, re.M)}


def run_coverage(tap, seen):
    """Every code has a case. `elsewhere.txt` names the codes that other suites cover, with the file that does."""
    elsewhere = {}
    table = HERE / "elsewhere.txt"
    for line in table.read_text().splitlines() if table.exists() else []:
        if line.strip() and not line.startswith("#"):
            code, where = line.split(None, 1)
            elsewhere[code] = where
    declared = declared_codes()
    missing = [f"{code} {name} has no case" for code, name in sorted(declared.items())
               if code not in seen and code not in elsewhere]
    missing += [f"{code} is covered by {where}, which does not exist" for code, where in sorted(elsewhere.items())
                if not (ROOT / where.split()[0]).exists()]
    tap.report(not missing, f"every one of the {len(declared)} codes has a case", missing)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bless", action="store_true", help="rewrite the expectations")
    parser.add_argument("--nslc", default=os.environ.get("NSLC") or shutil.which("nslc"))
    parser.add_argument("cases", nargs="*", help="case names; none: all, and the coverage of codes")
    args = parser.parse_args()
    if not args.nslc:
        sys.exit("no nslc: set NSLC or give --nslc")
    tap, seen = Tap(), set()
    paths = sorted(HERE.glob("*.nsl"))
    if args.cases:
        paths = [p for p in paths if p.stem in args.cases]
    run_golden(tap, args.nslc, paths, args.bless, seen)
    if not args.cases:
        run_made(tap, args.nslc, seen)
        run_coverage(tap, seen)
    print(f"1..{tap.n}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
