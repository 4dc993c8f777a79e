"""Which steps a comparison takes, with programs that only pretend to do them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import tiny_run

from segnet_tf.comparison import figures, measurements, runner
from segnet_tf.comparison.configuration import Comparison, Row, run_folder
from segnet_tf.comparison.measurements import Job, Measurement
from segnet_tf.comparison.rivals import Rival
from segnet_tf.comparison.speed import SpeedJob
from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.subprocesses import Finished

FIELDS = {"data": "synthetic:4", "size": [32, 48], "epochs": 1}
ALL = ["train", "measure", "training_step"]


class Pretender:
    """Stands in for `subprocesses.follow`: writes what the program would, and notes its name.

    Args:
        fails: row -> the step at which its process ends with exit code 2. "measure" then has
            exported nothing, and scored the Keras model.
    """

    def __init__(self, fails=None):
        self.fails = fails or {}
        self.did = []

    def __call__(self, command):
        module, arguments = command[2], command[3:]
        if module == "segnet_tf":
            return self.train(arguments)
        if module.endswith("speed"):
            job = SpeedJob.from_json(json.loads(arguments[0]))
            self.did.append(("all", "speed"))
            job.measurement().store({row: {form: SPEED} for row, form, _ in job.files})
            return Finished(0, "")
        step, job = arguments[0], Job.from_json(json.loads(arguments[1]))
        failed = self.note(job.row, step)
        if step == "measure":
            self.measure(job, measurements.FORMATS if failed is None else ())
        elif failed is None:
            measurements.training_step(job).store({"seconds": 0.5, "peak_bytes": 30})
        return failed or Finished(0, "")

    def note(self, row, step):
        self.did.append((row, step))
        if self.fails.get(row) == step:
            return Finished(2, "some line\nsegnet-tf: `x` must be y. Received: z.\n")
        return None

    def train(self, arguments):
        assert arguments[0] == "train"
        given = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        run = Path(given.get("--resume") or given["--output"])
        failed = self.note(run.parent.name, "resume" if "--resume" in given else "train")
        if failed:
            return failed
        if "--resume" not in given:
            run.mkdir()
            config = json.loads(Path(given["--config"]).read_text("utf-8"))
            record = tiny_run.record_of(3, (32, 48)) | {"config": config}
            write_json(run / "config.json", record)
        (run / "best.keras").write_text(run.as_posix(), "utf-8")
        write_json(run / "scores.json", {})
        return Finished(0, "")

    def measure(self, job, formats):
        job.folder.mkdir(exist_ok=True)
        for form in formats:
            job.file(form).write_text(f"{job.run} {form}", "utf-8")
            measurements.exports(job)[form].store({"bytes": 1, "partitions": 1})
        for (split, what), measured in measurements.scores(job).items():
            if what == "keras" or formats:
                iou = 0.5 + 0.1 * job.config.seed - 0.01 * (what == "int8") - 0.2 * (split == "b")
                measured.store({"mean_iou": iou, "class_average_accuracy": 0.6, "boundary_f1": 0.7})
        measurements.cost(job).store({"parameters": 10, "macs": 20})


SPEED = {"ms": 2.0, "ratio": 1.0, "rounds": 10, "arena_bytes": 5, "live_bytes": 4, "file_bytes": 6}


@pytest.fixture
def jobs(tmp_path):
    rows = (Row("a", FIELDS), Row("b", FIELDS | {"epochs": 2}))
    return runner.make_jobs(Comparison(("val", "test"), rows), (0, 1), None, tmp_path, None)


def test_a_split_that_is_trained_on_is_said_once(tmp_path, capsys):
    rows = (Row("a", FIELDS), Row("b", FIELDS))
    runner.make_jobs(Comparison(("val", "train"), rows), (0, 1), None, tmp_path, None)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and " images of train are trained on: a score" in said


def test_the_first_seed_of_all_rows_comes_first(jobs):
    assert [(job.row, job.config.seed) for job in jobs] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert {job.size for job in jobs} == {(32, 48)}
    pretend = Pretender()
    assert runner.run_all(jobs, pretend) == {}
    later = ALL[:2]
    assert pretend.did == [
        (row, step) for row, steps in zip("abab", (ALL, ALL, later, later), strict=True)
        for step in steps
    ]  # fmt: skip


def test_what_is_done_is_not_done_again(jobs):
    runner.run_all(jobs, Pretender())
    again = Pretender()
    assert runner.run_all(jobs, again) == {} and again.did == []
    # A run that is trained again gets new files and scores: the old ones are of other weights.
    (jobs[2].run / "best.keras").write_text("other weights", "utf-8")
    assert runner.run_all(jobs, again) == {}
    assert again.did == [("a", "measure")]


def test_networks_that_are_to_be_trained_are_checked_once_for_all_seeds(jobs):
    asked = []

    def launch(command):
        assert command[2:4] == ["segnet_tf.comparison.worker", "check"]
        asked.append([job["run"][-7:] for job in json.loads(command[4])])
        return Finished(code, "a warning\nb: `x` must be y. Received: z.\n")

    code = 2
    with pytest.raises(UserError, match="^b: `x` must be y. Received: z$"):
        runner.check_networks(jobs, launch)
    code = -9
    runner.check_networks(jobs, launch)
    runner.run_all(jobs[:1], Pretender())
    runner.check_networks(jobs, launch)
    assert asked == [["a/seed0", "b/seed0"]] * 2 + [["b/seed0"]]
    runner.run_all(jobs, Pretender())
    runner.check_networks(jobs, launch)
    assert len(asked) == 3


def test_an_unfinished_run_is_resumed(jobs):
    runner.run_all(jobs, Pretender())
    (jobs[1].run / "scores.json").unlink()
    again = Pretender()
    runner.run_all(jobs, again)
    assert again.did == [("b", "resume")]


@pytest.mark.parametrize(
    ("step", "lost"),
    [("train", ALL[1:]), ("measure", []), ("training_step", [])],
)
def test_a_failure_loses_what_comes_after_it_of_its_row(step, lost, jobs, capsys):
    pretend = Pretender({"a": step})
    failures = runner.run_all(jobs[:2], pretend)
    (reason,) = failures.pop("a")
    assert not failures and "`x` must be y. Received: z" in reason and "seed 0" in reason
    assert "a: " + reason in capsys.readouterr().err
    done = [step for row, step in pretend.did if row == "a"]
    assert done == [step for step in ALL if step not in lost]
    assert [step for row, step in pretend.did if row == "b"] == ALL


def test_a_killed_process_is_named(jobs):
    assert (
        "killed by signal 9" in runner.run_all(jobs[:1], lambda command: Finished(-9, ""))["a"][0]
    )


def test_a_run_of_another_configuration_stops_it_before_any_work(tmp_path, jobs):
    runner.run_all(jobs[:1], Pretender())
    rows = (Row("b", FIELDS), Row("a", FIELDS | {"learning_rate": 0.5}))
    with pytest.raises(UserError, match="`learning_rate` of the run in .*seed0 must be 0.5"):
        runner.make_jobs(Comparison(("val",), rows), (0,), None, tmp_path, None)


def test_a_split_that_is_not_there_stops_it_before_any_work(tmp_path):
    with pytest.raises(UserError, match="split"):
        runner.make_jobs(Comparison(("dawn",), (Row("a", FIELDS),)), (0,), None, tmp_path, None)


def test_files_are_timed_once(jobs, tmp_path):
    pretend = Pretender()
    runner.run_all(jobs, pretend)
    speed, failure = runner.time_files(jobs, [], tmp_path, 1.0, pretend)
    assert failure is None and pretend.did.pop() == ("all", "speed")
    assert [(row, form) for row, form, _ in speed.files] == [
        ("a", "float32"), ("a", "int8"), ("b", "float32"), ("b", "int8")
    ]  # fmt: skip
    runner.time_files(jobs, [], tmp_path, 1.0, pretend)
    assert ("all", "speed") not in pretend.did
    jobs[0].file("int8").write_text("another file", "utf-8")
    speed, _ = runner.time_files(jobs, [], tmp_path, 1.0, pretend)
    assert pretend.did.pop() == ("all", "speed")
    assert ("a", "int8") not in [(row, form) for row, form, _ in speed.files]


def test_figures_are_means_over_the_seeds(jobs, tmp_path):
    pretend = Pretender({"b": "measure"})
    failures = runner.run_all(jobs, pretend)
    speed, _ = runner.time_files(jobs, [], tmp_path, 1.0, pretend)
    a, b = figures.gather(jobs, [], speed.measurement().result(), failures)
    assert (a.parameters, a.macs, a.step_seconds, a.step_bytes) == (10, 20, 0.5, 30)
    # Seeds 0 and 1 have 0.5 and 0.6.
    found = a.scores["val"].mean_iou
    assert (round(found.mean, 6), found.seeds) == (0.55, 2)
    assert found.deviation == pytest.approx(0.05 * 2**0.5)
    assert a.scores["val"].int8_drop.mean == pytest.approx(0.01)
    assert a.files["int8"].ms == 2.0 and a.files["int8"].arena_bytes == 5
    assert b.files == {} and b.scores["test"].int8_drop is None and len(b.notes) == 2


def test_a_rival_that_the_reference_kernels_cannot_run_has_the_least_arena(jobs, tmp_path):
    rival = Rival("other", tmp_path / "other.tflite", "int8", (30, 40), 7, 8)
    speed = {"other": {"int8": SPEED | {"arena_bytes": None}}}
    *_, row = figures.gather(jobs, [rival], speed, {})
    assert row.files["int8"].arena_bytes == 4 and "reference kernels" in row.notes[0]
    *_, row = figures.gather(jobs, [rival], {"other": {"int8": SPEED}}, {})
    assert row.files["int8"].arena_bytes == 5 and row.notes == ()
    assert (row.size, row.parameters, row.macs) == ((30, 40), 7, 8)


def test_a_result_is_of_its_key_only(tmp_path):
    measured = Measurement(tmp_path / "x" / "a.json", {"size": (3, 4), "model": "m"})
    assert measured.result() is None
    measured.store({"found": 1})
    assert measured.result() == {"found": 1}
    assert dataclasses.replace(measured, key={"size": (3, 5), "model": "m"}).result() is None
    measured.path.write_text("{ half", "utf-8")
    assert measured.result() is None


def test_a_job_survives_json():
    config = TrainConfig(data="synthetic", crop=(64, 96), model_options={"widths": [1, 2]})
    job = Job("a", run_folder("out", "a", 3), config, (3, 4), ("val",))
    assert job.run == Path("out/a/seed3")
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
