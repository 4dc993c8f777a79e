"""`segnet-tf export --onnx`: ONNX Runtime and OpenCV against Keras and NumPy, ties included."""

from __future__ import annotations

import importlib.util
import json

import lowered_pair
import numpy as np
import pytest
import tensorflow as tf
import tiny_models

from segnet_tf.cli.main import main
from segnet_tf.errors import UserError
from segnet_tf.export import onnx_exporter
from segnet_tf.export.conversion import lowering

PACKAGES = ("tf2onnx", "onnx", "onnxruntime")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(
    bool(MISSING), reason="needs the extra `onnx`: pip install -c constraints.txt -e '.[onnx]'"
)


def on_onnxruntime(content: bytes, image: np.ndarray) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(content)
    return session.run(None, {session.get_inputs()[0].name: image})


def on_opencv(content: bytes, image: np.ndarray) -> list[np.ndarray]:
    cv2 = pytest.importorskip("cv2", reason="needs opencv-python-headless")
    net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    net.setInput(image)
    return list(net.forward(net.getUnconnectedOutLayersNames()))


RUNTIMES = pytest.mark.parametrize("run", [on_onnxruntime, on_opencv])


@pytest.mark.slow
@needs_onnx
@RUNTIMES
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pooling_and_unpooling_are_numpys_with_ties(run, padding):
    import tf2onnx

    shape = (1, 45, 61, 7)

    def forward(x):
        pooled, argmax = lowering.max_pool(x, padding, None, "pool")
        return {"a_pooled": pooled, "b_unpooled": lowering.max_unpool(pooled, argmax, None)}

    function = tf.function(forward, input_signature=[tf.TensorSpec(shape, tf.float32, "image")])
    found, _ = tf2onnx.convert.from_function(
        function, input_signature=function.input_signature, opset=onnx_exporter.OPSET
    )
    # Few values, so most windows have ties; and neighbors that differ by one float32 step.
    values = np.array([-1, 0, 1, np.nextafter(np.float32(1), np.float32(2)), 100], np.float32)
    x = np.random.default_rng(0).choice(values, shape).astype(np.float32)
    pooled, unpooled = run(found.SerializeToString(), x)
    wanted = lowered_pair.reference(x, padding == "same")
    np.testing.assert_array_equal(pooled, wanted[0])
    np.testing.assert_array_equal(unpooled, wanted[1])


@pytest.mark.slow
@needs_onnx
@RUNTIMES
@pytest.mark.parametrize("name", ["segnet_lite", "segnet_mini", "enet", "deeplab_v3_plus"])
def test_networks_are_keras(run, name, tmp_path):
    from segnet_tf import models

    model = models.build(name, 5, (64, 96, 3), **tiny_models.NARROW[name])
    model = tiny_models.alive(model)
    path, facts = onnx_exporter.export_onnx(model, output=tmp_path / "m.onnx", limit=2)
    assert facts["tie_difference"] < 1e-4 and facts["pixel_agreement"] > 0.999
    image = tiny_models.images((64, 96), 1)[0]
    expected = model.predict_on_batch(image)
    (found,) = run(path.read_bytes(), image)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
@needs_onnx
def test_the_command_writes_a_file_with_its_report(run, tmp_path, capsys):
    import onnx

    output, report = tmp_path / "m.onnx", tmp_path / "r.json"
    arguments = ["export", "--onnx", "--model", str(run), "--output", str(output), "--limit", "2"]
    assert main([*arguments, "--output-kind", "labels", "--json", str(report)]) == 0
    said = json.loads(report.read_text())
    assert said["bytes"] == output.stat().st_size and said["tie_difference"] is None
    assert "100.00 % of pixels have Keras's class" in capsys.readouterr().out
    model = onnx.load(output)
    properties = {each.key: each.value for each in model.metadata_props}
    assert len(json.loads(properties["classes"])) == 11 and properties["output"] == "labels"
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    before = output.read_bytes()
    assert main(arguments) == 2  # it exists
    assert output.read_bytes() == before


@pytest.mark.slow
@needs_onnx
def test_a_file_that_unpools_elsewhere_is_refused(monkeypatch, tmp_path):
    def second_of_equals(self, layer, x):
        pooled, argmax = lowering.max_pool(-x.tensor, layer.padding, None, layer.name, None)
        return type(x)(-pooled, x.range), argmax

    monkeypatch.setattr(onnx_exporter.BuiltinLowering, "max_pool", second_of_equals)
    with pytest.raises(UserError, match="same on ONNX Runtime|unpool ties on ONNX Runtime"):
        onnx_exporter.export_onnx(tiny_models.two_stages(), output=tmp_path / "m.onnx", limit=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--qat", "2"], "has no --qat"),
        (["--io", "uint8"], "has no --io"),
        (["--npu", "SM8750"], "has no --npu"),
        (["--input-size", "64x64", "64x96"], "must be one size"),
    ],
)
def test_what_an_onnx_file_has_not_is_one_line(arguments, words, capsys):
    assert main(["export", "--onnx", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(onnx_exporter.sys.modules, "tf2onnx", None)
    with pytest.raises(UserError, match=r"\[onnx\]"):
        onnx_exporter.export_onnx()
