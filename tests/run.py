#!/usr/bin/env python3
"""Runs the default test suite of a build folder and counts single test cases (not programs).

usage: run.py BUILD [--suite NAME]… [MESON TEST OPTIONS]
Prints each failed case and ends with the line "N passed, N failed" (and how many were skipped).
Exit status 0 only if nothing failed and something passed."""
import os
import subprocess
import sys
import xml.etree.ElementTree as ET


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, options = sys.argv[1], sys.argv[2:]
    if not any(o.startswith("--suite") for o in options):
        options = ["--no-suite", "long", "--timeout-multiplier", "3"] + options
    junit = os.path.join(build, "meson-logs", "testlog.junit.xml")
    if os.path.exists(junit):
        os.remove(junit)
    env = dict(os.environ, NSLC=os.path.abspath(os.path.join(build, "tools", "nslc")))
    status = subprocess.run(["meson", "test", "-C", build, "--print-errorlogs", *options], env=env,
                            stdout=sys.stderr).returncode
    if not os.path.exists(junit):
        print("no test log: the tests could not be started", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1
    passed = failed = skipped = 0
    for suite in ET.parse(junit).getroot().iter("testsuite"):
        cases = list(suite.iter("testcase"))
        bad = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
        skip = [c for c in cases if c.find("skipped") is not None]
        passed += len(cases) - len(bad) - len(skip)
        failed += len(bad)
        skipped += len(skip)
        for c in bad:
            print(f"FAILED {suite.get('name')}: {c.get('name')}")
    if status != 0 and failed == 0:
        failed = 1
        print("FAILED: a test program ended badly without a failed case (see meson-logs/testlog.txt)")
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
