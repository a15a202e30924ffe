"""rmseg.torch.Objective: its values, gradients, and manners inside PyTorch."""

import copy
import io
import pickle
import threading
import unittest
import warnings

from torch_case import golden, main, np, torch

import rmseg
from rmseg.torch import MomentMatchingLoss, Objective, ResidualMomentLoss, SignedDistanceLoss
from rmseg.torch.terms import computes

PAPER = "softmax: ce + dice + 1*rm(2,0) + 1*rm(0,2) + 1*rm(2,2)"


def batch(shape=(2, 3, 7, 9), seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=generator, dtype=dtype) * 2
    return logits.requires_grad_(), torch.randint(0, max(shape[1], 2), (shape[0], *shape[2:]), generator=generator)


class Golden(unittest.TestCase):
    """Values and gradients of tests/golden, by the C library and by PyTorch operators."""

    def check(self, case, dtype, plain, tolerance):
        loss = Objective(case.expression, plain=plain)
        logits = case.logits.to(dtype, copy=True).requires_grad_()
        target = case.target if case.target.ndim < logits.ndim else case.target.to(dtype)
        total = loss(logits, target, ignore_index=case.ignore, **case.frames)
        total.backward()
        for found, expected in (
            (list(loss.terms.values()), case.values),
            (total.item(), case.total),
            (logits.grad.numpy(), case.gradient),
        ):
            scale = max(np.abs(expected).max(), 1e-3) if np.ndim(expected) == 4 or np.ndim(expected) == 5 else np.abs(expected) + 1e-3
            error = np.max(np.abs(np.asarray(found) - expected) / scale)
            self.assertLess(error, tolerance, f"{case.name}: {case.expression}, {dtype}, plain={plain}")

    def test_golden(self):
        plain = 0
        for case in golden():
            self.check(case, torch.float64, False, 1e-9)
            if computes(Objective(case.expression).parsed):
                plain += 1
                self.check(case, torch.float64, True, 1e-8)
                self.check(case, torch.float32, True, 2e-4)
        self.assertGreater(plain, 500)


class Values(unittest.TestCase):
    def test_same_bits_as_the_library(self):
        logits, target = batch()
        for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64):
            value, gradient = rmseg.objective(PAPER, logits.detach().numpy(), target.to(dtype).numpy())
            loss = Objective(PAPER)
            (found,) = torch.autograd.grad(loss(logits, target.to(dtype)), logits)
            self.assertEqual(loss.value, value)
            self.assertTrue(np.array_equal(found.numpy(), gradient))

    def test_targets_say_the_same(self):
        logits, target = batch()
        loss = Objective(PAPER)
        hot = torch.nn.functional.one_hot(target, 3).movedim(-1, 1)
        expected = loss(logits, target).item()
        for same in (target[:, None], target.float(), target.to(torch.int8), target[:, None].double(), hot, hot.float(), hot.bool()):
            self.assertAlmostEqual(loss(logits, same).item(), expected, 6)

    def test_ignored(self):
        logits, target = batch()
        for ignore in (255, -1, -100, 1):
            marked = target.clone()
            marked[:, 2] = ignore
            hot = torch.nn.functional.one_hot(marked.clamp(0, 2), 3).movedim(-1, 1).float()
            hot[(marked == ignore)[:, None].expand_as(hot)] = -1
            for plain in (False, True):
                loss = Objective(PAPER, ignore_index=ignore, plain=plain)
                value = loss(logits, marked)
                self.assertAlmostEqual(value.item(), loss(logits, hot).item(), 5)
                (gradient,) = torch.autograd.grad(value, logits)
                self.assertEqual(gradient[:, :, 2].abs().max(), 0)

    def test_ignored_in_a_mask(self):
        logits, _ = batch((2, 1, 6, 5))
        mask = torch.randint(0, 2, (2, 1, 6, 5), generator=torch.Generator().manual_seed(1)).float()
        mask[:, :, 0] = 255
        for plain in (False, True):
            loss = Objective("sigmoid: ce + dice", ignore_index=255, plain=plain)
            self.assertAlmostEqual(loss(logits, mask).item(), loss(logits[:, :, 1:], mask[:, :, 1:]).item(), 5)
            self.assertAlmostEqual(loss(logits, mask).item(), loss(logits, mask.to(torch.uint8)).item(), 5)

    def test_layouts(self):
        logits, target = batch((2, 3, 5, 6, 7))
        loss = Objective("ce + dice + rm(2,0,0)")
        expected = torch.autograd.grad(loss(logits, target), logits)[0]
        for other in (logits.to(memory_format=torch.channels_last_3d), logits.transpose(2, 4).contiguous().transpose(2, 4)):
            self.assertTrue(torch.equal(torch.autograd.grad(loss(other, target), logits)[0], expected))

    def test_frames(self):
        logits, target = batch((2, 2, 4, 6), dtype=torch.float64)
        loss, plain = (Objective("rm(2,0; frame=volume, units=mm)", plain=p) for p in (False, True))
        for frames in (dict(spacing=2), dict(spacing=(1, 0.5)), dict(spacing=[[1, 2], [3, 4.0]], offset=(1, 2), extent=(9, 9))):
            self.assertAlmostEqual(loss(logits, target, **frames).item(), plain(logits, target, **frames).item(), 12)

    def test_named(self):
        logits, target = batch((1, 2, 6, 6))
        self.assertEqual(
            ResidualMomentLoss(alpha=0.5, scale=2)(logits, target).item(),
            Objective("0.5*rm(2,0; scale=2) + 0.5*rm(0,2; scale=2) + 0.5*rm(2,2; scale=2)")(logits, target).item(),
        )
        self.assertEqual(
            MomentMatchingLoss((1, 0), include_background=True, sigmoid=True)(logits, target).item(),
            Objective("sigmoid: moment(1,0; channels=all)")(logits, target).item(),
        )
        self.assertEqual(SignedDistanceLoss()(logits[:, :1], target).item(), Objective("tanh: dice + 10*sdf")(logits[:, :1], target).item())


class State(unittest.TestCase):
    def test_schedule(self):
        logits, target = batch()
        for plain in (False, True):
            loss = Objective("ramp(1 -> 3)*ce", plain=plain)
            first = loss(logits, target).item()
            loss.set_progress(0.5)
            self.assertAlmostEqual(loss(logits, target).item(), 2 * first, 5)
            self.assertEqual(loss.weights, {"ce": 2.0})
            with self.assertRaises(ValueError):
                loss.set_progress(1.5)

    def test_shares_are_kept(self):
        logits, target = batch(dtype=torch.float64)
        found = []
        for plain in (False, True):
            loss = Objective("ce + share(10%)*rm(2,0)", plain=plain)
            for scale in (1, 2, 3):
                loss(logits * scale, target).backward()
            other = Objective("ce + share(10%)*rm(2,0)", plain=plain)
            other.load_state_dict(loss.state_dict())
            self.assertEqual(loss(logits, target).item(), other(logits, target).item())
            found.append(loss.shares.item())
        self.assertAlmostEqual(found[0] / found[1], 1, 10)

    def test_validation_leaves_shares_alone(self):
        logits, target = batch()
        loss = Objective("ce + share(10%)*rm(2,0)")
        loss(logits, target)
        before = loss.shares.item()
        with torch.no_grad():
            loss(logits * 5, target)
        self.assertEqual(loss.shares.item(), before)

    def test_copies(self):
        logits, target = batch()
        loss = Objective(PAPER, ignore_index=1)
        buffer = io.BytesIO()
        torch.save(loss, buffer)
        buffer.seek(0)
        for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), torch.load(buffer, weights_only=False)):
            self.assertEqual(other(logits, target).item(), loss(logits, target).item())

    def test_threads(self):
        logits, target = batch()
        loss = Objective(PAPER)
        expected, found = loss(logits, target).item(), []
        workers = [threading.Thread(target=lambda: found.append(loss(logits, target).item())) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(found, [expected] * 8)

    def test_stays_double(self):
        """.half() of a module that holds an objective rounds no schedule."""
        logits, target = torch.randn(1, 2, 6, 6, dtype=torch.float64), torch.randint(0, 2, (1, 6, 6))
        loss = Objective("a*ce + dice, a = ramp(1 -> 0.3)")
        loss.set_progress(0.3)
        expected = loss(logits, target)
        self.assertEqual(torch.nn.Sequential(loss).half()[0](logits, target), expected)
        self.assertTrue(loss.progress.dtype == loss.scheduled.dtype == torch.float64)



class Manners(unittest.TestCase):
    def test_gradcheck(self):
        logits, target = batch((1, 2, 3, 4), dtype=torch.float64)
        for text in (PAPER, "sigmoid: focal + tversky + moment(1,0) + size + centroid(min_size=0)", "boundary + hausdorff"):
            for plain in (False, True):
                self.assertTrue(torch.autograd.gradcheck(Objective(text, plain=plain), (logits, target)))

    def test_backward_twice(self):
        logits, target = batch()
        value = Objective(PAPER)(logits, target)
        value.backward(retain_graph=True)
        once = logits.grad.clone()
        logits.grad.mul_(1)
        (value * 3).backward()
        torch.testing.assert_close(logits.grad, 4 * once)

    def test_orders_for_each_channel(self):
        logits, target = batch()
        for text in ("rm(2,0 / 0,2; channels=2+1, weights=1+0.5)", "moment(1,0 / 0,1 / 1,1; channels=all)", "dice(channels=2+1, weights=1+0.5)"):
            values = [Objective(text, plain=plain)(logits, target).item() for plain in (False, True)]
            self.assertAlmostEqual(values[0] / values[1], 1, 5)
            for plain in (False, True):
                with self.assertRaisesRegex(ValueError, "2 lists of orders for 3 channels"):
                    Objective("rm(2,0 / 0,2; channels=all)", plain=plain)(logits, target)

    def test_operator(self):
        logits, target = batch()
        loss = Objective("ce + share(10%)*dice")
        torch.library.opcheck(
            torch.ops.rmseg.objective.default,
            (logits, target, None, loss.progress, loss.shares, loss.text, None, True, False, ""),
        )

    def test_second_derivative_is_refused(self):
        logits, target = batch()
        for loss in (Objective(PAPER), Objective("ce + share(10%)*dice", plain=True)):
            (gradient,) = torch.autograd.grad(loss(logits, target), logits, create_graph=True)
            with self.assertRaisesRegex(rmseg.Error, "second derivatives"):
                gradient.sum().backward()
        (gradient,) = torch.autograd.grad(Objective(PAPER, plain=True)(logits, target), logits, create_graph=True)
        gradient.sum().backward()

    def test_halves(self):
        logits, target = batch()
        expected = torch.autograd.grad(Objective(PAPER)(logits, target), logits)[0]
        for dtype, tolerance in ((torch.float16, 2e-3), (torch.bfloat16, 2e-2)):
            half = logits.detach().to(dtype).requires_grad_()
            value = Objective(PAPER)(half, target)
            value.backward()
            self.assertEqual((value.dtype, half.grad.dtype), (torch.float32, dtype))
            self.assertLess((half.grad - expected).abs().max() / expected.abs().max(), 10 * tolerance)
        half = logits.detach().half().requires_grad_()
        value = Objective(PAPER)(half * 65504, target)
        value.backward()
        self.assertTrue(value.isnan() and half.grad.isnan().any())

    def test_autocast_and_scaler(self):
        images, (_, target) = torch.randn(2, 3, 7, 9), batch()
        for plain in (False, True):
            network = torch.nn.Conv2d(3, 3, 1)
            scaler, optimizer = torch.amp.GradScaler("cpu"), torch.optim.SGD(network.parameters(), 0.1)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                value = Objective(PAPER, plain=plain)(network(images), target)
            scaler.scale(value).backward()
            scaler.step(optimizer)
            scaler.update()
            self.assertTrue(all(p.isfinite().all() for p in network.parameters()))

    def test_functorch(self):
        logits, target = batch()
        expected = torch.autograd.grad(Objective(PAPER)(logits, target), logits)[0]
        found = torch.func.grad(lambda z: Objective(PAPER)(z, target))(logits.detach())
        self.assertTrue(torch.equal(found, expected))

    def test_deterministic(self):
        logits, target = batch()
        torch.use_deterministic_algorithms(True)
        try:
            for plain in (False, True):
                loss = Objective(PAPER, plain=plain)
                torch.autograd.grad(loss(logits, target), logits)
        finally:
            torch.use_deterministic_algorithms(False)

    def test_meta_subclass(self):
        class Named(torch.Tensor):
            pass

        logits, target = batch()
        value = Objective(PAPER)(logits.as_subclass(Named), target.as_subclass(Named))
        self.assertEqual(value.item(), Objective(PAPER)(logits, target).item())

    def test_refusals(self):
        logits, target = batch()
        loss, wrong = Objective(PAPER), target.clone()
        wrong[0, 0, 0] = 7
        nan = logits.detach().clone()
        nan[0, 0, 0, 0] = torch.nan
        for bad in (
            lambda: Objective("ce + dise"),
            lambda: Objective("spread", plain=True),
            lambda: Objective("boundary(maps=image)")(logits, target),
            lambda: Objective("tanh: sdf(maps=image)", plain=True)(logits, target),
            lambda: Objective("hausdorff(maps=image)", plain=True)(logits, target),
            lambda: loss(logits[0], target),
            lambda: loss(logits, target[:1]),
            lambda: loss(logits, wrong),
            lambda: loss(logits, target + 0.5),
            lambda: loss(nan, target),
            lambda: loss(logits, target, spacing=(1, 2, 3)),
            lambda: loss(logits, target.to("meta")),
            lambda: Objective("rm(2,0,0)")(logits, target),
            lambda: Objective("softmax: ce")(logits[:, :1], target),
            lambda: loss(logits, target, ignore_index=2**40),
            lambda: ResidualMomentLoss([]),
            lambda: Objective("hausdorff", plain=True)(logits[:, :, :0], target[:, :0]),
            lambda: ResidualMomentLoss([(2, 0)], reduction="none"),
        ):
            with self.assertRaises(rmseg.Error) as raised:
                bad()
            self.assertGreater(len(str(raised.exception)), 20)
        for bad in (lambda: loss(logits.long(), target), lambda: loss(logits.detach().numpy(), target), lambda: loss(logits, None), lambda: ResidualMomentLoss([(2.5, 0)]),
                    lambda: loss(logits.detach().to_sparse(), target), lambda: Objective(PAPER, ignore_index="a")):
            with self.assertRaises(TypeError):
                bad()


@unittest.skipUnless(hasattr(torch, "compile"), "no torch.compile")
class Compiled(unittest.TestCase):
    def test_compiled(self):
        warnings.simplefilter("ignore")
        logits, target = batch()
        for text, plain in ((PAPER, False), ("ce + share(5%)*rm(2,0)", False), (PAPER + " + 0.1*hausdorff", True)):
            loss, same = Objective(text, plain=plain), Objective(text, plain=plain)
            compiled = torch.compile(lambda z, y: loss(z * 2, y), fullgraph=True, backend="aot_eager")
            for _ in range(2):
                found, expected = (torch.autograd.grad(f, logits)[0] for f in (compiled(logits, target), same(logits * 2, target)))
                torch.testing.assert_close(found, expected)
            self.assertEqual(list(loss.terms), list(same.terms))
            torch.testing.assert_close(torch.tensor(list(loss.terms.values())), torch.tensor(list(same.terms.values())))


if __name__ == "__main__":
    main()
