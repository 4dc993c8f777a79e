"""The architectures against the published tables."""

from __future__ import annotations

import h5py
import keras
import numpy as np
import pytest
import tiny_models
from keras.src.legacy.saving import legacy_h5_format

from segnet_tf import models
from segnet_tf.errors import UserError

NARROW = (2, 3, 4, 5, 6)


def sizes(model, kind):
    """(stage, height, width, channels) of each `kind` of layer."""
    return [
        (layer.name.split("_")[0], *layer.output[0].shape[1:])
        if isinstance(layer.output, (list, tuple))
        else (layer.name.split("_")[0], *layer.output.shape[1:])
        for layer in model.layers
        if layer.name.endswith(kind)
    ]


def test_segnet_has_the_sizes_of_the_table():
    model = models.build("segnet", 12)
    assert sizes(model, "pool")[:5] == [
        ("encoder1", 180, 240, 64),
        ("encoder2", 90, 120, 128),
        ("encoder3", 45, 60, 256),
        ("encoder4", 22, 30, 512),
        ("encoder5", 11, 15, 512),
    ]
    assert [(s[1], s[2]) for s in sizes(model, "unpool")] == [
        (22, 30), (45, 60), (90, 120), (180, 240), (360, 480)
    ]  # fmt: skip
    assert model.output_shape == (None, 360, 480, 12)
    # Of SEGNET.md's PyTorch module: sum(p.numel() for p in SegNet().parameters()).
    assert sum(w.shape.num_elements() for w in model.trainable_weights) == 24_944_076


def test_caffe_layout_is_the_authors():
    model = models.build("segnet", 11, layout="caffe")
    assert [(s[1], s[2]) for s in sizes(model, "pool")[:5]] == [
        (180, 240), (90, 120), (45, 60), (23, 30), (12, 15)
    ]  # fmt: skip
    assert model.get_layer("classifier").kernel.shape == (3, 3, 64, 11)
    convs = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convs) == 26
    assert round(sum(w.shape.num_elements() for w in model.trainable_weights) / 1e6, 2) == 29.45


def test_segnet_basic_has_the_published_parameters():
    model = models.build("segnet_basic", 11)
    assert round(model.count_params() / 1e6, 3) == pytest.approx(1.418, abs=0.001)
    assert [(s[1], s[2]) for s in sizes(model, "pool")[:4]] == [
        (180, 240), (90, 120), (45, 60), (23, 30)
    ]  # fmt: skip
    relus = [layer.name for layer in model.layers if isinstance(layer, keras.layers.ReLU)]
    assert relus == [f"encoder{stage}_relu1" for stage in range(1, 5)]


def test_segnet_basic_normalizes_as_caffe_does():
    model = models.build("segnet_basic", 2, (32, 32, 3), widths=(2, 2, 2, 2))
    x = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    # Caffe: x / (1 + alpha / n * sum of squares over n = 5 channels) ** beta.
    wanted = x / (1 + 1e-4 / 5 * (x**2).sum(-1, keepdims=True)) ** 0.75
    np.testing.assert_allclose(model.get_layer("normalization")(x), wanted, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NAMES)
@pytest.mark.parametrize(
    ("size", "num_classes"),
    [
        ((45, 61), 3),
        pytest.param((45, 61), 1, marks=pytest.mark.slow),
        pytest.param((32, 48), 3, marks=pytest.mark.slow),
    ],
)
def test_any_size_and_class_count_save_and_load(name, size, num_classes, tmp_path):
    model = models.build(name, num_classes, (None, None, 3), **tiny_models.NARROW[name])
    x = np.random.default_rng(1).uniform(0, 255, (2, *size, 3)).astype(np.float32)
    logits = model(x)
    assert logits.shape == (2, *size, num_classes)
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(x), logits)


def test_mini_has_five_stages_of_its_widths():
    model = models.build("segnet_mini", 11, (96, 128, 3))
    assert [s[3] for s in sizes(model, "pool")[:5]] == [24, 32, 48, 64, 96]
    assert 0.44e6 < model.count_params() < 0.46e6


@pytest.mark.slow
def test_imagenet_weights_are_vgg16s(tmp_path):
    vgg16 = keras.applications.VGG16(include_top=False, weights=None)
    path = tmp_path / "vgg16_notop.h5"
    with h5py.File(path, "w") as file:  # the form of the file that Keras downloads
        legacy_h5_format.save_weights_to_hdf5_group(file, vgg16)
    model = models.build("segnet", 2, (64, 64, 3), weights=str(path))
    # Judge: VGG16's own first block, fed BGR as `keras.applications` wants it.
    image = np.random.default_rng(2).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    bgr = keras.applications.vgg16.preprocess_input(image.copy())
    wanted = keras.Model(vgg16.input, vgg16.get_layer("block1_conv1").output)(bgr)
    ours = keras.Model(model.input, model.get_layer("encoder1_conv1").output)(image)
    np.testing.assert_allclose(keras.ops.relu(ours), wanted, rtol=1e-4, atol=1e-3)
    last = vgg16.get_layer("block5_conv3").get_weights()
    for mine, theirs in zip(model.get_layer("encoder5_conv3").get_weights(), last, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_weights_of_a_file_come_back(tmp_path):
    model = models.build("segnet_mini", 3, (32, 32, 3), widths=NARROW)
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    again = models.build("segnet_mini", 3, (64, 32, 3), weights=str(path), widths=NARROW)
    for mine, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(UserError, match="`weights` must be .* with 5 classes"):
        models.build("segnet_mini", 5, (32, 32, 3), weights=str(path), widths=NARROW)


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (
            ("segnett", 3),
            {},
            "`name` must be one of the networks here.* Did you mean segnet?",
        ),
        (("segnet", 0), {}, "`num_classes` must be a positive integer"),
        (("segnet", 3, (16, 480, 3)), {}, "at least 32 pixels"),
        (("segnet", 3, (64, 64, 0)), {}, "`input_shape` must be"),
        (("segnet", 3, 64, 96), {}, "`input_shape` must be .* Received: input_shape=64"),
        (("segnet", 3), {"layout": "keras"}, "`layout` must be"),
        (("segnet_mini", 3), {"normalization": "sum"}, "`normalization` must be one of"),
        (
            ("segnet_mini", 3),
            {"width": 3},
            "`options` must be ones .* segnet_mini has.*mean widths",
        ),
        (("segnet_mini", 3), {"widths": 3}, "`options` must have values that segnet_mini takes"),
        (("segnet_mini", 3), {"widths": [0] * 5}, "Received: widths=.0, 0, 0, 0, 0.: .*filters"),
        (
            ("segnet_mini", 3),
            {"weights": "imagenet"},
            "an encoder's, of .*segnet.*segnet_lite.* or ",
        ),
        (("segnet_mini", 3), {"weights": "nowhere.weights.h5"}, "existing file"),
    ],
)
def test_bad_input_says_what_to_do(arguments, options, said):
    with pytest.raises(UserError, match=said) as error:
        models.build(*arguments, **options)
    assert "\n" not in str(error.value)
    assert "Received: " in str(error.value)
