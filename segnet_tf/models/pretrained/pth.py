"""Reads the tensors of a PyTorch `.pth` file with NumPy alone, without PyTorch.

Its pickle is read by `weights_pickle`, which runs no code. Arrays are views of the file's bytes, so
that they take no more memory than the file has.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.models.pretrained.weights_pickle import Pending, WeightsUnpickler

# The first thing in a file of PyTorch before 1.6; later ones are zip archives.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# Where trainings put the state dict in what they save.
CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model", "net")


def unwrapped(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state dict in what a training saved, which may hold its epoch and its optimizer too."""
    for key in CONTAINERS:
        if isinstance(content.get(key), Mapping):
            return unwrapped(content[key])
    return content


def read_pth(path: str | Path) -> dict[str, np.ndarray]:
    """A state dict, out of a file of any PyTorch since 0.4.

    Args:
        path: a `.pth` that holds a state dict, names and tensors, alone or under one of
            `CONTAINERS`.

    Returns:
        name -> array that cannot be written to: float32, float16, float64 or int64 as stored.

    Raises:
        UserError: no such file, no state dict, a damaged one, or one that asks for code.
    """
    try:
        with open(path, "rb") as file:
            tensors, storages = _zipped(file) if zipfile.is_zipfile(file) else _legacy(file)
        return {name: tensor.read(storages) for name, tensor in tensors.items()}
    # Unpickling damaged bytes can raise nearly anything.
    except Exception as error:
        raise UserError(
            "`weights` must be a .pth file with a plain state dict. "
            f"Received: {path}: {(str(error).splitlines() or [type(error).__name__])[0]}. "
            "Save `model.state_dict()` with torch.save."
        ) from error


def _zipped(file: BinaryIO) -> tuple[dict[str, Pending], dict[str, np.ndarray]]:
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        # PyTorch stores them as they are. Compressed, a small file could hold any size.
        entries = {entry.filename: entry for entry in archive.infolist()}
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise ValueError("its archive is compressed")
        table = next(name for name in entries if name.endswith("data.pkl"))
        tensors = _tensors(WeightsUnpickler(archive.open(table)).load())
        folder = table.removesuffix("data.pkl") + "data/"
        wanted = {tensor.key for tensor in tensors.values()}
        if sum(entries[folder + key].file_size for key in wanted) > size:
            raise ValueError("its storages are larger than the file")
        return tensors, _storages(tensors, {key: archive.read(folder + key) for key in wanted})


def _legacy(file: BinaryIO) -> tuple[dict[str, Pending], dict[str, np.ndarray]]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if WeightsUnpickler(file).load() != _LEGACY_MAGIC:
        raise ValueError("not a file of torch.save")
    for _ in ("protocol", "machine"):
        WeightsUnpickler(file).load()
    unpickler = WeightsUnpickler(file)
    tensors = _tensors(unpickler.load())
    contents = {}
    for key in WeightsUnpickler(file).load():
        count = int.from_bytes(file.read(8), "little") * unpickler.dtypes[key].itemsize
        if count > size - file.tell():
            raise ValueError("a storage reaches beyond the file")
        contents[key] = file.read(count)
    return tensors, _storages(tensors, contents)


def _tensors(content: object) -> dict[str, Pending]:
    if isinstance(content, dict):
        content = unwrapped(content)
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Pending) for name, value in content.items()
    ):
        raise ValueError("it holds something else than names and tensors")
    return dict(content)


def _storages(tensors: dict[str, Pending], contents: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    return {
        tensor.key: np.frombuffer(contents[tensor.key], tensor.dtype) for tensor in tensors.values()
    }
