"""How a run is divided among workers; `test_workers.py` starts some."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.config import TrainConfig
from segnet_tf.data import open_samples
from segnet_tf.data.augment import PRESETS
from segnet_tf.data.order import Share
from segnet_tf.data.pipeline import training_dataset
from segnet_tf.errors import UserError
from segnet_tf.optimizers import SGDWithL2
from segnet_tf.training import distribution, joining
from segnet_tf.training.distribution import Workers
from segnet_tf.training.tf_config import Cluster

TWO = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ("", "none"),
        ("{", "no JSON"),
        ("[]", "without an object"),
        ({"cluster": TWO}, "without an object"),
        ({"cluster": {"ps": ["a:1"], **TWO}, "task": {"type": "worker", "index": 0}}, "job 'ps'"),
        ({"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}, "no list"),
        ({"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}, "no host:port"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}, "twice"),
        ({"cluster": TWO, "task": {"type": "worker", "index": 2}}, "index 2 for 2 of type worker"),
        ({"cluster": TWO, "task": {"type": "worker", "index": -1}}, "index -1"),
        ({"cluster": TWO, "task": {"type": "worker"}}, "index None"),
        ({"cluster": TWO, "task": {"type": "chief", "index": 0}}, "task type 'chief'"),
    ],
)
def test_tf_config_that_is_wrong(content, received, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UserError, match=re.escape(received)) as error:
        joining.join(TrainConfig(distribute="multi-worker"))
    assert "`TF_CONFIG`" in str(error.value) and "\n" not in str(error.value)


def test_tf_config_with_a_chief():
    text = json.dumps(
        {
            "cluster": {"worker": ["b:1", "c:1"], "chief": ["a:1"]},
            "task": {"type": "worker", "index": "1", "trial": "7"},
            "environment": "cloud",
        }
    )
    found = Cluster.from_text(text)
    assert found.addresses == ("a:1", "b:1", "c:1")
    assert found.index == 2


def test_the_workers_read_the_batches_of_one():
    samples = open_samples("synthetic:9", "train", size=(32, 48))
    options = {"batch_size": 4, "augmentation": PRESETS["standard"], "seed": 3, "start_epoch": 1}

    def batches(share, count):
        found = training_dataset(samples, share=share, **options).take(count)
        return [[part.numpy() for part in batch] for batch in found]

    expected = batches(None, 3)  # two of epoch 1, one of epoch 2
    # Two workers of two devices each, which take a worker's pieces in turn.
    pieces = [batches(Share(worker, 2, 4), 6) for worker in (0, 1)]
    for step, batch in enumerate(expected):
        ours = [p for own in pieces for p in own[2 * step : 2 * step + 2]]
        for part, whole in enumerate(batch):
            np.testing.assert_array_equal(np.concatenate([p[part] for p in ours]), whole)


def test_validation_sees_each_image_once():
    samples = open_samples("synthetic:12", "val", size=(32, 48))
    assert len(samples) == 3
    seen = []
    for worker in (0, 1):
        workers = Workers(tf.distribute.get_strategy(), Share(worker, 2, 2))
        data = list(workers.validation_data(samples, 2, "none"))
        assert len(data) == 2  # alike on all workers, else one would wait for the other
        seen += [pair for pair in data if (pair[1].numpy() != 255).any()]
    images = sorted(image.numpy()[0].sum() for image, _ in seen)
    assert images == sorted(float(samples.read(i)[0].sum()) for i in range(3))


def test_bad_divisions_and_options_are_refused():
    workers = Workers(tf.distribute.get_strategy(), Share(0, 3, 6))
    workers.require_even(12)
    with pytest.raises(UserError, match=r"batch_size=16 for 6 replicas on 3 workers. Take 18"):
        workers.require_even(16)
    with pytest.raises(UserError, match="must be one of none, mirrored, multi-worker"):
        TrainConfig(distribute="horovod")
    with pytest.raises(UserError, match="must be one of synchronized, local"):
        TrainConfig(batch_norm="none")
    with pytest.raises(UserError, match="`minutes` must be left out with `distribute`"):
        TrainConfig(minutes=1, distribute="mirrored")
    with pytest.raises(UserError, match="`steps_per_execution` must be 1 with mirrored"):
        TrainConfig(steps_per_execution=2, distribute="mirrored")


def test_workers_that_differ_are_named():
    alike = {"failure": None, "facts": {"batch_size": 4, "seed": 0}}
    other = {"failure": None, "facts": {"batch_size": 4, "seed": 1}}
    distribution._require_alike([alike, alike])
    with pytest.raises(UserError, match="`seed`.*Received: 1 on worker 1, 0 on worker 0"):
        distribution._require_alike([alike, other])
    failed = {"failure": "`data` is gone", "facts": {}}
    with pytest.raises(UserError, match="worker 1 of 2: `data` is gone"):
        distribution._require_alike([alike, failed])


def test_no_decay_on_the_copies_of_a_bias():
    optimizer = SGDWithL2(1.0, l2=0.5)
    for name, after in (("bias", 1.0), ("bias/replica_1", 1.0), ("kernel/replica_1", 0.5)):
        variable = tf.Variable(1.0, name=f"conv/{name}")
        optimizer.build([variable])
        optimizer.update_step(tf.constant(0.0), variable, tf.constant(1.0))
        assert variable.numpy() == after, name
        optimizer.built = False
