#!/usr/bin/env python3
"""A whole case predicted: `rmseg predict`, from the image's file to the label's, beside UA-MT's published loop in PyTorch.

    tools/bench_case.py build/src/cli/rmseg --run RUN --image IMAGE.nii.gz [--window 112,112,80] [--stride 18,18,4] [--variant channels_last]

rmseg runs in a process of its own, the loop (tools/parity_windows.py) over the image in memory, with the same weights and with the allocator settings of
tools/bench_step.py. Window and stride are in array order (for NIfTI k,j,i). A window alone: tools/bench_step.py --works predict.
"""

import argparse
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

from bench_step import TUNED

VARIANTS = {"eager": (False, False), "channels_last": (False, True), "compiled": (True, False), "compiled channels_last": (True, True)}


def numbers(text):
    return [int(n) for n in text.split(",")]


def layout_of(channels_last):
    import torch

    return torch.channels_last_3d if channels_last else torch.contiguous_format


def bench_case(args):
    import nibabel
    import numpy as np
    import torch
    from parity_windows import load, test_single_case

    compiled, channels_last = VARIANTS[args.variant]
    model, normalize = load(pathlib.Path(args.run) / "weights.safetensors")
    model = model.to(memory_format=layout_of(channels_last))
    image = np.asarray(nibabel.load(args.image).dataobj, np.float32).transpose(2, 1, 0)
    if normalize == "zscore":
        image = ((image - image.mean(dtype=np.float64)) / image.std(dtype=np.float64)).astype(np.float32)
    run = torch.compile(model) if compiled else model
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        run(torch.zeros(1, 1, *args.window).to(memory_format=layout_of(channels_last)))
        start = time.perf_counter()
        command = [
            args.program,
            "predict",
            "--run",
            args.run,
            args.image,
            "--out",
            folder,
            "--window",
            ",".join(map(str, args.window)),
            "--stride",
            args.stride,
            "--threads",
            str(args.threads),
            "--quiet",
        ]
        with subprocess.Popen(command) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        ours, start = time.perf_counter() - start, time.perf_counter()
        assert process.returncode == 0
        _, windows = test_single_case(run, image, numbers(args.stride), args.window, layout_of(channels_last))
        theirs = time.perf_counter() - start
    print(
        f"{pathlib.Path(args.image).name} {image.shape}, {windows} windows of {args.window}: rmseg predict {ours:.1f} s, peak "
        f"{usage.ru_maxrss / 1e3:.0f} MB; torch {args.variant} {theirs:.1f} s; ratio {theirs / ours:.2f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--window", type=numbers, default=[112, 112, 80])
    parser.add_argument("--run", required=True)
    parser.add_argument("--image", required=True)
    parser.add_argument("--stride", default="18,18,4")
    parser.add_argument("--variant", default="channels_last", choices=VARIANTS)
    args = parser.parse_args()
    if any(os.environ.get(key) != value for key, value in TUNED.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, **TUNED))
    import torch

    torch.set_num_threads(args.threads)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"{cpu}, {args.threads} threads, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    bench_case(args)


if __name__ == "__main__":
    main()
