"""Steps that hold networks against brains: recordings, and every network's scores against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from hyp.datasets.designs import Design
from hyp.datasets.sources import open_source
from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError
from hyp.hypotheses.profile import SIMULATED
from hyp.hypotheses.steps import SharedSteps
from hyp.metrics.brainscore.identifiers import OBSERVERS, PAPER_BENCHMARKS, benchmark_region
from hyp.metrics.neural.specs import neural_metric
from hyp.store import Step, Store
from hyp.text import joined

if TYPE_CHECKING:
    import xarray as xr

HIDDEN = "resnet18"
LATENT_SHARES = {"V1": 0.0, "V2": 0.1, "V4": 0.3, "IT": 0.5}
"""Of the variance of simulated neuroids, what they read from the latents themselves."""


class Recorded(NamedTuple):
    """A recording, the regions that it has, and whether its subjects are scored one by one."""

    step: Step
    regions: tuple[str, ...]
    subjects: Literal["pooled", "each"] = "pooled"


@dataclass
class BrainSteps(SharedSteps):
    """Makes the steps of what networks are aligned with; `store` has what was imported."""

    store: Store | None = field(default=None, kw_only=True)

    @cached_property
    def recordings(self) -> tuple[Recorded, ...]:
        """The recordings that the profile names, or the simulated one."""
        if self.profile.recording == SIMULATED:
            return (self._simulated(),)
        named = self.profile.recordings
        there = {one: step for one in named if (step := self._imported(one)) is not None}
        folders = iter(fetched([one for one in named if one not in there]))
        steps = (there[one] if one in there else self._recorded(next(folders)) for one in named)
        return tuple(map(self._described, steps))

    def _simulated(self) -> Recorded:
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
        return Recorded(recording_step(spec, shown), tuple(region.region for region in regions))

    def _imported(self, name: str) -> Step | None:
        """Return what ``hyp neural import`` put into the store under a name that is no folder.

        Raises
        ------
        HypError
            If its images are of another size than the networks'.
        """
        if self.store is None or name in PAPER_BENCHMARKS or Path(name).expanduser().exists():
            return None
        from hyp.hypotheses.aligning import find_recording, recording_names

        if name not in recording_names(self.store):
            return None
        found = find_recording(self.store, name)
        size = found.inputs["stimuli"].spec["source"].get("image_size", self._seen)
        if size != self._seen:
            raise HypError(
                f"the images of the recording {name!r} have {size} pixels a side in this store, "
                f"and these networks see {self._seen}; import it under another --name with "
                f"--image-size {self._seen}."
            )
        return found

    def _described(self, step: Step) -> Recorded:
        """Read which regions a recording has and whose they are; of public ones it is known.

        Raises
        ------
        HypError
            If it cannot be read, or the metric needs responses and it has dissimilarities.
        """
        from hyp.hypotheses.recorded_rdms import require_rsa
        from hyp.metrics.neural import holds_rdms, regions, subjects
        from hyp.metrics.neural.benchmark import PUBLIC_BENCHMARKS

        public = PUBLIC_BENCHMARKS.get(step.spec["name"])
        if public:
            return Recorded(step, (public.region,))
        assembly = self._responses(step)
        if holds_rdms(assembly):
            require_rsa(step.spec["name"], neural_metric(self.profile.neural_metric))
        several = len(subjects(assembly)) > 1
        return Recorded(step, tuple(regions(assembly)), "each" if several else "pooled")

    def _responses(self, step: Step) -> xr.DataArray:
        from hyp.hypotheses.recordings import open_recording
        from hyp.metrics.neural import read_assembly

        if "path" not in step.places:
            assert self.store is not None
            return open_recording(self.store, step)
        assembly: xr.DataArray = read_assembly(Path(step.places["path"]))
        return assembly

    def _recorded(self, folder: Path) -> Step:
        from hyp.hypotheses.aligning import (
            RecordedFile,
            RecordingSpec,
            recording_names,
            recording_step,
        )
        from hyp.hypotheses.recordings import digest_of
        from hyp.metrics.brainscore.exporting import IMAGES, RESPONSES
        from hyp.metrics.neural.benchmark import PUBLIC_BENCHMARKS

        if not (folder / RESPONSES).exists():
            there = recording_names(self.store) if self.store is not None else []
            raise HypError(
                f"there is no recording {folder.name!r}: {folder} is no folder with {RESPONSES} "
                f"and {IMAGES}, and 'hyp neural import' put none of that name into the store"
                + (f" (it has {joined(there, 'and')})." if there else ".")
            )
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
        return [region for one in self.recordings for region in one.regions]

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
            image_size=self._seen,
            snapshot=snapshot,
            environment=str(open_environment().record().get("constraints")),
            threads=self.profile.threads,
        )
        return official_step(model, spec, self.benchmarks)

    @property
    def _seen(self) -> int:
        """Pixels a side of what networks see."""
        return self.profile.input_size or self.profile.image_size

    def _shown(self, folder: Path) -> DatasetSpec:
        """Return the images of a folder, at the size that networks see."""
        shown = open_source(f"folder:{folder}", image_size=self._seen)
        return DatasetSpec(
            source=shown, design=Design(), seed=0, n_images=shown.capacity or 0, n_val=0
        )

    def alignments(
        self, role: str, model: Step, snapshot: int | None
    ) -> Iterator[tuple[str, Step]]:
        """Yield the step of every recording; the roles of further ones are numbered."""
        from hyp.hypotheses.aligning import AlignmentSpec, alignment_step
        from hyp.metrics.neural.ceilings import usual_formula

        metric = neural_metric(self.profile.neural_metric)
        for number, recording in enumerate(self.recordings):
            spec = AlignmentSpec(
                metric=metric,
                protocol=self.profile.neural_protocol,
                formula=usual_formula(metric),
                threads=self.profile.threads,
                subjects=recording.subjects,
            )
            step = alignment_step(
                recording.step,
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
