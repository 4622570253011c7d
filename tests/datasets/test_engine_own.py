import json
import shutil

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial, SimpleMaterial

from hyp.datasets.designs import Design
from hyp.datasets.engine import EngineSource, geometry, meshfiles
from hyp.datasets.engine.meshfiles import read_model
from hyp.datasets.engine.render import SLOPE, draw
from hyp.datasets.engine.shapes import CATEGORIES, IDENTITIES
from hyp.datasets.sources import open_source, places, read_source
from hyp.errors import HypError

FACING = "+".join(f"rel_rot_euler_{k}={v}" for k, v in enumerate((0, 180, 0)))
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
AHEAD = f"rel_pos_x=0+rel_pos_y=0+{FACING}"


def brick(colour=(200, 60, 40)):
    mesh = trimesh.creation.box((2, 1, 0.5))
    mesh.visual.vertex_colors = [*colour, 255]
    return mesh


def ball():
    return trimesh.creation.icosphere(2, 0.7)


def letter():
    """An F that is read from where +z points, as three boxes of a scene graph."""
    scene = trimesh.Scene()
    for x0, x1, y0, y1 in ((-0.3, -0.1, -0.5, 0.5), (-0.1, 0.3, 0.3, 0.5), (-0.1, 0.2, -0.1, 0.1)):
        bar = trimesh.creation.box(bounds=[[x0, y0, -0.05], [x1, y1, 0.05]])
        bar.visual = TextureVisuals(material=PBRMaterial(baseColorFactor=[30, 160, 60, 255]))
        scene.add_geometry(bar)
    return scene


def quadrants():
    """A card whose upper left is red, upper right green, lower left blue, lower right white."""
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[:32, :32, 0] = pixels[:32, 32:, 1] = pixels[32:, :32, 2] = 255
    pixels[32:, 32:] = 255
    corners = [[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]]
    look = TextureVisuals(
        uv=[[0, 0], [1, 0], [1, 1], [0, 1]],
        material=SimpleMaterial(image=Image.fromarray(pixels), diffuse=[255, 255, 255, 255]),
    )
    return trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], visual=look, process=False)


def save(mesh, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)
    return path


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Four objects of three categories, in four formats, in front of a plain picture."""
    root = tmp_path_factory.mktemp("own") / "shelf"
    save(brick(), root / "brick" / "red.glb")
    save(brick((40, 60, 200)), root / "brick" / "blue.ply")
    save(ball(), root / "ball" / "plain.stl")
    save(quadrants(), root / "card" / "quadrants.obj")
    (root / "panoramas").mkdir()
    Image.new("RGB", (128, 64), (128, 128, 128)).save(root / "panoramas" / "grey.png")
    return root


@pytest.fixture(scope="module")
def source(shelf):
    return open_source(f"engine:{shelf}", image_size=48)


def latent(source, name):
    return next(item for item in source.latents if item.name == name)


def mask(source, table, size=64):
    sunk = {**table, "object_pos_y": table["object_pos_y"] - 1000.0}
    world = source._world
    return (draw(table, size, 1, "cpu", world) != draw(sunk, size, 1, "cpu", world)).any(-1)


def test_a_folder_names_its_objects(source):
    assert latent(source, "category").values == ("ball", "brick", "card")
    identity = latent(source, "identity")
    assert identity.values == ("blue", "plain", "quadrants", "red")
    assert identity.groups == ("brick", "ball", "card", "brick")
    assert latent(source, "scene").values == ("grey",)
    assert source.identity_category["red"] == "brick"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("categories=2", "category", {"ball", "brick"}),
        ("category=brick", "identity", {"blue", "red"}),
        ("identities=1", "identity", {"blue", "plain", "quadrants"}),
        ("identity=red+scene=grey", "category", {"brick"}),
        ("full", "identity", {"blue", "plain", "quadrants", "red"}),
    ],
)
def test_designs_work_on_own_objects(source, text, name, expected):
    assert set(source.sample(Design.parse(text), 0, np.arange(40))[name]) == expected


def test_own_objects_share_the_random_numbers_of_the_built_in_ones(source):
    own = source.sample(Design(), 0, np.arange(100))
    built_in = EngineSource().sample(Design(), 0, np.arange(100))
    np.testing.assert_array_equal(own["light_azimuth"], built_in["light_azimuth"])
    assert (own["rel_pos_z"] == built_in["rel_pos_z"]).mean() > 0.5


def test_images_do_not_depend_on_the_batch(source):
    images, table = source.render(Design(), 0, np.arange(30))
    alone, row = source.render(Design(), 0, np.array([17]))
    np.testing.assert_array_equal(alone[0], images[17])
    assert row["identity"][0] == table["identity"][17]


def test_the_spec_holds_content_not_paths(source, shelf, tmp_path):
    spec = source.model_dump(mode="json")
    assert str(shelf) not in json.dumps(spec)
    copied = shutil.copytree(shelf, tmp_path / "elsewhere")
    assert open_source(f"engine:{copied}", image_size=48).model_dump(mode="json") == spec
    save(brick((10, 200, 10)), copied / "brick" / "red.glb")
    other = open_source(f"engine:{copied}", image_size=48).model_dump(mode="json")
    pairs = zip(spec["objects"], other["objects"], strict=True)
    changed = [one["identity"] for one, two in pairs if one != two]
    assert changed == ["red"]


def test_latents_are_read_back_without_the_files(source):
    again = read_source(json.loads(json.dumps(source.model_dump(mode="json"))))
    assert again.latents == source.latents
    with pytest.raises(HypError, match="does not say where"):
        again.render(Design(), 0, np.arange(1))
    placed = read_source({**source.model_dump(mode="json"), **places(source)})
    np.testing.assert_array_equal(
        placed.render(Design(), 0, np.arange(3))[0], source.render(Design(), 0, np.arange(3))[0]
    )


def test_a_changed_file_is_noticed_before_it_is_drawn(shelf, tmp_path):
    copied = shutil.copytree(shelf, tmp_path / "shelf")
    source = open_source(f"engine:{copied}")
    (copied / "card" / "material_0.png").unlink()
    with pytest.raises(HypError, match="material_0"):
        source.sample(Design(), 0, np.arange(1))
    Image.new("RGB", (8, 8)).save(copied / "card" / "material_0.png")
    with pytest.raises(HypError, match="has changed"):
        source.sample(Design(), 0, np.arange(1))
    (copied / "card" / "quadrants.obj").unlink()
    with pytest.raises(HypError, match="no object 'quadrants' any more"):
        source.sample(Design(), 0, np.arange(1))


def test_built_in_things_are_replaced_or_kept(tmp_path, source):
    save(ball(), tmp_path / "mug" / "mine.ply")
    alone = open_source(f"engine:{tmp_path}")
    assert latent(alone, "category").values == ("mug",)
    assert latent(alone, "scene") == latent(EngineSource(), "scene")
    both = open_source(f"engine:{tmp_path}", builtin=True)
    assert latent(both, "category").values == CATEGORIES
    assert set(latent(both, "identity").values) == {*IDENTITIES, "mine"}
    table = both.sample(Design.parse("category=mug"), 0, np.arange(60))
    assert "mine" in table["identity"]
    kept = [k for k, name in enumerate(table["identity"]) if name != "mine"]
    drawn = both.render(Design.parse("category=mug"), 0, np.array(kept[:5]))[0]
    rows = {name: column[kept[:5]] for name, column in table.items()}
    np.testing.assert_array_equal(drawn, draw(rows, 64, 2))
    assert latent(source.model_copy(update={"builtin": True}), "scene").values[4] == "grey"


def test_nothing_is_added_to_the_built_in_spec():
    assert EngineSource().model_dump(mode="json") == {
        "kind": "engine",
        "version": 1,
        "image_size": 64,
        "supersample": 2,
        "max_hidden": 0.2,
        "min_visible": 0.01,
    }
    assert open_source("engine") == EngineSource()


@pytest.mark.parametrize("kind", ["glb", "gltf", "obj", "ply", "stl"])
def test_an_asymmetric_object_is_not_mirrored(tmp_path, kind):
    root = tmp_path / "letters"
    root.mkdir()
    mesh = letter() if kind in ("glb", "gltf", "obj") else letter().to_mesh()
    if kind == "gltf":
        for name, content in trimesh.exchange.gltf.export_gltf(mesh).items():
            (root / ("F.gltf" if name == "model.gltf" else name)).write_bytes(content)
    else:
        mesh.export(root / f"F.{kind}")
    source = open_source(f"engine:{root}")
    size, depth = 64, 2.0
    design = Design.parse(f"{AHEAD}+rel_pos_z={depth}+scene=snowfield")
    table = source.sample(design, 0, np.arange(1))
    seen = mask(source, table, size)[0]
    near = depth - 0.05
    y, x = (0.5 - (np.mgrid[0:size, 0:size] + 0.5) / size) * 2 * SLOPE * near
    x = -x
    expected = (np.abs(x + 0.2) < 0.1) & (np.abs(y) < 0.5)
    expected |= (x > -0.15) & (x < 0.3) & (np.abs(y - 0.4) < 0.1)
    expected |= (x > -0.15) & (x < 0.2) & (np.abs(y) < 0.1)
    overlap = [(m & expected).sum() / (m | expected).sum() for m in (seen, seen[:, ::-1])]
    assert overlap[0] > 0.8
    assert overlap[1] < 0.6


@pytest.mark.parametrize("kind", ["glb", "obj"])
def test_textures_lie_as_the_file_says(tmp_path, kind):
    save(quadrants(), tmp_path / "cards" / f"card.{kind}")
    source = open_source(f"engine:{tmp_path}", image_size=64)
    image = source.render(Design.parse(f"{AHEAD}+rel_pos_z=1.5"), 0, np.arange(1))[0][0]
    middle = [(26, 26), (26, 38), (38, 26)]
    brightest = [int(image[row, column].argmax()) for row, column in middle]
    assert brightest == [0, 1, 2]
    assert all(image[row, column].min() < 10 for row, column in middle)
    assert image[38, 38].min() > 60


def test_formats_agree(tmp_path):
    mesh = trimesh.creation.capsule(1, 0.3, count=[12, 12])
    mesh.visual.vertex_colors = [255, 0, 255, 255]
    models = {}
    for kind in ("glb", "obj", "ply", "stl"):
        models[kind] = read_model(save(mesh, tmp_path / f"a.{kind}"), kind).model
    for model in models.values():
        assert len(model.faces) == len(mesh.faces)
        low, high = model.vertices.min(0), model.vertices.max(0)
        np.testing.assert_allclose(low, -high, atol=2e-6)
        np.testing.assert_allclose((high - low).max(), 1.0, atol=2e-6)
        a, b, c = (model.vertices[model.faces[:, k]] for k in range(3))
        cross = np.cross(b - a, c - a)
        extent = np.ptp(mesh.bounds, axis=0).max()
        area = np.linalg.norm(cross, axis=1).sum() / 2
        assert area == pytest.approx(mesh.area / extent**2, rel=1e-4)
        volume = np.einsum("ij,ij->", a, cross) / 6
        assert volume == pytest.approx(mesh.volume / extent**3, rel=1e-4)
        outwards = np.einsum("ij,ij->i", model.normals, model.vertices)
        assert outwards.min() > 0
        if model is not models["stl"]:
            np.testing.assert_allclose(model.tints, [[1, 0, 1]] * len(model.tints), atol=1e-6)
    assert models["stl"].skins[0].colour == pytest.approx([0.49] * 3)


def test_colours_are_linear_in_gltf_and_srgb_elsewhere(tmp_path):
    half = brick((128, 128, 128))
    tints = {
        kind: read_model(save(half, tmp_path / f"a.{kind}"), kind).model.tints
        for kind in ("glb", "ply")
    }
    assert tints["glb"] == pytest.approx(128 / 255)
    assert tints["ply"] == pytest.approx((128 / 255) ** 2)


def test_face_colours_stay_on_their_faces(tmp_path):
    mesh = ball()
    up = mesh.triangles_center[:, 1] > 0
    mesh.visual.face_colors = np.where(up[:, None], [[255, 0, 0, 255]], [[0, 0, 255, 255]])
    model = read_model(save(mesh, tmp_path / "a.ply"), "a").model
    assert len(model.faces) == len(mesh.faces)
    height = model.vertices[model.faces].mean(1)[:, 1]
    red = model.tints[model.faces][..., 0]
    np.testing.assert_array_equal(red, np.repeat((height > 0)[:, None], 3, axis=1))


def test_every_node_is_in_its_place(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(brick(), transform=trimesh.transformations.translation_matrix([0, 3, 0]))
    mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
    scene.add_geometry(brick(), transform=mirror)
    model = read_model(save(scene, tmp_path / "a.glb"), "a").model
    np.testing.assert_allclose(np.ptp(model.vertices, axis=0), [0.5, 1, 0.125], atol=1e-5)
    a, b, c = (model.vertices[model.faces[:, k]] for k in range(3))
    assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 == pytest.approx(2 / 4**3, rel=1e-3)
    assert len(model.faces) == 24


def test_inside_out_parts_are_turned_and_open_ones_have_two_sides(tmp_path):
    inverted = ball()
    inverted.invert()
    right = read_model(save(ball(), tmp_path / "a.ply"), "a").model
    turned = read_model(save(inverted, tmp_path / "b.ply"), "b").model
    for model in (right, turned):
        assert np.einsum("ij,ij->i", model.normals, model.vertices).min() > 0
    half = ball()
    half.update_faces(half.triangles_center[:, 1] > 0)
    model = read_model(save(half, tmp_path / "c.ply"), "c").model
    assert len(model.faces) == 2 * len(half.faces)
    np.testing.assert_allclose(model.normals.sum(0), 0, atol=1e-9)


def test_flat_sides_stay_flat_and_round_ones_round(tmp_path):
    model = read_model(save(brick(), tmp_path / "a.stl"), "a").model
    assert len(model.vertices) == 24
    assert set(np.abs(model.normals).round(6).max(1)) == {1.0}
    model = read_model(save(ball(), tmp_path / "b.stl"), "b").model
    radial = model.vertices / np.linalg.norm(model.vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", radial, model.normals).min() > 0.99
    assert len(model.vertices) == 162


def test_the_upward_axis_can_be_z(tmp_path):
    upright = brick()
    lying = brick()
    lying.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    one = read_model(save(upright, tmp_path / "a.stl"), "a").model
    other = read_model(save(lying, tmp_path / "b.stl"), "b", up="z").model
    np.testing.assert_allclose(
        np.unique(one.vertices, axis=0), np.unique(other.vertices, axis=0), atol=2e-6
    )


def test_pose_is_that_of_the_table(tmp_path):
    save(trimesh.creation.box((1, 0.1, 0.1)), tmp_path / "bars" / "bar.ply")
    source = open_source(f"engine:{tmp_path}")
    table = source.sample(Design.parse("scene=snowfield+rel_pos_z=2.5"), 0, np.arange(12))
    turn = np.stack([table[f"object_rot_{axis}"] for axis in "xyzw"], axis=1)
    camera_turn = np.stack([table[f"camera_rot_{axis}"] for axis in "xyzw"], axis=1)
    relative = geometry.multiply(geometry.inverse(camera_turn), turn)
    along = geometry.rotate(relative, np.broadcast_to([0.5, 0.0, 0.0], (12, 3)))
    for k, seen in enumerate(mask(source, table, 64)):
        centre = np.array([table[f"rel_pos_{axis}"][k] for axis in "xyz"])
        for end in (centre + along[k], centre - along[k]):
            column, row = 32 * (1 + end[:2] / end[2] / SLOPE * [1, -1])
            if min(column, row) > 3 and max(column, row) < 61:
                rows, columns = np.nonzero(seen)
                assert np.hypot(rows + 0.5 - row, columns + 0.5 - column).min() < 2.5


def test_a_table_gives_category_identity_and_axis(tmp_path):
    save(ball(), tmp_path / "a" / "one.ply")
    save(ball(), tmp_path / "a" / "two.ply")
    save(ball(), tmp_path / "a" / "unlisted.ply")
    csv = "file,category,identity,up\na/one.ply,größe,eins,z\na/two.ply,,,\n"
    (tmp_path / "objects.csv").write_text(csv, encoding="utf-8")
    for where in (tmp_path, tmp_path / "objects.csv"):
        source = open_source(f"engine:{where}")
        assert dict(source.identity_category) == {"eins": "größe", "two": "a"}
        assert [item.up for item in source.objects] == ["z", "y"]
    text = 'builtin = true\nup = "z"\n[[objects]]\nfile = "a/one.ply"\ncategory = "orb"\n'
    (tmp_path / "list.toml").write_text(text, encoding="utf-8")
    source = open_source(f"engine:{tmp_path / 'list.toml'}")
    assert source.builtin
    assert source.objects[0].up == "z"
    assert source.identity_category["one"] == "orb"
    assert not open_source(f"engine:{tmp_path / 'list.toml'}", builtin=False).builtin


def test_equal_names_of_files_are_told_apart_by_category(tmp_path):
    for name in ("a/1.ply", "b/1.ply", "b/2.ply", ".hidden/3.ply"):
        save(ball(), tmp_path / name)
    assert dict(open_source(f"engine:{tmp_path}").identity_category) == {
        "2": "b",
        "a-1": "a",
        "b-1": "b",
    }


def test_names_that_no_category_tells_apart_are_paths(tmp_path):
    for name in ("a/x/1.ply", "b/x/1.ply", "b/x/1.stl", "c/2.ply"):
        save(ball(), tmp_path / name)
    assert dict(open_source(f"engine:{tmp_path}").identity_category) == {
        "2": "c",
        "a/x/1": "x",
        "b/x/1.ply": "x",
        "b/x/1.stl": "x",
    }


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Nine good objects, three broken ones, and files of other formats."""
    root = tmp_path_factory.mktemp("mixed")
    for k in range(9):
        save(ball(), root / "balls" / f"{k}.ply")
    write(root / "balls" / "broken.ply", "ply")
    write(root / "balls" / "empty.obj", "v 0 0 0\n")
    write(root / "balls" / "lost.obj", "mtllib none.mtl\n" + TRIANGLE + "f 1 2 3\n")
    write(root / "balls" / "no face.off", "OFF")
    write(root / "balls" / "scene.dae", "<COLLADA/>")
    (root / "panoramas").mkdir()
    Image.new("RGB", (64, 32)).save(root / "panoramas" / "sky.webp")
    return root


def test_all_broken_files_are_listed_at_once(mixed):
    with pytest.raises(HypError) as caught:
        open_source(f"engine:{mixed}")
    said = str(caught.value)
    assert said.startswith(f"3 of 12 files in {mixed} cannot be used; mend them, or leave them out")
    assert "skip=25%" in said
    *lines, passed_over = said.splitlines()[1:]
    assert passed_over.startswith("  Passed over: 1 .dae, 1 .off, 1 .webp; what is read:")
    assert [line.split()[0] for line in lines] == [
        "balls/broken.ply",
        "balls/empty.obj",
        "balls/lost.obj",
    ]
    with pytest.raises(HypError, match="3 of 12 files"):
        open_source(f"engine:{mixed}", skip=0.2)


def test_broken_files_are_left_out_within_a_share(mixed):
    source = open_source(f"engine:{mixed}", skip="25%", image_size=16)
    assert source.skipped == ("balls/broken.ply", "balls/empty.obj", "balls/lost.obj")
    assert [item.identity for item in source.objects] == [str(k) for k in range(9)]
    assert "Passed over: 1 .dae, 1 .off, 1 .webp" in source.remarks
    assert "none.mtl" in source.remarks
    spec = source.model_dump(mode="json")
    assert spec["skipped"] == list(source.skipped)
    assert not {"remarks", "path", "opaque"} & set(spec)
    again = read_source({**json.loads(json.dumps(spec)), **places(source)})
    images = again.render(Design(), 0, np.arange(2))[0]
    np.testing.assert_array_equal(images, source.render(Design(), 0, np.arange(2))[0])
    for skip in ("x", 1, -0.1):
        with pytest.raises(HypError, match="is no share"):
            open_source(f"engine:{mixed}", skip=skip)


def test_drawing_glass_opaque_is_part_of_the_source(tmp_path):
    write(tmp_path / "glass.mtl", "newmtl g\nKd 1 1 1\nd 0.3\n")
    write(tmp_path / "glass.obj", "mtllib glass.mtl\nusemtl g\n" + TRIANGLE + "f 1 2 3\n")
    with pytest.raises(HypError, match="transparent"):
        open_source(f"engine:{tmp_path}")
    source = open_source(f"engine:{tmp_path}", opaque="true", image_size=16)
    assert source.model_dump(mode="json")["opaque"] is True
    again = read_source({**source.model_dump(mode="json"), **places(source)})
    assert again.render(Design(), 0, np.arange(1))[0].shape == (1, 16, 16, 3)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.obj", TRIANGLE, "no faces"),
        ("a.obj", "", "a.obj"),
        ("a.ply", b"", "a.ply"),
        ("a.stl", b"", "a.stl"),
        ("a.glb", b"glTF" + bytes(30), "cannot be read as GLB"),
        ("a.gltf", "{", "cannot be read as GLTF"),
        ("a.glb", b"glTF\x01" + bytes(30), "it is binary glTF 0*1, not 2"),
        ("a.gltf", '{"scenes": [{}]}', "has no faces"),
        ("a.gltf", '{"scenes": [[]]}', "something in it is missing or of another kind"),
        ("a.obj", TRIANGLE.replace("1", "nan") + "f 1 2 3\n", "NaN"),
        ("a.obj", TRIANGLE.replace("1", "1e30") + "f 1 2 3\n", "units large"),
        ("a.obj", TRIANGLE.replace("1", "1e-9") + "f 1 2 3\n", "units large"),
        ("a.obj", TRIANGLE + "f 1 2 1\n", "no faces that are larger"),
        ("a.obj", TRIANGLE + "f 1 2 9\n", "a.obj"),
        ("a.obj", "mtllib no.mtl\n" + TRIANGLE + "f 1 2 3\n", "'no.mtl', which is not in its"),
        ("a.obj", "mtllib ../up.mtl\n" + TRIANGLE + "f 1 2 3\n", "'../up.mtl', which is not in"),
        ("a.obj", "mtllib b.mtl\nusemtl m\n" + TRIANGLE + "f 1 2 3\n", "'absent.png'"),
        ("a.obj", "mtllib c.mtl\nusemtl m\n" + TRIANGLE + "f 1 2 3\n", "broken.png, a texture"),
    ],
)
def test_bad_meshes_are_named(tmp_path, name, content, words):
    folder = tmp_path / "set" / "things"
    folder.mkdir(parents=True)
    write(folder / name, content)
    write(folder / "b.mtl", "newmtl m\nmap_Kd absent.png\n")
    write(folder / "c.mtl", "newmtl m\nmap_Kd broken.png\n")
    write(folder / "broken.png", "no picture")
    write(tmp_path / "set" / "up.mtl", "newmtl m\nKd 1 1 1\n")
    with pytest.raises(HypError, match=words) as caught:
        open_source(f"engine:{tmp_path / 'set'}")
    assert f"things/{name}" in str(caught.value)


def test_a_truncated_file_is_refused(tmp_path):
    for kind in ("glb", "ply", "stl"):
        path = save(ball(), tmp_path / f"a.{kind}")
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(HypError, match="a mesh"):
            read_model(path, "a mesh")


def test_too_many_triangles_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(meshfiles, "MOST_TRIANGLES", 30_000)
    big = trimesh.creation.icosphere(6)
    with pytest.raises(HypError, match="81,920 triangles, more than 30,000"):
        read_model(save(big, tmp_path / "a.ply"), "a")
    scene = trimesh.Scene()
    part = trimesh.creation.icosphere(4)
    for k in range(8):
        scene.add_geometry(part, geom_name="part", transform=np.eye(4) + k * np.eye(4, k=3))
    with pytest.raises(HypError, match="40,960 triangles"):
        read_model(save(scene, tmp_path / "b.glb"), "b")


def test_a_stray_part_is_refused(tmp_path):
    stray = trimesh.util.concatenate([ball(), ball().apply_scale(0.01).apply_translation([99] * 3)])
    with pytest.raises(HypError, match="stray part"):
        read_model(save(stray, tmp_path / "a.ply"), "a")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("objects.csv", "file,category,colour\na/x.ply,a,red\n", "'colour'"),
        ("objects.csv", "category\na\n", "names no file"),
        ("objects.csv", "file\n../x.ply\n", "lies outside"),
        ("objects.csv", "file\na/none.ply\n", "there is no file"),
        ("objects.csv", "file,category\na/x.ply,a|b\n", r"'a\|b' cannot be a name"),
        ("objects.csv", "file,identity\na/x.ply,i\na/y.ply,i\n", "both have the identity 'i'"),
        ("objects.csv", "file,up\na/x.ply,x\n", "axis y or z"),
        ("objects.csv", b"file\n\xff\xfe\n", "cannot be read as a CSV"),
        ("objects.toml", "objects = 3", r"\[\[objects\]\]"),
        ("objects.toml", "objects = [", "mend its TOML"),
        ("objects.toml", "object = []", "'object'"),
        ("objects.toml", 'builtin = "yes"', "true or false"),
        ("objects.toml", '[[objects]]\nfile = "a/x.ply"\ncategory = 3\n', "are text"),
        ("objects.toml", '[[objects]]\nfile = "a/notes.txt"\n', "is no .glb"),
        ("objects.toml", "objects = []", "holds no object"),
    ],
)
def test_bad_tables_are_explained(tmp_path, name, content, words):
    save(ball(), tmp_path / "a" / "x.ply")
    save(ball(), tmp_path / "a" / "y.ply")
    write(tmp_path / "a" / "notes.txt", "hello")
    write(tmp_path / name, content)
    with pytest.raises(HypError, match=words):
        open_source(f"engine:{tmp_path}")


def test_places_without_objects_are_explained(tmp_path):
    with pytest.raises(HypError, match="holds no object"):
        open_source(f"engine:{tmp_path}")
    for where, words in (
        (tmp_path / "none", "there is no"),
        (save(ball(), tmp_path / "x.ply"), "no list of objects"),
    ):
        with pytest.raises(HypError, match=words):
            open_source(f"engine:{where}")
    with pytest.raises(HypError, match="beside your own"):
        open_source("engine", builtin=True)
    save(ball(), tmp_path / "mugs" / "mug-1.ply")
    with pytest.raises(HypError, match="'mug-1' is a built-in one"):
        open_source(f"engine:{tmp_path}", builtin=True)
