#!/usr/bin/env python3
"""Runs MONAI's own tests of its losses and metrics with the classes of rmseg.torch and rmseg.monai put in their place.

    python3 tools/monai_tests.py MONAI          MONAI: a checkout of https://github.com/Project-MONAI/MONAI; needs torch, monai, parameterized
    RMSEG_TORCH_PLAIN=1 python3 tools/monai_tests.py MONAI          the same by PyTorch operators alone

Prints what passes and what differs; fails if a test differs that is not in DIFFERS.
"""

import importlib
import sys
import unittest
from pathlib import Path

import monai.losses
import monai.metrics

import rmseg.monai
import rmseg.torch

CLASSES = ["DiceLoss", "DiceCELoss", "TverskyLoss", "FocalLoss", "HausdorffDTLoss", "LogHausdorffDTLoss", "BoundaryLoss"]
FILES = {
    "losses": ["dice_loss", "dice_ce_loss", "tversky_loss", "focal_loss", "hausdorff_loss", "boundary_loss", "ignore_index_losses"],
    "metrics": [
        "compute_meandice",
        "compute_meaniou",
        "hausdorff_distance",
        "surface_distance",
        "surface_dice",
        "cumulative",
        "ignore_index_metrics",
    ],
}

# Tests that differ, and why.
DIFFERS = {
    "TestDiceLoss.test_script": "TorchScript compiles no calls of a C library; torch.compile does",
    "TestTverskyLoss.test_script": "TorchScript, as above",
    "TestFocalLoss.test_script": "TorchScript, as above",
}


def substitute():
    for name in CLASSES:
        setattr(monai.losses, name, getattr(rmseg.torch, name))
    for name in rmseg.monai.__all__:
        home = sys.modules[getattr(monai.metrics, name).__module__]  # the tests import from both
        for module in (monai.metrics, home):
            setattr(module, name, getattr(rmseg.monai, name))


def name_of(test):
    return f"{type(test).__name__}.{test._testMethodName}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = Path(sys.argv[1])
    sys.path.insert(0, str(root))
    substitute()
    suite = unittest.TestSuite()
    for kind, file in ((kind, file) for kind, files in FILES.items() for file in files):
        if (root / f"tests/{kind}/test_{file}.py").exists():
            suite.addTests(unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(f"tests.{kind}.test_{file}")))
        else:
            print(f"{kind}/test_{file}.py is not in this checkout")
    names = [name_of(test) for test in suite._tests for test in test]
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    bad = {name_of(test) for test, _ in result.failures + result.errors}
    for name in sorted(bad):
        print(f"differs: {name}: {DIFFERS.get(name, 'NOT EXPECTED')}")
    print(f"{result.testsRun - len(bad)} of {result.testsRun} pass, {len(bad & set(DIFFERS))} differ as written")
    sys.exit(bool(bad - set(DIFFERS)) or not names)


if __name__ == "__main__":
    main()
