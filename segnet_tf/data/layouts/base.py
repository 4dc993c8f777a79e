"""What every layout gives: its splits as pairs of files, and what the masks mean."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segnet_tf.data import class_file
from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.images import IMAGE_SUFFIXES
from segnet_tf.data.masks import MASK_SUFFIXES
from segnet_tf.data.pairing import Pairing, pair_folders
from segnet_tf.data.splits import Listing, role
from segnet_tf.errors import UserError
from segnet_tf.system.text_files import read_text

# What people call the two folders; case does not count.
IMAGE_FOLDERS = ("images", "imgs", "image", "img", "jpegimages")
MASK_FOLDERS = (
    *("masks", "labels", "annotations", "mask", "label", "annotation", "segmentationclass"),
    *("annots", "gt"),
)


@dataclass(frozen=True)
class Found:
    """A data set in a folder. Nothing but names of files has been read.

    Attributes:
        listings: split -> its pairs when called.
        legend: the class file when called.
        is_fixed: the layout itself says what the values of masks mean, so that no mask has to
            be looked at.
        source: name of the data set; None takes that of the folder.
    """

    listings: Mapping[str, Listing]
    legend: Callable[[], ClassFile]
    is_fixed: bool = False
    source: str | None = None


@dataclass(frozen=True)
class Layout:
    """A way to arrange images and masks in a folder: one row of the table of layouts.

    Args:
        name: how `layout=` asks for it.
        tree: what it looks like, in a few words for messages.
        marks: names of files and folders, in lower case, that show what was meant.
        detect: whether a folder is arranged so.
        open: opens a folder that is.
        special_of: layouts that fit as well wherever this one fits, and say less.
    """

    name: str
    tree: str
    marks: frozenset[str]
    detect: Callable[[Path], bool]
    open: Callable[[Path], Found]
    special_of: tuple[str, ...] = ()


def folders(directory: Path) -> list[Path]:
    """Folders in a folder, without hidden ones, in order of their names."""
    with os.scandir(directory) as found:  # a flat folder may hold 100000 files
        names = [entry.name for entry in found if entry.is_dir() and entry.name[0] != "."]
    return [directory / name for name in sorted(names)]


def pick(directory: Path, names: Sequence[str], suffixes: Sequence[str]) -> Path | None:
    """The folder in `directory` that has one of the names; None if there is none.

    Of several the one that holds images: `labels/` of YOLO holds text, `annotations/` of COCO
    JSON.

    Raises:
        UserError: several hold images.
    """
    found = [path for path in folders(directory) if path.name.lower() in names]
    if len(found) > 1:
        found = [path for path in found if _holds(path, suffixes)] or found[:1]
    if len(found) > 1:
        raise UserError(
            "a folder must have one folder of images and one of masks. "
            f"Received: {' and '.join(path.name for path in found)} in {directory}. "
            "Move one of them away."
        )
    return found[0] if found else None


def _holds(folder: Path, suffixes: Sequence[str]) -> bool:
    return any(path.suffix.lower() in suffixes for path in folder.rglob("*"))


def image_folder(directory: Path) -> Path | None:
    """The folder of images in a folder, by its name."""
    return pick(directory, IMAGE_FOLDERS, IMAGE_SUFFIXES)


def mask_folder(directory: Path) -> Path | None:
    """The folder of masks in a folder, by its name."""
    return pick(directory, MASK_FOLDERS, MASK_SUFFIXES)


def legend_of(directory: Path, *others: Path) -> Callable[[], ClassFile]:
    """The class file of a folder, or of the others, to be read when called."""
    return lambda: class_file.load(class_file.find(directory, *others))


def has_class_file(directory: Path) -> bool:
    """Whether a folder says itself what its classes are."""
    return any((directory / name).is_file() for name in class_file.NAMES)


def pairs_of(image_dir: Path, mask_dir: Path, more_images: bool = False) -> Listing:
    """The pairs of two folders, to be listed when called; both must exist then."""

    def listing() -> Pairing:
        for folder in (image_dir, mask_dir):
            if not folder.is_dir():
                raise UserError(
                    "a split must have a folder of images and one of masks. "
                    f"Received: no folder {folder}. Add it."
                )
        return pair_folders(image_dir, mask_dir, MASK_SUFFIXES, more_images)

    return listing


def split_lists(directory: Path) -> dict[str, Path]:
    """Split -> the file that lists its names: `train.txt`, in the folder or in `splits/`."""
    for place in (directory, directory / "splits", directory / "ImageSets" / "Segmentation"):
        if place.is_dir():
            found = {path.stem: path for path in sorted(place.glob("*.txt")) if role(path.stem)}
            if found:
                return found
    return {}


def listed(listing: Listing, file: Path) -> Listing:
    """The pairs that a file names, one name a line with or without suffix, in its order."""

    def chosen() -> Pairing:
        whole = listing()
        by_stem = dict(zip(whole.stems, whole.pairs, strict=True))
        pairs, stems, problems = [], [], []
        for number, line in enumerate(read_lines(file), 1):
            if not line.strip():
                continue
            stem = next((stem for stem in _stems(line.strip()) if stem in by_stem), None)
            if stem is not None:
                pairs.append(by_stem[stem])
                stems.append(stem)
            else:
                problems.append(
                    "each name of a list must have an image and a mask. Received: "
                    f"{line.strip()!r} in line {number} of {file}, which lacks one. "
                    "Add the file or remove the line."
                )
        return Pairing(tuple(pairs), tuple(stems), tuple(problems))

    return chosen


def _stems(line: str) -> list[str]:
    """What a line of a list may mean: a name, with suffix, or with the folder of images."""
    path = PurePosixPath(unicodedata.normalize("NFC", line.replace("\\", "/")))
    bare = path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path
    return [str(path), str(bare), bare.name]


def read_lines(file: Path) -> list[str]:
    """The lines of a list of files."""
    try:
        return read_text(file).splitlines()
    except (OSError, ValueError) as error:
        raise UserError(
            f"a list of pairs must be readable text. Received: {file} ({error}). Write it again."
        ) from error
