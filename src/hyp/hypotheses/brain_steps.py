"""Steps that hold networks against brains: recordings, and every network's scores against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from hyp.datasets.designs import Design
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.profile import SIMULATED
from hyp.hypotheses.steps import SharedSteps
from hyp.metrics.brainscore.identifiers import OBSERVERS, PAPER_BENCHMARKS, benchmark_region
from hyp.metrics.neural.specs import neural_metric
from hyp.store import Step
from hyp.text import joined

HIDDEN = "resnet18"
LATENT_SHARES = {"V1": 0.0, "V2": 0.1, "V4": 0.3, "IT": 0.5}
"""Of the variance of simulated neuroids, what they read from the latents themselves."""


class BrainSteps(SharedSteps):
    """Makes the steps of what networks are aligned with."""

    @cached_property
    def recordings(self) -> tuple[Step, ...]:
        """The recordings that the profile names, or the simulated one."""
        if self.profile.recording != SIMULATED:
            return tuple(self._recorded(folder) for folder in fetched(self.profile.recordings))
        from hyp.hypotheses.aligning import RecordingSpec, SimulatedStream, recording_step
        from hyp.metrics.neural.simulation import VENTRAL_STREAM

        regions = tuple(
            region.model_copy(update={"latent_share": LATENT_SHARES[region.region]})
            for region in VENTRAL_STREAM
        )
        spec = RecordingSpec(
            name=SIMULATED,
            origin=SimulatedStream(regions=regions, hidden=HIDDEN, seed=0),
            stratify="category",
        )
        images = DatasetSpec.model_validate(self.stimuli.spec)
        shown = images.model_copy(update={"n_images": self.profile.n_recorded})
        return (recording_step(spec, shown),)

    def _recorded(self, folder: Path) -> Step:
        from hyp.hypotheses.aligning import RecordedFile, RecordingSpec, recording_step
        from hyp.hypotheses.recordings import digest_of
        from hyp.metrics.brainscore.exporting import IMAGES, RESPONSES
        from hyp.metrics.neural.benchmark import PUBLIC_BENCHMARKS

        known = PUBLIC_BENCHMARKS.get(folder.name)
        spec = RecordingSpec(
            name=folder.name,
            origin=RecordedFile(digest=digest_of(folder / RESPONSES)),
            stratify=known.stratify if known else None,
            window=known.window if known else None,
        )
        return recording_step(spec, self._shown(folder / IMAGES), folder / RESPONSES)

    @property
    def regions(self) -> list[str]:
        """The regions that networks are scored in."""
        if self.profile.scored_by == "official":
            return [benchmark_region(name) for name in self.benchmarks]
        return [region for step in self.recordings for region in recorded_regions(step)]

    @cached_property
    def observers(self) -> Step:
        """The observers that the profile names.

        Raises
        ------
        HypError
            If it names none, or they are not on this machine.
        """
        from hyp.hypotheses.observers import choices_step
        from hyp.hypotheses.recordings import digest_of
        from hyp.metrics.brainscore.exporting import IMAGES, TRIALS

        if not self.profile.behaviour:
            raise HypError(
                "this hypothesis compares networks with observers; say which, for instance --set "
                f"behaviour={OBSERVERS}, or a folder with {TRIALS} and images."
            )
        (folder,) = fetched([self.profile.behaviour])
        path = folder / TRIALS
        return choices_step(folder.name, path, digest_of(path), self._shown(folder / IMAGES))

    def consistency(self, model: Step, snapshot: int | None) -> Step:
        """Return the step that scores a network against the observers."""
        from hyp.hypotheses.observers import consistency_step

        return consistency_step(
            self.observers,
            model,
            layer=self.profile.readout,
            snapshot=snapshot,
            numerics=self.numerics,
            threads=self.profile.threads,
        )

    def scored(
        self, place: str, model: Step, snapshot: int | None, *, aligned: bool, judged: bool
    ) -> Iterator[tuple[str, Step]]:
        """Yield the steps of a network's scores against brains, and their roles.

        Parameters
        ----------
        place : str
            Cohort, seed and checkpoint, as roles have them.
        model : Step
        snapshot : int or None
            Batch count of the weights; None takes the last.
        aligned, judged : bool
            Whether recordings are asked about, and whether observers are.
        """
        if self.profile.scored_by == "official":
            if aligned or judged:
                yield f"official:{place}", self._official(model, snapshot)
            return
        if aligned:
            yield from self.alignments(f"alignment:{place}", model, snapshot)
        if judged:
            yield f"behaviour:{place}", self.consistency(model, snapshot)

    @cached_property
    def benchmarks(self) -> dict[str, str]:
        """Brain-Score's benchmarks that the profile names, and the folders of local ones."""
        from hyp.hypotheses.official import official_benchmarks

        behaviour = filter(None, [self.profile.behaviour])
        return official_benchmarks([*self.profile.recordings, *behaviour])

    def _official(self, model: Step, snapshot: int | None) -> Step:
        from hyp.hypotheses.official import OfficialSpec, official_step
        from hyp.metrics.brainscore.environment import open_environment

        spec = OfficialSpec(
            benchmarks=tuple(self.benchmarks),
            layers=self.profile.layers,
            readout=self.profile.readout,
            image_size=self.profile.input_size or self.profile.image_size,
            snapshot=snapshot,
            environment=str(open_environment().record().get("constraints")),
            threads=self.profile.threads,
        )
        return official_step(model, spec, self.benchmarks)

    def _shown(self, folder: Path) -> DatasetSpec:
        """Return the images of a folder, at the size that networks see."""
        size = self.profile.input_size or self.profile.image_size
        shown = open_source(f"folder:{folder}", image_size=size)
        return DatasetSpec(
            source=shown, design=Design(), seed=0, n_images=shown.capacity or 0, n_val=0
        )

    def alignments(
        self, role: str, model: Step, snapshot: int | None
    ) -> Iterator[tuple[str, Step]]:
        """Yield the step of every recording; the roles of further ones are numbered."""
        from hyp.hypotheses.aligning import AlignmentSpec, alignment_step

        spec = AlignmentSpec(
            metric=neural_metric(self.profile.neural_metric),
            protocol=self.profile.neural_protocol,
            threads=self.profile.threads,
        )
        for number, recording in enumerate(self.recordings):
            step = alignment_step(
                recording,
                model,
                spec,
                layers=self.profile.layers,
                snapshot=snapshot,
                numerics=self.numerics,
            )
            yield f"{role}:{number}" if number else role, step


def fetched(named: Sequence[str]) -> list[Path]:
    """Return the folders of recordings: paths, or names of public ones that were fetched.

    Raises
    ------
    HypError
        Naming every public one that is not on this machine, and how to fetch it.
    """
    from hyp.store.caches import cache_folder

    folders, missing = [], []
    for one in named:
        folder = Path(one).expanduser().absolute()
        if one in PAPER_BENCHMARKS and not folder.exists():
            folder = cache_folder("brainscore") / one
            if not folder.exists():
                missing.append(one)
        folders.append(folder)
    if missing:
        commands = ", ".join(f"'hyp neural import {one}'" for one in missing)
        raise HypError(
            f"the responses of {joined(missing, 'and')} are not on this machine; fetch them once "
            f"with 'hyp brainscore install' and {commands}, or go without a brain: --set "
            "recording=simulated --set behaviour="
        )
    return folders


def recorded_regions(recording: Step) -> list[str]:
    """Return the regions of a recording that is declared: a simulated one, or one on this disk."""
    origin = recording.spec["origin"]
    if origin["kind"] == SIMULATED:
        return [region["region"] for region in origin["regions"]]
    from hyp.metrics.neural import read_assembly, regions
    from hyp.metrics.neural.benchmark import PUBLIC_BENCHMARKS

    public = PUBLIC_BENCHMARKS.get(recording.spec["name"])
    return [public.region] if public else regions(read_assembly(Path(recording.places["path"])))
