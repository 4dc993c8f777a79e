"""`segnet-tf tune-crf`, and `--crf` of `predict` and `evaluate`: files, words, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bright_model
import numpy as np
import pytest
import tiny_run
from PIL import Image

from segnet_tf.cli import tune_crf
from segnet_tf.cli.main import main
from segnet_tf.data import open_samples
from segnet_tf.inference import crf_search
from segnet_tf.inference.crf import CRFParameters
from segnet_tf.runs import records
from segnet_tf.system.json_files import write_json
from segnet_tf.system.processor import usable_cores

ROOT = Path(__file__).resolve().parents[2]
DATA = ["--data", "synthetic:8", "--limit", "2"]
SMOOTH = CRFParameters(0, 1, 8, 20, 30)


@pytest.fixture(autouse=True)
def densecrf(request):
    if "without" not in request.node.name:
        pytest.importorskip("pydensecrf.densecrf", reason="needs pip install pydensecrf2")


@pytest.fixture
def run(tmp_path):
    """A run folder whose model says 3 where a pixel is brighter than 128, else 0."""
    folder = tmp_path / "run"
    folder.mkdir()
    bright_model.save(folder / "best.keras")
    config = tiny_run.config()
    samples = open_samples(config.data, "train", size=config.size)
    record = records.describe(config, samples, samples, 11, None, ((32, 32), (32, 32)))
    write_json(folder / "config.json", record)
    return folder


@pytest.fixture
def photo(tmp_path):
    """Grey 120, which is surely 0, and in it one pixel of 130, which is 3 by 88 %."""
    image = np.full((24, 32, 3), 120, np.uint8)
    image[9, 14] = 130
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path)
    return path


def short(monkeypatch):
    """A search of two tries in this process."""
    monkeypatch.setattr(crf_search, "GRID", {"bilateral_weight": (1.0,)})
    monkeypatch.setattr(crf_search, "MOST_STEPS", 0)
    monkeypatch.setattr(tune_crf, "usable_cores", lambda: 1)


def refused(capsys, *arguments):
    assert main([*map(str, arguments)]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert "Received: " in error[-1]
    return error[-1]


def speck(run, photo, output, *more):
    """The class of the bright pixel in the mask that `predict` writes."""
    command = ["predict", "--model", run, "--input", photo, "--size", "own", "--output", output]
    assert main([*map(str, command), *map(str, more)]) == 0
    with Image.open(output / "photo_mask.png") as mask:
        found = np.array(mask)
    assert set(np.unique(np.delete(found.ravel(), 9 * 32 + 14))) == {0}
    return found[9, 14]


def test_predict_takes_the_runs_parameters_a_file_or_the_defaults(run, photo, tmp_path, capsys):
    assert speck(run, photo, tmp_path / "plain") == 3
    assert speck(run, photo, tmp_path / "defaults", "--crf") == 3  # too narrow in color
    assert "CRF with the defaults; segnet-tf tune-crf finds those" in capsys.readouterr().err
    write_json(run / "crf.json", SMOOTH.to_json())
    assert speck(run, photo, tmp_path / "tuned", "--crf") == 0
    assert f"CRF with {run / 'crf.json'}" in capsys.readouterr().err
    # Of the run too is any file in its folder.
    assert speck(run / "best.keras", photo, tmp_path / "file", "--crf") == 0
    write_json(tmp_path / "none.json", CRFParameters(0, 1, 0, 1, 1).to_json())
    assert speck(run, photo, tmp_path / "other", "--crf", tmp_path / "none.json") == 3


def test_predict_refines_the_frames_of_a_video(run, tmp_path):
    pytest.importorskip("av", reason="needs PyAV: pip install av")
    from drawn_videos import read, write

    frame = np.full((64, 96, 3), 100, np.uint8)
    frame[24:40, 40:56] = 131  # a block that survives compression
    write(tmp_path / "a.mp4", [frame] * 2)
    shown = []
    write_json(run / "crf.json", CRFParameters(0, 1, 12, 60, 60).to_json())
    for name, more in (("plain", []), ("refined", ["--crf"])):
        command = ["predict", "--model", run, "--input", tmp_path / "a.mp4", "--size", "own"]
        assert main([*map(str, command), "--output", str(tmp_path / name), *more]) == 0
        shown.append(read(tmp_path / name / "a_overlay.mp4")[0][0].astype(int))
    # Class 3, road, is violet and class 0, sky, grey.
    red, green, _ = np.moveaxis([image[28:36, 44:52].mean((0, 1)) for image in shown], -1, 0)
    assert red[0] - green[0] > 25 and abs(red[1] - green[1]) < 5


def test_tuned_on_val_and_taken_by_evaluate(run, tmp_path, capsys, monkeypatch):
    short(monkeypatch)
    report = tmp_path / "report.json"
    command = ["tune-crf", "--model", str(run), *DATA, "--json", str(report)]
    assert main([*command, "--iterations", "2"]) == 0
    printed = capsys.readouterr().out
    content = json.loads((run / "crf.json").read_text())
    assert content["parameters"]["iterations"] == 2 and content["split"] == "val"
    assert content["classes"][0] == "Sky" and len(content["classes"]) == 11
    assert sorted(path.name for path in run.iterdir()) == ["best.keras", "config.json", "crf.json"]
    found = json.loads(report.read_text())
    for name, word in (("before", "plain"), ("defaults", "defaults"), ("after", "tuned")):
        line = next(line for line in printed.splitlines() if word in line)
        assert f"{100 * found[name]['mean_iou']:.2f}" in line
        assert f"{100 * found[name]['boundary_f1']:.2f}" in line
    assert "2 images, synthetic val" in printed and f"wrote {run / 'crf.json'}" in printed
    scores = tmp_path / "scores.json"
    for name, more in (("before", []), ("after", ["--crf"])):
        command = ["evaluate", "--model", str(run), *DATA, "--json", str(scores), "--overwrite"]
        assert main([*command, *more]) == 0
        summary = json.loads(scores.read_text())
        assert summary["mean_iou"] == pytest.approx(found[name]["mean_iou"], abs=1e-9)
        assert summary["boundary_f1"] == pytest.approx(found[name]["boundary_f1"], abs=1e-6)
    assert summary["protocol"]["crf"]["parameters"] == content["parameters"]
    # A training run that takes the folder anew removes it: it was another model's.
    assert "crf.json" in records.RUN_FILES


def test_refusals(run, photo, tmp_path, capsys):
    tune = ["tune-crf", *DATA, "--model"]
    (run / "crf.json").write_text("{")
    assert "must be a new file" in refused(capsys, *tune, run)
    assert "`--output` must name the JSON" in refused(capsys, *tune, "weights:segnet_mini_camvid")
    assert "must be a .json file" in refused(capsys, *tune, run, "--output", tmp_path / "x.txt")
    predict = ["predict", "--model", run, "--input", photo, "--output", tmp_path / "o", "--crf"]
    assert "must be valid JSON" in refused(capsys, *predict)
    assert "must be a readable JSON file" in refused(capsys, *predict, tmp_path / "absent.json")
    other = CRFParameters(classes=("cat", "dog"))
    write_json(tmp_path / "other.json", other.to_json())
    assert "tuned for the classes" in refused(capsys, *predict, tmp_path / "other.json")
    negative = other.to_json()
    negative["parameters"]["bilateral_width"] = -3
    write_json(tmp_path / "negative.json", negative)
    assert "`bilateral_width` of the CRF" in refused(capsys, *predict, tmp_path / "negative.json")
    assert not (tmp_path / "o").exists()


def test_without_the_package(run, photo, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    predict = ["predict", "--model", run, "--input", photo, "--output", tmp_path / "o"]
    assert refused(capsys, *predict, "--crf").endswith("pip install pydensecrf2")
    assert refused(capsys, "tune-crf", *DATA, "--model", run).endswith("pip install pydensecrf2")
    assert not (tmp_path / "o").exists() and not (run / "crf.tuning").exists()
    assert main([*map(str, predict)]) == 0


@pytest.mark.slow
def test_killed_it_goes_on_and_leaves_no_process(run, tmp_path):
    command = [sys.executable, "-m", "segnet_tf", "tune-crf", "--model", str(run), *DATA]
    whole, output = tmp_path / "whole.json", tmp_path / "crf.json"
    subprocess.run([*command, "--output", whole], cwd=ROOT, check=True, capture_output=True)
    state = tmp_path / "crf.tuning" / "state.json"
    with subprocess.Popen([*command, "--output", output], cwd=ROOT) as process:
        while not state.exists() or len(json.loads(state.read_text())["tries"]) < 4:
            time.sleep(0.02)
            assert process.poll() is None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(process.pid, signal.SIGKILL)
    known = json.loads(state.read_text())["tries"]
    assert len(children) > 1 or usable_cores() == 1
    until = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert not output.exists()
    subprocess.run([*command, "--output", output], cwd=ROOT, check=True, capture_output=True)
    found, expected = json.loads(output.read_text()), json.loads(whole.read_text())
    assert found["parameters"] == expected["parameters"] and found["tries"] == expected["tries"]
    assert len(known) < found["tries"]
