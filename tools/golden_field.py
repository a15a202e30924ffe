"""Writes tests/golden/field.txt: what SciPy and scikit-image say about small masks.

    python tools/golden_field.py            (needs numpy, scipy, scikit-image)

One block per mask, tokens separated by white space:
    case NAME D H W sd sh sw     extents and spacings; 2D masks have D = 1 and are given to SciPy as H x W
    mask 0110...                 D*H*W digits
    distance x x ...             scipy.ndimage.distance_transform_edt(mask == 0, sampling); absent where the mask is empty
    border C 0110...             mask ^ binary_erosion(mask, generate_binary_structure(rank, C)), outside = 0
    components C COUNT l l ...   scipy.ndimage.label(mask, generate_binary_structure(rank, C))
    contours COUNT POINTS        skimage.measure.find_contours(mask padded by zeros, 0.5), first points not counted twice; 2D only
"""
import pathlib

import numpy as np
from scipy import ndimage
from skimage import measure

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "field.txt"


def masks():
    rng = np.random.default_rng(20210)
    yield "sparse-2d", rng.random((11, 14)) < 0.06, (1, 1)
    yield "half-2d", rng.random((12, 9)) < 0.5, (1, 1)
    yield "dense-2d-anisotropic", rng.random((9, 13)) < 0.9, (0.7, 2.25)
    yield "row-2d", rng.random((1, 23)) < 0.4, (1, 1)
    yield "empty-2d", np.zeros((4, 5), bool), (1, 1)
    yield "full-2d", np.ones((4, 5), bool), (1, 1)
    yield "corner-2d-isotropic", np.pad([[True]], ((0, 7), (0, 9))), (0.625, 0.625)
    yield "sparse-3d", rng.random((5, 7, 6)) < 0.04, (1, 1, 1)
    yield "half-3d", rng.random((4, 6, 5)) < 0.35, (1, 1, 1)
    yield "sparse-3d-anisotropic", rng.random((6, 5, 8)) < 0.05, (3.3, 0.9, 1.2)
    yield "dense-3d-isotropic", rng.random((5, 5, 7)) < 0.8, (0.625, 0.625, 0.625)


def digits(values):
    return "".join(str(int(v)) for v in values.ravel())


def block(name, mask, spacing):
    size, scale = mask.shape, spacing
    if mask.ndim == 2:
        size, scale = (1, *size), (1, *scale)
    yield "case", name, *size, *scale
    yield "mask", digits(mask)
    if mask.any():
        distance = ndimage.distance_transform_edt(~mask, sampling=spacing)
        yield "distance", *(repr(float(d)) for d in distance.ravel())
    for connectivity in range(1, mask.ndim + 1):
        structure = ndimage.generate_binary_structure(mask.ndim, connectivity)
        yield "border", connectivity, digits(mask ^ ndimage.binary_erosion(mask, structure))
        labels, count = ndimage.label(mask, structure)
        yield "components", connectivity, count, *labels.ravel()
    if mask.ndim == 2:
        found = measure.find_contours(np.pad(mask, 1).astype(float), 0.5)
        yield "contours", len(found), sum(len(line) - 1 for line in found)


with OUT.open("w") as file:
    for case in masks():
        for line in block(*case):
            print(*line, file=file)
print(OUT)
