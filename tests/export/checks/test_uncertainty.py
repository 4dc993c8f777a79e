"""The checks of a second output: ranks by SciPy, and files whose masks were changed on purpose."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import tiny_models

import segnet_tf
from segnet_tf.cli.main import main
from segnet_tf.errors import UserError
from segnet_tf.export import verifier
from segnet_tf.export.checks import dropout_masks, rules, uncertainty
from segnet_tf.export.conversion import convert, sampling
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer, metadata
from segnet_tf.export.tflite_file.uncertainty import Uncertainty
from segnet_tf.inference.tflite_model import TFLiteModel

SAID = Uncertainty(2, 3)


@pytest.fixture(scope="module")
def model():
    return tiny_models.bayesian()


@pytest.fixture(scope="module")
def bare(model):
    kind = "probabilities"
    return convert.convert(model, tiny_models.SIZE, output_kind=kind, uncertainty=SAID)


@pytest.fixture(scope="module")
def file(bare):
    return metadata.attach(bare, "probabilities", None, uncertainty=SAID)


@pytest.fixture(scope="module")
def masks(model):
    return sampling.masks_of(sampling.distribution_of(model, tiny_models.SIZE, SAID))


def test_ranks_are_scipys():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for steps in (3, 50, 10**9):  # many ties, some, none
        one = np.round(rng.normal(size=(2, 30)) * steps)
        two = np.round((one + rng.normal(size=(2, 30)) * steps) / 2)
        wanted = stats.spearmanr(one.ravel(), two.ravel()).statistic
        assert uncertainty.rank_correlation(one, two) == pytest.approx(wanted, abs=1e-12)
    # Not NaN, which no reader of JSON takes.
    assert uncertainty.rank_correlation(np.ones(4), np.arange(4)) is None
    assert uncertainty.four_digits(None) == "-" and uncertainty.four_digits(0.98765) == "0.9877"


def test_a_file_says_what_its_second_output_is(file, tmp_path):
    path = tmp_path / "f.tflite"
    path.write_bytes(file)
    loaded = TFLiteModel(path)
    assert loaded.uncertainty == SAID and loaded.output.kind == "probabilities"
    (image,) = tiny_models.images(count=1)
    values, entropy = loaded.with_uncertainty(image)
    wanted = cpu.run(cpu.open_interpreter(file), image)
    np.testing.assert_array_equal(entropy, wanted[0][..., 0])
    np.testing.assert_array_equal(values, wanted[1])
    np.testing.assert_array_equal(loaded.on_batch(image), wanted[1])


def test_two_outputs_without_a_word_are_refused(bare, tmp_path):
    (tmp_path / "f.tflite").write_bytes(bare)
    with pytest.raises(UserError, match="or two if its metadata says what the first one is"):
        TFLiteModel(tmp_path / "f.tflite")


@pytest.mark.parametrize("change", ["a letter", "no samples", "a count of 0"])
def test_a_damaged_entry_is_one_line(bare, change):
    said = {
        "a letter": b"{",
        "no samples": json.dumps({"measure": "predictive_entropy", "seed": 1}).encode(),
        "a count of 0": Uncertainty(0).to_bytes(),
    }[change]

    class Damaged(Uncertainty):
        def to_bytes(self):
            return said

    content = metadata.attach(bare, "labels", None, uncertainty=Damaged())
    with pytest.raises(UserError, match="`tflite` must say how its uncertainty is made") as caught:
        metadata.read(content, "f.tflite")
    assert "\n" not in str(caught.value)


def test_masks_as_they_are_have_no_failure(file, masks):
    assert dropout_masks.stored_failures(flatbuffer.read(file), masks) == []
    images = tiny_models.images(count=1)
    assert dropout_masks.count_wrong(file, images, "xnnpack")[0] == 0


def test_masks_of_another_seed_are_named(file, model):
    other = sampling.distribution_of(model, tiny_models.SIZE, dataclasses.replace(SAID, seed=4))
    (failure,) = dropout_masks.stored_failures(flatbuffer.read(file), sampling.masks_of(other))
    assert failure.startswith("dropout masks: the file lacks encoder1_dropout_0_0, ")


def test_a_kernel_that_drops_another_value_is_seen(file, monkeypatch):
    """A mask that differs from what the kernel had: each of its zeros and ones moved by a pixel."""
    read = flatbuffer.read(file)
    op = dropout_masks.dropouts(read)[0]
    tensors = list(read.tensors)
    mask = tensors[op.inputs[1]]
    tensors[op.inputs[1]] = dataclasses.replace(mask, data=np.roll(mask.data, 1, axis=2))
    forged = dataclasses.replace(read, tensors=tuple(tensors))
    monkeypatch.setattr(dropout_masks.flatbuffer, "read", lambda content: forged)
    wrong, values = dropout_masks.count_wrong(file, tiny_models.images(count=1), "xnnpack")
    assert 0.1 < wrong / values < 0.9


def test_logarithms_may_stand_at_the_end_of_an_uncertainty_only():
    left = ("SOFTMAX", "SOFTMAX", "LOG")
    assert rules.partition_failures(cpu.Partitions(3, 20, 23, left), True) == []
    assert len(rules.partition_failures(cpu.Partitions(3, 20, 23, left))) == 1
    assert len(rules.partition_failures(cpu.Partitions(4, 20, 23, left), True)) == 1


@pytest.mark.slow
def test_verify_knows_such_a_file(file, model, tmp_path):
    path = tmp_path / "f.tflite"
    path.write_bytes(file)
    report = verifier.verify(path, model)
    assert report.failures == ()
    found = report.facts["uncertainty"]
    assert (found["samples"], found["seed"]) == (2, 3)
    assert found["difference"]["mean"] < 1e-5 and found["rank_correlation"] > 0.9999
    assert 0 < found["random_rank_correlation"] < 1
    assert "uncertainty  entropy of 2 samples, seed 3" in report.text()
    # The same file, which says that it has the masks of another seed.
    path.write_bytes(file.replace(b'"seed": 3', b'"seed": 4'))
    failures = verifier.verify(path, model).failures
    assert failures[-2].startswith("dropout masks: the file lacks")
    assert failures[-1].startswith("the uncertainty differs from Keras's by")


@pytest.mark.slow
@pytest.mark.parametrize(("format", "samples"), [("int8", 3), ("float16", None)])
def test_an_export_says_what_it_costs(model, tmp_path, format, samples):
    images = np.concatenate(tiny_models.images(count=4)).astype(np.uint8)
    fields = {"uncertainty": "entropy"} if samples is None else {"mc_samples": samples}
    output = tmp_path / "f.tflite"
    _, report = segnet_tf.export(model, format=format, data=images, output=output, **fields)
    assert report.failures == ()
    plain = report.facts["plain_file"]
    assert plain["bytes"] < report.facts["bytes"] == output.stat().st_size
    assert report.facts["metadata"]["uncertainty"]["samples"] == (samples or 1)
    assert "times as long" in report.text()


def test_a_model_without_dropout_is_refused_before_anything_is_written(run, tmp_path, capsys):
    output = tmp_path / "f.tflite"
    arguments = ["--int8", "--mc-samples", 8, "--model", run, "--output", output]
    assert main(["export", *map(str, arguments)]) == 2
    said = capsys.readouterr().err
    assert "`model` must have Dropout or SpatialDropout2D layers" in said
    assert len(said.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
