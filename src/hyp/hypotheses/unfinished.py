"""What an interrupted step goes on with; everything else in its folder is no part of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hyp.store import Step


def gone_on_with(step: Step, folder: Path) -> list[str]:
    """Return the patterns of the files that an interrupted step goes on with.

    There are none where it begins anew, as steps of most kinds do.

    Parameters
    ----------
    step : Step
    folder : Path
        What was left of it.
    """
    if step.kind == "datasets":
        from hyp.datasets.checking import check_dataset
        from hyp.datasets.making import is_begun
        from hyp.datasets.manifest import MANIFEST, PARTS, PLACES, file_names
        from hyp.datasets.specs import DatasetSpec

        spec = DatasetSpec.model_validate(step.spec)
        whole = (folder / MANIFEST).exists() and not check_dataset(folder)
        if not (whole or is_begun(spec, folder)):
            return []
        return [f"{PARTS}/**/*", *file_names(spec), PLACES, *([MANIFEST] if whole else [])]
    if step.kind == "models" and "kind" not in step.spec:
        from hyp.models.checkpoints import RESUME, weights_name
        from hyp.models.specs import TrainSpec

        spec_of_training = TrainSpec.model_validate(step.spec)
        return [RESUME, *map(weights_name, spec_of_training.checkpoints)]
    return []


def remove_strangers(folder: Path, own: Iterable[str]) -> None:
    """Remove what an unfinished artifact's folder holds beside files of its own.

    Parameters
    ----------
    folder : Path
    own : iterable of str
        Patterns of the names of files that stay.
    """
    kept = {path for pattern in own for path in folder.glob(pattern)}
    kept |= {above for path in kept for above in path.parents}
    for path in sorted(folder.rglob("*"), reverse=True):  # what a folder holds before the folder
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
