"""Neural alignment: PLS from Gram matrices against Brain-Score's procedure in scikit-learn.

    python benchmarks/bench_neural.py [--quick] [--peer-splits N] [--json OUT]

Two parts, each side of a comparison in a process of its own, for its peak memory.

``pls``: the metric ``pls`` (25 components, ten stratified 90/10 splits, Pearson r, median over
neuroids) on the same activations and responses, once from the Gram matrix, its computation
included, and once as Brain-Score does it: ``PLSRegression(25, scale=False)`` fitted to the
activations in each split, without the costs of its xarray classes. For the wide layer
the peer runs ``--peer-splits`` of the ten splits, and its time is scaled up to ten; the result says
so. Its activations are float64, as it converts them itself, and for two splits of the narrow
layer float32, as networks give them: the difference of the scores is shown for both. Beside
the seconds that pass there are those of the processor, for machines that others use.

``layers``: choosing among the paper's eleven candidate layers of a ResNet-18 at 224 px for four
regions of a simulated ventral stream, by both protocols, from 1,000 images to scores.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from _machine import write

SIZES = {"small": (150, 600, 30), "narrow": (500, 5_000, 150), "wide": (500, 200_704, 150)}
QUICK_SIZES = {"narrow": (150, 600, 30), "wide": (150, 6_000, 30)}
N_CATEGORIES = 5
LATENTS = 64


def make_data(folder: Path, n: int, d: int, m: int) -> None:
    """Write ReLU activations of random units, and noisy responses to the same latents."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((n, LATENTS)) * 2 / np.sqrt(1 + np.arange(LATENTS))
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (n, d))
    for start in range(0, d, 8192):
        width = min(8192, d - start)
        drive = latents @ rng.standard_normal((LATENTS, width)) / 3
        X[:, start : start + width] = np.maximum(drive + rng.standard_normal((n, width)) - 0.3, 0)
    X.flush()
    Y = np.maximum(latents @ rng.standard_normal((LATENTS, m)) / 3 + 0.5, 0)
    np.save(folder / "Y.npy", Y + rng.standard_normal(Y.shape))


def benchmark_of(responses: np.ndarray) -> Any:
    from hyp.metrics.neural.benchmark import NeuralBenchmark

    n, m = responses.shape
    return NeuralBenchmark(
        name="bench",
        region="IT",
        origin="simulated",
        responses=responses,
        stimulus_id=np.arange(n).astype(str),
        neuroid_id=np.arange(m).astype(str),
        strata=np.arange(n) % N_CATEGORIES,
        halves=(),
    )


def run_hyp(folder: Path) -> dict[str, Any]:
    import sklearn.model_selection  # noqa: F401, imports are not what is measured

    from hyp.metrics.gram import compute_gram
    from hyp.metrics.neural.scoring import score_layer

    X, Y = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "Y.npy")
    benchmark = benchmark_of(Y)
    xr.Dataset({"x": ("x", Y[:, 0])})  # it imports dask
    cpu, start = time.process_time(), time.perf_counter()
    gram = compute_gram(X)
    middle = time.perf_counter()
    scored = score_layer(gram, benchmark, formula=None)
    end = time.perf_counter()
    return {
        "cpu_s": time.process_time() - cpu,
        "gram_s": middle - start,
        "pls_s": end - middle,
        "raw": scored["raw"].to_numpy().tolist(),
        "gram_gflops": len(X) ** 2 * X.shape[1] / (middle - start) / 1e9,
    }


def run_peer(folder: Path, dtype: str, n_splits: int) -> dict[str, Any]:
    from scipy.stats import pearsonr
    from sklearn.cross_decomposition import PLSRegression
    from sklearn.model_selection import StratifiedShuffleSplit

    X, Y = np.load(folder / "X.npy").astype(dtype), np.load(folder / "Y.npy")
    strata = np.arange(len(X)) % N_CATEGORIES
    drawn = StratifiedShuffleSplit(10, train_size=0.9, random_state=1).split(X, strata)
    raw, seconds, cpu_seconds, iterations = [], [], [], []
    for train, test in [*drawn][:n_splits]:
        cpu, start = time.process_time(), time.perf_counter()
        model = PLSRegression(25, scale=False).fit(X[train], Y[train])
        predicted = model.predict(X[test])
        raw.append([pearsonr(Y[test, i], predicted[:, i])[0] for i in range(Y.shape[1])])
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu)
        iterations.append(int(np.sum(model.n_iter_)))
    return {
        "splits_s": seconds,
        "cpu_s": 10 * float(np.mean(cpu_seconds)),
        "raw": raw,
        "power_iterations": iterations,
    }


def run_layers(n: int, size: int, folder: Path) -> dict[str, Any]:
    """Time images -> activations on disk -> Grams -> layers chosen by either protocol."""
    import torch
    from torchvision.models import resnet18

    from hyp.metrics.gram import compute_gram
    from hyp.metrics.neural import (
        CANDIDATE_LAYERS,
        VENTRAL_STREAM,
        drive_from_network,
        neural_benchmark,
        score_region,
        simulate_ventral_stream,
    )

    images = np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    few = [region.model_copy(update={"n_repetitions": 4}) for region in VENTRAL_STREAM]
    drives = drive_from_network("resnet18", images, few, seed=1)
    strata = {"object_name": np.arange(n) % N_CATEGORIES}
    assemblies = simulate_ventral_stream(drives, few, seed=1, stimulus_coords=strata)
    torch.manual_seed(0)
    model = resnet18(weights=None).eval()
    names, modules = CANDIDATE_LAYERS["resnet18"], dict(model.named_modules())
    last: dict[str, Any] = {}
    stored: dict[str, np.memmap] = {}
    for name in names:
        modules[name].register_forward_hook(
            lambda module, inputs, output, name=name: last.update({name: output.clone()})
        )
    seconds, cpu = {}, {}
    start, used = time.perf_counter(), time.process_time()
    for first in range(0, n, 50):
        batch = torch.from_numpy(images[first : first + 50]).permute(0, 3, 1, 2) / 255
        with torch.inference_mode():
            model(batch)
        for name, output in last.items():
            flat = output.flatten(1).numpy()
            if name not in stored:
                stored[name] = zarr.create_array(
                    folder / name,
                    shape=(n, flat.shape[1]),
                    chunks=(50, min(flat.shape[1], 16_384)),
                    dtype="float32",
                    compressors=None,
                )
            stored[name][first : first + len(flat)] = flat
    seconds["forward_and_write"] = time.perf_counter() - start
    cpu["forward_and_write"] = time.process_time() - used
    start, used = time.perf_counter(), time.process_time()
    grams = {name: compute_gram(stored[name]) for name in names}
    seconds["grams"] = time.perf_counter() - start
    cpu["grams"] = time.process_time() - used
    chosen = {}
    for protocol in ("published", "recommended"):
        start, used = time.perf_counter(), time.process_time()
        chosen[protocol] = {
            region: score_region(
                grams,
                neural_benchmark(assembly, region, stratify="object_name"),
                protocol=protocol,
            )["layer"]
            .to_numpy()
            .tolist()
            for region, assembly in assemblies.items()
        }
        seconds[protocol] = time.perf_counter() - start
        cpu[protocol] = time.process_time() - used
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "units": {name: grams[name].n_units for name in names},
        "layers": chosen,
        "end_to_end_s": {
            protocol: seconds["forward_and_write"] + seconds["grams"] + seconds[protocol]
            for protocol in chosen
        },
    }


def in_its_own_process(*arguments: str) -> dict[str, Any]:
    """Run one side of this script in a new process; its last line of output is JSON."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def bench_pls(n: int, d: int, m: int, peer_splits: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        make_data(Path(place), n, d, m)
        hyp = in_its_own_process("--side", "hyp", "--folder", place)
        runs = {"float64": peer_splits} | ({"float32": 2} if peer_splits == 10 else {})
        peers = {
            dtype: in_its_own_process(
                *("--side", dtype, "--folder", place, "--peer-splits", str(splits))
            )
            for dtype, splits in runs.items()
        }
    ours = np.array(hyp.pop("raw"))
    hyp_s = hyp["gram_s"] + hyp["pls_s"]
    result: dict[str, Any] = {"size": [n, d, m], "hyp": hyp | {"seconds": hyp_s}}
    for dtype, peer in peers.items():
        theirs = np.array(peer.pop("raw"))
        gap = np.abs(np.median(theirs, axis=1) - np.median(ours[: len(theirs)], axis=1))
        peer["seconds"] = 10 * float(np.mean(peer["splits_s"]))
        peer["measured_splits"] = len(theirs)
        peer["difference_of_split_scores"] = float(gap.max())
        peer["difference_of_neuroids"] = float(np.abs(theirs - ours[: len(theirs)]).max())
        result[f"sklearn_{dtype}"] = peer
    result["speed_up"] = result["sklearn_float64"]["seconds"] / hyp_s
    result["cpu_speed_up"] = result["sklearn_float64"]["cpu_s"] / hyp["cpu_s"]
    result["extrapolation"] = (
        "none" if peer_splits == 10 else f"the peer ran {peer_splits} of 10 splits, scaled to 10"
    )
    result["limit"] = {
        "what": "one symmetric product X X^T in float64; the power iterations do not depend on d",
        "share_of_time": hyp["gram_s"] / hyp_s,
    }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
    parser.add_argument("--peer-splits", type=int, default=1, help="of ten, for the wide layer")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        if arguments.side == "hyp":
            found = run_hyp(arguments.folder)
        elif arguments.side == "layers":
            found = run_layers(*((60, 64) if arguments.quick else (1000, 224)), arguments.folder)
        else:
            found = run_peer(arguments.folder, arguments.side, arguments.peer_splits)
        found["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps(found))
        return
    results: dict[str, Any] = {}
    for name, (n, d, m) in (QUICK_SIZES if arguments.quick else SIZES).items():
        splits = arguments.peer_splits if name == "wide" else 10
        results[name] = row = bench_pls(n, d, m, splits)
        print(
            f"{name}: {n} x {d} x {m}: hyp {row['hyp']['seconds']:.2f} s "
            f"(Gram {row['hyp']['gram_s']:.2f}), {row['hyp']['peak_gib']:.2f} GiB; scikit-learn "
            f"{row['sklearn_float64']['seconds']:.1f} s, {row['sklearn_float64']['peak_gib']:.2f} "
            f"GiB; {row['speed_up']:.0f} x; extrapolation: {row['extrapolation']}",
            flush=True,
        )
        print(f"  by processor time {row['cpu_speed_up']:.0f} x")
        for dtype in ("float64", "float32"):
            peer = row.get(f"sklearn_{dtype}")
            if peer is None:
                continue
            print(
                f"  {dtype}: split scores differ by {peer['difference_of_split_scores']:.1e}, "
                f"neuroids by {peer['difference_of_neuroids']:.1e}"
            )
    quick = ["--quick"] if arguments.quick else []
    with tempfile.TemporaryDirectory() as place:
        results["layers"] = row = in_its_own_process("--side", "layers", "--folder", place, *quick)
    print("layer choice:", {k: round(v, 1) for k, v in row["seconds"].items()}, end=" ")
    print("end to end:", row["end_to_end_s"], f"peak {row['peak_gib']:.2f} GiB")
    print("written to", write(arguments.json, "neural", results))


if __name__ == "__main__":
    main()
