"""The READMEs' code runs as it stands, in a fresh process in a folder without the project.

The folder holds small data under the names that the READMEs use. Only what is in `SHORTER` is
replaced in a command.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import readme_blocks
import readme_data
from checkout_files import ROOT
from PIL import Image

from segnet_tf.data import open_samples
from segnet_tf.data.classes import VOID

BLOCKS = [block for path in readme_blocks.markdown_files() for block in readme_blocks.blocks(path)]
SECTIONS = list(dict.fromkeys((b.file, b.section) for b in BLOCKS if b.language == "python"))
RUNNER = ("docs/robots.md", "Run a file without TensorFlow")
OWN_DATA = ("docs/your-data.md", "Your own data")
ASSETS = ROOT / "android_demo_assets"

# The reader's own arrays: what is in them makes no difference, their shapes and types do.
ARRAYS = """\
import numpy as np

images = np.random.default_rng(0).integers(0, 256, (4, 360, 480, 3), np.uint8)
labels = np.random.default_rng(1).integers(0, 11, (4, 360, 480), np.uint8)
"""
# What a section's Python needs before its first line, and why it is not in the README.
PRELUDES = {
    ("README.md", "Or stay in Keras"): ARRAYS,
    ("docs/keras.md", "Train and export"): ARRAYS,
    # Trained networks with dropout, which the package has none of.
    ("docs/uncertainty.md", "What the samples say"): """\
import os
import segnet_tf

os.makedirs("runs/bayesian")
model = segnet_tf.models.build("segnet_mini", 5, (360, 480, 3), widths=(4,) * 5, bayesian=True)
model.save("runs/bayesian/best.keras")
""",
    ("docs/export.md", "Reading both outputs"): """\
import numpy as np
import segnet_tf
from segnet_tf.export.conversion import convert
from segnet_tf.export.tflite_file.uncertainty import Uncertainty

model = segnet_tf.models.build("segnet_mini", 5, (32, 48, 3), widths=(4,) * 5, bayesian=True)
content = convert.convert(
    model, (32, 48), output_kind="probabilities", uncertainty=Uncertainty(2)
)
open("sampled.tflite", "wb").write(content)
image = np.zeros((1, 32, 48, 3), np.float32)
""",
}

# What is replaced in a command so that it takes a minute, not hours.
SHORTER = {
    r"--epochs \d+": "--epochs 2",  # one more than the warm-up of the longest
    r"--crop \w+": "--crop 64x96",  # the images here have 192x256
    r"\\\n *": "",  # one command, one line
}

# Sections whose `segnet-tf` lines are run, one after the other in one folder.
FLOWS = [
    OWN_DATA,
    ("README.md", OWN_DATA[1]),
    ("README.md", "Scores"),
    ("segnet_tf/weights/README.md", "segnet_lite_camvid"),
    ("segnet_tf/weights/README.md", "segnet_lite_full_camvid"),
    ("segnet_tf/weights/README.md", "segnet_mini_camvid"),
    ("docs/pypi.md", "segnet_tf: SegNet for phones"),
    ("docs/start.md", "Without a checkout"),
]


def blocks_of(section: tuple[str, str], language: str) -> list[readme_blocks.Block]:
    return [b for b in BLOCKS if ((b.file, b.section), b.language) == (section, language)]


def python_of(section: tuple[str, str]) -> str:
    """A section's Python blocks, one after the other, after its prelude."""
    texts = [block.text for block in blocks_of(section, "python")]
    assert texts, f"no Python in {section}"
    return "\n".join([PRELUDES.get(section, ""), *texts])


def shorter(text: str) -> str:
    for pattern, replacement in SHORTER.items():
        text = re.sub(pattern, replacement, text)
    return text


def make_folder(path: Path) -> None:
    """Everything that the READMEs' commands read."""
    readme_data.make_camvid(path / "path" / "to" / "camvid")
    readme_data.make_photos(path / "photos")


def run_well(words: list[str], path: Path) -> str:
    """What a command prints; it must exit with 0."""
    done = readme_data.run(words, path)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def make_own_data(path: Path, classes: str, values: list) -> Path:
    """The README's tree with one of its class files; masks hold `values` from left to right."""
    (tree,) = [b for b in blocks_of(OWN_DATA, "") if "├──" in b.text]
    (file,) = readme_data.make_tree(tree.text, path, values)
    file.write_text(classes, "utf-8")
    return file


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("section", [s for s in SECTIONS if s != RUNNER], ids=": ".join)
def test_python_runs(section, tmp_path):
    make_folder(tmp_path)
    done = readme_data.run_python(["-c", python_of(section)], tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_file_runs_without_tensorflow(tmp_path):
    for name in ("segnet_lite_int8.tflite", "sample.png"):
        shutil.copy(ASSETS / name, tmp_path)
    code = python_of(RUNNER) + (
        "\nimport sys\nassert not {'tensorflow', 'keras', 'segnet_tf'} & set(sys.modules)\n"
    )
    done = readme_data.run_python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "mask.png") as found, Image.open(ASSETS / "sample_mask.png") as true:
        assert np.array_equal(np.asarray(found), np.asarray(true))


@pytest.mark.parametrize(
    ("number", "names", "values", "expected"),
    [
        (0, ("background", "road", "car"), [0, 1, 2], [0, 1, 2]),
        (1, ("road", "car"), [0, 7, 26], [VOID, 0, 1]),
        (2, ("road", "car"), [(0, 0, 0), (128, 64, 128), (0, 0, 142)], [VOID, 0, 1]),
    ],
)
def test_class_files_mean_what_is_said(number, names, values, expected, tmp_path):
    file = make_own_data(tmp_path, blocks_of(OWN_DATA, "text")[number].text, values)
    pairs = open_samples(file.parent, "train")
    assert pairs.classes.names == names and len(pairs) == 5
    labels = pairs.read(0)[1]
    assert np.array_equal(np.unique(labels), np.unique(expected))
    assert labels[0, 0] == expected[0] and labels[-1, -1] == expected[-1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("section", FLOWS, ids=": ".join)
def test_commands_run(section, tmp_path):
    make_folder(tmp_path)
    if section[1] == OWN_DATA[1]:
        classes = blocks_of(OWN_DATA, "text")[-1].text
        make_own_data(tmp_path, classes, [(0, 0, 0), (128, 64, 128), (0, 0, 142)])
    words = [w for block in blocks_of(section, "sh") for w in commands_of(block)]
    assert len(words) >= 2, f"the commands of {section} were not found"
    for command in words:
        run_well(command, tmp_path)


def commands_of(block: readme_blocks.Block) -> list[list[str]]:
    """The commands of ours in a block, shortened; `pip` and `make` are not run."""
    text = shorter(block.text)
    if "segnet-tf train" in text and "--epochs" not in text:
        raise AssertionError(f"{block.file}:{block.line}: say --epochs, the default takes hours")
    words = readme_blocks.shell_commands(text, all_lines=block.language == "sh")
    return [w for w in words if w[0] == "segnet-tf" or w[1:2] == ["export/tflite.py"]]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_export_prints_what_is_shown(tmp_path):
    make_folder(tmp_path)
    (block,) = [
        b for b in blocks_of(("docs/export.md", "What it checks, and prints"), "") if "$ " in b.text
    ]
    (command,) = commands_of(block)
    shown = block.text.partition("\n")[2]
    assert labels(run_well(command, tmp_path)) == labels(shown)


def labels(text: str) -> list[str]:
    """The words at the beginnings of lines, without the lines that go on."""
    return re.findall(r"^(\S+(?: \S+)?)(?: {2,}|(?<=wrote) )", text, re.MULTILINE)
