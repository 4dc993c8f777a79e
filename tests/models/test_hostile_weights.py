"""`.pth` files of an attacker: refused in one line, in little memory, and nothing is changed."""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from segnet_tf.errors import UserError
from segnet_tf.models.pretrained import weights_pickle
from segnet_tf.models.pretrained.pth import read_pth

STORAGE = (
    b"(\x8c\x07storage"  # noqa: ISC003
    + b"\x8c\x05torch\x8c\x0cFloatStorage\x93"
    + b"\x8c\x010\x8c\x03cpuK\x04tQ"
)
REBUILD = b"\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93"


def text(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


def tensor(shape, strides, offset=0):
    """Instructions that push a tensor of a storage of 4 numbers."""
    numbers = [
        b"(" + b"".join(b"J" + struct.pack("<i", n) for n in side) + b"t"
        for side in (shape, strides)
    ]
    where = b"J" + struct.pack("<i", offset)
    return REBUILD + b"(" + STORAGE + where + b"".join(numbers) + b"\x89}tR"


def weights(value, name="a", after=b""):
    """A pickle of a dict of one entry."""
    return b"\x80\x04}" + text(name) + value + b"s" + after + b"."


def write(path, content, compression=zipfile.ZIP_STORED, numbers=b"\0\0\x80\x3f" * 4):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", numbers)
    return path


def refused(path):
    """The one line that refuses a file, and the most memory that it took in bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as caught:
            read_pth(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value) and path.name in str(caught.value)
    return str(caught.value), most


def test_the_files_of_these_tests_are_read(tmp_path):
    found = read_pth(write(tmp_path / "a.pth", weights(tensor([2, 2], [2, 1]))))
    assert found["a"].tolist() == [[1, 1], [1, 1]]
    assert not found["a"].flags.writeable


def state(obj):
    """Everything that can be set on an object of ours."""
    return {name: value for name, value in vars(obj).items() if not name.startswith("__")}


BUILD = b"}" + text("harm") + b"\x88sb"
SLOTS = b"N}" + text("harm") + b"\x88s\x86b"


@pytest.mark.parametrize("change", [BUILD, SLOTS])
@pytest.mark.parametrize(
    "target",
    [
        REBUILD,
        text("torch._utils") + text("_rebuild_parameter") + b"\x93",
        text("torch") + text("FloatStorage") + b"\x93",
        text("collections") + text("OrderedDict") + b"\x93",
        tensor([1], [1]),
    ],
)
def test_nothing_of_ours_is_changed(tmp_path, target, change):
    before = state(weights_pickle), state(weights_pickle.Pending)
    said, _ = refused(write(tmp_path / "a.pth", b"\x80\x04" + target + change + b"."))
    assert "it changes what weights don't need" in said
    assert (state(weights_pickle), state(weights_pickle.Pending)) == before
    assert not hasattr(weights_pickle.Pending, "harm")


def test_what_pytorch_notes_on_a_state_dict_is_left_out(tmp_path):
    ordered = text("collections") + text("OrderedDict") + b"\x93)R"
    content = b"\x80\x04" + ordered + text("a") + tensor([4], [1]) + b"s" + BUILD + b"."
    assert list(read_pth(write(tmp_path / "a.pth", content))) == ["a"]


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ([2000, 800000], [0, 0], 0),  # 6.4 GB of one number
        ([2, 2, 2], [1, 1, 1], 0),
        ([5], [1], 0),
        ([1], [1], 4),
        ([2], [-1], 1),
        ([-2, -2], [1, 1], 0),
    ],
)
def test_a_tensor_has_no_more_numbers_than_its_storage(tmp_path, shape, strides, offset):
    content = weights(tensor(shape, strides, offset))
    said, most = refused(write(tmp_path / "a.pth", content))
    assert "storage" in said or "whole numbers" in said
    assert most < 2**20


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04N" + b"r\xff\xff\xff\x0f" + b".",  # a number of the memo: 4 GB in C
        b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b".",  # the length of a text
        b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.",  # of a frame
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        b"\x80\x04(S'true'\nios\nsystem\n.",
        b"\x80\x04\x82\x01.",  # a number of copyreg's
        weights(STORAGE),
        weights(tensor([4], [1])).replace(b"\x8c\x01a", b"K\x07"),  # a name that is a number
        b"\x80\x04]\x81.",
        b"",
    ],
)
def test_odd_pickles(tmp_path, content):
    _, most = refused(write(tmp_path / "a.pth", content))
    assert most < 2**20


def test_instructions_are_bounded(tmp_path, monkeypatch):
    content = weights(tensor([4], [1]), after=b"]0" * 5000)
    assert list(read_pth(write(tmp_path / "a.pth", content))) == ["a"]
    monkeypatch.setattr(weights_pickle, "_PICKLE_BYTES", 9999)
    said, _ = refused(write(tmp_path / "a.pth", content))
    assert "larger than weights need" in said


def test_a_state_dict_that_holds_itself(tmp_path):
    refused(write(tmp_path / "a.pth", b"\x80\x04}\x94" + text("model") + b"h\x00s."))


def test_a_compressed_archive_could_hold_any_size(tmp_path):
    path = tmp_path / "a.pth"
    write(path, weights(tensor([4], [1])), zipfile.ZIP_DEFLATED, bytes(4 * 2**20))
    said, most = refused(path)
    assert "compressed" in said and most < 2**20


def test_an_entry_longer_than_the_file(tmp_path):
    path = write(tmp_path / "a.pth", weights(tensor([4], [1])))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")  # of the last entry, the numbers
    content[at + 24 : at + 28] = struct.pack("<I", 2**31)
    path.write_bytes(content)
    said, most = refused(path)
    assert "larger than the file" in said and most < 2**20


def test_a_storage_of_an_old_file_longer_than_the_file(tmp_path):
    whole = Path(__file__).parents[1] / "fixtures" / "small_legacy.pth"
    content = whole.read_bytes()
    path = tmp_path / "old.pth"
    file = io.BytesIO(content)
    for _ in range(3):
        pickle.load(file)
    before = file.tell()
    unpickler = weights_pickle.WeightsUnpickler(file)
    unpickler.load()
    weights_pickle.WeightsUnpickler(file).load()
    at = file.tell()
    assert before < at < len(content)
    path.write_bytes(content[:at] + struct.pack("<Q", 2**40) + content[at + 8 :])
    said, most = refused(path)
    assert "beyond the file" in said and most < 2**20
