"""Memory of a process that runs a .tflite file. `python -m rivals.memory [FILE]` prints the peak.

It imports LiteRT but no TensorFlow, since it measures its own process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import cpu
from segnet_tf.system.resident import resident_peak

BENCHMARKS = Path(__file__).resolve().parents[1]


def peak_process(path: str | Path | None, seconds: float = 600) -> int:
    """Peak resident bytes of a new process that imports LiteRT and runs a file once.

    Args:
        path: of the file; `None` for the imports alone.
        seconds: to wait at most.
    """
    command = [sys.executable, "-m", "rivals.memory"]
    done = subprocess.run(
        [*command, str(path)] if path else command,
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        message = (done.stderr.strip().splitlines() or ["nothing"])[-1].rstrip(".")
        raise UserError(f"`tflite` must run in a subprocess. Received: {message}.")
    return int(done.stdout)


if __name__ == "__main__":
    if sys.argv[1:]:
        interpreter = cpu.open_interpreter(Path(sys.argv[1]).read_bytes())
        shape = interpreter.get_input_details()[0]["shape"]
        cpu.run(interpreter, np.full(shape, 127, np.float32))
    print(resident_peak())
