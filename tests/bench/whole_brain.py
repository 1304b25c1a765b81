#!/usr/bin/env python3
"""A whole brain beside The Virtual Brain or neurolib: 76 regions as Wilson-Cowan columns, coupled through a measured connectome with the delays of its tracts, the same
equations, parameters and step (Euler); on one thread. Prints seconds of processor time for each second of the model, and how far the activity of both
lies apart; draws functional connectivity (--figure FILE.svg). Delays lie between grid points here, at the nearest one there.

usage (with a Python that has the peer): whole_brain.py tvb|neurolib tvb_connectivity_76.zip [--ms 20000] [--repeats 3] [--figure FILE.svg]
nslc comes from $NSLC or the path."""
import argparse
import csv
import math
import os
import subprocess
import sys
import tempfile
import time
import zipfile

DT, K, SPEED, WARM = 0.1, 0.6, 20.0, 500.0

MODEL = """language 1

mass column {{
  param tau_e = 2.5 ms, tau_i = 3.75 ms
  param c_ee = 16, c_ei = 12, c_ie = 15, c_ii = 3, a = 1.5, mu = 3, base = 0.65
  input c : 1
  state E = 0.05, I = 0.05
  E' = (-E + (1 - E) / (1 + exp(-a * (c_ee * E - c_ei * I + c + base - mu)))) / tau_e
  I' = (-I + (1 - I) / (1 + exp(-a * (c_ie * E - c_ii * I - mu)))) / tau_i
}}

synapse tract {{ weight w;  stream w * delayed(pre.E, delay) }}

network brain {{
  param K = {K}, speed = {SPEED} mm/ms
  population region : column[{n}]
  connect region -> region.c by matrix("weights.csv"), no self with tract {{
    weight = K * entry
    delay  = max(csv("tracts.csv") mm / speed, dt)
  }}
}}

experiment rest {{
  network brain
  record E of region every 1 ms
  run {ms} ms with dt = {DT} ms, method = euler
}}
"""


def connectome(path):
    """Weights, largest 1, and tract lengths in mm: rows are targets."""
    tables = []
    with zipfile.ZipFile(path) as z:
        for part in ("weights", "tract_lengths"):
            name = next(n for n in z.namelist() if os.path.basename(n).startswith(part))
            text = z.read(name)
            tables.append([[float(x) for x in line.split()] for line in text.decode().splitlines() if line.strip()])
    largest = max(max(r) for r in tables[0])
    weights = [[0.0 if i == j else w / largest for j, w in enumerate(r)] for i, r in enumerate(tables[0])]
    return weights, tables[1]


def by_nsl(folder, weights, tracts, ms, repeats):
    for name, table in (("weights", weights), ("tracts", tracts)):
        with open(os.path.join(folder, name + ".csv"), "w") as f:
            f.write("\n".join(",".join(repr(x) for x in r) for r in table) + "\n")
    model, program, out = (os.path.join(folder, x) for x in ("brain.nsl", "brain", "out"))
    with open(model, "w") as f:
        f.write(MODEL.format(K=K, SPEED=SPEED, DT=DT, n=len(weights), ms=ms))
    subprocess.run([os.environ.get("NSLC", "nslc"), "build", model, "-o", program], check=True)
    best = float("inf")
    for k in range(repeats + 1):  # the first one writes text as well
        before = os.times()
        subprocess.run([program, "--threads", "1", "--quiet", "--no-report", "--force", "--out", out if k else out + ".text", *([] if k else ["--csv"])], check=True)
        after = os.times()
        if not k:
            continue
        best = min(best, after.children_user + after.children_system - before.children_user - before.children_system)
    with open(os.path.join(out + ".text", "E.csv")) as f:
        rows = [[float(x) for x in r[1:]] for r in list(csv.reader(f))[1:]]
    return best, rows


def by_tvb(weights, tracts, ms, repeats):
    import numpy as np
    from tvb.simulator.lab import connectivity, coupling, integrators, models, monitors, simulator
    n = len(weights)
    given = dict(c_ee=16, c_ei=12, c_ie=15, c_ii=3, tau_e=2.5, tau_i=3.75, a_e=1.5, b_e=3, c_e=1, theta_e=0, a_i=1.5, b_i=3, c_i=1, theta_i=0,
                 r_e=1, r_i=1, k_e=1, k_i=1, P=0.65, Q=0, alpha_e=1, alpha_i=1)
    model = models.WilsonCowan(shift_sigmoid=np.array([False]), **{k: np.array([float(v)]) for k, v in given.items()})
    net = connectivity.Connectivity(weights=np.array(weights), tract_lengths=np.array(tracts), speed=np.array([SPEED]),
                                    region_labels=np.array([str(i) for i in range(n)]), centres=np.zeros((n, 3)))
    best, past = float("inf"), math.ceil(max(max(r) for r in tracts) / SPEED) + 1  # its clock begins with the past that it is given
    for _ in range(repeats):
        sim = simulator.Simulator(model=model, connectivity=net, coupling=coupling.Linear(a=np.array([K]), b=np.array([0.0])),
                                  integrator=integrators.EulerDeterministic(dt=DT), monitors=[monitors.SubSample(period=1.0)],
                                  initial_conditions=np.full((round(past / DT) + 1, 2, n, 1), 0.05))
        sim.configure()
        begin = time.process_time()
        (t, x), = sim.run(simulation_length=ms + past)
        best = min(best, time.process_time() - begin)
    return best, x[past:, 0, :, 0].tolist(), (t[past:] - past).tolist()


def by_neurolib(weights, tracts, ms, repeats):
    import numpy as np
    from neurolib.models.wc import WCModel
    model = WCModel(Cmat=np.array(weights), Dmat=np.array(tracts))
    n = len(weights)
    given = dict(dt=DT, duration=ms, sampling_dt=1.0, K_gl=K, signalV=SPEED, sigma_ou=0.0, tau_ou=5.0, exc_ext=0.65, exc_ext_baseline=0.0,
                 inh_ext_baseline=0.0, tau_exc=2.5, tau_inh=3.75, c_excexc=16, c_inhexc=12, c_excinh=15, c_inhinh=3, a_exc=1.5, a_inh=1.5, mu_exc=3, mu_inh=3,
                 exc_init=0.05 * np.ones((n, 1)), inh_init=0.05 * np.ones((n, 1)), exc_ou=np.zeros(n), inh_ou=np.zeros(n), exc_ou_mean=0.0, inh_ou_mean=0.0)
    unknown = [k for k in given if k not in model.params]
    for k, v in given.items():
        if k in model.params:
            model.params[k] = v
    if unknown:
        print("neurolib knows no", ", ".join(unknown))
    model.params["duration"] = 100.0
    model.run()  # compiles
    model.params["duration"] = ms
    best = float("inf")
    for _ in range(repeats):
        model.params["exc_init"], model.params["inh_init"] = 0.05 * np.ones((n, 1)), 0.05 * np.ones((n, 1))
        begin = time.process_time()
        model.run()
        best = min(best, time.process_time() - begin)
    return best, model.exc.T.tolist(), model.t.tolist()


def correlations(rows):
    n, m = len(rows[0]), len(rows)
    columns = [[r[i] for r in rows] for i in range(n)]
    flat = []
    for c in columns:
        mean = sum(c) / m
        d = [x - mean for x in c]
        norm = sum(x * x for x in d) ** 0.5 or 1.0
        flat.append([x / norm for x in d])
    return [[sum(x * y for x, y in zip(a, b)) for b in flat] for a in flat]


def figure(path, fc):
    n, side = len(fc), 6
    cells = "".join(f'<rect x="{j * side}" y="{i * side}" width="{side}" height="{side}" fill="hsl({240 - 240 * (v + 1) / 2:.0f},80%,50%)"/>'
                    for i, r in enumerate(fc) for j, v in enumerate(r))
    with open(path, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{n * side}" height="{n * side}"><title>Functional connectivity</title>{cells}</svg>\n')


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("peer", choices=("tvb", "neurolib"))
    p.add_argument("connectome")
    p.add_argument("--ms", type=float, default=20000)
    p.add_argument("--peer-ms", type=float, default=3000)
    p.add_argument("--repeats", type=int, default=3)
    p.add_argument("--figure")
    a = p.parse_args()
    weights, tracts = connectome(a.connectome)
    with tempfile.TemporaryDirectory() as folder:
        own, rows = by_nsl(folder, weights, tracts, a.ms, a.repeats)
    peer, other, times = (by_tvb if a.peer == "tvb" else by_neurolib)(weights, tracts, a.peer_ms, a.repeats)
    own, peer = own / a.ms * 1e3, peer / a.peer_ms * 1e3
    fc = correlations(rows[int(WARM):int(a.peer_ms)])
    if a.figure:
        figure(a.figure, fc)
    at = {round(t): r for t, r in zip(times, other) if abs(t - round(t)) < DT}
    early = max(abs(x - y) for t in range(1, 30) if t in at for x, y in zip(rows[t], at[t]))
    pairs = [(fc[i][j], c) for i, r in enumerate(correlations(other[int(WARM):])) for j, c in enumerate(r) if i < j]
    print(f"{len(weights)} regions, {sum(w != 0 for r in weights for w in r)} tracts, dt = {DT} ms, one thread; processor time for a second of the model")
    print(f"NSL      {own:.4f} s, the whole program with its files, of {a.ms / 1000:g} s")
    print(f"{a.peer:8} {peer:.4f} s, of {a.peer_ms / 1000:g} s")
    print(f"NSL is {peer / own:.1f} times as fast; in the first 30 ms E differs by at most {early:.2g}; "
          f"functional connectivity by {sum(abs(x - y) for x, y in pairs) / len(pairs):.2g} on average")
    return 0 if peer / own >= 10 else 1


if __name__ == "__main__":
    sys.exit(main())
