"""Arrays of any library as NumPy arrays over the same memory, and the one rule of when they are copied.

An array is read where it lies if it is dense in C order and of a type that the library reads: logits float32 or float64; class indices
bool, uint8, int16, int32 or int64; maps the logits' type; masks bool, uint8 or int8; label maps bool, uint8 or int32. Any other is copied
into one of these types that holds all its values (maps: into the logits' type, rounded), or refused where none does.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._library import Error, number

Array = Any  # what `view` reads: an ndarray, whatever speaks DLPack or NumPy's array interface, a nested list of numbers
Lengths = float | Sequence[float] | np.ndarray | None

_HOST = (1, 3, 11, 13)  # DLPack's devices whose memory the processor reads: CPU, CUDA and ROCm pinned, CUDA managed


def view(x: Array, name: str) -> np.ndarray:
    """`x` as an ndarray, without a copy where x is an array. A tensor that requires a gradient is read as its detached values.
    TypeError for another device, and for what is no array of numbers."""
    array = x if isinstance(x, np.ndarray) else _read(x, name)
    if hasattr(array, "filled"):  # np.ma, which is not imported for this
        raise TypeError(f"{name}: a masked array hides values: give .filled(...) of it")
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name}: expected an array of numbers, found {type(x).__name__} of type {array.dtype}")
    return array


def _read(x: Array, name: str) -> np.ndarray:
    try:
        if hasattr(x, "detach"):  # a torch tensor
            x = x.detach()
            if str(x.dtype) == "torch.bfloat16":  # which NumPy lacks
                x = x.float()
        device = x.__dlpack_device__()[0] if hasattr(x, "__dlpack_device__") else _HOST[0]
        if device not in _HOST:
            raise TypeError(f"it lies on DLPack device {int(device)}, and rmseg reads the processor's memory: move it by .cpu()")
        if hasattr(x, "__dlpack__"):
            try:
                return np.from_dlpack(x)
            except Exception:  # a type or a flag this NumPy does not take through DLPack; most have a second way
                pass
        return np.asarray(x)
    except Exception as error:
        raise TypeError(f"{name}: cannot read {type(x).__name__} as an array: {error}") from None


def dense(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """The array in C order, aligned and of that type: itself where it is."""
    dtype = array.dtype.newbyteorder("=") if dtype is None else np.dtype(dtype)
    flags = array.flags
    if flags.c_contiguous and flags.aligned and array.dtype == dtype:
        return array
    return array.astype(dtype, order="C")


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def floats(array: np.ndarray, name: str) -> np.ndarray:
    """float32 or float64; the halves become float32, which holds all their values."""
    if array.dtype.newbyteorder("=") in (np.float32, np.float64):
        return dense(array)
    if array.dtype.newbyteorder("=") == np.float16 or array.dtype.name == "bfloat16":
        return dense(array, np.float32)
    raise TypeError(f"{name}: expected float32 or float64 (or a half, which is copied), found {array.dtype}")


def indices(array: np.ndarray, name: str) -> np.ndarray:
    """Whole numbers as one of the types that the library reads."""
    if array.dtype == bool:
        return dense(array).view(np.uint8)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected whole numbers, found {array.dtype}")
    if array.dtype.newbyteorder("=") in (np.uint8, np.int16, np.int32, np.int64):
        return dense(array)
    if array.dtype.itemsize <= 2:
        return dense(array, np.int32)
    if array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise Error(f"{name}: the value {array.max()} is beyond int64")
    return dense(array, np.int64)


def mask(x: Array, name: str) -> np.ndarray:
    """bool, uint8 or int8, non-zero is set. Floating point is taken where it holds 0 and 1 alone: a probability is no mask."""
    array = view(x, name)
    if array.dtype == bool or array.dtype in (np.uint8, np.int8):
        return dense(array)
    if array.dtype.kind in "iu":
        return dense(array != 0)
    if array.dtype.kind != "f":
        raise TypeError(f"{name}: expected a mask of bool or whole numbers, found {array.dtype}")
    result = dense(array == 1)
    odd = array[~result & (array != 0)]
    if odd.size:
        raise Error(f"{name}: holds {odd.flat[0]:g}; a mask of {array.dtype} is 0 and 1 alone: threshold it first, as in x > 0.5")
    return result


def labels(x: Array, name: str) -> np.ndarray:
    """uint8 or int32. Floating point is taken where every value is a whole number."""
    array = view(x, name)
    if array.dtype == bool:
        return dense(array).view(np.uint8)
    if array.dtype.newbyteorder("=") in (np.uint8, np.int32):
        return dense(array)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name}: expected labels of whole numbers, found {array.dtype}")
    with np.errstate(invalid="ignore"):
        result = dense(array, np.int32)
    differs = result != array
    if differs.any():
        raise Error(f"{name}: holds {array[differs].flat[0]}; labels are whole numbers within int32")
    return result


def grid(array: np.ndarray, name: str) -> tuple[Any, int]:
    """(size, axes) of a mask of one to three axes, as the library takes it: axes are added in front."""
    if not 1 <= array.ndim <= 3 or array.size == 0:
        raise Error(f"{name}: expected one to three axes of positive extent, found the shape {array.shape}")
    return (ctypes.c_int64 * 3)(*(1,) * (3 - array.ndim), *array.shape), array.ndim


def lengths(spacing: Lengths, axes: int, name: str = "spacing") -> Any:
    """One length per axis, of a number for all of them, a sequence, or None for 1."""
    if spacing is None:
        values = (1.0,) * axes
    elif np.ndim(spacing) == 0:
        values = (number(spacing, name),) * axes
    else:
        values = tuple(number(value, name) for value in spacing)
        if len(values) != axes:
            raise Error(f"{name}: expected {axes} lengths, one per axis in the array's order, found {len(values)}")
    return (ctypes.c_double * 3)(*(1.0,) * (3 - axes), *values)
