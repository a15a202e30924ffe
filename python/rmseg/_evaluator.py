"""Parsed expressions, and the C library's evaluators over addresses: what _objective.py and rmseg.torch stand on."""

import ctypes
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from . import _abi
from ._library import check, library, text


class Parsed:
    """An expression, read once; made by `parse`. It lives as long as the process: evaluators point into it, and the garbage collector
    does not tell in which order it ends those who belong together."""

    def __init__(self, expression: str):
        self.pointer = ctypes.c_void_p()
        check(library.rmseg_objective_parse(ctypes.byref(self.pointer), text(expression, "expression")))
        count = range(library.rmseg_objective_terms(self.pointer))
        self.text = library.rmseg_objective_text(self.pointer).decode()
        self.head = library.rmseg_head_name(library.rmseg_objective_head(self.pointer)).decode()
        self.terms = tuple(library.rmseg_objective_term_name(self.pointer, i).decode() for i in count)
        self.weights = tuple(library.rmseg_objective_term_weight(self.pointer, i) for i in count)


@lru_cache(maxsize=None)
def _parse(expression: str) -> Parsed:
    return Parsed(expression)


def parse(expression: str) -> Parsed:
    """The one of this text. Raises Error with the column of what is wrong, TypeError for what is no text."""
    text(expression, "expression")
    return _parse(expression)


class Evaluator:
    """A parsed expression made ready for one shape (N,K,*S) and type of logits. One thread at a time."""

    def __init__(self, parsed: Parsed, shape: Sequence[int], wide: bool):
        n, k, *size = shape
        self.parsed, self.key = parsed, (tuple(shape), wide)
        self.axes = len(size)
        self.pointer = ctypes.c_void_p()
        self.batch = _abi.rmseg_batch(n=n, k=k, size=(1,) * (3 - self.axes) + tuple(size), spatial=self.axes, wide=wide)
        check(library.rmseg_evaluator_create(ctypes.byref(self.pointer), parsed.pointer, ctypes.byref(self.batch), None))
        self.frames = (_abi.rmseg_frame * n)()
        self.total, self.values = ctypes.c_double(), (ctypes.c_double * len(parsed.terms))()
        count = ctypes.c_int64()
        averages = library.rmseg_evaluator_shares(self.pointer, ctypes.byref(count))
        self.shares: Any = (ctypes.c_double * count.value).from_address(averages) if count.value else []

    def __del__(self, destroy=library.rmseg_evaluator_destroy):
        destroy(getattr(self, "pointer", None))

    def place(self, frames: Iterable[tuple[Sequence[float], Sequence[float], Sequence[float]]] | None) -> None:
        """Where each sample lies: (offset, extent, spacing), each of one number per axis; None: it is the whole image, spacing 1."""
        self.batch.frames = self.frames if frames is not None else None
        missing = 3 - self.axes
        for frame, (offset, extent, spacing) in zip(self.frames, frames or ()):
            frame.offset[missing:] = [int(x) for x in offset]
            frame.extent[:] = [1] * missing + [int(x) for x in extent]
            frame.spacing[:] = [1.0] * missing + [float(x) for x in spacing]

    def run(
        self,
        logits: int,
        dlogits: int | None,
        index: int | None = None,
        index_type: int = _abi.RMSEG_INDEX_I32,
        map: int | None = None,
        ignore: int = -1,
        progress: float = 0.0,
    ) -> None:
        """Evaluates what lies at these addresses (dlogits, index or map: None where there is none) and keeps total and values."""
        batch = self.batch
        batch.logits, batch.index, batch.index_type, batch.map = logits, index, index_type, map
        batch.ignore, batch.progress = ignore, progress
        check(library.rmseg_evaluator_run(self.pointer, ctypes.byref(self.total), self.values, dlogits, ctypes.byref(batch)))

    def weights(self) -> list[float]:
        """What each term weighed in the last run."""
        return [library.rmseg_evaluator_weight(self.pointer, i) for i in range(len(self.values))]


class Evaluators:
    """The evaluators of one expression that nobody is using, the latest last. Whoever works takes one out, so that threads never
    share one and a fork never finds a lock taken."""

    def __init__(self, parsed: Parsed, most: int = 8):
        self.parsed = parsed
        self.idle: deque[Evaluator] = deque(maxlen=most)

    def take(self, shape: Sequence[int], wide: bool) -> Evaluator:
        for _ in range(len(self.idle)):
            try:
                evaluator = self.idle.popleft()
            except IndexError:  # another thread was faster
                break
            if evaluator.key == (tuple(shape), wide):
                return evaluator
            self.idle.append(evaluator)
        return Evaluator(self.parsed, shape, wide)

    def give(self, evaluator: Evaluator) -> None:
        self.idle.append(evaluator)


@lru_cache(maxsize=16)
def _kept(parsed: Parsed) -> Evaluators:
    return Evaluators(parsed)


def evaluators(expression: str) -> Evaluators:
    """Those of an expression, kept for the next call with the same text. Raises as `parse`."""
    return _kept(parse(expression))
