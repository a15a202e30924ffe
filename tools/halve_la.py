#!/usr/bin/env python3
"""The left-atrium data on half its grid, in the same layout, for trainings that take minutes:

    tools/halve_la.py DATA OUT            then: rmseg train --layout la --data OUT --patch 64,64,48 ...

Images are means of 2 x 2 x 2 voxels. A label voxel is set where at least 4 of its 8 are (a tie of 4 counts as set). An odd extent loses its last
plane. Lists of cases are copied.
"""

import shutil
import sys
from pathlib import Path

import h5py
import numpy as np


def blocks(array):
    a = array[tuple(slice(0, n // 2 * 2) for n in array.shape)]
    return a.reshape(a.shape[0] // 2, 2, a.shape[1] // 2, 2, a.shape[2] // 2, 2)


def main(data, out):
    for path in sorted(data.rglob("mri_norm2.h5")):
        with h5py.File(path) as file:
            image, label = file["image"][:], file["label"][:]
        to = out / path.relative_to(data)
        to.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(to, "w") as file:
            file.create_dataset("image", data=blocks(image).mean((1, 3, 5), dtype=np.float64).astype(np.float32), compression="gzip")
            file.create_dataset("label", data=(blocks(label).sum((1, 3, 5), dtype=np.int64) >= 4).astype(np.uint8), compression="gzip")
    for path in data.glob("*.list"):
        shutil.copy(path, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
