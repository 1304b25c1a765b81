"""TAP output and small helpers for the program tests. nslc comes from $NSLC."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NSLC = os.environ.get("NSLC", "nslc")
EXAMPLES = os.path.join(ROOT, "examples")
# a fit of two sweeps, one.csv and two.csv; BY stands for its optimizer
DECAY = """language 1
neuron cell {
  param tau = 20 ms in (0 ms, inf), V_0 = 5 mV
  state V = V_0
  V' = -V / tau
}
fit decay {
  neuron cell
  data rec[s] = csv("one.csv", "two.csv") { t : ms;  V : mV }
  free tau in [1 ms, 200 ms], V(0) per s
  minimize mean((V - rec.V)^2) / (1 mV)^2
  by BY
  with dt = 0.1 ms, seed = 1
}
"""


class Tap:
    def __init__(self):
        self.n = self.failed = 0
        self.scratch = tempfile.mkdtemp(prefix="nsl-programs-")

    def check(self, good, what, detail=""):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {what}")
        if not good:
            for line in str(detail).strip().splitlines()[-12:]:
                print(f"#   {line}")
        sys.stdout.flush()
        return good

    def skip(self, what, why):
        self.n += 1
        print(f"ok {self.n} - {what} # SKIP {why}")

    def done(self):
        print(f"1..{self.n}")
        shutil.rmtree(self.scratch, ignore_errors=True)
        sys.exit(1 if self.failed else 0)

    def path(self, name):
        return os.path.join(self.scratch, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)


def call(*command, timeout=300, **options):
    """The finished process, with its text output; status 124 if it had to be stopped."""
    try:
        return subprocess.run(list(command), capture_output=True, text=True, timeout=timeout, **options)
    except subprocess.TimeoutExpired as e:
        return subprocess.CompletedProcess(command, 124, str(e.stdout), f"stopped after {timeout} s")


def run_fit(tap, model, out, *options, timeout=300):
    """A fit into the folder `out`: the finished process, and fit.json; None: there is none."""
    out = tap.path(out)
    shutil.rmtree(out, ignore_errors=True)
    r = call(NSLC, "run", model, "--", "--out", out, "--quiet", *options, timeout=timeout)
    try:
        with open(os.path.join(out, "fit.json")) as f:
            return r, json.load(f)
    except OSError:
        return r, None


def run_json(folder):
    with open(os.path.join(folder, "run.json")) as f:
        return json.load(f)
