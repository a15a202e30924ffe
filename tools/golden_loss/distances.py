"""Boundary, Hausdorff and signed distance, by exact distance transforms of SciPy."""

import torch
from scipy.ndimage import distance_transform_edt
from view import numbers, over_voxels


def spacing(v, s, units):
    return v.frames[s]["spacing"] if units == "mm" and v.frames else [1.0, 1.0, 1.0]


def sides(fg, bg, spacing):
    """D_out where bg, D_in where fg, 0 elsewhere; None where there is no border. Invalid voxels are neither."""
    if not fg.any() or not bg.any():
        return None
    out = distance_transform_edt(~fg.numpy(), sampling=spacing) * bg.numpy()
    inside = distance_transform_edt(~bg.numpy(), sampling=spacing) * fg.numpy()
    return torch.tensor(out), torch.tensor(inside)


def inner_border(fg, bg):
    """Foreground beside background along an axis; the image's edge is none."""
    near = torch.zeros_like(bg)
    for axis in range(3):
        n = bg.shape[axis]
        if n > 1:
            near.narrow(axis, 0, n - 1).logical_or_(bg.narrow(axis, 1, n - 1))
            near.narrow(axis, 1, n - 1).logical_or_(bg.narrow(axis, 0, n - 1))
    return fg & near


def boundary(v, variant="kervadec", units="voxel", reduction="mean", channels="fg", weights=None):
    def one(s, c):
        valid, step = v.valid[s], spacing(v, s, units)
        fg = (v.y[s, c] > 0.5) & valid
        bg = ~fg & valid
        both = sides(fg, bg, step)
        if both is None:
            return v.p[s, c] * 0
        out, inside = both
        if variant == "kervadec":
            phi = out - (inside - min(step[3 - v.batch.spatial :])) * fg
        else:
            if variant == "ma-normalised":
                out, inside = out / out.max(), inside / inside.max()
            phi = (out - inside) * ~inner_border(fg, bg)
        return v.p[s, c] * phi

    return over_voxels(v, one, channels, weights, reduction)


def hausdorff(v, variant="karimi", alpha=2.0, log="false", units="voxel", reduction="mean", channels="fg", weights=None):
    exclusive = v.head == "softmax" or (v.head == "none" and v.batch.k > 1)

    def field(fg, bg, step):
        both = sides(fg, bg, step)
        if both is None:
            return torch.zeros(fg.shape)
        out, inside = both
        return (out if variant in ("karimi", "monai") else 0) + inside

    def one(s, c):
        valid, step = v.valid[s], spacing(v, s, units)
        truth = (v.y[s, c] > 0.5) & valid
        p = v.p[s].detach()
        guess = ((p.argmax(0) == c) if variant == "kervadec" and exclusive else p[c] > 0.5) & valid
        powers = [torch.where((d := field(m, ~m & valid, step)) > 0, d**alpha, torch.zeros(())) for m in (truth, guess)]
        return (v.p[s, c] - v.y[s, c] * v.m[s, 0]) ** 2 * sum(powers)

    value = over_voxels(v, one, channels, weights, reduction)
    return torch.log1p(value) if log == "true" else value


def sdf(v, variant="product+l1", smooth=1e-5, units="voxel", reduction="mean", channels="fg", weights=None):
    def wanted(s, c):
        fg = (v.y[s, c] > 0.5) & v.valid[s]
        bg = ~fg & v.valid[s]
        both = sides(fg, bg, spacing(v, s, units))
        if both is None:
            return torch.ones(fg.shape) * (-1 if fg.any() else 1)
        out, inside = both
        return (out / out.max() - inside / inside.max()) * ~inner_border(fg, bg)

    def one(c):
        s = torch.cat([v.s[n, c][v.valid[n]] for n in range(v.batch.n)])
        t = torch.cat([wanted(n, c)[v.valid[n]] for n in range(v.batch.n)])
        if variant == "l2":
            return torch.nn.functional.mse_loss(s, t)
        l1 = torch.nn.functional.l1_loss(s, t)
        # AAAI_sdf_loss of train_LA_AAAISDF.py
        intersect, pd_sum, gt_sum = (s * t).sum(), (s**2).sum(), (t**2).sum()
        return l1 if variant == "l1" else l1 - (intersect + smooth) / (intersect + pd_sum + gt_sum + smooth)

    chosen = v.channels(channels)
    w = numbers(weights) if weights else torch.ones(len(chosen))
    return sum(w[j] * one(c) for j, c in enumerate(chosen)) / (len(chosen) if reduction == "mean" else 1)
