#!/usr/bin/env python3
"""Writes tests/golden/loss.txt: values and gradients of objectives by float64 PyTorch autograd, MONAI and nnU-Net's formula.

    python3 tools/golden_loss.py            (needs torch and monai; the tests read the file and need neither)

The file is text. `batch` opens a batch: name n k d h w spatial, then logits, index, map. `case` is one objective on the last
batch: truth (index or map), ignored value, number of frames (0: none), expression; then frames, the value of each term,
the total and the gradient at the logits. The reference below is written from the formulas, not from the C code.
"""

import itertools
import math
import sys
from pathlib import Path

import torch
from monai.losses import BoundaryLoss, DiceCELoss, DiceLoss, FocalLoss, HausdorffDTLoss, LogHausdorffDTLoss, TverskyLoss
from scipy.ndimage import distance_transform_edt

torch.set_default_dtype(torch.float64)
IGNORE = 255


class Batch:
    """logits (N,K,D,H,W); index (N,D,H,W) for both heads; map (N,K,D,H,W) with soft values."""

    def __init__(self, name, n, k, size, spatial, seed):
        generator = torch.Generator().manual_seed(seed)
        self.name, self.n, self.k, self.size, self.spatial = name, n, k, size, spatial
        self.logits = torch.randn(n, k, *size, generator=generator) * 2
        self.index = torch.randint(0, max(k, 2), (n, *size), generator=generator)
        soft = torch.rand(n, k, *size, generator=generator)
        hard = torch.rand(n, k, *size, generator=generator) < 0.4
        self.map = torch.where(torch.rand(n, k, *size, generator=generator) < 0.5, soft, hard.double())
        self.frames = [
            dict(offset=[(3 + b) % 4 if s > 1 else 0 for s in size], extent=[s + 4 + b if s > 1 else 1 for s in size],
                 spacing=[1.25, 0.5 + b, 0.75])
            for b in range(n)
        ]


# ---- the reference -----------------------------------------------------------------------------------------------


class View:
    """What a term sees: probabilities, truth, validity, logits, and the first foreground channel."""

    def __init__(self, batch, head, truth, ignore, logits, frames):
        self.batch, self.head, self.logits, self.frames = batch, head, logits, frames
        if head == "tanh":  # signed distances: from here on a sigmoid of steep logits
            self.s = torch.tanh(logits)
            self.head, self.logits = head, logits = "sigmoid", -1500 * self.s
        self.first_fg = 0 if head == "sigmoid" or batch.k == 1 else 1
        if truth == "index":
            index = batch.index.clone()
            if ignore:
                index[..., ::3] = IGNORE
            self.index = index
            self.valid = index != IGNORE
            labels = torch.arange(batch.k) + 1 - self.first_fg
            self.y = (index[:, None] == labels.view(1, -1, 1, 1, 1)).double()
        else:
            self.map = batch.map.clone()
            if ignore:
                self.map[:, -1, ..., ::3] = -1
            self.valid = (self.map >= 0).all(1)
            self.y = torch.where(self.valid[:, None], self.map, torch.zeros(()))
        probabilities = dict(softmax=lambda z: z.softmax(1), sigmoid=torch.sigmoid, none=lambda z: z)[head](logits)
        self.m = self.valid[:, None].double()
        self.p = probabilities * self.m
        self.binary = head == "sigmoid" or (head == "none" and batch.k == 1)

    def channels(self, text):
        if text == "fg":
            return list(range(self.first_fg, self.batch.k))
        return list(range(self.batch.k)) if text == "all" else [int(c) for c in text.split("+")]


def numbers(text):
    return torch.tensor([float(w) for w in text.split("+")])


def ratio(above, over):
    """A mean over no voxel is 0."""
    return above / over if over > 0 else above * 0


def reduced(v, reduction, mean):
    """What a sum over the batch is divided by."""
    return dict(mean=mean, sum=torch.tensor(1.0), batchmean=torch.tensor(float(v.batch.n)))[reduction]


def ce(v, weights=None, reduction="mean"):
    w = (numbers(weights) if weights else torch.ones(v.batch.k)).view(1, -1, 1, 1, 1)
    if v.binary:
        if v.head == "none":
            loss = torch.nn.functional.binary_cross_entropy(v.logits, v.y, reduction="none")
        else:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(v.logits, v.y, reduction="none")
        return ratio((w * loss * v.m).sum(), reduced(v, reduction, (w * v.m).expand_as(loss).sum()))
    log_p = v.logits.log() if v.head == "none" else v.logits.log_softmax(1)
    over = (w * v.y * v.m).sum() if weights else v.m.sum()
    return ratio(-(w * v.y * log_p * v.m).sum(), reduced(v, reduction, over))


def overlap_mean(v, loss, weights, reduction, channels):
    """loss (C) or (N, C) -> mean over all, sum, or sum over channels divided by the samples that are there."""
    loss = loss * (numbers(weights) if weights else 1)
    over = dict(mean=loss.numel(), sum=1, batchmean=1 if loss.ndim == 1 else loss.shape[0])[reduction]
    return loss.sum() / over


def overlap_sums(v, chosen, pooled, squared, soft):
    dims = (0, 2, 3, 4) if pooled else (2, 3, 4)
    p, y = v.p[:, chosen], (v.y * v.m)[:, chosen]
    big_p, big_y = ((t**2 if squared else t).sum(dims) for t in (p, y))
    both = (big_p + big_y - (p - y).abs().sum(dims)) / 2 if soft and not squared else (p * y).sum(dims)
    return both, big_p, big_y


def settle(smooth, smooth_nr, smooth_dr, include_background, channels):
    if smooth is not None:
        smooth_nr = smooth_dr = smooth
    if include_background is not None:
        channels = "all" if include_background == "true" else "fg"
    return smooth_nr, smooth_dr, channels


def dice(v, variant="ua-mt", channels=None, include_background=None, batch=None, squared_pred=None, jaccard="false", smooth=None,
         smooth_nr=1e-5, smooth_dr=1e-5, weights=None, reduction="mean", soft_label="false"):
    smooth_nr, smooth_dr, channels = settle(smooth, smooth_nr, smooth_dr, include_background, channels)
    default = dict([("ua-mt", ("fg", "true", "true")), ("monai", ("all", "false", "false")), ("nnunet", ("fg", "auto", "false"))])
    channels = channels or default[variant][0]
    batch = batch or default[variant][1]
    squared = (squared_pred or default[variant][2]) == "true"
    pooled = batch == "true" or (batch == "auto" and v.batch.spatial == 2)
    both, p, y = overlap_sums(v, v.channels(channels), pooled, squared, soft_label == "true")
    over = (2 * (p + y - both) if jaccard == "true" else p + y) + smooth_dr
    score = (2 * both + smooth_nr) / (over.clip(1e-8) if variant == "nnunet" else over)
    return overlap_mean(v, -score if variant == "nnunet" else 1 - score, weights, reduction, channels)


def tversky(v, alpha=0.5, beta=0.5, channels="fg", include_background=None, batch="false", smooth=None, smooth_nr=1e-5, smooth_dr=1e-5,
            weights=None, reduction="mean", soft_label="false"):
    smooth_nr, smooth_dr, channels = settle(smooth, smooth_nr, smooth_dr, include_background, channels)
    pooled = batch == "true" or (batch == "auto" and v.batch.spatial == 2)
    both, p, y = overlap_sums(v, v.channels(channels), pooled, False, soft_label == "true")
    score = (both + smooth_nr) / (both + alpha * (p - both) + beta * (y - both) + smooth_dr)
    return overlap_mean(v, 1 - score, weights, reduction, channels)


def jaccard(v, **options):
    return tversky(v, alpha=1.0, beta=1.0, **options)


def focal(v, gamma=2.0, alpha=None, channels="all", weights=None, reduction="mean"):
    chosen = v.channels(channels)
    w = (numbers(weights) if weights else torch.ones(len(chosen))).view(1, -1, 1, 1, 1)
    if v.head == "softmax":
        log_p, log_q = v.logits.log_softmax(1), None
    elif v.head == "sigmoid":
        log_p, log_q = torch.nn.functional.logsigmoid(v.logits), torch.nn.functional.logsigmoid(-v.logits)
    else:
        log_p, log_q = v.logits.log(), (1 - v.logits).log()
    p, y = log_p.exp(), v.y * v.m
    loss = -y * (1 - p) ** gamma * log_p * (1 if alpha is None else alpha)
    if v.binary:
        loss = loss - (1 - y) * p**gamma * log_q * (1 if alpha is None else 1 - alpha)
    over = v.m.sum() * (len(chosen) if v.binary else 1)
    return ratio((w * (loss * v.m)[:, chosen]).sum(), reduced(v, reduction, over))


def orders_of(orders, chosen):
    """The orders along D, H, W of each channel: the same ones for all, or a list for each."""
    each = list(orders) if orders and isinstance(orders[0], tuple) else [orders] * len(chosen)
    assert len(each) == len(chosen)
    return {c: [0] * (3 - len(row)) + list(row) for c, row in zip(chosen, each)}


def rm(v, *orders, center="paper", scale=1, reduction="mean", frame="patch", channels="fg", units="fraction", weights=None):
    b, chosen = v.batch, v.channels(channels)
    lists = orders_of(orders, chosen)
    total, axes = 0, range(3 - b.spatial, 3)
    for s in range(b.n):
        f = v.frames[s] if v.frames else dict(offset=[0] * 3, extent=b.size, spacing=[1, 1, 1])
        extent = f["extent"] if frame == "volume" else b.size
        start = [1 + o for o in f["offset"]] if frame == "volume" else [1, 1, 1]
        for j, c in enumerate(chosen):
            w = torch.ones(b.size)
            for axis in range(3):
                shape = [1, 1, 1]
                shape[axis] = -1
                i = (torch.arange(b.size[axis]).double() + start[axis]).view(shape)
                y, n = v.y[s, c] * v.m[s, 0], extent[axis]
                centroid = (i * y).sum() / y.sum() if y.sum() > 0 else torch.tensor((n + 1) / 2)
                middle = dict(paper=n / 2, exact=(n + 1) / 2, none=0, centroid=centroid)[center]
                if units == "mm":
                    step = f["spacing"][axis] / max(extent[a] * f["spacing"][a] for a in axes)
                else:
                    step = 1 / n
                w = w * (scale * step * (i - middle)) ** (2 * lists[c][axis])
            total = total + (float(numbers(weights)[j]) if weights else 1) * (w * (v.p[s, c] - v.y[s, c] * v.m[s, 0]) ** 2).sum()
    return ratio(total, dict(mean=len(chosen) * v.m.sum(), sum=1, batchmean=b.n)[reduction])


def mse(v, **options):
    return rm(v, **options)


def ruler(v, s, c, axis, center, scale, frame, units):
    """(the coordinate along an axis of a voxel of the frame, counted from 1; the frame's extent; the patch's first voxel)."""
    b = v.batch
    f = v.frames[s] if v.frames else dict(offset=[0] * 3, extent=b.size, spacing=[1, 1, 1])
    extent, first = (f["extent"], 1 + f["offset"][axis]) if frame == "volume" else (b.size, 1)
    y, n = v.y[s, c] * v.m[s, 0], extent[axis]
    shape = [1, 1, 1]
    shape[axis] = -1
    i = (torch.arange(b.size[axis]).double() + first).view(shape)
    centroid = float((i * y).sum() / y.sum()) if y.sum() > 0 else (n + 1) / 2
    middle = dict(paper=n / 2, exact=(n + 1) / 2, none=0, centroid=centroid)[center]
    longest = max(extent[a] * f["spacing"][a] for a in range(3 - b.spatial, 3))
    step = scale * (f["spacing"][axis] / longest if units == "mm" else 1 / n)
    return (lambda i: step * (i - middle)), n, first


def place(v, s, c, axis, center, scale, frame, units):
    """The coordinate along one axis of the patch, shaped to broadcast over (D, H, W)."""
    coordinate, _, first = ruler(v, s, c, axis, center, scale, frame, units)
    shape = [1, 1, 1]
    shape[axis] = -1
    return coordinate((torch.arange(v.batch.size[axis]).double() + first).view(shape))


def over_samples(v, one, channels, weights, reduction):
    """Mean over samples and channels (or sum, or batchmean) of one(s, c)."""
    chosen = v.channels(channels)
    w = numbers(weights) if weights else torch.ones(len(chosen))
    total = v.p.sum() * 0 + sum(w[j] * one(s, c) for s in range(v.batch.n) if v.m[s].sum() > 0 for j, c in enumerate(chosen))
    return total / dict(mean=v.batch.n * len(chosen), sum=1, batchmean=v.batch.n)[reduction]


EPS = 1e-10  # beside every sum that is divided by


def barrier(z, t):
    """Kervadec's extended log barrier, as printed; `where` may not meet the branch that is not taken."""
    inside = z <= -1 / t**2
    safe = torch.where(inside, z, torch.tensor(-1.0))
    return torch.where(inside, -torch.log(-safe) / t, t * z - math.log(1 / t**2) / t + 1 / t)


def cost(p, y, penalty="match", margin=0.1, bounds="relative", t=1.0, growth=1.1, signed=False):
    """A penalty on the scalar p where the truth has y, at the start of training (growth does nothing yet)."""
    if penalty == "match":
        return (p - y) ** 2
    if bounds == "relative":
        low, high = sorted([(1 - margin) * float(y), (1 + margin) * float(y)])
    else:
        low, high = float(y) - margin, float(y) + margin
        low = low if signed else max(low, 0.0)
    if penalty == "band":
        return torch.relu(p - high) ** 2 + torch.relu(low - p) ** 2
    return barrier(p - high, t) + barrier(low - p, t)


def moment(v, *orders, center="exact", scale=1, normalize="voxels", frame="patch", units="fraction", reduction="mean", channels="fg",
           weights=None, **penalty):
    lists = orders_of(orders, v.channels(channels))

    def one(s, c):
        w = 1
        for axis in range(3):
            w = w * place(v, s, c, axis, center, scale, frame, units) ** lists[c][axis]
        over = v.m[s].sum() if normalize == "voxels" else 1
        return cost((w * v.p[s, c]).sum() / over, (w * v.y[s, c] * v.m[s, 0]).sum() / over, signed=True, **penalty)

    return over_samples(v, one, channels, weights, reduction)


def size(v, units="fraction", reduction="mean", channels="fg", weights=None, **penalty):
    def one(s, c):
        over = v.m[s].sum() if units == "fraction" else 1
        return cost(v.p[s, c].sum() / over, (v.y[s, c] * v.m[s, 0]).sum() / over, **penalty)

    return over_samples(v, one, channels, weights, reduction)


def axes_of(v, s, c, frame, units):
    """For each axis that counts: the coordinate from the truth's centroid, its zero's distance from the first voxel, and its step."""
    rows = []
    for axis in range(3 - v.batch.spatial, 3):
        kind = "mm" if units == "mm" else "fraction"
        x, corner = (place(v, s, c, axis, center, 1, frame, kind) for center in ("centroid", "none"))
        f = v.frames[s] if v.frames else dict(extent=v.batch.size)
        stretch = (f["extent"] if frame == "volume" else v.batch.size)[axis] if units == "voxel" else 1
        first = place(v, s, c, axis, "none", 1, frame, kind).flatten()[0]
        start = 1 + v.frames[s]["offset"][axis] if v.frames and frame == "volume" else 1
        step = stretch * first / start
        rows.append((x * stretch, stretch * (corner - x).flatten()[0] - step, step))
    return rows


def central(mask, axes):
    """Centroid and the function that gives mu of an exponent for each axis."""
    mass = mask.sum() + EPS
    middle = [(x * mask).sum() / mass for x, _, _ in axes]

    def mu(*q):
        w = mask
        for (x, _, _), m, e in zip(axes, middle, q):
            w = w * (x - m) ** e
        return w.sum()

    return mass, middle, mu


def shape_measure(values):
    """A term from values(mask, axes) -> [(share, scalar)]."""

    def term(v, min_size=10, frame="patch", units=None, reduction="mean", channels="fg", weights=None, invariants="1+1", **penalty):
        unit = units or ("voxel" if values in (inertia_values, eccentricity_values, hu_values) else "fraction")

        def one(s, c):
            p, y = v.p[s, c], v.y[s, c] * v.m[s, 0]
            if not (y.sum() > 0 and p.sum() > min_size):
                return p.sum() * 0
            axes = axes_of(v, s, c, frame, unit)
            shares = numbers(invariants) if values is hu_values else [None] * 99
            signed = values in (covariance_values, hu_values)
            rows = zip(values(p, axes), values(y, axes), shares)
            return sum((share if own is None else own) * cost(a, b, signed=signed, **penalty) for (share, a), (_, b), own in rows)

        return over_samples(v, one, channels, weights, reduction)

    return term


def unit_exponents(d, *axes):
    q = [0] * d
    for a in axes:
        q[a] += 1
    return q


def centroid_values(mask, axes):
    _, middle, _ = central(mask, axes)
    return [(1, m + first) for m, (_, first, _) in zip(middle, axes)]


def spread_values(mask, axes):
    mass, _, mu = central(mask, axes)
    return [(1, (mu(*unit_exponents(len(axes), k, k)) / mass).sqrt()) if len(axes[k][0].flatten()) > 1 else (1, mask.sum() * 0)
            for k in range(len(axes))]


def covariance_values(mask, axes):
    mass, _, mu = central(mask, axes)
    return [(1, mu(*unit_exponents(len(axes), a, b)) / mass) for a in range(len(axes)) for b in range(len(axes))]


def nu_of(mask, axes):
    mass, _, mu = central(mask, axes)
    cell = math.prod(float(step) for _, _, step in axes)
    return lambda *q: mu(*q) * cell / (mass * cell) ** (1 + sum(q) / len(axes))


def inertia_values(mask, axes):
    nu = nu_of(mask, axes)
    return [(1, sum(nu(*unit_exponents(len(axes), k, k)) for k in range(len(axes))))]


def eccentricity_values(mask, axes):
    _, _, mu = central(mask, axes)
    root = (4 * mu(1, 1) ** 2 + (mu(2, 0) - mu(0, 2)) ** 2).sqrt()
    l1, l2 = (mu(2, 0) + mu(0, 2) + root) / 2, (mu(2, 0) + mu(0, 2) - root) / 2
    return [(1, (1 - l2 / (l1 + EPS)).abs().sqrt())]


def hu_values(mask, axes):
    nu = nu_of(mask, axes)
    if len(axes) == 3:
        m = torch.stack([torch.stack([nu(*unit_exponents(3, a, b)) for b in range(3)]) for a in range(3)])
        minors = sum(torch.linalg.det(m[[i for i in range(3) if i != k]][:, [i for i in range(3) if i != k]]) for k in range(3))
        return [(1, m.trace()), (1, minors), (1, torch.linalg.det(m))]
    a, b = nu(3, 0) + nu(1, 2), nu(2, 1) + nu(0, 3)
    e, f, g, n11 = nu(3, 0) - 3 * nu(1, 2), 3 * nu(2, 1) - nu(0, 3), nu(2, 0) - nu(0, 2), nu(1, 1)
    invariants = [nu(2, 0) + nu(0, 2), g**2 + 4 * n11**2, e**2 + f**2, a**2 + b**2,
                  e * a * (a**2 - 3 * b**2) + f * b * (3 * a**2 - b**2), g * (a**2 - b**2) + 4 * n11 * a * b,
                  f * a * (a**2 - 3 * b**2) - e * b * (3 * a**2 - b**2)]
    return [(1, i) for i in invariants]


centroid, spread, covariance = (shape_measure(f) for f in (centroid_values, spread_values, covariance_values))
inertia, eccentricity, hu = (shape_measure(f) for f in (inertia_values, eccentricity_values, hu_values))


def class_centroid(v, min_size=10, frame="patch", units="fraction", reduction="mean", channels="fg", weights=None, **penalty):
    chosen = v.channels(channels)
    w = numbers(weights) if weights else torch.ones(len(chosen))
    total, pairs = v.p.sum() * 0, 0
    for i, j in itertools.combinations(range(len(chosen)), 2):
        pairs += 1
        for s in range(v.batch.n):
            masks = [(v.p[s, chosen[k]], v.y[s, chosen[k]] * v.m[s, 0], axes_of(v, s, chosen[k], frame, units)) for k in (i, j)]
            if any(not (y.sum() > 0 and p.sum() > min_size) for p, y, _ in masks):
                continue
            apart = [sum((a - b) ** 2 for (_, a), (_, b) in zip(*(centroid_values(m[k], m[2]) for m in masks))) for k in (0, 1)]
            total = total + w[i] * w[j] * cost(*apart, **penalty)
    return total / dict(mean=v.batch.n * pairs, sum=1, batchmean=v.batch.n)[reduction]


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
            x = torch.linspace(-1, 1, extent)[start:start + b.size[axis]] if extent > 1 else torch.zeros(1)
            there = valid.sum(axis) > 0
            for k in (0, 1):
                shape = [1, 1, 1]
                shape[axis] = -1
                m = (residual * x.view(shape) ** k).sum(axis)[there] / valid.sum(axis)[there]
                terms.append(torch.nn.functional.smooth_l1_loss(m, torch.zeros_like(m), beta=beta))
        return sum(terms) / len(terms)

    return over_samples(v, one, channels, weights, reduction)


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


def over_voxels(v, one, channels, weights, reduction):
    chosen = v.channels(channels)
    w = numbers(weights) if weights else torch.ones(len(chosen))
    total = sum(w[j] * one(s, c).sum() for s in range(v.batch.n) for j, c in enumerate(chosen))
    return ratio(total, dict(mean=len(chosen) * v.m.sum(), sum=1, batchmean=v.batch.n)[reduction])


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
            phi = out - (inside - min(step[3 - v.batch.spatial:])) * fg
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


class Weights:
    """w of one sample and channel as rm has them, several orders added up: at voxels of the frame, counted from 1 along each axis."""

    def __init__(self, v, s, c, orders, center="paper", scale=1, frame="patch", units="fraction"):
        rows = list(orders) if isinstance(orders[0], tuple) else [orders]
        self.orders = [[0] * (3 - len(row)) + list(row) for row in rows]
        rulers = [ruler(v, s, c, axis, center, scale, frame, units) for axis in range(3)]
        self.coordinate, self.extent, self.first = zip(*rulers)
        self.size = v.batch.size

    def at(self, *i):
        return sum(math.prod(self.coordinate[k](i[k]) ** (2 * q[k]) for k in range(3)) for q in self.orders)

    def over(self, starts, counts):
        i = torch.meshgrid(*(torch.arange(n).double() + a for a, n in zip(starts, counts)), indexing="ij")
        return self.at(*i) + torch.zeros(counts)

    def of_patch(self):
        return self.over(self.first, self.size)


WEIGHT_OPTIONS = ("center", "scale", "frame", "units")


def controlled(v, orders, options, field):
    """Sum of w' r^2 / Z with w' = field(weights, s, c)."""
    chosen = {k: o for k, o in options.items() if k in WEIGHT_OPTIONS}

    def one(s, c):
        return field(Weights(v, s, c, orders, **chosen), s, c) * (v.p[s, c] - v.y[s, c] * v.m[s, 0]) ** 2

    return over_voxels(v, one, options.get("channels", "fg"), options.get("weights"), options.get("reduction", "mean"))


def wmse(v, *orders, **options):
    return controlled(v, orders, options, lambda w, s, c: w.over((1, 1, 1), w.extent).mean())


M64 = 2**64 - 1


def mixed(x):
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & M64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & M64
    return x ^ (x >> 31)


def permute(index, count, key):
    """docs/losses/controls.md: six rounds on two halves of h bits, again until the number is below count."""
    half = 1
    while 4**half < count:
        half += 1
    while count > 1:
        for turn in range(6):
            high, low = divmod(index, 2**half)
            index = low * 2**half + (high ^ (mixed((key + 0x9E3779B97F4A7C15 * (8 * low + turn + 1)) & M64) % 2**half))
        if index < count:
            return index
    return index


def permuted(v, *orders, block=16, seed=1, **options):
    def source(i, extent):
        """Which voxel's weight voxel i of the frame has, counted from 1."""
        if not all(1 <= x <= n for x, n in zip(i, extent)):
            return i
        places, inside, whole = [(x - 1) // block for x in i], [(x - 1) % block for x in i], [n // block for n in extent]
        moved = [k for k in range(3) if places[k] < whole[k]]
        index, count = 0, math.prod(whole[k] for k in moved)
        for k in moved:
            index = index * whole[k] + places[k]
        index = permute(index, count, mixed(8 * seed + sum(2**k for k in range(3) if k not in moved)))
        for k in reversed(moved):
            index, places[k] = divmod(index, whole[k])
        return [p * block + x + 1 for p, x in zip(places, inside)]

    def field(w, s, c):
        out = torch.empty(w.size)
        for j in itertools.product(*map(range, w.size)):
            out[j] = w.at(*source([a + b for a, b in zip(w.first, j)], w.extent))
        return out

    return controlled(v, orders, options, field)


def ranked(v, *orders, largest="far", **options):
    def field(w, s, c):
        valid, value = v.valid[s].flatten(), w.of_patch().flatten()
        fg = (v.y[s, c] > 0.5) & v.valid[s]
        both = sides(fg, ~fg & v.valid[s], spacing(v, s, options.get("units", "fraction")))
        out = torch.full_like(value, value[valid].mean() if valid.any() else 0.0)
        if both is not None:
            far = (both[0] - both[1]).flatten()[valid]
            out[valid.nonzero().flatten()[far.argsort(stable=True)]] = value[valid].sort(descending=largest == "near").values
        return out.view(w.size)

    return controlled(v, orders, options, field)


TERMS = dict(wmse=wmse, permuted=permuted, ranked=ranked, sdf=sdf, moment=moment, size=size, centroid=centroid, class_centroid=class_centroid, spread=spread, covariance=covariance,
             inertia=inertia, eccentricity=eccentricity, hu=hu, length=length, compactness=compactness, polar=polar, rays=rays, boundary=boundary, hausdorff=hausdorff, ce=ce, dice=dice,
             jaccard=jaccard, tversky=tversky, focal=focal, rm=rm, mse=mse)


SUMMED = ("wmse", "permuted", "ranked")  # several lists of orders are added up; else they are one for each channel


class Term:
    def __init__(self, weight, name, *orders, **options):
        self.weight, self.name, self.orders, self.options = weight, name, orders, options

    def text(self):
        options = ", ".join(f"{k}={v}" for k, v in self.options.items() if v is not None)
        rows = self.orders if self.orders and isinstance(self.orders[0], tuple) else [self.orders]
        orders = (" | " if self.name in SUMMED else " / ").join(",".join(map(str, row)) for row in rows)
        inside = "; ".join(filter(None, [orders, options]))
        return f"{self.weight!r}*{self.name}" + (f"({inside})" if inside else "")

    def value(self, view):
        return TERMS[self.name](view, *self.orders, **self.options)


# ---- other people's losses, as a check on the reference ------------------------------------------------------------


def monai_agrees(batch, head):
    """DiceLoss and DiceCELoss give what the reference gives."""
    view = View(batch, head, "index", False, batch.logits, None)
    act = dict(softmax=head == "softmax", sigmoid=head == "sigmoid")
    for squared in (False, True):
        for jaccard in (False, True):
            for pooled in (False, True):
                for background in (False, True) if batch.k > 1 and head == "softmax" else (True,):
                    theirs = DiceLoss(include_background=background, squared_pred=squared, jaccard=jaccard, batch=pooled, **act)
                    word = lambda flag: str(flag).lower()
                    ours = dice(view, "monai", include_background=word(background), squared_pred=word(squared), jaccard=word(jaccard),
                                batch=word(pooled))
                    difference = abs(theirs(batch.logits, view.y) - ours)
                    assert difference < 1e-12, (head, squared, jaccard, pooled, background, difference)
    if head == "softmax":
        theirs = DiceCELoss(softmax=True)(batch.logits, view.y)
        assert abs(theirs - dice(view, "monai") - ce(view)) < 1e-12
        weight = torch.arange(1.0, batch.k + 1)
        theirs = torch.nn.CrossEntropyLoss(weight=weight)(batch.logits, view.index)
        assert abs(theirs - ce(view, "+".join(str(float(w)) for w in weight))) < 1e-12


def monai_overlap_agrees(batch, head):
    """DiceLoss and TverskyLoss with soft labels and sums, FocalLoss."""
    act = dict(softmax=head == "softmax", sigmoid=head == "sigmoid")
    for truth in ("index", "map"):
        view = View(batch, head, truth, False, batch.logits, None)
        for soft in (False, True):
            for reduction in ("mean", "sum"):
                theirs = DiceLoss(soft_label=soft, reduction=reduction, **act)(batch.logits, view.y)
                ours = dice(view, "monai", soft_label=str(soft).lower(), reduction=reduction)
                assert abs(theirs - ours) < 1e-12, (head, truth, soft, reduction, theirs, ours)
                for pooled in (False, True):
                    theirs = TverskyLoss(alpha=0.3, beta=0.9, batch=pooled, soft_label=soft, reduction=reduction, **act)
                    ours = tversky(view, 0.3, 0.9, channels="all", batch=str(pooled).lower(), soft_label=str(soft).lower(),
                                   reduction=reduction)
                    assert abs(theirs(batch.logits, view.y) - ours) < 1e-12
        # FocalLoss computes in float, and divides a softmax's mean by the channels too.
        for gamma in (0.5, 2.0):
            theirs = FocalLoss(gamma=gamma, use_softmax=head == "softmax")(batch.logits, view.y)
            ours = focal(view, gamma) / (batch.k if head == "softmax" else 1)
            if truth == "index":
                assert abs(theirs - ours) < 1e-6, (head, gamma, theirs, ours)
    if head == "sigmoid":
        view = View(batch, head, "index", False, batch.logits, None)
        assert abs(FocalLoss(alpha=0.25)(batch.logits, view.y) - focal(view, alpha=0.25)) < 1e-6


def monai_distances_agree(batch, head):
    """BoundaryLoss, HausdorffDTLoss and LogHausdorffDTLoss; they keep distances in float."""
    view = View(batch, head, "index", False, batch.logits, None)
    act = dict(softmax=head == "softmax", sigmoid=head == "sigmoid", include_background=True)
    flat = (lambda t: t[:, :, 0]) if batch.spatial == 2 else (lambda t: t)
    for theirs, ours in ((BoundaryLoss(**act), boundary(view, channels="all")), (HausdorffDTLoss(**act), hausdorff(view, channels="all")),
                         (LogHausdorffDTLoss(**act), hausdorff(view, channels="all", log="true"))):
        assert abs(theirs(flat(batch.logits), flat(view.y)) - ours) < 1e-6, (type(theirs), head, batch.name)


def nnunet_agrees(batch):
    """The arithmetic of nnU-Net's MemoryEfficientSoftDiceLoss(batch_dice, do_bg=False, smooth=1e-5), softmax."""
    view = View(batch, "softmax", "index", True, batch.logits, None)
    p, y, mask = batch.logits.softmax(1)[:, 1:], view.y[:, 1:], view.m
    intersect, sum_pred, sum_gt = ((t * mask).sum((2, 3, 4)) for t in (p * y, p, y))
    if batch.spatial == 2:
        intersect, sum_pred, sum_gt = intersect.sum(0), sum_pred.sum(0), sum_gt.sum(0)
    dc = (2 * intersect + 1e-5) / torch.clip(sum_gt + sum_pred + 1e-5, 1e-8)
    assert abs(-dc.mean() - dice(view, "nnunet")) < 1e-12


# ---- the cases -----------------------------------------------------------------------------------------------------


def rm_cases(orders):
    a, b, both = orders
    yield [Term(1.0, "rm", *a)]
    yield [Term(1.0, "rm", *a), Term(0.5, "rm", *b), Term(2.0, "rm", *both)]
    yield [Term(1.0, "mse")]
    for options in (dict(center="exact"), dict(center="none"), dict(center="centroid"), dict(scale=2), dict(reduction="sum"),
                    dict(reduction="batchmean"), dict(frame="volume"), dict(channels="all"), dict(units="mm"),
                    dict(center="centroid", frame="volume", units="mm", scale=2, reduction="sum", channels="all"),
                    dict(center="exact", frame="volume", units="mm")):
        yield [Term(1.0, "rm", *both, **options)]
        yield [Term(0.25, "rm", *a, **options), Term(-3.0, "rm", *b, **options), Term(1.0, "mse", reduction="sum")]


def each_cases(batch, head):
    """Orders of their own for each channel, in the order of the list, with one divisor; class weights go with them."""
    flat, k = batch.spatial == 2, batch.k
    rows = [(2, 0), (0, 2), (1, 1), (0, 1), (0, 0)] if flat else [(2, 0, 0), (0, 2, 0), (1, 0, 1), (0, 0, 3), (0, 0, 0)]
    everywhere, weights = rows[:k], "+".join(str(0.5 * (c + 1)) for c in range(k))
    for row in (dict(), dict(weights=weights, reduction="sum"), dict(center="centroid", reduction="batchmean"), dict(scale=2, frame="volume", units="mm")):
        yield [Term(1.0, "rm", *everywhere, channels="all", **row), Term(0.5, "rm", *rows[1], **row | dict(weights=None))]
        yield [Term(1.0, "moment", *everywhere, channels="all", **row)]
    backwards = "+".join(str(c) for c in reversed(range(k)))
    yield [Term(1.0, "rm", *everywhere, channels=backwards, weights=weights), Term(2.0, "moment", *everywhere, channels=backwards, weights=weights)]
    yield [Term(1.0, "dice", variant="monai", channels=backwards, weights=weights), Term(1.0, "boundary", channels=backwards, weights=weights)]
    if k > 2 and head == "softmax":
        yield [Term(1.0, "rm", *rows[: k - 1]), Term(1.0, "rm", rows[1], rows[0], channels=f"{k - 1}+0")]


def control_cases(batch):
    """What is compared with rm: every option, several orders, blocks that are cut."""
    rows = [(2, 0), (0, 1)] if batch.spatial == 2 else [(2, 0, 0), (0, 1, 1)]
    weights = "+".join(str(0.5 * (c + 1)) for c in range(batch.k))
    shared = [dict(), dict(center="centroid", frame="volume", reduction="sum"), dict(center="exact", scale=2, units="mm", reduction="batchmean"),
              dict(center="none", channels="all", weights=weights, frame="volume", units="mm")]
    for row, block in zip(shared, (2, 3, 1, 2)):
        yield [Term(1.0, "wmse", *rows, **row), Term(2.0, "wmse", *rows[1], **row)]
        yield [Term(1.0, "permuted", *rows, block=block, **row), Term(0.5, "permuted", *rows[0], seed=block + 6, block=2, **row)]
        yield [Term(1.0, "ranked", *rows, **row), Term(0.5, "ranked", *rows[1], largest="near", **row)]


def dice_cases():
    for variant in ("ua-mt", "monai", "nnunet"):
        yield [Term(1.0, "dice", variant=variant)]
        for options in (dict(batch="true"), dict(batch="false"), dict(include_background="true"), dict(squared_pred="false"),
                        dict(squared_pred="true"), dict(jaccard="true"), dict(smooth=1.0), dict(smooth_nr=0, smooth_dr=0.5)):
            yield [Term(1.0, "dice", variant=variant, **options)]
        yield [Term(1.0, "dice", variant=variant, jaccard="true", squared_pred="true", batch="false")]


def region_cases(batch):
    """Every option of jaccard, tversky, focal, and what dice, ce and rm share with them; three terms at a time."""
    k, orders = batch.k, ((2, 0), (1, 1)) if batch.spatial == 2 else ((2, 0, 0), (1, 0, 1))
    weights = "+".join(str(0.5 * (c + 1)) for c in range(k))
    rows = [dict(), dict(channels="all", weights=weights), dict(include_background="true", batch="true"), dict(batch="auto", smooth=1.0),
            dict(reduction="sum", smooth_nr=0, smooth_dr=0.25), dict(reduction="batchmean", soft_label="true"),
            dict(soft_label="true", batch="true", channels="all")]
    for row in rows:
        if "soft_label" in row and batch.name == "dot2":
            continue  # one voxel: sum min(p, y) is then a small difference, which float cannot hold to 2e-5
        yield [Term(1.0, "jaccard", **row), Term(0.5, "tversky", alpha=0.3, beta=0.7, **row), Term(2.0, "dice", variant="monai", **row)]
    yield [Term(1.0, "tversky", alpha=0, beta=1.5), Term(1.0, "tversky")]
    for row in (dict(), dict(gamma=0), dict(gamma=0.5, weights=weights), dict(gamma=1, channels="fg", reduction="sum"),
                dict(gamma=3.5, reduction="batchmean")):
        yield [Term(1.0, "focal", **row)]
    yield [Term(0.5, "focal"), Term(1.0, "ce", reduction="sum"), Term(1.0, "ce", weights=weights, reduction="batchmean")]
    yield [Term(1.0, "rm", *orders[0], channels="all", weights=weights), Term(2.0, "rm", *orders[1]), Term(0.5, "focal", gamma=1)]


def shape_cases(batch):
    """moment, size, centroid, boundary, hausdorff with every option."""
    k, orders = batch.k, ((1, 0), (0, 3), (2, 1)) if batch.spatial == 2 else ((1, 0, 0), (0, 0, 3), (1, 2, 1))
    shared = [dict(), dict(channels="all", weights="+".join(str(0.5 * (c + 1)) for c in range(k))), dict(reduction="sum", channels="all"),
              dict(reduction="batchmean")]
    for row in shared:
        yield [Term(1.0, "moment", *orders[0], **row), Term(0.5, "size", **row), Term(2.0, "centroid", min_size=0.01, **row)]
        yield [Term(1.0, "boundary", **row), Term(0.5, "hausdorff", **row)]
    for row in (dict(center="paper"), dict(center="none", scale=2), dict(center="centroid", frame="volume"), dict(units="mm", frame="volume"),
                dict(normalize="none", units="mm")):
        yield [Term(1.0, "moment", *q, **row) for q in orders]
    yield [Term(1.0, "size", units="voxel"), Term(1.0, "centroid", units="mm", min_size=0), Term(1.0, "centroid", frame="volume", min_size=1.5)]
    for variant in ("kervadec", "ma", "ma-normalised"):
        yield [Term(1.0, "boundary", variant=variant), Term(-0.5, "boundary", variant=variant, units="mm", channels="all")]
    for variant in ("karimi", "monai", "ma", "kervadec"):
        yield [Term(1.0, "hausdorff", variant=variant, alpha=1.5), Term(0.5, "hausdorff", variant=variant, units="mm", channels="all", log="true")]


def measure_cases(batch):
    """The other measures of a shape, every option, and every penalty; a channel of min_size=0 is always looked at."""
    k, flat = batch.k, batch.spatial == 2
    weights = "+".join(str(0.5 * (c + 1)) for c in range(k))
    bands = [dict(), dict(penalty="band"), dict(penalty="band", margin=0.02, bounds="absolute"), dict(penalty="log-barrier", t=2.0),
             dict(penalty="log-barrier", t=5.0, margin=0.3, bounds="absolute", growth=1.0)]
    point = batch.size == [1, 1, 1]
    for units, frame, band in zip(("fraction", "voxel", "mm", "fraction", "mm"), ("patch", "volume") * 3, bands):
        row = dict(min_size=0, units=units, frame=frame, **band)
        if not point:
            yield [Term(1.0, "centroid", **row), Term(1.0, "spread", **row), Term(0.5, "covariance", **row)]
            yield [Term(1.0, "inertia", **row), Term(2.0, "hu", invariants="1+2+0.5" if not flat else "1+2+3+4+5+6+7", **row)]
            if flat and min(batch.size[1:]) > 1:
                yield [Term(1.0, "eccentricity", channels="all", weights=weights, **row)]
        if k > 1:
            yield [Term(1.0, "class_centroid", channels="all", weights=weights, **row)]
        yield [Term(1.0, "length", units="voxel" if units == "voxel" else "fraction", **band), Term(0.5, "compactness", min_size=0, **band)]
        moment = Term(1.0, "moment", *((1, 0) if flat else (1, 0, 0)), **band)
        yield [moment, Term(1.0, "size", **band), Term(1.0, "compactness", form="isoperimetric", min_size=0.5, **band)]
    for row in (dict(), dict(reduction="sum", channels="all", weights=weights), dict(reduction="batchmean", frame="volume")):
        yield [Term(1.0, "rays", **row)] + ([Term(1.0, "polar", **row)] if flat else [])
        yield [Term(1.0, "length", **{a: b for a, b in row.items() if a != "frame"}), Term(1.0, "spread", **row), Term(1.0, "hu", **row)]
    yield [Term(1.0, "rays", beta=0.5)] + ([Term(1.0, "polar", units="mm")] if flat else [])


def signed_cases(batch):
    """The head tanh: sdf with every option, and terms of the probabilities it gives."""
    weights = "+".join(str(0.5 * (c + 1)) for c in range(batch.k))
    yield [Term(1.0, "dice"), Term(10.0, "sdf")]
    for row in (dict(variant="l1"), dict(variant="l2"), dict(smooth=0.5, units="mm"), dict(reduction="sum", weights=weights), dict(channels="0")):
        yield [Term(1.0, "sdf", **row)]
        yield [Term(0.5, "sdf", variant="l2", **{k: v for k, v in row.items() if k != "variant"}), Term(-2.0, "sdf", **row)]
    yield [Term(1.0, "ce"), Term(0.5, "dice", variant="monai"), Term(1.0, "boundary"), Term(1.0, "hausdorff"), Term(2.0, "mse")]


def cases(batch):
    """(head, truth, ignore, frames, terms) of one batch."""
    k, orders = batch.k, ((2, 0), (0, 2), (2, 1)) if batch.spatial == 2 else ((2, 0, 0), (0, 0, 2), (1, 2, 1))
    heads = (["softmax"] if k > 1 else []) + ["sigmoid"]
    mixed = [Term(1.0, "ce"), Term(1.0, "dice"), *(Term(0.5, "rm", *q) for q in orders)]
    for head in heads:
        for truth in ("index", "map"):
            for ignore in (False, True):
                yield head, truth, ignore, False, mixed
        yield head, "index", True, False, [Term(1.0, "ce", weights="+".join(str(1.5 * (c + 1)) for c in range(k)))]
        yield head, "map", False, False, [Term(1.0, "ce", weights="+".join(str(1.5 * (c + 1)) for c in range(k)))]
    yield "none", "map", True, False, [Term(1.0, "dice"), Term(1.0, "rm", *orders[2])]
    yield "none", "map", False, False, [Term(1.0, "ce"), Term(1.0, "mse", channels="all")]
    yield "none", "index", True, False, [Term(1.0, "ce")]
    for truth, terms in zip(("index", "map") * 20, shape_cases(batch)):
        for head in heads[:1] if batch.k != 2 else heads:
            yield head, truth, batch.k != 2, True, terms
    for truth, terms in zip(("map", "index") * 40, measure_cases(batch)):
        for head in heads[:1] if batch.k != 2 else heads[1:]:
            yield head, truth, batch.k != 2, True, terms
    for truth, terms in zip(("index", "map") * 20, signed_cases(batch)):
        yield "tanh", truth, batch.k != 2, True, terms
    yield "none", "map", True, True, [Term(1.0, "hausdorff", variant="kervadec"), Term(1.0, "centroid", min_size=0), Term(1.0, "size")]
    for truth, terms in zip(("index", "map") * 20, region_cases(batch)):
        for head in heads:
            yield head, truth, batch.k != 2, False, terms
    yield "sigmoid", "index", True, False, [Term(1.0, "focal", alpha=0.25), Term(2.0, "focal", gamma=0.5, alpha=0.75)]
    yield "none", "map", True, False, [Term(1.0, "focal", gamma=1.5), Term(1.0, "jaccard", soft_label="true")]
    for truth, terms in zip(("index", "map") * 20, control_cases(batch)):
        yield heads[0], truth, k != 2, True, terms
    if k > 1:
        for truth, terms in zip(("index", "map") * 20, each_cases(batch, heads[0])):
            yield heads[0], truth, k != 2, True, terms
        yield "sigmoid", "map", False, True, next(each_cases(batch, "sigmoid"))
    if batch.name in ("flat3", "solid2"):
        for terms in rm_cases(orders):
            yield "softmax", "index", True, True, terms
        for terms in dice_cases():
            yield "softmax", "index", True, False, terms
        yield "softmax", "map", False, False, [Term(1.0, "dice", variant="monai", weights="+".join("123"[:k]))]
        yield "softmax", "map", False, False, [Term(1.0, "dice", variant="ua-mt", channels=str(k - 1)), Term(1.0, "mse", channels="0+1")]
    if batch.name == "flat1":
        for terms in rm_cases(orders):
            yield "sigmoid", "map", True, True, terms


BATCHES = [
    Batch("flat3", 2, 3, [1, 3, 5], 2, 1),
    Batch("solid2", 2, 2, [2, 3, 4], 3, 2),
    Batch("flat1", 3, 1, [1, 4, 3], 2, 3),
    Batch("line2", 1, 2, [1, 1, 17], 2, 4),
    Batch("solid5", 1, 5, [1, 2, 3], 3, 5),
    Batch("dot2", 2, 2, [1, 1, 1], 2, 6),
]


def row(values):
    return " ".join(f"{float(x):.15g}" for x in values)


def write_case(out, batch, head, truth, ignore, frames, terms):
    given = batch.logits if head != "none" else torch.sigmoid(batch.logits)
    if head == "tanh":  # every other one so near to 0 that p is neither 0 nor 1
        given = given * torch.where(torch.arange(given.numel()).view(given.shape) % 2 == 0, 4e-4, 1.0)
    logits = given.clone().requires_grad_()
    view = View(batch, head, truth, ignore, logits, batch.frames if frames else None)
    values = [t.value(view) for t in terms]
    total = sum(t.weight * v for t, v in zip(terms, values))
    (gradient,) = torch.autograd.grad(total, logits)
    print("case", truth, IGNORE if ignore else -1, batch.n if frames else 0, f"{head}:", " + ".join(t.text() for t in terms), file=out)
    for f in batch.frames if frames else ():
        print(row(f["offset"] + f["extent"] + f["spacing"]), file=out)
    print(row(v.detach() for v in values), file=out)
    print(row([total.detach()]), file=out)
    print(row(gradient.flatten()), file=out)


def main():
    path = Path(__file__).parents[1] / "tests/golden/loss.txt"
    count = 0
    with open(path, "w") as out:
        print("# Written by tools/golden_loss.py: PyTorch", torch.__version__.split("+")[0], "autograd in float64", file=out)
        for batch in BATCHES:
            monai_agrees(batch, "sigmoid")
            monai_overlap_agrees(batch, "sigmoid")
            monai_distances_agree(batch, "sigmoid")
            if batch.k > 1:
                monai_overlap_agrees(batch, "softmax")
                monai_distances_agree(batch, "softmax")
                monai_agrees(batch, "softmax")
                nnunet_agrees(batch)
            print("batch", batch.name, batch.n, batch.k, *batch.size, batch.spatial, file=out)
            for values in (batch.logits, batch.index, batch.map):
                print(row(values.flatten()), file=out)
            for case in cases(batch):
                write_case(out, batch, *case)
                count += 1
    print(f"{path}: {count} cases, {path.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
