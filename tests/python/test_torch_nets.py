"""The networks as PyTorch modules: names, sizes, files, and a way to ONNX."""

import tempfile
import unittest
from pathlib import Path

from torch_case import main, torch

import rmseg
from rmseg.torch import UNet, VNet, load_net, load_unet, save_net
from rmseg.torch.weights import read_safetensors

GOLDEN = Path(__file__).parents[1] / "golden/unet"


def parameters(model):
    return sum(p.numel() for p in model.parameters())


class Nets(unittest.TestCase):
    def test_sizes(self):
        self.assertEqual(parameters(VNet()), 9_448_866)
        self.assertEqual(parameters(UNet(3, 2, norm="none")), 31_031_810)
        self.assertEqual(parameters(UNet(3, 2)), 31_043_586)

    def test_names_are_those_of_the_library(self):
        """Gradients and statistics that the C networks are held against have the modules' names and shapes."""
        for path in sorted(GOLDEN.glob("*.safetensors")):
            arrays, notes = read_safetensors(path, metadata=True)
            spec = {key: int(notes[f"rmseg.{key}"]) for key in ("in-channels", "out-channels", "width", "depth", "spatial")}
            make = {"vnet": VNet, "unet": lambda *a, **k: UNet(*a, depth=spec["depth"], **k)}[notes["rmseg.net"]]
            model = make(spec["in-channels"], spec["out-channels"], width=spec["width"], spatial=spec["spatial"],
                         norm=notes["rmseg.norm"], activation=notes["rmseg.activation"])
            found = {name: tuple(p.shape) for name, p in model.named_parameters()}
            expected = {name.removeprefix("gradient."): a.shape for name, a in arrays.items() if name.startswith("gradient.")}
            self.assertEqual(found, expected, path.name)
            found = {name: tuple(b.shape) for name, b in model.named_buffers() if b.ndim}
            expected = {name.removeprefix("state."): a.shape for name, a in arrays.items() if name.startswith("state.")}
            self.assertEqual(found, expected, path.name)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"
            for norm in ("batch", "instance", "group", "none"):
                for model, size in ((VNet(1, 3, width=2, norm=norm), (16, 16, 32)), (UNet(2, 2, width=4, depth=2, norm=norm), (8, 12))):
                    save_net(model, path)
                    again, image = load_net(path), torch.randn(1, model.spec["in-channels"], *size)
                    self.assertTrue(torch.equal(again(image), model.eval()(image)))
                    self.assertEqual(list(again.state_dict()), list(model.state_dict()))
            self.assertIsInstance(load_unet(path), UNet)
            save_net(VNet(width=1), path)
            with self.assertRaises(rmseg.Error):
                load_unet(path)

    def test_flat_vnet(self):
        self.assertEqual(VNet(3, 2, width=2, spatial=2, norm="group").eval()(torch.zeros(1, 3, 16, 32)).shape, (1, 2, 16, 32))
        with self.assertRaises(rmseg.Error):
            VNet(norm="layer")

    def test_onnx(self):
        try:
            import onnxruntime
            import onnxscript  # noqa: F401: torch.onnx writes by it
        except ImportError:
            self.skipTest("onnxruntime or onnxscript is not installed")
        flat, solid = UNet(1, 2, width=4, depth=2).eval(), VNet(width=1).eval()
        for model, image in ((flat, torch.randn(1, 1, 16, 24)), (solid, torch.randn(1, 1, 16, 16, 16))):
            with tempfile.TemporaryDirectory() as folder:
                path = f"{folder}/net.onnx"
                torch.onnx.export(model, (image,), path, dynamo=True, input_names=["image"], output_names=["logits"], verbose=False)
                session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
                (found,) = session.run(["logits"], {"image": image.numpy()})
            torch.testing.assert_close(torch.from_numpy(found), model(image).detach(), rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    main()
