"""Checks a built site: every link and anchor leads somewhere, nothing is loaded from a network.

    python -m docs_site.check site

MkDocs checks the links of Markdown files. This reads what came out: also the links of the theme, of
docstrings and of raw HTML. Links to other sites are counted, since they cannot be tried offline.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Tag and attribute that make a browser load something at once.
LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
FOLLOWED = {("a", "href")}
# `url(https:...)` and `@import` in a stylesheet.
REMOTE_STYLE = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])(?:https?:)?//[^'\")\s]+")


class Reader(HTMLParser):
    """Ids of a page, and its links as (tag, target)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag, name) == ("a", "name"):
                self.ids.add(value or "")
            elif (tag, name) in LOADED | FOLLOWED:
                self.links.append((tag, value or ""))


@dataclass
class Findings:
    """What a site has.

    Attributes:
        pages: HTML files.
        links: links and pictures to files of the site, anchors included, all followed.
        elsewhere: links to other sites, not followed.
        problems: one line each: the page, the link, what is wrong.
    """

    pages: int = 0
    links: int = 0
    elsewhere: int = 0
    problems: list[str] = field(default_factory=list)


def check(site: Path) -> Findings:
    """Reads all pages and stylesheets of a built site."""
    pages = {path: Reader(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    found = Findings(pages=len(pages))
    for path, page in pages.items():
        for tag, target in page.links:
            problem = _follow(site, path, tag, target, pages, found)
            if problem:
                found.problems.append(f"{path.relative_to(site)}: {target!r} {problem}")
    for path in sorted(site.rglob("*.css")):
        for remote in REMOTE_STYLE.findall(path.read_text("utf-8")):
            found.problems.append(f"{path.relative_to(site)}: {remote!r} is loaded from a network")
    return found


def _follow(
    site: Path, path: Path, tag: str, target: str, pages: dict[Path, Reader], found: Findings
) -> str:
    """Counts a link; what is wrong with it, or an empty string."""
    parts = urlsplit(target)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        if tag != "a":
            return "is loaded from a network"
        found.elsewhere += 1
        return ""
    found.links += 1
    name = unquote(parts.path)
    file = path if not name else (site if name.startswith("/") else path.parent) / name.lstrip("/")
    file = file.resolve()
    if file.is_dir():
        file /= "index.html"
    if not file.is_file() or not file.is_relative_to(site.resolve()):
        return "is not there"
    anchor = unquote(parts.fragment)
    if anchor and file.suffix == ".html":
        page = pages[site / file.relative_to(site.resolve())]
        if anchor not in page.ids:
            return "has no such anchor"
    return ""


def main(argv: list[str]) -> int:
    """Prints the counts and the problems; 1 if there are problems, 2 if there is no site."""
    if len(argv) != 1 or not (Path(argv[0]) / "index.html").is_file():
        print("Pass the folder of a built site: python -m docs_site.check site", file=sys.stderr)
        return 2
    found = check(Path(argv[0]))
    for problem in found.problems:
        print(problem, file=sys.stderr)
    print(
        f"{found.pages} pages, {found.links} links and pictures checked, "
        f"{len(found.problems)} wrong; {found.elsewhere} links to other sites not tried"
    )
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
