"""The C library's evaluators, kept by shape and called on the memory of CPU tensors."""

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from .. import _abi
from .._library import check, library

KEPT = 16  # evaluators a thread keeps; one holds some kilobytes, and as much as the logits where a term needs a map
INDEX_TYPES = {
    torch.uint8: _abi.RMSEG_INDEX_U8,
    torch.int16: _abi.RMSEG_INDEX_I16,
    torch.int32: _abi.RMSEG_INDEX_I32,
    torch.int64: _abi.RMSEG_INDEX_I64,
}


class Parsed:
    """A parsed expression; lives as long as the process, as its evaluators refer to it."""

    def __init__(self, text: str):
        self.pointer = ctypes.c_void_p()
        check(library.rmseg_objective_parse(ctypes.byref(self.pointer), text.encode()))
        self.text: str = library.rmseg_objective_text(self.pointer).decode()
        self.names = tuple(
            library.rmseg_objective_term_name(self.pointer, i).decode() for i in range(library.rmseg_objective_terms(self.pointer))
        )


@lru_cache(maxsize=None)
def parse(text: str) -> Parsed:
    """Raises rmseg.Error with the expression, the column and what was expected."""
    return Parsed(text)


class Evaluator:
    """An objective compiled for one shape of logits, (N,K,H,W) or (N,K,D,H,W), and one type."""

    def __init__(self, text: str, shape: Sequence[int], wide: bool):
        self.objective = parse(text)
        n, k, *size = shape
        self.axes = len(size)
        self.batch = _abi.rmseg_batch(n=n, k=k, size=(1,) * (3 - self.axes) + tuple(size), spatial=self.axes, wide=wide)
        self.pointer = ctypes.c_void_p()
        check(library.rmseg_evaluator_create(ctypes.byref(self.pointer), self.objective.pointer, ctypes.byref(self.batch), None))
        self.terms = len(self.objective.names)
        self.total, self.values = ctypes.c_double(), (ctypes.c_double * self.terms)()
        count = ctypes.c_int64()
        averages = library.rmseg_evaluator_shares(self.pointer, ctypes.byref(count))
        self.shares = (ctypes.c_double * count.value).from_address(ctypes.cast(averages, ctypes.c_void_p).value) if count.value else []
        self.frames = (_abi.rmseg_frame * n)()

    def __del__(self, destroy=library.rmseg_evaluator_destroy):
        destroy(getattr(self, "pointer", None))

    def place(self, frames: Tensor | None) -> None:
        """frames: float64 (N,3,axes) of offset, extent, spacing."""
        self.batch.frames = None if frames is None else self.frames
        for i, (offset, extent, spacing) in enumerate([] if frames is None else frames.tolist()):
            missing = 3 - self.axes
            self.frames[i].offset[:] = [0] * missing + [int(x) for x in offset]
            self.frames[i].extent[:] = [1] * missing + [int(x) for x in extent]
            self.frames[i].spacing[:] = [1.0] * missing + spacing

    def run(self, logits: Tensor, target: Tensor, frames: Tensor | None, ignore: int | None, progress: float,
            shares: Sequence[float], dlogits: Tensor | None) -> list[float]:
        """[total, value of each term, weight of each term, average of each share]; writes dlogits, if there are any.

        logits   dense float32 or float64 (N,K,*S)
        target   dense: class indices (N,*S) of a type in INDEX_TYPES, or a map (N,K,*S) of the logits' type
        """
        batch = self.batch
        batch.logits, batch.progress = logits.data_ptr(), progress
        if target.ndim == logits.ndim:
            batch.index, batch.map = None, target.data_ptr()
        else:
            batch.index, batch.index_type, batch.map = target.data_ptr(), INDEX_TYPES[target.dtype], None
        batch.ignore = -1 if ignore is None else ignore
        self.place(frames)
        self.shares[:] = shares
        where = None if dlogits is None else dlogits.data_ptr()
        check(library.rmseg_evaluator_run(self.pointer, ctypes.byref(self.total), self.values, where, ctypes.byref(batch)))
        weights = [library.rmseg_evaluator_weight(self.pointer, i) for i in range(self.terms)]
        return [self.total.value, *self.values, *weights, *self.shares]


class Kept(threading.local):
    """The evaluators of one thread, the last used at the end."""

    def __init__(self):
        self.evaluators: OrderedDict[tuple, Evaluator] = OrderedDict()

    def get(self, text: str, shape: torch.Size, wide: bool) -> Evaluator:
        key = (text, shape, wide)
        found = self.evaluators.get(key)
        if found is None:
            found = self.evaluators[key] = Evaluator(text, shape, wide)
            if len(self.evaluators) > KEPT:
                self.evaluators.popitem(last=False)
        else:
            self.evaluators.move_to_end(key)
        return found


kept = Kept()
