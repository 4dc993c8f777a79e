"""The documentation shows what the comparison with Keras's own export prints."""

from __future__ import annotations

import pytest
import readme_blocks
import readme_data
from checkout_files import ROOT

COMMAND = "$ python benchmarks/keras_export.py\n"


@pytest.mark.slow
def test_the_page_shows_what_is_printed(tmp_path):
    texts = [block.text for block in readme_blocks.blocks(ROOT / "docs/argmax.md")]
    (shown,) = [text for text in texts if text.startswith(COMMAND)]
    script = str(ROOT / "benchmarks" / "keras_export.py")
    done = readme_data.run_python([script], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown.removeprefix(COMMAND)
    # The two facts that it is about, whatever else changes.
    theirs, ours = shown.split("segnet_tf.export(")
    assert "FlexMaxPoolWithArgmax" in theirs and "does not run" in theirs
    assert "none\n" in ours and "difference to Keras is 0." in ours
