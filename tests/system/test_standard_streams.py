"""What a command does when nobody can hear it: its work, and a code that says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A command that writes a file between its words.
COMMAND = """
import os, sys, time
from segnet_tf.cli import command
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.json_files import write_json

def run(arguments):
    print("begins", flush=True)
    print("progress", file=sys.stderr, flush=True)
    if arguments.wait:
        with replacing("a.json") as aside:
            aside.write_text("half")
            print("waits", flush=True)
            time.sleep(60)
    print("line\\n" * 10000)
    write_json("a.json", {"numbers": sorted(os.fstat(n).st_mode & 0o170000 for n in range(3))})
    print("ends")
    return 0

def add(parser):
    parser.add_argument("--wait", action="store_true")

sys.exit(command.main("tool", add, run))
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def listen():
    """In a child: signals end it as usual, also where the tests run under nohup or behind `&`."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def run(redirection, folder, unbuffered):
    program = f'{sys.executable} {"-u" if unbuffered else ""} -c "$COMMAND" {redirection}'
    return subprocess.run(
        ["bash", "-c", f"{program}; exit ${{PIPESTATUS[0]}}"],
        cwd=folder,
        env={**ENVIRONMENT, "COMMAND": COMMAND},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("redirection", "unbuffered", "code", "said"),
    [
        ("> /dev/full", False, 2, "No space left on device"),
        ("> /dev/full", True, 2, "No space left on device"),
        ("| true", False, 1, ""),
        ("2> /dev/full", True, 0, ""),
        ("<&- >&- 2>&-", False, 0, ""),
    ],
)
def test_the_work_is_done_all_the_same(redirection, unbuffered, code, said, tmp_path):
    done = run(redirection, tmp_path, unbuffered)
    assert (tmp_path / "a.json").exists(), done.stderr
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    lines = done.stderr.removeprefix("progress\n")
    assert lines.count("\n") == bool(said) and said in lines
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (signal.SIGTERM, 143, "tool: terminated.\n"),
        (signal.SIGHUP, 129, "tool: the terminal was closed.\n"),
        (signal.SIGINT, 130, "tool: interrupted.\n"),
    ],
)
def test_signals_that_end_it_let_it_clean_up(number, code, text, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--wait"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen,
    ) as child:
        while child.stdout.readline() != "waits\n":
            pass
        assert len(list(tmp_path.iterdir())) == 1
        child.send_signal(number)
        time.sleep(0.05)
        if number == signal.SIGTERM:
            child.send_signal(number)  # as `timeout` does
        assert child.stderr.read() == f"progress\n{text}"
    assert child.returncode == code
    assert not list(tmp_path.iterdir())


def test_nohup_keeps_the_command_alive(tmp_path):
    code = "import signal, os\nfrom segnet_tf.system.termination import interruptible\n"
    code += "with interruptible(): os.kill(os.getpid(), signal.SIGHUP)\nprint('on')"
    done = subprocess.run(
        ["bash", "-c", 'trap "" HUP; exec "$0" -c "$1"', sys.executable, code],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "on\n", done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_for_the_end_of_a_few_operations(number):
    code = f"""
import os, signal
from segnet_tf.system.termination import interruptible, undisturbed
with interruptible():
    try:
        with undisturbed(), undisturbed():
            os.kill(os.getpid(), {int(number)})
            print("on")
        print("never")
    except KeyboardInterrupt as error:
        print(getattr(error, "number", 2))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        preexec_fn=listen,
    )
    assert done.stdout == f"on\n{int(number)}\n", done.stderr


def test_a_signal_whose_exception_is_dropped_comes_again():
    # Python drops what is raised in `__del__`, and TensorFlow's C++ what is raised in a callback.
    code = """
import os, signal, time
from segnet_tf.system.termination import interruptible
class Drops:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
try:
    with interruptible():
        Drops()
        print("dropped")
        for _ in range(1000):
            time.sleep(0.01)
        print("never")
except KeyboardInterrupt as error:
    print(int(error.number))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.stdout == "dropped\n15\n", done.stderr


def test_a_signal_comes_once_while_its_exception_is_handled():
    code = """
import os, signal, time
from segnet_tf.system.termination import interruptible
with interruptible():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    except KeyboardInterrupt:
        time.sleep(1.5)  # as long as files take
        print("cleaned up")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.stdout == "cleaned up\n" and done.returncode == 0, done.stderr


IN_PROCESS = """
import os, signal, time
from segnet_tf.system.termination import Terminated, interruptible
def cut(ending):
    try:
        with interruptible():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(1)
            except KeyboardInterrupt:
                ending()
    except Terminated as error:
        print(int(error.number), error, flush=True)
    except OSError as error:
        print(error, flush=True)
def disk():
    raise OSError("no space while it cleaned up")
def other():
    raise RuntimeError("of C++, in place of Terminated")
def words():
    raise KeyboardInterrupt("go on so")
"""


def test_another_exception_after_a_signal_is_that_signal():
    done = subprocess.run(
        [sys.executable, "-c", f"{IN_PROCESS}cut(other)\ncut(words)\ncut(disk)"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "15 terminated\n15 go on so\nno space while it cleaned up\n"


def test_a_process_that_goes_on_can_be_ended():
    code = f"{IN_PROCESS}cut(words)\ntime.sleep(1.2)\nos.kill(os.getpid(), signal.SIGTERM)\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}time.sleep(1)\nprint('never')"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("15 go on so\n", -signal.SIGTERM), done.stderr
