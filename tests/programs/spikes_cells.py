#!/usr/bin/env python3
"""AdEx and Hodgkin-Huxley neurons fitted to the step recordings of two cells by exact events (examples/fits/adex_steps.nsl,
hh_steps.nsl): spikes of the sweep that was held out, their number within 10 % (15 %) and the first within 6 ms."""
import os
import shutil

from tap import EXAMPLES, Tap, run_fit

FITS = os.path.join(EXAMPLES, "fits")
HELD = {"b6": 50, "b8": 44}  # spikes of the held sweeps
JUDGE = "  stage judge { minimize count(spike, given = rec.s) + latency(spike, given = rec.s) / (1 ms)^2;  by cmaes(steps = 1, sigma = 1e-6) }\n"


def held(t, model, share, name, spikes):
    """The last stage only measures: it moves nothing that could be seen."""
    with open(os.path.join(FITS, model + "_steps.nsl")) as f:
        text = f.read().replace("  validate hdf5", JUDGE + "  validate hdf5")
    shutil.copy(os.path.join(FITS, "steps_idrest_cells_b6_b8_b95.h5"), t.scratch)
    p, fit = run_fit(t, t.write("cells.nsl", text), model + name, "--fit", name)
    if not t.check(p.returncode == 0 and fit is not None, f"{model}, {name}: fitted", p.stderr):
        return
    count, latency = (term["mean"] for term in fit["validation"]["terms"])
    t.check(count ** 0.5 <= share * spikes, f"{model}, {name}: {count ** 0.5:.0f} of {spikes} spikes too many or too few in the held sweep")
    t.check(latency ** 0.5 <= 6, f"{model}, {name}: the first within {latency ** 0.5:.1f} ms")


if __name__ == "__main__":
    tap = Tap()
    for model, share in (("adex", 0.1), ("hh", 0.15)):
        for cell, n in HELD.items():
            held(tap, model, share, cell, n)
    tap.done()
