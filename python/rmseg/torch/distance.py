"""Distances of masks to their borders as a PyTorch operator: the C library's exact transform, on the CPU whatever the device."""

import torch
from torch import Tensor

from .once import say_once


def distances(fg: Tensor, bg: Tensor, spacing: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """D_out: distance of background voxels to the nearest foreground; D_in: of foreground voxels to the nearest background.

    fg, bg   bool (N,C,*S), 2D or 3D; a voxel in neither is ignored
    spacing  float64 (N,axes), the length of a voxel along each axis
    Returns two tensors (N,C,*S) of `dtype` on the device of `fg`, 0 on the other side and in masks that are empty or full.
    """
    if fg.device.type != "cpu" and not torch.compiler.is_compiling():
        say_once(f"distances are computed on the CPU: the masks are copied from {fg.device} and the distances back")
    return torch.ops.rmseg.distances(fg, bg, spacing, dtype == torch.float64)


@torch.library.custom_op("rmseg::distances", mutates_args=())
def _distances(fg: Tensor, bg: Tensor, spacing: Tensor, wide: bool) -> tuple[Tensor, Tensor]:
    from .._field import distance_transform

    dtype = torch.float64 if wide else torch.float32
    out, inside = torch.zeros(fg.shape, dtype=dtype), torch.zeros(fg.shape, dtype=dtype)
    masks, others, lengths = fg.cpu().contiguous(), bg.cpu().contiguous(), spacing.cpu().tolist()
    for n in range(fg.shape[0]):
        for c in range(fg.shape[1]):
            for field, here, there in ((out, masks[n, c], others[n, c]), (inside, others[n, c], masks[n, c])):
                if here.any() and there.any():
                    distance = distance_transform(here.numpy(), lengths[n], squared=wide)
                    field[n, c] = torch.from_numpy(distance).masked_fill_(~there, 0)
    if wide:
        out, inside = out.sqrt_(), inside.sqrt_()
    return out.to(fg.device), inside.to(fg.device)


@_distances.register_fake
def _(fg, bg, spacing, wide):
    dtype = torch.float64 if wide else torch.float32
    return torch.empty_like(fg, dtype=dtype), torch.empty_like(fg, dtype=dtype)
