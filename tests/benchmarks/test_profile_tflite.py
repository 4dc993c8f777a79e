"""benchmarks/profile_tflite.py: every op has the time that the runtime's profiler gave it."""

from __future__ import annotations

import json

import profile_tflite
import pytest
import tiny_models

from segnet_tf.export.conversion import convert
from segnet_tf.export.runtimes import profiler
from segnet_tf.export.tflite_file import flatbuffer


def event(name, microseconds, delegated=True):
    return profiler.Event(name, delegated, microseconds)


def test_events_find_their_ops():
    ops = ["DEQUANTIZE", "CONV_2D", "MUL", "RESIZE_NEAREST_NEIGHBOR", "CONV_2D", "SUB"]
    events = [
        event("Convolution (NHWC, F32) IGEMM", 100),  # the DEQUANTIZE was of a constant
        event("Multiply (ND)", 10),
        event("Clamp (NC)", 4),  # fused with MUL for TFLite, a pass of its own in XNNPACK
        event("RESIZE_NEAREST_NEIGHBOR", 50, delegated=False),
        event("Fully Connected (NC, F32) GEMM", 20),
        event("Subtract (ND)", 3),
    ]
    assert profile_tflite.attribute(ops, events) == [0, 100, 14, 50, 20, 3]


def test_unknown_events_are_counted_with_the_op_before():
    ops = ["CONV_2D", "SUB"]
    events = [event("Warp", 1), event("Convolution X", 2), event("Warp", 4), event("Subtract", 8)]
    assert profile_tflite.attribute(ops, events) == [7, 8]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("profile") / "two_stages.tflite"
    path.write_bytes(convert.convert(tiny_models.two_stages(), tiny_models.SIZE))
    return path


def test_a_file_is_profiled_op_by_op(file, tmp_path, capsys):
    report = tmp_path / "out.json"
    arguments = [str(file), "--runs", "3", "--json", str(report)]
    assert profile_tflite.main(arguments) == 0
    found = json.loads(report.read_text())
    names = [op.name for op in flatbuffer.read(file.read_bytes()).ops]
    assert [node["op"] for node in found["nodes"]] == names
    assert sum(node["share"] for node in found["nodes"]) == pytest.approx(1)
    assert sum(kind["count"] for kind in found["kinds"].values()) == len(names)
    # Each convolution was found: XNNPACK runs one operator for each, however short.
    profile = profiler.profile(file, runs=3)
    convolutions = [e for e in profile.events if e.name.startswith(("Conv", "Fully"))]
    assert len(convolutions) == sum(name.endswith("CONV_2D") for name in names)
    assert 0 < found["ops_us"] < 2 * found["whole_us"]
    output = capsys.readouterr()
    assert "CONV_2D" in output.out and "INFO" not in output.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.tflite"], "`file` must be a .tflite file"),
        ([__file__], "`tflite` must be a .tflite file"),
        (["nothing.tflite", "--runs", "0"], "`runs` must be 1 or more"),
    ],
)
def test_bad_input_is_one_line(arguments, words, capsys):
    assert profile_tflite.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("profile_tflite: ") and error.count("\n") == 1
    assert words in error
