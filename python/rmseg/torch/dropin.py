"""MONAI 1.6.1's segmentation losses by their names and arguments, computed by the C library where it can.

Each class has two ways to the same number. The C library takes what training meets: CPU tensors (N,K,H,W) or (N,K,D,H,W), a softmax, a
sigmoid or none, targets in [0,1], a scalar result. Everything else is computed by PyTorch operators as MONAI computes it: other
devices and numbers of axes, `other_act`, reduction="none", targets that need a gradient, values a loss would not expect, and what is
wrong: the errors are of the type MONAI raises, and ValueErrors too. docs/python/torch.md lists where results differ.
"""

import warnings
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._library import Error
from .distance import distances
from .objective import Lengths, evaluate, forced_plain, read_frames

Weight = Sequence[float] | float | int | Tensor | None
REDUCTIONS = ("none", "mean", "sum")


class Mismatch(Error, AssertionError):
    """Tensors whose shapes do not fit together."""


class WrongType(Error, TypeError):
    """An argument of a wrong type."""


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(N,1,*S) class indices, truncated to integers -> (N,classes,*S) float32."""
    if labels.ndim < 2:
        labels = labels.reshape(*labels.shape, 1)
    if labels.shape[1] != 1:
        raise Mismatch("labels should have a channel with length equal to one.")
    shape = (labels.shape[0], classes, *labels.shape[2:])
    return torch.zeros(shape, device=labels.device).scatter_(1, labels.long(), 1)


def ignore_mask(y: Tensor, ignore_index: int | None) -> Tensor | None:
    """(N,1,*S), 1 where a voxel counts, of labels or of one-hot channels: there an ignore_index that is no channel means all zeros."""
    if ignore_index is None:
        return None
    if y.shape[1] == 1:
        return (y != ignore_index).float()
    if 0 <= ignore_index < y.shape[1]:
        return 1.0 - y[:, ignore_index : ignore_index + 1]
    return (y.sum(dim=1, keepdim=True) > 0).float()


def plus(channels: Sequence[float]) -> str:
    return "+".join(repr(c) for c in channels)


def word(flag: bool) -> str:
    return "true" if flag else "false"


class DropIn(nn.Module):
    """What the classes share: the arguments, the activation, the target's encoding, the way to the C library."""

    mismatch = "ground truth has different shape ({target}) from input ({input})"

    def __init__(self, include_background: bool, to_onehot_y: bool, sigmoid: bool, softmax: bool, other_act: Callable | None,
                 reduction: str, ignore_index: int | None):
        super().__init__()
        self.reduction = getattr(reduction, "value", reduction)
        if self.reduction not in REDUCTIONS:
            raise Error(f"reduction: expected one of {', '.join(REDUCTIONS)}, found {reduction!r}")
        if other_act is not None and not callable(other_act):
            raise WrongType(f"other_act must be None or callable but is {type(other_act).__name__}.")
        if int(sigmoid) + int(softmax) + int(other_act is not None) > 1:
            raise Error("Incompatible values: more than 1 of [sigmoid=True, softmax=True, other_act is not None].")
        self.include_background, self.to_onehot_y = include_background, to_onehot_y
        self.sigmoid, self.softmax, self.other_act, self.ignore_index = sigmoid, softmax, other_act, ignore_index

    # ---- by operators

    def activated(self, input: Tensor) -> Tensor:
        if self.sigmoid:
            input = torch.sigmoid(input)
        if self.softmax:
            input = torch.softmax(input, 1) if self.several(input, "softmax=True") else input
        return input if self.other_act is None else self.other_act(input)

    def several(self, input: Tensor, option: str) -> bool:
        """Whether there are channels the option makes sense for; said where not."""
        if input.shape[1] > 1:
            return True
        warnings.warn(f"single channel prediction, `{option}` ignored.", stacklevel=4)
        return False

    def encoded(self, input: Tensor, target: Tensor) -> Tensor:
        if not self.to_onehot_y or not self.several(input, "to_onehot_y=True"):
            return target
        ignore = self.ignore_index
        if ignore is not None and not 0 <= ignore < input.shape[1]:
            target = torch.where(target == ignore, torch.zeros_like(target), target)
        return one_hot(target, input.shape[1])

    def foreground(self, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        if self.include_background or not self.several(input, "include_background=False"):
            return input, target
        return input[:, 1:], target[:, 1:]

    def agree(self, input: Tensor, target: Tensor) -> None:
        if input.shape != target.shape:
            raise Mismatch(self.mismatch.format(target=target.shape, input=input.shape))

    def prepared(self, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Probabilities and truth, one channel for each class that counts, and the mask of ignored voxels."""
        mask = ignore_mask(target, self.ignore_index)
        target = self.encoded(input, target)
        input, target = self.foreground(self.activated(input), target)
        self.agree(input, target)
        return input, target, mask

    def reduced(self, values: Tensor) -> Tensor:
        return values.mean() if self.reduction == "mean" else values.sum()

    # ---- by the C library

    def head(self, input: Tensor) -> str:
        """The expression's head of the activation; a softmax of one channel is none."""
        return "sigmoid" if self.sigmoid else "softmax" if self.softmax else "none"

    def channels(self, count: int) -> list[int]:
        return list(range(0 if self.include_background or count == 1 else 1, count))

    def takes(self, input: Tensor, target: Tensor) -> bool:
        """Whether the C library may be asked at all: a plain case without anything to warn of."""
        usual = isinstance(input, Tensor) and isinstance(target, Tensor) and input.dim() in (4, 5) and target.dim() >= 2
        if not usual or input.device.type != "cpu" or target.device.type != "cpu" or forced_plain() or input.numel() == 0:
            return False
        if not input.is_floating_point() or target.requires_grad or target.dtype == torch.float64 != input.dtype:
            return False
        ignored = input.shape[1] == 1 and (self.softmax or self.to_onehot_y or not self.include_background)
        return self.other_act is None and self.reduction != "none" and not ignored

    def as_index(self, input: Tensor, target: Tensor) -> bool | None:
        """True: the target is an index (N,1,*S); False: a map (N,K,*S); None: it fits neither, or the C library ignores otherwise."""
        if self.to_onehot_y:
            return True if target.shape == (input.shape[0], 1, *input.shape[2:]) else None
        fits = target.shape == input.shape and (self.ignore_index is None or input.shape[1] == 1)
        return False if fits else None

    def ask(self, texts: Sequence[str], input: Tensor, target: Tensor, spacing: Lengths = None, domain: str = "share") -> Tensor | None:
        """The sum of these objectives; None where a value is such that MONAI's arithmetic must be followed."""
        if self.as_index(input, target):
            target = target[:, 0]
        frames = None if spacing is None else read_frames(input, spacing, None, None)
        if torch.compiler.is_compiling():
            return sum([evaluate(text, input, target, frames, self.ignore_index, domain) for text in texts])
        try:
            return sum([evaluate(text, input, target, frames, self.ignore_index, domain) for text in texts])
        except (Error, TypeError):
            return None


class DiceLoss(DropIn):
    """Dice of each sample and channel, as monai.losses.DiceLoss.

    include_background  False leaves channel 0 out
    to_onehot_y         the target is (N,1,*S) class indices
    sigmoid, softmax, other_act   at most one; none of them: the input holds probabilities
    squared_pred        squares in the denominator;  jaccard  intersection over union
    reduction           "mean" over samples and channels, "sum", "none": (N,K,1,...)
    smooth_nr, smooth_dr   added to numerator and denominator
    batch               sums over the batch first
    weight              a factor for each channel that counts, >= 0
    soft_label          overlap by |p - y|, for soft truths
    ignore_index        voxels with that label are in no sum
    """

    def __init__(self, include_background: bool = True, to_onehot_y: bool = False, sigmoid: bool = False, softmax: bool = False,
                 other_act: Callable | None = None, squared_pred: bool = False, jaccard: bool = False, reduction: str = "mean",
                 smooth_nr: float = 1e-5, smooth_dr: float = 1e-5, batch: bool = False, weight: Weight = None,
                 soft_label: bool = False, ignore_index: int | None = None):
        super().__init__(include_background, to_onehot_y, sigmoid, softmax, other_act, reduction, ignore_index)
        self.squared_pred, self.jaccard, self.batch, self.soft_label = squared_pred, jaccard, batch, soft_label
        self.smooth_nr, self.smooth_dr = float(smooth_nr), float(smooth_dr)
        self.register_buffer("class_weight", None if weight is None else torch.as_tensor(weight))

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N,K,*S), target (N,K,*S) or, with to_onehot_y, (N,1,*S) -> a scalar, or (N,K,1,...) without a reduction."""
        if self.takes(input, target) and self.as_index(input, target) is not None:
            term = self.term(input.shape[1])
            value = term and self.ask([f"{self.head(input)}: {term}"], input, target)
            if value is not None:
                return value
        return self.by_operators(input, target)

    def term(self, count: int) -> str | None:
        channels = self.channels(count)
        weights = self.class_weights(len(channels))
        no_share = self.soft_label and not (self.sigmoid or self.softmax)  # |p| is summed, whatever its sign
        if weights is None or no_share or self.smooth_dr < 1e-12 or self.smooth_nr < 0:
            return None
        weighed = f", weights={plus(weights)}" if weights else ""
        return (
            f"dice(variant=monai, channels={plus(channels)}, squared_pred={word(self.squared_pred)}, jaccard={word(self.jaccard)}, "
            f"smooth_nr={self.smooth_nr!r}, smooth_dr={self.smooth_dr!r}, batch={word(self.batch)}, "
            f"soft_label={word(self.soft_label)}, reduction={self.reduction}{weighed})"
        )

    def class_weights(self, count: int) -> list[float] | None:
        """One for each channel, [] where there are none; None where that is not to be known here."""
        if self.class_weight is None or count == 1:
            return []
        if torch.compiler.is_compiling():
            return None
        weights = self.class_weight.double().flatten().tolist()
        weights = weights * count if self.class_weight.ndim == 0 else weights
        return weights if len(weights) == count and min(weights) >= 0 else None

    def by_operators(self, input: Tensor, target: Tensor) -> Tensor:
        input, target, mask = self.prepared(input, target)
        if mask is not None:
            input, target = input * mask, target * mask
        axes = ([0] if self.batch else []) + list(range(2, input.ndim))
        p, y, both = overlap(input, target, axes, 2 if self.squared_pred else 1, self.soft_label)
        over = 2 * (p + y - both) if self.jaccard else p + y
        loss = 1 - (2 * both + self.smooth_nr) / (over + self.smooth_dr)
        if self.class_weight is not None and target.shape[1] != 1:
            loss = loss * self.checked_weight(target.shape[1]).to(loss)
        return loss.view(*loss.shape[:2], *[1] * (input.ndim - 2)) if self.reduction == "none" else self.reduced(loss)

    def checked_weight(self, count: int) -> Tensor:
        weight = self.class_weight
        if weight.ndim > 0 and weight.shape[0] != count:
            raise Error(
                "The length of the `weight` sequence should be the same as the number of classes. "
                "If `include_background=False`, the weight should not include the background category class 0."
            )
        if not torch.compiler.is_compiling() and weight.min() < 0:  # a compiled graph cannot ask for values
            raise Error("the value/values of the `weight` should be no less than 0.")
        return weight


def overlap(input: Tensor, target: Tensor, axes: list[int], order: int, soft: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of p, of y (or of their squares) and of what they share."""
    if order == 1 and not soft:
        return input.sum(axes), target.sum(axes), (input * target).sum(axes)
    if order == 1:
        p, y, far = input.abs().sum(axes), target.abs().sum(axes), (input - target).abs().sum(axes)
    else:
        p, y, far = (input**2).sum(axes), (target**2).sum(axes), ((input - target) ** 2).sum(axes)
    return p, y, (p + y - far) / 2


class TverskyLoss(DropIn):
    """Overlap with a price `alpha` for false positives and `beta` for false negatives, as monai.losses.TverskyLoss; the other
    arguments are those of DiceLoss. reduction="none": (N,K)."""

    mismatch = "ground truth has differing shape ({target}) from input ({input})"

    def __init__(self, include_background: bool = True, to_onehot_y: bool = False, sigmoid: bool = False, softmax: bool = False,
                 other_act: Callable | None = None, alpha: float = 0.5, beta: float = 0.5, reduction: str = "mean",
                 smooth_nr: float = 1e-5, smooth_dr: float = 1e-5, batch: bool = False, soft_label: bool = False,
                 ignore_index: int | None = None):
        super().__init__(include_background, to_onehot_y, sigmoid, softmax, other_act, reduction, ignore_index)
        self.alpha, self.beta, self.batch, self.soft_label = alpha, beta, batch, soft_label
        self.smooth_nr, self.smooth_dr = float(smooth_nr), float(smooth_dr)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """As DiceLoss."""
        no_share = self.soft_label and not (self.sigmoid or self.softmax)  # |p| is summed, whatever its sign
        fits = not no_share and min(self.alpha, self.beta, self.smooth_nr) >= 0 and self.smooth_dr >= 1e-12
        if fits and self.takes(input, target) and self.as_index(input, target) is not None:
            text = (
                f"{self.head(input)}: tversky(alpha={float(self.alpha)!r}, beta={float(self.beta)!r}, "
                f"channels={plus(self.channels(input.shape[1]))}, batch={word(self.batch)}, smooth_nr={self.smooth_nr!r}, "
                f"smooth_dr={self.smooth_dr!r}, soft_label={word(self.soft_label)}, reduction={self.reduction})"
            )
            value = self.ask([text], input, target)
            if value is not None:
                return value
        return self.by_operators(input, target)

    def by_operators(self, input: Tensor, target: Tensor) -> Tensor:
        input, target, mask = self.prepared(input, target)
        if mask is not None:
            input, target = input * mask, target * mask
        axes = ([0] if self.batch else []) + list(range(2, input.ndim))
        p, y, both = overlap(input, target, axes, 1, self.soft_label)
        over = both + self.alpha * (p - both) + self.beta * (y - both)
        loss = 1.0 - (both + self.smooth_nr) / (over + self.smooth_dr)
        return loss if self.reduction == "none" else self.reduced(loss)


class DiceCELoss(nn.Module):
    """lambda_dice * DiceLoss + lambda_ce * cross-entropy, as monai.losses.DiceCELoss: the entropy is of the softmax of the input,
    of its sigmoid where it has one channel, whatever activation Dice has.

    weight           of the classes, for both; with one channel the weight of positive voxels in the entropy
    label_smoothing  0 to 1, of the cross-entropy
    ignore_index     (MONAI has none here) voxels with that label are in no sum and no mean
    The other arguments are those of DiceLoss. reduction: "mean" or "sum".
    """

    def __init__(self, include_background: bool = True, to_onehot_y: bool = False, sigmoid: bool = False, softmax: bool = False,
                 other_act: Callable | None = None, squared_pred: bool = False, jaccard: bool = False, reduction: str = "mean",
                 smooth_nr: float = 1e-5, smooth_dr: float = 1e-5, batch: bool = False, weight: Tensor | Sequence[float] | None = None,
                 lambda_dice: float = 1.0, lambda_ce: float = 1.0, label_smoothing: float = 0.0, ignore_index: int | None = None):
        super().__init__()
        reduction = getattr(reduction, "value", reduction)
        if reduction not in ("mean", "sum"):
            raise Error(f"reduction: expected mean or sum, found {reduction!r}")
        if lambda_dice < 0.0:
            raise Error("lambda_dice should be no less than 0.0.")
        if lambda_ce < 0.0:
            raise Error("lambda_ce should be no less than 0.0.")
        weight = None if weight is None else torch.as_tensor(weight)
        dice_weight = weight[1:] if weight is not None and not include_background else weight
        self.dice = DiceLoss(include_background, to_onehot_y, sigmoid, softmax, other_act, squared_pred, jaccard, reduction, smooth_nr,
                             smooth_dr, batch, dice_weight, ignore_index=ignore_index)
        self.cross_entropy = nn.CrossEntropyLoss(weight, reduction=reduction, label_smoothing=label_smoothing)
        self.binary_cross_entropy = nn.BCEWithLogitsLoss(pos_weight=weight, reduction=reduction)
        self.lambda_dice, self.lambda_ce, self.reduction = lambda_dice, lambda_ce, reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N,K,*S), target (N,K,*S) or (N,1,*S) -> a scalar."""
        if input.dim() != target.dim():
            raise Error(
                "the number of dimensions for input and target should be the same, "
                f"got shape {input.shape} (nb dims: {len(input.shape)}) and {target.shape} (nb dims: {len(target.shape)}). "
                "if target is not one-hot encoded, please provide a tensor with shape B1H[WD]."
            )
        if target.shape[1] != 1 and target.shape[1] != input.shape[1]:
            raise Error(
                "number of channels for target is neither 1 (without one-hot encoding) nor the same as input, "
                f"got shape {input.shape} and {target.shape}."
            )
        texts = self.texts(input, target) if self.dice.takes(input, target) else None
        value = self.dice.ask(texts, input, target) if texts else None
        if value is not None:
            return value
        return self.lambda_dice * self.dice(input, target) + self.lambda_ce * self.entropy(input, target)

    def texts(self, input: Tensor, target: Tensor) -> list[str] | None:
        """One objective where both have one activation, else two; None where the C library has no such entropy."""
        count, index, weight = input.shape[1], self.dice.as_index(input, target), self.cross_entropy.weight
        weighed = weight is not None and (count == 1 or torch.compiler.is_compiling())
        if index is None or weighed or self.cross_entropy.label_smoothing:
            return None
        term, ce, factor = self.dice.term(count), f"reduction={self.reduction}", self.lambda_ce
        if term is None or (weight is not None and (weight.numel() != count or weight.min() < 0)):
            return None
        if weight is not None:
            ce = f"weights={plus(weight.double().tolist())}, reduction={self.reduction if index else 'sum'}"
            if not index and self.reduction == "mean":  # of probabilities: over voxels, whatever their classes weigh
                factor = factor * count / input.numel()
        head, own = self.dice.head(input), "sigmoid" if count == 1 else "softmax"
        dice, entropy = f"{float(self.lambda_dice)!r}*{term}", f"{float(factor)!r}*ce({ce})"
        return [f"{head}: {dice} + {entropy}"] if head == own else [f"{head}: {dice}", f"{own}: {entropy}"]

    def entropy(self, input: Tensor, target: Tensor) -> Tensor:
        """By operators."""
        ignore, mask = self.dice.ignore_index, ignore_mask(target, self.dice.ignore_index)
        if input.shape[1] != 1 and target.shape[1] == 1:
            target = target.squeeze(1).long()
            if ignore is None:
                return self.cross_entropy(input, target)
            return self.masked_mean(input, torch.where(target == ignore, 0, target), mask)
        target = target if torch.is_floating_point(target) else target.to(input.dtype)
        whole = self.binary_cross_entropy if input.shape[1] == 1 else self.cross_entropy
        return whole(input, target) if mask is None else self.masked_mean(input, target, mask)

    def masked_mean(self, input: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """Over voxels that count; 0 where there are none."""
        weight, valid = self.cross_entropy.weight, mask[:, 0] > 0
        if input.shape[1] == 1:
            loss = F.binary_cross_entropy_with_logits(input, torch.where(mask > 0, target, 0), pos_weight=weight, reduction="none")[:, 0]
        else:
            input = torch.where(mask > 0, input, 0)
            loss = F.cross_entropy(input, target, weight, reduction="none", label_smoothing=self.cross_entropy.label_smoothing)
        loss = torch.where(valid, loss, 0).sum()
        if self.reduction == "sum":
            return loss
        over = valid.to(loss) if weight is None or target.ndim == input.ndim else torch.where(valid, weight.to(loss)[target], 0)
        return loss / over.sum().clamp(min=torch.finfo(loss.dtype).tiny)


class FocalLoss(DropIn):
    """Cross-entropy that counts a voxel the less the better it is predicted, as monai.losses.FocalLoss: of the sigmoid of the input or,
    with use_softmax, of its softmax, and then divided by the number of classes too.

    gamma      how fast a voxel stops to count
    alpha      of foreground, 1 - alpha of background; or one for each class
    weight     a factor for each channel that counts, >= 0
    reduction  "mean" over everything; "sum" of the means over voxels; "none": (N,K,*S)
    ignore_index   voxels with that label are left out; the mean is then over voxels, not over channels too
    """

    def __init__(self, include_background: bool = True, to_onehot_y: bool = False, gamma: float = 2.0,
                 alpha: float | Sequence[float] | None = None, weight: Weight = None, reduction: str = "mean",
                 use_softmax: bool = False, ignore_index: int | None = None):
        super().__init__(include_background, to_onehot_y, not use_softmax, use_softmax, None, reduction, ignore_index)
        self.gamma, self.weight, self.use_softmax = gamma, weight, use_softmax
        self.alpha = alpha if alpha is None else float(alpha) if isinstance(alpha, (float, int)) else torch.as_tensor(alpha)
        self.register_buffer("class_weight", None if weight is None else torch.as_tensor(weight))

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N,K,*S) logits, target (N,K,*S) or (N,1,*S) -> a scalar, or (N,K,*S) without a reduction."""
        text = self.text(input) if self.takes(input, target) and self.as_index(input, target) is not None else None
        value = self.ask([text], input, target, domain="mask") if text else None
        return self.by_operators(input, target) if value is None else value

    def text(self, input: Tensor) -> str | None:
        """The objective; None where the C library's focal term is another."""
        n, count = input.shape[:2]
        used, ignored = len(self.channels(count)), self.ignore_index is not None
        other_softmax = self.use_softmax and (self.alpha is not None or used < count or count == 1)
        if other_softmax or isinstance(self.alpha, Tensor) or self.class_weight is not None or (ignored and self.reduction == "sum"):
            return None
        if not 0 <= self.gamma <= 100 or not 0 <= (self.alpha or 0) <= 1:
            return None
        over = used if self.use_softmax else 1  # our mean over theirs
        factor = used / over if ignored else 1 / over
        factor = factor * n * used if self.reduction == "sum" else factor
        alpha = "" if self.alpha is None else f"alpha={self.alpha!r}, "
        return f"{self.head(input)}: {factor!r}*focal(gamma={float(self.gamma)!r}, {alpha}channels={plus(self.channels(count))})"

    def by_operators(self, input: Tensor, target: Tensor) -> Tensor:
        mask = ignore_mask(target, self.ignore_index)
        input, target = self.foreground(input, self.encoded(input, target))
        if target.shape != input.shape:
            raise Error(f"ground truth has different shape ({target.shape}) from input ({input.shape})")
        dtype = torch.float64 if input.dtype == torch.float64 else torch.float32
        input, target = input.to(dtype), target.to(dtype)
        if mask is not None:
            input, target = input * mask, target * mask
        loss = self.of_softmax(input, target) if self.use_softmax else self.of_sigmoid(input, target)
        loss = loss if mask is None else loss * mask
        if self.class_weight is not None:
            loss = loss * self.checked_weight(loss)
        axes = list(range(2, loss.ndim))
        if self.reduction == "none":
            return loss
        if mask is None:
            return loss.mean() if self.reduction == "mean" else loss.mean(axes).sum()
        least = torch.finfo(mask.dtype).eps
        if self.reduction == "mean":
            return loss.sum() / mask.sum().clamp(min=least)
        return (loss.sum(axes, keepdim=True) / mask.sum(axes, keepdim=True).clamp(min=least)).sum()

    def of_softmax(self, input: Tensor, target: Tensor) -> Tensor:
        log_p = input.log_softmax(1)
        loss = -(1 - log_p.exp()).pow(self.gamma) * log_p * target
        if self.alpha is None:
            return loss
        if not isinstance(self.alpha, Tensor):
            if not self.include_background:
                warnings.warn("`include_background=False`, scalar `alpha` ignored when using softmax.", stacklevel=4)
                return loss
            alpha = torch.tensor([1 - self.alpha] + [self.alpha] * (loss.shape[1] - 1))
        else:
            alpha = self.checked_alpha(loss.shape[1])
        return loss * alpha.to(loss).view(-1, *[1] * (loss.ndim - 2))

    def of_sigmoid(self, input: Tensor, target: Tensor) -> Tensor:
        loss = input - input * target - F.logsigmoid(input)
        loss = (F.logsigmoid(-input * (target * 2 - 1)) * self.gamma).exp() * loss
        if self.alpha is None:
            return loss
        if not isinstance(self.alpha, Tensor) or self.alpha.ndim == 0:
            return (target * self.alpha + (1 - target) * (1 - self.alpha)) * loss
        alpha = self.checked_alpha(loss.shape[1]).to(loss).view(-1, *[1] * (loss.ndim - 2))
        return torch.where(target == 1, alpha, 1.0) * loss

    def checked_alpha(self, count: int) -> Tensor:
        if self.alpha.shape[0] != count:
            raise Error(f"The length of alpha ({self.alpha.shape[0]}) must match the number of classes ({count}).")
        return self.alpha

    def checked_weight(self, loss: Tensor) -> Tensor:
        weight, count = self.class_weight.to(loss), loss.shape[1]
        if weight.ndim > 0 and count == 1:
            raise Error("Per-class class_weight is not supported for single-channel outputs.")
        if weight.ndim > 0 and weight.numel() != count:
            raise Error(f"The number of class_weight ({weight.numel()}) must match the number of output channels ({count}).")
        if not torch.compiler.is_compiling() and (weight < 0).any():
            raise Error("class_weight values must be non-negative.")
        return weight if weight.ndim == 0 else weight.view(1, -1, *[1] * (loss.ndim - 2))


class DistanceDropIn(DropIn):
    """Boundary and Hausdorff: a distance field for each sample and channel."""

    only = "Only 2D (NCHW) and 3D (NCHWD) supported"

    def __init__(self, include_background: bool, to_onehot_y: bool, sigmoid: bool, softmax: bool, other_act: Callable | None,
                 reduction: str, batch: bool, ignore_index: int | None, spacing: Lengths):
        super().__init__(include_background, to_onehot_y, sigmoid, softmax, other_act, reduction, ignore_index)
        self.batch, self.spacing = batch, spacing

    def by_library(self, term: str, input: Tensor, target: Tensor, spacing: Lengths) -> Tensor | None:
        if not self.takes(input, target) or self.as_index(input, target) is None or (self.ignore_index is not None and self.reduction == "sum"):
            return None
        channels = self.channels(input.shape[1])
        factor = 1 if self.reduction == "mean" else len(channels) * (1 if self.batch else input.shape[0])
        units = "voxel" if spacing is None else "mm"
        text = f"{self.head(input)}: {float(factor)!r}*{term}, channels={plus(channels)}, units={units})"
        return self.ask([text], input, target, spacing)

    def sides(self, image: Tensor, valid: Tensor | None, spacing: Lengths) -> tuple[Tensor, Tensor]:
        """D_out and D_in of image > 0.5, (N,C,*S); float64 where the image is, else float32."""
        fg = image.detach() > 0.5
        bg = ~fg if valid is None else ~fg & valid
        fg = fg if valid is None else fg & valid
        lengths = read_frames(image, 1.0 if spacing is None else spacing, None, None)[:, 2]
        return distances(fg, bg, lengths, torch.float64 if image.dtype == torch.float64 else torch.float32)

    def averaged(self, loss: Tensor, valid: Tensor | None) -> Tensor:
        """(N,C,*S) -> means over voxels, (N,C); over the batch too, (1,C)."""
        axes = list(range(2, loss.ndim))
        over = loss.shape[2:].numel() if valid is None else valid.sum(axes).to(loss)
        total = (loss if valid is None else torch.where(valid, loss, 0)).sum(axes)
        if self.batch or (valid is not None and self.reduction == "mean"):
            over = over * loss.shape[0] if valid is None else over.sum(0, keepdim=True)
            total = total.sum(0, keepdim=True)
        return total / over if valid is None else total / over.clamp(min=1)


class HausdorffDTLoss(DistanceDropIn):
    """Squared error weighed by distances to the borders of truth and prediction, as monai.losses.HausdorffDTLoss (Karimi and
    Salcudean 2019): mean of (p - y)^2 (D(p)^alpha + D(y)^alpha); distances are not differentiated and 0 for empty and full masks.

    alpha     exponent of the distances
    batch     mean over the batch before the reduction
    ignore_index, spacing   (MONAI has neither) a label that is in no sum and forms no border; mm of a voxel along each axis, None: 1
    The other arguments are those of DiceLoss. reduction="none": (N,C,1,...).
    """

    def __init__(self, alpha: float = 2.0, include_background: bool = False, to_onehot_y: bool = False, sigmoid: bool = False,
                 softmax: bool = False, other_act: Callable | None = None, reduction: str = "mean", batch: bool = False,
                 ignore_index: int | None = None, spacing: Lengths = None):
        super().__init__(include_background, to_onehot_y, sigmoid, softmax, other_act, reduction, batch, ignore_index, spacing)
        self.alpha = alpha

    def forward(self, input: Tensor, target: Tensor, spacing: Lengths = None) -> Tensor:
        """input (N,K,*S), 2D or 3D, target (N,K,*S) or, with to_onehot_y, (N,1,*S) -> a scalar, or (N,C,1,...)."""
        if input.dim() not in (4, 5):
            raise Error(self.only)
        spacing = self.spacing if spacing is None else spacing
        value = None
        if (self.sigmoid or self.softmax) and 0 <= self.alpha <= 10:
            value = self.by_library(f"hausdorff(variant=monai, alpha={float(self.alpha)!r}", input, target, spacing)
        return self.by_operators(input, target, spacing) if value is None else value

    def by_operators(self, input: Tensor, target: Tensor, spacing: Lengths) -> Tensor:
        input, target, mask = self.prepared(input, target)
        valid = None if mask is None else mask > 0
        weight = sum(self.power(sum(self.sides(image, valid, spacing))) for image in (input, target))
        loss = self.averaged((input - target) ** 2 * weight, valid)
        return loss.view(*loss.shape, *[1] * (input.ndim - 2)) if self.reduction == "none" else self.reduced(loss)

    def power(self, distance: Tensor) -> Tensor:
        return distance**self.alpha

    @torch.no_grad()
    def distance_field(self, img: Tensor) -> Tensor:
        """Distance of every voxel of masks img > 0.5 (N,C,*S) to the border, 0 where a mask has none."""
        return sum(self.sides(img, None, None)).to(img.dtype)


class LogHausdorffDTLoss(HausdorffDTLoss):
    """log(1 + HausdorffDTLoss), as monai.losses.LogHausdorffDTLoss."""

    def forward(self, input: Tensor, target: Tensor, spacing: Lengths = None) -> Tensor:
        return torch.log(super().forward(input, target, spacing) + 1)


class BoundaryLoss(DistanceDropIn):
    """Mean of p times the signed distance to the truth's border, negative inside, as monai.losses.BoundaryLoss (Kervadec 2019). Empty
    and full masks: 0. Arguments as HausdorffDTLoss. reduction="none": (N,C), or (C) with `batch`."""

    mismatch = "input and target shapes do not match: {input} vs {target}"

    def __init__(self, include_background: bool = True, to_onehot_y: bool = False, sigmoid: bool = False, softmax: bool = False,
                 other_act: Callable | None = None, reduction: str = "mean", batch: bool = False, ignore_index: int | None = None,
                 spacing: Lengths = None):
        super().__init__(include_background, to_onehot_y, sigmoid, softmax, other_act, reduction, batch, ignore_index, spacing)

    def forward(self, input: Tensor, target: Tensor, spacing: Lengths = None) -> Tensor:
        """input (N,K,*S), 2D or 3D, target (N,K,*S) or, with to_onehot_y, (N,1,*S) or (N,*S) -> a scalar, or (N,C)."""
        if input.dim() not in (4, 5):
            raise Error("Only 2D (BNHW) and 3D (BNHWD) supported")
        if self.to_onehot_y and input.shape[1] > 1 and target.dim() == input.dim() - 1:
            target = target.unsqueeze(1)
        spacing = self.spacing if spacing is None else spacing
        value = self.by_library("boundary(variant=kervadec", input, target, spacing)
        return self.by_operators(input, target, spacing) if value is None else value

    def by_operators(self, input: Tensor, target: Tensor, spacing: Lengths) -> Tensor:
        mask = ignore_mask(target, self.ignore_index)
        valid = None if mask is None else mask > 0
        input, target = self.activated(input), self.encoded(input, target)
        self.agree(input, target)
        input, target = self.foreground(input, target)
        loss = self.averaged(input * self.signed(target, valid, spacing), valid)
        if self.reduction == "none":
            return loss[0] if self.batch else loss
        return self.reduced(loss)

    def signed(self, target: Tensor, valid: Tensor | None, spacing: Lengths) -> Tensor:
        out, inside = self.sides(target, valid, spacing)
        least = read_frames(target, 1.0 if spacing is None else spacing, None, None)[:, 2].amin(1).to(out)
        return out - torch.where(inside > 0, inside - least.view(-1, *[1] * (out.ndim - 1)), 0)

    @torch.no_grad()
    def compute_distance_map(self, target: Tensor) -> Tensor:
        """Signed distance of one-hot masks (N,C,*S): positive outside, 0 on the outermost voxels inside, then negative."""
        if target.dim() not in (4, 5):
            raise Error("Only 2D (BNHW) and 3D (BNHWD) supported")
        return self.signed(target, None, None)
