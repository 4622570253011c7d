"""Output data as FlatBuffers, laid out by the tables of ``tdw.FBOutput``."""

import importlib.util
import struct
import sys
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tdw_build.rotations import Quaternion, Vector

if "imp" not in sys.modules and importlib.util.find_spec("imp") is None:
    # tdw's copy of flatbuffers asks the module imp, gone since Python 3.12, whether numpy exists.
    sys.modules["imp"] = ModuleType("imp")
    sys.modules["imp"].find_module = importlib.util.find_spec

from tdw.FBOutput import AvatarKinematic as AvatarTable
from tdw.FBOutput import Bounds as BoundsTable
from tdw.FBOutput import FieldOfView as FieldOfViewTable
from tdw.FBOutput import ImagePass as PassTable
from tdw.FBOutput import Images as ImagesTable
from tdw.FBOutput import ImageSensor as SensorTable
from tdw.FBOutput import ImageSensors as SensorsTable
from tdw.FBOutput import LogMessage as LogTable
from tdw.FBOutput import Occlusion as OcclusionTable
from tdw.FBOutput import QuitSignal as QuitTable
from tdw.FBOutput import SceneRegions as RegionsTable
from tdw.FBOutput import Transforms as TransformsTable
from tdw.FBOutput import Version as VersionTable
from tdw.FBOutput.Extension import Extension
from tdw.FBOutput.MessageType import MessageType
from tdw.FBOutput.PassMask import PassMask
from tdw.FBOutput.Quaternion import CreateQuaternion
from tdw.FBOutput.SceneRegion import CreateSceneRegion
from tdw.FBOutput.Vector3 import CreateVector3
from tdw.flatbuffers import Builder

SENSOR = "SensorContainer"


def _numbers(builder: Any, values: ArrayLike, dtype: str) -> int:
    """A vector of 4-byte numbers, written in one piece."""
    array = np.ascontiguousarray(values, dtype=dtype).ravel()
    builder.StartVector(4, array.size, 4)
    builder.head = int(builder.Head() - array.nbytes)
    builder.Bytes[builder.head : builder.head + array.nbytes] = array.tobytes()
    return builder.EndVector(array.size)


def _offsets(builder: Any, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector(len(tables))


def _finished(builder: Any, root: int, identifier: bytes) -> bytes:
    """The buffer with its four-character identifier, which the copy of flatbuffers can't write."""
    builder.Prep(builder.minalign, 8)
    for byte in reversed(identifier):
        builder.PrependByte(byte)
    builder.Finish(root)
    return bytes(builder.Output())


class _Mould:
    """A finished buffer in which pieces of fixed length are replaced, as tdw's builder is slow."""

    def __init__(self, buffer: bytes, *pieces: bytes) -> None:
        self.buffer = buffer
        self.offsets = [buffer.index(piece) for piece in pieces]

    def cast(self, *pieces: bytes) -> bytes:
        buffer = bytearray(self.buffer)
        for offset, piece in zip(self.offsets, pieces, strict=True):
            buffer[offset : offset + len(piece)] = piece
        return bytes(buffer)


@lru_cache(maxsize=4)
def images(
    avatar_id: str, width: int, height: int, passes: tuple[tuple[str, bytes, str], ...]
) -> bytes:
    """Images of an avatar: pass name, bytes of the file, and "jpg" or "png" of each."""
    builder = Builder(512 + sum(len(data) + 64 for _, data, _ in passes))
    tables = []
    for name, data, extension in passes:
        vector = builder.CreateByteVector(data)
        PassTable.ImagePassStart(builder)
        PassTable.ImagePassAddPassMask(builder, getattr(PassMask, name))
        PassTable.ImagePassAddImage(builder, vector)
        PassTable.ImagePassAddExtension(builder, getattr(Extension, extension))
        tables.append(PassTable.ImagePassEnd(builder))
    vector = _offsets(builder, tables)
    avatar, sensor = builder.CreateString(avatar_id), builder.CreateString(SENSOR)
    ImagesTable.ImagesStart(builder)
    ImagesTable.ImagesAddAvatarId(builder, avatar)
    ImagesTable.ImagesAddSensorName(builder, sensor)
    ImagesTable.ImagesAddWidth(builder, width)
    ImagesTable.ImagesAddHeight(builder, height)
    ImagesTable.ImagesAddPasses(builder, vector)
    return _finished(builder, ImagesTable.ImagesEnd(builder), b"imag")


def transforms(
    ids: list[int], positions: list[Vector], rotations: list[Quaternion], forwards: list[Vector]
) -> bytes:
    """Pivots, rotations and forward directions of objects."""
    return _transforms_mould(len(ids)).cast(
        np.array(ids, "<i4").tobytes(),
        np.array(positions, "<f4").tobytes(),
        np.array(rotations, "<f4").tobytes(),
        np.array(forwards, "<f4").tobytes(),
    )


@cache
def _transforms_mould(count: int) -> _Mould:
    builder = Builder(512)
    pieces = [
        np.full(width * count, number, dtype)
        for number, (width, dtype) in enumerate(((1, "<i4"), (3, "<f4"), (4, "<f4"), (3, "<f4")), 7)
    ]
    vectors = [_numbers(builder, piece, piece.dtype.str) for piece in pieces]
    TransformsTable.TransformsStart(builder)
    TransformsTable.TransformsAddIds(builder, vectors[0])
    TransformsTable.TransformsAddPositions(builder, vectors[1])
    TransformsTable.TransformsAddRotations(builder, vectors[2])
    TransformsTable.TransformsAddForwards(builder, vectors[3])
    buffer = _finished(builder, TransformsTable.TransformsEnd(builder), b"tran")
    return _Mould(buffer, *(piece.tobytes() for piece in pieces))


def bounds(ids: list[int], points: list[list[Vector]]) -> bytes:
    """Front, back, right, left, top, bottom and centre of each object, in the world."""
    builder = Builder(512)
    id_vector, point_vector = _numbers(builder, ids, "<i4"), _numbers(builder, points, "<f4")
    BoundsTable.BoundsStart(builder)
    BoundsTable.BoundsAddIds(builder, id_vector)
    BoundsTable.BoundsAddBoundPositions(builder, point_vector)
    return _finished(builder, BoundsTable.BoundsEnd(builder), b"boun")


def image_sensors(
    avatar_id: str, rotation: Quaternion, forward: Vector, field_of_view: float
) -> bytes:
    """The one sensor of an avatar."""
    return _image_sensors_mould(avatar_id).cast(
        struct.pack("<4f", *rotation),
        struct.pack("<3f", *forward),
        struct.pack("<f", field_of_view),
    )


@cache
def _image_sensors_mould(avatar_id: str) -> _Mould:
    builder = Builder(512)
    rotation, forward, degrees = (1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0), 8.0
    name = builder.CreateString(SENSOR)
    SensorTable.ImageSensorStart(builder)
    SensorTable.ImageSensorAddName(builder, name)
    SensorTable.ImageSensorAddIsOn(builder, True)
    SensorTable.ImageSensorAddRotation(builder, CreateQuaternion(builder, *rotation))
    SensorTable.ImageSensorAddForward(builder, CreateVector3(builder, *forward))
    SensorTable.ImageSensorAddFieldOfView(builder, degrees)
    vector = _offsets(builder, [SensorTable.ImageSensorEnd(builder)])
    avatar = builder.CreateString(avatar_id)
    SensorsTable.ImageSensorsStart(builder)
    SensorsTable.ImageSensorsAddAvatarId(builder, avatar)
    SensorsTable.ImageSensorsAddSensors(builder, vector)
    return _Mould(
        _finished(builder, SensorsTable.ImageSensorsEnd(builder), b"imse"),
        struct.pack("<4f", *rotation),
        struct.pack("<3f", *forward),
        struct.pack("<f", degrees),
    )


def avatar_kinematic(
    avatar_id: str, position: Vector, rotation: Quaternion, forward: Vector
) -> bytes:
    """The pose of an avatar, not of its sensor."""
    return _avatar_kinematic_mould(avatar_id).cast(
        struct.pack("<3f", *position), struct.pack("<4f", *rotation), struct.pack("<3f", *forward)
    )


@cache
def _avatar_kinematic_mould(avatar_id: str) -> _Mould:
    builder = Builder(256)
    position, rotation, forward = (1.0, 2.0, 3.0), (4.0, 5.0, 6.0, 7.0), (8.0, 9.0, 10.0)
    avatar = builder.CreateString(avatar_id)
    AvatarTable.AvatarKinematicStart(builder)
    AvatarTable.AvatarKinematicAddId(builder, avatar)
    AvatarTable.AvatarKinematicAddPosition(builder, CreateVector3(builder, *position))
    AvatarTable.AvatarKinematicAddRotation(builder, CreateQuaternion(builder, *rotation))
    AvatarTable.AvatarKinematicAddForward(builder, CreateVector3(builder, *forward))
    return _Mould(
        _finished(builder, AvatarTable.AvatarKinematicEnd(builder), b"avki"),
        struct.pack("<3f", *position),
        struct.pack("<4f", *rotation),
        struct.pack("<3f", *forward),
    )


@lru_cache(maxsize=10_000)
def occlusion(avatar_id: str, occluded: int, unoccluded: int) -> bytes:
    """How much of the frame objects cover, with and without the scene, of 255."""
    builder = Builder(128)
    avatar = builder.CreateString(avatar_id)
    OcclusionTable.OcclusionStart(builder)
    OcclusionTable.OcclusionAddAvatarId(builder, avatar)
    OcclusionTable.OcclusionAddOccluded(builder, occluded)
    OcclusionTable.OcclusionAddUnoccluded(builder, unoccluded)
    return _finished(builder, OcclusionTable.OcclusionEnd(builder), b"occl")


def field_of_view(avatar_id: str, degrees: float, focal_length: float) -> bytes:
    """The field of view of an avatar's camera."""
    builder = Builder(256)
    avatar, sensor = builder.CreateString(avatar_id), builder.CreateString(SENSOR)
    FieldOfViewTable.FieldOfViewStart(builder)
    FieldOfViewTable.FieldOfViewAddAvatarId(builder, avatar)
    FieldOfViewTable.FieldOfViewAddSensorName(builder, sensor)
    FieldOfViewTable.FieldOfViewAddFov(builder, degrees)
    FieldOfViewTable.FieldOfViewAddFocalLength(builder, focal_length)
    return _finished(builder, FieldOfViewTable.FieldOfViewEnd(builder), b"fofv")


def scene_regions(regions: tuple[tuple[Vector, Vector], ...]) -> bytes:
    """Centre and size of each region."""
    builder = Builder(512)
    RegionsTable.SceneRegionsStartRegionsVector(builder, len(regions))
    for number, (centre, size) in reversed(list(enumerate(regions))):
        CreateSceneRegion(builder, number, *centre, *size)
    vector = builder.EndVector(len(regions))
    RegionsTable.SceneRegionsStart(builder)
    RegionsTable.SceneRegionsAddRegions(builder, vector)
    return _finished(builder, RegionsTable.SceneRegionsEnd(builder), b"sreg")


def version(tdw: str, unity: str) -> bytes:
    """The versions of the build and of its engine: a FlatBuffer until 1.12, packed since 1.13."""
    if numbers_of(tdw) >= (1, 13):
        words = tdw.encode()
        return b"".join((bytes(4), b"vers", b"\x01", bytes([len(words)]), words, unity.encode()))
    builder = Builder(128)
    engine, build = builder.CreateString(unity), builder.CreateString(tdw)
    VersionTable.VersionStart(builder)
    VersionTable.VersionAddUnity(builder, engine)
    builder.PrependUOffsetTRelativeSlot(1, build, 0)  # VersionAddTdw hides tdw by its argument
    VersionTable.VersionAddStandalone(builder, True)
    return _finished(builder, VersionTable.VersionEnd(builder), b"vers")


def numbers_of(version: str) -> tuple[int, ...]:
    """Turn a version such as 1.12.23 into numbers that can be compared."""
    return tuple(int(part) for part in version.split(".")[:3])


def error_message(message: str, object_type: str) -> bytes:
    """An error in the log of the build."""
    builder = Builder(512)
    words, kind = builder.CreateString(message), builder.CreateString(object_type)
    LogTable.LogMessageStart(builder)
    LogTable.LogMessageAddMessageType(builder, MessageType.error)
    LogTable.LogMessageAddObjectType(builder, kind)
    LogTable.LogMessageAddMessage(builder, words)
    return _finished(builder, LogTable.LogMessageEnd(builder), b"logm")


def quit_signal(ok: bool) -> bytes:
    """The last words of the build."""
    builder = Builder(64)
    QuitTable.QuitSignalStart(builder)
    QuitTable.QuitSignalAddOk(builder, ok)
    return _finished(builder, QuitTable.QuitSignalEnd(builder), b"quit")


def failed_to_receive() -> bytes:
    """The empty piece of data that asks the controller to send its commands again."""
    builder = Builder(64)
    builder.StartObject(0)
    return _finished(builder, builder.EndObject(), b"ftre")
