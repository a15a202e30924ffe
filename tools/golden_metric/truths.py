"""One class per convention: what its tool says of a pair of masks."""
import contextlib
import io
import logging
import pathlib
import subprocess
import tempfile
import warnings

import numpy as np
import SimpleITK as sitk
import torch
from scipy import ndimage

import definitions as plain

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
NAN = float("nan")


class Convention:
    """measure() gives one metric and raises where the tool does; what a tool does with empty masks is what measure() does."""
    axes = (2, 3)
    metrics = ""  # but nsd
    not_its_own = ()  # metrics that the tool lacks, and whose empty masks it therefore has no answer for
    nsd = False
    directed = False
    any_connectivity = False
    percentiles = ()
    within = (1e-12, 0)  # relative and absolute
    because = "doubles on both sides"

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        raise NotImplementedError

    def borders(self, pair):
        """What has to be there for a distance: prediction's, truth's."""
        return pair.prediction, pair.truth


# ---- MedPy -----------------------------------------------------------------------------------------------------------

class MedPy(Convention):
    name = "medpy"
    source = "MedPy 0.5.2, medpy.metric.binary; masd and nsd are not in it and follow their definitions over its distances"
    axes = (1, 2, 3)
    metrics = "dice jaccard sensitivity specificity precision volume_difference hd hd95 asd asd_reverse assd masd"
    nsd = True
    not_its_own = ("masd", "nsd")
    any_connectivity = True
    percentiles = (0, 37.5, 90)
    calls = {"dice": "dc", "jaccard": "jc", "sensitivity": "sensitivity", "specificity": "specificity",
             "precision": "precision", "volume_difference": "ravd"}

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        from medpy.metric import binary
        pred, truth = pair.prediction, pair.truth
        if metric in self.calls:
            return getattr(binary, self.calls[metric])(pred, truth)
        how = dict(voxelspacing=pair.spacing, connectivity=connectivity)
        if metric in ("hd95", "assd"):
            return getattr(binary, metric)(pred, truth, **how)
        if metric in ("asd", "asd_reverse"):
            return binary.asd(*((pred, truth) if metric == "asd" else (truth, pred)), **how)
        if metric == "hd" and percentile == 100:
            return binary.hd(pred, truth, **how)
        directions = [getattr(binary, "__surface_distances")(a, b, **how) for a, b in ((pred, truth), (truth, pred))]
        if metric == "hd":
            return np.percentile(np.hstack(directions), percentile)
        if metric == "masd":
            return np.mean([d.mean() for d in directions])
        return np.mean(np.hstack(directions) <= tolerance)


class MedPy04(MedPy):
    name = "medpy-0.4"
    source = "MedPy 0.4: 0.5.2 but for assd, which was the mean of the two directed means"

    def measure(self, metric, pair, **how):
        return super().measure("masd" if metric == "assd" else metric, pair, **how)


# ---- MONAI -----------------------------------------------------------------------------------------------------------

def batch(mask):
    return torch.from_numpy(mask)[None, None].float()


class Monai(Convention):
    name = "monai"
    source = "MONAI 1.6.1, monai.metrics"
    metrics = "dice jaccard hd hd95 asd asd_reverse assd"
    nsd = True
    directed = True
    percentiles = (0, 37.5, 90)
    within = (2e-6, 0)
    because = "MONAI keeps and averages distances as floats"

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        from monai import metrics as monai
        masks = batch(pair.prediction), batch(pair.truth)
        if metric in ("dice", "jaccard"):
            return {"dice": monai.compute_dice, "jaccard": monai.compute_iou}[metric](*masks).item()
        how = dict(include_background=True, spacing=pair.spacing)
        if metric == "nsd":
            return monai.compute_surface_dice(*masks, class_thresholds=[tolerance], **how).item()
        if metric in ("hd", "hd95"):
            q = 95 if metric == "hd95" else None if percentile == 100 else percentile
            return monai.compute_hausdorff_distance(*masks, percentile=q, directed=bool(directed), **how).item()
        if metric == "asd_reverse":
            masks = masks[::-1]
        return monai.compute_average_surface_distance(*masks, symmetric=metric == "assd", **how).item()


class MonaiSubvoxel(Convention):
    name = "monai-subvoxel"
    source = "MONAI 1.6.1, compute_surface_dice(use_subvoxels=True)"
    nsd = True
    within = (2e-6, 0)
    because = "MONAI keeps distances and areas as floats"

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        from monai.metrics import compute_surface_dice
        return compute_surface_dice(batch(pair.prediction), batch(pair.truth), class_thresholds=[tolerance],
                                    include_background=True, spacing=pair.spacing, use_subvoxels=True).item()


# ---- surface-distance ------------------------------------------------------------------------------------------------

class DeepMind(Convention):
    name = "deepmind"
    source = "surface-distance 0.1 of google-deepmind, with the names that NumPy 2 and SciPy dropped put back"
    metrics = "dice hd hd95 asd asd_reverse"
    nsd = True
    percentiles = (0, 37.5, 90)
    within = (1e-9, 0)
    because = "sums of areas in another order"

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        np.Inf, np.NaN = np.inf, np.nan
        ndimage.filters = ndimage.morphology = ndimage
        import surface_distance as tool
        if metric == "dice":
            return tool.compute_dice_coefficient(pair.truth, pair.prediction)
        found = tool.compute_surface_distances(pair.truth, pair.prediction, pair.steps)
        if metric in ("hd", "hd95"):
            return tool.compute_robust_hausdorff(found, 95 if metric == "hd95" else percentile)
        if metric == "nsd":
            return tool.compute_surface_dice_at_tolerance(found, tolerance)
        return tool.compute_average_surface_distance(found)[metric == "asd"]


# ---- MetricsReloaded and DisTorch: no packages, so their definitions ---------------------------------------------------

class MetricsReloaded(Convention):
    name = "metrics-reloaded"
    source = "MetricsReloaded, BinaryPairwiseMeasures, by its definitions (it is no package)"
    axes = (1, 2, 3)
    metrics = "dice jaccard sensitivity specificity precision hd hd95 assd masd centroid_distance"
    not_its_own = ("centroid_distance",)  # its -1 for an empty mask is no distance
    nsd = True
    percentiles = (0, 37.5, 90)

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        pred, truth, step = pair.prediction, pair.truth, pair.steps
        both_empty = pair.note == "both empty"
        if metric == "dice" and both_empty:
            return 1
        if metric in plain.OVERLAP:
            return plain.overlap(metric, pred, truth)
        if metric == "centroid_distance":
            return plain.centroid_distance(pred, truth, step)
        if both_empty:
            return 1 if metric == "nsd" else 0
        if pair.empty:
            return 0 if metric == "nsd" else NAN  # its own surface Dice measures to a phantom: ours instead
        borders = plain.border(pred), plain.border(truth)
        directions = [plain.distances(a, b, step) for a, b in (borders, borders[::-1])]
        if metric in ("hd", "hd95"):
            return max(np.percentile(d, 95 if metric == "hd95" else percentile) for d in directions)
        return {"assd": lambda: np.mean(np.hstack(directions)), "masd": lambda: np.mean([d.mean() for d in directions]),
                "nsd": lambda: np.mean(np.hstack(directions) <= tolerance)}[metric]()


class DisTorch(Convention):
    metrics = "hd hd95 asd asd_reverse assd"
    nsd = True
    directed = True

    def sites(self, mask, step):
        """Where the surface is, and how much of it each site stands for."""
        raise NotImplementedError

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        if pair.empty:
            return NAN
        (pred, truth), sizes = zip(*(self.sites(mask, pair.steps) for mask in (pair.prediction, pair.truth)))
        to_truth, to_pred = plain.distances(pred, truth, pair.steps), plain.distances(truth, pred, pair.steps)
        if metric == "hd":
            return to_truth.max() if directed else max(to_truth.max(), to_pred.max())
        if metric == "hd95":  # each direction is given apart
            return np.percentile(to_truth, 95)
        if metric == "nsd":
            return plain.within((to_truth, to_pred), sizes, tolerance)
        if metric == "assd":
            return np.average(np.hstack((to_truth, to_pred)), weights=np.hstack(sizes))
        return np.average(to_truth, weights=sizes[0]) if metric == "asd" else np.average(to_pred, weights=sizes[1])


class DisTorchVertex(DisTorch):
    name = "distorch-vertex"
    source = "DisTorch, boundary_metrics, by its definitions (it is no package)"

    def sites(self, mask, step):
        where = plain.vertices(mask)
        return where, plain.vertex_sizes(mask, step)[where]


class DisTorchCenter(DisTorch):
    name = "distorch-center"
    source = "DisTorch, pixel_center_metrics, by its definitions (it is no package)"

    def sites(self, mask, step):
        where = plain.border(mask)
        return where, np.ones(where.sum())


# ---- ITK -------------------------------------------------------------------------------------------------------------

def itk_image(mask, step):
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing([float(s) for s in step[::-1]])
    return image


class Itk(Convention):
    name = "itk"
    source = "SimpleITK 2.5, HausdorffDistanceImageFilter; asd over the filter's own distance map"
    metrics = "hd asd asd_reverse assd"
    within = (1e-6, 0)
    because = "ITK keeps distances as floats"

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        pred, truth = (itk_image(mask, pair.steps) for mask in (pair.prediction, pair.truth))
        found = sitk.HausdorffDistanceImageFilter()
        found.Execute(pred, truth)
        if metric in ("hd", "assd"):
            return found.GetHausdorffDistance() if metric == "hd" else found.GetAverageHausdorffDistance()
        of, to = (pair.prediction, truth) if metric == "asd" else (pair.truth, pred)
        away = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(to, squaredDistance=False, useImageSpacing=True))
        return np.maximum(away[of], 0).astype(float).mean()


# ---- TorchMetrics ----------------------------------------------------------------------------------------------------

class TorchMetrics(Convention):
    name = "torchmetrics"
    source = "TorchMetrics 1.9, hausdorff_distance, on masks made square by a margin: off the square it is wrong"
    axes = (2,)
    metrics = "hd"
    directed = True
    within = (1e-6, 0)
    because = "floats"

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        from torchmetrics.functional.segmentation import hausdorff_distance
        side = max(pair.truth.shape)
        square = (torch.from_numpy(np.pad(mask, [(0, side - n) for n in mask.shape]))[None, None].int()
                  for mask in (pair.prediction, pair.truth))
        return hausdorff_distance(*square, num_classes=1, include_background=True, directed=bool(directed),
                                  spacing=list(pair.steps)).item()


# ---- plastimatch -----------------------------------------------------------------------------------------------------

class Plastimatch(Convention):
    """The definitions, exact: plastimatch's own distance map is Danielsson's, which is not, and it reads outside the image
    where the union's box is all of it and where the image is one slice. check() holds plastimatch itself against them."""
    name = "plastimatch"
    source = "plastimatch 1.9 (Debian 12), boundary distances, by its definitions with exact distances"
    metrics = "dice hd hd95 assd masd"
    percentiles = (50,)
    printed = "boundary"

    def borders(self, pair):
        return plain.border_of_box(pair.prediction, pair.truth)

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        if metric == "dice":
            return plain.overlap("dice", pair.prediction, pair.truth)
        if pair.empty:
            return 0 if pair.note == "both empty" else float("inf")  # it prints the largest float
        targets = self.borders(pair)
        directions = [plain.distances(a, b, pair.steps) for a, b in (targets, targets[::-1])]
        if metric == "hd" and percentile == 100:
            return max(d.max() for d in directions)
        if metric in ("hd", "hd95"):
            return np.mean([plain.ordinal(d, 95 if metric == "hd95" else percentile) for d in directions])
        return np.mean([d.mean() for d in directions])

    def check(self, pair):
        """Plastimatch itself, on a volume with a margin."""
        if pair.axes != 3 or pair.empty:
            return
        with tempfile.TemporaryDirectory() as folder:
            files = [pathlib.Path(folder) / name for name in ("truth.mha", "prediction.mha")]
            for file, mask in zip(files, (pair.truth, pair.prediction)):
                sitk.WriteImage(itk_image(np.pad(mask, 2), pair.steps), str(file))
            text = subprocess.run(["plastimatch", "dice", "--all", *files], capture_output=True, text=True).stdout
        lines = [line.split("=") for line in text.splitlines() if ("(boundary)" in line) == (self.printed == "boundary")]
        said = {words[0].split("Hausdorff")[0].strip(): float(words[1]) for words in lines if "Hausdorff" in words[0]}
        for metric, key in (("hd", ""), ("hd95", "Percent (0.95)"), ("assd", "Avg average")):
            mine = self.measure(metric, pair)
            if abs(mine - said[key]) > 2e-3 * mine + 1e-6:
                raise SystemExit(f"{self.name} {pair.name}: {metric} is {mine}, plastimatch says {said[key]}")


class PlastimatchEdge(Plastimatch):
    name = "plastimatch-edge"
    source = "plastimatch before 1.9, boundary distances, by its definitions: the image's edge is no border"

    def borders(self, pair):
        return plain.border(pair.prediction, edge=True), plain.border(pair.truth, edge=True)

    def check(self, pair):
        pass  # not to be had


class PlastimatchSet(Plastimatch):
    name = "plastimatch-set"
    source = "plastimatch 1.9 (Debian 12), distances of all set voxels, by its definitions with exact distances"
    printed = "set"

    def borders(self, pair):
        return pair.prediction, pair.truth


# ---- panoptica -------------------------------------------------------------------------------------------------------

class Panoptica(Convention):
    name = "panoptica"
    source = "panoptica 2.1, the metrics of one pair of instances; its EdgeCaseHandler for empty masks"
    metrics = "dice jaccard hd hd95 assd centroid_distance"
    not_its_own = ("centroid_distance",)  # its handler has no answer for it
    nsd = True
    any_connectivity = True

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        from panoptica.metrics import Metric, assd, center_distance, dice, hausdorff_distance, iou
        from panoptica.metrics import normalized_surface_dice as surface_dice
        from panoptica.utils.edge_case_handling import EdgeCaseHandler
        truth, pred = pair.truth.astype(np.uint8), pair.prediction.astype(np.uint8)
        if pair.empty:
            row = {"dice": "DSC", "jaccard": "IOU", "hd": "HD", "hd95": "HD95", "assd": "ASSD", "nsd": "NSD"}[metric]
            return EdgeCaseHandler().handle_zero_tp(Metric[row], 0, int(pred.any()), int(truth.any()))[1]
        if metric == "dice":
            return dice._compute_dice_coefficient(truth, pred)
        if metric == "jaccard":
            return iou._compute_iou(truth, pred)
        if metric == "centroid_distance":
            return center_distance._compute_center_distance(truth, pred, pair.spacing)
        how = dict(voxelspacing=pair.spacing, connectivity=connectivity)
        if metric == "nsd":
            return surface_dice._compute_normalized_surface_dice(truth, pred, threshold=tolerance, **how)
        return {"hd": hausdorff_distance._compute_hausdorff_distance,
                "hd95": hausdorff_distance._compute_hausdorff_distance95,
                "assd": assd._average_symmetric_surface_distance}[metric](truth, pred, **how)


# ---- seg-metrics -----------------------------------------------------------------------------------------------------

class SegMetrics(Convention):
    name = "seg-metrics"
    source = "seg-metrics 1.2.8, write_metrics"
    metrics = "dice jaccard precision sensitivity hd hd95 assd"
    within = (1e-6, 5e-6)
    because = "SimpleITK keeps distances as floats; where the masks are the same they come out as some 1e-6"
    columns = {"sensitivity": "recall", "assd": "msd"}

    def borders(self, pair):
        return [plain.border(mask, connectivity=3, edge=True) for mask in (pair.prediction, pair.truth)]

    def measure(self, metric, pair, connectivity=1, percentile=100, tolerance=None, directed=False):
        import seg_metrics.seg_metrics as tool
        column = self.columns.get(metric, metric)
        with contextlib.redirect_stdout(io.StringIO()):
            table = tool.write_metrics(labels=[1], gdth_img=pair.truth.astype(np.uint8),
                                       pred_img=pair.prediction.astype(np.uint8), spacing=list(pair.steps),
                                       metrics=[column])
        return table[0][column][0]


ALL = [MedPy(), MedPy04(), Monai(), MonaiSubvoxel(), DeepMind(), MetricsReloaded(), DisTorchVertex(), DisTorchCenter(),
       Itk(), TorchMetrics(), Plastimatch(), PlastimatchEdge(), PlastimatchSet(), Panoptica(), SegMetrics()]
