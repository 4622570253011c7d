"""Recordings as dissimilarities: read, ceiled and scored as rsatoolbox does; what is refused."""

from pathlib import Path

import numpy as np
import pytest
import rsatoolbox
import xarray as xr
from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling

from hyp.errors import HypError
from hyp.metrics.gram import compute_gram
from hyp.metrics.neural import (
    Rsa,
    rdm_benchmark,
    rdm_ceilings,
    read_assembly,
    score_rdms,
    write_assembly,
)
from hyp.metrics.neural.rdms import rdms_from_array

HUMAN_IT = Path(__file__).with_name("human_it_rdms.nc")
"""Human IT, 4 subjects x 2 sessions, 92 stimuli (Kriegeskorte et al. 2008), as the demos of
rsagroup/rsatoolbox ship it under the MIT licence."""

N = 12
COMPARED = [("spearman", "spearman"), ("pearson", "corr"), ("cosine", "cosine")]


def recorded(n_subjects=3, n_sessions=2, n=N, regions=("IT",)):
    """Dissimilarities that subjects share in part, with dims of their own for each label."""
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(n, 6))
    shape = (len(regions), n_subjects, n_sessions)
    seen = shared + 0.7 * rng.normal(size=(*shape, n, 6))
    return xr.DataArray(
        np.square(seen[..., :, None, :] - seen[..., None, :, :]).sum(axis=-1),
        dims=("region", "subject", "session", "stimulus", "stimulus_2"),
        coords={
            "region": list(regions),
            "subject": [f"0{number}" for number in range(n_subjects)],
            "session": np.arange(n_sessions) + 1.0,
            "stimulus": [f"s{number:02d}" for number in range(n)],
        },
    )


def layer(n=N, n_units=20, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_units))


@pytest.mark.parametrize(("comparison", "theirs"), COMPARED)
def test_ceilings_of_human_it_are_rsatoolboxs(comparison, theirs):
    rdms = read_assembly(HUMAN_IT)
    benchmark = rdm_benchmark(rdms, "IT")
    assert benchmark.subject.tolist() == ["1", "2", "3", "4"]
    assert benchmark.n_averaged.tolist() == [2, 2, 2, 2]
    means = rdms.to_numpy().astype(float).reshape(4, 2, 92, 92).mean(axis=1)
    expected = boot_noise_ceiling(rsatoolbox.rdm.RDMs(means), theirs)
    found = rdm_ceilings(benchmark.vectors(np.arange(92)), comparison)
    assert [bounds.mean() for bounds in found] == pytest.approx(expected, abs=1e-9)
    if comparison == "spearman":  # with plain means in place of mean ranks 0.379 and 0.661
        assert [round(bounds.mean(), 3) for bounds in found] == [0.372, 0.666]


@pytest.mark.parametrize(("comparison", "theirs"), COMPARED)
@pytest.mark.parametrize("dissimilarity", ["correlation", "euclidean"])
def test_scores_are_rsatoolboxs(comparison, theirs, dissimilarity):
    benchmark = rdm_benchmark(rdms_from_array(recorded(), "here"), "IT")
    metric = Rsa(dissimilarity=dissimilarity, comparison=comparison)
    found = score_rdms({"one": compute_gram(layer())}, benchmark, metric)
    model = rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(layer()), method=dissimilarity)
    data = rsatoolbox.rdm.RDMs(recorded().to_numpy()[0].mean(axis=1))
    expected = rsatoolbox.rdm.compare(model, data, theirs)[0]
    assert found["raw"].to_numpy()[0] == pytest.approx(expected, abs=1e-9)
    lower, upper = boot_noise_ceiling(data, theirs)
    assert float(found["ceiling"]) == pytest.approx(lower, abs=1e-9)
    assert float(found["ceiling_upper"]) == pytest.approx(upper, abs=1e-9)
    assert float(found["score"]) == pytest.approx(expected.mean() / lower, abs=1e-9)
    assert float(found["error"]) == pytest.approx(expected.std(ddof=1) / np.sqrt(3), abs=1e-9)


def test_a_layer_is_not_chosen_on_the_stimuli_it_is_scored_on():
    """Of noise alone the best layer looks good where it is chosen, and averages 0 elsewhere."""
    rng = np.random.default_rng(0)
    noise = xr.DataArray(
        np.array([np.square(a[:, None] - a).sum(-1) for a in rng.normal(size=(2, 16, 5))]),
        dims=("rdm", "stimulus", "stimulus_2"),
        coords={
            "region": "IT",
            "subject": ("rdm", ["a", "b"]),
            "stimulus": [str(number) for number in range(16)],
        },
    )
    benchmark = rdm_benchmark(rdms_from_array(noise, "here"), "IT")
    grams = {str(seed): compute_gram(layer(16, seed=seed)) for seed in range(30)}
    chosen = score_rdms(grams, benchmark, protocol="published", formula=None)
    apart = score_rdms(grams, benchmark, formula=None)
    assert chosen.sizes["split"] == 1
    assert apart.sizes["split"] == 10
    assert abs(float(apart["score"])) < 0.05 < 0.1 < float(chosen["score"])


def test_one_session_of_one_subject_is_scored_unceiled():
    alone = rdms_from_array(recorded(1, 1), "here")
    found = score_rdms({"one": compute_gram(layer())}, rdm_benchmark(alone, "IT"))
    assert found.attrs["ceiling_formula"] == "none"
    assert np.isnan(found["ceiling"])
    assert float(found["score"]) == float(found["unceiled"])
    several = rdm_benchmark(rdms_from_array(recorded(1, 3), "here"), "IT")
    assert several.subject.tolist() == ["1", "2", "3"]  # the sessions


@pytest.mark.parametrize("name", ["a.nc", "a.zarr"])
def test_written_and_read_again(tmp_path, name):
    theirs = recorded(regions=("V1", "IT"))
    rdms = rdms_from_array(theirs, "here")
    found = read_assembly(write_assembly(rdms, tmp_path / name))
    assert found.dims == ("rdm", "stimulus", "stimulus_2")
    for label in ("region", "subject", "session", "stimulus_id"):
        assert found[label].to_numpy().tolist() == rdms[label].to_numpy().tolist()
    assert found["subject"].to_numpy()[:3].tolist() == ["00", "00", "01"]
    assert found["session"].to_numpy()[:2].tolist() == ["1", "2"]
    for region in ("V1", "IT"):
        expected = theirs.sel(region=region).mean("session").to_numpy()
        np.testing.assert_allclose(rdm_benchmark(found, region).matrices, expected)


def test_stimuli_that_a_subject_did_not_see():
    rdms = rdms_from_array(recorded(), "here")
    rdms[0, 3], rdms[0, :, 3] = np.nan, np.nan  # one session of a subject
    assert rdm_benchmark(rdms, "IT").n_stimuli == N
    rdms[1, 3], rdms[1, :, 3] = np.nan, np.nan
    with pytest.raises(HypError, match=r"11 pairs .* 1 of 12 stimuli were not seen by all"):
        rdm_benchmark(rdms, "IT")
    left = rdm_benchmark(rdms, "IT", leave_out_stimuli=True)
    assert left.stimulus_id.tolist() == [f"s{i:02d}" for i in range(N) if i != 3]
    rdms[:2, 5, 6], rdms[:2, 6, 5] = np.nan, np.nan
    with pytest.raises(HypError, match="1 pairs of stimuli in IT lack"):
        rdm_benchmark(rdms, "IT", leave_out_stimuli=True)


def _asymmetric(rdms):
    rdms[0, 0, 0, 0, 1] += 1
    return rdms


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_asymmetric, "not symmetric"),
        (lambda rdms: 1 - rdms / rdms.max(), "no similarities"),
        (lambda rdms: rdms.drop_vars("region").isel(region=0), "no coordinate region"),
        (
            lambda rdms: rdms.drop_vars("session").rename(session="rdm"),
            "both region IT, subject 00",
        ),
        (lambda rdms: rdms.drop_vars("stimulus"), "have no names"),
        (lambda rdms: rdms.assign_coords(stimulus=["a"] * N), "two stimuli 'a'"),
        (lambda rdms: rdms.assign_coords(stimulus_2=[*"abcdefghijkl"]), "other stimuli"),
        (lambda rdms: rdms.expand_dims(time=2), "--rename OLD=NEW"),
        (lambda rdms: rdms.isel(stimulus=slice(5), stimulus_2=slice(5)), "give at least 8"),
        (lambda rdms: 0 * rdms, "equally dissimilar"),
    ],
)
def test_what_is_refused(spoil, said):
    with pytest.raises(HypError, match=said):
        rdm_benchmark(rdms_from_array(spoil(recorded()), "here"), "IT")
