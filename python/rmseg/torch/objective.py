"""The objective as a PyTorch module, over one custom operator that gives value and gradient in the same sweeps."""

import os
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .. import _abi
from .._evaluator import Evaluator, evaluators
from .._library import Error, integer
from . import plain
from .expression import Expression, parse
from .once import say_once
from .terms import Frames, computes

INDEX_TYPES = {
    torch.uint8: _abi.RMSEG_INDEX_U8,
    torch.int16: _abi.RMSEG_INDEX_I16,
    torch.int32: _abi.RMSEG_INDEX_I32,
    torch.int64: _abi.RMSEG_INDEX_I64,
}
FARTHEST = -(2**31)  # stands for an ignored -1: to the C library -1 means that none is
HALVES = (torch.float16, torch.bfloat16)


class Objective(nn.Module):
    """A sum of losses, written as an expression: the same text as in C, on the command line and in a configuration.

        loss = Objective("softmax: ce + dice + share(10%)*rm(2,0)")
        loss(logits, target).backward()

    expression    head (softmax: the default | sigmoid | none), terms with weights, names of weights: docs/losses.md
    ignore_index  a class index whose voxels are in no sum; None: every voxel counts
    plain         compute by PyTorch operators on the CPU too (RMSEG_TORCH_PLAIN=1: wherever there are such); other devices do by
                  themselves, and copy to the CPU for terms that have none

    The state_dict holds the averages behind share(). `terms`, `weights` and `value` tell of the last call. Raises rmseg.Error, a
    ValueError: for an expression, with its column; for a batch, with the place of what is wrong. Source: docs/losses.md.
    """

    shares: Tensor
    progress: Tensor
    scheduled: Tensor

    def __init__(self, expression: str, *, ignore_index: int | None = None, plain: bool | None = None):
        super().__init__()
        read = evaluators(expression).parsed
        self.expression, self.text, self.names = expression, read.text, read.terms
        self.ignore_index = None if ignore_index is None else integer(ignore_index, "ignore_index")
        self.parsed: Expression = parse(read.text)
        self.computable = computes(self.parsed)
        self.plain = self.computable and forced_plain() if plain is None else plain
        if self.plain and not self.computable:
            raise Error(f"{expression!r}: not all of it is there as PyTorch operators; leave plain=True out")
        count = len(self.parsed.shares)
        self.register_buffer("shares", torch.full((count,), torch.nan, dtype=torch.float64), persistent=count > 0)
        self.register_buffer("progress", torch.zeros((), dtype=torch.float64), persistent=False)
        self.register_buffer("scheduled", torch.zeros(len(self.names), dtype=torch.float64), persistent=False)
        self.set_progress(0.0)
        self._state: Tensor | None = None

    def _apply(self, fn, recurse=True):
        """Schedules and averages move with the module, and stay doubles where it becomes one of halves."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, buffer in before.items():
            self._buffers[name] = buffer.to(self._buffers[name].device)
        return self

    def set_progress(self, progress: float) -> None:
        """Moves the schedules: the share of the training that is done, 0 to 1. Without schedules it changes nothing."""
        if not 0 <= progress <= 1:
            raise Error(f"set_progress: the share of the training that is done is 0 to 1, found {progress:g}")
        self.progress.fill_(progress)
        if not self.parsed.shares:
            self.scheduled.copy_(torch.tensor(self.parsed.weights(float(progress), []), dtype=torch.float64))

    def forward(self, logits: Tensor, target: Tensor, spacing: "Lengths" = None, ignore_index: int | None = None,
                offset: "Lengths" = None, extent: "Lengths" = None) -> Tensor:
        """The weighted sum of the terms, a scalar of the logits' type (float32 for halves), with its gradient at the logits.

        logits        (N,K,H,W) or (N,K,D,H,W); float16 and bfloat16 are computed in float32. None may be NaN or infinite, but where
                      logits are halves these give a NaN, as a gradient scaler expects
        target        class indices (N,*S) or (N,1,*S) of any integer type (floating whole numbers too); or a map (N,K,*S) of
                      one-hot or soft values in [0,1], where a voxel with a negative channel is ignored
        spacing       mm of a voxel: a number, one for each axis, or (N,axes) for each sample; None: 1
        ignore_index  instead of the module's; also a value of a float mask (N,1,*S) where K is 1
        offset, extent   where the patch lies in its image and how large that is (frame=volume), each as `spacing`
        """
        ignore = self.ignore_index if ignore_index is None else ignore_index
        logits, halves = usable(logits)
        target = read_target(logits, target, ignore)
        frames = read_frames(logits, spacing, offset, extent)
        elsewhere = logits.device.type != "cpu"
        if elsewhere and not torch.compiler.is_compiling():
            how = "PyTorch operators compute the same terms" if self.computable else "logits and target are copied to it"
            say_once(f"the C library computes on the CPU; of tensors on {logits.device.type}, {how}")
        gradient = logits.requires_grad and torch.is_grad_enabled()
        if self.plain or (elsewhere and self.computable):
            by_operators = self._by_shares if self.parsed.shares else self._by_operators
            return by_operators(logits, target, ignore, split_frames(frames, logits), gradient)
        compute = operator()
        value, self._state, _ = compute(logits, target, frames, self.progress, self.shares, self.text, ignore, gradient, halves, "")
        if self.parsed.shares and gradient:
            self.shares.copy_(self._state[1 + 2 * len(self.names) :])
        return value

    def _by_operators(self, logits: Tensor, target: Tensor, ignore: int | None, frames: Frames | None, gradient: bool) -> Tensor:
        terms = plain.values(self.parsed, logits, target, ignore, frames)
        total = plain.weighted(list(self.scheduled.to(terms[0]).unbind()), terms)
        self._state = torch.cat([torch.stack([total, *terms]).detach().double(), self.scheduled.to(total.device)])
        return total

    @torch.compiler.disable
    def _by_shares(self, logits: Tensor, target: Tensor, ignore: int | None, frames: Frames | None, gradient: bool) -> Tensor:
        """A share() needs gradients to find the weights: outside of any compiled graph."""
        progress, averages = float(self.progress), self.shares.tolist()
        total, terms, dlogits, averages, weights = plain.evaluate(self.parsed, logits, target, ignore, frames, progress, averages, gradient)
        self._state = torch.tensor([float(total), *terms.tolist(), *weights], dtype=torch.float64)
        if dlogits is None:
            return total
        self.shares.copy_(torch.tensor(averages, dtype=torch.float64))
        return Attached.apply(logits, total, dlogits)

    def _of_last_call(self, first: int) -> dict[str, float]:
        count = len(self.names)
        state = [] if self._state is None else self._state.tolist()[first : first + count]
        return dict(zip(self.names, state))

    @property
    def value(self) -> float:
        """The total of the last call in double; NaN before the first."""
        return torch.nan if self._state is None else float(self._state[0])

    @property
    def terms(self) -> dict[str, float]:
        """The value of each term in the last call, without its weight; empty before the first."""
        return self._of_last_call(1)

    @property
    def weights(self) -> dict[str, float]:
        """What each term weighed in the last call, schedules and shares settled."""
        return self._of_last_call(1 + len(self.names))

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key not in ("parsed", "_state")}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.parsed, self._state = parse(self.text), None

    def extra_repr(self) -> str:
        return repr(self.text) + ("" if self.ignore_index is None else f", ignore_index={self.ignore_index}")


def forced_plain() -> bool:
    """Whether the environment asks for PyTorch operators on the CPU too."""
    return os.environ.get("RMSEG_TORCH_PLAIN", "0") not in ("", "0")


def evaluate(text: str, logits: Tensor, target: Tensor, frames: Tensor | None, ignore: int | None, domain: str) -> Tensor:
    """An objective without schedules and shares by the C library, for tensors on the CPU whose shapes fit.

    domain   what a map's values must be: "share", 0 to 1; "mask", 0 or 1. Others are an Error, while an Objective takes a voxel with a
             negative channel for an ignored one. With one channel, `ignore` is allowed too.
    """
    halves = logits.dtype in HALVES
    logits = bare(logits.float() if halves else logits)
    target = bare(target if target.ndim < logits.ndim else target.to(logits.dtype))
    gradient = logits.requires_grad and torch.is_grad_enabled()
    return operator()(logits, target, frames, ZERO, NO_SHARES, text, ignore, gradient, halves, domain)[0]


ZERO, NO_SHARES = torch.zeros((), dtype=torch.float64), torch.zeros(0, dtype=torch.float64)


def operator():
    """What calls `compute`: the registered operator in torch.compile, what torch.func.grad understands inside of it, else the shortest."""
    if torch.compiler.is_compiling():
        return torch.ops.rmseg.objective
    return (Transformed if torch._C._are_functorch_transforms_active() else Computed).apply


# ---- arguments -----------------------------------------------------------------------------------------------------

Lengths = float | Sequence[float] | Sequence[Sequence[float]] | Tensor | None


def usable(logits: Tensor) -> tuple[Tensor, bool]:
    """The logits as float32 or float64, and whether they were halves."""
    if not isinstance(logits, Tensor):
        raise TypeError(f"logits: expected a tensor, found {type(logits).__name__}")
    if logits.ndim not in (4, 5) or logits.numel() == 0:
        raise Error(f"logits: expected (N,K,H,W) or (N,K,D,H,W) of positive extents, found the shape {tuple(logits.shape)}")
    if not logits.is_floating_point() or logits.layout != torch.strided:
        raise TypeError(f"logits: expected dense floating point, found {logits.dtype}, {logits.layout}")
    return bare(logits.float() if logits.dtype in HALVES else logits), logits.dtype in HALVES


def bare(tensor: Tensor) -> Tensor:
    """Without its subclass (MONAI's MetaTensor): a custom operator takes and gives plain tensors."""
    return tensor if type(tensor) in (Tensor, nn.Parameter) or torch.compiler.is_compiling() else tensor.as_subclass(Tensor)


def read_target(logits: Tensor, target: Tensor, ignore: int | None) -> Tensor:
    """An index (N,*S), or a map (N,K,*S) of the logits' type."""
    if not isinstance(target, Tensor):
        raise TypeError(f"target: expected a tensor, found {type(target).__name__}")
    target, whole = bare(target.detach()), not target.is_floating_point()
    index_shape = (logits.shape[0], *logits.shape[2:])
    if target.device != logits.device:
        raise Error(f"target: it is on {target.device}, the logits on {logits.device}")
    if target.shape == index_shape:
        return target
    if target.shape == (logits.shape[0], 1, *logits.shape[2:]) and (logits.shape[1] > 1 or whole):
        return target.squeeze(1)
    if target.shape != logits.shape:
        raise Error(
            f"target: expected class indices {index_shape} or (N,1,...), or a map {tuple(logits.shape)}, "
            f"found the shape {tuple(target.shape)}"
        )
    if logits.shape[1] == 1 and ignore is not None:
        target = torch.where(target == ignore, -1, target)
    return target.to(logits.dtype)


def read_frames(logits: Tensor, spacing: Lengths, offset: Lengths, extent: Lengths) -> Tensor | None:
    """float64 (N,3,axes) on the CPU: offset, extent, spacing; None where none is given."""
    if spacing is None and offset is None and extent is None:
        return None
    n, axes = logits.shape[0], logits.ndim - 2
    rows = []
    for name, given, otherwise in (("offset", offset, [0.0] * axes), ("extent", extent, list(logits.shape[2:])),
                                   ("spacing", spacing, [1.0] * axes)):
        row = torch.as_tensor(otherwise if given is None else given, dtype=torch.float64).cpu()
        if row.shape not in ((), (axes,), (n, axes)):
            raise Error(f"{name}: expected a number, or {axes} for the axes, for all samples or for each of {n}; found the shape "
                        f"{tuple(row.shape)}")
        rows.append(row.expand(n, axes))
    return torch.stack(rows, 1)


def split_frames(frames: Tensor | None, logits: Tensor) -> Frames | None:
    return None if frames is None else Frames(*frames.to(logits.device).unbind(1))


# ---- the operator --------------------------------------------------------------------------------------------------


def compute(logits: Tensor, target: Tensor, frames: Tensor | None, progress: Tensor, shares: Tensor, text: str,
            ignore: int | None, gradient: bool, halves: bool, domain: str) -> tuple[Tensor, Tensor, Tensor]:
    """(value, [total, terms, weights, shares] in float64, dlogits, empty unless `gradient`). What is not on the CPU is
    copied there and back."""
    ignore = None if ignore is None else integer(ignore, "ignore_index")
    here = logits.detach().cpu().contiguous()
    dlogits = torch.empty_like(here) if gradient else None
    kept = evaluators(text)
    averages = shares.tolist()
    evaluator = kept.take(here.shape, here.dtype == torch.float64)
    try:
        stored, ignore = _as_stored(target.cpu(), here, ignore, domain, text)
        evaluator.place(None if frames is None else frames.tolist())
        evaluator.shares[:] = averages
        _run(evaluator, here, stored, ignore, float(progress), dlogits)
        state = [evaluator.total.value, *evaluator.values, *evaluator.weights(), *evaluator.shares]
    except Error as error:
        if not halves or error.status != "numeric":
            raise
        state = [torch.nan] * (1 + 2 * len(evaluator.values)) + averages
        dlogits = None if dlogits is None else dlogits.fill_(torch.nan)
    kept.give(evaluator)
    report = torch.tensor(state, dtype=torch.float64)
    value = torch.tensor(state[0], dtype=logits.dtype, device=logits.device)
    return value, report, logits.new_empty(0) if dlogits is None else dlogits.to(logits.device)


def _run(evaluator: Evaluator, logits: Tensor, target: Tensor, ignore: int | None, progress: float, dlogits: Tensor | None) -> None:
    where = None if dlogits is None else dlogits.data_ptr()
    ignore = -1 if ignore is None else ignore
    if target.ndim == logits.ndim:
        evaluator.run(logits.data_ptr(), where, map=target.data_ptr(), ignore=ignore, progress=progress)
    else:
        kind = INDEX_TYPES[target.dtype]
        evaluator.run(logits.data_ptr(), where, target.data_ptr(), kind, ignore=ignore, progress=progress)


def _as_stored(target: Tensor, logits: Tensor, ignore: int | None, domain: str, text: str) -> tuple[Tensor, int | None]:
    """A dense target of a type that the C library reads, without a copy where it is one."""
    if target.ndim == logits.ndim:
        return _as_map(target, logits, ignore, domain).contiguous(), None
    if target.is_floating_point():
        whole = target.to(torch.int32)
        if not torch.equal(whole.to(target.dtype), target):
            raise Error(f"target: class indices are whole numbers; {target.dtype} of shape {tuple(target.shape)} holds others")
        target = whole
    elif target.dtype == torch.bool:
        target = target.view(torch.uint8)
    elif target.dtype not in INDEX_TYPES:
        target = target.to(torch.int16 if target.dtype == torch.int8 else torch.int64)
    if domain and text.startswith("sigmoid:"):
        target, ignore = _one_based(target, ignore)
    if ignore == -1 and target.dtype != torch.uint8:
        target = target.to(torch.int32) if target.dtype == torch.int16 else target
        target, ignore = target.masked_fill(target == -1, FARTHEST), FARTHEST
    elif ignore == -1:
        ignore = None
    return target.contiguous(), ignore


def _as_map(target: Tensor, logits: Tensor, ignore: int | None, domain: str) -> Tensor:
    ignored = target == ignore if domain and ignore is not None and logits.shape[1] == 1 else None
    rest = target if ignored is None else target.masked_fill(ignored, 0)
    if domain and rest.amin() < 0 or domain == "mask" and not ((rest == 0) | (rest == 1)).all():
        raise Error(f"target: expected {'0 or 1' if domain == 'mask' else '0 to 1'} alone")
    return target if ignored is None else target.masked_fill(ignored, -1)


def _one_based(index: Tensor, ignore: int | None) -> tuple[Tensor, int | None]:
    """Class c is channel c where a sigmoid's is c - 1: an index from 1 on, 0 for none."""
    if ((index < 0) if ignore is None else (index < 0) & (index != ignore)).any():
        raise Error("target: class indices are not negative")
    index = index.to(torch.int64) + 1
    return index, None if ignore is None else ignore + 1


_objective = torch.library.custom_op("rmseg::objective", compute, mutates_args=())


@_objective.register_fake
def _(logits, target, frames, progress, shares, text, ignore, gradient, halves, domain):
    count = 1 + 2 * len(evaluators(text).parsed.terms) + shares.shape[0]
    dlogits = torch.empty_like(logits, memory_format=torch.contiguous_format) if gradient else logits.new_empty(0)
    return logits.new_empty(()), torch.empty(count, dtype=torch.float64), dlogits


class Attached(torch.autograd.Function):
    """A value whose gradient at the logits is known."""

    @staticmethod
    def forward(ctx, logits, total, dlogits):
        ctx.save_for_backward(logits, dlogits)
        return total.clone()

    @staticmethod
    def backward(ctx, grad):
        return _scaled(grad, *ctx.saved_tensors), None, None


class Scaled(torch.autograd.Function):
    """grad * dlogits; its own derivative is refused, as dlogits are values and know nothing of the logits any more."""

    @staticmethod
    def forward(grad, dlogits, logits):
        return grad * dlogits

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, *grads):
        raise Error(
            "double backward: the value comes with its gradient and without second derivatives; an Objective(..., plain=True) without a "
            "share() computes by PyTorch operators, which have them",
            "unsupported",
        )


def _scaled(grad: Tensor, logits: Tensor, dlogits: Tensor) -> Tensor:
    return Scaled.apply(grad, dlogits, logits) if torch.is_grad_enabled() else grad * dlogits


def _setup(ctx, inputs, output):
    ctx.save_for_backward(inputs[0], output[2])
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)


def _backward(ctx, grad, *rest):
    return (None if grad is None else _scaled(grad, *ctx.saved_tensors)), *(None,) * 9


_objective.register_autograd(_backward, setup_context=_setup)


class Computed(torch.autograd.Function):
    """The same outside of torch.compile: an operator made by torch.library costs 60 microseconds more a call."""

    @staticmethod
    def forward(ctx, *inputs):
        output = compute(*inputs)
        _setup(ctx, inputs, output)
        return output

    @staticmethod
    def backward(ctx, grad, *rest):
        if grad is not None and not torch.is_grad_enabled() and grad.device.type == "cpu" and grad.item() == 1:
            return ctx.saved_tensors[1], *(None,) * 9  # as a loss is used: nothing to multiply
        return _backward(ctx, grad)


class Transformed(torch.autograd.Function):
    """The same for torch.func.grad, at twice the cost."""

    forward = staticmethod(compute)
    setup_context = staticmethod(_setup)
    backward = staticmethod(_backward)
