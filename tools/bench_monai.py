#!/usr/bin/env python3
"""Times MONAI's metric classes and ours on one volume, interleaved, medians.

    python3 tools/bench_monai.py CASE.h5 [ROUNDS]          (needs the package, torch, monai, h5py; dataset "label")

The prediction is the truth, one voxel off along every axis and with a far ball that is false: surfaces as a training's early
validation has them. Both sides get the same one-hot float tensors of shape (1, 2, ...), as MONAI's post-transforms give them.
"""

import statistics
import sys
import time
import warnings

import h5py
import monai
import monai.metrics as theirs
import numpy as np
import torch

import rmseg.monai as ours

warnings.simplefilter("ignore")


def pair(path: str) -> tuple[torch.Tensor, torch.Tensor]:
    with h5py.File(path) as file:
        truth = np.asarray(file["label"]) > 0
    prediction = np.roll(truth, (1, 1, 1), (0, 1, 2))
    prediction[2:6, 2:6, 2:6] = True
    return tuple(torch.nn.functional.one_hot(torch.from_numpy(side).long(), 2).movedim(-1, 0)[None].float() for side in (prediction, truth))


def main() -> None:
    y_pred, y = pair(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    jobs = {
        "HausdorffDistanceMetric(percentile=95)": lambda m: m.HausdorffDistanceMetric(percentile=95),
        "SurfaceDistanceMetric(symmetric=True)": lambda m: m.SurfaceDistanceMetric(symmetric=True),
        "SurfaceDiceMetric([1.0])": lambda m: m.SurfaceDiceMetric(class_thresholds=[1.0]),
        "DiceMetric()": lambda m: m.DiceMetric(include_background=False),
        "MeanIoU()": lambda m: m.MeanIoU(include_background=False),
    }
    print(f"{tuple(y.shape)}, torch {torch.__version__} on {torch.get_num_threads()} threads, MONAI {monai.__version__}")
    for name, make in jobs.items():
        times, values = {theirs: [], ours: []}, {}
        for _ in range(rounds + 1):
            for module in (theirs, ours):
                metric = make(module)
                start = time.perf_counter()
                metric(y_pred, y)
                values[module] = metric.aggregate().item()
                times[module].append(time.perf_counter() - start)
        theirs_ms, ours_ms = (1e3 * statistics.median(times[module][1:]) for module in (theirs, ours))
        same = abs(values[theirs] - values[ours]) <= 2e-6 * abs(values[theirs])
        print(
            f"{name:40} MONAI {theirs_ms:8.2f} ms   rmseg {ours_ms:7.2f} ms   {theirs_ms / ours_ms:6.1f} x   {values[ours]:.6f} {'equal' if same else values[theirs]}"
        )


if __name__ == "__main__":
    main()
