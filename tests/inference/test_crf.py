"""The fully connected CRF, judged by a mean field in NumPy with exact kernels. No TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.inference.crf import CRFParameters, refine
from segnet_tf.system.json_files import read_json

MILD = CRFParameters(1, 2, 2, 5, 20, iterations=5)


@pytest.fixture
def densecrf():
    return pytest.importorskip("pydensecrf.densecrf", reason="needs pip install pydensecrf2")


def read(file):
    return CRFParameters.from_json(read_json(file), str(file))


def mean_field(probabilities, image, parameters, hears_itself=True):
    """Equations 2 and 3 of Kraehenbuehl and Koltun, each pair of pixels by itself, float64."""
    height, width, classes = probabilities.shape
    pixels = [(y, x) for y in range(height) for x in range(width)]
    links = np.zeros((2, len(pixels), len(pixels)))
    for i, (y, x) in enumerate(pixels):
        for j, (v, u) in enumerate(pixels):
            apart = (y - v) ** 2 + (x - u) ** 2
            color = np.sum((image[y, x].astype(float) - image[v, u].astype(float)) ** 2)
            if i != j or hears_itself:
                links[0, i, j] = np.exp(-apart / (2 * parameters.gaussian_width**2))
                links[1, i, j] = np.exp(
                    -apart / (2 * parameters.bilateral_width**2)
                    - color / (2 * parameters.bilateral_color**2)
                )
    norms = np.sqrt(links.sum(axis=2))
    links /= norms[:, :, None] * norms[:, None, :]
    link = parameters.gaussian_weight * links[0] + parameters.bilateral_weight * links[1]
    given = probabilities.reshape(-1, classes).astype(float)
    found = given
    for _ in range(parameters.iterations):
        # Potts: a class is pushed by what the others give the other classes, or, which is the
        # same after normalization, pulled by what they give it.
        found = given * np.exp(link @ found)
        found /= found.sum(axis=1, keepdims=True)
    return found.reshape(height, width, classes)


def scene(seed, channels=3, classes=3):
    """6x7 pixels: any probabilities, and an image whose colors rise from corner to corner."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, 0.7), (6, 7)).astype(np.float32)
    rise = np.add.outer(np.arange(6), np.arange(7))[..., None] * np.array([8, 4, 2, 6])[:channels]
    return probabilities, (rise + rng.integers(0, 9, rise.shape)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    # Seen: 0.048, 0.0054, 0.026 at most and 0.0064, 0.0011, 0.0033 on average.
    ("changes", "most", "mean"),
    [
        ({}, 0.06, 0.0075),
        ({"bilateral_weight": 0}, 0.007, 0.0015),
        ({"iterations": 1}, 0.03, 0.004),
    ],
    ids=["both kernels", "gaussian", "one iteration"],
)
def test_exact_kernels_give_the_same_but_for_the_lattice(densecrf, channels, changes, most, mean):
    parameters = dataclasses.replace(MILD, **changes)
    for seed in range(3):
        probabilities, image = scene(seed, channels)
        found = refine(probabilities, image, parameters)
        exact = mean_field(probabilities, image, parameters)
        assert np.abs(found - exact).max() < most
        # Without itself as a neighbor, or without the CRF, it would be another thing.
        others_only = mean_field(probabilities, image, parameters, hears_itself=False)
        assert np.abs(found - exact).mean() < mean < np.abs(found - others_only).mean()
        assert np.abs(exact - probabilities).mean() > 4 * np.abs(found - exact).mean()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)


def test_a_pixel_is_its_own_neighbor(densecrf):
    """Of an image whose pixels have nothing in common only that is left, and it is exact."""
    image = np.random.default_rng(0).integers(0, 256, (6, 7, 3))
    parameters = dataclasses.replace(MILD, gaussian_weight=0, bilateral_color=5)
    probabilities, _ = scene(0)
    found = refine(probabilities, image, parameters)
    assert np.abs(found - mean_field(probabilities, image, parameters)).mean() < 0.001
    others_only = mean_field(probabilities, image, parameters, hears_itself=False)
    assert np.abs(found - others_only).mean() > 0.1


def test_uniform_probabilities_stay(densecrf):
    _, image = scene(1)
    uniform = np.full((6, 7, 4), 0.25, np.float32)
    np.testing.assert_allclose(refine(uniform, image), uniform, atol=1e-6)


def test_a_wrong_pixel_follows_those_of_its_color(densecrf):
    """A dark and a bright half; one pixel of the dark half is called bright, but not surely."""
    image = np.zeros((8, 12, 3), np.uint8)
    image[:, 6:] = 250
    bright = np.where(image[..., 0] > 0, 0.9, 0.1).astype(np.float32)
    bright[3, 2] = 0.6
    found = refine(np.stack([1 - bright, bright], -1), image, CRFParameters(0, 1, 4, 10, 5))
    np.testing.assert_array_equal(found.argmax(-1), image[..., 0] > 0)
    # The pixels beside the edge are no less sure: the other half has another color.
    assert found[:, 5, 0].min() > 0.95 and found[:, 6, 1].min() > 0.95
    # Without an image, a Gaussian alone fills the hole by its neighbors.
    smooth = refine(np.stack([1 - bright, bright], -1), image, CRFParameters(3, 1, 0, 1, 1))
    assert smooth[3, 2, 0] > 0.5


def test_one_channel_is_the_foreground_of_two_classes(densecrf):
    probabilities, image = scene(2, classes=2)
    both = refine(probabilities, image, MILD)
    one = refine(probabilities[..., 1:], image.astype(np.float32), MILD)
    assert one.shape == (6, 7, 1)
    np.testing.assert_allclose(one, both[..., 1:], atol=1e-5)


def test_no_probability_is_lost_for_good(densecrf):
    """A class that an int8 file rounds to 0 can win if all neighbors say so."""
    image = np.zeros((7, 7, 1), np.uint8)
    probabilities = np.zeros((7, 7, 2), np.float32)
    probabilities[..., 0] = 1
    probabilities[3, 3] = 0, 1
    found = refine(probabilities, image, CRFParameters(0, 1, 30, 20, 20))
    assert np.isfinite(found).all() and found[3, 3, 0] > 0.5


@pytest.mark.parametrize(
    ("probabilities", "image", "message"),
    [
        (np.zeros((6, 7), np.int32), np.zeros((6, 7, 3)), "of shape (height, width, classes)"),
        (np.zeros((6, 7, 1), np.int32), np.zeros((6, 7, 3)), "of shape (height, width, classes)"),
        (np.ones((6, 7, 2)), np.zeros((6, 8, 3)), "must be of shape (6, 7, channels)"),
        (np.ones((6, 7, 2)), np.zeros((6, 7)), "must be of shape (6, 7, channels)"),
        (np.ones((6, 7, 0)), np.zeros((6, 7, 3)), "of shape (height, width, classes)"),
        (np.full((6, 7, 2), np.nan), np.zeros((6, 7, 3)), "must be finite numbers"),
        # pydensecrf aborts the process.
        (np.ones((6, 7, 2)), np.full((6, 7, 3), np.nan), "must be finite numbers"),
    ],
)
def test_what_cannot_be_refined(densecrf, probabilities, image, message):
    with pytest.raises(UserError, match="Received: ") as caught:
        refine(probabilities, image)
    assert message in str(caught.value)


def test_a_width_too_small_for_the_lattice(densecrf):
    probabilities, image = scene(0)
    with pytest.raises(UserError, match="must be wider.*Received: one .* times too narrow"):
        refine(probabilities, image, CRFParameters(gaussian_width=1e-4))


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf", None)
    with pytest.raises(UserError) as caught:
        refine(*scene(0))
    assert str(caught.value).endswith("pip install pydensecrf2")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"gaussian_width": -1}, "above 0"),
        ({"bilateral_color": 0}, "above 0"),
        ({"bilateral_width": float("nan")}, "above 0"),
        ({"bilateral_width": True}, "above 0"),
        ({"gaussian_weight": -0.1}, "of at least 0"),
        ({"bilateral_weight": "4"}, "of at least 0"),
        ({"iterations": 0}, "a whole number of at least 1"),
        ({"iterations": 2.5}, "a whole number of at least 1"),
        # Neither fits pydensecrf's types: an overflow, and a mask of NaN.
        ({"iterations": 2**31}, "a whole number of at least 1"),
        ({"gaussian_weight": 1e39}, "of at least 0"),
        ({"bilateral_width": 10**400}, "above 0"),
    ],
)
def test_numbers_out_of_their_range(changes, rule):
    with pytest.raises(UserError, match=f"`{next(iter(changes))}`.* {rule}.*Received: "):
        CRFParameters(**changes)


def test_a_file_gives_the_parameters_back(tmp_path):
    for classes in (None, ("sky", "road")):
        parameters = CRFParameters(0.5, 2, 3, 40, 5.5, 7, classes)
        file = tmp_path / "crf.json"
        file.write_text(json.dumps(parameters.to_json() | {"tries": 3}))
        assert read(file) == parameters


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be valid JSON"),
        ("[]", "must hold a JSON object"),
        ("{}", "all of the parameters"),
        ('{"parameters": {"gaussian_weight": 1}}', "with gaussian_weight"),
        (CRFParameters().to_json() | {"classes": "sky"}, "classes are a list of names"),
        (
            {"parameters": CRFParameters().to_json()["parameters"] | {"gaussian_width": -1}},
            "`gaussian_width` of the CRF must be a number above 0",
        ),
    ],
)
def test_a_damaged_file(tmp_path, content, message):
    file = tmp_path / "crf.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UserError) as caught:
        read(file)
    assert message in str(caught.value)


def test_parameters_are_for_their_classes():
    parameters = CRFParameters(classes=("Sky", "road"))
    parameters.check_classes(2, [("sky", "road")], "m")
    parameters.check_classes(2, [], "m")  # nobody knows the model's names
    parameters.check_classes(2, [("Himmel", "Straße"), ("sky", "road")], "m")
    CRFParameters().check_classes(5, [("a", "b", "c", "d", "e")], "m")
    for count, known in ((2, [("road", "sky")]), (3, []), (3, [("sky", "road", "car")])):
        with pytest.raises(UserError, match="tuned for the classes.*Sky, road, and m with"):
            parameters.check_classes(count, known, "m")
