#!/usr/bin/env python3
"""What `make bench` runs: rmseg beside PyTorch and other tools on this machine, written to docs/benchmarks.md with the date.

    tools/bench.py [--build build] [--sections machine,step,predict,case,onednn,loss,metrics] [--out docs/benchmarks.md] [--threads 2] [--rounds 3] [--limit 30]
                   [--venv DIR]

Sections that are not run keep what the file says of them. Where this Python has no PyTorch, a virtual environment with its CPU build is made in --venv
(outside the tree; reused the next time) if there are room and a network for it, else only rmseg's own figures are taken. All of it is meant to take some 25 minutes
on two idle cores, most of them PyTorch's steps and its compiling; --limit, --rounds and --sections make it shorter. loss and metrics are the tables of tools/bench_loss.py
and tools/bench_metrics.py, of which what is not installed is left out; case and onednn are those of tools/bench_case.py, which needs nibabel and safetensors too, and
of tools/bench_onednn.py, which needs oneDNN at build.
"""

import argparse
import datetime
import importlib.metadata
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import bench_step

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOM_GB = 3  # that PyTorch's CPU build takes, with what it needs
PART_S = 480  # at most for another tool's table
WORDS = (
    "Steps of rmseg and of each variant of PyTorch are taken in turn; seconds are medians (fastest to slowest), memory is the peak resident memory of the "
    "process, for PyTorch with what importing it takes. PyTorch's allocator is tuned: "
    + " ".join(f"{k}={v}" for k, v in bench_step.TUNED.items())
    + "."
)


# ---- a Python with PyTorch -----------------------------------------------------------------------------------------------------------------


def make_environment(folder):
    """Its Python, or None and why not."""
    python = folder / "bin/python"
    if python.exists():
        return python, ""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return None, str(error)
    if shutil.disk_usage(folder.parent).free < ROOM_GB * 1e9:
        return None, f"{folder.parent} has less than {ROOM_GB} GB left"
    making = folder.with_name(folder.name + ".part")
    shutil.rmtree(making, ignore_errors=True)
    commands = [
        [sys.executable, "-m", "venv", making],
        [making / "bin/pip", "install", "--quiet", "torch", "numpy", "scipy", "nibabel", "safetensors", "--extra-index-url", "https://download.pytorch.org/whl/cpu"],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            shutil.rmtree(making, ignore_errors=True)
            return None, f"{' '.join(map(str, command[:4]))} failed: {said[-1] if said else done.returncode}"
    making.rename(folder)
    return python, ""


def with_torch(folder):
    """Starts again under a Python that has PyTorch, once; goes on without where there is none."""
    if bench_step.has_torch() or "RMSEG_BENCH_VENV" in os.environ:
        return
    python, why = make_environment(folder)
    if python:
        os.execve(python, [str(python), *sys.argv], dict(os.environ, RMSEG_BENCH_VENV=str(folder)))
    print(f"no PyTorch to compare with: {why}; rmseg's own figures follow", file=sys.stderr)


# ---- the sections: each returns Markdown ---------------------------------------------------------------------------------------------------


def command(args, *words):
    done = subprocess.run(
        [args.build / "src/cli/rmseg", *words, "--threads", str(args.threads), "--quiet"], stdout=subprocess.PIPE, check=True, text=True
    )
    return done.stdout.strip()


def block(text):
    return f"```\n{text.strip()}\n```\n"


def machine(args):
    return block(command(args, "bench", "machine"))


def cell(values):
    if not values["seconds"]:
        return bench_step.told(values)
    s = values["seconds"]
    memory = f", {values['peak_mb'] / 1e3:.2f} GB" if values.get("peak_mb") else ""
    return f"{statistics.median(s):.3f} s ({min(s):.3f} to {max(s):.3f}){memory}"


def table(results):
    names = [name for name in bench_step.VARIANTS if any(name in r["torch"] for r in results)]
    lines = ["| | rmseg | " + "".join(f"PyTorch {name} | " for name in names) + ("PyTorch's best / rmseg |" if names else "")]
    lines.append("|---" * (2 + len(names) + bool(names)) + "|")
    for r in results:
        cells = [r["case"], cell(r["rmseg"]), *(cell(r["torch"][name]) for name in names)]
        ratio = bench_step.ratio_of(r)
        lines.append("| " + " | ".join(cells + (["-" if ratio is None else f"{ratio:.2f}"] if names else [])) + " |")
    imported = [v["import_mb"] for r in results for v in r["torch"].values() if v.get("import_mb")]
    note = f"\nImporting PyTorch takes {statistics.median(imported) / 1e3:.2f} GB of its memory.\n" if imported else ""
    return "\n".join(lines) + "\n" + note


def steps(args, work):
    args.works = work
    results = bench_step.run(args.build / "src/cli/rmseg", args)
    return WORDS + "\n\n" + table(results)


def other(args, script, *words):
    """The standard output of another tool of this folder, or why there is none."""
    try:
        done = subprocess.run(
            [sys.executable, ROOT / "tools" / script, *words], capture_output=True, text=True, timeout=PART_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"`tools/{script}` had not ended after {PART_S} s.\n"
    if done.returncode == 0:
        return done.stdout.strip() + "\n"
    said = done.stderr.strip().splitlines()
    return f"`tools/{script}` could not run here: {said[-1] if said else done.returncode}\n"


def loss(args):
    beside = other(
        args,
        "bench_loss.py",
        str(args.build / "librmseg_core.so"),
        "--threads",
        str(args.threads),
        "--rounds",
        str(args.rounds),
        "--only",
        "objective",
    )
    return block(command(args, "bench", "loss")) + "\nBeside PyTorch and MONAI (`tools/bench_loss.py --only objective`):\n\n" + beside


def metrics(args):
    beside = other(
        args, "bench_metrics.py", str(args.build / "librmseg_core.so"), "--threads", str(args.threads), "--rounds", str(args.rounds)
    )
    return block(command(args, "bench", "metrics")) + "\nBeside other tools (`tools/bench_metrics.py`):\n\n" + block(beside)


def case(args):
    return other(args, "bench_case.py", str(args.build / "src/cli/rmseg"), "--threads", str(args.threads))


def onednn(args):
    return other(args, "bench_onednn.py", str(args.build), "--threads", str(args.threads), "--rounds", "1")  # of several passes each


SECTIONS = {
    "machine": ("What the machine can do", machine),
    "step": ("A training step", lambda args: steps(args, "step")),
    "predict": ("A window of a prediction", lambda args: steps(args, "predict")),
    "case": ("A whole case of a prediction", case),
    "onednn": ("Convolutions beside oneDNN", onednn),
    "loss": ("Losses", loss),
    "metrics": ("Metrics", metrics),
}


# ---- the file -------------------------------------------------------------------------------------------------------------------------------

HEAD = """# Benchmarks

Written by `make bench` (`tools/bench.py`); every section says when and where it was measured. `make bench ONLY=step,predict` measures these alone and leaves the
others. Figures of a machine with neighbours swing; ratios of one run, taken in turn, say more than seconds. Figures by layer: `rmseg bench layers`.
"""


def read_sections(path):
    """{"## A training step": its lines} of a file that is there."""
    parts = path.read_text().split("\n## ") if path.exists() else []
    return {part.split("\n", 1)[0]: "## " + part.strip() + "\n" for part in parts[1:]}


def versions(args):
    rows = {line.split(None, 1)[0]: line.split(None, 1)[1] for line in command(args, "info").splitlines()[:3]}
    words = [
        str(datetime.date.today()),
        f"{bench_step.processor()}, {args.threads} threads, {rows['processor']}",
        f"rmseg {rows['rmseg']} ({rows['build']})",
    ]
    if bench_step.has_torch():
        words.append(f"PyTorch {importlib.metadata.version('torch')}")
    return "; ".join(words)


def write(path, sections):
    titles = [title for title, _ in SECTIONS.values()]
    text = HEAD + "".join("\n" + sections[title] for title in titles if title in sections)
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="which, with commas between")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/benchmarks.md")
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path.home() / ".cache/rmseg/bench")
    bench_step.add_arguments(parser)
    args = parser.parse_args()
    args.build = args.build.resolve()
    chosen = [name for name in args.sections.split(",") if name]
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown:
        parser.error(f'there is no section "{unknown[0]}"; expected some of {", ".join(SECTIONS)}')
    with_torch(args.venv)
    sections = read_sections(args.out)
    for name in chosen:
        title, measure = SECTIONS[name]
        print(f"== {title}", flush=True)
        text = measure(args)
        sections[title] = f"## {title}\n\n{versions(args)}.\n\n{text}"
        write(args.out, sections)
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
