#!/usr/bin/env python3
"""Synapses with memory on a device whose events go to handlers one by one: the network of plastic_ports.py has the processor's state_hash, spikes, weights
and states, bit for bit; sends under conditions, several of one event, parts of populations, phases in which weights stand still, runs resumed from one
to the other; a weight that runs away is told in the same words.
`all`: every model with every way."""
import sys

from device_plastic import WAYS, built, compare, resumed, run
from plastic_ports import NETWORK, TWO
from tap import Tap

ALL = "all" in sys.argv[1:]
PHASES = """run 25 ms as first with dt = 0.1 ms, seed = 3
  run 20 ms as second { freeze weight of ab }
  run 15 ms as third
}
"""


def text_of(ms):
    text = "language 1\n" + NETWORK % (f"{ms} ms", 3)
    return text.replace("every 0.1 ms", "every 2 ms").replace("every 20 ms", "every 7 ms")


def parts(text):
    """Of both populations a part, so that the last synapses of one and the first of the next stand side by side."""
    return text.replace("src[12]", "src[150]").replace("dst[9]", "dst[140]").replace("connect ab: A -> B", "connect ab: A[20..101] -> B[61..130]")


def frozen(text):
    return text[:text.rindex("run ")] + PHASES


CASES = {"event by event": (lambda text: text, "f64"), "parts of populations, float32": (parts, "f32"), "a phase in which weights stand still": (frozen, "f64")}


def failures(tap):
    text = text_of(300).replace(TWO.text, """synapse rule { weight w : pA
  on pre { w = w * 1e30;  if w > 0 pA { send w } } }""").replace("record spikes of (A, B)\n", "")
    program = built(tap, "a weight that runs away", text)
    if program:
        cpu, device = run(tap, program, "cpu", None)[0], run(tap, program, "device", WAYS[1])[0]
        tap.check(cpu.returncode == device.returncode == 1 and cpu.stderr == device.stderr and "sends what is no number" in cpu.stderr,
                  "a weight that runs away: the same words", cpu.stderr + device.stderr)


def main():
    tap = Tap()
    for k, (name, (change, precision)) in enumerate(CASES.items()):
        program = built(tap, name, change(text_of(60)), "--precision", precision)
        if program:
            compare(tap, name, program, WAYS if ALL else [WAYS[k % 3]])
        if program and not k:
            resumed(tap, program)
    failures(tap)
    tap.done()


if __name__ == "__main__":
    main()
