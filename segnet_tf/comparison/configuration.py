"""What is compared: a TOML file in, the configuration of every training out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segnet_tf.config import TrainConfig
from segnet_tf.config_files import RECIPES, read_config
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import make_folder

COMPARISONS = RECIPES / "comparisons"
# Names of rows are names of folders.
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)
_PARTS = ("training", "score", "models")


@dataclasses.dataclass(frozen=True)
class Row:
    """One network of a comparison.

    Attributes:
        name: of its row in the table, and of its folder.
        fields: those of `TrainConfig`: what all rows have, replaced by what this one has.
    """

    name: str
    fields: dict[str, Any]

    def config(self, seed: int, data: str | None = None) -> TrainConfig:
        """The configuration of its training.

        Args:
            seed: of weights, order and augmentation.
            data: the images; `None` for those that the file names.

        Raises:
            UserError: no data is named, or a value is wrong.
        """
        fields = self.fields | {"seed": seed} | ({"data": data} if data else {})
        if fields.get("data") is None:
            raise UserError(
                "`--data` must name the images to train on. Received: none, and the comparison "
                "names none. Pass --data DIR."
            )
        return TrainConfig.from_json(fields)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The content of a comparison's file.

    Attributes:
        splits: names of the splits that every model is scored on.
        rows: the networks, in the order of the table.
    """

    splits: tuple[str, ...]
    rows: tuple[Row, ...]

    def only(self, names: Sequence[str]) -> Comparison:
        """The rows of those names, in the file's order; all of them if no name is given."""
        known = [row.name for row in self.rows]
        for name in names:
            if name not in known:
                raise UserError(f"`only` must be one of {', '.join(known)}. Received: {name}.")
        return dataclasses.replace(
            self, rows=tuple(row for row in self.rows if not names or row.name in names)
        )


def read_comparison(name: str | Path) -> Comparison:
    """Reads a comparison.

    The file has a table `[training]` with the fields of `TrainConfig` that all rows share, a table
    `[score]` with `splits`, a list of names (the validation split if left out), and for each row a
    table `[[models]]` with its `name` and the fields that are its own: `model`, `model_options`,
    `initial_weights` and whatever else must differ.

    Args:
        name: a `.toml` file, or one of `recipes/comparisons` by its name.

    Raises:
        UserError: no such file, an unknown field, a value out of its range, two rows of one name.
    """
    content = read_config(name, COMPARISONS)
    for part in content:
        if part not in _PARTS:
            raise UserError(
                f"`{name}` must hold [training], [score] and [[models]]. Received: {part}."
            )
    training, score, models = (content.get(part, {}) for part in _PARTS)
    if not isinstance(training, dict) or not isinstance(score, dict):
        raise UserError(
            f"`{name}` must hold [training] and [score] as tables. Received: other values."
        )
    if not isinstance(models, list) or not models:
        raise UserError(f"`{name}` must have a table [[models]] for each row. Received: none.")
    rows = tuple(_row(model, training) for model in models)
    names = [row.name for row in rows]
    for row in rows:
        if names.count(row.name) > 1:
            raise UserError(f"`name` must be another one in each row. Received: {row.name} twice.")
        # Any data will do: it is checked now, not after hours of the first rows.
        row.config(seed=0, data="synthetic")
    return Comparison(_splits(score, training), rows)


def run_folder(output: str | Path, row: str, seed: int) -> Path:
    """Where the run of a row is: an ordinary run folder of `segnet-tf train`."""
    return Path(output) / row / f"seed{seed}"


def write_configs(
    comparison: Comparison, seeds: Sequence[int], data: str | None, folder: str | Path
) -> list[Path]:
    """Writes the configuration of each run, which `segnet-tf train --config` takes.

    Returns:
        The files, `folder/ROW/seedN.json`; the run of each belongs into `run_folder`.
    """
    files = []
    for row in comparison.rows:
        make_folder(Path(folder) / row.name)
        for seed in seeds:
            file = run_folder(folder, row.name, seed).with_suffix(".json")
            write_json(file, row.config(seed, data).to_json())
            files.append(file)
    return files


def _row(model: object, training: dict[str, Any]) -> Row:
    fields = dict(model) if isinstance(model, dict) else {}
    name = fields.pop("name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            "`name` of a row must be letters, digits and . _ + - with no space, since it names a "
            f"folder. Received: {name!r}. Write for example name = 'unet_lite0'."
        )
    for field in ("seed", "name"):
        if field in fields or field in training:
            raise UserError(
                f"`{field}` must not be a field of a comparison. Received: it. "
                "The option --seeds gives the seeds."
            )
    return Row(name, training | fields)


def _splits(score: dict[str, Any], training: dict[str, Any]) -> tuple[str, ...]:
    for field in score:
        if field != "splits":
            raise UserError(f"`score` must hold splits. Received: {field}.")
    splits = score.get("splits", [training.get("val_split", "val")])
    if not isinstance(splits, list) or not splits or not all(isinstance(s, str) for s in splits):
        raise UserError(
            f"`splits` must be a list of names. Received: {splits!r}. "
            "Write for example splits = ['val', 'test']."
        )
    return tuple(dict.fromkeys(splits))
