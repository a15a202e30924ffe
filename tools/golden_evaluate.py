#!/usr/bin/env python3
"""Makes tests/golden/evaluate: small NIfTI label images, what MedPy says of them, and files that no evaluation takes.

    tools/golden_evaluate.py tests/golden/evaluate

Needs NumPy, nibabel, MedPy 0.5.2.
"""
import argparse
import gzip
import pathlib

import nibabel
import numpy as np
from medpy.metric import binary

SHAPE = (23, 19, 11)  # i, j, k
SPACING = tuple(float(np.float32(s)) for s in (0.7, 0.9, 2.5))  # as the files can say it
METRICS = {"dice": (binary.dc, False), "jaccard": (binary.jc, False), "hd": (binary.hd, True), "hd95": (binary.hd95, True),
           "asd": (binary.asd, True), "assd": (binary.assd, True)}


def affine(spacing=SPACING, origin=(-80.5, 12, 33.25), flip=1):
    """Axes turned by a quarter and one of them backwards, as scanners store them."""
    matrix = np.zeros((4, 4))
    matrix[1, 0], matrix[0, 1], matrix[2, 2] = -spacing[0], spacing[1] * flip, spacing[2]
    matrix[:3, 3], matrix[3, 3] = origin, 1
    return matrix


def ball(center, radius):
    grid = np.ogrid[tuple(slice(n) for n in SHAPE)]
    return sum(((x - c) * s) ** 2 for x, c, s in zip(grid, center, SPACING)) <= radius**2


def labels(center, radius, second):
    image = np.zeros(SHAPE, np.uint8)
    image[ball(center, radius)] = 1
    if second:
        image[ball((center[0] + 1, center[1], center[2]), radius / 2)] = 2
    return image


def save(path, image, matrix):
    """Without the time and name that gzip would add: the same bytes every time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = nibabel.Nifti1Image(image, matrix)
    made.header.set_xyzt_units("mm")
    path.write_bytes(gzip.compress(made.to_bytes(), 9, mtime=0))


def measure(case, prediction, truth):
    voxel = float(np.prod(SPACING)) / 1000
    for label in (1, 2):
        p, t = prediction == label, truth == label
        yield case, label, "volume_pred_ml", p.sum() * voxel
        yield case, label, "volume_truth_ml", t.sum() * voxel
        yield case, label, "volume_difference_ml", (int(p.sum()) - int(t.sum())) * voxel
        if not p.any() or not t.any():
            continue
        for metric, (function, spaced) in METRICS.items():
            yield case, label, metric, function(p, t, **({"voxelspacing": SPACING} if spaced else {}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    rows = ["# case, class, metric, value: MedPy 0.5.2 with the files' spacing; made by tools/golden_evaluate.py"]
    pairs = {"a": (labels((10, 9, 5), 5, True), labels((11, 9, 5), 5.5, True)),
             "b": (labels((8, 10, 4), 6, True), labels((9, 9, 4), 6, True)),
             "c": (labels((12, 8, 6), 4, False), labels((12, 9, 6), 5, True))}
    pairs["a"][0][0, 0, 0] = 1  # an island far away
    for case, (prediction, truth) in pairs.items():
        save(folder / "pred" / f"{case}.nii.gz", prediction, affine())
        save(folder / "truth" / f"{case}.nii.gz", truth, affine())
        rows += [f"{c} {label} {metric} {float(value)!r}" for c, label, metric, value in measure(case, prediction, truth)]
    (folder / "medpy.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    truth, bad = pairs["a"][1], folder / "bad"
    save(bad / "spacing.nii.gz", truth, affine((0.7, 0.9, 2.0)))
    save(bad / "origin.nii.gz", truth, affine(origin=(-80.5, 12, 38.25)))
    save(bad / "flipped.nii.gz", truth, affine(flip=-1))
    save(bad / "size.nii.gz", truth[:, :, 1:], affine())
    save(bad / "four.nii.gz", np.stack([truth, truth], 3), affine())
    save(bad / "complex.nii.gz", truth.astype(np.complex64), affine())
    save(bad / "soft.nii.gz", truth.astype(np.float32) / 2, affine())
    save(bad / "negative.nii.gz", -truth.astype(np.int16), affine())
    (bad / "notes.nii.gz").write_text("The scans are on the other disk.\n", encoding="utf-8")


if __name__ == "__main__":
    main()
