"""What the workers of a cluster must have in common with each other, the plan and this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from hyp.clusters import GPU, declared_resources, remote_client
from hyp.errors import HypError
from hyp.hypotheses.steps import wanted_numerics
from hyp.models.hardware import Ask, Numerics, Wanted, suits_here
from hyp.store import Step, Store
from hyp.store.environment import installed_versions

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan

_COMPARED = ("hyp", "torch", "torchvision", "numpy", "scipy", "scikit-learn", "warp-lang")
"""Whose versions may change the numbers of a result."""

_ALIKE = "; start workers from the environment that hyp is run from."


def read_workers(text: str | None) -> int | Literal["gpu"] | None:
    """Read what ``--workers`` says: a number, ``gpu``, or nothing.

    Raises
    ------
    HypError
        If it says something else.
    """
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    if text != "gpu":
        raise HypError(f"--workers takes a number of processes, or gpu; not {text!r}.")
    return "gpu"


def versions_here() -> dict[str, str]:
    """Return the versions that decide results, without how a library was built."""
    return {
        name: version.partition("+")[0] for name, version in installed_versions(_COMPARED).items()
    }


def other_versions(wanted: Mapping[str, str]) -> str:
    """Return how the versions of this process differ from those of another; empty if not."""
    found = versions_here()
    return ", ".join(
        f"{name} {found.get(name, 'missing')} instead of {wanted.get(name, 'none')}"
        for name in {**wanted, **found}
        if found.get(name) != wanted.get(name)
    )


def refuse_late_worker(wanted: Mapping[str, str]) -> None:
    """Check, in a task, the versions of a worker that may have come after the run began.

    Raises
    ------
    HypError
        Naming the worker and every difference.
    """
    differences = other_versions(wanted)
    if differences:
        from distributed import get_worker

        raise HypError(f"the worker {get_worker().address} has {differences}{_ALIKE}")


def check_workers(client: Any, pending: Iterable[Step]) -> None:
    """Check that every worker can do what is to be computed, as this process would.

    Raises
    ------
    HypError
        Naming a worker with another version of what decides results, or without the
        device that steps ask for.
    """
    declared = declared_resources(client)
    on_gpus = [worker for worker, resources in declared.items() if GPU in resources]
    without = [worker for worker in declared if worker not in on_gpus]
    asked: list[tuple[set[str], list[str]]] = [(_devices(pending), on_gpus or without)]
    if on_gpus:
        asked.append((set(), without))
    problems: dict[str, str] = {}
    for devices, workers in asked:
        if not workers:
            continue
        check = partial(_wrong_here, versions_here(), sorted(devices))
        answers = _ask_all(client, check, workers)
        problems |= {worker: wrong for worker, wrong in answers.items() if wrong}
    if problems:
        worker, wrong = next(iter(problems.items()))
        others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise HypError(f"the worker {worker}{others} {wrong}")


def check_this_process(pending: Iterable[Step]) -> None:
    """Check that the device that steps ask for is here.

    Raises
    ------
    HypError
        If it is not.
    """
    _open(_devices(pending))


def workers_numerics(address: str, wanted: Wanted) -> Numerics:
    """Return what suits the workers of a scheduler, which need not be what suits this machine.

    Raises
    ------
    HypError
        If they differ, for then it must be said which of them decide.
    """
    with remote_client(address) as client:
        answers = _ask_all(client, partial(suits_here, wanted))
    workers = {Numerics(*answer): worker for worker, answer in answers.items()}
    if len(workers) > 1:
        told = ", ".join(
            f"{worker} would take {numerics.device} in {numerics.precision}"
            for numerics, worker in workers.items()
        )
        raise HypError(
            f"the workers differ: {told}; choose with --set device=... --set precision=..., "
            "or start workers that are alike."
        )
    return next(iter(workers))


def other_numerics(plan: Plan, store: Store | None, ask: Ask) -> str:
    """Return a sentence where a run goes on with other numerics than would be chosen now."""
    kept, profile = plan.numerics, plan.profile
    if kept is None or store is None or not plan.pending(store):
        return ""
    if "auto" not in (profile.device, profile.precision):
        return ""
    now = ask(wanted_numerics(profile))
    precision = now.precision
    if (kept.device, kept.precision) == (now.device, precision):
        return ""
    return (
        f"note: {plan.name} was begun with {kept.device} in {kept.precision} and goes on so; "
        f"begun now it would take {now.device} in {precision} "
        f"(--set device={now.device} --set precision={precision} begins another run)."
    )


def _ask_all(
    client: Any, question: Callable[[], Any], workers: list[str] | None = None
) -> dict[str, Any]:
    """Return workers' answers to a question that only this hyp knows."""
    answers: dict[str, Any] = client.run(question, workers=workers, on_error="return")
    for worker, answer in answers.items():
        if isinstance(answer, Exception):
            raise HypError(
                f"the worker {worker} has no hyp, or a very different one "
                f"({type(answer).__name__}: {answer}){_ALIKE}"
            ) from answer
    return answers


def _devices(steps: Iterable[Step]) -> set[str]:
    return {step.spec["device"] for step in steps if "device" in step.spec}


def _open(devices: Iterable[str]) -> None:
    if "cuda" not in devices:
        return  # a processor is everywhere, and torch takes seconds to import
    from hyp.models.runtime import open_device

    open_device("cuda")


def _wrong_here(wanted: Mapping[str, str], devices: Iterable[str]) -> str:
    """Return what is wrong with this worker, as the rest of a sentence; runs there."""
    differences = other_versions(wanted)
    if differences:
        return f"has {differences}{_ALIKE}"
    try:
        _open(devices)
    except HypError as error:
        return f"cannot compute this run: {error}"
    return ""
