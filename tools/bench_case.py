#!/usr/bin/env python3
"""A whole case predicted: `rmseg predict`, from the image's file to the label's, beside UA-MT's published loop in PyTorch.

    tools/bench_case.py build/src/cli/rmseg [--run RUN --image IMAGE.nii.gz] [--window 112,112,80] [--stride 18,18,4] [--variants "eager;eager, channels_last"]

Without a run and an image, an untrained V-Net 16 and noise of the size of a left-atrium case. rmseg runs in a process of its own, the loop (tools/parity_windows.py)
over the image in memory, with the same weights and with the allocator settings of tools/bench_step.py; they take turns. Window and stride are in array order
(for NIfTI k,j,i). A window alone: tools/bench_step.py --works predict. Needs PyTorch, NumPy, nibabel and safetensors.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from bench_step import TUNED, VARIANTS, processor, resident_peak_mb

SIZE = (183, 140, 88)


def numbers(text):
    return [int(n) for n in text.split(",")]


def make_case(program, folder):
    """An untrained run and an image."""
    import nibabel
    import numpy as np

    noise = np.random.default_rng(1)
    for kind, values in {"images": noise.normal(size=SIZE[::-1]).astype(np.float32), "labels": noise.integers(0, 2, SIZE[::-1], np.uint8)}.items():
        (folder / kind).mkdir()
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / kind / "case.nii.gz")
    run = folder / "run"
    train = [program, "train", "--layout", "folder", "--data", folder, "--net", "vnet", "--width", "16", "--patch", "112,112,80", "--normalize", "none"]
    subprocess.run([*train, "--iterations", "0", "--out", run, "--quiet"], check=True)
    return run, folder / "images/case.nii.gz"


def ours(args, run, image):
    """Seconds, and the peak of the process's resident memory in MB. Its rusage would begin with that of this one."""
    with tempfile.TemporaryDirectory() as out:
        command = [args.program, "predict", "--run", run, image, "--out", out, "--window", args.window, "--stride", args.stride]
        start, peak = time.perf_counter(), 0
        with subprocess.Popen([*command, "--threads", str(args.threads), "--quiet"]) as process:
            while process.poll() is None:
                peak = max(peak, resident_peak_mb(process.pid))
                time.sleep(0.02)
        if process.returncode:
            sys.exit(process.returncode)
        return time.perf_counter() - start, peak


def loop(args, run, path, variant):
    """PyTorch's prediction of the image as a function without arguments: the number of windows."""
    import torch
    from parity_windows import load, load_image, test_single_case

    compiled, channels_last = VARIANTS[variant]
    layout = torch.channels_last_3d if channels_last else torch.contiguous_format
    model, normalize = load(pathlib.Path(run) / "weights.safetensors")
    model = model.to(memory_format=layout)
    image = load_image(path, normalize)
    model = torch.compile(model) if compiled else model

    def predict():
        with torch.inference_mode():
            return test_single_case(model, image, numbers(args.stride), numbers(args.window), layout)[1]

    with torch.inference_mode():
        model(torch.zeros(1, 1, *numbers(args.window)).to(memory_format=layout))
    return predict, image.shape


def measure(args, run, image):
    own, theirs = [], {}
    for variant in args.variants.split(";"):
        predict, shape = loop(args, run, image, variant)
        for _ in range(args.rounds):
            own.append(ours(args, run, image))
            start = time.perf_counter()
            windows = predict()
            theirs.setdefault(variant, []).append(time.perf_counter() - start)
    seconds, best = statistics.median(s for s, _ in own), min(map(statistics.median, theirs.values()))
    cells = ["x".join(map(str, shape)), windows, f"{seconds:.1f} s, {max(mb for _, mb in own) / 1e3:.2f} GB"]
    cells += [f"{statistics.median(s):.1f} s" for s in theirs.values()] + [f"{best / seconds:.2f}"]
    head = ["size", "windows of " + "x".join(args.window.split(",")), "rmseg predict", *(f"PyTorch {v}" for v in theirs), "PyTorch's best / rmseg"]
    for row in head, ["---"] * len(head), cells:
        print("| " + " | ".join(map(str, row)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--run", help="of a training")
    parser.add_argument("--image", help="NIfTI")
    parser.add_argument("--window", default="112,112,80")
    parser.add_argument("--stride", default="18,18,4")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--variants", default="eager;eager, channels_last", help="of " + "; ".join(VARIANTS))
    args = parser.parse_args()
    if bool(args.run) != bool(args.image):
        parser.error("a run and an image go together")
    unknown = [v for v in args.variants.split(";") if v not in VARIANTS]
    if unknown:
        parser.error(f'there is no variant "{unknown[0]}"; expected some of {"; ".join(VARIANTS)}')
    if any(os.environ.get(key) != value for key, value in TUNED.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, **TUNED))
    import torch

    torch.set_num_threads(args.threads)
    print(f"{processor()}, {args.threads} threads, PyTorch {torch.__version__}; stride {args.stride}\n")
    with tempfile.TemporaryDirectory() as folder:
        run, image = (args.run, args.image) if args.run else make_case(args.program, pathlib.Path(folder))
        measure(args, run, image)


if __name__ == "__main__":
    main()
