"""Other people's .tflite files that are timed beside ours: any that gives a map for an image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file import arithmetic, flatbuffer
from segnet_tf.export.tflite_file.flatbuffer import Graph
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.export.tflite_file.interpreter import check_survives

# Of images: grey, RGB, with one more band.
_CHANNELS = (1, 3, 4)
# A network's map is smaller than its image by at most that much.
_LARGEST_STRIDE = 64
_COMPUTING = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


@dataclasses.dataclass(frozen=True)
class Rival:
    """A file to measure.

    Attributes:
        name: of the file, without its ending.
        path: of the file.
        form: the dtype in which most of it computes.
        size: `(height, width)` of its image in pixels.
        parameters: of its convolutions and matrix products.
        macs: their multiply-adds.
    """

    name: str
    path: Path
    form: Format
    size: tuple[int, int]
    parameters: int
    macs: int


def open_rivals(paths: Sequence[str | Path], taken: Sequence[str]) -> list[Rival]:
    """Opens the files that are to be rows of a table.

    Args:
        paths: of the files.
        taken: names of the table's other rows.

    Raises:
        UserError: two rows of one name, and what `open_rival` raises.
    """
    rivals: list[Rival] = []
    for path in paths:
        if Path(path).stem in [*taken, *(rival.name for rival in rivals)]:
            raise UserError(
                "`rival` must be a file with another name than the table's other rows. "
                f"Received: {path}, and a row {Path(path).stem}. Rename the file."
            )
        rivals.append(open_rival(path))
    return rivals


def open_rival(path: str | Path) -> Rival:
    """Reads and runs a file once, in a subprocess.

    Raises:
        UserError: it is no .tflite file, a damaged one, one with ops that LiteRT does not have
            (TensorFlow's Flex ops too), or of another task than segmentation.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"`rival` must be a .tflite file. Received: {path}: {error.strerror}. Correct the path."
        ) from error
    try:
        graph = flatbuffer.read(content)
    except UserError as error:
        # What that error calls the file, and its advice, are of files of our own.
        reason = str(error).partition("Received: ")[2].rpartition(". Export it")[0]
        raise UserError(
            f"`rival` must be a whole .tflite file of one graph. Received: {path}: {reason}."
        ) from error
    check_survives(path, argument="rival")
    size = _image_size(graph, path)
    if not any(_is_map(graph.tensors[output].shape, size) for output in graph.outputs):
        shapes = ", ".join("x".join(map(str, graph.tensors[o].shape)) for o in graph.outputs)
        raise UserError(
            "`rival` must give a map of its image, as segmentation does: of the image's size or a "
            f"whole number of times smaller. Received: {path}, which gives {shapes} for images of "
            f"{size[0]}x{size[1]} (height x width). Give a file of a segmentation network."
        )
    return Rival(
        path.stem,
        path,
        _format(graph),
        size,
        arithmetic.parameters(graph),
        arithmetic.multiply_adds(graph),
    )


def _image_size(graph: Graph, path: Path) -> tuple[int, int]:
    shapes = [graph.tensors[tensor].shape for tensor in graph.inputs]
    if len(shapes) == 1 and len(shapes[0]) == 4 and shapes[0][0] == 1:
        _, first, middle, last = shapes[0]
        if last in _CHANNELS:
            return first, middle
        if first in _CHANNELS:  # PyTorch's order
            return middle, last
    taken = ", ".join("x".join(map(str, shape)) for shape in shapes)
    raise UserError(
        "`rival` must take one image (1, height, width, channels) or (1, channels, height, width). "
        f"Received: {path}, which takes {taken}. Give a file of a segmentation network."
    )


def _is_map(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether two neighboring axes are the image's sides divided by one whole number."""
    sides = {
        tuple(math.ceil(side / stride) for side in size) for stride in range(1, _LARGEST_STRIDE + 1)
    }
    # A map of 1x1 is a class for the whole image.
    sides = {pair for pair in sides if min(pair) > 1}
    return any(pair in sides for pair in zip(shape[1:], shape[2:], strict=False))


def _format(graph: Graph) -> Format:
    dtypes = [graph.tensors[op.outputs[0]].dtype for op in graph.ops if op.name in _COMPUTING]
    in_integers = sum(dtype in ("int8", "uint8") for dtype in dtypes)
    return "int8" if 2 * in_integers > len(dtypes) else "float32"
