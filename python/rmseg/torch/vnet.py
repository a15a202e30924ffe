"""The V-Net of rmseg as a plain nn.Module: UA-MT's names (Yu et al., MICCAI 2019), so that its weights load, and the same numbers.

level l = 0 .. 3     1, 2, 3, 3 convolutions 3^d to width * 2^l channels, kept as skip; convolution 2^d, stride 2, to width * 2^(l+1)
bottom               3 convolutions to width * 16; dropout of whole channels
level l = 3 .. 0     transposed convolution 2^d, stride 2, to width * 2^l; + skip; 3, 3, 2, 1 convolutions; at the top dropout
out_conv             convolution 1^d to the classes

Every convolution but the last has its norm and activation behind it. Width 16, one channel in, two classes: 9,448,866 parameters.
"""

from torch import Tensor, nn

from .layers import ACTIVATION, CONV, DROPOUT, TRANSPOSE, checked, norm_layer


class Block(nn.Module):
    """Layers, each followed by its norm and activation, as one nn.Sequential called `conv`."""

    def __init__(self, layers: list[nn.Module], channels: int, spatial: int, norm: str, activation: str):
        super().__init__()
        modules = []
        for layer in layers:
            modules += [layer, *norm_layer(norm, channels, spatial), ACTIVATION[activation]()]
        self.conv = nn.Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class VNet(nn.Module):
    """Logits (N, out_channels, [D,] H, W) of images (N, in_channels, [D,] H, W); every extent a multiple of 16.

    norm        "batch", "instance", "group" (the largest number of groups up to 16 that divides the channels) or "none"
    activation  "relu" or "leaky-relu" (slope 0.01)
    dropout     probability; UA-MT has 0.5
    """

    def __init__(self, in_channels: int = 1, out_channels: int = 2, width: int = 16, spatial: int = 3, norm: str = "batch",
                 activation: str = "relu", dropout: float = 0.5):
        super().__init__()
        checked(spatial, norm, activation)
        self.spec = {"net": "vnet", "spatial": spatial, "in-channels": in_channels, "out-channels": out_channels, "width": width,
                     "depth": 4, "norm": norm, "activation": activation, "dropout": dropout}

        def convolutions(times: int, before: int, channels: int) -> Block:
            layers = [CONV[spatial](before if i == 0 else channels, channels, 3, padding=1) for i in range(times)]
            return Block(layers, channels, spatial, norm, activation)

        def down(channels: int) -> Block:
            return Block([CONV[spatial](channels, 2 * channels, 2, stride=2)], 2 * channels, spatial, norm, activation)

        def up(channels: int) -> Block:
            return Block([TRANSPOSE[spatial](channels, channels // 2, 2, stride=2)], channels // 2, spatial, norm, activation)

        n = width
        self.block_one, self.block_one_dw = convolutions(1, in_channels, n), down(n)
        self.block_two, self.block_two_dw = convolutions(2, 2 * n, 2 * n), down(2 * n)
        self.block_three, self.block_three_dw = convolutions(3, 4 * n, 4 * n), down(4 * n)
        self.block_four, self.block_four_dw = convolutions(3, 8 * n, 8 * n), down(8 * n)
        self.block_five, self.block_five_up = convolutions(3, 16 * n, 16 * n), up(16 * n)
        self.block_six, self.block_six_up = convolutions(3, 8 * n, 8 * n), up(8 * n)
        self.block_seven, self.block_seven_up = convolutions(3, 4 * n, 4 * n), up(4 * n)
        self.block_eight, self.block_eight_up = convolutions(2, 2 * n, 2 * n), up(2 * n)
        self.block_nine = convolutions(1, n, n)
        self.out_conv = CONV[spatial](n, out_channels, 1)
        self.dropout = DROPOUT[spatial](dropout)

    def forward(self, x: Tensor) -> Tensor:
        one = self.block_one(x)
        two = self.block_two(self.block_one_dw(one))
        three = self.block_three(self.block_two_dw(two))
        four = self.block_four(self.block_three_dw(three))
        x = self.block_five_up(self.dropout(self.block_five(self.block_four_dw(four)))) + four
        x = self.block_six_up(self.block_six(x)) + three
        x = self.block_seven_up(self.block_seven(x)) + two
        x = self.block_eight_up(self.block_eight(x)) + one
        return self.out_conv(self.dropout(self.block_nine(x)))
