"""The V-Net of UA-MT (Yu et al., MICCAI 2019; networks/vnet.py there) in plain PyTorch: what
rmseg's network is held against. Tensors are called as in UA-MT, so that its weights load.

Two things are ours: instance norm is affine (UA-MT's is not), and a group norm takes the largest number of groups up to 16 that divides
the channels (UA-MT: 16, which is the same at a width that is a multiple of 16).
"""

import torch
from torch import nn


def norm_of(norm, channels):
    if norm == "batch":
        return [nn.BatchNorm3d(channels)]
    if norm == "instance":
        return [nn.InstanceNorm3d(channels, affine=True)]
    if norm == "group":
        return [nn.GroupNorm(max(g for g in range(1, 17) if channels % g == 0), channels)]
    return []


class Block(nn.Module):
    """`layers`, each with its norm and activation, as one nn.Sequential called `conv`."""

    def __init__(self, layers, channels, norm, activation):
        super().__init__()
        act = {"relu": nn.ReLU, "leaky-relu": nn.LeakyReLU}[activation]
        self.conv = nn.Sequential(*(m for layer in layers for m in [layer, *norm_of(norm, channels), act()]))

    def forward(self, x):
        return self.conv(x)


class VNet(nn.Module):
    def __init__(self, in_channels=1, out_channels=2, width=16, norm="batch", activation="relu", dropout=0.5):
        super().__init__()
        n = width

        def convolutions(times, a, b):
            return Block([nn.Conv3d(a if i == 0 else b, b, 3, padding=1) for i in range(times)], b, norm, activation)

        def down(a):
            return Block([nn.Conv3d(a, 2 * a, 2, stride=2)], 2 * a, norm, activation)

        def up(a):
            return Block([nn.ConvTranspose3d(a, a // 2, 2, stride=2)], a // 2, norm, activation)

        self.block_one, self.block_one_dw = convolutions(1, in_channels, n), down(n)
        self.block_two, self.block_two_dw = convolutions(2, 2 * n, 2 * n), down(2 * n)
        self.block_three, self.block_three_dw = convolutions(3, 4 * n, 4 * n), down(4 * n)
        self.block_four, self.block_four_dw = convolutions(3, 8 * n, 8 * n), down(8 * n)
        self.block_five, self.block_five_up = convolutions(3, 16 * n, 16 * n), up(16 * n)
        self.block_six, self.block_six_up = convolutions(3, 8 * n, 8 * n), up(8 * n)
        self.block_seven, self.block_seven_up = convolutions(3, 4 * n, 4 * n), up(4 * n)
        self.block_eight, self.block_eight_up = convolutions(2, 2 * n, 2 * n), up(2 * n)
        self.block_nine = convolutions(1, n, n)
        self.out_conv = nn.Conv3d(n, out_channels, 1)
        self.dropout = nn.Dropout3d(dropout)

    def forward(self, x):
        one = self.block_one(x)
        two = self.block_two(self.block_one_dw(one))
        three = self.block_three(self.block_two_dw(two))
        four = self.block_four(self.block_three_dw(three))
        x = self.block_five_up(self.dropout(self.block_five(self.block_four_dw(four)))) + four
        x = self.block_six_up(self.block_six(x)) + three
        x = self.block_seven_up(self.block_seven(x)) + two
        x = self.block_eight_up(self.block_eight(x)) + one
        return self.out_conv(self.dropout(self.block_nine(x)))


if __name__ == "__main__":
    model = VNet()
    print(sum(p.numel() for p in model.parameters()), "parameters")
    print(*model.state_dict(), sep="\n")
    assert model.eval()(torch.zeros(1, 1, 16, 32, 16)).shape == (1, 2, 16, 32, 16)
