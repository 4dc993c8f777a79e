"""The table of a comparison, worked out by hand."""

from __future__ import annotations

import json

import pytest

from segnet_tf.comparison import table
from segnet_tf.comparison.figures import Figures, FileFigures, SplitScores, Spread, extra_rows
from segnet_tf.errors import UserError


def scores(iou, deviation=None):
    one = Spread(iou, deviation, 1 if deviation is None else 3)
    return SplitScores(
        one, Spread(0.6, None, 1), Spread(0.7, None, 1), one, Spread(-0.001, None, 1)
    )


ROWS = [
    Figures(
        "segnet_mini",
        450_123,
        370_000_000,
        None,
        {
            "float32": FileFigures(17.94, 1.0, 3_100_000, 1_820_000),
            "int8": FileFigures(4.7, 1.0, 900_000, 520_000),
        },
        0.184,
        871_000_000,
        {"val": scores(0.5, 0.0123)},
    ),
    Figures("yolo", 1_630_000, 930_000_000, (352, 480), {"int8": FileFigures(31.0, 6.6)}),
    Figures("broken", notes=("seed 0: training: no such option",)),
]
HEAD = ["network", "M parameters", "GMAC", "arena MB", "file MB", "ms", "ratio", "step s"]
HEAD += ["step MB", "val mIoU", "class average", "boundary F1", "int8 drop"]
CELLS = [
    ["segnet_mini", "0.45", "0.37", "3.1 / 0.9", "1.82 / 0.52", "17.9 / 4.7", "1.00 / 1.00"]
    + ["0.18", "871", "50.00 ±1.23", "60.00", "70.00", "-0.10"],
    ["yolo (352x480)", "1.63", "0.93", "-", "-", "- / 31.0", "- / 6.60", *["-"] * 6],
    ["broken", *["-"] * 12],
]


def test_markdown():
    lines = table.markdown(ROWS, ["val"]).splitlines()
    assert [line.strip("| ").split(" | ") for line in (lines[0], *lines[2:5])] == [HEAD, *CELLS]
    assert lines[1].count("---") == len(HEAD)
    assert lines[-1] == "- broken: seed 0: training: no such option"


def test_text_has_even_columns():
    lines = table.text(ROWS, ["val"]).splitlines()
    end = lines[0].index("GMAC") + len("GMAC")
    assert [line[:end].split()[-1] for line in lines[1:4]] == ["0.37", "0.93", "-"]
    assert "broken: seed 0: training: no such option" in lines
    assert all(len(line) <= 100 for line in lines[4:])


def test_a_split_more_has_four_columns_more():
    head, *_ = table.text(ROWS, ["val", "test"]).splitlines()
    assert head.count("int8 drop") == 2 and "test mIoU" in head


def test_rows_of_another_program(tmp_path):
    path = tmp_path / "bench.json"
    row = {"name": "mask_rcnn", "parameters": 44, "files": {"float32": {"ms": 900.0}}}
    path.write_text(json.dumps({"extra_rows": [row | {"notes": ["eager"]}]}), "utf-8")
    (found,) = extra_rows(path)
    assert found == Figures(
        "mask_rcnn", 44, files={"float32": FileFigures(900.0)}, notes=("eager",)
    )
    assert "900.0 / -" in table.text([found], [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "without"),
        ({"extra_rows": []}, "without"),
        ({"extra_rows": [{"name": "a", "speed": 3}]}, "fields of the table"),
        ({"extra_rows": [{"name": "a", "files": {"int8": 3}}]}, "fields of the table"),
        ({"extra_rows": ["a"]}, "fields of the table"),
        ({"extra_rows": 5}, "fields of the table"),
        ({"extra_rows": [{"name": 3}]}, "fields of the table"),
        ({"extra_rows": [{"name": "a", "macs": "many"}]}, "'many' for a number in the row a"),
        ({"extra_rows": [{"name": "a", "size": 480}]}, "fields of the table"),
        ({"extra_rows": [{"name": "a", "scores": {"val": 0.5}}]}, "scores, which are of"),
        ({"extra_rows": [{"name": "a"}, {"name": "a"}]}, "a twice"),
        ({"extra_rows": [{"name": "taken"}]}, "taken twice"),
    ],
)
def test_rows_that_are_none(content, words, tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(UserError, match=words) as error:
        extra_rows(path, ["taken"])
    assert "\n" not in str(error.value)
