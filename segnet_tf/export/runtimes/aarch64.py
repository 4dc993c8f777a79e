"""LiteRT's aarch64 XNNPACK kernels, those of a phone, emulated by qemu-user.

It needs what `make runtimes-aarch64` fetches. Slow: a program emulated on x86-64. The emulated half
is `aarch64_worker`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes.protocol import RunResult, Runtime, Speed
from segnet_tf.system import places, subprocesses

PARTS = places.runtimes() / "aarch64"
COMMAND = "make runtimes-aarch64"


@dataclass(frozen=True)
class Aarch64(Runtime):
    """LiteRT on an emulated aarch64 processor.

    Args:
        name: in the registry.
        processor: one of qemu's: `"max"` has every instruction set that qemu knows, of which
            LiteRT takes the newest that it can use; as in phones, `"cortex-a53"` (the plain
            kernels) or `"cortex-a76"` (those with int8 dot products). Int8 outputs equal those
            of x86-64 bit by bit on each; float32 ones on `"max"` only, since the other kernels
            add in another order.
        seconds: that a run may take in all.
    """

    name: str = "aarch64"
    processor: str = "max"
    seconds: float = 3600
    speed: Speed = "emulated"
    shows_int8: bool = True

    def unavailable(self) -> str | None:
        """See `Runtime.unavailable`."""
        if (PARTS / ".ready").is_file():
            return None
        return f"LiteRT for aarch64 is not set up. Install it with: {COMMAND} (115 MB)"

    def run(self, content: bytes, images: Sequence[np.ndarray]) -> RunResult:
        """See `Runtime.run`."""
        if missing := self.unavailable():
            raise UserError(missing)
        with tempfile.TemporaryDirectory(prefix="segnet_tf_") as folder:
            model, inputs, outputs = (
                Path(folder) / name for name in ("model", "in.npz", "out.npz")
            )
            model.write_bytes(content)
            np.savez(inputs, *images)
            self._emulate([str(model), str(inputs), str(outputs)])
            with np.load(outputs) as arrays:
                values = [arrays[name] for name in arrays.files if name != "delegated"]
                delegated = int(arrays["delegated"])
        # In order, those of the first image first.
        each = len(values) // max(len(images), 1)
        return RunResult(
            [values[index * each : (index + 1) * each] for index in range(len(images))], delegated
        )

    def _emulate(self, arguments: list[str]) -> None:
        """Runs `aarch64_worker` on the emulated processor."""
        command = [str(PARTS / "qemu-aarch64"), "-cpu", self.processor, "-L", str(PARTS / "system")]
        command += [str(PARTS / "system/usr/bin/python3.11")]
        command += ["-m", "segnet_tf.export.runtimes.aarch64_worker"]
        # Nothing of this environment: its libraries are for another processor.
        environment = {
            "PYTHONPATH": os.pathsep.join([str(places.IMPORT_ROOT), str(PARTS / "site")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.environ.get("PATH", os.defpath),
        }
        finished = subprocesses.run(
            [*command, *arguments],
            seconds=self.seconds,
            how="on the emulated aarch64",
            advice="Take fewer images or a smaller input size.",
            cwd=places.IMPORT_ROOT,
            env=environment,
        )
        if finished.code == 2 and finished.last_line.startswith("`"):
            raise UserError(f"{finished.last_line}.")
        if finished.code:
            raise UserError(
                "`tflite` must be one that LiteRT can run on aarch64. Received: one on which the "
                f"process fails with code {finished.code}: {finished.last_line}. Export it again."
            )
