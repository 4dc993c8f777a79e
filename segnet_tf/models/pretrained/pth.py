"""Reads the tensors of a PyTorch `.pth` file with NumPy alone, without PyTorch.

A `.pth` is a pickle, and a pickle can run any code. Here nothing is ever looked up but the
names below, so the worst a forged file can do is to be refused (PyTorch's `weights_only=True`).
"""

from __future__ import annotations

import collections
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from segnet_tf.errors import UserError

# The first thing in a file of PyTorch before 1.6; later ones are zip archives.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# Where trainings put the state dict in what they save.
CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model", "net")
_STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
}


class _Pending:
    """A tensor whose numbers come later in the file."""

    def __init__(
        self,
        storage: tuple[np.dtype, str],
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        *_: object,
    ):
        self.dtype, self.key = storage
        self.offset, self.shape, self.strides = offset, tuple(shape), tuple(strides)

    def read(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        numbers = storages[self.key]
        last = self.offset + sum(
            (side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True)
        )
        # as_strided checks nothing: a forged shape would read beyond the file.
        if min((self.offset, *self.strides)) < 0 or (0 not in self.shape and last >= len(numbers)):
            raise ValueError("a tensor reaches beyond its storage")
        strides = [stride * numbers.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides)
        return view.copy()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.dtypes: dict[str, np.dtype] = {}  # of all storages by key, also of those not wanted

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Pending
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which weights don't need")

    def persistent_load(self, pid: tuple[Any, ...]) -> tuple[np.dtype, str]:
        _, dtype, key = pid[:3]
        self.dtypes[str(key)] = dtype
        return dtype, str(key)


def _parameter(tensor: _Pending, *_: object) -> _Pending:
    return tensor


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
        name -> array, float32, float16, float64 or int64 as stored.

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


def _zipped(file: BinaryIO) -> tuple[dict[str, _Pending], dict[str, np.ndarray]]:
    with zipfile.ZipFile(file) as archive:
        table = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        tensors = _tensors(_Unpickler(archive.open(table)).load())
        folder = table.removesuffix("data.pkl") + "data/"
        return tensors, _storages(tensors, lambda key, _: archive.read(folder + key))


def _legacy(file: BinaryIO) -> tuple[dict[str, _Pending], dict[str, np.ndarray]]:
    file.seek(0)
    if _Unpickler(file).load() != _LEGACY_MAGIC:
        raise ValueError("not a file of torch.save")
    for _ in ("protocol", "machine"):
        _Unpickler(file).load()
    unpickler = _Unpickler(file)
    tensors = _tensors(unpickler.load())
    contents = {}
    for key in _Unpickler(file).load():
        count = int.from_bytes(file.read(8), "little")
        contents[key] = file.read(count * unpickler.dtypes[key].itemsize)
    return tensors, _storages(tensors, lambda key, _: contents[key])


def _tensors(content: object) -> dict[str, _Pending]:
    if isinstance(content, dict):
        content = unwrapped(content)
    if not isinstance(content, dict) or not all(
        isinstance(value, _Pending) for value in content.values()
    ):
        raise ValueError("it holds something else than names and tensors")
    return dict(content)


def _storages(
    tensors: dict[str, _Pending], read: Callable[[str, np.dtype], bytes]
) -> dict[str, np.ndarray]:
    return {
        tensor.key: np.frombuffer(read(tensor.key, tensor.dtype), tensor.dtype)
        for tensor in tensors.values()
    }
