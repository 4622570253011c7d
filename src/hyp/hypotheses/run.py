"""Running a plan: Dask computes the missing steps, here, on local workers or a cluster."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyp.alone import alone, limited
from hyp.clusters import (
    CPU,
    GIVEN_UP,
    GPU,
    PROGRESS,
    cores_here,
    declared_resources,
    local_client,
    remote_client,
    require_shared,
    save_when_workers_close,
)
from hyp.errors import HypError
from hyp.hypotheses.builders import build, build_together, check_steps
from hyp.hypotheses.progress import Listener, RunProgress, StepEvent, watched
from hyp.hypotheses.run_record import recorded
from hyp.hypotheses.together import make_all, training_groups
from hyp.hypotheses.unfinished import gone_on_with, remove_strangers
from hyp.hypotheses.workers import (
    check_this_process,
    check_workers,
    refuse_late_worker,
    versions_here,
)
from hyp.models.hardware import visible_gpus
from hyp.stopping import Stopped
from hyp.store import Step, Store

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan

_TELL_SECONDS = 0.5


def run_plan(
    plan: Plan,
    store: Store,
    *,
    workers: int | Literal["gpu"] | None = 0,
    scheduler: str | None = None,
    watch: Callable[[RunProgress], None] = lambda progress: None,
) -> Path:
    """Compute what is missing, keep the run's record, and return the folder of the result.

    The bytes of the result do not depend on where the steps run, on one machine:
    every step limits its own threads to the number its declaration names.

    Parameters
    ----------
    plan : Plan
        From `make_plan`.
    store : Store
        Where artifacts are read and written.
    workers : int, "gpu" or None
        Local worker processes; 0 runs everything in this process, None takes one per core.
        ``gpu`` starts one a GPU, which it has to itself, and one for every other core, which
        does what needs no GPU.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``tcp://host:8786``; its workers
        must see the store under the same path.
    watch : callable
        Shown how far the run has come, at every step's progress and every few seconds.

    Raises
    ------
    HypError
        If a step fails for a reason the user can mend, the scheduler cannot be
        reached, or a worker dies.
    """
    with ExitStack() as stack:
        with store.unpruned():
            pending = plan.pending(store)
            progress = stack.enter_context(recorded(plan, pending, store))
        hear = stack.enter_context(watched(progress, watch))
        card = plan.profile.card
        count, gpus = local_workers(workers, pending, card) if scheduler is None else (0, [])
        run_steps(pending, store, workers=count, scheduler=scheduler, gpus=gpus, listener=hear)
    return store.check(plan.goal)


def local_workers(
    workers: int | Literal["gpu"] | None, pending: list[Step], card: str | None = None
) -> tuple[int, list[str]]:
    """Return how many processes of this machine have no GPU, and the GPUs that have one each.

    Raises
    ------
    HypError
        If GPUs are asked for that are not here.
    """
    gpus = chosen_gpus(workers, card)
    return workers if isinstance(workers, int) else default_workers(pending, len(gpus)), gpus


def default_workers(pending: list[Step], n_gpus: int = 0) -> int:
    """Return one process per core, but no more than there are networks to make.

    Steps of a single thread leave the other cores idle; on one core, or with
    nothing to train, everything runs in this process. Beside workers with a GPU there is a
    process for every core that they leave, and at least one.
    """
    on_gpu = [step for step in pending if wanted_resources(step, (GPU,))]
    if on_gpu and not n_gpus:
        return 0
    by_kind = Counter(step.kind for step in pending if not (n_gpus and step in on_gpu))
    useful = min(cores_here() - n_gpus, max(by_kind.values(), default=0))
    if n_gpus:
        return max(useful, 1)
    return useful if useful > 1 else 0


def chosen_gpus(workers: int | Literal["gpu"] | None, card: str | None) -> list[str]:
    """Return the GPUs that get a worker of their own: all, the one that is named, or none.

    Raises
    ------
    HypError
        If there is no such GPU here.
    """
    if workers != "gpu" and card is None:
        return []
    found = visible_gpus()
    if not found:
        raise HypError("no GPU is seen on this machine; leave out --workers gpu and cuda:N.")
    if card is None:
        return found
    if int(card) >= len(found):
        raise HypError(f"there is no cuda:{card} here; there are cuda:0 to cuda:{len(found) - 1}.")
    return [found[int(card)]]


def run_steps(
    pending: list[Step],
    store: Store,
    *,
    workers: int = 0,
    scheduler: str | None = None,
    gpus: Sequence[str] = (),
    listener: Listener = lambda event: None,
) -> None:
    """Compute missing steps, inputs before what needs them; the rest is as in `run_plan`."""
    if not pending:
        return
    check_steps(pending)
    check_this_process([] if scheduler or gpus else pending)
    if scheduler is None and workers <= 0 and not gpus:
        _compute_here(pending, store, listener)
    else:
        with _client(workers, scheduler, store, gpus) as client:
            check_workers(client, pending)
            _compute_on(client, pending, store, listener)


def _graph(
    pending: list[Step],
    root: Path,
    execute: Callable[..., str],
    *,
    offered: Collection[str] = (),
    groups: Collection[tuple[Step, ...]] = (),
) -> Any:
    """Return a dask.delayed that needs every pending step, computed as this process would.

    Networks of a group are one task. `offered` are the resources that workers declare.
    """
    import dask

    delayed = dask.delayed(partial(execute, versions=versions_here()), pure=True)
    group_of: dict[Step, tuple[Step, ...]] = {step: (step,) for step in pending}
    group_of.update({step: group for group in groups for step in group})
    nodes: dict[Step, Any] = {}

    def node(step: Step) -> Any:
        if step not in nodes:
            group = group_of[step]
            parents = {one: None for member in group for one in member.inputs.values()}
            needs = [node(parent) for parent in parents if parent in group_of]
            more = f"-and-{len(group) - 1}-more" if len(group) > 1 else ""
            with dask.annotate(resources=wanted_resources(step, offered)):
                task = delayed(
                    _Opaque(group),
                    str(root),
                    needs,
                    dask_key_name=f"{step.kind}-{group[0].key}{more}",
                )
            nodes.update(dict.fromkeys(group, task))
        return nodes[step]

    needed = {parent for step in pending for parent in step.inputs.values()}
    goals = {node(step).key: node(step) for step in pending if step not in needed}
    return dask.delayed(list)(list(goals.values()))


def wanted_resources(step: Step, offered: Collection[str]) -> dict[str, int]:
    """Return what a step needs of its worker, of the resources that workers declare."""
    kind = GPU if step.spec.get("device") == "cuda" else CPU
    return {kind: 1} if kind in offered else {}


class _Opaque:
    """Keeps dask from looking for tasks inside steps, as it would in a dataclass."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps


def _compute_here(pending: list[Step], store: Store, listener: Listener) -> None:
    groups = training_groups(pending, n_gpus=1)
    goal = _graph(pending, store.root, partial(_execute, listener=listener), groups=groups)
    goal.compute(scheduler="synchronous", optimize_graph=False)


def _compute_on(client: Any, pending: list[Step], store: Store, listener: Listener) -> None:
    from distributed import wait
    from distributed.scheduler import KilledWorker

    def hear(event: tuple[float, dict[str, Any]]) -> None:
        listener(StepEvent(**event[1]["step"]))

    declared = [*declared_resources(client).values()]
    n_gpus = sum(GPU in resources for resources in declared) or max(len(declared), 1)
    goal = _graph(
        pending,
        store.root,
        _execute,
        offered=set[str]().union(*declared),
        groups=training_groups(pending, n_gpus),
    )
    given_up: list[str] = []
    client.subscribe_topic(PROGRESS, hear)
    client.subscribe_topic(GIVEN_UP, lambda event: given_up.append(event[1]))
    future = client.compute(goal, optimize_graph=False)
    try:
        while not future.done():
            with suppress(TimeoutError):
                wait(future, timeout=1)
            if given_up:
                raise HypError(given_up[0])
        future.result()
    except KilledWorker as error:
        raise HypError(
            f"workers died again and again while they made {error.task}, the last at "
            f"{error.last_worker.address}: for lack of memory, at the end of their time, or "
            "killed; the same command goes on where it stopped, with fewer --workers or ones "
            "that have more memory and time."
        ) from error
    finally:
        client.unsubscribe_topic(PROGRESS)
        client.unsubscribe_topic(GIVEN_UP)


def _execute(
    opaque: _Opaque,
    root: str,
    needs: list[str],
    *,
    versions: Mapping[str, str],
    listener: Listener | None = None,
) -> str:
    """Make the artifacts of a task; runs in whatever process Dask chose."""
    import dask

    refuse_late_worker(versions)
    steps = opaque.steps
    tell = listener or _log_to_scheduler
    store = Store.open(root)

    def make(folders: Mapping[Step, tuple[Path, Mapping[str, Path]]]) -> dict[Step, Exception]:
        for step, (folder, _) in folders.items():
            remove_strangers(folder, gone_on_with(step, folder))
        progress = {step: _progress(tell, step) for step in folders}
        with (
            alone(),
            # Lazy arrays are computed in this step, not as further tasks of the cluster.
            dask.config.set(scheduler="synchronous"),
            limited(steps[0].spec.get("threads", 1)),
        ):
            if len(steps) > 1:
                return build_together(folders, progress)
            for step, (folder, inputs) in folders.items():
                build(step, folder, inputs, progress[step])
            return {}

    for step in steps:
        tell(StepEvent(step.kind, step.key, "running"))
    try:
        make_all(store, steps, make, lambda step: tell(StepEvent(step.kind, step.key, "waiting")))
    except Stopped:
        if listener is not None:
            raise
        from distributed import Reschedule

        raise Reschedule from None  # this worker closes: another one goes on
    for step in steps:
        tell(StepEvent(step.kind, step.key, "done", 1, 1))
    return steps[0].key


def _progress(tell: Listener, step: Step) -> Callable[[int, int], None]:
    """Return what tells how far a step is, no oftener than anybody looks."""
    told = float("-inf")

    def progress(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _TELL_SECONDS or done == total:
            told = now
            tell(StepEvent(step.kind, step.key, "running", done, total))

    return progress


def _log_to_scheduler(event: StepEvent) -> None:
    from distributed import get_worker

    worker = get_worker()
    worker.log_event(PROGRESS, {"step": vars(event), "worker": worker.address})


@contextmanager
def _client(
    workers: int, scheduler: str | None, store: Store, gpus: Sequence[str]
) -> Iterator[Any]:
    if scheduler is not None:
        with remote_client(scheduler) as client:
            _check_store_is_shared(client, store)
            save_when_workers_close(client)
            yield client
    else:
        with local_client(workers, gpus) as client:
            yield client


def _check_store_is_shared(client: Any, store: Store) -> None:
    require_shared(client, store.root / "store.json", f"the store at {store.root}")
