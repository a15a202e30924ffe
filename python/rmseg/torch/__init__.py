"""What rmseg is in PyTorch: losses and networks as modules. docs/python/torch.md tells of them."""

from .dropin import BoundaryLoss, DiceCELoss, DiceLoss, FocalLoss, HausdorffDTLoss, LogHausdorffDTLoss, TverskyLoss
from .losses import MomentMatchingLoss, ResidualMomentLoss, SignedDistanceLoss
from .objective import Objective
from .unet import UNet
from .vnet import VNet
from .weights import load_net, load_unet, save_net

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
    "SignedDistanceLoss",
    "TverskyLoss",
    "UNet",
    "VNet",
    "load_net",
    "load_unet",
    "save_net",
]
