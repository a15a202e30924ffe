"""An objective's canonical text (`rmseg_objective_text`), read back: what the plain PyTorch implementation computes.

The C library parses what users write, checks it and spells it out; this reads the spelled-out form alone, so it accepts no more
than it must and trusts what it finds.

    softmax: a*ce(reduction=mean) + share1*0.5*rm(2,0; center=paper, ...), a = ramp(1 -> 0.01 from 0 by 0.02), share1 = share(0.1)
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SCHEDULES = ("ramp", "cosine", "exponential", "step", "share")
TOKEN = re.compile(r"\s*(\d+\.?\d*(?:e[+-]?\d+)?|[a-z_]\w*|->|[-+*(),=])", re.IGNORECASE)

Weight = Callable[[float, Sequence[float]], float]
"""(progress, what each share() weighs) -> the weight."""


@dataclass(frozen=True)
class Coefficient:
    """A term's weight, and which share() stands in it (-1: none)."""

    at: Weight
    share: int = -1


@dataclass(frozen=True)
class Term:
    """One term: `rm(2,0; center=paper)` has name "rm", orders ((2, 0),), options {"center": "paper"}; several lists of orders are one for
    each channel."""

    coefficient: Coefficient
    name: str
    orders: tuple[tuple[int, ...], ...]
    options: dict[str, str]


@dataclass(frozen=True)
class Expression:
    """head: "softmax", "sigmoid", "tanh" or "none"; shares: the P of each share(P)."""

    head: str
    terms: tuple[Term, ...]
    shares: tuple[float, ...]

    def weights(self, progress: float, shares: Sequence[float]) -> list[float]:
        return [term.coefficient.at(progress, shares) for term in self.terms]


def ramp(kind: str, first: float, last: float, start: float, end: float) -> Weight:
    def at(progress, shares):
        t = (progress - start) / (end - start) if end > start else math.inf if progress >= end else -math.inf
        if not t > 0:
            return first
        if t >= 1:
            return last
        if kind == "ramp":
            return first + (last - first) * t
        if kind == "cosine":
            return first + (last - first) * (1 - math.cos(math.pi * t)) / 2
        return first * (last / first) ** t

    return at


def step(values: list[float], times: list[float]) -> Weight:
    return lambda progress, shares: next(v for v, t in reversed(list(zip(values, times))) if progress >= t)


class Reader:
    """Recursive descent over the tokens of one coefficient."""

    def __init__(self, text: str, names: dict[str, Coefficient], shares: list[float]):
        self.tokens, self.names, self.shares = TOKEN.findall(text), names, shares

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, *expected: str) -> bool:
        if self.peek() not in expected:
            return False
        self.tokens.pop(0)
        return True

    def number(self) -> float:
        sign = -1.0 if self.take("-") else 1.0
        return sign * float(self.tokens.pop(0))

    def schedule(self, kind: str) -> Coefficient:
        self.take("(")
        values, times = [self.number()], [0.0]
        while not self.take(")"):
            word = self.tokens.pop(0)
            (times if word in ("from", "by", "at") else values).append(self.number())
        if kind == "share":
            self.shares.append(values[0])
            index = len(self.shares) - 1
            return Coefficient(lambda progress, shares: shares[index], index)
        return Coefficient(step(values, times) if kind == "step" else ramp(kind, *values, *times[1:]))

    def factor(self) -> Coefficient:
        if self.take("-"):
            inner = self.factor()
            return Coefficient(lambda progress, shares: -inner.at(progress, shares), inner.share)
        if self.take("("):
            inner = self.sum()
            self.take(")")
            return inner
        if self.peek() in SCHEDULES:
            return self.schedule(self.tokens.pop(0))
        if self.peek() in self.names:
            return self.names[self.tokens.pop(0)]
        value = self.number()
        return Coefficient(lambda progress, shares: value)

    def product(self) -> Coefficient:
        left = self.factor()
        while self.take("*"):
            left = combine(left, self.factor(), lambda a, b: a * b)
        return left

    def sum(self) -> Coefficient:
        left = self.product()
        while self.peek() in ("+", "-"):
            plus = self.tokens.pop(0) == "+"
            left = combine(left, self.product(), (lambda a, b: a + b) if plus else (lambda a, b: a - b))
        return left


def combine(left: Coefficient, right: Coefficient, of: Callable[[float, float], float]) -> Coefficient:
    return Coefficient(lambda p, s: of(left.at(p, s), right.at(p, s)), max(left.share, right.share))


def split(text: str, separators: str) -> list[tuple[str, str]]:
    """(separator before it, piece) of the pieces of `text` between separators that stand outside brackets, blanks about them."""
    pieces, depth, start, before = [], 0, 0, ""
    for i, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        alone = c == "," or (i > 0 and text[i - 1] == " " and text[i + 1 : i + 2] == " ")
        if depth == 0 and c in separators and alone:
            pieces.append((before, text[start:i].strip()))
            before, start = c, i + 1
    return pieces + [(before, text[start:].strip())]


def read_term(text: str, negative: bool, names: dict[str, Coefficient], shares: list[float]) -> Term:
    """ "a*0.5*rm(2,0; center=paper, scale=1)" """
    match = re.fullmatch(r"(.*)\*([a-z_]\w*)(?:\(([^()]*)\))?", text, re.IGNORECASE)
    weight, name, inside = match[1], match[2], match[3] or ""
    coefficient = Reader(f"-({weight})" if negative else weight, names, shares).sum()
    orders, _, rest = inside.partition(";") if "=" not in inside.partition(";")[0] else ("", "", inside)
    options = dict(pair.strip().split("=", 1) for pair in rest.split(",") if pair.strip())
    lists = tuple(tuple(int(q) for q in row.split(",")) for row in re.split(r"[|/]", orders) if row.strip())
    return Term(coefficient, name, lists, options)


def parse(text: str) -> Expression:
    """The canonical text of an objective."""
    head, _, body = text.partition(":")
    (_, terms), *definitions = split(body, ",")
    names: dict[str, Coefficient] = {}
    shares: list[float] = []
    for _, definition in definitions:
        name, _, value = definition.partition("=")
        names[name.strip()] = Reader(value, names, shares).sum()
    found = tuple(read_term(term, sign == "-", names, shares) for sign, term in split(terms, "+-"))
    return Expression(head.strip(), found, tuple(shares))
