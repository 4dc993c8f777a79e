"""A manifest, an index and records of shards that are not what was written: one line."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import zlib

import pytest
import tensorflow as tf
from data_trees import make_flat

from segnet_tf.data import open_samples, open_source
from segnet_tf.data.shards.places import is_sharded
from segnet_tf.data.shards.writer import write_shards
from segnet_tf.errors import UserError

WRONG = [None, True, -1, 1.5, "text", [], [None], {}, {"a": 1}, 10**30]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    make_flat(root / "data")
    source = open_source(root / "data")
    splits = {"val": source.samples("val")}
    write_shards(splits, root / "shards", {}, shard_bytes=4000)
    return root / "shards"


@pytest.fixture
def shards(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "shards")
    return tmp_path / "shards"


def places(content, above=()):
    yield above
    inner = content.items() if isinstance(content, dict) else ()
    for key, value in enumerate(content[:2]) if isinstance(content, list) else inner:
        yield from places(value, (*above, key))


def changed(whole, place, value):
    content = copy.deepcopy({"": whole})
    inner = content
    for key in ("", *place)[:-1]:
        inner = inner[key]
    inner[("", *place)[-1]] = value
    return content[""]


def use(folder):
    samples = open_samples(folder, "val")
    return [samples.origin(0), samples.read(0), samples.read(len(samples) - 1)]


def refusals(folder, write, content):
    """How many of many changes are refused, each in one line; the others do no harm."""
    count = 0
    for place in places(content):
        for value in WRONG:
            write(json.dumps(changed(content, place, value)))
            try:
                use(folder)
            except UserError as error:
                assert "\n" not in str(error)
                count += 1
    return count


def test_a_manifest(shards):
    path = shards / "manifest.json"
    assert len(use(shards)) == 3
    content = json.loads(path.read_text("utf-8"))
    assert refusals(shards, lambda text: path.write_text(text, "utf-8"), content) > 100


def write_index(shards, text, **changes):
    """An index of split val that the manifest knows, and changes to its shard in the manifest."""
    manifest = shards / "manifest.json"
    (shards / "val.index.json").write_text(text, "utf-8")
    content = json.loads(manifest.read_text("utf-8"))
    split = content["splits"]["val"]
    split["index_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    split["shards"][0].update(changes)
    manifest.write_text(json.dumps(content), "utf-8")


def test_an_index_with_its_own_checksum(shards):
    content = json.loads((shards / "val.index.json").read_text("utf-8"))
    assert refusals(shards, lambda text: write_index(shards, text), content) > 50


@pytest.mark.parametrize("manifest", ["[" * 99999, "{", None])
def test_shards_with_a_manifest_that_is_none(shards, manifest):
    path = shards / "manifest.json"
    path.unlink()
    if manifest is not None:
        path.write_text(manifest, "utf-8")
    assert is_sharded(shards)
    with pytest.raises(UserError, match="(?s)manifest.json.*segnet-tf shard"):
        open_samples(shards, "val")


@pytest.mark.parametrize("number", [1, 99])
def test_shards_of_another_format(shards, number):
    path = shards / "manifest.json"
    path.write_text(path.read_text("utf-8").replace("shards 2", f"shards {number}"), "utf-8")
    with pytest.raises(UserError, match=f"shards {number}.*--overwrite.*update"):
        open_samples(shards, "val")
    make_flat(shards.parent / "data")
    splits = {"val": open_source(shards.parent / "data").samples("val")}
    write_shards(splits, shards, {}, overwrite=True)
    assert len(use(shards)) == 3


@pytest.mark.parametrize("record", [b"\xff\xff", b"", b"\x0a\x00"])
def test_a_record_that_is_no_example(shards, record):
    (file,) = shards.glob("val-00000*")
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(record)
    index = {"names": ["a"], "offsets": [[0]], "checksums": [[zlib.crc32(record)]]}
    write_index(shards, json.dumps(index), images=1, bytes=file.stat().st_size)
    with pytest.raises(UserError, match="the record of a"):
        open_samples(shards, "val").read(0)


def test_more_bytes_than_there_are_of_a_remote_shard(shards):
    # TensorFlow's GFile takes the memory first, and without it the process ends.
    remote = "ram://hostile"
    write_index(shards, (shards / "val.index.json").read_text("utf-8"), bytes=10**12)
    for path in shards.iterdir():
        tf.io.gfile.copy(str(path), f"{remote}/{path.name}", overwrite=True)
    val = open_samples(remote, "val")
    with pytest.raises(UserError, match="cut off"):
        val.read(len(val) - 1)
