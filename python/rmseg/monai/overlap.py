"""DiceMetric: hard masks are counted by rmseg, soft ones by MONAI's own code."""

from __future__ import annotations

import math

import monai.metrics
import torch
from monai.utils import MetricReduction

from .._masks import empty_sides, hard, measure


class DiceHelper(monai.metrics.DiceHelper):
    """As :class:`monai.metrics.DiceHelper`."""

    def compute_channel(self, y_pred: torch.Tensor, y: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is not None:
            y_pred, y = y_pred * mask.to(y_pred.dtype), y * mask
        truth, prediction = hard(y), hard(y_pred)
        if truth is None or prediction is None:
            return super().compute_channel(y_pred, y)
        value = measure("dice", prediction, truth, convention="monai")
        no_truth, no_prediction = empty_sides(value, prediction, truth)
        if no_truth:
            value = math.nan if self.ignore_empty else float(no_prediction)
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
