"""The readers that files of others reach, each with what it is fed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.fuzz import readers, seeds, words
from tests.fuzz.inputs import SCALARS, TREES, changed, damaged, text_of


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        inputs: makes what it is fed, bytes.
        read: what is done with them, see `readers`.
        share: of the inputs of a run, in parts of all shares.
    """

    inputs: Callable[[], st.SearchStrategy[bytes]]
    read: Callable[[bytes], object]
    share: int = 10


def _dumped(content: object) -> bytes:
    return json.dumps(content).encode()


def _class_files() -> st.SearchStrategy[bytes]:
    text = text_of(words.CLASS_WORDS).map(lambda text: text.encode("utf-8", "surrogatepass"))
    entry = st.dictionaries(
        st.sampled_from(("name", "id", "color", "r", "g", "b", "note", "x")), SCALARS, max_size=4
    )
    table = st.lists(entry | SCALARS, max_size=4) | TREES
    return st.one_of(
        text.map(b"T".__add__), text.map(b"C".__add__), table.map(_dumped).map(b"J".__add__)
    )


def _configurations() -> st.SearchStrategy[bytes]:
    from segnet_tf.config import TrainConfig
    from segnet_tf.config_files import RECIPES

    whole = TrainConfig().to_json()
    recipes = [path.read_bytes() for path in sorted(RECIPES.glob("*.toml"))[:3]]
    toml = text_of(words.TOML_WORDS).map(lambda text: text.encode("utf-8", "surrogatepass"))
    fields = st.dictionaries(st.sampled_from(sorted(whole)), SCALARS | TREES, max_size=3)
    return st.one_of(
        toml.map(b"T".__add__),
        damaged(recipes).map(b"T".__add__),
        (fields | changed(whole)).map(_dumped).map(b"J".__add__),
    )


def _records() -> st.SearchStrategy[bytes]:
    from segnet_tf.config import TrainConfig

    classes = [{"name": "road", "colour": [1, 2, 3]}, {"name": "sky", "colour": [4, 5, 6]}]
    whole = {
        "config": TrainConfig(size=(64, 96)).to_json(),
        "source": "synthetic",
        "training_images": 4,
        "validation_images": 2,
        "steps_per_epoch": 1,
        "num_classes": 2,
        "classes": classes,
        "class_weights": [1.0, 2.0],
        "image_sizes": {"smallest": [64, 96], "largest": [64, 96]},
        "versions": {},
    }
    return changed(whole).map(_dumped)


def _weights() -> st.SearchStrategy[bytes]:
    *files, pickle = seeds.weights()
    made = st.lists(st.sampled_from(words.PICKLE_WORDS), max_size=30).map(b"".join)
    pickles = (damaged([pickle]) | made).map(seeds.packed_weights)
    return damaged(files) | pickles


def _said() -> st.SearchStrategy[bytes]:
    whole = {"measure": "predictive_entropy", "samples": 8, "seed": 3}
    return (changed(whole) | TREES).map(_dumped) | damaged([_dumped(whole)])


def _requests() -> st.SearchStrategy[bytes]:
    whole = b"GET /web/app.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    made = st.lists(st.sampled_from(words.REQUEST_WORDS) | st.binary(max_size=4), max_size=14)
    return damaged([whole]) | made.map(b"".join)


def _models() -> st.SearchStrategy[bytes]:
    return damaged([seeds.keras_file()])


TARGETS = {
    "class-files": Target(_class_files, readers.class_file),
    "configurations": Target(_configurations, readers.configuration),
    "records": Target(_records, readers.record),
    "images": Target(lambda: damaged(seeds.pictures()), readers.picture),
    "masks": Target(lambda: damaged(seeds.pictures()), readers.mask),
    "pth": Target(_weights, readers.weights),
    "tflite": Target(lambda: damaged(seeds.networks()), readers.network),
    "labels": Target(lambda: damaged(seeds.archives()), readers.labels),
    "metadata": Target(_said, readers.said),
    "requests": Target(_requests, readers.request),
    # 30 ms each.
    "keras": Target(_models, readers.model, 1),
}
