"""ENet against its paper's table, the known number of parameters, and odd sizes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

# Table 1 of https://arxiv.org/abs/1606.02147, for an image of 512x512: where a row ends, and the
# side and the channels of its output.
TABLE = {
    "initial_prelu": (256, 16),
    **{f"encoder1_bottleneck{i}_prelu": (128, 64) for i in range(5)},
    **{f"encoder2_bottleneck{i}_prelu": (64, 128) for i in range(9)},
    **{f"encoder3_bottleneck{i}_prelu": (64, 128) for i in range(8)},
    **{f"decoder4_bottleneck{i}_relu": (128, 64) for i in range(3)},
    **{f"decoder5_bottleneck{i}_relu": (256, 16) for i in range(2)},
    "classifier": (512, 11),
}


@pytest.fixture(scope="module")
def model():
    return models.build("enet", 11, (512, 512, 3))


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_every_row_has_the_size_of_the_papers_table(model):
    assert {
        layer.name: layer.output.shape[2:]
        for layer in model.layers
        if layer.name in TABLE and layer.output.shape[1] == layer.output.shape[2]
    } == TABLE
    assert model.output_shape == (None, 512, 512, 11)


def test_the_parameters_are_those_of_other_implementations(model):
    assert trainable(model) == 356_743
    shared = models.enet(11, (64, 64, 3), prelu="shared")
    assert trainable(shared) == 350_508
    # 6,235 is the difference between a slope for each of 6,328 channels and one for each of 93.
    slopes = [layer.alpha.shape for layer in shared.layers if isinstance(layer, keras.layers.PReLU)]
    assert slopes == [(1, 1, 1)] * 93


def test_the_bottlenecks_are_the_papers(model):
    dilations, tall = {}, []
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        place = layer.name.rsplit("_", 1)[0]
        if layer.dilation_rate != (1, 1):
            dilations[place] = layer.dilation_rate[0]
        if layer.kernel_size == (5, 1):
            assert model.get_layer(f"{place}_conv2b").kernel_size == (1, 5)
            tall.append(place)
    expected = {2: (2, 4, 6, 8), 3: (1, 3, 5, 7)}
    assert dilations == {
        f"encoder{stage}_bottleneck{number}": dilation
        for stage, numbers in expected.items()
        for number, dilation in zip(numbers, (2, 4, 8, 16), strict=True)
    }
    assert tall == [f"encoder2_bottleneck{i}" for i in (3, 7)] + [
        f"encoder3_bottleneck{i}" for i in (2, 6)
    ]
    rates = {
        layer.name.split("_")[0]: layer.rate
        for layer in model.layers
        if isinstance(layer, keras.layers.SpatialDropout2D)
    }
    assert rates.pop("encoder1") == 0.01 and set(rates.values()) == {0.1} and len(rates) == 4
    assert model.get_layer("classifier").kernel_size == (3, 3)
    assert not any(getattr(layer, "use_bias", False) for layer in model.layers)


def test_each_unpooling_has_the_argmax_of_the_pooling_at_its_depth(model):
    pools, unpools = (
        [layer for layer in model.layers if isinstance(layer, kind)]
        for kind in (MaxPoolingWithArgmax2D, MaxUnpooling2D)
    )
    assert [layer.name for layer in pools] == [f"encoder{i}_bottleneck0_pool" for i in (1, 2)]
    for pool, unpool in zip(pools, reversed(unpools), strict=True):
        assert unpool.input[1] is pool.output[1]
        # The 1x1 convolution before it gives as many channels as there are indices.
        assert unpool.input[0].shape == pool.output[1].shape
        assert unpool.output.shape == pool.input.shape


@pytest.mark.slow
def test_any_size_gives_logits_of_that_size():
    anything = models.enet(3, (None, None, 3), width=0.25)
    for size in ((45, 61), (8, 9)):
        image = np.random.default_rng(0).uniform(0, 255, (1, *size, 3)).astype(np.float32)
        logits = anything(image).numpy()
        assert logits.shape == (1, *size, 3) and np.isfinite(logits).all()
        assert anything.compute_output_spec(keras.KerasTensor(image.shape)).shape == logits.shape
        # A model of that size alone computes the same.
        fixed = models.enet(3, (*size, 3), width=0.25)
        fixed.set_weights(anything.get_weights())
        np.testing.assert_allclose(fixed(image), logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prelu": "pixel"}, r"`prelu` must be one of \['channel', 'shared'\]. Received: prelu="),
        ({"width": 0}, "`width` must be a factor .* Received: width=0"),
        ({"width": float("inf")}, "`width` must be a factor .* Received: width=inf"),
        ({"input_shape": (64, 64, 4), "width": 0.25}, "`width` must leave the first convolution"),
        ({"input_shape": (7, 64, 3)}, "sides of at least 8 pixels"),
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"widths": (1, 2)}, "`options` must be ones that enet has. Received: "),
    ],
)
def test_what_cannot_be_built_is_told_in_a_line(options, said):
    with pytest.raises(UserError, match=said) as caught:
        models.build("enet", **{"num_classes": 3, **options})
    assert "\n" not in str(caught.value)
