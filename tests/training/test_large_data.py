"""Where images lie and are kept changes no weight: folder, shards, disk, cut off or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_run
from PIL import Image

from segnet_tf import models
from segnet_tf.cli.main import main
from segnet_tf.data import decoded, open_samples, open_source
from segnet_tf.data.shards.writer import write_shards
from segnet_tf.training import survey
from segnet_tf.training.run_training import resume, train

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch):
    monkeypatch.setattr(models, "build", tiny_run.build)
    tiny_run.without_pictures(monkeypatch)


@pytest.fixture
def large(monkeypatch):
    """Makes every data set a large one, of which two images are looked at."""
    monkeypatch.setattr(decoded, "READ_AT_START", 0)
    monkeypatch.setattr(decoded, "LOOKED_AT", 2)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Synthetic scenes as a folder in CamVid's layout, and as shards."""
    root = tmp_path_factory.mktemp("data")
    for split in ("train", "val"):
        scenes = open_samples("synthetic:5", split, size=(32, 32))
        for index, stem in enumerate(scenes.stems):
            image, labels = scenes.read(index)
            labels[labels == 255] = 11  # CamVid's void
            for folder, content in ((split, image), (f"{split}annot", labels)):
                (root / "folder" / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(content).save(root / "folder" / folder / f"{stem}.png")
    source = open_source(root / "folder")
    splits = {name: source.samples(name) for name in source.splits}
    write_shards(splits, root / "shards", {}, shard_bytes=8000)
    return root


def config(data, **changes):
    return tiny_run.config(data=str(data), size=None, **changes)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """An unbroken run on the folder, all of which is read before the first step."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(models, "build", tiny_run.build)
        tiny_run.without_pictures(patched)
        train(config(data / "folder"), run)
    return run


def assert_same_run(run, expected):
    for name in ("last.keras", "best.keras"):
        arrays = tiny_run.saved_arrays(run / name), tiny_run.saved_arrays(expected / name)
        assert tiny_run.same(*arrays), name
    scores = [json.loads((folder / "scores.json").read_text()) for folder in (run, expected)]
    assert scores[0]["per_class_iou"] == scores[1]["per_class_iou"]


@pytest.mark.parametrize("where", ["folder", "shards"])
@pytest.mark.parametrize("cache", ["none", "disk"])
def test_the_weights_are_those_of_the_folder(where, cache, data, whole, large, tmp_path):
    run = tmp_path / "run"
    train(config(data / where, cache=cache), run)
    assert_same_run(run, whole)
    assert (run / "cache").exists() == (cache == "disk")


def test_kill_minus_nine_in_an_epoch_on_shards_with_a_cache(data, whole, large, tmp_path):
    run = tmp_path / "run"
    changes = {"data": str(data / "shards"), "size": None, "cache": f"disk:{tmp_path / 'kept'}"}
    done = subprocess.run(
        [sys.executable, tiny_run.__file__, run, str(tiny_run.STEPS + 1), json.dumps(changes)],
        env={**os.environ, "PYTHONPATH": str(Path(tiny_run.__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert main(["train", "--resume", str(run)]) == 0
    assert_same_run(run, whole)


def test_a_file_that_is_damaged_meanwhile_loses_nothing(
    data, whole, large, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(survey, "SURVEYED", 2)
    samples = open_samples(data / "folder", "train")
    broken = samples.files[2]
    content = broken.read_bytes()
    broken.write_bytes(content[:200])
    run = tmp_path / "run"
    arguments = ["--data", str(data / "folder"), "--output", str(run), "--class-weights", "none"]
    try:
        sizes = ["--epochs", "3", "--batch-size", "2", "--learning-rate", "0.01"]
        assert main(["train", *arguments, *sizes]) == 2
    finally:
        broken.write_bytes(content)
    output = capsys.readouterr()
    assert "2 of 5 images, evenly spread" in " ".join(output.out.split())
    lines = [line for line in output.err.splitlines() if str(broken) in line]
    assert len(lines) == 1 and lines[0].startswith("segnet-tf: an image file must be whole")
    expected = tmp_path / "expected"
    train(config(data / "folder", class_weights="none"), expected)
    resume(run)
    assert_same_run(run, expected)
