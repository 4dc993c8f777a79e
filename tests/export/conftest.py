"""A run folder as `segnet-tf train` leaves it, with a network that converts in no time."""

import pytest
import tiny_models

from segnet_tf import runs
from segnet_tf.atomic import write_json
from segnet_tf.config import TrainConfig
from segnet_tf.data import open_samples

CLASSES = 11  # of the drawn scenes


@pytest.fixture(scope="module")
def network():
    return tiny_models.two_stages(CLASSES)


@pytest.fixture(scope="module")
def run(network, tmp_path_factory):
    """The folder: `best.keras` and `config.json`, trained (so it says) on drawn scenes."""
    folder = tmp_path_factory.mktemp("run")
    network.save(folder / "best.keras")
    config = TrainConfig(data="synthetic:6", size=tiny_models.SIZE, batch_size=2, epochs=1)
    train, val = (open_samples(config.data, split, size=config.size) for split in ("train", "val"))
    write_json(folder / "config.json", runs.describe(config, train, val, CLASSES, None))
    return folder


@pytest.fixture
def fast(monkeypatch):
    """Leaves out the seconds of timing and the run in a process of its own."""
    from export import runtimes

    monkeypatch.setattr(runtimes, "latency_ms", lambda content: 1.5)
    monkeypatch.setattr(runtimes, "check_survives", lambda path: None)
