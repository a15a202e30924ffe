"""The drop-ins for MONAI's losses against MONAI's own, at random arguments and tensors, and what they have of their own."""

import itertools
import os
import random
import unittest
import warnings

from torch_case import main, torch

import rmseg
import rmseg.torch as ours

try:
    import monai.losses as theirs
except ImportError:
    raise SystemExit(print("MONAI is not installed: skipped")) from None

SHAPES = [(2, 3, 5, 6), (1, 2, 4, 5, 3), (3, 4, 3, 2), (2, 1, 6, 5), (2, 1, 4, 3, 5)]


def setUpModule():
    warnings.simplefilter("ignore")


class Draw:
    """Random arguments and tensors of one seed."""

    def __init__(self, seed):
        self.random, self.generator = random.Random(seed), torch.Generator().manual_seed(seed)
        self.shape = self.random.choice(SHAPES)

    def pick(self, *choices):
        return self.random.choice(choices)

    def common(self, activations=("sigmoid", "softmax", "none", "tanh")):
        activation = self.pick(*activations)
        arguments = {"include_background": self.pick(True, False), "reduction": self.pick("mean", "mean", "sum", "none")}
        if activation == "tanh":
            return {**arguments, "other_act": torch.tanh}
        return arguments if activation == "none" else {**arguments, activation: True}

    def tensors(self, arguments, dtype, soft=True):
        n, k, *size = self.shape
        logits = torch.randn(self.shape, generator=self.generator, dtype=dtype)
        if self.pick(True, False):
            arguments["to_onehot_y"] = True
            high = k if k > 1 else 2
            target = torch.randint(0, high, (n, 1, *size), generator=self.generator)
            return logits.requires_grad_(), target.to(self.pick(torch.uint8, torch.int64, torch.float32))
        kind = self.pick("soft", "hot", "masks") if soft else self.pick("hot", "masks")
        if kind == "soft":
            target = torch.rand(self.shape, generator=self.generator)
        elif kind == "hot" and k > 1:
            target = torch.nn.functional.one_hot(torch.randint(0, k, (n, *size), generator=self.generator), k).movedim(-1, 1)
        else:
            target = torch.randint(0, 2, self.shape, generator=self.generator)
        return logits.requires_grad_(), target.float() if kind == "soft" else target.to(self.pick(torch.float32, torch.uint8))


class Same(unittest.TestCase):
    """Values, gradients and exceptions, by the C library and by operators."""

    def compare(self, name, arguments, logits, target, tolerance):
        results = []
        for module in (theirs, ours):
            try:
                value = getattr(module, name)(**arguments)(logits, target)
                results.append((value.detach(), *torch.autograd.grad(value.sum(), logits)))
            except Exception as error:
                results.append(type(error))
        what = f"{name}({arguments}) of {tuple(logits.shape)} {logits.dtype}, {tuple(target.shape)} {target.dtype}"
        if results[0] is NotImplementedError:  # MONAI takes no integer targets where it forms norms; ours does
            return
        if isinstance(results[0], type):
            self.assertTrue(isinstance(results[1], type) and issubclass(results[1], results[0]), f"{what}: {results}")
            return
        self.assertNotIsInstance(results[1], type, f"{what}: {results[1]}")
        for expected, found in zip(*results):
            self.assertEqual(expected.shape, found.shape, what)
            self.assertTrue(torch.equal(expected.isnan(), found.isnan()), what)
            expected, found = expected.nan_to_num(0), found.to(expected.dtype).nan_to_num(0)
            difference = (found - expected).abs().max() / expected.abs().max().clamp(min=1e-3)
            self.assertLess(difference.item(), tolerance, what)

    def many(self, name, extra, count=150, soft=True, common=Draw.common):
        for seed in range(count):
            draw = Draw(seed)
            arguments = {**common(draw), **extra(draw)}
            dtype = draw.pick(torch.float32, torch.float64)
            logits, target = draw.tensors(arguments, dtype, soft)
            if name == "DiceCELoss" and arguments["weight"] is not None:
                arguments["weight"] = arguments["weight"].to(dtype)  # MONAI takes no other
            if "Hausdorff" in name and (draw.shape[1] == 1 or not arguments.get("to_onehot_y")):
                target = target.float()  # MONAI keeps the distances of an integer target in its type, and so cuts them off
            with self.subTest(seed=seed):
                self.compare(name, arguments, logits, target, 2e-5)

    def weights(self, draw, background):
        count = draw.shape[1] - (not background and draw.shape[1] > 1)
        return draw.pick(None, 0.5, [0.25 * (i + 1) for i in range(count)], [1.0] * (count + 1))

    def test_dice(self):
        self.many("DiceLoss", lambda d: {
            "squared_pred": d.pick(True, False), "jaccard": d.pick(True, False), "batch": d.pick(True, False),
            "smooth_nr": d.pick(1e-5, 0, 1.0), "smooth_dr": d.pick(1e-5, 1e-3), "soft_label": d.pick(True, False),
            "weight": self.weights(d, True), "ignore_index": d.pick(None, None, 0, 1, 255),
        }, 120)

    def test_tversky(self):
        self.many("TverskyLoss", lambda d: {
            "alpha": d.pick(0.5, 0.2, 1.0), "beta": d.pick(0.5, 0.8), "batch": d.pick(True, False),
            "soft_label": d.pick(True, False), "ignore_index": d.pick(None, None, 0, 1, 255),
        }, 60)

    def test_dice_ce(self):
        def extra(d):
            weight = d.pick(None, None, torch.arange(1.0, d.shape[1] + 1))
            return {"weight": weight, "lambda_dice": d.pick(1.0, 0.3, 0.0), "lambda_ce": d.pick(1.0, 2.5), "batch": d.pick(True, False),
                    "squared_pred": d.pick(True, False), "label_smoothing": d.pick(0.0, 0.0, 0.1)}

        self.many("DiceCELoss", extra, 100)

    def test_focal(self):
        def common(d):
            return {"include_background": d.pick(True, False), "reduction": d.pick("mean", "sum", "none"), "use_softmax": d.pick(True, False)}

        self.many("FocalLoss", lambda d: {
            "gamma": d.pick(2.0, 0.5, 0.0, 3.0), "alpha": d.pick(None, 0.25, [0.5] * d.shape[1]), "weight": self.weights(d, True),
            "ignore_index": d.pick(None, None, 0, 255),
        }, 120, common=common)

    def test_distances(self):
        self.many("BoundaryLoss", lambda d: {"batch": d.pick(True, False)}, 30)
        for name in ("HausdorffDTLoss", "LogHausdorffDTLoss"):
            self.many(name, lambda d: {"batch": d.pick(True, False), "alpha": d.pick(2.0, 1.0, 1.5)}, 30)

    def test_by_operators(self):
        os.environ["RMSEG_TORCH_PLAIN"] = "1"
        try:
            for test in (self.test_dice, self.test_tversky, self.test_dice_ce, self.test_focal, self.test_distances):
                test()
        finally:
            del os.environ["RMSEG_TORCH_PLAIN"]

    def test_odd_values(self):
        """NaN, values beyond [0,1], gradients of the target, classes that are not there."""
        logits = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
        nan = logits.detach().clone()
        nan[0, 0, 0, 0] = torch.nan
        hot = torch.rand(2, 3, 4, 5) - 0.5
        for name, arguments in (("DiceLoss", {"softmax": True}), ("DiceCELoss", {"softmax": True}), ("TverskyLoss", {"sigmoid": True}),
                                ("FocalLoss", {}), ("BoundaryLoss", {"softmax": True}), ("HausdorffDTLoss", {"softmax": True})):
            self.compare(name, arguments, logits, hot, 2e-5)
            self.compare(name, arguments, logits, 2 * hot, 2e-5)
            self.assertTrue(getattr(ours, name)(**arguments)(nan, hot.clamp(0, 1)).isnan())
            self.compare(name, {**arguments, "to_onehot_y": True}, logits, torch.full((2, 1, 4, 5), 3), 2e-5)
            if name == "BoundaryLoss":
                continue
            truth = hot.clone().requires_grad_()
            gradients = [torch.autograd.grad(getattr(m, name)(**arguments)(logits, truth), truth)[0] for m in (theirs, ours)]
            torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


class Own(unittest.TestCase):
    def test_ignore_index(self):
        """Where MONAI has none: an ignored region is as good as not there."""
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(1, 3, 8, 6, generator=generator, dtype=torch.float64)
        target = torch.randint(0, 3, (1, 1, 8, 6), generator=generator)
        marked, other = target.clone(), logits.clone()
        marked[:, :, :2], other[:, :, :2] = 255, 7
        for name, reduction in itertools.product(("DiceCELoss", "HausdorffDTLoss", "BoundaryLoss"), ("mean", "sum")):
            loss = getattr(ours, name)(softmax=True, to_onehot_y=True, ignore_index=255, reduction=reduction)
            value = loss(logits, marked).item()
            self.assertAlmostEqual(value, loss(other, marked).item(), 10)
            os.environ["RMSEG_TORCH_PLAIN"] = "1"
            try:
                self.assertAlmostEqual(value, loss(logits, marked).item(), 6)
            finally:
                del os.environ["RMSEG_TORCH_PLAIN"]
            if name == "DiceCELoss":
                whole = getattr(ours, name)(softmax=True, to_onehot_y=True, reduction=reduction)
                self.assertAlmostEqual(value, whole(logits[:, :, 2:], target[:, :, 2:]).item(), 10)

    def test_spacing(self):
        logits = torch.randn(2, 2, 6, 5, 4, generator=torch.Generator().manual_seed(0))
        target = torch.randint(0, 2, (2, 1, 6, 5, 4), generator=torch.Generator().manual_seed(1))
        for name, power in (("HausdorffDTLoss", 2), ("BoundaryLoss", 1)):
            loss = getattr(ours, name)(softmax=True, to_onehot_y=True)
            for plain in ("0", "1"):
                os.environ["RMSEG_TORCH_PLAIN"] = plain
                ratio = loss(logits, target, spacing=3) / loss(logits, target)
                self.assertAlmostEqual(ratio.item(), 3**power, 4)
                self.assertNotEqual(loss(logits, target, spacing=(1, 2, 1)).item(), loss(logits, target).item())
            del os.environ["RMSEG_TORCH_PLAIN"]

    def test_gradcheck(self):
        logits = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
        target = torch.randint(0, 2, (1, 1, 3, 4), generator=torch.Generator().manual_seed(1))
        for name in ("DiceLoss", "DiceCELoss", "TverskyLoss", "HausdorffDTLoss", "LogHausdorffDTLoss", "BoundaryLoss", "FocalLoss"):
            arguments = {"use_softmax": True} if name == "FocalLoss" else {"softmax": True}
            loss = getattr(ours, name)(to_onehot_y=True, **arguments)
            self.assertTrue(torch.autograd.gradcheck(loss, (logits, target)), name)

    def test_compiled(self):
        logits = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
        index = torch.randint(0, 3, (2, 1, 6, 5), generator=torch.Generator().manual_seed(1))
        hot = torch.nn.functional.one_hot(index[:, 0], 3).movedim(-1, 1).float()
        for name in ("DiceLoss", "DiceCELoss", "TverskyLoss", "HausdorffDTLoss", "BoundaryLoss", "FocalLoss"):
            for target, arguments in ((index, {"to_onehot_y": True}), (hot, {})):
                loss = getattr(ours, name)(**arguments, **({} if name == "FocalLoss" else {"softmax": True}))
                compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
                gradients = [torch.autograd.grad(f(logits, target), logits)[0] for f in (loss, compiled)]
                torch.testing.assert_close(*gradients, msg=name)

    def test_compiled_with_class_weights(self):
        logits = torch.randn(2, 3, 6, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
        index = torch.randint(0, 3, (2, 1, 6, 5), generator=torch.Generator().manual_seed(1))
        for name in ("DiceLoss", "DiceCELoss", "FocalLoss"):
            arguments = {"use_softmax": True} if name == "FocalLoss" else {"softmax": True}
            loss = getattr(ours, name)(to_onehot_y=True, weight=torch.tensor([1.0, 2.0, 0.5]), **arguments)
            compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
            gradients = [torch.autograd.grad(f(logits, index), logits)[0] for f in (loss, compiled)]
            torch.testing.assert_close(*gradients, msg=name)

    def test_no_sample(self):
        for name in ("HausdorffDTLoss", "LogHausdorffDTLoss", "BoundaryLoss"):
            value = getattr(ours, name)(softmax=True, to_onehot_y=True)(torch.zeros(0, 2, 5, 5), torch.zeros(0, 1, 5, 5))
            self.assertTrue(value.isnan(), name)

    def test_errors_are_both(self):
        with self.assertRaises(AssertionError) as raised:
            ours.DiceLoss()(torch.ones(1, 2, 3), torch.ones(4, 5, 6))
        self.assertIsInstance(raised.exception, rmseg.Error)
        with self.assertRaises(TypeError):
            ours.DiceLoss(other_act="tanh")
        with self.assertRaises(ValueError):
            ours.DiceLoss(reduction="unknown")


if __name__ == "__main__":
    main()
