#!/usr/bin/env python3
"""Pages of the messages -> C. embed.py OUTPUT PAGE.md…

A page begins with a line `## CODE` and ends before the next one. Examples are fenced as `nsl wrong` and `nsl right`, with the skeleton
in which tests/diagnostics/explain.py checks them; on the terminal they are indented under these words."""
import json
import pathlib
import re
import sys


def pages(path):
    """(code, markdown) of each page of a file."""
    parts = re.split(r"^## (\d{4})\n", pathlib.Path(path).read_text(), flags=re.M)
    for code, text in zip(parts[1::2], parts[2::2]):
        yield int(code), text.strip()


def plain(text):
    out, inside = [], False
    for line in text.split("\n"):
        fence = re.match(r"```(?:nsl (\w+))?", line)
        if fence:
            inside = not inside
            if inside:
                out += [fence.group(1) + ":"]
        else:
            out.append(("    " + line).rstrip() if inside else line)
    return "\n".join(out) + "\n"


def c_text(text):
    return "\n    ".join(json.dumps(line + "\n", ensure_ascii=False) for line in text.rstrip("\n").split("\n"))


def main():
    out, sources = sys.argv[1], sys.argv[2:]
    rows = sorted((code, plain(text)) for path in sources for code, text in pages(path))
    codes = [code for code, _ in rows]
    if len(set(codes)) < len(codes):
        sys.exit(f"a code has two pages: {sorted(c for c in set(codes) if codes.count(c) > 1)}")
    lines = ["/* Made by embed.py from the pages beside it. */", '#include "lang/diag.h"', "",
             "const DiagPage diag_pages[] = {"]
    lines += [f"  {{{code},\n    {c_text(text)}}}," for code, text in rows]
    lines += ["};", "const size_t diag_n_pages = sizeof diag_pages / sizeof *diag_pages;", ""]
    pathlib.Path(out).write_text("\n".join(lines))


if __name__ == "__main__":
    main()
