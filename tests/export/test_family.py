"""The networks without pooling indices go through training, export and verify like any SegNet."""

from __future__ import annotations

import family_models
import keras
import numpy as np
import pytest
import tiny_models
from fresh_process import fresh

from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export import exporter, verifier
from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.layers import AdaptiveAveragePooling2D, BilinearResizing2D

SIZE = family_models.SIZE
ANSWER = """
import json, sys
import numpy as np
from segnet_tf.runs.checkpoints import load_model
answer = load_model(sys.argv[1])(np.load(sys.argv[2])).numpy()
np.save(sys.argv[3], answer)
print(json.dumps(list(answer.shape)))
"""


def scenes(split, count=3):
    return synthetic.samples(split, size=SIZE, count=count)


def trained_a_step(network, encoder):
    model = family_models.build(network, encoder)
    before = [weight.copy() for weight in model.get_weights()]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    images, labels = zip(*(scenes("train").read(index) for index in range(2)), strict=True)
    labels = np.stack(labels)
    model.train_on_batch(np.stack(images).astype(np.float32), labels % model.output_shape[-1])
    after = model.get_weights()
    moved = [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
    assert np.mean(moved) > 0.9
    return model


def interpreted(content, image):
    return cpu.run(cpu.open_interpreter(content), image)[0]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("network", "encoder"), family_models.CELLS)
def test_trained_saved_loaded_and_exported(network, encoder, tmp_path, fast):
    """In every format the file agrees with the Keras model of another process."""
    model = trained_a_step(network, encoder)
    model.save(tmp_path / "model.keras")
    image = tiny_models.images(SIZE, 1, seed=5)[0]
    np.save(tmp_path / "image.npy", image)
    fresh(ANSWER, *(tmp_path / name for name in ("model.keras", "image.npy", "answer.npy")))
    wanted = np.load(tmp_path / "answer.npy")
    # Shape and numbers of this process too: nothing of it was lost in the file.
    np.testing.assert_allclose(model(image).numpy(), wanted, atol=1e-4 * np.abs(wanted).max())
    output = tmp_path / "float32.tflite"
    _, report = exporter.export(
        tmp_path / "model.keras", format="float32", output=output, data=scenes("val")
    )
    assert report.failures == ()
    files = {1e-4: output.read_bytes(), 0.02: convert.convert(model, SIZE, "float16")}
    for relative, content in files.items():
        assert rules.partition_failures(cpu.partitions(content)) == []
        got = interpreted(content, image)
        assert np.abs(got - wanted).max() <= relative * np.abs(wanted).max()
    ranges = calibration.measure_ranges(model, [*tiny_models.images(SIZE), image])
    content = convert.convert(model, SIZE, "int8", ranges=ranges)
    (tmp_path / "int8.tflite").write_bytes(content)
    report = verifier.verify(tmp_path / "int8.tflite", model, scenes("val"), largest_drop=1.0)
    assert report.failures == () and report.facts["partitions"]["count"] == 1
    got = interpreted(content, image)
    assert np.corrcoef(got.ravel(), wanted.ravel())[0, 1] > 0.99


@pytest.fixture(scope="module")
def small():
    """A pyramid of one level, the quickest to convert."""
    keras.utils.set_random_seed(1)
    image = keras.Input((*tiny_models.SIZE, 3))
    x = keras.layers.Conv2D(6, 3, strides=4, padding="same", activation="relu")(image)
    level = keras.layers.Conv2D(6, 1)(AdaptiveAveragePooling2D(2)(x))
    x = keras.layers.Concatenate()([x, BilinearResizing2D()(level, x)])
    x = keras.layers.Conv2D(11, 1, name="classifier")(x)
    return keras.Model(image, BilinearResizing2D()(x, image), name="small")


def test_a_report_without_masks_says_why(small, tmp_path, fast):
    ranges = calibration.measure_ranges(small, tiny_models.images())
    path = tmp_path / "int8.tflite"
    path.write_bytes(convert.convert(small, tiny_models.SIZE, "int8", ranges=ranges))
    report = verifier.verify(path, small, largest_drop=1.0)
    assert report.failures == ()
    assert report.facts["masks"] == {"count": 0, "images": 0, "runtimes": {}}
    assert "no pooling indices" in report.text() and "pairs wrong" not in report.text()


@pytest.fixture(scope="module")
def pyramid():
    model = family_models.build("pspnet")
    return model, calibration.measure_ranges(model, tiny_models.images(SIZE))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("io", "output_kind", "batch"),
    [
        ("uint8", "logits", 1),
        ("float32", "labels", 1),
        ("uint8", "labels", 1),
        ("float32", "probabilities", 1),
        ("float32", "logits", 2),
    ],
)
def test_int8_in_every_form(pyramid, io, output_kind, batch, tmp_path, fast):
    model, ranges = pyramid
    path = tmp_path / "int8.tflite"
    options = {"io": io, "output_kind": output_kind, "batch": batch}
    path.write_bytes(convert.convert(model, SIZE, "int8", ranges=ranges, **options))
    assert verifier.verify(path, model, scenes("val", 2), largest_drop=1.0).failures == ()
    images = np.concatenate(tiny_models.images(SIZE, batch, seed=5))
    got = interpreted(path.read_bytes(), images)
    classes = got if output_kind == "labels" else got.argmax(-1)
    assert (classes == model(images).numpy().argmax(-1)).mean() > 0.9
    assert flatbuffer.read(path.read_bytes()).tensors[0].shape[0] == batch


def test_custom_unpooling_has_nothing_to_do(small, network, tmp_path):
    with pytest.raises(UserError, match="pooling indices. Received: small") as caught:
        convert.convert(small, tiny_models.SIZE, unpool="custom")
    assert "\n" not in str(caught.value)
    (tmp_path / "a.tflite").write_bytes(convert.convert(network, tiny_models.SIZE))
    with pytest.raises(UserError, match="pooling indices. Received: small"):
        verifier.verify(tmp_path / "a.tflite", small, unpool="custom")


@pytest.mark.slow
def test_masks_that_a_model_cannot_need_are_told(small, network, tmp_path, fast):
    """A file of another network."""
    (tmp_path / "a.tflite").write_bytes(convert.convert(network, tiny_models.SIZE))
    report = verifier.verify(tmp_path / "a.tflite", small)
    assert any("4 argmax masks, and the model has no pooling" in line for line in report.failures)
