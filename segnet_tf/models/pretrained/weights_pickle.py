"""Unpickles the names and shapes of PyTorch's weights, and nothing else.

A pickle can run any code. Here only the instructions that weights need are known, nothing is looked
up but the names below, nothing is called but what they stand for, and no attribute is ever set. So
the worst that a forged file can do is to be refused.
"""

from __future__ import annotations

import collections
import math
import pickle
from collections.abc import Callable
from typing import IO, Any, ClassVar, NamedTuple

import numpy as np

_STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
}
# Names and shapes take about 200 bytes a tensor; a byte of pickle can become a list of 56.
_PICKLE_BYTES = 2 * 2**20
_INSTRUCTIONS = (
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "GLOBAL", "STACK_GLOBAL"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", "BINPERSID"),
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    *("LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST", "APPEND"),
    *("APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "REDUCE", "BUILD"),
)


class Pending(NamedTuple):
    """A tensor whose numbers come later in the file."""

    dtype: np.dtype
    key: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        """The tensor, a view of its storage; ValueError if it reaches beyond that."""
        numbers = storages[self.key]
        last = self.offset + sum(
            (side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True)
        )
        # as_strided checks nothing: a forged shape would read beyond the file, and strides of 0
        # would make any size of one number.
        count = math.prod(self.shape)
        if count and (last >= len(numbers) or count > len(numbers)):
            raise ValueError("a tensor reaches beyond its storage")
        strides = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(
            numbers[self.offset :], self.shape, strides, writeable=False
        )


def _tensor(
    storage: tuple[np.dtype, str],
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: object,
) -> Pending:
    shape, strides = tuple(shape), tuple(strides)
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *strides)):
        raise ValueError("a tensor's shape is not made of whole numbers")
    dtype, key = storage
    return Pending(dtype, key, offset, shape, strides)


def _parameter(tensor: Pending, *_: object) -> Pending:
    return tensor


_NAMES: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): dtype for name, dtype in _STORAGES.items()},
}
_CALLED = (collections.OrderedDict, _tensor, _parameter)


class _Bounded:
    """The beginning of a file, as far as names and shapes may reach."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, _PICKLE_BYTES

    def _take(self, content: bytes) -> bytes:
        self._left -= len(content)
        return content

    def read(self, count: int) -> bytes:
        if count > self._left:
            raise ValueError("its names and shapes are larger than weights need")
        return self._take(self._file.read(count))

    def readline(self) -> bytes:
        return self._take(self._file.readline(self._left))


# Python's own form of `pickle.Unpickler`: the one in C reserves memory for any number that a file
# names (gigabytes for 10 bytes), and its instructions cannot be left out.
class WeightsUnpickler(pickle._Unpickler):
    """Reads one pickle of a file, and leaves the file behind it.

    Args:
        file: open where the pickle begins.

    Attributes:
        dtypes: of all storages by key, also of those that no weight has.
    """

    stack: list[Any]
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in _INSTRUCTIONS
    }

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(_Bounded(file))
        self.dtypes: dict[str, np.dtype] = {}

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which weights don't need")
        return _NAMES[module, name]

    def persistent_load(self, pid: tuple[Any, ...]) -> tuple[np.dtype, str]:
        _, dtype, key = pid[:3]
        if not isinstance(dtype, np.dtype) or not isinstance(key, str | int):
            raise ValueError("a storage has no type")
        self.dtypes[str(key)] = dtype
        return dtype, str(key)

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        if not any(self.stack[-1] is known for known in _CALLED):
            raise ValueError("it calls what weights don't need")
        self.stack[-1] = self.stack[-1](*arguments)

    def load_build(self) -> None:
        # What PyTorch notes on a state dict, `_metadata`; it is left out.
        self.stack.pop()
        if type(self.stack[-1]) is not collections.OrderedDict:
            raise ValueError("it changes what weights don't need")

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
