import numpy as np

from hyp.reports.figures.scaling import laws_svg
from hyp.stats.scaling import compare_scaling

SIZES = np.repeat(np.geomspace(1e4, 1e8, 8), 3)
SEEDS = np.tile(np.arange(3), 8)


def drawn():
    rng = np.random.default_rng(0)
    scores = 0.45 - 8 * SIZES**-0.4 + rng.normal(0, 0.004, SIZES.size)
    compared = compare_scaling(SIZES, scores, SEEDS)
    words = {"unit": "images", "score": "accuracy", "told": compared.sentence}
    return compared, laws_svg(compared.fits, compared.weights, SIZES, scores, "s", **words)


def test_every_seed_and_every_law_is_drawn():
    compared, svg = drawn()
    for fit, weight in zip(compared.fits, compared.weights, strict=True):
        assert f"{fit.law} ({weight:.0%})" in svg
    assert svg.count('class="seeds"') == 1
    assert svg.split('class="seeds"')[1].count("<use") == SIZES.size
    assert svg.count('class="band"') == 1
    assert compared.sentence[:30] in svg
    assert "#00000" not in svg


def test_the_same_fit_gives_the_same_bytes():
    assert drawn()[1] == drawn()[1]
