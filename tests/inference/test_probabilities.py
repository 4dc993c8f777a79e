"""Networks that end in softmax or sigmoid: predicted, evaluated and averaged as what they are."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import segnet_tf
from segnet_tf.data.classes import Classes, default_colors
from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.inference.predictors import Predictor
from segnet_tf.inference.tflite_model import TFLiteModel

SIZE = (12, 16)
layers = keras.layers


def by_color(end, channels):
    """Logits are a tenth of the color; with one channel red above 100 is foreground."""
    image = keras.Input((*SIZE, 3))
    convolution = layers.Conv2D(channels, 1)
    model = keras.Model(image, end(convolution(image)))
    kernel = 0.1 * np.eye(3, dtype=np.float32)[:, :channels].reshape(1, 1, 3, channels)
    convolution.set_weights([kernel, np.full(channels, -10.0, np.float32)])
    return model


def pictures(count=2):
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3)).astype(np.uint8)


def wanted(images, channels):
    return (images[..., 0] > 100).astype(int) if channels == 1 else images.argmax(-1)


ENDS = {
    "softmax": (3, layers.Softmax),
    "sigmoids": (3, lambda: layers.Activation("sigmoid")),
    "sigmoid": (1, lambda: layers.Activation("sigmoid")),
    "sigmoid times 255": (1, lambda: lambda x: layers.Rescaling(255.0)(keras.ops.sigmoid(x))),
    "sigmoid in a Lambda": (1, lambda: layers.Lambda(lambda x: keras.ops.sigmoid(x))),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("flip", [False, True])
def test_predict(end, flip):
    channels, make = ENDS[end]
    images = pictures()
    found = segnet_tf.predict(by_color(make(), channels), images, flip=flip)
    np.testing.assert_array_equal(found, wanted(images, channels))


@pytest.mark.slow
@pytest.mark.parametrize("end", ["softmax", "sigmoid", "sigmoid in a Lambda"])
def test_predict_with_a_file_that_keras_made(end, tmp_path):
    channels, make = ENDS[end]
    model = by_color(make(), channels)
    model.export(tmp_path / "m.tflite", format="litert", verbose=False)
    images = pictures()
    file = Predictor(TFLiteModel(tmp_path / "m.tflite"), "m")
    assert file.output.kind == "probabilities"
    found = file.labels(images.astype(np.float32))
    np.testing.assert_array_equal(found, wanted(images, channels))


def test_a_softmax_in_parts_is_known_by_its_values(tmp_path):
    def parts(x):
        powers = keras.ops.exp(x)
        return powers / keras.ops.sum(powers, -1, keepdims=True)

    by_color(parts, 3).export(tmp_path / "m.tflite", format="litert", verbose=False)
    assert TFLiteModel(tmp_path / "m.tflite").output.kind == "probabilities"


@pytest.mark.parametrize("flip", [False, True])
def test_evaluate(flip):
    """All foreground would score 30 % where all is right."""
    images = pictures(3)
    masks = wanted(images, 1).astype(np.uint8)
    classes = Classes(("dark", "red"), default_colors(2))
    samples = Samples("x", "val", classes, ("0", "1", "2"), lambda i: (images[i], masks[i]))
    predictor = Predictor(by_color(layers.Activation("sigmoid"), 1), "x")
    assert evaluate(predictor, samples, flip=flip).summary["mean_iou"] == 1


def test_flip_averages_probabilities_not_probabilities_of_probabilities():
    """Softmax of both gives 0.3904 and 0.3892 for the first two classes."""
    chances = np.array([[0.97, 0.03, 0.0], [0.0, 0.95, 0.05]]) + 1e-9
    image = keras.Input((1, 2, 3))
    left = layers.Cropping2D(((0, 0), (0, 1)))(image)  # what is on the right in the mirrored image
    model = keras.Model(image, layers.Softmax()(layers.UpSampling2D((1, 2))(left)))
    logits = np.log(chances)[None, None].astype(np.float32)
    # The averages are 0.485 and 0.490.
    np.testing.assert_array_equal(Predictor(model, "x").labels(logits, flip=True), [[[1, 1]]])


def test_what_gives_no_map_is_one_line():
    image = keras.Input((8, 8, 3))
    for model in (
        keras.Model(image, layers.GlobalAveragePooling2D()(image)),
        keras.Model(image, [image, image]),
    ):
        with pytest.raises(UserError, match="`model` must take one image") as error:
            segnet_tf.predict(model, np.zeros((8, 8, 3), np.uint8))
        assert "\n" not in str(error.value)
