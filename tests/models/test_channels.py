"""The architectures on images of other channels than RGB, and with Keras set to channels first."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.models import blocks


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NAMES)
@pytest.mark.parametrize("channels", [1, 4])
def test_any_number_of_channels(name, channels):
    model = models.build(name, 2, (64, 64, channels))
    assert model.input_shape == (None, 64, 64, channels)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, channels)).astype(np.float32)
    assert np.isfinite(model(image).numpy()).all()


@pytest.mark.parametrize("name", ["vgg", "imagenet", "signed", "lite"])
@pytest.mark.parametrize("channels", [1, 4])
def test_normalization_of_other_channels(name, channels):
    """Grey, as RGB, is normalized to about the same; the colors of four bands are as ever."""
    grey = np.full((1, 2, 2, 1), 117.0, np.float32)

    def normalized(count):
        image = keras.Input((2, 2, count))
        return keras.Model(image, blocks.normalize(image, name))(grey.repeat(count, -1)).numpy()

    rgb, found = normalized(3)[0, 0, 0], normalized(channels)[0, 0, 0]
    if channels == 4:
        np.testing.assert_allclose(found[:3], rgb, rtol=1e-6)
    assert found[-1] == pytest.approx(rgb.mean(), rel=0.02, abs=0.02)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((16, 64, 1), "at least 32 pixels.*Use larger images"),
        ((3, 360, 480), "Put the channels last"),
        ((64, 64), r"must be \(height, width, channels\)"),
        ((64, 64, 0), r"must be \(height, width, channels\)"),
        ((64, 64, None), r"must be \(height, width, channels\)"),
        ((64.0, 64, 3), r"must be \(height, width, channels\)"),
    ],
)
def test_the_true_reason_is_named(shape, words):
    with pytest.raises(UserError, match=words):
        models.build("segnet_mini", 2, shape)


@pytest.mark.parametrize("name", ["segnet", "segnet_lite"])
def test_imagenet_weights_need_rgb(name):
    with pytest.raises(UserError, match="3 channels.*Received: 1 channel"):
        models.build(name, 2, (64, 64, 1), weights="imagenet")


@pytest.mark.slow
def test_channels_first_in_keras_json_is_one_line(tmp_path):
    settings = {"image_data_format": "channels_first", "backend": "tensorflow"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    code = (
        "import segnet_tf\n"
        "from segnet_tf.errors import UserError\n"
        "try:\n    segnet_tf.models.build('segnet_mini', 2, (64, 64, 3))\n"
        "except UserError as error:\n    print(error)\n"
        "model = segnet_tf.load_model('weights:segnet_mini_camvid')\n"
        "import numpy as np\n"
        "print(segnet_tf.predict(model, np.zeros((64, 64, 3), np.uint8)).shape)\n"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=250
    )
    assert done.returncode == 0, done.stderr
    refused, shape = done.stdout.strip().splitlines()
    assert "`image_data_format` of Keras must be 'channels_last'" in refused
    assert shape == "(64, 64)"  # a file says itself how its layers compute
