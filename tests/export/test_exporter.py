"""`exporter.export` of a model in memory, and how its options are given."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tiny_models
import tiny_run

from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export import exporter, sources
from segnet_tf.export.compression.plan import Compression
from segnet_tf.export.conversion import calibration
from segnet_tf.export.options import ExportOptions
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.sources import Source
from segnet_tf.runs.checkpoints import load_model, read_record
from segnet_tf.system.json_files import write_json


def test_a_model_in_memory_becomes_a_file(network, tmp_path, fast):
    output = tmp_path / "net.tflite"
    path, report = exporter.export(network, format="float32", output=output)
    assert path == output and report.failures == ()
    image = tiny_models.images()[0]
    answer = cpu.run(cpu.open_interpreter(output.read_bytes()), image)[0]
    assert abs(answer - network(image).numpy()).max() < 1e-4


def test_a_loaded_model_knows_its_run(run):
    """Its class names go into the file, and int8 is measured on the run's own images."""
    loaded = sources.of(load_model(run))
    assert loaded.in_memory and loaded.record == read_record(run)
    assert loaded.classes(None) == sources.of(str(run)).classes(None)
    assert loaded.samples(None, "train").stems == sources.of(run).samples(None, "train").stems


def test_a_model_in_memory_has_no_name_for_its_file(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="`output` must be given for a model in memory") as caught:
        exporter.export(network, format="float32")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_fields_come_before_the_options(network, tmp_path, fast):
    options = ExportOptions("float32", output=tmp_path / "one.tflite")
    _, report = exporter.export(network, options, format="float16")
    assert report.facts["format"] == "float16"
    path, report = exporter.export(network, options, output=tmp_path / "two.tflite")
    assert path == tmp_path / "two.tflite" and report.facts["format"] == "float32"


@pytest.mark.parametrize(
    ("trained", "data", "wanted"),
    [
        ((24, 32), (240, 320), (24, 32)),
        ((24, 32), None, (24, 32)),
        (None, (240, 320), (240, 320)),
        (None, None, (360, 480)),
    ],
)
def test_the_size_is_that_of_the_training(trained, data, wanted):
    record = tiny_run.record_of(5, trained) if trained else None
    source = Source("net", tiny_models.two_stages(size=(None, None)), record)
    samples = synthetic.samples("val", size=data, count=1) if data else None
    assert exporter.image_size(source, samples) == wanted


def test_bad_options_are_refused_before_the_model_is_looked_at():
    with pytest.raises(UserError, match="`io` must be float32"):
        exporter.export("nowhere", format="float32", io="int8")


@pytest.mark.slow
def test_the_report_shows_what_debugging_found(network, tmp_path, fast):
    ranges = tmp_path / "ranges.json"
    measured = calibration.measure_ranges(network, tiny_models.images())
    write_json(ranges, {"ranges": measured})
    _, report = exporter.export(
        network, format="int8", output=tmp_path / "f.tflite", ranges=ranges, debug=True
    )
    assert report.facts["ranges"] == measured and report.facts["layer_errors"]
    usual, _, table = report.text().partition("\n\nlayer ")
    assert usual.splitlines()[-1].startswith("latency") and "signal/noise" in table


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net: exporter.export(net, "int8"), "'int8' in second place"),
        (lambda net: exporter.export(net, format="int8", ouput="f"), "Did you mean output"),
        (lambda net: exporter.export(net), "`format` must be one of"),
        (lambda net: exporter.export(3, format="int8"), "`model` must be a keras.Model.*int"),
    ],
)
def test_a_wrong_call_is_one_line(network, call, words):
    with pytest.raises(UserError, match=words) as caught:
        call(network)
    assert "\n" not in str(caught.value)


IMAGES = np.concatenate(tiny_models.images(count=4)).astype(np.uint8)


def exported(network, tmp_path, data, **fields):
    options = {"format": "int8", "output": tmp_path / "f.tflite", "largest_drop": 1.0, **fields}
    return exporter.export(network, data=data, **options)[1]


def test_int8_is_measured_on_images_in_memory(network, tmp_path, fast):
    report = exported(network, tmp_path, IMAGES, calibration_images=4)
    measured = calibration.measure_ranges(network, [image[None] for image in IMAGES * 1.0])
    for name, span in report.facts["ranges"].items():
        assert np.allclose(span, measured[name], rtol=1e-5)
    assert report.facts["calibration"] == {"images": 4, "data": "array in memory"}
    assert "calibration  4 images, array in memory" in report.text()
    scores = report.facts["scores"]
    assert scores["images"] == 4 and scores["mean_iou_drop"] is None
    assert scores["data"] == "array in memory"
    assert report.facts["metadata"]["labels"] is None  # arrays have no names


@pytest.mark.slow
def test_labels_in_memory_are_scored_on(network, tmp_path, fast):
    truth = network.predict(IMAGES, verbose=0).argmax(-1)
    pairs = tf.data.Dataset.from_tensor_slices((IMAGES, truth)).batch(3).repeat()
    scores = exported(network, tmp_path, pairs, calibration_images=2, limit=3).facts["scores"]
    assert scores["images"] == 3 and scores["keras_mean_iou"] == 1.0
    assert 0.5 < scores["tflite_mean_iou"] < 1.0  # int8 gives a few pixels another class


@pytest.mark.slow
def test_samples_are_data_too(network, tmp_path, fast):
    samples = synthetic.samples("test", size=tiny_models.SIZE, count=3)
    report = exported(network, tmp_path, samples, limit=2)
    assert report.facts["calibration"]["images"] == 3 and report.facts["scores"]["images"] == 2
    assert report.facts["metadata"]["labels"] == samples.classes.names


def test_a_wrong_image_leaves_no_file(network, tmp_path):
    for data in (IMAGES / 255, IMAGES[..., :1], [], (IMAGES, IMAGES)):
        with pytest.raises(UserError, match="`data` must"):
            exported(network, tmp_path, data)
    with pytest.raises(UserError, match="`data` must have labels for `compression`"):
        exported(network, tmp_path, IMAGES, compression=Compression(prune=0.5))
    assert list(tmp_path.iterdir()) == []
