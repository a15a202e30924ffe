#!/usr/bin/env python3
"""Windows of a V-Net's prediction: rmseg beside PyTorch (eager and compiled, both layouts), interleaved, medians.

    tools/bench_windows.py build/bench/bench_windows [--width 16] [--window 112,112,80] [--rounds 5] [--batches 1,2,4]
    tools/bench_windows.py build/src/cli/rmseg --run RUN --image IMAGE.nii.gz --window 112,112,80 --stride 18,18,4 --variant channels_last

The first times one window. Each round times every contender once, one after the other. PyTorch runs in torch.inference_mode() with the
allocator settings of tools/bench_step.py; its V-Net is tools/vnet_reference.py. On a machine that others use, --clock cpu --threads 1 counts the
processor's time instead.

The second times a whole case: `rmseg predict` from the image's file to the label's, in a process of its own, and UA-MT's published loop
(tools/parity_windows.py) over the image in memory, with the same weights. Window and stride are in array order (for NIfTI k,j,i).
"""

import argparse
import os
import pathlib
import platform
import statistics
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


def torch_window(width, window, compiled, channels_last, now):
    import torch
    from vnet_reference import VNet

    torch.manual_seed(1)
    model = VNet(width=width).eval().to(memory_format=layout_of(channels_last))
    image = torch.randn(1, 1, *window).to(memory_format=layout_of(channels_last))
    run = torch.compile(model) if compiled else model

    def once():
        with torch.inference_mode():
            start = now()
            run(image)
            return now() - start

    return once


def ours(program, width, window, batch, runs, threads, column):
    command = [program, str(width), ",".join(map(str, window)), str(batch), str(runs + 1)]
    done = subprocess.run(command, env=dict(os.environ, RMSEG_THREADS=str(threads)), check=True, capture_output=True, text=True)
    return [float(line.split()[column]) for line in done.stdout.splitlines()][1:]


def bench_windows(args):
    batches = {f"rmseg, {n} at a time": n for n in numbers(args.batches)}
    now = time.process_time if args.clock == "cpu" else time.perf_counter
    variants = {f"torch {name}": torch_window(args.width, args.window, *VARIANTS[name], now) for name in args.variants.split(",") if name}
    seconds = {name: [] for name in [*batches, *variants]}
    for once in variants.values():
        once(), once()
    for _ in range(args.rounds):
        for name, batch in batches.items():
            seconds[name] += ours(args.program, args.width, args.window, batch, max(1, 2 // batch), args.threads, args.clock == "cpu")
        for name, once in variants.items():
            seconds[name].append(once())
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"V-Net {args.width}, window {args.window}: seconds a window ({args.clock}), median (least to most)", flush=True)
    for name, values in seconds.items():
        print(f"  {name:30} {middle[name]:8.4f}   ({min(values):.4f} to {max(values):.4f}, {len(values)} runs)")
    if variants:
        print(f"PyTorch's best / rmseg's = {min(middle[name] for name in variants) / min(middle[name] for name in batches):.2f}")


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
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--window", type=numbers, default=[112, 112, 80])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", default="1")
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"])
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--run")
    parser.add_argument("--image")
    parser.add_argument("--stride", default="18,18,4")
    parser.add_argument("--variant", default="channels_last", choices=VARIANTS)
    args = parser.parse_args()
    if any(os.environ.get(key) != value for key, value in TUNED.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, **TUNED))
    import torch

    torch.set_num_threads(args.threads)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"{cpu}, {args.threads} threads, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    bench_case(args) if args.run else bench_windows(args)


if __name__ == "__main__":
    main()
