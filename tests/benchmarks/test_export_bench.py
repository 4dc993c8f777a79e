"""benchmarks/export_bench.py: what it compares and what it writes, never how fast."""

from __future__ import annotations

import json

import export_bench
import keras
import numpy as np
import pytest
import tiny_models
from rivals import mask_rcnn, memory, networks, torch_runner

from segnet_tf.comparison import figures
from segnet_tf.errors import UserError
from segnet_tf.export.conversion import masks
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

EVEN = (32, 64)  # five halvings


@pytest.fixture(scope="module")
def model():
    return tiny_models.two_stages(padding="same")


def layer_types(network):
    types = [type(layer) for layer in network.layers]
    assert MaxPoolingWithArgmax2D not in types and MaxUnpooling2D not in types
    assert types.count(keras.layers.MaxPooling2D) == 2
    return types


def test_plain_is_the_same_network_without_indices(model):
    twin = networks.plain(model)
    types = layer_types(twin)
    assert types.count(keras.layers.UpSampling2D) == 2
    assert len(types) == len(model.layers)
    assert twin.output_shape == model.output_shape
    # The very same weights, not copies.
    assert [id(weight) for weight in twin.weights] == [id(weight) for weight in model.weights]
    image = tiny_models.images()[0]
    first = keras.Model(model.input, model.get_layer("encoder1_relu1").output)(image).numpy()
    pooled = keras.Model(model.input, model.get_layer("encoder1_pool").output[0])(image).numpy()
    np.testing.assert_array_equal(first.reshape(1, 16, 2, 24, 2, 4).max((2, 4)), pooled)
    assert not np.allclose(twin(image), model(image), atol=0.1)


def test_a_unet_hands_its_maps_over(model):
    unet = networks.unet(model)
    types = layer_types(unet)
    assert types.count(keras.layers.Concatenate) == types.count(keras.layers.UpSampling2D) == 2
    assert unet.output_shape == model.output_shape
    grown = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            old, new = layer.kernel.shape, unet.get_layer(layer.name).kernel.shape
            assert (old[0], old[1], old[3]) == (new[0], new[1], new[3])
            if new[2] != old[2]:
                grown[layer.name] = new[2] - old[2]
    skipped = [model.get_layer(f"encoder{depth}_pool").input.shape[-1] for depth in (2, 1)]
    assert grown == {"decoder2_conv1": skipped[0], "decoder1_conv1": skipped[1]}


def test_transposed_keeps_sizes_and_channels(model):
    network = networks.transposed(model)
    assert layer_types(network).count(keras.layers.Conv2DTranspose) == 2
    assert network.output_shape == model.output_shape
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            assert layer.output.shape[-1] == layer.input.shape[-1]
            assert layer.output.shape[1] == 2 * layer.input.shape[1]


@pytest.mark.slow
@pytest.mark.parametrize("format", ["float32", "int8"])
def test_one_file_has_masks_and_the_others_have_none(model, format):
    graphs = {
        name: flatbuffer.read(networks.exported(build(model), tiny_models.SIZE, format))
        for name, build in networks.NETWORKS.items()
    }
    ops = {name: [op.name for op in graph.ops] for name, graph in graphs.items()}
    assert {name: len(masks.find(graph)) for name, graph in graphs.items()} == {
        "segnet": 4, "plain": 0, "unet": 0, "transposed": 0
    }  # fmt: skip
    assert ops["plain"].count("RESIZE_NEAREST_NEIGHBOR") == 2
    assert ops["unet"].count("CONCATENATION") == 2
    # Each of the two transposed convolutions is two: even and odd rows of its output.
    assert "TRANSPOSE_CONV" not in ops["transposed"]
    for name, graph in graphs.items():
        assert ops[name].count("CONV_2D") == (5 + 2 * 2 if name == "transposed" else 5)
        for op in graph.ops:
            if op.name in ("CONV_2D", "RESIZE_NEAREST_NEIGHBOR", "CONCATENATION"):
                assert graph.tensors[op.outputs[0]].dtype == format, name


def test_seeded_weights_leave_the_activations_alive():
    model = networks.seeded_model("segnet_mini", EVEN, (4,) * 5)
    again = networks.seeded_model("segnet_mini", EVEN, (4,) * 5)
    for weight, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    image = tiny_models.images(EVEN)[0]
    deepest = keras.Model(model.input, model.get_layer("encoder5_relu2").output)
    assert (deepest(image).numpy() > 0).mean() > 0.1


def test_the_subprocess_has_no_tensorflow_in_it(model, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(networks.exported(model, tiny_models.SIZE, "float32"))
    bare = memory.peak_process(None)
    assert 10e6 < bare < memory.peak_process(path) < 200e6  # TensorFlow alone takes 500 MB
    path.write_bytes(b"nothing at all")
    with pytest.raises(UserError, match="in a subprocess"):
        memory.peak_process(path)


def test_pytorch_gets_the_same_layers():
    model = networks.seeded_model("segnet_mini", EVEN, (4, 6))
    layers = networks.layer_list(model)
    kinds = [kind for kind, _, _ in layers]
    assert kinds[:7] == ["conv3", "norm", "relu", "conv3", "norm", "relu", "pool"]
    assert layers[:7] == [(kind, 4, [at - 1]) for at, kind in enumerate(kinds[:7])]
    assert layers[-1] == ("conv1+bias", networks.CLASSES, [len(layers) - 2])
    assert kinds.count("pool") == kinds.count("unpool") == 2


@pytest.mark.torch
def test_pytorchs_network_has_as_many_parameters():
    model = networks.seeded_model("segnet_mini", EVEN, (4, 6))
    twin = torch_runner.network(networks.layer_list(model))
    count = sum(parameter.numel() for parameter in twin.parameters())
    assert count == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    runner = torch_runner.Runner(networks.layer_list(model), EVEN)
    try:
        assert 0 < runner.seconds(1) < 10
        assert 50e6 < runner.peaks()["bare_process_bytes"] < runner.peaks()["process_bytes"]
    finally:
        runner.close()


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(networks, "seeded_model", lambda *_: tiny_models.two_stages(size=EVEN))


@pytest.mark.slow
def test_the_report_has_both_formats(tiny, tmp_path, capsys):
    report = tmp_path / "out.json"
    arguments = ["--size", "32x64", "--seconds", "0.01", "--no-torch", "--json", str(report)]
    assert export_bench.main(arguments) == 0
    content = json.loads(report.read_text())
    assert content["size"] == [32, 64] and content["no_pytorch"] == "left out"
    for form in export_bench.FORMATS:
        rows = content[form]
        assert list(rows) == ["segnet", "plain", "unet", "transposed"]
        for row in rows.values():
            for threads in export_bench.THREADS:
                timed = row[f"threads_{threads}"]
                assert timed["ms"] > 0 and timed["ratio"] > 0 and timed["rounds"] >= 10
            assert row["process_bytes"] > content["bare_process_bytes"]
            assert row["arena_bytes"] >= row["live_bytes"] > 0 and row["file_bytes"] > 0
        assert rows["plain"]["threads_1"]["ratio"] == 1
        assert rows["segnet"]["partitions"] == 1 < rows["plain"]["partitions"]
    said = capsys.readouterr().out
    assert "No PyTorch row" in said and "times as fast as the U-Net" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "32x50"], "`size` must be divisible by 32"),
        (["--widths", "a,b"], "`widths` must be whole numbers"),
        (["--model", "nonet"], "`name` must be one of"),
    ],
)
def test_bad_input_is_one_line(arguments, words, capsys, tmp_path):
    report = tmp_path / "out.json"
    arguments = ["--widths", "4,4,4,4,4", *arguments]
    assert export_bench.main([*arguments, "--json", str(report)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("export_bench: ") and error.count("\n") == 1
    assert words in error
    assert not report.exists()


def test_a_rival_that_is_none_is_one_line(capsys, tmp_path):
    rival = tmp_path / "rival.tflite"
    rival.write_bytes(b"nothing at all")
    report = tmp_path / "out.json"
    assert export_bench.main(["--rival", str(rival), "--json", str(report)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "`rival` must be a whole .tflite file" in error
    plain = tmp_path / "plain.tflite"  # the name of a row that is always there
    assert export_bench.main(["--rival", str(plain), "--json", str(report)]) == 2
    assert "another name" in capsys.readouterr().err
    assert not report.exists()


def test_mask_rcnn_says_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(mask_rcnn.importlib.util, "find_spec", lambda name: None)
    assert export_bench.main(["--mask-rcnn"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no torch and no torchvision" in error
    assert "pip install" in error


@pytest.mark.torch
def test_mask_rcnn_is_a_row_of_the_comparison(tmp_path):
    row = mask_rcnn.measure((64, 96), runs=1)
    # torchvision states 44,401,393 (https://pytorch.org/vision/stable/models.html) for a backbone
    # whose batch normalizations are frozen; without pretrained weights their 53,120 are trained.
    assert row["parameters"] == 44_401_393 + 53_120
    assert row["files"]["float32"]["ms"] > 0 and row["macs"] > 1e9
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"extra_rows": [row]}), "utf-8")
    (found,) = figures.extra_rows(path)
    assert found.name == mask_rcnn.NAME and "peak memory" in found.notes[0]


@pytest.mark.slow
def test_a_rival_is_timed_in_the_table_of_its_format(tiny, tmp_path, capsys):
    content = networks.exported(tiny_models.two_stages(), tiny_models.SIZE, "int8")
    rival = tmp_path / "other.tflite"
    rival.write_bytes(content)
    report = tmp_path / "out.json"
    arguments = ["--size", "32x64", "--seconds", "0.01", "--no-torch", "--json", str(report)]
    assert export_bench.main([*arguments, "--rival", str(rival)]) == 0
    found = json.loads(report.read_text())
    assert found["int8"]["other"]["threads_1"]["ms"] > 0 and "other" not in found["float32"]
    assert found["int8"]["other"]["file_bytes"] == len(content)
    assert found["rivals"]["other"]["size"] == list(tiny_models.SIZE)
    assert "other: 32x48, int8" in capsys.readouterr().out
