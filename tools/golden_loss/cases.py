"""The batches, and the objectives that are written for each."""

from controls import permuted, ranked, wmse
from distances import boundary, hausdorff, sdf
from moments import (
    centroid,
    class_centroid,
    covariance,
    eccentricity,
    hu,
    inertia,
    moment,
    mse,
    rm,
    size,
    spread,
)
from overlap import ce, dice, focal, jaccard, tversky
from shapes import compactness, length, polar, rays
from view import Batch


TERMS = dict(
    wmse=wmse,
    permuted=permuted,
    ranked=ranked,
    sdf=sdf,
    moment=moment,
    size=size,
    centroid=centroid,
    class_centroid=class_centroid,
    spread=spread,
    covariance=covariance,
    inertia=inertia,
    eccentricity=eccentricity,
    hu=hu,
    length=length,
    compactness=compactness,
    polar=polar,
    rays=rays,
    boundary=boundary,
    hausdorff=hausdorff,
    ce=ce,
    dice=dice,
    jaccard=jaccard,
    tversky=tversky,
    focal=focal,
    rm=rm,
    mse=mse,
)


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


def rm_cases(orders):
    a, b, both = orders
    yield [Term(1.0, "rm", *a)]
    yield [Term(1.0, "rm", *a), Term(0.5, "rm", *b), Term(2.0, "rm", *both)]
    yield [Term(1.0, "mse")]
    for options in (
        dict(center="exact"),
        dict(center="none"),
        dict(center="centroid"),
        dict(scale=2),
        dict(reduction="sum"),
        dict(reduction="batchmean"),
        dict(frame="volume"),
        dict(channels="all"),
        dict(units="mm"),
        dict(center="centroid", frame="volume", units="mm", scale=2, reduction="sum", channels="all"),
        dict(center="exact", frame="volume", units="mm"),
    ):
        yield [Term(1.0, "rm", *both, **options)]
        yield [Term(0.25, "rm", *a, **options), Term(-3.0, "rm", *b, **options), Term(1.0, "mse", reduction="sum")]


def each_cases(batch, head):
    """Orders of their own for each channel, in the order of the list, with one divisor; class weights go with them."""
    flat, k = batch.spatial == 2, batch.k
    rows = [(2, 0), (0, 2), (1, 1), (0, 1), (0, 0)] if flat else [(2, 0, 0), (0, 2, 0), (1, 0, 1), (0, 0, 3), (0, 0, 0)]
    everywhere, weights = rows[:k], "+".join(str(0.5 * (c + 1)) for c in range(k))
    for row in (
        dict(),
        dict(weights=weights, reduction="sum"),
        dict(center="centroid", reduction="batchmean"),
        dict(scale=2, frame="volume", units="mm"),
    ):
        yield [Term(1.0, "rm", *everywhere, channels="all", **row), Term(0.5, "rm", *rows[1], **row | dict(weights=None))]
        yield [Term(1.0, "moment", *everywhere, channels="all", **row)]
    backwards = "+".join(str(c) for c in reversed(range(k)))
    yield [
        Term(1.0, "rm", *everywhere, channels=backwards, weights=weights),
        Term(2.0, "moment", *everywhere, channels=backwards, weights=weights),
    ]
    yield [
        Term(1.0, "dice", variant="monai", channels=backwards, weights=weights),
        Term(1.0, "boundary", channels=backwards, weights=weights),
    ]
    if k > 2 and head == "softmax":
        yield [Term(1.0, "rm", *rows[: k - 1]), Term(1.0, "rm", rows[1], rows[0], channels=f"{k - 1}+0")]


def control_cases(batch):
    """What is compared with rm: every option, several orders, blocks that are cut."""
    rows = [(2, 0), (0, 1)] if batch.spatial == 2 else [(2, 0, 0), (0, 1, 1)]
    weights = "+".join(str(0.5 * (c + 1)) for c in range(batch.k))
    shared = [
        dict(),
        dict(center="centroid", frame="volume", reduction="sum"),
        dict(center="exact", scale=2, units="mm", reduction="batchmean"),
        dict(center="none", channels="all", weights=weights, frame="volume", units="mm"),
    ]
    for row, block in zip(shared, (2, 3, 1, 2)):
        yield [Term(1.0, "wmse", *rows, **row), Term(2.0, "wmse", *rows[1], **row)]
        yield [Term(1.0, "permuted", *rows, block=block, **row), Term(0.5, "permuted", *rows[0], seed=block + 6, block=2, **row)]
        yield [Term(1.0, "ranked", *rows, **row), Term(0.5, "ranked", *rows[1], largest="near", **row)]


def dice_cases():
    for variant in ("ua-mt", "monai", "nnunet"):
        yield [Term(1.0, "dice", variant=variant)]
        for options in (
            dict(batch="true"),
            dict(batch="false"),
            dict(include_background="true"),
            dict(squared_pred="false"),
            dict(squared_pred="true"),
            dict(jaccard="true"),
            dict(smooth=1.0),
            dict(smooth_nr=0, smooth_dr=0.5),
        ):
            yield [Term(1.0, "dice", variant=variant, **options)]
        yield [Term(1.0, "dice", variant=variant, jaccard="true", squared_pred="true", batch="false")]


def region_cases(batch):
    """Every option of jaccard, tversky, focal, and what dice, ce and rm share with them; three terms at a time."""
    k, orders = batch.k, ((2, 0), (1, 1)) if batch.spatial == 2 else ((2, 0, 0), (1, 0, 1))
    weights = "+".join(str(0.5 * (c + 1)) for c in range(k))
    rows = [
        dict(),
        dict(channels="all", weights=weights),
        dict(include_background="true", batch="true"),
        dict(batch="auto", smooth=1.0),
        dict(reduction="sum", smooth_nr=0, smooth_dr=0.25),
        dict(reduction="batchmean", soft_label="true"),
        dict(soft_label="true", batch="true", channels="all"),
    ]
    for row in rows:
        if "soft_label" in row and batch.name == "dot2":
            continue  # one voxel: sum min(p, y) is then a small difference, which float cannot hold to 2e-5
        yield [Term(1.0, "jaccard", **row), Term(0.5, "tversky", alpha=0.3, beta=0.7, **row), Term(2.0, "dice", variant="monai", **row)]
    yield [Term(1.0, "tversky", alpha=0, beta=1.5), Term(1.0, "tversky")]
    for row in (
        dict(),
        dict(gamma=0),
        dict(gamma=0.5, weights=weights),
        dict(gamma=1, channels="fg", reduction="sum"),
        dict(gamma=3.5, reduction="batchmean"),
    ):
        yield [Term(1.0, "focal", **row)]
    yield [Term(0.5, "focal"), Term(1.0, "ce", reduction="sum"), Term(1.0, "ce", weights=weights, reduction="batchmean")]
    yield [Term(1.0, "rm", *orders[0], channels="all", weights=weights), Term(2.0, "rm", *orders[1]), Term(0.5, "focal", gamma=1)]


def shape_cases(batch):
    """moment, size, centroid, boundary, hausdorff with every option."""
    k, orders = batch.k, ((1, 0), (0, 3), (2, 1)) if batch.spatial == 2 else ((1, 0, 0), (0, 0, 3), (1, 2, 1))
    shared = [
        dict(),
        dict(channels="all", weights="+".join(str(0.5 * (c + 1)) for c in range(k))),
        dict(reduction="sum", channels="all"),
        dict(reduction="batchmean"),
    ]
    for row in shared:
        yield [Term(1.0, "moment", *orders[0], **row), Term(0.5, "size", **row), Term(2.0, "centroid", min_size=0.01, **row)]
        yield [Term(1.0, "boundary", **row), Term(0.5, "hausdorff", **row)]
    for row in (
        dict(center="paper"),
        dict(center="none", scale=2),
        dict(center="centroid", frame="volume"),
        dict(units="mm", frame="volume"),
        dict(normalize="none", units="mm"),
    ):
        yield [Term(1.0, "moment", *q, **row) for q in orders]
    yield [
        Term(1.0, "size", units="voxel"),
        Term(1.0, "centroid", units="mm", min_size=0),
        Term(1.0, "centroid", frame="volume", min_size=1.5),
    ]
    for variant in ("kervadec", "ma", "ma-normalised"):
        yield [Term(1.0, "boundary", variant=variant), Term(-0.5, "boundary", variant=variant, units="mm", channels="all")]
    for variant in ("karimi", "monai", "ma", "kervadec"):
        yield [
            Term(1.0, "hausdorff", variant=variant, alpha=1.5),
            Term(0.5, "hausdorff", variant=variant, units="mm", channels="all", log="true"),
        ]


def measure_cases(batch):
    """The other measures of a shape, every option, and every penalty; a channel of min_size=0 is always looked at."""
    k, flat = batch.k, batch.spatial == 2
    weights = "+".join(str(0.5 * (c + 1)) for c in range(k))
    bands = [
        dict(),
        dict(penalty="band"),
        dict(penalty="band", margin=0.02, bounds="absolute"),
        dict(penalty="log-barrier", t=2.0),
        dict(penalty="log-barrier", t=5.0, margin=0.3, bounds="absolute", growth=1.0),
    ]
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
    for row in (
        dict(variant="l1"),
        dict(variant="l2"),
        dict(smooth=0.5, units="mm"),
        dict(reduction="sum", weights=weights),
        dict(channels="0"),
    ):
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
