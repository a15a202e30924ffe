"""Worker processes by fork and by spawn after the parent used the library's threads, several Python threads at once, loading."""

import ast
import ctypes.util
import multiprocessing
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import unittest

import cases

import rmseg
from rmseg import _library

torch = cases.optional("torch")
PATIENCE_S = 120


def work(seed):
    """Metrics and an objective of a size that all threads take part in."""
    prediction, truth = cases.mask(seed, (40, 50, 60)), cases.mask(seed + 1, (40, 50, 60))
    logits, index = cases.batch(seed, (2, 3, 64, 80))
    value, dlogits = rmseg.objective("ce + dice + 1*rm(2,0)", logits, index)
    return rmseg.metrics.measure(prediction, truth, ["dice", "hd95", "assd"]), value, dlogits.sum().item()


class Processes(unittest.TestCase):
    def setUp(self):
        rmseg.set_threads(4)
        self.seeds = list(range(0, 12, 2))
        self.expected = [work(seed) for seed in self.seeds]

    def tearDown(self):
        rmseg.set_threads(0)

    def hold(self, method):
        with multiprocessing.get_context(method).Pool(2) as pool:
            self.assertEqual(pool.map_async(work, self.seeds).get(PATIENCE_S), self.expected)
        self.assertEqual(work(self.seeds[0]), self.expected[0])

    @unittest.skipUnless("fork" in multiprocessing.get_all_start_methods(), "needs fork")
    def test_fork(self):
        self.hold("fork")

    def test_spawn(self):
        self.hold("spawn")

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_fork_while_other_threads_compute(self):
        over = threading.Event()

        def keep_busy():
            while not over.is_set():
                work(0)

        threads = [threading.Thread(target=keep_busy) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                self.hold("fork")
        finally:
            over.set()
            for thread in threads:
                thread.join()

    @unittest.skipUnless(torch, "needs torch")
    def test_data_loader(self):
        class Cases(torch.utils.data.Dataset):
            def __len__(inner):
                return len(self.seeds)

            def __getitem__(inner, i):
                return work(self.seeds[i])

        torch.nn.functional.conv2d(torch.ones(4, 8, 64, 64), torch.ones(8, 8, 3, 3))  # torch's threads too
        loader = torch.utils.data.DataLoader(
            Cases(), batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=PATIENCE_S, collate_fn=lambda one: one
        )
        self.assertEqual([tuple(one) for one in loader], self.expected)

    def test_errors_travel(self):
        error = pickle.loads(pickle.dumps(rmseg.Error("what, where", "numeric")))
        self.assertEqual((str(error), error.status), ("what, where", "numeric"))


class Threads(unittest.TestCase):
    def test_several_at_once(self):
        seeds = list(range(8))
        expected, found = [work(seed) for seed in seeds], {}
        threads = [threading.Thread(target=lambda s=seed: found.update({s: [work(s) for _ in range(3)]})) for seed in seeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, {seed: [value] * 3 for seed, value in zip(seeds, expected)})

    def test_errors_stay_with_their_thread(self):
        wrong = []

        def fail(word):
            for _ in range(200):
                try:
                    rmseg.metrics.measure([1], [1], [word])
                except rmseg.Error as error:
                    if word not in str(error):
                        wrong.append(str(error))

        threads = [threading.Thread(target=fail, args=(f"metric{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_count(self):
        rmseg.set_threads(3)
        self.assertEqual(rmseg.get_threads(), 3)
        rmseg.set_threads(0)
        self.assertGreaterEqual(rmseg.get_threads(), 1)
        for count in (-1, 1025, 2**40):
            with self.assertRaises(rmseg.Error):
                rmseg.set_threads(count)
        with self.assertRaises(TypeError):
            rmseg.set_threads("two")


class Loading(unittest.TestCase):
    def run_python(self, code, **environment):
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment})

    def test_nothing_else_is_imported(self):
        known = "import sys, numpy, ctypes; before = set(sys.modules); import rmseg; print(*(set(sys.modules) - before))"
        names = {name.split(".")[0] for name in self.run_python(known).stdout.split()}
        self.assertIn("rmseg", names)
        self.assertFalse(names & {"torch", "monai", "scipy", "importlib_metadata", "multiprocessing", "doctest", "inspect"}, names)

    def test_a_call_imports_nothing(self):
        code = "import sys, numpy as np, rmseg; m = np.eye(9) > 0; before = set(sys.modules); rmseg.metrics.hausdorff(m, m)"
        self.assertEqual(self.run_python(code + "; print(*(set(sys.modules) - before))").stdout.split(), [])

    def test_a_library_that_is_absent_or_of_another_version(self):
        found = self.run_python("import rmseg", RMSEG_LIBRARY="/nowhere/librmseg_core.so")
        self.assertIn("ImportError: rmseg: the C library cannot be loaded", found.stderr)
        with self.assertRaisesRegex(ImportError, "interface None, this package was made for 1"):
            _library.load(ctypes.util.find_library("m"))

    def test_the_source_is_python_3_10(self):
        for path in pathlib.Path(rmseg.__file__).parent.glob("*.py"):
            ast.parse(path.read_text(), feature_version=(3, 10))

    def test_version(self):
        self.assertEqual(rmseg.__version__, _library.version())
        self.assertRegex(rmseg.build(), "level ")


if __name__ == "__main__":
    cases.main()
