"""The documentation's site: its pages, the errors that they quote, and a whole build."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys

import pytest
import readme_blocks
from checkout_files import ROOT, tracked_files

import segnet_tf
from docs_site import check
from segnet_tf.cli import main
from segnet_tf.errors import UserError

CONFIG = (ROOT / "mkdocs.yml").read_text("utf-8")
NAV = re.findall(r"^ +- [^:\n]+: (\S+\.md)$", CONFIG, re.MULTILINE)
# Of a pattern, besides what it leaves open: a shorter one would fit too much.
LEAST_LETTERS = 25


def constant(module: str, name: str) -> object:
    """A constant of a module that imports MkDocs, which is not installed where the tests run."""
    tree = ast.parse((ROOT / f"docs_site/{module}.py").read_text("utf-8"))
    return next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


def test_the_navigation_names_every_page():
    (left_out,) = re.findall(r"^exclude_docs: /(\S+)$", CONFIG, re.MULTILINE)
    pages = {p.relative_to(ROOT / "docs").as_posix() for p in tracked_files() if p.suffix == ".md"
             and p.is_relative_to(ROOT / "docs")}  # fmt: skip
    assert left_out in pages
    elsewhere = constant("hook", "PAGES")
    assert all((ROOT / path).is_file() for path in elsewhere.values())
    assert not set(elsewhere) & pages
    assert sorted(NAV) == sorted(pages - {left_out} | set(elsewhere))


def test_every_picture_is_shown():
    shown = {
        link
        for path in (ROOT / "docs").glob("*.md")
        for link in readme_blocks.links(path.read_text("utf-8"))
    }
    assert {path.name for path in (ROOT / "docs").glob("*.png")} <= shown


def quoted() -> list[str]:
    """The messages of the page on errors, each on one line."""
    blocks = readme_blocks.blocks(ROOT / "docs/troubleshooting.md")
    return [" ".join(block.text.split()) for block in blocks]


def pattern_of(node: ast.expr) -> str:
    """What a string or an f-string can be, as a regular expression."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(pattern_of, node.values))
    return re.escape(node.value) if isinstance(node, ast.Constant) else ".+"


def messages() -> list[str]:
    """Patterns of what the package can raise or print, and what the Makefile prints."""
    makefile = re.sub(r"'\s*\\\n\s*'", " ", (ROOT / "Makefile").read_text("utf-8"))
    found = [re.escape(text) for text in re.findall(r"echo '([^'\n]+)'", makefile)]
    for path in (ROOT / "segnet_tf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            whole = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if whole or isinstance(node, ast.JoinedStr):
                found.append(pattern_of(node))
    return [p for p in found if len(re.sub(r"\.\+|\W", "", p)) >= LEAST_LETTERS]


def test_quoted_messages_are_those_of_the_program():
    with pytest.raises(UserError) as raised:
        main.make_parser().parse_args(["train", "--epoch", "3"])
    patterns = [
        re.compile(f"(segnet-tf: )?{p}") for p in (*messages(), re.escape(str(raised.value)))
    ]
    assert len(quoted()) > 20
    assert not [m for m in quoted() if not any(p.fullmatch(m) for p in patterns)]


def page(body: str) -> str:
    return f"<html><body>{body}</body></html>"


def test_wrong_links_of_a_built_site_are_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "x.css").write_text("@import 'https://x.org/a.css'; a { color: url(#b) }")
    (tmp_path / "index.html").write_text(
        page(
            '<h1 id="top"></h1><a href="#top"></a><a href="a/b.html#in"></a><img src="no.png">'
            '<a href="a/b.html?q=1"></a><a href="#no"></a><a href="a/b.html#no"></a>'
            '<a href="../out.html"></a><a href="https://x.org"></a>'
            '<script src="https://x.org/a.js"></script>'
        )
    )
    (tmp_path / "a/b.html").write_text(page('<p id="in"></p><a href="/index.html#top"></a>'))
    found = check.check(tmp_path)
    assert (found.pages, found.links, found.elsewhere) == (2, 8, 1)
    assert found.problems == [
        "index.html: 'no.png' is not there",
        "index.html: '#no' has no such anchor",
        "index.html: 'a/b.html#no' has no such anchor",
        "index.html: '../out.html' is not there",
        "index.html: 'https://x.org/a.js' is loaded from a network",
        'x.css: "@import \'https://x.org/a.css" is loaded from a network',
    ]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("MkDocs is not installed: `make docs` installs it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = check.check(tmp_path)
    assert not found.problems
    assert found.pages > len(NAV) and found.links > 1000
    reference = "".join(path.read_text("utf-8") for path in (tmp_path / "api").glob("*.html"))
    packages = [getattr(segnet_tf, name) for name in segnet_tf.__all__]
    public = {
        f"{package.__name__}.{name}"
        for package in packages
        for name in getattr(package, "__all__", ())
        if callable(getattr(package, name))
    }
    assert len(public) > 50
    assert not {name for name in public if f'id="{name}"' not in reference}
