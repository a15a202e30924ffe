"""Networks from and to the command's weights.safetensors: the module's own names, strictly, and a spec in the metadata."""

import json
import os
import struct

import numpy as np
import torch

from .._library import Error
from .unet import UNet
from .vnet import VNet

DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "U8": "u1"}
NETS = {"unet": UNet, "vnet": VNet}


def read_safetensors(path, metadata: bool = False):
    """{name: array} of a safetensors file, by NumPy alone; with `metadata`, that and {key: text}."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    notes = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    return (arrays, notes) if metadata else arrays


def write_safetensors(path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """The file whole or not at all: a temporary file beside it, renamed."""
    names = {np.dtype(code): name for name, code in DTYPES.items()}
    header, blobs, end = {"__metadata__": metadata}, [], 0
    for name, array in arrays.items():
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": [end, end + len(blob)]}
        blobs.append(blob)
        end += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    temporary = f"{path}.{os.getpid()}.partial"
    with open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_net(path) -> UNet | VNet:
    """The network a weights file describes, with its weights, in evaluation mode. Raises rmseg.Error where the metadata describe none,
    RuntimeError where tensors are missing or left over."""
    arrays, notes = read_safetensors(path, metadata=True)
    net = NETS.get(notes.get("rmseg.net"))
    if net is None:
        raise Error(f"{path}: rmseg.net is {notes.get('rmseg.net')!r}; expected one of {tuple(NETS)}")
    number = {key: int(notes[f"rmseg.{key}"]) for key in ("in-channels", "out-channels", "width", "depth", "spatial")}
    more = {"depth": number["depth"]} if net is UNet else {}
    model = net(
        number["in-channels"], number["out-channels"], width=number["width"], spatial=number["spatial"], norm=notes["rmseg.norm"],
        activation=notes["rmseg.activation"], dropout=float(notes["rmseg.dropout"]), **more,
    )
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=True)
    model.notes = notes
    return model.eval()


def save_net(model: UNet | VNet, path) -> None:
    """Writes a weights file that load_net and `rmseg train --init` take. A model that came from load_net keeps what its file said of
    the task (classes, head, spacing), so that `rmseg predict --weights` takes it too. Parameters and statistics are stored in float32."""
    notes = getattr(model, "notes", {}) | {f"rmseg.{key}": str(value) for key, value in model.spec.items()}
    arrays = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    write_safetensors(path, {name: (t.float() if t.is_floating_point() else t).numpy() for name, t in arrays.items()}, notes)


def load_unet(path) -> UNet:
    """load_net of a U-Net."""
    model = load_net(path)
    if not isinstance(model, UNet):
        raise Error(f"{path}: it holds a {model.spec['net']}; load_net reads every kind")
    return model
