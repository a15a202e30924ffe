#!/usr/bin/env python3
"""Makes tests/golden/objective: small logits and truths for the tests of `rmseg objective`.

    tools/golden_objective.py        (needs numpy)
"""
import pathlib

import numpy

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/objective"


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(3)
    flat, solid = random.normal(size=(2, 2, 6, 7)) * 2, random.normal(size=(1, 3, 3, 4, 5)) * 2
    label = (random.random((2, 6, 7)) < 0.4).astype("u1")
    nan = flat.copy()
    nan[1, 0, 2, 3] = numpy.nan
    ignored, beyond = label.copy(), label.copy()
    ignored[0, :2] = 255
    beyond[1, 2, 3] = 7
    arrays = {
        "logits": flat,
        "logits-f4": flat.astype("f4"),
        "logits-big-fortran": numpy.asfortranarray(flat.astype(">f8")),
        "logits-3d": solid,
        "logits-flat": flat[:, 0],
        "logits-int": flat.astype("i2"),
        "logits-nan": nan,
        "logits-none": flat[:0],
        "label": label,
        "label-i8": label.astype(">i8"),
        "label-u4": label.astype("u4"),
        "label-f4": label.astype("f4")[:, None],
        "label-bool": label.astype(bool),
        "label-ignored": ignored,
        "label-minus": numpy.where(ignored == 255, -1, ignored.astype("i2")),
        "label-beyond": beyond,
        "label-half": label * 0.5,
        "label-small": label[:, :5],
        "label-3d": random.integers(0, 3, (1, 3, 4, 5)).astype("u1"),
        "map": numpy.stack([1 - label, label], 1).astype("f4"),
        "map-above": numpy.stack([1 - label, label * 2], 1).astype("f4"),
    }
    for name, array in arrays.items():
        numpy.save(FOLDER / f"{name}.npy", array)


if __name__ == "__main__":
    main()
