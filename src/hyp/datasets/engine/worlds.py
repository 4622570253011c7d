"""What an engine's images can show: its objects and its scenes, built in or brought by the user."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from hyp.datasets.engine.materials import Material
from hyp.datasets.engine.scenes import SCENES, Scene
from hyp.datasets.engine.shapes import IDENTITY_CATEGORY
from hyp.errors import HypError

Floats = NDArray[np.float64]
Axis = Literal["y", "z"]

_HALF = (8.0, 8.0)
_HEIGHT = 7.0
_NOTHING = Material((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


class OwnObject(BaseModel):
    """A mesh that the user brought.

    Attributes
    ----------
    identity, category : str
        Its values of these latents.
    digest : str
        SHA-256 of its file and of all files that it names.
    up : {"y", "z"}
        The file's upward axis.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: str
    category: str
    digest: str
    up: Axis = Field(default="y", exclude_if=lambda up: up == "y")


class Panorama(BaseModel):
    """An equirectangular picture that the user brought, as a scene.

    Attributes
    ----------
    name : str
        Its value of the latent ``scene``.
    digest : str
        SHA-256 of its file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str


@dataclass(frozen=True)
class World:
    """The objects and scenes of a source.

    Attributes
    ----------
    objects : tuple of OwnObject
        They stand instead of the built-in objects, where there are any.
    panoramas : tuple of Panorama
        They stand instead of the built-in scenes, where there are any.
    builtin : bool
        Whether the built-in objects and scenes are kept beside them.
    path : Path or None
        Where the files are; latents and designs need none.
    opaque : bool
        Whether transparent materials of the user's objects are drawn opaque.
    """

    objects: tuple[OwnObject, ...] = ()
    panoramas: tuple[Panorama, ...] = ()
    builtin: bool = False
    path: Path | None = None
    opaque: bool = False

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.objects, self.panoramas, self.builtin, self.path, self.opaque))

    @cached_property
    def identity_category(self) -> MappingProxyType[str, str]:
        """Identity name: its category, in sorted order."""
        own = {item.identity: item.category for item in self.objects}
        if not own:
            return IDENTITY_CATEGORY
        known = {**IDENTITY_CATEGORY, **own} if self.builtin else own
        return MappingProxyType(dict(sorted(known.items())))

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """Identity names, sorted."""
        return tuple(self.identity_category)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Category names, sorted."""
        return tuple(sorted(set(self.identity_category.values())))

    @cached_property
    def scenes(self) -> tuple[Scene, ...]:
        """Scenes, sorted by name; a panorama is one without floor, boxes and skyline."""
        own = [
            Scene(item.name, False, _HALF, _HEIGHT, _NOTHING, _NOTHING, _NOTHING, panorama=True)
            for item in self.panoramas
        ]
        if not own:
            return SCENES
        known = [*SCENES, *own] if self.builtin else own
        return tuple(sorted(known, key=lambda scene: scene.name))

    @cached_property
    def scene_names(self) -> tuple[str, ...]:
        """Names of the scenes."""
        return tuple(scene.name for scene in self.scenes)

    @cached_property
    def own(self) -> dict[str, OwnObject]:
        """Identity name: the user's object."""
        return {item.identity: item for item in self.objects}

    @cached_property
    def low(self) -> Floats:
        """Lower corners of the scenes, shape (n_scenes, 3)."""
        return np.array([scene.bounds[0] for scene in self.scenes])

    @cached_property
    def high(self) -> Floats:
        """Upper corners of the scenes, shape (n_scenes, 3)."""
        return np.array([scene.bounds[1] for scene in self.scenes])

    @cached_property
    def indoor(self) -> NDArray[np.bool_]:
        """Which scenes are rooms, shape (n_scenes,)."""
        return np.array([scene.indoor for scene in self.scenes])

    @cached_property
    def boxes(self) -> Floats:
        """Corners of the scenes' boxes, shape (n_scenes, MAX_BOXES, 2, 3)."""
        return np.array([scene.box_bounds() for scene in self.scenes])

    def check(self) -> None:
        """Check that no two objects, and no two scenes, have one name.

        Raises
        ------
        HypError
            If they have, or if built-in ones are asked for beside nothing.
        """
        if self.builtin and not (self.objects or self.panoramas):
            raise HypError(
                "builtin=true keeps the built-in objects and scenes beside your own ones; name "
                "those, for instance engine:/path/to/folder."
            )
        _check_names("identity", [o.identity for o in self.objects], IDENTITY_CATEGORY, self)
        names = [scene.name for scene in SCENES]
        _check_names("scene", [item.name for item in self.panoramas], names, self)

    def require_path(self) -> Path:
        """Return where the files are.

        Raises
        ------
        HypError
            If this world was read from a manifest, which does not say where.
        """
        if self.path is None:
            raise HypError(
                "this engine source does not say where its objects and panoramas are; name "
                "them, for instance engine:/path/to/folder."
            )
        return self.path


BUILT_IN = World()
"""The objects and scenes that come with hyp."""


@lru_cache(maxsize=8)
def world_of(
    objects: tuple[OwnObject, ...],
    panoramas: tuple[Panorama, ...],
    builtin: bool,
    path: Path | None,
    opaque: bool = False,
) -> World:
    """Return the one `World` of these fields, so that what it worked out is kept."""
    world = World(objects, panoramas, builtin, path, opaque)
    return BUILT_IN if world == BUILT_IN else world


def _check_names(latent: str, own: list[str], built_in: object, world: World) -> None:
    seen: set[str] = set()
    for name in own:
        if name in seen:
            raise HypError(f"two of your files have the {latent} {name!r}; give each its own.")
        seen.add(name)
        if world.builtin and name in built_in:  # type: ignore[operator]
            raise HypError(
                f"the {latent} {name!r} is a built-in one too; rename yours, or leave out "
                "builtin=true."
            )
