"""`segnet-tf shard`: a data set as a few large files, for object storage."""

from __future__ import annotations

import argparse
import shlex

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.system.progress import ProgressLine
from segnet_tf.system.tensorflow_start import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the command and adds its options."""
    parser.description = (
        "Write a data set as TFRecord shards, which --data of every command reads: the same "
        "images, so the same weights. Cut off, the same command goes on."
    )
    parser.epilog = (
        "examples:\n"
        "  segnet-tf shard --data mydata --output shards\n"
        "  segnet-tf shard --data mydata --val-share 0.2 --output gs://bucket/mydata"
    )
    data = parser.add_argument_group("data")
    data.add_argument("--data", required=True, metavar="DIR", help="a folder, or synthetic:COUNT")
    data.add_argument(
        "--split", action="append", metavar="NAME", help="one to write; may be repeated (all)"
    )
    data.add_argument("--size", type=command.size, metavar="HxW", help="size of synthetic scenes")
    command.add_reading_options(data)
    shards = parser.add_argument_group("shards")
    add = shards.add_argument
    add("--output", required=True, metavar="DIR", help="a folder, gs://bucket/folder too")
    add("--shard-mb", type=command.positive, default=128, metavar="N", help="size of one (128)")
    add("--overwrite", action="store_true", help="replace shards that are finished")


def run(arguments: argparse.Namespace) -> int:
    """Writes the shards and says what they hold."""
    start_tensorflow()
    from segnet_tf.config import READING
    from segnet_tf.data import FolderData, open_source
    from segnet_tf.data.shards.places import is_sharded
    from segnet_tf.data.shards.writer import write_shards

    if is_sharded(arguments.data):
        raise UserError(
            "`data` must be a folder of images and masks, or synthetic scenes. "
            f"Received: {arguments.data}, which is shards already. Copy it as it is."
        )
    reading = {name: getattr(arguments, name) for name in READING}
    reading["split_seed"] = reading["split_seed"] or 0
    source = open_source(arguments.data, size=arguments.size, **reading)
    if isinstance(source, FolderData):
        reading["layout"] = source.layout.name
    names = arguments.split or source.splits
    for name in names:
        if "/" in name or "+" in name:
            raise UserError(
                "`--split` must be the name of one split: shards of it are read by prefix, too. "
                f"Received: {name}. Write the splits it is of."
            )
    found = [source.samples(name) for name in names]
    with ProgressLine("writing shards", "pairs") as progress:
        manifest = write_shards(
            {samples.split: samples for samples in found},
            arguments.output,
            reading,
            shard_bytes=arguments.shard_mb * 2**20,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    for name, split in manifest.splits.items():
        size = sum(shard.bytes for shard in split.shards) / 2**20
        print(f"{name}: {split.images} pairs in {len(split.shards)} shards, {size:.1f} MB")
    print(f"train on them by: segnet-tf train --data {shlex.quote(arguments.output)} ...")
    return 0
