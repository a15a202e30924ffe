#!/usr/bin/env python3
"""Train the U-Net of an rmseg run again in PyTorch: same initial weights, same samples and augmentations, same settings.

    rmseg train ... --iterations 0 --out runs/init-1            # the initial weights
    rmseg train ... --iterations 2000 --samples --out runs/gs-1 # the run to be matched; its samples.csv lists every sample
    tools/parity_drishti.py --init runs/init-1/weights.safetensors --samples runs/gs-1/samples.csv \\
        --data Drishti-GS1 --out torch-1
    rmseg evaluate --pred torch-1 --layout drishti-gs --data Drishti-GS1 --split test --json torch-1.json

The losses of the first ten steps are printed, to be held against column `total` of the run's log.csv. Everything is written out
here, preparation and loss included, so that the two trainings share nothing but their inputs.
Needs PyTorch, NumPy, Pillow. An interrupted training goes on from OUT/state.pt.
"""
import argparse
import csv
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--init", required=True, help="weights.safetensors to start from")
    parser.add_argument("--samples", required=True, help="samples.csv of the run to be matched")
    parser.add_argument("--data", required=True, help="the Drishti-GS folder")
    parser.add_argument("--out", required=True, help="folder for the predictions")
    parser.add_argument("--grid", type=int, default=256)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--alpha", type=float, default=1.0, help="weight of each of rm(2,0), rm(0,2), rm(2,2)")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def read_case(image, grid, threshold=128):
    """Image (3,grid,grid) z-scored by channel, label (grid,grid) with 0 background, 1 disc outside the cup, 2 cup."""
    rgb = torch.from_numpy(np.array(Image.open(image).convert("RGB"))).permute(2, 0, 1).float()[None]
    size = rgb.shape[2:]
    rgb = F.interpolate(rgb, (grid, grid), mode="bilinear", antialias=True, align_corners=False)[0].double()
    rgb = (rgb - rgb.mean((1, 2), keepdim=True)) / rgb.std((1, 2), unbiased=False, keepdim=True)
    label = None
    maps = next((p for p in pathlib.Path(image).parents[1].glob(f"*GT/{image.stem}/SoftMap")), None)
    if maps:
        disc, cup = (np.array(Image.open(maps / f"{image.stem}_{name}segSoftmap.png")) >= threshold for name in ("OD", "cup"))
        label = np.where(cup, 2, disc.astype(np.int64))
        rows, columns = (np.minimum(((np.arange(grid) + 0.5) * n / grid).astype(int), n - 1) for n in label.shape)
        label = torch.from_numpy(label[rows][:, columns])
    return rgb.float(), label, tuple(size)


def augment(image, label, row):
    """What samples.csv says was done: quarter turns, then flips. Anything else is refused rather than ignored."""
    unused = {"crop_h": 0, "crop_w": 0, "gain": 1, "offset": 0, "gamma": 1}
    for name, identity in unused.items():
        if float(row[name]) != identity:
            sys.exit(f"samples: {name} = {row[name]}; this script follows turns and flips only")
    flips = [axis for axis, name in ((-2, "flip_h"), (-1, "flip_w")) if int(row[name])]
    image = torch.rot90(image, int(row["turns"]), (-2, -1))
    label = torch.rot90(label, int(row["turns"]), (-2, -1))
    return torch.flip(image, flips), torch.flip(label, flips)


def loss_function(logits, label, alpha):
    """sigmoid: ce + dice + alpha*(rm(2,0) + rm(0,2) + rm(2,2)), channels disc = 1+2 and cup = 2."""
    truth = torch.stack([label >= 1, label == 2], 1).to(logits.dtype)
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, truth)
    both, squares = (p * truth).sum((0, 2, 3)), (p * p).sum((0, 2, 3)) + (truth * truth).sum((0, 2, 3))
    dice = (1 - (2 * both + 1e-5) / (squares + 1e-5)).mean()
    h, w = logits.shape[2:]
    y = ((torch.arange(1, h + 1) - h / 2) / h).to(logits.dtype)[:, None] ** 4
    x = ((torch.arange(1, w + 1) - w / 2) / w).to(logits.dtype)[None, :] ** 4
    rm = ((y + x + y * x) * (p - truth) ** 2).mean()
    return ce + dice + alpha * rm


def load_model(path, width):
    from rmseg.torch import UNet
    from rmseg.torch.weights import read_safetensors

    model = UNet(in_channels=3, out_channels=2, width=width)
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in read_safetensors(path).items()}, strict=True)
    return model


def train(model, cases, batches, args, out):
    optimiser = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-4)
    start, state = 0, out / "state.pt"
    if state.exists():
        saved = torch.load(state)
        start = saved["iteration"]
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
    began = time.time()
    for iteration in range(start, args.iterations):
        pairs = [augment(*cases[row["case"]][:2], row) for row in batches[iteration]]
        loss = loss_function(model(torch.stack([p[0] for p in pairs])), torch.stack([p[1] for p in pairs]), args.alpha)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if iteration < 10:
            print(f"{iteration + 1}  loss {loss.item():.7f}", flush=True)
        if (iteration + 1) % 50 == 0:
            speed = (time.time() - began) / (iteration + 1 - start)
            print(f"{iteration + 1}/{args.iterations}  loss {loss.item():.5f}  {speed:.3f} s/step", flush=True)
            torch.save({"iteration": iteration + 1, "model": model.state_dict(), "optimiser": optimiser.state_dict()}, out / "state.tmp")
            (out / "state.tmp").rename(state)


@torch.no_grad()
def predict(model, folder, args, out):
    model.eval()
    for image in sorted(folder.rglob("*.png")):
        rgb, _, size = read_case(image, args.grid)
        p = F.interpolate(torch.sigmoid(model(rgb[None])), size, mode="bilinear", align_corners=False)[0]
        label = torch.where(p[1] > 0.5, 2, (p[0] > 0.5).long()).to(torch.uint8)
        Image.fromarray(label.numpy()).save(out / f"{image.stem}.png")


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    out, data = pathlib.Path(args.out), pathlib.Path(args.data)
    out.mkdir(parents=True, exist_ok=True)
    batches = {}
    with open(args.samples, newline="") as file:
        for row in csv.DictReader(file):
            batches.setdefault(int(row["iteration"]), []).append(row)
    cases = {image.stem: read_case(image, args.grid) for image in sorted((data / "Training" / "Images").rglob("*.png"))}
    model = load_model(args.init, args.width)
    train(model, cases, batches, args, out)
    predict(model, data / "Test" / "Images", args, out)


if __name__ == "__main__":
    main()
