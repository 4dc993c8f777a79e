"""What every command has in common: its parser, types of arguments, the report, its errors.

A command is a module with `add_arguments(parser)` and `run(arguments)`, which gives the exit code.
What is heavy, TensorFlow above all, it imports inside `run`: `--help` must take no time.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import re
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

from segnet_tf.config_values import check_model_options
from segnet_tf.errors import UserError
from segnet_tf.system.outputs import check_file
from segnet_tf.system.standard_streams import lasting_streams
from segnet_tf.system.terminal import printable_streams
from segnet_tf.system.termination import Terminated, interruptible

Run = Callable[[argparse.Namespace], int]
IMAGE_RANGE = "white in images of more than 8 bits, such as 4095 (the run's, or all bits)"


class Command(Protocol):
    """The module of a command."""

    # Read-only, as the functions of a module are.
    @property
    def add_arguments(self) -> Callable[[argparse.ArgumentParser], None]:
        """Adds description, options in groups, and an example."""
        ...

    @property
    def run(self) -> Run:
        """Does the work. Returns the exit code; bad input is a UserError."""
        ...


class Parser(argparse.ArgumentParser):
    """An argument parser that takes whole names only, and whose errors are UserErrors."""

    def __init__(self, prog: str | None = None, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog, allow_abbrev=False, **options)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        given = list(sys.argv[1:] if args is None else args)
        for argument in given:
            # Names of other encodings reach Python so. Neither JSON nor TensorFlow can hold them.
            if any("\ud800" <= letter <= "\udfff" for letter in argument):
                self.error(f"an argument must be UTF-8. Received: {argument}. Rename the file")
        if self._subparsers is None:
            # First: an option that is misspelled would be called missing.
            self._check_names(given)
        found, unknown = super().parse_known_args(given, namespace)
        if unknown:
            self.error(f"unknown argument: {' '.join(unknown)}")
        return found, unknown

    def _check_names(self, given: list[str]) -> None:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for argument in given:
            if argument == "--":
                break
            name = argument.partition("=")[0]
            if name.startswith("--") and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                self.error(
                    f"unknown option: {name}" + (f", did you mean {near[0]}?" if near else "")
                )

    def error(self, message: str) -> NoReturn:
        end = "" if message.endswith("?") else "."
        raise UserError(f"{message}{end} See `{self.prog} --help`.")


def execute(parser: Parser, argv: Sequence[str] | None = None) -> int:
    """Parses the command line and runs the command: the one place that catches its errors.

    Its work is done whether or not anybody can hear what it says.

    Args:
        parser: whose defaults hold the command as `run`.
        argv: the arguments; `None` takes those of the process.

    Returns:
        The exit code: the command's own, 1 if the reader of its output has gone, 2 for bad input
        or a full disk under its output, 128 and the signal's number when interrupted.
    """
    with lasting_streams() as stdout:
        code = _code_of(parser, argv)
    if code or stdout.error is None:
        return code
    if isinstance(stdout.error, BrokenPipeError):  # `segnet-tf evaluate ... | head`
        return 1
    print(
        f"{parser.prog}: standard output must be writable. Received: {stdout.error.strerror}. "
        "All files are written, the words are lost. Show them elsewhere.",
        file=sys.stderr,
    )
    return 2


@printable_streams()
def _code_of(parser: Parser, argv: Sequence[str] | None) -> int:
    name = parser.prog
    # PIL warns of damaged notes in images whose pixels are whole.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        arguments = parser.parse_args(argv)
        run: Run = arguments.run
        del arguments.run
        with interruptible():
            return run(arguments)
    except UserError as error:
        print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        reason = interrupt.args[0] if interrupt.args else "interrupted"
        print(f"{name}: {reason}.", file=sys.stderr)
        return 128 + (interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT)
    except MemoryError:
        print(f"{name}: the memory is used up. Take smaller images or batches.", file=sys.stderr)
        return 2
    except OSError as error:
        # Of a file that nobody has looked at before: a name that is too long, a folder above it
        # that is not readable.
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"{name}: a file or folder must be usable. Received: "
            f"{where}{error.strerror or error}. Choose another one, or change its permissions.",
            file=sys.stderr,
        )
        return 2


def main(
    name: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Run,
    argv: Sequence[str] | None = None,
) -> int:
    """Runs a command that is a program of its own, as those of a checkout are."""
    parser = Parser(name)
    add_arguments(parser)
    parser.set_defaults(run=run)
    return execute(parser, argv)


def add_report_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds `--json` and `--overwrite`; see `check_report`."""
    parser.add_argument("--json", metavar="OUT", help="write the report to this JSON file")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")


def check_report(arguments: argparse.Namespace) -> None:
    """Raises UserError if the file of `--json` may not or cannot be written."""
    check_file(arguments.json, arguments.overwrite, "--json")


def model_output(arguments: argparse.Namespace, name: str) -> Path:
    """The `.keras` file to write: that of `--output`, or `name` in the run folder of `--model`.

    Raises:
        UserError: there is neither, or it may not be written.
    """
    folder = Path(arguments.model)
    if arguments.output is None and not folder.is_dir():
        raise UserError(
            "`--output` must name the .keras file to write, unless `--model` is a run folder. "
            f"Received: no --output for {arguments.model}, which is no folder. "
            "Pass --output FILE.keras."
        )
    output = folder / name if arguments.output is None else Path(arguments.output)
    if output.suffix != ".keras":
        raise UserError(
            f"`output` must be a .keras file. Received: {output}. Write for example {name}."
        )
    check_file(output, arguments.overwrite)
    return output


def add_reading_options(group: argparse._ArgumentGroup) -> None:
    """Adds how to read the data, as `segnet_tf.data.open_samples` takes it."""
    add = group.add_argument
    add("--layout", metavar="NAME", help="of the folder (found out)")
    add("--val-share", type=float, metavar="SHARE", help="of train for val, where there is none")
    add("--split-seed", type=int, metavar="N", help="which images --val-share draws (0)")
    add("--image-range", type=int, metavar="WHITE", help=IMAGE_RANGE)


def add_model_options(group: argparse._ArgumentGroup) -> None:
    """Adds `--model-option`; see `model_options`."""
    group.add_argument(
        "--model-option", action="append", metavar="KEY=VALUE", help="option of the architecture"
    )


def model_options(pairs: Sequence[str] | None) -> dict[str, Any]:
    """What `--model-option` says: Python's values where they are some, else strings.

    Args:
        pairs: each KEY=VALUE; `None` for no option.

    Raises:
        UserError: a pair has another form, or is no option of an architecture.
    """
    options: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise UserError(
                f"`--model-option` must be KEY=VALUE. Received: {pair}. "
                "Write it as in --model-option dropout=0.5."
            )
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = {"true": True, "false": False, "none": None}.get(value.lower(), value)
    check_model_options(options)
    return options


def size(text: str) -> tuple[int, int]:
    """`(height, width)` in pixels of "360x480"."""
    found = re.fullmatch(r"(\d+)[xX](\d+)", text, re.ASCII)
    if not found:
        raise argparse.ArgumentTypeError(f"must be HEIGHTxWIDTH in pixels. Received: {text}")
    height, width = int(found[1]), int(found[2])
    if not height or not width:
        raise argparse.ArgumentTypeError(f"must be at least 1x1. Received: {text}")
    return height, width


def seen_size(text: str) -> tuple[int, int] | Literal["own"]:
    """`(height, width)` in pixels of "360x480", or "own" for each image's own size."""
    if text == "own":
        return "own"
    if "x" not in text.lower():
        raise argparse.ArgumentTypeError(
            f"must be HEIGHTxWIDTH in pixels, or own. Received: {text}"
        )
    return size(text)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not (re.fullmatch(r"\d+", text, re.ASCII) and int(text)):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1. Received: {text}")
    return int(text)
