"""Which mask belongs to which image: equal names, but for one pair of endings a folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segnet_tf.data.images import IMAGE_SUFFIXES
from segnet_tf.errors import UserError

# What tools and data sets put behind the name of an image and of its mask.
IMAGE_ENDINGS = ("", "_leftImg8bit", "_image", "_img", "_rgb", "_sat")
MASK_ENDINGS = (
    *("", "_mask", "_masks", "_label", "_labels", "_seg", "_segmentation", "_gt", "_L", "_P"),
    *("_annotation", "_labelIds", "_labelTrainIds", "_gtFine_labelIds"),
    *("_gtFine_labelTrainIds", "_gtCoarse_labelIds", "_gtCoarse_labelTrainIds", "-mask", ".mask"),
)
Rule = tuple[str, str]
RULES = tuple((image, mask) for image in IMAGE_ENDINGS for mask in MASK_ENDINGS)
Files = tuple[Path, Path]


@dataclass(frozen=True)
class Pairing:
    """The pairs of one split, and what keeps it from being whole.

    Attributes:
        pairs: `(image, mask)`, in order of their names.
        stems: one name a pair: its path below the folder, without suffix.
        problems: an error text for each file that is alone or comes twice.
    """

    pairs: tuple[Files, ...] = ()
    stems: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def complete(self) -> tuple[Files, ...]:
        """The pairs; a `UserError` if there is a problem."""
        if self.problems:
            raise UserError(self.problems[0])
        return self.pairs


def pair_folders(
    image_dir: Path,
    mask_dir: Path,
    mask_suffixes: Sequence[str] = (".png",),
    more_images: bool = False,
) -> Pairing:
    """Pairs the images below one folder with the masks below another.

    Args:
        more_images: images without a mask are no problem.
    """
    problems: list[str] = []
    images = named(files_below(image_dir, IMAGE_SUFFIXES), image_dir, problems)
    masks = named(files_below(mask_dir, mask_suffixes), mask_dir, problems)
    ends = mask_suffixes[0]
    return pair(images, masks, (image_dir, mask_dir), RULES, problems, ends, more_images)


def pair_one_folder(folder: Path, mask_suffixes: Sequence[str]) -> Pairing:
    """Pairs images and masks that lie in the same folder and differ by ending."""
    names = sorted(visible(os.listdir(folder), (*IMAGE_SUFFIXES, *mask_suffixes)))
    by_ending = {
        ending: {name for name in names if _ends(os.path.splitext(name)[0], ending)}
        for ending in MASK_ENDINGS
        if ending
    }
    # Of "_labelIds" and "_gtFine_labelIds" the longer one says more.
    ending = max(by_ending, key=lambda item: (len(by_ending[item]), len(item)))
    masks_of = visible(sorted(by_ending[ending]), mask_suffixes)
    images_of = visible([n for n in names if n not in by_ending[ending]], IMAGE_SUFFIXES)
    problems: list[str] = []
    images = named([folder / name for name in images_of], folder, problems)
    masks = named([folder / name for name in masks_of], folder, problems)
    rules = [(image, ending) for image in IMAGE_ENDINGS]
    return pair(images, masks, (folder, folder), rules, problems, mask_suffixes[0])


def files_below(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files with one of the suffixes in a folder and in its folders, in order.

    Hidden ones are written by file managers ("._a.png" by macOS) and are not data.
    """
    found = []
    # `rglob` and `relative_to` take a minute for 100000 files.
    for place, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [os.path.join(place, name) for name in visible(files, suffixes)]
    return [Path(name) for name in sorted(found)]


def visible(names: Iterable[str], suffixes: Sequence[str]) -> list[str]:
    """The names of files that have one of the suffixes and are not hidden."""
    endings = tuple(suffixes)
    return [name for name in names if name.lower().endswith(endings) and name[0] != "."]


def named(paths: Sequence[Path], top: Path, problems: list[str]) -> dict[str, Path]:
    """Path below `top` without suffix -> file; what comes twice is added to `problems`.

    Names are compared in Unicode's composed form: macOS writes "é" as two characters.
    """
    found: dict[str, Path] = {}
    for path in paths:
        stem = str(path)[len(str(top)) + 1 : -len(path.suffix)].replace(os.sep, "/")
        key = unicodedata.normalize("NFC", stem)
        if not _is_utf_8(key):
            problems.append(
                "file names must be UTF-8. "
                f"Received: {path}, of another encoding. Rename it (convmv does many)."
            )
        elif key not in found:
            found[key] = path
        elif found[key].stem == path.stem:
            problems.append(
                "file names must differ by more than their ending. "
                f"Received: {found[key]} and {path.name}. Rename or remove one."
            )
        else:
            problems.append(
                "file names must differ by more than the way an accent is written. "
                f"Received: {ascii(found[key].name)} and {ascii(path.name)} in {path.parent}. "
                "Rename or remove one."
            )
    return found


def _is_utf_8(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def pair(
    images: Mapping[str, Path],
    masks: Mapping[str, Path],
    folders: tuple[Path, Path],
    rules: Sequence[Rule],
    problems: list[str],
    mask_suffix: str,
    more_images: bool = False,
) -> Pairing:
    """Pairs named files by the one rule that fits them best.

    Args:
        folders: of the images and of the masks, for messages.
        problems: those found so far.
        mask_suffix: how a missing mask would end, e.g. ".png".
        more_images: images without a mask are no problem.
    """
    plain = ("", "")
    if plain in rules and images.keys() == masks.keys():
        rules = (plain,)
    of_images, of_masks = _endings(images), _endings(masks)
    rules = [rule for rule in rules if rule[0] in of_images and rule[1] in of_masks] or rules[:1]
    tried = [(rule, _stripped(images, rule[0]), _stripped(masks, rule[1])) for rule in rules]
    tried = [(rule, i, m) for rule, i, m in tried if i.keys() & m.keys()] or tried[:1]
    full = [(rule, i, m) for rule, i, m in tried if len(i.keys() & m.keys()) == len(images)]
    others = [m for _, _, m in full if set(m.values()) != set(full[0][2].values())]
    if images and others and not any(len(m) == len(masks) for _, _, m in full):
        stem = next(iter(full[0][1]))
        problems.append(
            "each image must have one mask. Received: "
            f"{full[0][2][stem]} and {next(iter(others[0].values())).name} for {stem}. "
            "Move the masks that are not meant into another folder."
        )
        return Pairing(problems=tuple(problems))
    # Whole on both sides first, then the most pairs, then the plainest.
    rule, image_of, mask_of = max(
        tried,
        key=lambda item: (
            len(item[1]) == len(images) == len(item[2]) == len(masks),
            len(item[1].keys() & item[2].keys()),
        ),
    )
    image_dir, mask_dir = folders
    stem_of = {path: stem for stem, path in image_of.items()}
    for key, path in sorted(images.items()):
        stem = stem_of.get(path, key)
        if more_images or (stem in mask_of and path in stem_of):
            continue
        wanted = mask_dir / f"{stem}{rule[1]}{mask_suffix}"
        is_jpeg = any(wanted.with_suffix(suffix).is_file() for suffix in (".jpg", ".jpeg"))
        problems.append(
            f"each image must have a mask of the same name. Received: {path} without {wanted}"
            f"{', only with a JPEG, which changes ids and colors' * is_jpeg}. "
            "Add the mask or remove the image."
        )
    used = {mask_of[stem] for stem in image_of if stem in mask_of}
    for path in sorted(set(masks.values()) - used):
        stem = path.relative_to(mask_dir).with_suffix("").as_posix()
        problems.append(
            f"each mask must have an image of the same name. Received: {path} without "
            f"an image {stem} in {image_dir}. Add the image or remove the mask."
        )
    stems = tuple(sorted(stem for stem in image_of if stem in mask_of))
    return Pairing(tuple((image_of[stem], mask_of[stem]) for stem in stems), stems, tuple(problems))


def _endings(files: Mapping[str, Path]) -> set[str]:
    """The endings that at least one of the files has."""
    # One search in one text: a loop over 100000 names for each ending takes a second.
    text = "\0".join([*files, ""]).lower()
    return {
        ending
        for ending in (*IMAGE_ENDINGS, *MASK_ENDINGS)
        if not ending or f"{ending.lower()}\0" in text
    }


def _ends(stem: str, ending: str) -> bool:
    return stem.lower().endswith(ending.lower()) and len(stem) > len(ending)


def _stripped(files: Mapping[str, Path], ending: str) -> dict[str, Path]:
    """The files with an ending, by the name in front of it."""
    return {
        stem[: len(stem) - len(ending)]: path for stem, path in files.items() if _ends(stem, ending)
    }
