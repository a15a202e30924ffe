#!/usr/bin/env python3
"""Value and gradient of losses: rmseg beside PyTorch, MONAI and a published script, interleaved, medians, as one Markdown table.

    tools/bench_loss.py [build/librmseg_core.so] [--threads 2] [--rounds 7] [--only objective,terms,small,distances]

objective  CE + Dice + three residual moments, softmax over two classes. eager: cross_entropy, MONAI's DiceLoss and one weight map for each
           moment, as scripts write it; compiled: torch.compile of that; simplified: torch.compile of it as an ordinary careful user would clean it up:
           one log_softmax, p from it, gather in place of one-hot, weights that are vectors along the axes; by hand: torch.compile of the same value as a careful user would write
           it for two classes: a sigmoid of the difference, no one-hot, one weight from vectors along the axes. Labels are uint8 for rmseg, int64
           for PyTorch. Floor: two reads and one write of arrays like the logits (torch.add), measured between the others.
terms      seven more terms beside those of the objective.
small      what one evaluation costs at least: a batch (1,2,16,16), called from Python.
distances  hausdorff beside MONAI's HausdorffDTLoss; the boundary term, value alone, beside the SciPy maps that published scripts make for it.

Each round times every contender once, one after the other, so that a neighbour's load falls on all of them.
Needs torch, monai, scipy and scikit-image. The first run compiles for minutes; PyTorch keeps what it compiled for the next.
"""
import argparse
import os
import pathlib
import platform
import statistics
import sys
import time

import numpy
import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLAT = {(4, 2, 512, 512): ("2,0", "0,2", "2,2")}
DEEP = {(2, 2, 112, 112, 80): ("2,0,0", "0,2,0", "0,0,2"), (1, 2, 256, 256, 160): ("2,0,0", "0,2,0", "0,0,2")}
MORE = " + mse + jaccard + tversky + size + centroid + moment(%s) + rm(%s)"


def ours(expression, logits, labels, gradient):
    """A function that evaluates, as a training loop does: the evaluator is made once."""
    from rmseg import _abi
    from rmseg._evaluator import Evaluator, Parsed

    evaluator = Evaluator(Parsed(expression), tuple(logits.shape), False)
    kind = _abi.RMSEG_INDEX_U8
    arguments = logits.data_ptr(), gradient.data_ptr() if gradient is not None else None, labels.data_ptr(), kind

    def run():
        evaluator.run(*arguments)
        return evaluator.total.value

    return run


def axis_weights(size):
    """c^4 along each axis, as broadcastable vectors."""
    vectors = []
    for axis, n in enumerate(size):
        shape = [1] * len(size)
        shape[axis] = n
        vectors.append((((torch.arange(1.0, n + 1) - n / 2) / n) ** 4).view(shape))
    return vectors


def as_scripts_write_it(size):
    from monai.losses import DiceLoss

    dice = DiceLoss(include_background=False, to_onehot_y=True, softmax=True, squared_pred=True, batch=True)
    vectors = axis_weights(size)
    weights = [v.expand(size).contiguous() for v in vectors]
    if len(size) == 2:
        weights.append(weights[0] * weights[1])

    def value(logits, labels):
        p = torch.softmax(logits, 1)[:, 1]
        y = torch.nn.functional.one_hot(labels, 2)[..., 1].float()
        moments = sum((w * (p - y) ** 2).mean() for w in weights)
        return torch.nn.functional.cross_entropy(logits, labels) + dice(logits, labels[:, None]) + moments

    return value


def simplified(size):
    vectors = axis_weights(size)

    def value(logits, labels):
        log_p, y = torch.log_softmax(logits, 1), labels.float()
        p = log_p[:, 1].exp()
        ce = -log_p.gather(1, labels[:, None]).mean()
        dice = 1 - (2 * (p * y).sum() + 1e-5) / ((p * p).sum() + y.sum() + 1e-5)
        square = (p - y) ** 2
        moments = sum((v * square).mean() for v in vectors)
        return ce + dice + (moments + (vectors[0] * vectors[1] * square).mean() if len(size) == 2 else moments)

    return value


def by_hand(size):
    vectors = axis_weights(size)

    def value(logits, labels):
        z, y = logits[:, 1] - logits[:, 0], labels.float()
        p = torch.sigmoid(z)
        weight = sum(vectors) + (vectors[0] * vectors[1] if len(size) == 2 else 0)
        ce = (torch.nn.functional.softplus(z) - y * z).mean()
        dice = 1 - (2 * (p * y).sum() + 1e-5) / ((p * p).sum() + y.sum() + 1e-5)
        return ce + dice + (weight * (p - y) ** 2).mean()

    return value


def with_gradient(value, *inputs):
    """A function that evaluates and differentiates; .gradient is the last one."""

    def run():
        total = value(*inputs)
        (run.gradient,) = torch.autograd.grad(total, inputs[0])
        return float(total.detach())

    return run


def timed(contenders, rounds):
    """Medians in seconds and last results, after two rounds to warm up."""
    seconds, results = {name: [] for name in contenders}, {}
    for k in range(rounds + 2):
        for name, run in contenders.items():
            start = time.perf_counter()
            results[name] = run()
            if k > 1:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(s) for name, s in seconds.items()}, results


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def header(*cells):
    print()
    row(*cells)
    row(*["---"] * len(cells))


def ms(seconds):
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def batch(shape):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(shape, generator=generator)
    labels = torch.randint(0, 2, (shape[0], *shape[2:]), generator=generator)
    return logits, labels


def paper(orders, more=""):
    return "softmax: ce + dice" + "".join(f" + rm({q})" for q in orders) + more


def objective(rounds):
    header("logits", "rmseg", "eager", "compiled", "simplified, compiled", "by hand, compiled", "eager / rmseg",
           "simplified / rmseg", "by hand / rmseg", "floor", "share of bandwidth")
    for shape, orders in {**FLAT, **DEEP}.items():
        logits, labels = batch(shape)
        bytes_, gradient = labels.to(torch.uint8), torch.zeros_like(logits)
        leaf = logits.clone().requires_grad_()
        eager, simple, hand = as_scripts_write_it(shape[2:]), simplified(shape[2:]), by_hand(shape[2:])
        one, two, three = torch.ones(shape), torch.ones(shape), torch.ones(shape)
        contenders = {
            "rmseg": ours(paper(orders), logits, bytes_, gradient),
            "floor": lambda: torch.add(one, two, out=three),
            "eager": with_gradient(eager, leaf, labels),
            "compiled": with_gradient(torch.compile(eager, dynamic=False), leaf, labels),
            "simple": with_gradient(torch.compile(simple, dynamic=False), leaf, labels),
            "hand": with_gradient(torch.compile(hand, dynamic=False), leaf, labels),
        }
        t, values = timed(contenders, rounds)
        for name in ("eager", "compiled", "simple", "hand"):
            # cross_entropy of eager PyTorch adds up millions of voxels in float
            assert abs(values[name] - values["rmseg"]) < 1e-4 * abs(values["rmseg"]), (name, values[name], values["rmseg"])
            theirs = contenders[name].gradient
            assert (theirs - gradient).norm() < 1e-4 * theirs.norm(), (name, (theirs - gradient).norm() / theirs.norm())
        row(f"({','.join(map(str, shape))})", *(ms(t[name]) for name in ("rmseg", "eager", "compiled", "simple", "hand")),
            *(f"{t[name] / t['rmseg']:.1f}" for name in ("eager", "simple", "hand")), ms(t["floor"]), f"{100 * t['floor'] / t['rmseg']:.0f} %")


def terms(rounds):
    header("logits", "the objective", "with 7 more terms", "times")
    for shape, orders in {**FLAT, **DEEP}.items():
        logits, labels = batch(shape)
        bytes_, gradient = labels.to(torch.uint8), torch.zeros_like(logits)
        more = MORE % (("1,0", "1,1") if shape in FLAT else ("1,0,0", "1,1,0"))
        contenders = {"base": ours(paper(orders), logits, bytes_, gradient), "more": ours(paper(orders, more), logits, bytes_, gradient)}
        t, _ = timed(contenders, 3 * rounds)
        row(f"({','.join(map(str, shape))})", ms(t["base"]), ms(t["more"]), f"{t['more'] / t['base']:.2f}")


def small(rounds):
    from rmseg._evaluator import Evaluator, Parsed

    logits, labels = batch((1, 2, 16, 16))
    bytes_, gradient = labels.to(torch.uint8), torch.zeros_like(logits)
    parsed = Parsed(paper(("2,0", "0,2", "2,2")))
    run = ours(parsed.text, logits, bytes_, gradient)
    t, _ = timed({"run": run, "create": lambda: Evaluator(parsed, (1, 2, 16, 16), False)}, 200 * rounds)
    header("batch (1,2,16,16)", "")
    row("value and gradient, evaluator kept", ms(t["run"]))
    row("making an evaluator and freeing it", ms(t["create"]))


def published_maps(masks):
    """The signed distance as Ma et al.'s scripts make it: two transforms of SciPy and the inner border of each mask."""
    from scipy.ndimage import distance_transform_edt
    from skimage.segmentation import find_boundaries

    maps = numpy.zeros(masks.shape)
    for n, mask in enumerate(masks.astype(bool)):
        if mask.any():
            maps[n] = distance_transform_edt(~mask) - distance_transform_edt(mask)
            maps[n][find_boundaries(mask, mode="inner")] = 0
    return maps


def blobs(shape):
    """Two overlapping ellipsoids in each volume, as a heart's atrium or a tumour lies in its crop."""
    axes = numpy.meshgrid(*(numpy.linspace(-1, 1, n) for n in shape[2:]), indexing="ij")
    inside = sum(((a - c) / 0.45) ** 2 for a, c in zip(axes, (-0.1, 0.15, 0))) < 1
    inside |= sum(((a - c) / 0.3) ** 2 for a, c in zip(axes, (0.3, -0.2, 0.2))) < 1
    return torch.from_numpy(numpy.stack([inside, inside[::-1]]).astype(numpy.uint8))


def distances(rounds):
    from monai.losses import HausdorffDTLoss

    shape = (2, 1, 112, 112, 80)
    labels = blobs(shape)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    logits = (4 * labels[:, None] - 2 + noise).contiguous()
    gradient, leaf = torch.zeros_like(logits), logits.clone().requires_grad_()
    theirs = HausdorffDTLoss(sigmoid=True)
    contenders = {
        "hausdorff": ours("sigmoid: hausdorff(variant=monai)", logits, labels, gradient),
        "monai": with_gradient(lambda z, y: theirs(z, y), leaf, labels[:, None].float()),
        "boundary": ours("sigmoid: boundary(variant=ma)", logits, labels, None),
        "scipy": lambda: float((torch.sigmoid(logits)[:, 0].double() * torch.from_numpy(published_maps(labels.numpy()))).mean()),
    }
    t, values = timed(contenders, rounds)
    assert abs(values["hausdorff"] - values["monai"]) < 1e-4 * abs(values["monai"]), values
    assert abs(values["boundary"] - values["scipy"]) < 1e-4 * abs(values["scipy"]), values
    header("(2,1,112,112,80)", "rmseg", "the other", "times")
    row("hausdorff, value and gradient; MONAI's HausdorffDTLoss", ms(t["hausdorff"]), ms(t["monai"]), f"{t['monai'] / t['hausdorff']:.0f}")
    row("boundary, value; the published script's maps by SciPy", ms(t["boundary"]), ms(t["scipy"]), f"{t['scipy'] / t['boundary']:.0f}")


def machine(threads):
    import monai
    import rmseg
    import scipy

    name = platform.processor() or platform.machine()
    for line in open("/proc/cpuinfo") if os.path.exists("/proc/cpuinfo") else ():
        if line.startswith("model name"):
            name = line.split(":")[1].strip()
    print(f"{name}, {os.cpu_count()} processors, {threads} threads; rmseg {rmseg.version()} ({rmseg.build()}); PyTorch {torch.__version__}, "
          f"MONAI {monai.__version__}, SciPy {scipy.__version__}, Python {platform.python_version()}")


def main():
    parts = {"objective": objective, "terms": terms, "small": small, "distances": distances}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("library", nargs="?", default=ROOT / "build/librmseg_core.so")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(parts))
    options = parser.parse_args()
    os.environ["RMSEG_LIBRARY"] = str(pathlib.Path(options.library).resolve())
    sys.path.insert(0, str(ROOT / "python"))
    import rmseg

    rmseg.set_threads(options.threads)
    torch.set_num_threads(options.threads)
    machine(options.threads)
    for name in options.only.split(","):
        parts[name](options.rounds)


if __name__ == "__main__":
    main()
