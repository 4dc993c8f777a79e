"""The folder of a search for CRF parameters: its own files, of one process at a time."""

from __future__ import annotations

import json
import os

import pytest

from segnet_tf.errors import UserError
from segnet_tf.inference.crf import CRFParameters
from segnet_tf.inference.crf_state import TuningState
from segnet_tf.system import locks


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def scored(folder, identity):
    with TuningState(folder, identity) as state:
        state.score(CRFParameters(), 4, lambda note: 0.5)
        (folder / "0.npz").touch()
        return len(state.tries)


def test_scores_of_the_same_search_are_kept_those_of_another_are_not(tmp_path):
    folder = tmp_path / "crf.tuning"
    assert [scored(folder, {"model": "a"}) for _ in range(2)] == [1, 1]
    (folder / "mine.txt").write_text("mine")
    with TuningState(folder, {"model": "b"}) as state:
        assert state.tries == [] and "0.npz" not in names(folder)
        (folder / "0.npz").touch()
        state.remove()
    assert names(folder) == ["mine.txt"]


def test_nothing_is_left_of_a_search_that_ended(tmp_path):
    with TuningState(tmp_path / "crf.tuning", {"model": "a"}) as state:
        state.remove()
    assert not names(tmp_path)


@pytest.mark.parametrize("content", ["{}", "[]", "mine", '{"identity": {"model": "a"}}'])
def test_a_folder_of_another_is_refused(content, tmp_path):
    folder = tmp_path / "crf.tuning"
    folder.mkdir()
    (folder / "state.json").write_text(content)
    (folder / "0.npz").touch()
    with pytest.raises(UserError, match=r"`output` .*crf\.tuning"):
        with TuningState(folder, {"model": "a"}):
            pass
    assert names(folder) == ["0.npz", "state.json"]
    (folder / "state.json").unlink()
    with pytest.raises(UserError, match=r"`output` .*crf\.tuning"):
        with TuningState(folder, {"model": "a"}):
            pass
    assert names(folder) == ["0.npz"]


@pytest.mark.parametrize("value", ["nan", "2", "true", '"1"'])
def test_scores_are_numbers_of_scores(value, tmp_path):
    folder = tmp_path / "crf.tuning"
    scored(folder, {"model": "a"})
    state = json.loads((folder / "state.json").read_text())
    text = json.dumps(state).replace("0.5", value.replace("nan", "NaN"))
    (folder / "state.json").write_text(text)
    with TuningState(folder, {"model": "a"}) as again:
        assert again.tries == []


def test_a_second_search_is_refused(tmp_path):
    with TuningState(tmp_path / "crf.tuning", {"model": "a"}):
        with pytest.raises(UserError, match=f"held by process {os.getpid()} "):
            with TuningState(tmp_path / "crf.tuning", {"model": "b"}):
                pass
    assert names(tmp_path / "crf.tuning") == ["state.json"]
    assert locks.LOCK not in names(tmp_path / "crf.tuning")
