"""The package index knows this project as ``hyp-vision``; ``hyp`` there is somebody else's."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import hyp
from hyp.store.environment import installed_versions

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_distribution_has_its_own_name_and_the_command_stays():
    assert PROJECT["project"]["name"] == "hyp-vision"
    assert PROJECT["project"]["scripts"] == {"hyp": "hyp.cli:main"}
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "src/hyp/__init__.py"


@pytest.mark.parametrize("place", ["README.md", "CONTRIBUTING.md", "docs", "src", "examples"])
def test_nothing_tells_anyone_to_install_the_other_project(place):
    files = [ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*")
    for path in files:
        if path.suffix in {".md", ".py", ".toml", ".j2", ".txt"}:
            assert not re.search(r"hyp\[\w|install hyp\b(?!-vision)(?! and)", path.read_text()), (
                path
            )


def test_version_is_that_of_the_code_which_runs():
    assert installed_versions(["hyp"]) == {"hyp": hyp.__version__}


def test_version_and_citation_and_changelog_say_the_same():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == hyp.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert f"{hyp.__version__} ({citation['date-released']})" in headings


def test_ci_runs_the_versions_that_are_declared():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    declared = re.findall(r"Python :: (3\.\d+)", str(PROJECT["project"]["classifiers"]))
    assert job["strategy"]["matrix"]["python"] == declared
    assert job["steps"][-1]["run"] == ".ci/run"
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks)
    assert (ROOT / "src" / "hyp" / "py.typed").exists()
