"""A trained model as an ONNX file, for ONNX Runtime, OpenCV and whatever else reads one.

Pooling and unpooling are the plain ops that a float32 .tflite file has, see `conversion.lowering`:
no custom op, and no op with indices, which few runtimes have.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export import sources
from segnet_tf.export.checks import agreement
from segnet_tf.export.checks.parity import label_map
from segnet_tf.export.conversion import convert, graph
from segnet_tf.export.conversion.layer_lowering import BuiltinLowering
from segnet_tf.export.exporter import default_output, image_size
from segnet_tf.export.tflite_file import formats
from segnet_tf.export.tflite_file.formats import OutputKind
from segnet_tf.models import output_kind as output_kinds
from segnet_tf.models.input_size import check_size
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.outputs import check_file

if TYPE_CHECKING:
    from segnet_tf.data import Samples, arrays
    from segnet_tf.export.sources import Source

# Old enough for OpenCV's reader, new enough for every op here.
OPSET = 17
IMAGES = 8
# The share of pixels that must have Keras's class: float32 sums in another order.
AGREEMENT = 0.99
# The largest difference to Keras's logits on an image full of ties, of the largest logit: a value
# that is unpooled to another place makes a hundred times this.
DIFFERENCE = 1e-3
TIE_BLOCK = 8  # pixels


def export_onnx(
    model: str | Path | keras.Model | Source | None = None,
    *,
    data: str | Path | Samples | arrays.Data | None = None,
    output: str | Path | None = None,
    input_size: tuple[int, int] | None = None,
    output_kind: OutputKind = "logits",
    batch: int = 1,
    labels: str | Path | None = None,
    limit: int = IMAGES,
    overwrite: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Writes a float32 ONNX file, checks it on ONNX Runtime, and only then gives it its name.

    Args:
        model: as `exporter.export` takes it.
        data: images to compare on, as `ExportOptions.data`; `None` is what the run was trained on,
            or synthetic scenes.
        output: the file; `None` names it after the model, in the run's folder or next to the model.
        input_size: `(height, width)` in pixels, which the file is fixed to; `None` is the model's
            own, or else the data's.
        output_kind: `"logits"`, `"probabilities"` or `"labels"` (class ids).
        batch: images at a time.
        labels: file with the names of the classes, which go into the file; `None` takes the run's.
        limit: validation images to compare on.
        overwrite: replace an existing file.

    Returns:
        The file, whose input `image` is float32 `(batch, height, width, channels)`, RGB 0..255, and
        its output float32 `(batch, height, width, classes)` or int32 `(batch, height, width)`; and
        what was found, as JSON.

    Raises:
        UserError: a package is missing, the model cannot be written so, or the file is not what
            Keras computes; nothing has been written.
    """
    tf2onnx, onnx = _import("tf2onnx"), _import("onnx")
    _import("onnxruntime")
    source = sources.of(model)
    formats.check("float32", "float32", output_kind, batch, "builtin")
    if output is None and source.in_memory:
        raise UserError(
            "`output` must be given for a model in memory, which has no file to be named after. "
            f"Received: none, for {source.name}. Give output='NAME.onnx'."
        )
    path = Path(output or default_output(source.name, "float32").with_suffix(".onnx"))
    check_file(path, overwrite)
    opened = source.opened(data, limit)
    samples = source.samples(opened, "val", limit)
    # Arrays have no names for their classes.
    classes = source.classes(labels, samples if opened is data else None)
    size = input_size or image_size(source, samples)
    check_size(source.model, size, "input_size")
    given = convert.checked_output(source.model, output_kind, "float32")
    function = convert.lowered(
        graph.network_of(source.model),
        (batch, *size),
        BuiltinLowering(None, None),
        given,
        output_kind,
    )
    found, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=OPSET
    )
    onnx.helper.set_model_props(
        found,
        {
            "input": "RGB, 0 to 255",
            "output": output_kind,
            **({"classes": json.dumps(list(classes.names))} if classes else {}),
        },
    )
    onnx.checker.check_model(found)
    foreign = {node.domain for node in found.graph.node} - {"", "ai.onnx"}
    if foreign:
        raise UserError(
            f"`model` must be one that ONNX's own ops can say. Received: ops of {foreign}. "
            "Export it as .tflite."
        )
    content = found.SerializeToString()
    shape = (batch, *size, source.model.input_shape[3])
    facts: dict[str, Any] = {
        "file": str(path),
        "bytes": len(content),
        "opset": OPSET,
        "ops": dict(Counter(node.op_type for node in found.graph.node)),
        "input": list(shape),
        "output_kind": output_kind,
        **_compared(content, source.model, given, output_kind, shape, samples, limit),
    }
    with replacing(path) as aside:
        aside.write_bytes(content)
    return path, facts


def text(facts: dict[str, Any]) -> str:
    """What `export_onnx` found, for a person."""
    ops = ", ".join(f"{count} {name}" for name, count in sorted(facts["ops"].items()))
    ties = facts["tie_difference"]
    return "\n".join(
        [
            f"file         {facts['file']}, {facts['bytes'] / 1e6:.2f} MB, "
            f"ONNX opset {facts['opset']}",
            f"input        {'x'.join(map(str, facts['input']))} float32, RGB 0..255",
            f"ops          {ops}",
            f"agreement    {100 * facts['pixel_agreement']:.2f} % of pixels have Keras's class on "
            f"ONNX Runtime ({facts['images']} images)",
            *([] if ties is None else [f"ties         differ from Keras's by {ties:.1e} at most"]),
        ]
    )


def _compared(
    content: bytes,
    model: keras.Model,
    given: output_kinds.Output,
    output_kind: OutputKind,
    shape: tuple[int, ...],
    samples: Samples | None,
    limit: int,
) -> dict[str, Any]:
    """The file on ONNX Runtime against Keras; UserError if it computes something else."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(image: np.ndarray) -> np.ndarray:
        values: np.ndarray = session.run(None, {graph.INPUT: image})[0]
        return values

    images = agreement.model_images(shape, samples, -(-limit // shape[0]))
    same = []
    for image in images:
        expected = label_map(
            model.predict_on_batch(image), 0.5 if given.kind == "probabilities" else 0.0
        )
        values = run(image)
        if output_kind != "labels":
            values = label_map(values, 0.5 if output_kind == "probabilities" else 0.0)
        same.append(float(np.mean(values == expected)))
    share = float(np.mean(same))
    if share < AGREEMENT:
        raise UserError(
            f"`model` must compute the same on ONNX Runtime. Received: {100 * share:.2f} % of "
            f"pixels with Keras's class, {100 * AGREEMENT:g} are needed. Export it as .tflite."
        )
    worst = None
    if output_kind == given.kind:
        image = _ties(shape)
        expected = model.predict_on_batch(image)
        worst = float(np.abs(run(image) - expected).max() / np.abs(expected).max())
        if not worst <= DIFFERENCE:
            raise UserError(
                "`model` must unpool ties on ONNX Runtime as Keras does. Received: outputs that "
                f"differ by {worst:.1e} of the largest. Export it as .tflite."
            )
    return {"pixel_agreement": share, "images": len(images) * shape[0], "tie_difference": worst}


def _ties(shape: tuple[int, ...]) -> np.ndarray:
    """Blocks of one color: most windows have equal maxima."""
    batch, height, width, channels = shape
    rows, columns = -(-height // TIE_BLOCK), -(-width // TIE_BLOCK)
    colors = np.random.default_rng(0).integers(0, 256, (batch, rows, columns, channels))
    image = colors.repeat(TIE_BLOCK, 1).repeat(TIE_BLOCK, 2)[:, :height, :width]
    return image.astype(np.float32)


def _import(name: str) -> ModuleType:
    """An optional package; UserError with how to install it."""
    try:
        __import__(name)
    except ImportError as error:
        raise UserError(
            f"ONNX files need the extra `onnx`. Received: no {name}. Install it: "
            "pip install 'segnet_tf[onnx]', or in a checkout "
            "pip install -c constraints.txt -e '.[onnx]'"
        ) from error
    return sys.modules[name]
