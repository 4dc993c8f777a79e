"""What is set before TensorFlow is imported, each time in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ON_X86 = "1" if platform.machine() in ("x86_64", "AMD64") else None
# Takes TensorFlow's place and tells what it would have seen.
STAND_IN = """
import os, pathlib
with open(pathlib.Path(__file__).parent.parent / "seen", "a") as file:
    print(os.environ.get("TF_ENABLE_ONEDNN_OPTS"), file=file)
raise KeyboardInterrupt
"""
COMMANDS = {
    "check-data": ["x"],
    "train": ["--data", "synthetic", "--output", "run"],
    "evaluate": ["--model", "x", "--data", "synthetic"],
    "predict": ["--model", "x", "--input", "synthetic", "--output", "y"],
    "export": ["--int8"],
    "verify": ["--tflite", "x"],
    "pack": ["--model", "x", "--output", "y"],
}


def environment(**changes) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if "ONEDNN" not in key}
    return kept | {"PYTHONPATH": str(ROOT)} | changes


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_turns_on_onednn_before_the_import(command, tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(STAND_IN)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    done = subprocess.run(
        [sys.executable, "-m", "segnet_tf", command, *COMMANDS[command]],
        cwd=tmp_path,
        env=environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 130, done.stderr
    assert (tmp_path / "seen").read_text().split()[0] == str(ON_X86)


@pytest.mark.slow
@pytest.mark.skipif(ON_X86 is None, reason="TensorFlow has oneDNN on x86-64 only")
@pytest.mark.parametrize(("set_by_user", "is_on"), [(None, True), ("0", False)])
def test_tensorflow_takes_it_and_a_user_s_choice_is_kept(set_by_user, is_on):
    script = (
        "from segnet_tf.system.tensorflow_start import start_tensorflow\n"
        "start_tensorflow()\n"
        "from tensorflow.python.util import _pywrap_util_port\n"
        "print(_pywrap_util_port.IsMklEnabled())"
    )
    more = {} if set_by_user is None else {"TF_ENABLE_ONEDNN_OPTS": set_by_user}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(is_on)]
    assert done.stderr == ""
