"""The U-Net of rmseg as a plain nn.Module: the same names, the same order, the same numbers.

    model = load_unet("runs/gs/weights.safetensors")        # built from the file's metadata, strict=True
    model.load_state_dict(...)                              # or load it yourself; state_dict() goes the other way

level l = 0 .. depth-1    down<l>: two 3x3 convolutions to width * 2^l channels, kept as skip; max-pooling 2
bottom                    two 3x3 convolutions to width * 2^depth; dropout of whole channels
level l = depth-1 .. 0    up<l>: transposed convolution 2x2/2, no norm, no activation; cat([skip, up]); two 3x3
head                      1x1 convolution

Width 64, depth 4, RGB, two classes: 31,031,810 parameters, 31,043,586 with batch norm (Ronneberger et al. 2015, padded).
"""

import json
import struct

import numpy as np
import torch
from torch import nn

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSE = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
DROPOUT = {2: nn.Dropout2d, 3: nn.Dropout3d}
ACTIVATION = {"relu": nn.ReLU, "leaky-relu": nn.LeakyReLU}
NORM = ("batch", "none")


class Level(nn.Module):
    """Two 3x3 convolutions, each with its norm and activation; `up` brings the tensor from the level below and joins the skip."""

    def __init__(self, in_channels, channels, spatial, norm, activation, up_from=None):
        super().__init__()
        if up_from:
            self.up = TRANSPOSE[spatial](up_from, channels, 2, stride=2)
        self.conv1 = CONV[spatial](in_channels, channels, 3, padding=1)
        self.norm1 = BATCH_NORM[spatial](channels) if norm == "batch" else nn.Identity()
        self.conv2 = CONV[spatial](channels, channels, 3, padding=1)
        self.norm2 = BATCH_NORM[spatial](channels) if norm == "batch" else nn.Identity()
        self.act = ACTIVATION[activation]()

    def forward(self, x, skip=None):
        if skip is not None:
            x = torch.cat([skip, self.up(x)], dim=1)
        x = self.act(self.norm1(self.conv1(x)))
        return self.act(self.norm2(self.conv2(x)))


class UNet(nn.Module):
    """Logits (N, out_channels, [D,] H, W) of images (N, in_channels, [D,] H, W); every extent a multiple of 2^depth."""

    def __init__(self, in_channels, out_channels, width=64, depth=4, spatial=2, norm="batch", activation="relu", dropout=0.0):
        super().__init__()
        if norm not in NORM or activation not in ACTIVATION or spatial not in CONV:
            raise ValueError(f"norm is one of {NORM}, activation one of {tuple(ACTIVATION)}, spatial 2 or 3")
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

    def forward(self, x):
        skips = []
        for level in range(self.depth):
            skips.append(getattr(self, f"down{level}")(x))
            x = self.pool(skips[-1])
        x = self.dropout(self.bottom(x))
        for level in reversed(range(self.depth)):
            x = getattr(self, f"up{level}")(x, skips[level])
        return self.head(x)


# ---- files -------------------------------------------------------------------------------------------------------


DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "U8": "u1"}


def read_safetensors(path, metadata=False):
    """{name: array} of a safetensors file, by NumPy alone; with `metadata`, that and {key: text}."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    notes = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    return (arrays, notes) if metadata else arrays


def load_unet(path):
    """The UNet a weights file describes, with its weights, in evaluation mode."""
    arrays, notes = read_safetensors(path, metadata=True)
    if notes.get("rmseg.net") != "unet":
        raise ValueError(f"{path}: rmseg.net is {notes.get('rmseg.net')!r}; expected 'unet'")
    number = {key: int(notes[f"rmseg.{key}"]) for key in ("in-channels", "out-channels", "width", "depth", "spatial")}
    model = UNet(
        number["in-channels"],
        number["out-channels"],
        width=number["width"],
        depth=number["depth"],
        spatial=number["spatial"],
        norm=notes["rmseg.norm"],
        activation=notes["rmseg.activation"],
        dropout=float(notes["rmseg.dropout"]),
    )
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=True)
    return model.eval()
