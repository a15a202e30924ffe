"""The U-Net of rmseg as a plain nn.Module: the same names, the same order, the same numbers.

    model = load_net("runs/gs/weights.safetensors")         # built from the file's metadata, strict=True
    model.load_state_dict(...)                              # or load it yourself; save_net goes the other way

level l = 0 .. depth-1    down<l>: two 3x3 convolutions to width * 2^l channels, kept as skip; max-pooling 2
bottom                    two 3x3 convolutions to width * 2^depth; dropout of whole channels
level l = depth-1 .. 0    up<l>: transposed convolution 2x2/2, no norm, no activation; cat([skip, up]); two 3x3
head                      1x1 convolution

Width 64, depth 4, RGB, two classes: 31,031,810 parameters, 31,043,586 with batch norm (Ronneberger et al. 2015, padded).
"""

import torch
from torch import Tensor, nn

from .layers import ACTIVATION, CONV, DROPOUT, MAX_POOL, TRANSPOSE, checked, norm_layer


class Level(nn.Module):
    """Two 3x3 convolutions, each with its norm and activation; `up` brings the tensor from the level below and joins the skip."""

    def __init__(self, in_channels: int, channels: int, spatial: int, norm: str, activation: str, up_from: int | None = None):
        super().__init__()
        if up_from:
            self.up = TRANSPOSE[spatial](up_from, channels, 2, stride=2)
        self.conv1 = CONV[spatial](in_channels, channels, 3, padding=1)
        self.norm1 = (norm_layer(norm, channels, spatial) or [nn.Identity()])[0]
        self.conv2 = CONV[spatial](channels, channels, 3, padding=1)
        self.norm2 = (norm_layer(norm, channels, spatial) or [nn.Identity()])[0]
        self.act = ACTIVATION[activation]()

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        if skip is not None:
            x = torch.cat([skip, self.up(x)], dim=1)
        x = self.act(self.norm1(self.conv1(x)))
        return self.act(self.norm2(self.conv2(x)))


class UNet(nn.Module):
    """Logits (N, out_channels, [D,] H, W) of images (N, in_channels, [D,] H, W); every extent a multiple of 2^depth.

    norm        "batch", "instance", "group" (the largest number of groups up to 16 that divides the channels) or "none"
    activation  "relu" or "leaky-relu" (slope 0.01)
    dropout     probability, at the bottom
    """

    def __init__(self, in_channels: int, out_channels: int, width: int = 64, depth: int = 4, spatial: int = 2, norm: str = "batch",
                 activation: str = "relu", dropout: float = 0.0):
        super().__init__()
        checked(spatial, norm, activation)
        self.spec = {"net": "unet", "spatial": spatial, "in-channels": in_channels, "out-channels": out_channels, "width": width,
                     "depth": depth, "norm": norm, "activation": activation, "dropout": dropout}
        self.depth = depth
        channels = [width << level for level in range(depth + 1)]
        inputs = [in_channels] + channels[:-1]
        for level in range(depth):
            setattr(self, f"down{level}", Level(inputs[level], channels[level], spatial, norm, activation))
        self.bottom = Level(inputs[depth], channels[depth], spatial, norm, activation)
        for level in reversed(range(depth)):
            up = Level(2 * channels[level], channels[level], spatial, norm, activation, up_from=channels[level + 1])
            setattr(self, f"up{level}", up)
        self.head = CONV[spatial](width, out_channels, 1)
        self.pool = MAX_POOL[spatial](2)
        self.dropout = DROPOUT[spatial](dropout)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for level in range(self.depth):
            skips.append(getattr(self, f"down{level}")(x))
            x = self.pool(skips[-1])
        x = self.dropout(self.bottom(x))
        for level in reversed(range(self.depth)):
            x = getattr(self, f"up{level}")(x, skips[level])
        return self.head(x)
