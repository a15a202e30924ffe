#!/usr/bin/env python3
"""Draws the pictures of docs/show.md: a made-up atrium with four veins, and a prediction that misses one and adds an island.

    tools/draw_volumes.py build/src/cli/rmseg docs/images        (needs numpy, scipy and nibabel)
"""
import pathlib
import subprocess
import sys
import tempfile

import nibabel
import numpy
from scipy import ndimage

SIZE = (110, 88, 60)  # to the left, to posterior, to superior; 1 mm
rng = numpy.random.default_rng(7)


def smooth_noise(sigma):
    noise = ndimage.gaussian_filter(rng.standard_normal(SIZE), sigma)
    return noise / noise.std()


def tube(start, end, radius):
    """Voxels within `radius` of the line from start to end, as fractions of the volume's size."""
    at = numpy.stack(numpy.meshgrid(*(numpy.arange(n) for n in SIZE), indexing="ij"), -1).astype(float)
    a, b = (numpy.array(p) * SIZE for p in (start, end))
    t = numpy.clip(((at - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return numpy.linalg.norm(at - a - t[..., None] * (b - a), axis=-1) - radius * (1.25 - 0.45 * t)


def union(*fields):
    return -numpy.logaddexp.reduce([-f / 2.5 for f in fields]) * 2.5  # with round corners


body = union(tube((0.42, 0.45, 0.42), (0.62, 0.42, 0.45), 17), tube((0.5, 0.4, 0.4), (0.52, 0.3, 0.35), 14))
veins = [tube((0.38, 0.55, 0.55), (0.12, 0.72, 0.74), 6.5), tube((0.38, 0.6, 0.4), (0.12, 0.75, 0.3), 6),
         tube((0.65, 0.55, 0.55), (0.9, 0.72, 0.8), 6.5), tube((0.65, 0.6, 0.42), (0.9, 0.76, 0.36), 6)]
truth = union(body, *veins) + 0.5 * smooth_noise(4) < 0
island = tube((0.85, 0.2, 0.75), (0.87, 0.22, 0.77), 4)
prediction = numpy.minimum(union(body, *veins[:3]) + 1.2 * smooth_noise(5), island) < 0
grey = 90 * ndimage.gaussian_filter(truth.astype(float), 1) + 14 * smooth_noise(6) + 5 * smooth_noise(1.5) + 60

with tempfile.TemporaryDirectory() as folder:
    def save(name, array):
        path = pathlib.Path(folder, name + ".nii.gz")
        nibabel.save(nibabel.Nifti1Image(array, numpy.diag([-1.0, -1, 1, 1])), path)  # i to the left, j to posterior
        return path

    image = save("image", grey.astype(numpy.float32))
    masks = ["--truth", save("truth", truth.astype(numpy.uint8)), "--pred", save("prediction", prediction.astype(numpy.uint8))]
    show = [sys.argv[1], "show", image, *masks, "--out"]
    out = pathlib.Path(sys.argv[2])
    subprocess.run([*show, out / "show-slices.png", "--scale", "1.7"], check=True)
    view = ["--surface", "--view", "205,25", "--colour", "distance", "--scale", "2.2"]
    subprocess.run([*show, out / "show-surfaces.png", *view], check=True)
