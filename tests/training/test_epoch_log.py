"""The log of a run that goes on: a row for each finished epoch, or a refusal."""

from __future__ import annotations

import pytest

from segnet_tf.errors import UserError
from segnet_tf.training.epoch_log import read_finished

HEADER = "epoch,loss,val_mean_iou,learning_rate,seconds\n"


def test_rows_of_epochs_that_did_not_finish_are_left_out(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text(f"{HEADER}1,2.5,,0.01,3\n2,1.5,0.25,0.01,3\n3,1.0,0.5,0.01,3\n")
    assert [row["epoch"] for row in read_finished(log, 2)] == [1, 2]
    assert read_finished(log, 2)[1]["val_mean_iou"] == 0.25
    assert read_finished(tmp_path / "none.csv", 0) == []


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        HEADER,
        f"{HEADER}1,2.5,,0.01,3\n",
        f"{HEADER}1,2.5,,0.01,3\n3,2.5,,0.01,3\n",
        f"{HEADER}1,2.5,,0.01,3\n1,2.5,,0.01,3\n",
        f"{HEADER}1,2.5,,0.01,3\n2,two,,0.01,3\n",
        f"{HEADER}1,2.5,,0.01,3\n2,2.5,nan,0.01,3\n",
        f"{HEADER}1,2.5,,0.01,3\n2,2.5,inf,0.01,3\n",
        f"{HEADER}1,2.5,,0.01,3\n2,2.5,1.5,0.01,3\n",
        f"{HEADER}1,2.5,,0.01,3\n2,2.5,-1,0.01,3\n",
        f"{HEADER}1,2.5,,0.01,3\n2,2.5,0.1,0.01,3,4,5\n",
        "loss\n1\n2\n",
        "epoch\n1\n2\0\n",
        b"\xff\xfe",
    ],
)
def test_a_log_that_lacks_an_epoch_is_refused(text, tmp_path):
    log = tmp_path / "log.csv"
    if text is not None:
        log.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match="log.csv.* of the 2 finished epochs") as caught:
        read_finished(log, 2)
    assert "\n" not in str(caught.value)
