#!/usr/bin/env python3
"""Synapses with memory on a device whose own states are stepped: all of them in every step, with what their cells were a step ago. As device_plastic.py: the
processor's state_hash, spikes, weights and states, bit for bit; phases in which weights stand still, runs resumed from one to the other.
`all`: every model with every way."""
import sys

from device_plastic import RUN, WAYS, built, compare, resumed, text_of
from plastic import DRIFT
from tap import Tap
import third_reads

ALL = "all" in sys.argv[1:]
# states of its own with no closed form, signals and states of the sources in equations, drawn params, a weight with an equation, a handler that does more than add, a longer step
MODEL = """language 1
neuron src { state V = 0 mV
  V' = -V / (10 ms)
  receive go(w : mV) { V += w }
  spike when V >= 1 mV { V = 0 mV } }
neuron dst { state V = 0 mV, S = 0 pA
  V' = -V / (10 ms)
  S' = -S / (5 ms)
  receive go(w : mV) { V += w }
  receive exc(w : pA) { S = 0.99 * S + w }
  spike when V >= 1 mV { V = 0 mV } }
synapse rule {
  weight w : pA in [0 pA, 150 pA]
  input n : nM
  param tau = 20 ms
  state c = 0.1
  state x = 0 per pre
  state y = 0 per post
  x' = -x / (20 ms)
  y' = -y / (30 ms)
  c' = (0.1 * pre.V / (1 mV) + c * (1 - c) + y * x - c^3 + n / (1 nM) * sin(c)) / tau
  w' = (60 pA * c - w) / (200 ms) * (1 + y)
  on pre  { w -= 0.01 * w * y
    if c > 0.2 { send w * c }
    x += 1 + n / (1 nM) }
  on post { w += 0.4 pA * x * (1 + y);  c += 0.1;  y += 1 } }
network net {
  population A : src[12] step 2 * dt
  population B : dst[70]
  population D : src[5]
  signal da : nM { da' = -da / (30 ms);  on spike of D { da += 0.3 nM } }
  drive A.go with poisson(90 Hz) { weight = 2 mV }
  drive B.go with poisson(60 Hz) { weight = 2 mV }
  drive D.go with poisson(60 Hz) { weight = 2 mV }
  connect ab: A -> B.exc by indegree(9) with rule { n = da;  tau ~ uniform(10 ms, 40 ms) } { weight ~ uniform(20 pA, 100 pA);  delay ~ uniform(0.4 ms, 1.4 ms) }
}
experiment e { network net
  record spikes of (A, B)
  record S of B every 3 ms
  record x of ab every 7.3 ms
  record y of ab every 7.3 ms
  record c of ab every 7.3 ms
  record weight of ab every 7.3 ms
  run 60 ms with dt = 0.1 ms, seed = 3
}
"""
APART, DRAWN = "= axonal(0.5 ms) + dendritic(0.7 ms)", "~ uniform(0.4 ms, 4 ms)"
THIRD = "language 1\n" + third_reads.MODEL % (third_reads.STEPPED, "", "60 ms", 3)
CASES = {
    "driven by the traces of both cells": (text_of(DRIFT, "indegree(6)", APART, RUN, 60), "f64"),
    "weights that stand still for a phase, float32": (text_of(DRIFT, "indegree(20)", DRAWN, RUN, 0, frozen=True), "f32"),
    "equations of all kinds": (MODEL, "f64"),
    "driven by third parts, float32": (THIRD.replace("every 0.1 ms", "every 2 ms").replace("every 1 ms", "every 3 ms"), "f32"),
    "a weight with an equation that stands still for a phase": (MODEL[:MODEL.rindex("run ")] + """run 20 ms as first with dt = 0.1 ms, seed = 3, method = rk4
  run 20 ms as second { freeze weight of ab }
  run 20 ms as third
}
""", "f64"),
}


def main():
    tap = Tap()
    for k, (name, (text, precision)) in enumerate(CASES.items()):
        program = built(tap, name, text, "--precision", precision)
        if program:
            compare(tap, name, program, WAYS if ALL else [WAYS[k % 3]])
        if program and text == MODEL:
            resumed(tap, program)
    tap.done()


if __name__ == "__main__":
    main()
