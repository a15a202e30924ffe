#!/usr/bin/env python3
"""How often the 95 % interval of docs/compare.md holds the truth: simulated differences with a true mean of 0.

    bootstrap_coverage.py     (needs numpy; half a minute)

A difference is a case's own (sd 1) + its seed's (sd 0.5) + noise (sd 1); with one file each, normal with sd 1.
"""
import numpy as np

TRIALS, RESAMPLES = 2000, 1000


def weights(rng, n):
    return rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n


def coverage(rng, seeds, cases):
    held = 0
    for _ in range(TRIALS):
        if seeds == 1:
            means = weights(rng, cases) @ rng.normal(0, 1, cases)
        else:
            d = rng.normal(0, 0.5, (seeds, 1)) + rng.normal(0, 1, (1, cases)) + rng.normal(0, 1, (seeds, cases))
            means = ((weights(rng, seeds) @ d) * weights(rng, cases)).sum(1)
        low, high = np.percentile(means, [2.5, 97.5])
        held += low <= 0 <= high
    return held / TRIALS


rng = np.random.default_rng(1)
for seeds, cases in ((1, 6), (1, 10), (1, 20), (1, 51), (2, 20), (3, 20), (6, 20), (10, 20)):
    print(f"{seeds} seeds, {cases} cases: {coverage(rng, seeds, cases):.3f}")
