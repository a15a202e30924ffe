"""What a term of the reference sees, and the means that all terms share."""

import torch

torch.set_default_dtype(torch.float64)
IGNORE = 255


class Batch:
    """logits (N,K,D,H,W); index (N,D,H,W) for both heads; map (N,K,D,H,W) with soft values."""

    def __init__(self, name, n, k, size, spatial, seed):
        generator = torch.Generator().manual_seed(seed)
        self.name, self.n, self.k, self.size, self.spatial = name, n, k, size, spatial
        self.logits = torch.randn(n, k, *size, generator=generator) * 2
        self.index = torch.randint(0, max(k, 2), (n, *size), generator=generator)
        soft = torch.rand(n, k, *size, generator=generator)
        hard = torch.rand(n, k, *size, generator=generator) < 0.4
        self.map = torch.where(torch.rand(n, k, *size, generator=generator) < 0.5, soft, hard.double())
        self.frames = [
            dict(
                offset=[(3 + b) % 4 if s > 1 else 0 for s in size],
                extent=[s + 4 + b if s > 1 else 1 for s in size],
                spacing=[1.25, 0.5 + b, 0.75],
            )
            for b in range(n)
        ]


class View:
    """What a term sees: probabilities, truth, validity, logits, and the first foreground channel."""

    def __init__(self, batch, head, truth, ignore, logits, frames):
        self.batch, self.head, self.logits, self.frames = batch, head, logits, frames
        if head == "tanh":  # signed distances: from here on a sigmoid of steep logits
            self.s = torch.tanh(logits)
            self.head, self.logits = head, logits = "sigmoid", -1500 * self.s
        self.first_fg = 0 if head == "sigmoid" or batch.k == 1 else 1
        if truth == "index":
            index = batch.index.clone()
            if ignore:
                index[..., ::3] = IGNORE
            self.index = index
            self.valid = index != IGNORE
            labels = torch.arange(batch.k) + 1 - self.first_fg
            self.y = (index[:, None] == labels.view(1, -1, 1, 1, 1)).double()
        else:
            self.map = batch.map.clone()
            if ignore:
                self.map[:, -1, ..., ::3] = -1
            self.valid = (self.map >= 0).all(1)
            self.y = torch.where(self.valid[:, None], self.map, torch.zeros(()))
        probabilities = dict(softmax=lambda z: z.softmax(1), sigmoid=torch.sigmoid, none=lambda z: z)[head](logits)
        self.m = self.valid[:, None].double()
        self.p = probabilities * self.m
        self.binary = head == "sigmoid" or (head == "none" and batch.k == 1)

    def channels(self, text):
        if text == "fg":
            return list(range(self.first_fg, self.batch.k))
        return list(range(self.batch.k)) if text == "all" else [int(c) for c in text.split("+")]


def numbers(text):
    return torch.tensor([float(w) for w in text.split("+")])


def ratio(above, over):
    """A mean over no voxel is 0."""
    return above / over if over > 0 else above * 0


def reduced(v, reduction, mean):
    """What a sum over the batch is divided by."""
    return dict(mean=mean, sum=torch.tensor(1.0), batchmean=torch.tensor(float(v.batch.n)))[reduction]


def over_samples(v, one, channels, weights, reduction):
    """Mean over samples and channels (or sum, or batchmean) of one(s, c)."""
    chosen = v.channels(channels)
    w = numbers(weights) if weights else torch.ones(len(chosen))
    total = v.p.sum() * 0 + sum(w[j] * one(s, c) for s in range(v.batch.n) if v.m[s].sum() > 0 for j, c in enumerate(chosen))
    return total / dict(mean=v.batch.n * len(chosen), sum=1, batchmean=v.batch.n)[reduction]


def over_voxels(v, one, channels, weights, reduction):
    chosen = v.channels(channels)
    w = numbers(weights) if weights else torch.ones(len(chosen))
    total = sum(w[j] * one(s, c).sum() for s in range(v.batch.n) for j, c in enumerate(chosen))
    return ratio(total, dict(mean=len(chosen) * v.m.sum(), sum=1, batchmean=v.batch.n)[reduction])
