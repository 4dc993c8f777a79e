"""Several input sizes in one call, and files that take several images at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest
import small_files
import tiny_models

from segnet_tf.cli.main import main
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export.checks import agreement, rules
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu, registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.inference.predictors import Predictor
from segnet_tf.inference.tflite_model import TFLiteModel

BATCH = 4
ARGUMENTS = ["--float32", "--limit", "2"]


@pytest.fixture(scope="module")
def any_size(tmp_path_factory):
    """A model that takes images of any size."""
    path = tmp_path_factory.mktemp("any") / "net.keras"
    tiny_models.two_stages(11, size=(None, None)).save(path)
    return path


@pytest.mark.slow
def test_each_size_gets_a_file_and_a_report_named_after_it(any_size, tmp_path, fast, capsys):
    out, report = tmp_path / "road.tflite", tmp_path / "road.json"
    arguments = [*ARGUMENTS, "--model", any_size, "--output", out, "--json", report]
    sizes = ["--input-size", "32x48", "48x32", "--input-size", "45x61"]
    assert main(["export", *map(str, arguments + sizes)]) == 0
    said = capsys.readouterr().out
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        f"road_{size}.{kind}" for size in ("32x48", "48x32", "45x61") for kind in ("tflite", "json")
    }
    for size in ((32, 48), (48, 32), (45, 61)):
        path = tmp_path / f"road_{size[0]}x{size[1]}.tflite"
        graph = flatbuffer.read(path.read_bytes())
        assert graph.tensors[graph.inputs[0]].shape == (1, *size, 3)
        facts = json.loads(path.with_suffix(".json").read_text())
        assert facts["file"] == str(path) and facts["passed"] is True
        assert facts["input"]["shape"] == [1, *size, 3]
        assert f"wrote {path}" in said


@pytest.mark.slow
def test_default_names_have_the_size_too(any_size, tmp_path, fast):
    model = tmp_path / "net.keras"
    model.write_bytes(any_size.read_bytes())
    arguments = [*ARGUMENTS, "--model", str(model), "--data", "synthetic:2"]
    assert main(["export", *arguments, "--input-size", "32x48", "48x32"]) == 0
    assert {path.name for path in tmp_path.glob("*.tflite")} == {
        "net_float32_32x48.tflite",
        "net_float32_48x32.tflite",
    }


def test_no_size_is_exported_if_one_of_the_files_exists(any_size, tmp_path, fast, capsys):
    (tmp_path / "road_48x32.tflite").write_text("old")
    arguments = [*ARGUMENTS, "--model", str(any_size), "--output", str(tmp_path / "road.tflite")]
    assert main(["export", *arguments, "--input-size", "32x48", "48x32"]) == 2
    assert "road_48x32.tflite, which exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["road_48x32.tflite"]


def test_no_size_is_exported_if_one_does_not_fit_the_model(run, tmp_path, fast, capsys):
    arguments = [*ARGUMENTS, "--model", str(run), "--output", str(tmp_path / "road.tflite")]
    assert main(["export", *arguments, "--input-size", "32x48", "48x32"]) == 2
    error = capsys.readouterr().err
    assert "`input_size` must be" in error and "48x32" in error
    assert list(tmp_path.iterdir()) == []


def test_a_size_named_twice_is_refused(run, tmp_path, capsys):
    arguments = [*ARGUMENTS, "--model", str(run), "--output", str(tmp_path / "road.tflite")]
    assert main(["export", *arguments, "--input-size", "32x48", "032x48"]) == 2
    assert "`input_size` must name each size once" in capsys.readouterr().err


@pytest.fixture(scope="module")
def batches(network):
    ranges = calibration.measure_ranges(network, tiny_models.images())
    return {
        "float32": convert.convert(network, tiny_models.SIZE, batch=BATCH),
        "float16": convert.convert(network, tiny_models.SIZE, batch=BATCH, format="float16"),
        "dynamic": convert.convert(network, tiny_models.SIZE, batch=BATCH, format="dynamic"),
        "int8": convert.convert(
            network, tiny_models.SIZE, batch=BATCH, format="int8", ranges=ranges
        ),
    }


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8"])
def test_masks_of_a_batch_are_exact_and_its_images_do_not_mix(batches, network, kind):
    content = batches[kind]
    images = np.concatenate(tiny_models.images(count=BATCH))
    per_image = sum(c * (h * w // 2 + h * w // 4) for h, w, c in ((32, 48, 4), (16, 24, 6)))
    for runtime in cpu.KERNELS:
        counts = rules.count_mask_mismatches(content, [images], runtime)
        assert counts == (0, BATCH * per_image), runtime
        (answer,) = registry.get(runtime).run(content, [images]).outputs[0]
        (turned,) = registry.get(runtime).run(content, [images[::-1]]).outputs[0]
        np.testing.assert_allclose(answer, turned[::-1], rtol=0, atol=1e-4)
        if kind == "float32":
            np.testing.assert_allclose(answer, network(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("runtime", ["aarch64", "gpu-float32", "gpu-float16", "browser-wasm"])
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_masks_of_a_batch_on_the_other_runtimes(batches, runtime):
    if reason := registry.get(runtime).unavailable():
        pytest.skip(reason)
    images = np.concatenate(tiny_models.images(count=BATCH))
    wrong, pairs = rules.count_mask_mismatches(batches["float32"], [images], runtime)
    assert (wrong, pairs > 0) == (0, True)


def test_a_files_answers_do_not_depend_on_its_batch(network, batches, tmp_path):
    """Six images through a file of four: the last batch is filled up, and cut off again."""
    single = convert.convert(network, tiny_models.SIZE)
    images = np.concatenate(tiny_models.images(count=6))
    labels = []
    for name, content in (("one", single), ("four", batches["float32"])):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(content)
        loaded = TFLiteModel(path)
        assert loaded.batch == {"one": 1, "four": BATCH}[name]
        labels.append(Predictor(loaded, name).labels(images))
    assert labels[0].shape == (6, *tiny_models.SIZE)
    assert (labels[0] == labels[1]).all()


def test_a_batch_is_exported_and_verified(run, tmp_path, fast, capsys):
    arguments = [*ARGUMENTS, "--model", str(run), "--output", str(tmp_path / "four.tflite")]
    assert main(["export", *arguments, "--batch", str(BATCH)]) == 0
    said = capsys.readouterr().out
    assert "input        4x32x48x3 float32" in said and "ms for 4 images" in said
    assert "0 of " in said and "(1 images," in said


def test_checked_batches_hold_different_images(batches):
    graph = flatbuffer.read(batches["float32"])
    for samples in (None, synthetic.samples("val", size=small_files.SIZE, count=8)):
        found = agreement.model_images(graph.tensors[graph.inputs[0]].shape, samples, 2)
        assert [batch.shape for batch in found] == [(BATCH, *tiny_models.SIZE, 3)] * 2
        every = np.concatenate(found).reshape(2 * BATCH, -1)
        assert len(np.unique(every, axis=0)) == 2 * BATCH


def test_batch_must_be_positive(network):
    with pytest.raises(UserError, match="`batch` must be at least 1. Received: 0"):
        convert.convert(network, tiny_models.SIZE, batch=0)
