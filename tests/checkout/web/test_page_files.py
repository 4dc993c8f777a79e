"""The page's files, read and not run."""

from __future__ import annotations

import re

import pytest

from export import web_folder
from segnet_tf.data.camvid import CLASSES

FILES = sorted(path for path in web_folder.PAGE.iterdir() if path.is_file())
SOURCES = {path.name: path.read_text("utf-8") for path in FILES}
CSS = SOURCES["style.css"]


@pytest.mark.parametrize("name", SOURCES)
def test_files_are_short_and_name_no_other_host(name):
    assert (
        len(SOURCES[name].splitlines()) <= 300 and max(map(len, SOURCES[name].splitlines())) < 130
    )
    hosts = set(re.findall(r"https?://[\w.]+", SOURCES[name])) - {"http://www.w3.org"}
    assert not hosts


def test_labels_and_colors_come_from_the_manifest():
    text = "\n".join(SOURCES.values())
    # Of the names those that are no everyday words.
    assert not [name for name in CLASSES.names if re.search(rf"['\"`>]{name}['\"`<]", text)]


def test_every_file_works_offline():
    listed = re.findall(r"'([\w.]+\.(?:js|css|svg))'", SOURCES["sw.js"])
    assert sorted([*listed, "index.html", "sw.js"]) == sorted(SOURCES)


def test_elements_that_are_used_exist():
    page = SOURCES["index.html"]
    there = set(re.findall(r'\bid="([\w-]+)"', page))
    scripts = "\n".join(text for name, text in SOURCES.items() if name.endswith(".js"))
    used = set(re.findall(r"\bfind\('([\w-]+)'\)", scripts))
    assert len(used) > 15 and used <= there
    assert set(re.findall(r'\bfor="([\w-]+)"', page)) <= there


def luminance(color: str) -> float:
    """Relative luminance of `#rrggbb`, WCAG 2."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_luminance():
    assert luminance("#ffffff") == pytest.approx(1)
    assert luminance("#ff0000") == pytest.approx(0.2126)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("first", "second", "least"),
    [
        ("text", "ground", 7),
        ("text", "card", 7),
        ("text", "alarm-ground", 7),
        ("quiet", "ground", 4.5),
        ("quiet", "card", 4.5),
        ("on-accent", "accent", 4.5),
        ("alarm", "alarm-ground", 4.5),
        ("edge", "card", 3),
        ("edge", "ground", 3),
        ("accent", "ground", 3),
    ],
)
def test_contrast(scheme, first, second, least):
    """WCAG 2.2: 4.5 for text (AA), 3 for what is pressed and for the focus."""
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme == "dark"]))
    bright, dim = sorted((luminance(colors[first]), luminance(colors[second])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= least
