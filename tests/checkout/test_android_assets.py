"""android_demo_assets/ as one command writes it, and what is in the repository of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from export import android_assets
from export.android import asset_manifest, assets
from segnet_tf.data import camvid
from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file import flatbuffer, metadata

FORMATS = ("int8", "float16")


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    """The folder, of a tiny model, with something of an earlier run and a page in it."""
    folder = tmp_path_factory.mktemp("assets")
    (folder / "web").mkdir()
    (folder / "web" / "index.html").write_text("the page")
    (folder / "manifest.json").write_text('{"exporter": "segnet_tf 0.1"}')
    for name in ("old_int8.tflite", "changed_int8.tflite", "mine.txt"):
        (folder / name).write_text("old")
    sums = [f"{hashlib.sha256(b'old').hexdigest()}  old_int8.tflite", f"{'0' * 64}  manifest.json"]
    # Not what was written, a way out of the folder, and no line of such a file.
    odd = [f"{'0' * 64}  changed_int8.tflite", f"{'0' * 64}  ../mine", "mine.txt", "\0", ""]
    (folder / "SHA256SUMS").write_text("\n".join(sums + odd))
    with pytest.MonkeyPatch.context() as patch:
        from segnet_tf.export.runtimes import cpu
        from segnet_tf.export.tflite_file import interpreter

        patch.setattr(cpu, "latency_ms", lambda content: 1.5)
        patch.setattr(interpreter, "check_survives", lambda path, **_: None)
        manifest = assets.write(folder, model=str(run), data="synthetic:6")
    assert manifest == json.loads((folder / "manifest.json").read_text())
    return folder


@pytest.fixture(params=["written", "committed"])
def folder(request):
    if request.param == "written":
        return request.getfixturevalue("written")
    if not (android_assets.FOLDER / "manifest.json").is_file():
        pytest.skip("android_demo_assets/ is not written yet: make android-assets")
    return android_assets.FOLDER


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_sums_are_right_and_complete(folder):
    if shutil.which("sha256sum"):
        command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
        assert subprocess.run(command, cwd=folder, capture_output=True).returncode == 0
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    listed = {line.split("  ")[1]: line.split("  ")[0] for line in lines}
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert set(listed) == files - {"SHA256SUMS", "changed_int8.tflite", "mine.txt"}
    assert all(digest(folder / name) == found for name, found in listed.items())


def test_the_manifest_describes_the_files(folder):
    manifest = manifest_of(folder)
    assert [entry["format"] for entry in manifest["models"]] == list(FORMATS)
    for entry in manifest["models"]:
        path = folder / entry["file"]
        assert entry["sha256"] == digest(path)
        assert entry["bytes"] == path.stat().st_size
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        for said, true in ((entry["input"], taken), (entry["output"], given)):
            assert said["shape"] == true["shape"].tolist()
            assert said["dtype"] == true["dtype"].__name__ == "float32"
            assert said["quantization"] is None
        names = {tensor.name for tensor in flatbuffer.read(path.read_bytes()).tensors}
        assert {entry["input"]["name"], entry["output"]["name"]} <= names
        assert entry["input"]["range"] == [0, 255]
        assert entry["xnnpack"]["count"] == 1
        assert entry["score"]["protocol"] and 0 <= entry["score"]["pixels_as_keras"] <= 1
    for name, found in manifest["sha256"].items():
        assert found == digest(folder / name)


def test_labels_and_colors_are_the_librarys(folder):
    manifest = manifest_of(folder)
    assert manifest["labels"] == list(camvid.CLASSES.names)
    assert manifest["palette"] == [list(color) for color in camvid.CLASSES.colors]
    assert (folder / "labels.txt").read_text().splitlines() == manifest["labels"]
    palette = json.loads((folder / "palette.json").read_text())
    assert list(palette) == manifest["labels"] and palette["Car"] == [64, 0, 128]
    for entry in manifest["models"]:
        said = metadata.read((folder / entry["file"]).read_bytes())
        assert said.labels == camvid.CLASSES.names and said.activation == "softmax"


def test_the_sample_gives_the_mask(folder):
    manifest = manifest_of(folder)
    image = np.asarray(Image.open(folder / manifest["sample"]["image"]))
    for entry in manifest["models"]:
        interpreter = Interpreter(model_path=str(folder / entry["file"]))
        interpreter.allocate_tensors()
        index = interpreter.get_input_details()[0]["index"]
        interpreter.set_tensor(index, image[None].astype(np.float32))
        interpreter.invoke()
        logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        with Image.open(folder / entry["sample_mask"]) as mask:
            ids, colors = np.asarray(mask), np.asarray(mask.convert("RGB"))
        # Float sums may come in another order on another processor; int8 is the same everywhere.
        least = 1 if entry["format"] == "int8" else 0.999
        assert (ids == logits.argmax(-1)).mean() >= least
        assert np.array_equal(colors, np.array(manifest["palette"], np.uint8)[ids])
    first = manifest["models"][0]
    assert manifest["sample"]["mask"] == first["sample_mask"]
    assert manifest["sample"]["mask_of"] == first["file"]


def test_the_readme_fits_the_files(folder):
    text = (folder / "README.md").read_text("utf-8")
    manifest = manifest_of(folder)
    for entry in manifest["models"]:
        assert entry["file"] in text
    _, height, width, classes = manifest["models"][0]["output"]["shape"]
    assert f"`1x{height}x{width}x3`" in text and f"`1x{height}x{width}x{classes}`" in text
    assert text.count("```kotlin") == 7 and "$" not in text
    assert '"Sky", "Building", "Pole"' in text and "0x808080, 0x800000, 0xC0C080" in text
    for name in (
        "ImageSegmenter",
        "CompiledModel",
        "Interpreter",
        "litert:litert:",
        "argmax",
        "runSignature",
    ):
        assert name in text


def test_an_earlier_run_is_replaced_and_the_page_is_kept(written):
    assert not (written / "old_int8.tflite").exists()
    for name in ("changed_int8.tflite", "mine.txt"):
        assert (written / name).read_text() == "old"
    assert not [path.name for path in written.iterdir() if path.name.startswith(".segnet_tf")]
    assert (written / "web" / "index.html").read_text() == "the page"
    image = Image.open(written / "sample.png")
    assert image.size == tiny_models.SIZE[::-1]


def test_scores_are_measured_or_carried_over(written):
    entry = manifest_of(written)["models"][0]
    assert entry["score"]["mean_iou"] is not None
    earlier = asset_manifest.earlier_scores(written)
    assert earlier[entry["sha256"]] == entry["score"]
    bare = {
        "tflite_mean_iou": None,
        "keras_mean_iou": None,
        "pixel_agreement": 0.5,
        "images": 8,
        "data": "synthetic val",
    }
    assert asset_manifest.score(bare, earlier[entry["sha256"]]) == entry["score"]
    assert asset_manifest.score(bare, None)["mean_iou"] is None


def test_a_model_without_classes_is_one_line(run, tmp_path, capsys):
    shutil.copy(run / "best.keras", tmp_path / "net.keras")
    arguments = ["--model", tmp_path / "net.keras", "--output", tmp_path / "out"]
    assert android_assets.main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "`model` must be shipped weights or a run" in error
    assert not (tmp_path / "out").exists()


def test_a_missing_model_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="must be one of the weights in the package"):
        assets.write(tmp_path, model="weights:nothing")


@pytest.fixture
def never_exported(monkeypatch):
    def export(*arguments):
        raise AssertionError("exported before the output was checked")

    monkeypatch.setattr(assets.exporter, "export", export)


@pytest.mark.parametrize("name", ["README.md", "labels.txt", "manifest.json", "SHA256SUMS"])
def test_files_of_another_are_not_replaced(name, run, tmp_path, never_exported):
    (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match=f"`output` must not hold files of others.*{name}"):
        assets.write(tmp_path, model=str(run))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_as_output_is_refused_before_the_export(run, tmp_path, never_exported):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="`output` must be a folder"):
        assets.write(tmp_path / "out", model=str(run))


@pytest.mark.parametrize("name", ["/x", "../x", "a/b", 3, None])
def test_a_run_s_model_names_a_file_in_the_output(name, run, tmp_path, never_exported):
    shutil.copytree(run, tmp_path / "run")
    record = json.loads((run / "config.json").read_text())
    record["config"]["model"] = name
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    rule = "must be a plain name" if isinstance(name, str) else "config.json must be a text"
    with pytest.raises(UserError, match=f"`model` in .*{rule}"):
        assets.write(tmp_path / "out", model=str(tmp_path / "run"))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_export_that_fails_changes_nothing(run, tmp_path, monkeypatch):
    def full(*arguments):
        raise UserError("the disk is full")

    monkeypatch.setattr(assets.exporter, "export", full)
    with pytest.raises(UserError, match="the disk is full"):
        assets.write(tmp_path / "a" / "out", model=str(run))
    assert not list(tmp_path.iterdir())


def test_folder_is_beside_the_library():
    assert android_assets.FOLDER == Path(__file__).resolve().parents[2] / "android_demo_assets"
