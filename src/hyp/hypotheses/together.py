"""Networks that one GPU trains side by side: which they are, and storing each when it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hyp.stopping import Stopped
from hyp.store import Step, Store

MOST_TOGETHER = 16
"""More networks at once than this have not been seen to be faster."""

_ALIKE = ("backbone", "batch_size", "input_size", "precision", "threads")

Folders = Mapping[Step, tuple[Path, Mapping[str, Path]]]
"""Where each artifact is made, and the folders of its inputs."""


def training_groups(steps: Sequence[Step], n_gpus: int) -> list[tuple[Step, ...]]:
    """Return the networks to be trained side by side, as many groups as keep all GPUs busy.

    Networks on a CPU are trained one by one: there a core is a worker.
    """
    alike: dict[tuple[object, ...], list[Step]] = {}
    for step in steps:
        if step.kind == "models" and step.spec.get("device") == "cuda" and "kind" not in step.spec:
            size = step.inputs["dataset"].spec["source"]["image_size"]
            key = (size, *(step.spec.get(name) for name in _ALIKE))
            alike.setdefault(key, []).append(step)
    groups: list[tuple[Step, ...]] = []
    for found in alike.values():
        size = min(MOST_TOGETHER, -(-len(found) // n_gpus))
        groups += [tuple(found[i : i + size]) for i in range(0, len(found), size)]
    return [group for group in groups if len(group) > 1]


def make_all(
    store: Store,
    steps: Sequence[Step],
    build: Callable[[Folders], Mapping[Step, Exception]],
    waiting: Callable[[Step], None],
) -> None:
    """Make several artifacts of a store at once; those that are there already are left out.

    What goes wrong with one does not keep the others from being stored.

    Parameters
    ----------
    store : Store
    steps : sequence of Step
    build : callable
        Fills the folders, and returns what went wrong with which step.
    waiting : callable
        Called with a step that another process is making.

    Raises
    ------
    Exception
        The first thing that went wrong.
    """
    ordered = sorted(steps, key=lambda step: step.key)  # two processes never wait for each other
    folders: dict[Step, tuple[Path, Mapping[str, Path]]] = {}
    failed: dict[Step, Exception] = {}

    def enter(position: int) -> None:
        if position == len(ordered):
            if folders:
                try:
                    failed.update(build(folders))
                except Exception as error:  # then none of them is whole
                    failed.update(dict.fromkeys(folders, error))
            return
        step = ordered[position]

        def make(folder: Path, inputs: Mapping[str, Path]) -> None:
            folders[step] = (folder, inputs)
            enter(position + 1)
            if step in failed:
                raise failed[step]

        try:
            store.make(step, make, waiting=lambda: waiting(step))
        except Stopped:
            raise
        except Exception as error:
            if len(ordered) == 1:
                raise
            failed[step] = error
        if step not in folders:
            enter(position + 1)

    enter(0)
    for error in failed.values():
        raise error
