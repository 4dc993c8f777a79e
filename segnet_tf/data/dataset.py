"""A data set in a folder: its layout, its splits, and one meaning for all of its masks."""

from __future__ import annotations

from functools import cache, cached_property, partial
from pathlib import Path

from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.images import read_image, require_image_range
from segnet_tf.data.layouts import find_layout
from segnet_tf.data.masks import read_mask, require_same_size
from segnet_tf.data.meaning import Meaning, decide
from segnet_tf.data.pairing import Files, Pairing
from segnet_tf.data.samples import Pair, Samples, require_pairs
from segnet_tf.data.splits import beginning_with, in_order, resolve, with_val
from segnet_tf.errors import UserError


class FolderData:
    """A data set in a folder. Nothing but names of files is read before it is asked for.

    The files of a split are listed once, when they are first needed.

    Args:
        directory: a folder in one of the layouts of `layouts.LAYOUTS`.
        layout: the name of its layout; None finds out.
        val_share: the share of train to take for validation where the data has no split for it.
        split_seed: which images these are; no other seed has a say.
        image_range: the value that is white in images of more than 8 bits.

    Raises:
        UserError: no layout fits, or several.
    """

    def __init__(
        self,
        directory: Path,
        *,
        layout: str | None = None,
        val_share: float | None = None,
        split_seed: int = 0,
        image_range: int | None = None,
    ) -> None:
        self.directory = directory
        self.layout = find_layout(directory, layout)
        self.image_range = image_range
        found = self.layout.open(directory)
        self._legend, self._is_fixed = found.legend, found.is_fixed
        self.source = found.source or directory.resolve().name
        listings = with_val(found.listings, val_share, split_seed, directory)
        self._listings = {name: cache(listing) for name, listing in listings.items()}

    @property
    def splits(self) -> tuple[str, ...]:
        """The data's own names of its splits."""
        return in_order(self._listings)

    def pairing(self, split: str) -> Pairing:
        """The files of a split, by one of its names, or those of "SPLIT/PREFIX"."""
        return self._chosen(split)[1]

    def _chosen(self, split: str) -> tuple[str, Pairing]:
        """The data's own name of what is asked for, and its files."""
        asked, slash, prefix = split.partition("/")
        name = resolve(asked, self.splits, self.directory)
        pairing = self._listings[name]()
        if not slash:
            return name, pairing
        return f"{name}/{prefix}", beginning_with(prefix, pairing, name, self.directory)

    @cached_property
    def legend(self) -> ClassFile:
        """What the class file says, or the layout."""
        return self._legend()

    @cached_property
    def meaning(self) -> Meaning:
        """What the values of all masks mean; a sample of them is read."""
        legend = self.legend
        if self._is_fixed:
            return Meaning(legend.classes, legend.by_id, legend.by_color)
        return decide(legend, [mask for _, mask in self._all_files()])

    def samples(self, split: str) -> Samples:
        """The pairs of a split, or with "SPLIT/PREFIX" those whose file name begins with PREFIX.

        Raises:
            UserError: the split or the class file is missing, empty or wrong, an image or a mask
                is alone, or masks or images can be read in two ways. Reading a pair raises it
                for a damaged file, a mask of another size, or a value without meaning.
        """
        name, pairing = self._chosen(split)
        pairs = pairing.complete()
        read_as = partial(self._read_as, pairs)
        samples = Samples(
            self.source,
            name,
            self.legend.classes,
            pairing.stems,
            partial(read_as, 3),
            read_as,
            files=tuple(image for image, _ in pairs),
            origin_of=partial(self._origin, pairs),
        )
        require_pairs(samples, str(self.directory))
        require_image_range([image for image, _ in self._all_files()], self.image_range)
        self.meaning  # noqa: B018  judged before the first pair is read
        return samples

    def _read_as(self, pairs: tuple[Files, ...], channels: int, index: int) -> Pair:
        return self.read(*pairs[index], channels)

    def _origin(self, pairs: tuple[Files, ...], index: int) -> tuple[str, str]:
        image, mask = pairs[index]
        try:
            stats = [file.stat() for file in (image, mask)]
        except OSError:  # `read` says what is wrong
            stats = []
        stamps = [(found.st_size, found.st_mtime_ns) for found in stats]
        return f"{image.absolute()} with {mask.absolute()}", f"{stamps} {self._way}"

    @cached_property
    def _way(self) -> str:
        """How the files are read, as text."""
        meaning = self.meaning
        return repr((self.image_range, meaning.by_id, meaning.by_color, meaning.palette))

    def read(self, image_path: Path, mask_path: Path, channels: int = 3) -> Pair:
        """Reads one pair, see `Samples`; the image as `read_image` does."""
        image = read_image(image_path, self.image_range, channels)
        mask = read_mask(mask_path)
        require_same_size(image, mask.values, image_path, mask_path)
        return image, self.meaning.labels(mask, mask_path)

    def _all_files(self) -> list[Files]:
        """The pairs of all splits that can be listed."""
        files: list[Files] = []
        for listing in self._listings.values():
            try:
                files += listing().pairs
            except UserError:  # reported when that split is opened
                continue
        return files
