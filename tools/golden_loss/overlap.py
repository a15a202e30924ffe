"""Cross-entropy, Dice, Jaccard, Tversky and focal, from their formulas."""

import torch
from view import numbers, ratio, reduced


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


def dice(
    v,
    variant="ua-mt",
    channels=None,
    include_background=None,
    batch=None,
    squared_pred=None,
    jaccard="false",
    smooth=None,
    smooth_nr=1e-5,
    smooth_dr=1e-5,
    weights=None,
    reduction="mean",
    soft_label="false",
):
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


def tversky(
    v,
    alpha=0.5,
    beta=0.5,
    channels="fg",
    include_background=None,
    batch="false",
    smooth=None,
    smooth_nr=1e-5,
    smooth_dr=1e-5,
    weights=None,
    reduction="mean",
    soft_label="false",
):
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
