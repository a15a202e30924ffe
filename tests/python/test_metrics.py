"""Metrics from Python: the golden values of every convention, the bits of the C library, records of label maps."""

import math
import unittest

import cases
import numpy as np

import rmseg
from rmseg import metrics

SETTINGS = {"connectivity": int, "percentile": float, "tolerance": float, "directed": lambda text: text == "1", "empty": str}


def masks(runs, shape):
    """A mask of runs of unset and set voxels."""
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(shape)


def read_golden(path):
    """(case, prediction, truth, arguments, metric, expected, (relative, absolute)) for each value of a file of tests/golden/metric."""
    convention = within = pair = given = None
    for line in path.read_text().splitlines():
        word, _, rest = line.strip().partition(" ")
        if word in ("", "#", "note", "end"):
            continue
        if word == "convention":
            convention = rest
        elif word == "within":
            within = [float(number) for number in rest.split()]
        elif word == "case":
            case, pair, given = rest, {}, {"convention": convention}
        elif word == "size":
            size = tuple(int(number) for number in rest.split())
        elif word == "spacing":
            spacing = tuple(float(number) for number in rest.split())
        elif word == "axes":
            axes = int(rest) or (2 if size[0] == 1 else 3)
            given["spacing"] = spacing[3 - axes :]
        elif word in ("prediction", "truth"):
            pair[word] = [int(number) for number in rest.split()]
        elif word in SETTINGS:
            given[word] = SETTINGS[word](rest)
        else:
            both = [masks(runs, size[3 - axes :]) for runs in pair.values()]
            yield case, both, dict(given), word, rest if rest == "raises" else float(rest), within


def near(found, expected, within):
    if math.isnan(expected) or math.isinf(expected):
        return math.isnan(found) if math.isnan(expected) else found == expected
    return abs(found - expected) <= within[1] + within[0] * abs(expected)


class Golden(unittest.TestCase):
    def test_every_convention(self):
        files = [path for path in sorted((cases.GOLDEN / "metric").glob("*.txt"))]
        self.assertGreater(len(files), 10)
        for path in files:
            count = 0
            for case, both, given, metric, expected, within in read_golden(path):
                with self.subTest(file=path.name, case=case, metric=metric, **given):
                    if expected == "raises":
                        with self.assertRaises(rmseg.Error):
                            metrics.measure(*both, [metric], **given)
                    else:
                        (found,) = metrics.measure(*both, [metric], **given)
                        self.assertTrue(near(found, expected, within), f"{found} is not {expected}")
                count += 1
            self.assertGreater(count, 40, path.name)


class Functions(unittest.TestCase):
    def setUp(self):
        self.pair = cases.mask(1), cases.mask(2)

    def test_bits_of_the_c_library(self):
        for metric in "dice jaccard hd hd95 asd asd_reverse assd masd boundary_iou centroid_distance component_f1".split():
            for spacing in ((1, 1, 1), (0.7, 1.3, 2.1)):
                self.assertEqual(metrics.measure(*self.pair, [metric], spacing=spacing)[0], cases.measure_in_c(*self.pair, metric, spacing))

    def test_named_functions_are_measure(self):
        given = {"spacing": (0.7, 1.3, 2.1), "convention": "deepmind"}
        names = ["dice", "jaccard", "hd", "asd", "nsd", "boundary_iou"]
        expected = metrics.measure(*self.pair, names, tolerance=1.5, percentile=90, directed=True, **given)
        self.assertEqual(metrics.dice(*self.pair), expected[0])
        self.assertEqual(metrics.jaccard(*self.pair), expected[1])
        self.assertEqual(metrics.hausdorff(*self.pair, 90, True, **given), expected[2])
        self.assertEqual(metrics.asd(*self.pair, **given), expected[3])
        self.assertEqual(metrics.surface_dice(*self.pair, 1.5, **given), expected[4])
        self.assertEqual(metrics.boundary_iou(*self.pair, 1.5, **given), expected[5])
        both = metrics.measure(*self.pair, ["assd", "masd"], spacing=2)
        self.assertEqual([metrics.assd(*self.pair, spacing=2), metrics.masd(*self.pair, spacing=2)], both)

    def test_empty_masks(self):
        none, one = np.zeros((4, 4), bool), np.eye(4, dtype=bool)
        self.assertTrue(math.isnan(metrics.hausdorff(none, one)))
        self.assertEqual(metrics.hausdorff(none, one, empty="inf"), math.inf)
        self.assertEqual(metrics.hausdorff(none, one, empty=7), 7)
        self.assertEqual(metrics.hausdorff(none, one, empty=math.inf), math.inf)
        self.assertAlmostEqual(metrics.hausdorff(none, one, empty="diagonal"), math.sqrt(18))
        self.assertEqual(metrics.dice(none, none, empty=1), 1)
        with self.assertRaisesRegex(rmseg.Error, "hd is undefined .*truth empty"):
            metrics.hausdorff(one, none, empty="error")

    def test_sentences(self):
        for words, given in (
            ("'dise'.*dice", {"metrics": ["dise"]}),
            ("convention", {"convention": "medpie"}),
            ("percentile 101", {"percentile": 101}),
            ("connectivity 4", {"connectivity": 4}),
            ("spacing 0", {"spacing": (1, 0, 1)}),
            ("spacing: expected 3 lengths", {"spacing": (1, 1)}),
            ("nsd.*tolerance", {"metrics": ["nsd"]}),
            ("no policy for empty masks", {"empty": "what"}),
            ("no metric is named", {"metrics": []}),
            ("NUL", {"metrics": ["dice\0"]}),
        ):
            with self.assertRaisesRegex(rmseg.Error, words):
                metrics.measure(*self.pair, **{"metrics": ["hd"], **given})
        for words, given in (
            ("metrics: expected a list", {"metrics": "dice"}),
            ("percentile: expected a number", {"percentile": "most"}),
            ("connectivity: expected a whole number", {"connectivity": 1.5}),
        ):
            with self.assertRaisesRegex(TypeError, words):
                metrics.measure(*self.pair, **{"metrics": ["hd"], **given})


class Evaluate(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(3)
        self.pair = rng.integers(0, 4, (6, 7, 8)), rng.integers(0, 4, (6, 7, 8)).astype(np.uint8)

    def test_labels(self):
        names = ["dice", "hd95", "asd"]
        records = metrics.evaluate(*self.pair, names, spacing=(1, 2, 3))
        self.assertEqual([(r["class"], r["metric"]) for r in records], [(str(label), name) for label in (1, 2, 3) for name in names])
        values = [metrics.measure(*(a == label for a in self.pair), names, spacing=(1, 2, 3)) for label in (1, 2, 3)]
        self.assertEqual([r["value"] for r in records], sum(values, []))
        self.assertEqual(metrics.evaluate(*self.pair, iter(names), [2], spacing=(1, 2, 3)), records[3:6])

    def test_labels_far_apart_and_below_zero(self):
        for labels in ([-5, 0, 3], [-(2**31), 0, 2**31 - 1], [7], [0, 255], [-1, 2**17]):
            one = np.array(labels, np.int32)[np.random.default_rng(1).integers(0, len(labels), (5, 6))]
            found = [record["class"] for record in metrics.evaluate(one, one, ["dice"])]
            self.assertEqual(found, [str(label) for label in sorted(set(one.ravel().tolist()) - {0})])

    def test_regions_and_ignore(self):
        records = metrics.evaluate(*self.pair, ["dice"], regions={"all": [1, 2, 3], "one": 1})
        expected = [metrics.dice(*(a > 0 for a in self.pair)), metrics.dice(*(a == 1 for a in self.pair))]
        self.assertEqual([(r["class"], r["value"]) for r in records], list(zip(("all", "one"), expected)))
        seen = self.pair[1] != 3
        records = metrics.evaluate(*self.pair, ["dice"], ignore=3)
        self.assertEqual([r["class"] for r in records], ["1", "2"])
        self.assertEqual([r["value"] for r in records], [metrics.dice(*((a == label) & seen for a in self.pair)) for label in (1, 2)])

    def test_notes(self):
        (record,) = metrics.evaluate(np.zeros(4, bool), np.ones(4, bool), ["hd"])
        self.assertEqual((record["class"], record["note"]), ("1", "prediction empty"))
        self.assertEqual(metrics.evaluate(np.zeros(4), np.zeros(4)), [])

    def test_kinds_of_labels(self):
        records = metrics.evaluate(*self.pair, ["dice"])
        for kind in "uint8 int8 uint16 int32 int64 float32 float64".split():
            self.assertEqual(metrics.evaluate(*(a.astype(kind) for a in self.pair), ["dice"]), records)
        for bad in ({"labels": "12"}, {"labels": [1.5]}, {"regions": [1]}, {"regions": {"a": ["b"]}}):
            with self.assertRaises(TypeError):
                metrics.evaluate(*self.pair, **bad)
        for bad in ({"labels": [1], "regions": {"a": 1}}, {"labels": [2**40]}):
            with self.assertRaises(rmseg.Error):
                metrics.evaluate(*self.pair, **bad)


class DistanceTransform(unittest.TestCase):
    def test_golden(self):
        count = 0
        for line in (cases.GOLDEN / "field.txt").read_text().splitlines():
            word, *rest = line.split()
            if word == "case":
                size, spacing = tuple(map(int, rest[1:4])), tuple(map(float, rest[4:7]))
            elif word == "mask":
                mask = np.array(list(rest[0])).astype(int).reshape(size)
            elif word == "distance":
                expected = np.array(rest, float).reshape(size)
                np.testing.assert_array_equal(rmseg.distance_transform(mask, spacing), expected.astype(np.float32))
                np.testing.assert_allclose(rmseg.distance_transform(mask, spacing, squared=True), expected**2, rtol=1e-14)
                count += 1
        self.assertGreater(count, 5)

    def test_signed(self):
        mask = cases.mask(1)
        inside, outside = rmseg.distance_transform(~mask), rmseg.distance_transform(mask)
        np.testing.assert_array_equal(rmseg.distance_transform(mask, signed=True), outside - inside)
        self.assertTrue((rmseg.distance_transform(np.zeros((3, 3))) == np.inf).all())
        self.assertTrue((rmseg.distance_transform(np.ones((3, 3)), signed=True) == -np.inf).all())
        with self.assertRaises(rmseg.Error):
            rmseg.distance_transform(mask, signed=True, squared=True)


if __name__ == "__main__":
    cases.main()
