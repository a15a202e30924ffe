"""An objective evaluated by plain PyTorch: what the C library computes, for tensors it cannot reach."""

import torch
from torch import Tensor

from .expression import Expression
from .terms import TERMS, Frames, View

MEMORY = 0.99  # of the average behind a share(), as in the C library


def values(expression: Expression, logits: Tensor, target: Tensor, ignore: int | None, frames: Frames | None) -> list[Tensor]:
    """The value of each term, scalars that carry a gradient."""
    with torch.autocast(logits.device.type, enabled=False):
        view = View(logits, target, expression.head, ignore, frames)
        return [TERMS[term.name](view, term) for term in expression.terms]


def weighted(weights: list[float], terms: list[Tensor]) -> Tensor:
    return sum((w * v for w, v in zip(weights, terms)), start=torch.zeros_like(terms[0]))


def settle_shares(expression: Expression, terms: list[Tensor], logits: Tensor, progress: float, shares: list[float],
                  keep: bool) -> tuple[list[float], list[float]]:
    """(the averages behind the shares, what each share weighs now). `shares`: the averages so far, NaN before the first."""
    if not keep and all(s == s for s in shares):
        return shares, shares
    weights = expression.weights(progress, [1.0] * len(shares))

    def norm(share: int) -> float:
        chosen = [w * v for w, v, t in zip(weights, terms, expression.terms) if t.coefficient.share == share]
        if not chosen:
            return 0.0
        (gradient,) = torch.autograd.grad(sum(chosen), logits, retain_graph=True, allow_unused=True)
        return 0.0 if gradient is None else float(torch.linalg.vector_norm(gradient.double()))

    others, averages, used = norm(-1), list(shares), []
    for i, wanted in enumerate(expression.shares):
        own = norm(i)
        target, weight = (wanted * others / own if own > 0 else 0.0), shares[i]
        if target > 0:
            weight = target if weight != weight else MEMORY * weight + (1 - MEMORY) * target if keep else weight
        if keep:
            averages[i] = weight
        used.append(0.0 if weight != weight else weight)
    return averages, used


def evaluate(expression: Expression, logits: Tensor, target: Tensor, ignore: int | None, frames: Frames | None, progress: float,
             shares: list[float], gradient: bool) -> tuple[Tensor, Tensor, Tensor | None, list[float], list[float]]:
    """(total, values of the terms, dlogits or None, the averages behind the shares, weights of the terms), outside of any graph."""
    with torch.enable_grad():
        leaf = logits.detach().requires_grad_()
        terms = values(expression, leaf, target, ignore, frames)
        averages, used = settle_shares(expression, terms, leaf, progress, shares, gradient) if shares else (shares, [])
        weights = expression.weights(progress, used)
        total = weighted(weights, terms)
        dlogits = torch.autograd.grad(total, leaf)[0] if gradient else None
    return total.detach(), torch.stack([t.detach() for t in terms]), dlogits, averages, weights
