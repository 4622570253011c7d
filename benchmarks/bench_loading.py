"""Images a second of shuffled batches from hyp's datasets, torchvision and webdataset.

The same images, made by the embedded engine: raw at 64 px (PNG for torchvision, which has
no other lossless way; PNG and npy for webdataset) and JPEG at 256 px. Every loader gives
batches of uint8 RGB pixels with labels. All files are in the page cache, and the loaders
take turns, so that a busy neighbour slows all alike. hyp and torchvision shuffle all
images, webdataset a buffer of 1,000.

The other rows say what the limit is: for raw images, the copy of the same batches from an
array in memory; for JPEG, Pillow decoding files in memory with as many threads as hyp uses,
the images left apart or copied to a batch, and what torchvision's decoder would give.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict

import _machine
from hyp.datasets.dataset import Dataset
from hyp.datasets.designs import Design
from hyp.datasets.engine import EngineSource
from hyp.datasets.latents import Latent
from hyp.datasets.making import make_dataset
from hyp.datasets.shards import decoding_threads
from hyp.datasets.sources import SOURCES
from hyp.datasets.specs import DatasetSpec

try:
    import webdataset
except ImportError:
    webdataset = None

BATCH = 64
BUFFER = 1000
SHARD = 256
"""Images a file, for hyp and webdataset: a batch is then from many files, as in a large set."""

QUALITY = 90
JPEG_SIZE = 256
JPEG_SHARE = 4
"""There are so many times fewer JPEG than raw images: they take longer to render."""

WORKERS = (0, 2)
AHEAD = 4
"""Batches that two workers hold ready, two each."""

Batches = Generator[int, None, None]
"""An endless run of batches; gives the size of each."""

Loader = Callable[[], Batches]


class EngineFiles(BaseModel):
    """The engine's images as JPEG files."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["bench-files"] = "bench-files"
    version: int = 1
    image_size: int = JPEG_SIZE
    encoding: Literal["jpeg"] = "jpeg"
    capacity: None = None

    @property
    def latents(self) -> tuple[Latent, ...]:
        return EngineSource().latents

    def sample(self, design: Design, seed: int, indices: np.ndarray) -> dict[str, Any]:
        return EngineSource().sample(design, seed, indices)

    def render(
        self, design: Design, seed: int, indices: np.ndarray, device: str = "cpu"
    ) -> tuple[list[bytes], dict[str, Any]]:
        engine = EngineSource(image_size=self.image_size, supersample=1)
        images, columns = engine.render(design, seed, indices, device)
        return [encoded(image, "JPEG", quality=QUALITY) for image in images], columns


def encoded(image: np.ndarray, form: str, **settings: Any) -> bytes:
    stream = io.BytesIO()
    if form == "npy":
        np.save(stream, image)
    else:
        Image.fromarray(image).save(stream, form, **settings)
    return stream.getvalue()


def shuffled(n: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(n)
        yield from (order[start : start + BATCH] for start in range(0, n - BATCH + 1, BATCH))


def hyp_batches(dataset: Dataset, labels: np.ndarray) -> Batches:
    for indices in shuffled(len(dataset)):
        images, _ = dataset.images(indices), labels[indices]
        yield len(images)


def memory_batches(images: np.ndarray, labels: np.ndarray) -> Batches:
    for indices in shuffled(len(images)):
        found, _ = images[indices], labels[indices]
        yield len(found)


def decoder_batches(files: list[bytes], threads: int, gather: bool = False) -> Batches:
    def decode(some: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(Image.open(io.BytesIO(files[index]))) for index in some]

    with ThreadPoolExecutor(threads) as pool:
        for indices in shuffled(len(files)):
            if threads == 1:
                images = decode(indices)
            else:
                pieces = pool.map(decode, np.array_split(indices, 4 * threads))
                images = list(itertools.chain.from_iterable(pieces))
            yield len(np.stack(images) if gather else images)


def torchvision_batches(files: list[bytes]) -> Batches:
    from torchvision.io import ImageReadMode, decode_jpeg

    tensors = [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files]
    for indices in shuffled(len(files)):
        yield len([decode_jpeg(tensors[index], ImageReadMode.RGB) for index in indices])


def folder_batches(root: Path, workers: int) -> Batches:
    from torch.utils.data import DataLoader, RandomSampler
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import PILToTensor

    images = ImageFolder(root, PILToTensor())
    sampler = RandomSampler(images, num_samples=10**8)
    yield from map(first_size, DataLoader(images, BATCH, sampler=sampler, num_workers=workers))


def tar_batches(root: Path, form: str, workers: int) -> Batches:
    urls = sorted(str(path) for path in root.glob("*.tar"))
    stream = webdataset.WebDataset(urls, resampled=True, shardshuffle=False).shuffle(BUFFER)
    batches = stream.decode("rgb8").to_tuple(form, "cls").batched(BATCH)
    loader = webdataset.WebLoader(batches, batch_size=None, num_workers=workers)
    yield from map(first_size, loader)


def first_size(batch: Any) -> int:
    return len(batch[0])


def write_folder(root: Path, files: list[bytes], names: list[str], suffix: str) -> Path:
    for index, (content, name) in enumerate(zip(files, names, strict=True)):
        path = root / name / f"{index:06d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_tars(root: Path, files: list[bytes], labels: np.ndarray, suffix: str) -> Path:
    root.mkdir()
    for shard in range(-(-len(files) // SHARD)):
        with tarfile.open(root / f"{shard:05d}.tar", "w") as tar:
            for index in range(shard * SHARD, min((shard + 1) * SHARD, len(files))):
                label = str(labels[index]).encode()
                for end, content in ((suffix, files[index]), ("cls", label)):
                    member = tarfile.TarInfo(f"{index:06d}.{end}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return root


def made(root: Path, source: Any, n: int) -> tuple[Dataset, np.ndarray, list[str]]:
    """Make a dataset; return it with the number and name of each image's class."""
    spec = DatasetSpec(source=source, design="full", seed=0, n_images=n, n_val=0, shard_size=SHARD)
    make_dataset(spec, root, workers=os.cpu_count() or 1)
    dataset = Dataset.open(root)
    names = dataset.table["category"].astype(str).tolist()
    return dataset, np.unique(names, return_inverse=True)[1], names


def raw_loaders(root: Path, n: int) -> dict[str, Loader]:
    dataset, labels, names = made(root / "hyp", EngineSource(supersample=1), n)
    images = dataset.images(np.arange(n))
    pngs = [encoded(image, "PNG") for image in images]
    folder = write_folder(root / "folder", pngs, names, "png")
    loaders = {
        "hyp": partial(hyp_batches, dataset, labels),
        "copy in memory": partial(memory_batches, images, labels),
        **{f"ImageFolder, {w} workers": partial(folder_batches, folder, w) for w in WORKERS},
    }
    if webdataset is not None:
        tars = {"png": pngs, "npy": [encoded(image, "npy") for image in images]}
        for form, files in tars.items():
            tar = write_tars(root / form, files, labels, form)
            for w in WORKERS:
                loaders[f"webdataset {form}, {w} workers"] = partial(tar_batches, tar, form, w)
    return loaders


def jpeg_loaders(root: Path, n: int) -> dict[str, Loader]:
    dataset, labels, names = made(root / "hyp", EngineFiles(), n)
    files = dataset.files(np.arange(n))
    folder = write_folder(root / "folder", files, names, "jpg")
    threads = decoding_threads()
    loaders = {
        "hyp": partial(hyp_batches, dataset, labels),
        f"decoder, {threads} threads": partial(decoder_batches, files, threads),
        f"decoder to batch, {threads} threads": partial(decoder_batches, files, threads, True),
        "decoder, 1 thread": partial(decoder_batches, files, 1),
        "torchvision decoder, 1 thread": partial(torchvision_batches, files),
        **{f"ImageFolder, {w} workers": partial(folder_batches, folder, w) for w in WORKERS},
    }
    if webdataset is not None:
        tar = write_tars(root / "jpg", files, labels, "jpg")
        for w in WORKERS:
            loaders[f"webdataset, {w} workers"] = partial(tar_batches, tar, "jpg", w)
    return loaders


def rate(loader: Loader, seconds: float) -> float:
    """Images a second, those left out that workers have ready.

    Workers start and end with the measurement, so that none works during another one.
    """
    with closing(loader()) as batches:
        for _ in range(AHEAD):
            next(batches)
        start, n = time.perf_counter(), 0
        while (passed := time.perf_counter() - start) < seconds:
            n += next(batches)
    return n / passed


def compared(loaders: dict[str, Loader], rounds: int, seconds: float) -> dict[str, Any]:
    """Median images a second of each loader, and of hyp over each, round by round."""
    rates = np.array(
        [[rate(loader, seconds) for loader in loaders.values()] for _ in range(rounds)]
    )
    over = rates[:, :1] / rates
    return {
        name: {
            "images_per_s": round(float(np.median(rates[:, i]))),
            "hyp_over_it": round(float(np.median(over[:, i])), 2),
            "range": np.round([over[:, i].min(), over[:, i].max()], 2).tolist(),
        }
        for i, name in enumerate(loaders)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1024, help="raw images; JPEG: a quarter")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.images < JPEG_SHARE * BATCH:
        parser.error(f"--images: at least {JPEG_SHARE * BATCH}")
    if webdataset is None:
        print("webdataset is not installed, so it is left out (pip install webdataset)")
    torch.set_num_threads(1)  # collation is faster without threads where cores are busy
    SOURCES["bench-files"] = "bench_loading:EngineFiles"
    results: dict[str, Any] = {"raw_images": options.images, "batch": BATCH}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for form, loaders in (
            ("raw_64px", raw_loaders(root / "raw", options.images)),
            (f"jpeg_{JPEG_SIZE}px", jpeg_loaders(root / "jpeg", options.images // JPEG_SHARE)),
        ):
            results[form] = compared(loaders, options.rounds, options.seconds)
            print(f"{form}: images/s, and hyp's over it (range of the rounds)")
            for loader, row in results[form].items():
                low, high = row["range"]
                print(
                    f"  {loader:<30}{row['images_per_s']:>9,}"
                    f"{row['hyp_over_it']:>9.2f} ({low:.2f} to {high:.2f})",
                    flush=True,
                )
    print(_machine.write(options.json, "loading", results))


if __name__ == "__main__":
    main()
