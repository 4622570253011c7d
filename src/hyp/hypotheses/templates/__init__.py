"""The file that ``hyp new`` writes: a hypothesis to start from."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from hyp.datasets.designs import Design
from hyp.datasets.latents import Latent, expand_latent, find_latent
from hyp.datasets.sources import ENGINE, Source, open_source
from hyp.errors import HypError
from hyp.hypotheses.registry import hypothesis_names
from hyp.hypotheses.toml import SUFFIX
from hyp.models.specs import objective_tasks
from hyp.store.artifacts import readable_disk_errors, write_atomically

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 60
_ENOUGH = 64
_WORLD = {
    "category": "category=airplane|bottle|car|chair|guitar|lamp|table|teapot",
    "identity": "identities=1",
    "scene": "scene=gallery|kitchen|loft",
    "sky": "sky=clear",
}
"""The part of the world that narrow networks learn in, by the latent that it narrows."""


def write_start(name: str, about: str, target: str, folder: Path) -> Path:
    """Write a hypothesis to start from into ``folder/NAME.toml``; it runs as it is.

    Parameters
    ----------
    name : str
        Small letters, digits and single hyphens.
    about : str
        A latent of the embedded engine, or a group of the paper such as ``rotation``: its
        variability is taken away, and it is decoded.
    target : str
        What the networks are trained for, such as ``distance`` or ``distance+rotation``.
    folder : Path
        Where to write.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    HypError
        If the name is bad or taken, the file exists or cannot be written, a latent is
        unknown, or the target does not vary without `about`.
    """
    _check_name(name)
    path = folder / f"{name}{SUFFIX}"
    text = start_text(name, about, target)
    if path.exists() or path.is_symlink():
        raise HypError(f"{path} exists already; choose another name or move it away.")
    if not folder.is_dir():
        raise HypError(f"{path} cannot be written: there is no folder {folder}.")
    with readable_disk_errors(path):
        write_atomically(path, text.encode())
    return path


def start_text(name: str, about: str, target: str) -> str:
    """Return the text of `write_start`."""
    source = open_source(ENGINE)
    columns = expand_latent(about)
    design = Design.parse("+".join(_still(find_latent(source.latents, name)) for name in columns))
    objective = "+".join(objective_tasks(target))
    narrowed = (
        part for latent, part in _WORLD.items() if latent == "category" or latent not in columns
    )
    world = "+".join(narrowed)
    _check_target(source, objective, design.within(Design.parse(world)), about)
    template = files(__name__).joinpath("hypothesis.toml").read_text(encoding="utf-8")
    return Template(template).substitute(
        name=name,
        about=about,
        target=objective.replace("+", " and "),
        objective=objective,
        design=design,
        latents=", ".join(f'"{column}"' for column in columns),
        world=world,
    )


def _still(latent: Latent) -> str:
    """Return the design that holds a latent at its first or middle value."""
    if latent.kind == "categorical":
        return f"{latent.name}={latent.values[0]}"
    middle = 180.0 if latent.kind == "angle" else (latent.low + latent.high) / 2
    return f"{latent.name}={middle:g}"


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        hint = f"; leave out {SUFFIX}, which is added" if name.endswith(SUFFIX) else ""
        raise HypError(
            f"{name!r} is no name for a hypothesis; take small letters, digits and single "
            f"hyphens, a letter first, at most {_LONGEST} in all{hint}."
        )
    if name in hypothesis_names():
        raise HypError(f"there is a hypothesis {name!r} already; choose another name.")


def _check_target(source: Source, objective: str, reduced: Design, about: str) -> None:
    """Check that what networks are trained for varies in the reduced images."""
    table = source.sample(reduced, 0, np.arange(_ENOUGH))
    for task in objective_tasks(objective):
        for column in expand_latent(task):
            find_latent(source.latents, column)
            if len(np.unique(table[column])) == 1:
                raise HypError(
                    f"{task} does not vary where {about} is held still, so no network can be "
                    "trained for it; choose another --target or --about."
                )
