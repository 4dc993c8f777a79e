"""Corrected biases: what LiteRT computes from them, against Keras on other images."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf.errors import UserError
from segnet_tf.export import bias_correction, exporter
from segnet_tf.export.compression.plan import Compression
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import registry
from segnet_tf.export.tflite_file import biases, flatbuffer

IMAGES = np.concatenate(tiny_models.images(count=4)).astype(np.uint8)


def answers(content, images):
    runtime = registry.get("optimized")  # measured by XNNPACK, judged by other kernels
    return np.concatenate([runtime.run(content, [image]).outputs[0][0] for image in images])


def shift(content, network, images):
    """The mean error of each class's logit."""
    exact = np.concatenate([network(image) for image in images])
    return (answers(content, images) - exact).reshape(-1, exact.shape[-1]).mean(0)


@pytest.fixture(scope="module")
def network():
    """One large weight in each filter leaves few of int8's steps to the others."""
    keras.utils.set_random_seed(1)
    image = keras.Input((*tiny_models.SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(image)
    for name in ("first", "second"):
        x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False, name=name)(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(keras.layers.BatchNormalization()(x))
    model = tiny_models.alive(keras.Model(image, keras.layers.Conv2D(5, 1, name="last")(x)))
    for name in ("first", "second", "last"):
        layer = model.get_layer(name)
        kernel = layer.kernel.numpy()
        kernel[0, 0, 0] *= 6
        layer.kernel.assign(kernel)
    model.get_layer("last").bias.assign([0.1, 0.2, 0.3, 0.4, 0.5])
    return model


@pytest.fixture(scope="module")
def ranges(network):
    return calibration.measure_ranges(network, tiny_models.images())


@pytest.fixture(scope="module")
def content(network, ranges):
    return convert.convert(network, tiny_models.SIZE, "int8", ranges=ranges)


def test_the_mean_error_is_gone_on_other_images(network, ranges, content):
    shifts = bias_correction.measure(content, network, ranges, tiny_models.images())
    better, _ = bias_correction.corrected(content, network, ranges, shifts)
    others = tiny_models.images(count=6, seed=7)
    before, after = (np.abs(shift(file, network, others)) for file in (content, better))
    assert after.max() < 0.4 * before.max()
    # Biases alone, in place: the same size, and every other byte as it was.
    changed = np.frombuffer(content, np.uint8) != np.frombuffer(better, np.uint8)
    assert len(better) == len(content) and 0 < changed.mean() < 0.05
    first, second = (flatbuffer.read(file).tensors for file in (content, better))
    other = [
        a.name for a, b in zip(first, second, strict=True) if not np.array_equal(a.data, b.data)
    ]
    assert other and {t.dtype for t in first if t.name in other and t.data is not None} == {"int32"}


def test_a_layer_is_not_corrected_for_what_those_before_it_do(network, ranges, content):
    """The error of the first convolution alone is planted: no other layer may answer for it."""
    file = flatbuffer.read(content)
    first = next(op for op in file.ops if op.name == "CONV_2D")
    bias = biases.changeable(content)[first.outputs[0]]
    planted = 40 * np.asarray(file.tensors[bias].scale)
    images = tiny_models.images()
    before = bias_correction.measure(content, network, ranges, images)
    after = bias_correction.measure(
        biases.lowered(content, {bias: -planted}), network, ranges, images
    )
    moved = {name: np.abs(np.subtract(after[name], before[name])).max() for name in before}
    largest = max(moved, key=moved.get)
    assert largest == "first_relu"
    assert all(value < 0.25 * moved[largest] for name, value in moved.items() if name != largest)


def test_biases_are_lowered_by_the_amount_in_steps_of_the_file(content):
    file = flatbuffer.read(content)
    last = [op for op in file.ops if op.name == "CONV_2D"][-1]
    bias = biases.changeable(content)[last.outputs[0]]
    step = file.tensors[bias].scale.astype(np.float64)
    amounts = np.array([0.0, 0.4, 0.6, -1.0, 1e30]) * step
    after = flatbuffer.read(biases.lowered(content, {bias: amounts})).tensors[bias].data
    wanted = file.tensors[bias].data - np.array([0, 0, 1, -1, 0])
    np.testing.assert_array_equal(after[:4], wanted[:4])
    assert after[4] == np.iinfo(np.int32).min


def test_a_bias_that_two_ops_share_is_left_alone():
    image = keras.Input((*tiny_models.SIZE, 3))
    x = keras.layers.Conv2D(3, 3, padding="same", use_bias=False, name="a")(image)
    x = keras.layers.Conv2D(3, 3, padding="same", use_bias=False, name="b")(x)
    network = keras.Model(image, keras.layers.Conv2D(3, 1, name="c")(x))
    images = tiny_models.images()
    network.get_layer("c").bias.assign([0.1, 0.2, 0.3])
    ranges = calibration.measure_ranges(network, images)
    content = convert.convert(network, tiny_models.SIZE, "int8", ranges=ranges)
    shifts = bias_correction.measure(content, network, ranges, images)
    assert set(shifts) == {"c"}
    better, _ = bias_correction.corrected(content, network, ranges, shifts)
    file, after = flatbuffer.read(content), flatbuffer.read(better)
    ops = [op for op in file.ops if op.name == "CONV_2D"]
    same = [
        np.array_equal(file.tensors[op.inputs[2]].data, after.tensors[op.inputs[2]].data)
        for op in ops
    ]
    assert same == [True, True, False]


def conv(channels, name=None):
    return keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=name)


def nested(name, channels):
    image = keras.Input((None, None, channels))
    return keras.Model(image, conv(channels + 2, "conv")(image), name=name)


def called_twice(image):
    """One convolution on two maps of other ranges, each of which another one reads."""
    shared = conv(6, "shared")
    first = conv(6)(image)
    second = conv(6)(first)
    maps = [conv(6)(shared(first)), conv(6)(shared(second))]
    return keras.layers.Concatenate()(maps)


def two_sizes(image):
    head = nested("head", 3)
    small = head(keras.layers.MaxPooling2D()(image))
    large = keras.layers.UpSampling2D(interpolation="bilinear")(small)
    return keras.layers.Concatenate()([head(image), large])


def transposed(image):
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    x = keras.layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x)
    return keras.layers.ReLU()(x)


FORMS = {
    "a layer called twice": (called_twice, {"shared"}),
    "a nested model called on two sizes": (two_sizes, {"conv"}),
    "one name in two nested models": (lambda x: nested("b", 5)(nested("a", 3)(x)), {"conv"}),
    "a transposed convolution, which the file has in parts": (transposed, {"re_lu"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_no_single_tensor_holds_is_left_out(form):
    keras.backend.clear_session()
    keras.utils.set_random_seed(2)
    build, left_out = FORMS[form]
    image = keras.Input((*tiny_models.SIZE, 3))
    x = build(keras.layers.Rescaling(1 / 127.5, -1.0)(image))
    network = keras.Model(image, keras.layers.Conv2D(5, 1, name="last")(x))
    rng = np.random.default_rng(3)
    for weight in network.trainable_weights:
        if len(weight.shape) == 1:
            weight.assign(rng.normal(0, 0.2, weight.shape))
    images = tiny_models.images()
    ranges = calibration.measure_ranges(network, images)
    content = convert.convert(network, tiny_models.SIZE, "int8", ranges=ranges)
    shifts = bias_correction.measure(content, network, ranges, images)
    assert "last" in shifts and not left_out & set(shifts)
    better, _ = bias_correction.corrected(content, network, ranges, shifts)
    others = tiny_models.images(count=4, seed=7)
    before, after = (np.abs(shift(file, network, others)).mean() for file in (content, better))
    assert after < before + 0.001  # a thousandth of a logit


def test_shifts_of_another_model_are_refused(network, ranges, content):
    taken = {"last": [0.1] * 5}
    other = bias_correction.corrected(content, network, ranges, taken | {"gone": [1.0]})
    assert other[1] == taken
    for bad in ({"gone": [1.0]}, {"last": [1.0]}):
        with pytest.raises(UserError, match="`bias_shifts` must be of the model") as caught:
            bias_correction.corrected(content, network, ranges, bad)
        assert "\n" not in str(caught.value)


def export(network, tmp_path, **fields):
    options = {"format": "int8", "output": tmp_path / "f.tflite", "largest_drop": 1.0}
    return exporter.export(network, **options | {"overwrite": True} | fields)


def test_a_report_gives_the_same_file_again(network, tmp_path, fast):
    path, report = export(network, tmp_path, data=IMAGES, calibration_images=4)
    assert f"corrected in {len(report.facts['bias_shifts'])} layers" in report.text()
    content = path.read_bytes()
    (tmp_path / "report.json").write_text(json.dumps(report.to_json()))
    again, _ = export(
        network, tmp_path, ranges=tmp_path / "report.json", output=tmp_path / "g.tflite"
    )
    assert again.read_bytes() == content
    # Without its shifts and without images there is nothing to correct by.
    (tmp_path / "old.json").write_text(json.dumps({"ranges": report.facts["ranges"]}))
    old, without = export(network, tmp_path, ranges=tmp_path / "old.json")
    assert "bias_shifts" not in without.facts and old.read_bytes() != content


def test_a_batch_is_corrected_as_one_image_is(network, tmp_path, fast):
    reports = [
        export(network, tmp_path, data=IMAGES, calibration_images=4, batch=batch)[1]
        for batch in (1, 2)
    ]
    one, two = (report.facts["bias_shifts"] for report in reports)
    assert one.keys() == two.keys()
    assert all(np.allclose(one[name], two[name], rtol=0.02, atol=1e-5) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "fields"),
    [
        (tiny_models.two_stages, {"compression": Compression(qat=1), "data": "synthetic:8"}),
        (tiny_models.bayesian, {"mc_samples": 2, "uncertainty": "entropy", "data": IMAGES}),
    ],
)
def test_what_is_not_corrected(network, fields, tmp_path, fast):
    classes = 11 if "compression" in fields else 5
    _, report = export(network(classes), tmp_path, calibration_images=4, **fields)
    assert "bias_shifts" not in report.facts and "ranges" in report.facts


@pytest.mark.parametrize(
    "bad",
    [3, {"a": 3}, {"a": "12"}, {"a": ["1"]}, {"a": [True]}, {"a": [float("nan")]}, {"a": [1e999]}],
)
def test_a_report_without_numbers_is_one_line(bad, tmp_path):
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"bias_shifts": bad}))
    with pytest.raises(UserError, match="report.json") as caught:
        bias_correction.read_shifts(file)
    assert "\n" not in str(caught.value)
