"""Writes tests/golden/data.txt: batches, folds and samples as NumPy makes them from docs/data.md (tools/rmseg_random.py).

    python tools/golden_data.py             (needs numpy)

Lines, tokens separated by blanks:
    philox C0 C1 C2 C3 K0 K1 W0 W1 W2 W3
    fold SEED COUNT FOLD FOLDS 0110...
    setting NAME SEED BATCH PD PH PW AUGMENT SPATIAL       opens a loader over the six cases below
    record T S CASE FLIPD FLIPH FLIPW TURNS GAIN OFFSET GAMMA CROPD CROPH CROPW
    sample T S ABSENT SUM WEIGHTED LABELS                  of the sample made: voxels that are 0 because they are padding,
                                                           sum of values, sum of values times (1 + index), sum of labels
                                                           times (1 + index)
Case c of a 2D setting has extent (1, 10 + c, 14 + 2 c), 3 channels, value (c + 1) + ((7 i + 3 c + 11 k) mod 241) at voxel i of
channel k, label (i mod 3) at voxel i; no normalisation.
"""
import pathlib

import numpy as np
import rmseg_random as rr

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "data.txt"
CASES = 6
SETTINGS = [
    ("plain", 1, 4, (1, 8, 8), "none"),
    ("moved", 2, 4, (1, 9, 10), "flip,rot90"),
    ("padded", 3, 3, (1, 20, 13), "flip-h,rot90"),
    ("one-axis", 2**40 + 5, 5, (1, 10, 14), "flip-w"),
    ("values", 4, 2, (1, 16, 16), "brightness,contrast,gamma"),
    ("all", 5, 7, (1, 12, 21), "flip,rot90,brightness,contrast,gamma"),
]


def case(c):
    h, w = 10 + c, 14 + 2 * c
    i = np.arange(h * w)
    image = np.stack([(c + 1) + (7 * i + 3 * c + 11 * k) % 241 for k in range(3)]).astype(np.float32)
    return image.reshape(3, 1, h, w), (i % 3).astype(np.int32).reshape(1, h, w)


def numbers(*values):
    return " ".join(repr(float(v)) if isinstance(v, float) else str(int(v)) for v in values)


def setting_lines(name, seed, batch, patch, augment):
    yield f"setting {name} {seed} {batch} {numbers(*patch)} {augment} 2"
    cases = [case(c) for c in range(CASES)]
    extents = [label.shape for _, label in cases]
    for t in (0, 1, 2, 3, 17, 1000):
        chosen = rr.batch_cases(seed, t, batch, CASES)
        for s, (c, r) in enumerate(zip(chosen, rr.batch_records(seed, t, batch, extents, patch, augment))):
            yield f"record {t} {s} {c} " + numbers(*r["flip"], r["turns"], r["gain"], r["offset"], r["gamma"], *r["crop"])
            inside = rr.move(r, np.ones(extents[c]), patch)
            image, label = rr.apply(r, *cases[c], patch)
            weight = np.arange(1, image.size + 1).reshape(image.shape)
            yield f"sample {t} {s} " + numbers(
                3 * int((inside == 0).sum()), float(image.sum(dtype=np.float64)), float((image * weight).sum(dtype=np.float64)),
                int((label.astype(np.int64) * weight[0]).sum()))


def main():
    lines = []
    for counter, key in (((0, 0, 0, 0), (0, 0)), ((1, 2, 3, 4), (5, 6)), ((2**32 - 1,) * 4, (2**32 - 1,) * 2)):
        lines.append("philox " + numbers(*counter, *key, *rr.philox(counter, key)))
    for seed, count, fold, folds in ((0, 10, 0, 5), (1, 50, 2, 5), (7, 13, 3, 4), (9, 3, 1, 3)):
        held = "".join(str(int(h)) for h in rr.held_out(seed, count, fold, folds))
        lines.append(f"fold {seed} {count} {fold} {folds} {held}")
    for setting in SETTINGS:
        lines += setting_lines(*setting)
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
