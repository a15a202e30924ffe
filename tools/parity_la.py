#!/usr/bin/env python3
"""Train the V-Net of an rmseg run again in PyTorch: same initial weights, samples, dropped channels and settings. The small left atrium:

    tools/halve_la.py LA HALF
    rmseg train --layout la --data HALF --net vnet --width 8 --patch 64,64,48 --augment rot90-dh,flip-d --schedule step \\
        --iterations 2000 --seed 1 --samples --out runs/la-1     # the run to be matched; its samples.csv lists every sample
    rmseg train ... --iterations 0 --out runs/init-1             # the same options: the initial weights
    tools/parity_la.py --run runs/la-1 --init runs/init-1/weights.safetensors --data HALF --stride 9,9,2 --out torch/la-1
    rmseg predict --run runs/la-1 --layout la --data HALF --split test --stride 9,9,2 --out pred/la-1
    rmseg evaluate --pred pred/la-1 --layout la --data HALF --split test --run rmseg --seed 1 --json rmseg-1.json
    rmseg evaluate --pred torch/la-1 --layout la --data HALF --split test --run PyTorch --seed 1 --json torch-1.json

and `rmseg compare` of the results of several seeds. Of the run, samples.csv (case, turn, flips and crop of each sample), config.ini and run.json are
read; the network (tools/vnet_reference.py), augmentation, loss, schedule and windows are written apart from rmseg's. Dropout drops the
channels that rmseg drops: its random numbers depend on seed, step, sample, layer and channel alone (tools/rmseg_random.py).

OUT/losses.csv has the losses of each step; those of the first ten are printed beside the run's. `--steps 10` ends there, without predictions.
An interrupted training goes on from OUT/state.pt. Needs PyTorch, NumPy, h5py, Pillow, nibabel and safetensors.
"""

import argparse
import csv
import json
import re
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from parity_windows import load, test_single_case
from PIL import Image
from rmseg_random import DROPOUT, stream_uniform

FOLLOWED = {"layout": "la", "net": "vnet", "norm": "batch", "normalize": "none", "optimizer": "sgd", "warmup": "0", "clip-norm": "0",
            "ema": "0", "select": "last", "crop": "volume"}
OBJECTIVE = ("softmax: ce(reduction=mean) + dice(variant=ua-mt, channels=fg, batch=true, squared_pred=true, jaccard=false, "
             "smooth_nr=1e-05, smooth_dr=1e-05, reduction=mean, soft_label=false)")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, type=Path, help="the run to be matched, trained with --samples")
    parser.add_argument("--init", required=True, type=Path, help="weights.safetensors to start from")
    parser.add_argument("--data", required=True, type=Path, help="the folder of layout la that it was trained on")
    parser.add_argument("--out", required=True, type=Path, help="folder for predictions and losses")
    parser.add_argument("--stride", default="9,9,2", help="of the windows that predict")
    parser.add_argument("--steps", type=int, help="end after so many, without predictions")
    parser.add_argument("--double", action="store_true", help="compute in float64, which tells rounding from another formula")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


# ---- what the run says of itself ----------------------------------------------------------------------------------------------


def read_config(run):
    """config.ini as {key: text}; a setting that is not followed here is refused rather than ignored."""
    lines = (line.split(" = ", 1) for line in (run / "config.ini").read_text().splitlines() if not line.startswith("#"))
    config = {key: value.strip() for key, value in lines}
    for key, value in FOLLOWED.items():
        if config[key] != value:
            sys.exit(f"{run}: {key} = {config[key]}; this script follows {value} only")
    if config["schedule"] not in ("constant", "step"):
        sys.exit(f"{run}: schedule = {config['schedule']}; this script follows constant and step only")
    return config


def read_report(run):
    """The factors of ce and dice, and the places of the two dropouts among the layers (both None without dropout)."""
    report = json.loads((run / "run.json").read_text())
    if re.sub(r"[0-9.e+-]+\*", "", report["objective"]) != OBJECTIVE:
        sys.exit(f"{run}: minimises {report['objective']}; this script follows a sum of ce and dice, as they are by default")
    layers = [line.split(":")[0] for line in report["algorithms"]]
    places = [layers.index(name) if name in layers else None for name in ("block_five.dropout", "block_nine.dropout")]
    return [term["weight"] for term in report["terms"]], places


def read_batches(path):
    batches = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            batches.setdefault(int(row["iteration"]), []).append(row)
    return batches


# ---- samples ------------------------------------------------------------------------------------------------------------------


def read_cases(data, split):
    cases = {}
    for name in (data / f"{split}.list").read_text().split():
        with h5py.File(data / name / "mri_norm2.h5") as file:
            cases[name] = file["image"][:], file["label"][:]
    return cases


def sample(array, row, patch):
    """What samples.csv says was done: quarter turns, then flips, then the crop, with zeros beyond the image."""
    for name, identity in {"gain": 1, "offset": 0, "gamma": 1}.items():
        if float(row[name]) != identity:
            sys.exit(f"samples: {name} = {row[name]}; this script follows turns, flips and crops only")
    array = np.rot90(array, int(row["turns"]), {"dh": (0, 1), "hw": (1, 2)}[row["plane"]])
    array = np.flip(array, [axis for axis, name in enumerate("dhw") if int(row[f"flip_{name}"])])
    start = [int(row[f"crop_{name}"]) for name in "dhw"]
    inside = array[tuple(slice(max(s, 0), s + p) for s, p in zip(start, patch))]
    before = [max(-s, 0) for s in start]
    return np.pad(inside, [(b, p - b - n) for b, p, n in zip(before, patch, inside.shape)])


def make_batch(cases, rows, patch):
    """Images (N,1,D,H,W) float32 and labels (N,D,H,W) int64."""
    images, labels = ([sample(cases[row["case"]][part], row, patch) for row in rows] for part in (0, 1))
    return torch.from_numpy(np.stack(images)[:, None]), torch.from_numpy(np.stack(labels).astype(np.int64))


# ---- training -----------------------------------------------------------------------------------------------------------------


class ReplayedDropout(torch.nn.Module):
    """The V-Net's dropout, called twice a pass, with the channels that rmseg drops: draw c of stream (seed, DROPOUT, iteration,
    sample * 65536 + place of the layer) decides on channel c of the sample."""

    def __init__(self, probability, seed, places):
        super().__init__()
        self.probability, self.seed, self.places = probability, seed, places

    def start(self, iteration):
        self.iteration, self.calls = iteration, 0

    def forward(self, x):
        if not self.training or self.probability == 0:
            return x
        place = self.places[self.calls]
        self.calls += 1
        draws = [stream_uniform(self.seed, DROPOUT, self.iteration, n * 65536 + place, x.shape[1]) for n in range(x.shape[0])]
        factors = torch.from_numpy(np.where(np.stack(draws) < self.probability, 0, 1 / (1 - self.probability))).to(x.dtype)
        return x * factors[:, :, None, None, None]


def loss_terms(logits, label):
    """Cross-entropy, and the Dice of the foreground with squares and sums over the batch."""
    p, truth = torch.softmax(logits, 1)[:, 1], (label == 1).to(logits.dtype)
    dice = 1 - (2 * (p * truth).sum() + 1e-5) / ((p * p).sum() + (truth * truth).sum() + 1e-5)
    return F.cross_entropy(logits, label), dice


def learning_rate(config, iteration):
    share = 12 * iteration / int(config["iterations"])
    decay = 1 if config["schedule"] == "constant" or share < 5 else 0.1 if share < 10 else 0.01
    return float(config["lr"]) * decay


def train(model, config, factors, args):
    cases, batches = read_cases(args.data, "train"), read_batches(args.run / "samples.csv")
    patch, steps = [int(n) for n in config["patch"].split(",")], args.steps or int(config["iterations"])
    optimiser = torch.optim.SGD(model.parameters(), momentum=float(config["momentum"]), weight_decay=float(config["weight-decay"]))
    losses, state = [], args.out / "state.pt"
    if state.exists():
        saved = torch.load(state)
        losses = saved["losses"]
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
    model.train()
    first, began = len(losses), time.time()
    for iteration in range(first, steps):
        image, label = make_batch(cases, batches[iteration], patch)
        model.dropout.start(iteration)
        logits = model(image.to(model.out_conv.weight.dtype, memory_format=torch.channels_last_3d))
        terms = loss_terms(logits, label)
        optimiser.param_groups[0]["lr"] = learning_rate(config, iteration)
        optimiser.zero_grad(set_to_none=True)
        sum(factor * term for factor, term in zip(factors, terms)).backward()
        optimiser.step()
        losses.append([term.item() for term in terms])
        if (iteration + 1) % 50 == 0 or iteration + 1 == steps:
            print(f"{iteration + 1}/{steps}  {(time.time() - began) / (iteration + 1 - first):.3f} s/step", flush=True)
            saved = {"losses": losses, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save(saved, args.out / "state.tmp")
            (args.out / "state.tmp").rename(state)
    return losses


def report_losses(losses, args):
    with open(args.out / "losses.csv", "w") as file:
        file.write("iteration,ce,dice\n")
        file.writelines(f"{i + 1},{ce!r},{dice!r}\n" for i, (ce, dice) in enumerate(losses))
    with open(args.run / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))[:10]
    print("step    ce: rmseg, PyTorch, relative difference      dice")
    for row, mine in zip(rows, losses):
        pairs = [(float(row[name]), value) for name, value in zip(("ce", "dice"), mine)]
        print(f"{row['iteration']:>4}", *(f"{a:12.8f} {b:12.8f} {abs(a - b) / abs(b):8.1e}" for a, b in pairs))


# ---- prediction ---------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def predict(model, config, args):
    model.eval().float()
    window, stride = ([int(n) for n in text.split(",")] for text in (config["patch"], args.stride))
    for name, (image, _) in read_cases(args.data, "test").items():
        probabilities, windows = test_single_case(model, image, stride, window)
        slices = [Image.fromarray(plane) for plane in probabilities.argmax(0).astype(np.uint8)]
        slices[0].save(args.out / f"{name}.tif", save_all=True, append_images=slices[1:], compression="tiff_adobe_deflate")
        print(f"{name}: {windows} windows", flush=True)


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    config, (factors, places) = read_config(args.run), read_report(args.run)
    model, _ = load(args.init)
    if args.double:
        model.double()
    model.dropout = ReplayedDropout(float(config["dropout"]), int(config["seed"]), places)
    report_losses(train(model, config, factors, args), args)
    if not args.steps:
        predict(model, config, args)


if __name__ == "__main__":
    main()
