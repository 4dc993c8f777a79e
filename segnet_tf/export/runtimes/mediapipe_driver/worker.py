"""Opens a .tflite file with MediaPipe's ImageSegmenter, which gets no other option than the file.

It runs in an environment of its own, which has MediaPipe and nothing of this project.

python worker.py JOB

JOB holds `model.tflite` and `images.npz`, uint8 `(height, width, 3)` RGB each. It gets
`outputs.npz` with `NAME/category` (uint8) and `NAME/confidence` (float32, classes first) for each
image, and `labels`. What MediaPipe says of a file that it refuses is in `refused.txt`. With
--describe it gets `described.json`, what MediaPipe's generated code reads in the metadata.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def main(job: Path) -> int:
    import mediapipe
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    options = vision.ImageSegmenterOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(job / "model.tflite")),
        # Which outputs are wanted, not how to read the file.
        output_category_mask=True,
        output_confidence_masks=True,
    )
    try:
        segmenter = vision.ImageSegmenter.create_from_options(options)
    except (ValueError, RuntimeError, OSError) as error:
        (job / "refused.txt").write_text(str(error), encoding="utf-8")
        return 0
    outputs = {"labels": np.array(segmenter.labels, dtype=str)}
    with np.load(job / "images.npz") as images, segmenter:
        for name in images.files:
            image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(images[name]))
            found = segmenter.segment(image)
            masks = [mask.numpy_view() for mask in found.confidence_masks]
            outputs[f"{name}/confidence"] = np.stack([np.squeeze(mask) for mask in masks])
            outputs[f"{name}/category"] = np.squeeze(found.category_mask.numpy_view()).copy()
    np.savez(job / "outputs.npz", **outputs)  # type: ignore[arg-type]  # taken for allow_pickle
    return 0


def describe(job: Path) -> int:
    from mediapipe.tasks.metadata import (
        image_segmenter_metadata_schema_py_generated as segmenter_schema,
    )
    from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
    from mediapipe.tasks.metadata import schema_py_generated as tflite_schema

    model = tflite_schema.Model.GetRootAs((job / "model.tflite").read_bytes(), 0)
    entry = next(
        entry
        for entry in map(model.Metadata, range(model.MetadataLength()))
        if entry.Name() == b"TFLITE_METADATA"
    )
    data = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    root = schema.ModelMetadataT.InitFromPackedBuf(data)
    graph = root.subgraphMetadata[0]
    image, maps = graph.inputTensorMetadata[0], graph.outputTensorMetadata[0]
    properties = image.content.contentProperties
    normalization = image.processUnits[0].options
    custom = []
    for item in graph.customMetadata:
        options = segmenter_schema.ImageSegmenterOptionsT.InitFromPackedBuf(bytes(item.data))
        version = options.minParserVersion.decode()
        custom.append([item.name.decode(), options.activation, version])
    found = {
        "identifier": schema.ModelMetadata.ModelMetadataBufferHasIdentifier(data, 0),
        "input": [
            image.name.decode(),
            "RGB" if properties.colorSpace == schema.ColorSpaceType.RGB else None,
            [properties.defaultSize.width, properties.defaultSize.height],
            list(map(float, normalization.mean)),
            list(map(float, normalization.std)),
            list(map(float, image.stats.min)),
            list(map(float, image.stats.max)),
        ],
        "output": [
            maps.name.decode(),
            [[file.name.decode(), file.type] for file in maps.associatedFiles],
        ],
        "custom": custom,
        "min_parser_version": root.minParserVersion.decode(),
    }
    (job / "described.json").write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit((describe if "--describe" in sys.argv else main)(Path(sys.argv[1])))
