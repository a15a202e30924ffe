"""What the tests of rmseg.torch share: the golden objectives, and a skip where there is no PyTorch."""

import unittest
from pathlib import Path
from typing import NamedTuple

import numpy as np

try:
    import torch
except ImportError:
    raise SystemExit(print("PyTorch is not installed: skipped")) from None

GOLDEN = Path(__file__).parents[1] / "golden/loss.txt"


class Case(NamedTuple):
    """One objective of the golden file: tensors in float64, frames as keyword arguments of Objective's forward."""

    name: str
    expression: str
    logits: torch.Tensor
    target: torch.Tensor
    ignore: int | None
    frames: dict
    values: np.ndarray
    total: float
    gradient: np.ndarray


def numbers(line):
    return np.array(line.split(), float)


def read_target(kind, ignore, index, truth):
    """The ignored voxels are every third of the last axis."""
    target = torch.tensor(index if kind == "index" else truth)
    if ignore >= 0:
        (target if kind == "index" else target[:, -1])[..., ::3] = ignore if kind == "index" else -1
    return target


def golden():
    """Every case of tests/golden/loss.txt (tools/golden_loss says how it is written)."""
    lines = iter(GOLDEN.read_text().splitlines()[1:])
    for line in lines:
        if line.startswith("batch"):
            name, *extents = line.split()[1:]
            n, k, d, h, w, spatial = map(int, extents)
            shape = (h, w) if spatial == 2 else (d, h, w)
            logits, index, truth = (numbers(next(lines)) for _ in range(3))
            logits, truth, index = logits.reshape(n, k, *shape), truth.reshape(n, k, *shape), index.reshape(n, *shape).astype(int)
            continue
        _, kind, ignore, count, expression = line.split(" ", 4)
        rows = np.array([numbers(next(lines)) for _ in range(int(count))]).reshape(-1, 3, 3)[:, :, 3 - spatial :]
        frames = dict(zip(("offset", "extent", "spacing"), torch.tensor(rows).unbind(1))) if len(rows) else {}
        z = torch.tensor(logits)
        z = torch.sigmoid(z) if expression.startswith("none") else z
        if expression.startswith("tanh"):
            z.view(-1)[::2] *= 4e-4
        target = read_target(kind, int(ignore), index, truth)
        values, total, gradient = (numbers(next(lines)) for _ in range(3))
        ignored = int(ignore) if int(ignore) >= 0 and kind == "index" else None
        yield Case(name, expression, z, target, ignored, frames, values, total[0], gradient.reshape(n, k, *shape))


def main():
    unittest.main()
