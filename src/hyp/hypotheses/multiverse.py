"""The verdict under all defensible choices of analysis, from what a finished run stored.

What a paper declares is one analysis of many that could have been declared (Steegen et al. 2016,
Perspectives on Psychological Science 11, 702-712). Here all of them judge the same networks:
scores are computed anew from the stored Gram matrices where a choice asks for it, nothing is
trained or extracted, and the verdict stays that of the declared one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from statistics import median
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from hyp.errors import HypError, choose_from
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.profile import Profile
from hyp.hypotheses.questions import PairQuestion
from hyp.hypotheses.scores import Decoding, Similarity

if TYPE_CHECKING:
    from hyp.hypotheses.judge import Gathered
    from hyp.hypotheses.plan import Plan
    from hyp.store import Store

KEYS = ("measure", "svm_c", "n_folds", "layers", "family", "margin")
"""What can be chosen otherwise: the measure of similarity, C of the SVM, folds of decoding, the
layers that are judged, what is corrected together, and the margin."""

_COMPUTED = ("scores", "similarities")
"""Kinds of steps that rest on Gram matrices alone."""

_MOST = 2000
_ALIKE = ("cka", "rsa-correlation", "procrustes")

Values = tuple[Any, ...]


class Analysis(BaseModel):
    """One combination of choices and what it comes to.

    Attributes
    ----------
    choices : dict of str to str
        Every key that is varied, in words.
    declared, agrees : bool
        Whether it is the declared one, and whether its verdict is the same.
    outcome, prediction, sentence : str
    comparisons, higher, lower : int
        Confirmatory ones, and how many of them are significant in each direction.
    estimate, low, high : float or None
        Median, least and largest difference of these comparisons, in the score's unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    choices: dict[str, str]
    declared: bool
    agrees: bool = False
    outcome: str
    prediction: str
    sentence: str
    comparisons: int
    higher: int
    lower: int
    estimate: float | None
    low: float | None
    high: float | None

    @property
    def verdict(self) -> str:
        """Outcome and prediction in a few words."""
        return f"{self.outcome}: {self.prediction}" if self.prediction else self.outcome


class Multiverse(BaseModel):
    """All analyses of a run.

    Attributes
    ----------
    hypothesis, profile : str
    analyses : tuple of Analysis
        By their estimate.
    left_out : tuple of str
        Choices that could not be varied, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hypothesis: str
    profile: str
    analyses: tuple[Analysis, ...]
    left_out: tuple[str, ...] = ()

    @property
    def declared(self) -> Analysis:
        """The analysis that was declared."""
        return next(one for one in self.analyses if one.declared)

    @property
    def sentence(self) -> str:
        """How many analyses agree with the declared one."""
        agree, n = sum(one.agrees for one in self.analyses), len(self.analyses)
        return (
            f"{agree} of {n} analyses ({agree / n:.0%}) agree with the declared one: "
            f"{self.declared.verdict}."
        )

    def shares(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield key, choice, number of analyses with it, and how many of these agree."""
        for key in self.declared.choices:
            for value in dict.fromkeys(one.choices[key] for one in self.analyses):
                own = [one for one in self.analyses if one.choices[key] == value]
                yield key, value, len(own), sum(one.agrees for one in own)


def multiverse(
    plan: Plan,
    store: Store,
    vary: Mapping[str, Sequence[Any]] | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Multiverse:
    """Judge a finished run under every combination of choices.

    All analyses compare the networks after equal numbers of batches. Whether the networks have
    learned equally is a fact about their training, and is taken from the run.

    Parameters
    ----------
    plan : Plan
        Of the run, from `make_plan`; its choices are the declared ones.
    store : Store
        Where the run is; scores that other choices need are added to it.
    vary : mapping of str to sequence, optional
        Alternatives by key (`KEYS`): Python values, or their text as in ``--set``. By default
        the usual ones of every key that the hypothesis has.
    progress : callable, optional
        Called after every analysis with (done, total).

    Raises
    ------
    HypError
        If the run is not finished or judged at equal loss, a key is unknown or has no part in
        the hypothesis, a value does not fit, or there are more than 2,000 combinations.
    """
    from hyp.hypotheses.checks import LEARNED_EQUALLY, SAME_AT_EQUAL_LOSS
    from hyp.hypotheses.judge import conclude
    from hyp.hypotheses.result_files import load_result

    if plan.hypothesis.rule_for(plan.profile).compared_at != "equal batches":
        raise HypError(
            f"{plan.name} is judged at equal loss; other analyses need comparisons after equal "
            "batches."
        )
    if plan.untestable:
        raise HypError(f"{plan.name} has nothing to analyse otherwise: {plan.untestable}")
    if plan.pending(store):
        raise HypError(
            f"{plan.name}, profile {plan.profile_name}, is not finished in this store with these "
            "settings; name those of its run (--set, see hyp status), or run it first: "
            f"hyp run {plan.name} --profile {plan.profile_name}."
        )
    choices, left_out = _choices(plan, vary)
    combinations = list(product(*choices.values()))
    if len(combinations) > _MOST:
        raise HypError(f"{len(combinations):,} analyses are too many; vary fewer choices.")
    run = load_result(store.check(plan.goal))
    about_learning = (LEARNED_EQUALLY, SAME_AT_EQUAL_LOSS)
    learned = tuple(check for check in run.checks if check.name in about_learning)
    known: dict[tuple[Any, ...], Gathered] = {}
    found = []
    for values in combinations:
        chosen = dict(zip(choices, values, strict=True))
        hypothesis, settings = _otherwise(plan, chosen)
        what = tuple(chosen.get(key) for key in ("measure", "svm_c", "n_folds"))
        if what not in known:
            known[what] = _gathered(plan, hypothesis, settings, store)
        hypothesis = _with_layers(hypothesis, plan.profile, chosen.get("layers"))
        gathered = known[what]
        result = conclude(
            hypothesis,
            plan.profile.with_settings(settings),
            plan.profile_name,
            gathered.scores,
            gathered.similarities,
            checks=(*gathered.checks, *learned),
        )
        rows = [row for row in result.rows if row.confirmatory]
        differences = [row.difference for row in rows]
        found.append(
            Analysis(
                choices={key: _words(key, value, plan) for key, value in chosen.items()},
                declared=all(chosen[key] == own[0] for key, own in choices.items()),
                outcome=result.verdict.outcome,
                prediction=result.verdict.prediction or "",
                sentence=result.verdict.sentence,
                comparisons=len(rows),
                higher=sum(row.significant and row.direction > 0 for row in rows),
                lower=sum(row.significant and row.direction < 0 for row in rows),
                estimate=median(differences) if differences else None,
                low=min(differences, default=None),
                high=max(differences, default=None),
            )
        )
        progress(len(found), len(combinations))
    declared = next(one for one in found if one.declared)
    return Multiverse(
        hypothesis=plan.name,
        profile=plan.profile_name,
        analyses=tuple(
            one.model_copy(update={"agrees": one.verdict == declared.verdict})
            for one in sorted(found, key=lambda one: (one.estimate is None, one.estimate or 0.0))
        ),
        left_out=tuple(left_out),
    )


def _choices(
    plan: Plan, vary: Mapping[str, Sequence[Any]] | None
) -> tuple[dict[str, Values], list[str]]:
    """Return the values of every key that is varied, the declared one first."""
    known = {key: values for key, values in _usual(plan).items() if values}
    reasons = _fixed(plan, known)
    for key in vary or {}:
        if key not in KEYS:
            raise HypError(f"--vary knows no {key!r}" + choose_from(KEYS))
        if key in reasons or key not in known:
            why = reasons.get(key, f"nothing in {plan.name} depends on it")
            raise HypError(f"--vary {key}: {why}.")
    left_out = [f"{key}: {reason}." for key, reason in reasons.items()]
    varied: dict[str, Values] = {}
    for key, usual in known.items():
        if key in reasons or (vary is not None and key not in vary):
            continue
        others = usual[1:] if vary is None else [_read(key, one, plan) for one in vary[key]]
        varied[key] = tuple(dict.fromkeys([usual[0], *others]))
    return varied, left_out


def _usual(plan: Plan) -> dict[str, Values]:
    """Return the declared value of every key and its usual alternatives; none without a part."""
    profile, questions = plan.profile, _judged(plan)
    decoded = any(isinstance(one.scored, Decoding) for one in questions)
    measures = [one.scored.measure for one in questions if isinstance(one.scored, Similarity)]
    layers, half = profile.layers, len(profile.layers) // 2
    c, folds, margin = profile.svm_c, profile.n_folds, plan.hypothesis.rule.margin
    several = len({one.label for one in questions}) > 1
    halves = (layers[:half], layers[half:]) if half else ()
    by_layer = decoded or bool(measures)
    return {
        "measure": tuple(dict.fromkeys([measures[0], *_ALIKE])) if len(set(measures)) == 1 else (),
        "svm_c": (c, c / 10, c * 10) if decoded else (),
        "n_folds": (folds, 10 if folds < 10 else 5) if decoded else (),
        "layers": (layers, *halves) if by_layer else (),
        "family": (profile.family, "question" if profile.family == "all" else "all")
        if several
        else (),
        "margin": (margin, margin / 2, margin * 2) if margin is not None else (None,),
    }


def _fixed(plan: Plan, known: Mapping[str, Values]) -> dict[str, str]:
    """Say which keys cannot be varied because the rule names their values."""
    rule = plan.hypothesis.rule
    needs = [need for one in rule.predictions for need in one.needs] + list(rule.mixed)
    named = {place for need in needs for place in need.where}
    found = {
        key: f"the rule names the {what} that it reads"
        for key, what in (("layers", "layer"), ("measure", "measured"))
        if what in named and key in known
    }
    if known["margin"] == (None,):
        found["margin"] = "none was declared"
    return found


def _read(key: str, value: Any, plan: Plan) -> Any:
    """Return a choice of a key from its text."""
    if key == "measure":
        return Similarity(measure=value).measure
    if key == "layers":
        layers = tuple(value.split(",")) if isinstance(value, str) else tuple(value)
        for layer in layers:
            if layer not in plan.profile.layers:
                raise HypError(
                    f"no Gram matrices of the layer {layer!r} are stored"
                    + choose_from(plan.profile.layers)
                )
        return layers
    if key == "margin":
        try:
            margin = float(value)
        except ValueError:
            margin = float("nan")
        if not 0 < margin < float("inf"):
            raise HypError(f"--vary margin={value}: a margin is a positive number.")
        return margin
    return getattr(plan.profile.with_settings({key: value}), key)


def _otherwise(plan: Plan, chosen: Mapping[str, Any]) -> tuple[Hypothesis, dict[str, Any]]:
    """Return the hypothesis with another measure and margin, and the profile's settings."""
    settings = {key: chosen[key] for key in ("svm_c", "n_folds", "family") if key in chosen}
    hypothesis = plan.hypothesis
    if "margin" in chosen:
        rule = hypothesis.rule.model_copy(update={"margin": chosen["margin"]})
        hypothesis = hypothesis.model_copy(update={"rule": rule})
    if "measure" in chosen:
        judged = {one.name for one in _judged(plan)}
        questions = tuple(
            one.model_copy(update={"similarity": Similarity(measure=chosen["measure"])})
            if isinstance(one, PairQuestion) and one.name in judged
            else one
            for one in hypothesis.questions
        )
        hypothesis = hypothesis.model_copy(update={"questions": questions})
    return hypothesis, settings


def _with_layers(
    hypothesis: Hypothesis, profile: Profile, layers: Iterable[str] | None
) -> Hypothesis:
    """Ask at these layers only; a question whose own layers are all others keeps them."""
    if layers is None:
        return hypothesis
    wanted = tuple(layers)
    questions = []
    for one in hypothesis.questions:
        kept = tuple(layer for layer in one.layers or profile.layers if layer in wanted)
        by_layer = isinstance(one.scored, Decoding | Similarity)
        questions.append(one.model_copy(update={"layers": kept}) if by_layer and kept else one)
    return hypothesis.model_copy(update={"questions": tuple(questions)})


def _gathered(
    plan: Plan, hypothesis: Hypothesis, settings: Mapping[str, Any], store: Store
) -> Gathered:
    """Compute the scores that are missing, and return them all."""
    from hyp.hypotheses.judge import gather
    from hyp.hypotheses.plan import make_plan
    from hyp.hypotheses.run import run_steps
    from hyp.models.hardware import Numerics, keeping, suits_here

    kept = plan.numerics
    ask = suits_here if kept is None else keeping(Numerics(**kept.model_dump()), suits_here)
    own = {key: getattr(plan.profile, key) for key in plan.settings}
    changed = {**own, **settings, "scored_snapshots": ()}
    other = make_plan(hypothesis, plan.profile_name, changed, store=store, ask=ask)
    pending = [step for step in other.pending(store) if step is not other.goal]
    beyond = sorted({step.kind for step in pending if step.kind not in _COMPUTED})
    if beyond:
        raise HypError(
            f"the stored Gram matrices are not enough for {settings or 'this measure'}: "
            f"{', '.join(beyond)} would have to be made; vary something else."
        )
    run_steps(pending, store)
    inputs = {role: store.check(step) for role, step in other.goal.inputs.items()}
    return gather(hypothesis, other.profile, inputs)


def _judged(plan: Plan) -> list[Any]:
    return [one for one in plan.asked.questions if plan.hypothesis.confirmatory(one.name)]


def _words(key: str, value: Any, plan: Plan) -> str:
    if key != "layers":
        return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return "all" if value == plan.profile.layers else ", ".join(value)
