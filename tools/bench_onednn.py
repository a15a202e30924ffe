#!/usr/bin/env python3
"""The convolutions of a training step, pass by pass: rmseg's beside oneDNN's, on the same shapes.

    tools/bench_onednn.py build [--only V-Net-16] [--threads 2] [--rounds 3]

Needs build/bench/bench_onednn, which is built where oneDNN (libdnnl-dev) is installed. Its runs and those of `rmseg bench layers` are taken in turn; a layer counts by its
median over the rounds, a pass by the sum over the layers. oneDNN computes with each layer in the layout it likes best ("blocks", reordering between layers not
charged) or with channels last. What rmseg does besides within a layer, and oneDNN does not: bias, the statistics of the norm behind it, and applying the norm,
activation and dropout before it. Transposed convolutions are left out of both.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
from collections import defaultdict

from bench_step import CASES, bench_rows

LAYOUTS = {"blocks": "any", "channels last": "last"}
ROUNDS = 5  # of each run of rmseg
PASSES = ("forward", "data", "weights")


def onednn_once(build, case, layout, threads):
    """{(op, pass): ms} and the version."""
    command = [build / "bench/bench_onednn", case.net, case.width, ",".join(map(str, case.grid)), case.batch, LAYOUTS[layout]]
    tuned = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="passive")
    done = subprocess.run([str(word) for word in command], env=tuned, stdout=subprocess.PIPE, check=True, text=True)
    version, *lines = done.stdout.splitlines()
    return {tuple(line.split()[:2]): float(line.split()[2]) for line in lines}, version


def rmseg_once(build, case, threads):
    rows = bench_rows(build / "src/cli/rmseg", "layers", case, ROUNDS, threads)
    return {(row["name"], row["pass"]): row["value"] for row in rows}


def measure(build, case, threads, rounds):
    """{contender: {pass: ms of all convolutions}}, and oneDNN's version."""
    taken = defaultdict(lambda: defaultdict(list))
    for _ in range(rounds):
        for key, ms in rmseg_once(build, case, threads).items():
            taken["rmseg"][key].append(ms)
        for layout in LAYOUTS:
            times, version = onednn_once(build, case, layout, threads)
            for key, ms in times.items():
                taken[layout][key].append(ms)
    shared = set(taken["rmseg"]).intersection(*(taken[layout] for layout in LAYOUTS))
    sums = {
        who: {p: sum(statistics.median(ms) for key, ms in times.items() if key in shared and key[1] == p) for p in PASSES}
        for who, times in taken.items()
    }
    return sums, version


def table(build, threads, rounds, only=""):
    """Markdown."""
    head = ["", "rmseg: forward, data, weights", *(f"oneDNN, {layout}" for layout in LAYOUTS), "oneDNN's best / rmseg"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    version = "oneDNN"
    for case in CASES:
        if case.work != "step" or only not in case.title():
            continue
        print(f"{case.title()} ...", file=sys.stderr, flush=True)
        sums, version = measure(build, case, threads, rounds)
        total = {who: sum(passes.values()) for who, passes in sums.items()}
        cells = [f"{total[who]:.0f} ms ({', '.join(f'{sums[who][p]:.0f}' for p in PASSES)})" for who in ("rmseg", *LAYOUTS)]
        lines.append("| " + " | ".join([case.title(), *cells, f"{min(total[layout] for layout in LAYOUTS) / total['rmseg']:.2f}"]) + " |")
    return f"All convolutions but the transposed ones, {version}, {threads} threads; `tools/bench_onednn.py` tells how.\n\n" + "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--only", default="", help="cases with this in their title")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if not (args.build / "bench/bench_onednn").exists():
        sys.exit(f"{args.build}/bench/bench_onednn is not there: install oneDNN (Debian: libdnnl-dev), configure and build again")
    print(table(args.build, args.threads, args.rounds, args.only))


if __name__ == "__main__":
    main()
