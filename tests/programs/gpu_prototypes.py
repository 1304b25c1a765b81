#!/usr/bin/env python3
"""The prototypes, numbers of errors and constants by which the runtime knows NVIDIA's driver (runtime/gpu.def, gpu.h) are those of cuda.h, which
nobody needs to build: looked for in /usr/local/cuda*/include, and skipped where there is none."""
import glob
import os
import re
import subprocess

from tap import ROOT, Tap

TYPES = {"struct rt_gpu_context": "struct CUctx_st", "struct rt_gpu_stream": "struct CUstream_st", "struct rt_gpu_event": "struct CUevent_st",
         "struct rt_gpu_module": "struct CUmod_st", "struct rt_gpu_function": "struct CUfunc_st", "struct rt_gpu_graph_exec": "struct CUgraphExec_st",
         "struct rt_gpu_graph": "struct CUgraph_st", "rt_gpu_at": "CUdeviceptr", "int error": "CUresult error", "int attribute": "CUdevice_attribute attribute",
         "int *options": "CUjit_option *options", "int mode": "CUstreamCaptureMode mode", "int device": "CUdevice device"}
CONSTANTS = {"RT_GPU_PROCESSORS": "CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT", "RT_GPU_MAJOR": "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR",
             "RT_GPU_MINOR": "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR", "RT_GPU_STREAM_OWN": "CU_STREAM_NON_BLOCKING", "RT_GPU_EVENT_PLAIN": "CU_EVENT_DISABLE_TIMING",
             "RT_GPU_CAPTURE_THREAD": "CU_STREAM_CAPTURE_MODE_THREAD_LOCAL"}


def read(name):
    with open(os.path.join(ROOT, "runtime", name), encoding="utf-8") as f:
        return f.read()


def checks():
    """By name: a line of C that is an error if it is other than in cuda.h."""
    table, header, lines = read("gpu.def"), read("gpu.h"), {}
    for name, arguments in re.findall(r"^GPU\((\w+),\s*\((.*?)\),\s*\"", table, re.M | re.S):
        arguments = " ".join(arguments.split())
        for ours, theirs in TYPES.items():
            arguments = re.sub(re.escape(ours) + r"\b", theirs, arguments)
        lines[name] = f"CUresult (*our_{name})({arguments}) = {name};"
    for number, name in re.findall(r"^GPU_ERROR\((\d+), (\w+),", table, re.M):
        lines[name] = f'_Static_assert(CUDA_ERROR_{name} == {number}, "its number");'
    for ours, theirs in CONSTANTS.items():
        value = re.search(ours + r" = (\d+)", header)[1]
    lines[ours] = f'_Static_assert((int){theirs} == {value}, "its number");'
    return lines


def odd(folder, lines):
    """What is wrong of these lines."""
    source = "#define __CUDA_API_VERSION_INTERNAL\n#include <cuda.h>\n" + "\n".join(lines.values()) + "\n"
    p = subprocess.run(["cc", "-std=c11", "-fsyntax-only", "-Werror=incompatible-pointer-types", "-fmax-errors=100", "-I", folder, "-x", "c", "-"], input=source, capture_output=True, text=True,
                       check=False)
    return p.stderr if p.returncode else ""


def main():
    t = Tap()
    lines = checks()
    folders = sorted({os.path.realpath(os.path.dirname(p)) for p in glob.glob("/usr/local/cuda*/include/cuda.h")})
    for folder in folders:
        version = re.search(r"define CUDA_VERSION (\d+)", open(os.path.join(folder, "cuda.h"), encoding="utf-8").read())[1]
        wrong = odd(folder, lines)
        t.check(len(lines) > 60 and not wrong, f"{len(lines)} functions and numbers of the driver are those of CUDA {int(version) // 1000}.{int(version) % 1000 // 10}", wrong)
        bad = dict(lines, cuMemAlloc_v2=lines["cuMemAlloc_v2"].replace("size_t", "unsigned"))
        t.check(odd(folder, bad).count(" error: ") == 1, "another one is told", odd(folder, bad))
    if not folders:
        t.skip("the driver's functions and numbers", "no cuda.h on this machine")
    t.done()


main()
