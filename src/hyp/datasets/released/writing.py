"""Writing a dataset in the published layout."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from hyp.datasets.dataset import Dataset
from hyp.datasets.engine.geometry import from_euler
from hyp.datasets.latents import Latent
from hyp.datasets.poses import EULER, POSITION
from hyp.datasets.released import layout
from hyp.datasets.released.layout import hyp_name
from hyp.errors import HypError
from hyp.store.artifacts import readable_disk_errors, write_atomically

if TYPE_CHECKING:
    import pandas as pd

QUALITY = 95
"""Of JPEG files that are made of raw pixels, without chroma subsampling."""

NORMALISED_OVER = 100_000
"""Images at the beginning of the shuffled index that means and deviations are taken over."""

_INDEX = {"scene": "scene_name", "wnid": "wnid", "model": "record_name"}
_LEARNED = (*POSITION, *EULER)
_TEMPORARY = ".tmp"
COMPLETE = "dataset_scene_all_complete.txt"
ONLY_SCENE = "scene"
_REQUIRED = ("category", *_LEARNED)
_UNSAFE = re.compile(r'[\x00-\x1f/\\<>:"|?*]|^[. ]|[. ]$|^$')
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FILE_MODE = 0o644 << 16
_CHUNK_BYTES = 2**24
_ENCODERS = 4

Progress = Callable[[int, int], None]
"""Called with (done, total) in images."""


def write_released(
    dataset: Dataset,
    folder: Path | str,
    *,
    zipped: bool = True,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write a finished dataset as the ThreeDWorld sets of the paper are published.

    Images are numbered by scene, category, identity and index. Each scene appears at once
    when it is whole; the same call goes on after an interruption, and the file that says
    the set is complete comes last. The same dataset gives the same bytes (with one version
    of Pillow, where it has raw pixels): zip files hold their members uncompressed with one
    fixed date, and ``metadata.txt`` names no times. Reading the set back
    (`hyp.datasets.released.ReleasedTDWSource`) gives the same latents.

    What the layout has no column for, such as light, is left out. What a dataset lacks is
    filled: without scenes there is one, called ``scene``; without ``wnid``, categories are
    numbered in their order (``c00000000``, ...); without identities a category has one,
    called like its wnid; without a sky its name is empty; without quaternions they come
    from the Euler angles; without camera and object in the world the camera is at the
    origin, unrotated.

    The order of ``index_img_shuffled.csv`` is drawn from the dataset's seed (the paper's
    was not seeded): training images, then held-out ones, so that of as many as the paper's
    code takes from the end none was trained on. Means and standard deviations (ddof = 1)
    are over its first 100,000 images, as the paper's.

    Parameters
    ----------
    dataset : Dataset
        With the latents ``category``, ``rel_pos_*`` and ``rel_rot_euler_*``.
    folder : path
        A new or empty folder, or one that an interrupted call left.
    zipped : bool
        Write ``images/<scene>.zip`` rather than folders.
    progress : callable
        Called with the number of images written and of all images.

    Raises
    ------
    HypError
        If the dataset lacks a latent or is rendered online, a name cannot be a folder's,
        the folder holds something else, or cannot be written to.
    """
    folder = Path(folder).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise HypError(f"{folder} is a file; a set needs a folder, choose another path.")
    rows = _rows(dataset)
    with readable_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise HypError(f"another process is writing {folder}; wait until it ends.") from None
        try:
            _claim(folder, _metadata(dataset, rows, zipped))
            _write_index(folder, rows)
            _write_scenes(dataset, rows, folder, zipped, progress)
            _write_preprocessed(dataset, rows, folder)
            _write(folder / COMPLETE, "Dataset scene all is complete.\n")
        finally:
            lock.release()
            (folder / ".lock").unlink(missing_ok=True)


@dataclass(frozen=True)
class _Rows:
    """The rows of the set in order of their numbers, shape (n,) each.

    Attributes
    ----------
    indices : ndarray of int
        Image of the dataset.
    texts : dict of str to ndarray of str
        ``scene_name``, ``wnid``, ``record_wcategory``, ``record_name``, ``skybox_name``.
    numbers : ndarray of float, shape (n, 24)
    """

    indices: NDArray[np.int64]
    texts: dict[str, NDArray[Any]]
    numbers: NDArray[np.float64]

    @property
    def scenes(self) -> list[str]:
        """Scenes in order."""
        return list(dict.fromkeys(self.texts["scene_name"].tolist()))

    def folder(self, number: int) -> str:
        """Return the folder of an image in its scene."""
        return f"{self.texts['wnid'][number]}/{self.texts['record_name'][number]}"

    def line(self, number: int) -> str:
        """Return the row of an image."""
        texts = {name: values[number] for name, values in self.texts.items()}
        texts["image_file_name"] = layout.image_name(number)
        return layout.format_row(
            [texts[name] for name in layout.TEXTS], self.numbers[number].tolist()
        )


def _rows(dataset: Dataset) -> _Rows:
    latents = {latent.name: latent for latent in dataset.latents}
    missing = [name for name in _REQUIRED if name not in latents]
    if missing:
        raise HypError(
            f"the published layout needs {', '.join(missing)}, which {dataset.folder} lacks."
        )
    if dataset.spec.online:
        raise HypError(f"{dataset.folder} stores its held-out images only; make it whole first.")
    table = dataset.table
    texts = _texts(table, latents)
    order = _order(texts, latents)
    return _Rows(
        indices=order,
        texts={name: values[order] for name, values in texts.items()},
        numbers=_numbers(table, latents)[order],
    )


def _texts(table: pd.DataFrame, latents: dict[str, Latent]) -> dict[str, NDArray[Any]]:
    def column(name: str, filling: str | NDArray[Any]) -> NDArray[Any]:
        values: NDArray[Any] = np.full(len(table), filling, dtype=object)
        if name in table:
            values = table[name].astype(str).to_numpy(dtype=object)
        return values

    category = column("category", "")
    places = {value: f"c{place:08d}" for place, value in enumerate(latents["category"].values)}
    wnid = column("wnid", _objects(places[name] for name in category))
    plain = (name.removesuffix(f" {wnid}") for name, wnid in zip(category, wnid, strict=True))
    texts = {
        "scene_name": column("scene", ONLY_SCENE),
        "wnid": wnid,
        "record_wcategory": column("record_wcategory", _objects(plain)),
        "record_name": column("identity", wnid),
        "skybox_name": column("sky", ""),
    }
    for name in ("scene_name", "wnid", "record_name"):
        unsafe = next((text for text in dict.fromkeys(texts[name]) if _UNSAFE.search(text)), None)
        if unsafe is not None:
            raise HypError(f"{name} {unsafe!r} cannot be the name of a folder; rename it.")
    return texts


def _objects(values: Iterable[str]) -> NDArray[Any]:
    return np.array(list(values), dtype=object)


def _order(texts: dict[str, NDArray[Any]], latents: dict[str, Latent]) -> NDArray[np.int64]:
    """Sort by scene, wnid, and the latent's order of identities; then by index."""

    def places(name: str, values: Sequence[str]) -> NDArray[np.int64]:
        place = {value: number for number, value in enumerate(values)}
        return np.array([place[value] for value in texts[name]], dtype=np.int64)

    identity = latents["identity"].values if "identity" in latents else sorted(set(texts["wnid"]))
    return np.lexsort(
        (
            places("record_name", identity),
            places("wnid", sorted(set(texts["wnid"]))),
            places("scene_name", sorted(set(texts["scene_name"]))),
        )
    )


def _numbers(table: pd.DataFrame, latents: dict[str, Latent]) -> NDArray[np.float64]:
    """Return the 24 numbers of every row; see `write_released` for what is filled in."""
    columns = {
        name: table[hyp_name(name)].to_numpy(dtype=np.float64)
        for name in layout.NUMBERS
        if hyp_name(name) in table
    }
    for name in EULER:
        radians = latents[name].unit.startswith("rad")
        columns[name] = np.mod(np.degrees(columns[name]) if radians else columns[name], 360.0)
    relative = [f"rel_rot_{axis}" for axis in "xyzw"]
    if not columns.keys() >= set(relative):
        turn = from_euler(np.stack([columns[name] for name in EULER], axis=1))
        columns |= dict(zip(relative, turn.T, strict=True))
    if not columns.keys() >= set(layout.NUMBERS):
        zero, one = np.zeros(len(table)), np.ones(len(table))
        columns |= {f"avatar_pos_{axis}": zero for axis in "xyz"}
        columns |= {f"camera_rot_{axis}": one if axis == "w" else zero for axis in "xyzw"}
        columns |= {f"object_pos_{axis}": columns[f"rel_pos_{axis}"] for axis in "xyz"}
        columns |= {f"object_rot_{axis}": columns[f"rel_rot_{axis}"] for axis in "xyzw"}
    numbers = np.stack([columns[name] for name in layout.NUMBERS], axis=1)
    if not np.isfinite(numbers).all():
        name = layout.NUMBERS[int(np.argwhere(~np.isfinite(numbers))[0, 1])]
        raise HypError(f"{name} has values that are not finite; the published rows have none.")
    return numbers


def _metadata(dataset: Dataset, rows: _Rows, zipped: bool) -> str:
    """Return ``metadata.txt``: the generator's fields that a dataset tells, and its digest."""
    size = dataset.spec.source.image_size
    content = {
        "dataset": f"{dataset.spec.source.kind}, {dataset.spec.design}",
        "scene_list": rows.scenes,
        "num_img_total": len(rows.indices),
        "materials": False,
        "hdri": bool(np.any(rows.texts["skybox_name"] != "")),
        "screen_width": size,
        "screen_height": size,
        "output_scale": False,
        "show_objects": True,
        "hyp_dataset": hashlib.sha256(dataset.manifest.to_json().encode()).hexdigest(),
        "hyp_zipped": zipped,
    }
    return json.dumps(content, sort_keys=True, indent=4)


def _claim(folder: Path, metadata: str) -> None:
    """Mark the folder as this dataset's; refuse one that is anything else's."""
    path = folder / layout.METADATA
    if path.exists():
        if path.read_text(encoding="utf-8") != metadata:
            raise HypError(f"{folder} already holds another set; choose another folder.")
        return
    others = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    if others:
        raise HypError(f"{folder} already has {others[0]!r}; choose an empty folder.")
    _write(path, metadata)


def _write_index(folder: Path, rows: _Rows) -> None:
    import pandas as pd

    _write(folder / layout.HEADERS_FILE, "\n".join(layout.HEADERS))
    index = pd.DataFrame({name: rows.texts[text] for name, text in _INDEX.items()})
    _write_table(folder / f"index_img_{len(index)}.csv", index)


def _write_scenes(
    dataset: Dataset, rows: _Rows, folder: Path, zipped: bool, progress: Progress
) -> None:
    images = folder / layout.IMAGES
    images.mkdir(exist_ok=True)
    for path in images.glob(f"*{_TEMPORARY}"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = 0
    progress(done, len(rows.indices))
    for scene in rows.scenes:
        numbers = np.flatnonzero(rows.texts["scene_name"] == scene)
        target = images / (f"{scene}.zip" if zipped else scene)
        if not target.exists():
            beside = images / f".{scene}.{uuid.uuid4().hex}{_TEMPORARY}"
            write = _write_zip if zipped else _write_folder
            for written in write(beside, _files(dataset, rows, numbers)):
                progress(done + written, len(rows.indices))
            beside.rename(target)
        models = dict.fromkeys(rows.texts["record_name"][numbers].tolist())
        _write(folder / f"{scene}_processed_records.txt", _lines(models))
        done += len(numbers)
        progress(done, len(rows.indices))
    _write(folder / "processed_scenes.txt", _lines(rows.scenes))


def _files(
    dataset: Dataset, rows: _Rows, numbers: NDArray[np.int64]
) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield path, JPEG file and row of images."""
    chunk = max(1, _CHUNK_BYTES // int(np.prod(dataset.image_shape)))
    with ThreadPoolExecutor(_ENCODERS, "hyp-encode") as pool:
        for start in range(0, len(numbers), chunk):
            some = numbers[start : start + chunk]
            indices = rows.indices[some]
            if dataset.spec.source.encoding == "jpeg":
                files = dataset.files(indices)
            else:
                files = list(pool.map(_jpeg, dataset.images(indices)))
            for number, content in zip(some.tolist(), files, strict=True):
                path = f"{rows.folder(number)}/{layout.image_name(number)}"
                yield path, content, rows.line(number).encode()


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()


def _write_zip(path: Path, files: Iterable[tuple[str, bytes, bytes]]) -> Iterator[int]:
    with path.open("wb") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for count, (name, image, row) in enumerate(files, start=1):
                for ending, content in ((".jpg", image), ("_info.csv", row)):
                    member = zipfile.ZipInfo(f"{name}{ending}", _EPOCH)
                    member.create_system, member.external_attr = _UNIX, _FILE_MODE
                    archive.writestr(member, content)
                yield count
        stream.flush()
        os.fsync(stream.fileno())


def _write_folder(path: Path, files: Iterable[tuple[str, bytes, bytes]]) -> Iterator[int]:
    for count, (name, image, row) in enumerate(files, start=1):
        stem = path / name
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_name(f"{stem.name}.jpg").write_bytes(image)
        stem.with_name(f"{stem.name}_info.csv").write_bytes(row)
        yield count


def _write_preprocessed(dataset: Dataset, rows: _Rows, folder: Path) -> None:
    """Write what the paper's preprocessing adds to a set."""
    import pandas as pd

    order = _shuffled(dataset, rows)
    texts = {name: rows.texts[text][order] for name, text in _INDEX.items()}
    index = pd.DataFrame({"image_index": order, **texts})
    _write_table(folder / layout.SHUFFLED, index)
    numbers = {name: rows.numbers[order, layout.NUMBERS.index(name)] for name in _LEARNED}
    single = {name: values.astype(np.float32) for name, values in numbers.items()}
    _write_table(folder / layout.SHUFFLED_WITH_META, index.assign(**single))
    _write(folder / layout.MAPPINGS, _mappings(texts))
    moments: dict[str, list[float]] = {}
    for name in POSITION:
        values = pd.Series(numbers[name][:NORMALISED_OVER])
        moments |= {f"{name}_mean": [values.mean()], f"{name}_std": [values.std()]}
    _write_table(folder / layout.NORMALISATION, pd.DataFrame(moments))


def _shuffled(dataset: Dataset, rows: _Rows) -> NDArray[np.int64]:
    """Return the numbers of training images, then of held-out ones, each in seeded order."""
    number_of = np.argsort(rows.indices)
    # RandomState draws the same in every version of NumPy; the newer generators may not.
    random = np.random.RandomState(dataset.spec.seed % 2**32)
    parts = [number_of[np.asarray(dataset.split(name))] for name in ("train", "val")]
    return np.concatenate([random.permutation(part) for part in parts])


def _mappings(texts: dict[str, NDArray[Any]]) -> str:
    """Return ``mappings.yml``: labels are places in the sorted names."""
    lines = []
    for kind, column in (("category", "wnid"), ("object", "model")):
        names = sorted(set(texts[column]))
        lines.append(f"{kind}_int2str:")
        lines += [f"  {label}: {json.dumps(name)}" for label, name in enumerate(names)]
        lines.append(f"{kind}_str2int:")
        lines += [f"  {json.dumps(name)}: {label}" for label, name in enumerate(names)]
    return "\n".join(lines) + "\n"


def _lines(names: Iterable[str]) -> str:
    return "".join(f"\n{name}" for name in names)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    _write(path, table.to_csv(lineterminator="\n"))


def _write(path: Path, text: str) -> None:
    write_atomically(path, text.encode())
