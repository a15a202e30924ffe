"""The metric drop-ins against the classes they stand for: same arguments, same numbers, same empties."""

import itertools
import unittest
import warnings

import cases
import numpy as np

try:
    import monai.metrics as theirs
    import torch

    import rmseg.monai as ours
except ImportError:
    theirs = None


def blobs(seed, samples=2, channels=3, size=(17, 12, 9), axes=3):
    """One-hot prediction and truth of smooth random labels; in sample 1 class 1 lacks in the truth, class 2 in both."""
    draw = np.random.default_rng(seed)
    maps = []
    for side in range(2):
        field = draw.normal(size=(samples, channels, *size[:axes]))
        for axis in range(2, 2 + axes):
            field = field + np.roll(field, 1, axis) + np.roll(field, -1, axis)
        label = field.argmax(1)
        label[1][label[1] == 2] = 0
        if side:
            label[1][label[1] == 1] = 0
        maps.append(torch.nn.functional.one_hot(torch.from_numpy(label), channels).movedim(-1, 1))
    return maps


@unittest.skipIf(theirs is None, "MONAI is not installed")
class MonaiMetrics(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore")

    def equal(self, name, arguments, y_pred, y, **call):
        results = []
        for module in (theirs, ours):
            metric = getattr(module, name)(**arguments, get_not_nans=True)
            each = metric(y_pred, y, **call)
            results.append((each, *metric.aggregate(), metric.aggregate("none")[0]))
        for expected, found in zip(*results):
            self.assertEqual((expected.dtype, expected.shape), (found.dtype, found.shape), (name, arguments))
            # Both are float32; MONAI also rounds each distance to float32 before it averages some hundred of them.
            torch.testing.assert_close(
                found, expected, rtol=2e-6, atol=1e-7, equal_nan=True, msg=lambda m: f"{name} {arguments} {call}: {m}"
            )

    def test_overlap(self):
        y_pred, y = blobs(1)
        kinds = [(y_pred, y), (y_pred.float(), y.float()), (y_pred.bool(), y.bool()), (y_pred[:, :1], y[:, :1])]
        for (a, b), background, empty in itertools.product(kinds, (True, False), (True, False)):
            with self.subTest(dtype=a.dtype, background=background, empty=empty):
                if b.dtype != torch.bool:  # MONAI cannot divide some sums of bool
                    self.equal("MeanIoU", {"include_background": background, "ignore_empty": empty}, a, b)
                self.equal("DiceMetric", {"include_background": background, "ignore_empty": empty}, a, b)

    def test_labels_and_soft_masks(self):
        y_pred, y = blobs(2)
        self.equal("DiceMetric", {"num_classes": 3}, y_pred.argmax(1, keepdim=True), y.argmax(1, keepdim=True))
        self.equal("DiceMetric", {"num_classes": 3, "include_background": False}, y_pred, y.argmax(1, keepdim=True))
        soft = torch.rand(y.shape, generator=torch.Generator().manual_seed(3))
        self.equal("DiceMetric", {}, y_pred.float(), soft)
        self.equal("MeanIoU", {}, soft, y.float())

    def test_surfaces(self):
        for axes, spacing in ((2, None), (2, 0.5), (3, None), (3, (0.6, 1.0, 2.5)), (3, [[1.0, 2.0, 1.0], [0.5, 0.5, 0.5]])):
            y_pred, y = blobs(4, axes=axes)
            for background in (True, False):
                common = {"include_background": background}
                for percentile, directed in itertools.product((None, 0, 50, 95, 100), (True, False)):
                    self.equal(
                        "HausdorffDistanceMetric", {**common, "percentile": percentile, "directed": directed}, y_pred, y, spacing=spacing
                    )
                for symmetric in (True, False):
                    self.equal("SurfaceDistanceMetric", {**common, "symmetric": symmetric}, y_pred, y, spacing=spacing)
                for subvoxels, tolerance in itertools.product((True, False), (0.0, 1.0, 1.9)):
                    # One number for all axes is no spacing for MONAI's subvoxel tables.
                    step = [spacing] * axes if isinstance(spacing, float) and subvoxels else spacing
                    thresholds = [tolerance] * (3 if background else 2)
                    self.equal(
                        "SurfaceDiceMetric", {**common, "class_thresholds": thresholds, "use_subvoxels": subvoxels}, y_pred, y, spacing=step
                    )

    def test_other_distances(self):
        y_pred, y = blobs(5)
        for kind in ("chessboard", "taxicab"):
            self.equal("HausdorffDistanceMetric", {"distance_metric": kind}, y_pred, y)
            self.equal("SurfaceDistanceMetric", {"distance_metric": kind}, y_pred, y)

    def test_ignored(self):
        y_pred, y = blobs(6)
        if not hasattr(theirs.MeanIoU(), "ignore_index"):
            self.skipTest("this MONAI knows no ignore_index")
        for index in (0, 2, 255):
            for background in (True, False):
                common = {"ignore_index": index, "include_background": background}
                for name in ("DiceMetric", "MeanIoU", "HausdorffDistanceMetric", "SurfaceDistanceMetric"):
                    self.equal(name, common, y_pred.float(), y.float())
                self.equal("SurfaceDiceMetric", {**common, "class_thresholds": [1.0] * (3 if background else 2)}, y_pred.float(), y.float())

    def test_lists_and_functions(self):
        y_pred, y = blobs(7)
        self.equal("HausdorffDistanceMetric", {}, list(y_pred), list(y))
        for name in ("compute_dice", "compute_iou", "compute_hausdorff_distance", "compute_average_surface_distance"):
            expected, found = (getattr(module, name)(y_pred, y) for module in (theirs, ours))
            torch.testing.assert_close(found, expected, rtol=2e-6, atol=0, equal_nan=True)
        found = ours.compute_hausdorff_distance(y_pred.numpy(), y.numpy())
        torch.testing.assert_close(found, theirs.compute_hausdorff_distance(y_pred, y), rtol=2e-6, atol=0, equal_nan=True)

    def test_refused(self):
        y_pred, y = blobs(8)
        for call in (
            lambda m: m.HausdorffDistanceMetric(percentile=101)(y_pred, y),
            lambda m: m.HausdorffDistanceMetric()(y_pred[:, :, :5], y),
            lambda m: m.HausdorffDistanceMetric()(y_pred, y, spacing=(1.0, 1.0)),
            lambda m: m.SurfaceDiceMetric(class_thresholds=[1.0])(y_pred, y),
            lambda m: m.SurfaceDiceMetric(class_thresholds=[-1.0, 1.0])(y_pred, y),
            lambda m: m.MeanIoU()(y_pred[:, :, :5], y),
            lambda m: m.DiceMetric()(y_pred[0, 0, 0], y[0, 0, 0]),
        ):
            said = []
            for module in (theirs, ours):
                with self.assertRaises(ValueError) as raised:
                    call(module)
                said.append(str(raised.exception))
            self.assertEqual(*said)

    def test_warns_of_empty_masks(self):
        y_pred, y = blobs(9)
        with warnings.catch_warnings(record=True) as expected:
            warnings.simplefilter("always")
            theirs.compute_hausdorff_distance(y_pred, y)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            ours.compute_hausdorff_distance(y_pred, y)
        empty = [[str(w.message) for w in said if "is all 0" in str(w.message)] for said in (expected, found)]
        self.assertEqual(*empty)
        self.assertEqual(len(empty[1]), 3)


if __name__ == "__main__":
    cases.main()
