"""The types of TDW's command parameters, and how a command is read from JSON.

The commands themselves are methods: their names, parameters, types and defaults are those of TDW's
command API, and a parameter's annotation is its type here.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

from tdw_build.objections import Objection
from tdw_build.rotations import Quaternion, Vector, normalised

Reader = Callable[[Any], Any]


def integer(value: Any) -> int:
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise Objection(f"needs a 32-bit whole number, not {value!r}")
    return value


def number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Objection(f"needs a finite number, not {value!r}")
    return float(value)


def boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise Objection(f"needs true or false, not {value!r}")
    return value


def text(value: Any) -> str:
    if type(value) is not str or not value:
        raise Objection(f"needs a string that is not empty, not {value!r}")
    return value


def words(value: Any) -> str:
    if type(value) is not str:
        raise Objection(f"needs a string, not {value!r}")
    return value


def _numbers(value: Any, names: str) -> tuple[float, ...]:
    if type(value) is not dict or set(value) != set(names):
        raise Objection(f"needs an object with {', '.join(names)} and nothing else, not {value!r}")
    return tuple(number(value[name]) for name in names)


def vector3(value: Any) -> Vector:
    return _numbers(value, "xyz")


def quaternion(value: Any) -> Quaternion:
    q = _numbers(value, "xyzw")
    if abs(math.hypot(*q) - 1) > 1e-3:
        raise Objection(f"needs a quaternion of length 1, not {value!r}")
    return normalised(q)


def _list_of(read: Reader) -> Reader:
    def read_list(value: Any) -> list:
        if type(value) is not list:
            raise Objection(f"needs a list, not {value!r}")
        items = [read(item) for item in value]
        if len(set(items)) < len(items):
            raise Objection(f"names something twice: {value!r}")
        return items

    return read_list


def _one_of(*choices: str) -> Reader:
    def read_choice(value: Any) -> str:
        if value not in choices:
            raise Objection(f"needs one of {', '.join(choices)}, not {value!r}")
        return value

    return read_choice


def vectors(value: Any) -> list[Vector]:
    if type(value) is not list:
        raise Objection(f"needs a list, not {value!r}")
    return [vector3(item) for item in value]


integers = _list_of(integer)
texts = _list_of(text)
frequency = _one_of("once", "always", "never")
axis = _one_of("pitch", "yaw", "roll")
local_scene = _one_of("ProcGenScene", "PointLightScene")
avatar_type = _one_of("A_Simple_Body", "A_Img_Caps_Kinematic", "A_First_Person")
anti_aliasing = _one_of("fast", "none", "subpixel", "temporal")
bundle_type = _one_of(
    "models", "materials", "scenes", "skyboxes", "humanoids", "humanoid_animations"
)
pass_masks = _list_of(
    _one_of(
        "_img",
        "_id",
        "_category",
        "_mask",
        "_depth",
        "_depth_simple",
        "_normals",
        "_flow",
        "_albedo",
    )
)
sensor = _one_of("SensorContainer")


class Command:
    """A command of the API, as the method that does it declares it."""

    def __init__(self, function: Callable) -> None:
        parameters = list(inspect.signature(function).parameters.values())[1:]
        self.readers: dict[str, Reader] = {p.name: p.annotation for p in parameters}
        self.required = frozenset(p.name for p in parameters if p.default is p.empty)

    def arguments(self, command: dict[str, Any]) -> dict[str, Any]:
        """Read the arguments of one command; Objection at a missing, unknown or wrong one."""
        arguments = {}
        for name, value in command.items():
            if name == "$type":
                continue
            reader = self.readers.get(name)
            if reader is None:
                raise Objection(f'has no parameter "{name}"')
            try:
                arguments[name] = reader(value)
            except Objection as objection:
                raise Objection(f'"{name}" {objection}') from None
        if not self.required <= arguments.keys():
            missing = sorted(self.required - arguments.keys())
            raise Objection(f'lacks the parameter "{missing[0]}"')
        return arguments


def commands_of(cls: type) -> dict[str, Command]:
    """All the commands that a class does: its public methods."""
    return {
        name: Command(function)
        for name, function in vars(cls).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }
