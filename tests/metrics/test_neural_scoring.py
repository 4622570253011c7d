"""Scores, ceilings and similarities against plain implementations and planted truth."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform
from scipy.stats import ortho_group, pearsonr, spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from hyp.errors import HypError
from hyp.metrics.gram import compute_gram
from hyp.metrics.neural import (
    Cka,
    Pls,
    Ridge,
    Rsa,
    align_gram,
    ceiled,
    internal_consistency,
    neural_benchmark,
    neural_metric,
    score_layer,
)
from hyp.metrics.neural.scoring import benchmark_splits
from hyp.metrics.neural.splits import half_splits, stimulus_splits
from hyp.metrics.pairs import compare_dissimilarities, dissimilarities, unbiased_cka


def _assembly(n=80, m=12, repetitions=4, noise=1.0, seed=0, d=60):
    """Return activations, and responses that read linearly from them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 8)) @ rng.standard_normal((8, d))
    X += 0.3 * rng.standard_normal(X.shape)
    signal = X @ rng.standard_normal((d, m))
    signal /= signal.std(axis=0)
    stimulus = np.tile(np.arange(n), repetitions)
    assembly = xr.DataArray(
        signal[stimulus] + noise * rng.standard_normal((len(stimulus), m)),
        dims=("presentation", "neuroid"),
        coords={
            "stimulus_id": ("presentation", [f"im{i:04d}" for i in stimulus]),
            "object_name": ("presentation", np.array(["a", "b", "c", "d"])[stimulus % 4]),
            "repetition": ("presentation", np.repeat(np.arange(repetitions), n)),
            "neuroid_id": ("neuroid", [f"n{i}" for i in range(m)]),
            "region": ("neuroid", ["IT"] * m),
        },
        attrs={"identifier": "test"},
    )
    return X, assembly


@pytest.fixture(name="case", scope="module")
def one_case():
    X, assembly = _assembly()
    return X, neural_benchmark(assembly, "IT", stratify="object_name")


def test_splits_are_those_of_scikit_learn():
    strata = np.repeat(["x", "y", "z"], [20, 30, 50])
    expected = StratifiedShuffleSplit(10, train_size=0.9, random_state=1).split(strata, strata)
    for ours, theirs in zip(stimulus_splits(100, strata), expected, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    repetitions = np.repeat([7, 1, 4, 5, 9], 3)
    expected = ShuffleSplit(10, train_size=0.5, random_state=1).split(np.zeros(5))
    for (one, two), (first, second) in zip(half_splits(repetitions), expected, strict=True):
        values = np.array([1, 4, 5, 7, 9])
        assert set(repetitions[one]) == set(values[first])
        assert set(repetitions[two]) == set(values[second])
        assert not (one & two).any()
        assert (one | two).all()


def test_split_refusals():
    with pytest.raises(
        HypError, match=r"20 stimuli of 10 categories cannot be split .*test_size = 2"
    ):
        stimulus_splits(20, np.arange(20) // 2)
    with pytest.raises(
        HypError, match=r"5 stimuli of 2 categories cannot be split .*fewer|.*only 1 mem"
    ):
        stimulus_splits(5, np.array([0, 0, 0, 0, 1]))
    with pytest.raises(HypError, match="one repetition"):
        half_splits(np.zeros(10))


def test_ridge_equals_ridgecv_one_neuroid_at_a_time(case):
    X, benchmark = case
    alphas = (0.1, 10.0, 1000.0)
    scored = score_layer(compute_gram(X), benchmark, Ridge(alphas=alphas))
    splits = benchmark_splits(benchmark, Ridge())
    Y = benchmark.responses
    for number in (0, 9):
        train, test = splits[number]
        for neuroid in range(Y.shape[1]):
            model = RidgeCV(alphas).fit(X[train], Y[train, neuroid])
            r = pearsonr(model.predict(X[test]), Y[test, neuroid])[0]
            assert float(scored["raw"][number, neuroid]) == pytest.approx(r, abs=1e-9)


def test_dissimilarities_are_those_of_scipy(case):
    X, _ = case
    gram = compute_gram(X + 3)
    np.testing.assert_allclose(dissimilarities(gram), pdist(X + 3, "correlation"), atol=1e-10)
    expected = pdist(X, "sqeuclidean") / X.shape[1]
    np.testing.assert_allclose(dissimilarities(gram, "euclidean"), expected, rtol=1e-9)


def test_comparisons_of_dissimilarities():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 20, 300).astype(float), rng.standard_normal(300)
    b += a / 10
    assert compare_dissimilarities(a, b) == pytest.approx(spearmanr(a, b)[0], abs=1e-14)
    assert compare_dissimilarities(a, b, "pearson") == pytest.approx(pearsonr(a, b)[0], abs=1e-14)
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert compare_dissimilarities(a, b, "cosine") == pytest.approx(cosine, abs=1e-14)
    assert compare_dissimilarities(np.ones(300), b) == 0


def test_stimuli_that_drive_all_units_alike_have_no_correlation():
    X = np.random.default_rng(0).standard_normal((6, 5))
    X[2] = 0.7
    with pytest.raises(HypError, match="1 of 6 stimuli, the first at position 2"):
        dissimilarities(compute_gram(X))
    assert dissimilarities(compute_gram(X), "euclidean").shape == (15,)


def _song(K, L):
    """Return HSIC as Song et al. (2012), equation 4, write it."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    one = np.ones(n)
    total = np.trace(K @ L) + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3))


def test_unbiased_cka(case):
    X, benchmark = case
    K, L = X @ X.T, benchmark.responses @ benchmark.responses.T
    expected = _song(K, L) / np.sqrt(_song(K, K) * _song(L, L))
    assert unbiased_cka(K, L) == pytest.approx(expected, abs=1e-12)
    moved = (X + 5) @ (X + 5).T
    assert unbiased_cka(moved, L) == pytest.approx(expected, abs=1e-10)
    assert unbiased_cka(K, 7 * K) == pytest.approx(1, abs=1e-12)
    assert unbiased_cka(np.ones_like(K), L) == 0
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((2, 100, 3000))
    assert abs(unbiased_cka(A @ A.T, B @ B.T)) < 0.05
    with pytest.raises(HypError, match="at least 4 stimuli"):
        unbiased_cka(K[:3, :3], L[:3, :3])


@pytest.mark.parametrize(
    "metric", [Pls(n_components=6), Ridge(), Rsa(dissimilarity="euclidean"), Cka()]
)
def test_only_the_geometry_of_a_layer_counts(case, metric):
    X, benchmark = case
    scored = score_layer(compute_gram(X), benchmark, metric, formula=None)
    turned = X @ ortho_group.rvs(X.shape[1], random_state=0)
    again = score_layer(compute_gram(turned), benchmark, metric, formula=None)
    np.testing.assert_allclose(again["raw"], scored["raw"], rtol=0, atol=1e-8)


@pytest.mark.parametrize("metric", [Pls(n_components=6), Ridge(), Rsa(), Cka()])
def test_what_a_score_holds(case, metric):
    X, benchmark = case
    scored = score_layer(compute_gram(X), benchmark, metric)
    raw = scored["raw"].to_numpy()
    per_split = np.median(raw, axis=1) if raw.ndim == 2 else raw
    np.testing.assert_array_equal(scored["per_split"], per_split)
    r, ceiling = float(np.mean(per_split)), internal_consistency(benchmark, metric)
    assert float(scored["unceiled"]) == pytest.approx(r, abs=1e-15)
    assert float(scored["error"]) == pytest.approx(np.std(per_split) / np.sqrt(10), abs=1e-15)
    assert float(scored["ceiling"]) == ceiling.value
    related = r**2 / ceiling.value if metric.kind in ("pls", "ridge") else r / ceiling.value
    assert float(scored["score"]) == pytest.approx(related, rel=1e-14)
    assert scored.attrs["origin"] == "recorded"
    assert scored.attrs["benchmark"] == "test.IT"
    assert neural_metric(metric.kind).kind in scored.attrs["metric"]


def test_a_score_does_not_depend_on_what_is_known_already(case):
    X, benchmark = case
    gram, known = compute_gram(X), internal_consistency(benchmark)
    xr.testing.assert_identical(
        score_layer(gram, benchmark, ceiling=known), score_layer(gram, benchmark)
    )


@pytest.mark.parametrize("reliability", [0.4, 0.8])
@pytest.mark.parametrize("repetitions", [2, 10])
def test_the_ceiling_recovers_the_planted_reliability(reliability, repetitions):
    noise = np.sqrt(repetitions * (1 - reliability) / reliability)
    _, assembly = _assembly(n=1500, m=30, repetitions=repetitions, noise=noise, d=20)
    ceiling = internal_consistency(neural_benchmark(assembly, "IT"))
    assert ceiling.value == pytest.approx(reliability, abs=0.02)
    assert ceiling.raw.shape == (10, 30)


def test_without_noise_the_ceiling_is_one():
    X, assembly = _assembly(noise=0.0)
    benchmark = neural_benchmark(assembly, "IT")
    for metric in (None, Rsa(), Cka()):
        assert internal_consistency(benchmark, metric).value == pytest.approx(1, abs=1e-12)
    scored = score_layer(compute_gram(X), benchmark, Pls(n_components=30))
    assert float(scored["score"]) > 0.98


def test_ceiling_formulas():
    assert ceiled(0.6, 0.8, "2024") == pytest.approx(0.5625)
    assert ceiled(0.6, 0.8, "2026") == pytest.approx(0.45)
    assert ceiled(-0.6, 0.8, "ratio") == pytest.approx(-0.75)
    assert ceiled(-0.6, 0.8, "2024") == pytest.approx(-0.5625)
    assert ceiled(-0.6, 0.8, "2026") == pytest.approx(-0.45)
    with pytest.raises(HypError, match="unknown ceiling formula '2025'; use 2024, 2026, ratio"):
        ceiled(0.6, 0.8, "2025")
    with pytest.raises(HypError, match=r"ceiling is -0.1: the repetitions do not agree"):
        ceiled(0.6, -0.1, "2026")


def test_a_dead_layer_scores_zero(case):
    _, benchmark = case
    dead = compute_gram(np.full((80, 40), 3.7))
    for metric in (Pls(), Ridge(), Cka()):
        scored = score_layer(dead, benchmark, metric)
        np.testing.assert_array_equal(scored["raw"], 0)
        assert float(scored["score"]) == 0


def test_neuroids_silent_in_a_test_part_are_left_out_of_its_median():
    X, assembly = _assembly()
    rare = assembly.copy()
    rare[:, 0] = np.where(assembly["stimulus_id"].to_numpy() == "im0003", 1.0, 0.0)
    benchmark = neural_benchmark(rare, "IT", stratify="object_name")
    scored = score_layer(compute_gram(X), benchmark, formula=None)
    silent = np.isnan(scored["raw"][:, 0].to_numpy())
    assert 0 < silent.sum() < 10
    raw = scored["raw"].to_numpy()
    np.testing.assert_array_equal(scored["per_split"], np.nanmedian(raw, axis=1))


def test_layers_are_aligned_by_the_names_of_stimuli(case):
    X, benchmark = case
    order = np.random.default_rng(3).permutation(80)
    names = [*benchmark.stimulus_id[order], "another"]
    gram = compute_gram(np.vstack([X[order], X[:1]]))
    aligned = align_gram(gram, names, benchmark)
    expected = compute_gram(X)
    np.testing.assert_allclose(aligned.K, expected.K, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(aligned.row_sum, expected.row_sum, rtol=1e-9, atol=1e-12)
    with pytest.raises(HypError, match=r"has not seen 1 of the 80 stimuli of test.IT, among them"):
        align_gram(gram, ["gone", *names[1:]], benchmark)
    with pytest.raises(HypError, match="responses to 81 stimuli, but test"):
        score_layer(gram, benchmark)


def test_what_a_benchmark_refuses():
    _, assembly = _assembly()
    with pytest.raises(HypError, match=r"no region 'V4' was recorded; there is IT\."):
        neural_benchmark(assembly, "V4")
    with pytest.raises(HypError, match=r"no coordinate 'texture_type' .* object_name, repetition"):
        neural_benchmark(assembly, "IT", stratify="texture_type")
    with pytest.raises(HypError, match="'repetition' differs between presentations"):
        neural_benchmark(assembly, "IT", stratify="repetition")
    flat = assembly.copy()
    flat[:, 3] = 1.5
    with pytest.raises(HypError, match="1 of 12 neuroids, the first n3, respond alike"):
        neural_benchmark(flat, "IT")
    blank = assembly.assign_coords(
        object_name=assembly["object_name"]
        .astype(object)
        .where(assembly["stimulus_id"] != "im0001")
    )
    with pytest.raises(HypError, match="'object_name' is missing for 1 of 80 stimuli"):
        neural_benchmark(blank, "IT", stratify="object_name")
    stimulus, repetition = (assembly[name].to_numpy() for name in ("stimulus_id", "repetition"))
    lacking = assembly.isel(presentation=np.flatnonzero((stimulus != "im0005") | (repetition == 2)))
    kept = neural_benchmark(lacking, "IT")
    assert kept.n_stimuli == 80
    row = kept.stimulus_id.tolist().index("im0005")
    assert all(np.isnan(half[row]).all() for pair in kept.halves for half in pair)


def test_one_repetition_gives_scores_but_no_ceiling():
    X, assembly = _assembly(repetitions=1)
    gram = compute_gram(X)
    for one in (assembly, assembly.drop_vars("repetition")):
        benchmark = neural_benchmark(one, "IT", stratify="object_name")
        scored = score_layer(gram, benchmark, formula=None)
        assert float(scored["unceiled"]) > 0.3
        assert np.isnan(scored["score"])
        with pytest.raises(HypError, match="one repetition of every stimulus, so no ceiling"):
            score_layer(gram, benchmark)


def test_a_network_that_disagrees_with_a_region_scores_below_zero():
    """Dissimilarities reversed: Spearman by scipy, over the ceiling, and its sign."""
    rng = np.random.default_rng(0)
    drive = np.outer(rng.normal(size=30), np.ones(12)) * np.linspace(1, 2, 12)
    drive += 0.3 * rng.normal(size=drive.shape)
    trials = np.concatenate([drive + 0.1 * rng.normal(size=drive.shape) for _ in range(4)])
    assembly = xr.DataArray(
        trials,
        dims=("presentation", "neuroid"),
        coords={
            "stimulus_id": ("presentation", [f"s{i:02d}" for i in range(30)] * 4),
            "repetition": ("presentation", np.repeat(np.arange(4), 30)),
            "neuroid_id": ("neuroid", np.arange(12)),
            "region": ("neuroid", ["IT"] * 12),
        },
    )
    benchmark = neural_benchmark(assembly, "IT")
    metric = Rsa(dissimilarity="euclidean")
    theirs = squareform(pdist(benchmark.responses))
    far = theirs.max() + 1 - theirs
    np.fill_diagonal(far, 0)
    centre = np.eye(30) - 1 / 30
    values, vectors = np.linalg.eigh(-0.5 * centre @ far**2 @ centre)
    gram = compute_gram(vectors * np.sqrt(np.clip(values, 0, None)))
    scored = score_layer(gram, benchmark, metric)
    ours = squareform(pdist(vectors * np.sqrt(np.clip(values, 0, None))))
    expected = []
    for _, test in benchmark_splits(benchmark, metric):
        upper = np.triu_indices(len(test), 1)
        pair = (one[np.ix_(test, test)][upper] for one in (ours, theirs))
        expected.append(spearmanr(*pair).statistic)
    assert np.mean(expected) < -0.5
    assert float(scored["score"]) == pytest.approx(
        np.mean(expected) / float(scored["ceiling"]), rel=1e-9
    )
    squared = score_layer(gram, benchmark, metric, formula="2026")
    assert float(squared["score"]) == pytest.approx(
        -(np.mean(expected) ** 2) / float(scored["ceiling"]), rel=1e-9
    )


def test_missing_trials_cost_the_ceiling_nothing_but_themselves():
    """Halves of trials by hand; a complete recording is halved by its repetitions as before."""
    _, assembly = _assembly(repetitions=6)
    whole = internal_consistency(neural_benchmark(assembly, "IT")).value
    rng = np.random.default_rng(3)
    holes = assembly.where(xr.DataArray(rng.random(assembly.shape) > 0.1, dims=assembly.dims))
    benchmark = neural_benchmark(holes, "IT")
    assert internal_consistency(benchmark).value == pytest.approx(whole, abs=0.05)
    names = holes["stimulus_id"].to_numpy()
    row, neuroid = 7, 2
    trials = holes.to_numpy()[names == benchmark.stimulus_id[row], neuroid]
    known = trials[np.isfinite(trials)]
    for one, two in benchmark.halves:
        parts = [(one[row, neuroid], len(known) // 2), (two[row, neuroid], -(-len(known) // 2))]
        sizes = {size: [np.mean(part) for part in combinations(known, size)] for _, size in parts}
        for value, size in parts:
            assert np.isclose(sizes[size], value, atol=1e-12).any()
        total = sum(value * size for value, size in parts)
        assert total == pytest.approx(known.sum(), abs=1e-12)


def test_metrics_by_name():
    assert neural_metric("pls") == Pls()
    with pytest.raises(HypError, match="unknown neural metric 'pcr'; use pls, ridge, rsa, cka"):
        neural_metric("pcr")
