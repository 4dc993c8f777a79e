"""The image's normalization in int8: a subtraction, its factor in the convolution behind it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf.export.conversion import calibration, convert, input_scale, sampling
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.uncertainty import Uncertainty

SIZE = (12, 20)


def network(scale=1 / 128, offset=-1.0, readers=1, **conv):
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Rescaling(scale, offset, name="normalization")(image)
    maps = [
        keras.layers.Conv2D(4, 3, padding="same", name=f"conv{n}", **conv)(x)
        for n in range(readers)
    ]
    return keras.Model(image, keras.layers.Add()(maps) if readers > 1 else maps[0])


def exported(model, io="float32"):
    images = tiny_models.images(SIZE)
    ranges = calibration.measure_ranges(model, images)
    return convert.convert(model, SIZE, format="int8", ranges=ranges, io=io)


def ops(content):
    return [op.name for op in flatbuffer.read(content).ops]


def test_image_is_normalized_by_a_subtraction_that_changes_no_code():
    model = network()
    content = exported(model)
    assert ops(content) == ["QUANTIZE", "SUB", "CONV_2D", "DEQUANTIZE"]
    file = flatbuffer.read(content)
    before, after = (file.tensors[op.outputs[0]] for op in file.ops[:2])
    assert (float(before.scale[0]), float(after.scale[0])) == (1.0, 1.0)
    image = np.arange(256).repeat(3)[: 3 * 240].reshape(1, *SIZE, 3).astype(np.float32)
    shown = flatbuffer.with_outputs(content, [op.outputs[0] for op in file.ops[:2]])
    for name in ("xnnpack", "reference"):
        codes = registry.get(name).run(shown, [image]).outputs[0][-2:]
        np.testing.assert_array_equal(codes[0], image)
        np.testing.assert_array_equal(codes[1], image - 128)


def test_output_is_numpys_convolution_of_the_normalized_image():
    model = network()
    kernel, bias = model.get_layer("conv0").get_weights()
    image = tiny_models.images(SIZE)[0]
    padded = np.pad(image / 128 - 1, ((0, 0), (1, 1), (1, 1), (0, 0)))
    wanted = bias + sum(
        padded[:, y : y + SIZE[0], x : x + SIZE[1]] @ kernel[y, x]
        for y in range(3)
        for x in range(3)
    )
    found = registry.get("xnnpack").run(exported(model), [image]).outputs[0][0]
    # Ranges leave a few outliers out.
    assert np.abs(found - wanted).mean() < 0.01 * np.abs(wanted).max()


def test_without_offset_there_is_no_op_at_all():
    assert ops(exported(network(1 / 255, 0.0))) == ["QUANTIZE", "CONV_2D", "DEQUANTIZE"]


def test_the_model_that_is_exported_keeps_its_weights():
    model = network()
    before = model.get_weights()
    twin = input_scale.moved(model)
    assert twin is not model
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    image = tiny_models.images(SIZE)[0]
    # 1/128 is a power of two: not a digit changes.
    np.testing.assert_array_equal(twin(image), model(image))


def test_layers_that_cannot_be_made_anew_are_taken_as_they_are():
    """What a user's layer was given need not be in its configuration."""

    class Times(keras.layers.Layer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def call(self, x):
            return x * self.factor

        def get_config(self):
            raise NotImplementedError

    body = network()
    model = keras.Model(body.input, Times(np.float32(2))(body.output))
    image = tiny_models.images(SIZE)[0]
    np.testing.assert_array_equal(input_scale.moved(model)(image), model(image))


@pytest.mark.slow
def test_a_network_of_samples_has_it_too():
    """Its dropouts have no configuration that they could be made anew from."""
    said = Uncertainty(2, 3)
    model = tiny_models.bayesian()
    network = sampling.distribution_of(model, tiny_models.SIZE, said)
    images = tiny_models.images(count=2)
    ranges = calibration.ranges_of_network(network, images)
    kind = "probabilities"
    content = convert.convert(
        model, tiny_models.SIZE, "int8", ranges=ranges, output_kind=kind, uncertainty=said
    )
    assert "SUB" in ops(content)[:2]
    entropy, found = registry.get("xnnpack").run(content, images[:1]).outputs[0]
    wanted = network.predict_on_batch(images[0])
    assert np.abs(found - wanted[..., :-1]).mean() < 0.02
    assert np.abs(entropy - wanted[..., -1:]).mean() < 0.1


def test_precision_is_the_layers_and_not_the_one_that_keras_is_set_to():
    model = network()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        twin = input_scale.moved(model)
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in twin.layers[1:]} == {"float32"}


def _shared():
    image = keras.Input((*SIZE, 3))
    conv = keras.layers.Conv2D(3, 1)
    return keras.Model(image, conv(conv(keras.layers.Rescaling(1 / 128)(image))))


@pytest.mark.parametrize(
    "model",
    [
        lambda: network(readers=2),
        lambda: network(scale=[1 / 128, 1 / 64, 1 / 128]),
        lambda: network(offset=[1.0, 2.0, 3.0]),
        lambda: network(scale=-1.0),
        _shared,
        lambda: tiny_models.two_stages(normalization="imagenet"),
    ],
    ids=["two readers", "scales", "offsets", "negative", "called twice", "imagenet"],
)
def test_scale_stays_where_it_cannot_move(model):
    model = model()
    assert input_scale.moved(model) is model


def test_float_keeps_the_kernel_which_float16_would_lose():
    assert "MUL" in ops(convert.convert(network(), SIZE, format="float32"))
