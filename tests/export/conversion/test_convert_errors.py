"""Models and arguments that cannot be exported: one line each, that says why and what to do."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D


@pytest.fixture(scope="module")
def small():
    return tiny_models.two_stages()


@pytest.mark.slow
def test_lrn_goes_into_a_float_file_only():
    """TFLite has no int8 form of it: one line that says which layer, and what to do."""
    model = tiny_models.build("segnet_basic")
    image = tiny_models.images(seed=5)[0]
    content = convert.convert(model, tiny_models.SIZE)
    (got,) = cpu.run(cpu.open_interpreter(content), image)
    wanted = model(image).numpy()
    assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max()
    with pytest.raises(UserError, match="LocalResponseNormalization") as caught:
        convert.convert(
            model,
            tiny_models.SIZE,
            format="int8",
            ranges=calibration.measure_ranges(model, [image]),
        )
    assert "normalization='signed'" in str(caught.value)
    assert "\n" not in str(caught.value)


class Subclassed(keras.Model):
    def call(self, x):
        return x


def chain(pool=None, unpool=None, between=None):
    """One pool and one unpool, with what is asked for."""
    image = keras.Input((8, 8, 3))
    pooled, argmax = (pool or MaxPoolingWithArgmax2D(name="pool"))(image)
    if between:
        argmax = between(argmax)
    return keras.Model(image, (unpool or MaxUnpooling2D((8, 8), name="unpool"))(pooled, argmax))


def branched():
    image = keras.Input((8, 8, 3))
    return keras.Model(image, [image, keras.layers.ReLU()(image)])


REFUSED = {
    "pool_size 3": (
        lambda: chain(MaxPoolingWithArgmax2D(3, 2, "same", name="pool3")),
        r"`pool_size` and `strides` must both be 2.*pool_size=\(3, 3\).*at pool3",
    ),
    "overlapping": (
        lambda: chain(MaxPoolingWithArgmax2D(2, 1, "same"), MaxUnpooling2D(8)),
        r"`pool_size` and `strides` must both be 2.*strides=\(1, 1\)",
    ),
    "another output size": (
        lambda: chain(unpool=MaxUnpooling2D((9, 8), name="unpool9")),
        r"`output_size` of MaxUnpooling2D.*Received: \(9, 8\) for \(8, 8\) at unpool9",
    ),
    "subclassed": (Subclassed, "Functional or Sequential.*Received: Subclassed"),
    "two outputs": (branched, "one input and one output. Received: 1 and 2"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("format", ["float32", "int8"])
def test_a_model_that_cannot_be_lowered_is_one_line(case, format):
    make, words = REFUSED[case]
    ranges = dict.fromkeys(("pool", "pool3", "max_pooling_with_argmax2d"), (0.0, 1.0))
    with pytest.raises(UserError, match=words) as caught:
        convert.convert(make(), (8, 8), format, ranges=ranges if format == "int8" else None)
    assert "\n" not in str(caught.value)


def test_an_argmax_that_was_worked_on_is_refused():
    model = chain(between=lambda argmax: keras.ops.abs(argmax))
    with pytest.raises(
        UserError, match=r"straight to MaxUnpooling2D. Received: absolute"
    ) as caught:
        convert.convert(model, (8, 8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"io": "int8"}, "`io` must be float32, or uint8 or int8 together with format"),
        ({"io": "uint8"}, "`io` must be float32"),
        ({"io": "int16"}, "Received: io='int16'"),
        ({"output_kind": "masks"}, "`output_kind` must be one of logits, probabilities, labels"),
        ({"format": "int16"}, "`format` must be one of int8, float32, float16, dynamic"),
        ({"format": "int8"}, "`ranges` must be given for int8.*Received: none for int8"),
        ({"ranges": {}}, "`ranges` must be given for int8.*Received: ranges for float32"),
        (
            {"format": "int8", "ranges": {}},
            "`ranges` must have every tensor.*none for encoder1_relu1",
        ),
    ],
)
def test_bad_arguments_are_one_line(small, arguments, words):
    with pytest.raises(UserError, match=words) as caught:
        convert.convert(small, tiny_models.SIZE, **arguments)
    assert "\n" not in str(caught.value)


def test_a_size_below_the_networks_depth_is_one_line():
    free = tiny_models.two_stages(size=(None, None))
    with pytest.raises(UserError, match="`input_size` must survive every pooling layer"):
        convert.convert(free, (3, 48))
