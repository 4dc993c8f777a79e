"""Memory that a .tflite file takes. `python -m rivals.memory [FILE]` prints a peak.

It imports LiteRT but no TensorFlow, since it measures its own process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from rivals.resident import resident_peak
from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer

BENCHMARKS = Path(__file__).resolve().parents[1]


def peak_arena(content: bytes) -> int:
    """Bytes between the first and the last tensor that the reference kernels allocate.

    One arena holds every computed tensor, and tensors that are not needed at the same time share
    memory in it. So this is what an interpreter needs for tensors, in the file's order of ops.
    """
    interpreter = cpu.open_interpreter(content, "reference")
    graph = flatbuffer.read(content)
    computed = {tensor for op in graph.ops for tensor in op.outputs} | set(graph.inputs)
    ends = []
    for detail in interpreter.get_tensor_details():
        if detail["index"] in computed:
            view = interpreter.tensor(detail["index"])()
            ends.append((view.ctypes.data, view.ctypes.data + view.nbytes))
    return max(end for _, end in ends) - min(begin for begin, _ in ends)


def peak_live(content: bytes) -> int:
    """The most bytes of tensors that are needed at the same time: what a perfect planner needs.

    A tensor is needed from the op that makes it to the last op that reads it, and the file's input
    all the time. An op that only changes the shape takes no new memory.
    """
    graph = flatbuffer.read(content)
    owner = {tensor: tensor for tensor in graph.inputs}
    last: dict[int, int] = {}
    for index, op in enumerate(graph.ops):
        for tensor in op.inputs:
            if tensor in owner:
                last[owner[tensor]] = index
        for tensor in op.outputs:
            owner[tensor] = owner.get(op.inputs[0], tensor) if op.name == "RESHAPE" else tensor
            last[owner[tensor]] = max(index, last.get(owner[tensor], 0))
    for tensor in (*graph.inputs, *graph.outputs):
        last[owner[tensor]] = len(graph.ops)
    details = {tensor: graph.tensors[tensor] for tensor in last}
    sizes = {t: int(np.prod(d.shape)) * np.dtype(d.dtype).itemsize for t, d in details.items()}
    living = set(graph.inputs)
    peak = 0
    for index, op in enumerate(graph.ops):
        living |= {owner[tensor] for tensor in op.outputs}
        peak = max(peak, sum(sizes[tensor] for tensor in living))
        living = {tensor for tensor in living if last[tensor] > index}
    return peak


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
