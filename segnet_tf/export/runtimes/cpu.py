"""LiteRT on this computer's own processor: XNNPACK's, the optimized and the reference kernels.

Imports no TensorFlow: LiteRT, NumPy and this project's plain modules are all there is under
emulation (`aarch64_worker`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes.protocol import RunResult, Runtime, check_images
from segnet_tf.export.tflite_file import quantized

# name -> resolver: three sets of kernels that must give the same outputs.
KERNELS = {
    "xnnpack": OpResolverType.AUTO,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}


@dataclass(frozen=True)
class Cpu(Runtime):
    """One set of kernels, run in this process: see `tflite_file.interpreter` for safety."""

    name: str
    has_delegate: bool = False
    shows_int8: bool = True

    def unavailable(self) -> str | None:
        """Always there: LiteRT is a requirement of this package."""
        return None

    def run(self, content: bytes, images: Sequence[np.ndarray]) -> RunResult:
        """See `Runtime.run`."""
        interpreter = open_interpreter(content, self.name)
        check_images(images, tuple(map(int, interpreter.get_input_details()[0]["shape"])))
        outputs = [run(interpreter, image) for image in images]
        return RunResult(outputs, _partitions(interpreter).delegated)


@dataclass(frozen=True)
class Partitions:
    """How XNNPACK took a graph.

    Attributes:
        count: partitions, each a part of the graph that XNNPACK runs as one.
        delegated: ops in them.
        total: ops of the graph.
        left_out: names of the ops that are in none.
    """

    count: int
    delegated: int
    total: int
    left_out: tuple[str, ...]


def open_interpreter(content: bytes, kernels: str = "xnnpack", threads: int = 1) -> Interpreter:
    """An interpreter with its tensors allocated.

    Args:
        content: of the .tflite file.
        kernels: a name in `KERNELS`.
        threads: that it may use.

    Raises:
        UserError: LiteRT refuses the file.
    """
    try:
        interpreter = Interpreter(
            model_content=content,
            num_threads=threads,
            experimental_op_resolver_type=KERNELS[kernels],
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"`tflite` must be one that LiteRT takes ({kernels}). "
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
    codes = quantized.quantize(image, detail["dtype"], *detail["quantization"])
    interpreter.set_tensor(detail["index"], codes)
    interpreter.invoke()
    return [
        quantized.dequantize(interpreter.get_tensor(detail["index"]), *detail["quantization"])
        for detail in interpreter.get_output_details()
    ]


def partitions(content: bytes) -> Partitions:
    """How XNNPACK takes the graph of a file."""
    return _partitions(open_interpreter(content))


def _partitions(interpreter: Interpreter) -> Partitions:
    nodes = interpreter._get_ops_details()
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    plain = [node for node in nodes if node["op_name"] != "DELEGATE"]
    maker = {int(tensor): node["index"] for node in plain for tensor in node["outputs"]}
    by_index = {node["index"]: node for node in plain}
    taken: set[int] = set()
    for delegate in delegates:
        # A delegate node stands for the ops between its inputs and its outputs.
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
