#!/usr/bin/env python3
"""Times the terms made of distances beside the code they are otherwise taken from, in one interleaved run.

    python3 tools/bench_distances.py [build/librmseg.so [THREADS]]     (needs torch, monai, scipy, scikit-image; two threads unless said)

hausdorff: value and gradient of (2,1,112,112,80) sigmoid logits, against monai.losses.HausdorffDTLoss. boundary: value and gradient,
maps made anew, of the same batch, against the maps alone as the published training script makes them (Ma et al. 2020: two distance
transforms and find_boundaries of scikit-image for each crop). Predictions: a ball that is a little off; and noise, the worst case. The least of the runs, on each side.
"""

import ctypes
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its idle threads spin, and would take the time from whoever comes next

import numpy
import torch
from monai.losses import HausdorffDTLoss
from scipy.ndimage import distance_transform_edt
from skimage.segmentation import find_boundaries

SHAPE = (2, 1, 112, 112, 80)


class Batch(ctypes.Structure):
    _fields_ = [("n", ctypes.c_int64), ("k", ctypes.c_int64), ("size", ctypes.c_int64 * 3), ("spatial", ctypes.c_int),
                ("logits", ctypes.c_void_p), ("index", ctypes.c_void_p), ("index_type", ctypes.c_int), ("map", ctypes.c_void_p),
                ("wide", ctypes.c_bool), ("ignore", ctypes.c_int32), ("frames", ctypes.c_void_p), ("progress", ctypes.c_double)]


class Ours:
    def __init__(self, path, threads, expression, logits, labels):
        self.lib = ctypes.CDLL(str(path))
        self.lib.rmseg_error_last.restype = ctypes.c_char_p
        self.check(self.lib.rmseg_threads_set(threads))
        objective, self.evaluator, self.total = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_double()
        self.check(self.lib.rmseg_objective_parse(ctypes.byref(objective), expression.encode()))
        self.arrays = logits, labels, numpy.empty_like(logits)
        self.batch = Batch(SHAPE[0], SHAPE[1], SHAPE[2:], 3, logits.ctypes.data, labels.ctypes.data, 1, None, False, -1, None, 0)
        self.check(self.lib.rmseg_evaluator_create(ctypes.byref(self.evaluator), objective, ctypes.byref(self.batch), None))

    def check(self, status):
        if status:
            sys.exit(self.lib.rmseg_error_last().decode())

    def __call__(self):
        self.check(self.lib.rmseg_evaluator_run(self.evaluator, ctypes.byref(self.total), None,
                                                ctypes.c_void_p(self.arrays[2].ctypes.data), ctypes.byref(self.batch)))
        return self.total.value


def ball(centre, radius):
    axes = numpy.meshgrid(*(numpy.arange(n) for n in SHAPE[2:]), indexing="ij")
    return sum((a - c) ** 2 for a, c in zip(axes, centre)) < radius**2


def published_maps(labels):
    """compute_sdf of train_LA_BD.py: signed distances, 0 on the inner border."""
    maps = numpy.zeros(labels.shape)
    for n, mask in enumerate(labels.astype(bool)):
        if mask.any():
            outside, inside = distance_transform_edt(~mask), distance_transform_edt(mask)
            border = find_boundaries(mask, mode="inner").astype(numpy.uint8)
            maps[n] = outside - inside
            maps[n][border == 1] = 0
    return maps


def monai_loss(logits, labels):
    loss, z, y = HausdorffDTLoss(sigmoid=True), torch.from_numpy(logits).requires_grad_(), torch.from_numpy(labels[:, None]).float()

    def run():
        z.grad = None
        value = loss(z, y)
        value.backward()
        return value.item()

    return run


def least(functions, runs):
    best, value = [numpy.inf] * len(functions), [None] * len(functions)
    for _ in range(runs):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            value[i] = function()
            best[i] = min(best[i], time.perf_counter() - start)
    return best, value


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "build/librmseg.so"
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(threads)
    labels = numpy.stack([ball((56, 50, 38), 27), ball((50, 60, 42), 22)]).astype(numpy.uint8)
    near = numpy.where(numpy.stack([ball((58, 53, 38), 29), ball((50, 60, 40), 20)])[:, None], 2, -2).astype(numpy.float32)
    noise = numpy.random.default_rng(0).normal(size=SHAPE).astype(numpy.float32)
    for name, logits in (("near", near), ("noise", noise)):
        ours = Ours(path, threads, "sigmoid: hausdorff", logits, labels)
        (a, b), (mine, theirs) = least([ours, monai_loss(logits, labels)], 4)
        a = min(a, least([ours], 10)[0][0])
        print(f"hausdorff, {name:5}  {a * 1e3:7.2f} ms   monai {b * 1e3:8.1f} ms   {b / a:5.1f} times   values {mine:.8g} {theirs:.8g}")
    for variant in ("kervadec", "ma", "ma-normalised"):
        ours = Ours(path, threads, f"sigmoid: boundary(variant={variant})", near, labels)
        (a, b), _ = least([ours, lambda: published_maps(labels)], 4)
        a = min(a, least([ours], 10)[0][0])
        print(f"boundary, {variant:13}  {a * 1e3:7.2f} ms   SciPy {b * 1e3:8.1f} ms   {b / a:5.1f} times")


if __name__ == "__main__":
    main()
