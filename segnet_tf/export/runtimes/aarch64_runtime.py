"""Runs a .tflite file on LiteRT's aarch64 XNNPACK kernels, those of a phone, under qemu-user.

It needs what `make runtimes-aarch64` fetches. Slow: a program emulated on x86-64.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.system import places, subprocesses

PARTS = places.runtimes() / "aarch64"
COMMAND = "make runtimes-aarch64"
# Every instruction set that qemu knows; LiteRT takes the kernels for the newest that it can use.
CPU = "max"


@dataclass(frozen=True)
class Answer:
    """What the emulated processor made of a file.

    Attributes:
        outputs: for every image every output, as `runtimes.run` gives them.
        delegated: nodes that XNNPACK took there.
    """

    outputs: list[list[np.ndarray]]
    delegated: int


def unavailable() -> str | None:
    """What is missing and the command that installs it, in one line; `None` if nothing is."""
    if (PARTS / ".ready").is_file():
        return None
    return f"LiteRT for aarch64 is not set up. Install it with: {COMMAND} (115 MB)"


def answers(
    content: bytes, images: list[np.ndarray], *, cpu: str = CPU, seconds: float = 3600
) -> list[list[np.ndarray]]:
    """Every output for every image, as `runtimes.run` gives them; see `run_emulated`."""
    return run_emulated(content, images, cpu=cpu, seconds=seconds).outputs


def run_emulated(
    content: bytes, images: list[np.ndarray], *, cpu: str = CPU, seconds: float = 3600
) -> Answer:
    """Runs a file on images.

    Args:
        content: of the file.
        images: float32 `(batch, height, width, 3)` each, RGB 0..255.
        cpu: one of qemu's aarch64 processors: `"max"`, or as in phones `"cortex-a53"` (the plain
            kernels) or `"cortex-a76"` (those with int8 dot products). Int8 answers are those of
            x86-64 bit by bit on each; float32 on `"max"`, the others' kernels add in another
            order.
        seconds: that it may take in all.

    Raises:
        UserError: the parts are missing, the runtime refuses the file, the process ended by a
            signal, or it took too long.
    """
    if missing := unavailable():
        raise UserError(missing)
    with tempfile.TemporaryDirectory(prefix="segnet_tf_") as folder:
        model, given, found = (Path(folder) / name for name in ("model", "in.npz", "out.npz"))
        model.write_bytes(content)
        np.savez(given, *images)
        _emulate([str(model), str(given), str(found)], cpu, seconds)
        with np.load(found) as arrays:
            values = [arrays[name] for name in arrays.files if name != "delegated"]
            delegated = int(arrays["delegated"])
    # In order, those of the first image first.
    each = len(values) // max(len(images), 1)
    outputs = [values[index * each : (index + 1) * each] for index in range(len(images))]
    return Answer(outputs, delegated)


def _emulate(arguments: list[str], cpu: str, seconds: float) -> None:
    """Runs `main` of this file on the emulated processor."""
    command = [str(PARTS / "qemu-aarch64"), "-cpu", cpu, "-L", str(PARTS / "system")]
    command += [
        str(PARTS / "system/usr/bin/python3.11"),
        "-m",
        "segnet_tf.export.runtimes.aarch64_runtime",
    ]
    # Nothing of this environment: its libraries are for another processor.
    environment = {
        "PYTHONPATH": os.pathsep.join([str(places.IMPORT_ROOT), str(PARTS / "site")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": os.environ.get("PATH", os.defpath),
    }
    ended = subprocesses.run(
        [*command, *arguments],
        seconds=seconds,
        how="on the emulated aarch64",
        advice="Take fewer images or a smaller input size.",
        cwd=places.IMPORT_ROOT,
        env=environment,
    )
    if ended.code:
        if ended.code == 2 and ended.said.startswith("`"):
            raise UserError(f"{ended.said}.")
        raise UserError(
            "`tflite` must be one that LiteRT can run on aarch64. Received: one that ends the "
            f"process with code {ended.code}, saying: {ended.said}. Export it again."
        )


def main(arguments: list[str]) -> int:
    """The emulated half: a file and images in, outputs into a file; 2 for a file it refuses."""
    # Here, so that the caller's side doesn't need LiteRT.
    from segnet_tf.export import runtimes

    model, given, found = (Path(argument) for argument in arguments)
    try:
        interpreter = runtimes.open_interpreter(model.read_bytes(), "xnnpack")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    outputs: list[np.ndarray] = []
    with np.load(given) as images:
        for name in images.files:
            outputs += runtimes.run(interpreter, images[name])
    delegated = runtimes.partitions(model.read_bytes()).delegated
    np.savez(found, *outputs, delegated=np.int64(delegated))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
