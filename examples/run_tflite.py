"""Runs a segmentation .tflite file with LiteRT and NumPy alone: no TensorFlow, no Keras.

On a Raspberry Pi or any other Linux, x86 or ARM:

    pip install ai-edge-litert pillow
    python run_tflite.py model.tflite photo.jpg --output mask.png

Size, numbers, class names and colors are those that the file holds. Without Pillow the picture has
to be an .npy file, uint8 (height, width, 3), of the model's size. The mask has the model's size.
"""

from __future__ import annotations

import argparse
import colorsys
import io
import json
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers.table import Table  # LiteRT needs it too


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a .tflite file")
    parser.add_argument("picture", type=Path, help="a picture, or an .npy file")
    parser.add_argument("--output", type=Path, default=Path("mask.png"), help="the mask to write")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=10, help="runs to take the time of")
    arguments = parser.parse_args()

    content = arguments.model.read_bytes()
    interpreter = Interpreter(str(arguments.model), num_threads=arguments.threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    result = interpreter.get_output_details()[-1]  # before it there may be an uncertainty
    mean, deviation, is_logit = metadata(content)

    pixels = read_picture(arguments.picture, source["shape"])
    numbers = (pixels.astype(np.float32) - mean) / deviation
    values = encoded(numbers, source)
    interpreter.set_tensor(source["index"], np.repeat(values[None], source["shape"][0], axis=0))
    times = []
    for _ in range(arguments.repeat):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(1000 * (time.perf_counter() - start))
    mask = classes(interpreter.get_tensor(result["index"])[0], result, is_logit)

    names, colors = names_and_colors(content, int(mask.max()) + 1)
    for number, count in enumerate(np.bincount(mask.ravel(), minlength=len(names))):
        if count:
            print(f"{names[number]:<20} {100 * count / mask.size:5.1f} %")
    print(f"{np.median(times):.1f} ms, {arguments.threads} threads")
    write_png(arguments.output, mask, colors)


def read_picture(path: Path, shape: np.ndarray) -> np.ndarray:
    """uint8 `(height, width, channels)`, stretched to what the model takes."""
    _, height, width, channels = map(int, shape)
    if path.suffix == ".npy":
        return np.load(path).reshape(height, width, channels)
    from PIL import Image

    picture = Image.open(path).convert("L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture).reshape(height, width, channels)


def encoded(numbers: np.ndarray, tensor: dict) -> np.ndarray:
    """Numbers as an input takes them: float32 as they are, uint8 and int8 as codes."""
    scale, zero_point = tensor["quantization"]
    if np.issubdtype(tensor["dtype"], np.floating):
        return numbers.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    codes = np.rint(numbers / np.float32(scale or 1)) + zero_point
    return np.clip(codes, limits.min, limits.max).astype(tensor["dtype"])


def classes(values: np.ndarray, tensor: dict, is_logit: bool) -> np.ndarray:
    """Class ids, uint8 `(height, width)`, out of what the model gave for a picture."""
    if values.ndim == 2:  # ids already
        return values.astype(np.uint8)
    scale, zero_point = tensor["quantization"]
    numbers = (values.astype(np.float32) - zero_point) * np.float32(scale) if scale else values
    if numbers.shape[-1] == 1:  # one number for two classes
        return (numbers[..., 0] > (0.0 if is_logit else 0.5)).astype(np.uint8)
    return numbers.argmax(-1).astype(np.uint8)


def names_and_colors(content: bytes, count: int) -> tuple[list[str], list[list[int]]]:
    """The names and colors in the zip archive behind the network; numbers and made-up colors."""
    names = [str(number) for number in range(count)]
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if "labels.txt" in archive.namelist():
                names = archive.read("labels.txt").decode().splitlines()
            if "colors.json" in archive.namelist():
                return names, json.loads(archive.read("colors.json"))
    wheel = (colorsys.hsv_to_rgb(0.618 * number % 1, 0.7, 0.9) for number in range(len(names)))
    return names, [[round(255 * part) for part in color] for color in wheel]


def metadata(content: bytes) -> tuple[np.ndarray, np.ndarray, bool]:
    """What to subtract from a pixel and divide it by, and if one number a pixel is a logit.

    TFLite Metadata is a flatbuffer in the file; the slots are those of metadata_schema.fbs.
    """
    mean, deviation, is_logit = np.zeros(1, np.float32), np.ones(1, np.float32), True
    model = schema.Model.GetRootAs(content, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() != b"TFLITE_METADATA":
            continue
        graphs = tables(root_of(bytearray(model.Buffers(entry.Buffer()).DataAsNumpy())), 3)[:1]
        for unit in below(below(graphs, 2)[:1], 4):
            is_normalization = unit.Offset(4) and unit.Bytes[unit.Pos + unit.Offset(4)] == 1
            if is_normalization and unit.Offset(6):
                options = Table(unit.Bytes, unit.Indirect(unit.Pos + unit.Offset(6)))
                mean, deviation = (vector(options, slot, "<f4") for slot in (0, 1))
                break
        for custom in below(graphs, 9):
            segmenter = root_of(bytearray(vector(custom, 1, "u1")))
            activation = segmenter.Offset(4)
            is_logit = bool(activation and segmenter.Bytes[segmenter.Pos + activation])
    return mean, deviation, is_logit


def below(parents: list[Table], slot: int) -> list[Table]:
    """The tables in one slot of each of several."""
    return [child for parent in parents for child in tables(parent, slot)]


def root_of(data: bytearray) -> Table:
    return Table(data, struct.unpack_from("<I", data)[0])


def vector(table: Table, slot: int, dtype: str) -> np.ndarray:
    """A vector of numbers in a table, empty if it has none."""
    field = table.Offset(4 + 2 * slot)
    if not field:
        return np.zeros(0, dtype)
    return np.frombuffer(table.Bytes, dtype, table.VectorLen(field), table.Vector(field))


def tables(table: Table, slot: int) -> list[Table]:
    """A vector of tables in a table."""
    field = table.Offset(4 + 2 * slot)
    places = range(table.VectorLen(field)) if field else ()
    return [Table(table.Bytes, table.Indirect(table.Vector(field) + 4 * i)) for i in places]


def write_png(path: Path, mask: np.ndarray, colors: list[list[int]]) -> None:
    """A PNG whose pixels are class ids, with the colors as its palette."""
    height, width = mask.shape
    rows = np.pad(mask, ((0, 0), (1, 0))).tobytes()  # 0 before each row: no filter
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(part for color in colors for part in color)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


if __name__ == "__main__":
    main()
