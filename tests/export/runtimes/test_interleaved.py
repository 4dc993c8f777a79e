"""Times of several files in turn: who goes first, and what a ratio is of."""

from __future__ import annotations

from segnet_tf.export.runtimes import interleaved


def test_every_network_leads_as_often():
    order = []
    runners = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    times = interleaved.rounds(runners, 0)
    assert order[:9] == list("abcbcacab")
    assert {len(values) for values in times.values()} == {interleaved.LEAST_ROUNDS}


def test_a_ratio_is_of_rounds_not_of_medians():
    # The machine was ten times slower for two rounds, which both felt.
    assert interleaved.ratio([2, 20, 20, 2, 4], [1, 10, 10, 1, 1]) == 2
