"""The scripts in examples/, each in a fresh process, as a reader starts them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from ai_edge_litert.interpreter import Interpreter
from checkout_files import ROOT
from PIL import Image

import segnet_tf
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.tflite_file import metadata, metadata_tables
from segnet_tf.export.tflite_file.uncertainty import Uncertainty

EXAMPLES = ROOT / "examples"
ASSETS = ROOT / "android_demo_assets"
RUNNER = EXAMPLES / "run_tflite.py"
# Name, classes, format, input and output, what is given for a pixel.
KINDS = (
    ("int8", 5, "int8", "float32", "logits"),
    ("uint8", 5, "int8", "uint8", "logits"),
    ("int8_io", 5, "int8", "int8", "logits"),
    ("probabilities", 5, "float32", "float32", "probabilities"),
    ("labels", 5, "int8", "float32", "labels"),
    ("unsure", 5, "int8", "float32", "probabilities"),
    ("one", 1, "int8", "float32", "logits"),
    ("one_probability", 1, "float32", "float32", "probabilities"),
)
# What the runner must do without. Its own folder is first on the path, and holds none of them.
ABSENT = """\
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "keras", "tf_keras", "segnet_tf", "scipy"):
            raise ImportError(f"{name} is not there")

sys.meta_path.insert(0, Absent())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(*command, folder: Path) -> str:
    """What a command prints, in a folder that is not the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def mask_of(file: Path, image: np.ndarray) -> np.ndarray:
    """The class ids that LiteRT's kernels give for a file from float32 to logits."""
    segnet = Interpreter(str(file))
    segnet.allocate_tensors()
    segnet.set_tensor(segnet.get_input_details()[0]["index"], image[None].astype(np.float32))
    segnet.invoke()
    return segnet.get_tensor(segnet.get_output_details()[-1]["index"])[0].argmax(-1)


def test_the_runner_gives_the_mask_of_the_file_without_tensorflow(tmp_path):
    file, sample = ASSETS / "segnet_lite_int8.tflite", ASSETS / "sample.png"
    command = (sys.executable, "-c", ABSENT, RUNNER, file, sample, "--threads", 1, "--repeat", 2)
    printed = run(*command, folder=tmp_path)
    mask = Image.open(tmp_path / "mask.png")
    expected = mask_of(file, np.asarray(Image.open(sample).convert("RGB")))
    np.testing.assert_array_equal(np.asarray(mask), expected)
    # As `make android-assets` wrote them: the mask, and the classes' names and colors.
    np.testing.assert_array_equal(expected, np.asarray(Image.open(ASSETS / "sample_mask.png")))
    names = (ASSETS / "labels.txt").read_text().split()
    shares = dict(re.findall(r"^(\S+) +([\d.]+) %$", printed, re.MULTILINE))
    counts = np.bincount(expected.ravel(), minlength=len(names))
    assert shares == {
        name: f"{100 * count / expected.size:.1f}"
        for name, count in zip(names, counts, strict=True)
        if count
    }
    assert re.search(r"^[\d.]+ ms, 1 threads$", printed, re.MULTILINE)
    theirs = Image.open(ASSETS / "sample_mask.png").getpalette()
    assert theirs is None or mask.getpalette()[: 3 * len(names)] == theirs[: 3 * len(names)]


@pytest.fixture(scope="module")
def pi(tmp_path_factory):
    """The Python of a new environment with what the runner asks for and nothing else."""
    folder = tmp_path_factory.mktemp("pi")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt"]
    done = subprocess.run(
        [*map(str, command), "ai-edge-litert", "pillow"], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"needs a package index: {done.stderr.strip().splitlines()[-1]}")
    return python


def balanced(classes, images):
    """A network of two stages that gives each of its classes to a good part of some images."""
    model = tiny_models.two_stages(classes)
    layer = model.layers[-1]
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - np.median(model.predict(images, verbose=0), axis=(0, 1, 2))])
    return model


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a file of each kind, their names, and the image that all are tried on."""
    folder = tmp_path_factory.mktemp("files")
    several, size = tiny_models.images(), tiny_models.SIZE
    models = {count: balanced(count, np.concatenate(several)) for count in (5, 1)}
    for name, count, format, io, kind in KINDS:
        model, uncertainty = models[count], Uncertainty(1) if name == "unsure" else None
        ranges = calibration.measure_ranges(model, several) if format == "int8" else None
        content = convert.convert(model, size, format, ranges=ranges, io=io, output_kind=kind,
            uncertainty=uncertainty)  # fmt: skip
        labels = [f"class {number}" for number in range(max(count, 2))]
        content = metadata.attach(content, kind, labels, uncertainty=uncertainty)
        (folder / f"{name}.tflite").write_bytes(content)
    image = several[0][0].astype(np.uint8)
    # One that was trained on numbers around 0, as others' files are, by channel.
    unit = {0: np.int8(1), 1: {0: [127.5, 116.0, 104.0], 1: [64.0, 57.0, 58.0]}}
    second = {0: np.int8(1), 1: {0: [0.0], 1: [1.0]}}  # the first one counts
    tables = {3: [{2: [{0: "image", 4: [unit, second]}], 3: [{0: "map"}]}]}
    foreign = metadata_tables.with_buffer(
        convert.convert(models[5], size),
        metadata.BUFFER,
        metadata_tables.write(tables, metadata.IDENTIFIER),
    )
    (folder / "foreign.tflite").write_bytes(foreign)
    np.save(folder / "image.npy", image)
    Image.fromarray(image).save(folder / "image.png")
    return folder


@pytest.mark.slow
def test_the_runner_is_predict_on_every_kind_of_file(pi, files, tmp_path):
    image = np.load(files / "image.npy")
    names = [*(name for name, *_ in KINDS), "foreign"]
    expected = {name: segnet_tf.predict(files / f"{name}.tflite", image) for name in names}
    # The network of "probabilities", which sees other numbers.
    assert (expected["foreign"] != expected["probabilities"]).any()
    for name, mask in expected.items():
        assert len(np.unique(mask)) > 1, name
        for kind in ("png", "npy"):
            command = (pi, RUNNER, files / f"{name}.tflite", files / f"image.{kind}")
            printed = run(*command, "--repeat", 1, folder=tmp_path)
            found = np.asarray(Image.open(tmp_path / "mask.png"))
            np.testing.assert_array_equal(found, mask, err_msg=f"{name} {kind}")
            assert (name == "foreign") != ("class 1 " in printed)
    done = subprocess.run([str(pi), "-c", "import tensorflow"], cwd=tmp_path, capture_output=True)
    assert b"No module named 'tensorflow'" in done.stderr


@pytest.mark.slow
def test_own_network_learns_and_is_exported(tmp_path):
    printed = run(sys.executable, EXAMPLES / "own_network.py", folder=tmp_path)
    right = {
        name: float(share)
        for name, share in re.findall(r"^(Keras|int8 file) +([\d.]+) %", printed, re.MULTILINE)
    }
    # Always the most frequent class has 40 % of these scenes' pixels.
    assert right["Keras"] > 55 and abs(right["Keras"] - right["int8 file"]) < 3, right
    assert Interpreter(str(tmp_path / "own_network.tflite")).get_input_details()


@pytest.mark.slow
def test_bayesian_prediction_says_where_it_is_unsure(tmp_path):
    short = ("--images", 8, "--epochs", 1, "--samples", 4, "--size", 64, 96)
    printed = run(sys.executable, EXAMPLES / "bayesian.py", *short, folder=tmp_path)
    mean = {
        name: float(value)
        for name, value in re.findall(r"^(\w+) +mean ([\d.]+)", printed, re.MULTILINE)
    }
    # How far the samples differ is a part of all that is unsure, which ln(11) bounds.
    assert 0 < mean["mutual_information"] < mean["entropy"] < np.log(11)
    assert Image.open(tmp_path / "unsure" / "prediction.png").size == (96, 64)
    assert {"entropy.png", "mutual_information.png"} <= {
        path.name for path in (tmp_path / "unsure").iterdir()
    }
