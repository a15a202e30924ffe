#!/usr/bin/env python3
"""Time `rmseg evaluate` on volumes beside a script of nibabel and MedPy that measures the same, reading included.

    tools/bench_volumes.py --rmseg build/src/cli/rmseg --la DIR

DIR holds the left-atrium cases as CASE/mri_norm2.h5 and their test.list (docs/data.md says where they are to be had). Their labels are
written as NIfTI gz; the predictions are the labels moved by (1,1,0) with a ball of radius 14 at (20,20,20) added. Script and command
take turns; the medians of the rounds are printed. rmseg's time is that of the whole command, starting and writing included; the
script's is that of reading and measuring alone, in one process and, where --processes is more than 1, in a pool of that many, which
is started before the clock. Needs nibabel, MedPy, NumPy, h5py.
"""
import argparse
import json
import multiprocessing
import pathlib
import statistics
import subprocess
import tempfile
import time

import h5py
import nibabel
import numpy as np
from medpy.metric import binary

METRICS = {"dice": binary.dc, "jaccard": binary.jc, "hd95": binary.hd95, "asd": binary.asd}
SPACING = 0.625  # mm, of the scans


def predict(truth):
    """A prediction with what predictions have: a contour that is off, and an island far away."""
    moved = np.zeros_like(truth)
    moved[1:, 1:] = truth[:-1, :-1]
    x, y, z = np.ogrid[tuple(slice(n) for n in truth.shape)]
    moved[(x - 20) ** 2 + (y - 20) ** 2 + (z - 20) ** 2 <= 14**2] = 1
    return moved


def convert(la, folder, count):
    cases = (la / "test.list").read_text().split()[:count]
    for name in ("truth", "pred"):
        (folder / name).mkdir()
    for case in cases:
        with h5py.File(la / case / "mri_norm2.h5") as file:
            truth = file["label"][:].astype(np.uint8)
        affine = np.diag([SPACING, SPACING, SPACING, 1])
        nibabel.save(nibabel.Nifti1Image(truth, affine), folder / "truth" / f"{case}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(predict(truth), affine), folder / "pred" / f"{case}.nii.gz")
    return cases


def measure(job):
    folder, case = job
    prediction, truth = (np.asanyarray(nibabel.load(folder / name / f"{case}.nii.gz").dataobj) > 0 for name in ("pred", "truth"))
    return {(case, metric): float(function(prediction, truth)) for metric, function in METRICS.items()}


def by_script(run, folder, cases):
    start, values = time.perf_counter(), {}
    for part in run(measure, [(folder, case) for case in cases]):
        values.update(part)
    return time.perf_counter() - start, values


def by_rmseg(command, folder, threads):
    start = time.perf_counter()
    subprocess.run([command, "evaluate", "--pred", folder / "pred", "--truth", folder / "truth", "--metrics", ",".join(METRICS),
                    "--json", folder / "results.json", "--threads", str(threads), "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    records = json.loads((folder / "results.json").read_text(encoding="utf-8"))["records"]
    return seconds, {(r["case"], r["metric"]): r["value"] for r in records}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rmseg", default="build/src/cli/rmseg")
    parser.add_argument("--la", type=pathlib.Path, required=True)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, multiprocessing.Pool(arguments.processes) as pool:
        folder = pathlib.Path(name)
        cases = convert(arguments.la, folder, arguments.cases)
        ways = {"nibabel and MedPy, 1 process": lambda: by_script(map, folder, cases),
                f"rmseg, {arguments.threads} threads": lambda: by_rmseg(arguments.rmseg, folder, arguments.threads)}
        if arguments.processes > 1:
            ways[f"nibabel and MedPy, {arguments.processes} processes"] = lambda: by_script(
                lambda function, jobs: pool.map(function, jobs, 1), folder, cases)
        seconds, values = {way: [] for way in ways}, {}
        for _ in range(arguments.rounds):
            for way, run in ways.items():
                took, values[way] = run()
                seconds[way].append(took)
        ours = next(way for way in ways if way.startswith("rmseg"))
        print(f"{len(cases)} cases, {', '.join(METRICS)}; medians of {arguments.rounds} rounds")
        for way in ways:
            median = statistics.median(seconds[way])
            gap = max(abs(values[way][key] - values[ours][key]) for key in values[ours])
            print(f"{way:30} {median:8.3f} s  {median / statistics.median(seconds[ours]):6.1f} times rmseg's, "
                  f"values differ by {gap:.1g} at most")


if __name__ == "__main__":
    main()
