"""Times and arenas of all files of a comparison, in one subprocess without TensorFlow.

`python -m segnet_tf.comparison.speed JOB` with JOB in JSON measures and keeps the result.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from segnet_tf.comparison.measurements import Measurement, file_key
from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file.formats import Format
from segnet_tf.system import processor

THREADS = 1


@dataclasses.dataclass(frozen=True)
class SpeedJob:
    """The files to time in turn.

    Attributes:
        output: the folder of the comparison.
        files: (row, format, path); ratios are to the first one of the same format.
        seconds: to time all of them for.
    """

    output: Path
    files: tuple[tuple[str, Format, Path], ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON types."""
        files = [(row, form, str(path)) for row, form, path in self.files]
        return {"output": str(self.output), "files": files, "seconds": self.seconds}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> SpeedJob:
        """The inverse of `to_json`."""
        files = tuple((row, form, Path(path)) for row, form, path in content["files"])
        return cls(Path(content["output"]), files, content["seconds"])

    def measurement(self) -> Measurement:
        """The result: row -> format -> `ms`, `ratio`, `rounds` and bytes.

        `arena_bytes` is None for a file that the reference kernels cannot run; `live_bytes` is the
        least that any planner needs.
        """
        key = {
            "files": [(row, form, file_key(path)) for row, form, path in self.files],
            "seconds": self.seconds,
            "threads": THREADS,
            "machine": processor.description(),
        }
        return Measurement(self.output / "speed.json", key)


def measure(job: SpeedJob) -> None:
    """Runs all files in turn, so that other work on the machine slows down all of them alike."""
    from segnet_tf.export.runtimes import arena, interleaved

    paths = {(row, form): path for row, form, path in job.files}
    contents = {file: path.read_bytes() for file, path in paths.items()}
    runners = {
        f"{row}/{form}": interleaved.runner(content, THREADS)
        for (row, form), content in contents.items()
    }
    times = interleaved.rounds(runners, job.seconds)
    result: dict[str, dict[str, Any]] = {}
    for (row, form), path in paths.items():
        content = contents[row, form]
        first = next(row for row, other in contents if other == form)
        values = times[f"{row}/{form}"]
        result.setdefault(row, {})[form] = {
            "ms": 1000 * statistics.median(values),
            "ratio": interleaved.ratio(values, times[f"{first}/{form}"]),
            "rounds": len(values),
            "arena_bytes": arena.arena_apart(path),
            "live_bytes": arena.peak_live(content),
            "file_bytes": len(content),
        }
    job.measurement().store(result)


def main(arguments: list[str]) -> int:
    """Measures; 2 and a line on stderr for bad input."""
    try:
        measure(SpeedJob.from_json(json.loads(arguments[0])))
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
