"""What is said of the architectures, against their code."""

from __future__ import annotations

import inspect

import pytest

from segnet_tf import models
from segnet_tf.errors import UserError
from segnet_tf.models.description import describe
from segnet_tf.models.pretrained import shipped


@pytest.mark.parametrize("name", models.NAMES)
def test_every_option_is_explained(name):
    found = describe(name)
    parameters = inspect.signature(models.ARCHITECTURES[name].function).parameters
    keywords = [p for p in parameters.values() if p.kind is p.KEYWORD_ONLY and p.name != "name"]
    assert [(o.name, o.default) for o in found.options] == [(p.name, p.default) for p in keywords]
    assert all(option.meaning.endswith(".") for option in found.options)
    assert found.summary.endswith(".") and "\n" not in found.summary
    assert "https://arxiv.org/abs/" in found.paper


def test_weights_go_to_the_longest_name(monkeypatch):
    found = describe("segnet_lite").weights
    assert found == ("camvid", "camvid_trainval", "imagenet", ".pth")
    names = ["segnet_camvid", "segnet_lite_camvid", "segnet_lite_city_scapes"]
    monkeypatch.setattr(shipped, "names", lambda: names)
    assert describe("segnet").weights[0] == "camvid"
    assert describe("segnet").weights.count("camvid") == 1
    assert describe("segnet_lite").weights[:2] == ("camvid", "city_scapes")
    assert describe("segnet_basic").weights == ()


@pytest.mark.parametrize("encoder", [None, "plain", "vgg", "lite0"])
def test_weights_follow_the_encoder(encoder):
    found = describe("unet", {} if encoder is None else {"encoder": encoder})
    known = ("imagenet", ".pth")
    expected = (known, ()) if encoder in ("vgg", "lite0") else ((), known)
    assert (found.weights, found.encoder_weights) == expected


def test_no_such_name():
    with pytest.raises(UserError, match="Received: name='unett'. Did you mean unet"):
        describe("unett")
