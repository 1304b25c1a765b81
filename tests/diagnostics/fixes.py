#!/usr/bin/env python3
"""Fix-its: each replacement that a message of a case carries (`fix` of `nslc check --json`) is applied alone, and the text is checked
again: this message is gone, and there is one error fewer, or at most two that it hid have come to light. Where the text had syntax
errors, more was hidden; then the message must be gone and no new syntax error be there. Usage: fixes.py [CASE…]; nslc is $NSLC. Prints TAP."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
NSLC = os.path.abspath(os.environ.get("NSLC", "nslc"))
# a case shows at most 20 errors: with one fewer, another one appears
CROWDED = 20


def check(texts):
    """Messages of each text: {name: (text, its folder's file)} -> {name: [diag]}; the texts lie beside the cases they come from."""
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(HERE / "parts", pathlib.Path(folder) / "parts")
        for name, text in texts.items():
            (pathlib.Path(folder) / name).write_bytes(text)
            made[name] = []
        names = sorted(made)
        for at in range(0, len(names), 100):
            done = subprocess.run([NSLC, "check", "--json", *names[at:at + 100]], capture_output=True, cwd=folder, timeout=100, check=False)
            for line in done.stdout.decode("utf-8", "replace").splitlines():
                said = json.loads(line) if line.startswith("{") else {}
                if said.get("file") in made:
                    made[said["file"]].append(said)
    return made


def offset(text, line, column):
    """Byte offset of a place; columns count code points."""
    lines = text.split(b"\n")
    start = sum(len(one) + 1 for one in lines[:line - 1])
    return start + len(lines[line - 1].decode("utf-8", "surrogateescape")[:column - 1].encode("utf-8", "surrogateescape"))


def applied(text, fix):
    a = offset(text, fix["line"], fix["column"])
    b = offset(text, fix["end_line"], fix["end_column"])
    return text[:a] + fix["replacement"].encode() + text[b:]


def errors(diags):
    return [d for d in diags if d["severity"] == "error"]


def shown(d):
    return (d["code"], d["message"])


def main():
    cases = {p.name: p.read_bytes() for p in sorted(HERE.glob("*.nsl"))
             if (not sys.argv[1:] or p.stem in sys.argv[1:]) and b"#$ " not in p.read_bytes()}
    before = check(cases)
    tried, texts = [], {}
    for name, diags in before.items():
        for i, d in enumerate(diags):
            if d.get("fix") and d["fix"].get("file") == name:
                tried.append((name, i, f"{name[:-4]}_{i}.nsl"))
                texts[tried[-1][2]] = applied(cases[name], d["fix"])
    after = check(texts)
    troubles, codes, strict = [], set(), 0
    for name, i, made in tried:
        old, new, d = before[name], after[made], before[name][i]
        codes.add(d["code"])
        crowded = len(errors(old)) >= CROWDED
        hides = any(e["code"] < "NSL2000" for e in errors(old)) or crowded
        place = (d["line"], d["column"])
        gone = not any(shown(e) == shown(d) and (e["line"], e["column"]) == place for e in new)
        fewer = len(errors(new)) == len(errors(old)) - (d["severity"] == "error")
        came = [e for e in errors(new) if shown(e) not in [shown(x) for x in old]]
        whole_block = d["code"] < "NSL2000" and len(errors(old)) == 1
        newly = [e for e in came if e["code"] < "NSL2000"]
        strict += fewer
        if not gone or (not fewer and not hides and len(came) > 2) or (newly and not crowded and not whole_block):
            troubles.append(f"{name}:{d['line']} {d['code']} {d['message']}: {d['fix']['replacement']!r} gives "
                            f"{[e['code'] + ' ' + e['message'] for e in new if shown(e) not in [shown(x) for x in old]][:3]}, "
                            f"{len(errors(old))} errors before, {len(errors(new))} after")
    good = not troubles and (len(sys.argv) > 1 or (len(tried) >= 60 and strict >= 0.75 * len(tried)))
    print(f"{'' if good else 'not '}ok 1 - {len(tried)} replacements of {len(codes)} codes, {strict} of them with one error fewer at once")
    for line in troubles:
        print("#   " + line)
    print("1..1")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
