#!/usr/bin/env python3
"""Writes tests/golden/unet/*.safetensors: small U-Nets and V-Nets in PyTorch, from the weights that rmseg's own random stream gives.

    python3 tools/golden_unet.py                   (needs torch and safetensors; the tests read the files and need neither)
    python3 tools/golden_unet.py NAME ...          these cases alone
    python3 tools/golden_unet.py --check FILE      a weights file of rmseg: read by safetensors, by NumPy alone, loaded with
                                                   strict=True and written again; all must agree

A file holds one case, computed in float64 unless said:
    logits              of the first forward, training mode          gradient.<parameter>   of the first loss
    losses (10)         training with SGD 0.9, decay 1e-4            losses_f32 (10)        the same in float32
    state.<buffer>      after ten steps                              eval_logits            after ten steps, evaluation mode
    init_first, init_sum (one per parameter)                         what the random stream must give
Its metadata has the network's spec under rmseg's keys, and objective, lr, truth. Input element i is 2u - 1, truth element i of
the class map u < 0.4, of the class index floor(K u), u = draw i of the streams (3, TEST, 1, 0) and (3, TEST, 2, 0).
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))
from rmseg.torch import UNet, load_unet  # noqa: E402
from rmseg.torch.weights import read_safetensors  # noqa: E402
from rmseg_random import WEIGHTS, stream_uniform  # noqa: E402
from vnet_reference import VNet, norm_of  # noqa: E402

TEST = 99  # a purpose of core/random.h
SEED, STEPS = 3, 10

CASES = [
    dict(name="flat_batch", spatial=2, n=2, size=(16, 16), k_in=3, k_out=2, width=4, depth=2, norm="batch", activation="relu", lr=0.05,
         head="sigmoid", rm=[(1, (2, 0)), (1, (0, 2)), (1, (2, 2))]),
    dict(name="flat_none", spatial=2, n=2, size=(16, 16), k_in=3, k_out=2, width=4, depth=2, norm="none", activation="leaky-relu", lr=0.1,
         head="softmax", rm=[(1, (2, 0)), (1, (0, 2)), (1, (2, 2))]),
    dict(name="solid_batch", spatial=3, n=1, size=(8, 8, 8), k_in=1, k_out=3, width=3, depth=2, norm="batch", activation="relu", lr=0.05,
         head="softmax", rm=[(1, (2, 0, 0)), (1, (0, 0, 2)), (0.5, (2, 2, 2))]),
    dict(name="flat_group", spatial=2, n=1, size=(16, 16), k_in=3, k_out=2, width=5, depth=2, norm="group", activation="relu", lr=0.05,
         head="sigmoid", rm=[(1, (2, 0)), (1, (0, 2))]),
    dict(name="solid_instance", spatial=3, n=2, size=(8, 8, 8), k_in=1, k_out=2, width=3, depth=2, norm="instance",
         activation="leaky-relu", lr=0.05, head="softmax", rm=[(1, (2, 0, 0)), (1, (0, 0, 2))]),
    dict(name="vnet_batch", net="vnet", spatial=3, n=2, size=(16, 16, 32), k_in=1, k_out=2, width=1, depth=4, norm="batch",
         activation="relu", lr=0.003, head="softmax", rm=[(1, (2, 0, 0)), (1, (0, 2, 0)), (1, (0, 0, 2))]),
    dict(name="vnet_none", net="vnet", spatial=3, n=1, size=(16, 16, 32), k_in=2, k_out=3, width=1, depth=4, norm="none",
         activation="leaky-relu", lr=0.1, head="softmax", rm=[(1, (2, 0, 0)), (1, (0, 2, 0)), (1, (0, 0, 2))]),
]


# ---- weights -----------------------------------------------------------------------------------------------------


def uniform(purpose, a, count):
    return stream_uniform(SEED, purpose, a, 0, count)


def init_from_stream(model):
    """PyTorch's default distribution by our stream: parameter j of the state_dict's list draws stream j."""
    state = model.state_dict()
    for j, (name, tensor) in enumerate(state.items()):
        weight = state[name.rsplit(".", 1)[0] + ".weight"]
        if weight.dim() < 3:
            continue  # a norm's
        bound = 1 / np.sqrt(np.prod(weight.shape[1:]))
        values = ((2 * uniform(WEIGHTS, j, tensor.numel()) - 1) * bound).astype(np.float32)
        tensor.copy_(torch.from_numpy(values.reshape(tuple(tensor.shape))))


# ---- the objective, from its formulas ----------------------------------------------------------------------------


def moment_weight(orders, size, dtype):
    """prod_k ((i_k - n_k/2) / n_k)^(2 q_k), i_k = 1..n_k."""
    weight = torch.ones(size, dtype=dtype)
    for axis, (q, n) in enumerate(zip(orders, size)):
        c = (torch.arange(1, n + 1, dtype=torch.float64) - n / 2) / n
        shape = [1] * len(size)
        shape[axis] = n
        weight = weight * (c ** (2 * q)).to(dtype).reshape(shape)
    return weight


def objective(case, logits, truth):
    """CE + Dice (UA-MT: the whole batch, foreground classes) + weighted residual moments (mean over foreground)."""
    if case["head"] == "sigmoid":
        p, y, first = torch.sigmoid(logits), truth.to(logits.dtype), 0
        ce = F.binary_cross_entropy_with_logits(logits, y)
    else:
        p, first = torch.softmax(logits, 1), 1
        y = torch.movedim(F.one_hot(truth, case["k_out"]), -1, 1).to(logits.dtype)
        ce = F.cross_entropy(logits, truth)
    p, y = p[:, first:], y[:, first:]
    over = [0] + list(range(2, p.dim()))
    dice = 1 - (2 * (p * y).sum(over) + 1e-5) / ((p * p).sum(over) + (y * y).sum(over) + 1e-5)
    total = ce + dice.mean()
    for alpha, orders in case["rm"]:
        total = total + alpha * (moment_weight(orders, case["size"], p.dtype) * (p - y) ** 2).mean()
    return total


def expression(case):
    terms = [f"{alpha}*rm({','.join(map(str, orders))})" for alpha, orders in case["rm"]]
    return f"{case['head']}: ce + dice + " + " + ".join(terms)


# ---- one case ----------------------------------------------------------------------------------------------------


def build(case):
    if case.get("net") == "vnet":
        return VNet(case["k_in"], case["k_out"], case["width"], case["norm"], case["activation"], dropout=0)
    model = UNet(case["k_in"], case["k_out"], width=case["width"], depth=case["depth"], spatial=case["spatial"],
                 norm="batch" if case["norm"] in ("instance", "group") else case["norm"], activation=case["activation"])
    for block in model.children():  # the other norms, in the place of batch norm
        for name, module in block.named_children():
            if case["norm"] in ("instance", "group") and name.startswith("norm"):
                setattr(block, name, norm_of(case["norm"], module.num_features)[0])
    return model


def make(case, dtype):
    model = build(case)
    init_from_stream(model)
    shape = (case["n"], case["k_in"], *case["size"])
    x = (2 * uniform(TEST, 1, int(np.prod(shape))) - 1).astype(np.float32).reshape(shape)
    shape = (case["n"], *([case["k_out"]] if case["head"] == "sigmoid" else []), *case["size"])
    u = uniform(TEST, 2, int(np.prod(shape))).reshape(shape)
    truth = torch.from_numpy(u < 0.4 if case["head"] == "sigmoid" else np.floor(u * case["k_out"]).astype(np.int64))
    return model.to(dtype), torch.from_numpy(x).to(dtype), truth


def train(case, dtype, record=None):
    model, x, truth = make(case, dtype)
    optimiser = torch.optim.SGD(model.parameters(), lr=case["lr"], momentum=0.9, weight_decay=1e-4)
    if record is not None:
        record["init_first"] = [p.detach().flatten()[0].item() for p in model.parameters()]
        record["init_sum"] = [p.detach().double().sum().item() for p in model.parameters()]
    losses = []
    for step in range(STEPS):
        logits = model(x)
        loss = objective(case, logits, truth)
        optimiser.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if record is not None and step == 0:
            record["logits"] = logits
            record.update({f"gradient.{name}": p.grad.clone() for name, p in model.named_parameters()})
        optimiser.step()
    if record is not None:
        record.update({f"state.{name}": b for name, b in model.named_buffers() if "running" in name})
        record["eval_logits"] = model.eval()(x)
    return losses


def write(case):
    record = {}
    record["losses"] = train(case, torch.float64, record)
    record["losses_f32"] = train(case, torch.float32)
    tensors = {name: torch.as_tensor(value, dtype=torch.float64).detach().numpy() for name, value in record.items()}
    wide = ("losses", "losses_f32", "init_first", "init_sum")  # the rest is kept in float32
    arrays = {name: value if name in wide else value.astype(np.float32) for name, value in tensors.items()}
    notes = {"net": case.get("net", "unet"), "spatial": case["spatial"], "in-channels": case["k_in"], "out-channels": case["k_out"], "width": case["width"],
             "depth": case["depth"], "norm": case["norm"], "activation": case["activation"], "dropout": 0, "objective": expression(case),
             "lr": case["lr"]}
    metadata = {f"rmseg.{key}": str(value) for key, value in notes.items()}
    save_file(arrays, ROOT / "tests" / "golden" / "unet" / f"{case['name']}.safetensors", metadata)
    drift = max(abs(a - b) / abs(a) for a, b in zip(record["losses"], record["losses_f32"]))
    print(f"{case['name']}: loss {record['losses'][0]:.6f} -> {record['losses'][-1]:.6f}; PyTorch's float32 differs by {drift:.1e}")


# ---- files of rmseg ----------------------------------------------------------------------------------------------


def check(path):
    ours, theirs = read_safetensors(path), load_file(path)
    assert ours.keys() == theirs.keys() and all(np.array_equal(ours[name], theirs[name]) for name in ours)
    model = load_unet(path)  # strict
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    assert all(np.array_equal(state[name], ours[name]) for name in ours)
    again = Path(path).with_suffix(".again.safetensors")
    save_file(state, again)
    back = read_safetensors(again)
    assert all(np.array_equal(back[name], ours[name]) and back[name].dtype == ours[name].dtype for name in ours)
    print(f"{path}: {len(ours)} tensors agree; written again as {again}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        check(sys.argv[2])
    else:
        for case in CASES:
            if len(sys.argv) == 1 or case["name"] in sys.argv[1:]:
                write(case)
