"""The ranges of the activations, judged by NumPy's sort; the choice of the images."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export import measuring, sources
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.options import ExportOptions
from segnet_tf.export.tflite_file import flatbuffer

SIZE = (72, 100)  # 28,800 values in the widest maps: two of them may lie beyond each end


def ends_by_sorting(values):
    """The values that one in 10,000 exceeds: sorted, that many taken off each end."""
    ordered = np.sort(np.ravel(values))
    beyond = len(ordered) // 10_000
    return ordered[beyond], ordered[-1 - beyond]


@pytest.fixture(scope="module")
def model():
    return tiny_models.two_stages(size=SIZE)


@pytest.fixture(scope="module")
def images():
    return tiny_models.images(SIZE)


@pytest.fixture(scope="module")
def ranges(model, images):
    return calibration.measure_ranges(model, images)


def test_every_tensor_that_is_stored_has_a_range_and_no_other(ranges):
    # A convolution and its normalization fuse with their ReLU, and argmax is no quantity.
    assert set(ranges) == {
        "normalization",
        "encoder1_relu1",
        "encoder1_pool",
        "encoder2_relu1",
        "encoder2_pool",
        "decoder2_unpool",
        "decoder2_relu1",
        "decoder1_unpool",
        "decoder1_relu1",
        "classifier",
    }


def test_ranges_are_numpys_averaged_over_the_images(model, images, ranges):
    clipped = 0
    for name, (low, high) in ranges.items():
        output = model.get_layer(name).output
        output = output[0] if isinstance(output, (list, tuple)) else output
        layer = keras.Model(model.input, output)
        values = [layer(image).numpy() for image in images]
        lows, highs = zip(*map(ends_by_sorting, values), strict=True)
        np.testing.assert_allclose(low, min(np.mean(lows), 0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(high, max(np.mean(highs), 0), rtol=1e-5, atol=1e-6)
        clipped += high < max(value.max() for value in values)
    assert clipped > 5


def test_zero_is_in_every_range(ranges):
    assert all(low <= 0 <= high and low < high for low, high in ranges.values())
    assert ranges["encoder1_relu1"][0] == 0 < ranges["encoder1_relu1"][1]
    assert ranges["classifier"][0] < 0 < ranges["classifier"][1]


def identity(shape=(None, None, 3), scale=1.0, offset=0.0):
    image = keras.Input(shape)
    return keras.Model(image, keras.layers.Rescaling(scale, offset, name="only")(image))


def test_large_maps_are_sampled_from_all_channels():
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (1, 400, 500, 3)).astype(np.float32)
    image[..., 2] *= 10  # the widest channel sets the range
    low, high = calibration.measure_ranges(identity(), [image])["only"]
    wanted = ends_by_sorting(image)
    np.testing.assert_allclose([low, high], wanted, rtol=0.08)
    again = calibration.measure_ranges(identity(), [image])["only"]
    assert (low, high) == again


def test_a_layer_that_gives_zeros_only_still_has_a_scale(images):
    assert calibration.measure_ranges(identity(scale=0.0), images) == {"only": (0.0, 1.0)}


def test_values_all_of_one_sign_get_zero_as_an_end(images):
    (low, high) = calibration.measure_ranges(identity(offset=10.0), images)["only"]
    assert low == 0.0 and high > 100
    (low, high) = calibration.measure_ranges(identity(scale=-1.0, offset=-10.0), images)["only"]
    assert low < -100 and high == 0.0


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_model_that_gives_no_numbers_is_one_line(images, broken):
    model = tiny_models.two_stages(size=SIZE)
    layer = model.get_layer("encoder2_conv1")
    layer.set_weights([np.full_like(layer.get_weights()[0], broken), layer.get_weights()[1]])
    with pytest.raises(
        UserError, match="`model` must give finite numbers.*encoder2_relu1"
    ) as caught:
        calibration.measure_ranges(model, images)
    assert "\n" not in str(caught.value)


def test_one_nan_among_many_values_is_found():
    image = np.zeros((1, 60, 60, 3), np.float32)
    image[0, 30, 30, 1] = np.nan
    with pytest.raises(UserError, match="finite numbers"):
        calibration.measure_ranges(identity(), [image])


def test_the_ranges_are_the_scales_in_the_file(model, ranges):
    graph = flatbuffer.read(convert.convert(model, SIZE, format="int8", ranges=ranges, io="int8"))
    low, high = ranges["classifier"]
    output = graph.tensors[graph.outputs[0]]
    np.testing.assert_allclose(output.scale, [(high - low) / 255], rtol=1e-5)
    codes = [-128 - low / output.scale[0], 127 - high / output.scale[0]]
    np.testing.assert_allclose(output.zero_point[0], codes, atol=0.51)
    scales = {round(float(scale), 6) for t in graph.tensors for scale in t.scale}
    for name, (low, high) in ranges.items():
        # The normalization's factor is in the convolution behind it.
        if not name.endswith(("_pool", "_unpool", "normalization")):
            assert round((high - low) / 255, 6) in scales, name


def test_pooled_maps_keep_the_range_of_what_was_pooled(model, ranges):
    """Another one would cost an op that rescales, and the masks compare in one scale."""
    graph = flatbuffer.read(convert.convert(model, SIZE, format="int8", ranges=ranges))
    for op in graph.ops:
        if op.name in ("MAX_POOL_2D", "CONCATENATION", "RESHAPE", "SLICE", "PAD"):
            scales = {float(graph.tensors[i].scale[0]) for i in (op.inputs[0], op.outputs[0])}
            assert len(scales) == 1, op


def scenes(count):
    return synthetic.samples("train", size=(32, 40), count=count)


def test_images_are_drawn_by_a_seed_without_repetition():
    def drawn(count, seed):
        return list(calibration.calibration_images(scenes(6), count, (32, 40), seed))

    stored = [scenes(6).read(index)[0] for index in range(6)]

    def numbers(images):
        return [
            next(i for i, one in enumerate(stored) if np.array_equal(one, image[0]))
            for image in images
        ]

    first = numbers(drawn(4, 0))
    assert len(set(first)) == 4
    assert numbers(drawn(4, 0)) == first
    assert any(numbers(drawn(4, seed)) != first for seed in (1, 2, 3))
    assert sorted(numbers(drawn(100, 0))) == list(range(6))


def test_images_have_the_exports_size():
    (image,) = calibration.calibration_images(scenes(1), 1, (45, 61))
    assert image.shape == (1, 45, 61, 3)
    assert image.dtype == np.float32
    assert 100 < image.max() <= 255


def test_no_training_images_is_one_line():
    with pytest.raises(UserError, match="`data` must hold training images") as caught:
        list(calibration.calibration_images(scenes(1).subset([]), 4, (32, 40)))
    assert "\n" not in str(caught.value)


def test_calibration_asks_for_the_training_split_only(model):
    asked = []

    class Source(sources.Source):
        def samples(self, data, split, limit=None):
            asked.append((data, split))
            return scenes(2)

    options = ExportOptions("int8", data="DIR", calibration_images=2)
    found, _ = measuring.ranges_of(options, Source("net", model, None), "DIR", SIZE)
    content = convert.convert(model, SIZE, "int8", ranges=found)
    measuring.unbiased(content, options, Source("net", model, None), "DIR", SIZE, found)
    assert asked == [("DIR", "train")] * 2
    images = calibration.calibration_images(scenes(2), 2, SIZE)
    assert found == calibration.measure_ranges(model, images)


def test_ranges_come_back_out_of_a_report(tmp_path, ranges):
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"file": "x", "ranges": ranges}))
    assert calibration.read_ranges(report) == ranges


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"ranges": 3}', '{"ranges": {"a": [1]}}', '{"ranges": {"a": ["x", 1]}}'),
        '{"ranges": {"a": [-1, ' + "9" * 400 + "]}}",
    ],
)
def test_a_report_without_ranges_is_one_line(tmp_path, content):
    report = tmp_path / "report.json"
    report.write_text(content)
    with pytest.raises(UserError, match="report.json") as caught:
        calibration.read_ranges(report)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("span", [[1, 2], [0, 0], [2, -2], [float("nan"), 1], [-1, float("inf")]])
def test_ranges_that_no_measurement_gives_are_one_line(tmp_path, span):
    """Edited by hand: they would become scales that are wrong, infinite or 0."""
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"ranges": {"image": span}}))
    with pytest.raises(UserError, match="image") as caught:
        calibration.read_ranges(report)
    assert "\n" not in str(caught.value)


def test_no_report_is_one_line(tmp_path):
    with pytest.raises(UserError, match="missing.json"):
        calibration.read_ranges(tmp_path / "missing.json")
