"""rmseg: location-aware losses and surface metrics for medical image segmentation, computed by a C library.

    value, dlogits = rmseg.objective("softmax: ce + dice + 1*rm(2,0)", logits, target)
    rmseg.metrics.hausdorff(prediction, truth, percentile=95, spacing=(0.6, 0.6, 1.0))
    rmseg.distance_transform(mask)

    rmseg.Objective        an objective that is kept: parsed once, its scratch ready
    rmseg.metrics          metrics of masks and of label maps
    rmseg.torch            losses and networks as PyTorch modules (needs torch, loaded when it is first named)
    rmseg.set_threads      how many threads a call may use
    rmseg.Error            what is raised, a ValueError with one sentence

Arrays are NumPy's, or anything that speaks DLPack on the CPU (PyTorch, JAX), read where they lie. docs/python.md tells which are
copied, and all about threads, forks and errors.
"""

from typing import Any

from . import metrics
from ._field import distance_transform
from ._library import Error, build, get_threads, set_threads, version
from ._objective import Evaluation, Objective, objective

__version__ = version()
__all__ = [
    "Error",
    "Evaluation",
    "Objective",
    "build",
    "distance_transform",
    "get_threads",
    "metrics",
    "objective",
    "set_threads",
]

_OPTIONAL = ("torch", "monai", "torchmetrics")  # sub-packages that need a library of that name


def __getattr__(name: str) -> Any:
    if name in _OPTIONAL:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'rmseg' has no attribute {name!r}")
