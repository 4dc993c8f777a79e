"""`python export/verify.py` on good files, on files of another model, and on damaged ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import edited_tflite
import numpy as np
import pytest
import tensorflow as tf
import tiny_models

from segnet_tf.cli.main import main
from segnet_tf.data.scenes import synthetic
from segnet_tf.export import verifier
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.tflite_file import flatbuffer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def contents(network):
    ranges = calibration.measure_ranges(network, tiny_models.images())
    return {
        "float32": convert.convert(network, tiny_models.SIZE),
        "int8": convert.convert(network, tiny_models.SIZE, format="int8", ranges=ranges),
    }


@pytest.fixture
def files(contents, tmp_path):
    for name, content in contents.items():
        (tmp_path / f"{name}.tflite").write_bytes(content)
    return tmp_path


def scenes(count=4):
    return synthetic.samples("val", size=tiny_models.SIZE, count=count)


def command(*arguments):
    return main(["verify", *map(str, arguments)])


@pytest.mark.slow
def test_the_script_passes_a_good_file_from_any_folder(files, run):
    arguments = ["--tflite", "int8.tflite", "--model", run, "--json", "out.json", "--limit", "1"]
    done = subprocess.run(
        [sys.executable, ROOT / "export" / "verify.py", *arguments],
        cwd=files,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((files / "out.json").read_text())
    assert report["passed"] is True and report["format"] == "int8"
    assert report["file"] == "int8.tflite"
    assert report["scores"]["images"] == 1
    assert "FAILED" not in done.stdout and "partitions: 1" in done.stdout


@pytest.mark.parametrize("form", ["float32", "int8"])
def test_a_good_file_passes(files, network, fast, form):
    report = verifier.verify(files / f"{form}.tflite", network, scenes())
    assert report.failures == ()
    assert report.facts["format"] == form
    # 32x48 pooled twice: pairs of rows at half width, and of columns at half of both.
    per_image = sum(c * (h * w // 2 + h * w // 4) for h, w, c in ((32, 48, 4), (16, 24, 6)))
    for counts in report.facts["masks"]["runtimes"].values():
        assert counts == {"wrong": 0, "pairs": verifier.MASK_IMAGES * per_image}
    if form == "float32":
        assert report.facts["scores"]["pixel_agreement"] > 0.999


def test_a_file_of_another_models_weights_fails(files, run, fast, capsys, tmp_path):
    other = tiny_models.two_stages(11)
    kernel, bias = other.get_layer("classifier").get_weights()
    other.get_layer("classifier").set_weights([kernel[..., ::-1], bias[::-1]])
    other.save(tmp_path / "other.keras")
    out = tmp_path / "out.json"
    arguments = ["--tflite", files / "float32.tflite", "--model", tmp_path / "other.keras"]
    assert command(*arguments, "--json", out) == 1
    assert "of pixels agree with Keras, a float32 file must reach 99.00 %" in (
        capsys.readouterr().out
    )
    report = json.loads(out.read_text())
    assert report["passed"] is False
    assert len(report["failures"]) == 1


@pytest.mark.slow
def test_a_file_of_another_architecture_fails(files, network, fast):
    deeper = tiny_models.build("segnet_mini", 11)
    report = verifier.verify(files / "int8.tflite", deeper, scenes(1))
    (failure,) = report.failures
    assert failure.startswith(
        "4 argmax masks for 5 pooling layers, not 2 each: encoder3_pool has 0"
    )


@pytest.mark.parametrize("form", ["float32", "int8"])
def test_a_tampered_mask_kernel_fails(files, run, contents, fast, capsys, form):
    """The bytes of the kernels alone are changed, in the file as it lies there."""
    graph = flatbuffer.read(contents[form])
    kernels = {
        graph.tensors[op.inputs[1]].data.tobytes()
        for op in graph.ops
        if op.name == "DEPTHWISE_CONV_2D" and op.options.strideH != op.options.strideW
    }
    damaged = contents[form]
    # The longest first: the others are part of it.
    for kernel in sorted(kernels, key=len, reverse=True):
        values = np.frombuffer(kernel, form)
        half = len(values) // 2
        turned = np.concatenate([values[half:], values[:half]]).tobytes()
        assert kernel in damaged
        damaged = damaged.replace(kernel, turned)
    path = files / "tampered.tflite"
    path.write_bytes(damaged)
    assert command("--tflite", path, "--model", run, "--limit", 1) == 1
    said = capsys.readouterr().out
    assert said.count("its kernel is not (-gain, +gain)") == 4
    assert "pairs wrong on xnnpack" in said and "pairs wrong on optimized" in said


def test_a_tampered_weight_costs_score_or_pixels(files, network, contents, fast):
    """Not a mask's: only the answers can tell."""

    def silence(model):
        for tensor in model.subgraphs[0].tensors:
            if len(tensor.shape) == 4 and tuple(tensor.shape) == (11, 1, 1, 4):
                buffer = model.buffers[tensor.buffer]
                buffer.data = np.zeros_like(buffer.data)

    path = files / "tampered.tflite"
    path.write_bytes(edited_tflite.edit(contents["float32"], silence))
    report = verifier.verify(path, network, scenes(2))
    assert any("of pixels agree with Keras" in failure for failure in report.failures)


@pytest.mark.slow
def test_the_drop_is_in_points(files, run, fast, capsys):
    arguments = ["--tflite", files / "int8.tflite", "--model", run, "--limit", 1]
    assert command(*arguments, "--max-drop", 100) == 0
    assert command(*arguments, "--max-drop", -100) == 1
    assert "at most -100.00 are allowed" in capsys.readouterr().out


def flex(path):
    def pool(x):
        return tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")[0]

    function = tf.function(pool, input_signature=[tf.TensorSpec((1, 32, 48, 3), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    path.write_bytes(converter.convert())


def two_inputs(path):
    signature = [tf.TensorSpec((1, 32, 48, 3), tf.float32)] * 2
    function = tf.function(lambda x, y: x + y, input_signature=signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    path.write_bytes(converter.convert())


def a_vector(path):
    function = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec((7,), tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    path.write_bytes(converter.convert())


UNREADABLE = {
    "missing": (lambda path: None, "No such file"),
    "folder": (lambda path: path.mkdir(), "Is a directory"),
    "empty": (lambda path: path.touch(), "without its identifier"),
    "another kind": (lambda path: path.write_bytes(b"PK\x03\x04" * 99), "identifier, TFL3"),
    "flex": (flex, "ops that are not builtin: CUSTOM:FlexMaxPoolWithArgmax"),
    "two inputs": (two_inputs, "must take images (batch, height, width, channels) and give"),
    "a vector": (a_vector, "must take images"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_cannot_be_checked_is_one_line(run, tmp_path, fast, capsys, case):
    make, words = UNREADABLE[case]
    path = tmp_path / "file.tflite"
    make(path)
    assert command("--tflite", path, "--model", run, "--limit", 1) == 2
    error = capsys.readouterr().err
    assert error.startswith("segnet-tf: ") and error.count("\n") == 1, error
    assert words in error


@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_a_truncated_file_is_one_line(run, tmp_path, contents, capsys, part):
    path = tmp_path / "file.tflite"
    path.write_bytes(contents["int8"][: int(part * len(contents["int8"]))])
    assert command("--tflite", path, "--model", run, "--limit", 1) == 2
    error = capsys.readouterr().err
    assert error.startswith("segnet-tf: `tflite` must") and error.count("\n") == 1, error


def test_an_existing_report_is_not_touched(files, run, capsys):
    report = files / "out.json"
    report.write_text("old")
    arguments = ["--tflite", files / "int8.tflite", "--model", run, "--json", report]
    assert command(*arguments) == 2
    assert "which exists" in capsys.readouterr().err
    assert report.read_text() == "old"
