"""Maps that are hard to pool, .tflite files that pool and unpool them, and NumPy's answer."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import lowered_pair
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from segnet_tf.export.conversion import lowering, masks, order
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer

FORMS = ("float32", "float16", "dynamic", "int8")
CPU = tuple(cpu.KERNELS)


@dataclass(frozen=True)
class Case:
    """One file: it pools a map and unpools another one by the first one's argmax.

    Attributes:
        form: one of `FORMS`.
        size: `(height, width)` of the map that is pooled, in pixels.
        padding: `"valid"` (floor) or `"same"` (ceil).
        span: `(min, max)` of the map that is pooled, for int8 only.
        decoder_span: of the map that is unpooled, for int8 only.
    """

    form: str
    size: tuple[int, int]
    channels: int
    padding: str
    batch: int = 1
    span: tuple[float, float] | None = None
    decoder_span: tuple[float, float] | None = None

    @property
    def shape(self):
        return (self.batch, *self.size, self.channels)

    @property
    def windows(self):
        """Rows and columns of the pooled map."""
        return tuple((side + (self.padding == "same")) // 2 for side in self.size)

    def __str__(self):
        spans = "" if self.span is None else f", ranges {self.span} and {self.decoder_span}"
        height, width = self.size
        return (
            f"{self.form}, {height}x{width}, {self.channels} channels, {self.padding}, "
            f"batch {self.batch}{spans}"
        )


@dataclass(frozen=True)
class Answer:
    """All that a file says of a map: in int8 codes of the file, or in float32.

    Attributes:
        pooled: `(batch, h, w, channels)`.
        unpooled: the decoder's map, `(batch, height, width, channels)`.
        in_row: bool `(batch, height, w, channels)`: the right one of a row's pair is greater.
        in_column: bool `(batch, h, w, channels)`: the lower row's winner is greater.
    """

    pooled: np.ndarray
    unpooled: np.ndarray
    in_row: np.ndarray
    in_column: np.ndarray


def convert(case: Case) -> bytes:
    """The file, its ops in the exporter's order; int8 files take and give int8 codes."""

    def forward(x, y):
        if case.form == "int8":
            x = lowering.fake_quantize(x, case.span)
            y = lowering.fake_quantize(y, case.decoder_span)
        largest = lowered_pair.LARGEST_KERNEL if case.form == "dynamic" else None
        pooled, argmax = lowering.max_pool(x, case.padding, case.span, "pool", largest)
        unpooled = lowering.max_unpool(y, argmax, case.decoder_span)
        if case.form == "int8":
            unpooled = lowering.fake_quantize(unpooled, case.decoder_span)
        return {"a_pooled": pooled, "b_unpooled": unpooled}  # sorted by name

    decoder = (case.batch, *case.windows, case.channels)
    return order.masks_first(
        lowered_pair.convert_function(forward, [case.shape, decoder], case.form)
    )


class File:
    """A case's file, open on every CPU runtime."""

    def __init__(self, case: Case) -> None:
        self.case = case
        content = convert(case)
        graph = flatbuffer.read(content)
        found = {mask.axis: mask for mask in masks.find(graph)}
        assert sorted(found) == [lowering.HEIGHT, lowering.WIDTH], f"{case}: masks {found}"
        # The file has its inputs in any order, its signature knows them by name.
        (signature,) = schema.ModelT.InitFromPackedBuf(content).signatureDefs
        by_name = {entry.name.decode(): int(entry.tensorIndex) for entry in signature.inputs}
        self.inputs = by_name["input0"], by_name["input1"]
        self.zero = 0  # of the decoder's map
        if case.form == "int8":
            self.zero = int(graph.tensors[self.inputs[1]].zero_point[0])
        columns, rows = (found[axis].mask for axis in (lowering.WIDTH, lowering.HEIGHT))
        self.tensors = (*graph.outputs, columns, rows)
        shown = flatbuffer.with_outputs(content, [columns, rows])
        # A delegate keeps its inner tensors to itself unless they are outputs; the other kernels
        # show all of the file as it is.
        self.interpreters = {
            "xnnpack": [(cpu.open_interpreter(content), self.tensors[:2])]
            + [(cpu.open_interpreter(shown), self.tensors[2:])],
        }
        for name in CPU[1:]:
            interpreter = Interpreter(
                model_content=content,
                experimental_op_resolver_type=cpu.KERNELS[name],
                experimental_preserve_all_tensors=True,
            )
            interpreter.allocate_tensors()
            self.interpreters[name] = [(interpreter, self.tensors)]

    def run(self, runtime: str, x: np.ndarray, y: np.ndarray) -> Answer:
        """What one runtime makes of the map to pool and the map to unpool."""
        values = []
        for interpreter, tensors in self.interpreters[runtime]:
            for index, value in zip(self.inputs, (x, y), strict=True):
                interpreter.set_tensor(index, value)
            interpreter.invoke()
            values += [interpreter.get_tensor(index) for index in tensors]
        pooled, unpooled, in_row, in_column = values
        in_row, in_column = (self._as_mask(mask) for mask in (in_row, in_column))
        # What ceil mode repeats below the map is nobody's pair.
        return Answer(pooled, unpooled, in_row[:, : self.case.size[0]], in_column)

    def _as_mask(self, values):
        """0 and 1, in int8 the lowest and the highest code; -1 for what is neither."""
        low, high = (-128, 127) if self.case.form == "int8" else (0, 1)
        return np.select([values == low, values == high], [0, 1], -1)


@functools.lru_cache(maxsize=64)
def open_file(case: Case) -> File:
    return File(case)


def reference(case: Case, x: np.ndarray, y: np.ndarray, zero: int) -> Answer:
    """The right answer, by NumPy's argmax over whole windows: of equals it takes the first.

    Args:
        zero: what stands for 0 in the map that is unpooled.
    """
    batch, height, width, channels = x.shape
    rows, columns = case.windows
    cells, even = windows_of(case, x)
    first = cells.argmax(axis=-1)
    spread = np.full(cells.shape, zero, y.dtype)
    np.put_along_axis(spread, first[..., None], y[..., None], axis=-1)
    whole = spread.reshape(batch, rows, columns, channels, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    whole = whole.reshape(batch, 2 * rows, 2 * columns, channels)[:, :height, :width]
    unpooled = np.full(x.shape, zero, y.dtype)
    unpooled[:, : whole.shape[1], : whole.shape[2]] = whole
    in_row = even[:, :height, 1::2] > even[:, :height, ::2]
    return Answer(cells.max(axis=-1).astype(x.dtype), unpooled, in_row, first // 2)


def windows_of(case: Case, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`x` cut into windows `(batch, h, w, channels, 4)`, and the even map they were cut from.

    Places outside the map hold less than any value, so that none of them is ever a maximum.
    """
    batch, height, width, channels = x.shape
    rows, columns = case.windows
    wide, lowest = (np.int16, -1000) if x.dtype == np.int8 else (np.float32, -np.inf)
    even = np.full((batch, 2 * rows, 2 * columns, channels), lowest, wide)
    inside = x[:, : 2 * rows, : 2 * columns]
    even[:, : inside.shape[1], : inside.shape[2]] = inside
    cells = even.reshape(batch, rows, 2, columns, 2, channels).transpose(0, 1, 3, 5, 2, 4)
    return cells.reshape(batch, rows, columns, channels, 4), even


def fill(case: Case, alphabet: list, turn: int, step: int) -> np.ndarray:
    """A map of all windows that can be made of up to five values, one after the other.

    Args:
        alphabet: the values; all their ties of two, three and four come about.
        turn: number of the first window.
        step: from one window to the next; a prime above 5 leaves none out.
    """
    values = np.array(alphabet, np.int8 if case.form == "int8" else np.float32)
    height, width = case.size
    rows, columns = (height + 1) // 2, (width + 1) // 2
    count = len(values)
    number = turn + step * np.arange(case.batch * rows * columns * case.channels)
    digits = number[:, None] // count ** np.arange(4) % count
    cells = values[digits].reshape(case.batch, rows, columns, case.channels, 2, 2)
    even = cells.transpose(0, 1, 4, 2, 5, 3).reshape(
        case.batch, 2 * rows, 2 * columns, case.channels
    )
    return np.ascontiguousarray(even[:, :height, :width])


def complaint(case: Case, runtime: str, x: np.ndarray, got: Answer, wanted: Answer) -> str:
    """The first window that is wrong, in one line; empty if none is."""
    for part in ("in_row", "in_column", "pooled", "unpooled"):
        mine, right = getattr(got, part), getattr(wanted, part)
        if mine.shape != right.shape:
            return f"{case}, {runtime}: {part} has the shape {mine.shape}, not {right.shape}"
        wrong = np.argwhere(~(mine == right))  # NaN is wrong
        if not len(wrong):
            continue
        place = tuple(wrong[0])
        batch, row, column, channel = map(int, place)
        row //= 1 if part in ("in_column", "pooled") else 2
        column //= 2 if part == "unpooled" else 1
        if row < case.windows[0] and column < case.windows[1]:
            cells = windows_of(case, x)[0][batch, row, column, channel].tolist()
        else:
            cells = "outside of all"
        return (
            f"{case}, {runtime}: window {cells} at row {row}, column {column}, channel {channel}, "
            f"image {batch}: {part} is {mine[place]!s}, NumPy says {right[place]!s} "
            f"({len(wrong)} of {mine.size} wrong)"
        )
    return ""
