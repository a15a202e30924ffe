#!/usr/bin/env python3
"""Golden values of the `medpy` convention: small masks and what MedPy 0.5.2 says of them.

    golden_metric.py tests/golden/metric/medpy.txt   writes the golden file (needs numpy, scipy, MedPy)
    golden_metric.py --drishti DIR FILE              writes the same from real masks, for the same test program
    golden_metric.py --check-drishti DIR --rmseg build/rmseg   compares `rmseg evaluate` with MedPy on them

DIR is the Drishti-GS folder that holds Test/Test_GT or Test/GT; --drishti and --check-drishti also need pillow.

The file is lines of words. A case is
    case NAME / size D H W / spacing D H W / connectivity N / percentile Q    (Q is that of "hd")
    prediction R R ... / truth R R ...      runs of unset, set, unset, ... voxels in order
    note TEXT                               "-" for none
    METRIC VALUE                            one line each; nan where undefined
    end
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from medpy.metric import binary

METRICS = ["dice", "jaccard", "sensitivity", "specificity", "precision", "volume_difference",
           "hd", "hd95", "asd", "asd_reverse", "assd"]


# ---- what MedPy says -------------------------------------------------------------------------------------------------

def medpy_hd(pred, truth, percentile, **how):
    if percentile == 100:
        return binary.hd(pred, truth, **how)
    directed = getattr(binary, "__surface_distances")
    return np.percentile(np.hstack((directed(pred, truth, **how), directed(truth, pred, **how))), percentile)


def medpy_values(pred, truth, spacing=None, connectivity=1, percentile=100):
    """MedPy's value of each metric. NaN where it raises, and where it answers 0/0 with a number of its own (Dice and
    Jaccard of two empty masks 1; sensitivity, specificity and precision without a denominator 0): undefined here."""
    pred, truth = pred.astype(bool), truth.astype(bool)
    how = dict(voxelspacing=spacing, connectivity=connectivity)
    calls = {
        "dice": (lambda: binary.dc(pred, truth), pred.any() or truth.any()),
        "jaccard": (lambda: binary.jc(pred, truth), pred.any() or truth.any()),
        "sensitivity": (lambda: binary.sensitivity(pred, truth), truth.any()),
        "specificity": (lambda: binary.specificity(pred, truth), not truth.all()),
        "precision": (lambda: binary.precision(pred, truth), pred.any()),
        "volume_difference": (lambda: binary.ravd(pred, truth), True),
        "hd": (lambda: medpy_hd(pred, truth, percentile, **how), True),
        "hd95": (lambda: binary.hd95(pred, truth, **how), True),
        "asd": (lambda: binary.asd(pred, truth, **how), True),
        "asd_reverse": (lambda: binary.asd(truth, pred, **how), True),
        "assd": (lambda: binary.assd(pred, truth, **how), True),
    }
    values = {}
    for name in METRICS:
        call, has_denominator = calls[name]
        try:
            values[name] = float(call()) if has_denominator else float("nan")
        except RuntimeError:  # "The first supplied array does not contain any binary object."
            values[name] = float("nan")
    return values


def note_of(pred, truth):
    if not pred.any() and not truth.any():
        return "both empty"
    if not truth.any():
        return "truth empty"
    if not pred.any():
        return "prediction empty"
    return "truth full" if truth.all() else "-"


# ---- the golden file -------------------------------------------------------------------------------------------------

def runs(mask):
    flat = np.concatenate(([0], mask.ravel().astype(np.int8)))  # the leading 0 makes the first run one of unset voxels
    edges = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate(([0], edges, [mask.size])))


def write_case(out, name, pred, truth, spacing=None, connectivity=1, percentile=100):
    values = medpy_values(pred, truth, spacing, connectivity, percentile)
    size = (1,) * (3 - pred.ndim) + pred.shape
    steps = (1,) * (3 - pred.ndim) + tuple(spacing or (1,) * pred.ndim)
    out.write(f"case {name}\nsize {' '.join(map(str, size))}\nspacing {' '.join(repr(float(s)) for s in steps)}\n")
    out.write(f"connectivity {connectivity}\npercentile {percentile!r}\n")
    for key, mask in (("prediction", pred), ("truth", truth)):
        out.write(f"{key} {' '.join(map(str, runs(mask)))}\n")
    out.write(f"note {note_of(pred, truth)}\n")
    for metric, value in values.items():
        out.write(f"{metric} {value!r}\n")
    out.write("end\n\n")


def blob(rng, shape, level=0.0):
    """A smooth random mask with a few components, holes and edge voxels."""
    from scipy.ndimage import gaussian_filter
    return gaussian_filter(rng.normal(size=shape), 2.0, mode="nearest") > level


def box(shape, low, high):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high))] = True
    return mask


def ball(shape, centre, radius):
    grid = np.indices(shape)
    return sum((g - c) ** 2 for g, c in zip(grid, centre)) <= radius ** 2


def shifted(mask, step):
    """The mask moved by `step` along every axis; what leaves is lost, what enters is unset."""
    out = np.zeros_like(mask)
    into = tuple(slice(max(step, 0), n + min(step, 0)) for n in mask.shape)
    back = tuple(slice(max(-step, 0), n - max(step, 0)) for n in mask.shape)
    out[into] = mask[back]
    return out


def small_cases():
    rng = np.random.default_rng(20)
    flat, deep = (24, 31), (9, 12, 14)
    for name, shape, spacing in (("2d", flat, (0.7, 1.3)), ("3d", deep, (2.5, 0.6, 0.9))):
        pred, truth = blob(rng, shape, 0.03), blob(rng, shape, 0.03)
        none, full = np.zeros(shape, bool), np.ones(shape, bool)
        one = np.zeros(shape, bool)
        one[tuple(n // 3 for n in shape)] = True
        middle = ball(shape, [n / 2 for n in shape], 4.2)
        yield f"{name}-blobs", pred, truth, {}
        for connectivity in range(2, pred.ndim + 1):
            yield f"{name}-blobs-connectivity-{connectivity}", pred, truth, dict(connectivity=connectivity)
        yield f"{name}-blobs-anisotropic", pred, truth, dict(spacing=spacing)
        yield f"{name}-blobs-anisotropic-connectivity-2", pred, truth, dict(spacing=spacing, connectivity=2)
        for q in (0, 37.5, 90):
            yield f"{name}-blobs-percentile-{q}", pred, truth, dict(percentile=q)
        yield f"{name}-same", pred, pred, {}
        yield f"{name}-shifted-5", shifted(middle, 5), middle, dict(spacing=spacing)
        yield f"{name}-inner-box", box(shape, [3] * len(shape), [6] * len(shape)), middle, {}
        yield f"{name}-touching-edges", box(shape, [0] * len(shape), [4] * len(shape)), \
            box(shape, [n - 3 for n in shape], shape), dict(spacing=spacing)
        yield f"{name}-one-voxel", one, middle, {}
        yield f"{name}-two-voxels", one, np.flip(one), dict(spacing=spacing)
        yield f"{name}-full-prediction", full, middle, {}
        yield f"{name}-full-truth", middle, full, {}
        yield f"{name}-both-full", full, full, {}
        yield f"{name}-prediction-empty", none, middle, {}
        yield f"{name}-truth-empty", one, none, {}
        yield f"{name}-both-empty", none, none, {}
    yield "2d-one-row", rng.random((1, 23)) > 0.6, rng.random((1, 23)) > 0.6, {}
    yield "2d-one-column", rng.random((23, 1)) > 0.6, rng.random((23, 1)) > 0.6, dict(spacing=(0.5, 2.0))
    yield "2d-one-pixel-image", np.ones((1, 1), bool), np.ones((1, 1), bool), {}
    slab, other = np.zeros(deep, bool), np.zeros(deep, bool)
    slab[4, 2:9, 3:11] = True
    other[4, 3:10, 1:8] = True
    yield "3d-one-slice", slab, other, dict(spacing=(2.5, 0.6, 0.9))
    thin = np.zeros((7, 1, 19), bool), np.zeros((7, 1, 19), bool)
    thin[0][1:5, 0, 2:11], thin[1][2:6, 0, 6:17] = True, True
    yield "3d-one-row-thick", thin[0], thin[1], {}


# ---- real masks ------------------------------------------------------------------------------------------------------

def drishti_labels(folder):
    """(name, prediction, truth) as label images: 0 background, 1 disc outside the cup, 2 cup."""
    from PIL import Image
    base = next(p for p in (folder / "Test/Test_GT", folder / "Test/GT") if p.is_dir())
    for number in ("001", "003"):
        maps = base / f"drishtiGS_{number}" / "SoftMap"
        disc, cup = (np.array(Image.open(maps / f"drishtiGS_{number}_{part}segSoftmap.png")) >= 128
                     for part in ("OD", "cup"))
        truth = np.where(cup, 2, disc.astype(np.uint8)).astype(np.uint8)
        one, edge = np.zeros_like(truth), np.zeros_like(truth)
        one[10, 20] = 2
        edge[: truth.shape[0] // 4, : truth.shape[1] // 5] = 1
        edge[:40, :30] = 2
        for name, pred in (("shifted-5", shifted(truth, 5)), ("full", np.full_like(truth, 2)), ("one-pixel", one),
                           ("touching-edges", edge), ("empty", np.zeros_like(truth))):
            yield f"{number}-{name}", pred, truth


REGIONS = {"disc": (1, 2), "cup": (2,)}


def drishti_cases(folder):
    for name, pred, truth in drishti_labels(folder):
        for region, labels in REGIONS.items():
            yield f"{name}-{region}", np.isin(pred, labels), np.isin(truth, labels), {}


def check_drishti(folder, program):
    from PIL import Image
    expected = {}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for side in ("pred", "truth"):
            (tmp / side).mkdir()
        for name, pred, truth in drishti_labels(folder):
            Image.fromarray(pred).save(tmp / "pred" / f"{name}.png")
            Image.fromarray(truth).save(tmp / "truth" / f"{name}.png")
            for region, labels in REGIONS.items():
                p, t = np.isin(pred, labels), np.isin(truth, labels)
                for metric, value in medpy_values(p, t).items():
                    expected[name, region, metric] = value, note_of(p, t)
        subprocess.run([program, "evaluate", "--pred", tmp / "pred", "--truth", tmp / "truth", "--convention", "medpy",
                        "--metrics", ",".join(METRICS), "--spacing", "voxel", "--regions", "disc=1+2,cup=2",
                        "--json", tmp / "out.json", "--quiet"], check=True)
        records = json.loads((tmp / "out.json").read_text())["records"]
    found = {(r["case"], r["class"], r["metric"]): r for r in records}
    wrong = 0
    for key, (value, note) in expected.items():
        record = found.get(key)
        if record is None:
            right = False
        elif np.isnan(value):
            right = record["value"] is None and record["note"] == note
        else:
            right = isinstance(record["value"], (int, float)) and abs(record["value"] - value) <= 1e-6
        if not right:
            wrong += 1
            print(f"{' '.join(key)}: MedPy {value} ({note}), rmseg {record}")
    print(f"{len(expected)} values compared, {wrong} differ by more than 1e-6")
    return 1 if wrong or len(found) != len(expected) else 0


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("file", nargs="?", help="golden file to write")
    args.add_argument("--drishti", type=pathlib.Path, metavar="DIR", help="write the cases of real masks instead")
    args.add_argument("--check-drishti", type=pathlib.Path, metavar="DIR", help="compare `rmseg evaluate` with MedPy")
    args.add_argument("--rmseg", default="build/rmseg", help="the command to check (default build/rmseg)")
    args = args.parse_args()
    if args.check_drishti:
        return check_drishti(args.check_drishti, args.rmseg)
    if not args.file:
        return print(__doc__) or 2
    with open(args.file, "w") as out:
        for name, pred, truth, how in drishti_cases(args.drishti) if args.drishti else small_cases():
            write_case(out, name, pred, truth, **how)
    return 0


if __name__ == "__main__":
    sys.exit(main())
