"""What the camera sees: how much of the frame the object covers, and the image itself.

The camera is a pinhole at the avatar's position; its frame has x right, y up and z forward, and
pixel centres lie at whole numbers plus a half, counted from the top left.
"""

import io
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from tdw_build import catalogue
from tdw_build.catalogue import Colour
from tdw_build.rotations import Quaternion, Vector, add, columns, inverse, rotate, subtract

Point = tuple[float, float]
NEAR = 0.05
DISC = 0.06  # radius of a marker, and
ARM = 0.35  # its distance from the centre, as shares of the object's extent
MARKERS: tuple[tuple[Vector, Colour], ...] = (
    ((0.0, 0.0, 0.0), (255, 255, 255)),
    ((1.0, 0.0, 0.0), (255, 0, 0)),
    ((-1.0, 0.0, 0.0), (0, 255, 255)),
    ((0.0, 1.0, 0.0), (0, 255, 0)),
    ((0.0, -1.0, 0.0), (255, 0, 255)),
    ((0.0, 0.0, 1.0), (0, 0, 255)),
    ((0.0, 0.0, -1.0), (255, 255, 0)),
)
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
EDGES = [(a, b) for a in range(8) for b in range(a) if (a ^ b) in (1, 2, 4)]
GRID = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 3)] * 3), axis=-1).reshape(-1, 3)


@dataclass(frozen=True)
class Camera:
    """A camera of a given size in pixels, and the scene in which it stands."""

    position: Vector
    rotation: Quaternion
    width: int
    height: int
    field_of_view: float
    scene: str

    @cached_property
    def focal(self) -> float:
        """Pixels per unit of x/z; the field of view is the vertical one, as in Unity."""
        return self.height / 2 / math.tan(math.radians(self.field_of_view) / 2)

    def seen(self, points: ArrayLike) -> NDArray[np.float64]:
        """Points of the world, shape (..., 3), in the camera's frame."""
        axes = np.array(columns(self.rotation))
        return (np.asarray(points, dtype=float) - self.position) @ axes.T

    def pixel(self, point: Vector) -> Point:
        """Where a point of the camera's frame lies in the image."""
        x, y, z = point
        return self.width / 2 + self.focal * x / z, self.height / 2 - self.focal * y / z


@dataclass(frozen=True)
class Body:
    """The box of an object: centre, rotation, size and extent in the world."""

    name: str
    centre: Vector
    rotation: Quaternion
    size: Vector
    extent: float

    @cached_property
    def reach(self) -> float:
        """How far from the centre the farthest corner is."""
        return math.hypot(*self.size) / 2

    def corners(self) -> NDArray[np.float64]:
        return self.points(CORNERS - 0.5)

    def points(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places in the world, shape (n, 3), at shares of the size along each axis."""
        return (shares * self.size) @ np.array(columns(self.rotation)) + self.centre


def _hull(points: list[Point]) -> list[Point]:
    """Find the convex hull, counter-clockwise (Andrew's monotone chain)."""
    points = sorted(set(points))
    if len(points) < 3:
        return points
    chains = []
    for ordered in (points, points[::-1]):
        chain: list[Point] = []
        for p in ordered:
            while len(chain) > 1:
                (ax, ay), (bx, by) = chain[-2], chain[-1]
                if (bx - ax) * (p[1] - ay) > (by - ay) * (p[0] - ax):
                    break
                chain.pop()
            chain.append(p)
        chains.append(chain[:-1])
    return chains[0] + chains[1]


def _cut(polygon: list[Point], a: float, b: float, c: float) -> list[Point]:
    """Keep the part of a convex polygon where a x + b y + c >= 0."""
    kept = []
    for k, (x, y) in enumerate(polygon):
        px, py = polygon[k - 1]
        here, before = a * x + b * y + c, a * px + b * py + c
        if (here >= 0) != (before >= 0):
            t = before / (before - here)
            kept.append((px + t * (x - px), py + t * (y - py)))
        if here >= 0:
            kept.append((x, y))
    return kept


def _outline(camera: Camera, corners: NDArray[np.float64]) -> list[Point]:
    """Find the silhouette of a box, from its eight corners in the camera's frame."""
    points = [tuple(p) for p in corners.tolist()]
    front = [p for p in points if p[2] > NEAR]
    if 0 < len(front) < 8:
        for i, j in EDGES:
            a, b = points[i], points[j]
            if (a[2] > NEAR) != (b[2] > NEAR):
                t = (NEAR - a[2]) / (b[2] - a[2])
                front.append((a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), NEAR))
    return _hull([camera.pixel(p) for p in front])


def _in_frame(camera: Camera, polygon: list[Point]) -> list[Point]:
    for line in ((1, 0, 0), (-1, 0, camera.width), (0, 1, 0), (0, -1, camera.height)):
        if any(line[0] * x + line[1] * y + line[2] < 0 for x, y in polygon):
            polygon = _cut(polygon, *line)
    return polygon


def _area(polygon: list[Point]) -> float:
    return abs(
        sum(
            polygon[k - 1][0] * y - polygon[k - 1][1] * x for k, (x, y) in enumerate(polygon)
        )
    ) / 2  # fmt: skip


def _visible_share(camera: Camera, body: Body) -> float:
    """Count which of 27 places in a body the camera sees past pillars, floor and walls."""
    boxes = _between(camera, body, catalogue.pillars(camera.scene, camera.position))
    regions = catalogue.regions(camera.scene)
    floor = min((centre[1] - size[1] / 2 for centre, size in regions), default=-math.inf)
    walled = camera.scene in catalogue.WALLED
    if not len(boxes) and not walled and body.centre[1] - body.reach > floor:
        return 1.0
    places = body.points(GRID)
    hidden = places[:, 1] < floor
    if len(boxes):
        eye = np.array(camera.position)
        with np.errstate(divide="ignore", invalid="ignore"):
            times = (boxes[:, :, None] - eye) / (places - eye)  # boxes, low and high, places, axes
        enter = np.fmin(times[:, 0], times[:, 1]).max(axis=-1)
        leave = np.fmax(times[:, 0], times[:, 1]).min(axis=-1)
        hidden |= ((enter < leave) & (leave > 0) & (enter < 1)).any(axis=0)
    if walled:
        inside = [
            (np.abs(places - centre) <= np.array(size) / 2).all(axis=-1) for centre, size in regions
        ]
        hidden |= ~np.any(inside, axis=0)
    return 1 - float(hidden.mean())


def _between(camera: Camera, body: Body, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the pillars that can lie between a camera and some place of a body."""
    middles = boxes.mean(axis=1)[:, ::2]
    start, end = np.array(camera.position)[::2], np.array(body.centre)[::2]
    step = end - start
    along = (middles - start) @ step / max(step @ step, 1e-9)
    away = np.hypot(*(middles - start - np.clip(along, 0, 1)[:, None] * step).T)
    return boxes[away < body.reach + catalogue.PILLAR]


def occlusion(camera: Camera, bodies: list[Body]) -> tuple[int, int]:
    """Share of the frame that objects cover with and without the scene, in 255ths."""
    covered = visible = 0.0
    for body in bodies:
        polygon = _in_frame(camera, _outline(camera, camera.seen(body.corners())))
        share = _area(polygon) / (camera.width * camera.height)
        if share > 0:
            covered += share
            visible += share * _visible_share(camera, body)
    return round(255 * min(visible, 1.0)), round(255 * min(covered, 1.0))


def _surroundings(camera: Camera, skybox: str) -> Image.Image:
    """Fill the frame with the colour of the ground below the horizon and of the sky above."""
    image = Image.new("RGB", (camera.width, camera.height), catalogue.ground_colour(camera.scene))
    up = rotate(inverse(camera.rotation), (0.0, 1.0, 0.0))
    w, h, f = camera.width, camera.height, camera.focal
    frame = [(0.0, 0.0), (float(w), 0.0), (float(w), float(h)), (0.0, float(h))]
    sky = _cut(frame, up[0], -up[1], up[2] * f - up[0] * w / 2 + up[1] * h / 2)
    if len(sky) > 2:
        ImageDraw.Draw(image).polygon(sky, fill=catalogue.sky_colour(skybox))
    return image


def _draw_disc(pixels: NDArray[np.uint8], centre: Point, radius: float, colour: Colour) -> None:
    """Blend a smooth-edged disc into the pixels."""
    height, width, _ = pixels.shape
    left, top = max(0, int(centre[0] - radius) - 1), max(0, int(centre[1] - radius) - 1)
    right, bottom = int(centre[0] + radius) + 2, int(centre[1] + radius) + 2
    window = pixels[top : min(bottom, height), left : min(right, width)]
    if window.size == 0 or right <= 0 or bottom <= 0:
        return
    x = np.arange(left, left + window.shape[1]) + 0.5 - centre[0]
    y = np.arange(top, top + window.shape[0]) + 0.5 - centre[1]
    cover = np.clip(radius + 0.5 - np.sqrt(x**2 + y[:, None] ** 2), 0, 1)[..., None]
    window[...] = np.rint(window + cover * (np.array(colour) - window)).astype(np.uint8)


def markers(camera: Camera, body: Body) -> list[tuple[float, Point, float, Colour]]:
    """Depth, place and radius in pixels, and colour of each marker ahead of the camera."""
    found = []
    centre = rotate(inverse(camera.rotation), subtract(body.centre, camera.position))
    axes = [rotate(inverse(camera.rotation), axis) for axis in columns(body.rotation)]
    for (x, y, z), colour in MARKERS:
        arm = tuple(
            ARM * body.extent * (x * axes[0][k] + y * axes[1][k] + z * axes[2][k]) for k in range(3)
        )
        point = add(centre, arm)
        if point[2] > 2 * NEAR:
            radius = camera.focal * DISC * body.extent / point[2]
            found.append((point[2], camera.pixel(point), radius, colour))
    return found


def _encoded(image: Image.Image, extension: str) -> bytes:
    file = io.BytesIO()
    if extension == "jpg":
        image.save(file, "JPEG", quality=95, subsampling=0)
    else:
        image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def picture(camera: Camera, bodies: list[Body], skybox: str, extension: str) -> bytes:
    """Draw the ``_img`` pass."""
    image = _surroundings(camera, skybox)
    draw = ImageDraw.Draw(image)
    ordered = sorted(bodies, key=lambda body: -math.dist(body.centre, camera.position))
    boxes = catalogue.pillars(camera.scene, camera.position)
    centres = boxes.mean(axis=1)[:, ::2]
    away = np.hypot(*(centres - (camera.position[0], camera.position[2])).T)
    corners = camera.seen(boxes[:, :1] + CORNERS * (boxes[:, 1:] - boxes[:, :1]))
    nearest = min((_level_distance(camera, body) for body in bodies), default=0.0)
    stone = catalogue.pillar_colour(camera.scene)
    in_front = []
    for k in np.argsort(-away):
        polygon = _outline(camera, corners[k]) if corners[k, :, 2].max() > NEAR else []
        if len(polygon) > 2:
            if bodies and away[k] < nearest:
                in_front.append(polygon)
            else:
                draw.polygon(polygon, fill=stone)
    for body in ordered:
        polygon = _outline(camera, camera.seen(body.corners()))
        if len(polygon) > 2:
            draw.polygon(polygon, fill=catalogue.body_colour(body.name))
    pixels = np.array(image)
    for body in ordered:
        for _, place, radius, colour in sorted(markers(camera, body), reverse=True):
            _draw_disc(pixels, place, radius, colour)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for polygon in in_front:
        draw.polygon(polygon, fill=stone)
    return _encoded(image, extension)


def _level_distance(camera: Camera, body: Body) -> float:
    x, _, z = subtract(body.centre, camera.position)
    return math.hypot(x, z)


def silhouettes(camera: Camera, bodies: list[Body], colours: list[Colour]) -> bytes:
    """Draw the ``_id`` or ``_mask`` pass, a PNG: one colour for each object, black elsewhere."""
    image = Image.new("RGB", (camera.width, camera.height))
    draw = ImageDraw.Draw(image)
    for body, colour in zip(bodies, colours, strict=True):
        polygon = _outline(camera, camera.seen(body.corners()))
        if len(polygon) > 2:
            draw.polygon(polygon, fill=colour)
    return _encoded(image, "png")
