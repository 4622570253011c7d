import copy
import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest

from hyp.errors import HypError
from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.declaration_hash import Declaration, declaration_of, differences
from hyp.hypotheses.frozen_comparison import hold_against, not_frozen
from hyp.hypotheses.frozen_file import default_file, freeze, read_frozen, write_frozen
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.registry import find_hypothesis
from hyp.hypotheses.run_record import record_of
from hyp.hypotheses.steps import STAGES, VERSIONS
from hyp.hypotheses.testability import family_sizes, planned_questions
from hyp.hypotheses.toml import read_hypothesis
from hyp.stats.rules import Part
from hyp.store import Record

NAME = "nontarget-variability"
STUDY = "convergence"
HYPOTHESIS = find_hypothesis(NAME)
EXAMPLE = Path(__file__).parents[2] / "examples" / "identity_alignment.toml"
DATE = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def plan(profile="laptop", *, of=NAME, **settings):
    hypothesis = find_hypothesis(str(of)) if isinstance(of, str | Path) else of
    if profile == "laptop" and "short" in hypothesis.profiles:
        profile = "short"
    return make_plan(hypothesis, profile, {k: str(value) for k, value in settings.items()})


def declared(profile="laptop", **settings):
    made = plan(profile, **settings)
    return declaration_of(made.hypothesis, made.profile)


either = pytest.mark.parametrize("name", [NAME, STUDY])


def change(declaration, path, value):
    """Return a declaration with one value replaced; a path of names and places."""
    fields = copy.deepcopy(declaration.model_dump())
    inner = fields
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return Declaration(**fields)


def leaves(value, path=()):
    """Every path to a value that holds no other."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def seconds(n):
    return DATE + timedelta(seconds=n)


def finished(made, *, started=1, created=None, took=1.0, hyp="0.1.0", versions=None):
    """A run and its records, in seconds from `DATE`; `created` may name kinds."""
    at = dict.fromkeys(STAGES, 50) | {"results": 100} | (created or {})
    records = [
        Record(
            kind=step.kind,
            key=step.key,
            version=(versions or {}).get(step.kind, step.version),
            spec=json.loads(json.dumps(step.spec)),
            inputs={},
            label=step.label,
            created=seconds(at[step.kind]).isoformat(timespec="seconds"),
            seconds=took,
            libraries={"hyp": hyp},
            machine={},
            files={},
        )
        for step in made.steps
    ]
    run = record_of(
        made,
        command="hyp run",
        state="finished",
        started=seconds(started).isoformat(timespec="seconds"),
        updated=seconds(101).isoformat(timespec="seconds"),
    )
    return run, records


def held(frozen_plan, ran_plan, **times):
    """What is said of a run of one plan and the frozen declaration of another."""
    frozen = freeze(frozen_plan, DATE).model_copy(update={"hyp": "0.1.0"})
    return hold_against(frozen, "a.frozen.json", *finished(ran_plan, **times))


@pytest.fixture(scope="module")
def frozen_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("frozen") / default_file(NAME, "short")
    write_frozen(freeze(plan(), DATE), path)
    return path


@pytest.fixture
def copied(frozen_file, tmp_path):
    path = tmp_path / frozen_file.name
    path.write_bytes(frozen_file.read_bytes())
    return path


@either
def test_what_is_written_is_what_is_read(tmp_path, name):
    local = datetime(2026, 3, 1, 14, 0, 0, 987_654, tzinfo=timezone(timedelta(hours=2)))
    frozen = freeze(plan(of=name, n_seeds=7), local)
    assert write_frozen(frozen, tmp_path / "f.json") is frozen
    assert read_frozen(tmp_path / "f.json", name) == frozen
    assert json.loads((tmp_path / "f.json").read_text())["frozen"] == "2026-03-01T12:00:00+00:00"
    assert frozen.settings == {"n_seeds": "7"}
    assert frozen.declaration == declared(of=name, n_seeds=7)


def test_hash_needs_nothing_of_hyp_to_check(frozen_file):
    document = json.loads(frozen_file.read_text())
    text = json.dumps(document["declaration"], sort_keys=True, separators=(",", ":"))
    assert document["declaration_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    del document["file_sha256"]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert read_frozen(frozen_file, NAME).file_sha256 == hashlib.sha256(text.encode()).hexdigest()


@either
def test_hash_is_the_same_in_every_process(name):
    code = (
        "from hyp.hypotheses.declaration_hash import declaration_of; "
        "from hyp.hypotheses.registry import find_hypothesis as find; "
        f"h = find('{name}'); size = 'short' if 'short' in h.profiles else 'laptop'; "
        "print(declaration_of(h, h.profile(size)).sha256)"
    )
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == declared(of=name).sha256


def test_order_of_fields_and_layout_of_the_file_do_not_matter(copied):
    def backwards(value):
        if isinstance(value, dict):
            return {key: backwards(inner) for key, inner in reversed(value.items())}
        return [backwards(inner) for inner in value] if isinstance(value, list) else value

    before = read_frozen(copied, NAME)
    copied.write_text(json.dumps(backwards(json.loads(copied.read_text())), indent=4))
    assert read_frozen(copied, NAME) == before
    assert Declaration(**backwards(declared().model_dump())).sha256 == declared().sha256


def test_hash_is_that_of_the_values_however_they_were_set():
    assert declared(learning_rate="1e-3", n_seeds="6").sha256 == declared().sha256
    assert declared(learning_rate="1e-4").sha256 != declared().sha256
    shown = HYPOTHESIS.profiles["short"].model_copy(update={"summary": "other words"})
    assert declaration_of(HYPOTHESIS, shown) == declared()


def test_everything_declared_is_frozen_but_what_is_said_to_be_left_out():
    frozen = freeze(plan(), DATE)
    hypothesis, profile = frozen.declaration.hypothesis, frozen.declaration.profile
    fields = type(HYPOTHESIS.profiles["short"]).model_fields
    named_if_changed = {name for name, field in fields.items() if field.exclude_if}
    left_out = {"source", "online", "schedule", "scored_snapshots", "looks", "spending"}
    left_out |= {"scored_by", "behaviour", "readout"}
    assert named_if_changed == left_out | {"snapshots"}
    assert set(profile) == set(fields) - {"summary"} - left_out
    changes = {"source": "tdw", "online": "true", "snapshots": "10", "schedule": "cosine"}
    changes |= {"n_seeds": "6", "looks": "6,9", "spending": "pocock", "scored_snapshots": "0"}
    changes |= {"scored_by": "official", "recording": "one", "behaviour": "two", "readout": "fc"}
    changed = HYPOTHESIS.profile("short", changes)
    assert named_if_changed <= set(declaration_of(HYPOTHESIS, changed).profile)
    others = {"profiles", "published", "agrees"}
    assert set(hypothesis) == set(type(HYPOTHESIS).model_fields) - others
    rule = type(HYPOTHESIS.rule).model_fields
    assert set(hypothesis["rule"]) == {k for k, f in rule.items() if not f.exclude_if} - {"alpha"}
    assert {"the profile's name and summary", "rule.alpha"} < set(frozen.left_out)


def test_parts_that_are_declared_are_frozen():
    made = plan(of=STUDY)
    part = Part(name="early", where={"layer": ("layer1.0.relu",)})
    rule = made.hypothesis.rule.model_copy(update={"parts": (part,)})
    other = made.hypothesis.model_copy(update={"rule": rule})
    assert [d.field for d in held(made, plan(of=other)).differences] == [
        "rule.parts",
        "rule.parts.early.where.layer",
    ]


_LEAVES = [
    (name, path) for name in (NAME, STUDY) for path, _ in leaves(declared(of=name).model_dump())
]


@pytest.mark.parametrize(("name", "path"), _LEAVES, ids=lambda one: ".".join(map(str, one)))
def test_no_field_changes_unseen(name, path):
    """Whatever value is put in any place: the hash moves, and a difference names the field."""
    before = declared(of=name)
    changed = change(before, path, "something else")
    assert changed.sha256 != before.sha256
    found = differences(before, changed)
    assert found
    name = path[1] if path[0] == "hypothesis" else f"profile.{path[1]}"
    assert {d.field.removeprefix(name)[:1] for d in found} <= {"", "."}
    assert all(d.frozen != d.ran for d in found)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"n_seeds": 8}, ("profile.n_seeds", "6", "8")),
        ({"layers": "fc,avgpool"}, ("profile.layers", None, "fc, avgpool")),
        ({"layers": "fc"}, ("profile.layers", None, "fc")),
        ({"input_size": 32}, ("profile.input_size", "none", "32")),
        ({"references": ""}, ("profile.references", "untrained, pixels", "none")),
        ({"svm_c": "0.0050000001"}, ("profile.svm_c", "0.005", "0.0050000001")),
        ({"world": "full"}, ("profile.world", "identities=1", "full")),
    ],
)
def test_difference_of_a_setting_in_words(settings, expected):
    (found,) = differences(declared(), declared(**settings))
    field, frozen, ran = expected
    assert (found.field, found.ran) == (field, ran)
    assert found.frozen == (frozen or ", ".join(HYPOTHESIS.profiles["short"].layers))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("cohorts", 1, "design"), "category=dog", ["cohorts.one-category.design"]),
        (("predictions", "H1"), "it helps a lot", ["predictions.H1"]),
        (("predictions", "H3"), "neither", ["predictions.H3"]),
        (("rule", "margin"), 0.02, ["rule.margin"]),
        (("rule", "predictions", 1, "claim"), "x", ["rule.predictions.H2.claim"]),
        (
            ("questions", 0, "score", "latents"),
            ["category", "rel_pos_x"],
            ["questions.category.score.latents"],
        ),
    ],
)
def test_difference_in_the_hypothesis_names_its_field(path, value, expected):
    found = differences(declared(), change(declared(), ("hypothesis", *path), value))
    assert [d.field for d in found] == expected


def test_a_cohort_more_and_another_order_are_told():
    cohorts = declared().hypothesis["cohorts"]
    more = [*cohorts, {"name": "dogs", "objective": "distance", "design": "category=dog"}]
    found = differences(declared(), change(declared(), ("hypothesis", "cohorts"), more))
    told = {d.field: (d.frozen, d.ran) for d in found}
    assert told["cohorts"] == (
        "full, one-category, centered",
        "full, one-category, centered, dogs",
    )
    assert told["cohorts.dogs.design"] == ("not declared", "category=dog")
    swapped = [cohorts[0], cohorts[2], cohorts[1]]
    (found,) = differences(declared(), change(declared(), ("hypothesis", "cohorts"), swapped))
    assert found.ran == "full, centered, one-category"


def test_another_rule_is_also_said_in_words():
    needs = [{"kind": "somewhere", "direction": "better", "where": {"layer": ["fc"]}}]
    rule = HYPOTHESIS.rule.model_dump()
    rule["predictions"][0]["needs"] = needs
    other = type(HYPOTHESIS).model_validate({**HYPOTHESIS.model_dump(), "rule": rule})
    said = held(plan(), plan(of=other))
    assert said.sentence == (
        "What ran is not what was frozen: 1 field differs (rule.predictions.H1.needs)."
    )
    words, needs = said.differences
    assert words.field == "rule, in words"
    assert words.frozen.startswith("H1 if better in at least one comparison and worse in none;")
    assert words.ran.startswith("H1 if better in at least one comparison of fc;")
    assert needs.ran == "(direction: better, where: (layer: fc), kind: somewhere)"
    assert [d.field for d in held(plan(), plan(alpha=0.1)).differences] == ["profile.alpha"]


def test_a_field_of_another_version_counts_with_its_default():
    older = declared().model_dump()
    del older["hypothesis"]["rule"]["margin"]
    del older["profile"]["published_features"]
    older = Declaration(**older)
    assert differences(older, declared()) == ()
    assert differences(declared(), older) == ()
    (found,) = differences(older, declared(published_features="projected"))
    assert (found.frozen, found.ran) == ("exact", "projected")
    newer = change(declared(), ("profile", "colour"), "grey")
    (found,) = differences(newer, declared())
    assert (found.field, found.frozen, found.ran) == ("profile.colour", "grey", "not declared")


def test_differences_in_a_study_name_the_question_and_the_cohort():
    study = find_hypothesis(STUDY)
    first, *rest = study.questions
    changed = first.model_copy(update={"c": "category", "layers": ("fc",)})
    said = held(plan(of=study), plan(of=study.model_copy(update={"questions": (changed, *rest)})))
    assert [(d.field, d.frozen, d.ran) for d in said.differences] == [
        (
            "questions.distance beyond the input.layers",
            "layer1.0.relu, layer2.0.relu, layer3.0.relu",
            "fc",
        ),
        ("questions.distance beyond the input.c", "untrained", "category"),
    ]
    fewer = study.cohorts[0].model_copy(update={"share": 0.5})
    other = study.model_copy(update={"cohorts": (fewer, *study.cohorts[1:])})
    said = held(plan(of=study), plan(of=other))
    assert (
        said.sentence
        == "What ran is not what was frozen: 1 field differs (cohorts.distance.share)."
    )


def test_names_that_join_to_one_field_are_kept_apart():
    """The cohort 'a.share' and the share of the cohort 'a' are two fields."""
    study = find_hypothesis(STUDY)
    named = (
        Cohort(name="a", title="", objective="distance"),
        Cohort(name="a.share", title="", objective="distance"),
    )
    fields = {**study.model_dump(), "profiles": {}}
    one = type(study)(**{**fields, "cohorts": (*study.cohorts, *named)})
    two = one.model_copy(
        update={
            "cohorts": (*one.cohorts[:-2], named[0].model_copy(update={"share": 0.5}), named[1])
        }
    )
    profile = study.profile("laptop")
    (found,) = differences(declaration_of(one, profile), declaration_of(two, profile))
    assert (found.frozen, found.ran) == ("1.0", "0.5")


def test_a_study_in_a_file_is_frozen_too(tmp_path):
    made = plan(of=EXAMPLE)
    frozen = freeze(made, DATE)
    path = tmp_path / default_file(frozen.hypothesis, "laptop")
    assert path.name == "identity-alignment-laptop.frozen.json"
    write_frozen(frozen, path)
    assert held(made, made).same is True
    file = tmp_path / "mine.toml"
    file.write_text(EXAMPLE.read_text().replace("first_seed = 400", "first_seed = 500"))
    with pytest.raises(HypError, match=r"\(cohorts.identity.first_seed was 400, now 500\)"):
        write_frozen(freeze(plan(of=read_hypothesis(file)), DATE), path)


def test_freezing_again_changes_nothing(copied):
    before = copied.read_bytes()
    kept = write_frozen(freeze(plan(), seconds(9)), copied)
    assert kept.frozen == DATE
    assert copied.read_bytes() == before


def test_a_frozen_file_is_never_overwritten(copied):
    before = copied.read_bytes()
    other = freeze(plan(n_seeds=7, alpha=0.01, n_folds=4, svm_c=1), seconds(9))
    with pytest.raises(HypError) as refused:
        write_frozen(other, copied)
    assert str(refused.value) == (
        f"{copied} was frozen on 2026-03-01T12:00:00+00:00 as another declaration "
        "(profile.n_seeds was 6, now 7; profile.n_folds was 5, now 4; profile.svm_c was 0.005, "
        "now 1.0; 1 more); a frozen file is never overwritten: keep it and choose another with "
        "--out FILE."
    )
    assert copied.read_bytes() == before
    copied.write_text("notes of my own")
    with pytest.raises(HypError, match="damaged"):
        write_frozen(other, copied)
    assert copied.read_text() == "notes of my own"


def test_nowhere_to_write_is_one_sentence(tmp_path):
    with pytest.raises(HypError, match="there is no folder"):
        write_frozen(freeze(plan(), DATE), tmp_path / "nowhere" / "f.json")
    with pytest.raises(HypError, match="Is a directory"):
        write_frozen(freeze(plan(), DATE), tmp_path)


def test_every_shorter_file_is_refused(frozen_file, tmp_path):
    data = frozen_file.read_bytes()
    path = tmp_path / "short.json"
    for length in [*range(0, len(data) - 2, 97), len(data) - 2]:
        path.write_bytes(data[:length])
        with pytest.raises(HypError, match="cut short or damaged; restore it"):
            read_frozen(path, NAME)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("declaration", "profile", "n_seeds"), 7),
        (("declaration", "hypothesis", "predictions", "H1"), "anything"),
        (("declaration_sha256",), "0" * 64),
        (("frozen",), "2020-01-01T00:00:00+00:00"),
        (("summary", "rule"), "H1 if it looks good"),
        (("hyp",), "0.0.1"),
        (("file_sha256",), "0" * 64),
    ],
)
def test_whatever_is_changed_afterwards_shows(copied, path, value):
    document = json.loads(copied.read_text())
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    copied.write_text(json.dumps(document))
    with pytest.raises(HypError, match="was changed after it was frozen"):
        read_frozen(copied, NAME)


def test_a_declaration_that_was_sealed_again_still_has_its_own_hash(copied):
    document = json.loads(copied.read_text())
    document["declaration"]["profile"]["n_seeds"] = 7
    rest = {key: value for key, value in document.items() if key != "file_sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    document["file_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    copied.write_text(json.dumps(document))
    with pytest.raises(HypError, match="was changed after it was frozen"):
        read_frozen(copied, NAME)


@pytest.mark.parametrize(
    ("change_text", "words"),
    [
        (lambda text: text.replace('"format": 3', '"format": 4', 1), "format 4, newer than"),
        (lambda text: text.replace('"format": 3', '"format": "2"', 1), "no frozen declaration"),
        (lambda text: text.replace('"format": 3', '"format": 0', 1), "no frozen declaration"),
        (lambda text: text.replace("0.005", "NaN"), "cut short or damaged"),
        (lambda text: text.replace('"hyp":', '"hype":'), "damaged at hyp"),
        (lambda text: text.replace("+00:00", ""), "damaged at frozen"),
        (lambda text: "[" * 100_000, "cut short or damaged"),
        (lambda text: "[]", "no frozen declaration"),
        (lambda text: "{}", "no frozen declaration"),
        (lambda text: "\x00\x01", "cut short or damaged"),
    ],
)
def test_what_is_no_frozen_declaration_is_one_sentence(copied, change_text, words):
    copied.write_text(change_text(copied.read_text()))
    with pytest.raises(HypError, match=words) as refused:
        read_frozen(copied, NAME)
    assert "\n" not in str(refused.value)


def test_another_hypothesis_and_a_missing_file_are_named(copied, tmp_path):
    with pytest.raises(HypError, match=f"declaration of {NAME}, not of scaling"):
        read_frozen(copied, "scaling")
    with pytest.raises(HypError, match=f"write one with 'hyp freeze {NAME}'"):
        read_frozen(tmp_path / "none.json", NAME)
    copied.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(HypError, match="damaged"):
        read_frozen(copied, NAME)


@pytest.mark.parametrize("profile", ["laptop", "published"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (NAME, {}),
        (NAME, {"n_seeds": 8, "alpha": 0.01, "family": "question"}),
        (STUDY, {}),
        (STUDY, {"n_seeds": 8, "alpha": 0.01, "neural_metric": "cka", "cohorts": ""}),
    ],
)
def test_a_run_of_what_was_frozen_is_the_same(profile, name, settings):
    made = plan(profile, of=name, **settings)
    said = held(made, made)
    assert said.same is True
    assert said.differences == ()
    assert said.sentence == "What ran is what was frozen: every declared field is the same."
    assert said.declaration_sha256 == declared(profile, of=name, **settings).sha256


@either
def test_a_run_of_something_else_is_not(name):
    said = held(plan(of=name), plan(of=name, n_seeds=8, n_folds=4, svm_c=1, alpha=0.01))
    assert said.same is False
    assert said.sentence == (
        "What ran is not what was frozen: 4 fields differ "
        "(profile.n_seeds, profile.n_folds, profile.svm_c and 1 more)."
    )
    assert next((d.frozen, d.ran) for d in said.differences) == ("6", "8")


@pytest.mark.parametrize(
    ("times", "order", "words"),
    [
        ({}, "before", "before any of the run's data were computed (2026-03-01T12:00:01+00:00)"),
        ({"started": 0}, "before", "before any of the run's data"),
        (
            {"started": -9},
            "meanwhile",
            "when computing had begun (2026-03-01T11:59:51+00:00): of 103 artifacts that the "
            "result rests on, none were there already.",
        ),
        (
            {"created": {"datasets": -99, "models": -9}},
            "meanwhile",
            "(2026-03-01T11:58:21+00:00): of 103 artifacts that the result rests on, "
            "28 (datasets 4, models 24) were there already.",
        ),
        ({"took": 60.0}, "meanwhile", "none were there already."),
        (
            {"created": dict.fromkeys(VERSIONS, -5) | {"results": -3}},
            "after",
            "when the run's data had been computed (by 2026-03-01T11:59:55+00:00): the file "
            "records the declaration, but does not preregister it.",
        ),
        ({"created": dict.fromkeys(set(VERSIONS) - {"results"}, -5)}, "after", "(by 2026-03-01"),
        ({"created": {"results": -3}}, "after", "(by 2026-03-01T11:59:57+00:00)"),
    ],
    ids=[
        "before",
        "same second",
        "begun, nothing finished",
        "networks trained before",
        "in the making",
        "after",
        "result deleted and made again",
        "data deleted and made again",
    ],
)
def test_when_it_was_frozen_against_when_the_data_were_computed(times, order, words):
    said = held(plan(), plan(), **times)
    assert said.order == order
    assert said.timing.startswith("It was frozen on 2026-03-01T12:00:00+00:00, ")
    assert words in said.timing
    assert "committed or registered elsewhere" in said.notes[0]


@either
def test_an_untestable_run_had_no_data_to_look_at(name):
    made = plan(of=name, n_seeds=3)
    said = held(made, made, started=-9, created={"results": -8})
    assert (said.same, said.order) == (True, "no data")
    assert "Nothing was computed" in said.timing


def test_other_software_and_missing_artifacts_are_noted():
    assert len(held(plan(), plan()).notes) == 1
    said = held(plan(), plan(), hyp="0.2.0", versions={"scores": 2})
    assert said.same is True
    assert said.notes[1:] == (
        "It was frozen with hyp 0.1.0 and run with hyp 0.2.0.",
        "The code of scores gives other results since: it was number 1 when this was frozen "
        "and 2 when it ran.",
    )
    said = held(plan(of=STUDY), plan(of=STUDY), versions={"similarities": 2})
    assert "code of similarities gives other results since" in said.notes[1]
    assert len(held(plan(of=STUDY), plan(of=STUDY)).notes) == 1
    run, records = finished(plan())
    hold = partial(hold_against, freeze(plan(), DATE), "f", run)
    assert "2 of the run's 104 artifacts are no longer stored" in hold(records[2:]).notes[-1]
    assert "1 of the run's 104 artifacts is no longer stored" in hold(records[1:]).notes[-1]


def test_not_frozen_says_how_to():
    run, _ = finished(plan(n_seeds=8))
    said = not_frozen(run)
    assert said.file is said.same is said.order is None
    assert said.sentence.startswith(f"Not frozen: there is no {NAME}-short.frozen.json")
    assert f"'hyp freeze {NAME} --profile short --set n_seeds=8'" in said.sentence


def test_summary_agrees_with_the_plan():
    made = plan(alpha=0.01, n_seeds=8)
    summary = freeze(made, DATE).summary
    assert summary.predictions == HYPOTHESIS.predictions
    assert summary.rule.endswith("is at most 0.01.")
    assert {name: f.comparisons for name, f in summary.families.items()} == family_sizes(
        HYPOTHESIS, made.profile
    )
    assert summary.attainable_p == pytest.approx(2 / 12_870, rel=1e-3)
    assert summary.families["confirmatory"].smallest_corrected_p == pytest.approx(
        36 / 12_870, rel=1e-3
    )
    assert summary.testable == "yes"
    trained = [s for s in made.steps if s.kind == "models" and s.spec["n_batches"]]
    for condition, seeds in summary.seeds.items():
        own = {s.spec["seed"] for s in trained if s.inputs["dataset"].label == condition}
        assert own == set(map(int, seeds.split(", ")))
    assert list(summary.seeds) == ["full", "one-category", "centered"]
    assert list(summary.comparisons) == [
        "category, target distance",
        "translation, target distance",
    ]


def test_summary_of_an_untestable_design_says_so():
    summary = freeze(plan(n_seeds=3), DATE).summary
    assert "6 seeds in each group would do" in summary.testable
    assert summary.seeds == {}
    assert summary.families["confirmatory"].smallest_corrected_p == 1.0


def test_summary_of_a_study_agrees_with_the_plan():
    made = plan(of=STUDY, alpha=0.01, n_seeds=8)
    summary = freeze(made, DATE).summary
    assert summary.predictions == made.hypothesis.predictions
    assert summary.rule.endswith("is at most 0.01.")
    sizes = {name: f.comparisons for name, f in summary.families.items()}
    assert (
        sizes == family_sizes(made.hypothesis, made.profile) == {"confirmatory": 6, "secondary": 59}
    )
    assert summary.attainable_p == pytest.approx(2 / 12_870, rel=1e-3)
    assert summary.families["confirmatory"].smallest_corrected_p == pytest.approx(
        12 / 12_870, rel=1e-3
    )
    assert summary.families["secondary"].smallest_corrected_p == pytest.approx(59 * 2 / 20_000)
    assert list(summary.comparisons) == [
        question.name for question in planned_questions(made.hypothesis, made.profile)
    ]
    assert summary.comparisons["distance beyond the input"] == (
        "closer, similarity of category to distance against that to untrained; cka at "
        "layer1.0.relu, layer2.0.relu, layer3.0.relu"
    )
    assert list(summary.seeds) == ["distance", "translation", "category", "untrained"]
    assert summary.seeds["category"] == "350, 351, 352, 353, 354, 355, 356, 357"
    assert summary.testable == "yes"
    summary = freeze(plan(of=STUDY, n_seeds=2), DATE).summary
    assert "2 v 2 seeds cannot test 6 comparisons" in summary.testable
    assert summary.seeds == {}


def test_every_study_is_frozen_as_it_would_run():
    for name in ("few-latents", "scaling", "performance-alignment", "layer-assignment"):
        made = plan(of=name)
        said = held(made, made)
        assert (said.same, said.order) == (True, "before")
        frozen = freeze(made, DATE)
        assert frozen.step_versions == {step.kind: step.version for step in made.steps}


OLDER = Path(__file__).parent / "frozen_by_version_0_1"


@pytest.mark.parametrize("path", sorted(OLDER.glob("*.json")), ids=lambda path: path.stem)
def test_what_version_0_1_froze_is_read_and_still_runs_with_what_came_later(path):
    name = json.loads(path.read_text())["hypothesis"]
    frozen = read_frozen(path, name)
    assert frozen.format == 1
    made = plan(frozen.profile, of=name, **{_now(k): v for k, v in frozen.settings.items()})
    said = hold_against(frozen, path.name, *finished(made))
    for difference in said.differences:  # questions, cohorts and curves came, and nothing went
        frozen_words, ran = (set(one.split(", ")) for one in (difference.frozen, difference.ran))
        assert difference.frozen == "not declared" or frozen_words < ran, difference
    assert said.same is (path.stem == "nontarget-variability")
    other = hold_against(frozen, path.name, *finished(plan(frozen.profile, of=name, n_seeds=9)))
    assert "profile.n_seeds" in {difference.field for difference in other.differences}


def _now(setting):
    return {"parts": "questions"}.get(setting, setting)
