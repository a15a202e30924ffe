"""Metrics of two masks or two label maps, under the convention of the tool whose numbers are wanted.

    dice(prediction, truth)                          hausdorff(prediction, truth, percentile=95, spacing=(0.6, 0.6, 1.0))
    measure(prediction, truth, ["dice", "hd95"])     several of one pair, in one pass
    evaluate(prediction, truth, ["dice", "hd95"])    the same of every label of two label maps, as records

Masks are bool or whole numbers of one to three axes, non-zero is set; floating point is taken where it holds 0 and 1 alone. What follows
after the masks is the same everywhere:

    spacing       length of a voxel along each axis, in the array's order; a number for all axes, None: 1, distances in voxels
    convention    "medpy" (0.5.2), "monai", "deepmind", "metrics-reloaded", "itk", ...: docs/metrics.md tells what differs
    connectivity  1 to the number of axes: which neighbours count in a border, where the convention leaves it open
    empty         what an undefined metric becomes (a mask is empty): "nan", "inf" or "diagonal" for distances, "error", "tool" (what the
                  convention's tool answers), or a number

Raises Error (shapes, settings, an undefined metric where empty is "error") and TypeError. Definitions and sources: docs/metrics.md.
"""

import ctypes
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from . import _abi, _arrays
from ._arrays import Array, Lengths
from ._library import Error, check, integer, library, number, text

Empty = str | float
_LABEL = {"uint8": _abi.RMSEG_LABEL_U8, "int32": _abi.RMSEG_LABEL_I32}


def measure(
    pred: Array,
    truth: Array,
    metrics: Iterable[str],
    *,
    spacing: Lengths = None,
    convention: str = "medpy",
    connectivity: int = 1,
    empty: Empty = "nan",
    percentile: float = 100,
    tolerance: float | None = None,
    directed: bool = False,
    component_iou: float = 0.0,
) -> list[float]:
    """The metrics named in `metrics`, a list of floats, of one pair of masks: all distances come from one pair of transforms.

    metrics        names as of `rmseg metrics`: dice, jaccard, sensitivity, specificity, precision, volume_difference, hd, hd95, asd,
                   asd_reverse, assd, masd, nsd, boundary_iou, centroid_distance, component_precision, component_recall, component_f1
    percentile     of "hd", 0 to 100
    tolerance      of "nsd" and "boundary_iou", in units of the spacing
    directed       "hd" and "hd95" from prediction to truth alone
    component_iou  two components match where their IoU is above it

    >>> import rmseg
    >>> rmseg.metrics.measure([[0, 1, 1]], [[1, 1, 0]], ["dice", "hd", "asd"])
    [0.5, 1.0, 0.5]
    """
    prediction, truth = _arrays.mask(pred, "prediction"), _arrays.mask(truth, "truth")
    size, axes = _pair(prediction, truth)
    names = _texts(_chosen(metrics))
    settings = _settings(axes, convention, connectivity, empty, percentile, tolerance, directed, component_iou)
    values = (ctypes.c_double * len(names))()
    check(
        library.rmseg_metric_measure(
            values,
            None,
            _arrays.address(prediction),
            _arrays.address(truth),
            size,
            _arrays.lengths(spacing, axes),
            names,
            len(names),
            ctypes.byref(settings),
        )
    )
    return list(values)


def dice(pred: Array, truth: Array, *, empty: Empty = "nan") -> float:
    """2 |P and T| / (|P| + |T|).

    >>> import rmseg
    >>> rmseg.metrics.dice([1, 1, 0], [0, 1, 1])
    0.5
    """
    return measure(pred, truth, ("dice",), empty=empty)[0]


def jaccard(pred: Array, truth: Array, *, empty: Empty = "nan") -> float:
    """|P and T| / |P or T|."""
    return measure(pred, truth, ("jaccard",), empty=empty)[0]


def hausdorff(
    pred: Array,
    truth: Array,
    percentile: float = 100,
    directed: bool = False,
    spacing: Lengths = None,
    convention: str = "medpy",
    connectivity: int = 1,
    empty: Empty = "nan",
) -> float:
    """The Hausdorff distance, or that percentile of the distances between the surfaces: of both directions as the convention joins them, or
    from prediction to truth alone.

    >>> import rmseg
    >>> rmseg.metrics.hausdorff([[1, 0, 0, 1]], [[1, 0, 0, 0]], spacing=0.5)
    1.5
    """
    return measure(
        pred,
        truth,
        ("hd",),
        percentile=percentile,
        directed=directed,
        spacing=spacing,
        convention=convention,
        connectivity=connectivity,
        empty=empty,
    )[0]


def asd(
    pred: Array, truth: Array, spacing: Lengths = None, convention: str = "medpy", connectivity: int = 1, empty: Empty = "nan"
) -> float:
    """Mean distance from the prediction's surface to the truth's."""
    return _distance("asd", pred, truth, spacing, convention, connectivity, empty)


def assd(
    pred: Array, truth: Array, spacing: Lengths = None, convention: str = "medpy", connectivity: int = 1, empty: Empty = "nan"
) -> float:
    """Mean distance of both surfaces to each other, joined as the convention joins them."""
    return _distance("assd", pred, truth, spacing, convention, connectivity, empty)


def masd(
    pred: Array, truth: Array, spacing: Lengths = None, convention: str = "medpy", connectivity: int = 1, empty: Empty = "nan"
) -> float:
    """Mean of the two directed mean distances."""
    return _distance("masd", pred, truth, spacing, convention, connectivity, empty)


def surface_dice(
    pred: Array,
    truth: Array,
    tolerance: float,
    spacing: Lengths = None,
    convention: str = "medpy",
    connectivity: int = 1,
    empty: Empty = "nan",
) -> float:
    """Share of both surfaces that lies within `tolerance` of the other: the normalised surface distance.

    >>> import rmseg
    >>> rmseg.metrics.surface_dice([[0, 1, 0, 0]], [[0, 0, 1, 0]], tolerance=1)
    1.0
    """
    return _distance("nsd", pred, truth, spacing, convention, connectivity, empty, number(tolerance, "tolerance"))


def boundary_iou(
    pred: Array,
    truth: Array,
    tolerance: float | None = None,
    spacing: Lengths = None,
    convention: str = "medpy",
    connectivity: int = 1,
    empty: Empty = "nan",
) -> float:
    """Jaccard of the two rims: the border voxels, and with a tolerance those nearer to it than that."""
    return _distance("boundary_iou", pred, truth, spacing, convention, connectivity, empty, tolerance)


def evaluate(
    pred: Array,
    truth: Array,
    metrics: Iterable[str] = ("dice", "jaccard", "hd95", "asd"),
    labels: Iterable[int] | None = None,
    regions: Mapping[str, int | Iterable[int]] | None = None,
    *,
    ignore: int | None = None,
    spacing: Lengths = None,
    convention: str = "medpy",
    connectivity: int = 1,
    empty: Empty = "nan",
    percentile: float = 100,
    tolerance: float | None = None,
    directed: bool = False,
    component_iou: float = 0.0,
) -> list[dict[str, Any]]:
    """The metrics of every region of two label maps, as a list of records like those of `rmseg evaluate`'s JSON.

    labels   each of these labels is a region; None, where `regions` is None too: all labels but 0 that stand in either map
    regions  {name: label or labels}: a voxel is in the region where it carries one of them
    ignore   a label of the truth whose voxels are judged by nothing

    The other arguments as of `measure`. A record is {"class", "metric", "value", "note"}; the note says "truth empty" and the like.

    >>> import rmseg
    >>> for record in rmseg.metrics.evaluate([0, 1, 2, 2], [0, 1, 1, 2], ["dice"], regions={"disc": (1, 2), "cup": 2}):
    ...     print(record["class"], round(record["value"], 3))
    disc 1.0
    cup 0.667
    """
    prediction, truth = _arrays.labels(pred, "prediction"), _arrays.labels(truth, "truth")
    size, axes = _pair(prediction, truth)
    chosen = _chosen(metrics)
    names = _texts(chosen)
    settings = _settings(axes, convention, connectivity, empty, percentile, tolerance, directed, component_iou)
    settings.has_ignore = ignore is not None
    settings.ignore = 0 if ignore is None else integer(ignore, "ignore")
    spacing = _arrays.lengths(spacing, axes)
    maps = [_abi.rmseg_label_map(_arrays.address(array), _LABEL[array.dtype.name]) for array in (prediction, truth)]
    values, note = (ctypes.c_double * len(names))(), ctypes.c_char_p()
    records = []
    for name, wanted in _regions(prediction, truth, labels, regions, ignore).items():
        count, wanted = len(wanted), (ctypes.c_int32 * len(wanted))(*wanted)
        check(
            library.rmseg_metric_measure_labels(
                values, ctypes.byref(note), *maps, size, spacing, wanted, count, names, len(names), ctypes.byref(settings)
            )
        )
        said = note.value.decode()
        records += [{"class": name, "metric": metric, "value": value, "note": said} for metric, value in zip(chosen, values)]
    return records


# ---- arguments ---------------------------------------------------------------------------------------------------------


def _pair(prediction: np.ndarray, truth: np.ndarray) -> tuple[Any, int]:
    if prediction.shape != truth.shape:
        raise Error(f"prediction {prediction.shape} and truth {truth.shape} differ in shape")
    return _arrays.grid(truth, "masks")


def _distance(
    name: str,
    pred: Array,
    truth: Array,
    spacing: Lengths,
    convention: str,
    connectivity: int,
    empty: Empty,
    tolerance: float | None = None,
) -> float:
    return measure(
        pred,
        truth,
        (name,),
        spacing=spacing,
        convention=convention,
        connectivity=connectivity,
        empty=empty,
        tolerance=tolerance,
    )[0]


def _chosen(metrics: Iterable[str]) -> tuple[str, ...]:
    if isinstance(metrics, str) or not hasattr(metrics, "__iter__"):
        raise TypeError(f'metrics: expected a list of names, as ["dice", "hd95"], found {metrics!r:.60}')
    metrics = tuple(metrics)
    if not all(isinstance(name, str) for name in metrics):
        raise TypeError(f"metrics: expected names, found {metrics!r:.60}")
    if not metrics:
        raise Error("metrics: no metric is named")
    return metrics


@lru_cache(maxsize=64)
def _texts(names: tuple[str, ...]) -> Any:
    return (ctypes.c_char_p * len(names))(*(text(name, "metrics") for name in names))


def _settings(
    axes: int,
    convention: str,
    connectivity: int,
    empty: Empty,
    percentile: float,
    tolerance: float | None,
    directed: bool,
    component_iou: float,
) -> _abi.rmseg_metric_settings:
    settings = _abi.rmseg_metric_settings(
        convention=text(convention, "convention"),
        connectivity=integer(connectivity, "connectivity"),
        percentile=number(percentile, "percentile"),
        tolerance=math.nan if tolerance is None else number(tolerance, "tolerance"),
        directed=bool(directed),
        axes=axes,
        component_iou=number(component_iou, "component_iou"),
    )
    policy = text(empty if isinstance(empty, str) else repr(number(empty, "empty")), "empty")
    check(library.rmseg_metric_settings_empty(ctypes.byref(settings), policy))
    return settings


def _present(array: np.ndarray) -> np.ndarray:
    """The labels of a map: counted where they lie close together, which is ten times faster than sorting."""
    low, high = int(array.min()), int(array.max())
    if high - low > 2**16:
        return np.unique(array)
    return np.flatnonzero(np.bincount((array - low if low else array).ravel())) + low


def _regions(
    prediction: np.ndarray,
    truth: np.ndarray,
    labels: Iterable[int] | None,
    regions: Mapping[str, int | Iterable[int]] | None,
    ignore: int | None,
) -> dict[str, list[int]]:
    """{name: labels}."""
    if labels is not None and regions is not None:
        raise Error("evaluate: labels and regions are two ways to say the same: give one")
    if regions is not None:
        if not hasattr(regions, "items"):
            raise TypeError(f"regions: expected {{name: labels}}, found {regions!r:.60}")
        found = {str(name): tuple(some) if hasattr(some, "__iter__") else (some,) for name, some in regions.items()}
    else:
        if labels is None:
            labels = sorted({*_present(prediction).tolist(), *_present(truth).tolist()} - {0, ignore})
        elif isinstance(labels, str) or not hasattr(labels, "__iter__"):
            raise TypeError(f"labels: expected a list of whole numbers, found {labels!r:.60}")
        found = {str(label): (label,) for label in labels}
    return {name: [integer(label, "labels") for label in some] for name, some in found.items()}
