"""Other people's losses, as a check on the reference."""

import torch
from distances import boundary, hausdorff
from monai.losses import BoundaryLoss, DiceCELoss, DiceLoss, FocalLoss, HausdorffDTLoss, LogHausdorffDTLoss, TverskyLoss
from overlap import ce, dice, focal, tversky
from view import View


def monai_agrees(batch, head):
    """DiceLoss and DiceCELoss give what the reference gives."""
    view = View(batch, head, "index", False, batch.logits, None)
    act = dict(softmax=head == "softmax", sigmoid=head == "sigmoid")
    for squared in (False, True):
        for jaccard in (False, True):
            for pooled in (False, True):
                for background in (False, True) if batch.k > 1 and head == "softmax" else (True,):
                    theirs = DiceLoss(include_background=background, squared_pred=squared, jaccard=jaccard, batch=pooled, **act)
                    word = lambda flag: str(flag).lower()
                    ours = dice(
                        view,
                        "monai",
                        include_background=word(background),
                        squared_pred=word(squared),
                        jaccard=word(jaccard),
                        batch=word(pooled),
                    )
                    difference = abs(theirs(batch.logits, view.y) - ours)
                    assert difference < 1e-12, (head, squared, jaccard, pooled, background, difference)
    if head == "softmax":
        theirs = DiceCELoss(softmax=True)(batch.logits, view.y)
        assert abs(theirs - dice(view, "monai") - ce(view)) < 1e-12
        weight = torch.arange(1.0, batch.k + 1)
        theirs = torch.nn.CrossEntropyLoss(weight=weight)(batch.logits, view.index)
        assert abs(theirs - ce(view, "+".join(str(float(w)) for w in weight))) < 1e-12


def monai_overlap_agrees(batch, head):
    """DiceLoss and TverskyLoss with soft labels and sums, FocalLoss."""
    act = dict(softmax=head == "softmax", sigmoid=head == "sigmoid")
    for truth in ("index", "map"):
        view = View(batch, head, truth, False, batch.logits, None)
        for soft in (False, True):
            for reduction in ("mean", "sum"):
                theirs = DiceLoss(soft_label=soft, reduction=reduction, **act)(batch.logits, view.y)
                ours = dice(view, "monai", soft_label=str(soft).lower(), reduction=reduction)
                assert abs(theirs - ours) < 1e-12, (head, truth, soft, reduction, theirs, ours)
                for pooled in (False, True):
                    theirs = TverskyLoss(alpha=0.3, beta=0.9, batch=pooled, soft_label=soft, reduction=reduction, **act)
                    ours = tversky(
                        view, 0.3, 0.9, channels="all", batch=str(pooled).lower(), soft_label=str(soft).lower(), reduction=reduction
                    )
                    assert abs(theirs(batch.logits, view.y) - ours) < 1e-12
        # FocalLoss computes in float, and divides a softmax's mean by the channels too.
        for gamma in (0.5, 2.0):
            theirs = FocalLoss(gamma=gamma, use_softmax=head == "softmax")(batch.logits, view.y)
            ours = focal(view, gamma) / (batch.k if head == "softmax" else 1)
            if truth == "index":
                assert abs(theirs - ours) < 1e-6, (head, gamma, theirs, ours)
    if head == "sigmoid":
        view = View(batch, head, "index", False, batch.logits, None)
        assert abs(FocalLoss(alpha=0.25)(batch.logits, view.y) - focal(view, alpha=0.25)) < 1e-6


def monai_distances_agree(batch, head):
    """BoundaryLoss, HausdorffDTLoss and LogHausdorffDTLoss; they keep distances in float."""
    view = View(batch, head, "index", False, batch.logits, None)
    act = dict(softmax=head == "softmax", sigmoid=head == "sigmoid", include_background=True)
    flat = (lambda t: t[:, :, 0]) if batch.spatial == 2 else (lambda t: t)
    for theirs, ours in (
        (BoundaryLoss(**act), boundary(view, channels="all")),
        (HausdorffDTLoss(**act), hausdorff(view, channels="all")),
        (LogHausdorffDTLoss(**act), hausdorff(view, channels="all", log="true")),
    ):
        assert abs(theirs(flat(batch.logits), flat(view.y)) - ours) < 1e-6, (type(theirs), head, batch.name)


def nnunet_agrees(batch):
    """The arithmetic of nnU-Net's MemoryEfficientSoftDiceLoss(batch_dice, do_bg=False, smooth=1e-5), softmax."""
    view = View(batch, "softmax", "index", True, batch.logits, None)
    p, y, mask = batch.logits.softmax(1)[:, 1:], view.y[:, 1:], view.m
    intersect, sum_pred, sum_gt = ((t * mask).sum((2, 3, 4)) for t in (p * y, p, y))
    if batch.spatial == 2:
        intersect, sum_pred, sum_gt = intersect.sum(0), sum_pred.sum(0), sum_gt.sum(0)
    dc = (2 * intersect + 1e-5) / torch.clip(sum_gt + sum_pred + 1e-5, 1e-8)
    assert abs(-dc.mean() - dice(view, "nnunet")) < 1e-12
