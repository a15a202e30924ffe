"""The TorchMetrics drop-ins against the classes they stand for."""

import itertools
import unittest
import warnings

import cases

try:
    import torch
    import torchmetrics.segmentation as theirs

    import rmseg.torchmetrics as ours
except ImportError:
    theirs = None


@unittest.skipIf(theirs is None, "TorchMetrics is not installed")
class TorchMetrics(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore")

    def equal(self, name, arguments, batches):
        metrics = [getattr(module, name)(**arguments) for module in (theirs, ours)]
        for batch in batches:
            torch.testing.assert_close(*(metric(*batch) for metric in metrics), rtol=1e-6, atol=0, equal_nan=True)
        torch.testing.assert_close(*(metric.compute() for metric in metrics), rtol=1e-6, atol=0, equal_nan=True)

    def test_dice(self):
        torch.manual_seed(1)
        index = [(torch.randint(0, 4, (3, 9, 11)), torch.randint(0, 3, (3, 9, 11))) for _ in range(2)]
        hot = [(torch.randint(0, 2, (3, 4, 9, 11)), torch.randint(0, 2, (3, 4, 9, 11))) for _ in range(2)]
        for average, level, background in itertools.product(
            ("micro", "macro", "weighted", "none"), ("samplewise", "global"), (True, False)
        ):
            common = {"num_classes": 4, "average": average, "aggregation_level": level, "include_background": background}
            self.equal("DiceScore", {**common, "input_format": "index"}, index)
            self.equal("DiceScore", common, hot)

    def test_dice_refuses_what_theirs_refuses(self):
        for preds, target in (
            (torch.full((1, 4, 4), 7), torch.zeros(1, 4, 4).long()),
            (torch.zeros(1, 4, 4).long(), torch.zeros(2, 4, 4).long()),
        ):
            said = []
            for module in (theirs, ours):
                with self.assertRaises(Exception) as raised:
                    module.DiceScore(num_classes=3, input_format="index")(preds, target)
                said.append((type(raised.exception), str(raised.exception)))
            self.assertEqual(*said)

    def test_hausdorff_on_squares(self):
        """On squares theirs is right."""
        torch.manual_seed(2)
        hot = [(torch.randint(0, 2, (2, 3, 16, 16)), torch.randint(0, 2, (2, 3, 16, 16)))]
        index = [(torch.randint(0, 3, (2, 16, 16)), torch.randint(0, 3, (2, 16, 16)))]
        for directed, background, spacing in itertools.product((True, False), (True, False), (None, [0.5, 2.0])):
            common = {"num_classes": 3, "directed": directed, "include_background": background, "spacing": spacing}
            self.equal("HausdorffDistance", common, hot)
            self.equal("HausdorffDistance", {**common, "input_format": "index"}, index)
        for kind in ("chessboard", "taxicab"):
            self.equal("HausdorffDistance", {"num_classes": 3, "distance_metric": kind}, hot)

    def test_hausdorff_off_squares(self):
        """Where theirs is wrong, ours is the distance that MedPy gives too."""
        preds, target = torch.zeros(1, 1, 8, 20).bool(), torch.zeros(1, 1, 8, 20).bool()
        preds[..., 2:5, 2:5] = True
        target[..., 2:5, 12:15] = True
        metric = ours.HausdorffDistance(num_classes=1, include_background=True)
        self.assertEqual(metric(preds, target), 10)


if __name__ == "__main__":
    cases.main()
