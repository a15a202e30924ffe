#!/usr/bin/env python3
"""Trains MONAI's U-Net on synthetic discs with a MONAI script in which two lines are ours: the loss and the metric.

    pip install . monai && python3 examples/python/train_monai.py [--steps 60]

Change the two imports back to MONAI's, and the script is MONAI's again: `DiceCELoss(sigmoid=True)` there has no `+ rm`.
"""

import argparse

import torch
from monai.networks.nets import UNet

from rmseg.monai import HausdorffDistanceMetric  # was: from monai.metrics import HausdorffDistanceMetric
from rmseg.torch import Objective  # was: from monai.losses import DiceCELoss


def phantoms(count: int, size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (count, 1, size, size) of a bright disc in noise, and their masks."""
    place = torch.rand(count, 2, 1, 1, generator=generator) * size / 2 + size / 4
    radius = torch.rand(count, 1, 1, generator=generator) * size / 8 + size / 10
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    mask = ((row - place[:, 0]) ** 2 + (column - place[:, 1]) ** 2 <= radius**2)[:, None].float()
    return mask + 0.6 * torch.randn(mask.shape, generator=generator), mask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    steps = parser.parse_args().steps

    torch.manual_seed(1)
    draw = torch.Generator().manual_seed(2)
    net = UNet(spatial_dims=2, in_channels=1, out_channels=1, channels=(8, 16, 32), strides=(2, 2), norm="batch")
    loss = Objective("sigmoid: ce + dice + share(10%)*rm(2,0) + share(10%)*rm(0,2)")
    optimiser = torch.optim.SGD([*net.parameters()], lr=0.05, momentum=0.9)
    for step in range(steps):
        image, mask = phantoms(8, 64, draw)
        loss.set_progress(step / steps)
        value = loss(net(image), mask)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        if step % 10 == 0:
            print(f"step {step:4d}  loss {value.item():.4f}")

    metric = HausdorffDistanceMetric(include_background=True, percentile=95)
    net.eval()
    with torch.no_grad():
        image, mask = phantoms(32, 64, draw)
        metric((net(image) > 0).float(), mask)
    print(f"95HD on 32 unseen images: {metric.aggregate().item():.2f} pixels")


if __name__ == "__main__":
    main()
