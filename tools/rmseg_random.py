"""rmseg's random numbers in NumPy: which cases a batch holds and what is drawn for each sample (docs/data.md). What resamples and
filters is SciPy's.

Written from the documentation, so that a training in another framework can follow an rmseg run sample by sample:

    import rmseg_random as rr
    for iteration in range(2000):
        cases = rr.batch_cases(seed, iteration, 4, len(images))
        records = rr.batch_records(seed, iteration, 4, extents, patch, "flip-w,rot90")
        samples = [rr.apply(r, images[c], labels[c], patch) for c, r in zip(cases, records)]
"""

import re

import numpy as np

WEIGHTS, ORDER, AUGMENT, DROPOUT, SPLIT, ELASTIC, NOISE = 1, 2, 3, 4, 5, 8, 9
DRAWS = 27
DEFAULTS = {
    "rotate": {"degrees": 30, "p": 0.2},
    "scale": {"low": 0.7, "high": 1.4, "p": 0.2},
    "elastic": {"magnitude": 4, "grid": 32, "p": 0.2},
    "noise": {"sd": 0.3, "p": 0.1},
    "blur": {"low": 0.5, "high": 1, "p": 0.2},
    "lowres": {"low": 0.5, "high": 1, "p": 0.25},
}
DEFAULTS |= {f"rotate-{axis}": DEFAULTS["rotate"] for axis in "dhw"}
U32 = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """Philox4x32-10: counter (..., 4) and key (2,) of 32-bit words -> (..., 4) words, as uint32."""
    c0, c1, c2, c3 = (np.asarray(counter, dtype=np.uint64)[..., i] for i in range(4))
    k0, k1 = (int(k) for k in key)
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0), p1 & U32, (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1), p0 & U32
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def stream_words(seed, purpose, a, b, count):
    """The first `count` 32-bit words of a stream."""
    blocks = np.zeros((-(-count // 4), 4), np.uint64)
    blocks[:, 0] = np.arange(len(blocks))
    blocks[:, 1:] = purpose, a, b
    return philox(blocks, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1)[:count]


def stream_uniform(seed, purpose, a, b, count):
    """The first `count` uniform numbers in [0,1) of a stream."""
    return stream_words(seed, purpose, a, b, count) * 2.0**-32


def permutation(seed, purpose, a, n):
    """Fisher-Yates from the end: one draw for each i = n-1 .. 1."""
    order = np.arange(n)
    for i, u in zip(range(n - 1, 0, -1), stream_uniform(seed, purpose, a, 0, n - 1)):
        j = int(u * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def epoch_order(seed, epoch, n):
    return permutation(seed, ORDER, epoch, n)


def batch_cases(seed, iteration, batch, n):
    """Which of the n cases batch `iteration` holds: positions iteration*batch ... of the epochs, one after another."""
    positions = np.arange(iteration * batch, (iteration + 1) * batch)
    return [int(epoch_order(seed, int(p) // n, n)[int(p) % n]) for p in positions]


def held_out(seed, count, fold, folds):
    """True for the cases that fold `fold` of `folds` validates on."""
    held = np.zeros(count, bool)
    held[permutation(seed, SPLIT, 0, count)[fold::folds]] = True
    return held


def augment_draws(seed, iteration, sample):
    """The draws of a sample, each in its place (docs/data.md)."""
    return stream_uniform(seed, AUGMENT, iteration, sample, DRAWS)


def parse_augment(text):
    """ "flip-w,rotate(degrees=15)" -> {"flip-w": {}, "rotate": {"degrees": 15.0, "p": 0.2}}"""
    found = {}
    for name, parameters in re.findall(r"([a-z0-9-]+)(?:\(([^)]*)\))?", text):
        given = dict(pair.split("=") for pair in re.split(r"[,; ]+", parameters) if pair)
        found[name] = DEFAULTS.get(name, {}) | {key: float(value) for key, value in given.items()}
    found.pop("none", None)
    return found


def sample_record(seed, iteration, sample, extent, patch, augment="none", spatial=2):
    """What is done to a sample whose prepared image has `extent` (D, H, W)."""
    u, names = augment_draws(seed, iteration, sample), parse_augment(augment)
    axes = [
        spatial == 3 and bool(names.keys() & {"flip", "flip-d"}),
        bool(names.keys() & {"flip", "flip-h"}),
        bool(names.keys() & {"flip", "flip-w"}),
    ]
    turns = int(4 * u[3]) if "rot90" in names else 0
    turned = extent if turns % 2 == 0 else (extent[0], extent[2], extent[1])
    record = {
        "flip": [int(axes[k] and u[k] < 0.5) for k in range(3)],
        "turns": turns,
        "offset": (u[4] - 0.5) / 2 if "brightness" in names else 0.0,
        "gain": 0.75 + u[5] / 2 if "contrast" in names else 1.0,
        "gamma": 2.0 ** (u[6] - 0.5) if "gamma" in names else 1.0,
        "crop": [int(u[7 + k] * (n - p + 1)) if n >= p else -((p - n) // 2) for k, (n, p) in enumerate(zip(turned, patch))],
        "angle": [0.0, 0.0, 0.0],
        "scale": 1.0,
        "elastic": 0.0,
        "grid": 0.0,
        "blur": 0.0,
        "lowres": 1.0,
        "noise": 0.0,
        "stream": (seed, iteration, sample),
    }
    for k in range(3 if spatial == 3 else 1):
        own = names.get("rotate") or names.get("rotate-" + "dhw"[k])
        if own and u[10] < own["p"]:
            record["angle"][k] = (2 * u[11 + k] - 1) * own["degrees"]
    done = {
        name: names[name]
        for name, at in (("scale", 14), ("elastic", 16), ("noise", 18), ("blur", 20), ("lowres", 22))
        if name in names and u[at] < names[name]["p"]
    }
    if own := done.get("scale"):
        record["scale"] = own["low"] * (own["high"] / own["low"]) ** u[15]
    if own := done.get("elastic"):
        record["elastic"], record["grid"] = u[17] * own["magnitude"], own["grid"]
    if own := done.get("noise"):
        record["noise"] = u[19] * own["sd"]
    if own := done.get("blur"):
        record["blur"] = own["low"] + u[21] * (own["high"] - own["low"])
    if own := done.get("lowres"):
        record["lowres"] = own["low"] + u[23] * (own["high"] - own["low"])
    return record


def batch_records(seed, iteration, batch, extents, patch, augment="none", spatial=2):
    """The records of a batch; extents (n, 3) of the prepared cases."""
    cases = batch_cases(seed, iteration, batch, len(extents))
    return [sample_record(seed, iteration, s, extents[c], patch, augment, spatial) for s, c in enumerate(cases)]


def turn(record, array):
    """Turned and flipped, in the plane of H and W or, where pivot is 2, of D and H."""
    array = np.rot90(array, record["turns"], axes=(-3, -2) if record.get("pivot") == 2 else (-2, -1))
    return np.flip(array, [k - 3 for k in range(3) if record["flip"][k]])


def move(record, array, patch):
    """Turn, flip and crop an array (..., D, H, W); zeros where the patch leaves the image."""
    array = turn(record, array)
    out = np.zeros(array.shape[:-3] + tuple(patch), array.dtype)
    to, source = [...], [...]
    for k, start in enumerate(record["crop"]):
        low, high = max(0, -start), min(patch[k], array.shape[k - 3] - start)
        to.append(slice(low, high))
        source.append(slice(start + low, start + high))
    out[tuple(to)] = array[tuple(source)]
    return out


def rotation(angle):
    """R_D R_H R_W; a turn in the plane (a, b) is (c a + s b, -s a + c b)."""
    total = np.eye(3)
    for axis, (a, b) in ((0, (1, 2)), (1, (0, 2)), (2, (0, 1))):
        one, t = np.eye(3), np.radians(angle[axis])
        one[a, a], one[a, b], one[b, a], one[b, b] = np.cos(t), np.sin(t), -np.sin(t), np.cos(t)
        total = total @ one
    return total


def finest_edge(spacing, patch):
    return min(s for s, p in zip(spacing, patch) if p > 1)


def displacement(record, patch, spacing):
    """(3, patch) in voxels: B-splines over control points whose numbers are normal."""
    from scipy import ndimage

    edge = np.array([finest_edge(spacing, patch) / s for s in spacing])
    distance = np.maximum(2, record["grid"] * edge)
    points = [int((p - 1) / g) + 4 if p > 1 else 1 for p, g in zip(patch, distance)]
    u = stream_uniform(record["stream"][0], ELASTIC, *record["stream"][1:], 6 * int(np.prod(points)))
    normal = (np.sqrt(-2 * np.log(1 - u[::2])) * np.cos(2 * np.pi * u[1::2])).reshape(*points, 3)
    bent = [k for k in range(3) if patch[k] > 1]
    seen = np.meshgrid(*[np.arange(patch[k]) / distance[k] + 1 for k in bent], indexing="ij")
    normal = normal.reshape(*[points[k] for k in bent], 3)
    out = np.zeros((3, *patch))
    for k in bent:
        size = record["elastic"] * edge[k] / np.sqrt((151 / 315) ** len(bent))
        out[k] = size * ndimage.map_coordinates(normal[..., k], seen, order=3, prefilter=False, mode="nearest").reshape(patch)
    return out


def places(record, extent, patch, spacing):
    """Where each voxel of the patch lies in the turned and flipped image: (3, patch); and whether that is inside."""
    index = np.stack(np.meshgrid(*map(np.arange, patch), indexing="ij")).astype(float)
    if record["elastic"] > 0:
        index += displacement(record, patch, spacing)
    middle = np.array([(p - 1) / 2 for p in patch])
    spacing = np.asarray(spacing, float)
    step = rotation(record["angle"]) * spacing[None, :] / spacing[:, None] / record["scale"]
    y = np.einsum("ka,a...->k...", step, index - middle[:, None, None, None]) + (middle + record["crop"])[:, None, None, None]
    inside = np.all([(y[k] >= -0.5) & (y[k] < extent[k] - 0.5) for k in range(3)], axis=0)
    return y, inside


def is_warped(record):
    return any(record["angle"]) or record["scale"] != 1 or record["elastic"] > 0


def warp(record, image, label, patch, spacing):
    """Image (C, D, H, W) linear, label (D, H, W) the class of most linear weight."""
    from scipy import ndimage

    image, label, spacing = turn(record, image), turn(record, label), turned_spacing(record, spacing)
    y, inside = places(record, label.shape, patch, spacing)
    values = np.stack([ndimage.map_coordinates(c.astype(float), y, order=1, mode="nearest") for c in image]) * inside
    classes = np.arange(label.max() + 1)
    weights = np.stack([ndimage.map_coordinates((label == c).astype(float), y, order=1, mode="nearest") for c in classes])
    return values, weights.argmax(0) * inside, inside


def turned_spacing(record, spacing):
    spacing = list(spacing)
    if record["turns"] % 2:
        a, b = (0, 1) if record.get("pivot") == 2 else (1, 2)
        spacing[a], spacing[b] = spacing[b], spacing[a]
    return spacing


def noise(record, shape):
    """Normal numbers for an array (C, D, H, W): four of a block, each channel beginning with a block."""
    size = int(np.prod(shape[1:]))
    blocks = -(-size // 4)
    u = stream_uniform(record["stream"][0], NOISE, *record["stream"][1:], 4 * blocks * shape[0])
    radius, angle = np.sqrt(-2 * np.log(1 - u[::2])), 2 * np.pi * u[1::2]
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(shape[0], -1)
    return normal[:, :size].reshape(shape)


def filtered(record, image, inside, deviations, spacing):
    """Blur, low resolution, noise of a patch (C, D, H, W)."""
    from scipy import ndimage

    patch = image.shape[1:]
    edge = [finest_edge(spacing, patch) / s for s in spacing]
    for c in range(len(image)):
        if record["blur"] > 0:
            image[c] = ndimage.gaussian_filter(image[c], [record["blur"] * e if p > 1 else 0 for e, p in zip(edge, patch)], mode="nearest")
        if record["lowres"] < 1:
            coarse = [max(1, int(min(1, record["lowres"] / e) * p + 0.5)) for e, p in zip(edge, patch)]
            low = ndimage.zoom(image[c], [m / p for m, p in zip(coarse, patch)], order=0, mode="nearest", grid_mode=True)
            image[c] = ndimage.zoom(low, [p / m for m, p in zip(low.shape, patch)], order=1, mode="nearest", grid_mode=True)
    image *= inside
    if record["noise"] > 0:
        image += record["noise"] * np.asarray(deviations)[:, None, None, None] * noise(record, image.shape) * inside
    return image


def change(record, image, whole=None):
    """Gamma, contrast, brightness of values (C, D, H, W), by channel of the whole prepared image."""
    out = np.empty_like(image)
    for c, values in enumerate(image.astype(np.float64)):
        of = (image if whole is None else whole)[c].astype(np.float64)
        mean, sd, low, span = of.mean(), of.std(), of.min(), np.ptp(of)
        if record["gamma"] != 1 and span > 0:
            values = low + span * (np.maximum(values - low, 0) / span) ** record["gamma"]
        out[c] = mean + record["gain"] * (values - mean) + record["offset"] * sd
    return out


def apply(record, image, label, patch, spacing=(1, 1, 1)):
    """A sample from a prepared image (C, D, H, W) and its label (D, H, W)."""
    if is_warped(record):
        values, labels, inside = warp(record, image, label, patch, spacing)
        values = change(record, values, image) * inside
    else:
        values, labels = move(record, change(record, image), patch), move(record, label, patch)
        inside = move(record, np.ones(label.shape), patch)
    deviations = [c.astype(np.float64).std() for c in image]
    return filtered(record, values, inside, deviations, turned_spacing(record, spacing)), labels
