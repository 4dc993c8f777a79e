"""benchmarks/index_overhead.py: what it compares and what it writes, never how fast."""

import json

import keras
import numpy as np
import pytest
import tiny_models

from benchmarks import index_overhead
from export import flatbuffer, masks, runtimes
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

EVEN = (32, 64)  # five halvings
ROW = {"ratio", "argmax_ms", "plain_ms", "pairs", "argmax_partitions", "plain_partitions"}


def test_the_twin_is_the_same_network_without_indices():
    model = tiny_models.two_stages(padding="same")
    twin = index_overhead.plain_twin(model)
    types = [type(layer) for layer in twin.layers]
    assert MaxPoolingWithArgmax2D not in types and MaxUnpooling2D not in types
    assert types.count(keras.layers.MaxPooling2D) == types.count(keras.layers.UpSampling2D) == 2
    assert len(types) == len(model.layers)
    assert twin.output_shape == model.output_shape
    # The very same weights, not copies.
    assert [id(weight) for weight in twin.weights] == [id(weight) for weight in model.weights]
    image = tiny_models.images()[0]
    first = keras.Model(model.input, model.get_layer("encoder1_relu1").output)(image).numpy()
    pooled = keras.Model(model.input, model.get_layer("encoder1_pool").output[0])(image).numpy()
    np.testing.assert_array_equal(first.reshape(1, 16, 2, 24, 2, 4).max((2, 4)), pooled)
    assert not np.allclose(twin(image), model(image), atol=0.1)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_one_file_has_masks_and_the_other_has_none(int8):
    model = tiny_models.two_stages()
    argmax, plain = index_overhead.export_both(model, tiny_models.SIZE, int8)
    assert len(masks.find(flatbuffer.read(argmax))) == 4
    graph = flatbuffer.read(plain)
    assert masks.find(graph) == []
    ops = [op.name for op in graph.ops]
    assert ops.count("MAX_POOL_2D") == ops.count("RESIZE_NEAREST_NEIGHBOR") == 2
    assert ops.count("CONV_2D") == 5
    dtype = "int8" if int8 else "float32"
    for op in graph.ops:
        if op.name in ("CONV_2D", "RESIZE_NEAREST_NEIGHBOR"):
            assert graph.tensors[op.outputs[0]].dtype == dtype
    assert runtimes.partitions(argmax).count == 1
    if not int8:
        image = tiny_models.images()[0]
        twin = index_overhead.plain_twin(model)
        (got,) = runtimes.run(runtimes.open_interpreter(plain), image)
        np.testing.assert_allclose(got, twin(image), rtol=1e-3, atol=1e-4)


def test_seeded_weights_leave_the_activations_alive():
    model = index_overhead.seeded_model("segnet_mini", EVEN, (4,) * 5)
    again = index_overhead.seeded_model("segnet_mini", EVEN, (4,) * 5)
    for weight, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    image = tiny_models.images(EVEN)[0]
    deepest = keras.Model(model.input, model.get_layer("encoder5_relu2").output)
    assert (deepest(image).numpy() > 0).mean() > 0.1


def test_the_report_has_both_formats(tmp_path, capsys, monkeypatch):
    report = tmp_path / "out.json"
    # The networks themselves are the test above's.
    monkeypatch.setattr(
        index_overhead, "seeded_model", lambda *_: tiny_models.two_stages(size=EVEN)
    )
    arguments = ["--widths", "4,6", "--size", "32x64", "--seconds", "0.01", "--json", str(report)]
    assert index_overhead.main(arguments) == 0
    content = json.loads(report.read_text())
    assert content["size"] == [32, 64] and content["threads"] == 1
    for name in ("int8", "float32"):
        row = content[name]
        assert set(row) == ROW
        assert row["ratio"] > 0 and row["argmax_ms"] > 0 and row["plain_ms"] > 0
        assert row["pairs"] >= 10
        assert row["argmax_partitions"] == 1 < row["plain_partitions"]
    said = capsys.readouterr().out
    assert "int8 " in said and "float32 " in said and "ratio" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "32x50"], "`size` must be divisible by 4"),
        (["--widths", "a,b"], "`widths` must be whole numbers"),
        (["--model", "unet"], "`name` must be one of"),
    ],
)
def test_bad_input_is_one_line(arguments, words, capsys, monkeypatch, tmp_path):
    if "--size" in arguments:
        monkeypatch.setattr(
            index_overhead, "seeded_model", lambda *_: tiny_models.two_stages(size=(32, 50))
        )
    report = tmp_path / "out.json"
    assert index_overhead.main([*arguments, "--json", str(report)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("index_overhead: error: ") and error.count("\n") == 1
    assert words in error
    assert not report.exists()
