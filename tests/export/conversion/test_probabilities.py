"""Networks that end in softmax or sigmoid become files whose output is what it is said to be."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf.errors import UserError
from segnet_tf.export import exporter, verifier
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.tflite_file import metadata
from segnet_tf.inference.tflite_model import TFLiteModel

layers = keras.layers


@pytest.fixture(scope="module")
def bases():
    return {channels: tiny_models.two_stages(channels) for channels in (1, 3)}


ENDS = {
    "softmax": (3, layers.Softmax()),
    "of a convolution": (3, layers.Conv2D(3, 1, activation="softmax")),
    "operation": (3, keras.ops.softmax),
    "nested": (3, keras.Sequential([keras.Input((*tiny_models.SIZE, 3)), layers.Softmax()])),
    "sigmoids": (3, layers.Activation("sigmoid")),
    "sigmoid": (1, layers.Conv2D(1, 1, activation="sigmoid")),
    "sigmoid times 255": (1, lambda x: layers.Rescaling(255.0)(keras.ops.sigmoid(x))),
}


def with_end(bases, end):
    channels, last = ENDS[end]
    base = bases[channels]
    return keras.Model(base.input, last(base.output))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["logits", "probabilities", "labels"])
@pytest.mark.parametrize("end", ENDS)
def test_float_files(bases, end, kind, tmp_path):
    model = with_end(bases, end)
    image = tiny_models.images(seed=4)[0]
    chances = model(image).numpy() / (255 if "255" in end else 1)
    (tmp_path / "m.tflite").write_bytes(convert.convert(model, tiny_models.SIZE, output_kind=kind))
    file = TFLiteModel(tmp_path / "m.tflite")
    assert file.output.kind == kind
    found = file.on_batch(image)
    if kind == "labels":
        same = chances[..., 0] > 0.5 if chances.shape[-1] == 1 else chances.argmax(-1)
        assert (found == same).mean() > 0.99
    elif kind == "probabilities":
        np.testing.assert_allclose(found, chances, atol=1e-5)
    elif "sigmoid" in end:
        np.testing.assert_allclose(1 / (1 + np.exp(-found)), chances, atol=1e-5)
    else:
        powers = np.exp(found)
        np.testing.assert_allclose(powers / powers.sum(-1, keepdims=True), chances, atol=1e-5)
        assert found.min() < 0  # a softmax would have left nothing below


@pytest.mark.parametrize("end", ["of a convolution", "sigmoid"])
def test_int8_probabilities(bases, end, tmp_path):
    """The range of the logits is measured, not that of the probabilities."""
    model = with_end(bases, end)
    ranges = calibration.measure_ranges(model, tiny_models.images())
    content = convert.convert(
        model, tiny_models.SIZE, "int8", ranges=ranges, output_kind="probabilities"
    )
    (tmp_path / "m.tflite").write_bytes(content)
    image = tiny_models.images()[0]
    found = TFLiteModel(tmp_path / "m.tflite").on_batch(image)
    assert np.abs(found - model(image).numpy()).mean() < 0.02


def test_what_cannot_be_is_one_line(bases, tmp_path):
    base = bases[3]
    half = layers.Resizing(16, 24)(base.output)
    model = keras.Model(base.input, layers.Resizing(*tiny_models.SIZE)(layers.Softmax()(half)))
    with pytest.raises(UserError, match="--output-kind probabilities") as error:
        convert.convert(model, tiny_models.SIZE)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="Leave out what follows it"):
        convert.convert(model, tiny_models.SIZE, "int8", ranges=calibration.AnyRange())
    content = convert.convert(model, tiny_models.SIZE, output_kind="probabilities")
    (tmp_path / "m.tflite").write_bytes(content)
    image = tiny_models.images(seed=4)[0]
    found = TFLiteModel(tmp_path / "m.tflite").on_batch(image)
    np.testing.assert_allclose(found, model(image).numpy(), atol=1e-5)


@pytest.mark.slow
def test_an_export_says_what_it_gives(bases, tmp_path, fast):
    for kind, said in (("logits", "sigmoid"), ("probabilities", "none")):
        path, report = exporter.export(
            with_end(bases, "sigmoids"),
            format="float32",
            output=tmp_path / f"{kind}.tflite",
            output_kind=kind,
        )
        assert metadata.read(path.read_bytes()).activation == said
        assert report.facts["scores"]["probability_difference"]["largest"] < 1e-4
        assert "probability  differs" in report.text()


def test_a_doubled_softmax_is_seen(bases, tmp_path, fast):
    """All pixels keep their class: only the probabilities tell."""
    base = bases[3]
    once = keras.Model(base.input, layers.Softmax()(base.output))
    content = convert.convert(
        keras.Model(base.input, layers.Softmax()(layers.Add()([once.output, once.output * 0]))),
        tiny_models.SIZE,
        output_kind="probabilities",
    )
    (tmp_path / "m.tflite").write_bytes(content)
    report = verifier.verify(tmp_path / "m.tflite", once)
    assert report.facts["scores"]["pixel_agreement"] > 0.999
    assert report.facts["scores"]["probability_difference"]["mean"] > 0.05
    assert len(report.failures) == 1 and "probabilities differ" in report.failures[0]


def test_metadata_that_asks_for_a_second_softmax_is_seen(bases, tmp_path, fast):
    model = with_end(bases, "softmax")
    content = convert.convert(model, tiny_models.SIZE, output_kind="probabilities")
    (tmp_path / "m.tflite").write_bytes(metadata.attach(content, "logits", None))
    report = verifier.verify(tmp_path / "m.tflite", model)
    assert report.failures == (
        "metadata: activation softmax for probabilities, where none is right",
    )
