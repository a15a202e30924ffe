#!/usr/bin/env python3
"""One volume in all 48 orders and senses of its axes goes through training and prediction as one and the same.

    python tools/parity_orientation.py RMSEG        (needs numpy, scipy, nibabel, SimpleITK; RMSEG is the command's path)

Trains a small network on five of the 48 mixed, predicts all of them as NIfTI and some as NRRD and MetaImage, and checks with nibabel
and SimpleITK that each prediction has the geometry of its image and that all predictions, brought to one order, are equal.
"""
import itertools
import pathlib
import subprocess
import sys
import tempfile

import nibabel as nib
import numpy as np
import scipy.ndimage
import SimpleITK as sitk

MIXED, OTHERS = (0, 5, 17, 33, 47), 7  # trained on; every so many is also written in other formats


def make(root):
    volume = scipy.ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(20, 24, 16)), 2).astype("f4") * 50
    affine = np.diag([1, 1.5, 2.5, 1.0])
    affine[:3, 3] = -5, 7, 11
    image, label = nib.Nifti1Image(volume, affine), nib.Nifti1Image((volume > 4).astype("u1"), affine)
    for folder in ("data/images", "data/labels", "all"):
        (root / folder).mkdir(parents=True)
    orders = itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))
    for n, (axes, signs) in enumerate(orders):
        order = np.array(list(zip(axes, signs)))
        turned = image.as_reoriented(order)
        name = "".join(nib.aff2axcodes(turned.affine))
        nib.save(turned, root / f"all/{name}.nii.gz")
        if n in MIXED:
            nib.save(turned, root / f"data/images/{name}.nii.gz")
            nib.save(label.as_reoriented(order), root / f"data/labels/{name}.nii.gz")
        if n % OTHERS == 0:
            read = sitk.ReadImage(str(root / f"all/{name}.nii.gz"))
            for ending in ("nrrd", "mha"):
                sitk.WriteImage(read, str(root / f"all/{ending}-{name}.{ending}"))


def predicted(path, prediction):
    """The labels in RAS order, after a look at the geometry."""
    if path.name.endswith(".nii.gz"):
        a, b = nib.load(path), nib.load(prediction)
        assert np.array_equal(a.affine, b.affine) and a.shape == b.shape, path
        return np.asarray(nib.as_closest_canonical(b).dataobj)
    a, b = sitk.ReadImage(str(path)), sitk.ReadImage(str(prediction))
    assert a.GetSize() == b.GetSize(), path
    for what in ("GetOrigin", "GetSpacing", "GetDirection"):
        assert np.allclose(getattr(a, what)(), getattr(b, what)(), rtol=1e-14, atol=1e-15), (path, what)
    return sitk.GetArrayFromImage(sitk.DICOMOrient(b, "LPS"))[:, ::-1, ::-1].T


def check(rmseg, root, options):
    run, out = root / f"run{len(options)}", root / f"out{len(options)}"
    subprocess.run([rmseg, "train", "--data", root / "data", "--net", "unet", "--width", "4", "--depth", "2", "--iterations", "60",
                    "--batch", "2", "--lr", "0.05", "--out", run, "--quiet", *options], check=True)  # fmt: skip
    subprocess.run([rmseg, "predict", "--run", run, root / "all", "--out", out, "--quiet"], check=True)
    paths = sorted((root / "all").iterdir())
    labels = [predicted(path, out / path.name) for path in paths]
    for path, label in zip(paths, labels):
        assert np.array_equal(label, labels[0]), path
    assert 0.01 < labels[0].mean() < 0.99, "the network learned nothing that could differ"
    print(f"{' '.join(options)}: {len(paths)} predictions lie where they should, {100 * labels[0].mean():.1f} % foreground")


sitk.ProcessObject.SetGlobalWarningDisplay(False)
with tempfile.TemporaryDirectory() as folder:
    make(pathlib.Path(folder))
    check(sys.argv[1], pathlib.Path(folder), ["--patch", "16,16,16"])
    check(sys.argv[1], pathlib.Path(folder), ["--patch", "8,8,8", "--spacing", "2,2,2", "--clip", "1,99"])
