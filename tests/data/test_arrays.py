"""`arrays.samples_of`: what a Keras user has in memory, or one line on why it cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from segnet_tf.data.arrays import samples_of
from segnet_tf.data.classes import VOID
from segnet_tf.errors import UserError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 4, 6, 3), np.uint8)
LABELS = RNG.integers(0, 3, (5, 4, 6)).astype(np.int32)
LABELS[0, 0] = VOID


def dataset(*parts, **options):
    return tf.data.Dataset.from_tensor_slices(*parts, **options)


IMAGES_ALONE = {
    "bytes": IMAGES,
    "floats": IMAGES.astype(np.float32),
    "integers": IMAGES.astype(np.int64),
    "list": list(IMAGES),
    "dataset": dataset(IMAGES),
    "batches": dataset(IMAGES).batch(2),
    "endless": dataset(IMAGES).repeat(),
    "tuple of one": dataset((IMAGES,)).batch(3),
}
PAIRS = {
    "arrays": (IMAGES, LABELS),
    "lists": (list(IMAGES), list(LABELS)),
    "one channel": (IMAGES, LABELS[..., None]),
    "dataset": dataset((IMAGES, LABELS)),
    "batches": dataset((IMAGES.astype(np.float32), LABELS)).batch(2),
    "with weights": dataset((IMAGES, LABELS, np.ones((5,)))).batch(2),
}


@pytest.mark.parametrize("case", IMAGES_ALONE)
def test_images_alone(case):
    found = samples_of(IMAGES_ALONE[case], 3, 5, 3)
    assert len(found) == 5 and not found.is_labelled and found.split == "in memory"
    for index, image in enumerate(IMAGES):
        read, labels = found.read(index)
        assert read.dtype == labels.dtype == np.uint8
        assert np.array_equal(read, image) and (labels == VOID).all()


@pytest.mark.parametrize("case", PAIRS)
def test_pairs(case):
    found = samples_of(PAIRS[case], 3, 5, 3)
    assert len(found) == 5 and found.is_labelled and len(found.classes) == 3
    for index, (image, labels) in enumerate(zip(IMAGES, LABELS, strict=True)):
        pair = found.read(index)
        assert pair[1].dtype == np.uint8
        assert np.array_equal(pair[0], image) and np.array_equal(pair[1], labels)


def test_the_first_of_a_dataset_are_kept():
    shuffled = dataset(IMAGES).shuffle(5, seed=1).batch(2).repeat()
    found = samples_of(shuffled, 3, 3, 2)
    assert len(found) == 3 and len(found.subset(2)) == 2
    assert all(np.array_equal(found.read(i)[0], found.read(i)[0]) for i in range(3))


def test_images_of_several_sizes():
    images = [IMAGES[0], IMAGES[1, :3]]
    assert samples_of(images, 3, 5, 2).read(1)[0].shape == (3, 6, 3)


WRONG = {
    "one image": (IMAGES[0], r"several images \(N, height.*Received: shape \(4, 6, 3\)"),
    "channels first": (IMAGES.transpose(0, 3, 1, 2), r"3 channels.*Received: shape \(3, 4, 6\)"),
    "another type": ({"images": IMAGES}, "must be a folder.*Received: dict"),
    "a list of numbers": ([1, 2], r"Received: shape \(\) for an image"),
    "a list of the pair": ([IMAGES, LABELS], r"Received: shape \(5, 4, 6, 3\) for an image"),
    "three": ((IMAGES, LABELS, LABELS), "Received: a tuple of 3"),
    "nothing": (IMAGES[:0], "at least one image. Received: none"),
    "an empty list": ([], "at least one image"),
    "an empty dataset": (dataset(IMAGES[:0]), "at least one image"),
    "no pixels": (IMAGES[:, :0], r"Received: shape \(0, 6, 3\)"),
    "a dataset of numbers": (tf.data.Dataset.range(3), "Received: a tf.data.Dataset of"),
    "a dataset of names": (dataset({"image": IMAGES}), "Received: a tf.data.Dataset of"),
    "words": (np.full((1, 4, 6, 3), "a"), "Received: dtype <U1"),
    "divided": (IMAGES / 255, r"RGB 0\.\.255.*Received: values from 0 to 1\. .*Rescaling"),
    "centered": (IMAGES / 127.5 - 1, "Received: values from -1 to 1"),
    "deep": (IMAGES.astype(np.uint16) * 16, "Received: values from 0 to 4080"),
    "not a number": (np.where(IMAGES == 7, np.nan, IMAGES), "Received: values from nan to nan"),
    "a label too few": ((IMAGES, LABELS[:4]), "each of its 5 images. Received: 4 of them"),
    "other labels": ((IMAGES, LABELS[:, :3]), r"Received: shape \(3, 6\)"),
    "one-hot": ((IMAGES, np.eye(3)[LABELS % 3]), r"Received: shape \(4, 6, 3\).*argmax"),
    "float labels": ((IMAGES, LABELS.astype(np.float32)), "dtype float32.*astype"),
    "other classes": ((IMAGES, LABELS * 2), "3 classes, 0 to 2.*Received: 4"),
    "negative": ((IMAGES, LABELS - 1), "Received: -1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_one_line(case):
    data, words = WRONG[case]
    with pytest.raises(UserError, match=words) as caught:
        samples_of(data, 3, 5, 3)
    text = str(caught.value)
    assert text.startswith("`data` must ") and "\n" not in text


def test_none_for_labels_is_images_alone():
    assert not samples_of((IMAGES, None), 3, 5, 3).is_labelled
