"""What MkDocs does not do by itself: pages out of the repository, and links into it.

The pages of docs/ are read on GitHub too, where `../segnet_tf/ops.py` is a link that works. MkDocs
knows no file outside of docs/. So here

- the files of `PAGES` become pages as they are, copied nowhere;
- every other file of the repository that a page links to becomes a page of `source/` that shows
  its text, so that the link works without a network as well;
- links are turned to those pages.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# Page of the site -> file of the repository.
PAGES = {
    "changelog.md": "CHANGELOG.md",
    "code-of-conduct.md": "CODE_OF_CONDUCT.md",
    "contributing.md": "CONTRIBUTING.md",
    "model-cards.md": "segnet_tf/weights/README.md",
    "security.md": "SECURITY.md",
}
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
PICTURES = (".png", ".jpg", ".svg")
# Suffixes that Pygments knows by another name.
LANGUAGES = {"": "text", "cfg": "ini", "cff": "yaml", "txt": "text"}

# Page -> the file of the repository that it shows, filled by `on_files`.
shown: dict[str, str] = {}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of `PAGES`, then those that any page links to, and so on from these."""
    root = Path(config.config_file_path).parent
    shown.clear()
    for file in files.documentation_pages():
        shown[file.src_uri] = f"docs/{file.src_uri}"
    for uri, path in PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(root / path)))
        shown[uri] = path
    waiting = list(shown.values())
    while waiting:
        path = waiting.pop()
        for target in targets((root / path).read_text("utf-8"), path):
            found = readme_of(target, root)
            if not (root / found).exists() or found in shown.values() or found.startswith("docs/"):
                continue  # MkDocs names a link that leads nowhere
            uri = source_page(found)
            if found.endswith((*PICTURES, ".md")):
                files.append(File.generated(config, uri, abs_src_path=str(root / found)))
            else:
                files.append(File.generated(config, uri, content=listing(root / found, found)))
            shown[uri] = found
            if found.endswith(".md"):
                waiting.append(found)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns the links of a page from files of the repository to pages of the site."""
    uri = page.file.src_uri
    if uri.startswith("source/"):
        page.meta["search"] = {"exclude": True}
    if uri == "index.md":
        page.meta["hide"] = ["navigation", "toc"]  # it is a table of contents itself
    path = shown[uri]
    if uri.startswith("source/") and not path.endswith(".md"):
        return markdown  # the text of a file, with no link of ours
    root = Path(config.config_file_path).parent
    uris = {shown_path: shown_uri for shown_uri, shown_path in shown.items()}

    def turn(target: str) -> str:
        name, sharp, anchor = target.partition("#")
        found = readme_of(resolved(name, path), root)
        goal = uris.get(found)
        if goal is None and found.startswith("docs/"):
            goal = found.removeprefix("docs/")  # a picture of docs/
        if goal is None:
            return target
        return posixpath.relpath(goal, posixpath.dirname(uri) or ".") + sharp + anchor

    return with_links(markdown, turn)


def targets(text: str, path: str) -> list[str]:
    """The files of the repository that a Markdown text in `path` links to."""
    found: list[str] = []

    def note(target: str) -> str:
        found.append(resolved(target.partition("#")[0], path))
        return target

    with_links(text, note)
    return found


def with_links(text: str, turn: Callable[[str], str]) -> str:
    """The text with `turn` of each relative link; code and links to elsewhere stay as they are."""

    def turned(match: re.Match[str]) -> str:
        target = match[1]
        return target if re.match(r"[a-z]+:|#", target) else turn(target)

    parts = FENCE.split(text)
    parts[::2] = [LINK.sub(turned, part) for part in parts[::2]]
    return "".join(parts)


def resolved(target: str, path: str) -> str:
    """Where a link in the file `path` leads, from the top of the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def readme_of(path: str, root: Path) -> str:
    """What GitHub shows for a path: of a folder its README.md, if there is one."""
    readme = f"{path}/README.md"
    return readme if (root / readme).is_file() else path


def source_page(path: str) -> str:
    """The page of the site for a file of the repository."""
    return f"source/{path}" if path.endswith((*PICTURES, ".md")) else f"source/{path}.md"


def listing(file: Path, path: str) -> str:
    """The Markdown page that shows a file's text, a notebook's cells, or the names in a folder."""
    if file.suffix == ".ipynb":
        cells = json.loads(file.read_text("utf-8"))["cells"]
        texts = [("".join(cell["source"]), cell["cell_type"]) for cell in cells]
        return "\n\n".join(f"```python\n{t}\n```" if kind == "code" else t for t, kind in texts)
    if file.is_dir():
        language, text = "text", "\n".join(sorted(each.name for each in file.iterdir()))
    else:
        suffix = file.suffix.removeprefix(".")
        language, text = LANGUAGES.get(suffix, suffix), file.read_text("utf-8").rstrip("\n")
    fence = "`" * (1 + max([2, *map(len, re.findall(r"^`+", text, re.MULTILINE))]))
    return f"# {file.name}\n\n`{path}` of the repository.\n\n{fence}{language}\n{text}\n{fence}\n"
