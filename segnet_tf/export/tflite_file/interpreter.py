"""Opens a `.tflite` file in LiteRT, and tries one out in a subprocess.

Imports neither TensorFlow nor Keras: the subprocess starts in a fraction of a second.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.system import places, subprocesses
from segnet_tf.system.limits import MAX_PIXELS, limit

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

# The exit code of the subprocess when its last line is the whole error message.
_REFUSED = 2
# Of the largest images that are read.
_CHANNELS = 4


def open_file(path: Path, threads: int) -> Interpreter:
    """A LiteRT interpreter with its tensors allocated; UserError if it takes no such file."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise UserError(
            f"`model` {path} needs the TFLite runtime. Received: {error}. "
            "Install it: pip install ai-edge-litert."
        ) from error
    try:
        # Read here: the runtime's own message for a file it cannot map names no file.
        content = path.read_bytes()
        if content[4:8] != b"TFL3":
            raise ValueError("no TFLite identifier in it")
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
        interpreter._get_ops_details()  # it decodes names, which damage may reach
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"`model` must be a whole .tflite file with builtin ops. Received: {path}: {reason[0]}"
        ) from error
    return interpreter


def check_survives(path: str | Path, seconds: float = 900, argument: str = "model") -> None:
    """Runs a file once in a subprocess: a file that LiteRT mishandles crashes it, uncaught.

    Args:
        path: of any `.tflite` file.
        seconds: to wait at most.
        argument: the name that an error gives it.

    Raises:
        UserError: it is no such file, or the subprocess crashed or took longer than `seconds`.
    """
    path = Path(path).resolve()
    finished = subprocesses.run(
        [sys.executable, "-m", "segnet_tf.export.tflite_file.interpreter", str(path)],
        seconds=seconds,
        how="once",
        advice="Export it at a smaller size.",
        cwd=places.IMPORT_ROOT,
    )
    message = f"{finished.last_line}."
    if finished.code and finished.code != _REFUSED:
        message = _unrunnable(path, f"the process crashes with code {finished.code}: {message}")
    if finished.code:
        raise UserError(message.replace("`model`", f"`{argument}`", 1))


def main(arguments: list[str]) -> int:
    """Runs a file once, on a grey image; the subprocess of `check_survives`."""
    try:
        interpreter = open_file(Path(arguments[0]), threads=1)
        for detail in interpreter.get_input_details():
            if math.prod(map(int, detail["shape"])) > _CHANNELS * limit(MAX_PIXELS):
                raise ValueError(f"an input of {detail['shape'].tolist()}, see {MAX_PIXELS}")
            grey = np.full(detail["shape"], 127).astype(detail["dtype"])
            interpreter.set_tensor(detail["index"], grey)
        interpreter.invoke()
    except (UserError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        refused = isinstance(error, UserError)
        print(reason if refused else _unrunnable(arguments[0], reason), file=sys.stderr)
        return _REFUSED
    return 0


def _unrunnable(path: str | Path, reason: str) -> str:
    return f"`model` must be a .tflite file that LiteRT can run. Received: {path}: {reason}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
