#!/usr/bin/env python3
"""A training step of the U-Net, rmseg beside PyTorch (eager and compiled, both layouts), interleaved, medians.

    tools/bench_step.py build/bench/bench_step [--threads 2] [--rounds 5]

Each round times every contender once, one after the other, so that a neighbour's load falls on all of them. PyTorch runs with the allocator
settings that suit it best (no page faults: THP_MEM_ALLOC_ENABLE=1, MALLOC_MMAP_MAX_=0, MALLOC_TRIM_THRESHOLD_), set here before it is loaded.
"""
import argparse
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

TUNED = {"THP_MEM_ALLOC_ENABLE": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
CASES = [("U-Net 16, 256x256, batch 4", 16, 256, 4, 5), ("U-Net 64, 512x512, batch 1", 64, 512, 1, 3)]


def torch_step(width, size, batch, compiled, channels_last):
    import torch
    import torch.nn.functional as F
    from rmseg.torch import UNet

    torch.manual_seed(1)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = UNet(in_channels=3, out_channels=2, width=width).to(memory_format=layout)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    image = torch.rand(batch, 3, size, size).to(memory_format=layout)
    truth = (torch.rand(batch, 2, size, size) < 0.1).float()
    c = ((torch.arange(1, size + 1) - size / 2) / size) ** 4
    weight = c[:, None] + c[None, :] + c[:, None] * c[None, :]

    def objective(image):
        logits = model(image)
        p = torch.sigmoid(logits)
        both, squares = (p * truth).sum((0, 2, 3)), (p * p).sum((0, 2, 3)) + truth.sum((0, 2, 3))
        dice = (1 - (2 * both + 1e-5) / (squares + 1e-5)).mean()
        return F.binary_cross_entropy_with_logits(logits, truth) + dice + (weight * (p - truth) ** 2).mean()

    run = torch.compile(objective) if compiled else objective

    def step():
        optimiser.zero_grad(set_to_none=True)
        run(image).backward()
        optimiser.step()

    return step


def time_steps(step, steps):
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def ours(program, width, size, batch, steps, threads):
    environment = dict(os.environ, RMSEG_THREADS=str(threads))
    done = subprocess.run([program, str(width), str(size), str(batch), str(steps + 1)], env=environment, check=True, capture_output=True, text=True)
    return [float(line) for line in done.stdout.split()][1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    if any(os.environ.get(key) != value for key, value in TUNED.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, **TUNED))
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))
    import torch

    torch.set_num_threads(args.threads)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"{cpu}, {args.threads} threads, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}\n")
    for title, width, size, batch, steps in CASES:
        contenders = {"torch eager": torch_step(width, size, batch, False, False),
                      "torch eager channels_last": torch_step(width, size, batch, False, True),
                      "torch compiled": torch_step(width, size, batch, True, False),
                      "torch compiled channels_last": torch_step(width, size, batch, True, True)}
        seconds = {name: [] for name in ["rmseg", *contenders]}
        for step in contenders.values():
            time_steps(step, 2)
        for _ in range(args.rounds):
            seconds["rmseg"] += ours(args.program, width, size, batch, steps, args.threads)
            for name, step in contenders.items():
                seconds[name] += time_steps(step, steps)
        best = min(statistics.median(v) for name, v in seconds.items() if name != "rmseg")
        print(f"{title}: PyTorch's best / rmseg = {best / statistics.median(seconds['rmseg']):.2f}")
        for name, values in seconds.items():
            print(f"  {name:30} {statistics.median(values):8.3f} s   ({min(values):.3f} to {max(values):.3f}, {len(values)} steps)")


if __name__ == "__main__":
    main()
