#!/usr/bin/env python3
"""Writes tests/golden/loss.txt: values and gradients of objectives by float64 PyTorch autograd, MONAI and nnU-Net's formula.

    python3 tools/golden_loss            (needs torch and monai; the tests read the file and need neither)

The file is text. `batch` opens a batch: name n k d h w spatial, then logits, index, map. `case` is one objective on the last
batch: truth (index or map), ignored value, number of frames (0: none), expression; then frames, the value of each term,
the total and the gradient at the logits. The reference below is written from the formulas, not from the C code.
"""

import sys
from pathlib import Path

import torch
from agreement import monai_agrees, monai_distances_agree, monai_overlap_agrees, nnunet_agrees
from cases import BATCHES, cases
from view import IGNORE, View


def row(values):
    return " ".join(f"{float(x):.15g}" for x in values)


def write_case(out, batch, head, truth, ignore, frames, terms):
    given = batch.logits if head != "none" else torch.sigmoid(batch.logits)
    if head == "tanh":  # every other one so near to 0 that p is neither 0 nor 1
        given = given * torch.where(torch.arange(given.numel()).view(given.shape) % 2 == 0, 4e-4, 1.0)
    logits = given.clone().requires_grad_()
    view = View(batch, head, truth, ignore, logits, batch.frames if frames else None)
    values = [t.value(view) for t in terms]
    total = sum(t.weight * v for t, v in zip(terms, values))
    (gradient,) = torch.autograd.grad(total, logits)
    print("case", truth, IGNORE if ignore else -1, batch.n if frames else 0, f"{head}:", " + ".join(t.text() for t in terms), file=out)
    for f in batch.frames if frames else ():
        print(row(f["offset"] + f["extent"] + f["spacing"]), file=out)
    print(row(v.detach() for v in values), file=out)
    print(row([total.detach()]), file=out)
    print(row(gradient.flatten()), file=out)


def main():
    path = Path(__file__).parents[2] / "tests/golden/loss.txt"
    count = 0
    with open(path, "w") as out:
        print("# Written by tools/golden_loss: PyTorch", torch.__version__.split("+")[0], "autograd in float64", file=out)
        for batch in BATCHES:
            monai_agrees(batch, "sigmoid")
            monai_overlap_agrees(batch, "sigmoid")
            monai_distances_agree(batch, "sigmoid")
            if batch.k > 1:
                monai_overlap_agrees(batch, "softmax")
                monai_distances_agree(batch, "softmax")
                monai_agrees(batch, "softmax")
                nnunet_agrees(batch)
            print("batch", batch.name, batch.n, batch.k, *batch.size, batch.spatial, file=out)
            for values in (batch.logits, batch.index, batch.map):
                print(row(values.flatten()), file=out)
            for case in cases(batch):
                write_case(out, batch, *case)
                count += 1
    print(f"{path}: {count} cases, {path.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
