"""TorchMetrics' DiceScore and HausdorffDistance: same names, same arguments, same ``update`` and ``compute``, less work.

    from rmseg.torchmetrics import DiceScore, HausdorffDistance    # instead of: from torchmetrics.segmentation import ...

Needs TorchMetrics 1.7 or later. One difference is meant: TorchMetrics 1.9's Hausdorff distance is wrong on images that are
not square; ours is right there. Volumes and the chessboard and taxicab distances are TorchMetrics' own code.
"""

from __future__ import annotations

import torch
import torchmetrics.segmentation
from torch import Tensor
from torchmetrics.functional.segmentation import hausdorff_distance as their_hausdorff_distance
from torchmetrics.functional.segmentation.utils import _segmentation_inputs_format

from ._masks import measure, ones, spacing_of


def hausdorff_distance(
    preds: Tensor,
    target: Tensor,
    num_classes: int,
    include_background: bool = False,
    distance_metric: str = "euclidean",
    spacing: Tensor | list[float] | None = None,
    directed: bool = False,
    input_format: str = "one-hot",
) -> Tensor:
    """As ``torchmetrics.functional.segmentation.hausdorff_distance``: per sample and class, shape (N, C), in units of the
    spacing; infinite where one mask is empty."""
    masks = None
    if distance_metric == "euclidean" and num_classes > 0:
        masks = _segmentation_inputs_format(preds, target, include_background, num_classes, input_format)
    if masks is None or masks[0].ndim != 4:
        return their_hausdorff_distance(preds, target, num_classes, include_background, distance_metric, spacing, directed, input_format)
    prediction, truth = masks
    step = spacing_of(spacing.tolist() if isinstance(spacing, Tensor) else spacing, 2)
    distances = torch.zeros(prediction.shape[:2])
    for n in range(prediction.shape[0]):
        for c in range(prediction.shape[1]):
            distances[n, c] = measure(
                "hd", ones(prediction[n, c]), ones(truth[n, c]), spacing=step, directed=directed, convention="torchmetrics"
            )
    return distances.to(prediction.device)


class HausdorffDistance(torchmetrics.segmentation.HausdorffDistance):
    """As :class:`torchmetrics.segmentation.HausdorffDistance`."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        score = hausdorff_distance(
            preds,
            target,
            self.num_classes,
            self.include_background,
            self.distance_metric,
            self.spacing,
            self.directed,
            self.input_format,
        )
        self.score += score.sum()
        self.total += score.numel()


def _class_counts(preds: Tensor, target: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Voxels of each class in both, in preds and in target, (N, classes) each, from one table of pairs."""
    samples = preds.shape[0]
    pairs = (preds.reshape(samples, -1) * classes + target.reshape(samples, -1)).to(torch.int64)
    table = torch.stack([torch.bincount(row, minlength=classes * classes) for row in pairs]).view(samples, classes, classes)
    return table.diagonal(dim1=1, dim2=2), table.sum(2), table.sum(1)


class DiceScore(torchmetrics.segmentation.DiceScore):
    """As :class:`torchmetrics.segmentation.DiceScore`; index maps are counted as they are, without a one-hot copy."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        if self.input_format != "index" or preds.shape != target.shape or preds.ndim < 2:
            return super().update(preds, target)
        for side in (preds, target):
            low, high = torch.aminmax(side)
            if low < 0 or high >= self.num_classes:
                return super().update(preds, target)
        both, predicted, true = _class_counts(preds, target, self.num_classes)
        first = 0 if self.include_background or self.num_classes == 1 else 1
        self.numerator.append(2 * both[:, first:])
        self.denominator.append((predicted + true)[:, first:])
        self.support.append(true[:, first:])
