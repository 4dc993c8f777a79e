"""What of a comparison's rows its picture shows."""

from __future__ import annotations

from segnet_tf.comparison.figures import Figures, FileFigures, SplitScores, Spread
from segnet_tf.comparison.report import points_of


def row(name, scored=True, **times):
    one = Spread(0.5, None, 1)
    scores = {"val": SplitScores(one, one, one, Spread(0.25, None, 1), None)} if scored else {}
    files = {form: FileFigures(ms, arena_bytes=3_000_000) for form, ms in times.items()}
    return Figures(name, files=files, scores=scores)


def test_int8_files_are_shown_and_a_rivals_float32_file_says_what_it_is():
    rows = [row("a", float32=9.0, int8=4.0), row("b", scored=False, float32=15.0)]
    points, far = points_of(rows)
    assert [(point.name, point.milliseconds) for point in points] == [
        ("a", 4.0),
        ("b, float32", 15.0),
    ]
    assert points[0].scores == {"val": 25.0} and points[0].megabytes == 3.0
    assert points[1].scores == {} and far == []


def test_a_network_that_did_not_become_int8_is_not_shown_by_other_times():
    assert points_of([row("a", float32=9.0)]) == ([], [])


def test_a_rival_far_slower_than_all_is_named_only():
    slow = row("mask_rcnn", scored=False, float32=1941.6)
    points, far = points_of([row("a", int8=4.0), row("b", int8=40.0), slow])
    assert [point.name for point in points] == ["a", "b"]
    assert far == ["mask_rcnn, float32, 1942 ms"]
    # Beside nothing that is scored nothing is far.
    assert len(points_of([slow, row("y", scored=False, int8=3.0)])[0]) == 2
