"""The objective from Python: the golden values, the bits of the C library, and what an Objective keeps."""

import copy
import gc
import pickle
import re
import threading
import unittest

import cases
import numpy as np

import rmseg

EXPRESSIONS = [
    "ce",
    "softmax: ce + dice + 0.5*rm(2,0) + 0.5*rm(0,2)",
    "sigmoid: ce + dice(variant=monai)",
    "softmax: focal + tversky + boundary + hausdorff",
]


def read_golden():
    """The cases of tests/golden/loss.txt as arguments and what comes of them; test_loss_golden.c reads the same file."""
    lines = iter((cases.GOLDEN / "loss.txt").read_text().splitlines())

    def numbers(shape=-1):
        return np.array(next(lines).split(), np.float64).reshape(shape)

    for line in lines:
        if line.startswith("batch"):
            n, k, d, h, w, axes = map(int, line.split()[2:])
            size = (d, h, w)[3 - axes :]
            batch = numbers((n, k, *size)), numbers((n, *size)).astype(np.int32), numbers((n, k, *size))
        elif line.startswith("case"):
            _, kind, ignore, count, expression = line.split(" ", 4)
            frames = np.array([numbers((3, 3)) for _ in range(int(count))]).reshape(-1, 3, 3)[:, :, 3 - axes :]
            logits, index, truth = (array.copy() for array in batch)
            if expression.startswith("none"):
                logits = 1 / (1 + np.exp(-logits))
            if expression.startswith("tanh"):
                logits.flat[::2] *= 4e-4
            if ignore != "-1":  # one voxel of three
                index[..., ::3] = int(ignore)
                truth[:, -1, ..., ::3] = -1
            given = {"logits": logits, "target": index if kind == "index" else truth, "ignore": None if ignore == "-1" else int(ignore)}
            if len(frames):
                given |= dict(zip(("offset", "extent", "spacing"), frames.swapaxes(0, 1)))
            yield expression, given, numbers(), numbers()[0], numbers(logits.shape)


class Golden(unittest.TestCase):
    def test_values_and_gradients_of_pytorch(self):
        """In double, with the C test's tolerance: some soft overlaps are small differences of sums."""
        count = 0
        for expression, given, terms, total, gradient in read_golden():
            result = rmseg.Objective(expression)(**given)
            found = np.array(list(result.terms.values()))
            self.assertLessEqual((np.abs(found - terms) / np.maximum(np.abs(terms), 1e-3)).max(), 1e-11, expression)
            self.assertLessEqual(abs(result.value - total), 4e-11 * max(np.abs(terms).sum(), 1e-3), expression)
            self.assertLessEqual(np.abs(result.dlogits - gradient).max(), 1e-11 * max(np.abs(gradient).max(), 1e-6), expression)
            count += 1
        self.assertGreater(count, 40)


class Bits(unittest.TestCase):
    def test_equal_to_c(self):
        for seed, expression in enumerate(EXPRESSIONS):
            for dtype in (np.float32, np.float64):
                logits, index = cases.batch(seed, dtype=dtype)
                total, terms, dlogits = cases.evaluate_in_c(expression, logits, index)
                result = rmseg.Objective(expression)(logits, index)
                self.assertEqual((result.value, list(result.terms.values())), (total, terms), expression)
                np.testing.assert_array_equal(result.dlogits, dlogits)
                value, other = rmseg.objective(expression, logits, index)
                self.assertEqual(value, total)
                np.testing.assert_array_equal(other, dlogits)

    def test_any_number_of_threads(self):
        logits, index = cases.batch(1, (2, 3, 64, 80))
        results = []
        for threads in (1, 2, 5):
            rmseg.set_threads(threads)
            results.append(rmseg.objective(EXPRESSIONS[1], logits, index))
        rmseg.set_threads(0)
        for value, dlogits in results[1:]:
            self.assertEqual(value, results[0][0])
            np.testing.assert_array_equal(dlogits, results[0][1])


class Arguments(unittest.TestCase):
    def setUp(self):
        self.logits, self.index = cases.batch(4)

    def test_an_ignored_minus_one(self):
        minus = self.index.copy()
        minus[0, :2] = -1
        value, dlogits = rmseg.objective("ce + dice", self.logits, np.where(minus == -1, 255, minus), ignore=255)
        for kind in (np.int8, np.int16, np.int32, np.int64):
            other = rmseg.objective("ce + dice", self.logits, minus.astype(kind), ignore=-1)
            self.assertEqual(other[0], value)
            np.testing.assert_array_equal(other[1], dlogits)
        self.assertFalse(dlogits[0, :, :2].any())
        with self.assertRaisesRegex(rmseg.Error, "is -1; expected 0 to 2"):
            rmseg.objective("ce + dice", self.logits, minus)

    def test_out_and_no_gradient(self):
        out = np.empty_like(self.logits)
        objective = rmseg.Objective("ce + dice")
        result = objective(self.logits, self.index, out=out)
        self.assertIs(result.dlogits, out)
        np.testing.assert_array_equal(out, objective(self.logits, self.index).dlogits)
        bare = objective(self.logits, self.index, gradient=False)
        self.assertEqual((bare.value, bare.dlogits), (result.value, None))
        for bad in (np.empty_like(self.logits, np.float64), out[..., ::-1], self.logits, np.empty(3, np.float32)):
            with self.assertRaisesRegex(ValueError, "out: "):
                objective(self.logits, self.index, out=bad)

    def test_spacing(self):
        expression = "softmax: rm(2,0; units=mm)"
        values = [rmseg.objective(expression, self.logits, self.index, spacing=s)[0] for s in ((2, 3), [(2, 3), (2, 3)], None, 1)]
        self.assertEqual(values[0], values[1])
        self.assertEqual(values[2], values[3])
        self.assertNotEqual(values[0], values[2])

    def test_schedules_move_by_progress(self):
        objective = rmseg.Objective("ce + a*dice, a = ramp(1 -> 0 by 100%)")
        weights = [objective(self.logits, self.index, progress=p).weights["dice"] for p in (0, 0.25, 1)]
        np.testing.assert_allclose(weights, [1, 0.75, 0])

    def test_sentences(self):
        for words, arguments in (
            (r"column", ("ce + dise", self.logits, self.index)),
            (r"target: expected class indices \(2, 6, 7\) or a map", ("ce", self.logits, self.index[:1])),
            (r"logits: expected the shape", ("ce", self.logits[0], self.index)),
            (r"the index at sample 0, voxel \(0,0,0\) is 9", ("ce", self.logits, np.full_like(self.index, 9))),
            (r"hold a NaN or an infinity", ("ce", np.full_like(self.logits, np.nan), self.index)),
            (r"spacing: expected a number, 2 of them", ("ce", self.logits, self.index, (1, 2, 3))),
            (r"progress is 2; expected 0 to 1", ("ce", self.logits, self.index, None, None, 2)),
            (r"ignore: expected -2147483648 to 2147483647", ("ce", self.logits, self.index, None, 2**40)),
        ):
            with self.assertRaisesRegex(rmseg.Error, words):
                rmseg.objective(*arguments)
        for words, arguments in (
            (r"expression: expected a text", (None, self.logits, self.index)),
            (r"logits: expected float32", ("ce", self.index[:, None], self.index)),
            (r"target: class indices .* are whole numbers", ("ce", self.logits, self.index.astype(float))),
            (r"progress: expected a number", ("ce", self.logits, self.index, None, None, "half")),
        ):
            with self.assertRaisesRegex(TypeError, words):
                rmseg.objective(*arguments)


class Kept(unittest.TestCase):
    def test_what_it_says_of_itself(self):
        objective = rmseg.Objective("sigmoid: ce + 2*dice")
        self.assertEqual((objective.head, objective.terms, objective.weights), ("sigmoid", ("ce", "dice"), (1, 2)))
        self.assertTrue(re.match(r"sigmoid: .*ce.*dice", objective.text))

    def test_shapes_come_and_go(self):
        objective = rmseg.Objective("ce + dice")
        for size in list(range(1, 12)) * 2:
            logits, index = cases.batch(size, (1, 2, size, 3))
            self.assertEqual(objective(logits, index).value, cases.evaluate_in_c("ce + dice", logits, index)[0])

    def test_the_garbage_collector_may_end_it_in_any_order(self):
        for size in range(1, 30):
            objective = rmseg.Objective("ce + dice")
            objective(*cases.batch(size, (1, 2, size, 3)))
            objective.itself = objective
            del objective
            gc.collect()

    def test_shares_are_carried_on(self):
        logits, index = cases.batch(5)
        first, second = rmseg.Objective("ce + share(10%)*dice"), rmseg.Objective("ce + share(10%)*dice")
        self.assertIsNone(first.shares)
        for step in range(3):
            first(logits * (step + 1), index)
        second.shares = first.shares
        self.assertEqual(first(logits, index).weights, second(logits, index).weights)
        again = pickle.loads(pickle.dumps(first))
        self.assertEqual((again.shares, again.text), (first.shares, first.text))
        self.assertEqual(copy.deepcopy(first)(logits, index).value, again(logits, index).value)

    def test_threads_share_one(self):
        objective = rmseg.Objective(EXPRESSIONS[1])
        work = [cases.batch(seed, (2, 3, 30 + seed % 3, 20)) for seed in range(12)]
        expected = [objective(*one).value for one in work]
        found = [None] * len(work)

        def one(i):
            found[i] = [objective(*work[i]).value for _ in range(20)]

        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(work))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [[value] * 20 for value in expected])


if __name__ == "__main__":
    cases.main()
