import re
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import curve_fit, least_squares
from scipy.stats import binom, t
from statsmodels.stats.anova import anova_lm

from hyp.errors import HypError
from hyp.stats.scaling import compare_scaling, fit_scaling, scaling_band
from hyp.stats.scaling_regions import LAWS

NINE = np.geomspace(1e4, 1e8, 9)
SEVEN = np.geomspace(1e4, 1e8, 7)
BREAK = 10**6.4


def curve(law, n, exponent=0.5):
    decades = np.log10(np.asarray(n) / 1e4)
    if law == "log-linear":
        return 0.1 + 0.09 * decades
    if law == "broken line":
        return 0.1 + 0.15 * np.minimum(decades, 2.4)
    return 0.46 - 0.36 * 10 ** (-exponent * decades)


def study(rng, law, sizes, sd, seeds=3, by_seed=0.0):
    levels = np.sqrt(by_seed) * rng.normal(size=seeds)
    noise = levels + np.sqrt(1 - by_seed) * rng.normal(size=(len(sizes), seeds))
    scores = curve(law, sizes)[:, None] + sd * noise
    return np.repeat(sizes, seeds), scores.ravel(), np.tile(np.arange(seeds), len(sizes))


def rows(sizes, means):
    return sizes, means, np.zeros(len(sizes))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("exponent", [0.2, 0.5, 1.5])
def test_recovers_an_exact_power_law(exponent, sign):
    fit = fit_scaling("power law", *rows(NINE, sign * curve("power law", NINE, exponent)))
    assert fit.exponent == pytest.approx(exponent, rel=1e-6)
    assert (fit.plateau, fit.start) == pytest.approx((sign * 0.46, sign * 0.1), rel=1e-6)
    assert (fit.plateau_low, fit.plateau_high) == pytest.approx((sign * 0.46,) * 2, rel=1e-6)
    reached = 1e4 * (0.36 / (0.05 * 0.46)) ** (1 / exponent)
    assert fit.begins == pytest.approx(reached, rel=1e-5)
    value = curve("power law", fit.begins, exponent)
    assert value == pytest.approx(0.95 * 0.46)
    assert fit.rss < 1e-15


def test_recovers_an_exact_broken_line_and_an_exact_line():
    fit = fit_scaling("broken line", *rows(NINE, curve("broken line", NINE)))
    assert (fit.slope, fit.start, fit.plateau) == pytest.approx((0.15, 0.1, 0.46))
    assert (fit.begins, fit.begins_low, fit.begins_high) == pytest.approx((BREAK,) * 3)
    line = fit_scaling("log-linear", *rows(NINE, curve("log-linear", NINE)))
    assert (line.slope, line.start) == pytest.approx((0.09, 0.1))
    assert np.isnan([line.plateau, line.plateau_low, line.begins, line.exponent]).all()


@pytest.mark.parametrize("law", ["power law", "broken line"])
def test_an_exact_line_has_its_plateau_at_infinity(law):
    up = fit_scaling(law, *rows(NINE, curve("log-linear", NINE)))
    assert (up.plateau, up.plateau_high, up.begins, up.begins_high) == (np.inf,) * 4
    down = fit_scaling(law, *rows(NINE, -curve("log-linear", NINE)))
    assert (down.plateau, down.plateau_low) == (-np.inf, -np.inf)
    loose = fit_scaling(
        law, *study(np.random.default_rng(0), "log-linear", NINE, 0.01), within=0.99
    )
    assert (loose.plateau_high, loose.begins_high) == (np.inf, np.inf)
    best = compare_scaling(*rows(NINE, curve("log-linear", NINE))).best
    assert best.law == "log-linear"


def test_log_linear_agrees_with_statsmodels():
    sizes, scores, seeds = study(np.random.default_rng(0), "power law", NINE, 0.05)
    means = scores.reshape(9, 3).mean(axis=1)
    model = sm.OLS(means, sm.add_constant(np.log10(NINE))).fit()
    fit = fit_scaling("log-linear", sizes, scores, seeds)
    assert fit.slope == pytest.approx(model.params[1])
    assert (fit.slope_low, fit.slope_high) == pytest.approx(tuple(model.conf_int()[1]))
    assert fit.aicc == pytest.approx(-2 * model.llf + 2 * 3 + 2 * 3 * 4 / (9 - 3 - 1))
    assert (fit.rss, fit.df, fit.parameters) == pytest.approx((model.ssr, 7, 3))

    at = np.geomspace(1e3, 1e9, 5)
    drawn = scaling_band(replace(fit, seed_half_width=0.0), at)
    expected = model.get_prediction(sm.add_constant(np.log10(at)))
    assert drawn.curve == pytest.approx(expected.predicted_mean)
    low, high = expected.conf_int().T
    assert drawn.low == pytest.approx(low)
    assert drawn.high == pytest.approx(high)

    shorter = sm.OLS(means[:-1], sm.add_constant(np.log10(NINE[:-1]))).fit()
    new = shorter.get_prediction([[1, 8]]).summary_frame(alpha=0.05).iloc[0]
    compared = compare_scaling(sizes, scores, seeds)
    held = next(one for one in compared.held_out if one.law == "log-linear")
    assert held.predicted == pytest.approx(new["mean"])
    assert (held.low, held.high) == pytest.approx((new["obs_ci_lower"], new["obs_ci_upper"]))
    assert held.error == pytest.approx(means[-1] - new["mean"])
    assert held.inside == (held.low <= means[-1] <= held.high)


def test_power_law_agrees_with_curve_fit():
    def law(n, plateau, gap, k):
        return plateau - gap * (n / 1e4) ** -k

    for seed in range(5):
        data = study(np.random.default_rng(seed), "power law", NINE, 0.02)
        means = data[1].reshape(9, 3).mean(axis=1)
        (plateau, gap, k), _ = curve_fit(law, NINE, means, (0.46, 0.36, 0.5))
        fit = fit_scaling("power law", *data)
        found = (fit.plateau, fit.plateau - fit.start, fit.exponent)
        assert found == pytest.approx((plateau, gap, k), rel=1e-4)
        rss = float(((means - law(NINE, plateau, gap, k)) ** 2).sum())
        assert fit.rss == pytest.approx(rss, rel=1e-7)
        assert fit.aicc == pytest.approx(
            9 * (np.log(2 * np.pi * rss / 9) + 1) + 2 * 4 + 2 * 4 * 5 / (9 - 4 - 1), rel=1e-6
        )


def test_broken_line_is_the_best_of_all_breaks():
    x = np.log10(NINE)
    for seed in range(5):
        data = study(np.random.default_rng(seed), "broken line", NINE, 0.03)
        means = data[1].reshape(9, 3).mean(axis=1)
        fit = fit_scaling("broken line", *data)
        breaks = np.linspace(x[0] + 0.01, x[-1], 2000)
        every = [np.linalg.lstsq(sm.add_constant(np.minimum(x, at)), means)[1][0] for at in breaks]
        assert fit.rss <= min(every) * (1 + 1e-9)
        assert fit.rss == pytest.approx(min(every), rel=1e-4)
        assert np.log10(fit.begins) == pytest.approx(breaks[np.argmin(every)], abs=0.01)


def least_rss(means, law, fixed):
    """Least sum of squares over the two parameters that `fixed` leaves free."""
    starts = [(0.36, 0.3), (0.36, 0.6), (0.3, 1.0)]
    if law == "broken line":
        starts = [(0.36, at) for at in (1.2, 1.7, 2.2, 2.7, 3.2)]
    return min(
        2 * least_squares(lambda free: fixed(*free) - means, one, xtol=1e-14).cost for one in starts
    )


@pytest.mark.parametrize("end", ["low", "high"])
@pytest.mark.parametrize("seed", [0, 1])
def test_interval_ends_are_where_the_profile_crosses_its_threshold(seed, end):
    sizes, scores, _ = study(np.random.default_rng(seed), "power law", SEVEN, 0.01)
    apart = np.arange(len(scores))
    means = scores.reshape(7, 3).mean(axis=1)
    x = np.log(SEVEN / SEVEN[0])
    fit = fit_scaling("power law", sizes, scores, apart, within=0.1)
    limit = fit.rss * (1 + t.ppf(0.975, 4) ** 2 / 4)

    plateau = getattr(fit, f"plateau_{end}")
    profile = least_rss(means, "power law", lambda gap, k: plateau - gap * np.exp(-k * x))
    assert profile == pytest.approx(limit, rel=1e-4)

    begins = np.log(getattr(fit, f"begins_{end}") / SEVEN[0])
    profile = least_rss(
        means, "power law", lambda top, k: top - 0.1 * top * np.exp(k * (begins - x))
    )
    assert profile == pytest.approx(limit, rel=1e-4)

    at = np.log(3e5 / 1e4)
    value = getattr(scaling_band(fit, [3e5]), end)[0]
    profile = least_rss(
        means,
        "power law",
        lambda gap, k: value + gap * (np.exp(-k * at) - np.exp(-k * x)),
    )
    assert profile == pytest.approx(limit, rel=1e-4)


@pytest.mark.parametrize("end", ["low", "high"])
def test_the_same_for_the_broken_line(end):
    sizes, scores, _ = study(np.random.default_rng(3), "broken line", NINE, 0.03)
    means = scores.reshape(9, 3).mean(axis=1)
    x = np.log10(NINE / NINE[0])
    fit = fit_scaling("broken line", sizes, scores, np.arange(len(scores)))
    limit = fit.rss * (1 + t.ppf(0.975, 6) ** 2 / 6)
    plateau = getattr(fit, f"plateau_{end}")
    profile = least_rss(
        means, "broken line", lambda gap, at: plateau - gap * np.maximum(1 - x / at, 0)
    )
    assert profile == pytest.approx(limit, rel=1e-3)
    at = np.log10(getattr(fit, f"begins_{end}") / NINE[0])
    line = np.linalg.lstsq(sm.add_constant(np.minimum(x, at)), means)
    assert line[1][0] == pytest.approx(limit, rel=1e-3)


@pytest.mark.parametrize("by_seed", [0.0, 0.5])
@pytest.mark.parametrize("law", ["power law", "broken line"])
def test_intervals_cover_the_plateau_and_where_it_begins(law, by_seed):
    studies, sizes = 300, SEVEN if by_seed == 0 else NINE
    begins = BREAK if law == "broken line" else 1e4 * (0.36 / (0.05 * 0.46)) ** 2
    rng = np.random.default_rng([LAWS.index(law), int(10 * by_seed)])
    fits = [fit_scaling(law, *study(rng, law, sizes, 0.02, 3, by_seed)) for _ in range(studies)]
    covered = sum(fit.plateau_low <= 0.46 <= fit.plateau_high for fit in fits)
    begun = sum(fit.begins_low <= begins <= fit.begins_high for fit in fits)
    closed = sum(np.isfinite(fit.plateau_high) for fit in fits)
    assert binom.ppf(0.001, studies, 0.95) <= covered <= binom.ppf(0.999, studies, 0.975)
    assert binom.ppf(0.001, studies, 0.94) <= begun <= binom.ppf(0.999, studies, 0.965)
    assert closed > 0.9 * studies


@pytest.mark.parametrize("law", ["power law", "broken line"])
@pytest.mark.parametrize("sizes", [SEVEN, NINE])
def test_without_a_plateau_the_interval_stays_open(law, sizes):
    studies = 200
    rng = np.random.default_rng(len(sizes))
    fits = [fit_scaling(law, *study(rng, "log-linear", sizes, 0.02)) for _ in range(studies)]
    opened = [fit for fit in fits if fit.plateau_high == np.inf]
    assert binom.ppf(0.001, studies, 0.95) <= len(opened)
    assert all(fit.begins_high == np.inf for fit in opened)
    assert np.mean([np.isfinite(fit.plateau_low) for fit in opened]) > 0.9


@pytest.mark.parametrize("law", LAWS)
def test_aicc_finds_the_planted_law(law):
    studies = 60
    rng = np.random.default_rng(LAWS.index(law))
    best = [compare_scaling(*study(rng, law, NINE, 0.02)).best.law for _ in range(studies)]
    assert best.count(law) > 0.8 * studies


def test_weights_are_akaikes():
    data = study(np.random.default_rng(2), "power law", NINE, 0.05)
    compared = compare_scaling(*data)
    aicc = np.array([fit.aicc for fit in compared.fits])
    assert (np.diff(aicc) >= 0).all()
    assert compared.differences == pytest.approx(aicc - aicc[0])
    likelihood = np.exp(-(aicc - aicc[0]) / 2)
    assert compared.weights == pytest.approx(likelihood / likelihood.sum())
    assert [one.law for one in compared.held_out] == [fit.law for fit in compared.fits]
    alone = [fit_scaling(fit.law, *data).aicc for fit in compared.fits]
    assert alone == pytest.approx(aicc)


def test_a_plateau_at_the_last_size_only_is_a_miss():
    means = curve("log-linear", NINE) + 0.003 * np.random.default_rng(0).normal(size=9)
    means[-1] = means[-2]
    compared = compare_scaling(*rows(NINE, means))
    held = {one.law: one for one in compared.held_out}
    assert not held["log-linear"].inside
    assert held["log-linear"].error == pytest.approx(-0.045, abs=0.01)
    assert held["log-linear"].observed == means[-1]
    assert held["log-linear"].size == 1e8
    late = fit_scaling("broken line", *rows(NINE, means))
    assert late.plateau == pytest.approx(means[-1])


def test_levels_that_seeds_keep_widen_the_plateau():
    rng = np.random.default_rng(5)
    sizes, scores, seeds = study(rng, "power law", NINE, 0.03, 4, by_seed=0.6)
    table = pd.DataFrame({"size": sizes, "score": scores, "seed": seeds})
    squares = anova_lm(sm.formula.ols("score ~ C(size) + C(seed)", table).fit())["mean_sq"]
    error = np.sqrt((squares["C(seed)"] - squares["Residual"]) / (9 * 4))
    crossed = fit_scaling("power law", sizes, scores, seeds)
    nested = fit_scaling("power law", sizes, scores, np.arange(len(scores)))
    assert crossed.seed_half_width == pytest.approx(t.ppf(0.975, 3) * error)
    assert (nested.seed_half_width, nested.note, crossed.note) == (0, "", "")
    assert crossed.plateau == pytest.approx(nested.plateau)
    for end in ("low", "high"):
        bare = getattr(nested, f"plateau_{end}") - nested.plateau
        wide = getattr(crossed, f"plateau_{end}") - crossed.plateau
        assert abs(wide) == pytest.approx(np.hypot(bare, crossed.seed_half_width))
        at = getattr(scaling_band(crossed, [1e6]), end) - scaling_band(crossed, [1e6]).curve
        inner = getattr(scaling_band(nested, [1e6]), end) - scaling_band(nested, [1e6]).curve
        assert abs(at) == pytest.approx(np.hypot(inner, crossed.seed_half_width))


def test_one_seed_and_missing_seeds_are_said():
    sizes, scores, seeds = study(np.random.default_rng(1), "power law", NINE, 0.02)
    one = fit_scaling("power law", sizes[::3], scores[::3], seeds[::3])
    assert np.isfinite(one.plateau_low)
    assert one.seeds == 1
    assert "one seed" in one.note
    some = fit_scaling("power law", sizes[1:], scores[1:], seeds[1:])
    assert "not every seed" in some.note
    assert some.means[0] == pytest.approx(scores[1:3].mean())


@pytest.mark.parametrize("law", LAWS)
def test_order_of_rows_does_not_matter(law):
    sizes, scores, seeds = study(np.random.default_rng(1), "power law", NINE, 0.02, 3, 0.5)
    order = np.random.default_rng(2).permutation(len(sizes))
    shuffled = (sizes[order], scores[order], np.array(list("xyz"))[seeds[order]])
    one, other = fit_scaling(law, sizes, scores, seeds), fit_scaling(law, *shuffled)
    assert str(one) == str(other)
    assert compare_scaling(*shuffled).sentence == compare_scaling(sizes, scores, seeds).sentence


@pytest.mark.parametrize("law", ["power law", "broken line"])
def test_changing_units_changes_nothing_else(law):
    sizes, scores, seeds = study(np.random.default_rng(4), law, NINE, 0.02, 3, 0.5)
    plain = fit_scaling(law, sizes, scores, seeds)
    scaled = fit_scaling(law, sizes / 1000, 100 * scores, seeds)
    for name in ("start", "plateau", "plateau_low", "plateau_high"):
        assert getattr(scaled, name) == pytest.approx(100 * getattr(plain, name), rel=1e-6)
    for name in ("begins", "begins_low", "begins_high"):
        assert getattr(scaled, name) == pytest.approx(getattr(plain, name) / 1000, rel=1e-6)
    turned = fit_scaling(law, sizes, -scores, seeds)
    assert (-turned.plateau_high, -turned.plateau_low) == pytest.approx(
        (plain.plateau_low, plain.plateau_high), rel=1e-6
    )
    assert turned.begins_high == pytest.approx(plain.begins_high, rel=1e-6)
    shifts = [compare_scaling(sizes, one, seeds).differences for one in (scores, 5 - 100 * scores)]
    assert shifts[0] == pytest.approx(shifts[1], rel=1e-5)


def test_scores_without_a_trend_leave_both_ends_open():
    rng = np.random.default_rng(0)
    data = rows(NINE, 0.3 + 0.01 * rng.normal(size=9))
    for law in ("power law", "broken line"):
        fit = fit_scaling(law, *data)
        assert (fit.plateau_low, fit.plateau_high) == (-np.inf, np.inf)
        assert (fit.begins_low, fit.begins_high) == (1e4, np.inf)
    assert compare_scaling(*data).sentence.startswith("No clear change with size (log-linear)")


def test_a_plateau_from_the_second_size_on_begins_at_or_before_the_first():
    means = np.array([0.1, *[0.3] * 8]) + 0.001 * np.random.default_rng(0).normal(size=9)
    for law in ("power law", "broken line"):
        fit = fit_scaling(law, *rows(NINE, means))
        assert fit.plateau == pytest.approx(0.3, abs=0.002)
        assert fit.begins_low == 1e4
        assert fit.begins_high < 1e5


def test_sentences():
    rng = np.random.default_rng(7)
    power = compare_scaling(*study(rng, "power law", NINE, 0.01))
    assert re.match(
        r"Saturates \(power law\): plateau 0\.4\d+ \(0\.4\d+ to 0\.4\d+\), within 5 % of it "
        r"from about [\d.]+e6 images \([\d.]+e6 to [\d.]+e6\); in AICc, broken line ",
        power.sentence,
    )
    assert f"log-linear {power.differences[-1]:.1f} worse." in power.sentence
    assert "inside that interval" in power.sentence
    line = compare_scaling(*study(rng, "log-linear", NINE, 0.01), unit="scenes")
    assert line.sentence.startswith("Rises with no plateau (log-linear): +0.09")
    assert "for each tenfold of scenes" in line.sentence
    slight = curve("power law", NINE, 0.12) + 0.006 * rng.normal(size=9)
    beyond = compare_scaling(*rows(NINE, slight))
    assert beyond.sentence.startswith("Bends towards a plateau beyond the sizes measured (power")
    wide = compare_scaling(*rows(NINE, slight), confidence=0.99999)
    assert wide.sentence.startswith("Bends (power law), but the data set no upper limit")
    step = np.array([0.1, *[0.3] * 8]) + 0.001 * rng.normal(size=9)
    assert "cannot be ruled out" in compare_scaling(*rows(NINE, step)).sentence


def test_few_sizes():
    sizes, means = NINE[:5], curve("power law", NINE[:5])
    means = means + 0.001 * np.random.default_rng(0).normal(size=5)
    fit = fit_scaling("power law", *rows(sizes, means))
    assert np.isfinite([fit.plateau, fit.plateau_low, fit.plateau_high]).all()
    assert np.isnan(fit.aicc)
    assert "AICc is undefined with 5 sizes" in fit.note
    assert np.isfinite(fit_scaling("log-linear", *rows(sizes, means)).aicc)
    assert np.isnan(fit_scaling("log-linear", *rows(sizes[:4], means[:4])).aicc)
    with pytest.raises(HypError, match="give at least 6"):
        compare_scaling(*rows(sizes, means))
    means = curve("power law", NINE[:6]) + 0.001 * np.random.default_rng(0).normal(size=6)
    assert np.isfinite([fit.aicc for fit in compare_scaling(*rows(NINE[:6], means)).fits]).all()


@pytest.mark.parametrize(
    ("sizes", "scores", "seeds", "message"),
    [
        ([1, 10, 100], [1, 2, 3], [0] * 3, "at least 4 different sizes, not 3"),
        ([1, 10, 100, 0], [1, 2, 3, 4], [0] * 4, "positive sizes"),
        ([1, 10, 100, -5], [1, 2, 3, 4], [0] * 4, "positive sizes"),
        ([1, 10, 100, np.nan], [1, 2, 3, 4], [0] * 4, "positive sizes"),
        ([1, 10, 100, 1000], [1, 2, 3, np.nan], [0] * 4, "finite scores"),
        ([1, 10, 100, 1000], [0.3] * 4, [0] * 4, "same at every size"),
        ([1, 10, 100, 1000, 1000], [1, 2, 3, 4, 5], [0] * 5, "average its folds"),
        ([1, 10, 100, 1000], [1, 2, 3], [0] * 4, "equal length"),
        ([1, 10, 100, 1000], [1, 2, 3, 4], [0, 0, 0, np.nan], "seed of every score"),
        ([1, 10, 100, 1000], [1, 2, 3, 4], ["a", "a", "a", None], "seed of every score"),
        ([], [], [], "at least 4 different sizes, not 0"),
    ],
)
def test_refusals(sizes, scores, seeds, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(HypError, match=message):
            fit_scaling("power law", sizes, scores, seeds)
        with pytest.raises(HypError, match=message):
            compare_scaling(sizes, scores, seeds)


def test_refuses_options_out_of_range():
    data = rows(NINE, curve("power law", NINE))
    with pytest.raises(HypError, match="not a scaling law"):
        fit_scaling("logistic", *data)
    with pytest.raises(HypError, match="share of the plateau"):
        fit_scaling("power law", *data, within=0)
    with pytest.raises(HypError, match="confidence"):
        compare_scaling(*data, confidence=1.0)
    with pytest.raises(HypError, match="positive sizes"):
        scaling_band(fit_scaling("power law", *data), [1e4, 0])
