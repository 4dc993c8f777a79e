"""`segnet-tf evaluate`: a table on standard output, and a JSON file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.system.tensorflow_start import start_tensorflow


def run(arguments: dict[str, Any]) -> int:
    """Evaluates; `arguments` are all of the command line's."""
    output = arguments["json"]
    if output is not None:
        _check_output(Path(output), arguments["overwrite"])
    start_tensorflow()
    from segnet_tf.inference.evaluate import evaluate, table
    from segnet_tf.inference.predictors import open_predictor
    from segnet_tf.runs.records import open_split
    from segnet_tf.system.json_files import write_json

    # The model first: a wrong one shows at once, a large split takes its time.
    predictor = open_predictor(arguments["model"])
    data = arguments["data"]
    # Drawn scenes have no size of their own, so they are drawn at the model's.
    drawn = (arguments["size"] or predictor.input_size) if data.startswith("synthetic") else None
    samples = open_split(data, arguments["split"], drawn, arguments["limit"])
    found = evaluate(
        predictor,
        samples,
        batch_size=arguments["batch_size"],
        size=arguments["size"],
        flip=arguments["flip"],
        progress=_progress if sys.stderr.isatty() else None,
    )
    print(table(found.summary))
    if output is not None:
        write_json(output, found.summary)
    return 0


def _check_output(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise UserError(
            f"`--json` must be a new file. Received: {path}, which is there. Pass --overwrite."
        )
    if not path.parent.is_dir():
        raise UserError(
            f"`--json` must be in a folder that exists. Received: {path}. Make {path.parent} first."
        )


def _progress(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    print(f"\r{done}/{total} images", end=end, file=sys.stderr, flush=True)
