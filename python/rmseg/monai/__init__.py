"""MONAI's segmentation metrics, measured by rmseg: same names, same arguments, same results, same `aggregate`.

    from rmseg.monai import DiceMetric, HausdorffDistanceMetric        # instead of: from monai.metrics import ...

Each class derives from MONAI's own and replaces the measuring alone, so buffers, reductions, `get_not_nans`, lists of tensors and
distributed gathering are MONAI's. What rmseg does not measure (soft labels, the chessboard and taxicab distances) is
passed on to MONAI's own code: the result is the same, only not faster. MeanIoU is MONAI's own class: a sum over a
batch of tensors is as fast there. Needs MONAI 1.4 or later and PyTorch.
"""

from monai.metrics import MeanIoU, compute_iou

from .overlap import DiceHelper, DiceMetric, compute_dice
from .surface import (
    HausdorffDistanceMetric,
    SurfaceDiceMetric,
    SurfaceDistanceMetric,
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)

__all__ = [
    "DiceHelper",
    "DiceMetric",
    "HausdorffDistanceMetric",
    "MeanIoU",
    "SurfaceDiceMetric",
    "SurfaceDistanceMetric",
    "compute_average_surface_distance",
    "compute_dice",
    "compute_hausdorff_distance",
    "compute_iou",
    "compute_surface_dice",
]
