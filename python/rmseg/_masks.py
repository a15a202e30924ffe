"""From tensors to masks and back: what the drop-ins for MONAI and TorchMetrics share."""

from __future__ import annotations

import math

import torch

from . import metrics


def ones(tensor: torch.Tensor) -> torch.Tensor:
    """Where the tensor is 1, as a dense uint8 mask on the CPU."""
    return (tensor if tensor.dtype is torch.bool else tensor == 1).to("cpu").contiguous().view(torch.uint8)


def hard(tensor: torch.Tensor) -> torch.Tensor | None:
    """The same, or None where the tensor holds anything but 0 and 1."""
    mask = ones(tensor)
    if tensor.dtype is not torch.bool and torch.count_nonzero(mask) != torch.count_nonzero(tensor):
        return None
    return mask


def spacing_of(spacing, axes: int) -> list[float]:
    """None, a number, or one number per axis, spelled out."""
    if spacing is None:
        return [1.0] * axes
    return [float(spacing)] * axes if isinstance(spacing, (int, float)) else [float(s) for s in spacing]


def measure(name: str, prediction: torch.Tensor, truth: torch.Tensor, **settings) -> float:
    """One metric of two masks; empty ones are answered as the convention's tool answers them."""
    return metrics.measure(prediction.numpy(), truth.numpy(), (name,), empty="tool", **settings)[0]


def empty_sides(value: float, prediction: torch.Tensor, truth: torch.Tensor) -> tuple[bool, bool]:
    """Whether the truth and the prediction are empty, looked up only where the metric's value leaves it possible."""
    if math.isfinite(value) and value != 0:
        return False, False
    return not truth.any(), not prediction.any()
