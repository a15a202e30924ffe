"""HausdorffDistanceMetric, SurfaceDistanceMetric and SurfaceDiceMetric: Euclidean distances are rmseg's exact ones, the chessboard and taxicab
distances are MONAI's own code."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import monai.metrics
import numpy as np
import torch
from monai.metrics import compute_average_surface_distance as their_average_surface_distance
from monai.metrics import compute_hausdorff_distance as their_hausdorff_distance
from monai.metrics import compute_surface_dice as their_surface_dice
from monai.metrics.utils import ignore_background, prepare_spacing
from monai.utils import convert_data_type

from .._masks import empty_sides, measure, ones, spacing_of


def _tensors(y_pred, y, include_background: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Both as tensors of one shape (B, C, ...), without the background where it is not asked for."""
    if not include_background:
        y_pred, y = ignore_background(y_pred=y_pred, y=y)
    y_pred, y = (convert_data_type(side, output_type=torch.Tensor)[0] for side in (y_pred, y))
    if y.shape != y_pred.shape:
        raise ValueError(f"y_pred and y should have same shapes, got {y_pred.shape} and {y.shape}.")
    return y_pred, y


def _warn_of_empty(sides: tuple[bool, bool], channel: int) -> None:
    for empty, name in zip(sides, ("ground truth", "prediction")):
        if empty:
            warnings.warn(f"the {name} of class {channel} is all 0, this may result in nan/inf distance.", stacklevel=4)


def _per_channel(y_pred: torch.Tensor, y: torch.Tensor, spacing, one: Callable[..., float], first: int, ignored) -> torch.Tensor:
    """one(prediction, truth, spacing, c) of every sample and class: (B, C) float32 on y_pred's device."""
    samples, channels = y_pred.shape[:2]
    axes = y_pred.ndim - 2
    spacings = prepare_spacing(spacing=spacing, batch_size=samples, img_dim=axes)
    values = torch.empty((samples, channels), dtype=torch.float32)
    for b in range(samples):
        for c in range(channels):
            prediction, truth = ones(y_pred[b, c]), ones(y[b, c])
            value = one(prediction, truth, spacing_of(spacings[b], axes), c)
            values[b, c] = value
            if ignored is None or c + first != ignored:
                _warn_of_empty(empty_sides(value, prediction, truth), c + first)
    return values.to(y_pred.device)


def _only_if_given(ignore_index: int | None) -> dict:
    """For MONAI's own functions: versions before 1.6 do not know the argument."""
    return {} if ignore_index is None else {"ignore_index": ignore_index}


def compute_hausdorff_distance(
    y_pred: np.ndarray | torch.Tensor,
    y: np.ndarray | torch.Tensor,
    include_background: bool = False,
    distance_metric: str = "euclidean",
    percentile: float | None = None,
    directed: bool = False,
    spacing=None,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """As :func:`monai.metrics.compute_hausdorff_distance`: per sample and class, shape (B, C), in units of the spacing."""
    if distance_metric != "euclidean":
        return their_hausdorff_distance(
            y_pred, y, include_background, distance_metric, percentile, directed, spacing, **_only_if_given(ignore_index)
        )
    if percentile and not 0 <= percentile <= 100:
        raise ValueError(f"percentile should be a value between 0 and 100, get {percentile}.")
    y_pred, y = _tensors(y_pred, y, include_background)
    first = 0 if include_background else 1

    def one(prediction, truth, step, c):
        if ignore_index is not None and c + first == ignore_index:
            return math.nan
        value = measure("hd", prediction, truth, convention="monai", spacing=step, percentile=percentile or 100.0, directed=directed)
        return math.nan if percentile and math.isinf(value) else value  # MONAI interpolates between infinities

    return _per_channel(y_pred, y, spacing, one, first, ignore_index)


def compute_average_surface_distance(
    y_pred: np.ndarray | torch.Tensor,
    y: np.ndarray | torch.Tensor,
    include_background: bool = False,
    symmetric: bool = False,
    distance_metric: str = "euclidean",
    spacing=None,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """As :func:`monai.metrics.compute_average_surface_distance`: per sample and class, shape (B, C), in units of the spacing."""
    if distance_metric != "euclidean":
        return their_average_surface_distance(
            y_pred, y, include_background, symmetric, distance_metric, spacing, **_only_if_given(ignore_index)
        )
    y_pred, y = _tensors(y_pred, y, include_background)

    def one(prediction, truth, step, c):
        return measure("assd" if symmetric else "asd", prediction, truth, convention="monai", spacing=step)

    return _per_channel(y_pred, y, spacing, one, 0 if include_background else 1, ignore_index)


def compute_surface_dice(
    y_pred: torch.Tensor,
    y: torch.Tensor,
    class_thresholds: list[float],
    include_background: bool = False,
    distance_metric: str = "euclidean",
    spacing=None,
    use_subvoxels: bool = False,
    ignore_index: int | None = None,
) -> torch.Tensor:
    """As :func:`monai.metrics.compute_surface_dice`: per sample and class, shape (B, C)."""
    if distance_metric != "euclidean":
        return their_surface_dice(
            y_pred, y, class_thresholds, include_background, distance_metric, spacing, use_subvoxels, **_only_if_given(ignore_index)
        )
    if ignore_index is not None:
        from monai.metrics.utils import create_ignore_mask

        mask = create_ignore_mask(y, ignore_index)
        y_pred, y = y_pred * mask, y * mask
    if not include_background:
        y_pred, y = ignore_background(y_pred=y_pred, y=y)
    if not isinstance(y_pred, torch.Tensor) or not isinstance(y, torch.Tensor):
        raise ValueError("y_pred and y must be PyTorch Tensor.")
    if y_pred.ndim not in (4, 5) or y.ndim not in (4, 5):
        raise ValueError("y_pred and y should be one-hot encoded: [B,C,H,W] or [B,C,H,W,D].")
    if y_pred.shape != y.shape:
        raise ValueError(f"y_pred and y should have same shape, but instead, shapes are {y_pred.shape} (y_pred) and {y.shape} (y).")
    if y_pred.shape[1] != len(class_thresholds):
        raise ValueError(f"number of classes ({y_pred.shape[1]}) does not match number of class thresholds ({len(class_thresholds)}).")
    if not np.isfinite(class_thresholds).all():
        raise ValueError("All class thresholds need to be finite.")
    if (np.asarray(class_thresholds) < 0).any():
        raise ValueError("All class thresholds need to be >= 0.")
    convention = "monai-subvoxel" if use_subvoxels else "monai"

    def one(prediction, truth, step, c):
        return measure("nsd", prediction, truth, spacing=step, tolerance=float(class_thresholds[c]), convention=convention)

    return _per_channel(y_pred, y, spacing, one, 0 if include_background else 1, ignore_index)


def _masked(metric, y_pred: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """The ignore label as MONAI's classes take it: those voxels are set to 0 in both."""
    if y_pred.ndim < 3:
        raise ValueError("y_pred should have at least three dimensions.")
    if getattr(metric, "ignore_index", None) is None:
        return y_pred, y, {}
    from monai.metrics.utils import create_ignore_mask

    mask = create_ignore_mask(y, metric.ignore_index)
    return y_pred * mask, y * mask, {"ignore_index": metric.ignore_index}


class HausdorffDistanceMetric(monai.metrics.HausdorffDistanceMetric):
    """As :class:`monai.metrics.HausdorffDistanceMetric`: the same arguments, values and ``aggregate``."""

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor, **kwargs) -> torch.Tensor:  # type: ignore[override]
        y_pred, y, ignored = _masked(self, y_pred, y)
        return compute_hausdorff_distance(
            y_pred, y, self.include_background, self.distance_metric, self.percentile, self.directed, kwargs.get("spacing"), **ignored
        )


class SurfaceDistanceMetric(monai.metrics.SurfaceDistanceMetric):
    """As :class:`monai.metrics.SurfaceDistanceMetric`: the same arguments, values and ``aggregate``."""

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor, **kwargs) -> torch.Tensor:  # type: ignore[override]
        y_pred, y, ignored = _masked(self, y_pred, y)
        return compute_average_surface_distance(
            y_pred, y, self.include_background, self.symmetric, self.distance_metric, kwargs.get("spacing"), **ignored
        )


class SurfaceDiceMetric(monai.metrics.SurfaceDiceMetric):
    """As :class:`monai.metrics.SurfaceDiceMetric`: the same arguments, values and ``aggregate``."""

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor, **kwargs) -> torch.Tensor:  # type: ignore[override]
        return compute_surface_dice(
            y_pred,
            y,
            self.class_thresholds,
            self.include_background,
            self.distance_metric,
            kwargs.get("spacing"),
            self.use_subvoxels,
            getattr(self, "ignore_index", None),
        )
