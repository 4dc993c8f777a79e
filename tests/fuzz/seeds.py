"""Small whole files of every kind, which are damaged then."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, features

FIXTURES = Path(__file__).parents[1] / "fixtures"


def pictures() -> list[bytes]:
    """Images and masks of all formats and modes that are read, 9 by 7 pixels."""
    kinds = {
        "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
        "JPEG": ("RGB", "L", "CMYK"),
        "BMP": ("RGB", "P", "1"),
        "TIFF": ("RGB", "RGBA", "L", "P", "1", "I;16", "I", "F"),
        "GIF": ("P",),
        "WEBP": ("RGB", "RGBA"),
        "PPM": ("RGB", "L"),
        "AVIF": ("RGB",) if features.check("avif") else (),
    }
    noise = np.random.default_rng(0).integers(0, 3, (7, 9, 3), np.uint8)
    found = []
    for kind, modes in kinds.items():
        for mode in modes:
            image = Image.fromarray(noise)
            grey = image.convert("L")
            image = grey.convert("I").convert(mode) if mode[0] in "IF" else image.convert(mode)
            for options in ({}, {"compression": "tiff_lzw"}) if kind == "TIFF" else ({},):
                file = io.BytesIO()
                image.save(file, kind, **options)
                found.append(file.getvalue())
    return found


def weights() -> list[bytes]:
    """The two forms of .pth, and each of their pickles."""
    found = [(FIXTURES / name).read_bytes() for name in ("small.pth", "small_legacy.pth")]
    with zipfile.ZipFile(FIXTURES / "small.pth") as archive:
        table = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        found.append(archive.read(table))
    return found


def packed_weights(pickle: bytes) -> bytes:
    """A .pth of that pickle with one storage."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/data/0", struct.pack("<8f", *range(8)))
    return file.getvalue()


def networks() -> list[bytes]:
    """Files of LiteRT with one convolution: bare, with metadata, with an uncertainty."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    from segnet_tf.export.tflite_file import metadata
    from segnet_tf.export.tflite_file.uncertainty import Uncertainty

    def tensor(name: str, shape: list[int], buffer: int) -> schema.TensorT:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = name.encode(), np.array(shape, np.int32), buffer
        made.type = schema.TensorType.FLOAT32
        scales = schema.QuantizationParametersT()
        scales.scale, scales.zeroPoint = np.array([0.5], "f4"), np.array([3], np.int64)
        made.quantization = scales
        return made

    def buffer(data: bytes) -> schema.BufferT:
        made = schema.BufferT()
        made.data = np.frombuffer(data, np.uint8) if data else None
        return made

    op, code = schema.OperatorT(), schema.OperatorCodeT()
    op.inputs, op.outputs = np.array([0, 1], np.int32), np.array([2], np.int32)
    op.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    op.builtinOptions = schema.Conv2DOptionsT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors = [tensor("image", [1, 8, 8, 3], 1), tensor("kernel", [2, 1, 1, 3], 2)]
    graph.tensors.append(tensor("map", [1, 8, 8, 2], 1))
    graph.inputs, graph.outputs = np.array([0], np.int32), np.array([2], np.int32)
    graph.operators = [op]
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [buffer(b""), buffer(b""), buffer(np.arange(6, dtype="<f4").tobytes())]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    bare = bytes(builder.Output())
    said = metadata.attach(bare, "logits", ("road", "sky"))
    return [bare, said, metadata.attach(bare, "labels", ("road", "sky"), None, Uncertainty(8, 3))]


def archives() -> list[bytes]:
    """Class names behind a model, in zip archives of several kinds."""
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        file = io.BytesIO(b"\x1c\0\0\0TFL3" + bytes(20))
        with zipfile.ZipFile(file, "a", method) as archive:
            archive.writestr("labels.txt", "road\nsky\n" * 9)
            archive.writestr("other.txt", "a")
        found.append(file.getvalue())
    return found


def keras_file() -> bytes:
    """A model of one convolution as Keras saves it."""
    import keras

    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 1, name="last")(image))
    file = Path("model.keras")
    model.save(file)
    return file.read_bytes()
