"""What the page reads out of files and computes, in Node.js, against Python's readers and NumPy."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
import tiny_models

from export import web_folder
from segnet_tf.data.classes import default_colors
from segnet_tf.export.conversion import convert
from segnet_tf.export.tflite_file import metadata, metadata_tables

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
COLORS = ((1, 2, 3), (250, 128, 0))
NAMES = ("no crack", "Straße")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Runs a module that has the page's modules beside it; what it prints, from JSON."""
    folder = tmp_path_factory.mktemp("page")
    for path in web_folder.PAGE.glob("*.js"):
        shutil.copy(path, folder)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")

    def run(script: str, **files: bytes):
        for name, content in files.items():
            (folder / name).write_bytes(content)
        (folder / "test_run.js").write_text(script, "utf-8")
        done = subprocess.run(
            ["node", "test_run.js"], cwd=folder, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


DESCRIBE = """
import {readFile, readdir} from 'node:fs/promises';
import {describe} from './model_file.js';
const said = {};
for (const name of (await readdir('.')).filter((name) => name.startsWith('said_'))) {
  said[name] = await describe(new Uint8Array(await readFile(name)));
}
console.log(JSON.stringify(said));
"""


@pytest.fixture(scope="module")
def bare():
    return convert.convert(tiny_models.two_stages(1, (16, 16)), (16, 16))


def with_archive(content: bytes, **texts: str) -> bytes:
    archive = io.BytesIO(content)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as packed:
        for name, text in texts.items():
            packed.writestr(name.replace("_", "."), text)
    return archive.getvalue()


def test_what_a_file_says(node, bare):
    whole = metadata.attach(bare, "logits", NAMES, "sigmoid", colors=COLORS)
    foreign = {  # as TFLite's own tools write for a model that takes -1..1
        0: "other",
        3: [{2: [{0: "image", 4: [{0: np.int8(1), 1: {0: [127.5], 1: [127.0]}}]}]}],
    }
    data = metadata_tables.write(foreign, metadata.IDENTIFIER)
    found = node(
        DESCRIBE,
        said_whole=whole,
        said_names=metadata.attach(bare, "labels", NAMES),
        said_bare=bare,
        said_foreign=metadata_tables.with_buffer(bare, metadata.BUFFER, data),
        said_packed=with_archive(bare, deeplab_txt="a\r\n\r\n b \r\n"),
    )
    said = metadata.read(whole)
    assert found["said_whole"] | {"outputs": 0} == {
        **{"outputs": 0, "labels": list(said.labels), "damage": "", "uncertainty": None},
        **{"colors": [list(color) for color in said.colors], "activation": said.activation},
        **dict(zip(("mean", "std"), map(list, said.normalization), strict=True)),
    }
    assert found["said_names"]["labels"] == list(NAMES) and not found["said_names"]["colors"]
    assert found["said_bare"]["outputs"] == [{"op": "CONV_2D", "scale": 0, "zero": 0}]
    assert found["said_bare"]["labels"] is None and not found["said_bare"]["damage"]
    assert (found["said_foreign"]["mean"], found["said_foreign"]["std"]) == ([127.5], [127])
    assert found["said_packed"]["labels"] == ["a", "b"]


def test_damage_is_told_and_bounded(node, bare):
    """Whatever the bytes: an answer."""
    rng = np.random.default_rng(0)
    whole = metadata.attach(bare, "logits", NAMES, colors=COLORS)
    damaged = []
    for _ in range(60):
        content = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(0, len(content), 40)
        content[places] = rng.integers(0, 256, 40)
        damaged.append(content.tobytes()[: rng.integers(8, len(content))])
    files = {f"said_{index}": content for index, content in enumerate(damaged)}
    found = node(
        DESCRIBE,
        **files,
        said_colors=with_archive(bare, labels_txt="a\nb\n", colors_json="[[1,2,3],[1,2,300]]"),
    )
    assert "no list of 2 colors" in found["said_colors"]["damage"]
    assert sum(bool(found[name]["damage"]) for name in files) > 30


def test_a_bomb_is_not_unpacked(node, bare):
    said, unpacked = node(
        """
        import {readFile} from 'node:fs/promises';
        import {describe} from './model_file.js';
        let bytes = 0;
        const Real = DecompressionStream;
        globalThis.DecompressionStream = class {
          constructor(kind) {
            const real = new Real(kind);
            const counted = new TransformStream({transform(piece, on) {
              bytes += piece.length;
              on.enqueue(piece);
            }});
            this.writable = real.writable;
            this.readable = real.readable.pipeThrough(counted);
          }
        };
        const said = await describe(new Uint8Array(await readFile('bomb')));
        console.log(JSON.stringify([said, bytes]));
        """,
        bomb=with_archive(bare, labels_txt="a\n" * 10**7),
    )
    assert "more than 65536 bytes" in said["damage"] and not said["labels"]
    assert 2**16 <= unpacked < 2**20


def test_colors_made_up_are_the_librarys(node):
    found = node(
        "import {defaultColors} from './classes.js';"
        "console.log(JSON.stringify([1, 2, 32, 150].map(defaultColors)))"
    )
    for colors in found:
        assert [tuple(color) for color in colors] == list(default_colors(len(colors)))


def test_numbers_in_and_out(node):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 4), np.uint8)
    scores = rng.normal(size=(5, 7)).round(1).astype(np.float32)
    scores[3, [2, 5]] = 9  # as good: the first wins
    found = node(f"""
      import {{agreement, feed, labelsOf, shares}} from './maps.js';
      const pixels = new Uint8ClampedArray({pixels.ravel().tolist()});
      const scores = {scores.ravel().tolist()};
      const grey = {{channels: 1, dtype: 'uint8', mean: [9], std: [9]}};
      const means = {{channels: 3, dtype: 'float32', mean: [1, 2, 3], std: [2, 4, 8]}};
      console.log(JSON.stringify([
        [...feed(pixels, grey)], [...feed(pixels, means)],
        [...labelsOf(scores, {{kind: 'scores', count: 7}})],
        [...labelsOf(scores, {{kind: 'binary', threshold: 0.5}})],
        [...labelsOf([0, 3, 255, -1], {{kind: 'ids'}})],
        [...shares([0, 64, 128], {{scale: 0.5, zero: 64}}, 64)],
        agreement({{labels: [1, 2, 3, 4], width: 2, height: 2}},
          {{labels: [1, 1, 1, 2, 1, 1, 2, 2, 3, 3, 4, 4, 0, 3, 5, 9], width: 4, height: 4}}),
      ]));
    """)
    grey, means, largest, binary, ids, shares, same = found
    expected = pixels[:, :3].astype(float) @ (0.299, 0.587, 0.114)
    assert np.abs(np.array(grey) - expected).max() <= 0.5
    np.testing.assert_allclose(
        np.reshape(means, (6, 3)), (pixels[:, :3].astype(float) - [1, 2, 3]) / [2, 4, 8]
    )
    assert largest == scores.argmax(-1).tolist()
    assert binary == (scores.ravel() > 0.5).astype(int).tolist()
    assert ids == [0, 3, 255, 65535] and shares == [0, 0, 128]
    # By hand: of the four, the pixels at (1, 1), (1, 3), (3, 1) and (3, 3) are looked at.
    assert same == 0.75


MEANINGS = [
    # shape and dtype of the output, what made it, its scale, activation -> kind, threshold
    ([1, 8, 8, 2], "float32", "", 0, None, ("scores", 0)),
    ([1, 8, 8, 150], "uint8", "SOFTMAX", 0.1, None, ("scores", 0)),
    ([1, 8, 8, 1], "float32", "CONV_2D", 0, "sigmoid", ("binary", 0)),
    ([1, 8, 8, 1], "float32", "CONV_2D", 0, "none", ("binary", 0)),
    ([1, 8, 8, 1], "float32", "LOGISTIC", 0, None, ("binary", 0.5)),
    ([1, 8, 8, 1], "float32", "", 0, "none", ("binary", 0.5)),
    ([1, 8, 8, 1], "uint8", "LOGISTIC", 0.25, None, ("binary", 12)),
    ([1, 8, 8], "float32", "CONV_2D", 0, None, ("binary", 0)),
    ([1, 8, 8], "int32", "ARG_MAX", 0, None, ("ids", 0)),
    ([1, 8, 8, 1], "float32", "ARG_MAX", 0, None, ("ids", 0)),
    ([1, 8, 8, 1], "uint8", "", 0, None, ("ids", 0)),
]


def test_what_numbers_mean(node):
    cases = [
        {"shape": shape, "dtype": dtype, "op": op, "scale": scale, "activation": activation}
        for shape, dtype, op, scale, activation, _ in MEANINGS
    ]
    found = node(f"""
      import {{faceOf}} from './faces.js';
      const input = {{shape: [1, 16, 24, 3], dtype: 'float32'}};
      console.log(JSON.stringify({json.dumps(cases)}.map(({{shape, dtype, activation, ...made}}) =>
        faceOf('m', {{inputs: [input], outputs: [{{shape, dtype}}]}},
          {{outputs: [{{...made, zero: 10}}], activation, mean: [], std: []}}).map)));
    """)
    assert [(face["kind"], face["threshold"]) for face in found] == [row[-1] for row in MEANINGS]
    assert {(face["width"], face["height"]) for face in found} == {(8, 8)}
