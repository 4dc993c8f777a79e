"""TFLite Metadata in exported files: written, read, and in no one's way."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
import tiny_models
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.cli.main import main
from segnet_tf.data import camvid
from segnet_tf.errors import UserError
from segnet_tf.export import sources
from segnet_tf.export.checks import rules
from segnet_tf.export.runtimes import cpu, registry
from segnet_tf.export.tflite_file import flatbuffer, metadata
from segnet_tf.export.tflite_file.labels import read_labels
from segnet_tf.inference import image_files
from segnet_tf.inference.predictors import Predictor
from segnet_tf.inference.tflite_model import TFLiteModel

NAMES = camvid.CLASSES.names
COLORS = tuple((index, 2 * index, 255) for index in range(11))


@pytest.fixture(scope="module")
def named(float_file):
    return metadata.attach(float_file, "logits", NAMES)


def test_it_says_what_a_client_must_know(named):
    said = metadata.read(named)
    assert said.labels == NAMES
    assert said.normalization == ((0,), (1,))  # raw RGB goes in
    assert said.activation == "softmax"
    assert (said.input, said.output) == ("image", "segmentation_masks")
    assert "segnet_tf" in said.description


def test_the_same_model_gives_the_same_bytes(float_file, named):
    assert metadata.attach(float_file, "logits", NAMES) == named


@pytest.mark.slow
@pytest.mark.parametrize("file", ["float_file", "int8_file"])
def test_the_model_is_the_same(request, file, images):
    bare = request.getfixturevalue(file)
    content = metadata.attach(bare, "logits", NAMES)
    before, after = flatbuffer.read(bare), flatbuffer.read(content)
    assert after.ops and [op.name for op in after.ops] == [op.name for op in before.ops]
    for name in ("xnnpack", "optimized"):
        expected, got = (registry.get(name).run(c, images).outputs for c in (bare, content))
        assert all(np.array_equal(a[0], b[0]) for a, b in zip(expected, got, strict=True))
    assert cpu.partitions(content) == cpu.partitions(bare)
    # Inner tensors can still be shown, which packs the file anew.
    wrong, pairs = rules.count_mask_mismatches(content, images[:1])
    assert pairs and not wrong
    assert len(content) - len(bare) < 8000


def places(content):
    """Where the numbers of each buffer begin."""
    model = schema.Model.GetRootAs(content, 0)
    tabs = [model.Buffers(index)._tab for index in range(model.BuffersLength())]
    return [tab.Vector(tab.Offset(4)) for tab in tabs if tab.Offset(4)]


def test_numbers_are_moved_as_one(float_file, named):
    """By a multiple of 16 bytes, so that no buffer loses an alignment that it had."""
    before, after = places(float_file), places(named)
    *old, own = after
    (shift,) = {new - place for new, place in zip(old, before, strict=True)}
    assert shift > 0 and shift % 16 == 0 and own % 16 == 0


def test_any_zip_tool_finds_the_names(named):
    with zipfile.ZipFile(io.BytesIO(named)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt"]
        # Today's date would make another file of the same model tomorrow.
        assert archive.getinfo("labels.txt").date_time == (1980, 1, 1, 0, 0, 0)
        assert archive.read("labels.txt").decode() == "\n".join(NAMES) + "\n"


@pytest.mark.parametrize(
    ("kind", "activation"), [("logits", "softmax"), ("probabilities", "none"), ("labels", None)]
)
def test_what_is_left_to_do_depends_on_the_output(float_file, kind, activation):
    said = metadata.read(metadata.attach(float_file, kind, NAMES))
    assert said.activation == activation
    assert said.labels == NAMES
    # Without it MediaPipe refuses a label map, which it would misread.
    assert (said.normalization is None) == (kind == "labels")


def test_one_logit_wants_a_sigmoid():
    from segnet_tf.export.conversion import convert

    content = convert.convert(tiny_models.two_stages(1), tiny_models.SIZE)
    said = metadata.read(metadata.attach(content, "logits", ("background", "crack")))
    assert said.activation == "sigmoid"


def test_a_file_that_says_nothing(float_file, tmp_path):
    assert metadata.read(float_file) is None
    assert metadata.read(metadata.attach(float_file, "labels", None)) is None
    assert metadata.read(metadata.attach(float_file, "logits", None)).labels is None
    (tmp_path / "f.tflite").write_bytes(float_file)
    model = TFLiteModel(tmp_path / "f.tflite")
    assert model.labels is None
    assert image_files.find_classes(Predictor(model, "f.tflite")) == camvid.CLASSES


def test_metadata_is_written_once(named):
    with pytest.raises(UserError, match="Received: one that has it. Export it again"):
        metadata.attach(named, "logits", NAMES)


def test_damage_is_one_line(named):
    start = named.index(b"M001") - 4
    cut = bytearray(named)
    cut[start : start + 4] = b"\xff\xff\xff\x7f"  # where its root is
    with pytest.raises(UserError, match="`tflite` must have whole metadata.*: f.tflite, whose"):
        metadata.read(bytes(cut), "f.tflite")
    cut = bytearray(named)
    entry = named.index(b"Sky\nBuilding")
    cut[entry] ^= 1
    with pytest.raises(UserError, match="class names as text in a whole zip archive"):
        read_labels(bytes(cut))


def test_colors_go_behind_the_network(float_file, named):
    content = metadata.attach(float_file, "logits", NAMES, colors=COLORS)
    assert metadata.attach(float_file, "logits", NAMES, colors=COLORS) == content
    said = metadata.read(content)
    assert said.colors == COLORS and said.labels == NAMES
    assert metadata.read(named).colors is None
    # The network's bytes, and those of its metadata, are the same up to the archive.
    start = named.index(b"PK\x03\x04")
    assert content[:start] == named[:start] and content[start : start + 4] == b"PK\x03\x04"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["labels.txt", "colors.json"]
        assert json.loads(archive.read("colors.json")) == [list(color) for color in COLORS]
    assert metadata.read(metadata.attach(float_file, "labels", NAMES, colors=COLORS)).colors == (
        COLORS
    )


@pytest.mark.parametrize(
    "text",
    ["", "[", "{}", "null", "[[1, 2, 3]]", "[" * 3000, json.dumps([[1, 2, 3]] * 10 + [[1, 2, 256]]),
     json.dumps([[1, 2, 3]] * 10 + [[1, 2]]), json.dumps([[1, 2, 3]] * 10 + [[1, 2, True]]),
     json.dumps([[1, 2, 3]] * 11) + " " * 70000],
)  # fmt: skip
def test_colors_that_are_none(named, text):
    archive = io.BytesIO(named)
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr("colors.json", text)
    with pytest.raises(UserError, match="a color for each of its classes in colors.json"):
        metadata.read(archive.getvalue())


def test_predictions_have_the_names_of_the_file(float_file, tmp_path):
    names = tuple(f"thing {index}" for index in range(11))
    path = tmp_path / "f.tflite"
    path.write_bytes(metadata.attach(float_file, "logits", names))
    predictor = Predictor(TFLiteModel(path), str(path))
    assert image_files.find_classes(predictor).names == names
    path.write_bytes(metadata.attach(float_file, "logits", NAMES))
    predictor = Predictor(TFLiteModel(path), str(path))
    assert image_files.find_classes(predictor) == camvid.CLASSES  # known names, known colors
    path.write_bytes(metadata.attach(float_file, "logits", NAMES, colors=COLORS))
    predictor = Predictor(TFLiteModel(path), str(path))
    assert image_files.find_classes(predictor).colors == COLORS  # the file's come first
    path.write_bytes(metadata.attach(float_file, "logits", NAMES[:4]))
    predictor = Predictor(TFLiteModel(path), str(path))
    with pytest.raises(UserError, match="with 4 names in it.*--labels FILE"):
        image_files.find_classes(predictor)


def test_where_the_names_come_from(run, tmp_path):
    from segnet_tf.data.scenes import synthetic

    trained = sources.open_source(str(run))
    assert trained.classes(None).names == NAMES
    file = tmp_path / "labels.txt"
    file.write_text("\n".join(f"other {index}" for index in range(11)))
    assert trained.classes(file).names[3] == "other 3"
    assert trained.classes(file).colors == trained.classes(None).colors  # renamed, no more
    file.write_text("\n".join(f"{index} 2 3 other {index}" for index in range(11)))
    assert trained.classes(file).colors[4] == (4, 2, 3)
    bare = sources.Source("net.keras", trained.model, None)
    assert bare.classes(None) is None
    assert bare.classes(None, synthetic.samples("val", count=1)).names == NAMES


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("labels.txt", "Sky\nRoad\n", "must name the 11 classes of the model"),
        ("labels.txt", "Sky\nSky\n", "'Sky' more than once"),
        ("labels.txt", "", "1 to 255 classes"),
        ("labels.json", json.dumps(["a\nb", *map(str, range(10))]), "texts of one line"),
        ("labels.json", "{", "labels.json"),
        ("labels.bin", "Sky", "must be a .txt, .csv or .json file"),
        (None, "", "nowhere.txt"),
    ],
)
def test_labels_that_do_not_fit_are_one_line(run, tmp_path, capsys, name, text, words):
    file = tmp_path / (name or "nowhere.txt")
    if name:
        file.write_text(text)
    output = tmp_path / "f.tflite"
    arguments = ["--float32", "--model", run, "--labels", file, "--output", output]
    assert main(["export", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not output.exists()


@pytest.mark.slow
def test_the_exporter_puts_them_in(run, tmp_path, fast, capsys):
    output = tmp_path / "f.tflite"
    assert main(["export", "--float32", "--model", str(run), "--output", str(output)]) == 0
    said = metadata.read(output.read_bytes())
    assert (said.labels, said.colors) == (NAMES, camvid.CLASSES.colors)
    assert "metadata     for MediaPipe; Sky, Building, Pole" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("io_type", "zero"), [("uint8", 0), pytest.param("int8", -128, marks=pytest.mark.slow)]
)
def test_bytes_go_in_as_they_are(narrow, images, io_type, zero):
    """MediaPipe feeds RGB bytes and looks at no scale."""
    from segnet_tf.export.conversion import calibration, convert

    ranges = calibration.measure_ranges(narrow, images[:1])
    content = convert.convert(
        narrow, images[0].shape[1:3], format="int8", ranges=ranges, io=io_type
    )
    graph = flatbuffer.read(content)
    face = graph.tensors[graph.inputs[0]]
    assert (face.dtype, list(face.scale), list(face.zero_point)) == (io_type, [1], [zero])
    assert rules.input_failures(graph) == []
    face.scale[0] = 0.98
    (failure,) = rules.input_failures(graph)
    assert "scale [0.98]" in failure and "not 1 and" in failure
