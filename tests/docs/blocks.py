"""The blocks of a page of documentation, and how tests run them, small."""

import contextlib
import re
import runpy
import shlex
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from typer.main import get_command

from command_line import hyp
from hyp.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
RUN = ("console", "python", "code-cell", "toml")
MADE = (
    "include",
    "figure",
    "toctree",
    "eval-rst",
    "model-table",
    "command-help",
    "glossary",
    "only",
)
"""What Sphinx makes of a block."""

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?"
    r"^```\{?(?P<kind>[\w-]*)\}?[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_CALL = re.compile(r"(hyp\.(?:run|plan)\([^()]*)\)")
TINY = {
    "image_size": "16",
    "precision": "fp32",
    "supersample": "1",
    "n_images": "96",
    "n_val": "32",
    "n_stimuli": "60",
    "n_seeds": "5",
    "backbone": "tiny_backbone:make",
    "n_batches": "8",
    "batch_size": "16",
    "evaluate_every": "4",
    "snapshots": "4",
    "scored_snapshots": "",
    "n_folds": "2",
    "layers": "relu",
    "references": "pixels",
}
SMALL = (
    (r", n_(seeds|batches|images)=\d+(?=[,)])", ""),
    (r" --set n_batches=16 --set n_images=1024", ""),
    (r"n_seeds=8\b", "n_seeds=5"),
    (r" --layer avgpool", ""),
    (r"layer3\.0\.relu", "relu"),
    (r"--n 1000\b", "--n 20"),
    (r"--image-size (64|128)\b", "--image-size 16"),
    (r"examples/", f"{ROOT}/examples/"),
)
"""What is made small in commands and Python, beside the sizes of profiles."""
JUDGED = ("run", "test")


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    kind: str
    mark: str
    text: str

    @property
    def left_out(self):
        return self.mark.startswith("not run: ")

    @property
    def commands(self):
        """The command lines of a console, each with what the page shows of its output."""
        if self.kind != "console":
            return []
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        assert not parts[0], f"{self}: starts with output"
        return [(part.split("\n", 1)[0], part.partition("\n")[2]) for part in parts[1:]]

    def __str__(self):
        return f"{self.page}:{self.line}"


def blocks_of(path):
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            path.relative_to(ROOT).as_posix(),
            text.count("\n", 0, found.start()) + 1,
            found["kind"],
            found["mark"] or "",
            found["text"],
        )
        for found in _BLOCK.finditer(text)
    ]


@cache
def _whole_command():
    return get_command(app)


def check_command(words):
    """Refuse a command line of hyp that does not parse; nothing of it is run."""
    command, context = _whole_command(), None
    words = [word for word in words if word not in ("--debug", "--trust")]
    name = "hyp"
    while True:
        context = command.make_context(name, list(words), parent=context, resilient_parsing=True)
        if not hasattr(command, "commands"):
            command.make_parser(context).parse_args(list(words))
            return
        if not words:
            return
        name, words = words[0], words[1:]
        assert name in command.commands, f"there is no command {name}"
        command = command.commands[name]


class Reader:
    """Someone who types a page, block by block, in a folder of their own."""

    def __init__(self, folder, *, small):
        self.folder = folder
        self.small = small
        HistoryManager.enabled = False
        self.shell = InteractiveShell()
        self.shell.user_ns["__name__"] = "__main__"

    def read(self, block):
        if block.kind == "console":
            for command, shown in block.commands:
                self._type(block, command, shown)
        elif block.kind == "toml":
            self._write(block.text)
        else:
            self._execute(block)

    def _type(self, block, command, shown):
        exact = block.mark == "as printed"
        words = shlex.split(self._shrunk(command), comments=True)
        if words[0] == "python":
            runpy.run_path(words[1], run_name="__main__")
            return
        assert words[0] == "hyp", f"{block}: neither hyp nor python: {command}"
        done = hyp(*words[1:], *([] if exact or not self.small else _tiny(words)))
        ends = (0, 3, 4, 5) if words[1] in JUDGED else (0,)
        if not (exact and done.returncode == 3):
            assert done.returncode in ends, f"{block}: {command}\n{done.stdout}{done.stderr}"
        if exact:
            assert _lines(done.stdout) == _lines(shown), f"{block}: {command}\n{done.stdout}"

    def _shrunk(self, text):
        for words, fewer in SMALL if self.small else ():
            text = re.sub(words, fewer, text)
        return text

    def _write(self, text):
        content = tomllib.loads(text)
        first = re.match(r"# (\S+\.toml)\n", text)
        if first or "name" in content:
            name = first[1] if first else f"{content['name']}.toml"
            (self.folder / name).write_text(text, encoding="utf-8")

    def _execute(self, block):
        cell = re.sub(r"\A:tags:[^\n]*\n\n", "", block.text)
        if self.small:
            cell = _CALL.sub(rf"\1, **{TINY!r})", self._shrunk(cell))
        done = self.shell.run_cell(cell)
        assert done.success, f"{block}: {done.error_before_exec or done.error_in_exec!r}"
        self.shown = done.result


def _tiny(words):
    """Settings that make small what a command computes."""
    if words[1:3] == ["neural", "score"]:
        return ["--workers=0"]
    if words[1] not in ("plan", "run", "multiverse") or "--all" in words:
        return []
    given = {word.partition("=")[0] for word in words}
    small = [f"--set={key}={value}" for key, value in TINY.items() if key not in given]
    more = {"run": ["--workers=0"], "multiverse": ["--vary=svm_c=0.05"]}
    return [*small, *more.get(words[1], [])]


def _lines(text):
    return [line.rstrip() for line in text.strip().split("\n")]


@contextlib.contextmanager
def reading(folder, store, *, small=True):
    """A reader in a folder whose ``hyp-store`` is one that pages share."""
    (folder / "hyp-store").symlink_to(store)
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # IPython has its own
        patch.syspath_prepend(ROOT / "tests" / "hypotheses")
        patch.delenv("HYP_STORE", raising=False)
        patch.setenv("HYP_CACHE", str(folder / "cache"))
        patch.setenv("COLUMNS", "80")
        patch.setenv("MPLBACKEND", "agg")
        yield Reader(folder, small=small)
