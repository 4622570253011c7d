"""The page about Python, run as a notebook from top to bottom."""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
TINY = {
    "image_size": 16,
    "supersample": 1,
    "n_images": 96,
    "n_val": 32,
    "n_stimuli": 60,
    "backbone": "tiny_backbone:make",
    "precision": "fp32",
    "n_batches": 8,
    "batch_size": 16,
    "n_folds": 2,
    "layers": ["relu"],
}


def test_the_page_about_python_runs_as_a_notebook(tmp_path, monkeypatch):
    (file,) = (text for kind, text in BLOCKS if kind == "toml")
    assert len(file.splitlines()) < 40
    (tmp_path / "light.toml").write_text(file)
    notebook = nbformat.v4.new_notebook()
    path = [str(TESTS / "hypotheses"), *filter(None, sys.path)]
    setup = f"import sys; sys.path[:0] = {path!r}\n%matplotlib inline\nTINY = {TINY!r}"
    cells = [text for kind, text in BLOCKS if kind == "python"]
    small = [cell.replace("n_seeds=5", "n_seeds=5, **TINY") for cell in cells]
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in (setup, *small)]
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    shown = [
        "".join(str(output.get("data", {})) for output in cell.outputs) for cell in notebook.cells
    ]
    assert "attainable p" in shown[1]
    assert "<verdict overall, " in shown[2]
    assert "significant" in shown[3]
    assert "image/png" in shown[4]
    assert (tmp_path / "out" / "index.html").exists()
    assert "a > b" in shown[-1]
