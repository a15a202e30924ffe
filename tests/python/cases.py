"""What several tests use: golden files, random batches and masks, calls of the C library that bypass the package."""

import ctypes
import pathlib
import sys
import unittest

import numpy as np

from rmseg import _abi
from rmseg._library import check, library

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"


def optional(name):
    """A module, or None where it is not installed."""
    try:
        return __import__(name)
    except ImportError:
        return None


def main():
    """unittest's, where a file whose tests are all skipped is no failure (from Python 3.12 on it would be one)."""
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())


def mask(seed, shape=(9, 11, 7)):
    return np.random.default_rng(seed).random(shape) > 0.6


def batch(seed, shape=(2, 3, 6, 7), dtype=np.float32):
    """Logits and class indices."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape).astype(dtype), rng.integers(0, shape[1], (shape[0], *shape[2:]))


def one_hot(index, classes):
    return np.moveaxis(np.eye(classes)[index], -1, 1)


def evaluate_in_c(expression, logits, index):
    """(total, terms, dlogits) of rmseg_objective_evaluate itself."""
    objective = ctypes.c_void_p()
    check(library.rmseg_objective_parse(ctypes.byref(objective), expression.encode()))
    n, k, *size = logits.shape
    index = np.ascontiguousarray(index, np.int32)
    one = _abi.rmseg_batch(
        n=n, k=k, size=(1,) * (3 - len(size)) + tuple(size), spatial=len(size), wide=logits.dtype == np.float64, ignore=-1
    )
    one.logits, one.index = logits.ctypes.data, index.ctypes.data
    total, terms = ctypes.c_double(), (ctypes.c_double * library.rmseg_objective_terms(objective))()
    dlogits = np.full_like(logits, np.nan)
    check(library.rmseg_objective_evaluate(ctypes.byref(total), terms, dlogits.ctypes.data, objective, ctypes.byref(one)))
    library.rmseg_objective_destroy(objective)
    return total.value, list(terms), dlogits


def measure_in_c(prediction, truth, metric, spacing):
    """rmseg_metric_measure itself, of two bool masks of three axes."""
    settings, value = _abi.rmseg_metric_settings(), ctypes.c_double()
    library.rmseg_metric_settings_default(ctypes.byref(settings))
    settings.axes = 3
    size, lengths = (ctypes.c_int64 * 3)(*truth.shape), (ctypes.c_double * 3)(*spacing)
    where = prediction.ctypes.data, truth.ctypes.data, size, lengths
    check(
        library.rmseg_metric_measure(ctypes.byref(value), None, *where, (ctypes.c_char_p * 1)(metric.encode()), 1, ctypes.byref(settings))
    )
    return value.value
