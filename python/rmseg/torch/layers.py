"""What the networks are made of, in two and three dimensions."""

from torch import nn

from .._library import Error

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSE = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE_NORM = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
DROPOUT = {2: nn.Dropout2d, 3: nn.Dropout3d}
ACTIVATION = {"relu": nn.ReLU, "leaky-relu": nn.LeakyReLU}
NORM = ("batch", "instance", "group", "none")
MOST_GROUPS = 16


def checked(spatial: int, norm: str, activation: str) -> None:
    if norm not in NORM or activation not in ACTIVATION or spatial not in CONV:
        raise Error(
            f"norm is one of {NORM}, activation one of {tuple(ACTIVATION)}, spatial 2 or 3; found {norm!r}, {activation!r}, {spatial!r}"
        )


def norm_layer(norm: str, channels: int, spatial: int) -> list[nn.Module]:
    """The one norm, or none."""
    if norm == "batch":
        return [BATCH_NORM[spatial](channels)]
    if norm == "instance":
        return [INSTANCE_NORM[spatial](channels, affine=True)]
    if norm == "group":
        return [nn.GroupNorm(max(g for g in range(1, MOST_GROUPS + 1) if channels % g == 0), channels)]
    return []
