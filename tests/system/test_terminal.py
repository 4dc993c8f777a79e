"""Names out of files reach no terminal raw, whichever way they are printed."""

from __future__ import annotations

import io
import sys

import pytest

from segnet_tf.cli import command
from segnet_tf.data.classes import Classes
from segnet_tf.errors import UserError, printable
from segnet_tf.system.terminal import PrintableStream, printable_streams

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\ud800"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\ud800"


def test_printable():
    assert printable("Straße, 道路, a\tb\n") == "Straße, 道路, a\tb\n"
    assert printable(ESCAPES) == SHOWN
    assert str(UserError(f"`a` {ESCAPES}")) == f"`a` {SHOWN}"
    assert str(UserError("`a` is not\na name.\r\n")) == "`a` is not a name."


def test_a_stream_shows_them(monkeypatch):
    out, error = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", error)
    with printable_streams():
        print(f"class {ESCAPES}", "b\rc")
        sys.stderr.write("\r50 of 100 images ")
    assert out.getvalue() == f"class {SHOWN} " + r"b\rc" + "\n"
    assert error.getvalue() == "\r50 of 100 images "
    assert sys.stdout is out and sys.stderr is error


def test_a_terminal_that_cannot_show_a_letter():
    raw = io.BytesIO()
    stream = PrintableStream(io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    stream.write("Straße \udcff\n")
    assert raw.getvalue() == b"Stra\\xdfe \\udcff\n"


def execute(run, *argv):
    parser = command.Parser("tool")
    parser.add_argument("path")
    parser.set_defaults(run=run)
    return command.execute(parser, list(argv))


def test_a_command_prints_through_it(capsys):
    def run(arguments):
        print(arguments.path)
        raise UserError("`path` is wrong.")

    assert execute(run, "\x1b[31mred") == 2
    assert capsys.readouterr() == ("\\x1b[31mred\n", "tool: `path` is wrong.\n")


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "a\rb", "\ud800", 5, None])
def test_no_class_is_called_so(name):
    with pytest.raises(UserError, match="texts of one line without control characters"):
        Classes((name, "road"), ((0, 0, 0), (1, 1, 1)))


def test_a_name_that_is_no_utf_8_is_one_line(capsys):
    assert execute(lambda arguments: 0, "runs/\udcff") == 2
    said = capsys.readouterr().err
    assert said.startswith("tool: an argument must be UTF-8. Received: runs/\\udcff.")
    assert said.count("\n") == 1


def test_a_folder_that_cannot_be_entered_is_one_line(capsys):
    def run(arguments):
        raise PermissionError(13, "Permission denied", arguments.path)

    assert execute(run, "private/data") == 2
    said = capsys.readouterr().err
    assert "Received: private/data: Permission denied." in said and said.count("\n") == 1


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000])
def test_a_path_that_is_too_long_is_one_line(capsys, tmp_path, name):
    def run(arguments):
        (tmp_path / arguments.path).is_file()
        return 0

    assert execute(run, name) == 2
    said = capsys.readouterr().err
    assert "File name too long" in said and said.count("\n") == 1
