"""Reads a .tflite file as a list of ops and tensors, and turns inner tensors into outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file.proportion import require_proportion
from segnet_tf.export.tflite_file.quantized import dequantize

IDENTIFIER = b"TFL3"


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


_OPS = _names(schema.BuiltinOperator)
_DTYPES = {value: name.lower() for value, name in _names(schema.TensorType).items()}


@dataclass(frozen=True)
class Tensor:
    """One tensor of the graph.

    Attributes:
        index: its number in the file.
        name: as the converter wrote it.
        shape: in TFLite's order.
        dtype: "int8", "float32", ...
        scale: float array, one or one a channel; empty if not quantized.
        zero_point: int array of the same length.
        data: the constant's values as stored, `None` for what is computed.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: np.ndarray
    zero_point: np.ndarray
    data: np.ndarray | None

    def values(self) -> np.ndarray:
        """A constant's values in real numbers, for a scale per channel of the last axis too."""
        if self.data is None:
            raise ValueError(f"Tensor {self.name} is not a constant.")
        return dequantize(self.data, self.scale, self.zero_point, np.float64)


@dataclass(frozen=True)
class Op:
    """One operation: its builtin name (or `CUSTOM:name`), tensors by number, and options."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True)
class Graph:
    """A .tflite file's only subgraph, in order of execution."""

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def maker(self, tensor: int) -> Op | None:
        """The op that computes the tensor."""
        return next((op for op in self.ops if tensor in op.outputs), None)

    def constant(self, tensor: int) -> Tensor | None:
        """The stored numbers behind a tensor: its own, or those a DEQUANTIZE unpacks for it."""
        found = self.tensors[tensor]
        if found.data is not None:
            return found
        maker = self.maker(tensor)
        if maker is None or maker.name != "DEQUANTIZE":
            return None
        packed = self.tensors[maker.inputs[0]]
        return packed if packed.data is not None else None

    def readers(self, tensor: int) -> list[Op]:
        """The ops that take the tensor."""
        return [op for op in self.ops if tensor in op.inputs]


def read(content: bytes) -> Graph:
    """Reads a .tflite file.

    Raises:
        UserError: it is no .tflite file, it is cut short, or it holds several subgraphs.
    """
    model = _parse(content)
    if len(model.subgraphs or ()) != 1:
        raise UserError(
            "`tflite` must hold one graph. "
            f"Received: {len(model.subgraphs or ())} subgraphs. Export it with export/tflite.py."
        )
    with damage_in_one_line():
        return _graph(model)


def with_outputs(content: bytes, tensors: list[int]) -> bytes:
    """The same file with inner tensors as outputs, after its own.

    Any runtime then returns what it computed there. Delegates give access to outputs only.
    """
    model = _parse(content)
    graph = model.subgraphs[0]
    graph.outputs = np.concatenate([graph.outputs, tensors]).astype(np.int32)
    model.signatureDefs = []  # they would name the old outputs only
    return _packed(model, len(content))


def with_names(
    content: bytes, of_input: Callable[[int], str], of_output: Callable[[int], str]
) -> bytes:
    """The same file with other names for its inputs and outputs, by their numbers."""
    model = _parse(content)
    graph = model.subgraphs[0]
    for tensors, name_of in ((graph.inputs, of_input), (graph.outputs, of_output)):
        for number, tensor in enumerate(tensors):
            graph.tensors[tensor].name = name_of(number)
    model.signatureDefs = []  # they have names of their own
    return _packed(model, len(content))


def _packed(model: Any, size: int) -> bytes:
    builder = flatbuffers.Builder(size + 1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _parse(content: bytes) -> Any:
    if content[4:8] != IDENTIFIER:
        raise UserError(
            "`tflite` must be a .tflite file. "
            "Received: a file without its identifier, TFL3. Export it again."
        )
    with damage_in_one_line():
        require_proportion(content)
        model = schema.ModelT.InitFromPackedBuf(content)
        for buffer in model.buffers or ():
            # Some tools store constants behind the flatbuffer, which cannot be larger than 2 GB.
            if buffer.offset > 1:
                buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
                buffer.offset = buffer.size = 0
        return model


@contextlib.contextmanager
def damage_in_one_line(
    demand: str = "be a whole .tflite file",
    received: str = "one that cannot be read",
    advice: str = "Export it again.",
) -> Iterator[None]:
    """Turns what reading a damaged file raises into a UserError of these words."""
    try:
        yield
    except UserError:
        raise
    # Which exception a damaged offset raises depends on where it points.
    except Exception as error:
        raise UserError(
            f"`tflite` must {demand}. Received: {received} ({type(error).__name__}). {advice}"
        ) from error


def _graph(model: Any) -> Graph:
    graph = model.subgraphs[0]
    tensors = tuple(_tensor(index, t, model) for index, t in enumerate(graph.tensors))
    ops = tuple(
        Op(
            _op_name(model.operatorCodes[op.opcodeIndex]),
            tuple(map(int, op.inputs)),
            tuple(map(int, op.outputs)),
            op.builtinOptions,
        )
        for op in graph.operators
    )
    inputs, outputs = tuple(map(int, graph.inputs)), tuple(map(int, graph.outputs))
    named = {*inputs, *outputs}.union(*(op.inputs + op.outputs for op in ops))
    # -1 is an input that is left out.
    if not named <= set(range(-1, len(tensors))):
        raise IndexError("a tensor's number")
    return Graph(tensors, ops, inputs, outputs)


def _op_name(code: Any) -> str:
    # Old files keep the number in a byte, new ones in an int: the larger one is right.
    name = _OPS[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return f"CUSTOM:{code.customCode.decode()}" if name == "CUSTOM" else name


def _tensor(index: int, tensor: Any, model: Any) -> Tensor:
    dtype = _DTYPES[tensor.type]
    shape = () if tensor.shape is None else tuple(map(int, tensor.shape))
    raw = model.buffers[tensor.buffer].data
    data = None
    if raw is not None and len(raw) and dtype in np.sctypeDict:
        data = np.frombuffer(np.asarray(raw, np.uint8).tobytes(), dtype).reshape(shape)
    quantization = tensor.quantization
    scale = quantization.scale if quantization and quantization.scale is not None else ()
    zero = quantization.zeroPoint if quantization and quantization.zeroPoint is not None else ()
    return Tensor(
        index,
        tensor.name.decode(errors="replace") if tensor.name else f"tensor {index}",
        shape,
        dtype,
        np.asarray(scale, np.float64),
        np.asarray(zero, np.int64),
        data,
    )
