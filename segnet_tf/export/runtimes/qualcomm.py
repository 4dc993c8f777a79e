"""A Qualcomm NPU: LiteRT's compiler for it, and QNN's emulator of its Hexagon processor.

It needs what `make runtimes-npu` fetches. A file is compiled ahead of time, as an app would ship
it, and the compiled binary runs in the emulator for x86-64, seconds an image. It says what the NPU
computes, and nothing of how fast: no phone has run it. The emulated half is `qualcomm_worker`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes.protocol import RunResult, Runtime, Speed, check_images
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.quantized import dequantize, quantize
from segnet_tf.system import places, subprocesses

PARTS = places.runtimes() / "npu"
COMMAND = "make runtimes-npu"
# Where one is asked for and none is named.
SOC = "SM8750"
COMPILE_SECONDS = 600.0

_PARTITIONED = re.compile(r"selected (\d+) ops, from a total of (\d+) ops. resulted in (\d+) part")
_ERROR = re.compile(r"\[ ERROR \]\s+<E> (.*)")


@dataclass(frozen=True)
class Compiled:
    """A file compiled for one SoC.

    Attributes:
        content: the new .tflite file. What was compiled is one op in it.
        delegated: ops of the file that were compiled.
        total: ops of the file.
        partitions: parts that they are in; each is a call of the NPU.
    """

    content: bytes
    delegated: int
    total: int
    partitions: int


@dataclass(frozen=True)
class Qualcomm(Runtime):
    """The NPU of a Qualcomm SoC, emulated: int8 files in integers, others in float16.

    Args:
        name: in the registry.
        soc: a name in `socs()`.
        seconds: that a run may take in all.
    """

    name: str = "qualcomm"
    soc: str = SOC
    seconds: float = 3600
    speed: Speed = "emulated"
    float16: bool = True
    shows_int8: bool = True

    def unavailable(self) -> str | None:
        """See `Runtime.unavailable`."""
        if (PARTS / ".ready").is_file():
            return None
        return f"the Qualcomm emulator is not set up. Install it with: {COMMAND} (620 MB)"

    def run(self, content: bytes, images: Sequence[np.ndarray]) -> RunResult:
        """See `Runtime.run`; also refuses a file that is not compiled whole.

        Raises:
            UserError: nothing is set up, a file that is none or is not compiled into one part, a
                process that failed or took too long.
        """
        graph = flatbuffer.read(content)
        check_images(images, graph.tensors[graph.inputs[0]].shape)
        compiled = self.compiled(flatbuffer.with_names(content, _input, _output))
        check_whole(compiled, self.soc)
        source = graph.tensors[graph.inputs[0]]
        faces = {_input(0): source} | {
            _output(number): graph.tensors[index] for number, index in enumerate(graph.outputs)
        }
        with tempfile.TemporaryDirectory(prefix="segnet_tf_npu_") as name:
            file, inputs, outputs = (Path(name, part) for part in ("f.tflite", "in.npz", "out.npz"))
            file.write_bytes(compiled.content)
            codes = [
                quantize(image, source.dtype, source.scale, source.zero_point) for image in images
            ]
            np.savez(inputs, *codes)
            described = [
                f"{face}:{t.dtype}:{'x'.join(map(str, t.shape))}" for face, t in faces.items()
            ]
            self._python("qualcomm_worker", [str(file), str(inputs), str(outputs), *described])
            with np.load(outputs) as stored:
                found = [
                    [
                        dequantize(stored[f"{number}_{face}"], t.scale, t.zero_point)
                        for face, t in list(faces.items())[1:]
                    ]
                    for number in range(len(images))
                ]
        return RunResult(found, compiled.delegated)

    def compiled(self, content: bytes) -> Compiled:
        """The file for this SoC, ahead of time.

        Raises:
            UserError: nothing is set up, an unknown SoC, a file that the compiler refuses.
        """
        if missing := self.unavailable():
            raise UserError(f"`runtime` must be there. Received: {self.name}, but {missing}")
        check_soc(self.soc)
        packages = _packages()
        libraries = packages / "ai_edge_litert_sdk_qualcomm" / "data" / "lib" / "x86_64-linux-clang"
        with tempfile.TemporaryDirectory(prefix="segnet_tf_npu_") as name:
            file, output = Path(name, "f.tflite"), Path(name, "compiled.tflite")
            file.write_bytes(content)
            finished = subprocesses.run(
                [
                    str(packages / "ai_edge_litert" / "tools" / "apply_plugin_main"),
                    *("--cmd=apply", f"--model={file}", f"--o={output}"),
                    *("--soc_manufacturer=Qualcomm", f"--soc_model={self.soc}"),
                    f"--libs={packages / 'ai_edge_litert' / 'vendors' / 'qualcomm' / 'compiler'}",
                ],
                seconds=COMPILE_SECONDS,
                how=f"through the compiler for {self.soc}",
                advice="Give a smaller input size.",
                env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
            )
            said = _PARTITIONED.search(finished.log)
            if finished.code or said is None or not output.is_file():
                errors = _ERROR.findall(finished.said)
                raise UserError(
                    f"`tflite` must be one that LiteRT compiles for {self.soc}. Received: one that "
                    f"is refused: {errors[-1].strip()[:200] if errors else finished.last_line}. "
                    "Export it for another SoC, or without --npu."
                )
            return Compiled(output.read_bytes(), *map(int, said.groups()))

    def _python(self, worker: str, arguments: list[str]) -> None:
        """Runs a module of this package on the other environment's Python."""
        finished = subprocesses.run(
            [
                str(PARTS / "bin" / "python"),
                "-m",
                f"segnet_tf.export.runtimes.{worker}",
                *arguments,
            ],
            seconds=self.seconds,
            how=f"in the emulator of {self.soc}",
            advice="Take fewer images or a smaller input size.",
            cwd=places.IMPORT_ROOT,
            env={**os.environ, "PYTHONPATH": str(places.IMPORT_ROOT)},
        )
        if finished.code:
            raise UserError(
                f"`tflite` must be one that the emulator of {self.soc} can run. Received: one on "
                f"which the process fails with code {finished.code}: {finished.last_line}. "
                "Export it again."
            )


@cache
def socs() -> tuple[str, ...]:
    """Qualcomm SoCs that LiteRT compiles for, by LiteRT's own list."""
    from ai_edge_litert.aot.vendors.qualcomm.target import SocModel

    return tuple(sorted(model.value for model in SocModel if model.value != "ALL"))


def check_soc(name: str) -> None:
    """Raises UserError for an SoC that LiteRT has no compiler for."""
    if name not in socs():
        raise UserError(
            f"`npu` must be some of {', '.join(socs())}, Qualcomm SoCs. Received: {name!r}. "
            "Leave --npu out for other phones."
        )


def check_whole(compiled: Compiled, soc: str) -> None:
    """Raises UserError for a file of which an op is left out, or that is in several parts."""
    if compiled.partitions != 1 or compiled.delegated != compiled.total:
        raise UserError(
            f"`tflite` must be compiled whole for {soc}, in one partition. Received: "
            f"{compiled.delegated} of {compiled.total} ops in {compiled.partitions}, with copies "
            "to and from the processor between them. Export it as --int8 or --float16."
        )


def _packages() -> Path:
    (found,) = PARTS.glob("lib/python3*/site-packages")
    return found


# The binary names its inputs and outputs after the file's tensors, which may have any name.
def _input(number: int) -> str:
    return f"in_{number}"


def _output(number: int) -> str:
    return f"out_{number}"
