"""Packages that add hypotheses, sources and measures: real ones, with metadata, on the path."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from command_line import hyp
from hyp.datasets.dataset import Dataset
from hyp.datasets.sources import SOURCES, all_sources, open_source
from hyp.errors import HypError
from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.questions import Alike
from hyp.hypotheses.registry import (
    BUILT_IN,
    all_hypotheses,
    find_hypothesis,
    hypothesis_names,
)
from hyp.hypotheses.scores import Similarity
from hyp.metrics.gram import compute_gram
from hyp.metrics.similarity import similarity_matrix

TESTS = Path(__file__).parent
EXAMPLE = TESTS.parents[0] / "examples" / "category_variability.toml"
HYPOTHESIS = "lab_one.claims:LIGHT"
SOURCE = "lab_one.images:DiscSource"


class Site:
    """A folder of installed packages that this process can import."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, package: str, entries: dict[str, dict[str, str]]) -> None:
        info = self.folder / f"{package.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        sections = (
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
            for group, named in entries.items()
        )
        (info / "entry_points.txt").write_text("\n".join(sections))

    def write(self, module: str, text: str) -> None:
        path = self.folder / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def hyp(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return hyp(*arguments, cwd=self.folder)


@pytest.fixture
def site(tmp_path, monkeypatch):
    before = set(sys.modules)
    site = Site(tmp_path / "site")
    declared = EXAMPLE.read_text().replace("category-variability", "light")
    site.write(
        "lab_one.claims",
        "from pathlib import Path\n"
        "from hyp.hypotheses.toml import read_hypothesis\n"
        "LIGHT = read_hypothesis(Path(__file__).with_name('light.toml'))\n",
    )
    (site.folder / "lab_one" / "light.toml").write_text(declared)
    site.write("lab_one.images", (TESTS / "datasets" / "disc_source.py").read_text())
    monkeypatch.syspath_prepend(site.folder)
    yield site
    for name in set(sys.modules) - before:
        if name.startswith("lab_"):
            del sys.modules[name]


def hypothesis_group(value, name="light"):
    return {"hyp.hypotheses": {name: value}}


def source_group(value, kind="discs"):
    return {"hyp.sources": {kind: value}}


def test_a_package_adds_a_hypothesis_that_is_found_and_planned(site):
    with pytest.raises(HypError, match="no hypothesis 'light'"):
        find_hypothesis("light")
    site.install("lab-one", hypothesis_group(HYPOTHESIS))
    assert hypothesis_names() == [*(hypothesis.name for hypothesis in BUILT_IN), "light"]
    assert "lab_one.claims" not in sys.modules
    hypotheses, problems = all_hypotheses()
    assert hypotheses == (*BUILT_IN, find_hypothesis("light"))
    assert problems == ()
    assert not make_plan(find_hypothesis("light"), "laptop").untestable
    with pytest.raises(HypError, match="did you mean 'light'"):
        find_hypothesis("ligth")


def test_a_package_adds_a_source_whose_datasets_can_be_opened(site):
    site.install("lab-one", source_group(SOURCE))
    classes, problems = all_sources()
    assert [*classes] == [*SOURCES, "discs"]
    assert problems == ()
    assert open_source("discs", image_size=16).image_size == 16
    done = site.hyp("data", "make", "made", "--source", "discs", "--n", 12, "--n-val", 2)
    assert done.returncode == 0, done.stderr
    made = Dataset.open(site.folder / "made")
    assert type(made.spec.source).__module__ == "lab_one.images"
    assert made.table["category"].nunique() > 1
    shown = site.hyp("data", "sources").stdout
    assert "discs " in shown
    assert "left out" not in shown


def test_hyps_own_names_cannot_be_taken(site):
    own = BUILT_IN[0]
    site.install("lab-one", hypothesis_group(HYPOTHESIS, own.name) | source_group(SOURCE, "engine"))
    assert find_hypothesis(own.name) is own
    assert type(open_source("engine")).__name__ == "EngineSource"
    assert all_hypotheses()[0] == BUILT_IN
    for (problem,) in (all_hypotheses()[1], all_sources()[1]):
        assert "package lab-one 1.2" in problem
        assert "one of hyp's own" in problem


def test_a_name_that_two_packages_offer_is_given_to_neither(site):
    site.install("lab-two", source_group("lab_two:Other") | hypothesis_group("lab_two:LIGHT"))
    site.install("lab-one", source_group(SOURCE) | hypothesis_group(HYPOTHESIS))
    with pytest.raises(HypError, match=r"lab-one 1\.2 and lab-two 1\.2 .* more than one package"):
        find_hypothesis("light")
    with pytest.raises(HypError, match=r"lab-one 1\.2 and lab-two 1\.2 .* more than one package"):
        open_source("discs")


BROKEN_HYPOTHESES = {
    "raise RuntimeError('no\\n  luck')": "RuntimeError: no luck",
    "import not_there_at_all": "ModuleNotFoundError: No module named 'not_there_at_all'",
    "raise SystemExit(3)": "SystemExit: 3",
    "LIGHT = = 3": "SyntaxError",
    "DARK = 3": "AttributeError",
    "LIGHT = 'light'": "is a str and no Hypothesis",
    "from hyp.hypotheses.registry import BUILT_IN\nLIGHT = BUILT_IN[0]": "calls itself 'nontarget",
    "from hyp.hypotheses.toml import read_hypothesis as r\nLIGHT = r('gone.toml')": (
        "cannot be loaded (there is no hypothesis file gone.toml; check the path)"
    ),
}


@pytest.mark.parametrize("text", BROKEN_HYPOTHESES)
def test_a_broken_hypothesis_is_one_sentence_that_names_its_package(text, site):
    site.write("lab_bad", text)
    site.install("lab-bad", hypothesis_group("lab_bad:LIGHT"))
    site.install("lab-one", hypothesis_group(HYPOTHESIS, "light-too"))
    with pytest.raises(HypError) as caught:
        find_hypothesis("light")
    sentence = str(caught.value)
    assert sentence.startswith("the package lab-bad 1.2 offers a hypothesis 'light', but ")
    assert BROKEN_HYPOTHESES[text] in sentence
    assert "\n" not in sentence
    _, problems = all_hypotheses()
    assert sentence in problems
    assert find_hypothesis(BUILT_IN[0].name) is BUILT_IN[0]


BROKEN_SOURCES = {
    "DiscSource = 3": "is no pydantic model",
    "class DiscSource: kind = 'discs'": "is no pydantic model",
    "from pydantic import BaseModel\nclass DiscSource(BaseModel): kind: str = 'discs'": (
        "is not frozen"
    ),
    "from lab_one.images import DiscSource as D\n"
    "class DiscSource(D): kind: str = 'disks'": "the field kind of lab_bad:DiscSource is 'disks'",
    "from pydantic import BaseModel\n"
    "class DiscSource(BaseModel, frozen=True):\n"
    "    kind: str = 'discs'\n"
    "    image_size: int = 8\n"
    "    def render(self): ...": "lacks version, encoding, latents, capacity, sample",
    "import not_there_at_all": "No module named 'not_there_at_all'",
}


@pytest.mark.parametrize("text", BROKEN_SOURCES)
def test_a_broken_source_is_one_sentence_that_names_its_package(text, site):
    site.write("lab_bad", text)
    site.install("lab-bad", source_group("lab_bad:DiscSource"))
    with pytest.raises(HypError) as caught:
        open_source("discs")
    sentence = str(caught.value)
    assert sentence.startswith("the package lab-bad 1.2 offers a source 'discs', but ")
    assert BROKEN_SOURCES[text] in sentence
    assert all_sources()[1] == (sentence,)
    assert type(open_source("engine")).__name__ == "EngineSource"


def test_a_broken_package_is_only_felt_where_it_is_needed(site):
    site.write("lab_bad", "print('imported'); raise RuntimeError")
    site.install("lab-bad", hypothesis_group("lab_bad:LIGHT") | source_group("lab_bad:Discs"))
    for arguments in (["--help"], ["plan", BUILT_IN[0].name]):
        done = site.hyp(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert "imported" not in done.stdout
    for arguments in (["list"], ["data", "sources"]):
        done = site.hyp(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        words = " ".join(done.stdout.split())
        assert "left out: the package lab-bad 1.2 offers" in words
        assert words.count("lab_bad") == 1
    done = site.hyp("show", "light")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "lab-bad 1.2" in done.stderr


def measure_group(value, name="overlap"):
    return {"hyp.measures": {name: value}}


def similarities(measure):
    rng = np.random.default_rng(0)
    grams = [compute_gram(rng.normal(size=(6, 4))) for _ in range(3)]
    return grams, similarity_matrix([lambda gram=gram: gram for gram in grams], measure)


def overlap(first, second):
    scale = np.vdot(first.K, first.K) * np.vdot(second.K, second.K)
    return float(np.vdot(first.K, second.K) / np.sqrt(scale))


def test_a_package_adds_a_measure_of_similarity(site):
    with pytest.raises(HypError, match="unknown measure 'overlap'"):
        similarities("overlap")
    site.write("lab_one.measures", "import numpy as np\n\n\n" + inspect.getsource(overlap))
    site.install("lab-one", measure_group("lab_one.measures:overlap"))
    grams, found = similarities("overlap")
    assert found == pytest.approx(np.array([[overlap(a, b) for b in grams] for a in grams]))
    convergence = find_hypothesis("convergence")
    asked = Alike(
        name="asked", cohorts=("distance", "category"), similarity=Similarity(measure="overlap")
    )
    changed = convergence.model_copy(update={"questions": (*convergence.questions, asked)})
    step = make_plan(changed, "laptop").goal.inputs["similarity:overlap"]
    assert step.spec["package"] == "lab-one 1.2"
    with pytest.raises(ValueError, match="did you mean 'overlap'"):
        Similarity(measure="overlop")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("overlap = 3", "is a int and no function"),
        ("def overlap(first, second): return 1 / 0", "it fails (ZeroDivisionError: "),
        ("def overlap(first, second): return float('nan')", "it returns nan"),
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
    ],
)
def test_a_broken_measure_is_one_sentence_that_names_its_package(text, reason, site):
    site.write("lab_bad", text)
    site.install("lab-bad", measure_group("lab_bad:overlap"))
    with pytest.raises(HypError) as caught:
        similarities("overlap")
    sentence = str(caught.value)
    assert sentence.startswith("the package lab-bad 1.2 offers a measure 'overlap', but ")
    assert reason in sentence
