"""Damaged .tflite files given to evaluate and predict: one line, whatever LiteRT does with them."""

from __future__ import annotations

import edited_tflite
import lowered_pair
import pytest

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import lowering
from segnet_tf.inference.predictors import open_predictor

SHAPE = (1, 8, 8, 3)


def one_line(path):
    with pytest.raises(UserError, match="^`model` must") as caught:
        open_predictor(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_crashes_the_process_is_one_line(tmp_path, monkeypatch):
    """512 quanta a step instead of 16: XNNPACK crashes the process that allocates its tensors."""
    monkeypatch.setattr(lowering, "INT8_STEP", 512.0)
    monkeypatch.setattr(lowering, "LARGEST_SUBTRACTED", 512.0)
    path = tmp_path / "file.tflite"
    path.write_bytes(lowered_pair.convert(SHAPE, "valid", (-3.0, 5.0)))
    one_line(path)


def test_a_name_that_is_no_text_is_one_line(tmp_path):
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.name = b"\xb4\xff"

    path = tmp_path / "file.tflite"
    path.write_bytes(edited_tflite.edit(lowered_pair.convert(SHAPE, "valid"), change))
    one_line(path)


@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_one_line(tmp_path, part):
    content = lowered_pair.convert(SHAPE, "valid")
    path = tmp_path / "file.tflite"
    path.write_bytes(content[: int(part * len(content))])
    one_line(path)
