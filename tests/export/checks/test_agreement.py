"""Pixels and scores of a file and its Keras model, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_models

from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export.checks import agreement
from segnet_tf.export.conversion import calibration, convert


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    ranges = calibration.measure_ranges(network, tiny_models.images())
    path = tmp_path_factory.mktemp("file") / "int8.tflite"
    path.write_bytes(convert.convert(network, tiny_models.SIZE, format="int8", ranges=ranges))
    return path


def scenes(count):
    return synthetic.samples("val", size=tiny_models.SIZE, count=count)


def test_agreement_is_numpys(file, network):
    """Pixels and mean IoU counted by hand on three scenes."""
    samples = scenes(3)
    got = agreement.compare(file, network, samples)
    interpreter = litert(file.read_bytes())
    same, matrices = [], {"keras": np.zeros((11, 11)), "tflite": np.zeros((11, 11))}
    for index in range(3):
        image, labels = samples.read(index)
        image = image[np.newaxis].astype(np.float32)
        answers = {
            "keras": network(image).numpy().argmax(-1)[0],
            "tflite": interpreter(image).argmax(-1)[0],
        }
        same.append(answers["keras"] == answers["tflite"])
        for name, answer in answers.items():
            for truth, predicted in zip(labels.ravel(), answer.ravel(), strict=True):
                if truth != 255:
                    matrices[name][truth, predicted] += 1
    assert got["images"] == 3
    assert got["pixel_agreement"] == pytest.approx(np.mean(same))
    for name, matrix in matrices.items():
        union = matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
        iou = np.diag(matrix)[union > 0] / union[union > 0]
        assert got[f"{name}_mean_iou"] == pytest.approx(iou.mean(), abs=1e-6)
    assert got["mean_iou_drop"] == pytest.approx(got["keras_mean_iou"] - got["tflite_mean_iou"])


def litert(content):
    """Nothing of this project's: LiteRT as its documentation runs it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()

    def run(image):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run


def test_data_of_other_classes_is_refused(file):
    with pytest.raises(UserError, match="`model` must have the 11 classes"):
        agreement.compare(file, tiny_models.two_stages(5), scenes(1))
