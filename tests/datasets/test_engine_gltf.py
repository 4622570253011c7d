"""glTF 2.0: every feature that changes what is seen is drawn as specified, or refused by name."""

import hashlib

import numpy as np
import pytest
from gltf_files import (
    BLUE,
    CORNERS,
    GREEN,
    QUAD,
    RED,
    UVS,
    WHITE,
    Card,
    colour_at,
    four,
    quadrants,
    uri,
)
from PIL import Image

from hyp.datasets.designs import Design
from hyp.datasets.engine.meshfiles import read_model
from hyp.datasets.sources import open_source
from hyp.errors import HypError

PLAIN = (RED, GREEN, BLUE, WHITE)


def read(card, tmp_path, **settings):
    return read_model(card.save(tmp_path / "card.gltf"), "card.gltf", **settings)


def area(model):
    a, b, c = (model.vertices[model.faces[:, k]] for k in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def test_a_plain_card_and_its_key(tmp_path):
    found = read(Card(), tmp_path)
    assert four(found.model) == PLAIN
    assert area(found.model) == pytest.approx(2.0)  # both sides of the unit square
    content = (tmp_path / "card.gltf").read_bytes()
    assert found.digest == hashlib.sha256(hashlib.sha256(content).digest()).hexdigest()


def fan(card):
    card.primitive.update(mode=6, indices=card.add(np.array([0, 1, 2, 3], dtype=np.uint8)))


def strip(card):
    card.primitive.update(mode=5, indices=card.add(np.array([0, 1, 3, 2], dtype=np.uint8)))


def fan_beside_triangles(card):
    """The lower right triangle as such, the upper left one as a fan."""
    other = {**card.primitive, "mode": 6, "indices": card.add(np.array([0, 2, 3], np.uint8))}
    card.primitive["indices"] = card.add(QUAD[:3])
    card.tree["meshes"][0]["primitives"].append(other)


def quantised(card):
    wide = np.zeros((4, 4), dtype=np.int16)
    wide[:, :3] = CORNERS * 32767
    position = card.add(wide, normalized=True)
    card.tree["accessors"][position]["type"] = "VEC3"
    card.tree["bufferViews"][card.tree["accessors"][position]["bufferView"]]["byteStride"] = 8
    card.primitive["attributes"] = {
        "POSITION": position,
        "TEXCOORD_0": card.add((UVS * 65535).astype(np.uint16), normalized=True),
    }
    card.need("KHR_mesh_quantization")


def sparse(card):
    """All corners in one point but for those that the sparse part puts into place."""
    number = card.primitive["attributes"]["POSITION"]
    whole = card.tree["accessors"][number].pop("bufferView")
    card.tree["accessors"][number]["sparse"] = {
        "count": 4,
        "indices": {"bufferView": card.view(bytes([0, 1, 2, 3])), "componentType": 5121},
        "values": {"bufferView": whole},
    }


def skin(card):
    """Corners that lie in the origin, each moved to its place by a joint of its own."""
    nodes = [{"translation": corner.tolist()} for corner in CORNERS]
    card.tree["nodes"] = [{"mesh": 0, "skin": 0, "translation": [9, 9, 9]}, *nodes]
    card.tree["scenes"] = [{"nodes": [0, 1, 2, 3, 4]}]
    shift = np.tile(np.eye(4, dtype=np.float32), (4, 1, 1))
    shift[:, 3, 0] = 5.0  # columns first: the bind pose stood at x = -5
    card.tree["skins"] = [{"joints": [1, 2, 3, 4], "inverseBindMatrices": card.add(shift)}]
    joints = np.zeros((4, 4), dtype=np.uint8)
    joints[:, 0] = range(4)
    weights = np.zeros((4, 4), dtype=np.float32)
    weights[:, 0] = 1.0
    start = np.tile(np.array([-5, 0, 0], dtype=np.float32), (4, 1))
    card.primitive["attributes"].update(
        POSITION=card.add(start), JOINTS_0=card.add(joints), WEIGHTS_0=card.add(weights)
    )


def morph(card):
    card.primitive["attributes"]["POSITION"] = card.add(CORNERS * 0)
    card.primitive["targets"] = [
        {"POSITION": card.add(CORNERS * 2)},
        {"POSITION": card.add(CORNERS + 7)},
    ]
    card.tree["meshes"][0]["weights"] = [0.5, 0.0]


def second_uv_set(card):
    attributes = card.primitive["attributes"]
    attributes["TEXCOORD_1"] = attributes["TEXCOORD_0"]
    attributes["TEXCOORD_0"] = card.add(UVS * 0)
    card.base["texCoord"] = 1


def specular_glossiness(card):
    said = {"diffuseTexture": {"index": 0}, "specularFactor": [0.9, 0.9, 0.9]}
    card.tree["materials"] = [{"extensions": {"KHR_materials_pbrSpecularGlossiness": said}}]


def webp(card):
    card.tree["images"] = [{"uri": uri(quadrants(), "webp")}]
    card.tree["textures"] = [{"extensions": {"EXT_texture_webp": {"source": 0}}}]
    card.need("EXT_texture_webp")


def fallback_texture(card):
    card.tree["images"].append({"mimeType": "image/ktx2", "bufferView": card.view(b"KTX")})
    card.tree["textures"] = [{"source": 0, "extensions": {"KHR_texture_basisu": {"source": 1}}}]


def hidden_node(card):
    hidden = {"mesh": 0, "translation": [5, 0, 0]}
    hidden["extensions"] = {"KHR_node_visibility": {"visible": False}}
    card.tree["nodes"].append(hidden)
    card.tree["scenes"][0]["nodes"].append(1)


def other_scene(card):
    card.tree["nodes"].append({"mesh": 0, "translation": [5, 0, 0]})
    card.tree["scenes"] = [{"nodes": [1]}, {"nodes": [0]}]
    card.tree["scene"] = 1


def unused_node(card):
    card.tree["nodes"].append({"mesh": 0, "translation": [5, 0, 0]})


def coarser_level(card):
    unused_node(card)
    card.tree["nodes"][0]["extensions"] = {"MSFT_lod": {"ids": [1]}}
    card.tree["extensionsUsed"] = ["MSFT_lod"]


def variants(card):
    card.tree["materials"].append({"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}})
    mappings = [{"material": 1, "variants": [0]}]
    card.primitive["extensions"] = {"KHR_materials_variants": {"mappings": mappings}}
    card.tree["extensions"] = {"KHR_materials_variants": {"variants": [{"name": "red"}]}}
    card.tree["extensionsUsed"] = ["KHR_materials_variants"]


def opaque_mask(card):
    card.material["alphaMode"] = "MASK"
    card.tree["images"] = [{"uri": uri(quadrants(alpha=200))}]


def unread_alpha(card):
    card.tree["images"] = [{"uri": uri(quadrants(alpha=10))}]


CHANGED = (
    *(fan, fan_beside_triangles, quantised, sparse, skin, morph, second_uv_set),
    *(specular_glossiness, hidden_node),
)
UNCHANGED = (
    *(strip, webp, fallback_texture, other_scene, unused_node, coarser_level, variants),
    *(opaque_mask, unread_alpha),
)


@pytest.mark.parametrize("change", [*CHANGED, *UNCHANGED], ids=lambda change: change.__name__)
def test_the_card_looks_the_same_however_it_is_stored(tmp_path, change):
    card = Card()
    change(card)
    found = read(card, tmp_path)
    assert four(found.model) == PLAIN
    assert area(found.model) == pytest.approx(2.0, rel=1e-3)
    content = (tmp_path / "card.gltf").read_bytes()
    plain = hashlib.sha256(hashlib.sha256(content).digest()).hexdigest()
    assert (found.digest != plain) == (change in CHANGED)


@pytest.mark.parametrize("place", ["texture", "image", "mesh", "material", "view", "buffer", "at"])
def test_numbers_below_zero_are_not_counted_from_the_end(tmp_path, place):
    card = Card()
    said, key = {
        "texture": (card.base, "index"),
        "image": (card.tree["textures"][0], "source"),
        "mesh": (card.tree["nodes"][0], "mesh"),
        "material": (card.primitive, "material"),
        "view": (card.tree["accessors"][0], "bufferView"),
        "buffer": (card.tree["bufferViews"][0], "buffer"),
        "at": (card.tree["bufferViews"][0], "byteOffset"),
    }[place]
    said[key] = -1
    words = "truncated" if place == "at" else "refers to number -1, and numbers begin at 0"
    with pytest.raises(HypError, match=rf"card.gltf cannot be read as GLTF \(.*{words}"):
        read(card, tmp_path)


def test_a_mirrored_node_is_seen_mirrored(tmp_path):
    card = Card()
    card.tree["nodes"][0]["scale"] = [-1, 1, 1]
    assert four(read(card, tmp_path).model) == (GREEN, RED, WHITE, BLUE)


@pytest.mark.parametrize(
    ("said", "file"),
    [
        *[(said, "my tex.png") for said in ("my tex.png", "my%20tex.png", "./my%20tex.png")],
        *[(said, " my tex.png") for said in (" my tex.png", "%20my%20tex.png")],
        ("my%20tex.png", "my%20tex.png"),
    ],
)
def test_textures_beside_the_file_may_have_spaces(tmp_path, said, file):
    card = Card()
    quadrants().save(tmp_path / file)
    card.tree["images"] = [{"uri": said}]
    assert four(read(card, tmp_path).model) == PLAIN


def test_what_has_no_material_is_grey_and_that_is_said(tmp_path):
    card = Card()
    del card.primitive["material"]
    found = read(card, tmp_path)
    assert len(set(four(found.model))) == 1
    assert found.left_out == {"colours (no material: grey)"}
    card.primitive["attributes"]["COLOR_0"] = card.add(np.eye(4, 3, dtype=np.float32) * 1.0)
    assert read(card, tmp_path).left_out == frozenset()


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"scale": [0.5, 0.5]}, (RED,) * 4),
        ({"scale": [0.5, 0.5], "offset": [0.5, 0.0]}, (GREEN,) * 4),
        ({"offset": [0.5, 0.5]}, (WHITE, BLUE, GREEN, RED)),
        ({"offset": [0.0, 1.0], "scale": [1.0, -1.0]}, (BLUE, WHITE, RED, GREEN)),
        # the example of the specification: the lower left quadrant, turned clockwise
        ({"offset": [0, 1], "rotation": np.pi / 2, "scale": [0.5, 0.5]}, (BLUE,) * 4),
        ({"offset": [0, 1], "rotation": np.pi / 2}, (BLUE, RED, WHITE, GREEN)),
        # scaled before it is turned: (u, v) becomes (v, 1 - u / 2)
        ({"offset": [0, 1], "rotation": np.pi / 2, "scale": [0.5, 1]}, (BLUE, BLUE, WHITE, WHITE)),
    ],
)
def test_texture_transforms(tmp_path, said, expected, required):
    card = Card()
    card.base["extensions"] = {"KHR_texture_transform": said}
    if required:
        card.need("KHR_texture_transform")
    assert four(read(card, tmp_path).model) == expected


def test_a_transform_may_name_another_uv_set(tmp_path):
    card = Card()
    card.primitive["attributes"]["TEXCOORD_1"] = card.add(UVS[:, ::-1].copy())
    card.base["extensions"] = {"KHR_texture_transform": {"texCoord": 1}}
    assert four(read(card, tmp_path).model) == (RED, BLUE, GREEN, WHITE)


def test_instances_stand_in_their_places(tmp_path):
    card = Card()
    half = np.sqrt(0.5)
    card.tree["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {
            "attributes": {
                "TRANSLATION": card.add(np.array([[0, 0, 0], [6, 0, 0]], dtype=np.float32)),
                "ROTATION": card.add(np.array([[0, 0, 0, 1], [0, 0, half, half]], np.float32)),
                "SCALE": card.add(np.array([[1, 1, 1], [2, 1, 1]], dtype=np.float32)),
            }
        }
    }
    model = read(card, tmp_path).model
    # two units wide at 0; at 6 four units high, since it is stretched, then turned: 8 by 4
    np.testing.assert_allclose(np.ptp(model.vertices, axis=0), [1.0, 0.5, 0.0], atol=1e-5)
    assert area(model) == pytest.approx(2 * (4 + 8) / 8**2, rel=1e-4)


def test_factors_and_colours_multiply(tmp_path):
    card = Card()
    card.material["pbrMetallicRoughness"] = {"baseColorFactor": [0.5, 1.0, 0.0, 1.0]}
    colours = np.full((4, 4), 65535, dtype=np.uint16)
    colours[:, 1] = 65535 // 4
    card.primitive["attributes"]["COLOR_0"] = card.add(colours, normalized=True)
    # linear (0.5, 0.25, 0) in steps of 1/255
    assert colour_at(read(card, tmp_path).model, 0.1, 0.1) == (181, 128, 0)


@pytest.mark.parametrize("wrap", [10497, 33071, 33648])
def test_pictures_beyond_their_sides(tmp_path, wrap):
    """The card shows the texture's UVs from 0 to 2; its quarters' outer corners are looked at."""
    card = Card()
    card.primitive["attributes"]["TEXCOORD_0"] = card.add(UVS * 2)
    card.tree["samplers"] = [{"wrapS": wrap, "wrapT": wrap}]
    card.tree["textures"][0]["sampler"] = 0
    image = drawn(card, tmp_path)
    corner = {10497: WHITE, 33071: WHITE, 33648: RED}[wrap]
    assert hue(image, 0.05, 0.05) == RED
    assert hue(image, 0.95, 0.95) == corner
    right = {10497: GREEN, 33071: GREEN, 33648: RED}[wrap]
    assert hue(image, 0.95, 0.1) == right
    assert hue(image, 0.6, 0.1) == {10497: RED, 33071: GREEN, 33648: GREEN}[wrap]
    assert hue(image, 0.1, 0.6) == {10497: RED, 33071: BLUE, 33648: BLUE}[wrap]


def test_pixels_keep_their_edges_where_the_sampler_says_so(tmp_path):
    blended = {}
    for nearest in (False, True):
        card = Card()
        card.tree["images"] = [{"uri": uri(quadrants(2))}]
        if nearest:
            card.tree["samplers"] = [{"magFilter": 9728}]
            card.tree["textures"][0]["sampler"] = 0
        image = drawn(card, tmp_path)
        row = image[12, 4:-4].astype(int)
        blended[nearest] = int(((row[:, 0] > 40) & (row[:, 1] > 40)).sum())
    assert blended[True] <= 1
    assert blended[False] > 10


def test_what_glows_is_seen_in_any_light(tmp_path):
    card = Card()
    card.material["pbrMetallicRoughness"] = {"baseColorFactor": [0.0, 0.0, 0.0, 1.0]}
    card.material["emissiveFactor"] = [0.25, 0.25, 0.25]
    card.material["emissiveTexture"] = {"index": 0}
    image = drawn(card, tmp_path)
    seen = [image[row, column].tolist() for row in (16, 48) for column in (16, 48)]
    assert seen == [[128, 0, 0], [0, 128, 0], [0, 0, 128], [128, 128, 128]]


def drawn(card, tmp_path):
    """Return the card as the engine draws it, filling the frame of 64 pixels."""
    (tmp_path / "set" / "cards").mkdir(parents=True, exist_ok=True)
    card.save(tmp_path / "set" / "cards" / "card.gltf")
    (tmp_path / "set" / "panoramas").mkdir(exist_ok=True)
    Image.new("RGB", (64, 32), (90, 90, 90)).save(tmp_path / "set" / "panoramas" / "grey.png")
    source = open_source(f"engine:{tmp_path / 'set'}", image_size=64)
    depth = 0.5 / np.tan(np.radians(30))
    text = "rel_pos_x=0+rel_pos_y=0+rel_rot_euler_0=0+rel_rot_euler_1=180+rel_rot_euler_2=0"
    return source.render(Design.parse(f"{text}+rel_pos_z={depth}"), 0, np.arange(1))[0][0]


def hue(image, across, down):
    """Return which of the four colours a pixel has, whatever the light."""
    pixel = image[int(down * 64), int(across * 64)].astype(float)
    return tuple(int(255 * (value > 0.6 * pixel.max())) for value in pixel)


def draco(card):
    card.need("KHR_draco_mesh_compression")


def draco_without_fallback(card):
    del card.tree["accessors"][0]["bufferView"]
    card.primitive["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0}}


def meshopt(card):
    card.buffers.append({"byteLength": 48})
    card.tree["bufferViews"][0]["buffer"] = 1
    card.tree["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": {"buffer": 0}}


def ktx2(card):
    card.tree["images"] = [{"mimeType": "image/ktx2", "bufferView": card.view(b"KTX")}]
    card.tree["textures"] = [{"extensions": {"KHR_texture_basisu": {"source": 0}}}]


def dds(card):
    card.tree["textures"] = [{"extensions": {"MSFT_texture_dds": {"source": 0}}}]


def unknown(card):
    card.need("ACME_geometry")


def blend(card):
    card.material.update(name="glass", alphaMode="BLEND")
    card.material["pbrMetallicRoughness"]["baseColorFactor"] = [1, 1, 1, 0.4]


def mask(card):
    card.material["alphaMode"] = "MASK"
    card.tree["images"] = [{"uri": uri(quadrants(alpha=100))}]


def transmission(card):
    card.material["extensions"] = {"KHR_materials_transmission": {"transmissionFactor": 1.0}}


def no_uvs(card):
    del card.primitive["attributes"]["TEXCOORD_0"]


def emission_elsewhere(card):
    card.primitive["attributes"]["TEXCOORD_1"] = card.add(UVS)
    card.material.update(emissiveFactor=[1, 1, 1], emissiveTexture={"index": 0, "texCoord": 1})


def version_1(card):
    card.tree["asset"]["version"] = "1.0"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (draco, r"compressed with Draco \(KHR_draco_mesh_compression\)"),
        (draco_without_fallback, r"compressed with Draco \(KHR_draco_mesh_compression\)"),
        (meshopt, r"compressed with meshopt \(EXT_meshopt_compression\)"),
        (ktx2, r"KTX2 textures \(KHR_texture_basisu\)"),
        (dds, r"textures \(MSFT_texture_dds\)"),
        (unknown, "requires the glTF extension ACME_geometry"),
        (blend, r"transparent material, 'glass' \(alphaMode BLEND\)"),
        (mask, r"\(alphaMode MASK\)"),
        (transmission, r"\(KHR_materials_transmission\)"),
        (no_uvs, "a texture, but no TEXCOORD_0"),
        (emission_elsewhere, "emissive texture that lies otherwise"),
        (version_1, "glTF 1.0, not 2.0"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_not_drawn_is_refused_by_name(tmp_path, change, words):
    card = Card()
    change(card)
    with pytest.raises(HypError, match=words) as caught:
        read(card, tmp_path)
    assert str(caught.value).startswith("card.gltf ")


@pytest.mark.parametrize("change", [blend, mask, transmission], ids=lambda change: change.__name__)
def test_transparent_materials_are_drawn_opaque_where_that_is_said(tmp_path, change):
    card = Card()
    change(card)
    assert four(read(card, tmp_path, opaque=True).model) == PLAIN


def test_what_the_look_has_not_is_said(tmp_path):
    card = Card()
    card.material["normalTexture"] = {"index": 0}
    card.material["extensions"] = {"KHR_materials_clearcoat": {}}
    card.tree["animations"] = [{}]
    points = {"attributes": card.primitive["attributes"], "mode": 0}
    card.tree["meshes"][0]["primitives"].append(points)
    left_out = read(card, tmp_path).left_out
    assert left_out == {"normal maps", "KHR_materials_clearcoat", "animations", "points and lines"}
