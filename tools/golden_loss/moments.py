"""The residual moment, and the measures of a region that are compared: moments, sizes, centroids, second moments, Hu invariants."""

import itertools
import math

import torch
from view import numbers, over_samples, ratio


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


def moment(
    v,
    *orders,
    center="exact",
    scale=1,
    normalize="voxels",
    frame="patch",
    units="fraction",
    reduction="mean",
    channels="fg",
    weights=None,
    **penalty,
):
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
    return [
        (1, (mu(*unit_exponents(len(axes), k, k)) / mass).sqrt()) if len(axes[k][0].flatten()) > 1 else (1, mask.sum() * 0)
        for k in range(len(axes))
    ]


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
    invariants = [
        nu(2, 0) + nu(0, 2),
        g**2 + 4 * n11**2,
        e**2 + f**2,
        a**2 + b**2,
        e * a * (a**2 - 3 * b**2) + f * b * (3 * a**2 - b**2),
        g * (a**2 - b**2) + 4 * n11 * a * b,
        f * a * (a**2 - 3 * b**2) - e * b * (3 * a**2 - b**2),
    ]
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
