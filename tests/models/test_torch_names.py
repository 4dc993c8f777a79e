"""State dicts as trainings save them, and torchvision's VGG16 in the encoder of SegNet."""

from __future__ import annotations

import pickle
import zipfile
from functools import partial

import keras
import numpy as np
import pytest
from make_torch_fixtures import NARROW_CLASSES, NARROW_WIDTHS, SEGNET_FILE

from segnet_tf import models
from segnet_tf.errors import UserError

WIDTHS = (4, 5, 6, 7, 8)
# torchvision's own table of vgg16_bn: widths in place of theirs, "M" is a pooling.
LAYERS = [4, 4, "M", 5, 5, "M", 6, 6, 6, "M", 7, 7, 7, "M", 8, 8, 8, "M"]


@pytest.fixture(scope="module")
def state_dict():
    with np.load(SEGNET_FILE) as file:
        return {key[len("state/") :]: file[key] for key in file if key.startswith("state/")}


def segnet(**options):
    return models.build("segnet", NARROW_CLASSES, (32, 32, 3), widths=NARROW_WIDTHS, **options)


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "_orig_mod.module.net."])
@pytest.mark.parametrize("under", [(), ("state_dict",), ("model",), ("checkpoint", "nothing")])
def test_prefixes_and_containers(state_dict, prefix, under):
    saved = {prefix + name: value for name, value in state_dict.items()}
    for key in under:
        saved = {key: saved, "epoch": 3}
    model = segnet()
    if "checkpoint" in under:  # no name that is known
        with pytest.raises(UserError, match="`state_dict` must have the names"):
            models.load_torch_state_dict(model, saved)
        return
    models.load_torch_state_dict(model, saved)
    kernel = state_dict["dec1.3.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(model.get_layer("decoder1_conv2").get_weights()[0], kernel)


def vgg16(has_bn):
    """A state dict in torchvision's names, and the network's last map for an image, in NumPy."""
    rng = np.random.default_rng(1)
    state, steps, channels = {}, [], 3
    for width in LAYERS:
        if width == "M":
            steps.append(("pool", None))
            continue
        place = len(steps)
        state[f"features.{place}.weight"] = rng.normal(0, 0.4, (width, channels, 3, 3))
        state[f"features.{place}.bias"] = rng.normal(0, 0.1, width)
        steps.append(("conv", place))
        if has_bn:
            for field, (low, high) in {
                "weight": (0.5, 1.5),
                "bias": (-0.5, 0.5),
                "running_mean": (-0.5, 0.5),
                "running_var": (0.5, 2),
            }.items():
                state[f"features.{place + 1}.{field}"] = rng.uniform(low, high, width)
            state[f"features.{place + 1}.num_batches_tracked"] = np.array(7)
            steps.append(("bn", place + 1))
        steps.append(("relu", None))
        channels = width
    state["classifier.0.weight"] = rng.normal(0, 1, (3, 2))

    def field_of(place, field):
        return state[f"features.{place}.{field}"]

    def forward(x):
        for kind, place in steps[:-1]:  # all but the last pooling
            get = partial(field_of, place)
            if kind == "conv":
                padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
                windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))
                x = np.einsum("hwcij,ocij->hwo", windows, get("weight")) + get("bias")
            elif kind == "bn":
                centered = (x - get("running_mean")) / np.sqrt(get("running_var") + 1e-5)
                x = centered * get("weight") + get("bias")
            elif kind == "relu":
                x = np.maximum(x, 0)
            else:
                height, width, depth = x.shape
                x = x.reshape(height // 2, 2, width // 2, 2, depth).max((1, 3))
        return x

    return state, forward


def encoder_of(model):
    return keras.Model(model.input, model.get_layer("encoder5_relu3").output)


def test_vgg16_bn_gives_its_own_features(capsys):
    state, forward = vgg16(has_bn=True)
    model = models.build("segnet", 3, (32, 32, 3), widths=WIDTHS, normalization="imagenet")
    models.load_torch_state_dict(
        model, {"state_dict": {f"module.{k}": v for k, v in state.items()}}
    )
    said = capsys.readouterr().out
    start = (
        "26 layers start from torchvision's VGG16 (not used: classifier); fresh: decoder5_conv1, "
    )
    assert said.startswith(start) and said.endswith(", classifier\n")
    assert "encoder" not in said
    image = np.random.default_rng(2).uniform(0, 255, (32, 32, 3))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    wanted = forward((image / 255 - mean) / std)
    found = encoder_of(model)(image[None].astype(np.float32)).numpy()[0]
    assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_vgg16_without_batch_normalization(capsys):
    state, _ = vgg16(has_bn=False)
    model = models.build("segnet", 3, (32, 32, 3), widths=WIDTHS, normalization="none")
    models.load_torch_state_dict(model, state)
    assert "encoder1_bn1" in capsys.readouterr().out
    kernel, bias = model.get_layer("encoder5_conv3").get_weights()
    np.testing.assert_allclose(kernel, state["features.28.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_allclose(bias, state["features.28.bias"])


def test_another_normalization_is_warned_of():
    state, _ = vgg16(has_bn=True)
    model = models.build("segnet", 3, (32, 32, 3), widths=WIDTHS)
    with pytest.warns(UserWarning, match="normalization='imagenet'"):
        models.load_torch_state_dict(model, state)


def test_a_vgg16_of_other_widths_is_one_line():
    state, _ = vgg16(has_bn=True)
    model = segnet()
    before = model.get_weights()
    with pytest.raises(UserError, match="`state_dict` must fit the model. Received: features.0"):
        models.load_torch_state_dict(model, state)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


class _Storage:
    """Stands for `torch.DoubleStorage`, a class that only its name is written of."""


class _Tensor:
    def __init__(self, array, key):
        self.array, self.key = array, key


class _Pickler(pickle._Pickler):
    """Writes what `torch.save` writes, without PyTorch."""

    def persistent_id(self, found):
        return found if isinstance(found, tuple) and found[:1] == ("storage",) else None

    def save_global(self, found, name=None):
        self.write(b"ctorch\nDoubleStorage\n" if found is _Storage else b"c" + found)

    def save(self, found, save_persistent_id=True):
        if not isinstance(found, _Tensor):
            return super().save(found, save_persistent_id)
        shape = found.array.shape
        strides = tuple(step // 8 for step in found.array.strides)
        self.write(b"ctorch._utils\n_rebuild_tensor_v2\n")
        storage = ("storage", _Storage, found.key, "cpu", found.array.size)
        super().save((storage, 0, shape, strides, False, None))
        self.write(pickle.REDUCE)


def save_as_torch_does(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("m/data.pkl", "w") as file:
            _Pickler(file, 2).dump(content)
        for tensors in content.values():
            for tensor in tensors.values() if isinstance(tensors, dict) else ():
                archive.writestr(f"m/data/{tensor.key}", tensor.array.tobytes())


def test_a_file_of_a_training_is_read(tmp_path, capsys):
    """Its optimizer's tensors and its epoch stand beside the weights."""
    state, _ = vgg16(has_bn=True)
    tensors = {
        f"module.{name}": _Tensor(np.ascontiguousarray(value, np.float64), str(index))
        for index, (name, value) in enumerate(state.items())
    }
    other = {"momentum": _Tensor(np.zeros(3), "other")}
    save_as_torch_does(
        tmp_path / "vgg16_bn.pth", {"state_dict": tensors, "optimizer": other, "epoch": 3}
    )
    model = models.build(
        "segnet",
        3,
        (32, 32, 3),
        widths=WIDTHS,
        normalization="imagenet",
        weights=tmp_path / "vgg16_bn.pth",
    )
    assert capsys.readouterr().out.startswith("26 layers start")
    kernel = model.get_layer("encoder5_conv3").get_weights()[0]
    wanted = state["features.40.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_allclose(kernel, wanted, rtol=1e-6)
