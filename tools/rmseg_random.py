"""rmseg's random numbers in NumPy: which cases a batch holds and what is drawn for each sample (docs/data.md).

Written from the documentation, so that a training in another framework can follow an rmseg run sample by sample:

    import rmseg_random as rr
    for iteration in range(2000):
        cases = rr.batch_cases(seed, iteration, 4, len(images))
        records = rr.batch_records(seed, iteration, 4, extents, patch, "flip-w,rot90")
        samples = [rr.apply(r, images[c], labels[c], patch) for c, r in zip(cases, records)]
"""
import numpy as np

WEIGHTS, ORDER, AUGMENT, DROPOUT, SPLIT = 1, 2, 3, 4, 5
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
    """The ten draws of a sample: flips along D, H, W; turn; brightness, contrast, gamma; crops along D, H, W."""
    return stream_uniform(seed, AUGMENT, iteration, sample, 10)


def sample_record(seed, iteration, sample, extent, patch, augment="none", spatial=2):
    """What is done to a sample whose prepared image has `extent` (D, H, W)."""
    u, names = augment_draws(seed, iteration, sample), set(augment.split(",")) - {"none", ""}
    axes = [spatial == 3 and bool(names & {"flip", "flip-d"}), bool(names & {"flip", "flip-h"}), bool(names & {"flip", "flip-w"})]
    turns = int(4 * u[3]) if "rot90" in names else 0
    turned = extent if turns % 2 == 0 else (extent[0], extent[2], extent[1])
    return {
        "flip": [int(axes[k] and u[k] < 0.5) for k in range(3)],
        "turns": turns,
        "offset": (u[4] - 0.5) / 2 if "brightness" in names else 0.0,
        "gain": 0.75 + u[5] / 2 if "contrast" in names else 1.0,
        "gamma": 2.0 ** (u[6] - 0.5) if "gamma" in names else 1.0,
        "crop": [int(u[7 + k] * (n - p + 1)) if n >= p else -((p - n) // 2) for k, (n, p) in enumerate(zip(turned, patch))],
    }


def batch_records(seed, iteration, batch, extents, patch, augment="none", spatial=2):
    """The records of a batch; extents (n, 3) of the prepared cases."""
    cases = batch_cases(seed, iteration, batch, len(extents))
    return [sample_record(seed, iteration, s, extents[c], patch, augment, spatial) for s, c in enumerate(cases)]


def move(record, array, patch):
    """Turn, flip and crop an array (..., D, H, W); zeros where the patch leaves the image."""
    array = np.rot90(array, record["turns"], axes=(-2, -1))
    array = np.flip(array, [k - 3 for k in range(3) if record["flip"][k]])
    out = np.zeros(array.shape[:-3] + tuple(patch), array.dtype)
    to, source = [...], [...]
    for k, start in enumerate(record["crop"]):
        low, high = max(0, -start), min(patch[k], array.shape[k - 3] - start)
        to.append(slice(low, high))
        source.append(slice(start + low, start + high))
    out[tuple(to)] = array[tuple(source)]
    return out


def change(record, image):
    """Gamma, contrast, brightness of a prepared image (C, D, H, W), by channel."""
    out = np.empty_like(image)
    for c, values in enumerate(image.astype(np.float64)):
        mean, sd, low, span = values.mean(), values.std(), values.min(), np.ptp(values)
        if record["gamma"] != 1 and span > 0:
            values = low + span * ((values - low) / span) ** record["gamma"]
        out[c] = mean + record["gain"] * (values - mean) + record["offset"] * sd
    return out


def apply(record, image, label, patch):
    """A sample from a prepared image (C, D, H, W) and its label (D, H, W)."""
    return move(record, change(record, image), patch), move(record, label, patch)
