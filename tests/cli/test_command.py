"""What all commands share: types, errors, help that costs nothing."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from segnet_tf.cli import command, main
from segnet_tf.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    *("check-data", "shard", "train", "evaluate", "predict", "export", "verify"),
    *("models", "compare", "calibrate-bn", "calibrate-temperature", "tune-crf", "pack"),
)
SECONDS = 1.0


@pytest.mark.parametrize(
    ("text", "expected"), [("360x480", (360, 480)), ("360X480", (360, 480)), ("1x1", (1, 1))]
)
def test_a_size(text, expected):
    assert command.size(text) == expected


@pytest.mark.parametrize(
    "text",
    ["360", "360x", "x480", "0x480", "360x0", "-1x4", "3.5x4", "1x2x3", "٣x٤", "360*480", ""],
)
def test_no_size(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be"):
        command.size(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "one", "²"])
def test_no_positive_number(text):
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
        command.positive(text)


def execute(run, argv=(), capsys=None):
    return command.main("tool", lambda parser: parser.add_argument("--x"), run, list(argv))


def test_a_command_gets_its_arguments_and_gives_its_code():
    seen = []

    def run(arguments):
        seen.append(vars(arguments))
        return 7

    assert execute(run, ["--x", "3"]) == 7
    assert seen == [{"x": "3"}]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("`a` must be\n  b. Received: c."), 2, "tool: `a` must be b. Received: c.\n"),
        (KeyboardInterrupt(), 130, "tool: interrupted.\n"),
        (KeyboardInterrupt("interrupted; go on so"), 130, "tool: interrupted; go on so.\n"),
    ],
)
def test_errors_are_one_line(error, code, line, capsys):
    def run(arguments):
        raise error

    assert execute(run) == code
    assert capsys.readouterr().err == line


def test_a_mistake_of_ours_is_not_hidden():
    def run(arguments):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(run)


def test_a_value_may_look_like_an_option():
    # argparse takes a negative number for a value, and whatever comes after `--`.
    parser = command.Parser("tool")
    parser.add_argument("--drop", type=float)
    parser.add_argument("files", nargs="*")
    found = parser.parse_args(["--drop", "-100", "--", "--name"])
    assert found.drop == -100 and found.files == ["--name"]


def test_a_reader_that_stops_ends_it_in_silence():
    code = (
        "import sys\nfrom segnet_tf.cli import command\n"
        "def run(arguments):\n    print('line\\n' * 10**6)\n    return 0\n"
        "sys.exit(command.main('tool', lambda parser: None, run, []))"
    )
    done = subprocess.run(
        f'{sys.executable} -c "$CODE" | head -1; exit ${{PIPESTATUS[0]}}',
        shell=True,
        executable="/bin/bash",
        cwd=ROOT,
        env={**os.environ, "CODE": code},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "line\n", "")


def test_every_command_has_an_example_that_it_accepts(capsys):
    assert tuple(name for name, _, _ in main.COMMANDS) == COMMANDS
    for name, _, module in main.COMMANDS:
        parser = command.Parser("segnet-tf")
        module.add_arguments(parser)
        examples = [line.split() for line in parser.epilog.splitlines() if line.startswith("  ")]
        # The first is of the command itself; the others may say what to do next.
        assert examples[0][1] == name
        for program, *arguments in examples:
            assert program == "segnet-tf"
            main.make_parser().parse_args(arguments)


LIGHT = "import json, runpy, sys, time\n" + (
    "sys.argv = json.loads(sys.argv[1])\n"
    "start = time.process_time()\n"
    "try:\n"
    "    if sys.argv[0].endswith('.py'):\n"
    "        sys.path.insert(0, sys.argv[0].rpartition('/')[0])\n"
    "        runpy.run_path(sys.argv[0], run_name='__main__')\n"
    "    else:\n"
    "        runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
    "except SystemExit as end:\n"
    "    assert not end.code, end.code\n"
    "seconds = time.process_time() - start\n"
    "heavy = {'tensorflow', 'keras', 'matplotlib'}\n"
    "print(json.dumps([seconds, sorted(heavy & set(sys.modules))]), file=sys.stderr)\n"
)


@pytest.mark.parametrize(
    ("program", "option"),
    [
        (["segnet_tf", "--help"], "train"),
        (["segnet_tf", "--version"], "segnet-tf 0."),
        (["segnet_tf", "check-data", "--help"], "--pictures"),
        (["segnet_tf", "train", "--help"], "--learning-rate"),
        (["segnet_tf", "evaluate", "--help"], "--split"),
        (["segnet_tf", "predict", "--help"], "--input"),
        (["segnet_tf", "export", "--help"], "--calibration-images"),
        (["segnet_tf", "verify", "--help"], "--tflite"),
        (["segnet_tf", "models", "--help"], "--model-option"),
        (["segnet_tf", "pack", "--help"], "--model"),
        (["export/tflite.py", "--help"], "--calibration-images"),
        (["export/verify.py", "--help"], "--tflite"),
        (["export.android_assets", "--help"], "--model"),
        (["export.serve_web", "--help"], "--port"),
        (["export.fetch_gpu_drivers", "--help"], "Vulkan"),
        (["benchmarks/parity.py", "--help"], "--runtime"),
        (["benchmarks/export_bench.py", "--help"], "--widths"),
        (["benchmarks/compression.py", "--help"], "--qat-epochs"),
        (["benchmarks/profile_tflite.py", "--help"], "--nodes"),
    ],
    ids=" ".join,
)
def test_help_is_light(program, option, tmp_path):
    name, *arguments = program
    where = str(ROOT / name) if name.endswith(".py") else name
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, json.dumps([where, *arguments])],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    seconds, heavy = json.loads(done.stderr)  # fails if anything else was said
    assert option in done.stdout
    assert heavy == []
    assert seconds < SECONDS


@pytest.mark.parametrize(("script", "name"), [("tflite", "export"), ("verify", "verify")])
def test_a_launcher_is_the_command(script, name, tmp_path):
    """From any folder, whatever modules lie there."""
    (tmp_path / "tflite.py").write_text("raise ImportError('the wrong module')\n")
    launcher = [sys.executable, str(ROOT / "export" / f"{script}.py")]
    package = [sys.executable, "-m", "segnet_tf", name]
    for arguments in (["--help"], ["--modle", "x"]):
        first, second = (
            subprocess.run([*program, *arguments], cwd=where, capture_output=True, text=True)
            for program, where in ((launcher, tmp_path), (package, ROOT))
        )
        assert (first.returncode, first.stdout, first.stderr) == (
            second.returncode,
            second.stdout,
            second.stderr,
        )


def test_importing_a_launcher_runs_nothing():
    """As a process does that `multiprocessing` spawns from it."""
    code = "import export.tflite, export.verify; print('on')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "on\n", "")
