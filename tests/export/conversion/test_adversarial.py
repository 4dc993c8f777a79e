"""Windows chosen to be hard, in every format, on three sets of kernels: 100,000 of them and more.

NumPy judges the masks, the pooled and the unpooled map of the file itself, in an int8 file by its
codes. Hypothesis looks for values that a format gets wrong, and names the first window in a line.
"""

from __future__ import annotations

import itertools

import adversarial
import numpy as np
import pytest
from adversarial import Case
from adversarial_search import LARGEST, STEP, cases, check, search

WINDOWS = 100_000  # of each format
FAST = (
    # size, channels, padding, batch
    ((45, 61), 3, "same", 1),
    ((45, 61), 3, "valid", 1),
    ((9, 8), 5, "same", 4),
    ((5, 7), 17, "valid", 4),
    ((4, 6), 511, "valid", 1),
    ((5, 6), 512, "same", 1),
    ((3, 3), 1024, "valid", 1),
    ((1, 2), 2, "same", 1),
)
PAIRS = [(height, width) for height in range(1, 10) for width in range(1, 10)]
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 255, 256, 257)
CHANNELS += (510, 511, 512, 513, 1000, 1023, 1024)
BATCHES = itertools.cycle([1, 4])


@pytest.mark.parametrize(
    "form",
    [
        "float32",
        "int8",
        pytest.param("float16", marks=pytest.mark.slow),
        pytest.param("dynamic", marks=pytest.mark.slow),
    ],
)
def test_100_000_windows(form):
    tried, different = search(form, cases(form, FAST), examples=150)
    print(f"{form}: {tried:,} windows tried, {different:,} different ones, none wrong")
    assert tried >= WINDOWS
    assert different >= WINDOWS / 20


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("form", adversarial.FORMS)
def test_every_size_up_to_9x9(form):
    shapes = [
        (size, channels, padding, batch)
        for padding in ("same", "valid")
        for size, channels, batch in zip(PAIRS, itertools.cycle([1, 3, 8]), BATCHES, strict=False)
        # Floor would pool a single row or column to nothing and is refused.
        if padding == "same" or min(size) > 1
    ]
    shapes += [((45, 61), 3, padding, 4) for padding in ("same", "valid")]
    assert len(shapes) == 81 + 64 + 2
    one_by_one(form, shapes)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("form", adversarial.FORMS)
def test_every_number_of_channels(form):
    ceil = [((5, 7), count, "same", batch) for count, batch in zip(CHANNELS, BATCHES, strict=False)]
    floor = [((4, 6), count, "valid", 1) for count in CHANNELS]
    one_by_one(form, ceil + floor)


def one_by_one(form, shapes):
    """All cases, in int8 each with another pair of ranges."""
    tried = sum(search(form, [case], examples=12)[0] for case in cases(form, shapes))
    print(f"{form}: {tried:,} windows in {len(shapes)} shapes tried, none wrong")
    assert tried >= WINDOWS


OUTSIDE = ("float32", "float16", "dynamic")


@pytest.mark.parametrize("form", OUTSIDE)
@pytest.mark.parametrize("channels", [1, 512])
def test_floats_nearer_than_the_gains_tell_share_their_value(form, channels):
    """Right outside: half a step makes a mask of a half, and either place has half of the value."""
    case = Case(form, (2, 2), channels, "valid")
    below = np.float32(STEP / 2)
    x, y = np.zeros(case.shape, np.float32), np.full((1, 1, 1, channels), 6, np.float32)
    x[0, 0, 1] = below
    for runtime in adversarial.CPU:
        answer = adversarial.open_file(case).run(runtime, x, y)
        assert (answer.pooled == below).all()
        assert (answer.unpooled[0, 0] == 3).all() and (answer.unpooled[0, 1] == 0).all(), runtime
    check(case, 2 * x)  # and a whole step is enough


@pytest.mark.parametrize("form", OUTSIDE)
def test_floats_beyond_the_first_gain_are_not_exact(form):
    """Right outside: 2**119 times 512 is infinite, and infinite less infinite is no number."""
    case = Case(form, (2, 2), 1, "valid")
    x = np.full(case.shape, 2.0**119, np.float32)
    with pytest.raises(AssertionError, match="NumPy says"):
        check(case, x)
    check(case, np.full(case.shape, LARGEST, np.float32))
