"""A run folder and files of networks that convert in no time."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf import models
from segnet_tf.config import TrainConfig
from segnet_tf.data import open_samples
from segnet_tf.data.scenes import synthetic
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.runs import records
from segnet_tf.system.json_files import write_json

CLASSES = 11  # of the synthetic scenes
SIZE = (64, 96)


@pytest.fixture(scope="module")
def network():
    return tiny_models.two_stages(CLASSES)


@pytest.fixture(scope="module")
def run(network, tmp_path_factory):
    """The folder: `best.keras` and `config.json`, trained (so it says) on synthetic scenes."""
    folder = tmp_path_factory.mktemp("run")
    network.save(folder / "best.keras")
    config = TrainConfig(data="synthetic:6", size=tiny_models.SIZE, batch_size=2, epochs=1)
    train, val = (open_samples(config.data, split, size=config.size) for split in ("train", "val"))
    sizes = (tiny_models.SIZE, tiny_models.SIZE)
    record = records.describe(config, train, val, CLASSES, None, sizes)
    write_json(folder / "config.json", record)
    return folder


@pytest.fixture
def fast(monkeypatch):
    """Leaves out the seconds of timing and the run in a process of its own."""
    from segnet_tf.export.runtimes import cpu
    from segnet_tf.export.tflite_file import interpreter

    monkeypatch.setattr(cpu, "latency_ms", lambda content: 1.5)
    monkeypatch.setattr(interpreter, "check_survives", lambda path, **_: None)


@pytest.fixture(scope="session")
def images():
    samples = synthetic.samples("val", size=SIZE, count=2)
    return [samples.read(index)[0].astype(np.float32)[None] for index in range(2)]


@pytest.fixture(scope="session")
def narrow():
    keras.utils.set_random_seed(0)
    return models.build("segnet_mini", 11, (*SIZE, 3), widths=(8, 8, 16, 16, 16))


@pytest.fixture(scope="session")
def float_file(narrow):
    return convert.convert(narrow, SIZE)


@pytest.fixture(scope="session")
def int8_file(narrow, images):
    ranges = calibration.measure_ranges(narrow, images)
    return convert.convert(narrow, SIZE, format="int8", ranges=ranges, io="int8")
