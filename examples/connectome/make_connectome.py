#!/usr/bin/env python3
"""Writes a connectome of the kind that is measured by tractography, for examples/whole_brain.nsl: 64 regions in two hemispheres, four communities in
each, weights of tracts over orders of magnitude that fall with length, few tracts between communities, one from each region to its mirror image.
regions.csv (name, place), weights.csv and tract_lengths.csv (mm), a line for each target. No data of anybody are in it."""
import math
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = ("frontal", "parietal", "temporal", "occipital")
CENTRES = {"frontal": (25, 40, 20), "parietal": (28, -25, 45), "temporal": (45, -15, -10), "occipital": (18, -70, 5)}  # mm, right hemisphere
EACH, HEMISPHERE = 8, 32


def main():
    rng = random.Random(2013)
    right = [tuple(c + rng.gauss(0, 11) for c in CENTRES[PARTS[i // EACH]]) for i in range(HEMISPHERE)]
    places = right + [(-x, y, z) for x, y, z in right]
    names = [f"{side}_{PARTS[i // EACH]}_{i % EACH + 1}" for side in ("right", "left") for i in range(HEMISPHERE)]
    n = len(places)
    weights, lengths = ([[0.0] * n for _ in range(n)] for _ in range(2))
    for i in range(n):
        for j in range(i):
            length = 1.3 * math.dist(places[i], places[j])  # tracts are not straight
            together, mirror = i // EACH == j // EACH, i == j + HEMISPHERE
            across = i // HEMISPHERE != j // HEMISPHERE
            p = 1 if mirror else 0 if across else 0.9 if together else 0.06
            weight = rng.lognormvariate(0, 0.5) * math.exp(-length / 60) if rng.random() < p else 0
            weights[i][j] = weights[j][i] = 0.15 if mirror else weight
            lengths[i][j] = lengths[j][i] = length
    strongest = max(sum(row) for row in weights)
    with open(os.path.join(HERE, "regions.csv"), "w") as f:
        f.write("name,x,y,z\n" + "".join(f"{name},{x:.1f},{y:.1f},{z:.1f}\n" for name, (x, y, z) in zip(names, places)))
    for name, table, digits in (("weights", [[w / strongest for w in row] for row in weights], 4), ("tract_lengths", lengths, 1)):
        with open(os.path.join(HERE, name + ".csv"), "w") as f:
            f.write("".join(",".join(f"{x:.{digits}g}" if digits == 4 else f"{x:.1f}" for x in row) + "\n" for row in table))


if __name__ == "__main__":
    main()
