"""The examples run, each where its packages are installed."""

import importlib.util
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

import cases
import numpy as np

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"


def installed(*names):
    return all(importlib.util.find_spec(name) for name in names)


def run(name, *arguments):
    return subprocess.run([sys.executable, EXAMPLES / name, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


class Examples(unittest.TestCase):
    @unittest.skipUnless(installed("torch", "monai"), "needs torch and MONAI")
    def test_train_monai(self):
        lines = run("train_monai.py", "--steps", 40).splitlines()
        losses = [float(line.split()[-1]) for line in lines if line.startswith("step")]
        self.assertLess(losses[-1], 0.7 * losses[0])
        self.assertIn("95HD on 32 unseen images", lines[-1])

    @unittest.skipUnless(installed("nibabel"), "needs nibabel")
    def test_evaluate_folder(self):
        import nibabel

        with tempfile.TemporaryDirectory() as folder:
            for side, shift in (("predictions", 2), ("truths", 0)):
                Path(folder, side).mkdir()
                label = np.zeros((12, 10, 8), np.uint8)
                label[3 + shift : 7 + shift, 2:8, 2:6] = 1
                nibabel.save(nibabel.Nifti1Image(label, np.diag([0.5, 1, 1, 1])), Path(folder, side, "a.nii.gz"))
            said = run("evaluate_folder.py", Path(folder, "predictions"), Path(folder, "truths"))
        found = {line.split()[1]: float(line.split()[2]) for line in said.splitlines()[1:]}
        self.assertEqual(found["dice"], 0.5)
        self.assertEqual(found["hd95"], 1.0)  # two voxels of half a millimetre

    @unittest.skipUnless(installed("torch", "nnunetv2"), "needs torch and nnU-Net")
    def test_nnunet_trainer(self):
        import torch

        sys.path.insert(0, str(EXAMPLES))
        from nnunet_trainer import WithResidualMoment, nnUNetTrainerRM

        for regions, ignore in ((False, None), (False, 3), (True, None), (True, 3)):
            # A trainer of nnU-Net needs a planned dataset; its loss needs only this much of one.
            trainer = object.__new__(nnUNetTrainerRM)
            vars(trainer).update(
                label_manager=SimpleNamespace(has_regions=regions, ignore_label=ignore),
                configuration_manager=SimpleNamespace(
                    batch_dice=False, patch_size=(16, 16, 16), pool_op_kernel_sizes=[[1, 1, 1], [2, 2, 2], [2, 2, 2]]
                ),
                is_ddp=False,
                enable_deep_supervision=True,
                _do_i_compile=lambda: False,
            )
            loss = trainer._build_loss()
            self.assertIsInstance(loss.loss, WithResidualMoment)
            torch.manual_seed(1)
            outputs = [torch.randn(2, 3, n, n, n, requires_grad=True) for n in (16, 8)]
            if regions:
                targets = [torch.randint(0, 2, (2, 3 + (ignore is not None), n, n, n)) for n in (16, 8)]
            else:
                targets = [torch.randint(0, 3 + (ignore is not None), (2, 1, n, n, n)) for n in (16, 8)]
            value = loss(outputs, targets)
            value.backward()
            plain = sum(w * loss.loss.loss(o, t) for w, o, t in zip(loss.weight_factors, outputs, targets) if w)
            self.assertGreater(value.item(), plain.item())
            self.assertTrue(torch.isfinite(outputs[0].grad).all())


if __name__ == "__main__":
    cases.main()
