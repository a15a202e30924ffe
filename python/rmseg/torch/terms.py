"""The terms of an objective in plain PyTorch, differentiable by autograd and friendly to torch.compile.

They compute what the C library's terms compute (docs/losses.md has the formulas) and serve tensors that are not on the CPU. Sums run in
the logits' own type. Nothing here looks at a value to decide what to do next, so nothing waits for a device.

Shapes: N samples, K channels, S = (H, W) or (D, H, W), C chosen channels.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._library import Error
from .distance import distances
from .expression import Expression, Term

STEEPNESS = -1500.0  # of the sigmoid behind a signed distance
SMALLEST = 1e-12  # a probability given by the user is cut off here before its logarithm


def lazy(compute: Callable) -> property:
    """A property computed when first asked for (functools.cached_property has a lock, which torch.compile does not enter)."""
    name = f"_{compute.__name__}"

    def get(self):
        if getattr(self, name, None) is None:
            setattr(self, name, compute(self))
        return getattr(self, name)

    return property(get, doc=compute.__doc__)


class Frames(NamedTuple):
    """Where each sample lies in its image: float64 (N, axes) each; spacing in mm."""

    offset: Tensor
    extent: Tensor
    spacing: Tensor


class View:
    """What a term sees of a batch: logits (N,K,*S), an index (N,*S) or a map (N,K,*S) in [0,1], frames or None.

    A voxel whose index is `ignore`, or whose map is negative in a channel, is in no sum: its probability and truth are 0 here.
    """

    def __init__(self, logits: Tensor, target: Tensor, head: str, ignore: int | None, frames: Frames | None):
        self.head, self.frames = head, frames
        self.n, self.k, self.size = logits.shape[0], logits.shape[1], tuple(logits.shape[2:])
        self.axes = len(self.size)
        self.first_label = int(head in ("sigmoid", "tanh") or self.k == 1)
        self.binary = head in ("sigmoid", "tanh") or (head == "none" and self.k == 1)
        self.exclusive = head == "softmax" or (head == "none" and self.k > 1)
        if target.ndim == logits.ndim:
            self.valid = (target >= 0).all(1, keepdim=True)
            self.y = torch.where(self.valid, target, 0).to(logits.dtype)
        else:
            target = target.unsqueeze(1)
            labels = torch.arange(self.k, device=target.device) + self.first_label
            self.valid = None if ignore is None else target != ignore
            y = target == labels.view(1, -1, *[1] * self.axes)
            self.y = (y if self.valid is None else y & self.valid).to(logits.dtype)
        self.logits = logits if self.valid is None else torch.where(self.valid, logits, 0.5 if head == "none" else 0.0)
        if head == "tanh":  # a signed distance; to the other terms, steep logits of a sigmoid
            self.signed = torch.tanh(self.logits)
            self.head, self.logits = "sigmoid", STEEPNESS * self.signed

    @lazy
    def voxels(self) -> Tensor:
        """Valid voxels of each sample, (N)."""
        if self.valid is None:
            return torch.full((self.n,), float(self.logits[0, 0].numel()), dtype=torch.float64, device=self.logits.device)
        return self.valid.sum(tuple(range(1, self.axes + 2))).double()

    @lazy
    def p(self) -> Tensor:
        return self.masked({"softmax": lambda z: z.softmax(1), "sigmoid": torch.sigmoid, "none": lambda z: z}[self.head](self.logits))

    @lazy
    def log_p(self) -> Tensor:
        if self.head == "softmax":
            return self.logits.log_softmax(1)
        return F.logsigmoid(self.logits) if self.head == "sigmoid" else self.logits.clamp(min=SMALLEST).log()

    @lazy
    def log_q(self) -> Tensor:
        """log(1 - p)"""
        return F.logsigmoid(-self.logits) if self.head == "sigmoid" else (1 - self.logits).clamp(min=SMALLEST).log()

    def masked(self, x: Tensor) -> Tensor:
        return x if self.valid is None else torch.where(self.valid, x, 0)

    def channels(self, text: str) -> list[int]:
        if text in ("fg", "all"):
            return list(range(0 if text == "all" else 1 - self.first_label, self.k))
        return list(dict.fromkeys(int(c) for c in text.split("+")))

    def chosen(self, x: Tensor, options: dict[str, str], default: str = "fg") -> Tensor:
        """x (N,K,*S) at the term's channels."""
        channels = self.channels(options.get("channels", default))
        return x if channels == list(range(self.k)) else x[:, channels]

    def frame(self, kind: str) -> tuple[Tensor, Tensor, Tensor]:
        """Offset, extent and spacing, (N or 1, axes); of the patch itself unless kind is "volume"."""
        zero = torch.zeros(1, self.axes, dtype=torch.float64, device=self.logits.device)
        size = torch.stack([zero[:, 0] + s for s in self.size], 1)
        if self.frames is None:
            return zero, size, zero + 1
        if kind == "volume":
            return self.frames.offset, self.frames.extent, self.frames.spacing
        return zero, size, self.frames.spacing


# ---- sums and means ------------------------------------------------------------------------------------------------


def per_class(text: str | None, like: Tensor) -> Tensor | float:
    """ "1+2" as (C), on the device of `like`; 1 where there is none."""
    return torch.tensor([float(w) for w in text.split("+")], dtype=like.dtype, device=like.device) if text else 1.0


def spatial_sum(x: Tensor) -> Tensor:
    """(N,C,*S) -> (N,C)"""
    return x.flatten(2).sum(2)


def ratio(above: Tensor, over: Tensor) -> Tensor:
    """above / over; 0 where `over` is 0: a mean over no voxel."""
    over = over.to(above.dtype)
    return torch.where(over > 0, above / torch.where(over > 0, over, 1), 0.0)


def divided(total: Tensor, reduction: str, mean: Tensor, samples: int) -> Tensor:
    if reduction == "mean":
        return ratio(total, mean)
    return total / samples if reduction == "batchmean" else total


def over_all(values: Tensor, options: dict[str, str]) -> Tensor:
    """(N,C) or, pooled over the batch, (1,C): mean of all, sum, or sum over samples' number."""
    total = (values * per_class(options.get("weights"), values)).sum()
    reduction = options["reduction"]
    if reduction == "sum":
        return total
    return total / (values.numel() if reduction == "mean" else values.shape[0])


def over_voxels(v: View, sums: Tensor, options: dict[str, str]) -> Tensor:
    """(N,C) sums over voxels: divided by channels x valid voxels, by 1, by samples."""
    total = (sums * per_class(options.get("weights"), sums)).sum()
    return divided(total, options["reduction"], sums.shape[1] * v.voxels.sum(), v.n)


# ---- terms without a place -----------------------------------------------------------------------------------------


def ce(v: View, term: Term) -> Tensor:
    o = term.options
    w = per_class(o.get("weights"), v.logits)
    loss = -spatial_sum(v.masked(v.y * v.log_p + (1 - v.y) * v.log_q if v.binary else v.y * v.log_p))
    if not o.get("weights"):
        over = v.voxels.sum() * (v.k if v.binary else 1)
    else:
        over = (w * (v.voxels[:, None] if v.binary else spatial_sum(v.y))).sum()
    return divided((w * loss).sum(), o["reduction"], over, v.n)


def focal(v: View, term: Term) -> Tensor:
    o = term.options
    gamma, alpha = float(o["gamma"]), float(o["alpha"]) if o.get("alpha") else None
    y, log_p = v.chosen(v.y, o, "all"), v.chosen(v.log_p, o, "all")
    if v.binary:
        log_q = v.chosen(v.log_q, o, "all")
        a, b = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
        loss = -a * y * (gamma * log_q).exp() * log_p - b * (1 - y) * (gamma * log_p).exp() * log_q
    else:
        q = 1 - log_p.exp()
        loss = -y * (q if gamma == 1 else torch.where(q > 0, q.clamp(min=SMALLEST) ** gamma, float(gamma == 0))) * log_p
    sums = spatial_sum(v.masked(loss)) * per_class(o.get("weights"), loss)
    return divided(sums.sum(), o["reduction"], v.voxels.sum() * (y.shape[1] if v.binary else 1), v.n)


def overlap(v: View, term: Term, squared: bool, soft: bool) -> tuple[Tensor, Tensor, Tensor]:
    """I, P, Y of each sample and channel, (N,C), or of each channel of the batch, (1,C)."""
    o = term.options
    p, y = v.chosen(v.p, o), v.chosen(v.y, o)
    big_p, big_y = spatial_sum(p * p if squared else p), spatial_sum(y * y if squared else y)
    both = (big_p + big_y - spatial_sum((p - y).abs())) / 2 if soft else spatial_sum(p * y)
    if o["batch"] == "true" or (o["batch"] == "auto" and v.axes == 2):
        both, big_p, big_y = (t.sum(0, keepdim=True) for t in (both, big_p, big_y))
    return both, big_p, big_y


def dice(v: View, term: Term) -> Tensor:
    o = term.options
    squared, nnunet = o["squared_pred"] == "true", o["variant"] == "nnunet"
    both, p, y = overlap(v, term, squared, o["soft_label"] == "true" and not squared)
    over = (2 * (p + y - both) if o["jaccard"] == "true" else p + y) + float(o["smooth_dr"])
    score = (2 * both + float(o["smooth_nr"])) / (over.clamp(min=1e-8) if nnunet else over)
    return over_all(-score if nnunet else 1 - score, o)


def tversky(v: View, term: Term) -> Tensor:
    o = term.options
    alpha, beta = float(o.get("alpha", 1)), float(o.get("beta", 1))
    both, p, y = overlap(v, term, False, o["soft_label"] == "true")
    over = both + alpha * (p - both) + beta * (y - both) + float(o["smooth_dr"])
    return over_all(1 - (both + float(o["smooth_nr"])) / over, o)


def size(v: View, term: Term) -> Tensor:
    o = term.options
    far = spatial_sum(v.chosen(v.p, o)) - spatial_sum(v.chosen(v.y, o))
    return over_all((ratio(far, v.voxels[:, None]) if o["units"] == "fraction" else far) ** 2, o)


# ---- terms with a place --------------------------------------------------------------------------------------------


def coordinate(v: View, axis: int, options: dict[str, str], center: str, scale: float) -> Tensor:
    """c along one axis, float64 (N or 1, C or 1, extent of the patch)."""
    offset, extent, spacing = v.frame(options["frame"])
    n = extent[:, axis, None, None]
    i = torch.arange(1, v.size[axis] + 1, dtype=torch.float64, device=offset.device) + offset[:, axis, None, None]
    middle: Tensor | float = {"paper": n / 2, "exact": (n + 1) / 2, "none": 0.0, "centroid": 0.0}[center]
    if center == "centroid":
        y = v.chosen(v.y, options).movedim(axis + 2, 2).flatten(3).sum(3).double()
        total = y.sum(2, keepdim=True)
        middle = torch.where(total > 0, (i * y).sum(2, keepdim=True) / torch.where(total > 0, total, 1), (n + 1) / 2)
    if options["units"] == "mm":
        step = spacing[:, axis, None, None] / (extent * spacing).amax(1)[:, None, None]
    else:
        step = 1 / n
    return scale * step * (i - middle)


def contract(x: Tensor, tables: list[Tensor | None]) -> Tensor:
    """Sum over S of x (N,C,*S) times the tables (N or 1, C or 1, extent) of its axes; (N,C)."""
    for axis in reversed(range(len(tables))):
        table = tables[axis]
        if table is not None:
            x = x * table.to(x.dtype).view(*table.shape[:2], *[1] * axis, -1)
        x = x.sum(-1)
    return x


def powers(v: View, term: Term, factor: int) -> list[Tensor | None]:
    """c_k^(factor q_k) along each axis, (N or 1, C or 1, extent); None where it is 1."""
    o, channels = term.options, len(v.channels(term.options["channels"]))
    if len(term.orders) > 1 and len(term.orders) != channels:
        raise ValueError(f"{term.name}: found {len(term.orders)} lists of orders for {channels} channels; expected one for all, or one for each")
    tables: list[Tensor | None] = []
    for axis, q in enumerate(zip(*term.orders) if term.orders else [(0,)] * v.axes):
        exponents = torch.tensor(q, device=v.logits.device)[None, :, None] * factor
        tables.append(coordinate(v, axis, o, o["center"], float(o["scale"])) ** exponents if any(q) else None)
    return tables


def rm(v: View, term: Term) -> Tensor:
    r = v.chosen(v.p, term.options) - v.chosen(v.y, term.options)
    return over_voxels(v, contract(r * r, powers(v, term, 2)), term.options)


def moment(v: View, term: Term) -> Tensor:
    o = term.options
    far = contract(v.chosen(v.p, o) - v.chosen(v.y, o), powers(v, term, 1))
    return over_all((ratio(far, v.voxels[:, None]) if o["normalize"] == "voxels" else far) ** 2, o)


def centroid(v: View, term: Term) -> Tensor:
    o = term.options
    p, y = v.chosen(v.p, o), v.chosen(v.y, o)
    big_p, big_y = spatial_sum(p), spatial_sum(y)
    there = (big_y > 0) & (big_p > float(o["min_size"]))
    big_p, big_y = torch.where(there, big_p, 1), torch.where(there, big_y, 1)
    value = torch.zeros_like(big_p)
    for axis in range(v.axes):
        c = coordinate(v, axis, o, "centroid", 1.0)
        tables = [c if k == axis else None for k in range(v.axes)]
        value = value + (contract(p, tables) / big_p - contract(y, tables) / big_y) ** 2
    return over_all(torch.where(there, value, 0), o)


# ---- terms with a distance -----------------------------------------------------------------------------------------


def sides(v: View, fg: Tensor, units: str) -> tuple[Tensor, Tensor]:
    """D_out (0 in the mask) and D_in (0 outside) of masks (N,C,*S); 0 where a mask is empty or full, and where a voxel is ignored."""
    bg = ~fg if v.valid is None else ~fg & v.valid
    spacing = v.frames.spacing if units == "mm" and v.frames is not None else v.frame("patch")[1] * 0 + 1
    return distances(fg, bg, spacing.expand(v.n, v.axes), v.logits.dtype)


def inner_border(v: View, fg: Tensor) -> Tensor:
    """Foreground beside background along an axis; the image's edge is none."""
    bg = ~fg if v.valid is None else ~fg & v.valid
    near = torch.zeros_like(bg)
    for axis in range(2, bg.ndim):
        n = bg.shape[axis]
        edge = torch.zeros_like(bg.narrow(axis, 0, 1))
        near = near | torch.cat([bg.narrow(axis, 1, n - 1), edge], axis) | torch.cat([edge, bg.narrow(axis, 0, n - 1)], axis)
    return fg & near


def options_within_patch(term: Term) -> dict[str, str]:
    if term.options.get("maps") == "image":
        raise Error(f"{term.name}(maps=image) needs the labels of the whole image, which a target does not hold: take maps=crop")
    return term.options


def boundary(v: View, term: Term) -> Tensor:
    o = options_within_patch(term)
    fg = v.chosen(v.y, o) > 0.5
    out, inside = sides(v, fg, o["units"])
    if o["variant"] == "kervadec":
        spacing = v.frames.spacing.amin(1) if o["units"] == "mm" and v.frames is not None else v.voxels * 0 + 1
        delta = spacing.to(out.dtype).view(-1, *[1] * (v.axes + 1))
        phi = out - torch.where(inside > 0, inside - delta, 0)
    else:
        if o["variant"] == "ma-normalised":
            out, inside = (d / d.amax(tuple(range(2, d.ndim)), keepdim=True).clamp(min=SMALLEST) for d in (out, inside))
        phi = (out - inside) * ~inner_border(v, fg)
    return over_voxels(v, spatial_sum(v.chosen(v.p, o) * phi), o)


def hausdorff(v: View, term: Term) -> Tensor:
    o = options_within_patch(term)
    alpha, everywhere = float(o["alpha"]), o["variant"] in ("karimi", "monai")
    p, y = v.chosen(v.p, o), v.chosen(v.y, o)
    if o["variant"] == "kervadec" and v.exclusive:
        guess = F.one_hot(v.p.detach().argmax(1), v.k).movedim(-1, 1).bool()
        guess = v.chosen(guess if v.valid is None else guess & v.valid, o)
    else:
        guess = p.detach() > 0.5
    weight = torch.zeros_like(p)
    for mask in (y > 0.5, guess):
        out, inside = sides(v, mask, o["units"])
        d = out + inside if everywhere else inside
        weight = weight + torch.where(d > 0, d**alpha, 0)
    value = over_voxels(v, spatial_sum((p - y) ** 2 * weight), o)
    return torch.log1p(value) if o["log"] == "true" else value


def signed_truth(v: View, term: Term) -> Tensor:
    """Distances to the border, each side divided by its largest, negative inside; 1 or -1 where a class is empty or full."""
    fg = v.chosen(v.y, options_within_patch(term)) > 0.5
    out, inside = sides(v, fg, term.options["units"])
    largest = [d.amax(tuple(range(2, d.ndim)), keepdim=True) for d in (out, inside)]
    t = (out / largest[0].clamp(min=SMALLEST) - inside / largest[1].clamp(min=SMALLEST)) * ~inner_border(v, fg)
    return v.masked(torch.where(largest[0] > 0, t, torch.where(fg, -1.0, 1.0)))


def sdf(v: View, term: Term) -> Tensor:
    o, smooth = term.options, float(term.options["smooth"])
    s, t = v.masked(v.chosen(v.signed, o)), signed_truth(v, term)
    axes = (0, *range(2, s.ndim))
    if o["variant"] == "l2":
        values = ratio(((s - t) ** 2).sum(axes), v.voxels.sum())
    else:
        values = ratio((s - t).abs().sum(axes), v.voxels.sum())
    if o["variant"] == "product+l1":
        both = (s * t).sum(axes)
        values = values - (both + smooth) / (both + (s * s).sum(axes) + (t * t).sum(axes) + smooth)
    return over_all(torch.where(v.voxels.sum() > 0, values, 0)[None], o)


TERMS: dict[str, Callable[[View, Term], Tensor]] = {
    "ce": ce,
    "dice": dice,
    "jaccard": tversky,
    "tversky": tversky,
    "focal": focal,
    "mse": rm,
    "rm": rm,
    "moment": moment,
    "size": size,
    "centroid": centroid,
    "boundary": boundary,
    "hausdorff": hausdorff,
    "sdf": sdf,
}


def computes(expression: Expression) -> bool:
    """Whether all of it is written here: the terms above, and of penalties on numbers the plain square."""
    return all(t.name in TERMS and t.options.get("penalty", "match") == "match" for t in expression.terms)
