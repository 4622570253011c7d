"""How each kind of step is made: the only module that imports all packages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyp.errors import HypError
from hyp.hypotheses.official import check_official
from hyp.hypotheses.profile import PIXELS
from hyp.hypotheses.steps import SCORES
from hyp.store import Step

if TYPE_CHECKING:
    from hyp.datasets.specs import DatasetSpec

Progress = Callable[[int, int], None]
Inputs = Mapping[str, Path]


def build(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    """Fill `folder` with the artifact of a step from the folders of its inputs."""
    _BUILDERS[step.kind](step, folder, inputs, progress)


def build_together(
    folders: Mapping[Step, tuple[Path, Inputs]], progress: Mapping[Step, Progress]
) -> dict[Step, Exception]:
    """Train networks side by side; return what went wrong with which."""
    from hyp.datasets.dataset import Dataset
    from hyp.models.specs import TrainSpec
    from hyp.models.training import train_together
    from hyp.models.training_run import Training

    datasets = {inputs["dataset"]: None for _, inputs in folders.values()}
    opened = {path: Dataset.open(path) for path in datasets}
    errors = train_together(
        [
            Training(
                TrainSpec.model_validate(step.spec),
                opened[inputs["dataset"]],
                folder,
                progress[step],
            )
            for step, (folder, inputs) in folders.items()
        ]
    )
    return {step: error for step, error in zip(folders, errors, strict=True) if error is not None}


def check_steps(steps: Sequence[Step]) -> None:
    """Check what would make steps fail after hours of work: folds, networks, their layers.

    Raises
    ------
    HypError
        Naming the number of folds, the backbone or the layer, or one that has too few units for
        PLS; or, of a simulated recording, its network or what splits cannot be balanced by; or,
        of Brain-Score, the data that are not here.
    """
    _check_folds(steps)
    _check_networks(steps)
    _check_components(steps)
    _check_streams(steps)
    check_official(steps)


def _check_folds(steps: Iterable[Step]) -> None:
    for step in steps:
        if step.kind in ("scores", "snapshots"):
            folds, n = step.spec["n_folds"], step.inputs["stimuli"].spec["n_images"]
            if folds > n:
                raise HypError(
                    f"n_folds={folds:,} is more than the {n:,} stimuli there are; choose fewer "
                    "folds or more stimuli."
                )


def _check_networks(steps: Iterable[Step]) -> None:
    asked = {
        (step.inputs["model"].spec["backbone"], tuple(step.spec["layers"]))
        for step in steps
        if step.kind == "activations" and "model" in step.inputs
    }
    if not asked:
        return
    from hyp.models.backbones import outline
    from hyp.models.recording import find_layer

    for backbone, layers in asked:
        network = outline(backbone, n_outputs=2)
        for layer in layers:
            find_layer(network, layer)


def _check_components(steps: Iterable[Step]) -> None:
    """Refuse layers with fewer units than PLS has components, as outputs for a few classes."""
    for step in steps:
        if step.kind != "alignments" or step.spec["metric"]["kind"] != "pls":
            continue
        model, n_components = step.inputs["model"], step.spec["metric"]["n_components"]
        layers = step.inputs["grams"].inputs["activations"].spec["layers"]
        units = dict(zip(layers, _units(model, layers), strict=True))
        few = [layer for layer, n in units.items() if n is not None and n < n_components]
        if few:
            others = ",".join(layer for layer in layers if layer not in few)
            raise HypError(
                f"the layer {few[0]} of {model.label} has {units[few[0]]} units, fewer than the "
                f"{n_components} components of PLS; leave it out (layers={others}), or take "
                "another metric."
            )


def _units(model: Step, layers: Sequence[str]) -> list[int | None]:
    """Return the number of units of layers of a network that is trained here, None of others."""
    if "dataset" not in model.inputs:
        return [None] * len(layers)
    from hyp.hypotheses.needs import outlined
    from hyp.models.objectives import head_layout

    source = _dataset_spec(model.inputs["dataset"]).source
    n_outputs = head_layout(source.latents, model.spec["objective"])[-1].stop
    size = model.spec["input_size"] or source.image_size
    network = outlined(model.spec["backbone"], size, n_outputs)
    return [network.units.get(layer) for layer in layers]


def _dataset_spec(step: Step) -> DatasetSpec:
    """Return what a dataset is made by, with the places of files on this machine."""
    from hyp.datasets.specs import DatasetSpec

    return DatasetSpec.model_validate(
        {**step.spec, "source": {**step.spec["source"], **step.places}}
    )


def _check_streams(steps: Iterable[Step]) -> None:
    for step in steps:
        if step.kind == "recordings" and step.spec["origin"]["kind"] == "simulated":
            from hyp.hypotheses.aligning import RecordingSpec
            from hyp.hypotheses.recordings import check_stream

            stimuli = _dataset_spec(step.inputs["stimuli"])
            check_stream(RecordingSpec.model_validate(step.spec), stimuli)


def _build_dataset(step: Step, folder: Path, _: Inputs, progress: Progress) -> None:
    from hyp.datasets.making import make_dataset

    make_dataset(_dataset_spec(step), folder, progress=progress)


def _build_model(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    from hyp.datasets.dataset import Dataset
    from hyp.models.specs import TrainSpec
    from hyp.models.training import train

    if "kind" in step.spec:
        _import_model(step, folder)
        return
    dataset = Dataset.open(inputs["dataset"])
    train(TrainSpec.model_validate(step.spec), dataset, folder, progress=progress)


def _import_model(step: Step, folder: Path) -> None:
    from hyp.models.pretrained import PretrainedSpec, build_pretrained

    place = step.places.get("path")
    build_pretrained(
        PretrainedSpec.model_validate(step.spec), Path(place) if place else None, folder
    )


def _build_activations(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    from hyp.datasets.dataset import Dataset
    from hyp.models.extraction import extract, extract_pixels
    from hyp.models.specs import ExtractSpec

    extraction = ExtractSpec.model_validate(step.spec)
    stimuli = Dataset.open(inputs["stimuli"])
    if "model" in inputs:
        trained_on = step.inputs["model"].inputs.get("dataset")
        attrs = {"design": trained_on.spec["design"]} if trained_on else {}
        extract(
            extraction,
            inputs["model"],
            stimuli,
            folder,
            attrs=attrs,
            backbone=step.inputs["model"].spec["backbone"],
            progress=progress,
        )
    else:
        extract_pixels(extraction, stimuli, folder, progress=progress)


def _build_grams(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    from hyp.metrics.gram import compute_gram
    from hyp.metrics.gram_files import write_grams
    from hyp.store.activations import layers

    names = layers(inputs["activations"])
    grams = {}
    for done, name in enumerate(names):
        progress(done, len(names))
        responses = _decoded_responses(name, inputs, whole=step.spec.get("whole", False))
        grams[name] = compute_gram(responses)
    write_grams(folder, grams)


def _decoded_responses(layer: str, inputs: Inputs, *, whole: bool = False) -> Any:
    """Return a layer's responses, of output units only those that were trained.

    As the paper's code has it. An untrained network keeps all its output units, and any does
    where `whole`. Layers but the outputs are not read yet.
    """
    import numpy as np

    from hyp.models.checkpoints import read_info
    from hyp.store.activations import ACTIVATION, stored_layer

    layer_group = stored_layer(inputs["activations"], layer)
    responses = layer_group[ACTIVATION]
    if not whole and "model" in inputs and "task" in layer_group:
        spec = read_info(inputs["model"]).spec
        if spec.n_batches:
            trained = np.isin(layer_group["task"][:], spec.tasks)
            responses = responses.oindex[:, trained]
    return responses


def _build_scores(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    import numpy as np
    import pandas as pd

    from hyp.datasets.dataset import Dataset
    from hyp.datasets.latents import find_latent
    from hyp.metrics.decoding import decode
    from hyp.metrics.gram_files import read_grams
    from hyp.metrics.published import decode_published, decode_published_gram

    spec = step.spec
    stimuli = Dataset.open(inputs["stimuli"])
    kinds = {name: find_latent(stimuli.latents, name).kind for name in spec["latents"]}
    targets = {name: stimuli.table[name].to_numpy() for name in kinds}
    grams = read_grams(inputs["grams"])
    tables = []
    for done, (layer, gram) in enumerate(grams.items()):
        progress(done, len(grams))
        found = [decode(gram, targets, kinds, n_folds=spec["n_folds"], svm_c=spec["svm_c"])]
        if "published" in spec["protocols"]:
            if spec["published_features"] == "exact":
                found.append(decode_published_gram(gram, targets, kinds, svm_c=spec["svm_c"]))
            else:
                features = np.asarray(_decoded_responses(layer, inputs))
                found.append(decode_published(features, targets, kinds, svm_c=spec["svm_c"]))
        tables += [table.assign(layer=layer) for table in found]
    pd.concat(tables, ignore_index=True).to_parquet(folder / SCORES, index=False)


def _build_snapshots(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    """Decode latents from a network's snapshots; of their activations nothing is kept."""
    import pandas as pd

    from hyp.datasets.dataset import Dataset
    from hyp.datasets.latents import find_latent
    from hyp.metrics.decoding import decode
    from hyp.metrics.gram import compute_gram
    from hyp.models.extraction import respond
    from hyp.models.specs import ExtractSpec

    spec = step.spec
    stimuli = Dataset.open(inputs["stimuli"])
    kinds = {name: find_latent(stimuli.latents, name).kind for name in spec["latents"]}
    targets = {name: stimuli.table[name].to_numpy() for name in kinds}
    own = {name: spec[name] for name in ExtractSpec.model_fields if name in spec}
    backbone = step.inputs["model"].spec["backbone"]
    tables = []
    for done, batches in enumerate(spec["snapshots"]):
        progress(done, len(spec["snapshots"]))
        weights = inputs["model"] if batches else inputs["initial"]
        extraction = ExtractSpec(**own, snapshot=batches)
        for layer, rows in respond(extraction, weights, stimuli, backbone=backbone).items():
            found = decode(
                compute_gram(rows), targets, kinds, n_folds=spec["n_folds"], svm_c=spec["svm_c"]
            )
            tables.append(found.assign(layer=layer, batches=batches))
    pd.concat(tables, ignore_index=True).to_parquet(folder / SCORES, index=False)


def _build_recording(step: Step, folder: Path, inputs: Inputs, _: Progress) -> None:
    from hyp.datasets.dataset import Dataset
    from hyp.hypotheses.aligning import RecordedFile, RecordingSpec
    from hyp.hypotheses.recordings import (
        check_scorable,
        keep_matched,
        read_recording,
        record_stream,
    )
    from hyp.metrics.neural import write_assembly

    spec = RecordingSpec.model_validate(step.spec)
    stimuli = Dataset.open(inputs["stimuli"])
    if isinstance(spec.origin, RecordedFile):
        assembly = read_recording(Path(step.places["path"]), spec)
    else:
        assembly = record_stream(spec.origin, stimuli)
    assembly = keep_matched(assembly, stimuli.table, stimuli.n_images, spec, stimuli.source)
    check_scorable(spec, assembly)
    write_assembly(assembly, folder / "assembly")


def _build_alignment(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    from hyp.datasets.dataset import Dataset
    from hyp.hypotheses.aligning import AlignmentSpec, RecordingSpec
    from hyp.hypotheses.recordings import score_regions
    from hyp.metrics.gram_files import read_grams
    from hyp.metrics.neural import read_assembly

    score_regions(
        AlignmentSpec.model_validate(step.spec),
        RecordingSpec.model_validate(step.inputs["recording"].spec),
        read_assembly(inputs["recording"] / "assembly"),
        read_grams(inputs["grams"]),
        Dataset.open(inputs["stimuli"]),
        folder,
        progress,
    )


def _build_choices(step: Step, folder: Path, inputs: Inputs, _: Progress) -> None:
    from hyp.datasets.dataset import Dataset
    from hyp.hypotheses.observers import store_choices

    store_choices(step.spec, Path(step.places["path"]), Dataset.open(inputs["stimuli"]), folder)


def _build_consistency(step: Step, folder: Path, inputs: Inputs, _: Progress) -> None:
    from hyp.datasets.dataset import Dataset
    from hyp.hypotheses.observers import score_consistency
    from hyp.models.specs import ExtractSpec

    score_consistency(
        ExtractSpec.model_validate(step.spec),
        inputs["choices"],
        inputs["model"],
        Dataset.open(inputs["stimuli"]),
        folder,
        name=step.inputs["choices"].spec["name"],
        backbone=step.inputs["model"].spec["backbone"],
    )


def _build_official(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    from hyp.hypotheses.official import score_officially

    score_officially(step, inputs["model"], folder, progress)


def _build_similarity(step: Step, folder: Path, inputs: Inputs, progress: Progress) -> None:
    import numpy as np

    from hyp.hypotheses.result_files import SIMILARITY_FILE
    from hyp.metrics.gram_files import read_gram
    from hyp.metrics.similarity import similarity_matrix

    layers = step.spec["layers"]
    found = {}
    for done, layer in enumerate(layers):
        progress(done, len(layers))
        loads = [
            partial(read_gram, path, PIXELS if role == f"{PIXELS}:" else layer)
            for role, path in inputs.items()
        ]
        found[layer] = similarity_matrix(loads, step.spec["measure"])
    np.savez(folder / SIMILARITY_FILE, allow_pickle=False, networks=np.array([*inputs]), **found)


def _build_result(step: Step, folder: Path, inputs: Inputs, _: Progress) -> None:
    from hyp.hypotheses.judge import judge_run

    judge_run(step.spec, inputs, folder)


_BUILDERS = {
    "datasets": _build_dataset,
    "models": _build_model,
    "activations": _build_activations,
    "grams": _build_grams,
    "scores": _build_scores,
    "snapshots": _build_snapshots,
    "results": _build_result,
    "recordings": _build_recording,
    "alignments": _build_alignment,
    "choices": _build_choices,
    "consistencies": _build_consistency,
    "official": _build_official,
    "similarities": _build_similarity,
}
