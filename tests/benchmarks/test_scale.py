"""benchmarks/scale.py: its arithmetic by hand, and docs/scale.md shows what it prints."""

from __future__ import annotations

import json
import re

import keras
import pytest
import readme_blocks
import scale
from checkout_files import ROOT

from segnet_tf import models


def test_the_figures_of_a_network_by_hand(monkeypatch, tmp_path, capsys):
    def build(name, num_classes, input_shape):
        image = keras.Input(input_shape)
        x = keras.layers.Conv2D(4, 3)(image)  # 3 * 3 * 3 * 4 weights and 4 biases
        x = keras.layers.BatchNormalization()(x)  # 4 channels: two trained weights each
        return keras.Model(image, keras.layers.Conv2D(num_classes, 1)(x))  # 4 * 5 + 5

    monkeypatch.setattr(models, "build", build)
    report = tmp_path / "scale.json"
    options = ["--models", "tiny", "--workers", "4", "--images", "1000", "--batch-size", "8",
        "--size", "10x20", "--classes", "5", "--rate", "6", "--file-bytes", "100"]  # fmt: skip
    assert scale.main([*options, "--json", str(report)]) == 0
    found = json.loads(report.read_text())
    tiny = found["networks"]["tiny"]
    assert tiny["trained"] == 112 + 8 + 25
    # Each of 4 workers passes on a quarter 3 times to add up, and 3 times to spread.
    assert tiny["step_bytes"] == 145 * 4 * 6 / 4
    assert tiny["normalization_bytes"] == 4 * 16 * 6 / 4
    # 24 images a second of all workers are 3 steps.
    assert tiny["network_bytes_a_second"] == 3 * (870 + 96)
    assert tiny["decoded_bytes_a_second"] == 6 * 10 * 20 * 4
    assert tiny["checkpoint_bytes"] > 3 * 4 * 145  # the weights and AdamW's two moments
    assert found["data"] == {
        "steps_an_epoch": 125,
        "images_a_worker": 2,
        "epoch_seconds": 1000 / 24,
        "read_bytes_a_second": 600,
        "read_bytes_a_second_all": 2400,
        "order_bytes": 8000,
        "files_bytes": 100_000,
    }
    assert "4 workers, 1,000 images of 20x10" in capsys.readouterr().out
    assert scale.sent(100, 1) == 0


def test_a_batch_that_does_not_divide_is_one_line(tmp_path, capsys):
    report = tmp_path / "scale.json"
    code = scale.main(["--workers", "3", "--batch-size", "8", "--json", str(report)])
    error = capsys.readouterr().err
    assert code == 2 and not report.exists()
    assert error.startswith("scale: `--batch-size` must divide") and error.count("\n") == 1


@pytest.mark.slow
def test_the_docs_show_what_is_printed(capsys):
    blocks = [block.text for block in readme_blocks.blocks(ROOT / "docs" / "scale.md")]
    (at,) = (n for n, text in enumerate(blocks) if text.startswith("python benchmarks/scale.py"))
    (words,) = readme_blocks.shell_commands(blocks[at], all_lines=True)
    assert scale.main(words[2:]) == 0

    def numbers(text: str) -> list[float]:
        return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,.]*\d|\d", text)]

    # A .keras file's size differs by a few bytes, which may round to another tenth.
    assert numbers(capsys.readouterr().out) == pytest.approx(numbers(blocks[at + 1]), abs=0.11)
