#!/usr/bin/env python3
"""Times value and gradient of CE + Dice + three residual moments: ours, PyTorch's eager and compiled, in one run.

    python3 tools/bench_loss.py [build/librmseg.so [THREADS]]          (needs torch and numpy; two threads unless said)

Ours is rmseg_objective_evaluate as any caller would call it, its set-up included. GB/s counts what the two sweeps must move: the
logits twice, the labels twice, the gradient once. The least of 60 interleaved runs.
"""

import ctypes
import sys
import time
from pathlib import Path

import numpy
import torch

RUNS = 60


class Batch(ctypes.Structure):
    _fields_ = [("n", ctypes.c_int64), ("k", ctypes.c_int64), ("size", ctypes.c_int64 * 3), ("spatial", ctypes.c_int),
                ("logits", ctypes.c_void_p), ("index", ctypes.c_void_p), ("index_type", ctypes.c_int), ("map", ctypes.c_void_p), ("wide", ctypes.c_bool),
                ("ignore", ctypes.c_int32), ("frames", ctypes.c_void_p)]


def ours(path, threads):
    lib = ctypes.CDLL(str(path))
    lib.rmseg_error_last.restype = ctypes.c_char_p

    def check(status):
        if status:
            sys.exit(lib.rmseg_error_last().decode())

    check(lib.rmseg_threads_set(threads))

    def build(expression):
        objective = ctypes.c_void_p()
        check(lib.rmseg_objective_parse(ctypes.byref(objective), expression.encode()))

        def run(logits, labels, gradient):
            shape = logits.shape
            size = (1, *shape[2:])[-3:]
            batch = Batch(shape[0], shape[1], size, len(shape) - 2, logits.ctypes.data, labels.ctypes.data, 0, None, False, -1, None)
            total = ctypes.c_double()
            check(lib.rmseg_objective_evaluate(ctypes.byref(total), None, ctypes.c_void_p(gradient.ctypes.data), objective,
                                               ctypes.byref(batch)))
            return total.value

        return run

    return build


def theirs(logits, labels, weights):
    ce = torch.nn.functional.cross_entropy(logits, labels)
    p, y = logits.softmax(1)[:, 1], (labels == 1).float()
    dice = 1 - (2 * (p * y).sum() + 1e-5) / ((p * p).sum() + (y * y).sum() + 1e-5)
    squared = (p - y) ** 2
    return ce + dice + sum((w * squared).mean() for w in weights)


def weight_maps(size, orders):
    """One map for each moment, made beforehand, as a careful user would."""
    maps = []
    for order in orders:
        w = torch.ones(size)
        for axis, (n, q) in enumerate(zip(size, order)):
            shape = [1] * len(size)
            shape[axis] = -1
            w = w * (((torch.arange(1.0, n + 1) - n / 2) / n) ** (2 * q)).view(shape)
        maps.append(w.contiguous())
    return maps


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, float(result)


def bench(build, shape, orders):
    logits = torch.randn(shape, requires_grad=True)
    labels = torch.randint(0, shape[1], (shape[0], *shape[2:]))
    maps = weight_maps(shape[2:], orders)
    run = build("softmax: ce + dice + " + " + ".join(f"rm({','.join(map(str, q))})" for q in orders))
    plain, index = logits.detach().numpy(), labels.numpy().astype(numpy.int32)
    gradient = numpy.zeros_like(plain)
    compiled = torch.compile(theirs)

    def step(function):
        value = function(logits, labels, maps)
        (step.gradient,) = torch.autograd.grad(value, logits)
        return value.detach()

    ways = {"rmseg": lambda: run(plain, index, gradient), "torch, eager": lambda: step(theirs), "torch, compiled": lambda: step(compiled)}
    best = {name: 1e9 for name in ways}
    values = {}
    for _ in range(RUNS):
        for name, way in ways.items():
            seconds, values[name] = timed(way)
            best[name] = min(best[name], seconds)
    assert abs(values["rmseg"] - values["torch, eager"]) < 1e-5 * abs(values["torch, eager"]), values
    difference = numpy.linalg.norm(gradient - step.gradient.numpy()) / numpy.linalg.norm(gradient)
    moved = 4 * (3 * plain.size + 2 * index.size)
    for name, seconds in best.items():
        print(f"{shape!s:24} {name:16} {seconds * 1e3:8.2f} ms {moved / seconds * 1e-9:6.1f} GB/s")
    print(f"{shape!s:24} gradients differ by {difference:.1e} in L2")


def main():
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    build = ours(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "build/librmseg.so", threads)
    bench(build, (4, 2, 256, 256), ((2, 0), (0, 2), (2, 2)))
    bench(build, (1, 2, 112, 112, 80), ((2, 0, 0), (0, 2, 0), (0, 0, 2)))


if __name__ == "__main__":
    main()
