from __future__ import annotations

import math

import pytest

from hyp.reports import wording


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (wording.number(None), "–"),
        (wording.number(math.nan), "–"),
        (wording.number(math.inf), "∞"),
        (wording.number(-math.inf), "−∞"),
        (wording.number(1.0), "1"),
        (wording.number(-0.25), "−0.250"),
        (wording.number(0.00001234), "1.2e−05"),
        (wording.number(True), "yes"),
        (wording.number("fp32"), "fp32"),
        (wording.score(-0.0001), "0.000"),
        (wording.score(-0.5, 2), "−0.50"),
        (wording.score(None), "–"),
        (wording.signed(0.0312), "+0.031"),
        (wording.signed(-0.0312), "−0.031"),
        (wording.signed(0.0), "0.000"),
        (wording.signed(math.nan), "–"),
        (wording.p_value(0.0002), "<0.001"),
        (wording.p_value(0.05), "0.050"),
        (wording.p_value(None), "–"),
        (wording.interval(-0.1, 0.2, sign=True), "[−0.100, +0.200]"),
        (wording.interval(None, 0.2), "–"),
        (wording.interval(-math.inf, 0.2), "–"),
        (wording.duration(0.52), "0.52 s"),
        (wording.duration(2.8e-14), "0 s"),
        (wording.duration(125.4), "2 min"),
        (wording.duration(3599.9), "60 min"),
        (wording.duration(12_600), "3.5 h"),
        (wording.duration(86_400 * 9), "216 h"),
        (wording.duration(None), "–"),
        (wording.latent_words("rel_pos_x"), "translation x"),
        (wording.latent_words("rel_pos_z"), "distance"),
        (wording.latent_words("my_latent"), "my latent"),
        (wording.layer_words("layer3.0.relu"), "layer3.0"),
        (wording.plain("one-category"), "One category"),
        (wording.OUTCOMES["confounded"].sign, "!"),
        (wording.plain("confounded"), "Confounded"),
    ],
)
def test_writing(written, expected):
    assert written == expected
