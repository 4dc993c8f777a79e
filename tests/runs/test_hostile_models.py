"""Models whose weights are no numbers: refused with the layer's name, whoever loads them."""

from __future__ import annotations

import time
import zipfile

import edited_tflite
import keras
import lowered_pair
import numpy as np
import pytest
import tiny_models

from segnet_tf.cli.main import main
from segnet_tf.errors import UserError
from segnet_tf.export import sources
from segnet_tf.export.tflite_file.finite import require_numbers
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.models.weights import load_weights
from segnet_tf.runs.checkpoints import load_model
from segnet_tf.system.zip_files import dated_alike


def spoiled(value, place="kernel"):
    model = tiny_models.two_stages()
    variable = next(v for v in model.weights if v.path.endswith(place))
    numbers = keras.ops.convert_to_numpy(variable).copy()
    numbers.flat[numbers.size // 2] = value
    variable.assign(numbers)
    return model, variable.path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    model, path = spoiled(np.nan)
    saved = tmp_path_factory.mktemp("spoiled") / "nan.keras"
    model.save(saved)
    return saved, path


@pytest.fixture(scope="module")
def fresh():
    return tiny_models.two_stages()


def test_a_loaded_model_has_finite_weights(file):
    saved, path = file
    with pytest.raises(UserError, match=f"`model` must have finite weights. Received: .*{path}"):
        load_model(saved)


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "--input", "synthetic"],
        ["evaluate", "--data", "synthetic:4"],
        ["export", "--float32"],
        ["pack"],
    ],
)
def test_commands_say_it_in_one_line(file, tmp_path, capsys, command):
    saved, path = file
    arguments = [*command, "--model", str(saved)]
    if command[0] != "evaluate":
        ending = {"predict": "", "export": ".tflite", "pack": ".keras"}[command[0]]
        arguments += ["--output", str(tmp_path / f"out{ending}")]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    # pack does not build the model: it knows the place in the file.
    name = "/vars/0" if command[0] == "pack" else path
    assert "must have finite weights" in said and name in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_no_number_either(value):
    model, path = spoiled(value)
    with pytest.raises(UserError, match=path):
        sources.of(model)


def test_weights_to_start_from_are_finite(file, fresh):
    saved, path = file
    with pytest.raises(UserError, match=f"`weights` must have finite weights. Received: .*{path}"):
        load_weights(fresh, saved, "segnet_mini")


def test_a_file_that_unpacks_to_gigabytes(tmp_path, fresh):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(80 * 2**20))
    with pytest.raises(UserError, match="bytes unpack to 83886080"):
        load_model(path)
    with pytest.raises(UserError, match="bytes unpack to 83886080"):
        load_weights(fresh, path, "segnet_mini")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x89HDF\r\n\x1a\n", b"PK\x05\x06" + bytes(18)])
@pytest.mark.parametrize("name", ["a.keras", "a.weights.h5"])
def test_weights_that_are_no_file_of_keras(tmp_path, fresh, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="`weights` must be a readable file") as caught:
        load_weights(fresh, tmp_path / name, "segnet_mini")
    assert "\n" not in str(caught.value)


def test_a_constant_of_an_exported_file_is_a_number(tmp_path):
    def change(model):
        floats = [t for t in model.subgraphs[0].tensors if t.type == 0]
        stored = [t for t in floats if model.buffers[t.buffer].data is not None]
        tensor = max(stored, key=lambda t: len(model.buffers[t.buffer].data))
        numbers = np.array(model.buffers[tensor.buffer].data, np.uint8).view("<f4")
        numbers[-1] = np.nan
        model.buffers[tensor.buffer].data = numbers.view(np.uint8)
        name.append(tensor.name.decode())

    name: list[str] = []
    content = lowered_pair.convert((1, 8, 8, 3), "valid")
    require_numbers(content, "whole.tflite")
    path = tmp_path / "nan.tflite"
    path.write_bytes(edited_tflite.edit(content, change))
    with pytest.raises(UserError, match="must have finite weights. Received: NaN in ") as caught:
        TFLiteModel(path)
    assert name[0] in str(caught.value)


@pytest.mark.slow
def test_keras_writes_the_same_bytes_later(tmp_path):
    model = tiny_models.two_stages()
    contents = []
    for name in ("a.keras", "b.keras"):
        with dated_alike(tmp_path / name):
            model.save(tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
        time.sleep(1.01)  # its date has seconds
    assert contents[0] == contents[1]
    assert np.array_equal(load_model(tmp_path / "a.keras").get_weights()[0], model.get_weights()[0])
