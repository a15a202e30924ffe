#!/usr/bin/env python3
"""Compares `rmseg evaluate` with MedPy 0.5.2 on real masks.

    python tools/golden_metric/drishti.py DIR --rmseg build/rmseg

DIR is the Drishti-GS folder that holds Test/Test_GT or Test/GT. Needs numpy, MedPy and pillow.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

from cases import Pair, shifted
from truths import MedPy

REGIONS = {"disc": (1, 2), "cup": (2,)}
METRICS = "dice jaccard hd hd95 asd asd_reverse assd".split()


def labels(folder):
    """(name, prediction, truth) as label images: 0 background, 1 disc outside the cup, 2 cup."""
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
                           ("touching-edges", edge)):
            yield f"{number}-{name}", pred, truth


def evaluate(program, folder):
    subprocess.run([program, "evaluate", "--pred", folder / "pred", "--truth", folder / "truth", "--convention", "medpy",
                    "--metrics", ",".join(METRICS), "--spacing", "voxel", "--regions", "disc=1+2,cup=2",
                    "--json", folder / "out.json", "--quiet"], check=True)
    records = json.loads((folder / "out.json").read_text())["records"]
    return {(r["case"], r["class"], r["metric"]): r["value"] for r in records}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("folder", type=pathlib.Path)
    args.add_argument("--rmseg", default="build/rmseg")
    args = args.parse_args()
    expected = {}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        for side in ("pred", "truth"):
            (tmp / side).mkdir()
        for name, pred, truth in labels(args.folder):
            Image.fromarray(pred).save(tmp / "pred" / f"{name}.png")
            Image.fromarray(truth).save(tmp / "truth" / f"{name}.png")
            for region, of in REGIONS.items():
                pair = Pair(name, np.isin(pred, of), np.isin(truth, of))
                if not pair.empty:
                    expected.update({(name, region, metric): MedPy().measure(metric, pair) for metric in METRICS})
        found = evaluate(args.rmseg, tmp)
    wrong = [key for key, value in expected.items() if not abs(found[key] - value) <= 1e-6]
    for key in wrong:
        print(f"{' '.join(key)}: MedPy {expected[key]}, rmseg {found[key]}")
    print(f"{len(expected)} values compared, {len(wrong)} differ by more than 1e-6")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
