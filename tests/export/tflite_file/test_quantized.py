"""Codes to real numbers and back, over every int8 and uint8 code, against plain arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from segnet_tf.export.tflite_file.quantized import dequantize, quantize

# Of the shipped file's input and output, a power of two, and one that no fraction of 2 is.
SCALES = (1.0, 0.25, 0.1, 0.0470588244497776, 3.7)
DTYPES = (np.int8, np.uint8)


def every_code(dtype):
    limits = np.iinfo(dtype)
    return np.arange(limits.min, limits.max + 1).astype(dtype)


def zero_points(dtype):
    limits = np.iinfo(dtype)
    return (limits.min, (limits.min + limits.max + 1) // 2, 7, limits.max)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", SCALES)
def test_every_code_is_its_real_number_and_back(dtype, scale):
    codes = every_code(dtype)
    for zero in zero_points(dtype):
        reals = dequantize(codes, scale, zero)
        assert reals.dtype == np.float32
        # Exact fractions: the product of a whole number and a float32 is rounded once.
        step = Fraction(float(np.float32(scale)))
        expected = [np.float32(float((int(code) - zero) * step)) for code in codes]
        np.testing.assert_array_equal(reals, np.array(expected, np.float32))
        found = quantize(reals, dtype, scale, zero)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, codes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", SCALES)
def test_what_lies_between_codes_goes_to_the_nearest(dtype, scale):
    codes = every_code(dtype)
    for zero in zero_points(dtype):
        for part in (-0.49, 0.49):
            reals = (codes.astype(np.float64) - zero + part) * scale
            np.testing.assert_array_equal(quantize(reals, dtype, scale, zero), codes)


@pytest.mark.parametrize("dtype", DTYPES)
def test_halves_go_to_the_even_code_before_the_zero_point(dtype):
    halves = np.array([0.5, 1.5, 2.5, 3.5], np.float32)
    np.testing.assert_array_equal(quantize(halves, dtype, 1.0, 3), [3, 5, 5, 7])


@pytest.mark.parametrize("dtype", [*DTYPES, np.int32])
def test_what_lies_outside_is_clipped(dtype):
    limits = np.iinfo(dtype)
    far = np.array([-1e12, 1e12, -np.inf, np.inf])
    found = quantize(far, dtype, 0.5, 1)
    np.testing.assert_array_equal(found, [limits.min, limits.max] * 2)


def test_images_of_bytes_are_taken_as_they_are():
    image = every_code(np.uint8)
    np.testing.assert_array_equal(quantize(image, np.uint8, 1.0, 0), image)
    np.testing.assert_array_equal(quantize(image, np.int8, 1.0, -128), every_code(np.int8))


@pytest.mark.parametrize("none", [(0.0, 0), ([], []), (np.empty(0), np.empty(0, np.int64))])
def test_a_tensor_without_a_scale(none):
    codes = every_code(np.uint8)
    assert dequantize(codes, *none) is codes
    reals = np.array([-3.0, 0.4, 254.6, 300.0], np.float32)
    np.testing.assert_array_equal(quantize(reals, np.uint8, *none), [0, 0, 255, 255])


def test_floating_tensors_are_only_cast():
    reals = np.array([0.1, 300.7])
    found = quantize(reals, np.float32, 0.0, 0)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, reals.astype(np.float32))


def test_a_scale_per_channel():
    codes = np.stack([every_code(np.int8)] * 3, axis=-1)
    scales, zeros = [0.5, 2.0, 0.25], [0, 1, -3]
    reals = dequantize(codes, scales, zeros, np.float64)
    assert reals.dtype == np.float64
    for channel, (scale, zero) in enumerate(zip(scales, zeros, strict=True)):
        # Powers of two: exact by hand.
        expected = [(code - zero) * scale for code in range(-128, 128)]
        assert reals[:, channel].tolist() == expected
    np.testing.assert_array_equal(quantize(reals, np.int8, scales, zeros), codes)


def test_a_scalar_stays_one():
    assert dequantize(np.array(5, np.int8), np.array([2.0]), np.array([1])).shape == ()
