# mypy: ignore-errors
"""The Warp kernels: project, rasterise, trace the scenery, shade. Same code on CPU and CUDA.

The object is rasterised into a key buffer. The scenery (a room or a ground plane, and a
few boxes) is a short list of flat faces an image, whose edges and nearness are linear in
a ray's slopes, so that rows of pixels are filled without clipping. Nearness is one over
the depth along the optical axis. A key holds nearness in its high bits and face + 1 in
its low 16 bits, so that one integer maximum resolves visibility in whatever order the
faces come.
"""

from hyp.datasets.engine._warp import wp
from hyp.datasets.engine.scenes import SKYLINE as SKYLINE_COLUMNS
from hyp.datasets.engine.textures import LEVELS, NAMES, SIZE

wp.set_module_options({"enable_backward": False, "fast_math": False})

SKY = 0
SKYLINE = 1
FACES = 2
SHADED = 1024
RUN = 16
"""How many vertices or faces one thread takes."""

_TEXELS = wp.constant(SIZE)
_TOP_LEVEL = wp.constant(LEVELS - 1)
_NEARNESS = wp.constant(16777216.0)
_FACE_BITS = wp.constant(wp.int64(21))  # of a key; the rest is nearness
_FACE_MASK = wp.constant(wp.int64((1 << 21) - 1))
_REACH = wp.constant(0.88)  # half the width of the shadow map; unit-size objects fit in it
_FAR = wp.constant(1.0e6)
_HORIZON = wp.constant(1.0e-6)
_RUN = wp.constant(RUN)
_SKYLINE = wp.constant(SKYLINE_COLUMNS)
_CLOUDS = wp.constant(NAMES.index("clouds"))


@wp.struct
class Surface:
    """Two colours (linear) blended by a texture.

    They are multiplied by a picture unless its number is negative, and by the colours of
    the vertices where `tinted` is 1. A surface that glows gives off that light by itself,
    times the picture `shining` unless its number is negative.
    """

    dark: wp.vec3
    light: wp.vec3
    texture: wp.int32
    repeats: wp.float32
    gloss: wp.float32
    picture: wp.int32
    tinted: wp.int32
    glow: wp.vec3
    shining: wp.int32


@wp.struct
class Picture:
    """Where a user's picture begins among the pixels, and its size; a panorama ends at poles.

    Beyond its sides it repeats (0), keeps its last pixels (1) or is mirrored (2).
    """

    first: wp.int32
    width: wp.int32
    height: wp.int32
    panorama: wp.int32
    across: wp.int32
    down: wp.int32
    nearest: wp.int32


@wp.struct
class Block:
    """An axis-aligned box of scenery."""

    low: wp.vec3
    high: wp.vec3
    surface: wp.int32


@wp.struct
class Place:
    """A scene; its first `casters` boxes are thick enough to cast shadows.

    Unless its `picture` is negative, it is that panorama and nothing else.
    """

    low: wp.vec3
    high: wp.vec3
    indoor: wp.int32
    picture: wp.int32
    floor: wp.int32
    wall: wp.int32
    ceiling: wp.int32
    boxes: wp.int32
    casters: wp.int32


@wp.struct
class Face:
    """A visible flat face of the scenery in one image, ready for rows of pixels.

    Three-vectors are to be multiplied by (u, v, 1), a ray's slopes. A ray of nearness
    (one over depth) `near` above 0 hits the face where the four edges are not negative.
    """

    near: wp.vec3
    edge_0: wp.vec3
    edge_1: wp.vec3
    edge_2: wp.vec3
    edge_3: wp.vec3
    across: wp.vec3
    along: wp.vec3
    through: wp.vec3
    across_at: wp.float32
    along_at: wp.float32
    texture: wp.int32
    texels: wp.float32
    dark: wp.vec3
    light: wp.vec3
    sunny_dark: wp.vec3
    sunny_light: wp.vec3


@wp.struct
class Shot:
    """What one image shows, from where, in which light."""

    scene: wp.int32
    first_point: wp.int32
    points: wp.int32
    first_face: wp.int32
    faces: wp.int32
    surface: wp.int32
    camera: wp.vec3
    camera_turn: wp.mat33
    centre: wp.vec3
    turn: wp.mat33
    light_turn: wp.mat33
    toward: wp.vec3
    toward_inverse: wp.vec3
    sun: wp.vec3
    above: wp.vec3
    below: wp.vec3
    zenith: wp.vec3
    horizon: wp.vec3
    clouds: wp.float32


@wp.kernel
def project(
    points: wp.array(dtype=wp.vec3),
    shots: wp.array(dtype=Shot),
    orthographic: bool,
    size: int,
    slope: float,
    screen: wp.array2d(dtype=wp.vec3),
):
    """Write (column, row, nearness) of the vertices, as camera or light sees them."""
    i, run = wp.tid()
    half = 0.5 * float(size)
    turn = shots[i].turn
    shift = shots[i].centre - shots[i].camera
    view = wp.transpose(shots[i].camera_turn)
    if orthographic:
        view = wp.transpose(shots[i].light_turn)
        shift = wp.vec3(0.0, 0.0, 0.0)
    first = shots[i].first_point
    for v in range(run * _RUN, wp.min((run + 1) * _RUN, shots[i].points)):
        p = view * (turn * points[first + v] + shift)
        if orthographic:
            k = half / _REACH
            screen[i, v] = wp.vec3(half - k * p[0], half - k * p[1], 2.0 + p[2])
        elif p[2] > 0.01:
            near = 1.0 / p[2]
            k = half * near / slope
            screen[i, v] = wp.vec3(half + k * p[0], half - k * p[1], near)
        else:
            screen[i, v] = wp.vec3(0.0, 0.0, -1.0)


@wp.func
def narrow(left: float, right: float, offset: float, slope: float):
    """Narrow a range of x to where offset + slope * x is not negative."""
    if slope > 0.0:
        left = wp.max(left, -offset / slope)
    elif slope < 0.0:
        right = wp.min(right, -offset / slope)
    elif offset < 0.0:
        right = left - 1.0
    return left, right


@wp.kernel
def rasterise(
    faces: wp.array(dtype=wp.vec4i),
    shots: wp.array(dtype=Shot),
    screen: wp.array2d(dtype=wp.vec3),
    size: int,
    keys: wp.array2d(dtype=wp.int64),
):
    """Keep in every pixel the nearest front face."""
    i, run = wp.tid()
    first = shots[i].first_face
    last = size - 1
    for f in range(run * _RUN, wp.min((run + 1) * _RUN, shots[i].faces)):
        face = faces[first + f]
        a = screen[i, face[0]]
        b = screen[i, face[1]]
        c = screen[i, face[2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area > 1.0e-9 and wp.min(a[2], wp.min(b[2], c[2])) > 0.0:
            x0 = wp.max(int(wp.ceil(wp.min(a[0], wp.min(b[0], c[0])) - 0.5)), 0)
            y0 = wp.max(int(wp.ceil(wp.min(a[1], wp.min(b[1], c[1])) - 0.5)), 0)
            x1 = wp.min(int(wp.floor(wp.max(a[0], wp.max(b[0], c[0])) - 0.5)), last)
            y1 = wp.min(int(wp.floor(wp.max(a[1], wp.max(b[1], c[1])) - 0.5)), last)
            inverse = 1.0 / area
            ux = (b[1] - c[1]) * inverse
            uy = (c[0] - b[0]) * inverse
            vx = (c[1] - a[1]) * inverse
            vy = (a[0] - c[0]) * inverse
            wx = -ux - vx
            wy = -uy - vy
            for y in range(y0, y1 + 1):
                dy = float(y) + 0.5 - c[1]
                left = float(x0) + 0.5 - c[0]
                right = float(x1) + 0.5 - c[0]
                left, right = narrow(left, right, uy * dy, ux)
                left, right = narrow(left, right, vy * dy, vx)
                left, right = narrow(left, right, 1.0 + wy * dy, wx)
                first_x = wp.max(int(wp.ceil(left + c[0] - 0.501)), x0)
                last_x = wp.min(int(wp.floor(right + c[0] - 0.499)), x1)
                for x in range(first_x, last_x + 1):
                    dx = float(x) + 0.5 - c[0]
                    u = ux * dx + uy * dy
                    v = vx * dx + vy * dy
                    w = 1.0 - u - v
                    if u >= 0.0 and v >= 0.0 and w >= 0.0:
                        near = u * a[2] + v * b[2] + w * c[2]
                        key = (wp.int64(near * _NEARNESS) << _FACE_BITS) + wp.int64(f + 1)
                        at = y * size + x
                        if key > keys[i, at]:
                            wp.atomic_max(keys, i, at, key)


@wp.func
def nearness(key: wp.int64):
    """Return one over the depth that a key holds."""
    return float(key >> _FACE_BITS) / _NEARNESS


@wp.func
def frame(low: wp.vec3, high: wp.vec3, back: wp.mat33):
    """Return the ray slopes (left, right, bottom, top) that see a box given from the camera."""
    seen = wp.vec4(_FAR, -_FAR, _FAR, -_FAR)
    behind = wp.int32(0)
    for corner in range(8):
        x = wp.where(corner % 2 == 1, high[0], low[0])
        y = wp.where((corner // 2) % 2 == 1, high[1], low[1])
        z = wp.where(corner // 4 == 1, high[2], low[2])
        p = back * wp.vec3(x, y, z)
        if p[2] > 0.02:
            u = p[0] / p[2]
            v = p[1] / p[2]
            seen = wp.vec4(
                wp.min(seen[0], u), wp.max(seen[1], u), wp.min(seen[2], v), wp.max(seen[3], v)
            )
        else:
            behind += 1
    if behind > 0 and behind < 8:
        seen = wp.vec4(-_FAR, _FAR, -_FAR, _FAR)
    return seen


@wp.func
def look_row(turn: wp.mat33, axis: int):
    """Return what a ray's direction along a world axis is, by slopes."""
    return wp.vec3(turn[axis, 0], turn[axis, 1], turn[axis, 2])


@wp.func
def face_of(materials: wp.array(dtype=Surface), shot: Shot, surface: int, axis: int, level: float):
    """Return the unbounded plane of a material at `level` on a world axis, seen and lit."""
    face = Face()
    face.through = look_row(shot.camera_turn, axis)
    distance = level - shot.camera[axis]
    face.near = face.through / distance
    inside = wp.vec3(0.0, 0.0, 1.0)
    face.edge_0 = inside
    face.edge_1 = inside
    face.edge_2 = inside
    face.edge_3 = inside
    first = wp.where(axis == 0, 2, 0)
    second = wp.where(axis == 1, 2, 1)
    skin = materials[surface]
    face.texels = skin.repeats * float(_TEXELS)
    face.texture = skin.texture
    face.across = look_row(shot.camera_turn, first) * skin.repeats
    face.along = look_row(shot.camera_turn, second) * skin.repeats
    face.across_at = shot.camera[first] * skin.repeats
    face.along_at = shot.camera[second] * skin.repeats
    side = -wp.sign(distance)
    up = wp.float32(0.5)
    if axis == 1:
        up = 0.5 + 0.5 * side
    ambient = shot.below + (shot.above - shot.below) * up
    face.dark = wp.cw_mul(skin.dark, ambient)
    face.light = wp.cw_mul(skin.light, ambient)
    sun = shot.sun * wp.max(side * shot.toward[axis], 0.0)
    face.sunny_dark = wp.cw_mul(skin.dark, sun)
    face.sunny_light = wp.cw_mul(skin.light, sun)
    return face


@wp.func
def edge_of(shot: Shot, near: wp.vec3, axis: int, level: float, side: float):
    """Return the edge that bounds a face at `level` on another axis, on the given side."""
    row = look_row(shot.camera_turn, axis)
    return (row - near * (level - shot.camera[axis])) * side


@wp.kernel
def lay_out(
    materials: wp.array(dtype=Surface),
    places: wp.array(dtype=Place),
    blocks: wp.array2d(dtype=Block),
    shots: wp.array(dtype=Shot),
    slope: float,
    counts: wp.array2d(dtype=wp.int32),
    faces: wp.array2d(dtype=Face),
    casters: wp.array2d(dtype=wp.int32),
    frames: wp.array2d(dtype=wp.vec4),
):
    """List an image's faces of scenery, and the boxes whose shadow may be in view.

    A shadow comes with the ray slopes that can see it; the last frame is that of the
    object's own shadow.
    """
    i = wp.tid()
    shot = shots[i]
    place = places[shot.scene]
    back = wp.transpose(shot.camera_turn)
    count = wp.int32(0)
    shading = wp.int32(0)
    if place.picture < 0:
        faces[i, 0] = face_of(materials, shot, place.floor, 1, 0.0)
        count += 1
    if place.indoor == 1:
        faces[i, 1] = face_of(materials, shot, place.ceiling, 1, place.high[1])
        for side in range(2):
            corner = wp.where(side == 0, place.low, place.high)
            faces[i, 2 + side] = face_of(materials, shot, place.wall, 0, corner[0])
            faces[i, 4 + side] = face_of(materials, shot, place.wall, 2, corner[2])
        count += 5
    for b in range(place.boxes):
        block = blocks[shot.scene, b]
        low = block.low - shot.camera
        high = block.high - shot.camera
        seen = frame(low, high, back)
        if wp.max(seen[0], seen[2]) < slope and wp.min(seen[1], seen[3]) > -slope:
            for axis in range(3):
                if low[axis] > 0.0 or high[axis] < 0.0:
                    level = wp.where(low[axis] > 0.0, block.low[axis], block.high[axis])
                    face = face_of(materials, shot, block.surface, axis, level)
                    one = wp.where(axis == 0, 1, 0)
                    two = wp.where(axis == 2, 1, 2)
                    face.edge_0 = edge_of(shot, face.near, one, block.low[one], 1.0)
                    face.edge_1 = edge_of(shot, face.near, one, block.high[one], -1.0)
                    face.edge_2 = edge_of(shot, face.near, two, block.low[two], 1.0)
                    face.edge_3 = edge_of(shot, face.near, two, block.high[two], -1.0)
                    faces[i, count] = face
                    count += 1
        if b < place.casters:
            fall = shot.toward * (-block.high[1] / shot.toward[1])
            seen = frame(wp.min(low, low + fall), wp.max(high, high + fall), back)
            if wp.max(seen[0], seen[2]) < slope and wp.min(seen[1], seen[3]) > -slope:
                casters[i, shading] = b
                frames[i, shading] = seen
                shading += 1
    counts[i, 0] = count
    counts[i, 1] = shading
    reach = wp.vec3(_REACH, _REACH, _REACH)
    middle = shot.centre - shot.camera
    fall = shot.toward * (-(shot.centre[1] + _REACH) / shot.toward[1])
    low = wp.min(middle, middle + fall) - reach
    high = wp.max(middle, middle + fall) + reach
    frames[i, frames.shape[1] - 1] = frame(low, high, back)


@wp.func
def within(seen: wp.vec4, u: float, v: float):
    """Tell whether a ray's slopes lie in a frame."""
    return u >= seen[0] and u <= seen[1] and v >= seen[2] and v <= seen[3]


@wp.func
def box_stands(low: wp.vec3, high: wp.vec3, point: wp.vec3, inverse: wp.vec3):
    """Tell whether a ray from a point, given by one over its direction, enters a box."""
    ax = (low[0] - point[0]) * inverse[0]
    bx = (high[0] - point[0]) * inverse[0]
    ay = (low[1] - point[1]) * inverse[1]
    by = (high[1] - point[1]) * inverse[1]
    az = (low[2] - point[2]) * inverse[2]
    bz = (high[2] - point[2]) * inverse[2]
    first = wp.max(wp.min(ax, bx), wp.max(wp.min(ay, by), wp.min(az, bz)))
    last = wp.min(wp.max(ax, bx), wp.min(wp.max(ay, by), wp.max(az, bz)))
    return last >= first and first >= 0.0


@wp.func
def in_box_shadow(
    blocks: wp.array2d(dtype=Block),
    shot: Shot,
    counts: wp.array2d(dtype=wp.int32),
    casters: wp.array2d(dtype=wp.int32),
    frames: wp.array2d(dtype=wp.vec4),
    i: int,
    u: float,
    v: float,
    point: wp.vec3,
):
    """Tell whether a box stands between the light and a point seen at slopes u and v."""
    hidden = wp.bool(False)
    for k in range(counts[i, 1]):
        if within(frames[i, k], u, v) and not hidden:
            low = blocks[shot.scene, casters[i, k]].low
            high = blocks[shot.scene, casters[i, k]].high
            hidden = box_stands(low, high, point, shot.toward_inverse)
    return hidden


@wp.func
def beyond(skylines: wp.array2d(dtype=wp.float32), scene: int, d: wp.vec3):
    """Return the id of what a ray meets that meets no face: the skyline or the sky."""
    surface = wp.int32(SKY)
    flat = wp.sqrt(d[0] * d[0] + d[2] * d[2])
    if d[1] < 0.3 * flat:
        turn = (wp.atan2(d[0], d[2]) / (2.0 * wp.pi) + 0.5) * float(_SKYLINE)
        column = int(turn)
        part = turn - float(column)
        one = skylines[scene, column & (_SKYLINE - 1)]
        other = skylines[scene, (column + 1) & (_SKYLINE - 1)]
        if d[1] < (one + (other - one) * part) * flat:
            surface = wp.int32(SKYLINE)
    return surface


@wp.func
def trace(
    skylines: wp.array2d(dtype=wp.float32),
    shot: Shot,
    counts: wp.array2d(dtype=wp.int32),
    faces: wp.array2d(dtype=Face),
    i: int,
    u: float,
    v: float,
):
    """Return (nearness, surface id) of the scenery along a ray of slopes u and v."""
    q = wp.vec3(u, v, 1.0)
    near = wp.float32(_HORIZON)
    surface = wp.int32(-1)
    for k in range(counts[i, 0]):
        here = wp.dot(faces[i, k].near, q)
        if (
            here > near
            and wp.dot(faces[i, k].edge_0, q) >= 0.0
            and wp.dot(faces[i, k].edge_1, q) >= 0.0
            and wp.dot(faces[i, k].edge_2, q) >= 0.0
            and wp.dot(faces[i, k].edge_3, q) >= 0.0
        ):
            near = here
            surface = FACES + k
    if surface < 0:
        surface = beyond(skylines, shot.scene, shot.camera_turn * q)
    return near, surface


@wp.kernel
def measure(
    skylines: wp.array2d(dtype=wp.float32),
    shots: wp.array(dtype=Shot),
    counts: wp.array2d(dtype=wp.int32),
    faces: wp.array2d(dtype=Face),
    keys: wp.array2d(dtype=wp.int64),
    size: int,
    slope: float,
    covered: wp.array2d(dtype=wp.int32),
    seen: wp.array2d(dtype=wp.int32),
):
    """Count a row's pixels on the object, and those that the scenery does not hide."""
    i, y = wp.tid()
    shot = shots[i]
    on = wp.int32(0)
    clear = wp.int32(0)
    v = (1.0 - 2.0 * (float(y) + 0.5) / float(size)) * slope
    for x in range(size):
        key = keys[i, y * size + x]
        if key > wp.int64(0):
            on += 1
            u = (2.0 * (float(x) + 0.5) / float(size) - 1.0) * slope
            near, _surface = trace(skylines, shot, counts, faces, i, u, v)
            if nearness(key) > near:
                clear += 1
    covered[i, y] = on
    seen[i, y] = clear


@wp.kernel
def scenery(
    blocks: wp.array2d(dtype=Block),
    skylines: wp.array2d(dtype=wp.float32),
    shots: wp.array(dtype=Shot),
    counts: wp.array2d(dtype=wp.int32),
    faces: wp.array2d(dtype=Face),
    casters: wp.array2d(dtype=wp.int32),
    frames: wp.array2d(dtype=wp.vec4),
    size: int,
    slope: float,
    nears: wp.array2d(dtype=wp.float32),
    surfaces: wp.array2d(dtype=wp.int32),
):
    """Write nearness and id of the scenery at the centres of a row's pixels.

    The id is marked where a box takes the key light.
    """
    i, y = wp.tid()
    shot = shots[i]
    row = y * size
    pixel = 2.0 * slope / float(size)
    first_u = 0.5 * pixel - slope
    last_u = slope - 0.5 * pixel
    v = slope - (float(y) + 0.5) * pixel
    for x in range(size):
        nears[i, row + x] = _HORIZON
        surfaces[i, row + x] = -1
    for k in range(counts[i, 0]):
        plane = faces[i, k].near
        base = plane[1] * v + plane[2]
        left = wp.float32(first_u)
        right = wp.float32(last_u)
        left, right = narrow(left, right, base - _HORIZON, plane[0])
        e = faces[i, k].edge_0
        left, right = narrow(left, right, e[1] * v + e[2], e[0])
        e = faces[i, k].edge_1
        left, right = narrow(left, right, e[1] * v + e[2], e[0])
        e = faces[i, k].edge_2
        left, right = narrow(left, right, e[1] * v + e[2], e[0])
        e = faces[i, k].edge_3
        left, right = narrow(left, right, e[1] * v + e[2], e[0])
        if left <= right:
            first = int(wp.ceil((left - first_u) / pixel - 0.001))
            last = wp.min(int(wp.floor((right - first_u) / pixel + 0.001)), size - 1)
            for x in range(first, last + 1):
                here = base + plane[0] * (first_u + float(x) * pixel)
                if here > nears[i, row + x]:
                    nears[i, row + x] = here
                    surfaces[i, row + x] = FACES + k
    for x in range(size):
        if surfaces[i, row + x] < 0:
            d = shot.camera_turn * wp.vec3(first_u + float(x) * pixel, v, 1.0)
            surfaces[i, row + x] = beyond(skylines, shot.scene, d)
    for k in range(counts[i, 1]):
        seen = frames[i, k]
        if v >= seen[2] and v <= seen[3]:
            low = blocks[shot.scene, casters[i, k]].low
            high = blocks[shot.scene, casters[i, k]].high
            first = wp.max(int(wp.ceil((wp.max(seen[0], -slope) - first_u) / pixel)), 0)
            last = wp.min(int(wp.floor((wp.min(seen[1], slope) - first_u) / pixel)), size - 1)
            for x in range(first, last + 1):
                surface = surfaces[i, row + x]
                if surface >= FACES and surface < SHADED:
                    d = shot.camera_turn * wp.vec3(first_u + float(x) * pixel, v, 1.0)
                    point = shot.camera + d * (0.9999 / nears[i, row + x])
                    if box_stands(low, high, point, shot.toward_inverse):
                        surfaces[i, row + x] = surface + SHADED


@wp.func
def sample(texels: wp.array(dtype=wp.float32), texture: int, u: float, v: float, width: float):
    """Return a texture's value (0..1) at (u, v), for a pixel that is `width` texels wide."""
    level = wp.int32(0)
    edge = wp.float32(1.4)
    for _step in range(_TOP_LEVEL):
        level += wp.where(width > edge, 1, 0)
        edge = edge * 2.0
    side = _TEXELS >> level
    whole = 4 * _TEXELS * _TEXELS
    first = texture * ((whole - 4) // 3) + (whole - (whole >> (2 * level))) // 3
    x = u * float(side) - 0.5
    y = v * float(side) - 0.5
    fx = wp.floor(x)
    fy = wp.floor(y)
    px = x - fx
    py = y - fy
    mask = side - 1
    left = int(fx) & mask
    right = (left + 1) & mask
    top = int(fy) & mask
    bottom = first + ((top + 1) & mask) * side
    top = first + top * side
    a = texels[top + left]
    b = texels[top + right]
    c = texels[bottom + left]
    d = texels[bottom + right]
    above = a + (b - a) * px
    below = c + (d - c) * px
    return above + (below - above) * py


@wp.func
def linear(packed: wp.uint32):
    """Return a picture's pixel as linear light."""
    red = float(int(packed & wp.uint32(255)))
    green = float(int((packed >> wp.uint32(8)) & wp.uint32(255)))
    blue = float(int((packed >> wp.uint32(16)) & wp.uint32(255)))
    return wp.vec3(red * red, green * green, blue * blue) * (1.0 / 65025.0)


@wp.func
def look_up(pixels: wp.array(dtype=wp.uint32), picture: Picture, u: float, v: float, width: float):
    """Return a picture's colour (linear) at (u, v), for a pixel that is `width` texels wide.

    It repeats both ways; a panorama repeats sideways only.
    """
    first = wp.int32(picture.first)
    columns = wp.int32(picture.width)
    rows = wp.int32(picture.height)
    edge = wp.float32(1.4)
    while width > edge and (columns > 1 or rows > 1):
        first += columns * rows
        columns = wp.max(columns >> 1, 1)
        rows = wp.max(rows >> 1, 1)
        edge = edge * 2.0
    x = (u - wp.floor(u)) * float(columns) - 0.5
    y = (v - wp.floor(v)) * float(rows) - 0.5
    fx = wp.floor(x)
    fy = wp.floor(y)
    px = x - fx
    py = y - fy
    left = int(fx) & (columns - 1)
    right = (int(fx) + 1) & (columns - 1)
    top = int(fy) & (rows - 1)
    bottom = (int(fy) + 1) & (rows - 1)
    if picture.panorama == 1:
        top = wp.clamp(int(fy), 0, rows - 1)
        bottom = wp.clamp(int(fy) + 1, 0, rows - 1)
    a = linear(pixels[first + top * columns + left])
    b = linear(pixels[first + top * columns + right])
    c = linear(pixels[first + bottom * columns + left])
    d = linear(pixels[first + bottom * columns + right])
    above = a + (b - a) * px
    below = c + (d - c) * px
    return above + (below - above) * py


@wp.func
def wrapped(place: int, count: int, wrap: int):
    """Return a pixel's place in a row of `count`, a power of two, that goes on beyond its ends."""
    inside = place & (count - 1)
    if wrap == 1:
        inside = wp.clamp(place, 0, count - 1)
    if wrap == 2 and (place & count) != 0:
        inside = count - 1 - inside
    return inside


@wp.func
def edged(pixels: wp.array(dtype=wp.uint32), picture: Picture, u: float, v: float, width: float):
    """Return a picture's colour as `look_up` does, where it does not just repeat and blend."""
    first = wp.int32(picture.first)
    columns = wp.int32(picture.width)
    rows = wp.int32(picture.height)
    edge = wp.float32(1.4)
    while width > edge and (columns > 1 or rows > 1):
        first += columns * rows
        columns = wp.max(columns >> 1, 1)
        rows = wp.max(rows >> 1, 1)
        edge = edge * 2.0
    x = u * float(columns)
    y = v * float(rows)
    if picture.nearest == 1 and width <= 1.4:
        left = wrapped(int(wp.floor(x)), columns, picture.across)
        top = wrapped(int(wp.floor(y)), rows, picture.down)
        return linear(pixels[first + top * columns + left])
    fx = wp.floor(x - 0.5)
    fy = wp.floor(y - 0.5)
    left = wrapped(int(fx), columns, picture.across)
    right = wrapped(int(fx) + 1, columns, picture.across)
    top = wrapped(int(fy), rows, picture.down)
    bottom = wrapped(int(fy) + 1, rows, picture.down)
    a = linear(pixels[first + top * columns + left])
    b = linear(pixels[first + top * columns + right])
    c = linear(pixels[first + bottom * columns + left])
    d = linear(pixels[first + bottom * columns + right])
    above = a + (b - a) * (x - 0.5 - fx)
    below = c + (d - c) * (x - 0.5 - fx)
    return above + (below - above) * (y - 0.5 - fy)


@wp.func
def textured(pixels: wp.array(dtype=wp.uint32), picture: Picture, u: float, v: float, width: float):
    """Return the colour (linear) of a mesh's texture at (u, v)."""
    if picture.across + picture.down + picture.nearest > 0:
        return edged(pixels, picture, u, v, width)
    return look_up(pixels, picture, u, v, width)


@wp.func
def panorama_colour(
    pixels: wp.array(dtype=wp.uint32), picture: Picture, direction: wp.vec3, pixel: float
):
    """Return the colour (linear) of a panorama: its middle is at z, its right half towards x."""
    d = wp.normalize(direction)
    u = wp.atan2(d[0], d[2]) / (2.0 * wp.pi) + 0.5
    v = wp.min(wp.acos(wp.clamp(d[1], -1.0, 1.0)) / wp.pi, 0.9999999)
    return look_up(pixels, picture, u, v, pixel * float(picture.width) / (2.0 * wp.pi))


@wp.func
def texel_density(
    points: wp.array(dtype=wp.vec3),
    uvs: wp.array(dtype=wp.vec2),
    ia: int,
    ib: int,
    ic: int,
    picture: Picture,
):
    """Return how many texels of its texture a face spreads over a metre."""
    one = uvs[ib] - uvs[ia]
    two = uvs[ic] - uvs[ia]
    texels = wp.abs(one[0] * two[1] - one[1] * two[0])
    area = wp.length(wp.cross(points[ib] - points[ia], points[ic] - points[ia]))
    return wp.sqrt(texels * float(picture.width) * float(picture.height) / wp.max(area, 1.0e-12))


@wp.func
def object_light(
    shot: Shot,
    shadows: wp.array2d(dtype=wp.int64),
    size: int,
    i: int,
    point: wp.vec3,
):
    """Return the fraction of the key light at a point that the object lets through."""
    away = point - shot.centre
    toward = shot.toward
    along = wp.dot(away, toward)
    light = wp.float32(1.0)
    if along < _REACH and wp.dot(away, away) - along * along < _REACH * _REACH:
        p = wp.transpose(shot.light_turn) * away
        k = 0.5 * float(size) / _REACH
        x = 0.5 * float(size) - k * p[0] - 0.5
        y = 0.5 * float(size) - k * p[1] - 0.5
        fx = wp.floor(x)
        fy = wp.floor(y)
        limit = (wp.int64(wp.max(2.0 + along, 0.0) * _NEARNESS) << _FACE_BITS) + _FACE_MASK
        light = 0.0
        for corner in range(4):
            dx = corner % 2
            dy = corner // 2
            column = wp.clamp(int(fx) + dx, 0, size - 1)
            row = wp.clamp(int(fy) + dy, 0, size - 1)
            weight = wp.abs(1.0 - float(dx) - (x - fx)) * wp.abs(1.0 - float(dy) - (y - fy))
            if shadows[i, row * size + column] <= limit:
                light += weight
    return light


@wp.func
def sky_colour(texels: wp.array(dtype=wp.float32), shot: Shot, direction: wp.vec3):
    """Return the colour (linear) of the sky: a gradient, clouds, and a glow around the sun."""
    d = wp.normalize(direction)
    h = wp.clamp(d[1], 0.0, 1.0)
    haze = (1.0 - h) * (1.0 - h)
    horizon = shot.horizon
    zenith = shot.zenith
    colour = zenith + (horizon - zenith) * (haze * haze)
    stretch = 0.11 / (h + 0.12)
    cloud = sample(texels, _CLOUDS, d[0] * stretch, d[2] * stretch, 0.25 * stretch)
    cover = wp.clamp(2.5 * (cloud - 0.5), 0.0, 1.0) * shot.clouds
    colour += (horizon * 0.35 + shot.sun * 0.55 - colour) * cover
    glow = wp.max(wp.dot(d, shot.toward), 0.0)
    glow = glow * glow
    glow = glow * glow
    glow = glow * glow
    glow = glow * glow
    return colour + shot.sun * (0.25 * glow * glow)


@wp.func
def corner_shade(low: wp.vec3, high: wp.vec3, point: wp.vec3):
    """Return how much ambient light is left near the edges of a room."""
    x = wp.min(point[0] - low[0], high[0] - point[0])
    y = wp.min(point[1] - low[1], high[1] - point[1])
    z = wp.min(point[2] - low[2], high[2] - point[2])
    least = wp.min(x, wp.min(y, z))
    second = wp.max(wp.min(x, y), wp.min(wp.max(x, y), z))
    return 0.72 + 0.28 * wp.clamp((second + least) / 0.8, 0.0, 1.0)


@wp.func
def to_byte(value: float):
    """Return linear light as a display value, by a square root (gamma 2)."""
    return wp.uint8(int(wp.min(255.0 * wp.sqrt(value) + 0.5, 255.0)))


@wp.func
def background(
    pictures: wp.array(dtype=Picture),
    pixels: wp.array(dtype=wp.uint32),
    texels: wp.array(dtype=wp.float32),
    place: Place,
    shot: Shot,
    faces: wp.array2d(dtype=Face),
    shadows: wp.array2d(dtype=wp.int64),
    shadow_size: int,
    shadow: wp.vec4,
    hill: wp.vec3,
    i: int,
    u: float,
    v: float,
    near: float,
    here: int,
    pixel: float,
):
    """Return the colour (linear) of the scenery along a ray that meets surface `here`."""
    q = wp.vec3(u, v, 1.0)
    behind = wp.vec3(hill)
    if place.picture >= 0:
        direction = shot.camera_turn * q
        behind = panorama_colour(pixels, pictures[place.picture], direction, pixel)
    elif here == SKY:
        behind = sky_colour(texels, shot, shot.camera_turn * q)
    elif here != SKYLINE:
        k = (here & (SHADED - 1)) - FACES
        depth = 1.0 / near
        slant = wp.max(wp.abs(wp.dot(faces[i, k].through, q)), 0.04)
        value = sample(
            texels,
            faces[i, k].texture,
            faces[i, k].across_at + depth * wp.dot(faces[i, k].across, q),
            faces[i, k].along_at + depth * wp.dot(faces[i, k].along, q),
            depth * pixel * faces[i, k].texels / wp.sqrt(slant),
        )
        dark = faces[i, k].dark
        behind = dark + (faces[i, k].light - dark) * value
        bright = wp.float32(0.0)
        if here < SHADED:
            bright = 1.0
        indoor = place.indoor == 1
        if indoor or within(shadow, u, v):
            point = shot.camera + shot.camera_turn * q * depth
            if indoor:
                behind = behind * corner_shade(place.low, place.high, point)
            if bright > 0.0 and within(shadow, u, v):
                bright = object_light(shot, shadows, shadow_size, i, point)
        dark = faces[i, k].sunny_dark
        behind += (dark + (faces[i, k].sunny_light - dark) * value) * bright
        if not indoor:
            air = depth / (depth + 45.0)
            behind += (shot.horizon - behind) * (air * air)
    return behind


@wp.kernel
def bound(
    shots: wp.array(dtype=Shot),
    screen: wp.array2d(dtype=wp.vec3),
    size: int,
    per_side: int,
    bounds: wp.array(dtype=wp.vec4i),
):
    """Write first and last column, and row, of the pixels that the object may cover."""
    i = wp.tid()
    low = wp.vec2(float(size), float(size))
    high = wp.vec2(-1.0, -1.0)
    limit = float(size)
    for v in range(shots[i].points):
        p = screen[i, v]
        if p[2] > 0.0:
            x = wp.clamp(p[0] / float(per_side), -1.0, limit)
            y = wp.clamp(p[1] / float(per_side), -1.0, limit)
            low = wp.vec2(wp.min(low[0], x), wp.min(low[1], y))
            high = wp.vec2(wp.max(high[0], x), wp.max(high[1], y))
    bounds[i] = wp.vec4i(
        wp.max(int(low[0]) - 1, 0),
        wp.min(int(high[0]) + 1, size - 1),
        wp.max(int(low[1]) - 1, 0),
        wp.min(int(high[1]) + 1, size - 1),
    )


@wp.kernel
def clear(
    bounds: wp.array(dtype=wp.vec4i), size: int, per_side: int, keys: wp.array2d(dtype=wp.int64)
):
    """Empty the keys of a row of samples, as far as the object may cover it."""
    i, y = wp.tid()
    seen = bounds[i]
    row = y * size * per_side
    if y >= seen[2] * per_side and y < (seen[3] + 1) * per_side:
        for x in range(seen[0] * per_side, (seen[1] + 1) * per_side):
            keys[i, row + x] = wp.int64(0)


@wp.kernel
def shade(
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    corners: wp.array(dtype=wp.vec4i),
    tints: wp.array(dtype=wp.vec3),
    uvs: wp.array(dtype=wp.vec2),
    pictures: wp.array(dtype=Picture),
    pixels: wp.array(dtype=wp.uint32),
    materials: wp.array(dtype=Surface),
    texels: wp.array(dtype=wp.float32),
    places: wp.array(dtype=Place),
    blocks: wp.array2d(dtype=Block),
    skylines: wp.array2d(dtype=wp.float32),
    shots: wp.array(dtype=Shot),
    counts: wp.array2d(dtype=wp.int32),
    faces: wp.array2d(dtype=Face),
    casters: wp.array2d(dtype=wp.int32),
    frames: wp.array2d(dtype=wp.vec4),
    screen: wp.array2d(dtype=wp.vec3),
    bounds: wp.array(dtype=wp.vec4i),
    keys: wp.array2d(dtype=wp.int64),
    shadows: wp.array2d(dtype=wp.int64),
    shadow_size: int,
    nears: wp.array2d(dtype=wp.float32),
    surfaces: wp.array2d(dtype=wp.int32),
    size: int,
    per_side: int,
    slope: float,
    images: wp.array4d(dtype=wp.uint8),
):
    """Write a row of pixels: one sample inside flat areas, all on edges and on the object."""
    i, y = wp.tid()
    shot = shots[i]
    place = places[shot.scene]
    row = y * size
    above = wp.max(y - 1, 0) * size
    below = wp.min(y + 1, size - 1) * size
    wide = size * per_side
    bound = bounds[i]
    crossed = y >= bound[2] and y <= bound[3]
    pixel = 2.0 * slope / float(size)
    shadow = frames[i, frames.shape[1] - 1]
    hill = materials[place.wall].light
    hill = wp.cw_mul(hill, shot.above * 0.5 + shot.sun * 0.25) * 0.55 + shot.horizon * 0.45
    own = wp.int32(surfaces[i, row])
    west = wp.int32(own)
    for x in range(size):
        east = surfaces[i, row + wp.min(x + 1, size - 1)]
        edge = wp.bool(False)
        touched = wp.bool(False)
        if per_side > 1:
            edge = (
                own != west
                or own != east
                or own != surfaces[i, above + x]
                or own != surfaces[i, below + x]
            )
        if crossed and x >= bound[0] and x <= bound[1]:
            for sy in range(per_side):
                for sx in range(per_side):
                    if keys[i, (y * per_side + sy) * wide + x * per_side + sx] > wp.int64(0):
                        touched = True
        total = wp.vec3(0.0, 0.0, 0.0)
        if edge or touched:
            step = 1.0 / float(per_side)
            behind = wp.vec3(0.0, 0.0, 0.0)
            known = wp.bool(False)
            for sy in range(per_side):
                for sx in range(per_side):
                    px = float(x) + (float(sx) + 0.5) * step
                    py = float(y) + (float(sy) + 0.5) * step
                    u = px * pixel - slope
                    v = slope - py * pixel
                    q = wp.vec3(u, v, 1.0)
                    near = nears[i, row + x]
                    here = wp.int32(own)
                    if edge:
                        near, here = trace(skylines, shot, counts, faces, i, u, v)
                        if here >= FACES:
                            point = shot.camera + shot.camera_turn * q * (0.9999 / near)
                            if in_box_shadow(blocks, shot, counts, casters, frames, i, u, v, point):
                                here += SHADED
                    key = wp.int64(0)
                    if touched:
                        key = keys[i, (y * per_side + sy) * wide + x * per_side + sx]
                    if key > wp.int64(0) and nearness(key) > near:
                        d = shot.camera_turn * q
                        corner = corners[shot.first_face + int(key & _FACE_MASK) - 1]
                        a = screen[i, corner[0]]
                        b = screen[i, corner[1]]
                        c = screen[i, corner[2]]
                        ex = px * float(per_side) - c[0]
                        ey = py * float(per_side) - c[1]
                        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
                        wa = ((b[1] - c[1]) * ex + (c[0] - b[0]) * ey) / area
                        wb = ((c[1] - a[1]) * ex + (a[0] - c[0]) * ey) / area
                        wc = (1.0 - wa - wb) * c[2]
                        wa = wa * a[2]
                        wb = wb * b[2]
                        depth = 1.0 / (wa + wb + wc)
                        ia = shot.first_point + corner[0]
                        ib = shot.first_point + corner[1]
                        ic = shot.first_point + corner[2]
                        local = (points[ia] * wa + points[ib] * wb + points[ic] * wc) * depth
                        inner = wp.normalize(normals[ia] * wa + normals[ib] * wb + normals[ic] * wc)
                        nx = wp.abs(inner[0])
                        ny = wp.abs(inner[1])
                        nz = wp.abs(inner[2])
                        s = wp.float32(local[0])
                        t = wp.float32(local[1])
                        if nx > ny and nx > nz:
                            s = local[2]
                        elif ny > nz:
                            t = local[2]
                        skin = materials[shot.surface + corner[3]]
                        value = sample(
                            texels,
                            skin.texture,
                            s * skin.repeats,
                            t * skin.repeats,
                            depth * pixel * skin.repeats * float(_TEXELS),
                        )
                        base = skin.dark + (skin.light - skin.dark) * value
                        if skin.picture >= 0:
                            picture = pictures[skin.picture]
                            at = (uvs[ia] * wa + uvs[ib] * wb + uvs[ic] * wc) * depth
                            dense = texel_density(points, uvs, ia, ib, ic, picture)
                            shown = textured(pixels, picture, at[0], at[1], depth * pixel * dense)
                            base = wp.cw_mul(base, shown)
                        if skin.tinted == 1:
                            tint = (tints[ia] * wa + tints[ib] * wb + tints[ic] * wc) * depth
                            base = wp.cw_mul(base, tint)
                        normal = shot.turn * inner
                        up = 0.5 + 0.5 * normal[1]
                        colour = wp.cw_mul(base, shot.below + (shot.above - shot.below) * up)
                        facing = wp.dot(normal, shot.toward)
                        if facing > 0.0:
                            point = shot.camera + depth * d + normal * 0.03
                            if not in_box_shadow(
                                blocks, shot, counts, casters, frames, i, u, v, point
                            ):
                                bright = object_light(shot, shadows, shadow_size, i, point)
                                sun = shot.sun * (bright * facing)
                                colour += wp.cw_mul(base, sun)
                                middle = wp.normalize(shot.toward - wp.normalize(d))
                                shine = wp.max(wp.dot(normal, middle), 0.0)
                                shine = shine * shine
                                shine = shine * shine
                                shine = shine * shine
                                shine = shine * shine
                                colour += sun * (skin.gloss * shine * shine)
                        if skin.glow[0] + skin.glow[1] + skin.glow[2] > 0.0:
                            glow = wp.vec3(skin.glow)
                            if skin.shining >= 0:
                                picture = pictures[skin.shining]
                                at = (uvs[ia] * wa + uvs[ib] * wb + uvs[ic] * wc) * depth
                                dense = texel_density(points, uvs, ia, ib, ic, picture)
                                width = depth * pixel * dense
                                shown = textured(pixels, picture, at[0], at[1], width)
                                glow = wp.cw_mul(glow, shown)
                            colour += glow
                        total += colour
                    else:
                        if edge or not known:
                            known = True
                            behind = background(
                                pictures,
                                pixels,
                                texels,
                                place,
                                shot,
                                faces,
                                shadows,
                                shadow_size,
                                shadow,
                                hill,
                                i,
                                u,
                                v,
                                near,
                                here,
                                pixel,
                            )
                        total += behind
            total = total * (step * step)
        else:
            u = (float(x) + 0.5) * pixel - slope
            v = slope - (float(y) + 0.5) * pixel
            near = nears[i, row + x]
            total = background(
                pictures,
                pixels,
                texels,
                place,
                shot,
                faces,
                shadows,
                shadow_size,
                shadow,
                hill,
                i,
                u,
                v,
                near,
                own,
                pixel,
            )
        images[i, y, x, 0] = to_byte(total[0])
        images[i, y, x, 1] = to_byte(total[1])
        images[i, y, x, 2] = to_byte(total[2])
        west = wp.int32(own)
        own = wp.int32(east)
