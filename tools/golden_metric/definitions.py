"""What the metrics mean, written plainly: borders, distances between them, and the rows of tools that are no package."""
import numpy as np
from scipy import ndimage

NAN = float("nan")


# ---- overlap ---------------------------------------------------------------------------------------------------------

def ratio(part, whole):
    return float(part / whole) if whole else NAN


def overlap(metric, pred, truth):
    both, p, t, every = (pred & truth).sum(), pred.sum(), truth.sum(), truth.size
    return {"dice": ratio(2 * both, p + t),
            "jaccard": ratio(both, p + t - both),
            "sensitivity": ratio(both, t),
            "specificity": ratio(every - p - t + both, every - t),
            "precision": ratio(both, p),
            "volume_difference": ratio(float(p) - float(t), t)}[metric]


OVERLAP = "dice jaccard sensitivity specificity precision volume_difference".split()


# ---- surfaces --------------------------------------------------------------------------------------------------------

def border(mask, connectivity=1, edge=False):
    """Set voxels with an unset neighbour; `edge` is what lies outside the image."""
    structure = ndimage.generate_binary_structure(mask.ndim, min(connectivity, mask.ndim))
    return mask & ~ndimage.binary_erosion(mask, structure, border_value=edge)


def border_of_box(pred, truth):
    """Borders after a crop to the union's box: its edge is border, along axes of more than one voxel; so is all of a box
    of one voxel."""
    if (pred | truth).sum() == 1:
        return pred, truth
    where = ndimage.find_objects((pred | truth).astype(int))[0]
    structure = ndimage.generate_binary_structure(pred.ndim, 1)
    for axis, part in enumerate(where):
        if part.stop - part.start == 1:
            structure &= np.indices(structure.shape)[axis] == 1
    borders = []
    for mask in pred, truth:
        borders.append(np.zeros_like(mask))
        borders[-1][where] = mask[where] & ~ndimage.binary_erosion(mask[where], structure)
    return borders


def corners(mask):
    """[2^d][n+1]...: for every corner between voxels whether each of the voxels that meet there is set."""
    padded = np.pad(mask, 1)
    return np.stack([padded[tuple(slice(o, n + 1 + o) for o, n in zip(offset, mask.shape))]
                     for offset in np.ndindex(*(2,) * mask.ndim)])


def vertices(mask):
    return corners(mask).any(0) & ~corners(mask).all(0)


def vertex_sizes(mask, spacing):
    """The share of the surface's faces that each corner has: of every face that meets there half a voxel a side."""
    meet = corners(mask).reshape((2,) * mask.ndim + (-1,))
    size = np.zeros(meet.shape[-1])
    for axis in range(mask.ndim):
        sides = [spacing[other] / 2 for other in range(mask.ndim) if other != axis]
        faces = np.take(meet, 0, axis) ^ np.take(meet, 1, axis)
        size += faces.reshape(-1, faces.shape[-1]).sum(0) * np.prod(sides)
    return size.reshape([n + 1 for n in mask.shape])


def distances(sites, others, spacing):
    """From every site to the nearest of the others."""
    return ndimage.distance_transform_edt(~others, sampling=spacing)[sites]


def ordinal(values, q):
    """The element floor(q/100 n - 1) of the sorted list, counting from 0, in floats as plastimatch counts; before the
    first, of a list of one, plastimatch finds a 0."""
    rank = int(np.floor(np.float32(q / 100) * np.float32(len(values)) - 1))
    return float(np.sort(values)[rank]) if rank >= 0 else 0.0


def within(values, sizes, tolerance):
    return sum(s[v <= tolerance].sum() for v, s in zip(values, sizes)) / sum(s.sum() for s in sizes)


def centroid_distance(pred, truth, spacing):
    apart = np.subtract(ndimage.center_of_mass(pred), ndimage.center_of_mass(truth))
    return float(np.linalg.norm(apart * spacing))
