"""Windows chosen to be hard on a phone's kernels: LiteRT's GPU delegate and aarch64.

Slow, and each run is a process: Hypothesis draws the values of many maps at once. The file pools a
map and unpools the pooled one.
"""

from __future__ import annotations

import adversarial
import adversarial_search
import lowered_pair
import numpy as np
import pytest
import tensorflow as tf
from adversarial import Case
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from segnet_tf.export.conversion import lowering
from segnet_tf.export.runtimes import cpu, registry

GPU = ("gpu-float32", "gpu-float16")
SHAPES = (
    ((9, 7), 5, "same", 1),
    ((45, 61), 3, "valid", 1),
    ((4, 6), 520, "valid", 1),
)
# The delegate's MAX_POOL_2D begins with this number: it gives nothing below.
LOWEST = -10000.0
MAPS = 10
EXAMPLES = 3  # Hypothesis begins with the plainest


def next_halves(value):
    """Two float16 values that follow one, its negative, and zero."""
    following = np.nextafter(np.float16(value), np.float16(np.inf))
    return [value, float(following), float(np.nextafter(following, np.float16(np.inf)))] + [
        -value,
        0.0,
    ]


# Up to 127, as `conversion.lowering` says; the steps of float16 below 2**-14 are 2**-24.
HALVES = st.one_of(
    st.sampled_from([0.0, 2.0**-24, -(2.0**-24), 2.0**-14, 1.0, 6.0, 7.875, 126.875, -126.875]),
    st.floats(-126.875, 126.875, width=16),
)
ALPHABETS = {
    "aarch64": adversarial_search.ALPHABETS["float"],
    "gpu-float32": adversarial_search.ALPHABETS["float"].filter(lambda some: min(some) >= LOWEST),
    "gpu-float16": st.one_of(st.lists(HALVES, min_size=1, max_size=5), HALVES.map(next_halves)),
    "int8": adversarial_search.ALPHABETS["int8"],
}


def on(*names):
    """Marks a test slow, runs it on each runtime and skips it where that is missing."""
    devices = []
    for name in names:
        reason = registry.get(name).unavailable()
        mark = pytest.mark.skipif(reason is not None, reason=str(reason))
        devices.append(pytest.param(name, marks=mark))

    def marked(test):
        test = pytest.mark.parametrize("runtime", devices)(test)
        return pytest.mark.slow(pytest.mark.timeout(900)(test))

    return marked


@on("aarch64", *GPU)
@pytest.mark.parametrize("form", adversarial.FORMS)
def test_pair_alone_is_exact(runtime, form):
    alphabets = ALPHABETS["int8" if form == "int8" else runtime]
    tried = sum(look(case, runtime, alphabets) for case in adversarial_search.cases(form, SHAPES))
    print(f"{form} on {runtime}: {tried:,} windows tried, none wrong")
    assert tried >= 20_000


def look(case: Case, runtime: str, alphabets) -> int:
    """Fails with a line for the first wrong window; how many windows it tried."""
    content = lowered_pair.convert(case.shape, case.padding, case.span, case.form)
    scale, zero = np.float32(1), 0
    if case.form == "int8":
        scale, zero = lowered_pair.steps(cpu.open_interpreter(content))
    tried = 0

    @settings(max_examples=EXAMPLES, phases=[Phase.generate], **adversarial_search.SEARCH)
    @given(
        several=st.lists(alphabets, min_size=MAPS, max_size=MAPS),
        turn=st.integers(0, 624),
    )
    def run(several, turn):
        nonlocal tried
        maps = [adversarial.fill(case, alphabet, turn, 7) for alphabet in several]
        images = [(x.astype(np.float32) - zero) * np.float32(scale) for x in maps]
        found = registry.get(runtime).run(content, images).outputs
        for x, outputs in zip(maps, found, strict=True):
            if case.form == "int8":
                outputs = [np.rint(values / np.float32(scale)) + zero for values in outputs]
            cells, _ = adversarial.windows_of(case, x)
            wanted = adversarial.reference(case, x, cells.max(axis=-1).astype(x.dtype), zero)
            got = adversarial.Answer(*outputs, wanted.in_row, wanted.in_column)
            said = adversarial.complaint(case, runtime, x, got, wanted)
            assert not said, said
            tried += cells[..., 0].size

    run()
    return tried


@on("aarch64", *GPU, "browser-wasm", "browser-webgpu")
@pytest.mark.parametrize("form", ["float32", "float16", "int8"])
def test_each_group_of_channels_goes_where_the_same_masks_say(runtime, form):
    """Two more groups hold the pooled map with its channels moved on by one and by two."""
    span = (-3.0, 5.0) if form == "int8" else None
    channels = 5

    def forward(x):
        x = x if span is None else lowering.fake_quantize(x, span)
        pooled, argmax = lowering.max_pool(x, "same", span, "pool")
        turned = [pooled] + [
            tf.concat([pooled[..., by:], pooled[..., :by]], lowering.CHANNELS) for by in (1, 2)
        ]
        y = tf.concat(turned, lowering.CHANNELS)
        y = lowering.max_unpool(y, argmax, span)
        return y if span is None else lowering.fake_quantize(y, span)

    shape = (1, 9, 7, channels)
    # Browsers take no int8.
    content = lowered_pair.convert_function(forward, [shape], form, io=tf.float32)
    scale = np.float32(1 if span is None else lowering.quantum(span))
    codes = np.random.default_rng(0).integers(-2, 3, (2, *shape)).astype(np.float32)
    images = [x * scale for x in codes]
    found = registry.get(runtime).run(content, images).outputs
    for x, (unpooled,) in zip(codes, found, strict=True):
        wanted = np.zeros((*shape[:3], 3 * channels), np.float32)
        for i, j, c in np.ndindex(5, 4, channels):
            cells = x[0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            y, k = divmod(int(cells[..., c].argmax()), cells.shape[1])
            best = np.roll(cells.max((0, 1)), -c)
            wanted[0, 2 * i + y, 2 * j + k, c::channels] = best[:3]
        np.testing.assert_array_equal(np.rint(unpooled / scale), wanted)


@on(*GPU)
@pytest.mark.parametrize(
    ("span", "factor"),
    [
        ((0.0, 0.4), 20),  # the mask is subtracted, and 20 times as wide as what it compares
        ((0.0, 0.1), 60),
        ((0.0, 0.5), 120),
        ((-0.02, 0.02), 1),  # the mask is multiplied
        ((-0.1, 0.3), 100),
    ],
)
def test_int8_masks_of_narrow_maps_are_finite_in_float16(runtime, span, factor):
    wide = (span[0] * factor, span[1] * factor)

    def forward(x):
        x = lowering.fake_quantize(x, span)
        pooled, argmax = lowering.max_pool(x, "valid", span, "pool")
        y = lowering.fake_quantize(pooled * factor, wide)
        return lowering.fake_quantize(lowering.max_unpool(y, argmax, wide), wide)

    shape = (1, 8, 8, 10)
    content = lowered_pair.convert_function(forward, [shape], "int8")
    scale, zero = map(np.float32, lowered_pair.steps(cpu.open_interpreter(content)))
    case = Case("int8", shape[1:3], shape[3], "valid", 1, span, wide)
    around = int(np.clip(zero, -127, 126))
    maps = [
        adversarial.fill(case, alphabet, 3, 7).astype(np.float32) - zero
        for alphabet in ([-128, -127, 126, 127], [around - 1, around, around + 1], [5, 6, 7, 8])
    ]
    found = registry.get(runtime).run(content, [x * scale for x in maps]).outputs
    for x, (unpooled,) in zip(maps, found, strict=True):
        expected = lowered_pair.reference(x, ceil=False)[1]
        np.testing.assert_array_equal(np.rint(unpooled / (scale * factor)), expected)


@on(*GPU)
def test_the_gpu_pools_to_10_000_below_zero_and_no_further(runtime):
    """Right outside: LiteRT's own limit, of any max-pooling. What is compared stays right."""
    content = lowered_pair.convert((1, 2, 2, 1), "valid")
    images = [np.full((1, 2, 2, 1), value, np.float32) for value in (LOWEST, 2 * LOWEST)]
    inside, outside = registry.get(runtime).run(content, images).outputs
    for pooled, unpooled in (inside, outside):
        assert pooled.item() == LOWEST
        assert unpooled.ravel().tolist() == [LOWEST, 0, 0, 0]
