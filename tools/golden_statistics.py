#!/usr/bin/env python3
"""Golden values of the paired statistics: what SciPy and statsmodels say of small lists of differences.

    golden_statistics.py tests/golden/statistics     (needs numpy, SciPy 1.17, statsmodels)

paired.txt, one line a case:
    wilcoxon  NAME STATISTIC P N D ...            scipy.stats.wilcoxon(d, correction=True), method "auto"
    flip      NAME P N D ...                      scipy.stats.permutation_test of the mean, permutation_type "samples"
    holm      NAME N P ... ADJUSTED ...           statsmodels.stats.multitest.multipletests(p, method="holm")
    bootstrap NAME SEED RESAMPLES ROWS COLUMNS LOW HIGH EXACT_LOW EXACT_HIGH V ...
        LOW, HIGH: numpy percentiles of the means of the same resamples, drawn by rmseg_random.py as the headers say.
        EXACT_*: of 200000 resamples drawn by NumPy (one row: scipy.stats.bootstrap, method "percentile"): what the
        interval tends to. 10000 resamples place an end within 3 % of half the interval's width (one standard
        deviation about 1.4 %); the test allows 6 %.

base-1.json .. rm-3.json: results files of two runs with three seeds each, with values that are undefined and cases that
are not in all of them. contrasts.txt, one line a class and metric of theirs:
    CLASS METRIC CASES UNPAIRED N INVALID_BASELINE INVALID_RUN BASELINE RUN DIFFERENCE MEDIAN LOW HIGH HIGHER LOWER
    STATISTIC P P_HOLM FLIP FLIP_HOLM
"""
import json
import pathlib
import sys

import numpy as np
import rmseg_random
from scipy import stats
from statsmodels.stats.multitest import multipletests

BOOTSTRAP = 6  # the purpose of the stream, src/core/random.h


def line(out, *words):
    texts = (repr(float(w)) if isinstance(w, (float, np.floating)) else str(w) for w in words)
    out.write(" ".join(texts) + "\n")


def differences(rng):
    """Names and lists: all sizes about the limits of exactness, with and without ties and zeros."""
    for n in (1, 2, 3, 5, 6, 10, 13, 14, 20, 49, 50, 51, 80, 200):
        yield f"normal-{n}", rng.normal(0.3, 1, n)
    for n in (4, 12, 13, 14, 20, 50, 51):
        yield f"ties-{n}", rng.integers(1, 6, n) * rng.choice([-1, 1, 1], n) / 8
        yield f"zeros-{n}", np.where(np.arange(n) % 4 == 0, 0.0, rng.normal(0.2, 1, n))
        yield f"ties-and-zeros-{n}", rng.integers(-3, 5, n) / 4
    for n in (1, 6, 20, 50, 60):
        yield f"all-positive-{n}", np.abs(rng.normal(size=n)) + 0.01
        yield f"all-negative-{n}", -np.abs(rng.normal(size=n)) - 0.01
    yield "all-equal-12", np.full(12, 0.25)
    yield "all-equal-30", np.full(30, -0.25)
    yield "balanced-8", np.array([1, -1, 2, -2, 3, -3, 4, -4.0])
    yield "small-and-large-15", rng.normal(0, 1, 15) * 10.0 ** rng.integers(-9, 9, 15)


def wilcoxon(out, rng):
    for name, d in differences(rng):
        result = stats.wilcoxon(d, correction=True)
        line(out, "wilcoxon", name, float(result.statistic), float(result.pvalue), len(d), *d)


def sign_flip(out, rng):
    lists = [(f"normal-{n}", rng.normal(0.5, 1, n)) for n in (2, 3, 5, 6, 10, 12)]
    lists += [("equal-6", np.full(6, 0.1)), ("zeros-5", np.zeros(5)), ("tenths-7", np.array([.1, .2, -.3, .1, .1, .2, .3])),
              ("cancels-4", np.array([.1, .2, -.3, 0])), ("all-negative-9", -np.abs(rng.normal(size=9)))]
    for name, d in lists:
        result = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
        line(out, "flip", name, float(result.pvalue), len(d), *d)


def holm(out, rng):
    lists = [("one", [0.04]), ("three", [0.01, 0.04, 0.03]), ("large", [0.6, 0.9, 0.7]), ("equal", [0.02, 0.02, 0.02]),
             ("zero", [0.0, 1.0, 0.5]), ("twelve", rng.uniform(size=12) ** 3)]
    for name, p in lists:
        line(out, "holm", name, len(p), *map(float, p), *map(float, multipletests(p, method="holm")[1]))


def same_resamples(values, seed, resamples):
    """The means of rmseg's own resamples."""
    rows, columns = values.shape
    draws = columns + (rows if rows > 1 else 0)
    u = rmseg_random.stream_uniform(seed, BOOTSTRAP, 0, 0, draws * resamples).reshape(resamples, draws)
    picked = (u[:, draws - columns:] * columns).astype(int)
    if rows == 1:
        return values[0][picked].mean(1)
    means = values[(u[:, :rows] * rows).astype(int)].mean(1)
    return np.take_along_axis(means, picked, 1).mean(1)


def far_interval(values, rng):
    rows, columns = values.shape
    if rows == 1:
        result = stats.bootstrap((values[0],), np.mean, n_resamples=200000, batch=10000, method="percentile", rng=rng)
        return tuple(result.confidence_interval)
    means = [values[rng.integers(rows, size=(1000, rows))].mean(1) for _ in range(200)]
    picked = [rng.integers(columns, size=(1000, columns)) for _ in range(200)]
    means = np.concatenate([np.take_along_axis(m, p, 1).mean(1) for m, p in zip(means, picked)])
    return tuple(np.percentile(means, [2.5, 97.5]))


def bootstrap(out, rng):
    for name, rows, columns, seed in (("cases-20", 1, 20, 1), ("cases-51", 1, 51, 7), ("one-case", 1, 1, 1),
                                      ("seeds-6-cases-20", 6, 20, 1), ("seeds-2-cases-5", 2, 5, 3)):
        values = rng.normal(0.01, 0.02, (rows, 1)) + rng.normal(0, 0.03, (1, columns)) + rng.normal(0, 0.02, (rows, columns))
        near = np.percentile(same_resamples(values, seed, 10000), [2.5, 97.5])
        far = far_interval(values, rng) if columns > 1 else near
        line(out, "bootstrap", name, seed, 10000, rows, columns, *map(float, near), *map(float, far), *values.ravel())


# ---- whole files -----------------------------------------------------------------------------------------------------

CLASSES, METRICS, SEEDS = ("disc", "cup"), ("dice", "hd95"), (1, 2, 3)


def results_files(rng):
    """{(run, seed): {(class, metric, case): value}}; None is undefined."""
    files = {(run, seed): {} for run in ("base", "rm") for seed in SEEDS}
    for case in (f"{i:03d}" for i in range(1, 10)):
        for c, k in enumerate(CLASSES):
            dice, hd95 = rng.normal(0.9 - 0.1 * c, 0.03), rng.normal(9, 2)
            for (run, seed), file in files.items():
                gain = 0.02 * c if run == "rm" else 0
                file[k, "dice", case] = round(min(0.99, dice + gain + rng.normal(0, 0.01)), 4)
                file[k, "hd95", case] = round(max(1, hd95 - 40 * gain + rng.normal(0, 0.5)), 3)
    files["rm", 2]["cup", "hd95", "004"] = None
    files["base", 3]["cup", "hd95", "006"] = float("inf")
    for key in [key for key in files["base", 3] if key[2] == "009"]:
        del files["base", 3][key]
    return files


def write_results(folder, files):
    for (run, seed), values in files.items():
        records = [{"case": case, "class": k, "metric": metric, "value": "inf" if value == float("inf") else value, "note": ""}
                   for (k, metric, case), value in values.items()]
        head = {"rmseg": "0.1.0", "convention": "medpy", "unit": "voxel", "empty": "nan", "connectivity": 1, "percentile": 100,
                "run": run, "seed": seed}
        rows = ",\n    ".join(json.dumps(r) for r in records)
        lines = "".join(f"  {json.dumps(k)}: {json.dumps(v)},\n" for k, v in head.items())
        (folder / f"{run}-{seed}.json").write_text("{\n" + lines + f'  "records": [\n    {rows}\n  ],\n  "aggregate": []\n}}\n')


def contrast(files, k, metric):
    cases = sorted({case for file in files.values() for c, m, case in file if (c, m) == (k, metric)})
    paired = [c for c in cases if all((k, metric, c) in file for file in files.values())]
    table = {run: np.array([[files[run, s][k, metric, c] for c in paired] for s in SEEDS], float) for run in ("base", "rm")}
    invalid = {run: ~np.isfinite(t).all(0) for run, t in table.items()}
    valid = ~(invalid["base"] | invalid["rm"])
    base, rm = table["base"][:, valid], table["rm"][:, valid]
    d = rm - base
    of_case = d.mean(0)
    low, high = np.percentile(same_resamples(d, 1, 10000), [2.5, 97.5])
    w = stats.wilcoxon(of_case, correction=True)
    flip = stats.permutation_test((d.mean(1),), np.mean, permutation_type="samples", n_resamples=np.inf)
    return ([len(paired), len(cases) - len(paired), valid.sum(), invalid["base"].sum(), invalid["rm"].sum(), base.mean(),
             rm.mean(), d.mean(), np.median(of_case), low, high, (of_case > 0).sum(), (of_case < 0).sum(), w.statistic],
            w.pvalue, flip.pvalue)


def whole_files(folder, rng):
    files = results_files(rng)
    write_results(folder, files)
    rows = [((k, m), *contrast(files, k, m)) for k in CLASSES for m in METRICS]
    wilcoxon_holm, flip_holm = (multipletests([r[i] for r in rows], method="holm")[1] for i in (2, 3))
    with open(folder / "contrasts.txt", "w") as out:
        for (names, numbers, p, q), p_holm, q_holm in zip(rows, wilcoxon_holm, flip_holm):
            line(out, *names, *numbers, p, p_holm, q, q_holm)


def main():
    if len(sys.argv) != 2:
        return print(__doc__) or 2
    folder = pathlib.Path(sys.argv[1])
    rng = np.random.default_rng(4)
    with open(folder / "paired.txt", "w") as out:
        for part in (wilcoxon, sign_flip, holm, bootstrap):
            part(out, rng)
    whole_files(folder, np.random.default_rng(9))
    return 0


if __name__ == "__main__":
    sys.exit(main())
