"""The picture of a comparison: that every network can be read and is where it belongs."""

from __future__ import annotations

import itertools
import math

import pytest
from matplotlib.text import Text
from PIL import Image

from segnet_tf.plots import tradeoff
from segnet_tf.plots.tradeoff import Point

# As crowded as a family of networks may be: five of them within 2 ms and 1 point.
CROWD = [
    Point("segnet_mini", 20.0, 8.0, {"val": 50.0, "unseen": 30.0}),
    Point("enet", 12.0, 6.0, {"val": 56.0, "unseen": 31.0}),
    Point("unet", 20.5, 16.0, {"val": 50.5, "unseen": 30.2}),
    Point("unet_plus_plus", 21.0, 20.0, {"val": 51.0, "unseen": 30.0}),
    Point("deeplab_v3_plus", 19.5, 7.0, {"val": 50.2, "unseen": 30.1}),
    Point("pspnet", 20.2, 7.0, {"val": 50.8, "unseen": 30.05}),
    Point("yolo26n-sem", 9.0, 4.0, {}),
]


@pytest.fixture
def figure(monkeypatch):
    """The figure, as it is when it is saved."""
    kept = []
    monkeypatch.setattr(tradeoff, "save", lambda figure, out: kept.append(figure))

    def draw(points, panels):
        tradeoff.tradeoff(points, panels, "int8 files", "nowhere.png")
        return kept.pop()

    return draw


def test_labels_cover_neither_labels_nor_points(figure):
    drawn = figure(CROWD, ["val", "unseen"])
    assert len(drawn.axes) == 2
    for axes in drawn.axes:
        # An annotation's own extent has its line too: the text alone is what must be free.
        boxes = {
            text.get_text().split("\n")[0]: Text.get_window_extent(text) for text in axes.texts
        }
        assert sorted(boxes) == sorted(point.name for point in CROWD)
        for first, second in itertools.combinations(boxes.values(), 2):
            assert not first.overlaps(second)
        frame = axes.get_window_extent()
        for box in boxes.values():
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1
        for dots in axes.collections:
            (center,) = axes.transData.transform(dots.get_offsets())
            for box in boxes.values():
                inside = box.x0 < center[0] < box.x1 and box.y0 < center[1] < box.y1
                assert not inside


def test_a_point_is_at_its_time_and_score_and_its_area_is_its_memory(figure):
    axes = figure(CROWD, ["unseen"]).axes[0]
    shown = [point for point in CROWD if point.scores]
    assert len(axes.collections) == len(shown)
    areas = []
    for point, dots in zip(shown, axes.collections, strict=True):
        assert dots.get_offsets().tolist() == [[point.milliseconds, point.scores["unseen"]]]
        areas.append(dots.get_sizes()[0] / point.megabytes)
    assert max(areas) / min(areas) == pytest.approx(1)
    # What was only timed is a line.
    assert [line.get_xdata()[0] for line in axes.lines] == [9.0]


def test_far_times_get_a_logarithmic_axis(figure):
    slow = Point("slow", 900.0, 90.0, {"val": 40.0})
    assert figure([*CROWD, slow], ["val"]).axes[0].get_xscale() == "log"
    assert figure(CROWD, ["val"]).axes[0].get_xscale() == "linear"


def test_unknown_memory_and_no_points(figure, tmp_path):
    drawn = figure([Point("a", 3.0, None, {"val": 5.0})], ["val"])
    assert [text.get_text() for text in drawn.axes[0].texts] == ["a"]
    assert math.isfinite(drawn.axes[0].collections[0].get_sizes()[0])
    assert len(figure([], ["val"]).axes[0].texts) == 0


def test_it_is_a_png(tmp_path):
    out = tmp_path / "a.partial"
    tradeoff.tradeoff(CROWD[:2], ["val"], "int8 files", out)
    with Image.open(out) as picture:
        assert picture.format == "PNG" and picture.size[0] > 600
