"""An nnU-Net v2 trainer whose loss is nnU-Net's own plus residual moments.

Put this file where nnU-Net looks for trainers (nnunetv2/training/nnUNetTrainer/variants/loss/), and

    nnUNetv2_train DATASET 3d_fullres FOLD -tr nnUNetTrainerRM

The term is added at every resolution of the deep supervision, on the patch that the network sees. Its mean over a patch is small beside
CE and Dice: docs/losses.md says how small, so `residual_moment_weight` is yours to choose (a subclass that sets it is a trainer of its own).
"""

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from torch import nn

from rmseg.torch import Objective

EXPRESSIONS = {2: "rm(2,0) + rm(0,2)", 3: "rm(2,0,0) + rm(0,2,0) + rm(0,0,2)"}


class WithResidualMoment(nn.Module):
    """loss(output, target) + weight * objective(output, truth). output (N, K, ...); target as nnU-Net hands it over: (N, 1, ...) labels, or
    regions (N, K, ...) with, where there is an ignore label, one more channel that marks what is ignored."""

    def __init__(self, loss: nn.Module, expression: str, ignore_label: int | None, weight: float) -> None:
        super().__init__()
        self.loss = loss
        self.objective = Objective(expression)
        self.ignore_label = ignore_label
        self.weight = weight

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss = self.loss(output, target)
        if target.shape[1] == 1:
            return loss + self.weight * self.objective(output, target[:, 0].long(), ignore_index=self.ignore_label)
        regions = target[:, : output.shape[1]].to(output.dtype)
        if self.ignore_label is not None:
            regions = torch.where(target[:, -1:] > 0, -1.0, regions)  # a negative voxel is in no sum
        return loss + self.weight * self.objective(output, regions)


class nnUNetTrainerRM(nnUNetTrainer):
    residual_moment_weight = 1.0

    def _build_loss(self) -> nn.Module:
        built = super()._build_loss()
        inner = built.loss if self.enable_deep_supervision else built
        head = "sigmoid" if self.label_manager.has_regions else "softmax"
        expression = f"{head}: {EXPRESSIONS[len(self.configuration_manager.patch_size)]}"
        loss = WithResidualMoment(inner, expression, self.label_manager.ignore_label, self.residual_moment_weight)
        if not self.enable_deep_supervision:
            return loss
        built.loss = loss
        return built
