"""Lengths of borders, compactness, and what is seen from a centroid: polar moments and rays."""

import math

import torch
from moments import EPS, axes_of, cost, place
from view import over_samples


def neighbours(mask, valid):
    """p^T (D - A) p of the graph in which valid voxels that touch, at a corner or more, are joined."""
    n = mask.numel()
    at = torch.stack(torch.meshgrid(*(torch.arange(k) for k in mask.shape), indexing="ij"), -1).reshape(n, 3)
    near = ((at[:, None] - at[None]).abs().amax(-1) == 1) & valid.flatten()[:, None] & valid.flatten()[None]
    laplacian = torch.diag(near.sum(1).double()) - near.double()
    return mask.flatten() @ laplacian @ mask.flatten()


def length(v, units="fraction", reduction="mean", channels="fg", weights=None, **penalty):
    def one(s, c):
        over = v.m[s].sum() if units == "fraction" else 1
        p, y = (neighbours(m, v.valid[s]) / over for m in (v.p[s, c], v.y[s, c] * v.m[s, 0]))
        return cost(p, y, **penalty)

    return over_samples(v, one, channels, weights, reduction)


def compactness(v, form="ratio", min_size=10, reduction="mean", channels="fg", weights=None, **penalty):
    def one(s, c):
        p, y = v.p[s, c], v.y[s, c] * v.m[s, 0]
        if not (y.sum() > 0 and p.sum() > min_size):
            return p.sum() * 0
        unit = 1 if form == "ratio" else 4 * math.pi
        return cost(*(neighbours(m, v.valid[s]) ** 2 / (unit * (m.sum() + EPS)) for m in (p, y)), **penalty)

    return over_samples(v, one, channels, weights, reduction)


def polar(v, frame="patch", units="fraction", reduction="mean", channels="fg", weights=None):
    def one(s, c):
        def form(mask):
            rows, columns = ((place(v, s, c, axis, "none", 1, frame, units)) for axis in (1, 2))
            step = [axes[2] for axes in axes_of(v, s, c, frame, units)]
            down, along = (((x - d) * mask).sum() / v.m[s].sum() for x, d in zip((rows, columns), step))
            return torch.atan(down / (along + 1e-8)), (down**2 + along**2 + 1e-8).sqrt()

        (turn, far), (turn_y, far_y) = form(v.p[s, c]), form(v.y[s, c] * v.m[s, 0])
        return 4 / math.pi**2 * (turn - turn_y) ** 2 + 1 - torch.minimum(far, far_y) / (torch.maximum(far, far_y) + 1e-8)

    return over_samples(v, one, channels, weights, reduction)


def rays(v, beta=0.02, frame="patch", reduction="mean", channels="fg", weights=None):
    def one(s, c):
        b, terms = v.batch, []
        residual, valid = v.p[s, c] - v.y[s, c] * v.m[s, 0], v.m[s, 0]
        for axis in range(3 - b.spatial, 3):
            inside = frame == "volume" and v.frames
            extent = v.frames[s]["extent"][axis] if inside else b.size[axis]
            start = v.frames[s]["offset"][axis] if inside else 0
            x = torch.linspace(-1, 1, extent)[start : start + b.size[axis]] if extent > 1 else torch.zeros(1)
            there = valid.sum(axis) > 0
            for k in (0, 1):
                shape = [1, 1, 1]
                shape[axis] = -1
                m = (residual * x.view(shape) ** k).sum(axis)[there] / valid.sum(axis)[there]
                terms.append(torch.nn.functional.smooth_l1_loss(m, torch.zeros_like(m), beta=beta))
        return sum(terms) / len(terms)

    return over_samples(v, one, channels, weights, reduction)
