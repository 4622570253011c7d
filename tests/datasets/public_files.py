"""Small files in exactly the formats of public datasets and of users' own folders."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import pickle
import struct
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

SIDE = 32
ORIENTATIONS = np.linspace(0, 2 * np.pi, 5)


def sprite(shape, scale, orientation, x, y, side=SIDE):
    """Draw a sprite: `x` to the right, `y` down, turned counter-clockwise."""
    rows, columns = np.mgrid[:side, :side]
    right = columns - (side / 2 - 0.5 + (x - 0.5) * side / 2)
    up = -(rows - (side / 2 - 0.5 + (y - 0.5) * side / 2))
    along = right * np.cos(orientation) + up * np.sin(orientation)
    across = -right * np.sin(orientation) + up * np.cos(orientation)
    size = scale * side / 6
    if shape == 1:
        inside = np.maximum(abs(along), abs(across)) <= size
    elif shape == 2:
        inside = along**2 + (2 * across) ** 2 <= size**2
    else:
        inside = (abs(along) <= size) & (across <= size) & (across >= 2 * abs(along) - size)
    return inside.astype(np.uint8)


def dsprites_arrays(shapes=(1, 2, 3), scales=(0.5, 1.0), orientations=ORIENTATIONS, n_x=3, n_y=4):
    values = np.array(
        list(
            itertools.product(
                (1.0,), shapes, scales, orientations, np.linspace(0, 1, n_x), np.linspace(0, 1, n_y)
            )
        )
    )
    classes = np.stack(
        [np.unique(column, return_inverse=True)[1] for column in values.T], axis=1
    ).astype(np.int64)
    metadata = np.array({"title": "dSprites dataset", "latents_names": ("color", "shape")}, object)
    return {
        "metadata": metadata,
        "imgs": np.array([sprite(*row[1:]) for row in values]),
        "latents_classes": classes,
        "latents_values": values,
    }


def write_dsprites(path: Path, **changes) -> Path:
    np.savez_compressed(path, **{**dsprites_arrays(), **changes})
    return path


def shapes3d_arrays(side=8):
    hues = np.arange(0, 1, 0.25)
    values = np.array(
        list(
            itertools.product(
                hues, hues[:2], hues[:3], (0.75, 1.25), range(4), np.linspace(-30, 30, 3)
            )
        ),
        dtype=np.float64,
    )
    images = np.zeros((len(values), side, side, 3), dtype=np.uint8)
    images[..., 0] = np.arange(len(values))[:, None, None] % 251
    images[..., 1] = np.arange(len(values))[:, None, None] // 251
    images[..., 2] = np.arange(side)
    return {"images": images, "labels": values}


def write_shapes3d(path: Path, *, chunks=None, **changes) -> Path:
    arrays = {**shapes3d_arrays(), **changes}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            packed = {"chunks": chunks, "compression": "gzip"} if chunks and array.ndim == 4 else {}
            file.create_dataset(name, data=array, **packed)
    return path


MAGIC = {"uint8": 0x1E3D4C55, "int32": 0x1E3D4C54, "float32": 0x1E3D4C51}


def binary_matrix(array) -> bytes:
    sizes = [*array.shape, 1, 1, 1][: max(3, array.ndim)]
    header = struct.pack(f"<ii{len(sizes)}i", MAGIC[str(array.dtype)], array.ndim, *sizes)
    return header + array.astype(array.dtype.newbyteorder("<")).tobytes()


def norb_arrays(instances, seed=0, side=6):
    rows = list(itertools.product(range(5), instances, range(0, 9, 4), range(0, 36, 12), range(2)))
    labels = np.array(rows, dtype=np.int32)
    labels = labels[np.random.default_rng(seed).permutation(len(labels))]
    pairs = np.zeros((len(labels), 2, side, side), dtype=np.uint8)
    code = labels @ np.array([1, 5, 3, 1, 7])
    pairs[:, 0], pairs[:, 1] = code[:, None, None], 255 - code[:, None, None]
    return {"dat": pairs, "cat": labels[:, 0].copy(), "info": labels[:, 1:].copy()}


TRAINING = "smallnorb-5x46789x9x18x6x2x96x96-training"
TESTING = "smallnorb-5x01235x9x18x6x2x96x96-testing"


def write_norb(folder: Path, stem=TRAINING, *, gz=False, **changes) -> Path:
    folder.mkdir(exist_ok=True)
    instances = (4, 6) if stem == TRAINING else (0, 1)
    for part, array in {**norb_arrays(instances, len(stem)), **changes}.items():
        content = binary_matrix(array)
        name = f"{stem}-{part}.mat" + (".gz" if gz else "")
        (folder / name).write_bytes(gzip.compress(content) if gz else content)
    return folder


def mpi3d_images(n=460_800):
    images = np.empty((n, 1, 1, 3), dtype=np.uint8)
    number = np.arange(n)
    for channel in range(3):
        images[:, 0, 0, channel] = number >> (8 * channel) & 255
    return images


def write_mpi3d(path: Path, images=None, *, compressed=False) -> Path:
    save = np.savez_compressed if compressed else np.savez
    save(path, images=mpi3d_images() if images is None else images)
    return path


def picture(number, size=(12, 12)):
    """An image whose red tells its number."""
    array = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    array[..., 0] = 10 * number
    array[..., 1] = np.linspace(0, 255, size[0])
    return Image.fromarray(array)


def jpeg(number, size=(20, 16)) -> bytes:
    stream = io.BytesIO()
    picture(number, size).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def write_folder(folder: Path, rows=None, *, header=None, toml=None, size=(12, 12)) -> Path:
    """Write images and ``latents.csv``; each row begins with the image's name."""
    folder.mkdir(exist_ok=True)
    header = header or ["file", "category", "rel_pos_x", "rel_rot_euler_2"]
    if rows is None:
        rows = [
            [f"img_{i:02d}.png", ("cat", "dog")[i % 2], f"{i / 10 - 1:.1f}", str(15 * i)]
            for i in range(20)
        ]
    for number, row in enumerate(rows):
        path = folder / row[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number, size).save(path)
    with (folder / "latents.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    if toml:
        (folder / "latents.toml").write_text(toml, encoding="utf-8")
    return folder


def write_classes(folder: Path, *, suffix=".jpg") -> Path:
    for number, name in enumerate(["b/2", "b/10", "a/sub/1", "a/x", "ç/1", "Z/1", "b/3"]):
        path = folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".png":
            picture(number, (20, 16)).save(path)
        else:
            path.write_bytes(jpeg(number))
    return folder


def write_imagenet(root: Path, split="val") -> Path:
    content = [jpeg(number, (9, 8)) for number in range(5)]
    for number in range(1000):
        folder = root / split / f"n{number:08d}"
        folder.mkdir(parents=True)
        (folder / f"ILSVRC2012_{split}_{number:08d}.JPEG").write_bytes(content[number % 5])
    return root


PHOTOGRAPHED = ("airplane", "bird", "cat", "ship")


def photographs(n, side, seed=0):
    """Return pixels, shape (n, side, side, 3), and codes of `PHOTOGRAPHED`."""
    pixels = np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    return pixels, np.arange(n) % len(PHOTOGRAPHED)


def write_cifar10(root: Path, n=40) -> Path:
    """Write what ``cifar-10-python.tar.gz`` unpacks to, with fewer images."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    pixels, codes = photographs(n, 32)
    rows = pixels.transpose(0, 3, 1, 2).reshape(n, -1)
    for number, part in enumerate(np.array_split(np.arange(n), 5), 1):
        batch = {"data": rows[part], "labels": codes[part].tolist()}
        (folder / f"data_batch_{number}").write_bytes(pickle.dumps(batch))
    (folder / "test_batch").write_bytes(pickle.dumps({"data": rows[:1], "labels": [0]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(PHOTOGRAPHED)}))
    return root


def write_stl10(root: Path, n=24) -> Path:
    """Write what ``stl10_binary.tar.gz`` unpacks to, with fewer images."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    pixels, codes = photographs(n, 96)
    columns = pixels.transpose(0, 3, 2, 1)
    for name, kept in (("train", slice(None)), ("test", slice(1)), ("unlabeled", slice(1))):
        (folder / f"{name}_X.bin").write_bytes(columns[kept].tobytes())
        (folder / f"{name}_y.bin").write_bytes((codes[kept] + 1).astype(np.uint8).tobytes())
    (folder / "class_names.txt").write_text("\n".join(PHOTOGRAPHED))
    return root


def as_released(patch, reader, root: Path) -> None:
    """Let torchvision take the files under a root for those that were released."""

    def checked(name):
        content = (root / reader.base_folder / name).read_bytes()
        return [name, hashlib.md5(content).hexdigest()]

    for listed in ("train_list", "test_list"):
        patch.setattr(reader, listed, [checked(name) for name, _ in getattr(reader, listed)])
    if hasattr(reader, "meta"):
        _, md5 = checked(reader.meta["filename"])
        patch.setattr(reader, "meta", {**reader.meta, "md5": md5})
