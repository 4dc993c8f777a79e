"""Bayesian networks: dropout at the authors' places, and the weights that were there before it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

NARROW = {
    "segnet": {"widths": (2, 2, 3, 3, 4)},
    "segnet_basic": {"widths": (2, 2, 3, 3), "normalization": "signed"},
    "segnet_lite": {"decoder_widths": (2, 3, 4)},
    "segnet_mini": {"widths": (2, 2, 3, 3, 4)},
    "segnet_nano": {"decoder_widths": (2, 3, 4)},
    "enet": {"width": 0.5},
}
POOLS = ["encoder3_pool", "encoder4_pool", "encoder5_pool"]
# Network -> what each dropout follows, in the order of the network; in the paper's words: pool3,
# pool4, pool5 and the last convolution of the decoder's stages 5, 4 and 3.
AFTER = {
    "segnet": [*POOLS, "decoder5_relu3", "decoder4_relu3", "decoder3_relu3"],
    "segnet_basic": ["encoder3_pool", "encoder4_pool", "decoder4_bn1", "decoder3_bn1"],
    "segnet_lite": ["shortcut4_add", "shortcut5_add", "decoder5_relu", "decoder4_relu"],
    "segnet_mini": [*POOLS[1:], "decoder5_relu2", "decoder4_relu2"],
    "segnet_nano": ["shortcut4_add", "shortcut5_add", "decoder5_relu", "decoder4_relu"],
    "enet": ["encoder2_bottleneck8_prelu", "encoder3_bottleneck7_prelu"]
    + ["decoder4_bottleneck2_relu"],
}
IMAGE = np.random.default_rng(0).uniform(0, 255, (1, 32, 64, 3)).astype(np.float32)


def origin(tensor):
    history = tensor._keras_history
    return history.operation, history.tensor_index


@pytest.mark.parametrize(
    "name",
    [
        name if name == "segnet_basic" else pytest.param(name, marks=pytest.mark.slow)
        for name in AFTER
    ],
)
def test_dropout_stands_where_the_paper_has_it_and_takes_the_weights_there_were(name, tmp_path):
    plain = models.build(name, 3, (32, 64, 3), **NARROW[name])
    bayesian = models.build(name, 3, (32, 64, 3), bayesian=True, dropout=0.4, **NARROW[name])
    drops = [layer for layer in bayesian.layers if type(layer) is keras.layers.Dropout]
    assert not [layer for layer in plain.layers if type(layer) is keras.layers.Dropout]
    assert all(layer.rate == 0.4 and layer.noise_shape is None for layer in drops)
    found = {}
    for layer in drops:
        before, index = origin(layer.input)
        assert index == 0  # the pooled map, not its argmax
        found[before.name] = layer.name
        stage = before.name.split("_")[0].replace("shortcut", "encoder")
        assert layer.name == f"{stage}_dropout"
    assert list(found) == AFTER[name]
    # The argmax goes from pooling to unpooling as it is.
    for layer in bayesian.layers:
        if isinstance(layer, MaxUnpooling2D):
            pooling, index = origin(layer._inbound_nodes[0].input_tensors[1])
            assert isinstance(pooling, MaxPoolingWithArgmax2D) and index == 1
    file = str(tmp_path / "plain.weights.h5")
    plain.save_weights(file)
    models.load_weights(bayesian, file, name)
    wanted = plain.predict_on_batch(IMAGE)
    # Without dropout: one pass with the averaged weights.
    np.testing.assert_array_equal(bayesian.predict_on_batch(IMAGE), wanted)
    alive = np.asarray(bayesian(IMAGE, training=True))
    assert np.abs(alive - np.asarray(bayesian(IMAGE, training=True))).max() > 0


@pytest.mark.slow
def test_weights_of_the_package_fit_all_layers(capsys):
    plain = models.build("segnet_mini", 11, (32, 64, 3), weights="camvid")
    bayesian = models.build("segnet_mini", 11, (32, 64, 3), weights="camvid", bayesian=True)
    assert capsys.readouterr().out == ""  # no layer stayed fresh
    np.testing.assert_array_equal(plain.predict_on_batch(IMAGE), bayesian.predict_on_batch(IMAGE))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bayesian": "yes"}, "`bayesian` must be True or False"),
        ({"bayesian": True, "dropout": 1}, "`dropout` must be the share"),
        ({"dropout": float("nan")}, "`dropout` must be the share"),
        ({"dropout": "0.5"}, "`dropout` must be the share"),
        ({"dropout": True}, "`dropout` must be the share"),
    ],
)
def test_other_options_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        models.build("segnet_mini", 3, (32, 32, 3), **options)
