"""benchmarks/quantizers.py: its own judge of masks, and one tiny run of each recipe."""

from __future__ import annotations

import importlib.util
import json

import edited_tflite
import pytest
import quantizers
import tiny_models

from segnet_tf.export.conversion import convert
from segnet_tf.export.tflite_file import flatbuffer

ARGUMENTS = ["--data", "synthetic:4", "--calibration-images", "2", "--limit", "1"]
needs_quantizer = pytest.mark.skipif(
    importlib.util.find_spec("litert_quantizer") is None,
    reason="needs the extra `quantizer`: pip install -c constraints.txt -e '.[quantizer]'",
)


@pytest.fixture(scope="module")
def content():
    return convert.convert(tiny_models.two_stages(), tiny_models.SIZE, "dynamic")


def test_the_judge_sees_a_mask_that_is_turned_around(content):
    images = tiny_models.images(count=1)
    assert quantizers.wrong_pairs(content, images)[0] == 0
    turned = edited_tflite.with_kernels(content, lambda values, quantization: values[::-1])
    wrong, pairs = quantizers.wrong_pairs(turned, images)
    assert wrong > pairs / 2


def test_without_the_quantizer_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(quantizers.importlib.util, "find_spec", lambda name: None)
    assert quantizers.main([]) == 2
    error = capsys.readouterr().err
    assert ".[quantizer]" in error and error.count("\n") == 1


@pytest.mark.slow
@needs_quantizer
def test_every_recipe_is_a_row(run, tmp_path, capsys):
    report = tmp_path / "out.json"
    assert quantizers.main(["--model", str(run), *ARGUMENTS, "--json", str(report)]) == 0
    rows = json.loads(report.read_text())["rows"]
    assert list(rows) == ["float32", "int8, this exporter", *quantizers.RECIPES]
    for name in ("float32", "int8, this exporter"):
        assert rows[name]["wrong_pairs"] == 0 < rows[name]["pairs"]
        assert rows[name]["partitions"] == 1
    # What `--int16x8` is refused for.
    assert rows["static, weights 8, maps 16 bits"]["delegated"] == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(rows)


@pytest.mark.slow
@needs_quantizer
def test_constants_behind_the_flatbuffer_are_read(content):
    plain = convert.convert(tiny_models.two_stages(), tiny_models.SIZE, "float32")
    found = quantizers.quantized(plain, "dynamic_wi8_afp32", [])
    graph = flatbuffer.read(found)
    kernels = [t for t in graph.tensors if t.dtype == "int8"]
    assert kernels and all(t.data is not None and t.data.any() for t in kernels)
