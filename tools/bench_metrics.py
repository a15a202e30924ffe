#!/usr/bin/env python3
"""Metrics and distance transforms of rmseg beside the Python tools, on the same arrays, in one process.

    tools/bench_metrics.py build/librmseg_core.so [--threads 2] [--rounds 7] [--volume CASE.h5] [--images A.png B.png]

Each round times every contender once, one after the other, so that a neighbour's load falls on all of them; medians. --volume is an HDF5
file with a dataset `label`, of which the prediction is made: the label moved by (1,1,0), and a ball of radius 14 at (20,20,20). Without it
an ellipsoid of a left atrium's size stands in. --images are two masks, resampled to 512 x 512; without them, two discs. rmseg's masks
are bytes, the tools' booleans: what each takes without a copy. Tools that are not installed are left out.
"""
import argparse
import ctypes
import importlib
import importlib.metadata
import os
import pathlib
import platform
import statistics
import time

import numpy as np

METRICS = ("dice", "jaccard", "hd95", "asd")
PACKAGES = {"medpy": "MedPy", "monai": "monai", "surface_distance": "surface-distance", "SimpleITK": "SimpleITK", "edt": "edt"}


class Settings(ctypes.Structure):
    """rmseg_metric_settings, of which only its default is used: room enough for it."""
    _fields_ = [("room", ctypes.c_byte * 256)]


class Rmseg:
    def __init__(self, library, threads):
        self.lib = ctypes.CDLL(library)
        self.lib.rmseg_version.restype = self.lib.rmseg_error_last.restype = self.lib.rmseg_cpu_level.restype = ctypes.c_char_p
        self.check(self.lib.rmseg_threads_set(threads))
        self.settings = Settings()
        self.lib.rmseg_metric_settings_default(ctypes.byref(self.settings))
        self.names = (ctypes.c_char_p * len(METRICS))(*(m.encode() for m in METRICS))

    def check(self, status):
        if status:
            raise RuntimeError(self.lib.rmseg_error_last().decode())

    @staticmethod
    def grid(shape):
        return (ctypes.c_int64 * 3)(*(1,) * (3 - len(shape)), *shape), (ctypes.c_double * 3)(1, 1, 1)

    def metrics(self, prediction, truth):
        values = (ctypes.c_double * len(METRICS))()
        pointers = (m.ctypes.data_as(ctypes.c_void_p) for m in (prediction, truth))
        self.check(self.lib.rmseg_metric_measure(values, None, *pointers, *self.grid(truth.shape), self.names,
                                                 ctypes.c_int64(len(METRICS)), ctypes.byref(self.settings)))
        return list(values)

    def distances(self, mask):
        out = np.empty(mask.shape, np.float32)
        self.check(self.lib.rmseg_distance_transform(out.ctypes.data_as(ctypes.c_void_p), mask.ctypes.data_as(ctypes.c_void_p),
                                                     *self.grid(mask.shape), ctypes.c_bool(False)))
        return out


def by_medpy(p, t):
    from medpy.metric import binary
    return [binary.dc(p, t), binary.jc(p, t), binary.hd95(p, t), binary.asd(p, t)]


def by_monai(p, t):
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_iou, compute_dice
    p, t = (torch.from_numpy(m)[None, None] for m in (p, t))
    return [float(compute_dice(p, t)), float(compute_iou(p, t)), float(compute_hausdorff_distance(p, t, percentile=95)),
            float(compute_average_surface_distance(p, t))]


def by_surface_distance(p, t):
    import surface_distance as sd
    distances = sd.compute_surface_distances(t, p, (1,) * t.ndim)
    dice, both, either = sd.compute_dice_coefficient(t, p), np.count_nonzero(p & t), np.count_nonzero(p | t)
    return [dice, both / either, sd.compute_robust_hausdorff(distances, 95), sd.compute_average_surface_distance(distances)[1]]


def by_simpleitk(p, t):
    import SimpleITK as sitk
    p, t = (sitk.GetImageFromArray(m.view(np.uint8)) for m in (p, t))
    overlap, hausdorff = sitk.LabelOverlapMeasuresImageFilter(), sitk.HausdorffDistanceImageFilter()
    overlap.Execute(p, t)
    hausdorff.Execute(p, t)
    return [overlap.GetDiceCoefficient(), overlap.GetJaccardCoefficient(), hausdorff.GetHausdorffDistance(), hausdorff.GetAverageHausdorffDistance()]


def by_edt(threads):
    def run(mask):
        import edt
        return edt.edt(mask, parallel=threads)
    return run


def shifted_with_ball(label):
    ball = sum((axis - 20) ** 2 for axis in np.indices(label.shape, sparse=True)) <= 14 ** 2
    return np.roll(label, (1, 1, 0), (0, 1, 2)) | ball


def ellipsoid(shape, center, radii):
    return sum(((axis - c) / r) ** 2 for axis, c, r in zip(np.indices(shape, sparse=True), center, radii)) <= 1


def volume(path):
    if not path:
        return ellipsoid((175, 132, 88), (95, 70, 44), (48, 36, 30))
    import h5py
    with h5py.File(path) as file:
        return np.ascontiguousarray(file["label"][:]) > 0


def images(paths):
    if not paths:
        return [ellipsoid((512, 512), (250 + 6 * i, 260), (90 + 4 * i, 80)) for i in range(2)]
    from PIL import Image
    return [np.asarray(Image.open(p).convert("L").resize((512, 512), Image.NEAREST)) >= 128 for p in paths]


def race(title, contenders, rounds):
    """Prints the median of each contender and how many times rmseg's it is; contenders: name -> call."""
    times = {name: [] for name in contenders}
    for round in range(rounds + 1):
        for name, call in contenders.items():
            start = time.perf_counter()
            call()
            if round:  # the first one warms up
                times[name].append(time.perf_counter() - start)
    own = statistics.median(times["rmseg"])
    print(f"\n{title}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"    {name:<18}{1e3 * median:10.2f} ms  ({1e3 * min(seconds):.2f} to {1e3 * max(seconds):.2f})" +
              ("" if name == "rmseg" else f"   {median / own:6.1f} times"))


def race_metrics(title, rmseg, tools, p, t, rounds):
    calls = {"rmseg": lambda: rmseg.metrics(p.view(np.uint8), t.view(np.uint8))}
    for module, call in tools.items():
        calls[PACKAGES[module]] = lambda call=call: call(p, t)
    gap = max(abs(a - b) for a, b in zip(calls["rmseg"](), by_medpy(p, t))) if "medpy" in tools else 0
    race(f"{title}: {', '.join(METRICS)} (largest difference from MedPy {gap:.1g})", calls, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--volume")
    parser.add_argument("--images", nargs=2)
    a = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(a.threads)
    present = [m for m in PACKAGES if importlib.util.find_spec(m)]
    rmseg = Rmseg(a.library.resolve(), a.threads)
    tools = {m: f for m, f in {"medpy": by_medpy, "monai": by_monai, "surface_distance": by_surface_distance,
                               "SimpleITK": by_simpleitk}.items() if m in present}
    processor = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo", encoding="utf-8") if l.startswith("model name")), platform.processor())
    print(f"rmseg {rmseg.lib.rmseg_version().decode()} (level {rmseg.lib.rmseg_cpu_level().decode()}), "
          + ", ".join(f"{PACKAGES[m]} {importlib.metadata.version(PACKAGES[m])}" for m in present)
          + f"; {processor}, {a.threads} threads, {a.rounds} rounds")
    label = volume(a.volume)
    race_metrics(f"volume of {label.shape}", rmseg, tools, shifted_with_ball(label), label, a.rounds)
    p, t = images(a.images)
    race_metrics(f"image of {t.shape}", rmseg, tools, p, t, 4 * a.rounds)
    for title, mask in (("256^3 sphere", ellipsoid((256,) * 3, (128,) * 3, (100,) * 3)), ("volume", label)):
        for side, inside in (("inside", mask), ("outside", ~mask)):
            sites = (~inside).view(np.uint8)
            calls = {"rmseg": lambda: rmseg.distances(sites)}
            if "edt" in present:
                calls["edt"] = lambda: by_edt(a.threads)(inside)
            race(f"distance transform, {title}, {side}", calls, a.rounds)


if __name__ == "__main__":
    main()
