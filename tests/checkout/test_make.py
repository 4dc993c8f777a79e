"""What `make` calls, when the user's paths have blanks and quotes in them."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from checkout_files import ROOT

# Writes its arguments down, one a line, in place of the environment's programs.
RECORDER = """#!/bin/sh
printf '%s\\n' "$0" "$@" '' >> "$LOG"
"""
DATA = "Tim's data/cam vid"


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """A function that runs make and returns the calls of `.venv/bin`, a list of words each."""
    if shutil.which("make") is None:
        pytest.skip("no make on this machine")
    binaries = tmp_path / "venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "segnet-tf"):
        (binaries / name).write_text(RECORDER, "utf-8")
        (binaries / name).chmod(0o755)
    (tmp_path / "venv" / ".installed").touch()  # newer than what it is made from
    monkeypatch.setenv("LOG", str(tmp_path / "log"))

    def call(*arguments):
        command = ["make", f"VENV={tmp_path / 'venv'}", "PYTHON=python3", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [text.splitlines() for text in (tmp_path / "log").read_text("utf-8").split("\n\n")]

    return call


def test_compare(calls):
    (words, _) = calls("compare", "CONFIG=my nets/a b.toml", f"DATA={DATA}", "COMPARE=o/p q")
    assert words[1:] == [
        *("compare", "--config", "my nets/a b.toml", "--output", "o/p q/a b"),
        *("--seeds", "0", "--data", DATA),
    ]


def test_compare_by_name(calls):
    (words, _) = calls("compare", "COMPARE_OPTIONS=--only enet unet", "SEEDS=0,1")
    assert words[1:] == [
        *("compare", "--config", "demo", "--output", "runs/compare/demo"),
        *("--seeds", "0,1", "--seconds", "10", "--only", "enet", "unet"),
    ]


def test_train_camvid(calls):
    found = calls("train-camvid", f"DATA={DATA}")[:-1]
    assert [words[1] for words in found] == ["train", "evaluate", "export"]
    assert all(words[words.index("--data") + 1] == DATA for words in found)


def test_unseen(calls):
    found = calls("unseen", f"DATA={DATA}", "RECIPE=my nets/a b.toml", "SEEDS=0,3")[:-1]
    assert [words[1] for words in found] == ["train", "evaluate"] * 2
    assert all(words[words.index("--data") + 1] == DATA for words in found)
    for words, seed in zip(found[::2], ("0", "3"), strict=True):
        assert words[words.index("--config") + 1] == "my nets/a b.toml"
        assert words[words.index("--output") + 1] == f"runs/unseen/a b-seed{seed}"
        assert words[words.index("--seed") + 1] == seed
        # What it is trained on and what it is scored on are not one drive.
        assert words[words.index("--train-split") + 1] == "train/0001TP+train/0016E5"
    assert {words[words.index("--split") + 1] for words in found[1::2]} == {"train/0006R0"}


def test_android_assets(calls):
    (words, _) = calls("android-assets", "MODEL=my net", f"DATA={DATA}")
    assert words[3:] == ["--model", "weights:my net", "--data", DATA]
