"""The C library: found, checked to be the one this package was made for, its failures as exceptions, its threads."""

import ctypes
import operator
import os
import sys
from typing import Any

from . import _abi


class Error(ValueError):
    """A call that cannot be done as asked: the C library's sentence, or one of this package's. `status` is the kind of failure,
    as in docs/conventions.md ("argument", "numeric", "unsupported", ...)."""

    def __init__(self, sentence: str, status: str = "argument"):
        super().__init__(sentence)
        self.status = status

    def __reduce__(self):  # how a worker process hands it to its parent
        return type(self), (*self.args, self.status)


def _path() -> str:
    """RMSEG_LIBRARY, else the file beside the package, which has a second folder where it is installed as editable."""
    name = "librmseg_core.dylib" if sys.platform == "darwin" else "librmseg_core.so"
    beside = [os.path.join(folder, name) for folder in sys.modules[__package__].__path__]
    return os.environ.get("RMSEG_LIBRARY") or next(filter(os.path.exists, beside), beside[0])


def load(path: str) -> ctypes.CDLL:
    """The library at `path` with its functions declared; ImportError where it is absent or of another version."""
    try:
        found = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"rmseg: the C library cannot be loaded ({error}). In a source tree, install the package by `pip install .` or let "
            "RMSEG_LIBRARY name a librmseg_core.so"
        ) from None
    try:
        number = found.rmseg_abi_version()
    except AttributeError:
        number = None
    if number != _abi.RMSEG_ABI_VERSION:
        raise ImportError(
            f"rmseg: {path} has interface {number}, this package was made for {_abi.RMSEG_ABI_VERSION}: install both from the same "
            "source by `pip install .`"
        )
    for name, (result, arguments) in _abi.FUNCTIONS.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


library = load(_path())


def check(status: int) -> None:
    """Raises what a failed call left behind."""
    if status == _abi.RMSEG_OK:
        return
    sentence = library.rmseg_error_last().decode(errors="replace")
    if status == _abi.RMSEG_ERROR_MEMORY:
        raise MemoryError(sentence)
    raise Error(sentence, library.rmseg_status_name(status).decode())


# ---- arguments -------------------------------------------------------------------------------------------------------


def text(value: str, name: str) -> bytes:
    """A str as the library reads it."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a text, found {value!r:.60}")
    if "\0" in value:
        raise Error(f"{name}: the text holds a NUL character")
    return value.encode(errors="replace")


def number(value: Any, name: str) -> float:
    """Anything that is one number, as float."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name}: expected a number, found {value!r:.60}") from None


def integer(value: Any, name: str, least: int = -(2**31), most: int = 2**31 - 1) -> int:
    """Anything that is a whole number from `least` to `most`, as int."""
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, found {value!r:.60}") from None
    if not least <= value <= most:
        raise Error(f"{name}: expected {least} to {most}, found {value}")
    return value


# ---- threads and versions --------------------------------------------------------------------------------------------


def set_threads(count: int) -> None:
    """How many threads one call may use from now on, the calling one included; 0 is the default: RMSEG_THREADS, else the processors
    this process may run on. Results do not depend on it. Raises Error beyond 1024."""
    check(library.rmseg_threads_set(integer(count, "threads")))


def get_threads() -> int:
    """How many threads one call may use.

    >>> import rmseg
    >>> rmseg.set_threads(2); rmseg.get_threads()
    2
    """
    return library.rmseg_threads()


def version() -> str:
    """Version of the C library, "0.1.0"."""
    return library.rmseg_version().decode()


def build() -> str:
    """Compiler, build type and system of the C library, and the processor level in use."""
    return f"{library.rmseg_build().decode()}, level {library.rmseg_cpu_level().decode()}"
