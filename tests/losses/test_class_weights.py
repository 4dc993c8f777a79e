"""Class weights by hand, and on CamVid against the weights recomputed from its labels."""

from __future__ import annotations

import numpy as np
import pytest

from segnet_tf.data import open_samples
from segnet_tf.data.classes import Classes
from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError
from segnet_tf.losses.class_weights import count_pixels, enet_weights, median_frequency_weights

# Of the training split, from the labels, rounded to four digits after the point.
CAMVID = [
    *(0.2663, 0.1929, 4.5642, 0.1417, 1.0000, 0.4614),
    *(3.8248, 3.9814, 0.7648, 7.0182, 15.3816),
]


def samples_of(*label_maps):
    colors = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    maps = [np.array(labels, np.uint8) for labels in label_maps]
    return Samples(
        source="test",
        split="train",
        classes=Classes(("a", "b", "c"), colors),
        stems=tuple(f"image{i}" for i in range(len(maps))),
        read=lambda i: (np.zeros((*maps[i].shape, 3), np.uint8), maps[i]),
    )


def test_counts_by_hand():
    samples = samples_of([[0, 0, 1], [0, 255, 255]], [[2, 2], [0, 2]], [[255, 255]])
    of_class, of_images = count_pixels(samples, 3)
    assert of_class.tolist() == [4, 1, 3]
    assert of_images.tolist() == [8, 4, 4]  # valid pixels: 4 in the first, 4 in the second


def test_one_logit_counts_background_and_foreground():
    of_class, of_images = count_pixels(samples_of([[0, 1, 1, 255]], [[0, 0]]), 1)
    assert of_class.tolist() == [3, 2] and of_images.tolist() == [5, 3]


def test_a_stray_label_names_its_image():
    with pytest.raises(UserError, match="Received: 2 in image1"):
        count_pixels(samples_of([[0, 1]], [[0, 2]]), 1)


def test_median_frequency_by_hand():
    # Shares 0.5, 0.25, 0.125, 0.125 of all pixels; their median is 0.1875.
    assert median_frequency_weights([4, 2, 1, 1]) == pytest.approx([0.375, 0.75, 1.5, 1.5])


def test_median_frequency_of_the_images_with_the_class():
    # Frequencies 4/8, 1/4, 3/4: the median is 1/2.
    assert median_frequency_weights([4, 1, 3], [8, 4, 4]) == pytest.approx([1, 2, 2 / 3])


def test_absent_classes_get_no_weight_and_no_say():
    assert median_frequency_weights([6, 0, 2, 4]) == pytest.approx([2 / 3, 0, 2, 1])


def test_enet_by_hand():
    weights = enet_weights([3, 1, 0], c=1.02)
    assert weights == pytest.approx([1 / np.log(1.77), 1 / np.log(1.27), 1 / np.log(1.02)])
    assert weights == pytest.approx([1.75138, 4.18380, 50.4983], rel=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: median_frequency_weights([0, 0]), "not all 0"),
        (lambda: enet_weights([0, 0]), "not all 0"),
        (lambda: enet_weights([1, 1], c=1), "`c` must be above 1"),
        (lambda: median_frequency_weights([4, 1], [3, 5]), "`image_pixel_counts`"),
        (lambda: median_frequency_weights([4, 1], [5]), "`image_pixel_counts`"),
    ],
)
def test_bad_counts_say_what_to_do(call, words):
    with pytest.raises(UserError, match=words):
        call()


def test_camvid_weights_are_those_recomputed_from_the_labels(camvid_dir):
    pixels, image_pixels = count_pixels(open_samples(str(camvid_dir), "train"), 11)
    assert np.round(median_frequency_weights(pixels), 4).tolist() == CAMVID
    # The paper's frequency counts only images with the class: never a larger weight ratio.
    kinder = median_frequency_weights(pixels, image_pixels)
    assert kinder[10] / kinder[3] < CAMVID[10] / CAMVID[3]
