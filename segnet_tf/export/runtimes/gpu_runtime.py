"""Runs a .tflite file on LiteRT's GPU delegate, by Vulkan drivers that compute on the CPU.

The kernels are those that a phone's GPU gets, the speed is not. `make runtimes-gpu` fetches the
drivers; each run is a process of its own, since a driver is chosen before a process starts and a
graph that the delegate mishandles may end it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import gpu_drivers
from segnet_tf.export.runtimes.gpu_drivers import FETCH, LAVAPIPE, SWIFTSHADER
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph, Tensor
from segnet_tf.system import places, subprocesses

# SwiftShader has no float16 arithmetic: the delegate would quietly compute in float32 there.
PRECISIONS = {"float32": SWIFTSHADER, "float16": LAVAPIPE}

# As `gpu_worker` has them; to import it would be to load the delegate.
_REFUSED, _NOT_ON_GPU = 3, 4
# The delegate gives up waiting for its GPU after a while. A driver in software may need longer on a
# machine with other work; seen at a load of 10 on two cores, and gone at the next run.
_WAITED_TOO_LONG = "Failed to lock custom tensor buffer"
_ATTEMPTS = 2

# The delegate goes on after a shader that does not compile, and after a shape that it got wrong:
# the numbers are then wrong and only its log says so. A good run logs no warning in this form.
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


def unavailable(precision: str) -> str | None:
    """Why a precision cannot be had here, with the command that mends it; `None` if it can."""
    return gpu_drivers.unavailable(PRECISIONS[precision])


def answers(
    content: bytes | str | Path,
    images: list[np.ndarray],
    precision: str = "float32",
    seconds: float = 1800,
) -> list[list[np.ndarray]]:
    """Runs a file on every image, all of its graph on the GPU.

    Args:
        content: of the .tflite file, or its path.
        images: float32, of the input's shape, RGB 0..255; rounded to the file's integers if its
            input is quantized.
        precision: that the delegate computes in, `"float32"` or `"float16"`, whatever the file
            stores. A quantized file is computed in it as well.
        seconds: that all of it may take.

    Returns:
        For each image the file's outputs in their order, quantized ones in real numbers.

    Raises:
        UserError: no driver, a file that is none, an op that is not on the GPU, an error in the
            delegate's log, a process that ended or took too long.
    """
    if precision not in PRECISIONS:
        raise UserError(
            f"`precision` must be one of {', '.join(PRECISIONS)}. Received: {precision!r}."
        )
    if reason := unavailable(precision):
        raise UserError(f"`runtime` must be there. Received: gpu-{precision}, but {reason}.")
    if not isinstance(content, bytes):
        content = _read(Path(content))
    graph = flatbuffer.read(content)
    _check(graph, images)
    with tempfile.TemporaryDirectory(prefix="segnet_tf_gpu_") as name:
        file, inputs, outputs = (Path(name, part) for part in ("f.tflite", "in.npz", "out.npz"))
        file.write_bytes(content)
        source = graph.tensors[graph.inputs[0]]
        np.savez(inputs, *(_stored(image, source) for image in images))
        log = _run(precision, file, inputs, outputs, seconds)
        with np.load(outputs) as stored:
            found = [
                [
                    _real(stored[f"{number}_{index}"], graph.tensors[index])
                    for index in graph.outputs
                ]
                for number in range(len(images))
            ]
    check_log(log, precision)
    if precision == "float16":
        _check_float16(graph, found)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"`tflite` must be a readable file. Received: {path}: {error.strerror}."
        ) from error


def _check(graph: Graph, images: list[np.ndarray]) -> None:
    if len(graph.inputs) != 1:
        raise UserError(f"`tflite` must have one input. Received: {len(graph.inputs)}.")
    if graph.inputs[0] in graph.outputs:
        # Seen with LiteRT 2.3: all outputs of such a file are then zero.
        raise UserError(
            "`tflite` must not have its input among its outputs, the GPU delegate cannot hand it "
            "back. Received: one that has. Leave it out."
        )
    shape = graph.tensors[graph.inputs[0]].shape
    for image in images:
        if image.shape != shape:
            raise UserError(
                f"`images` must have the shape {shape} of the file's input. "
                f"Received: {image.shape}. Resize them."
            )


def _run(precision: str, file: Path, inputs: Path, outputs: Path, seconds: float) -> str:
    """Starts the worker; its log."""
    command = [sys.executable, "-m", "segnet_tf.export.runtimes.gpu_worker"]
    for _ in range(_ATTEMPTS):
        ended = subprocesses.run(
            [*command, str(file), precision, str(inputs), str(outputs)],
            seconds=seconds,
            how=f"on gpu-{precision}",
            advice="Give fewer images or a smaller input.",
            cwd=places.IMPORT_ROOT,
            env=gpu_drivers.environment(PRECISIONS[precision]),
        )
        if _WAITED_TOO_LONG not in ended.log:
            break
    log = ended.log
    if ended.code in (_REFUSED, _NOT_ON_GPU):
        if ended.code == _REFUSED and not _ADAPTER.search(log):
            raise UserError(
                f"`runtime` must start. Received: gpu-{precision}, which finds no Vulkan device: "
                f"{_last_line(log)} Fetch its driver again: {FETCH}."
            )
        refused = _REFUSED_OPS.search(log)
        reason = "; ".join(refused[1].splitlines()) if refused else _last_line(log)
        raise UserError(
            f"`tflite` must run on the GPU with every op (gpu-{precision}). Received: one that is "
            f"refused: {reason} Export it again with other ops, or run it on the CPU."
        )
    if ended.code:
        raise UserError(
            f"`tflite` must be one that gpu-{precision} can run. Received: one that ends the "
            f"process with code {ended.code}, saying: {_last_line(log)} "
            "Export it again with other ops."
        )
    return log


def check_log(log: str, precision: str) -> None:
    """Raises UserError if the delegate's log holds an error, or another driver than meant."""
    if found := _LOGGED.search(log):
        raise UserError(
            f"`tflite` must run on gpu-{precision} without an error in the delegate's log. "
            f"Received: {found[0].strip()[:300]}. Its numbers may be wrong: export it again with "
            "other ops."
        )
    adapter = _ADAPTER.search(log)
    wanted = PRECISIONS[precision].adapter
    if not adapter or wanted not in adapter[1]:
        raise UserError(
            f"`runtime` must run on {wanted}. Received: gpu-{precision} on "
            f"{adapter[1] if adapter else 'nothing that its log names'}. Fetch it again: {FETCH}."
        )


def _check_float16(graph: Graph, found: list[list[np.ndarray]]) -> None:
    """Numbers that float16 does not have were not computed in it."""
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


def _stored(image: np.ndarray, tensor: Tensor) -> np.ndarray:
    if tensor.scale.size:
        limits = np.iinfo(tensor.dtype)
        codes = np.rint(image / np.float32(tensor.scale[0])) + tensor.zero_point[0]
        image = np.clip(codes, limits.min, limits.max)
    return image.astype(tensor.dtype)


def _real(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    if not tensor.scale.size:
        return values
    return (values.astype(np.float32) - np.float32(tensor.zero_point[0])) * np.float32(
        tensor.scale[0]
    )
