"""What rmseg is in PyTorch."""

from .unet import UNet, load_unet

__all__ = ["UNet", "load_unet"]
