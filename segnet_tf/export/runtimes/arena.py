"""Memory of a .tflite file's tensors: as the reference kernels plan it, and the least possible.

`python -m segnet_tf.export.runtimes.arena FILE` prints the arena's bytes on stderr.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.system import places, subprocesses


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


def arena_apart(path: str | Path, seconds: float = 300) -> int | None:
    """`peak_arena` of a file of other people, measured in a subprocess.

    Returns:
        `None` if the reference kernels cannot run the file: some that XNNPACK runs abort the
        process, such as ai-edge-quantizer's int8 files of YOLO26.
    """
    finished = subprocesses.run(
        [sys.executable, "-m", "segnet_tf.export.runtimes.arena", str(Path(path).resolve())],
        seconds=seconds,
        how="on the reference kernels",
        advice="Leave it out.",
        cwd=places.IMPORT_ROOT,
    )
    return None if finished.code else int(finished.last_line)


if __name__ == "__main__":
    print(peak_arena(Path(sys.argv[1]).read_bytes()), file=sys.stderr)
