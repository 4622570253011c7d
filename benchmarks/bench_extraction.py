"""Images a second of one-pass extraction with writing, against the bare forward pass.

Six layers of a ResNet-18, as in the paper; also the peak memory of the process, and size
and speed of what other compressors would have made of the activations.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import zarr
from zarr.codecs import BloscCodec, ZstdCodec

import _machine
from bench_training import MappedImages, rate, wait
from hyp.models.checkpoints import load_model
from hyp.models.extraction import extract
from hyp.models.hardware import best_numerics
from hyp.models.inputs import Preprocessing
from hyp.models.runtime import autocast, open_device, repeatable
from hyp.models.specs import ExtractSpec, TrainSpec
from hyp.models.training import train
from hyp.store.activations import layout, open_layer

LAYERS = (*(f"layer{stage}.0.relu" for stage in (1, 2, 3, 4)), "avgpool", "fc")
CODECS = {
    "none": None,
    "zstd 1": ZstdCodec(level=1),
    "blosc lz4 shuffle": BloscCodec(cname="lz4", clevel=1, shuffle="shuffle"),
    "blosc zstd 1 shuffle": BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
}


def bare(spec: ExtractSpec, folder: Path, dataset: MappedImages, seconds: float) -> np.ndarray:
    """Images a second (see `rate`) of the forward pass on one resident batch."""
    device = open_device(spec.device)
    model, _ = load_model(folder, device=spec.device)
    if spec.channels_last:
        model.to(memory_format=torch.channels_last)
    inputs = Preprocessing(None, spec.channels_last, device)(
        torch.from_numpy(dataset.images(np.arange(spec.batch_size)))
    )

    def step() -> None:
        with torch.inference_mode(), autocast(device, spec.precision):
            model(inputs)

    with repeatable(device, spec.threads):
        return rate(step, device, seconds) * spec.batch_size


def written(spec: ExtractSpec, folder: Path, dataset: MappedImages, out: Path) -> np.ndarray:
    """Images a second (see `rate`) of the whole extraction, after its first batch."""
    times: list[np.ndarray] = []

    def now(done: int = 0, total: int = 0) -> None:
        times.append(np.array([time.perf_counter(), time.thread_time()]))

    extract(spec, folder, dataset, out, progress=now)
    wait(open_device(spec.device))
    now()
    return (dataset.n_images - spec.batch_size) / (times[-1] - times[0])


def compression(out: Path, scratch: Path) -> list[dict[str, object]]:
    """Size, and MB a second of processor time to write and read, of one layer's rows."""
    values = open_layer(out, LAYERS[0])["activation"].isel(stimulus=slice(256)).values
    chunks, shards = layout(*values.shape, 64, 4)
    rows = []
    for name, codec in CODECS.items():
        array = zarr.create_array(
            scratch / name,
            shape=values.shape,
            dtype=values.dtype,
            chunks=chunks,
            shards=shards,
            compressors=codec,
            config={"write_empty_chunks": True},
        )
        start = time.process_time()
        for first in range(0, len(values), shards[0]):
            array[first : first + shards[0]] = values[first : first + shards[0]]
        between = time.process_time()
        assert np.array_equal(array[:], values)
        end = time.process_time()
        size = sum(p.stat().st_size for p in (scratch / name).rglob("*") if p.is_file())
        megabytes = values.nbytes / 1e6
        rows.append(
            {
                "codec": name,
                "relative_size": round(size / values.nbytes, 3),
                "write_mb_per_cpu_s": round(megabytes / (between - start)),
                "read_mb_per_cpu_s": round(megabytes / (end - between)),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--stimuli", type=int)
    options = parser.parse_args()
    numerics = best_numerics("resnet18", 224)
    n_stimuli = options.stimuli or (320 if options.quick else 2000)
    sizes = (224,) if options.quick else (64, 224)
    results: dict[str, object] = {"stimuli": n_stimuli, "layers": LAYERS, **numerics._asdict()}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for size in sizes:
            dataset = MappedImages(scratch, n_stimuli, size)
            model = scratch / f"model-{size}"
            spec = TrainSpec(
                objective="distance", seed=0, n_batches=4, batch_size=32, **numerics._asdict()
            )
            train(spec, dataset, model)
            for threads in (1, 2):
                extraction = ExtractSpec(layers=LAYERS, threads=threads, **numerics._asdict())
                # Before and after, so that a busy neighbour slows both alike.
                before = bare(extraction, model, dataset, 5.0)
                with_writing = written(extraction, model, dataset, scratch / "out")
                forward = (before + bare(extraction, model, dataset, 5.0)) / 2
                row = {
                    "forward_images_per_s": round(float(forward[0]), 1),
                    "extraction_images_per_s": round(float(with_writing[0]), 1),
                    "ratio": round(float(with_writing[0] / forward[0]), 3),
                }
                if threads == 1:
                    by_time = float(with_writing[1] / forward[1])
                    row["ratio_by_processor_time"] = round(by_time, 3)
                print(size, threads, row, flush=True)
                results[f"{size} px, {threads} threads"] = row
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        results["peak_memory_gib"] = round(peak, 2)
        results["compression"] = compression(scratch / "out", scratch)
    for key in ("peak_memory_gib", "compression"):
        print(key, results[key])
    print(_machine.write(options.json, "extraction", results))


if __name__ == "__main__":
    main()
