#!/usr/bin/env python3
"""What the Python package costs beyond the arithmetic: import, first call, each call.

    python tools/bench_python.py        with rmseg installed, or PYTHONPATH=python RMSEG_LIBRARY=build/librmseg_core.so

A call is on arrays so small that nearly all of it is overhead, and stands beside the bare call of the C library by ctypes. Times are
the best of several runs. With PyTorch installed, tensors too.
"""

import ctypes
import subprocess
import sys
import timeit

import numpy as np

FIRST = """
import time, numpy as np
start = time.perf_counter()
import rmseg
print("import, beyond NumPy:", time.perf_counter() - start)
mask, logits, index = np.eye(64) > 0, np.zeros((1, 2, 64, 64), np.float32), np.zeros((1, 64, 64), np.int64)
for name, call in {
    "first hausdorff": lambda: rmseg.metrics.hausdorff(mask, mask),
    "first objective": lambda: rmseg.objective("ce + dice + 1*rm(2,0)", logits, index),
}.items():
    start = time.perf_counter()
    call()
    print(f"{name}:", time.perf_counter() - start)
"""


def in_new_processes(code, runs=7):
    """Prints the best of each line `name: seconds`."""
    best = {}
    for _ in range(runs):
        for line in subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines():
            name, _, seconds = line.rpartition(": ")
            best[name] = min(float(seconds), best.get(name, 1e9))
    for name, seconds in best.items():
        print(f"{name:32} {1e3 * seconds:8.2f} ms")


def report(name, call, bare=None, runs=2000):
    def best(call):
        return 1e6 * min(timeit.repeat(call, number=runs, repeat=7)) / runs

    print(f"{name:32} {best(call):8.1f} us" + (f", of these in C {best(bare):.1f} us" if bare else ""))


def main():
    in_new_processes(FIRST)
    import rmseg
    from rmseg import _abi
    from rmseg._library import library

    truth = np.zeros((8, 8), bool)
    truth[2:5, 2:5] = True
    mask = np.roll(truth, 1, 0)
    logits, index = np.zeros((1, 2, 8, 8), np.float32), np.zeros((1, 8, 8), np.int64)

    settings, value, size, spacing = (
        _abi.rmseg_metric_settings(),
        ctypes.c_double(),
        (ctypes.c_int64 * 3)(1, 8, 8),
        (ctypes.c_double * 3)(1, 1, 1),
    )
    library.rmseg_metric_settings_default(ctypes.byref(settings))
    where, names = (mask.ctypes.data, truth.ctypes.data, size, spacing), (ctypes.c_char_p * 1)(b"hd")
    report(
        "hausdorff",
        lambda: rmseg.metrics.hausdorff(mask, truth),
        lambda: library.rmseg_metric_measure(ctypes.byref(value), None, *where, names, 1, ctypes.byref(settings)),
    )
    report("evaluate, three metrics", lambda: rmseg.metrics.evaluate(mask, truth, ["dice", "hd95", "asd"]))
    report("distance_transform", lambda: rmseg.distance_transform(truth))

    objective, dlogits = rmseg.Objective("softmax: ce + dice"), np.empty_like(logits)
    evaluator = objective._evaluators.take(logits.shape, False)
    place = {"logits": logits.ctypes.data, "dlogits": dlogits.ctypes.data, "index": index.ctypes.data, "index_type": _abi.RMSEG_INDEX_I64}
    report("Objective", lambda: objective(logits, index), lambda: evaluator.run(**place))
    report("objective()", lambda: rmseg.objective("softmax: ce + dice", logits, index))
    try:
        import torch
    except ImportError:
        return
    masks, batch = [torch.from_numpy(array) for array in (mask, truth)], [torch.from_numpy(array) for array in (logits, index)]
    report("hausdorff, tensors", lambda: rmseg.metrics.hausdorff(*masks))
    report("Objective, tensors", lambda: objective(*batch))


if __name__ == "__main__":
    main()
