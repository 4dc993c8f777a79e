"""A look at the training images before the first step: their classes and their sizes."""

from __future__ import annotations

import dataclasses

from segnet_tf.data import Samples
from segnet_tf.data.census import Census, take_census
from segnet_tf.data.decoded import is_large
from segnet_tf.data.images import spread
from segnet_tf.data.samples import Pair
from segnet_tf.runs.records import Bounds, ImageSize, bounds_of

# How many images of a large data set are read: a class with a thousandth of the
# pixels is in hundreds of them.
SURVEYED = 1000


@dataclasses.dataclass(frozen=True)
class Survey:
    """What a pass over the training images finds, or over a sample of many of them.

    Attributes:
        census: the pixels of each class; its `of` says if it is of a sample.
        image_sizes: the smallest and the largest image.
    """

    census: Census
    image_sizes: Bounds


def survey_of(samples: Samples, ids: int) -> Survey:
    """Reads all images, or `SURVEYED` evenly spread ones of a large data set.

    Args:
        samples: the training images.
        ids: how many class ids their labels may have.

    Raises:
        UserError: a file that is read is damaged, or a label is neither a class id nor void.
    """
    is_sample = is_large(samples)
    chosen = samples.subset(spread(range(len(samples)), SURVEYED)) if is_sample else samples
    sizes: set[ImageSize] = set()

    def read(index: int) -> Pair:
        image, labels = chosen.read(index)
        sizes.add(image.shape[:2])
        return image, labels

    census = take_census(dataclasses.replace(chosen, read=read), ids)
    if is_sample:
        census = dataclasses.replace(census, of=len(samples))
    return Survey(census, bounds_of(sizes))
