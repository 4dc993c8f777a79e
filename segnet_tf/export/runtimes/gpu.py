"""Runs a .tflite file on LiteRT's GPU delegate, by Vulkan drivers that compute on the CPU.

The kernels are those that a phone's GPU gets, the speed is not. `make runtimes-gpu` fetches the
drivers. Each run is a subprocess, for two reasons: the driver is chosen by environment variables
before a process starts, and a graph that the delegate mishandles may crash it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import gpu_drivers
from segnet_tf.export.runtimes.gpu_drivers import FETCH, Driver
from segnet_tf.export.runtimes.protocol import RunResult, Runtime, Speed, check_images
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph
from segnet_tf.export.tflite_file.quantized import dequantize, quantize
from segnet_tf.system import places, subprocesses

# The same as in `gpu_worker`, which is not imported: that would load the delegate here.
_REFUSED, _NOT_ON_GPU = 3, 4
# The delegate stops waiting for its GPU after a while. A driver in software may need longer on a
# busy machine: seen at a load of 10 on two cores; the next run succeeded.
_WAITED_TOO_LONG = "Failed to lock custom tensor buffer"
_ATTEMPTS = 2

# The delegate goes on after a shader that does not compile, and after a shape that it gets wrong.
# The outputs are then wrong and only the log tells. A good run logs no line of this form.
_LOGGED = re.compile(
    r"^[WEF]\d{4} .*|^(?:ERROR|FATAL ERROR): .*"
    r"|.*(?:WebGPU error|Device was lost|Error while (?:parsing|generating)|Validation error).*",
    re.MULTILINE,
)
_REFUSED_OPS = re.compile(
    r"Following operations are not supported by GPU delegate:\n(.*?)\n\d+ operations will run",
    re.DOTALL,
)
_ADAPTER = re.compile(r"Selected adapter: (.*?),")


@dataclass(frozen=True)
class Gpu(Runtime):
    """The delegate on one driver, all of the graph on the GPU.

    Args:
        name: in the registry.
        driver: that computes.
        float16: whether the delegate computes in float16, or else in float32, whatever the file
            stores. A quantized file is computed in it as well.
        seconds: that a run may take in all.
    """

    name: str
    driver: Driver
    float16: bool = False
    seconds: float = 1800
    speed: Speed = "slow"

    def unavailable(self) -> str | None:
        """See `Runtime.unavailable`."""
        return gpu_drivers.unavailable(self.driver)

    def run(self, content: bytes, images: Sequence[np.ndarray]) -> RunResult:
        """See `Runtime.run`; also refuses a file of which one op is not on the GPU.

        Raises:
            UserError: no driver, a file that is none, an op that is not on the GPU, an error in
                the delegate's log, a process that failed or took too long.
        """
        if reason := self.unavailable():
            raise UserError(f"`runtime` must be there. Received: {self.name}, but {reason}.")
        graph = flatbuffer.read(content)
        _check(graph, images)
        with tempfile.TemporaryDirectory(prefix="segnet_tf_gpu_") as name:
            file, inputs, outputs = (Path(name, part) for part in ("f.tflite", "in.npz", "out.npz"))
            file.write_bytes(content)
            source = graph.tensors[graph.inputs[0]]
            scale, zero = source.scale, source.zero_point
            np.savez(inputs, *(quantize(image, source.dtype, scale, zero) for image in images))
            log = self._run_worker(file, inputs, outputs)
            tensors = [graph.tensors[index] for index in graph.outputs]
            with np.load(outputs) as stored:
                found = [
                    [
                        dequantize(stored[f"{number}_{t.index}"], t.scale, t.zero_point)
                        for t in tensors
                    ]
                    for number in range(len(images))
                ]
        self.check_log(log)
        if self.float16:
            _check_float16(graph, found)
        return RunResult(found, len(graph.ops))

    def _run_worker(self, file: Path, inputs: Path, outputs: Path) -> str:
        """Starts the worker; its log."""
        command = [sys.executable, "-m", "segnet_tf.export.runtimes.gpu_worker"]
        precision = "float16" if self.float16 else "float32"
        for _ in range(_ATTEMPTS):
            finished = subprocesses.run(
                [*command, str(file), precision, str(inputs), str(outputs)],
                seconds=self.seconds,
                how=f"on {self.name}",
                advice="Give fewer images or a smaller input.",
                cwd=places.IMPORT_ROOT,
                env=gpu_drivers.environment(self.driver),
            )
            if _WAITED_TOO_LONG not in finished.log:
                break
        log = finished.log
        if finished.code in (_REFUSED, _NOT_ON_GPU):
            if finished.code == _REFUSED and not _ADAPTER.search(log):
                raise UserError(
                    f"`runtime` must start. Received: {self.name}, which finds no Vulkan device: "
                    f"{_last_line(log)} Fetch its driver again: {FETCH}."
                )
            refused = _REFUSED_OPS.search(log)
            reason = "; ".join(refused[1].splitlines()) if refused else _last_line(log)
            raise UserError(
                f"`tflite` must run on the GPU with every op ({self.name}). Received: one that is "
                f"refused: {reason} Export it again with other ops, or run it on the CPU."
            )
        if finished.code:
            raise UserError(
                f"`tflite` must be one that {self.name} can run. Received: one on which the "
                f"process fails with code {finished.code}: {_last_line(log)} "
                "Export it again with other ops."
            )
        return log

    def check_log(self, log: str) -> None:
        """Raises UserError if the delegate's log holds an error, or another driver than meant."""
        if found := _LOGGED.search(log):
            raise UserError(
                f"`tflite` must run on {self.name} without an error in the delegate's log. "
                f"Received: {found[0].strip()[:300]}. Its numbers may be wrong: export it again "
                "with other ops."
            )
        adapter = _ADAPTER.search(log)
        wanted = self.driver.adapter
        if not adapter or wanted not in adapter[1]:
            raise UserError(
                f"`runtime` must run on {wanted}. Received: {self.name} on "
                f"{adapter[1] if adapter else 'nothing that its log names'}. "
                f"Fetch it again: {FETCH}."
            )


def _check(graph: Graph, images: Sequence[np.ndarray]) -> None:
    if len(graph.inputs) != 1:
        raise UserError(f"`tflite` must have one input. Received: {len(graph.inputs)}.")
    if graph.inputs[0] in graph.outputs:
        # Seen with LiteRT 2.3: all outputs of such a file are then zero.
        raise UserError(
            "`tflite` must not have its input among its outputs, the GPU delegate cannot hand it "
            "back. Received: one that has. Leave it out."
        )
    check_images(images, graph.tensors[graph.inputs[0]].shape)


def _check_float16(graph: Graph, found: list[list[np.ndarray]]) -> None:
    """Numbers that float16 cannot hold show that the driver computed in something wider."""
    plain = [index for index in graph.outputs if graph.tensors[index].dtype == "float32"]
    for outputs in found:
        for index, values in zip(graph.outputs, outputs, strict=True):
            if index in plain and not (values.astype(np.float16) == values).all():
                raise UserError(
                    "`precision` must be one that the driver has. Received: float16, and numbers "
                    f"of {graph.tensors[index].name[:60]} that are none. Fetch it again: {FETCH}."
                )


def _last_line(log: str) -> str:
    lines = [line.strip("└ ") for line in log.splitlines() if line.strip()]
    # What it tells at any run says nothing of this one.
    telling = [line for line in lines if not re.match(r"INFO|WARNING|I\d{4} ", line)]
    return (telling or lines or ["nothing"])[-1]
