"""Several values an index: groups of channels unpooled by one map's masks, on three kernel sets.

GPUs, aarch64 and browsers are in test_adversarial_devices.py.
"""

from __future__ import annotations

import lowered_pair
import numpy as np
import pytest


@pytest.mark.parametrize("form", ["float32", "float16", "dynamic", "int8"])
@pytest.mark.parametrize("span", [(-3.0, 5.0), (0.0, 6.0), (-4.0, 0.0)])
def test_each_group_of_channels_is_unpooled_by_the_same_masks(form, span):
    rng = np.random.default_rng(0)
    shape, groups = (1, 7, 10, 3), 3
    spans = ((-3.0, 5.0), span) if form == "int8" else (None, None)
    content = lowered_pair.convert_two(shape, *spans, ceil=True, groups=groups, form=form)
    for name, interpreter in lowered_pair.interpreters(content).items():
        encoder, decoder = sorted(interpreter.get_input_details(), key=lambda d: -d["shape"][1])
        dtype = encoder["dtype"]
        x = rng.integers(-3, 3, shape).astype(dtype)
        small = rng.integers(-99, 99, (1, 4, 5, groups * 3)).astype(dtype)
        interpreter.set_tensor(encoder["index"], x)
        interpreter.set_tensor(decoder["index"], small)
        interpreter.invoke()
        wanted = np.full((1, 7, 10, groups * 3), decoder["quantization"][1], dtype)
        for i, j, c in np.ndindex(4, 5, 3):
            window = x[0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
            y, k = divmod(int(window.argmax()), window.shape[1])
            wanted[0, 2 * i + y, 2 * j + k, c::3] = small[0, i, j, c::3]
        output = interpreter.get_output_details()[0]
        np.testing.assert_array_equal(interpreter.get_tensor(output["index"]), wanted, name)
