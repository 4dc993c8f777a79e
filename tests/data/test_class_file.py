"""Class files as people have them: every form is read right, or its line is refused."""

from __future__ import annotations

import json

import pytest

from segnet_tf.data import VOID
from segnet_tf.data.class_file import load
from segnet_tf.errors import UserError

NAMES = ("background", "road")
IDS = {0: 0, 1: 1}
BLACK, VIOLET = (0, 0, 0), (128, 64, 128)


def read(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return load(tmp_path / name)


def refusal(tmp_path, name, text) -> str:
    with pytest.raises(UserError) as info:
        read(tmp_path, name, text)
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message and name in message
    return message


@pytest.mark.parametrize(
    "text",
    [
        "0: background\n1: road\n",
        "0,background\n1,road\n",
        "0, background\n1, road\n",
        "0 background\n1 road\n",
        "0\tbackground\n1\troad\n",
        "0;background\n1;road\n",
        "0=background\n1=road\n",
        "0. background\n1. road\n",
        "0) background\n1) road\n",
        "0 - background\n1 - road\n",
        "0 -> background\n1 -> road\n",
        "1: road\n0: background\n",
        "road 1\nbackground 0\n",
        "road: 1\nbackground: 0\n",
        "road,1\nbackground,0\n",
        "road = 1\nbackground = 0\n",
        "background\nroad\n",
        "# a comment\n\nbackground\nroad\n",
        "#comment\nbackground\nroad\n",
    ],
)
def test_ids_in_text(tmp_path, text):
    legend = read(tmp_path, "classes.txt", text)
    by_name = {legend.classes.names[label]: id for id, label in legend.by_id.items() if label < 2}
    assert by_name == {"background": 0, "road": 1}
    assert legend.by_id[VOID] == VOID


@pytest.mark.parametrize(
    "text",
    [
        "0 0 0 background\n128 64 128 road\n",
        "0,0,0,background\n128,64,128,road\n",
        "(0, 0, 0) background\n(128, 64, 128) road\n",
        "0,0,0: background\n128,64,128: road\n",
        "background 0 0 0\nroad 128 64 128\n",
        "background,0,0,0\nroad,128,64,128\n",
        "background: (0, 0, 0)\nroad: (128, 64, 128)\n",
        "#000000 background\n#804080 road\n",
        "background #000000\nroad #804080\n",
        "background,#000000\nroad,#804080\n",
        "0 0 0 0 background\n1 128 64 128 road\n",
        "0 background 0 0 0\n1 road 128 64 128\n",
        "0 background #000000\n1 road #804080\n",
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nroad:128,64,128::\n",
        "# label : color : 'body' parts : actions\nbackground:0,0,0:a,b:c\nroad:128,64,128::\n",
    ],
)
@pytest.mark.parametrize("name", ["classes.txt", "labelmap.txt", "label_colors.txt"])
def test_colors_in_text(tmp_path, text, name):
    legend = read(tmp_path, name, text)
    assert legend.classes.names == NAMES
    assert legend.by_color == {BLACK: 0, VIOLET: 1}
    assert {id: label for id, label in legend.by_id.items() if id < VOID} == IDS


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1 2 wheeler\n0 road\n", ("2 wheeler", "road")),
        ('"2 wheeler"\nroad\n', ("2 wheeler", "road")),
        ("0 0 255 2 wheeler\n0 255 0 road\n", ("2 wheeler", "road")),
        ("lane 1\nlane 2\n", ("lane 1", "lane 2")),
        ("0 lane 1\n1 lane 2\n", ("lane 1", "lane 2")),
        ("2-wheeler\n3.5t truck\n4x4\n", ("2-wheeler", "3.5t truck", "4x4")),
        ("traffic light\ncar (parked)\n", ("traffic light", "car (parked)")),
    ],
)
def test_numbers_that_belong_to_names(tmp_path, text, names):
    assert read(tmp_path, "classes.txt", text).classes.names == names


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("car\n2 wheeler\nroad\n", 2, "2 wheeler"),
        ("car\nzone 51\nroad\n", 2, "zone 51"),
        ("2 wheeler\n3 wheeler\n", 2, "3 wheeler"),
        ("0 sky\nroad\n2 car\n", 2, "road"),
        ("1 0 sky\n2 3 road\n", 1, "1 0 sky"),
        ("sky 1 2\nroad 3 4\n", 1, "sky 1 2"),
        ("0 0 255 sky\ngrass\n", 2, "grass"),
        ("0 0 255 sky\n0 256 0 grass\n", 2, "0..255"),
        ("sky #0000ff\ngrass #00ff\n", 2, "#00ff"),
        ("sky 1 2 3 4\nroad 1 2 3 5\n", 1, "sky 1 2 3 4"),
        ("background:0,0,0::\nroad:128,64::\n", 2, "road:128,64::"),
        ("99999 sky\n1 road\n", 1, "65535"),
        ("-3 sky\n1 road\n", 1, "-3"),
    ],
)
def test_a_line_that_is_not_understood_is_named(tmp_path, text, line, words):
    message = refusal(tmp_path, "classes.txt", text)
    assert f"line {line}" in message and words in message
    assert "Write" in message  # a correct example


def test_void_may_have_an_id_where_the_others_have_none(tmp_path):
    for text in ("sky\ngrass\n200 void\n", "200: void\nsky\ngrass\n", "sky\nVoid 200\ngrass\n"):
        legend = read(tmp_path, "classes.txt", text)
        assert legend.by_id == {0: 0, 1: 1, 200: VOID, VOID: VOID}
    assert read(tmp_path, "classes.txt", "void\nsky\ngrass\n").by_id == {
        0: VOID, 1: 0, 2: 1, VOID: VOID,
    }  # fmt: skip


def test_void_may_be_negative(tmp_path):
    assert read(tmp_path, "classes.txt", "sky\ngrass\n-1 void\n").by_id[-1] == VOID
    assert read(tmp_path, "classes.csv", "name,id\nsky,0\ngrass,1\nvoid,-1\n").by_id[-1] == VOID


@pytest.mark.parametrize(
    "text",
    [
        "name,r,g,b\nbackground,0,0,0\nroad,128,64,128\n",
        "label,red,green,blue\nbackground,0,0,0\nroad,128,64,128\n",
        "Class;Color\nbackground;#000000\nroad;#804080\n",
        "Name,Colour\nbackground,#000\nroad,#804080\n",
        'name,color\nbackground,"0,0,0"\nroad,"(128, 64, 128)"\n',
        "name,rgb\nbackground,0 0 0\nroad,128 64 128\n",
        "id,name,hex,description\n0,background,000000,all\n1,road,804080,asphalt\n",
        "background,0,0,0\nroad,128,64,128\n",
        "Label\tR\tG\tB\nbackground\t0\t0\t0\nroad\t128\t64\t128\n",
    ],
)
@pytest.mark.parametrize("name", ["classes.csv", "class_dict.csv"])
def test_colors_in_csv(tmp_path, name, text):
    legend = read(tmp_path, name, text)
    assert legend.classes.names == NAMES
    assert legend.by_color == {BLACK: 0, VIOLET: 1}
    assert {id: label for id, label in legend.by_id.items() if id < VOID} == IDS


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Pixel Value, Class\n0, background\n1, road\n", {0: 0, 1: 1}),  # Roboflow
        ("label,name\n1,road\n0,background\n", {1: 0, 0: 1}),
        ("index,class_name\n7,background\n9,road\n", {7: 0, 9: 1}),
        ("1,road\n0,background\n", {1: 0, 0: 1}),
        ("road,1\nbackground,0\n", {1: 0, 0: 1}),
    ],
)
def test_ids_in_csv(tmp_path, text, ids):
    legend = read(tmp_path, "_classes.csv", text)
    assert legend.by_id == {**ids, VOID: VOID}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,supercolor\nroad,1\n", ("column 2", "supercolor")),
        ("id,colour\n0,#000000\n", ("'name'",)),
        ("name,r,g\nroad,1,2\n", ("'b'",)),
        ("name,r,g,b\nroad,1,2,3\nsky,1,,3\n", ("line 3",)),
        ("name,id\nroad,0,7\n", ("line 2", "3 cells")),
        ("name,id\nroad,0\nsky\n", ("line 3", "1 cell")),
        ("name,id\nroad,1.5\n", ("line 2", "1.5")),
        ("name,color\nroad,red\n", ("line 2", "red")),
        ("name,color\nroad,#11223344\n", ("line 2", "#11223344")),
        ("name,name\nroad,road\n", ("column 2",)),
        ("label,id\n3,0\n4,1\n", ("line 2", "3")),
        ("name,id\nroad,0\nsky,\n", ("line 3",)),
    ],
)
def test_a_cell_or_column_that_is_not_understood_is_named(tmp_path, text, words):
    message = refusal(tmp_path, "classes.csv", text)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    "content",
    [
        {"0": "background", "1": "road"},
        {"1": "road", "0": "background"},
        {"background": 0, "road": 1},
        {"road": 1, "background": 0},
        {"0": {"name": "background"}, "1": {"name": "road"}},
        {"background": {"id": 0}, "road": {"id": 1}},
        {"classes": ["background", "road"]},
        {"id2label": {"0": "background", "1": "road"}},
        {"categories": [{"id": 0, "name": "background", "supercategory": "all"},
                        {"id": 1, "name": "road", "supercategory": "all"}]},
        [{"label": "background", "value": 0}, {"label": "road", "value": "1"}],
    ],
)  # fmt: skip
def test_ids_in_json(tmp_path, content):
    legend = read(tmp_path, "classes.json", json.dumps(content))
    by_name = {legend.classes.names[label]: id for id, label in legend.by_id.items() if label < 2}
    assert by_name == {"background": 0, "road": 1}


@pytest.mark.parametrize(
    "content",
    [
        {"background": [0, 0, 0], "road": [128, 64, 128]},
        {"background": "#000000", "road": "#804080"},
        [{"name": "background", "r": 0, "g": 0, "b": 0},
         {"name": "road", "r": 128, "g": 64, "b": 128}],
        [{"name": "background", "color": "0,0,0"}, {"name": "road", "rgb": [128, 64, 128]}],
    ],
)  # fmt: skip
def test_colors_in_json(tmp_path, content):
    legend = read(tmp_path, "classes.json", json.dumps(content))
    assert legend.classes.names == NAMES
    assert legend.by_color == {BLACK: 0, VIOLET: 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"name": "road", "colr": "#000000"}]', ("entry 1", "colr")),
        ('[{"name": "road"}, {"name": "sky", "id": 1.5}]', ("entry 2", "1.5")),
        ('[{"name": "road"}, {"name": "sky", "id": true}]', ("entry 2",)),
        ('{"classes": ["road"], "pixels": 3}', ("pixels",)),
        ('{"road": 0, "road": 1}', ("'road' twice",)),
        ('{"0": "road", "sky": 1}', ("entry 2",)),
        ('{"0": 1}', ("entry 1",)),
        ('[{"name": "road", "color": [1, 2, 3, 4]}]', ("entry 1",)),
        ('[{"name": "road", "label": "sky"}]', ("entry 1", "label")),
    ],
)
def test_an_entry_or_key_that_is_not_understood_is_named(tmp_path, text, words):
    message = refusal(tmp_path, "classes.json", text)
    assert all(word in message for word in words), message
