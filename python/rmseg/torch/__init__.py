"""What rmseg is in PyTorch: losses and networks as modules. docs/python/torch.md tells of them."""

from .dropin import BoundaryLoss, DiceCELoss, DiceLoss, FocalLoss, HausdorffDTLoss, LogHausdorffDTLoss, TverskyLoss
from .losses import MomentMatchingLoss, ResidualMomentLoss
from .objective import Objective
from .unet import UNet, load_unet

__all__ = [
    "BoundaryLoss",
    "DiceCELoss",
    "DiceLoss",
    "FocalLoss",
    "HausdorffDTLoss",
    "LogHausdorffDTLoss",
    "MomentMatchingLoss",
    "Objective",
    "ResidualMomentLoss",
    "TverskyLoss",
    "UNet",
    "load_unet",
]
