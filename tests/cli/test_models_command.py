"""`segnet-tf models`: the list, one network, a model of one's own, and what it refuses."""

from __future__ import annotations

import json
import re

import pytest
import tiny_models
from checkout_files import ROOT

from segnet_tf import models
from segnet_tf.cli.main import main

# 8 pixels a row, 4 channels a pixel, and so on: small enough to work out by hand.
TINY = ["segnet_mini", "--model-option", "widths=4,4,4,4,4", "--size", "32x64"]
PIXELS = 32 * 64


def printed(arguments, capsys):
    assert main(["models", *arguments]) == 0
    found = capsys.readouterr()
    assert found.err == ""
    return found.out


def test_one_network(tmp_path, capsys):
    report = tmp_path / "mini.json"
    out = printed([*TINY, "--num-classes", "5", "--json", str(report)], capsys)
    assert out.startswith("segnet_mini: Five stages of two 3x3 convolutions each")
    assert "with         widths=(4, 4, 4, 4, 4)" in out and "  normalization=signed" in out
    assert "  widths=(24, 32, 48, 64, 96)\n      channels of the stages, from the image down" in out
    assert "image        32x64 (height x width), 5 classes" in out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if "_conv" in line}
    assert rows["encoder1_conv1"][:2] == ["32x64x4", f"{PIXELS * 9 * 3 * 4 / 1e9:.3f}"]
    content = json.loads(report.read_text())
    assert content["size"] == [32, 64]
    (mini,) = content["models"]
    layers = {layer["name"]: layer for layer in mini["layers"]}
    assert layers["encoder1_conv1"]["macs"] == PIXELS * 9 * 3 * 4
    assert layers["classifier"]["macs"] == PIXELS * 4 * 5
    assert sum(layer["macs"] for layer in mini["layers"]) == mini["macs"]
    # The classifier's input and output.
    assert mini["peak_activation_bytes"] == 4 * PIXELS * (4 + 5)
    options = [option["name"] for option in mini["options"]]
    assert options == ["normalization", "widths", "bayesian", "dropout"]
    assert (mini["name"], mini["classes"]) == ("segnet_mini", 5)
    assert main(["models", *TINY, "--json", str(report)]) == 2
    assert "--overwrite" in capsys.readouterr().err


def check_list(out, content, size):
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert [model["name"] for model in content["models"]] == list(models.NAMES)
    for model in content["models"]:
        line = lines[model["name"]]
        assert f" {model['trainable_parameters']:,} " in line
        assert f" {model['macs'] / 1e9:.2f} " in line
        assert re.search(r"arXiv \d+\.\d+$", line)
        assert "layers" not in model and "options" not in model
    assert content["size"] == size


def test_the_list(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(models, "NAMES", ("segnet_mini", "segnet_basic", "pspnet"))
    report = tmp_path / "list.json"
    out = printed(["--size", "64x96", "--json", str(report)], capsys)
    assert out.startswith("11 classes, one image of 64x96")
    check_list(out, json.loads(report.read_text()), [64, 96])
    assert re.search(r"^segnet_mini .* camvid  ", out, re.MULTILINE)
    assert re.search(r"^segnet_basic .*  -  ", out, re.MULTILINE)
    # encoder="plain", which is listed, has no weights; others have.
    assert re.search(r"^pspnet .*  -  ", out, re.MULTILINE)
    assert out.endswith("\nimagenet, .pth: with encoder=vgg or lite0, pspnet.\n")


def test_weights_are_those_of_the_encoder_that_is_asked_for(capsys):
    small = ["pspnet", "--size", "64x64", "--model-option", "width=0.125"]
    out = printed(small, capsys)
    assert "\nweights      none; imagenet, .pth with encoder=vgg or lite0\n" in out
    out = printed([*small, "--model-option", "encoder=lite0"], capsys)
    assert "\nweights      imagenet, .pth\n" in out


@pytest.mark.slow
def test_the_whole_list(tmp_path, capsys):
    report = tmp_path / "list.json"
    out = printed(["--json", str(report)], capsys)
    content = json.loads(report.read_text())
    check_list(out, content, [360, 480])
    macs = {model["name"]: model["macs"] for model in content["models"]}
    assert round(macs["segnet_basic"] / 1e9, 1) == 59.2  # the paper's
    assert "not counted" not in out
    page = (ROOT / "docs/choosing.md").read_text("utf-8")
    block = page.partition("$ segnet-tf models\n")[2].partition("\n```")[0]
    assert block and out.startswith(block)


def test_a_model_of_ones_own(tmp_path, capsys):
    file = tmp_path / "mine.keras"
    model = tiny_models.two_stages(num_classes=5, size=(16, 24))
    model.save(file)
    out = printed(["--model", str(file)], capsys)
    assert out.startswith(f"{file}\n")
    assert "image        16x24 (height x width), 5 classes" in out
    assert f"parameters   {model.count_params():,}, " in out
    assert "options" not in out and "paper" not in out
    assert "image        32x32" in printed(["--model", str(file), "--size", "32x32"], capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segnte"], "`name` must be one of the networks here. Received: name='segnte'. Did you"),
        (["segnet_mini", "--model-option", "widhts=3"], "Received: widhts. Did you mean widths?"),
        (["segnet_mini", "--model-option", "widths=3"], "must have values that segnet_mini takes"),
        (["enet", "--model-option", "num_classes=3"], "Received: num_classes. Leave it out"),
        (["segnet_mini", "--model-option", "widths"], "must be KEY=VALUE. Received: widths"),
        (["segnet_mini", "--size", "16x480"], "sides of at least 32 pixels"),
        (["segnet_mini", "--size", "360"], "must be HEIGHTxWIDTH"),
        (["--model-option", "width=2"], "`--model-option` must come with NAME"),
        (["segnet", "--model", "x.keras"], "Received: both, x.keras and segnet. Leave out one."),
        (["--model", "x", "--num-classes", "3"], "`--num-classes` is for architectures"),
        (["--model", "x", "--model-option", "a=3"], "`--model-option` is for architectures"),
        (["--model", "nowhere"], "nowhere, which does not exist"),
        (["segnet_mini", "--json", "no/a.json"], "Make no first"),
    ],
)
def test_what_it_refuses_is_one_line(arguments, message, capsys):
    assert main(["models", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("segnet-tf: ") and output.err.count("\n") == 1
    assert message in output.err
