"""Data sets that are too large to be read before the first step."""

from __future__ import annotations

import threading
import time
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from data_trees import make_flat, refusal

from segnet_tf.config import TrainConfig
from segnet_tf.data import Classes, Samples, decoded, open_samples
from segnet_tf.data.augment import STANDARD
from segnet_tf.data.decoded import DecodedSamples, named_errors
from segnet_tf.data.images import LOOKED_AT
from segnet_tf.data.order import epoch_order
from segnet_tf.data.pipeline import evaluation_batches, training_dataset
from segnet_tf.errors import UserError
from segnet_tf.system.threads import in_order
from segnet_tf.training import survey
from segnet_tf.training.preparation import Data, resolved_class_weights

CLASSES = Classes(("a", "b", "c"), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))


def numbered(count, reads=None, sizes=None):
    """Image i holds the value i everywhere, and the label i % 2."""

    def read(index):
        if reads is not None:
            reads.append(index)
        shape = sizes.get(index, (6, 8)) if sizes else (6, 8)
        return np.full((*shape, 3), index % 200, np.uint8), np.full(shape, index % 2, np.uint8)

    return Samples("made", "train", CLASSES, tuple(f"n{i}" for i in range(count)), read)


@pytest.fixture
def large(monkeypatch):
    """Makes every data set a large one."""
    monkeypatch.setattr(decoded, "READ_AT_START", 0)


def bits(dataset, steps):
    return [(x.numpy().tobytes(), y.numpy().tobytes()) for x, y in dataset.take(steps)]


def test_a_large_data_set_is_looked_at_and_not_read():
    reads = []
    DecodedSamples(numbered(100_000, reads))
    assert len(reads) == LOOKED_AT and {0, 99_999} <= set(reads)


@pytest.mark.slow
@pytest.mark.parametrize("cache", ["auto", "none", "memory", "disk"])
def test_lazy_batches_are_those_of_a_data_set_that_is_read_at_the_start(
    cache, tmp_path, monkeypatch
):
    samples = open_samples("synthetic:9", "train", size=(40, 48))
    arguments = {"batch_size": 2, "crop": (32, 32), "augmentation": STANDARD, "seed": 5}
    expected = bits(training_dataset(samples, **arguments), 10)
    monkeypatch.setattr(decoded, "READ_AT_START", 0)
    cache = f"disk:{tmp_path}" if cache == "disk" else cache
    for _ in range(2):  # the second time from the disk
        assert bits(training_dataset(samples, **arguments, cache=cache), 10) == expected


def test_the_order_is_one_shuffle_of_all_indices():
    order = epoch_order(3, 1, 1000).numpy()
    assert sorted(order) == list(range(1000))
    # A window of 100 would leave what comes late out of the first hundred.
    assert order[:100].max() > 900
    assert order.tolist() == epoch_order(3, tf.constant(1, tf.int64), 1000).numpy().tolist()
    assert order.tolist() != epoch_order(3, 2, 1000).numpy().tolist()


def test_a_damaged_file_is_named_when_it_is_met(tmp_path, large, monkeypatch):
    make_flat(tmp_path)
    samples = open_samples(tmp_path, "train")
    monkeypatch.setattr(decoded, "LOOKED_AT", 2)
    broken = samples.files[len(samples) // 2]
    broken.write_bytes(broken.read_bytes()[:300])
    message = refusal(lambda: list(evaluation_batches(samples, batch_size=2)))
    assert message.startswith("an image file must be whole") and str(broken) in message

    def train():
        with named_errors():
            list(training_dataset(samples, batch_size=1).take(len(samples)))

    assert refusal(train) == message


def test_an_error_of_tensorflows_own_stays():
    with pytest.raises(tf.errors.InvalidArgumentError), named_errors():
        tf.reshape(tf.zeros(3), (2, 2))


def test_an_odd_size_is_named_when_it_is_met(large, monkeypatch):
    monkeypatch.setattr(decoded, "LOOKED_AT", 2)
    samples = numbered(9, sizes={4: (7, 5)})

    def train(**arguments):
        with named_errors():
            return list(training_dataset(samples, batch_size=1, **arguments).take(9))

    message = refusal(train)
    assert "`crop` must be given" in message and "5x7, n4" in message and "8x6" in message
    assert len(train(crop=(4, 4))) == 9


def test_neighbors_of_one_size_are_evaluated_at_once(large):
    samples = numbered(7, sizes={2: (7, 5)})
    found = list(evaluation_batches(samples, batch_size=2))
    assert [labels.shape for _, labels in found] == [
        (2, 6, 8), (1, 7, 5), (2, 6, 8), (2, 6, 8),
    ]  # fmt: skip
    assert [int(image[0, 0, 0]) for images, _ in found for image in images] == list(range(7))


def test_what_is_kept_in_memory(large, monkeypatch):
    monkeypatch.setattr(decoded, "cache_bytes", lambda: 3 * 6 * 8 * 4)
    for cache, count, expected in (("auto", 3, 3), ("auto", 4, 4 + 8), ("memory", 4, 4 + 2),
                                   ("none", 3, 3 + 6)):  # fmt: skip
        reads = []
        samples = DecodedSamples(numbered(count, reads), cache)
        for _ in range(2):
            for index in range(count):
                samples(index)
        # "auto" keeps nothing of what it looks at, since it does not yet know how large it is.
        assert len(reads) == expected + (count if (cache, count) == ("auto", 3) else 0), cache


def test_results_come_in_order_and_few_are_waiting():
    begun, most = 0, 0
    lock = threading.Lock()

    def work(item):
        nonlocal begun
        with lock:
            begun += 1
        time.sleep(0.001 * (item % 3))
        return item

    for taken, result in enumerate(in_order(work, range(200), threads=3)):
        assert result == taken
        most = max(most, begun - taken)
    assert most <= 13


def test_a_census_of_many_images_takes_no_memory_for_each(large):
    samples = numbered(3000)
    survey.survey_of(samples, 3)
    tracemalloc.start()
    survey.take_census(samples, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000  # 2 kB for each image would be 6 MB


def test_a_survey_of_a_sample_says_so_and_leaves_no_class_without_weight(large, monkeypatch):
    monkeypatch.setattr(survey, "SURVEYED", 10)
    samples = numbered(100)
    data = Data(samples, samples, 3)
    census = data.survey.census
    assert (census.images, census.of) == (10, 100)
    assert "10 masks of train that were counted of 100" in census.warnings[0]
    weights = resolved_class_weights(TrainConfig(), data)
    assert weights is not None and weights[2] == max(weights) > 0


@pytest.mark.parametrize("cache", ["ram", "disk:"])
def test_caches_that_do_not_exist(cache):
    with pytest.raises(UserError, match="`cache` must be one of auto, memory, none, disk, disk:"):
        TrainConfig(cache=cache)
