"""A small set in the published layout, written from its description and by nothing of hyp's."""

from __future__ import annotations

import io
import json
import random
import shutil
from pathlib import Path

from PIL import Image

HEADERS = """
scene_name wnid record_wcategory record_name image_file_name skybox_name
rel_pos_x rel_pos_y rel_pos_z rel_rot_x rel_rot_y rel_rot_z rel_rot_w
rel_rot_euler_0 rel_rot_euler_1 rel_rot_euler_2 avatar_pos_x avatar_pos_y avatar_pos_z
camera_rot_x camera_rot_y camera_rot_z camera_rot_w object_pos_x object_pos_y object_pos_z
object_rot_x object_rot_y object_rot_z object_rot_w
""".split()  # noqa: SIM905
SCENES = ("tdw_room", "box_room_2018")  # not in sorted order, as a scene list may be
MODELS = (  # wnid, category, models
    ("n00104409", "bowl", ("round_bowl", "bowl_small")),
    ("n02774152", "bag, handbag, pocketbook, purse", ("vk0002_bag",)),
    ("n02880940", "bowl", ("b04_bowl",)),
)
PER_MODEL = {"n00104409": 2, "n02774152": 4, "n02880940": 4}
SKIES = ("bergen_4k", "aft_lounge_4k")
N = 24


def jpeg(number: int, size: int = 24) -> bytes:
    stream = io.BytesIO()
    colour = (number * 9 % 256, number * 31 % 256, 200)
    Image.new("RGB", (size, size), colour).save(stream, "JPEG", quality=75)
    return stream.getvalue()


def quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text


def truth() -> list[dict]:
    """What every image of the set is, in the order of the index."""
    rng = random.Random(7)
    images = []
    for scene in SCENES:
        for wnid, category, models in MODELS:
            for model in models:
                for k in range(PER_MODEL[wnid]):
                    values = [rng.uniform(-1, 1) for _ in range(24)]
                    values[2] = rng.uniform(0.9, 4.2)
                    values[7:10] = [rng.uniform(0, 360) for _ in range(3)]
                    texts = [scene, wnid, category, model, f"img_{len(images):010d}", SKIES[k % 2]]
                    images.append(dict(zip(HEADERS, [*texts, *values], strict=True)))
    assert len(images) == N
    return images


def line(image: dict) -> str:
    return ",".join(quoted(str(image[name])) for name in HEADERS) + "\n"


def folder_of(root: Path, image: dict) -> Path:
    return root / "images" / image["scene_name"] / image["wnid"] / image["record_name"]


def write_set(root: Path, *, zipped: bool = False, shuffled: bool = False) -> Path:
    """Write the set; `zip_scenes` later turns its scenes into zip files."""
    images = truth()
    index = [",scene,wnid,model"]
    for number, image in enumerate(images):
        folder = folder_of(root, image)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"img_{number:010d}.jpg").write_bytes(jpeg(number))
        (folder / f"img_{number:010d}_info.csv").write_text(line(image))
        index.append(f"{number},{image['scene_name']},{image['wnid']},{image['record_name']}")
    (root / f"index_img_{N}.csv").write_text("\n".join(index) + "\n")
    (root / "img_meta_headers.txt").write_text("\n".join(HEADERS))
    (root / "metadata.txt").write_text(json.dumps({"scene_list": SCENES, "num_img_total": N}))
    (root / "processed_scenes.txt").write_text("".join(f"\n{scene}" for scene in SCENES))
    if shuffled:
        numbers = list(range(N))
        random.Random(1).shuffle(numbers)
        rows = [f"{k},{index[number + 1]}" for k, number in enumerate(numbers)]
        text = "\n".join([",image_index,scene,wnid,model", *rows]) + "\n"
        (root / "index_img_shuffled.csv").write_text(text)
    if zipped:
        zip_scenes(root)
    return root


def zip_scenes(root: Path) -> None:
    """Zip the scenes as the generator did: with directories, deflated; remove the folders."""
    for folder in sorted((root / "images").iterdir()):
        if folder.is_dir():
            shutil.make_archive(str(folder), "zip", folder)
            shutil.rmtree(folder)


def image_path(root: Path, number: int, ending: str = ".jpg") -> Path:
    return folder_of(root, truth()[number]) / f"img_{number:010d}{ending}"
