"""A thousand random calls with one argument spoilt: each raises a Python exception with a sentence, or gives a result; none crashes."""

import random
import unittest

import cases
import numpy as np

import rmseg

CALLS = 1000
HOSTILE = [
    None,
    "",
    "ce",
    b"ce",
    0,
    -1,
    2**40,
    2**80,
    1e308,
    float("nan"),
    float("inf"),
    True,
    [],
    [[]],
    [1, [2]],
    {},
    object(),
    print,
    1j,
    range(3),
]
EXPRESSIONS = ["ce", "ce + dice + 1*rm(2,0)", "sigmoid: focal + hausdorff", "none: mse", "boundary + moment(1,0)", "ce + share(10%)*dice"]


def spoil_array(rng, array):
    """The array in another shape, type, stride, byte order, or with other values."""
    array = np.asarray(array)
    hostile = [np.nan, np.inf, -np.inf, 1e38, -1, 255, 2**31, -(2**31)]

    def value():
        spoilt = array.astype(rng.choice([np.float32, np.float64]))
        spoilt.flat[rng.randrange(spoilt.size)] = rng.choice(hostile)
        return spoilt

    return rng.choice(
        [
            lambda: array[..., :0],
            lambda: array[:0],
            lambda: array[0],
            lambda: array[None],
            lambda: array.ravel(),
            lambda: array.T,
            lambda: array[..., ::-1],
            lambda: array[..., ::2],
            lambda: np.broadcast_to(array.flat[0], array.shape),
            lambda: array.reshape(array.shape + (1,) * rng.randrange(1, 20)),
            lambda: array.astype(rng.choice("? i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 g F D S3 U3 O M8[s] V4".split()), casting="unsafe"),
            lambda: array.astype(array.dtype.newbyteorder()),
            lambda: np.full(array.shape, rng.choice(hostile)),
            value,
            lambda: np.ma.array(array),
            lambda: array.tolist(),
            lambda: memoryview(np.ascontiguousarray(array)),
            lambda: np.rec.array(array),
            lambda: rng.choice(HOSTILE),
        ]
    )()


def spoil_text(rng, text):
    letters = list(text)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(letters) + 1)
        letters[at : at + rng.randrange(2)] = rng.choice(
            ["(", ")", ",", ";", "=", ":", "+", "*", "%", "9", "-", "\0", "é", "\ud800", "rm", "x" * 3000, ""]
        )
    return rng.choice(["".join(letters), rng.choice(HOSTILE)])


def spoil(rng, value):
    if isinstance(value, np.ndarray):
        return spoil_array(rng, value)
    if isinstance(value, str):
        return spoil_text(rng, value)
    return rng.choice([*HOSTILE, np.zeros(3), [1] * 5, (0, 0), (-1, 1), (np.nan, 1), np.float32(2), np.ones((2, 2))])


def calls(rng):
    """One call of each function with good arguments."""
    logits, index = cases.batch(rng.randrange(99), (2, 3, 6, 5))
    objective = {"expression": rng.choice(EXPRESSIONS), "logits": logits, "target": rng.choice([index, cases.one_hot(index, 3)])}
    objective |= {"spacing": (1, 2), "ignore": 7, "progress": 0.5, "offset": (0, 1), "extent": (9, 9), "out": np.empty_like(logits)}
    pair = {"pred": cases.mask(rng.randrange(99), (4, 5, 6)), "truth": cases.mask(rng.randrange(99), (4, 5, 6))}
    settings = {"spacing": (1, 2, 3), "convention": "medpy", "connectivity": 2, "empty": "nan"}
    several = {"metrics": ["dice", "hd95", "nsd"], "percentile": 90, "tolerance": 1, "directed": False, "component_iou": 0.1}
    yield rmseg.objective, objective
    yield rmseg.metrics.dice, {**pair, "empty": "nan"}
    yield rmseg.metrics.hausdorff, {**pair, **settings, "percentile": 95, "directed": True}
    yield rmseg.metrics.surface_dice, {**pair, **settings, "tolerance": 1.0}
    yield rmseg.metrics.measure, {**pair, **settings, **several}
    yield rmseg.metrics.evaluate, {**pair, **settings, **several, rng.choice(["labels", "regions"]): [1], "ignore": 2}
    yield rmseg.distance_transform, {"mask": pair["truth"], "spacing": (1, 2, 3), "signed": False, "squared": False}
    yield rmseg.set_threads, {"count": 2}


class BadCalls(unittest.TestCase):
    def tearDown(self):
        rmseg.set_threads(0)

    def test_a_thousand(self):
        rng = random.Random(20)
        raised = 0
        for number in range(CALLS):
            function, arguments = rng.choice(list(calls(rng)))
            name = rng.choice(list(arguments))
            arguments[name] = spoil(rng, arguments[name])
            try:
                function(**arguments)
            except (ValueError, TypeError, MemoryError) as error:
                raised += 1
                self.assertGreater(len(str(error).split()), 3, f"call {number}, {function.__name__}, {name}: {error!r}")
        self.assertGreater(raised, CALLS // 4)


if __name__ == "__main__":
    cases.main()
