"""DiceMetric and MeanIoU: hard masks are counted by rmseg, soft ones by MONAI's own code."""

from __future__ import annotations

import math

import monai.metrics
import torch
from monai.metrics import compute_iou as their_iou
from monai.metrics.utils import ignore_background
from monai.utils import MetricReduction

from .._masks import empty_sides, hard, measure


def _of_pair(name: str, y_pred: torch.Tensor, y: torch.Tensor, ignore_empty: bool) -> float | None:
    """Dice or Jaccard of one class of one sample; None where a mask is soft."""
    truth, prediction = hard(y), hard(y_pred)
    if truth is None or prediction is None:
        return None
    value = measure(name, prediction, truth, convention="monai")
    no_truth, no_prediction = empty_sides(value, prediction, truth)
    if not no_truth:
        return value
    return math.nan if ignore_empty else float(no_prediction)


class DiceHelper(monai.metrics.DiceHelper):
    """As :class:`monai.metrics.DiceHelper`."""

    def compute_channel(self, y_pred: torch.Tensor, y: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is not None:
            y_pred, y = y_pred * mask.to(y_pred.dtype), y * mask
        value = _of_pair("dice", y_pred, y, self.ignore_empty)
        if value is None:
            return super().compute_channel(y_pred, y)
        return torch.tensor(value, dtype=torch.float32, device=y.device)


class DiceMetric(monai.metrics.DiceMetric):
    """As :class:`monai.metrics.DiceMetric`: the same arguments, values and ``aggregate``."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.dice_helper.__class__ = DiceHelper


def compute_dice(
    y_pred: torch.Tensor,
    y: torch.Tensor,
    include_background: bool = True,
    ignore_empty: bool = True,
    num_classes: int | None = None,
    **kwargs,
) -> torch.Tensor:
    """As :func:`monai.metrics.compute_dice`: Dice per sample and class, shape (B, C)."""
    return DiceHelper(  # type: ignore[return-value]
        include_background=include_background,
        reduction=MetricReduction.NONE,
        get_not_nans=False,
        apply_argmax=False,
        ignore_empty=ignore_empty,
        num_classes=num_classes,
        **kwargs,
    )(y_pred=y_pred, y=y)


class MeanIoU(monai.metrics.MeanIoU):
    """As :class:`monai.metrics.MeanIoU`: the same arguments, values and ``aggregate``."""

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        if y_pred.ndim < 3:
            raise ValueError(f"y_pred should have at least 3 dimensions (batch, channel, spatial), got {y_pred.ndim}.")
        ignored = {"ignore_index": self.ignore_index} if getattr(self, "ignore_index", None) is not None else {}
        return compute_iou(y_pred, y, self.include_background, self.ignore_empty, **ignored)


def compute_iou(
    y_pred: torch.Tensor, y: torch.Tensor, include_background: bool = True, ignore_empty: bool = True, ignore_index: int | None = None
) -> torch.Tensor:
    """As :func:`monai.metrics.compute_iou`: intersection over union per sample and class, shape (B, C). Soft masks and
    ``ignore_index`` are MONAI's own code."""
    if ignore_index is not None:
        return their_iou(y_pred, y, include_background, ignore_empty, ignore_index)
    prediction, truth = (y_pred, y) if include_background else ignore_background(y_pred=y_pred, y=y)
    if prediction.shape != truth.shape:
        raise ValueError(f"y_pred and y should have same shapes, got {prediction.shape} and {truth.shape}.")
    iou = torch.empty(prediction.shape[:2], dtype=torch.float32)
    for b in range(prediction.shape[0]):
        for c in range(prediction.shape[1]):
            value = _of_pair("jaccard", prediction[b, c], truth[b, c], ignore_empty)
            if value is None:
                return their_iou(y_pred, y, include_background, ignore_empty)
            iou[b, c] = value
    return iou.to(y.device)
