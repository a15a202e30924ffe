"""The exact Euclidean distance transform."""

import numpy as np

from . import _arrays
from ._library import Error, check, library


def distance_transform(mask: _arrays.Array, spacing: _arrays.Lengths = None, signed: bool = False, squared: bool = False) -> np.ndarray:
    """Distance from the centre of every voxel to that of the nearest set voxel of `mask`.

    mask     (W), (H,W) or (D,H,W), non-zero is set
    spacing  length of a voxel along each axis, in the array's order; a number for all axes, None for 1
    signed   set voxels have minus the distance to the nearest voxel that is not set
    squared  squared distances, exact where the spacing is the same along all axes

    Returns float32 of the mask's shape, in units of the spacing (squared: float64, in their square). An empty mask is +inf everywhere;
    signed, a full one is -inf. Raises Error or TypeError. Computed in linear time and without approximation (include/rmseg/field.h).

    >>> import rmseg
    >>> rmseg.distance_transform([0, 0, 1, 0])
    array([2., 1., 0., 1.], dtype=float32)
    >>> rmseg.distance_transform([[1, 0], [0, 0]], spacing=(3, 4), squared=True)
    array([[ 0., 16.],
           [ 9., 25.]])
    """
    if signed and squared:
        raise Error("distance_transform: signed distances have no square: ask for one of signed and squared")
    array = _arrays.mask(mask, "mask")
    size, axes = _arrays.grid(array, "mask")
    lengths = _arrays.lengths(spacing, axes)
    distance = np.empty(array.shape, np.float64 if squared else np.float32)
    where = _arrays.address(distance), _arrays.address(array), size, lengths
    if squared:
        check(library.rmseg_distance_transform_squared(*where))
    else:
        check(library.rmseg_distance_transform(*where, bool(signed)))
    return distance
