"""Image files that a dataset's images come from."""

import multiprocessing

import numpy as np
import pyarrow as pa
import pytest
from disc_source import jpeg_file

from hyp.datasets.shards import SUFFIX, decode_jpeg, fill_images, open_shard, write_shard
from hyp.errors import HypError

SIZE = 16
N = 40
SHARDS = 5


def images_of(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


def written(folder, encoding, n_shards=SHARDS):
    """Write N random images to shards; return the shards and the files or images."""
    images = images_of(N)
    content = [jpeg_file(image) for image in images] if encoding == "jpeg" else images
    shards = []
    for shard in range(n_shards):
        path = folder / f"{shard}{SUFFIX[encoding]}"
        part = content[shard * N // n_shards : (shard + 1) * N // n_shards]
        with path.open("wb") as stream:
            write_shard(stream, encoding, (len(part), SIZE, SIZE, 3), [part])
        shards.append(open_shard(path, encoding, SIZE))
    return shards, content


def parts_of(shards, wanted):
    """Say which rows of which shards the wanted images are."""
    size = N // len(shards)
    for number, shard in enumerate(shards):
        positions = [p for p, index in enumerate(wanted) if index // size == number]
        yield shard, positions, [wanted[p] % size for p in positions]


def filled(shards, wanted):
    images = np.zeros((len(wanted), SIZE, SIZE, 3), dtype=np.uint8)
    fill_images(images, parts_of(shards, wanted))
    return images


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
@pytest.mark.parametrize("n_shards", [1, SHARDS, N])
@pytest.mark.parametrize("wanted", [[], [7], [3, 3], [39, 0, 8, 8, 16, 1], list(range(N))[::-1]])
def test_every_image_comes_to_its_place(tmp_path, encoding, n_shards, wanted):
    shards, content = written(tmp_path, encoding, n_shards)
    images = filled(shards, wanted)
    for image, index in zip(images, wanted, strict=True):
        expected = content[index]
        if encoding == "jpeg":
            expected = decode_jpeg(expected, SIZE)
        assert np.array_equal(image, expected)


def test_a_shard_fills_like_all_of_them(tmp_path):
    shards, _ = written(tmp_path, "jpeg", 1)
    images = np.zeros((2, SIZE, SIZE, 3), dtype=np.uint8)
    shards[0].fill(images, [1, 0], [5, 6])
    assert np.array_equal(images, filled(shards, [6, 5]))


def test_a_file_that_cannot_be_decoded_is_one_sentence(tmp_path):
    path = tmp_path / "0.arrow"
    files = [jpeg_file(image) for image in images_of(20)]
    files[13] = files[13][:200]
    with path.open("wb") as stream:
        write_shard(stream, "jpeg", (20, SIZE, SIZE, 3), [files])
    shard = open_shard(path, "jpeg", SIZE)
    images = np.zeros((20, SIZE, SIZE, 3), dtype=np.uint8)
    with pytest.raises(HypError, match="cannot be decoded"):
        fill_images(images, [(shard, range(20), range(20))])


def test_other_arrow_files_are_refused(tmp_path):
    path = tmp_path / "0.arrow"
    table = pa.table({"picture": [b"1"]})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(ValueError, match="not an Arrow file of images"):
        open_shard(path, "jpeg", SIZE)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not an Arrow file of images"):
        open_shard(path, "jpeg", SIZE)


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork, as data loaders do"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_decodes_though_its_parents_threads_are_not_its_own(tmp_path):
    shards, _ = written(tmp_path, "jpeg")
    before = filled(shards, list(range(N)))
    reader, writer = multiprocessing.Pipe(duplex=False)

    def child():
        writer.send(filled(shards, list(range(N))))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    try:
        assert reader.poll(20), "the fork waits for threads that it does not have"
        assert np.array_equal(reader.recv(), before)
    finally:
        process.kill()
        process.join()
