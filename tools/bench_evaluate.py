#!/usr/bin/env python3
"""Time `rmseg evaluate` beside MedPy on the same label images, and compare what they say.

    rmseg phantoms --out phantoms --size 512 --count 32
    tools/bench_evaluate.py --rmseg build/src/cli/rmseg --labels phantoms/labels --shift 5

The predictions are the labels moved by --shift pixels along both axes. rmseg's time is that of the whole command, reading and
starting included; MedPy's is that of its calls alone. Needs MedPy, NumPy, Pillow.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
from medpy.metric import binary
from PIL import Image

METRICS = {"dice": binary.dc, "jaccard": binary.jc, "hd95": binary.hd95, "asd": binary.asd}
REGIONS = {"disc": (1, 2), "cup": (2,)}


def by_medpy(predictions, truths):
    values, start = {}, time.perf_counter()
    for name, prediction in predictions.items():
        for region, labels in REGIONS.items():
            p, t = np.isin(prediction, labels), np.isin(truths[name], labels)
            for metric, measure in METRICS.items():
                values[name, region, metric] = float(measure(p, t))
    return values, time.perf_counter() - start


def by_rmseg(command, folder, labels, threads):
    out = folder / "results.json"
    start = time.perf_counter()
    subprocess.run([command, "evaluate", "--pred", folder / "pred", "--truth", labels, "--metrics", ",".join(METRICS),
                    "--regions", "disc=1+2,cup=2", "--json", out, "--threads", str(threads), "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    records = json.loads(out.read_text(encoding="utf-8"))["records"]
    return {(r["case"], r["class"], r["metric"]): r["value"] for r in records}, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rmseg", default="build/src/cli/rmseg")
    parser.add_argument("--labels", type=pathlib.Path, required=True)
    parser.add_argument("--shift", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "pred").mkdir()
        truths = {f.stem: np.asarray(Image.open(f)) for f in sorted(arguments.labels.glob("*.png"))}
        predictions = {n: np.roll(t, (arguments.shift, arguments.shift), (0, 1)) for n, t in truths.items()}
        for case, prediction in predictions.items():
            Image.fromarray(prediction).save(folder / "pred" / f"{case}.png")
        theirs, seconds = by_medpy(predictions, truths)
        print(f"{len(truths)} label images of {next(iter(truths.values())).shape}, 2 regions, {', '.join(METRICS)}")
        print(f"MedPy            {seconds:8.3f} s")
        for threads in (1, 2):
            ours, own = by_rmseg(arguments.rmseg, folder, arguments.labels, threads)
            gap = max(abs(ours[key] - theirs[key]) for key in theirs)
            print(f"rmseg, {threads} thread{'s' * (threads > 1):1} {own:8.3f} s   {seconds / own:6.1f} times, largest difference {gap:.1g}")


if __name__ == "__main__":
    main()
