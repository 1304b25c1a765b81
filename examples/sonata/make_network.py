#!/usr/bin/env python3
"""Writes the small SONATA network that examples/sonata_import.nsl reads: 240 excitatory and 60 inhibitory cells on a ring of 1 mm, as
v1_edges.h5 (connections with a number of contacts each), v1_edge_types.csv (weight and delay of each kind), v1_nodes.h5 (places, and a
threshold of each cell) and v1_node_types.csv (a time constant for each kind). Needs h5py."""
import math
import os
import random

import h5py

HERE = os.path.dirname(os.path.abspath(__file__))
N_E, N_I, RADIUS = 240, 60, 1000 / (2 * math.pi)
REACH = {"e": 80, "i": 160}  # um along the ring
TYPES = {("e", "e"): (100, 12, 1.5), ("e", "i"): (101, 16, 1.0), ("i", "e"): (102, -50, 0.8), ("i", "i"): (103, -40, 0.8)}  # id, pA, ms


def main():
    rng = random.Random(2024)
    kind = ["e"] * N_E + ["i"] * N_I
    angle = [2 * math.pi * (i / N_E if i < N_E else (i - N_E) / N_I) for i in range(N_E + N_I)]
    edges = []
    for target in range(N_E + N_I):  # sorted by target, as SONATA files are
        for source in range(N_E + N_I):
            turn = abs(angle[source] - angle[target])
            far = min(turn, 2 * math.pi - turn) * RADIUS
            if source != target and rng.random() < 0.6 * math.exp(-far * far / (2 * REACH[kind[source]] ** 2)):
                edges.append((source, target, TYPES[kind[source], kind[target]][0], rng.randint(1, 4)))
    with h5py.File(os.path.join(HERE, "v1_edges.h5"), "w") as f:
        f.attrs["magic"], f.attrs["version"] = 0x0A7A, (0, 1)
        g = f.create_group("edges/v1_to_v1")
        for k, (name, dtype) in enumerate([("source_node_id", "u4"), ("target_node_id", "u4"), ("edge_type_id", "u2"), ("0/nsyns", "u1")]):
            g.create_dataset(name, data=[e[k] for e in edges], dtype=dtype, compression="gzip", track_times=False)
        for name in ("source_node_id", "target_node_id"):
            g[name].attrs["node_population"] = "v1"
        g.create_dataset("edge_group_id", data=[0] * len(edges), dtype="u1", compression="gzip", track_times=False)
        g.create_dataset("edge_group_index", data=list(range(len(edges))), dtype="u4", compression="gzip", track_times=False)
    with open(os.path.join(HERE, "v1_edge_types.csv"), "w") as f:
        f.write("edge_type_id source_query target_query syn_weight delay\n")
        for (source, target), (number, weight, delay) in TYPES.items():
            f.write(f"{number} ei=='{source}' ei=='{target}' {weight} {delay}\n")
    with h5py.File(os.path.join(HERE, "v1_nodes.h5"), "w") as f:
        f.attrs["magic"], f.attrs["version"] = 0x0A7A, (0, 1)
        g = f.create_group("nodes/v1")
        n = N_E + N_I
        g.create_dataset("node_id", data=list(range(n)), dtype="u4", compression="gzip", track_times=False)
        g.create_dataset("node_type_id", data=[10 if k == "e" else 11 for k in kind], dtype="u2", compression="gzip", track_times=False)
        g.create_dataset("node_group_id", data=[0] * n, dtype="u1", compression="gzip", track_times=False)
        g.create_dataset("node_group_index", data=list(range(n)), dtype="u4", compression="gzip", track_times=False)
        columns = {"x": [RADIUS * math.cos(a) for a in angle], "y": [RADIUS * math.sin(a) for a in angle],
                   "V_th": [rng.gauss(-55, 0.5) for _ in range(n)]}
        for name, values in columns.items():
            g.create_dataset("0/" + name, data=[round(v, 3) for v in values], dtype="f4", compression="gzip", track_times=False)
    with open(os.path.join(HERE, "v1_node_types.csv"), "w") as f:
        f.write("node_type_id ei model_type tau_m\n10 e point_neuron 12\n11 i point_neuron 10\n")


if __name__ == "__main__":
    main()
