"""The code blocks and commands of a Markdown file."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from checkout_files import ROOT, tracked_files

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A command in running text begins so.
COMMANDS = ("segnet-tf ", "python ", "make ", "pip ", ".venv/bin/", ".ci/")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        file: path from the checkout's root.
        section: the heading that it stands under.
        language: what follows the fence, "" for nothing.
        text: the lines between the fences.
        line: the fence's line, counted from 1.
    """

    file: str
    section: str
    language: str
    text: str
    line: int


def markdown_files() -> list[Path]:
    """The project's, but for the list of changes: what was typed once need not work today."""
    return [p for p in tracked_files() if p.suffix == ".md" and p.name != "CHANGELOG.md"]


def blocks(path: Path) -> list[Block]:
    """All fenced blocks of a file, in order."""
    text = path.read_text("utf-8")
    found = []
    for match in FENCE.finditer(text):
        before = FENCE.sub("", text[: match.start()])  # a comment in code is no heading
        section = ([""] + HEADING.findall(before))[-1]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(path.relative_to(ROOT).as_posix(), section, match[1], match[2], line))
    return found


def headings(path: Path) -> list[str]:
    """The text of each heading."""
    return HEADING.findall(FENCE.sub("", path.read_text("utf-8")))


def links(text: str) -> list[str]:
    """The targets of all links and pictures."""
    return LINK.findall(FENCE.sub("", text))


def shell_commands(text: str, all_lines: bool) -> list[list[str]]:
    """The words of each command in a block: of all its lines, or of those after `$ `."""
    lines = text.replace("\\\n", " ").splitlines()
    if not all_lines:
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    words = [shlex.split(line, comments=True) for line in lines]
    return [line for line in words if line]


def spans(path: Path) -> list[str]:
    """What stands between backticks in running text, each on one line."""
    return [" ".join(span.split()) for span in SPAN.findall(FENCE.sub("", path.read_text("utf-8")))]


def inline_commands(path: Path) -> list[list[str]]:
    """The words of each command in running text."""
    return [shlex.split(span) for span in spans(path) if span.startswith(COMMANDS)]
