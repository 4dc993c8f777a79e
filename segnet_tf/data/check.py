"""A look at all of a data set before it is trained on: what is there, and what looks wrong."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from segnet_tf.data import open_folder
from segnet_tf.data.census import Census, count_labels, sum_counts
from segnet_tf.data.check_report import PICTURES, DataReport, Picture, SplitReport
from segnet_tf.data.classes import Classes
from segnet_tf.data.dataset import FolderData
from segnet_tf.data.image_files import open_image
from segnet_tf.data.images import read_image, require_image_range, spread
from segnet_tf.data.masks import read_mask
from segnet_tf.data.pairing import Files, Pairing
from segnet_tf.data.shards.places import is_sharded
from segnet_tf.data.splits import role
from segnet_tf.errors import UserError
from segnet_tf.system.progress import counted
from segnet_tf.system.threads import in_order

# Mean of an image, 0..255, below which it is hardly a photo.
_NEARLY_BLACK = 3


@dataclass
class _Look:
    """What one pair holds."""

    name: str
    size: tuple[int, int] | None = None
    modes: tuple[str, str] = ("?", "?")
    content: bytes = b""
    is_dark: bool = False
    is_turned: bool = False
    counts: np.ndarray | None = None
    errors: list[str] = field(default_factory=list)


def check_data(
    directory: str | Path,
    *,
    layout: str | None = None,
    val_share: float | None = None,
    split_seed: int = 0,
    image_range: int | None = None,
) -> DataReport:
    """Reads every file of a data set once and reports; the arguments are those of `open_samples`.

    Raises:
        UserError: there is no such folder, or it has no layout or two. All else is reported.
    """
    if is_sharded(directory):
        from segnet_tf.data.shards.check import check_shards  # TensorFlow: seconds

        return check_shards(directory)
    data = open_folder(
        directory,
        layout=layout,
        val_share=val_share,
        split_seed=split_seed,
        image_range=image_range,
    )
    problems: list[str] = []
    pairings = _pairings(data, problems)
    classes = _classes(data, pairings, problems)
    splits, looks = [], {}
    for name, pairing in pairings.items():
        looks[name], census = _look_at_all(data, name, pairing, classes)
        problems += [error for look in looks[name] for error in look.errors]
        splits.append(_report(name, looks[name], census))
    return DataReport(
        data.directory,
        (data.layout.name, data.layout.tree),
        classes,
        tuple(splits),
        tuple(dict.fromkeys(problems)),
        tuple(_remarks(splits, looks)),
        _pictures(data, pairings) if classes is not None else (),
    )


def _pairings(data: FolderData, problems: list[str]) -> dict[str, Pairing]:
    found = {}
    for name in data.splits:
        try:
            found[name] = data.pairing(name)
        except UserError as error:
            problems.append(str(error))
            continue
        problems += found[name].problems
        if not found[name].pairs:
            problems.append(
                "a split must hold at least one pair. "
                f"Received: {name} of {data.directory}, which is empty. Put images there."
            )
    return found


def _classes(data: FolderData, pairings: dict[str, Pairing], problems: list[str]) -> Classes | None:
    """The classes; None if they or the meaning of the masks cannot be told."""
    images = [image for pairing in pairings.values() for image, _ in pairing.pairs]
    try:
        require_image_range(images, data.image_range)
    except UserError as error:
        problems.append(str(error))
    try:
        return data.meaning.classes
    except UserError as error:
        problems.append(str(error))
        return None


def _look_at_all(
    data: FolderData, split: str, pairing: Pairing, classes: Classes | None
) -> tuple[list[_Look], Census | None]:
    """What the pairs of a split hold, and their census if a mask of them can be read."""
    looks: list[_Look] = []

    def look(item: tuple[str, Files]) -> _Look:
        return _look(data, f"{split}/{item[0]}", item[1], classes is not None)

    def counts() -> Iterator[np.ndarray]:
        items = zip(pairing.stems, pairing.pairs, strict=True)
        total = len(pairing.stems)
        for found in counted(in_order(look, items), total, f"checking {split}", "pairs"):
            looks.append(found)
            if found.counts is not None:
                yield found.counts
                found.counts = None  # 2 kB a pair

    # Without classes no mask is counted, and the names are not asked for.
    census = sum_counts(split, classes or Classes(("",), ((0, 0, 0),)), counts())
    return looks, census if census.images else None


def _look(data: FolderData, name: str, files: Files, has_meaning: bool) -> _Look:
    found = _Look(name)
    try:
        found.modes = _mode(files[0])[0], _mode(files[1])[0]
        found.is_turned = _mode(files[0])[1] > 1
        if has_meaning:
            image, labels = data.read(*files)
            found.counts = count_labels(labels)
        else:
            image = read_image(files[0], data.image_range)
            read_mask(files[1])
    except UserError as error:
        # Both files of a pair may be damaged: the mask is told of, too.
        found.errors = [str(error), *_damage(files, str(error))]
        return found
    found.size = (image.shape[1], image.shape[0])
    found.is_dark = float(image.mean()) < _NEARLY_BLACK
    found.content = hashlib.blake2b(
        image.tobytes() + str(image.shape).encode(), digest_size=16
    ).digest()
    return found


def _damage(files: Files, known: str) -> list[str]:
    errors = []
    for path in files:
        try:
            open_image(path)
        except UserError as error:
            errors.append(str(error))
    return [error for error in errors if error != known]


def _mode(path: Path) -> tuple[str, int]:
    """Pillow's mode, and the EXIF orientation, 1 if there is none."""
    with open_image(path, decode=False) as image:
        orientation = image.getexif().get(0x0112, 1)
        return image.mode, orientation if isinstance(orientation, int) else 1


def _report(name: str, looks: Sequence[_Look], census: Census | None) -> SplitReport:
    sizes = Counter(look.size for look in looks if look.size is not None)
    return SplitReport(
        name, len(looks), dict(sizes), dict(Counter(look.modes for look in looks)), census
    )


def _remarks(splits: Sequence[SplitReport], looks: dict[str, list[_Look]]) -> list[str]:
    found = [
        line for s in splits if s.census and role(s.name) != "test" for line in s.census.warnings
    ]
    if splits and not any(role(split.name) == "val" for split in splits):
        found.append("there is no split for validation: let one be drawn by --val-share 0.2.")
    if len({size for split in splits for size in split.sizes}) > 1:
        found.append(
            "the images have several sizes: training takes crops of one size (--crop), or scale "
            "them (masks by nearest neighbor)."
        )
    everything = [look for split in looks.values() for look in split]
    dark = [look.name for look in everything if look.is_dark]
    if dark:
        found.append(
            f"{len(dark)} images are nearly black, {dark[0]} first: values must be 0..255, not "
            "0..1; for deeper images give --image-range."
        )
    turned = [look.name for look in everything if look.is_turned]
    if turned:
        found.append(
            f"{len(turned)} images are turned by their EXIF orientation, {turned[0]} first: look "
            "at the pictures, the masks must be drawn on the upright image."
        )
    return found + _duplicates(looks)


def _duplicates(looks: dict[str, list[_Look]]) -> list[str]:
    """The images that lie in two splits; within one split they only weigh more."""
    by_content = defaultdict(list)
    for split in looks.values():
        for look in split:
            if look.content:
                by_content[look.content].append(look.name)
    return [
        f"{one} and {other} are the same image: the score is too good. Remove one of them."
        for names in by_content.values()
        for one, other in pairwise(names)
        if one.split("/")[0] != other.split("/")[0]
    ]


def _pictures(data: FolderData, pairings: dict[str, Pairing]) -> tuple[Picture, ...]:
    """Pairs from all splits that can be read."""
    files = [
        (f"{split}/{stem}", pair)
        for split, pairing in pairings.items()
        for stem, pair in zip(pairing.stems, pairing.pairs, strict=True)
    ]
    found: list[Picture] = []
    # A few more than are shown, as some may be damaged.
    for name, pair in spread(files, 4 * PICTURES):
        try:
            found.append(Picture(name, *data.read(*pair)))
        except UserError:
            continue
    return tuple(spread(found, PICTURES))
