#!/usr/bin/env python3
"""A training step of the V-Net at full size: rmseg beside PyTorch's eager mode, time and peak memory, each in a process of its own.

    tools/bench_volume_step.py build/bench/bench_step [--batch 1] [--steps 3] [--only rmseg,torch,torch-channels-last]

One sample is 112 x 112 x 80 (width 16, batch norm, dropout 0.5); the step is forward, CE + Dice + three RM terms, backward and SGD. The first
step is not counted. The V-Net of PyTorch is tools/vnet_reference.py, its allocator tuned as in tools/bench_step.py.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bench_step import TUNED  # noqa: E402

SIZE, WIDTH = (112, 112, 80), 16


def torch_steps(batch, steps, channels_last):
    import torch
    import torch.nn.functional as F
    from vnet_reference import VNet

    torch.manual_seed(1)
    layout = torch.channels_last_3d if channels_last else torch.contiguous_format
    model = VNet(width=WIDTH).to(memory_format=layout)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    image = torch.rand(batch, 1, *SIZE).to(memory_format=layout)
    truth = (torch.rand(batch, *SIZE) < 0.1).long()
    c = [((torch.arange(1, n + 1) - n / 2) / n) ** 4 for n in SIZE]
    weight = c[0][:, None, None] + c[1][None, :, None] + c[2][None, None, :]
    for _ in range(steps):
        start = time.perf_counter()
        logits = model(image)
        p, y = torch.softmax(logits, 1)[:, 1], truth.float()
        dice = 1 - (2 * (p * y).sum() + 1e-5) / ((p * p).sum() + y.sum() + 1e-5)
        loss = F.cross_entropy(logits, truth) + dice + 0.01 * (weight * (p - y) ** 2).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        print(f"{time.perf_counter() - start:.6f}", flush=True)


def measure(command, environment):
    """Seconds of each step but the first, and the peak resident memory in GB."""
    with subprocess.Popen(command, env=dict(os.environ, **environment), stdout=subprocess.PIPE, text=True) as process:
        seconds = [float(line) for line in process.stdout]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}")
    return seconds[1:], usage.ru_maxrss / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--only", default="rmseg,torch,torch-channels-last")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        import torch

        torch.set_num_threads(args.threads)
        return torch_steps(args.batch, args.steps + 1, args.child == "torch-channels-last")
    for name in args.only.split(","):
        if name == "rmseg":
            command = [args.program, str(WIDTH), ",".join(map(str, SIZE)), str(args.batch), str(args.steps + 1)]
        else:
            command = [sys.executable, __file__, args.program, "--child", name, "--threads", str(args.threads), "--batch", str(args.batch),
                       "--steps", str(args.steps)]
        seconds, memory = measure(command, {"RMSEG_THREADS": str(args.threads)} if name == "rmseg" else TUNED)
        print(f"batch {args.batch}  {name:22} {statistics.median(seconds):7.2f} s  ({min(seconds):.2f} to {max(seconds):.2f}, "
              f"{len(seconds)} steps)  peak {memory:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
