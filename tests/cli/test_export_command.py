"""`segnet-tf export`, `export/tflite.py` and `exporter.export`: files, reports, exit codes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_models

from segnet_tf.cli.main import main
from segnet_tf.export import bias_correction, exporter, sources
from segnet_tf.export.conversion import calibration
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.runs.checkpoints import shipped_names

ROOT = Path(__file__).resolve().parents[2]
REPORT = {
    "bytes",
    "dtypes",
    "failures",
    "file",
    "format",
    "input",
    "latency",
    "masks",
    "metadata",
    "ops",
    "output",
    "partitions",
    "passed",
    "scores",
    "unpool",
}


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """The script itself, run once from a folder of its own; nothing in it is left out."""
    folder = tmp_path_factory.mktemp("elsewhere")
    # A module of the script's name, which must not come in the way, nor the script in its.
    (folder / "tflite.py").write_text("raise ImportError('the wrong module')\n")
    command = [sys.executable, ROOT / "export" / "tflite.py", "--int8", "--model", run]
    command += ["--output", "small.tflite", "--json", "report.json", "--calibration-images", "3"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_script_writes_a_file_from_any_folder(exported):
    folder, done = exported
    names = {path.name for path in folder.iterdir()} - {"__pycache__"}
    assert names == {"small.tflite", "report.json", "tflite.py"}
    assert done.stdout.splitlines()[-1] == "wrote small.tflite"
    # LiteRT greets from C++.
    assert [line for line in done.stderr.splitlines() if not line.startswith("INFO: ")] == []
    graph = flatbuffer.read((folder / "small.tflite").read_bytes())
    first = graph.tensors[graph.inputs[0]]
    assert (first.shape, first.dtype) == ((1, *tiny_models.SIZE, 3), "float32")


def test_the_report_says_what_was_promised(exported):
    folder, done = exported
    report = json.loads((folder / "report.json").read_text())
    assert set(report) == REPORT | {"ranges", "bias_shifts", "calibration"}
    assert report["file"] == "small.tflite"
    assert report["bytes"] == (folder / "small.tflite").stat().st_size
    assert (report["format"], report["passed"], report["failures"]) == ("int8", True, [])
    assert report["partitions"]["count"] == 1
    assert report["masks"]["count"] == 4
    counts = report["masks"]["runtimes"]
    assert set(counts) == {"xnnpack", "optimized"}
    assert all(count["wrong"] == 0 < count["pairs"] for count in counts.values())
    scores = report["scores"]
    assert scores["images"] > 0 and scores["data"] == "synthetic val"
    assert 0.5 < scores["pixel_agreement"] <= 1
    drop = scores["keras_mean_iou"] - scores["tflite_mean_iou"]
    assert scores["mean_iou_drop"] == pytest.approx(drop)
    assert report["latency"]["milliseconds"] > 0
    assert report["latency"]["threads"] == 1
    assert "QUANTIZE" in report["ops"] and "int8" in report["dtypes"]
    for word in (
        "small.tflite",
        "int8",
        "partitions: 1",
        "0 of ",
        "agreement",
        "mean IoU",
        "latency",
    ):
        assert word in done.stdout


@pytest.mark.slow
def test_a_reports_ranges_give_the_same_file_without_images(
    exported, run, tmp_path, fast, monkeypatch
):
    folder, _ = exported
    monkeypatch.setattr(calibration, "measure_ranges", None)  # not to be called
    again = tmp_path / "again.tflite"
    path, report = exporter.export(
        str(run), format="int8", output=again, ranges=folder / "report.json", limit=1
    )
    assert path == again
    assert report.facts["scores"]["images"] == 1
    image = tiny_models.images(seed=5)[0]
    answers = [
        cpu.run(cpu.open_interpreter(file.read_bytes()), image)[0]
        for file in (again, folder / "small.tflite")
    ]
    assert (answers[0] == answers[1]).all()


@pytest.mark.slow
def test_float32_by_default_goes_next_to_the_model(run, tmp_path, fast, capsys):
    """And a .keras file that says nothing of its training is compared on synthetic scenes."""
    model = tmp_path / "net.keras"
    shutil.copy(run / "best.keras", model)
    assert main(["export", "--float32", "--model", str(model)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"net.keras", "net_float32.tflite"}
    said = capsys.readouterr().out
    assert f"wrote {tmp_path / 'net_float32.tflite'}" in said
    assert "mean IoU" not in said and "agreement" in said


@pytest.mark.slow
def test_a_runs_file_goes_into_its_folder(run, tmp_path, fast):
    copy = shutil.copytree(run, tmp_path / "copy")
    path, report = exporter.export(
        str(copy), format="int8", io="uint8", output_kind="probabilities", calibration_images=2
    )
    assert path == copy / "model_int8.tflite"
    assert path.is_file()
    assert report.facts["input"]["dtype"] == report.facts["output"]["dtype"] == "uint8"
    assert report.facts["input"]["scale"] == [1.0]
    assert report.failures == ()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["probabilities", "labels"])
def test_other_outputs_pass_their_own_checks(run, tmp_path, fast, kind):
    path, report = exporter.export(
        str(run),
        format="int8",
        output=tmp_path / "f.tflite",
        output_kind=kind,
        calibration_images=2,
    )
    assert report.failures == ()
    assert path.is_file()


def test_only_the_training_split_is_calibrated_on(run, tmp_path, fast, monkeypatch):
    seen = []
    images = calibration.calibration_images

    def note(samples, count, size, seed):
        seen.append((samples.split, count, seed))
        return images(samples, count, size, seed)

    monkeypatch.setattr(calibration, "calibration_images", note)
    exporter.export(
        str(run), format="int8", output=tmp_path / "f.tflite", calibration_images=2, seed=7, limit=1
    )
    assert seen == [("train", 2, 7)] * 2  # ranges, and shifts of biases


def test_the_data_given_comes_before_the_runs_own(run, fast):
    source = sources.open_source(str(run))
    assert len(source.samples("synthetic:40", "val")) > len(source.samples(None, "val")) > 0
    assert len(source.samples(None, "train+val")) > len(source.samples(None, "train"))
    image, _ = source.samples("synthetic:40", "val").read(0)
    assert image.shape[:2] == tiny_models.SIZE  # the run's, where the data has none of its own


@pytest.mark.parametrize("before", [None, b"the old file"])
def test_a_failed_check_leaves_nothing_new(run, tmp_path, fast, capsys, before):
    output, report = tmp_path / "f.tflite", tmp_path / "report.json"
    if before:
        output.write_bytes(before)
    arguments = ["--int8", "--model", run, "--output", output, "--max-drop", -100, "--overwrite"]
    arguments += ["--json", report, "--calibration-images", 2]
    assert main(["export", *map(str, arguments)]) == 1
    said = capsys.readouterr()
    assert "FAILED" in said.out and "points of mIoU lost, at most -100.00 are allowed" in said.out
    assert said.err == "segnet-tf: a check failed, no file was written\n"
    content = json.loads(report.read_text())
    assert content["passed"] is False and len(content["failures"]) == 1
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"report.json"} | ({"f.tflite"} if before else set())
    if before:
        assert output.read_bytes() == before


def test_a_failed_check_raises_with_the_report(run, tmp_path, fast):
    with pytest.raises(exporter.CheckFailed, match="points of mIoU lost") as caught:
        exporter.export(str(run), format="float32", output=tmp_path / "f.tflite", largest_drop=-1)
    assert caught.value.report.facts["format"] == "float32"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_overwrite_replaces_both_files(run, tmp_path, fast):
    output, report = tmp_path / "f.tflite", tmp_path / "r.json"
    output.write_text("old")
    report.write_text("old")
    arguments = ["--float32", "--model", run, "--output", output, "--json", report, "--overwrite"]
    assert main(["export", *map(str, arguments)]) == 0
    assert flatbuffer.read(output.read_bytes()).ops
    assert set(json.loads(report.read_text())) == REPORT


def test_the_shipped_ranges_serve_the_shipped_weights(run, monkeypatch, tmp_path):
    folder = tmp_path / "ranges"
    monkeypatch.setattr(sources, "RANGES", folder)
    folder.mkdir(parents=True)
    (folder / "small.json").write_text("{}")
    assert sources.Source("weights:small", None, None).shipped_ranges() == folder / "small.json"
    assert sources.Source("weights:other", None, None).shipped_ranges() is None
    assert sources.Source(str(run), None, None).shipped_ranges() is None


@pytest.mark.parametrize("name", shipped_names())
def test_the_shipped_ranges_were_measured_on_these_weights(name):
    weights = ROOT / "segnet_tf" / "weights" / f"{name.removeprefix('weights:')}.keras"
    path = sources.Source(name, None, None).shipped_ranges()
    ranges = json.loads(path.read_text())
    assert ranges["model"] == name
    shifts = bias_correction.read_shifts(path)
    assert "classifier" in shifts and set(shifts) <= set(ranges["ranges"])
    assert ranges["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()


@pytest.mark.slow
def test_without_a_model_the_last_demo_is_taken_or_shipped_weights(run, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "DEMO", run)
    assert sources.open_source(None).name == str(run)
    monkeypatch.setattr(sources, "DEMO", tmp_path)
    assert sources.open_source(None).name == "weights:segnet_lite_camvid"
