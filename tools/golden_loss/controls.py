"""What rm is compared with: the same weights not squared away, permuted, ranked."""

import itertools
import math

import torch
from distances import sides, spacing
from moments import ruler
from view import over_voxels


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
