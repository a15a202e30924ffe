#!/usr/bin/env python3
"""Times rmseg.torch beside what else there is in PyTorch: interleaved, the least of several runs each.

    RMSEG_LIBRARY=build/librmseg_core.so PYTHONPATH=python python3 tools/bench_torch.py [objective] [hausdorff] [overhead]

objective   CE + Dice + three single-axis residual moments, value and gradient, at (2,2,112,112,80): this package; the same written with
            PyTorch operators by hand, with the coordinates' weights computed once, eager and compiled, also simplified for two classes;
            rmseg's own operators, eager and compiled
hausdorff   HausdorffDTLoss, value and gradient, at (2,2,112,112,80): this package; MONAI's (needs monai)
overhead    a call on a tensor of 128 voxels, beside the C evaluator alone
"""

import ctypes
import sys
import time
import warnings

import rmseg
import torch
import torch.nn.functional as F
from rmseg._evaluator import evaluators
from rmseg.torch import HausdorffDTLoss, Objective

THREADS, SECONDS = 2, 20
PAPER = "softmax: ce + dice(variant=monai) + 0.01*rm(2,0,0) + 0.01*rm(0,2,0) + 0.01*rm(0,0,2)"


def ball(shape, seed=0):
    """Logits of a blurred ball with noise, and the ball (N,1,*S)."""
    generator = torch.Generator().manual_seed(seed)
    n, k, *size = shape
    grid = torch.meshgrid(*(torch.linspace(-1, 1, s) for s in size), indexing="ij")
    inside = (sum(g**2 for g in grid).sqrt() < 0.5).long().expand(n, 1, *size).contiguous()
    logits = torch.randn(shape, generator=generator) + 3 * F.one_hot(inside[:, 0], k).movedim(-1, 1)
    return logits.requires_grad_(), inside


class ByHand(torch.nn.Module):
    """The same objective as a user would write it."""

    def __init__(self, size):
        super().__init__()
        weight = 0
        for axis, n in enumerate(size):
            shape = [1] * len(size)
            shape[axis] = n
            weight = weight + (((torch.arange(1, n + 1) - n / 2) / n) ** 4).view(shape)
        self.register_buffer("weight", 0.01 * weight)

    def forward(self, logits, target):
        hot = F.one_hot(target[:, 0], logits.shape[1]).movedim(-1, 1).to(logits.dtype)
        p = logits.softmax(1)
        both, total = (p * hot).sum((2, 3, 4)), p.sum((2, 3, 4)) + hot.sum((2, 3, 4))
        dice = (1 - (2 * both + 1e-5) / (total + 1e-5)).mean()
        return F.cross_entropy(logits, target[:, 0]) + dice + (self.weight * (p[:, 1] - hot[:, 1]) ** 2).mean()


class Simplified(ByHand):
    """The same for two classes, written for a compiler: pointwise in the difference of the logits, without one-hot maps."""

    def forward(self, logits, target):
        y = target[:, 0].to(logits.dtype)
        far = logits[:, 1] - logits[:, 0]
        p = torch.sigmoid(far)
        entropy = (F.softplus(far) - y * far).mean()
        both, sum_p, sum_y = ((t).sum((1, 2, 3)) for t in (p * y, p, y))
        voxels = y[0].numel()
        front = 1 - (2 * both + 1e-5) / (sum_p + sum_y + 1e-5)
        back = 1 - (2 * (voxels - sum_p - sum_y + both) + 1e-5) / (2 * voxels - sum_p - sum_y + 1e-5)
        return entropy + (front + back).mean() / 2 + (self.weight * (p - y) ** 2).mean()


def step(loss, logits, target):
    def run():
        logits.grad = None
        value = loss(logits, target)
        value.backward()
        return value.item()

    return run


def interleaved(rows, seconds=SECONDS):
    """Least milliseconds of each, in turn, for so long; the first call of each is not counted."""
    values = {name: run() for name, run in rows.items()}
    least = dict.fromkeys(rows, float("inf"))
    end = time.perf_counter() + seconds
    order = list(rows)
    while time.perf_counter() < end:
        order.reverse()  # what runs before may leave memory in a better or worse state
        for name in order:
            start = time.perf_counter()
            rows[name]()
            least[name] = min(least[name], time.perf_counter() - start)
    first = next(iter(least.values()))
    for name, t in least.items():
        print(f"  {name:40} {1e3 * t:10.3f} ms   {t / first:7.2f} x   value {values[name]:.7g}")


def objective():
    shape = (2, 2, 112, 112, 80)
    logits, target = ball(shape)
    hand = ByHand(shape[2:])
    small = target.to(torch.uint8)
    print(f"CE + Dice + three rm terms, {shape}, value and gradient, {THREADS} threads")
    interleaved({
        "rmseg.torch.Objective, int64": step(Objective(PAPER), logits, target),
        "rmseg.torch.Objective, uint8": step(Objective(PAPER), logits, small),
        "by hand for two classes, torch.compile": step(torch.compile(Simplified(shape[2:])), logits, target),
        "by hand, torch.compile": step(torch.compile(hand), logits, target),
        "rmseg's PyTorch operators, compiled": step(torch.compile(Objective(PAPER, plain=True)), logits, target),
        "by hand, eager": step(hand, logits, target),
        "rmseg's PyTorch operators, eager": step(Objective(PAPER, plain=True), logits, target),
    })


def hausdorff():
    import monai.losses

    shape = (2, 2, 112, 112, 80)
    logits, target = ball(shape)
    arguments = {"softmax": True, "to_onehot_y": True}
    print(f"HausdorffDTLoss, {shape}, value and gradient, {THREADS} threads")
    interleaved({
        "rmseg.torch.HausdorffDTLoss": step(HausdorffDTLoss(**arguments), logits, target),
        "monai.losses.HausdorffDTLoss": step(monai.losses.HausdorffDTLoss(**arguments), logits, target),
    })


def microseconds(run, times=2000):
    least = float("inf")
    for _ in range(9):
        start = time.perf_counter()
        for _ in range(times):
            run()
        least = min(least, (time.perf_counter() - start) / times)
    return 1e6 * least


def overhead():
    logits, target = ball((1, 2, 4, 4, 4))
    loss, target = Objective(PAPER), target.to(torch.uint8)
    evaluator = evaluators(loss.text).take(logits.shape, False)
    gradient = torch.empty_like(logits)
    evaluator.run(logits.data_ptr(), gradient.data_ptr(), target.data_ptr(), 1)
    from rmseg._library import library

    where = evaluator.pointer, ctypes.byref(evaluator.total), evaluator.values, gradient.data_ptr(), ctypes.byref(evaluator.batch)
    weight = torch.ones(())

    def trivial():
        logits.grad = None
        (logits * weight).sum().backward()

    print("A call on (1,2,4,4,4), microseconds")
    for name, run in {
        "the C evaluator": lambda: library.rmseg_evaluator_run(*where),
        "Objective, value": lambda: loss(logits.detach(), target),
        "Objective, value and backward()": step(loss, logits, target),
        "x.sum().backward(), for comparison": trivial,
    }.items():
        print(f"  {name:40} {microseconds(run):8.1f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(THREADS)
    rmseg.set_threads(THREADS)
    for name in sys.argv[1:] or ["objective", "hausdorff", "overhead"]:
        {"objective": objective, "hausdorff": hausdorff, "overhead": overhead}[name]()
