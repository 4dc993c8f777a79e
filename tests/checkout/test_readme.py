"""What the READMEs tell a reader to type, open or click is there."""

from __future__ import annotations

import configparser
import importlib
import re
from pathlib import Path

import pytest
import readme_blocks
from checkout_files import ROOT

from segnet_tf.cli import command, main
from segnet_tf.data.layouts import LAYOUTS
from segnet_tf.errors import UserError

# Kotlin has no place to run here: `make android-kotlin` compiles it. The last two nothing does.
LANGUAGES = {"sh", "python", "text", "", "kotlin", "dart", "typescript"}

FILES = readme_blocks.markdown_files()
BLOCKS = [block for path in FILES for block in readme_blocks.blocks(path)]
COMMANDS = [
    (block.file, words)
    for block in BLOCKS
    if block.language in ("sh", "")
    for words in readme_blocks.shell_commands(block.text, all_lines=block.language == "sh")
] + [
    (path.relative_to(ROOT).as_posix(), words)
    for path in FILES
    for words in readme_blocks.inline_commands(path)
]


def script_parser(module: str) -> command.Parser:
    parser = command.Parser(module)
    importlib.import_module(module).add_arguments(parser)
    return parser


def check_make(words: list[str]) -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    for word in words:
        if "=" in word:
            variable = re.escape(word.partition("=")[0])
            # $(NAME), or of the environment $$NAME and $${NAME.
            used = re.search(rf"\$(\(|\$\{{?){variable}\b", text)
            assert used, f"make has no variable {word}"
        else:
            assert re.search(rf"^{re.escape(word)}:", text, re.MULTILINE), f"no target {word}"


def check_pip(words: list[str]) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    assert words[0] == "install"
    for word in words[1:]:
        name, _, extras = word.rstrip("]").partition("[")
        assert name in (setup["metadata"]["name"], ".", "-e")
        assert set(filter(None, extras.split(","))) <= set(setup["options.extras_require"])


def check(words: list[str]) -> None:
    """AssertionError or UserError for a command that cannot be typed here."""
    name, *rest = words
    name = name.removeprefix(".venv/bin/")
    if name == "segnet-tf" and (len(rest) == 1 or rest[1:] == ["--help"]):  # named, not run
        assert rest[0] in subcommands()
    elif name == "segnet-tf":
        main.make_parser().parse_args(rest)
    elif name == "make":
        check_make(rest)
    elif name == "pip":
        check_pip(rest)
    elif name == "python" and rest[0] in ("export/tflite.py", "export/verify.py") and rest[1:]:
        main.make_parser().parse_args(
            [{"tflite": "export"}.get(Path(rest[0]).stem, "verify"), *rest[1:]]
        )
    elif name == "python" and rest[0] == "-m" and rest[1].startswith("export."):
        script_parser(rest[1]).parse_args(rest[2:])
    elif name == "python" and rest[0].startswith("benchmarks/"):
        assert (ROOT / rest[0]).is_file()
        script_parser(Path(rest[0]).stem).parse_args(rest[1:])
    else:
        assert name == "python" or (ROOT / name).is_file(), f"unknown command {name}"
        paths = [word for word in rest if "/" in word]
        assert all((ROOT / path.partition("::")[0]).exists() for path in paths), paths


def subcommands() -> set[str]:
    return {name for name, _, _ in main.COMMANDS}


def test_blocks_are_of_known_languages():
    assert len(BLOCKS) > 15, "the blocks were not found"
    assert {block.language for block in BLOCKS} <= LANGUAGES
    kotlin = {block.file.rpartition("/")[0] for block in BLOCKS if block.language == "kotlin"}
    assert kotlin <= {"android_demo_assets", "export/android"}
    untried = {block.file for block in BLOCKS if block.language in ("dart", "typescript")}
    assert untried <= {"docs/apps.md"}


@pytest.mark.parametrize(
    ("file", "words"),
    COMMANDS,
    ids=lambda part: part if isinstance(part, str) else " ".join(part)[:60],
)
def test_commands_can_be_typed(file, words):
    check(words)


@pytest.mark.parametrize(
    "line",
    [
        "segnet-tf train --epoch 80 --data x --output y",
        "segnet-tf paint",
        "python export/tflite.py --int4",
        "python benchmarks/parity.py --limits 20",
        "python benchmarks/nothing.py",
        "make pudding",
        "make demo BUTTER=1",
        "pip install segnet_tf[butter]",
        "python tests/nothing.py",
    ],
)
def test_a_wrong_command_is_found(line):
    with pytest.raises((AssertionError, UserError, ModuleNotFoundError)):
        check(line.split())


def test_options_in_running_text_exist():
    known = set()
    parsers = [main.make_parser()]
    for parser in parsers:
        for action in parser._actions:
            known |= set(action.option_strings)
            if isinstance(action.choices, dict):
                parsers += action.choices.values()
    commands = tuple(f"{name} " for name in subcommands())
    wrong = [
        f"{path.name}: {span}"
        for path in FILES
        for span in readme_blocks.spans(path)
        if span.startswith(("--", *commands))
        for option in re.findall(r"(?<!\S)--[\w-]+", span)
        if option not in known
    ]
    assert not wrong


def test_the_page_on_data_names_every_layout():
    text = (ROOT / "docs/your-data.md").read_text("utf-8")
    named = re.findall(r"^\| [^|]+ \(`([\w-]+)`\) \|", text, re.MULTILINE)
    assert sorted(named) == sorted(layout.name for layout in LAYOUTS)


def anchors(path: Path) -> set[str]:
    """What `#name` may follow a link to the file, as GitHub makes it of the headings."""
    headings = readme_blocks.headings(path)
    return {re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-") for text in headings}


def broken_links(path: Path, text: str) -> list[str]:
    """The relative links of a Markdown text in `path` that lead nowhere."""
    wrong = []
    for link in readme_blocks.links(text):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    assert not broken_links(path, path.read_text("utf-8"))


def test_a_broken_link_is_found():
    text = "![x](docs/no.png) [y](docs/export.md#no) [z](#no) [ok](docs/export.md#export)"
    assert broken_links(ROOT / "README.md", text) == ["docs/no.png", "docs/export.md#no", "#no"]


def test_the_page_on_pypi_stands_alone():
    # No address of the project is known that a link could begin with.
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    (path,) = [ROOT / setup["metadata"]["long_description"].removeprefix("file:").strip()]
    links = readme_blocks.links(path.read_text("utf-8"))
    assert not [link for link in links if not link.startswith("https://")]
