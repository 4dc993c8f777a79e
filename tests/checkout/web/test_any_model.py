"""Files of other classes and kinds on the page: their masks, names and colors, against NumPy."""

from __future__ import annotations

import model_files
import numpy as np
import page_session as session
import pytest
from PIL import Image

from segnet_tf.data.classes import default_colors
from segnet_tf.data.scenes import synthetic

pytestmark = pytest.mark.slow
FACTS = "document.getElementById('model-facts').innerText"
NAMES = "[...document.querySelectorAll('#legend label > span')].map((name) => name.textContent)"
COLORS = """[...document.querySelectorAll('#legend label')].map(
  (row) => row.style.getPropertyValue('--color').match(/\\d+/g).map(Number))"""
SHOWN = """[...document.querySelectorAll('#legend li')].filter((row) => row.offsetParent).map(
  (row) => row.innerText.split('\\n')[0])"""


def steps_for(name: str, folder) -> list[tuple]:
    """Opens the file and then a picture of its size, and reads what the page makes of them."""
    file = model_files.made(name)
    (folder / f"{name}.tflite").write_bytes(file.content)
    Image.fromarray(picture(file)).save(folder / f"{name}.png")
    return [
        ("choose", ["#model-file", str(folder / f"{name}.tflite")]),
        ("wait", f"document.getElementById('model').value === '{name}.tflite' && {FACTS}"),
        ("choose", ["#file", str(folder / f"{name}.png")]),
        ("wait", f"{session.STATUS}.startsWith('{name}.png') || {session.PROBLEM}"),
        *[("read", session.MASK), ("read", NAMES), ("read", COLORS), ("read", SHOWN)],
        *[("read", FACTS), ("read", session.STATUS)],
    ]


def picture(file) -> np.ndarray:
    return synthetic.scene(166, size=file.size)[0]


def test_files_of_every_kind(site, tmp_path):
    kinds = list(model_files.KINDS)
    steps = [step for name in kinds for step in steps_for(name, tmp_path)]
    with session.served(site) as url:
        result = session.browse([("goto", url), ("wait", session.DRAWN.format(1)), *steps])
    assert not [line for line in result["said"] if line.startswith("pageerror")]
    for index, name in enumerate(kinds):
        mask, names, colors, shown, facts, status = result["read"][6 * index : 6 * index + 6]
        file = model_files.made(name)
        wanted = file.classes(picture(file))
        drawn = session.classes_drawn(mask, colors)
        assert drawn.shape == file.size
        # A near-tie may turn with another instruction set.
        assert (drawn != wanted).sum() <= 5, name
        assert len(np.unique(wanted)) > 1, f"{name}: nothing to tell apart"
        # Ids without names: as many as the pictures had.
        made_up = [f"class {number}" for number in range(len(names))]
        assert names == list(file.names or made_up), name
        assert colors == [list(color) for color in file.colors or default_colors(len(names))], name
        assert shown == [
            label
            for number, label in enumerate(names)
            if len(names) <= 24 or number in np.unique(wanted)
        ], name
        assert f"{file.size[1]} × {file.size[0]}" in facts
        largest = names[np.bincount(wanted.ravel()).argmax()]
        assert largest + "\u00a0" in status, name
    assert "over 2 passes" in result["read"][6 * kinds.index("bayesian") + 4]


def test_a_class_of_many_can_be_found_and_hidden(site, tmp_path):
    steps = [
        *steps_for("thirty_two", tmp_path),
        *[("click", "#few"), ("read", SHOWN), ("click", "#few")],
        ("run", "document.querySelector('#legend li:not([data-absent]) input').click()"),
        ("read", session.MASK),
    ]
    with session.served(site) as url:
        result = session.browse([("goto", url), ("wait", session.DRAWN.format(1)), *steps])
    _, names, colors, few, _, _, every, hidden = result["read"]
    assert len(few) < len(names) == 32 and every == names
    file = model_files.made("thirty_two")
    wanted = file.classes(picture(file))
    drawn = session.classes_drawn(hidden, colors)
    first = wanted.min()
    assert (drawn[wanted == first] == 255).mean() > 0.9
    assert (drawn[wanted != first] == wanted[wanted != first]).mean() > 0.99
