"""The `tf.data` pipeline: order, repeatability, batches, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from segnet_tf.data import VOID, Classes, Samples, decoded, open_samples, pipeline
from segnet_tf.data.augment import NONE, STANDARD, Augmentation
from segnet_tf.data.census import Census
from segnet_tf.data.pasting import Pasting, rare_classes
from segnet_tf.data.pipeline import evaluation_dataset, steps_per_epoch, training_dataset
from segnet_tf.errors import UserError

CLASSES = Classes(("a", "b"), ((1, 1, 1), (2, 2, 2)))


def numbered(count, size=(6, 8), sizes=None, reads=None):
    """Image i holds the value i everywhere, and the label i % 2."""

    def read(index):
        if reads is not None:
            reads.append(index)
        shape = sizes[index] if sizes else size
        return np.full((*shape, 3), index, np.uint8), np.full(shape, index % 2, np.uint8)

    return Samples("made", "train", CLASSES, tuple(f"n{i}" for i in range(count)), read)


def order(samples, steps, **arguments):
    dataset = training_dataset(samples, **arguments)
    return [batch[0][:, 0, 0, 0].numpy().astype(int).tolist() for batch in dataset.take(steps)]


def take(dataset, start, stop):
    return [(x.numpy(), y.numpy()) for x, y in dataset.skip(start).take(stop - start)]


def test_an_epoch_shows_each_image_once_and_drops_the_rest():
    samples = numbered(11)
    assert steps_per_epoch(samples, 3) == 3
    batches = order(samples, 30, batch_size=3, seed=5)
    epochs = [sum(batches[i : i + 3], []) for i in range(0, 30, 3)]
    assert all(len(set(epoch)) == 9 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 10
    # What is dropped differs, so that in ten epochs every image is seen.
    assert set(sum(epochs, [])) == set(range(11))
    assert batches == order(samples, 30, batch_size=3, seed=5)
    assert batches != order(samples, 30, batch_size=3, seed=6)


def test_batches_have_static_shapes_and_their_types():
    dataset = training_dataset(numbered(4), batch_size=2, crop=(4, 5), augmentation=STANDARD)
    images, labels = dataset.element_spec
    assert (images.shape, images.dtype.name) == ((2, 4, 5, 3), "float32")
    assert (labels.shape, labels.dtype.name) == ((2, 4, 5), "uint8")
    whole = training_dataset(numbered(4), batch_size=2).element_spec[0]
    assert whole.shape == (2, 6, 8, 3)


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_later_start_is_the_unbroken_stream_bit_for_bit(epoch):
    samples = open_samples("synthetic:7", "train", size=(40, 48))
    arguments = {"batch_size": 2, "crop": (32, 32), "augmentation": STANDARD, "seed": 11}
    steps = steps_per_epoch(samples, 2)
    unbroken = take(training_dataset(samples, **arguments), epoch * steps, (epoch + 1) * steps)
    resumed = take(training_dataset(samples, **arguments, start_epoch=epoch), 0, steps)
    for whole, part in zip(unbroken, resumed, strict=True):
        assert np.array_equal(whole[0], part[0])
        assert np.array_equal(whole[1], part[1])


def test_each_epoch_augments_the_same_image_anew():
    samples = open_samples("synthetic:1", "train", size=(40, 48))
    dataset = training_dataset(samples, batch_size=1, augmentation=STANDARD)
    seen = {images.tobytes() for images, _ in take(dataset, 0, 6)}
    assert len(seen) == 6


def test_each_place_in_an_epoch_is_augmented_on_its_own():
    picture = open_samples("synthetic:1", "train", size=(40, 48)).read(0)
    same = Samples("made", "train", CLASSES, tuple("abcdef"), lambda index: picture)
    ((images, _),) = take(training_dataset(same, batch_size=6, augmentation=STANDARD), 0, 1)
    assert len({image.tobytes() for image in images}) == 6


def test_every_file_is_decoded_once():
    reads = []
    order(numbered(5, reads=reads), 12, batch_size=2)
    assert sorted(reads) == [0, 1, 2, 3, 4]


def test_what_does_not_fit_in_memory_is_read_again(monkeypatch):
    reads = []
    monkeypatch.setattr(decoded, "cache_bytes", lambda: 2 * 6 * 8 * 4)
    kept = decoded.DecodedSamples(numbered(4, reads=reads))
    assert [int(kept(i)[0][0, 0, 0]) for i in range(4)] == [0, 1, 2, 3]
    assert sorted(reads) == [0, 1, 2, 2, 3, 3]


def test_images_of_several_sizes_train_with_a_crop_only():
    samples = numbered(4, sizes=[(6, 8), (9, 7), (6, 8), (12, 12)])
    with pytest.raises(UserError, match="`crop` must be given"):
        training_dataset(samples, batch_size=2)
    for images, labels in training_dataset(samples, batch_size=2, crop=(8, 8)).take(4):
        assert images.shape == (2, 8, 8, 3)
        assert set(np.unique(labels)) <= {0, 1, VOID}


def test_evaluation_is_one_pass_in_order_unchanged():
    batches = take(evaluation_dataset(numbered(5), batch_size=2), 0, 99)
    assert [len(images) for images, _ in batches] == [2, 2, 1]
    assert [int(image[0, 0, 0]) for images, _ in batches for image in images] == [0, 1, 2, 3, 4]
    assert batches[0][0].dtype == np.float32
    assert batches[0][1].dtype == np.uint8
    assert int(evaluation_dataset(numbered(5), batch_size=2).cardinality()) == 3


def test_evaluation_of_several_sizes_comes_one_by_one_or_scaled():
    sizes = [(6, 8), (9, 7), (6, 8)]
    one_by_one = take(evaluation_dataset(numbered(3, sizes=sizes), batch_size=3), 0, 9)
    assert [labels.shape for _, labels in one_by_one] == [(1, *size) for size in sizes]
    ((images, labels),) = take(
        evaluation_dataset(numbered(3, sizes=sizes), batch_size=3, size=(4, 5)), 0, 9
    )
    assert images.shape == (3, 4, 5, 3)
    assert [np.unique(item).tolist() for item in labels] == [[0], [1], [0]]


def test_scaled_labels_are_picked_never_mixed():
    labels = np.where(np.arange(16) < 8, 1, 5).astype(np.uint8)[None].repeat(16, 0)
    samples = Samples(
        "made", "val", CLASSES, ("x",), lambda index: (np.zeros((16, 16, 3), np.uint8), labels)
    )
    ((_, scaled),) = take(evaluation_dataset(samples, size=(5, 5)), 0, 9)
    assert set(np.unique(scaled)) == {1, 5}


def test_a_damaged_file_is_named_before_the_first_step(tmp_path):
    for name in ("a", "b"):
        for folder, mode in (("train", "RGB"), ("trainannot", "L")):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.new(mode, (40, 40)).save(tmp_path / folder / f"{name}.png")
    broken = tmp_path / "train" / "b.png"
    broken.write_bytes(broken.read_bytes()[:60])
    samples = open_samples(tmp_path, "train")
    for make in (
        lambda: training_dataset(samples, batch_size=1),
        lambda: evaluation_dataset(samples),
    ):
        with pytest.raises(UserError) as info:
            make()
        assert str(broken) in str(info.value)


@pytest.mark.parametrize("batch_size", [0, -1, 6])
def test_batches_that_cannot_be_filled_are_refused(batch_size):
    with pytest.raises(UserError, match=f"`batch_size` must be .*Received: .*{batch_size}"):
        training_dataset(numbered(5), batch_size=batch_size, augmentation=NONE)


@pytest.mark.slow
def test_another_process_and_forced_determinism_give_the_same_bits():
    code = """
import sys, hashlib, tensorflow as tf
if sys.argv[1] == "forced": tf.config.experimental.enable_op_determinism()
from segnet_tf.data import open_samples
from segnet_tf.data.augment import STANDARD
from segnet_tf.data.pipeline import training_dataset
samples = open_samples("synthetic:9", "train", size=(64, 80))
digest = hashlib.sha256()
for images, labels in training_dataset(samples, batch_size=4, augmentation=STANDARD).take(6):
    digest.update(images.numpy().tobytes() + labels.numpy().tobytes())
print(digest.hexdigest())
"""
    results = [
        subprocess.run(
            [sys.executable, "-c", code, mode], capture_output=True, text=True, check=True
        ).stdout
        for mode in ("free", "forced")
    ]
    assert results[0] == results[1] != ""


def striped(count=6):
    """Images of class 0 whose left half is of class 1, the image's number in every pixel."""

    def read(index):
        labels = np.zeros((6, 8), np.uint8)
        labels[:, :4] = 1
        return np.full((6, 8, 3), 10 * index + labels[..., None], np.uint8), labels

    return Samples("made", "train", CLASSES, tuple(f"n{i}" for i in range(count)), read)


def test_pasted_pixels_are_another_images_with_their_labels():
    samples = striped()
    arguments = {"batch_size": 6, "seed": 3}
    plain = take(training_dataset(samples, **arguments), 0, 8)
    pasted = take(training_dataset(samples, pasting=Pasting(0.5, (1,)), **arguments), 0, 8)
    changed, sources = [], set()
    for (before, _), (after, labels) in zip(plain, pasted, strict=True):
        for old, new, ids in zip(before, after, labels, strict=True):
            # Nothing is flipped here: the pasted half lies over a half of the same class.
            np.testing.assert_array_equal(new % 10, ids[..., None].repeat(3, -1))
            np.testing.assert_array_equal(new[:, 4:], old[:, 4:])
            assert len(np.unique(new[:, :4])) == 1
            changed.append(not np.array_equal(new, old))
            sources.add(int(new[0, 0, 0]) // 10)
    assert 0.2 < np.mean(changed) < 0.6 and sources == set(range(6))
    again = take(training_dataset(samples, pasting=Pasting(0.5, (1,)), **arguments), 0, 8)
    for (now, _), (then, _) in zip(again, pasted, strict=True):
        np.testing.assert_array_equal(now, then)


def test_pasting_changes_the_labels_where_the_classes_differ():
    samples = striped()
    flipped = Augmentation(flip=True)
    pairs = take(
        training_dataset(samples, batch_size=6, augmentation=flipped, pasting=Pasting(1.0, (1,))),
        0, 4,
    )  # fmt: skip
    shares = [labels.mean() for _, batch in pairs for labels in batch]
    assert set(shares) == {0.5, 1.0}  # on the same half, or on the other one
    for images, batch in pairs:
        np.testing.assert_array_equal(images[..., 0] % 10, batch)


def test_pasting_draws_on_its_own(monkeypatch):
    """The choice of the image must say nothing of how it is augmented."""

    def second_draw(image, labels, seed, crop, augmentation):
        value = tf.random.stateless_uniform((8,), seed)[1]
        return tf.fill(tf.shape(image), value), labels

    monkeypatch.setattr(pipeline, "augment", second_draw)
    dataset = training_dataset(striped(), batch_size=6, pasting=Pasting(0.3, (1,)))
    images = np.concatenate([images for images, _ in take(dataset, 0, 30)])
    pasted = images[:, 0, 0, 0][images[:, 0, 0, 0] != images[:, 0, -1, 0]]
    assert len(pasted) > 30 and 0.35 < pasted.mean() < 0.65


def test_rare_classes_are_far_below_an_even_share():
    pixels = np.array([700, 200, 60, 24, 0])
    census = Census("train", CLASSES, 1, pixels, pixels, 0)
    assert rare_classes(census) == (3,)
