#!/usr/bin/env python3
"""The PTX of every example and library model: what it may not hold, and what NVIDIA's assembler makes of it.

usage: ptx.py [all]           all: every file for every GPU (suite `long`), else the library's neurons for two
       ptx.py --table         docs/gpu_registers.md, to standard output
The assembler is looked for as `ptxas` in the path, then in /usr/local/cuda*/bin; without it what needs it is skipped."""
import concurrent.futures
import glob
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tap import NSLC, ROOT, Tap

tap = Tap()
GPUS = {"sm_75": "sm_75", "sm_80": "sm_75", "sm_90": "sm_90", "sm_100": "sm_90", "sm_120": "sm_90"}  # and whose PTX they load
NEURONS = ["neurons", "adaptive", "gif", "hodgkin_huxley", "reduced", "generators"]  # library files of point neurons
FORBIDDEN = [
    (r"\.ftz\b", "flushes in the GPU's way"),
    (r"\.approx\b", "approximates"),
    (r"\bdiv\.full\b", "divides approximately"),
    (r"__nv_", "calls libdevice"),
    (r"\bmad\.\w*\.?f(32|64)\b", "multiplies and adds with who knows how many roundings"),
    (r"^\s*(add|sub|mul|div|sqrt|rcp)\.f(32|64)\b", "leaves it to the assembler whether a multiplication and an addition are fused"),
    (r"\batom\.\S*\.f(32|64)\b|\bred\.\S*\.f(32|64)\b", "adds floating-point numbers in any order"),
    (r"^\s*\.extern \.func", "calls what nobody has"),
    (r"^\s*(min|max)\.f(32|64)\s[^;]*, 0[df]8?0+;|^\s*(min|max)\.f(32|64)\s+(%\w+), %\w+, %\w+;(?!\s*setp\.\w+\.f\d\d\s+%\w+, \5, )",
     "orders -0 and +0, which a choice does not"),
]
CHOICES = """language 1
neuron cell {
  state x = 0, y = 0, z = 0
  x' = (max(0, y) + min(x, z) - x) / (1 ms)
  y' = -(max(y, 0) + min(0, x)) / (1 ms)
  z' = (min(z, 0) + max(x, y) + clip(z, 0, 1) + (if x <= 0 then 0 else x)) / (1 ms)
}
experiment e {
  neuron cell
  record x every 1 ms
  record y every 1 ms
  record z every 1 ms
  run 1 ms with dt = 0.1 ms
}
"""


def ptxas():
    found = shutil.which("ptxas")
    for folder in sorted(glob.glob("/usr/local/cuda*/bin"), reverse=True):
        found = found or shutil.which("ptxas", path=folder)
    return found


def library_files(folder):
    """A file for each of the library's, with an experiment of each of its cells."""
    files = []
    for path in sorted(glob.glob(os.path.join(ROOT, "stdlib", "*.nsl"))):
        text = open(path, encoding="utf-8").read()
        cells = re.findall(r"^(neuron|mass|glia) (\w+)", text, re.M)
        if not cells:
            continue
        name = os.path.join(folder, os.path.basename(path))
        with open(name, "w", encoding="utf-8") as f:
            f.write("language 1\n")
            for kind, cell in cells:
                f.write(f"experiment of_{cell} {{\n  {kind} {cell}\n  run 1 ms with dt = 0.1 ms\n}}\n")
        files.append(name)
    return files


def compiled(path, target, precision="f64", emit="ptx"):
    done = subprocess.run([NSLC, "build", path, "--target", target, "--precision", precision, "--emit", emit, "--cpu", "x86-64-v2",
                           "--allow-read", ROOT], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None, done.stderr


def forbidden(text):
    for pattern, why in FORBIDDEN:
        found = re.search(pattern, text, re.M)
        if found:
            line = text[:found.start()].count("\n")
            return f"`{text.splitlines()[line].strip()}` {why}"
    return ""


def text_cases(files, everything):
    """everything: for both targets; else each precision for another one."""
    entries = 0
    for path in files:
        name, whys = os.path.relpath(path, ROOT) if path.startswith(ROOT) else "library " + os.path.basename(path), []
        for k, (precision, target) in enumerate(itertools.product(("f64", "f32"), ("sm_75", "sm_90"))):
            if not everything and (len(name) + k + k // 2) % 2:
                continue
            text, said = compiled(path, target, precision)
            why = forbidden(text) if text is not None else said
            whys += [f"{target} {precision}: {why}"] if why or text is None else []
            entries += (text or "").count(".entry ")
        tap.check(not whys, f"{name}: nothing approximate, nothing fused by the way", "; ".join(whys))
    tap.check(entries > 120, "there were kernels to look at", f"{entries}")


def runtime_cases():
    """The functions of runtime/device, as they are in every program."""
    functions = re.findall(r"^DEVICE\((\w+)", open(os.path.join(ROOT, "runtime", "device", "device.def"), encoding="utf-8").read(), re.M)
    for target in sorted(set(GPUS.values())):
        with open(os.path.join(os.path.dirname(os.path.abspath(NSLC)), os.pardir, "codegen", f"dev.{target}.ptx"), encoding="utf-8") as f:
            text = f.read()
        lacks = [n for n in functions if f".entry rt_dev_{n}(" not in text]
        tap.check(functions and not lacks and not forbidden(text), f"functions of the runtime, {target}: nothing approximate", forbidden(text) or f"{lacks}")


def fused_case(path):
    """Each fma of the PTX is one of the code it is made from."""
    llvm, said = compiled(path, "sm_90", emit="llvm")
    text, _ = compiled(path, "sm_90")
    if llvm is None or text is None:
        tap.check(False, "fused operations", said)
        return
    modules = [m for m in re.split(r"^; ModuleID = ", llvm, flags=re.M) if "nvptx64" in m and not m.startswith("'hot'")]
    want = sum(len(re.findall(r"call (?:double|float) @llvm\.fma", m)) for m in modules)
    got = len(re.findall(r"\bfma\.rn\.f(?:32|64)\b", text))
    tap.check(want == got > 0, f"{os.path.basename(path)}: {got} fused operations, as many as asked for", f"{want}")


def assembled(assembler, text, gpu):
    """By kernel: registers, bytes spilled. None: refused."""
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as f:
        f.write(text)
        f.flush()
        done = subprocess.run([assembler, "-v", f"-arch={gpu}", f.name, "-o", os.devnull], capture_output=True, text=True, check=False)
    if done.returncode:
        return None, done.stderr
    kernels, name, spilled = {}, None, 0
    for line in done.stderr.splitlines():
        if found := re.search(r"entry function '(?:nsl_dev_kernel_\d+_)?(\w+)'", line):
            name = found[1]
        elif found := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spilled = int(found[1]) + int(found[2])
        elif found := re.search(r"Used (\d+) registers", line):
            kernels[name] = (int(found[1]), spilled)
    return kernels, ""


def assemble_all(assembler, files, gpus, precisions):
    """{(file, gpu, precision): (kernels, message)}; files without kernels are left out."""
    texts, results = {}, {}
    for path in files:
        for target in sorted({GPUS[g] for g in gpus}):
            for precision in precisions:
                text, _ = compiled(path, target, precision)
                if text:
                    texts[path, target, precision] = text
    jobs = [(path, g, p, text) for (path, target, p), text in texts.items() for g in gpus if GPUS[g] == target]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for job, result in zip(jobs, pool.map(lambda j: assembled(assembler, j[3], j[1]), jobs)):
            results[job[:3]] = result
    return results


def is_neurons(path):
    return os.path.basename(path)[:-4] in NEURONS and not path.startswith(ROOT)


def assembler_cases(assembler, files, gpus, precisions):
    if not assembler:
        tap.skip(f"assembled for {', '.join(gpus)}", "no ptxas on this machine")
        return
    results = assemble_all(assembler, files, gpus, precisions)
    for path in files:
        mine = {k: v for k, v in results.items() if k[0] == path}
        refused = [f"{g} {p}: {said}" for (_, g, p), (kernels, said) in mine.items() if kernels is None]
        spills = [f"{g} {p} {name}: {k[1]} bytes" for (_, g, p), (kernels, _) in mine.items() for name, k in (kernels or {}).items() if k[1]]
        if mine:
            name = os.path.relpath(path, ROOT) if path.startswith(ROOT) else "library " + os.path.basename(path)
            tap.check(not refused, f"{name}: assembled for {', '.join(gpus)}", "; ".join(refused)[:500])
            if is_neurons(path):
                steps = {n for kernels, _ in mine.values() for n in kernels or {} if n.startswith("step_")}
                tap.check(steps and not spills, f"{name}: no registers are spilled", ", ".join(spills))


def table(assembler, folder):
    version = subprocess.run([assembler, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"release (\S+),", version)[1]
    gpus = list(GPUS)
    print("# Registers of the library's cells on GPUs\n")
    print(f"Made by `tests/programs/ptx.py --table` with ptxas {version}; the test `ptx_all` assembles all examples as well. Registers of a thread")
    print("for the step of each cell of the library, float64 / float32; behind a plus the bytes that are spilled to memory, stores and loads together. A GPU has")
    print("65,536 registers for the threads that share a multiprocessor: at 64 a thread there is room for 1,024 of its 2,048 (1,536).\n")
    print("| cell | " + " | ".join(gpus) + " |\n|---|" + "---|" * len(gpus))
    files = library_files(folder)
    results = assemble_all(assembler, files, gpus, ["f64", "f32"])
    def cell(kernels, name):
        registers, spilled = kernels.get(name, (0, 0))
        return f"{registers}" + (f"+{spilled}" if spilled else "") if registers else "-"
    for path in files:
        names = sorted({n for (p, _, _), (kernels, _) in results.items() if p == path for n in kernels or {} if n.startswith("step_")})
        for name in names:
            both = [" / ".join(cell(results[path, g, p][0], name) for p in ("f64", "f32")) for g in gpus]
            print(f"| {name[5:]} | " + " | ".join(both) + " |")
    fits_table(assembler)


def fits_table(assembler):
    """Kernels over time, which keep every state of a march in a register as long as there are any."""
    print("\n## Fits\n\nKernels over time of `examples/fits`, on sm_90, float64: registers, and bytes that are spilled. A thread keeps all states of its march at hand: those of")
    print("sensitivities by all pairs of parameters (`curvature`, for Levenberg-Marquardt) are more than the 255 registers that a thread may have.\n")
    print("| fit | march | curvature, or direction | record | back |\n|---|---|---|---|---|")
    kinds = {"march": "march", "curvature": "curvature", "gradient": "curvature", "direction": "curvature", "record": "record", "back": "back"}
    for path in sorted(glob.glob(os.path.join(ROOT, "examples", "fits", "*.nsl"))):
        fits = re.findall(r"^fit (\w+)", open(path, encoding="utf-8").read(), re.M)
        (kernels, _), = assemble_all(assembler, [path], ["sm_90"], ["f64"]).values()
        for fit in fits:
            row = {}
            for name, (registers, spilled) in kernels.items():
                kind, _, of = name.partition("_")
                if kind in kinds and re.fullmatch(fit + r"(_given_\w+|_\w+_held)?", of):
                    row.setdefault(kinds[kind], []).append(f"{registers}" + (f"+{spilled}" if spilled else ""))
            if row:
                print(f"| {os.path.basename(path)[:-4]}, {fit} | " + " | ".join(", ".join(sorted(set(row.get(k, ["-"])))) for k in ("march", "curvature", "record", "back")) + " |")


def main():
    assembler = ptxas()
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:] == ["--table"]:
            return table(assembler, folder)
        everything = sys.argv[1:] == ["all"]
        library = library_files(folder)
        examples = sorted(glob.glob(os.path.join(ROOT, "examples", "*.nsl")) + glob.glob(os.path.join(ROOT, "examples", "fits", "*.nsl")))
        if everything:
            text_cases(library + examples, True)
            assembler_cases(assembler, library + examples, list(GPUS), ["f64", "f32"])
        else:
            with open(os.path.join(folder, "choices.nsl"), "w", encoding="utf-8") as f:
                f.write(CHOICES)
            text_cases(library + examples + [f.name], False)
            runtime_cases()
            fused_case([f for f in library if f.endswith("hodgkin_huxley.nsl")][0])
            assembler_cases(assembler, [f for f in library if f.endswith(os.sep + "neurons.nsl")], ["sm_75", "sm_90"], ["f64"])
    tap.done()


if __name__ == "__main__":
    main()
