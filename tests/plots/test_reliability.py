"""The picture of a calibration: bars and lines are where the measures say."""

from __future__ import annotations

import numpy as np
import pytest

from segnet_tf.metrics.calibration import Calibration
from segnet_tf.plots import reliability


def test_bars_and_lines(monkeypatch):
    kept = []
    monkeypatch.setattr(reliability, "save", lambda figure, out: kept.append(figure))
    # Ten pixels at 0.58, of which four are right, and ten at 0.9, all of them right.
    first = np.repeat([0.58, 0.9], 10)
    p = np.stack([first, 1 - first], -1).astype(np.float32)
    truth = np.array([0] * 4 + [1] * 6 + [0] * 10)
    measures = Calibration(("a", "b"))
    measures.update(truth, np.zeros(20, int), p, {"entropy": 1 - p.max(-1)})
    reliability.calibration(measures.summary(), "nowhere.png")
    upper, lower, right = kept[0].axes
    assert [bar.get_height() for bar in upper.patches] == pytest.approx([40, 100])
    edges = [bar.get_x() * 15 for bar in upper.patches]
    assert edges == pytest.approx([8, 13])  # 8/15 < 0.58 <= 9/15, 13/15 < 0.9 <= 14/15
    (lines,) = upper.collections
    assert [line[0][1] for line in lines.get_segments()] == pytest.approx([58, 90])
    assert sum(bar.get_height() for bar in lower.patches) == pytest.approx(100)
    assert max(bar.get_height() for bar in lower.patches) == pytest.approx(50)
    assert len(right.lines) == 2
    for line in right.lines:
        shares, accuracies = line.get_data()
        # The half that is surest is all right, and of everything 14 of 20.
        found = dict(zip(np.round(shares), accuracies, strict=True))
        assert found[50] == pytest.approx(100) and found[100] == pytest.approx(70)
