"""Keras's own export to LiteRT and ours, of the same argmax pooling and unpooling.

    python benchmarks/keras_export.py

For each of the two files: its ops, whether LiteRT runs it as pip installs it, and what it computes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from segnet_tf.cli import command
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow

SIZE = (64, 96)
# The exporter holds a file to images with as many classes: the scenes have CamVid's.
CHANNELS = 11
SCENES = "synthetic:4"
WIDTH = 96  # characters a line
KERAS = 'model.export("keras.tflite", format="litert")'
OURS = 'segnet_tf.export(model, format="float32", output="ours.tflite")'


def small_model() -> Any:
    """A convolution, then argmax pooling and unpooling; after its ReLU zeros make many ties."""
    import keras

    from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="relu")(image)
    pooled, argmax = MaxPoolingWithArgmax2D()(x)
    return keras.Model(image, MaxUnpooling2D()(pooled, argmax, output_size=x))


def measure(model: Any, path: Path) -> dict[str, Any]:
    """The ops of a file, and either how far its output is from Keras's or LiteRT's error."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    from segnet_tf.export.tflite_file import flatbuffer

    names = {op.name for op in flatbuffer.read(path.read_bytes()).ops}
    flex = {name for name in names if "Flex" in name}
    found: dict[str, Any] = {
        "builtin": sorted(names - flex),
        "flex": sorted(name.removeprefix("CUSTOM:") for name in flex),
    }
    image = np.random.default_rng(0).uniform(0, 255, (1, *SIZE, 3)).astype(np.float32)
    interpreter = Interpreter(str(path))
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:  # an op that LiteRT lacks
        return {**found, "error": str(error).split(". ")[0]}
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    difference = np.abs(output - model.predict(image, verbose=0)).max()
    return {**found, "difference": float(difference)}


def text(call: str, row: dict[str, Any]) -> str:
    """The call and three facts, for a person."""
    if "error" in row:
        result = f"does not run. {row['error']}."
    else:
        result = f"runs. The largest difference to Keras is {row['difference']:.1g}."
    facts = {
        "builtin ops": ", ".join(row["builtin"]),
        "Flex ops": ", ".join(row["flex"]) or "none",
        "on LiteRT": result,
    }
    return "\n".join([call, *(_line(name, fact) for name, fact in facts.items())])


def _line(name: str, fact: str) -> str:
    return textwrap.fill(fact, WIDTH, initial_indent=f"  {name:13}", subsequent_indent=15 * " ")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = "Compare Keras's own export to LiteRT with that of segnet_tf."
    parser.epilog = "example:\n  python benchmarks/keras_export.py --json table.json"
    command.add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exports both ways, prints and writes what came out."""
    command.check_report(arguments)
    start_tensorflow()
    import segnet_tf

    model = small_model()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = Path(folder, "keras.tflite"), Path(folder, "ours.tflite")
        model.export(theirs, format="litert", verbose=False)
        segnet_tf.export(model, format="float32", output=ours, data=SCENES)
        for call, path in ((KERAS, theirs), (OURS, ours)):
            rows[call] = measure(model, path)
            print(text(call, rows[call]))
    write_json(arguments.json, rows)
    return 0


def main(argv: list[str] | None = None) -> int:
    """The command line; 0 if all is well, 2 for bad input."""
    return command.main("keras_export", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
