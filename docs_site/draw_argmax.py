"""Draws docs/argmax.png and docs/argmax_masks.png out of exported files, and counts wrong windows.

    python -m docs_site.draw_argmax docs

The numbers of the first picture are what LiteRT computes in a .tflite file of one pooling and one
unpooling layer. Before it draws, the command runs such files on every pair of int8 codes and on
floats one rounding step apart, and compares each window with NumPy; a wrong one ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segnet_tf.system.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A map with a tie in its upper right window: the first 5 in row-major order wins.
MAP = ((1, 3, 5, 2), (4, 0, 2, 5), (7, 6, 0, 0), (2, 6, 0, 1))
INT8_RANGE = (0.0, 255.0)  # a step of 1: codes are values less 128
PAIRS = 4096  # of float32 neighbors for each power of two
EXPONENTS = range(-14, 16)
# Windows have colors, so that a value is found again.
WINDOW_COLORS = ("#cfe1f5", "#fbdcc8", "#d5ecdf", "#e6d8f2")
COLUMN, ROW = "#2f6fb3", "#d9622b"


def argmax_file(shape: tuple[int, ...], value_range: tuple[float, float] | None) -> bytes:
    """A file of one pooling and one unpooling layer, as the exporter lowers them.

    Args:
        shape: `(1, height, width, 1)` of its input.
        value_range: of the int8 file, `None` for float32.
    """
    import tensorflow as tf

    from segnet_tf.export.conversion import lowering

    def forward(x: tf.Tensor) -> dict[str, tf.Tensor]:
        if value_range is not None:
            x = lowering.fake_quantize(x, value_range)
        pooled, argmax = lowering.max_pool(x, "valid", value_range, "pool")
        unpooled = lowering.max_unpool(pooled, argmax, value_range)
        return {"pooled": pooled, "unpooled": unpooled}

    signature = [tf.TensorSpec(shape, tf.float32)]
    function = tf.function(forward, input_signature=signature, autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if value_range is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def computed(content: bytes, x: np.ndarray) -> list[np.ndarray]:
    """The outputs of a file for a map of two axes, each of two axes, on XNNPACK.

    The unpooled map comes first, then the pooled one, then what was made an output besides.
    """
    from segnet_tf.export.runtimes import cpu

    interpreter = cpu.open_interpreter(content, "xnnpack")
    outputs = [values[0, ..., 0] for values in cpu.run(interpreter, x[None, ..., None])]
    return [*sorted(outputs[:2], key=np.size, reverse=True), *outputs[2:]]


def unpooled_by_numpy(x: np.ndarray) -> np.ndarray:
    """The maximum of each 2x2 window where the first of equals was, zeros elsewhere."""
    height, width = x.shape
    windows = x.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(-1, 4)
    kept = np.zeros_like(windows)
    first = windows.argmax(1)
    kept[np.arange(len(windows)), first] = windows.max(1)
    return kept.reshape(height // 2, width // 2, 2, 2).swapaxes(1, 2).reshape(height, width)


def wrong_windows(x: np.ndarray, value_range: tuple[float, float] | None) -> tuple[int, int]:
    """Windows whose four values are not NumPy's, bit for bit, and all windows."""
    found = computed(argmax_file((1, *x.shape, 1), value_range), x)[0]
    wrong = found != unpooled_by_numpy(x)
    height, width = x.shape
    windows = wrong.reshape(height // 2, 2, width // 2, 2).any((1, 3))
    return int(windows.sum()), windows.size


def every_pair_of_codes() -> np.ndarray:
    """`(512, 512)`: 65,536 windows with each pair of int8 codes above two zeros."""
    first, second = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
    x = np.zeros((512, 512), np.float32)
    x[::2, ::2], x[::2, 1::2] = first, second
    return x


def neighbors() -> np.ndarray:
    """Windows with two floats one rounding step apart, in both orders, from 2**-14 up."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(2.0**e, 2.0 ** (e + 1), PAIRS) for e in EXPONENTS])
    first = values.astype(np.float32)
    second = np.nextafter(first, np.float32(np.inf))
    swap = rng.random(len(first)) < 0.5
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    x = np.zeros((2 * len(EXPONENTS), 2 * PAIRS), np.float32)
    x[::2, ::2] = first.reshape(len(EXPONENTS), PAIRS)
    x[::2, 1::2] = second.reshape(len(EXPONENTS), PAIRS)
    return x


def draw_steps(out: Path) -> None:
    """The way of one map through a file, each number out of the file."""
    from segnet_tf.export.conversion import masks
    from segnet_tf.export.tflite_file import flatbuffer
    from segnet_tf.plots.charts import new_figure, save

    x = np.array(MAP, np.float32)
    content = argmax_file((1, *x.shape, 1), None)
    graph = flatbuffer.read(content)
    found = {mask.axis: mask for mask in masks.find(graph)}
    wanted = [found[2].mask, found[1].source, found[1].mask]
    shown = computed(flatbuffer.with_outputs(content, wanted), x)
    unpooled, pooled, in_row, rows, in_column = shown
    figure = new_figure(11.0, 4.6)
    grid = figure.subplots(2, 3)
    titles = (
        "1  the map: 2x2 windows",
        "2  is the second of a row's pair greater?",
        "3  the larger of each pair of a row",
        "4  is the lower one greater?",
        "5  pooled: the larger of both",
        "6  unpooled by the two masks",
    )
    numbers = (x, in_row, rows, in_column, pooled, unpooled)
    for axes, title, values in zip(grid.flat, titles, numbers, strict=True):
        _draw_map(axes, values, title)
    save(figure, out)


def _draw_map(axes: Axes, values: np.ndarray, title: str) -> None:
    from segnet_tf.plots.charts import INK, QUIET

    height, width = values.shape
    for y, x in np.ndindex(height, width):
        window = 2 * (y * 2 // height) + x * 2 // width
        box = {"facecolor": WINDOW_COLORS[window], "edgecolor": "white", "linewidth": 2}
        axes.add_patch(_rectangle(x, y, **box))
        weight, color = ("bold", INK) if values[y, x] else ("normal", QUIET)
        axes.text(
            *(x + 0.5, y + 0.5, f"{values[y, x]:g}"),
            **{"ha": "center", "va": "center", "fontsize": 13, "weight": weight, "color": color},
        )
    axes.set_title(title, loc="left", fontsize=10.5, color=INK)
    axes.set_xlim(0, 4)
    axes.set_ylim(4, 0)
    axes.set_aspect("equal")
    axes.axis("off")


def _rectangle(x: float, y: float, **style: object) -> object:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1, 1, **style)


def draw_masks(out: Path) -> None:
    """The mask as a function of the difference: in float after each gain, in int8 in codes."""
    from segnet_tf.export.conversion import lowering
    from segnet_tf.plots.charts import GRID, INK, QUIET, new_figure, plain_axes, save

    figure = new_figure(11.0, 3.6)
    left, right = figure.subplots(1, 2)
    difference = 2.0 ** np.linspace(-42, 2, 500)
    mask = difference
    for number, gain in enumerate(lowering.FLOAT_GAINS):
        mask = np.clip(mask * gain, 0, 1)
        label = f"{'then ' if number else ''}x 2^{int(np.log2(gain))}"
        left.plot(difference, mask, label=label, linewidth=1.6 + 0.6 * number)
    left.set_xscale("log", base=2)
    left.axvline(2.0**-37, color=QUIET, linewidth=0.8, linestyle="--")
    left.text(2.0**-36.5, 0.08, "2^-37", color=QUIET, fontsize=9)
    left.set_title("float: second - first, and the mask", loc="left", fontsize=10.5, color=INK)
    codes = np.arange(-4, 5)
    right.bar(codes, np.clip(codes * lowering.INT8_STEP, 0, 1), color=ROW, width=0.7)
    right.set_xticks(codes)
    right.set_title(
        "int8: codes that the second is greater by", loc="left", fontsize=10.5, color=INK
    )
    for axes in (left, right):
        plain_axes(axes)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
    left.legend(frameon=False, fontsize=9, labelcolor=INK, loc="center right")
    save(figure, out)


def main(argv: Sequence[str]) -> int:
    """Counts, prints, draws; 1 if a window is wrong, 2 without a folder."""
    if len(argv) != 1 or not Path(argv[0]).is_dir():
        print(
            "Pass the folder for the pictures: python -m docs_site.draw_argmax docs",
            file=sys.stderr,
        )
        return 2
    start_tensorflow()
    codes = every_pair_of_codes()
    trials = (
        ("int8, every pair of codes in a row", codes, INT8_RANGE),
        ("int8, every pair of codes in a column", codes.T.copy(), INT8_RANGE),
        ("float32, neighboring numbers in a row", neighbors(), None),
        ("float32, neighboring numbers in a column", neighbors().T.copy(), None),
    )
    all_wrong = 0
    for name, x, value_range in trials:
        wrong, windows = wrong_windows(x, value_range)
        print(f"{name:42}{windows:>9,} windows, {wrong:,} wrong")
        all_wrong += wrong
    if all_wrong:
        return 1
    draw_steps(Path(argv[0]) / "argmax.png")
    draw_masks(Path(argv[0]) / "argmax_masks.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
