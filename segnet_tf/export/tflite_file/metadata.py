"""TFLite Metadata in a file: what goes in, what comes out, the classes' names and colors.

MediaPipe's ImageSegmenter then opens the file with no further option, and Android Studio shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.data import class_file
from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.classes import Color
from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file import flatbuffer, metadata_tables
from segnet_tf.export.tflite_file import labels as archive
from segnet_tf.export.tflite_file import uncertainty as entries
from segnet_tf.export.tflite_file.labels import LABELS
from segnet_tf.export.tflite_file.uncertainty import Uncertainty
from segnet_tf.version import __version__

BUFFER = "TFLITE_METADATA"
IDENTIFIER = b"M001"
SEGMENTER, SEGMENTER_IDENTIFIER = "SEGMENTER_METADATA", b"V001"
OUTPUT = "segmentation_masks"
# The first version of the schema that has SEGMENTER_METADATA.
SCHEMA_VERSION = "1.5.0"
# What a client has to do to the output for probabilities.
ACTIVATIONS = ("none", "sigmoid", "softmax")
# Enums of metadata_schema.fbs.
_RGB, _GREY, _IMAGE, _NORMALIZATION, _AXIS_LABELS = map(np.int8, (1, 2, 2, 1, 2))


@dataclass(frozen=True)
class Metadata:
    """What a file says of itself.

    Attributes:
        labels: class names in order of their ids; `None` if it has none.
        normalization: what a client subtracts from the pixels and then divides them by, each one
            number or one a channel; `None` if not said.
        activation: one of `ACTIVATIONS`; `None` for no segmenter.
        input: name of the input.
        output: name of the output.
        description: of the model, for a person.
        uncertainty: of the output before that of the classes; `None` for a file with one.
        colors: `(red, green, blue)` in 0..255 of each class in that order; `None` if it has none.
    """

    labels: tuple[str, ...] | None
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    activation: str | None = None
    input: str | None = None
    output: str | None = None
    description: str | None = None
    uncertainty: Uncertainty | None = None
    colors: tuple[Color, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON types."""
        return asdict(self)


def attach(
    content: bytes,
    output_kind: str,
    labels: Sequence[str] | None,
    activation: str | None = None,
    uncertainty: Uncertainty | None = None,
    colors: Sequence[Color] | None = None,
) -> bytes:
    """Adds the metadata to a file that `convert.convert` made; the same bytes each time.

    Args:
        content: of the file; its weights stay where they are, and aligned.
        output_kind: `"logits"`, `"probabilities"` or `"labels"`. A label map gets its class names
            and colors only: MediaPipe would take the ids for scores and show a wrong mask.
        labels: as `check_labels` lets them pass, or `None`.
        activation: what makes probabilities of the logits; `None` is sigmoid for one logit, softmax
            for more.
        uncertainty: what the first of two outputs is made of, if there are two.
        colors: of the classes, one each, for those who draw them. They go with `labels`.

    Raises:
        UserError: the file has metadata already.
    """
    if output_kind != "labels":
        with flatbuffer.damage_in_one_line():
            if _buffer(content, BUFFER) is not None:
                raise UserError(
                    "`tflite` must be a file without metadata to get some. "
                    "Received: one that has it. Export it again."
                )
            graph = flatbuffer.read(content)
        tables = _model(graph, output_kind, labels, activation, uncertainty)
        data = metadata_tables.write(tables, IDENTIFIER)
        content = metadata_tables.with_buffer(content, BUFFER, data)
    if uncertainty is not None:
        content = metadata_tables.with_buffer(content, entries.ENTRY, uncertainty.to_bytes())
    return content if labels is None else archive.append(content, labels, colors)


def _model(
    graph: flatbuffer.Graph,
    kind: str,
    labels: Sequence[str] | None,
    activation: str | None,
    uncertainty: Uncertainty | None,
) -> dict[int, Any]:
    image, maps = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[-1]]
    height, width, image_channels = image.shape[1:4]
    channels = maps.shape[-1]
    if kind == "probabilities":
        activation = "none"
    elif activation is None:
        activation = "sigmoid" if channels == 1 else "softmax"
    # The schema has no name for other images.
    space = {1: _GREY, 3: _RGB}.get(image_channels, np.int8(0))
    seen = {1: "Grey", 3: "RGB"}.get(image_channels, f"{image_channels} channels")
    described_input = {
        0: "image",
        1: f"{seen}, 0..255, {height}x{width} (height x width): normalization is in the model.",
        3: {0: _IMAGE, 1: {0: space, 1: {0: np.uint32(width), 1: np.uint32(height)}}},
        4: [{0: _NORMALIZATION, 1: {0: [0.0], 1: [1.0]}}],
        5: {0: [255.0], 1: [0.0]},
    }
    described_output = {
        0: OUTPUT,
        1: f"{kind.capitalize()} of each pixel's classes, {channels} a pixel.",
        3: {0: _IMAGE, 1: {0: _GREY}},
    }
    if labels is not None:
        file = {0: LABELS, 1: "The classes' names, in order of their ids.", 2: _AXIS_LABELS}
        described_output[6] = [file]
    outputs = [described_output]
    if uncertainty is not None:
        what = f"Entropy of each pixel's probabilities in nats, samples: {uncertainty.samples}."
        outputs.insert(0, {0: entries.OUTPUT, 1: what, 3: {0: _IMAGE, 1: {0: _GREY}}})
    options = {0: np.int8(ACTIVATIONS.index(activation)), 1: "1.0.0"}
    segmenter = metadata_tables.write(options, SEGMENTER_IDENTIFIER)
    return {
        0: "SegNet",
        1: f"Semantic segmentation of images. Exported by segnet_tf {__version__}.",
        3: [{2: [described_input], 3: outputs, 9: [{0: SEGMENTER, 1: segmenter}]}],
        7: SCHEMA_VERSION,
    }


def _buffer(content: bytes, name: str) -> bytes | None:
    model = schema.Model.GetRootAs(content, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == name.encode():
            data = model.Buffers(entry.Buffer()).DataAsNumpy()
            return b"" if isinstance(data, int) else data.tobytes()
    return None


def read(content: bytes, name: str = "the file") -> Metadata | None:
    """What a .tflite file says of itself, whoever wrote it; `None` if it says nothing.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        UserError: the metadata is damaged.
    """
    labels, colors = archive.read_labels(content, name), archive.read_colors(content, name)
    with flatbuffer.damage_in_one_line(
        "have whole metadata, or none",
        f"{name}, whose metadata cannot be read",
        "Write its metadata anew.",
    ):
        entry = _buffer(content, entries.ENTRY)
        uncertainty = None if entry is None else entries.from_bytes(entry, name)
        data = _buffer(content, BUFFER)
        if data is None:
            is_silent = labels is None and uncertainty is None
            if is_silent:
                return None
            return Metadata(labels, uncertainty=uncertainty, colors=colors)
        if data[4:8] != IDENTIFIER:
            raise ValueError("metadata without its identifier")
        root = metadata_tables.Table(data)
        graphs = root.tables(3)
        if not graphs:
            said = root.text(1)
            return Metadata(labels, description=said, uncertainty=uncertainty, colors=colors)
        inputs, outputs = graphs[0].tables(2), graphs[0].tables(3)
        return Metadata(
            labels,
            _normalization(inputs[0]) if inputs else None,
            _activation(graphs[0]),
            inputs[0].text(0) if inputs else None,
            outputs[0 if uncertainty is None else -1].text(0) if outputs else None,
            root.text(1),
            uncertainty,
            colors,
        )


def _normalization(
    tensor: metadata_tables.Table,
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.byte(0) == _NORMALIZATION and options is not None:
            return options.floats(0), options.floats(1)
    return None


def _activation(graph: metadata_tables.Table) -> str | None:
    for custom in graph.tables(9):
        if custom.text(0) == SEGMENTER:
            return ACTIVATIONS[metadata_tables.Table(custom.bytes(1)).byte(0)]
    return None


def label_file(path: str | Path) -> ClassFile:
    """Class names, and colors if it has them, in one of the forms of `segnet_tf.data.class_file`.

    Raises:
        UserError: it cannot be read as one.
    """
    path = Path(path)
    if path.suffix not in (".txt", ".csv", ".json"):
        raise UserError(
            f"`labels` must be a .txt, .csv or .json file. Received: {path}. "
            "Write labels.txt with one class name a line."
        )
    return class_file.load(path)


def check_labels(labels: Sequence[str], channels: int, source: str) -> tuple[str, ...]:
    """`labels`, if they fit a model with `channels` logits a pixel.

    Raises:
        UserError: there are too many or too few, or one is more than a line.
    """
    count = max(channels, 2)
    if len(labels) != count:
        raise UserError(
            f"`labels` must name the {count} classes of the model, one each. "
            f"Received: {len(labels)} names in {source}. Name every class once, void not."
        )
    for label in labels:
        if label.splitlines() != [label] or not label.strip():
            raise UserError(
                f"`labels` must be one line each. Received: {label!r} in {source}. Rename it."
            )
    return tuple(labels)
