"""`exporter.export` of a model in memory, and how its options are given."""

from __future__ import annotations

import pytest
import tiny_models
import tiny_run

from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export import exporter, sources
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
    assert loaded.labels(None) == sources.of(str(run)).labels(None)
    assert loaded.samples(None, "train").stems == sources.of(run).samples(None, "train").stems


def test_a_model_in_memory_has_no_name_for_its_file(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="`output` must be given for a model in memory") as caught:
        exporter.export(network, format="float32")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


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
