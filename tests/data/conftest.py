"""A folder in shards, for the tests that read and write them."""

from __future__ import annotations

import shutil

import pytest
from data_trees import make_flat, splits_of

from segnet_tf.data.shards.writer import write_shards


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """A folder of 40 pairs, and its shards of a few pairs each."""
    root = tmp_path_factory.mktemp("flat")
    make_flat(root / "data")
    write_shards(splits_of(root / "data"), root / "shards", {}, shard_bytes=4000)
    return root


@pytest.fixture
def copied(flat, tmp_path):
    shutil.copytree(flat / "shards", tmp_path / "shards")
    return tmp_path / "shards"
