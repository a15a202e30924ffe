#!/usr/bin/env python3
"""Judges a folder of NIfTI predictions against a folder of truths: Dice, Jaccard, 95HD and ASD of each label, in millimetres.

    python3 examples/python/evaluate_folder.py PREDICTIONS TRUTHS [--convention medpy]         (needs nibabel)

`rmseg evaluate --pred PREDICTIONS --truth TRUTHS --spacing image` does the same and more; this shows how a script of yours may.
"""

import argparse
import math
from collections import defaultdict
from pathlib import Path
from statistics import mean

import nibabel
import numpy as np

import rmseg

METRICS = ("dice", "jaccard", "hd95", "asd")


def read(path: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    image = nibabel.load(path)
    return np.asarray(image.dataobj).astype(np.int32), tuple(float(s) for s in image.header.get_zooms()[:3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("predictions", type=Path)
    parser.add_argument("truths", type=Path)
    parser.add_argument("--convention", default="medpy")
    arguments = parser.parse_args()

    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    paths = sorted(arguments.truths.glob("*.nii*"))
    if not paths:
        parser.exit(1, f"{arguments.truths} holds no *.nii or *.nii.gz\n")
    for path in paths:
        prediction, _ = read(arguments.predictions / path.name)
        truth, spacing = read(path)
        for record in rmseg.metrics.evaluate(prediction, truth, METRICS, spacing=spacing, convention=arguments.convention):
            values[record["class"], record["metric"]].append(record["value"])
    print(f"{'label':8}{'metric':10}{'mean':>10}  valid of {len(paths)}")
    for (label, metric), found in sorted(values.items()):
        valid = [value for value in found if math.isfinite(value)]
        print(f"{label:8}{metric:10}{mean(valid) if valid else math.nan:10.4f}  {len(valid)}")


if __name__ == "__main__":
    main()
