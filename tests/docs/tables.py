#!/usr/bin/env python3
"""docs/tables.md is what the compiler's tables say: compares it with the output of docs_tables (argument). `--bless` writes it."""
import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def main():
    text = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout
    if "--bless" in sys.argv:
        PAGE.write_text(text)
    good = PAGE.exists() and PAGE.read_text() == text
    print(f"{'ok' if good else 'not ok'} 1 - docs/tables.md is up to date" + ("" if good else " (tests/docs/tables.py --bless)"))
    print("1..1")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
