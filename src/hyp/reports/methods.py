"""What a run's paper says of its methods, with the works to cite, from the run's own result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import ValidationError

from hyp.errors import HypError
from hyp.hypotheses.paper.tables import ABSTRACT, CITATIONS, PAPER
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import Question
from hyp.hypotheses.result import CohortSummary
from hyp.hypotheses.scores import ALIGNED
from hyp.reports.answers import (
    alternative_words,
    equal_loss_words,
    images_words,
    networks_words,
    question_measures,
)
from hyp.reports.markdown_report import bullets, escaped
from hyp.reports.material import Material
from hyp.reports.wording import layer_words, number, p_value
from hyp.text import joined

_WORKS = {
    "holm": "Holm, S. (1979). A simple sequentially rejective multiple test procedure. "
    "Scandinavian Journal of Statistics 6, 65-70.",
    "max-t": "Westfall, P. H. & Young, S. S. (1993). Resampling-based multiple testing. Wiley.",
    "Wilcoxon signed-rank": "Wilcoxon, F. (1945). Individual comparisons by ranking methods. "
    "Biometrics Bulletin 1, 80-83.",
    "studentized permutation": "Janssen, A. (1997). Studentized permutation tests for non-i.i.d. "
    "hypotheses and the generalized Behrens-Fisher problem. Statistics & Probability Letters 36, "
    "9-21.",
    "Brunner-Munzel permutation": "Neubert, K. & Brunner, E. (2007). A studentized permutation "
    "test for the non-parametric Behrens-Fisher problem. Computational Statistics & Data Analysis "
    "51, 5192-5204.",
    "aicc": "Burnham, K. P. & Anderson, D. R. (2002). Model selection and multimodel inference. "
    "Springer.",
    "contrast": "Mann, H. B. & Whitney, D. R. (1947). On a test of whether one of two random "
    "variables is stochastically larger than the other. Annals of Mathematical Statistics 18, "
    "50-60.",
    "alike": "Mantel, N. (1967). The detection of disease clustering and a generalized regression "
    "approach. Cancer Research 27, 209-220.",
    "tracks": "Bakdash, J. Z. & Marusich, L. R. (2017). Repeated measures correlation. Frontiers "
    "in Psychology 8, 456.",
    "trend": "Spearman, C. (1904). The proof and measurement of association between two things. "
    "American Journal of Psychology 15, 72-101.",
    "margin": "Schuirmann, D. J. (1987). A comparison of the two one-sided tests procedure and the "
    "power approach for assessing the equivalence of average bioavailability. Journal of "
    "Pharmacokinetics and Biopharmaceutics 15, 657-680.",
    "cka": "Kornblith, S., Norouzi, M., Lee, H. & Hinton, G. (2019). Similarity of neural network "
    "representations revisited. ICML.",
    "unbiased": "Song, L., Smola, A., Gretton, A., Bedo, J. & Borgwardt, K. (2012). Feature "
    "selection via dependence maximization. Journal of Machine Learning Research 13, 1393-1434.",
    "rsa": "Kriegeskorte, N., Mur, M. & Bandettini, P. (2008). Representational similarity "
    "analysis - connecting the branches of systems neuroscience. Frontiers in Systems "
    "Neuroscience 2, 4.",
    "alignment": "Schrimpf, M. et al. (2018). Brain-Score: which artificial neural network for "
    "object recognition is most brain-like? bioRxiv 407007.",
    "resnet": "He, K., Zhang, X., Ren, S. & Sun, J. (2016). Deep residual learning for image "
    "recognition. CVPR.",
    "adam": "Kingma, D. P. & Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.",
    "numpy": "Harris, C. R. et al. (2020). Array programming with NumPy. Nature 585, 357-362.",
    "scipy": "Virtanen, P. et al. (2020). SciPy 1.0: fundamental algorithms for scientific "
    "computing in Python. Nature Methods 17, 261-272.",
    "torch": "Paszke, A. et al. (2019). PyTorch: an imperative style, high-performance deep "
    "learning library. NeurIPS.",
    "xarray": "Hoyer, S. & Hamman, J. (2017). xarray: N-D labeled arrays and datasets in Python. "
    "Journal of Open Research Software 5, 10.",
}


def methods(material: Material, provenance: Mapping[str, object]) -> str:
    """Return paragraphs for a paper as Markdown: design, measures, tests, software, works to cite.

    Everything is read from the result: numbers of networks are those that were compared, tests
    and corrections those that were made.

    Parameters
    ----------
    material : Material
    provenance : mapping
        As in `hyp.reports.report.write_report`; software is named from its ``versions``.
    """
    paragraphs = [
        _asked(material),
        _networks(material),
        _measures(material),
        _tests(material),
        _rule(material),
        software(provenance),
    ]
    return written(paragraphs, _works(material, provenance))


def written(paragraphs: Iterable[Iterable[str]], works: Iterable[str]) -> str:
    """Return paragraphs, of sentences each, and works to cite as Markdown."""
    told = [escaped(" ".join(paragraph)) for paragraph in map(list, paragraphs) if paragraph]
    cited = bullets(map(escaped, works))
    return "\n\n".join(["# Methods", *told, "## To be cited", cited]) + "\n"


def _asked(material: Material) -> Iterator[str]:
    result = material.result
    yield f"{result.question} (Hypothesis “{result.hypothesis}”, after {result.source}.)"
    claims = "; ".join(f"{name}, that {claim}" for name, claim in result.predictions.items())
    yield f"Predicted was: {claims}."


def _networks(material: Material) -> Iterator[str]:
    cohorts, profile = material.result.cohorts, _profile(material)
    if not cohorts:
        return
    yield f"Networks were of {_times(len(cohorts), 'cohort')} and differed within one in their seed"
    yield f"alone: {'; '.join(_cohort(one, material.result.settings) for one in cohorts)}."
    if any(cohort.trained for cohort in cohorts):
        schedule = "" if profile.schedule == "constant" else f", {profile.schedule} schedule"
        yield (
            f"Networks that were trained are of the architecture {profile.backbone}; they took "
            f"batches of {profile.batch_size} images of {profile.image_size} pixels a side, with "
            f"Adam (learning rate {profile.learning_rate:g}{schedule}), and {profile.n_val:,} "
            "further images were held out."
        )
    yield (
        f"All networks then saw the same {profile.n_stimuli:,} images that none was trained on "
        f"(source: {profile.source}; variability: {profile.world})."
    )


def _cohort(cohort: CohortSummary, settings: Mapping[str, object]) -> str:
    count = f"{cohort.title}, {_times(len(cohort.seeds), 'network')}"
    if not cohort.trained:
        return f"{count}, not trained"
    return (
        f"{count} (seeds {_ranges(cohort.seeds)}) trained for {cohort.objective} in "
        f"{cohort.batches:,} batches, on {cohort.n_images:,} images "
        f"({images_words(cohort, settings)}; variability: {cohort.design})"
    )


def _measures(material: Material) -> Iterator[str]:
    profile = _profile(material)
    kinds = {question.scored.kind for question in material.questions}
    if kinds & {"decoding", "similarity"}:
        yield f"Layers looked at were {joined([layer_words(one) for one in profile.layers])}."
    if "decoding" in kinds:
        yield (
            f"Latents were decoded from a layer by {profile.n_folds}-fold cross-validation with "
            "folds that all networks share: categories by linear support vector machines "
            f"(C = {profile.svm_c:g}; accuracy), numbers by ridge regression and angles by ridge "
            "regression on their sine and cosine (Pearson correlation). The folds of a network "
            "were averaged."
        )
    if "similarity" in kinds:
        measures = dict.fromkeys(
            question_measures(question)
            for question in material.questions
            if question.scored.kind == "similarity"
        )
        yield f"Similarity of networks to the same images: {'; '.join(measures)}."
    if kinds & set(ALIGNED):
        yield (
            f"Alignment is by {profile.neural_metric.upper()} with the recording "
            f"{profile.recording}, as a share of its noise ceiling; the layer of a region was "
            f"chosen by the {profile.neural_protocol} protocol."
        )
    if any(map(material.is_simulated, material.questions)):
        yield "These responses were simulated: nobody recorded them."


def _tests(material: Material) -> Iterator[str]:
    if not material.questions:
        yield "With this many networks no test could reach its level, so none was made."
        return
    yield "The network (seed) was the unit of all tests."
    for question in material.questions:
        rows = material.rows(question)
        counts = joined(list(dict.fromkeys(map(networks_words, rows))), "or")
        yield (
            f"{question.label}: {material.ask(question)} {question.tested}, "
            f"{alternative_words(rows)}; {_times(len(rows), 'comparison')} of {counts} networks"
            f"{'' if rows[0].confirmatory else ' (secondary)'}."
        )
    every = material.result.rows
    families = Counter(row.family for row in every)
    smallest = dict.fromkeys(p_value(row.p_attainable) for row in every)
    counted = joined([f"{n} ({name})" for name, n in families.items()])
    profile = _profile(material)
    looks = ""
    if profile.looks:
        numbers = joined(list(map(str, profile.looks)))
        looks = f", spent over looks at {numbers} networks per cohort ({profile.spending})"
    yield (
        f"p were corrected by Holm within families of {counted} comparisons, at a level of "
        f"{number(profile.alpha)}{looks}; the smallest p that a comparison could have was "
        f"{joined(list(smallest), 'or')}. Intervals are of 95 % and concern one comparison."
    )


def _rule(material: Material) -> Iterator[str]:
    result = material.result
    yield f"The verdict followed from a rule that was declared: {result.rule}"
    if result.margin is not None:
        yield f"Differences within ±{number(result.margin)} were declared not to matter."
    for one in result.equal_loss:
        yield f"Networks were also compared at equal held-out loss. {equal_loss_words(one)}"
    if result.checks:
        checks = dict.fromkeys(
            f"{one.name} (threshold {number(one.threshold)})" for one in result.checks
        )
        yield f"Checked was whether this was the experiment declared: {'; '.join(checks)}."
    for name, reason in result.left_out.items():
        yield f"Declared, but not asked at this size: {name} ({reason})."


def software(provenance: Mapping[str, object]) -> Iterator[str]:
    """Yield which versions made a result, and the command."""
    versions = _versions(provenance)
    if versions:
        yield f"Software: {joined([f'{name} {version}' for name, version in versions.items()])}."
    if provenance.get("command"):
        yield f"Command: {provenance['command']}."


def _works(material: Material, provenance: Mapping[str, object]) -> Iterator[str]:
    source, profile = material.result.source, _profile(material)
    if source.startswith("Xie et al. 2024"):
        yield CITATIONS[PAPER]
        if "February" in source:
            yield CITATIONS[ABSTRACT]
    for key in _keys(material.questions, material.result.margin):
        yield _WORKS[key]
    if profile.backbone.startswith("resnet"):
        yield _WORKS["resnet"]
    if any(cohort.trained and cohort.batches for cohort in material.result.cohorts):
        yield _WORKS["adam"]
    yield from works_of(_versions(provenance))


def works_of(names: Iterable[str]) -> Iterator[str]:
    """Yield what is to be cited for tests, measures or software, of those that have a work."""
    return (_WORKS[name] for name in names if name in _WORKS)


def _keys(questions: Sequence[Question], margin: float | None) -> Iterator[str]:
    """Yield what is to be cited for the tests and measures of questions, each once."""
    if questions:
        yield "holm"
    yield from (kind for kind in dict.fromkeys(one.kind for one in questions) if kind in _WORKS)
    if margin is not None:
        yield "margin"
    measures = {str(getattr(one.scored, "measure", one.scored.kind)) for one in questions}
    if measures & {"cka", "cka-biased"}:
        yield "cka"
    if "cka" in measures:
        yield "unbiased"
    if any(one.startswith("rsa") for one in measures):
        yield "rsa"
    if measures & set(ALIGNED):
        yield "alignment"


def _versions(provenance: Mapping[str, object]) -> dict[str, str]:
    versions = provenance.get("versions")
    return dict(versions) if isinstance(versions, Mapping) else {}


def _profile(material: Material) -> Profile:
    try:
        return Profile.model_validate(material.result.settings)
    except ValidationError as error:
        raise HypError(
            "the settings of this result are not those of this hyp, so its methods cannot be "
            "described; run the hypothesis again, which computes only what is missing."
        ) from error


def _times(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _ranges(seeds: Sequence[int]) -> str:
    """Write consecutive numbers as a range: ``0-5``."""
    whole = list(range(seeds[0], seeds[-1] + 1)) == list(seeds)
    return f"{seeds[0]}-{seeds[-1]}" if whole and len(seeds) > 1 else joined(list(map(str, seeds)))
