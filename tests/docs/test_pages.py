"""Every block of README and of the site, page by page, with small images and networks."""

import re
import shlex
import tomllib
from inspect import isfunction

import pytest
from blocks import MADE, PAGES, ROOT, RUN, blocks_of, check_command, reading

from hyp.hypotheses.plan import make_plan
from hyp.hypotheses.result_files import load_result
from hyp.hypotheses.testability import family_sizes
from hyp.hypotheses.toml import read_hypothesis
from hyp.plugins import HYPOTHESES, MEASURES, SOURCES
from hyp.store import Store

BLOCKS = {path: blocks_of(path) for path in PAGES}
TO_RUN = {
    path: [block for block in blocks if block.kind in RUN and not block.left_out]
    for path, blocks in BLOCKS.items()
}
DOCS = ROOT / "docs"
OWN_CLAIM = DOCS / "tutorials" / "own-claim.md"
NOTEBOOK = DOCS / "tutorials" / "notebook.md"
FIRST = (DOCS / "tutorials" / "first-verdict.md", "hyp run nontarget-variability", 1)


def prepare(folder):
    """What a reader of some pages has already: objects and pictures of their own."""
    from PIL import Image

    objects = folder / "my_objects" / "block"
    objects.mkdir(parents=True)
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
    (objects / "tetrahedron.obj").write_text(corners + "f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    (folder / "pictures").mkdir()
    files = [f"{number}.png" for number in range(25)]
    for number, file in enumerate(files):
        Image.new("RGB", (16, 16), (10 * number, 90, 120)).save(folder / "pictures" / file)
    rows = [f"{file},{number}" for number, file in enumerate(files)]
    (folder / "pictures" / "latents.csv").write_text("\n".join(["file,size", *rows]))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One store for all pages, in which the claim that most of them look at has been run."""
    folder = tmp_path_factory.mktemp("reader")
    store = folder / "store"
    store.mkdir()
    path, command, _ = FIRST
    (block,) = (one for one in TO_RUN[path] if [done for done, _ in one.commands] == [command])
    with reading(folder, store) as reader:
        reader.read(block)
    return store


@pytest.mark.parametrize("path", [path for path, blocks in TO_RUN.items() if blocks], ids=str)
def test_a_page_runs_from_top_to_bottom(path, store, tmp_path):
    prepare(tmp_path)
    notebook = any(block.kind == "code-cell" for block in TO_RUN[path])
    if notebook:  # which has networks of its own, as small as they are
        store = tmp_path / "own-store"
        store.mkdir()
    with reading(tmp_path, store, small=not notebook) as reader:
        for block in TO_RUN[path]:
            reader.read(block)
    if path == OWN_CLAIM:
        check_own_claim(store)
    if path == NOTEBOOK:
        assert "<verdict overall, invalid" in repr(reader.shell.user_ns["run"].verdict)
        assert (tmp_path / "out" / "index.html").exists()


def check_own_claim(store):
    """Look at what the tutorial's run says of its manipulation."""
    results = (path for path in (Store.open(store).root / "results").iterdir() if path.is_dir())
    (result,) = (
        found for found in map(load_result, results) if found.hypothesis == "light-and-rotation"
    )
    checks = {check.name: check for check in result.checks}
    for latent in ("light_azimuth", "light_elevation"):
        assert checks[f"{latent} reduced"].passed
        assert checks[f"{latent} varies in full"].passed
    assert "rel_rot_euler_0 reduced" not in checks
    assert "rel_rot_euler_0 decodable" in checks


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_every_block_is_run_or_says_why_not(path):
    fences = re.findall("^```", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(BLOCKS[path])
    for block in BLOCKS[path]:
        assert block.kind in (*RUN, *MADE, ""), f"{block}: {block.kind}"
        if block.kind in RUN:
            assert block.mark in ("", "as printed") or re.match("not run: .", block.mark), block
        else:
            assert not block.mark, block
        for command, _ in block.commands:
            words = shlex.split(command, comments=True)
            if words[0] == "hyp":
                check_command(words[1:])


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_commands_and_files_that_the_text_names_are_there(path):
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for command in re.findall(r"`(hyp [a-z][^`]*)`", prose):
        words = command.replace("\n", " ").split()[1:]
        if words[0].islower():
            check_command([word for word in words if word != "..."])
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
        assert (path.parent / target).exists() or "changelog" in target, target
    for named in re.findall(r"`((?:benchmarks|docs|examples|src|tests)/[^`\s]*)`", prose):
        assert (ROOT / named).exists() or named in ("docs/_build", "docs/_build/html"), named


def test_the_first_screen_says_what_it_runs():
    first = (ROOT / "README.md").read_text(encoding="utf-8").split("\n")[:40]
    (line,) = (one for one in first if "make demo " in one)
    for words in ("installs into .venv", "hyp run nontarget-variability", "hyp report"):
        assert words in line
    recipe = (ROOT / "Makefile").read_text().split("\ndemo: install\n")[1].split("\n\n")[0]
    assert "hyp run nontarget-variability" in recipe
    assert "hyp report nontarget-variability" in recipe


def test_the_file_of_the_tutorial_is_what_its_text_says(tmp_path):
    text = OWN_CLAIM.read_text(encoding="utf-8")
    file = next(block.text for block in BLOCKS[OWN_CLAIM] if block.kind == "toml")
    (tmp_path / "light.toml").write_text(file)
    hypothesis = read_hypothesis(tmp_path / "light.toml")
    plan = make_plan(hypothesis, "laptop")
    assert not plan.untestable
    assert family_sizes(hypothesis, plan.profile) == {"confirmatory": 6}
    assert sum(step.kind == "models" for step in plan.steps) == 15
    assert f"{len(plan.steps)} steps to compute" in text
    said = re.search(r"line (\d+), profiles.laptop.n_sedes", text)
    assert file.split("\n")[int(said[1]) - 1] == "n_seeds = 5"


def test_the_entry_points_are_in_the_groups_that_hyp_reads():
    files = (b for blocks in BLOCKS.values() for b in blocks if "entry-points" in b.text)
    groups = [tomllib.loads(b.text)["project"]["entry-points"] for b in files if b.kind == "toml"]
    assert sorted(name for group in groups for name in group) == [HYPOTHESES, MEASURES, SOURCES]


def test_every_public_name_has_its_page():
    import hyp
    import hyp.stats

    for module, page in ((hyp, "python"), (hyp.stats, "statistics")):
        listed = re.findall(
            rf"^   (?:{module.__name__}\.)?(\w+)$",
            (DOCS / f"reference/{page}.md").read_text(),
            re.MULTILINE,
        )
        assert sorted(listed) == sorted(set(module.__all__) - {"__version__", "stats"})


SHOWN_ELSEWHERE = {"dataset", "open_store", "run", "torch_dataset"}
"""Functions that need something computed: the notebook shows them."""


def test_every_public_function_has_an_example():
    import hyp
    import hyp.stats

    offered = [getattr(module, name) for module in (hyp, hyp.stats) for name in module.__all__]
    functions = [function for function in offered if isfunction(function)]
    bare = {one.__name__ for one in functions if ">>>" not in (one.__doc__ or "")}
    assert bare == SHOWN_ELSEWHERE
    notebook = NOTEBOOK.read_text(encoding="utf-8")
    assert all(f"hyp.{name}(" in notebook for name in SHOWN_ELSEWHERE)
