"""Names of splits, and a split for validation where the data has none."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from segnet_tf.data.pairing import Pairing
from segnet_tf.errors import UserError

# What data sets call them. The data's own name is kept, any of these finds it.
SYNONYMS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
VAL_SHARE = 0.2
# How many beginnings of names an error lists.
_SHOWN = 5
Listing = Callable[[], Pairing]


def role(name: str) -> str | None:
    """ "train", "val" or "test" for a split of that use; None for another name."""
    return next((use for use, names in SYNONYMS.items() if name.lower() in names), None)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of splits: train, val, test, then the others by name."""
    uses = list(SYNONYMS)

    def key(name: str) -> tuple[int, str]:
        use = role(name)
        return (len(uses) if use is None else uses.index(use), name)

    return tuple(sorted(names, key=key))


def resolve(asked: str, found: Iterable[str], directory: str | Path) -> str:
    """The data's own name of the split that is asked for.

    Raises:
        UserError: there is none, or a synonym fits two.
    """
    found = tuple(found)
    if asked in found:
        return asked
    same = [name for name in found if role(name) == role(asked) is not None]
    if len(same) == 1:
        return same[0]
    way_out = "Choose another split or add its images and masks."
    if same:
        way_out = f"Say which of {' and '.join(same)} is meant."
    elif role(asked) == "val" and "train" in map(role, found):
        way_out = (
            "Choose another split, or let a part of train be val by val_share="
            f"{VAL_SHARE} (--val-share {VAL_SHARE})."
        )
    raise UserError(
        f"`split` must be one that is in {directory}: {', '.join(found) or 'none is'}. "
        f"Received: {asked!r}. {way_out}"
    )


def beginning_with(prefix: str, pairing: Pairing, split: str, directory: Path) -> Pairing:
    """The pairs of a split whose name begins with `prefix`, see `with_prefix`."""
    chosen = with_prefix(prefix, pairing.stems, split, directory)
    return Pairing(
        tuple(pairing.pairs[i] for i in chosen),
        tuple(pairing.stems[i] for i in chosen),
        pairing.problems,
    )


def with_prefix(prefix: str, stems: Sequence[str], split: str, directory: str | Path) -> list[int]:
    """Which names of a split begin with `prefix`: one drive of several, say.

    The file name decides, in whatever folder it is. A prefix with a slash is compared with the
    name below the folder of the split, as `Pairing.stems` has it: "ulm/" is all of the folder ulm.

    Raises:
        UserError: no name begins so.
    """
    wanted = unicodedata.normalize("NFC", prefix)
    names = [stem if "/" in wanted else stem.rpartition("/")[2] for stem in stems]
    chosen = [i for i, name in enumerate(names) if wanted and name.startswith(wanted)]
    if names and not chosen:
        raise UserError(
            "`split` must have, behind the slash, the beginning of the name of at least one image "
            f"in {split} of {directory}: {_beginnings(names)}. "
            f"Received: {f'{split}/{prefix}'!r}. Write for example {split}/{_beginning(names[0])}."
        )
    return chosen


def _beginnings(names: Iterable[str]) -> str:
    """How names begin, the commonest first: "0016E5 (204 images), 0006R0 (101 images)"."""
    counts = Counter(map(_beginning, names))
    shown = [
        f"{text} ({count} image{'s' * (count > 1)})" for text, count in counts.most_common(_SHOWN)
    ]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} others" if rest else "")


def _beginning(name: str) -> str:
    """What stands before the first mark in a name: 0016E5 of 0016E5_07959, ulm of ulm/1."""
    found = re.match(r"[^\W_]+/?", name)
    return found[0] if found else name


def with_val(
    listings: Mapping[str, Listing], val_share: float | None, seed: int, directory: Path
) -> dict[str, Listing]:
    """Splits with one for validation, drawn from the names where the data has none.

    A single folder without splits always gets one, of `VAL_SHARE`; a train split without val
    only if a share is given.

    Raises:
        UserError: `val_share` is no share, or the data has a val split of its own.
    """
    if val_share is not None and not 0 < val_share < 1:
        raise UserError(
            "`val_share` must be above 0 and below 1, the share of the images for validation. "
            f"Received: {val_share}. Pass for example {VAL_SHARE}."
        )
    uses = {name: role(name) for name in listings}
    if "val" in uses.values():
        if val_share is not None:
            raise UserError(
                "`val_share` must be left out where the data has a split for validation. "
                f"Received: {val_share} for {directory} with {', '.join(in_order(listings))}. "
                "Leave it out."
            )
        return dict(listings)
    whole = [name for name, use in uses.items() if use == "train"]
    if not whole and len(listings) == 1:
        whole = list(listings)
        val_share = VAL_SHARE if val_share is None else val_share
    if len(whole) != 1 or val_share is None:
        return dict(listings)
    # Both parts are of one listing: train and val cannot differ by a file that came meanwhile.
    listing, share = cache(listings[whole[0]]), val_share
    rest = {name: other for name, other in listings.items() if name != whole[0]}
    return {
        "train": lambda: _part(listing(), share, seed, False),
        "val": lambda: _part(listing(), share, seed, True),
        **rest,
    }


def _part(pairing: Pairing, share: float, seed: int, is_val: bool) -> Pairing:
    """The pairs of train or of val: a pure function of names and seed.

    Each name decides for itself, so that a new file moves no other one. Only where all names
    fall on one side does the nearest one change it.
    """
    places = {stem: _place(stem, seed) for stem in pairing.stems}
    val = {stem for stem, place in places.items() if place < share}
    if len(places) > 1 and not val:
        val = {min(places, key=places.__getitem__)}
    elif len(places) > 1 and len(val) == len(places):
        val.remove(max(places, key=places.__getitem__))
    chosen = [
        (files, stem)
        for files, stem in zip(pairing.pairs, pairing.stems, strict=True)
        if (stem in val) == is_val
    ]
    return Pairing(
        tuple(files for files, _ in chosen), tuple(stem for _, stem in chosen), pairing.problems
    )


def _place(stem: str, seed: int) -> float:
    """A number in 0..1, the same on every machine."""
    name = f"{seed}:{unicodedata.normalize('NFC', stem)}"
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
