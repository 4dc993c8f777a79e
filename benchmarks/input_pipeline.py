"""What the input pipeline costs: speed, memory and start, up to 100,000 images.

    python benchmarks/input_pipeline.py --json OUT

It makes folders of `--images` small pairs (96x64, JPEG with PNG masks) and of a tenth and a
hundredth of them, in a temporary folder that is removed afterwards. The files of a folder are hard
links to 100 real pairs: a listing sees all names, each read opens and decodes its file, but the
system's page cache holds the contents, so the figures are those of decoding, not of a disk. Each
folder is measured in a process of its own:

- start: seconds from the first look at the folder to the first batch, and how many of them list
  the names and how many read a sample for sizes and classes. TensorFlow's import is left out.
- speed: images a second of the training stream (batches of 8, crops of 64x64, standard
  augmentation) in its first epoch, that of the same files decoded alone, and the ratio of both.
- memory: MB that the process takes for the names, and how many more for survey and stream.

Then the same of a tenth of the images from a disk cache that is filled, and from TFRecord shards.
A folder of up to 2048 images is read whole before its first step.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from PIL import Image

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.tensorflow_start import start_tensorflow
from segnet_tf.system.threads import in_order

REAL = 100
CLASSES = 3
BATCH, CROP = 8, (64, 64)


class Row(TypedDict):
    """One measurement; times in seconds, memory in MB, speeds in images a second."""

    images: int
    list_s: float
    survey_s: float
    start_s: float
    images_per_s: float
    decode_per_s: float
    ratio_to_decode: float
    names_mb: float
    stream_mb: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describes the benchmark and adds its options."""
    parser.description = "Speed, memory and start of the input pipeline, by number of images."
    add = parser.add_argument
    add("--images", type=command.positive, default=100_000, metavar="N", help="at most (100000)")
    add("--seconds", type=float, default=10.0, metavar="S", help="of the stream, each (10)")
    add("--folder", metavar="DIR", help="where the files are made (the system's temporary one)")
    command.add_report_options(parser)
    add("--measure", nargs=2, metavar=("DATA", "CACHE"), help=argparse.SUPPRESS)


def make_pairs(root: Path, count: int) -> None:
    """A data set of `count` pairs for training and 20 for validation, hard links to `REAL` ones."""
    random = np.random.default_rng(0)
    real = root / "real"
    real.mkdir(parents=True)
    for number in range(REAL):
        coarse = random.integers(0, 255, (8, 12, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 64)).save(real / f"{number}.jpg", quality=90)
        mask = random.integers(0, CLASSES, (8, 12), np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(mask).save(real / f"{number}.png")
    for split, images in (("train", count), ("val", 20)):
        for kind, suffix in (("images", "jpg"), ("masks", "png")):
            folder = root / "data" / kind / split
            folder.mkdir(parents=True)
            for number in range(images):
                os.link(real / f"{number % REAL}.{suffix}", folder / f"drive_{number:07d}.{suffix}")
    (root / "data" / "classes.txt").write_text("road\ncar\nsky\n")


def measure(data: str, cache: str, seconds: float) -> Row:
    """Measures a data set in this process, which must be a new one."""
    start_tensorflow()
    from segnet_tf.data import open_source
    from segnet_tf.data.augment import STANDARD
    from segnet_tf.data.pipeline import training_dataset
    from segnet_tf.training.survey import survey_of

    before, began = resident(), time.perf_counter()
    source = open_source(data)
    samples = source.samples("train")
    source.samples("val")
    names, listed = resident(), time.perf_counter()
    survey_of(samples, CLASSES)
    surveyed = time.perf_counter()
    stream = iter(
        training_dataset(samples, batch_size=BATCH, crop=CROP, augmentation=STANDARD, cache=cache)
    )
    next(stream)
    first = time.perf_counter()
    done = 0
    # One epoch at most: the next one would be from memory where the images are kept there.
    while time.perf_counter() - first < seconds and done + 2 * BATCH <= len(samples):
        next(stream)
        done += BATCH
    streamed, memory = time.perf_counter() - first, resident()
    decoded, began_decoding = 0, time.perf_counter()
    order = np.random.default_rng(1).permutation(len(samples))
    for _ in in_order(samples.read, order):
        decoded += 1
        if time.perf_counter() - began_decoding > seconds:
            break
    alone = decoded / (time.perf_counter() - began_decoding)
    return {
        "images": len(samples),
        "list_s": listed - began,
        "survey_s": surveyed - listed,
        "start_s": first - began,
        "images_per_s": done / streamed,
        "decode_per_s": alone,
        "ratio_to_decode": done / streamed / alone,
        "names_mb": names - before,
        "stream_mb": memory - names,
    }


def resident() -> float:
    """MB that this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measured(data: Path, cache: str, seconds: float) -> Row:
    """`measure` in a new process."""
    code = [sys.executable, __file__, "--measure", str(data), cache, "--seconds", str(seconds)]
    done = subprocess.run(code, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"`--measure` must run. Received: {done.stderr.strip()[-500:]}.")
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def run(arguments: argparse.Namespace) -> int:
    """Measures and prints the table."""
    if arguments.measure is not None:
        print(json.dumps(measure(*arguments.measure, arguments.seconds)))
        return 0
    command.check_report(arguments)
    if arguments.images < 100 * BATCH:
        raise UserError(
            f"`--images` must be at least {100 * BATCH}, a hundredth of which is a batch. "
            f"Received: {arguments.images}. Raise it."
        )
    start_tensorflow()
    from segnet_tf.data import open_source
    from segnet_tf.data.disk_cache import DiskCache
    from segnet_tf.data.shards.writer import write_shards

    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        root = Path(temporary)
        print(head(), flush=True)

        def add(name: str, data: Path, cache: str) -> None:
            rows[name] = measured(data, cache, arguments.seconds)
            print(line(name, rows[name]), flush=True)

        for count in (arguments.images // 100, arguments.images // 10, arguments.images):
            make_pairs(root / str(count), count)
            add(f"folder of {count}", root / str(count) / "data", "none")
        some = arguments.images // 10
        data = root / str(some) / "data"
        splits = {name: open_source(data).samples(name) for name in ("train", "val")}
        cache = DiskCache(root / "kept", splits["train"])
        for _ in in_order(lambda i: cache.pair(i, splits["train"].read), range(some)):
            pass
        add(f"cache of {some}", data, f"disk:{root / 'kept'}")
        began = time.perf_counter()
        write_shards(splits, root / "shards", {}, shard_bytes=2**22)
        written = some / (time.perf_counter() - began)
        add(f"shards of {some}", root / "shards", "none")
    print(f"writing shards: {written:.0f} images a second")
    write_json(arguments.json, {"rows": rows, "shards_per_s": written, "threads": os.cpu_count()})
    return 0


def head() -> str:
    """The first line of the table."""
    return f"{'':22}  list s  survey s  start s  images/s  decode/s  ratio  names MB  stream MB"


def line(name: str, row: Row) -> str:
    """A row of the table."""
    return (
        f"{name:22}  {row['list_s']:6.2f}  {row['survey_s']:8.2f}  {row['start_s']:7.2f}  "
        f"{row['images_per_s']:8.0f}  {row['decode_per_s']:8.0f}  {row['ratio_to_decode']:5.2f}  "
        f"{row['names_mb']:8.0f}  {row['stream_mb']:9.0f}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; see `segnet_tf.cli.command`."""
    return command.main("input_pipeline", add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
