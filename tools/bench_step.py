#!/usr/bin/env python3
"""A training step, or a window of a prediction: rmseg beside PyTorch (eager and compiled, both layouts), time and peak resident memory.

    tools/bench_step.py build/src/cli/rmseg [--works step,predict] [--only V-Net-16] [--threads 2] [--rounds 3] [--limit 30] [--json FILE]

The cases are the table CASES. A step is forward, CE + Dice, backward and SGD with momentum, in f32, batch norm; V-Nets drop channels (0.5). Every contender has a
process of its own. rmseg's steps and one of PyTorch's variants are taken in turn, so that a neighbour's load falls on both; then the next variant.
The first step of each is not counted. A variant takes no more steps once they would pass --limit seconds, and one whose step takes more
than 120 s, compiling included, is stopped; the table says how far it got. PyTorch runs with the allocator settings that suit it best (no page faults); its networks
are rmseg.torch.UNet and tools/vnet_reference.py. Without PyTorch only rmseg's rows are there.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import platform
import select
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

TUNED = {"THP_MEM_ALLOC_ENABLE": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
ROOT = pathlib.Path(__file__).resolve().parent.parent


class Case(NamedTuple):
    work: str  # "step" or "predict"
    net: str
    width: int
    grid: tuple
    batch: int

    def title(self):
        name = f"{'V-Net' if self.net == 'vnet' else 'U-Net'}-{self.width}, {'x'.join(map(str, self.grid))}"
        return f"{name}, batch {self.batch}" if self.work == "step" else f"{name}, a window"

    def channels(self):
        return 1 if len(self.grid) == 3 else 3


CASES = [
    Case("step", "vnet", 16, (112, 112, 80), 1),
    Case("step", "vnet", 16, (112, 112, 80), 4),
    Case("step", "unet", 64, (512, 512), 1),
    Case("step", "unet", 16, (256, 256), 4),
    Case("step", "vnet", 8, (80, 80, 48), 2),
    Case("predict", "vnet", 16, (112, 112, 80), 1),
]
FIRST_S = 120  # at most, to import PyTorch and for a step: the first of a compiled one takes long
VARIANTS = {
    "eager": (False, False),
    "eager, channels_last": (False, True),
    "compiled": (True, False),
    "compiled, channels_last": (True, True),
}


# ---- PyTorch, in a process of its own ------------------------------------------------------------------------------------------------------


def torch_work(case, compiled, channels_last):
    import torch
    import torch.nn.functional as F

    sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tools")]
    torch.manual_seed(1)
    flat = len(case.grid) == 2
    layout = torch.contiguous_format if not channels_last else torch.channels_last if flat else torch.channels_last_3d
    if case.net == "unet":
        from rmseg.torch import UNet

        model = UNet(in_channels=case.channels(), out_channels=2, width=case.width)
    else:
        from vnet_reference import VNet

        model = VNet(in_channels=case.channels(), width=case.width)
    model = model.to(memory_format=layout)
    image = torch.rand(case.batch, case.channels(), *case.grid).to(memory_format=layout)
    truth = (torch.rand(case.batch, *case.grid) < 0.1).long()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)

    def objective(image):
        logits = model(image)
        p, y = torch.softmax(logits, 1)[:, 1], truth.float()
        dice = 1 - (2 * (p * y).sum() + 1e-5) / ((p * p).sum() + y.sum() + 1e-5)
        return F.cross_entropy(logits, truth) + dice

    def window(image):
        return torch.softmax(model(image), 1)

    predicts = case.work == "predict"
    run = torch.compile(window if predicts else objective) if compiled else window if predicts else objective
    model.train(not predicts)

    def once():
        if predicts:
            with torch.inference_mode():
                run(image)
            return
        optimiser.zero_grad(set_to_none=True)
        run(image).backward()
        optimiser.step()

    return once


def resident_peak_mb(process="self"):
    """Of this process so far, or of that with a number; 0 where the system does not tell."""
    try:
        lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) * 1024e-6 for line in lines if line.startswith("VmHWM:")), 0.0)


def child(order):
    """Says what importing took; then a step for every line of input."""
    import torch

    torch.set_num_threads(order["threads"])
    print(json.dumps({"import_mb": resident_peak_mb()}), flush=True)
    once = torch_work(Case(**order["case"]), order["compiled"], order["channels_last"])
    for _ in sys.stdin:
        start = time.perf_counter()
        once()
        print(json.dumps({"seconds": time.perf_counter() - start, "peak_mb": resident_peak_mb()}), flush=True)


class Contender:
    """A variant of PyTorch in its process."""

    def __init__(self, case, variant, threads):
        compiled, channels_last = VARIANTS[variant]
        order = {"case": case._asdict(), "threads": threads, "compiled": compiled, "channels_last": channels_last}
        command = [sys.executable, __file__, "--child", json.dumps(order)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=dict(os.environ, **TUNED), **pipes)
        self.ready = self.hear(FIRST_S)

    def hear(self, seconds):
        """The next message; None when it does not come in time, or never."""
        ready = select.select([self.process.stdout], [], [], seconds)[0]
        line = self.process.stdout.readline() if ready else b""
        return json.loads(line) if line else None

    def step(self, seconds):
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        return self.hear(seconds)

    def close(self):
        """The last line of what it said of its failure, where it failed by itself."""
        failed = self.process.poll()
        self.process.kill()
        said = self.process.communicate()[1].decode(errors="replace").strip().splitlines()
        return (said[-1] if said else f"exit {failed}") if failed else None


# ---- in turn --------------------------------------------------------------------------------------------------------------------------------


def bench_rows(program, family, case, rounds, threads):
    """The rows of `rmseg bench FAMILY` for the case's network."""
    command = [program, "bench", family, "--net", case.net, "--width", case.width, "--grid", ",".join(map(str, case.grid)), "--batch", case.batch]
    command += ["--dropout", 0.5 if case.net == "vnet" else 0, "--objective", "softmax: ce + dice", "--threads", threads, "--rounds", rounds]
    done = subprocess.run([*map(str, command), "--json", "-", "--quiet"], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)["rows"]


def ours(program, case, steps, threads):
    """Seconds of each step, and the peak resident memory in MB (of a prediction: nothing)."""
    rows = bench_rows(program, case.work, case, steps, threads)
    seconds = next(row["samples"] for row in rows if row["pass"] == "whole" or row["name"] == "window")
    memory = next((row["value"] for row in rows if row["pass"] == "resident"), None)
    return [ms * 1e-3 for ms in seconds], memory


def measure_variant(program, case, variant, args, own):
    result = {"seconds": []}
    contender = Contender(case, variant, args.threads)
    result["import_mb"] = contender.ready["import_mb"] if contender.ready else None
    first = contender.ready and contender.step(FIRST_S)
    if first:
        result["first_s"] = first["seconds"]
    for _ in range(args.rounds if first else 0):
        seconds, memory = ours(program, case, 1, args.threads)
        own["seconds"] += seconds
        own["peak_mb"] = max(own["peak_mb"] or 0, memory or 0) or None
        heard = contender.step(FIRST_S)
        if not heard:
            break
        result["seconds"].append(heard["seconds"])
        result["peak_mb"] = heard["peak_mb"]
        if sum(result["seconds"]) + heard["seconds"] > args.limit:
            break
    result["failure"] = contender.close()
    return result


def measure_case(program, case, args, variants):
    seconds, memory = ours(program, case, args.rounds, args.threads)
    own = {"seconds": seconds, "peak_mb": memory}
    result = {"case": case.title(), "work": case.work, "rmseg": own, "torch": {}}
    for variant in variants:
        result["torch"][variant] = measure_variant(program, case, variant, args, own)
    return result


def best_of(result):
    """The name of PyTorch's fastest variant, None where there is none."""
    done = {name: statistics.median(v["seconds"]) for name, v in result["torch"].items() if v["seconds"]}
    return min(done, key=done.get) if done else None


def ratio_of(result):
    best = best_of(result)
    return statistics.median(result["torch"][best]["seconds"]) / statistics.median(result["rmseg"]["seconds"]) if best else None


def spread(seconds):
    return f"{statistics.median(seconds):8.3f} s   ({min(seconds):.3f} to {max(seconds):.3f}, {len(seconds)} steps)"


def told(variant):
    """A variant's time, or how far it got."""
    if variant["seconds"]:
        return spread(variant["seconds"])
    if variant["failure"]:
        return f"failed: {variant['failure']}"
    return f"stopped after {FIRST_S} s" + (
        f"; its first step took {variant['first_s']:.1f} s" if "first_s" in variant else ", in its first step"
    )


def print_result(result):
    ratio = ratio_of(result)
    print(result["case"] + (f": PyTorch's best / rmseg = {ratio:.2f}" if ratio else ""))
    for name, values in {"rmseg": result["rmseg"], **result["torch"]}.items():
        memory = f"   peak {values['peak_mb']:.0f} MB" if values.get("peak_mb") else ""
        print(f"  {name:24} {told(values) if name != 'rmseg' else spread(values['seconds'])}{memory}")
    sys.stdout.flush()


def has_torch():
    return importlib.util.find_spec("torch") is not None


def run(program, args):
    """Results of all chosen cases, printed as they come."""
    variants = [v for v in args.variants.split(";") if v] if has_torch() else []
    if not variants:
        print("PyTorch is not there: rmseg alone")
    library = pathlib.Path(program).resolve().parents[2] / "librmseg_core.so"  # for the modules of rmseg.torch
    if library.exists():
        os.environ.setdefault("RMSEG_LIBRARY", str(library))
    results = []
    for case in CASES:
        if case.work in args.works.split(",") and args.only in case.title():
            results.append(measure_case(str(program), case, args, variants))
            print_result(results[-1])
    return results


def add_arguments(parser):
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=30, help="seconds of steps for each variant of PyTorch")
    parser.add_argument("--only", default="", help="cases whose title holds this text")
    parser.add_argument("--variants", default=";".join(VARIANTS), help="of PyTorch, with ; between")


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--child":
        return child(json.loads(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--works", default="step,predict")
    parser.add_argument("--json", type=pathlib.Path)
    add_arguments(parser)
    args = parser.parse_args()
    print(f"{processor()}, {args.threads} threads")
    results = run(args.program.resolve(), args)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
