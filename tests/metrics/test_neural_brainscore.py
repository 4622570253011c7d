"""The same numbers as Brain-Score, on synthetic assemblies that the real package scored.

The expected numbers are what brainscore-vision 2.4.2 (scikit-learn 1.5.2, numpy 1.26.4)
returned for the same arrays: metric ``pls`` stratified by object_name, ceiling
``internal_consistency``, their errors, and ``r^2 / ceiling``; ``rdm_cv`` and ``cka_cv``.
"""

import numpy as np
import pytest
import xarray as xr
from brainscore_synthetic import CASES, make_case

from hyp.metrics.gram import compute_gram
from hyp.metrics.neural import (
    Cka,
    Rsa,
    align_gram,
    drop_constant_neuroids,
    internal_consistency,
    neural_benchmark,
    score_layer,
    sort_like_brainscore,
)

PLS = {
    "base": (
        0.8785599043278376,
        0.0023868498589944883,
        0.8083600561277059,
        0.0017181707080600943,
        0.9548560689527668,
    ),
    "few_features": (
        0.7870843090367815,
        0.008404462389285525,
        0.7733554892412935,
        0.0026742576237326343,
        0.801056846625185,
    ),
    "wide": (
        0.8773890585139625,
        0.004287694285249208,
        0.7905687660157035,
        0.0025487975276325993,
        0.9737439588964566,
    ),
    "uneven_objects": (
        0.8624892842077019,
        0.004262645552677746,
        0.8082434383621233,
        0.0025623931435341516,
        0.9203758794263472,
    ),
    "missing_repetitions": (
        0.8365362869854829,
        0.007646410954807237,
        0.7807154111898803,
        0.001189006691678432,
        0.8963483356590987,
    ),
    "nan_responses": (
        0.8824972057867206,
        0.006434100710261833,
        0.810241043398787,
        0.0025079741540653603,
        0.9611970716201508,
    ),
    "constant_neuroid": (
        0.8471654467949354,
        0.0071350048883257276,
        0.7521550614483875,
        0.0024175133388854094,
        0.9541773113395583,
    ),
    "object_first": (
        0.8530213578721224,
        0.006428521362890476,
        0.7832040505933815,
        0.004984565575666312,
        0.9290624026199956,
    ),
    "one_neuroid": (
        0.8327106793589969,
        0.012552106591004579,
        0.8127623093311938,
        0.005447318786658094,
        0.8531486605095077,
    ),
    "converges_early": (
        0.7757761548568235,
        0.012520236039621973,
        0.6671903804566621,
        0.009298647223212183,
        0.9020343519229297,
    ),
}
FLOAT32 = (0.8785599043199435, 0.002386849926192832, 0.9548560689356073)
RDM_CV = [
    *(0.62229027, 0.60261822, 0.61329913, 0.61644509, 0.60448426),
    *(0.61350885, 0.61719378, 0.61760987, 0.61173813, 0.6128226),
]
CKA_CV = [
    *(0.65683241, 0.63715904, 0.64372035, 0.64196361, 0.64657993),
    *(0.64650815, 0.6473445, 0.64268341, 0.64359777, 0.64444956),
]


def _prepare(name):
    case = CASES[name]
    recording = make_case(case)
    rows = recording.presentation_stimulus
    stimulus = {
        "stimulus_id": ("presentation", recording.stimulus_id[rows]),
        "object_name": ("presentation", recording.object_name[rows]),
    }
    if case.object_first:
        stimulus = dict(reversed(stimulus.items()))
    assembly = xr.DataArray(
        recording.responses,
        dims=("presentation", "neuroid"),
        coords={
            **stimulus,
            "repetition": ("presentation", recording.repetition),
            "neuroid_id": ("neuroid", recording.neuroid_id),
            "region": ("neuroid", ["IT"] * len(recording.neuroid_id)),
        },
    )
    assembly = drop_constant_neuroids(sort_like_brainscore(assembly))
    benchmark = neural_benchmark(assembly, "IT", stratify="object_name")
    gram = align_gram(compute_gram(recording.features), recording.stimulus_id, benchmark)
    return gram, benchmark


@pytest.mark.parametrize("name", PLS)
def test_pls_scores_errors_and_ceilings(name):
    r, error, ceiling, ceiling_error, score = PLS[name]
    gram, benchmark = _prepare(name)
    scored = score_layer(gram, benchmark)
    assert float(scored["unceiled"]) == pytest.approx(r, rel=0, abs=1e-11)
    assert float(scored["error"]) == pytest.approx(error, rel=0, abs=1e-11)
    assert float(scored["ceiling"]) == pytest.approx(ceiling, rel=0, abs=1e-14)
    assert float(scored["score"]) == pytest.approx(score, rel=0, abs=1e-11)
    assert internal_consistency(benchmark).error == pytest.approx(ceiling_error, rel=0, abs=1e-14)


def test_pls_on_single_precision_activations():
    r, error, score = FLOAT32
    scored = score_layer(*_prepare("float32"))
    assert float(scored["unceiled"]) == pytest.approx(r, rel=0, abs=1e-8)
    assert float(scored["error"]) == pytest.approx(error, rel=0, abs=1e-8)
    assert float(scored["score"]) == pytest.approx(score, rel=0, abs=1e-8)


def test_formula_of_2024():
    gram, benchmark = _prepare("few_features")
    old = score_layer(gram, benchmark, formula="2024")
    r, _, ceiling, _, score = PLS["few_features"]
    assert float(old["score"]) == pytest.approx((r / ceiling) ** 2, rel=0, abs=1e-11)
    assert float(old["score"]) == pytest.approx(score / ceiling, rel=0, abs=1e-11)


@pytest.mark.parametrize(("metric", "expected"), [(Rsa(), RDM_CV), (Cka(), CKA_CV)])
def test_rdm_and_cka(metric, expected):
    gram, benchmark = _prepare("few_features")
    scored = score_layer(gram, benchmark, metric, formula=None)
    np.testing.assert_allclose(scored["raw"], expected, rtol=0, atol=6e-9)
