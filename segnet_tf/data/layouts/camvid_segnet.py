"""CamVid as SegNet's authors prepared it: 11 classes, masks of ids, 11 is void.

- `DIR/SPLIT/NAME.png` with `DIR/SPLITannot/NAME.png`;
- `DIR/SPLIT.txt`, each line "IMAGE MASK", as in SegNet's tutorial. Its paths start
  with a folder of the authors' machine, so only their last two parts are used, below `DIR`.

A class file in `DIR` replaces CamVid's classes.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from segnet_tf.data.camvid import CLASSES, STORED_VOID
from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.classes import VOID
from segnet_tf.data.images import IMAGE_SUFFIXES
from segnet_tf.data.layouts.base import (
    Found,
    Layout,
    folders,
    has_class_file,
    legend_of,
    read_lines,
)
from segnet_tf.data.pairing import Pairing, pair_folders
from segnet_tf.data.splits import Listing, role
from segnet_tf.errors import UserError

LEGEND = ClassFile(CLASSES, {**{i: i for i in range(len(CLASSES))}, STORED_VOID: VOID})
_ENDING = "annot"


def _splits(directory: Path) -> list[str]:
    names = [path.name for path in folders(directory)]
    found = {name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)} - {""}
    return sorted(found | set(_lists(directory)))


def _lists(directory: Path) -> dict[str, Path]:
    """Split -> its list of "IMAGE MASK"; a list of bare names belongs to another layout."""
    paths = [path for path in directory.glob("*.txt") if role(path.stem)]
    return {path.stem: path for path in sorted(paths) if _is_list_of_pairs(path, directory)}


def _is_list_of_pairs(path: Path, directory: Path) -> bool:
    if (directory / f"{path.stem}{_ENDING}").is_dir():
        return True
    try:
        first = next((line for line in read_lines(path) if line.strip()), "")
    except UserError:
        return False
    words = first.split()
    return len(words) > 1 and all(Path(word).suffix.lower() in IMAGE_SUFFIXES for word in words)


def _open(directory: Path) -> Found:
    lists = _lists(directory)
    listings = {
        split: _from_list(directory, lists[split])
        if split in lists
        else _from_folders(directory, split)
        for split in _splits(directory)
    }
    if has_class_file(directory):
        return Found(listings, legend_of(directory))
    return Found(listings, lambda: LEGEND, is_fixed=True, source="camvid")


def _from_folders(directory: Path, split: str) -> Listing:
    def listing() -> Pairing:
        if not (directory / split).is_dir():
            raise UserError(
                f"{split}{_ENDING} must have its images beside it. "
                f"Received: no folder {directory / split}. Add it."
            )
        return pair_folders(directory / split, directory / f"{split}{_ENDING}")

    return listing


def _from_list(directory: Path, file: Path) -> Listing:
    def listing() -> Pairing:
        pairs, problems = [], []
        for number, line in enumerate(read_lines(file), 1):
            if not line.strip():
                continue
            parts = line.split()
            if len(parts) != 2:
                problems.append(
                    'each line of a list of pairs must be "IMAGE MASK", with no blanks in the '
                    f"paths. Received: {line.strip()!r} in line {number} of {file}. Correct it."
                )
                continue
            image, mask = (directory.joinpath(*PurePosixPath(part).parts[-2:]) for part in parts)
            missing = [path for path in (image, mask) if not path.is_file()]
            problems += [
                f"each file of a list of pairs must exist. Received: {path}, "
                f"named in line {number} of {file}. Add the file or remove the line."
                for path in missing
            ]
            if not missing:
                pairs.append((image, mask))
        return Pairing(tuple(pairs), tuple(image.stem for image, _ in pairs), tuple(problems))

    return listing


LAYOUT = Layout(
    name="camvid",
    tree="train/ with trainannot/, or train.txt with lines of IMAGE MASK (SegNet's CamVid)",
    marks=frozenset({"trainannot", "valannot", "testannot", "train.txt", "val.txt"}),
    detect=lambda directory: bool(_splits(directory)),
    open=_open,
    special_of=("flat", "folder"),
)
