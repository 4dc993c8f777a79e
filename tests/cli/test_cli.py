"""The command line: what it accepts, what it says, what it costs to ask for help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from segnet_tf.cli import command, main, train
from segnet_tf.config import TrainConfig
from segnet_tf.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def parsed(arguments):
    found = main.make_parser().parse_args(arguments)
    del found.run
    return found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["paint"], "invalid choice: 'paint'"),
        (["train"], "`--output` must name"),
        (["train", "--output", "x", "--epochs", "many"], "--epochs: invalid int value"),
        (["train", "--output", "x"], "`--data` must name the images to train on"),
        (["train", "--output", "x"], "Pass --data DIR, or --data synthetic"),
        (["train", "--data", "x", "--output", "x", "--epochs", "0"], "`epochs` must be at least 1"),
        (["train", "--output", "x", "--epochs", "1", "--minutes", "2"], "not allowed with"),
        (
            ["train", "--output", "x", "--crop", "32"],
            "must be HEIGHTxWIDTH in pixels. Received: 32",
        ),
        (["train", "--output", "x", "--scale", "1"], "must be LO,HI. Received: 1"),
        (["train", "--output", "x", "--model-option", "a"], "must be KEY=VALUE. Received: a"),
        (["train", "--output", "x", "--config", "none.json"], "`none.json` must be a readable"),
        (["train", "--resume"], "`--resume` must name a run"),
        (["train", "--resume", "x", "--seed", "3"], "Received: --seed besides"),
        (["train", "--resume", "x", "--output", "y"], "the same run. Received: x and y"),
        (
            ["train", "--epoch", "3", "--output", "x"],
            "unknown option: --epoch, did you mean --epochs?",
        ),
        (["train", "--ep", "3"], "unknown option: --ep"),
        (["evaluate", "--modle=x", "--data", "y"], "--modle, did you mean --model?"),
        (["export", "--int8", "--input-sise", "3x4"], "did you mean --input-size?"),
        (["verify", "--tflite", "x", "y"], "unknown argument: y. See `segnet-tf verify --help`"),
        (["export"], "one of the arguments --int8"),
        (["evaluate", "--model", "x"], "required: --data"),
        (["evaluate", "--model", "x", "--data", "y", "--limit", "0"], "at least 1. Received: 0"),
        (["evaluate", "--model", "x", "--data", "y", "--json", "no/a.json"], "Make no first"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message, capsys):
    assert main.main(arguments) == 2
    output = capsys.readouterr()
    assert output.err.startswith("segnet-tf: ") and output.err.count("\n") == 1
    assert message in output.err
    assert output.out == ""


def test_an_interrupted_run_says_how_to_go_on(tmp_path, monkeypatch):
    import segnet_tf.training.run_training

    def interrupt(config, output, overwrite):
        (tmp_path / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(segnet_tf.training.run_training, "train", interrupt)
    with pytest.raises(KeyboardInterrupt, match=f"--resume {tmp_path}"):
        train.run(parsed(["train", "--data", "synthetic", "--output", str(tmp_path)]))


def test_arguments_become_the_configuration():
    given = vars(
        parsed(
            "train --output run --data d --epochs 7 --crop 24X32 --scale 0.5,2 --model segnet "
            "--model-option layout=caffe --model-option dropout=0.5 --model-option bn=true "
            "--lr 0.25".split()
        )
    )
    assert given.pop("output") == "run"
    assert train.configuration(given) == TrainConfig(
        data="d",
        epochs=7,
        learning_rate=0.25,
        crop=(24, 32),
        scale=(0.5, 2.0),
        model="segnet",
        model_options={"layout": "caffe", "dropout": 0.5, "bn": True},
    )


def test_a_recipe_knows_no_data():
    with pytest.raises(UserError, match="`--data` must name the images"):
        train.configuration({"config": "segnet_lite_camvid"})
    config = train.configuration({"config": "segnet_lite_camvid", "data": "here"})
    assert config.data == "here" and config.model == "segnet_lite"


def test_a_packed_model_s_configuration_knows_no_data(tmp_path):
    (tmp_path / "packed.json").write_text(json.dumps({"config": {"data": None}}))
    with pytest.raises(UserError, match="`--data` must name the images"):
        train.configuration({"config": str(tmp_path / "packed.json")})


def test_a_run_s_configuration_can_be_taken_over(tmp_path):
    old = TrainConfig(epochs=9, minutes=3.0, learning_rate=0.5, model_options={"a": 1})
    (tmp_path / "config.json").write_text(json.dumps({"config": old.to_json(), "classes": []}))
    given = {"config": str(tmp_path / "config.json"), "epochs": 2, "model_option": ["b=2"]}
    expected = TrainConfig(epochs=2, learning_rate=0.5, model_options={"a": 1, "b": 2})
    assert train.configuration(given) == expected
    # How long it took is not how long this machine would take: the epochs are what was trained.
    again = train.configuration({"config": str(tmp_path / "config.json")})
    assert (again.epochs, again.minutes) == (9, None)
    longer = train.configuration({"config": str(tmp_path / "config.json"), "minutes": 5.0})
    assert longer.minutes == 5
    (tmp_path / "own.toml").write_text('data = "synthetic"\nminutes = 7')
    assert train.configuration({"config": str(tmp_path / "own.toml")}).minutes == 7
    (tmp_path / "config.json").write_text('{"epoch": 3, "data": "synthetic"}')
    with pytest.raises(UserError, match="Received: config=epoch"):
        train.configuration({"config": str(tmp_path / "config.json")})


def test_every_option_is_a_field():
    # An option that TrainConfig doesn't know would be a TypeError for whoever uses it.
    parser = command.Parser("train")
    train.add_arguments(parser)
    names = {action.dest for action in parser._actions}
    names -= {"help", "output", "resume", "overwrite", "config", "model_option"}
    assert names <= set(TrainConfig.__dataclass_fields__)
    assert set(TrainConfig.__dataclass_fields__) - names == {"model_options"}


def test_the_version_is_the_package_s(capsys):
    with pytest.raises(SystemExit) as end:
        main.main(["--version"])
    assert not end.value.code
    assert capsys.readouterr().out == f"segnet-tf {metadata.version('segnet_tf')}\n"


@pytest.mark.slow
def test_an_error_is_the_only_line_of_a_real_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "segnet_tf", "evaluate", "--model", "x", "--data", "synthetic"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("segnet-tf: `model` must be") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_variable_of_wandb_that_is_wrong_is_one_line(tmp_path):
    pytest.importorskip("wandb")
    options = "--model segnet_mini --data synthetic:4 --size 64x96 --batch-size 2 --epochs 1"
    # A new process: W&B reads its variables once.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "segnet_tf",
            "train",
            *options.split(),
            "--output",
            "run",
            "--wandb",
        ],
        cwd=tmp_path,
        env={**os.environ, "WANDB_MODE": "off", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "`wandb` must be able to open the run" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()
