"""Arrays of every kind give the same bits, without copies where none is needed; what is no array of numbers is refused with a sentence."""

import unittest

import cases
import numpy as np

import rmseg
from rmseg import _arrays

torch, jax = cases.optional("torch"), cases.optional("jax")
EXPRESSION = "softmax: ce + dice + 1*rm(2,0)"


class Wrapped:
    """Only DLPack, only NumPy's array interface, or a device that is not the processor."""

    def __init__(self, array, **how):
        self.array, self.device = array, how.get("device", 1)
        if how.get("interface"):
            self.__array_interface__ = array.__array_interface__
        else:
            self.__dlpack__, self.__dlpack_device__ = array.__dlpack__, lambda: (self.device, 0)


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    raw[:] = np.ascontiguousarray(array).view(np.uint8).ravel()
    return raw.view(array.dtype).reshape(array.shape)


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


class SameBits(unittest.TestCase):
    def setUp(self):
        self.prediction, self.truth = cases.mask(1), cases.mask(2)
        self.logits, self.index = cases.batch(3)
        self.distance = rmseg.metrics.hausdorff(self.prediction, self.truth)
        self.value, self.dlogits = rmseg.objective(EXPRESSION, self.logits, self.index)

    def hold(self, change, target=None):
        """The same numbers, where `change` was made to masks and logits and `target` to the class indices."""
        target = target or change
        self.assertEqual(rmseg.metrics.hausdorff(change(self.prediction), change(self.truth)), self.distance)
        value, dlogits = rmseg.objective(EXPRESSION, change(self.logits), target(self.index))
        self.assertEqual(value, self.value)
        np.testing.assert_array_equal(dlogits, self.dlogits)

    def test_layouts(self):
        self.hold(np.asfortranarray)
        self.hold(lambda a: np.repeat(a, 2, axis=-1)[..., ::2])
        self.hold(lambda a: a[..., ::-1].copy()[..., ::-1])
        self.hold(lambda a: a.astype(a.dtype.newbyteorder()))
        self.hold(unaligned)
        self.hold(read_only)

    def test_types_of_masks(self):
        for kind in "bool uint8 int8 int16 uint16 int32 int64 uint64 float16 float32 float64".split():
            masks = self.prediction.astype(kind), self.truth.astype(kind)
            self.assertEqual(rmseg.metrics.hausdorff(*masks), self.distance, kind)
        self.assertEqual(rmseg.metrics.hausdorff(self.prediction * np.uint8(255), self.truth * np.int64(2**40)), self.distance)
        self.assertEqual(rmseg.metrics.hausdorff(self.prediction.tolist(), self.truth.tolist()), self.distance)

    def test_types_of_targets(self):
        for kind in "uint8 int8 int16 uint16 int32 uint32 int64 uint64".split():
            self.hold(np.asarray, lambda index, kind=kind: index.astype(kind))
        self.hold(np.asarray, lambda index: index[:, None])
        for kind in "bool uint8 int64 float16 float32 float64".split():
            value = rmseg.objective(EXPRESSION, self.logits, cases.one_hot(self.index, 3).astype(kind))[0]
            self.assertEqual(value, self.value, kind)

    def test_halves_are_computed_in_float32(self):
        half = self.logits.astype(np.float16)
        value, dlogits = rmseg.objective(EXPRESSION, half, self.index)
        expected = rmseg.objective(EXPRESSION, half.astype(np.float32), self.index)
        self.assertEqual((value, dlogits.dtype), (expected[0], np.float32))
        np.testing.assert_array_equal(dlogits, expected[1])

    def test_protocols(self):
        self.hold(lambda a: Wrapped(a, interface=True))
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0":  # before, NumPy took no bool through DLPack
            self.hold(Wrapped)

    @unittest.skipUnless(torch, "needs torch")
    def test_torch(self):
        self.hold(torch.from_numpy)
        self.hold(lambda a: torch.from_numpy(a).transpose(-1, -2).contiguous().transpose(-1, -2))
        value, dlogits = rmseg.objective(EXPRESSION, torch.from_numpy(self.logits).requires_grad_(), torch.from_numpy(self.index))
        self.assertEqual(value, self.value)
        np.testing.assert_array_equal(torch.from_dlpack(dlogits).numpy(), self.dlogits)
        brain = torch.from_numpy(self.logits).bfloat16()
        self.assertEqual(rmseg.objective(EXPRESSION, brain, self.index)[0], rmseg.objective(EXPRESSION, brain.float(), self.index)[0])

    @unittest.skipUnless(jax, "needs jax")
    def test_jax(self):
        self.hold(jax.numpy.asarray)


class NoCopies(unittest.TestCase):
    def same_memory(self, a, b):
        self.assertEqual(_arrays.address(a), _arrays.address(b))

    def test_masks_labels_and_logits(self):
        for kind in (bool, np.uint8, np.int8):
            array = cases.mask(1).astype(kind)
            self.same_memory(_arrays.mask(array, "mask"), array)
        for kind in (bool, np.uint8, np.int32):
            array = cases.mask(1).astype(kind)
            self.same_memory(_arrays.labels(array, "labels"), array)
        for kind in (np.uint8, np.int16, np.int32, np.int64):
            array = np.zeros(3, kind)
            self.same_memory(_arrays.indices(array, "target"), array)
        logits = cases.batch(1)[0]
        self.same_memory(_arrays.floats(_arrays.view(logits, "logits"), "logits"), logits)

    @unittest.skipUnless(torch, "needs torch")
    def test_torch(self):
        for tensor in (torch.zeros(3, 4), torch.zeros(3, 4, dtype=torch.bool), torch.zeros(3, requires_grad=True)):
            self.assertEqual(_arrays.address(_arrays.view(tensor, "x")), tensor.data_ptr())

    @unittest.skipUnless(jax, "needs jax")
    def test_jax(self):
        array = jax.numpy.zeros((64, 64))
        self.assertEqual(_arrays.address(_arrays.view(array, "x")), array.unsafe_buffer_pointer())


class Refused(unittest.TestCase):
    def refuse(self, kind, words, *masks):
        with self.assertRaisesRegex(kind, words):
            rmseg.metrics.dice(*masks)

    def test_values(self):
        half = np.full((3, 3), 0.37)
        self.refuse(ValueError, r"prediction: holds 0.37; .*threshold", half, half)
        self.refuse(ValueError, "holds nan", np.full(3, np.nan), np.zeros(3))
        with self.assertRaisesRegex(ValueError, "truth: holds 0.5; labels are whole numbers"):
            rmseg.metrics.evaluate(np.zeros(3), np.full(3, 0.5))
        with self.assertRaisesRegex(ValueError, "target: the value .* is beyond int64"):
            rmseg.objective("ce", np.zeros((1, 2, 1, 1), np.float32), np.full((1, 1, 1), 2**63, np.uint64))

    def test_kinds(self):
        good = np.ones(3, bool)
        self.refuse(TypeError, "device 2.*cpu", Wrapped(good, device=2), good)
        self.refuse(TypeError, "filled", np.ma.array(good), good)
        for bad in ("abc", None, object(), {}, 1j, np.ones(3, "M8[s]"), np.array([None]), [[1], [1, 2]]):
            self.refuse(TypeError, "prediction: ", bad, good)
        self.refuse(TypeError, "complex", np.ones(3, complex), good)

    def test_shapes(self):
        self.refuse(ValueError, "differ in shape", np.ones((3, 4)), np.ones((4, 3)))
        self.refuse(ValueError, "one to three axes", np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)))
        self.refuse(ValueError, "positive extent", np.ones((3, 0)), np.ones((3, 0)))
        self.refuse(ValueError, "one to three axes", 1, 1)


if __name__ == "__main__":
    cases.main()
