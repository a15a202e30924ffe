#!/usr/bin/env python3
"""Writes tests/golden/augment.txt: draws and samples of the augmentations that resample and filter, from docs/data.md by NumPy and SciPy
(tools/rmseg_random.py), and the draws of NumPy's legacy generator that --rng la-reference repeats.

    python tools/golden_augment.py             (needs numpy, scipy)

Lines, tokens separated by blanks:
    draw SPATIAL ED EH EW PD PH PW SEED T S ANGLE*3 SCALE ELASTIC GRID BLUR LOWRES NOISE AUGMENT
    case C D H W SPACING*3         the case that follows: channel c, voxel (d,h,w): 3 + cos(d/2) + sin(h/3 + c) cos(w/4) + ((7 i) mod 11) / 20;
                                   label (d div 3 + h div 4 + w div 5) mod 3
    sample PD PH PW PIVOT TURNS FLIP*3 CROP*3 ANGLE*3 SCALE ELASTIC GRID GAIN OFFSET GAMMA BLUR LOWRES NOISE SEED T S LABELS COUNT VALUE*COUNT
                                   sum of labels times (1 + index); every 37th value
    reference SEED N               that many of NumPy's draws follow, each "below MOST DRAW"
    patch ED EH EW PD PH PW TURNS AXIS CROP*3      in order, of one RandomState(2019)
"""

import pathlib

import numpy as np
import rmseg_random as rr

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "augment.txt"
CASES = [
    ((1, 1, 23, 31), (1, 1, 1)),
    ((2, 1, 19, 26), (1, 0.7, 1.3)),
    ((1, 17, 21, 26), (1, 1, 1)),
    ((2, 9, 22, 19), (3.5, 0.8, 1.1)),
]
EVERY = "rotate(p=0.7),scale(p=0.6),elastic(p=0.5),noise(p=0.5),blur(p=0.5),lowres(p=0.5),gamma"
PLAIN = {
    "flip": [0, 0, 0],
    "turns": 0,
    "pivot": 0,
    "angle": [0, 0, 0],
    "scale": 1,
    "elastic": 0,
    "grid": 0,
    "gain": 1,
    "offset": 0,
    "gamma": 1,
    "blur": 0,
    "lowres": 1,
    "noise": 0,
}
HISTORIES = [
    {"angle": [17, 0, 0]},
    {"angle": [-125, 0, 0], "scale": 0.8, "turns": 1, "flip": [0, 1, 0]},
    {"scale": 1.3},
    {"elastic": 1.7, "grid": 6.5},
    {"angle": [30, -20, 10]},
    {
        "angle": [5, 40, -25],
        "scale": 1.2,
        "elastic": 1.1,
        "grid": 9,
        "turns": 3,
        "flip": [1, 0, 1],
        "pivot": 2,
        "gamma": 1.2,
        "gain": 0.9,
        "offset": 0.1,
    },
    {"blur": 0.8},
    {"blur": 1.9, "turns": 1},
    {"lowres": 0.55},
    {"lowres": 0.31, "blur": 0.6, "noise": 0.25},
    {"noise": 0.3},
    {"angle": [12, 0, 0], "blur": 0.7, "lowres": 0.7, "noise": 0.2, "gamma": 0.8},
]


def numbers(*values):
    return " ".join(f"{float(v):.12g}" for v in values)


def draw_lines():
    for spatial, augment in (
        (2, EVERY),
        (3, EVERY),
        (3, "rotate-d(degrees=90,p=1),scale(low=0.5,high=0.5,p=1)"),
        (2, "rotate"),
        (3, "none"),
    ):
        for t in range(6):
            extent, patch = ((1, 40, 50), (1, 30, 20)) if spatial == 2 else ((30, 40, 50), (20, 30, 20))
            r = rr.sample_record(77, t, 3, extent, patch, augment, spatial)
            values = numbers(*r["angle"], r["scale"], r["elastic"], r["grid"], r["blur"], r["lowres"], r["noise"])
            yield f"draw {spatial} {numbers(*extent, *patch)} 77 {t} 3 {values} {augment}"


def make_case(shape):
    c, d, h, w = (x.astype(float) for x in np.indices(shape))
    i = (d * shape[2] + h) * shape[3] + w
    image = 3 + np.cos(d / 2) + np.sin(h / 3 + c) * np.cos(w / 4) + (7 * i) % 11 / 20
    return image.astype(np.float32), ((d[0] // 3 + h[0] // 4 + w[0] // 5) % 3).astype(np.int32)


def sample_line(shape, spacing, history, n):
    image, label = make_case(shape)
    flat = shape[1] == 1
    r = PLAIN | history | {"stream": (9, n, 2)}
    if flat:
        r |= {"angle": [r["angle"][0], 0, 0], "flip": [0, *r["flip"][1:]], "pivot": 0}
    patch = (1, 14, 17) if flat else (7, 12, 15)
    r["crop"] = [0, 3, -4] if flat else [1, 4, -3]
    values, labels = rr.apply(r, image, label, patch, spacing)
    some = values.reshape(-1)[::37]
    weight = np.arange(1, label[: patch[0], : patch[1], : patch[2]].size + 1).reshape(patch)
    head = [
        *patch,
        r["pivot"],
        r["turns"],
        *r["flip"],
        *r["crop"],
        *r["angle"],
        r["scale"],
        r["elastic"],
        r["grid"],
        r["gain"],
        r["offset"],
    ]
    head += [r["gamma"], r["blur"], r["lowres"], r["noise"], *r["stream"], (labels * weight).sum(), len(some)]
    return f"sample {numbers(*head)} " + " ".join(f"{v:.7g}" for v in some)


def reference_lines():
    for seed in (2019, 1337, 0):
        state = np.random.RandomState(seed)
        yield f"reference {seed}"
        for n in (4, 2, 96, 41, 8, 1, 3, 1000, 65537, 2**31 - 5) * 80:
            yield f"below {n} {state.randint(0, n)}"
    state = np.random.RandomState(2019)
    yield "reference 2019"
    for extent, patch in (
        ((176, 148, 88), (112, 112, 80)),
        ((112, 150, 88), (112, 112, 80)),
        ((60, 40, 90), (64, 64, 48)),
        ((70, 65, 49), (64, 64, 48)),
    ) * 20:
        label = np.zeros(extent, np.uint8)
        k = state.randint(0, 4)
        label = np.rot90(label, k)
        axis = state.randint(0, 2)
        pad = [0, 0, 0]
        if any(n <= p for n, p in zip(label.shape, patch)):
            pad = [max((p - n) // 2 + 3, 0) for n, p in zip(label.shape, patch)]
            label = np.pad(label, [(p, p) for p in pad])
        crop = [state.randint(0, n - p) - before for n, p, before in zip(label.shape, patch, pad)]
        yield "patch " + numbers(*extent, *patch, k, axis, *crop)


def main():
    lines = list(draw_lines())
    for shape, spacing in CASES:
        lines.append("case " + numbers(*shape, *spacing))
        lines += [sample_line(shape, spacing, h, n) for n, h in enumerate(HISTORIES)]
    lines += reference_lines()
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
