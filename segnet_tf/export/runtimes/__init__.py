"""Runs a .tflite file on every runtime there is. Imports no TensorFlow: it runs in children."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from segnet_tf.errors import UserError

# name -> resolver: three sets of kernels that must give one answer.
CPU_RUNTIMES = {
    "xnnpack": OpResolverType.AUTO,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}
# name -> the precision that the GPU delegate computes in
GPU_RUNTIMES = {"gpu-float32": "float32", "gpu-float16": "float16"}
# name -> what of LiteRT.js computes
BROWSER_RUNTIMES = {"browser-wasm": "wasm", "browser-webgpu": "webgpu"}
RUNTIMES = (*CPU_RUNTIMES, "aarch64", *GPU_RUNTIMES, *BROWSER_RUNTIMES)


@dataclass(frozen=True)
class Partitions:
    """How XNNPACK took a graph: into how many pieces, and which ops it left out."""

    count: int
    delegated: int
    total: int
    left_out: tuple[str, ...]


def unavailable(name: str) -> str | None:
    """Why a runtime cannot be used here, with the command that mends it; `None` if it can.

    Raises:
        UserError: `name` is not in `RUNTIMES`.
    """
    # Imported when asked for: this file also runs under emulation, where they have no parts.
    from segnet_tf.export.runtimes import aarch64_runtime, browser_runtime, gpu_runtime

    _check_name(name)
    if name in GPU_RUNTIMES:
        return gpu_runtime.unavailable(GPU_RUNTIMES[name])
    if name in BROWSER_RUNTIMES:
        return browser_runtime.unavailable()
    return aarch64_runtime.unavailable() if name == "aarch64" else None


def answers(content: bytes, name: str, images: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Runs a file on every image, on any runtime.

    Args:
        content: of the .tflite file. On the CPU it runs in this process: see
            `segnet_tf.tflite_model.check_survives`.
        name: one of `RUNTIMES`.
        images: float32, of the shape of the file's input, RGB 0..255.

    Returns:
        For each image the file's outputs in their order, quantized ones in real numbers.

    Raises:
        UserError: an unknown or missing runtime, one that refuses the file or, on the GPU, a
            single op of it; images of another shape.
    """
    from segnet_tf.export.runtimes import aarch64_runtime, browser_runtime, gpu_runtime

    _check_name(name)
    if name in GPU_RUNTIMES:
        return gpu_runtime.answers(content, images, GPU_RUNTIMES[name])
    if name in BROWSER_RUNTIMES:
        return browser_runtime.answers(content, images, accelerator=BROWSER_RUNTIMES[name])
    if name == "aarch64":
        return aarch64_runtime.answers(content, images)
    interpreter = open_interpreter(content, name)
    shape = tuple(map(int, interpreter.get_input_details()[0]["shape"]))
    for image in images:
        if image.shape != shape:
            raise UserError(
                f"`images` must have the shape {shape} of the file's input. "
                f"Received: {image.shape}. Resize them."
            )
    return [run(interpreter, image) for image in images]


def _check_name(name: str) -> None:
    if name not in RUNTIMES:
        raise UserError(f"`runtime` must be one of {', '.join(RUNTIMES)}. Received: {name!r}.")


def open_interpreter(content: bytes, runtime: str = "xnnpack", threads: int = 1) -> Interpreter:
    """An interpreter with its tensors allocated.

    Raises:
        UserError: the runtime refuses the file.
    """
    try:
        interpreter = Interpreter(
            model_content=content,
            num_threads=threads,
            experimental_op_resolver_type=CPU_RUNTIMES[runtime],
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"`tflite` must be one that LiteRT takes ({runtime}). "
            f"Received: {reason}. Export it again."
        ) from error
    return interpreter


def run(interpreter: Interpreter, image: np.ndarray) -> list[np.ndarray]:
    """Every output in real numbers; integers without a scale stay as they are.

    Args:
        interpreter: from `open_interpreter`.
        image: float32 `(batch, height, width, 3)`, RGB 0..255.
    """
    detail = interpreter.get_input_details()[0]
    if np.issubdtype(detail["dtype"], np.integer):
        scale, zero_point = detail["quantization"]
        limits = np.iinfo(detail["dtype"])
        image = np.clip(np.rint(image / scale) + zero_point, limits.min, limits.max)
    interpreter.set_tensor(detail["index"], image.astype(detail["dtype"]))
    interpreter.invoke()
    return [_real(interpreter, detail) for detail in interpreter.get_output_details()]


def _real(interpreter: Interpreter, detail: dict) -> np.ndarray:
    value = interpreter.get_tensor(detail["index"])
    scale, zero_point = detail["quantization"]
    return (value.astype(np.float32) - zero_point) * np.float32(scale) if scale else value


def partitions(content: bytes) -> Partitions:
    """Asks XNNPACK how it takes a graph."""
    interpreter = open_interpreter(content)
    nodes = interpreter._get_ops_details()
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    plain = [node for node in nodes if node["op_name"] != "DELEGATE"]
    maker = {int(tensor): node["index"] for node in plain for tensor in node["outputs"]}
    by_index = {node["index"]: node for node in plain}
    taken: set[int] = set()
    for delegate in delegates:
        # What lies between a delegate's inputs and outputs is what it stands for.
        edge = {int(tensor) for tensor in delegate["inputs"]}
        stack = [int(tensor) for tensor in delegate["outputs"]]
        while stack:
            tensor = stack.pop()
            index = maker.get(tensor)
            if tensor in edge or index is None or index in taken:
                continue
            taken.add(index)
            stack.extend(int(i) for i in by_index[index]["inputs"])
    left_out = tuple(node["op_name"] for node in plain if node["index"] not in taken)
    return Partitions(len(delegates), len(taken), len(plain), left_out)


def latency_ms(content: bytes, threads: int = 1, seconds: float = 3.0) -> float:
    """Median time of an inference on XNNPACK in milliseconds, on this machine."""
    interpreter = open_interpreter(content, threads=threads)
    detail = interpreter.get_input_details()[0]
    interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    interpreter.invoke()
    times: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < deadline:
        began = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)
