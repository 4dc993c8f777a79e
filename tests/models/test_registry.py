"""The rows of the registry against the models they build."""

from __future__ import annotations

import inspect

import keras
import pytest

from segnet_tf import models
from segnet_tf.errors import UserError

# How often each halves the image, by its paper's figure.
HALVED = {
    **{"enet": 3, "segnet": 5, "segnet_basic": 4, "segnet_lite": 5, "segnet_mini": 5},
    **{"segnet_nano": 5, "unet": 4, "unet_plus_plus": 4, "deeplab_v3_plus": 4, "pspnet": 4},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NAMES)
def test_the_smallest_image_is_halved_down_to_a_pixel(name):
    row = models.ARCHITECTURES[name]
    side = 2 ** HALVED[name]
    # What a dilation stands for is halved too, where the network is asked for its coarsest map.
    deepest = {"output_stride": side} if name in ("deeplab_v3_plus", "pspnet") else {}
    model = row.function(2, (8 * side, None, 3), **deepest)
    encoder = [layer for layer in model.layers if layer.name.startswith("encoder")]
    heights = [keras.tree.flatten(layer.output)[0].shape[1] for layer in encoder]
    assert min(heights) == 8
    assert row.paper.count("https://arxiv.org/abs/") >= 1
    with pytest.raises(UserError, match=f"at least {side} pixels.*Received: input_shape="):
        row.function(2, (side - 1, side, 3))


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NAMES)
def test_the_public_function_is_what_build_calls(name):
    function = getattr(models, name)
    assert function is models.ARCHITECTURES[name].function
    assert list(inspect.signature(function).parameters)[:2] == ["num_classes", "input_shape"]
    assert not any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD
        for parameter in inspect.signature(function).parameters.values()
    )
    model = function(3, [64, 96, 3])  # a list, as JSON has it
    built = models.build(name, 3, (64, 96, 3))
    assert isinstance(model, keras.Model) and model.name == name
    assert [w.shape for w in model.weights] == [w.shape for w in built.weights]
    with pytest.raises(UserError, match="`num_classes` must be a positive integer"):
        function(0, (64, 96, 3))


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        ("segnet_basic", "imagenet", "an encoder's, of segnet, segnet_lite, .* or "),
        ("segnet_lite", "vgg16.h5", "an encoder's, of segnet. Received: name='segnet_lite'"),
        (
            "segnet_basic",
            "lite0.pth",
            "an encoder's, of segnet, segnet_lite, .*Received: name='segnet_basic'",
        ),
    ],
)
def test_weights_of_another_architecture_name_theirs(name, weights, said):
    with pytest.raises(UserError, match=said):
        models.build(name, 2, (64, 64, 3), weights=weights)
