"""The losses of this project as modules of their own: an Objective with its one kind of term written for you."""

from collections.abc import Sequence

from .._library import Error, integer
from .objective import Objective

Orders = Sequence[int] | Sequence[Sequence[int]]


def head_of(sigmoid: bool, softmax: bool | None) -> str:
    """softmax unless something else is asked for; none where the input holds probabilities (softmax=False)."""
    if sigmoid and softmax:
        raise Error("Incompatible values: more than 1 of [sigmoid=True, softmax=True].")
    return "sigmoid" if sigmoid else "none" if softmax is False else "softmax"


def channels_of(include_background: bool | None, channels: str | Sequence[int]) -> str:
    if include_background is not None and channels != "fg":
        raise Error(f"include_background={include_background} and channels={channels!r} say the same: give one of them")
    if include_background:
        return "all"
    return channels if isinstance(channels, str) else "+".join(str(int(c)) for c in channels)


def each(orders: Orders) -> list[tuple[int, ...]]:
    """[(2, 0), (0, 2)] of that or of (2, 0) alone."""
    rows = [orders] if len(orders) > 0 and not isinstance(orders[0], Sequence) else list(orders)
    if not rows:
        raise Error("orders: expected one or more, such as [(2,0), (0,2)], found none")
    return [tuple(integer(q, "orders") for q in row) for row in rows]


def moments(name: str, orders: Orders, alpha: float, head: str, options: dict[str, object]) -> str:
    """ "softmax: 0.5*rm(2,0; center=paper, ...) + 0.5*rm(0,2; ...)" """
    inside = ", ".join(f"{key}={value}" for key, value in options.items() if value is not None)
    terms = [f"{float(alpha)!r}*{name}({','.join(map(str, row))}; {inside})" for row in each(orders)]
    return f"{head}: " + " + ".join(terms)


def listed(weight: Sequence[float] | None) -> str | None:
    return None if weight is None else "+".join(repr(float(w)) for w in weight)


class ResidualMomentLoss(Objective):
    """The residual moment loss (Wang et al., Eqs. 4, 7, 8): squared error weighed by its place, alpha times the sum over `orders` of

        sum w (p - y)^2 / Z      w = prod_k c_k^(2 q_k)      c_k = scale (i_k - m_k) / n_k,  i_k = 1 .. n_k

    orders     one order for each spatial axis, axis 0 first: [(2,0), (0,2), (2,2)] in 2D, [(2,0,0), (0,2,0), (0,0,2)] in 3D
    alpha      the weight of each of them (the paper: 1 in 2D, 0.01 in 3D)
    reduction  Z: "mean" channels x valid voxels, "sum" 1, "batchmean" samples
    center     "paper" n/2, "exact" (n + 1)/2, "none" 0, "centroid" of the truth
    frame      "patch": the axes of the crop; "volume": of the image it was cut from (forward(..., offset=, extent=))
    scale      1: c from -1/2 to 1/2; 2: from -1 to 1
    units      "fraction" of each axis; "mm": an axis counts by its length (forward(..., spacing=))
    channels   "fg": all but a softmax's background, "all", or a list; include_background=True is another way to say "all"
    weight     a factor for each of the channels
    sigmoid    the channels are masks of their own; softmax=False without it: the input holds probabilities
    ignore_index, plain   as in Objective

    forward(logits, target, spacing=None, ignore_index=None, offset=None, extent=None), as Objective's. Errors: rmseg.Error.
    """

    def __init__(self, orders: Orders = ((2, 0), (0, 2), (2, 2)), alpha: float = 1.0, reduction: str = "mean", center: str = "paper",
                 frame: str = "patch", scale: int = 1, units: str = "fraction", channels: str | Sequence[int] = "fg", *,
                 include_background: bool | None = None, sigmoid: bool = False, softmax: bool | None = None,
                 weight: Sequence[float] | None = None, ignore_index: int | None = None, plain: bool | None = None):
        options = dict(center=center, scale=scale, reduction=reduction, frame=frame, units=units,
                       channels=channels_of(include_background, channels), weights=listed(weight))
        super().__init__(moments("rm", orders, alpha, head_of(sigmoid, softmax), options), ignore_index=ignore_index, plain=plain)


class MomentMatchingLoss(Objective):
    """Global moments of the prediction matched to the truth's: alpha times the sum over `orders` of the mean over samples and channels of

        M^2      M = sum (p - y) prod_k c_k^q_k / Z

    with c as in ResidualMomentLoss. The exponents are q, so odd orders tell one side from the other; order (0,0) matches sizes.

    normalize  Z: "voxels" of the sample, or "none"
    The other arguments are those of ResidualMomentLoss; reduction is over samples and channels.
    """

    def __init__(self, orders: Orders = ((1, 0), (0, 1)), alpha: float = 1.0, reduction: str = "mean", center: str = "exact",
                 frame: str = "patch", scale: int = 1, units: str = "fraction", channels: str | Sequence[int] = "fg", *,
                 normalize: str = "voxels", include_background: bool | None = None, sigmoid: bool = False,
                 softmax: bool | None = None, weight: Sequence[float] | None = None, ignore_index: int | None = None,
                 plain: bool | None = None):
        options = dict(center=center, scale=scale, normalize=normalize, reduction=reduction, frame=frame, units=units,
                       channels=channels_of(include_background, channels), weights=listed(weight))
        super().__init__(moments("moment", orders, alpha, head_of(sigmoid, softmax), options), ignore_index=ignore_index, plain=plain)


class SignedDistanceLoss(Objective):
    """The network's output z as a signed distance s = tanh(z), negative inside (Xue et al. 2020, as Ma et al. ran it):

        lambda_dice * Dice(sigmoid(-1500 s)) + lambda_sdf * (-(sum st + e)/(sum st + sum s^2 + sum t^2 + e) + mean |s - t|)

    t is the truth's distance to its border, each side divided by its largest, 0 on the inner border, 1 for an empty class, -1 for a full one.
    A channel is a foreground class: index 0 is the background, c + 1 is channel c. At prediction s < 0 is foreground.

    variant    "product+l1" as above, "l1" its second part, "l2" mean (s - t)^2
    smooth     e;  units  "voxel" or "mm" (forward(..., spacing=)), before the division
    reduction  over channels: "mean" or "sum"
    channels, include_background, weight, ignore_index, plain   as in ResidualMomentLoss
    """

    def __init__(self, variant: str = "product+l1", lambda_dice: float = 1.0, lambda_sdf: float = 10.0, smooth: float = 1e-5,
                 units: str = "voxel", reduction: str = "mean", channels: str | Sequence[int] = "fg", *,
                 include_background: bool | None = None, weight: Sequence[float] | None = None, ignore_index: int | None = None,
                 plain: bool | None = None):
        shared = f"reduction={reduction}, channels={channels_of(include_background, channels)}"
        shared += "" if weight is None else f", weights={listed(weight)}"
        sdf = f"{float(lambda_sdf)!r}*sdf(variant={variant}, smooth={float(smooth)!r}, units={units}, {shared})"
        super().__init__(f"tanh: {float(lambda_dice)!r}*dice({shared}) + {sdf}", ignore_index=ignore_index, plain=plain)
