#!/usr/bin/env python3
"""Measures what the residual-moment loss weighs on real masks, with `rmseg objective`: the tables of docs/losses/rm.md.

    tools/measure_rm.py RMSEG [--la DIR] [--drishti DIR] [--phantoms DIR] [--cases N]

DIR is a folder of the left atrium's CASE/mri_norm2.h5, of Drishti-GS1, or of `rmseg phantoms`. Needs numpy, scipy, h5py and
pillow. Prints mean weights on target and background, and how long RM's gradient is beside that of CE + Dice on predictions made from
the truth: logits k times the signed distance to its border, k such that the soft Dice is the one in the table's head.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy
from PIL import Image
from scipy import ndimage

PATCH = (112, 112, 80)
SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="measure_rm"))


def objective(rmseg, expression, label, logits=None, **options):
    """What `rmseg objective` says, as a dictionary."""
    numpy.save(SCRATCH / "target.npy", label[None].astype("u1"))
    command = [rmseg, "objective", expression, "--target", SCRATCH / "target.npy", "--json", "-"]
    if logits is None:
        command += ["--weights", SCRATCH / "weights.npy"]
    else:
        numpy.save(SCRATCH / "logits.npy", logits[None].astype("f4"))
        command += ["--logits", SCRATCH / "logits.npy"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def atria(folder):
    import h5py

    for path in sorted(folder.glob("*/mri_norm2.h5")):
        with h5py.File(path) as file:
            yield file["label"][:] > 0


def fundus(folder, name):
    """Masks of the disc or the cup (two experts or more), on 512 x 512."""
    for path in sorted(folder.glob(f"*/*GT/*/SoftMap/*{name}segSoftmap.png")):
        with Image.open(path) as image:
            yield numpy.asarray(image.resize((512, 512), Image.NEAREST)) >= 128


def phantoms(folder):
    for path in sorted((folder / "labels").glob("*.png")):
        with Image.open(path) as image:
            yield numpy.asarray(image) > 0


def crops(labels, random):
    for label in labels:
        at = [random.integers(0, n - p + 1) for n, p in zip(label.shape, PATCH)]
        yield label[tuple(slice(a, a + p) for a, p in zip(at, PATCH))]


def far_ball(label, distance):
    """A ball of false positive (radius 1/20 of the shortest axis) where the truth is farthest, inside the image."""
    radius = max(2, min(label.shape) // 20)
    inner = tuple(slice(radius, n - radius) for n in label.shape)
    at = numpy.unravel_index(distance[inner].argmax(), distance[inner].shape)
    squares = sum((numpy.indices(label.shape)[k] - at[k] - radius) ** 2 for k in range(label.ndim))
    return squares <= radius**2


def prediction(label, dice):
    """Logits of a prediction with this soft Dice, and the distance to the truth; Dice None: 0 everywhere."""
    distance = ndimage.distance_transform_edt(~label)
    signed = numpy.where(label, ndimage.distance_transform_edt(label) - 0.5, 0.5 - distance)
    if dice is None:
        return 0 * signed, distance
    low, high = 1e-4, 1e3
    for _ in range(40):
        k = (low * high) ** 0.5
        p = 1 / (1 + numpy.exp(-numpy.clip(k * signed, -80, 80)))
        low, high = (k, high) if 2 * (p * label).sum() / (p.sum() + label.sum()) < dice else (low, k)
    return numpy.clip(k * signed, -80, 80), distance


def show_weights(rmseg, name, labels, expressions):
    for expression in expressions:
        found = [objective(rmseg, "sigmoid: " + expression, label) for label in labels if label.any()]
        target, background = (numpy.mean([f[key] for f in found]) for key in ("on_target", "on_background"))
        print(f"| {name} | `{expression}` | {len(found)} | {target:.2g} | {background:.2g} | {background / target:.3g} |")


def show_pulls(rmseg, name, labels, head, alpha, orders, dices):
    """The gradient of RM over that of CE + Dice, L2 over the logits; mean over cases."""
    cells = []
    for dice in dices + [dices[-1]]:
        far, ratios = len(cells) == len(dices), []
        for label in labels:
            z, distance = prediction(label, dice)
            if far:
                z = numpy.where(far_ball(label, distance), 5.0, z)
            logits = numpy.stack([-z / 2, z / 2]) if head == "softmax" else z[None]
            base = objective(rmseg, f"{head}: ce + dice", label, logits)["gradient"]
            pulls = [objective(rmseg, f"{head}: " + orders.format(alpha, r), label, logits)["gradient"] / base
                     for r in ("mean", "sum")]
            ratios.append(pulls)
        mean, total = numpy.mean(ratios, axis=0)
        cells.append(f"{mean:.2g} / {total:.2g}")
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rmseg")
    parser.add_argument("--la", type=pathlib.Path)
    parser.add_argument("--drishti", type=pathlib.Path)
    parser.add_argument("--phantoms", type=pathlib.Path)
    parser.add_argument("--cases", type=int, default=6, help="for the gradients; the weights take all")
    o = parser.parse_args()
    solid, flat = "rm(2,0,0) + rm(0,2,0) + rm(0,0,2)", "rm(2,0) + rm(0,2)"
    sets = []
    if o.la:
        sets += [("left atrium, whole", list(atria(o.la)), [solid]),
                 ("left atrium, patches", list(crops(atria(o.la), numpy.random.default_rng(1))), [solid])]
    if o.drishti:
        sets += [(f"fundus, {part}", list(fundus(o.drishti, name)), [flat]) for part, name in (("disc", "OD"), ("cup", "cup"))]
    if o.phantoms:
        sets += [("phantoms", list(phantoms(o.phantoms)), [flat])]
    print("| masks | terms | cases | on target | on background | ratio |\n|---|---|---|---|---|---|")
    for name, labels, expressions in sets:
        show_weights(o.rmseg, name, labels, expressions)
    print("\n| prediction | p = 1/2 | early | mid | late | late + far false positive |\n|---|---|---|---|---|---|")
    three = ["rm(2,0,0; reduction={1})", "rm(0,2,0; reduction={1})", "rm(0,0,2; reduction={1})"]
    two = ["rm(2,0; reduction={1})", "rm(0,2; reduction={1})", "rm(2,2; reduction={1})"]
    for name, labels, _ in sets:
        if name == "left atrium, patches":
            show_pulls(o.rmseg, "left atrium, alpha 0.01", labels[:o.cases], "softmax", 0.01,
                       "{0}*(" + " + ".join(three) + ")", [None, 0.75, 0.974, 0.997])
        if name == "fundus, disc":
            show_pulls(o.rmseg, "disc, alpha 1", labels[:o.cases], "sigmoid", 1, "{0}*(" + " + ".join(two) + ")",
                       [None, 0.82, 0.985, 0.996])
            show_pulls(o.rmseg, "disc, mse at alpha 1", labels[:o.cases], "sigmoid", 1, "{0}*mse(reduction={1})",
                       [None, 0.82, 0.985, 0.996])


if __name__ == "__main__":
    main()
