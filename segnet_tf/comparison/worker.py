"""The subprocess of a comparison that measures one run.

`python -m segnet_tf.comparison.worker STEP JOB`, JOB in JSON, does one step: "measure" or
"training_step". What is there already is not measured again. "check" takes a list of jobs.
"""

from __future__ import annotations

import json
import sys

from segnet_tf.comparison.measurements import Job
from segnet_tf.errors import UserError
from segnet_tf.system.tensorflow_start import start_tensorflow

# The exit code when the last line on stderr is the whole error message.
REFUSED = 2


def main(arguments: list[str]) -> int:
    """Does a step; 2 and a line on stderr for bad input."""
    step, content = arguments
    start_tensorflow()
    try:
        # One of them only: what the other imports would count as memory of training.
        if step == "check":
            from segnet_tf.comparison.checking import check

            check([Job.from_json(job) for job in json.loads(content)])
            return 0
        if step == "measure":
            from segnet_tf.comparison.measuring import measure
        else:
            from segnet_tf.comparison.training_step import measure
        measure(Job.from_json(json.loads(content)))
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
