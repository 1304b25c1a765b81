#!/usr/bin/env python3
"""Every example, and every connection rule, gives the same state_hash and spikes on 1, 2 and 3 threads, at x86-64-v3 and v4, portable, at -O0, and
between `nslc run` and `nslc build`; where NSLC_OTHER names an nslc that another C compiler has built, with that one too. Durations are shortened; the microcircuit is scaled down (its full size runs in the
long suite)."""
import glob
import hashlib
import os

from tap import EXAMPLES, NSLC, Tap, call, run_json

SHORT = {"channel_noise": ["--experiment", "spontaneous", "--duration", "30ms"], "brunel": ["--duration", "100ms"], "cobahh": ["--duration", "200ms"], "cuba": ["--duration", "300ms"],
         "column_in_brain": ["--experiment", "together", "--duration", "300ms"], "whole_brain": ["--experiment", "rest", "--duration", "300ms"], "f_i_curve": ["--duration", "500ms"], "working_memory": ["--duration", "400ms"], "inhibitory_balance": ["--duration", "400ms"], "astrocytes": ["--experiment", "with_astrocytes", "--duration", "1200ms"], "gliotransmission": ["--experiment", "two_stories", "--duration", "4s"], "tripartite_network": ["--experiment", "three_scales", "--duration", "200ms"], "microcircuit": ["--duration", "100ms"],
         "gif_population": ["--set", "independent.N=300", "--duration", "300ms"],
         "local_network": ["--experiment", "spontaneous", "--duration", "100ms"], "sonata_import": ["--duration", "100ms"],
         "decision": ["--experiment", "motion", "--duration", "100ms"], "graded_release": ["--duration", "600ms"],
         "f_i_curves": ["--set", "curves.N=10", "--duration", "100ms"]}
OTHER = os.environ.get("NSLC_OTHER")
SILENT = {"whole_brain"}  # mean fields
SKIP = {"brunel_regimes", "calcium_buffers"}  # the network of brunel; no spikes
SIZES = {"L23e": 2068, "L23i": 583, "L4e": 2192, "L4i": 548, "L5e": 485, "L5i": 107, "L6e": 1440, "L6i": 295}
for label, n in SIZES.items():
    SHORT["microcircuit"] += ["--set", f"microcircuit.N[{label}]={n}"]


def cpu_flags():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("flags"):
                return set(line.split())
    return set()


def digest(folder):
    """(state hash, digest of all spikes) of a run."""
    info = run_json(folder)
    spikes = os.path.join(folder, "spikes.csv")
    data = open(spikes, "rb").read() if os.path.exists(spikes) else b""
    return info["state_hash"], hashlib.sha256(data).hexdigest(), sum(p["spikes"] for p in info["populations"])


def one(t, name, what, command, options):
    out = t.path(f"{name}.out")
    p = call(*command, *options, "--quiet", "--no-report", "--csv", "--force", "--out", out)
    # a failed `expect` (exit 1) is no concern here: durations are not the model's own
    if p.returncode not in (0, 1) or not os.path.exists(os.path.join(out, "run.json")):
        t.check(False, f"{name}: {what} runs", p.stderr)
        return None
    return digest(out)


def main():
    t = Tap()
    flags = cpu_flags()
    own = [os.path.join(os.path.dirname(os.path.abspath(__file__)), name) for name in ("own_steps.nsl", "rules.nsl")]
    for path in sorted(glob.glob(os.path.join(EXAMPLES, "*.nsl"))) + own:
        name = os.path.basename(path)[:-4]
        if name in SKIP:
            continue
        options = SHORT.get(name, [])
        first = one(t, name, "nslc run, 1 thread", [NSLC, "run", path, "--"], ["--threads", "1", *options])
        if first is None:
            continue
        t.check(first[2] > 0 or name in SILENT, f"{name}: spikes at all ({first[2]})")
        program = {precision: t.path(f"{name}-{precision}") for precision in ("f64", "f32")}
        built = [call(NSLC, "build", path, "-o", program[p], "--precision", p) for p in program]
        if not t.check(all(p.returncode == 0 for p in built), f"{name}: build, float64 and float32", built[0].stderr + built[1].stderr):
            continue
        for n, rows in ((2, "shard"), (3, "source")):
            other = one(t, name, f"{n} threads, rows by {rows}", [program["f64"]], ["--threads", str(n), "--rows", rows, *options])
            t.check(other == first, f"{name}: built, {n} threads, rows by {rows} as nslc run, 1 thread", f"{other} against {first}")
        other = one(t, name, "rows made anew", [program["f64"]], ["--threads", "2", "--connectivity", "procedural", *options])
        t.check(other == first, f"{name}: rows made anew at each spike as stored ones", f"{other} against {first}")
        if OTHER:
            other = one(t, name, "nslc of another compiler", [OTHER, "run", path, "--"], ["--threads", "2", *options])
            t.check(other == first, f"{name}: an nslc of another compiler", f"{other} against {first}")
        builds = [("x86-64-v3", ["--cpu", "x86-64-v3"], "avx2"), ("x86-64-v4", ["--cpu", "x86-64-v4"], "avx512f"),
                  ("portable", ["--cpu", "portable"], "sse4_2"), ("-O0", ["-O0"], "sse4_2")]
        for what, build, flag in builds:
            if flag not in flags:
                t.skip(f"{name}: build {what}", f"this processor has no {flag}")
                continue
            p = call(NSLC, "build", path, "-o", t.path(name), *build)
            if not t.check(p.returncode == 0, f"{name}: build {what}", p.stderr):
                continue
            other = one(t, name, what, [t.path(name)], ["--threads", "2", *options])
            t.check(other == first, f"{name}: program built for {what} as nslc run", f"{other} against {first}")
        pair = [one(t, name, f"f32, {n} threads", command, ["--threads", str(n), *options])
                for n, command in ((1, [NSLC, "run", path, "--", "--precision", "f32"]), (2, [program["f32"]]))]
        t.check(pair[0] == pair[1] and pair[0] is not None, f"{name}: float32, nslc run on 1 and built on 2 threads", pair)
        t.check(pair[0] is not None and pair[0][0] != first[0], f"{name}: float32 is another trajectory than float64")
    t.done()


if __name__ == "__main__":
    main()
