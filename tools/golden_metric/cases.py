"""The pairs of small masks that every convention is held against."""
from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass
class Pair:
    name: str
    prediction: np.ndarray
    truth: np.ndarray
    spacing: tuple = None
    connectivity: tuple = (1,)  # those asked of conventions that leave it open

    @property
    def axes(self):
        return self.truth.ndim

    @property
    def steps(self):
        """The spacing in numbers."""
        return self.spacing or (1.0,) * self.axes

    @property
    def tolerances(self):
        """Two of them for the surface Dice; distances that equal one of them exactly only where they are exact."""
        return (0.87, 2.03) if self.spacing else (1, 2)

    @property
    def note(self):
        if not self.prediction.any() and not self.truth.any():
            return "both empty"
        if not self.truth.any():
            return "truth empty"
        if not self.prediction.any():
            return "prediction empty"
        return "-"

    @property
    def empty(self):
        return self.note != "-"


# ---- shapes ----------------------------------------------------------------------------------------------------------

def none(shape):
    return np.zeros(shape, bool)


def full(shape):
    return np.ones(shape, bool)


def voxel(shape, at):
    mask = none(shape)
    mask[tuple(at)] = True
    return mask


def box(shape, low, high):
    mask = none(shape)
    mask[tuple(slice(a, b) for a, b in zip(low, high))] = True
    return mask


def ball(shape, centre, radius):
    return sum((g - c) ** 2 for g, c in zip(np.indices(shape), centre)) <= radius ** 2


def ring(shape, centre, outer, inner):
    return ball(shape, centre, outer) & ~ball(shape, centre, inner)


def checkerboard(shape):
    return np.indices(shape).sum(0) % 2 == 0


def blob(rng, shape, level=0.03):
    """A smooth random mask with a few components, holes and edge voxels."""
    return ndimage.gaussian_filter(rng.normal(size=shape), 2.0, mode="nearest") > level


def line(shape, axis):
    """One voxel thick, through the middle, from edge to edge."""
    mask = none(shape)
    mask[tuple(slice(None) if a == axis else n // 2 for a, n in enumerate(shape))] = True
    return mask


def shifted(mask, step):
    """The mask moved by `step` along every axis; what leaves is lost, what enters is unset."""
    out = np.zeros_like(mask)
    into = tuple(slice(max(step, 0), n + min(step, 0)) for n in mask.shape)
    back = tuple(slice(max(-step, 0), n - max(step, 0)) for n in mask.shape)
    out[into] = mask[back]
    return out


# ---- pairs -----------------------------------------------------------------------------------------------------------

def pairs_of(rng, label, shape, spacing):
    """What is asked in 2D and in 3D alike."""
    axes = len(shape)
    middle = ball(shape, [n / 2 for n in shape], 3.9)
    one = voxel(shape, [n // 3 for n in shape])
    blobs = blob(rng, shape), blob(rng, shape)
    islands = middle | box(shape, [0] * axes, [2] * axes) | voxel(shape, [n - 2 for n in shape])
    yield Pair(f"{label}-blobs", *blobs, connectivity=tuple(range(1, axes + 1)))
    yield Pair(f"{label}-blobs-anisotropic", *blobs, spacing, connectivity=(1, 2))
    yield Pair(f"{label}-same", blobs[0], blobs[0], spacing)
    yield Pair(f"{label}-spheres", ball(shape, [n / 2 - 1 for n in shape], 2.7), middle, spacing)
    yield Pair(f"{label}-shifted-3", shifted(middle, 3), middle)
    yield Pair(f"{label}-boxes", box(shape, [2] * axes, [7] * axes), box(shape, [1] * axes, [n - 2 for n in shape]))
    yield Pair(f"{label}-touching-edges", box(shape, [0] * axes, [4] * axes), box(shape, [n - 3 for n in shape], shape),
               spacing)
    yield Pair(f"{label}-one-voxel", one, middle)
    yield Pair(f"{label}-two-voxels", one, np.flip(one).copy(), spacing)
    yield Pair(f"{label}-islands", islands, middle, spacing)
    yield Pair(f"{label}-ring", ring(shape, [n / 2 for n in shape], 4.4, 1.7), middle)
    yield Pair(f"{label}-lines", line(shape, 0), line(shape, axes - 1), spacing, connectivity=(1, axes))
    yield Pair(f"{label}-full-prediction", full(shape), middle)
    yield Pair(f"{label}-full-truth", middle, full(shape), spacing)
    yield Pair(f"{label}-both-full", full(shape), full(shape))
    yield Pair(f"{label}-prediction-empty", none(shape), middle)
    yield Pair(f"{label}-truth-empty", one, none(shape), spacing)
    yield Pair(f"{label}-both-empty", none(shape), none(shape))


def all_pairs():
    rng = np.random.default_rng(20)
    plane, volume = (17, 22), (9, 11, 13)
    yield from pairs_of(rng, "2d", plane, (0.7, 1.3))
    yield from pairs_of(rng, "3d", volume, (2.5, 0.6, 0.9))
    yield Pair("2d-checkerboard", checkerboard((9, 12)), box((9, 12), (2, 3), (7, 9)))
    yield Pair("2d-square", blob(rng, (15, 15)), blob(rng, (15, 15)), (1.5, 0.5))
    yield Pair("2d-one-row", rng.random((1, 23)) > 0.6, rng.random((1, 23)) > 0.6)
    yield Pair("2d-one-column", rng.random((23, 1)) > 0.6, rng.random((23, 1)) > 0.6, (0.5, 2.0))
    yield Pair("2d-one-pixel-image", full((1, 1)), full((1, 1)))
    yield Pair("3d-checkerboard", checkerboard((5, 6, 7)), box((5, 6, 7), (1, 1, 1), (4, 5, 6)))
    yield Pair("3d-one-slice", box(volume, (4, 2, 3), (5, 9, 11)), box(volume, (4, 3, 1), (5, 10, 8)), (2.5, 0.6, 0.9))
    yield Pair("3d-one-row-thick", box((7, 1, 19), (1, 0, 2), (5, 1, 11)), box((7, 1, 19), (2, 0, 6), (6, 1, 17)))
    yield Pair("1d-runs", rng.random(29) > 0.4, rng.random(29) > 0.4, (0.8,))
    yield Pair("1d-apart", box((31,), (2,), (9,)), box((31,), (20,), (31,)))
