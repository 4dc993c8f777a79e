"""Exported files in the real MediaPipe, which is told nothing but the file."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import tiny_models
from ai_edge_litert.interpreter import Interpreter

from segnet_tf.data.classes import default_colors
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export import sources
from segnet_tf.export.conversion import calibration, convert, sampling
from segnet_tf.export.runtimes import mediapipe_client
from segnet_tf.export.tflite_file import metadata
from segnet_tf.export.tflite_file.uncertainty import Uncertainty

# 11 classes; one has a blank, one a letter of two bytes.
LABELS = ("Sky", "Road or path", "Straße", *(f"class {index}" for index in range(3, 11)))
FILES = {"int8": ("int8", "float32"), "uint8": ("int8", "uint8"), "float16": ("float16", "float32")}
SIZE = (96, 128)

pytestmark = pytest.mark.slow


def client_or_skip(client):
    if reason := mediapipe_client.unavailable(client):
        pytest.skip(reason)


@cache
def bare(kind, output_kind="logits"):
    """A trained model: with random weights almost every pixel is a tie, which a GPU may turn."""
    source = sources.open_source("weights:segnet_mini_camvid")
    format, io = FILES[kind]
    ranges = calibration.read_ranges(source.shipped_ranges()) if format == "int8" else None
    return convert.convert(
        source.model, SIZE, format, ranges=ranges, io=io, output_kind=output_kind
    )


def file(kind, output_kind="logits"):
    content = bare(kind, output_kind)
    return metadata.attach(content, output_kind, LABELS, colors=default_colors(11))


def litert_logits(content, image):
    """What LiteRT gives for uint8 `(height, width, 3)`, in real numbers."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(taken["index"], image[None].astype(taken["dtype"]))
    interpreter.invoke()
    answer = interpreter.get_tensor(given["index"])[0].astype(np.float64)
    scale, zero_point = given["quantization"]
    return (answer - zero_point) * scale if scale else answer


def softmax(logits):
    grown = np.exp(logits - logits.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


def bilinear(maps, size, aligned):
    """`(h, w, classes)` at another size: corners on corners, or halves of pixels on each other."""
    for axis, count in enumerate(size):
        have = maps.shape[axis]
        places = np.arange(count) * (have - 1) / (count - 1)
        if not aligned:
            places = ((np.arange(count) + 0.5) * have / count - 0.5).clip(0, have - 1)
        low = np.floor(places + 1e-9).astype(int)
        part = (places - low).reshape(-1, *[1] * (2 - axis))
        high = np.minimum(low + 1, have - 1)
        maps = maps.take(low, axis) * (1 - part) + maps.take(high, axis) * part
    return maps


def scene(size, index=3):
    return synthetic.scene(index, size=size)[0]


@pytest.mark.parametrize("client", mediapipe_client.CLIENTS)
@pytest.mark.parametrize("kind", FILES)
def test_masks_and_names_are_those_of_the_file(kind, client):
    client_or_skip(client)
    content = file(kind)
    if (kind, client) == ("uint8", "browser-gpu"):
        pytest.skip("tasks-vision takes no uint8 on its GPU delegate")
    small = scene(SIZE)
    # Each pixel thrice: the model is shown the very same image, whatever resizes it.
    images = [small, small.repeat(3, axis=0).repeat(3, axis=1), scene((90, 250), index=4)]
    own, large, other = mediapipe_client.segment(content, images, client)
    logits = litert_logits(content, small)
    assert own.labels == LABELS
    # The GPU delegate computes in float16, an int8 file's numbers too: near-ties turn there.
    # Measured: 0.3 % of pixels and 0.06 of a probability, in int8 4.1 % and 0.31.
    on_gpu = client == "browser-gpu"
    pixels, close = (0, 1e-5) if not on_gpu else (0.01, 0.15) if kind == "float16" else (0.08, 0.5)

    wrong = own.category != logits.argmax(-1)
    far = np.abs(own.confidence.transpose(1, 2, 0) - softmax(logits)).max()
    assert wrong.mean() <= pixels
    assert far < close

    # MediaPipe resizes the logits for the category mask, and the softmax for the confidences.
    # Corners lie on corners for the category mask, but for the GPU.
    assert large.category.shape == (3 * SIZE[0], 3 * SIZE[1])
    grown = bilinear(logits, large.category.shape, aligned=not on_gpu)
    wrong = large.category != grown.argmax(-1)
    grown_confidence = bilinear(softmax(logits), large.category.shape, aligned=False)
    far = np.abs(large.confidence.transpose(1, 2, 0) - grown_confidence).max()
    assert wrong.mean() <= pixels + 0.0005  # its sums are in float32, ours are not
    assert far < close

    assert other.category.shape == (90, 250)
    assert other.confidence.shape == (11, 90, 250)
    assert np.abs(other.confidence.sum(axis=0) - 1).max() < 0.01


def test_probabilities_are_not_softened_again():
    client_or_skip("python")
    content = file("int8", "probabilities")
    found = mediapipe_client.segment(content, [scene(SIZE)])[0]
    expected = litert_logits(content, scene(SIZE))
    assert np.abs(found.confidence.transpose(1, 2, 0) - expected).max() < 1e-6
    assert (found.category == expected.argmax(-1)).mean() > 0.99  # equal codes are frequent


def test_a_label_map_is_refused_and_not_misread():
    client_or_skip("python")
    with pytest.raises(UserError, match="requires specifying NormalizationOptions"):
        mediapipe_client.segment(file("int8", "labels"), [scene(SIZE)])


def test_without_metadata_it_is_refused():
    client_or_skip("python")
    with pytest.raises(UserError, match="requires specifying NormalizationOptions"):
        mediapipe_client.segment(bare("int8"), [scene(SIZE)])


def test_mediapipes_own_reader_agrees():
    """Its generated code reads the tables that ours wrote by slot."""
    client_or_skip("python")
    read = mediapipe_client.described(file("float16"))
    assert read == {
        "identifier": True,
        "input": ["image", "RGB", [SIZE[1], SIZE[0]], [0.0], [1.0], [0.0], [255.0]],
        "output": ["segmentation_masks", [["labels.txt", 2]]],
        "custom": [["SEGMENTER_METADATA", 2, "1.0.0"]],
        "min_parser_version": "1.5.0",
    }


@pytest.mark.parametrize("client", ["python", "browser-cpu"])
def test_an_uncertainty_comes_as_quality_scores(client):
    """MediaPipe takes the last output for the classes; apps get the one before it unchanged."""
    client_or_skip(client)
    model, said = tiny_models.bayesian(11), Uncertainty(2)
    content = convert.convert(
        model, tiny_models.SIZE, output_kind="probabilities", uncertainty=said
    )
    content = metadata.attach(content, "probabilities", LABELS, uncertainty=said)
    image = scene(tiny_models.SIZE)
    (found,) = mediapipe_client.segment(content, [image], client)
    network = sampling.distribution_of(model, tiny_models.SIZE, said)
    expected = network(image[None].astype(np.float32)).numpy()[0]
    assert found.labels == LABELS
    assert np.abs(found.confidence.transpose(1, 2, 0) - expected[..., :-1]).max() < 1e-4
    assert (found.category == expected[..., :-1].argmax(-1)).mean() > 0.99
    if client != "python":  # whose API leaves them out
        entropy = found.quality.reshape(tiny_models.SIZE)
        np.testing.assert_allclose(entropy, expected[..., -1], atol=1e-3)
