"""This exporter's int8 against the recipes of LiteRT's own quantizer, on the same network.

    python benchmarks/quantizers.py --json OUT

The quantizer gets the exported float32 file, whose argmax is made of builtin ops already. A row for
each file: size, how XNNPACK takes it, the parts that a Qualcomm NPU's compiler makes of it (after
`make runtimes-npu`), time, wrong pairs of the argmax masks, and the pixels that keep the float32
file's class. It needs the extra `quantizer`. The exit code does not depend on the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

MODEL = "weights:segnet_lite_camvid"
# Name of a row -> the quantizer's recipe.
RECIPES = {
    "static, weights 8, maps 8 bits": "static_wi8_ai8",
    "static, weights 8, maps 16 bits": "static_wi8_ai16",
    "dynamic, weights 8 bits": "dynamic_wi8_afp32",
}


def quantized(content: bytes, recipe_name: str, images: list[np.ndarray]) -> bytes:
    """A float32 file after one of the quantizer's recipes.

    Args:
        content: of the file, with one input.
        recipe_name: a function in `litert_quantizer.recipe`.
        images: float32, to calibrate on.
    """
    from litert_quantizer import quantizer, recipe

    with tempfile.TemporaryDirectory(prefix="segnet_tf_") as folder:
        source, output = Path(folder, "float32.tflite"), Path(folder, "quantized.tflite")
        source.write_bytes(content)
        maker = quantizer.Quantizer(str(source))
        maker.load_quantization_recipe(getattr(recipe, recipe_name)())
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a report
            found = None
            if maker.need_calibration:
                found = maker.calibrate({"serving_default": [{"image": image} for image in images]})
            maker.quantize(found).export_model(output)
        return output.read_bytes()


def wrong_pairs(content: bytes, images: list[np.ndarray]) -> tuple[int, int]:
    """Pairs whose mask says another than NumPy says of the same run's map, and all pairs.

    The exporter's own masks are 0 and 1; here one may be anything that is above a half where the
    second of a pair is greater.
    """
    from segnet_tf.export.checks import rules

    def judge(mask: Any, source: np.ndarray, computed: np.ndarray) -> tuple[int, int]:
        greater = rules.second_is_greater(mask, source, computed.shape[mask.axis])
        return int(((computed > 0.5) != greater).sum()), computed.size

    return rules.count_mask_mismatches(content, images, judge=judge)


def measured(content: bytes, images: list[np.ndarray], classes: list[np.ndarray]) -> dict[str, Any]:
    """A row of the table.

    Args:
        content: of the file.
        images: to run.
        classes: that the float32 file gives them.
    """
    from segnet_tf.export.runtimes import cpu, registry
    from segnet_tf.export.tflite_file import flatbuffer

    plain = flatbuffer.with_outputs(content, [])  # constants behind the flatbuffer come into it
    parts = cpu.partitions(plain)
    found = registry.get("xnnpack").run(plain, images).outputs
    same = [
        (outputs[0].argmax(-1) == own).mean() for outputs, own in zip(found, classes, strict=True)
    ]
    wrong, pairs = wrong_pairs(content, images[:1])
    return {
        "bytes": len(content),
        "delegated": parts.delegated,
        "ops": parts.total,
        "partitions": parts.count,
        "npu_partitions": npu_parts(plain),
        "ms": cpu.latency_ms(plain),
        "wrong_pairs": wrong,
        "pairs": pairs,
        "pixels_as_float32": float(np.mean(same)),
    }


def npu_parts(content: bytes) -> int | None:
    """Parts into which LiteRT's compiler for Qualcomm NPUs makes a file; None if not set up."""
    from segnet_tf.export.runtimes.qualcomm import Qualcomm

    npu = Qualcomm()
    return None if npu.unavailable() else npu.compiled(content).partitions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "This exporter's int8 against LiteRT's quantizer."
    parser.epilog = "example:\n  python benchmarks/quantizers.py --data DIR --json OUT"
    add = parser.add_argument
    add("--model", default=MODEL, metavar="MODEL", help="run folder, .keras file or %(default)s")
    add("--data", default="synthetic:24", metavar="DIR", help="a folder, or %(default)s")
    add("--input-size", type=command.size, metavar="HxW", help="of the files (the model's)")
    add("--calibration-images", type=command.positive, default=24, metavar="N", help="%(default)s")
    add("--limit", type=command.positive, default=4, metavar="N",
        help="validation images to compare on (%(default)s)")  # fmt: skip
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the table row by row and writes the report."""
    command.check_report(arguments)
    if importlib.util.find_spec("litert_quantizer") is None:
        raise UserError(
            "`quantizers` needs litert-quantizer. Received: an environment without it. Install it: "
            "pip install -c constraints.txt -e '.[quantizer]'"
        )
    start_tensorflow()
    from segnet_tf.export import bias_correction, exporter, sources
    from segnet_tf.export.checks import agreement
    from segnet_tf.export.conversion import calibration, convert
    from segnet_tf.export.runtimes import registry

    source = sources.open_source(arguments.model)
    data = source.opened(arguments.data, arguments.calibration_images)
    train, val = (source.samples(data, split, None) for split in ("train", "val"))
    size = arguments.input_size or exporter.image_size(source, val)
    count = arguments.calibration_images
    images = list(calibration.calibration_images(train, count, size, 0))
    plain = convert.convert(source.model, size, "float32")
    ranges = calibration.measure_ranges(source.model, iter(images))

    def exported() -> bytes:
        content = convert.convert(source.model, size, "int8", ranges=ranges)
        some = images[: bias_correction.IMAGES]
        shifts = bias_correction.measure(content, source.model, ranges, some)
        return bias_correction.corrected(content, source.model, ranges, shifts)[0]

    shown = agreement.model_images((1, *size, source.model.input_shape[3]), val, arguments.limit)
    classes = [run[0].argmax(-1) for run in registry.get("xnnpack").run(plain, shown).outputs]
    files = {
        "float32": lambda: plain,
        "int8, this exporter": exported,
        **{
            name: lambda recipe=recipe: quantized(plain, recipe, images)
            for name, recipe in RECIPES.items()
        },
    }
    print(f"{arguments.model}, {size[0]}x{size[1]}, {len(shown)} images, one thread")
    print(f"{'file':32}     MB  XNNPACK    parts  NPU       ms  wrong pairs        of  pixels %")
    rows = {}
    for name, make in files.items():
        row = rows[name] = measured(make(), shown, classes)
        print(
            f"{name:32} {row['bytes'] / 1e6:6.2f}  {row['delegated']:3} of {row['ops']:3} "
            f"{row['partitions']:6} {row['npu_partitions'] or '-':>4} {row['ms']:8.1f} "
            f"{row['wrong_pairs']:12,} {row['pairs']:9,} {100 * row['pixels_as_float32']:9.2f}",
            flush=True,
        )
    write_json(arguments.json, {"model": arguments.model, "input_size": list(size), "rows": rows})
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("quantizers", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
