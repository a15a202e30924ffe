"""The objective: one expression, a value and the gradient at the logits."""

from typing import Any, NamedTuple

import numpy as np

from . import _abi, _arrays
from ._arrays import Array, Lengths
from ._evaluator import Evaluators, evaluators, parse
from ._library import Error, integer, number

_INDEX = {"uint8": _abi.RMSEG_INDEX_U8, "int16": _abi.RMSEG_INDEX_I16, "int32": _abi.RMSEG_INDEX_I32, "int64": _abi.RMSEG_INDEX_I64}
_FARTHEST = -(2**31)


class Evaluation(NamedTuple):
    """What one evaluation gives."""

    value: float  # the weighted sum of the terms
    dlogits: np.ndarray | None  # its gradient, of the logits' shape and type (float32 for halves); None where not asked for
    terms: dict[str, float]  # the value of each term, without its weight
    weights: dict[str, float]  # what each term weighed, schedules and shares settled


class Objective:
    """An objective to be evaluated many times: parsed once, its scratch memory kept for the next batch of the same shape.

    expression   "softmax: ce + dice + 1*rm(2,0)", as on the command line (docs/losses.md has the terms, `rmseg losses` too)

    text      the expression with every option written out
    head      "softmax", "sigmoid", ...
    terms     names of the terms, in the order written
    weights   what they weigh before the first step (a share() counts as 1)
    shares    the averages behind share(), None before the first; may be set, to go on where a training was left

    Threads may share one, and so may forked processes; where it has a share(), give each thread its own. It can be pickled.

    >>> import numpy as np, rmseg
    >>> objective = rmseg.Objective("sigmoid: ce + 0.5*dice")
    >>> result = objective(np.zeros((1, 1, 2, 2), np.float32), np.array([[[0, 1], [1, 0]]]))
    >>> round(result.value, 4), {name: round(value, 4) for name, value in result.terms.items()}
    (0.8598, {'ce': 0.6931, 'dice': 0.3333})
    """

    def __init__(self, expression: str):
        self._use(Evaluators(parse(expression)), expression)

    def _use(self, kept: Evaluators, expression: str) -> None:
        self.expression, self._evaluators = expression, kept
        parsed = kept.parsed
        self.text, self.head, self.terms, self.weights = parsed.text, parsed.head, parsed.terms, parsed.weights
        self.shares: list[float] | None = None

    def __call__(
        self,
        logits: Array,
        target: Array,
        spacing: Lengths = None,
        ignore: int | None = None,
        progress: float = 0.0,
        *,
        offset: Lengths = None,
        extent: Lengths = None,
        gradient: bool = True,
        out: Array = None,
    ) -> Evaluation:
        """Evaluates one batch and returns an Evaluation.

        logits    float32 or float64 (N,K,H,W) or (N,K,D,H,W); halves are copied to float32
        target    class indices, whole numbers (N,*S) or (N,1,*S): index c is channel c; with sigmoid, and with K = 1, 0 is the background
                  and c + 1 is channel c. Or a map (N,K,*S) of one-hot or soft values in [0,1]; a voxel with a negative channel is ignored
        spacing   mm of a voxel along each axis: a number, (axes) or (N,axes); None: 1
        ignore    a class index whose voxels are in no sum
        progress  share of the training that is done, 0 to 1: moves the schedules
        offset, extent   where the patch lies in its image and how large that is, in voxels, as (axes) or (N,axes): for terms in the
                  image's frame. None: the patch is the whole image
        gradient  False: the value alone, in less time
        out       an array of the gradient's shape and type to write it into

        Raises Error (a shape, an index out of range, a NaN: with its place) and TypeError.
        """
        logits = _logits(logits)
        index, target = _target(target, logits)
        ignore, target = _ignored(ignore, target, index)
        frames = _frames(logits, spacing, offset, extent)
        dlogits = _gradient(logits, target, out) if gradient else None
        place = {"logits": _arrays.address(logits), "dlogits": None if dlogits is None else _arrays.address(dlogits)}
        if index:
            place |= {"index": _arrays.address(target), "index_type": _INDEX[target.dtype.name]}
        else:
            place |= {"map": _arrays.address(target)}
        evaluator = self._evaluators.take(logits.shape, logits.dtype == np.float64)
        try:
            evaluator.place(frames)
            evaluator.shares[:] = self.shares or [np.nan] * len(evaluator.shares)
            evaluator.run(**place, ignore=ignore, progress=number(progress, "progress"))
            if gradient and evaluator.shares:
                self.shares = list(evaluator.shares)
            terms, weights = dict(zip(self.terms, evaluator.values)), dict(zip(self.terms, evaluator.weights()))
            return Evaluation(evaluator.total.value, dlogits, terms, weights)
        finally:
            self._evaluators.give(evaluator)

    def __repr__(self):
        return f"Objective({self.expression!r})"

    def __getstate__(self):
        return {"expression": self.expression, "shares": self.shares}

    def __setstate__(self, state):
        self._use(Evaluators(parse(state["expression"])), state["expression"])
        self.shares = state["shares"]


def objective(
    expression: str,
    logits: Array,
    target: Array,
    spacing: Lengths = None,
    ignore: int | None = None,
    progress: float = 0.0,
    **more: Any,
) -> tuple[float, np.ndarray | None]:
    """(value, dlogits) of an objective: the number, and its gradient at the logits.

    Arguments as of Objective and of calling it. The expressions of earlier calls are kept, so that the second call costs little more than
    the arithmetic; a share() starts anew with every call.

    >>> import numpy as np, rmseg
    >>> logits = np.zeros((1, 2, 1, 2), np.float32)
    >>> value, dlogits = rmseg.objective("softmax: ce", logits, np.array([[[0, 1]]]))
    >>> round(value, 6), dlogits.tolist()
    (0.693147, [[[[-0.25, 0.25]], [[0.25, -0.25]]]])
    """
    one = Objective.__new__(Objective)
    one._use(evaluators(expression), expression)
    return one(logits, target, spacing, ignore, progress, **more)[:2]


# ---- arguments ---------------------------------------------------------------------------------------------------------


def _logits(x: Array) -> np.ndarray:
    logits = _arrays.floats(_arrays.view(x, "logits"), "logits")
    if logits.ndim not in (4, 5) or logits.size == 0:
        raise Error(f"logits: expected the shape (N,K,H,W) or (N,K,D,H,W) of positive extents, found {logits.shape}")
    return logits


def _target(x: Array, logits: np.ndarray) -> tuple[bool, np.ndarray]:
    """Whether these are class indices, and the target as the library reads it: (N,*S), else (N,K,*S)."""
    target = _arrays.view(x, "target")
    n, k, *size = logits.shape
    whole = target.dtype.kind in "biu"
    if whole and target.shape in ((n, *size), (n, 1, *size)):
        return True, _arrays.indices(target, "target").reshape(n, *size)
    if target.shape == (n, k, *size):
        return False, _arrays.dense(target, logits.dtype)
    if not whole and target.shape == (n, *size):
        raise TypeError(f"target: class indices {target.shape} are whole numbers, found {target.dtype}; for a map add the channels' axis")
    raise Error(
        f"target: expected class indices {(n, *size)} or a map {(n, k, *size)} beside logits {logits.shape}, found {target.dtype} "
        f"{target.shape}"
    )


def _ignored(ignore: int | None, target: np.ndarray, index: bool) -> tuple[int, np.ndarray]:
    """What the library is told to ignore; its -1 says that nothing is, so an ignored -1 takes another name in a copy."""
    if ignore is None:
        return -1, target
    if integer(ignore, "ignore") != -1:
        return int(ignore), target
    return _FARTHEST, np.where(target == -1, np.int64(_FARTHEST), target) if index else target


def _rows(values: Lengths, fallback: Any, n: int, axes: int, name: str) -> np.ndarray:
    """(N, axes) of a number, (axes) or (N, axes)."""
    if values is None:
        values = fallback
    try:
        rows = np.asarray(values, np.float64)
        return np.broadcast_to(rows, (n, axes))
    except (TypeError, ValueError):
        raise Error(f"{name}: expected a number, {axes} of them, or {n} x {axes}, found {values!r:.80}") from None


def _frames(logits: np.ndarray, spacing: Lengths, offset: Lengths, extent: Lengths) -> list[Any] | None:
    if spacing is None and offset is None and extent is None:
        return None
    n, _, *size = logits.shape
    axes = len(size)
    rows = [_rows(offset, 0, n, axes, "offset"), _rows(extent, size, n, axes, "extent"), _rows(spacing, 1, n, axes, "spacing")]
    for name, values in zip(("offset", "extent"), rows):
        if not (np.abs(values) < 2**53).all() or (values != np.floor(values)).any():
            raise Error(f"{name}: expected whole numbers of voxels, found {values[0].tolist()}")
    return list(zip(*(values.tolist() for values in rows)))


def _gradient(logits: np.ndarray, target: np.ndarray, out: Array) -> np.ndarray:
    if out is None:
        return np.empty_like(logits)
    dlogits = _arrays.view(out, "out")
    right = dlogits.shape == logits.shape and dlogits.dtype == logits.dtype and dlogits.flags.carray
    if not right:
        raise Error(f"out: expected a writable dense array of {logits.dtype} {logits.shape}, found {dlogits.dtype} {dlogits.shape}")
    if np.may_share_memory(dlogits, logits) or np.may_share_memory(dlogits, target):
        raise Error("out: shares its memory with the logits or the target")
    return dlogits
