"""Scores networks with the real Brain-Score; runs in Brain-Score's own environment.

This file is started as a script by `hyp.metrics.brainscore.client` and imports nothing of
hyp. It reads one JSON object a line from standard input and answers in JSON lines on
standard output (everything that libraries print goes to standard error); results are ``.npz``
files without pickles, published by a rename. When standard input ends, so does the worker.

Requests are ``{"id": n, "do": name, ...}``; answers carry the id and an ``event``:
``stage`` (a line to show), ``done`` or ``failed`` (with ``kind`` and ``sentence``).
"""

# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import argparse
import difflib
import hashlib
import importlib.util
import json
import os
import queue
import shutil
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

VISUAL_DEGREES = 8
N_PCA_IMAGES = 1000
BUCKET_URL = "https://brainscore-storage.s3.amazonaws.com/"
ACTIVATIONS = "brainscore_vision.model_helpers.activations"
PREFIXES = ("_orig_mod.", "module.")

Request = dict[str, Any]


class RefusalError(Exception):
    """Something the user can mend; `kind` tells the caller whether going on makes sense."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def main() -> None:
    """Answer requests until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True, help="folder for caches")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: queue.Queue[Request | None] = queue.Queue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()

    def say(identifier: int, event: str, **facts: Any) -> None:
        answers.write(json.dumps({"id": identifier, "event": event, **facts}) + "\n")
        answers.flush()

    try:
        scorer = Scorer(arguments.home, arguments.threads)
    except Exception as error:
        traceback.print_exc()
        say(0, "failed", kind="environment", sentence=_first_line(error))
        return
    say(0, "ready", versions=scorer.versions)
    while (request := requests.get()) is not None:
        identifier = int(request["id"])
        scorer.say = partial(_say_stage, say, identifier)
        try:
            facts = scorer.answer(request)
        except RefusalError as refusal:
            say(identifier, "failed", kind=refusal.kind, sentence=str(refusal))
        except Exception as error:
            traceback.print_exc()
            explained = _explain(error, request)
            say(identifier, "failed", kind=explained.kind, sentence=str(explained))
        else:
            say(identifier, "done", **facts)


def _say_stage(say: Callable[..., None], identifier: int, text: str) -> None:
    say(identifier, "stage", text=text)


def _read_requests(requests: queue.Queue[Request | None]) -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    os._exit(0)  # nobody listens any more, whatever is being computed


class Scorer:
    """Keeps the network and the benchmarks that were used last.

    Parameters
    ----------
    home : Path
        For the caches of Brain-Score; the variables that name them are set before it is
        imported.
    threads : int
        Of torch and of the linear algebra (the latter through the environment).
    """

    def __init__(self, home: Path, threads: int) -> None:
        self.home = home
        self.say: Callable[[str], None] = lambda text: None
        home.mkdir(parents=True, exist_ok=True)
        os.environ["BS_INSTALL_DEPENDENCIES"] = "no"
        os.environ["RESULTCACHING_HOME"] = str(home / "results")
        os.environ["BRAINSCORE_HOME"] = str(home / "screen")
        warnings.filterwarnings("ignore")
        import torch

        torch.set_num_threads(threads)
        self._guard_downloads()
        self.versions = _versions()
        self.machine = {"threads": threads, "device": "cpu"}
        if torch.cuda.is_available():
            self.machine["device"] = torch.cuda.get_device_name()
        self._network: tuple[str, Any] | None = None
        self._benchmarks: dict[str, Any] = {}

    def answer(self, request: Request) -> dict[str, Any]:
        """Do what a request says; the facts of the ``done`` answer."""
        action: Callable[[Request], dict[str, Any]] = {
            "score": self.score,
            "compare": self.compare,
            "forget": self.forget,
            "export": self.export,
        }[request["do"]]
        return action(request)

    def score(self, request: Request) -> dict[str, Any]:
        """Score one network on one benchmark and write the result to ``out``."""
        started = time.monotonic()
        spec = request["model"]
        benchmark = self._benchmark(request["benchmark"])
        network = self._wrapped(spec)
        region = getattr(benchmark, "region", None)
        result: dict[str, Any] = {}
        layers: dict[str, str] = {}
        if region is not None:
            layers[region] = self._choose_layer(request, network, benchmark, region, result)
        from brainscore_vision.model_helpers.brain_transformation import ModelCommitment

        model = ModelCommitment(
            identifier=spec["identifier"],
            activations_model=network,
            layers=spec["layers"],
            behavioral_readout_layer=spec["readout"],
            region_layer_map=layers,
            visual_degrees=VISUAL_DEGREES,
        )
        self.say("scoring")
        # Activations of one layer are used once: storing them would only fill the disk.
        os.environ["RESULTCACHING_DISABLE"] = f"{ACTIVATIONS}.core"
        try:
            score = benchmark(model)
        finally:
            del os.environ["RESULTCACHING_DISABLE"]
        result["layer"] = spec["readout"] if region is None else layers[region]
        result["region"] = region or ""
        result["version"] = str(getattr(benchmark, "version", ""))
        result["seconds"] = time.monotonic() - started
        _add_score(result, score)
        self._publish(request, result)
        return {"score": float(score), "layer": result["layer"]}

    def compare(self, request: Request) -> dict[str, Any]:
        """Score features, given as they are, on a local benchmark: metric and ceiling alone."""
        import numpy as np
        from brainscore_core.supported_data_standards.brainio.assemblies import NeuroidAssembly
        from brainscore_vision.benchmark_helpers.neural_common import explained_variance

        started = time.monotonic()
        benchmark = self._benchmark(request["benchmark"])
        with np.load(request["features"], allow_pickle=False) as given:
            features, stimulus_ids = given["features"], given["stimulus_id"]
        target = benchmark._assembly
        stratify = request["benchmark"]["local"]["stratify"]
        known = dict(zip(target["stimulus_id"].values, target[stratify].values, strict=True))
        lacking = sorted(set(known) - set(stimulus_ids.tolist()))
        if lacking:
            raise RefusalError("input", f"there are no features of stimulus {lacking[0]}.")
        rows = [row for row, name in enumerate(stimulus_ids.tolist()) if name in known]
        n_features = features.shape[1]
        source = NeuroidAssembly(
            features[rows],
            coords={
                "stimulus_id": ("presentation", stimulus_ids[rows]),
                stratify: ("presentation", [known[name] for name in stimulus_ids[rows].tolist()]),
                "neuroid_id": ("neuroid", np.arange(n_features)),
                "layer": ("neuroid", ["features"] * n_features),
            },
            dims=["presentation", "neuroid"],
        )
        _, splits = benchmark._similarity_metric.cross_validation._split.build_splits(target)
        ids = target["stimulus_id"].values.astype(str)
        score = explained_variance(benchmark._similarity_metric(source, target), benchmark.ceiling)
        result: dict[str, Any] = {
            "layer": "features",
            "region": str(benchmark.region),
            "version": str(benchmark.version),
            "seconds": time.monotonic() - started,
            "test_stimuli": np.array([ids[test] for _, test in splits]),
        }
        _add_score(result, score)
        self._publish(request, result)
        return {"score": float(score), "layer": "features"}

    def export(self, request: Request) -> dict[str, Any]:
        """Write a recording with all its repetitions, and its stimuli as networks see them.

        The folder ``out`` gets ``assembly.nc``, ``images/`` and ``images/latents.csv``. Of time
        bins those within ``window`` are kept, of neuroids those of ``region``.
        """
        import numpy as np
        from brainscore_vision import load_dataset
        from brainscore_vision.benchmark_helpers.screen import place_on_screen

        spec = request["benchmark"]
        self.say("loading the recording")
        if spec.get("observers"):
            return self._export_observers(spec, Path(request["out"]))
        if spec.get("local"):
            recorded = _local_recording(spec["identifier"], spec["local"])
            degrees, region = spec["local"]["visual_degrees"], spec["local"]["region"]
        else:
            recorded = load_dataset(spec["assembly"])
            degrees, region = spec["visual_degrees"], spec["region"]
        recorded = recorded.isel(neuroid=np.flatnonzero(recorded["region"].values == region))
        if spec.get("window"):
            start, end = spec["window"]
            inside = recorded["time_bin_start"].values >= start
            inside &= recorded["time_bin_end"].values <= end
            recorded = recorded.isel(time_bin=np.flatnonzero(inside))
        self.say("writing the stimuli")
        shown = place_on_screen(
            recorded.attrs["stimulus_set"],
            target_visual_degrees=VISUAL_DEGREES,
            source_visual_degrees=degrees,
        )
        out = Path(request["out"])
        n_stimuli = _write_stimuli(shown, out / "images")
        self.say("writing the responses")
        _write_responses(recorded, out / "assembly.nc")
        return {"stimuli": n_stimuli, "neuroids": int(recorded.sizes["neuroid"])}

    def _export_observers(self, spec: dict[str, Any], out: Path) -> dict[str, Any]:
        """Write the trials of observers, and all images of their stimulus set with its labels."""
        import pandas as pd
        from brainscore_vision import load_dataset, load_stimulus_set
        from brainscore_vision.benchmark_helpers.screen import place_on_screen

        trials = load_dataset(spec["assembly"])
        self.say("writing the stimuli")
        shown = place_on_screen(
            load_stimulus_set(spec["stimulus_set"]),
            target_visual_degrees=VISUAL_DEGREES,
            source_visual_degrees=spec["visual_degrees"],
        )
        n_stimuli = _write_stimuli(shown, out / "images", label="image_label")
        self.say("writing the trials")
        columns = {name: trials[name].values for name in ("stimulus_id", "sample_obj", "dist_obj")}
        table = pd.DataFrame({**columns, "choice": trials.values})
        table.to_csv(out / "trials.csv", index=False)
        return {"stimuli": n_stimuli, "trials": len(table)}

    def forget(self, request: Request) -> dict[str, Any]:
        """Remove what is cached of a network's activations: gigabytes that nobody needs again."""
        self._network = None
        removed = 0
        for folder in (self.home / "results").glob(f"{ACTIVATIONS}.*"):
            for path in folder.glob(f"identifier={request['identifier']}*"):
                removed += path.stat().st_size
                path.unlink()
        return {"bytes": removed}

    def _benchmark(self, spec: dict[str, Any]) -> Any:
        name = spec["identifier"]
        if name not in self._benchmarks:
            self.say("loading the benchmark")
            if spec.get("local"):
                self._benchmarks[name] = _local_benchmark(name, spec["local"])
            else:
                from brainscore_vision import load_benchmark

                self._benchmarks[name] = load_benchmark(name)
        return self._benchmarks[name]

    def _wrapped(self, spec: dict[str, Any]) -> Any:
        if self._network is not None and self._network[0] == spec["identifier"]:
            return self._network[1]
        self.say("loading the network")
        from brainscore_vision.model_helpers.activations.pytorch import (
            PytorchWrapper,
            load_preprocess_images,
        )

        size = spec["image_size"]
        network = _load_network(spec)
        wrapper = PytorchWrapper(
            identifier=spec["identifier"],
            model=network,
            preprocessing=partial(load_preprocess_images, image_size=size),
            batch_size=spec["batch_size"],
        )
        wrapper.image_size = size
        _check_layers(wrapper, network, [*spec["layers"], spec["readout"]], size)
        self._network = (spec["identifier"], wrapper)
        return wrapper

    def _choose_layer(
        self, request: Request, network: Any, benchmark: Any, region: str, result: dict[str, Any]
    ) -> str:
        """Return the layer that stands for a region, as Brain-Score chooses it.

        On the region's standard public benchmark, activations reduced by PCA to 1000
        dimensions; on the benchmark itself where it is a local one.
        """
        import numpy as np
        from brainscore_vision.model_helpers.brain_transformation import (
            STANDARD_REGION_BENCHMARKS,
            LayerSelection,
        )

        spec = request["model"]
        given = spec["region_layers"].get(region)
        if given:
            return str(given)
        if len(spec["layers"]) == 1:
            return str(spec["layers"][0])
        chosen_by: dict[str, Any] = dict(STANDARD_REGION_BENCHMARKS)
        name = region
        if request["benchmark"].get("local"):
            chosen_by, name = {region: benchmark}, request["benchmark"]["identifier"]
        if region not in chosen_by:
            raise RefusalError(
                "layer",
                f"Brain-Score has no benchmark to choose a layer for {region} with; "
                f"name the layer: --region-layer {region}=LAYER.",
            )
        reduce = bool(spec["reduce"])
        selection = LayerSelection(
            model_identifier=spec["identifier"],
            activations_model=network,
            layers=spec["layers"],
            visual_degrees=VISUAL_DEGREES,
        )
        self.say(f"choosing among {len(spec['layers'])} layers for {region}")
        if reduce:
            self._use_pca_images(request)
            layer = str(selection(selection_identifier=name, benchmark=chosen_by[region]))
        else:
            name = f"{name}-unreduced"
        # Stored by the call above where activations were reduced, computed here otherwise.
        scores = selection._layer_scoring(
            benchmark=chosen_by[region],
            benchmark_identifier=name,
            layers=spec["layers"],
            prerun=True,
        )
        result["layers"] = scores["layer"].values.astype(str)
        result["layer_scores"] = np.asarray(scores.values, dtype=np.float64)
        return layer if reduce else str(result["layers"][int(scores.argmax())])

    def _use_pca_images(self, request: Request) -> None:
        """Let the PCA be fitted on declared images in place of ImageNet's validation set."""
        folder = request.get("pca_images")
        if not folder:
            return
        import h5py

        place = self.home / "pca" / request["pca_digest"]
        images = place / "images.hdf5-files"
        if not images.is_dir():
            paths = [Path(path) for path in request["pca_paths"]]
            beside = place / "making"
            beside.mkdir(parents=True, exist_ok=True)
            for number, path in enumerate(paths):
                link = beside / f"{50 * number}.png"  # the indices that Brain-Score asks for
                if not link.is_symlink():
                    link.symlink_to(path)
            with h5py.File(place / "images.hdf5", "w"):
                pass
            beside.rename(images)
        os.environ["MT_IMAGENET_PATH"] = str(place / "images.hdf5")

    def _publish(self, request: Request, result: dict[str, Any]) -> None:
        import numpy as np

        out = Path(request["out"])
        out.parent.mkdir(parents=True, exist_ok=True)
        facts = {
            "versions": self.versions,
            "machine": self.machine,
            "request": request.get("facts", {}),
        }
        result["facts"] = json.dumps(facts)
        beside = out.with_name(f".{out.name}.{os.getpid()}.npz")
        with beside.open("wb") as file:
            np.savez_compressed(file, **result)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(out)

    def _guard_downloads(self) -> None:
        """Ask whether the storage answers before a download, which would hang for minutes."""
        from brainscore_core.supported_data_standards.brainio import fetch
        from brainscore_vision.model_helpers.activations import pca

        fetch_file = fetch.BotoFetcher.download_boto
        fetch_imagenet = pca.s3.download_file

        def download(fetcher: Any) -> None:
            name = Path(fetcher.relative_path).name
            _check_storage(name)
            self.say(f"downloading {name}")
            fetch_file(fetcher)

        def download_imagenet(key: str, target: str, *args: Any, **kwargs: Any) -> None:
            _check_storage("the ImageNet images that layers are chosen with")
            self.say("downloading the ImageNet validation images, once (some GB)")
            part = f"{target}.filepart"
            fetch_imagenet(key, part, *args, **kwargs)
            Path(part).replace(target)

        fetch.BotoFetcher.download_boto = download
        pca.s3.download_file = download_imagenet


def _load_network(spec: dict[str, Any]) -> Any:
    import torch

    path = Path(spec["weights"])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RefusalError("checkpoint", f"the weights {path} cannot be read ({error}).") from error
    if hashlib.sha256(content).hexdigest() != spec["sha256"]:
        raise RefusalError("checkpoint", f"the weights {path} changed since they were described.")
    network = _build(spec)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(_plain_names(state))
    except Exception as error:
        raise RefusalError(
            "checkpoint",
            f"the weights {path} do not fit {spec['architecture']} with {spec['n_outputs']} "
            f"outputs: {_first_line(error)}",
        ) from error
    return network.eval()


def _build(spec: dict[str, Any]) -> Any:
    source = spec.get("source")
    if source is None:
        from torchvision import models

        return models.get_model(spec["architecture"], weights=None, num_classes=spec["n_outputs"])
    name, _, function = spec["architecture"].partition(":")
    top = name.partition(".")[0]
    try:
        if top not in sys.modules:
            folder = Path(source)
            inside = [str(folder)] if folder.is_dir() else None
            file = folder / "__init__.py" if folder.is_dir() else folder
            found = importlib.util.spec_from_file_location(
                top, file, submodule_search_locations=inside
            )
            assert found is not None
            assert found.loader is not None
            module = importlib.util.module_from_spec(found)
            sys.modules[top] = module
            found.loader.exec_module(module)
        return getattr(importlib.import_module(name), function)(num_outputs=spec["n_outputs"])
    except Exception as error:
        sys.modules.pop(top, None)
        raise RefusalError(
            "checkpoint",
            f"the network {spec['architecture']} cannot be built in Brain-Score's environment "
            f"({_first_line(error)}); let its module import nothing but torch.",
        ) from error


def _plain_names(state: Any) -> Any:
    """Unwrap what training scripts wrap a state dict in, and drop wrappers' prefixes."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    plain = {}
    for name, value in state.items():
        while name.startswith(PREFIXES):
            name = name.partition(".")[2]
        plain[name] = value
    return plain


def _check_layers(wrapper: Any, network: Any, layers: list[str], size: int) -> None:
    import numpy as np

    known = [name for name, _ in network.named_modules() if name]
    for layer in layers:
        if layer not in known:
            close = difflib.get_close_matches(layer, known, 3)
            hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(known)}."
            raise RefusalError("layer", f"the network has no layer {layer!r}; {hint}")
    images = [np.zeros((3, size, size), dtype=np.float32)] * 2
    missing = set(layers) - set(wrapper.get_activations(images, layers))
    if missing:
        raise RefusalError(
            "layer", f"the network's forward pass does not use layer {min(missing)}."
        )


def _write_stimuli(shown: Any, folder: Path, label: str = "") -> int:
    """Copy the images of a stimulus set, with a table of their names (and labels)."""
    folder.mkdir(parents=True)
    names = [str(name) for name in shown["stimulus_id"]]
    files = []
    for number, name in enumerate(names):
        path = Path(shown.get_stimulus(name))
        files.append(f"{number:06d}{path.suffix.lower()}")
        shutil.copyfile(path, folder / files[-1])
    columns = {"file": files, "stimulus_id": names}
    if label:
        columns["label"] = [str(value) for value in shown[label]]
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    (folder / "latents.csv").write_text("\n".join(lines) + "\n")
    return len(names)


def _write_responses(recorded: Any, path: Path) -> None:
    """Write an assembly as plain NetCDF: levels of its indices as coordinates of a dimension."""
    import numpy as np
    import xarray as xr

    dims = [str(dim) for dim in recorded.dims]
    coords = {}
    for name, coord in recorded.reset_index(dims).coords.items():
        if len(coord.dims) == 1:
            values = np.asarray(coord.values)
            coords[str(name)] = (coord.dims, values.astype(str) if values.dtype == "O" else values)
    data = np.asarray(recorded.values)
    xr.Dataset({"response": (dims, data)}, coords=coords).to_netcdf(path)


def _local_recording(identifier: str, local: dict[str, Any]) -> Any:
    import pandas as pd
    from brainscore_core.supported_data_standards.brainio.assemblies import (
        NeuronRecordingAssembly,
        StimulusMergeAssemblyLoader,
    )
    from brainscore_core.supported_data_standards.brainio.stimuli import StimulusSet

    folder = Path(local["folder"])
    stimuli = StimulusSet(pd.read_csv(folder / "stimuli.csv", dtype={"stimulus_id": str}))
    stimuli.identifier = identifier
    images = folder / "images"
    stimuli.stimulus_paths = {
        name: images / file
        for name, file in zip(
            stimuli["stimulus_id"], stimuli.get("filename", stimuli["stimulus_id"]), strict=True
        )
    }
    loader = StimulusMergeAssemblyLoader(
        cls=NeuronRecordingAssembly,
        file_path=folder / "assembly.nc",
        stimulus_set_identifier=identifier,
        stimulus_set=stimuli,
    )
    return loader.load()


def _local_benchmark(identifier: str, local: dict[str, Any]) -> Any:
    """Make a benchmark of files as Brain-Score makes MajajHong2015's: pls, split-half ceiling."""
    import numpy as np
    from brainscore_vision import load_ceiling, load_metric
    from brainscore_vision.benchmark_helpers.neural_common import (
        NeuralBenchmark,
        average_repetition,
    )

    recorded = _local_recording(identifier, local)
    if "time_bin" in recorded.dims:
        recorded = recorded.squeeze("time_bin")
    else:
        recorded["time_bin_start"], recorded["time_bin_end"] = 70, 170
        recorded = recorded.expand_dims("time_bin_start").expand_dims("time_bin_end")
        recorded = recorded.stack(time_bin=["time_bin_start", "time_bin_end"]).squeeze("time_bin")
    region = local["region"]
    inside = np.flatnonzero(recorded["region"].values == region)
    recorded = recorded.isel(neuroid=inside).transpose("presentation", "neuroid")
    recorded.load()
    metric = load_metric("pls", crossvalidation_kwargs={"stratification_coord": local["stratify"]})
    ceiler = load_ceiling("internal_consistency")
    _check_halves(recorded, ceiler)
    return NeuralBenchmark(
        identifier=identifier,
        version=1,
        assembly=average_repetition(recorded),
        similarity_metric=metric,
        visual_degrees=local["visual_degrees"],
        number_of_trials=1,
        ceiling_func=lambda: ceiler(recorded),
        parent=region,
    )


def _check_halves(recorded: Any, ceiler: Any) -> None:
    repetitions, splits = ceiler._consistency._cross_validation._split.build_splits(recorded)
    numbers = repetitions["repetition"].values
    stimuli, of = recorded["stimulus_id"].values, recorded["repetition"].values
    for halves in splits:
        seen = [set(stimuli[[value in set(numbers[half]) for value in of]]) for half in halves]
        lacking = seen[0] ^ seen[1]
        if lacking:
            raise RefusalError(
                "benchmark",
                f"stimulus {min(lacking)} lacks so many repetitions that Brain-Score's split-half "
                "ceiling cannot be computed; leave it out.",
            )


def _add_score(result: dict[str, Any], score: Any) -> None:
    """Add a score, what it was before the ceiling, its ceiling, and both split by split."""
    import numpy as np

    result["score"] = float(score)
    result["error"] = _number(score.attrs.get("error"))
    unceiled, ceiling = score.attrs.get("raw"), score.attrs.get("ceiling")
    for name, array in (("raw_score", unceiled), ("ceiling", ceiling)):
        result[name] = _number(array)
        attrs = getattr(array, "attrs", {})
        result[f"{name}_error"] = _number(attrs.get("error"))
        values = attrs.get("raw")
        if values is None or not getattr(values, "dims", ()):
            continue
        dims = [str(dim) for dim in values.dims]
        result[f"{name}_values"] = np.asarray(values.values, dtype=np.float64)
        result[f"{name}_dims"] = np.array(dims)
        for level in ("neuroid_id", "split"):
            try:
                coord = values[level]
            except KeyError:
                continue
            if len(coord.dims) == 1 and coord.dims[0] in dims:
                kept = np.asarray(coord.values)
                plain = kept if kept.dtype.kind in "if" else kept.astype(str)
                result[f"{name}_coord_{coord.dims[0]}_{level}"] = plain


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _check_storage(what: str) -> None:
    try:
        with urllib.request.urlopen(urllib.request.Request(BUCKET_URL, method="HEAD"), timeout=5):
            return
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError) as error:
        raise RefusalError(
            "network",
            f"{what} must be downloaded, but Brain-Score's storage does not answer; "
            "check the network and run it again.",
        ) from error


def _explain(error: Exception, request: Request) -> RefusalError:
    """Turn an exception of Brain-Score into a sentence."""
    name = request.get("benchmark", {}).get("identifier", "")
    said = str(error)
    if isinstance(error, MemoryError) or "out of memory" in said.lower():
        return RefusalError("memory", f"{name} needs more memory than there is; use fewer layers.")
    if isinstance(error, ModuleNotFoundError):
        return RefusalError(
            "benchmark",
            f"{name} needs the package {error.name}, which Brain-Score's environment lacks.",
        )
    if "No registrations found" in said or (isinstance(error, KeyError) and name in said):
        return RefusalError(
            "benchmark", f"Brain-Score has no benchmark {name!r}; check its spelling."
        )
    if any(sign in said for sign in ("Forbidden", "AccessDenied", "(403)", "InvalidAccessKey")):
        return RefusalError(
            "credentials",
            f"the data of {name} are not public and the storage refuses them; give Brain-Score's "
            "credentials or choose a public benchmark.",
        )
    if any(sign in said for sign in ("EndpointConnection", "ConnectTimeout", "Could not connect")):
        return RefusalError(
            "network", f"the data of {name} could not be downloaded; check the network."
        )
    if "SHA1 mismatch" in said:
        return RefusalError(
            "data", f"a downloaded file of {name} is damaged; delete it in BRAINIO_HOME: {said}"
        )
    if isinstance(error, OSError) and error.errno == 28:
        return RefusalError("disk", "the disk is full; free some space and run it again.")
    return RefusalError("failed", f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in (
        "brainscore-vision",
        "brainscore-core",
        "torch",
        "torchvision",
        "numpy",
        "scipy",
        "scikit-learn",
        "pandas",
        "xarray",
    ):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
