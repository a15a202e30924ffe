#!/usr/bin/env python3
"""Golden values of the metric conventions: small pairs of masks, and what the tools say of them.

    python tools/golden_metric tests/golden/metric [CONVENTION ...]      writes CONVENTION.txt for each, or for all

Needs numpy, scipy, torch, monai==1.6.1, MedPy==0.5.2, surface-distance==0.1, torchmetrics==1.9, SimpleITK==2.5,
panoptica==2.1, seg-metrics==1.2.8, and plastimatch 1.9 (Debian's package) on the path.

A file is lines of words; a line of # is a remark. It opens with
    convention NAME / within RELATIVE ABSOLUTE
A case is
    case NAME / size D H W / spacing D H W / axes N
    prediction R R ... / truth R R ...        runs of unset, set, unset, ... voxels in order
    note TEXT                                 "-" for none
followed by settings (connectivity N, percentile Q for "hd", tolerance T, directed 0|1, empty nan|tool) that hold until the
case's end or until they are set anew, and by metrics under them:
    METRIC VALUE                              nan where undefined, inf, or "raises"
    end
"""
import argparse
import pathlib
import sys

import numpy as np

import definitions as plain
from cases import all_pairs
from truths import ALL

NAN = float("nan")


def runs(mask):
    flat = np.concatenate(([0], mask.ravel().astype(np.int8)))  # the leading 0 makes the first run one of unset voxels
    edges = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate(([0], edges, [mask.size])))


def said(convention, metric, pair, **how):
    """The tool's value as a number, or, of empty masks, "raises"."""
    with np.errstate(all="ignore"):
        try:
            return float(convention.measure(metric, pair, **how))
        except (RuntimeError, ValueError, NotImplementedError):
            if not pair.empty:
                raise
            return "raises"


def ours(metric, pair):
    """Without a surface in one of the masks: our own rule."""
    if metric in plain.OVERLAP:
        return plain.overlap(metric, pair.prediction, pair.truth)
    if metric == "centroid_distance" and not pair.empty:
        return plain.centroid_distance(pair.prediction, pair.truth, pair.steps)
    return 0.0 if metric == "nsd" and pair.note in ("truth empty", "prediction empty") else NAN


def settings_of(convention, pair):
    """(settings, metrics under them), the first of them without any."""
    metrics = convention.metrics.split()
    for connectivity in pair.connectivity if convention.any_connectivity else (None,):
        how = {} if connectivity is None else {"connectivity": connectivity}
        yield how, metrics
        if convention.nsd:
            for tolerance in pair.tolerances:
                yield {**how, "tolerance": tolerance}, ["nsd"]
    for percentile in convention.percentiles:
        yield {"percentile": percentile}, ["hd"]
    if convention.directed:
        yield {"directed": 1}, [metric for metric in ("hd", "hd95") if metric in metrics]


def note_of(convention, pair):
    if pair.empty:
        return pair.note
    for side, border in zip(("prediction", "truth"), convention.borders(pair)):
        if not border.any():
            return f"{side} without border"
    return "truth full" if pair.truth.all() and "specificity" in convention.metrics else "-"


DEFAULTS = {"connectivity": 1, "percentile": 100, "directed": 0}


class Case:
    def __init__(self, out):
        self.out, self.current = out, dict(DEFAULTS)

    def set(self, **settings):
        for key, value in settings.items():
            if self.current.get(key) != value:
                self.out.write(f"{key} {value}\n")
            self.current[key] = value

    def put(self, metric, value):
        self.out.write(f"{metric} {value if value == 'raises' else repr(value)}\n")


def write_case(out, convention, pair):
    pad = (1,) * (3 - pair.axes)
    out.write(f"case {pair.name}\nsize {' '.join(map(str, pad + pair.truth.shape))}\n")
    out.write(f"spacing {' '.join(repr(float(s)) for s in pad + tuple(pair.steps))}\naxes {pair.axes}\n")
    for key, mask in (("prediction", pair.prediction), ("truth", pair.truth)):
        out.write(f"{key} {' '.join(map(str, runs(mask)))}\n")
    note = note_of(convention, pair)
    out.write(f"note {note}\n")
    case = Case(out)
    by_rule = pair.empty or note.endswith("border")
    for settings, metrics in settings_of(convention, pair):
        case.set(**{**DEFAULTS, **settings})
        for metric in metrics:
            undefined = metric in plain.OVERLAP and np.isnan(plain.overlap(metric, pair.prediction, pair.truth))
            case.put(metric, ours(metric, pair) if by_rule or undefined else said(convention, metric, pair, **settings))
    if pair.empty:
        case.set(**DEFAULTS, empty="tool")
        for settings, metrics in settings_of(convention, pair):
            if settings.keys() <= {"connectivity", "tolerance"}:
                case.set(**settings)
                for metric in (m for m in metrics if m not in convention.not_its_own):
                    case.put(metric, said(convention, metric, pair, **settings))
    out.write("end\n\n")


def write_file(path, convention):
    with open(path, "w") as out:
        out.write(f"# {convention.source}\n# within: {convention.because}\n")
        out.write(f"convention {convention.name}\nwithin {convention.within[0]} {convention.within[1]}\n\n")
        for pair in all_pairs():
            if pair.axes in convention.axes:
                write_case(out, convention, pair)
                if hasattr(convention, "check"):
                    convention.check(pair)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("folder", type=pathlib.Path)
    args.add_argument("convention", nargs="*", help="only these")
    args = args.parse_args()
    for convention in ALL:
        if not args.convention or convention.name in args.convention:
            write_file(args.folder / f"{convention.name}.txt", convention)
    return 0


if __name__ == "__main__":
    sys.exit(main())
