"""Values that are hard to compare, and Hypothesis's search among them for one that goes wrong."""

from __future__ import annotations

import adversarial
import numpy as np
from adversarial import Case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# What the float gains make 1 of, 2**-37; see `conversion.lowering`. Values that lie on steps of it
# differ by nothing or by enough.
STEP = 2.0**-37
# A step is a rounding step from here on.
SMALL = 2.0**-14
# 512 times a larger value is infinite in float32, and so a mask NaN.
LARGEST = float(np.nextafter(np.float32(2.0**119), np.float32(0)))
# Ranges of the map that is pooled and of the one that is unpooled: with zero in the middle, at
# either end, scales from 1.6e-5 to 0.78; masks that are multiplied and masks that are subtracted.
SPANS = (
    ((-3.0, 5.0), (0.0, 6.0)),
    ((0.0, 6.0), (-3.0, 5.0)),
    ((-4.0, 0.0), (0.0, 64.0)),
    ((-70.0, 70.0), (0.0, 0.004)),
    ((0.0, 0.004), (0.0, 90.0)),
    ((0.0, 200.0), (0.0, 200.0)),
)
SEARCH = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


def cases(form, shapes):
    spans = SPANS if form == "int8" else ((None, None),)
    return [Case(form, *shape, *spans[number % len(spans)]) for number, shape in enumerate(shapes)]


def up(value):
    """The next float that lies on the steps."""
    if abs(value) < SMALL or value == -SMALL:
        return value + STEP
    return min(float(np.nextafter(np.float32(value), np.float32(np.inf))), LARGEST)


def next_to(value):
    """Two values that follow one, its negative, and zero."""
    return [value, up(value), up(up(value)), -value, 0.0]


FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, STEP, -STEP, SMALL, -SMALL, 1.0, -1.0, 6.0, 7.875, 127.0]),
    st.sampled_from([LARGEST, -LARGEST, 65504.0, -65504.0]),
    st.integers(-(2**23), 2**23).map(lambda steps: steps * STEP),
    st.floats(SMALL, LARGEST, width=32),
    st.floats(-LARGEST, -SMALL, width=32),
)
CODES = st.one_of(st.sampled_from([-128, -127, -1, 0, 1, 126, 127]), st.integers(-128, 127))
ALPHABETS = {
    "float": st.one_of(
        st.lists(FLOATS, min_size=1, max_size=5),
        FLOATS.map(next_to),
        st.just([0.0, 1e-11, -1e-11]),  # the smallest value that the masks tell from zero
    ),
    "int8": st.one_of(
        st.lists(CODES, min_size=1, max_size=5),
        # One quantum apart.
        st.integers(-128, 124).map(lambda code: [code, code + 1, code + 2, code + 3]),
    ),
}
# The decoder's maps: the pooled map itself, or values that tell all places apart.
OTHERS = {
    "float": np.concatenate([np.arange(1, 255) / 8, [-1.5, 1e-30, 3e38, -3e38]]).astype(np.float32),
    "int8": np.arange(-128, 128).astype(np.int8),
}


def search(form, some, examples, **options):
    """Lets Hypothesis look for values that one of the cases gets wrong.

    Returns:
        How many windows it tried, and how many different ones.

    Raises:
        AssertionError: it found one.
    """
    kind = "int8" if form == "int8" else "float"
    tried, different = 0, set()

    @settings(max_examples=examples, **SEARCH, **options)
    @given(
        case=st.sampled_from(some),
        alphabet=ALPHABETS[kind],
        turn=st.integers(0, 624),
        step=st.sampled_from([1, 7, 11, 13]),
        itself=st.booleans(),
    )
    def look(case, alphabet, turn, step, itself):
        nonlocal tried
        cells = check(case, adversarial.fill(case, alphabet, turn, step), itself)
        tried += len(cells)
        different.update(window.tobytes() for window in cells[:625])

    look()
    return tried, len(different)


def check(case, x, itself=False):
    """Fails with one line unless every runtime gives NumPy's answer; the windows, `(count, 4)`."""
    file = adversarial.open_file(case)
    cells, _ = adversarial.windows_of(case, x)
    others = OTHERS["int8" if case.form == "int8" else "float"]
    y = np.resize(others, cells.shape[:-1])
    if itself:
        y = cells.max(axis=-1).astype(x.dtype)
    wanted = adversarial.reference(case, x, y, file.zero)
    for runtime in adversarial.CPU:
        said = adversarial.complaint(case, runtime, x, file.run(runtime, x, y), wanted)
        assert not said, said
    return cells.reshape(-1, 4)
