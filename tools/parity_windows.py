#!/usr/bin/env python3
"""Sliding windows of `rmseg predict` against UA-MT's published loop in PyTorch, from the same weights: every voxel's label must be the same
but where the two probabilities differ by less than 1e-4.

    tools/parity_windows.py build/src/cli/rmseg RUN IMAGE.nii.gz --window 80,112,112 --stride 4,18,18

RUN is a training of the V-Net with two classes and `--normalize none` or zscore; window and stride are in array order (D,H,W), which for a
NIfTI is k,j,i. The loop is UA-MT's test_single_case (code/test_util.py there): zero padding of small images, the smaller half before; the last
window moved back to the edge; the mean of the softmax. Its V-Net is tools/vnet_reference.py.
"""

import argparse
import math
import subprocess
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import torch
from safetensors import safe_open
from vnet_reference import VNet


def load(path):
    with safe_open(path, "pt") as file:
        notes = file.metadata()
        model = VNet(int(notes["rmseg.in-channels"]), int(notes["rmseg.out-channels"]), int(notes["rmseg.width"]), notes["rmseg.norm"],
                     notes["rmseg.activation"], float(notes["rmseg.dropout"]))
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})
    return model.eval().to(memory_format=torch.channels_last_3d), notes["rmseg.normalize"]


def load_image(path, normalize):
    """In array order, as the run prepares it."""
    image = np.asarray(nibabel.load(path).dataobj, np.float32).transpose(2, 1, 0)
    if normalize == "zscore":
        image = ((image - image.mean(dtype=np.float64)) / image.std(dtype=np.float64)).astype(np.float32)
    return image


def test_single_case(model, image, stride, patch, layout=torch.channels_last_3d):
    pad = [max(p - n, 0) for n, p in zip(image.shape, patch)]
    pads = [(p // 2, p - p // 2) for p in pad]
    image = np.pad(image, pads)
    counts = [math.ceil((n - p) / s) + 1 for n, p, s in zip(image.shape, patch, stride)]
    score, count = np.zeros((2, *image.shape), np.float32), np.zeros(image.shape, np.float32)
    for index in np.ndindex(*counts):
        start = [min(s * i, n - p) for s, i, n, p in zip(stride, index, image.shape, patch)]
        at = tuple(slice(a, a + p) for a, p in zip(start, patch))
        x = torch.from_numpy(image[at][None, None].copy()).to(memory_format=layout)
        score[(slice(None), *at)] += torch.softmax(model(x), 1)[0].numpy()
        count[at] += 1
    score /= count
    inside = tuple(slice(a, n - b) for (a, b), n in zip(pads, image.shape))
    return score[(slice(None), *inside)], int(np.prod(counts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rmseg")
    parser.add_argument("run", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--window", default="80,112,112")
    parser.add_argument("--stride", default="4,18,18")
    args = parser.parse_args()
    model, normalize = load(args.run / "weights.safetensors")
    image = load_image(args.image, normalize)
    with torch.no_grad():
        theirs, windows = test_single_case(model, image, [int(s) for s in args.stride.split(",")], [int(p) for p in args.window.split(",")])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([args.rmseg, "predict", "--run", args.run, args.image, "--out", folder, "--window", args.window, "--stride", args.stride,
                        "--probabilities", "--quiet"], check=True)
        name = args.image.name.split(".")[0]
        ours = np.load(f"{folder}/{name}.npy")
        label = np.asarray(nibabel.load(f"{folder}/{name}.nii.gz").dataobj).transpose(2, 1, 0)
    unlike = (label != theirs.argmax(0)) & (np.abs(theirs[1] - theirs[0]) >= 1e-4)
    print(f"{args.image.name}: {windows} windows; largest difference of a probability {np.abs(ours - theirs).max():.1e}; foreground "
          f"{label.mean():.4f}; {int((label != theirs.argmax(0)).sum())} labels differ, {int(unlike.sum())} of them where the probabilities are apart")
    assert not unlike.any()


if __name__ == "__main__":
    main()
