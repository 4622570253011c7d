"""OBJ, PLY and STL: polygons, materials and colours are drawn right, or refused by name."""

import struct

import numpy as np
import pytest
from gltf_files import BLUE, GREEN, RED, WHITE, colour_at, four, quadrants

from hyp.datasets.engine.meshfiles import read_model
from hyp.datasets.engine.polygons import fans_cover
from hyp.errors import HypError

ELL = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
DART = [(0, 0), (2, 1), (0, 2), (1, 1)]
COMB = [
    (0, 0),
    (5, 0),
    (5, 3),
    (4, 3),
    (4, 1),
    (3, 1),
    (3, 3),
    (2, 3),
    (2, 1),
    (1, 1),
    (1, 3),
    (0, 3),
]
SQUARE = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\n"
CARD = SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
FACE = "f 1/1 2/2 3/3 4/4\n"


def shoelace(polygon):
    x, y = np.array(polygon, dtype=float).T
    return abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2


def areas(model):
    a, b, c = (model.vertices[model.faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)[:, 2] / 2


def read(tmp_path, content, name="a.obj", **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_model(path, name, **settings)


def refused(tmp_path, content, words, name="a.obj", **settings):
    with pytest.raises(HypError, match=words) as caught:
        read(tmp_path, content, name, **settings)
    assert name in str(caught.value)


def polygon_file(kind, polygon):
    n = len(polygon)
    if kind == "obj":
        lines = "".join(f"v {x} {y} 0\n" for x, y in polygon)
        return lines + "f " + " ".join(str(k + 1) for k in range(n)) + "\n"
    head = f"ply\nformat ascii 1.0\nelement vertex {n}\nproperty float x\nproperty float y\n"
    head += "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    lines = "".join(f"{x} {y} 0\n" for x, y in polygon)
    return head + lines + " ".join(str(k) for k in [n, *range(n)]) + "\n"


@pytest.mark.parametrize("kind", ["obj", "ply"])
@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("polygon", [ELL, DART, COMB], ids=["ell", "dart", "comb"])
def test_concave_polygons_are_covered_once(tmp_path, polygon, start, kind):
    """Whatever corner comes first, triangles are inside, so that their areas add up."""
    turned = polygon[start % len(polygon) :] + polygon[: start % len(polygon)]
    for corners in (turned, turned[::-1]):
        model = read(tmp_path, polygon_file(kind, corners), f"a.{kind}").model
        expected = shoelace(polygon) / np.ptp(polygon, axis=0).max() ** 2
        found = areas(model)
        assert found[found > 0].sum() == pytest.approx(expected, rel=1e-4)
        assert -found[found < 0].sum() == pytest.approx(expected, rel=1e-4)
        assert len(found) == 2 * (len(polygon) - 2)


def test_a_polygon_that_its_fan_covers_is_cut_as_ever():
    ell = [[x, y, 0.0] for x, y in ELL]
    assert fans_cover(np.array([ell, ell[2:] + ell[:2]])).tolist() == [True, False]
    assert fans_cover(np.array([[[0, 0, 0], [1, 0, 0.3], [1, 1, 0], [0, 1, 0.3]]])).all()


@pytest.mark.parametrize("lines", ["mtllib m.mtl n.mtl", "mtllib m.mtl\nmtllib n.mtl"])
def test_several_material_libraries(tmp_path, lines):
    (tmp_path / "m.mtl").write_text("newmtl a\nKd 1 0 0\n")
    (tmp_path / "n.mtl").write_text("newmtl b\nKd 0 0 1\nnewmtl a\nKd 0 1 0\n")
    model = read(tmp_path, f"{lines}\n{SQUARE}usemtl a\nf 1 2 3\nusemtl b\nf 1 3 4\n").model
    assert colour_at(model, -0.25, -0.2) == RED
    assert colour_at(model, 0.25, 0.2) == BLUE


def test_negative_numbers_count_from_where_they_stand(tmp_path):
    """Two triangles, each of the three vertices before it."""
    one = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\n"
    two = "v 1 0 0\nv 1 1 0\nv 0 1 0\nf -3 -2 -1\n"
    model = read(tmp_path, one + two).model
    assert np.abs(areas(model)).sum() / 2 == pytest.approx(1.0)
    assert len(model.faces) == 4


@pytest.fixture
def textured(tmp_path):
    quadrants().save(tmp_path / "my tex.png")

    def make(options="", more="", card=CARD):
        (tmp_path / "m.mtl").write_text(f"newmtl a\nmap_Kd {options} my tex.png\n{more}")
        return f"mtllib m.mtl\n{card}usemtl a\n{FACE}"

    return make


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", (RED, GREEN, BLUE, WHITE)),
        ("-s 0.5 0.5 1", (BLUE,) * 4),
        ("-o 0.5 0 0", (GREEN, RED, WHITE, BLUE)),
        ("-clamp on", (RED, GREEN, BLUE, WHITE)),
        ("-blendu on -bm 2", (RED, GREEN, BLUE, WHITE)),
        ("-s 0.5 0.5 -o 0.5 0.5", (GREEN,) * 4),
    ],
)
def test_options_of_textures(tmp_path, textured, options, expected):
    assert four(read(tmp_path, textured(options)).model) == expected


def test_textures_that_are_not_drawn_are_refused(tmp_path, textured):
    refused(tmp_path, textured("-t 0.1 0.1 0.1"), "option -t")
    refused(tmp_path, textured("-mm 0.2 1"), "option -mm")
    wide = CARD.replace("vt 1 1", "vt 3 3")
    refused(tmp_path, textured("-clamp on", card=wide), "beyond the texture of 'a'")
    bare = textured().replace("f 1/1 2/2 3/3 4/4", "f 1 2 3 4")
    refused(tmp_path, bare, "textured material 'a' without coordinates")


def test_emission_of_a_material(tmp_path, textured):
    (skin,) = read(tmp_path, textured(more="map_Ke my tex.png\n")).model.skins
    np.testing.assert_array_equal(skin.glow, 1.0)
    assert skin.glow_texture is not None
    (tmp_path / "m.mtl").write_text("newmtl a\nKd 0 0 0\nKe 1 0 0.5\n")
    (skin,) = read(tmp_path, f"mtllib m.mtl\n{SQUARE}usemtl a\nf 1 2 3\n").model.skins
    assert skin.glow == pytest.approx([1, 0, (128 / 255) ** 2])


@pytest.mark.parametrize(
    ("lines", "words"),
    [("d 0.5", "d 0.5"), ("Tr 0.25", "d 0.75"), ("map_d mask.png", "map_d mask.png")],
)
def test_transparent_materials(tmp_path, lines, words):
    (tmp_path / "m.mtl").write_text(f"newmtl a\nKd 1 0 0\n{lines}\n")
    content = f"mtllib m.mtl\n{SQUARE}usemtl a\nf 1 2 3 4\n"
    refused(tmp_path, content, rf"transparent material, 'a' \({words}\)")
    assert four(read(tmp_path, content, opaque=True).model) == (RED,) * 4
    (tmp_path / "m.mtl").write_text("newmtl a\nKd 1 0 0\nd 1\nTr 1\n")
    assert four(read(tmp_path, content).model) == (RED,) * 4


def test_a_material_that_no_library_defines(tmp_path):
    (tmp_path / "m.mtl").write_text("newmtl other\nKd 1 0 0\n")
    faces = f"{SQUARE}usemtl a\nf 1 2 3 4\n"
    refused(tmp_path, f"mtllib m.mtl\n{faces}", "material 'a', which m.mtl does not define")
    assert read(tmp_path, faces).left_out == {"materials that no file defines"}


def test_a_material_without_a_name_is_that_of_faces_without_one(tmp_path):
    (tmp_path / "m.mtl").write_text("newmtl\nKd 1 0 0\n")
    assert four(read(tmp_path, f"mtllib m.mtl\n{SQUARE}usemtl\nf 1 2 3 4\n").model) == (RED,) * 4


def test_a_tint_beside_a_texture_is_said(tmp_path, textured):
    for tint, said in [("0.8 0.8 0.6", {"Kd of textured materials"}), ("0 0 0", set())]:
        found = read(tmp_path, textured(more=f"Kd {tint}\n"))
        assert four(found.model) == (RED, GREEN, BLUE, WHITE)
        assert found.left_out == said


def test_damaged_files_say_what_they_lack(tmp_path, textured):
    content = textured()
    (tmp_path / "my tex.png").write_bytes(b"no picture")
    refused(tmp_path, content, r"my tex.png.* \(it is no picture that can be decoded\)")
    splats = "ply\nformat ascii 1.0\nelement vertex 1\nproperty float f_dc_0\nend_header\n1\n"
    refused(tmp_path, splats, "no vertices with x, y and z", "a.ply")
    refused(tmp_path, polygon_file("ply", ELL)[:-13], "it is truncated", "a.ply")
    refused(tmp_path, polygon_file("ply", ELL)[:-14] + "\n", "it is truncated", "a.ply")


def test_unused_materials_may_lack_their_texture(tmp_path):
    (tmp_path / "m.mtl").write_text("newmtl b\nmap_Kd gone.png\nnewmtl a\nKd 1 0 0\n")
    content = f"mtllib m.mtl\n{SQUARE}usemtl a\nf 1 2 3 4\n"
    assert four(read(tmp_path, content).model) == (RED,) * 4
    refused(tmp_path, content.replace("usemtl a", "usemtl b"), "'gone.png', which is not in")


def test_what_exporters_leave_behind(tmp_path):
    """Faces without area, a material that is none, and a path of another machine."""
    quadrants().save(tmp_path / "rug.png")
    (tmp_path / "m.mtl").write_text("newmtl a\nmap_Kd /Users/me/My Pictures/living rug.png\n")
    content = f"mtllib m.mtl\n{CARD}usemtl a\n{FACE}f 1 2\nusemtl (null)\nf 1 1 2 2\n"
    found = read(tmp_path, content)
    assert four(found.model) == (RED, GREEN, BLUE, WHITE)
    assert found.left_out == {"faces of fewer than three corners"}


def test_free_form_surfaces_are_refused(tmp_path):
    refused(tmp_path, f"{SQUARE}cstype bspline\nf 1 2 3\n", r"free-form .* \(cstype\)")


@pytest.mark.parametrize("kind", ["obj", "ply"])
def test_uvs_without_image_are_no_colour(tmp_path, kind):
    if kind == "obj":
        content = CARD + FACE
    else:
        content = ply("property float s\nproperty float t\n", [[0, 0], [1, 0], [1, 1], [0, 1]])
    (skin,) = read(tmp_path, content, f"a.{kind}").model.skins
    assert skin.colour == pytest.approx([0.49] * 3)
    assert skin.texture is None


def ply(properties, values, head=""):
    text = f"ply\nformat ascii 1.0\n{head}element vertex 4\nproperty float x\nproperty float y\n"
    text += f"property float z\n{properties}element face 1\n"
    text += "property list uchar int vertex_indices\nend_header\n"
    for corner, more in zip([(-1, -1), (1, -1), (1, 1), (-1, 1)], values, strict=True):
        text += f"{corner[0]} {corner[1]} 0 " + " ".join(str(value) for value in more) + "\n"
    return text + "4 0 1 2 3\n"


@pytest.mark.parametrize(
    ("kind", "full"), [("uchar", 255), ("float", 1.0), ("ushort", 65535), ("double", 255.0)]
)
@pytest.mark.parametrize("prefix", ["", "diffuse_"])
def test_colours_of_ply_vertices(tmp_path, kind, full, prefix):
    names = "".join(f"property {kind} {prefix}{name}\n" for name in ("red", "green", "blue"))
    names += "property float u\nproperty float v\n"
    rows = [[0, full, 0, 0, 0], [0, full, 0, 1, 0], [0, full, 0, 1, 1], [0, full, 0, 0, 1]]
    assert four(read(tmp_path, ply(names, rows), "a.ply").model) == (GREEN,) * 4


def test_textures_of_ply(tmp_path):
    quadrants().save(tmp_path / "a b.png")
    head = "comment TextureFile a b.png\n"
    rows = [[0, 0], [1, 0], [1, 1], [0, 1]]
    names = "property float s\nproperty float t\n"
    model = read(tmp_path, ply(names, rows, head), "a.ply").model
    assert four(model) == (RED, GREEN, BLUE, WHITE)
    refused(tmp_path, ply(names, rows, 2 * head), "has 2 textures", "a.ply")
    refused(tmp_path, ply("", [[]] * 4, head), "no coordinates that say where", "a.ply")


@pytest.mark.parametrize("order", ["little", "big"])
def test_binary_ply_with_polygons_of_several_sizes(tmp_path, order):
    """A quad and a triangle, red and blue, in doubles; trimesh refuses such files."""
    sign = "<" if order == "little" else ">"
    head = f"ply\nformat binary_{order}_endian 1.0\nelement vertex 5\n"
    head += "".join(f"property double {axis}\n" for axis in "xyz")
    head += "element face 2\nproperty list uchar int vertex_index\n"
    head += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (0, 3)]
    body = b"".join(struct.pack(f"{sign}3d", x, y, 0) for x, y in corners)
    body += struct.pack(f"{sign}B4i3B", 4, 0, 1, 2, 3, *RED)
    body += struct.pack(f"{sign}B3i3B", 3, 3, 2, 4, *BLUE)
    content = f"{head}end_header\n".encode() + body
    model = read(tmp_path, content, "a.ply").model
    assert np.abs(areas(model)).sum() / 2 == pytest.approx((4 + 2) / 4**2)
    assert colour_at(model, 0.0, -0.4) == RED
    assert colour_at(model, 0.0, 0.2) == BLUE
    refused(tmp_path, content[:-4], "cannot be read as PLY", "a.ply")


def test_triangle_strips_of_ply(tmp_path):
    head = "ply\nformat ascii 1.0\nelement vertex 4\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    head += "element tristrips 1\nproperty list int int vertex_indices\nend_header\n"
    body = "-1 -1 0\n1 -1 0\n-1 1 0\n1 1 0\n8 0 1 2 -1 2 1 3 -1\n"
    model = read(tmp_path, head + body, "a.ply").model
    assert np.abs(areas(model)).sum() == pytest.approx(2.0)


def test_colours_of_stl_are_said(tmp_path):
    facet = struct.pack("<12f", *[0, 0, 1], *[0, 0, 0], *[1, 0, 0], *[0, 1, 0])
    content = bytes(80) + struct.pack("<I", 1) + facet
    assert read(tmp_path, content + b"\0\0", "a.stl").left_out == set()
    said = "colours of STL, which have no standard"
    assert read(tmp_path, content + b"\x1f\x80", "a.stl").left_out == {said}
    of_all = b"COLOR=\xa0\xa0\xa0\xff".ljust(80)  # as Materialise Magics writes it
    assert read(tmp_path, of_all + content[80:] + b"\0\0", "b.stl").left_out == {said}


def test_truncated_stl_is_not_drawn_in_part(tmp_path):
    facet = struct.pack("<12f", *[0, 0, 1], *[0, 0, 0], *[1, 0, 0], *[0, 1, 0]) + b"\0\0"
    binary = bytes(80) + struct.pack("<I", 2) + 2 * facet
    corners = "".join(f"vertex {x} {y} 0\n" for x, y in [(0, 0), (1, 0), (0, 1)])
    one = f"facet normal 0 0 1\nouter loop\n{corners}endloop\nendfacet\n"
    text = f"solid a\n{2 * one}endsolid a\n"
    assert len(read(tmp_path, text, "a.stl").model.faces) == 4  # either side
    refused(tmp_path, binary[:-50], "it is truncated, or no STL", "a.stl")
    refused(tmp_path, text[: len(text) * 2 // 3], "it does not end with endsolid", "a.stl")
    refused(tmp_path, "<html>404</html>", "it is truncated, or no STL", "a.stl")
