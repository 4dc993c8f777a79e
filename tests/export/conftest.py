"""A narrow SegNet-Mini with random weights, its files and its images."""

import keras
import numpy as np
import pytest

from export import calibration, convert
from segnet_tf import models
from segnet_tf.data import synthetic

SIZE = (64, 96)


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
    return convert.convert(narrow, SIZE, ranges=ranges, io="int8")
