"""The sources there are, by kind, and the one-line form that names one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic import BaseModel

from hyp.datasets.designs import Design
from hyp.datasets.latents import Latent
from hyp.datasets.rows import Columns, Encoding, Images, Rows, RowsSource
from hyp.errors import HypError, one_sentence
from hyp.plugins import SOURCES as PLUGIN_SOURCES
from hyp.plugins import Plugin, find_plugins

SOURCES: dict[str, str] = {
    "engine": "hyp.datasets.engine.source:EngineSource",
    "tdw": "hyp.datasets.tdw.source:TDWSource",
    "tdw-images": "hyp.datasets.released.source:ReleasedTDWSource",
    "dataset": "hyp.datasets.existing:DatasetSource",
    "dsprites": "hyp.datasets.public.dsprites:DSpritesSource",
    "shapes3d": "hyp.datasets.public.shapes3d:Shapes3DSource",
    "smallnorb": "hyp.datasets.public.smallnorb:SmallNORBSource",
    "cifar10": "hyp.datasets.public.photographs:CIFAR10Source",
    "stl10": "hyp.datasets.public.photographs:STL10Source",
    "mpi3d": "hyp.datasets.public.mpi3d:MPI3DSource",
    "folder": "hyp.datasets.folders.folder:FolderSource",
    "classes": "hyp.datasets.folders.classes:ClassFolderSource",
    "imagenet": "hyp.datasets.folders.imagenet:ImageNetSource",
}
"""Kind to where the source's class is; a class is imported when it is needed.

Installed packages add more, see `hyp.plugins`.
"""

ENGINE = "engine"

_MEMBERS = (
    "kind",
    "version",
    "image_size",
    "encoding",
    "latents",
    "capacity",
    "sample",
    "render",
)


class Source(Protocol):
    """Where images come from: something that renders, or reads, image `i` of a seed.

    An implementation is a frozen pydantic model whose fields are all that its images
    depend on. An image depends on (design, seed, index) alone, never on the batch.
    """

    @property
    def kind(self) -> str:
        """Name of the source, which tells the sources apart in a spec."""

    @property
    def version(self) -> int:
        """Number kept by hand, raised whenever the same spec gives other images."""

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""

    @property
    def encoding(self) -> Encoding:
        """``raw`` for pixels, ``jpeg`` where the source gives, and a dataset keeps, JPEG bytes."""

    @property
    def latents(self) -> tuple[Latent, ...]:
        """The latents of every image."""

    @property
    def capacity(self) -> int | None:
        """Number of images that there are; None where they never end."""

    def sample(self, design: Design, seed: int, indices: Rows) -> Columns:
        """Draw the latents of images, shape (n,) each."""

    def render(
        self, design: Design, seed: int, indices: Rows, device: str = "cpu"
    ) -> tuple[Images, Columns]:
        """Return images and their latents with any extra columns.

        The images are an array of shape (n, H, W, 3), or n JPEG files.
        """

    def model_dump(
        self, *, mode: str = "python", exclude: set[str] | None = None
    ) -> dict[str, Any]:
        """Return the fields that images depend on."""


def source_class(kind: str) -> type[Any]:
    """Return the class of a kind of source.

    Raises
    ------
    HypError
        If there is none, or the package that offers it is broken.
    """
    if kind in SOURCES:
        module, _, name = SOURCES[kind].partition(":")
        return cast(type[Any], getattr(import_module(module), name))
    added = _added()
    if kind in added:
        return _loaded(added[kind])
    known = ", ".join(dict.fromkeys([*SOURCES, *added]))
    hint = ""
    if Path(kind).exists():
        hint = (
            f" Of files, say how they are to be read: classes:{kind} (images in a folder for each "
            f"class), folder:{kind} (images with a table) or engine:{kind} (meshes)."
        )
    raise HypError(f"unknown source {kind!r}; choose from: {known}.{hint}")


def all_sources() -> tuple[dict[str, type[Any]], tuple[str, ...]]:
    """Return the class of every kind, and what is wrong with those that cannot be used.

    Returns
    -------
    classes : dict of str to type
        hyp's own, then those of installed packages by name.
    problems : tuple of str
        One sentence a broken one.
    """
    classes, problems = {kind: source_class(kind) for kind in SOURCES}, []
    for kind, plugin in _added().items():
        try:
            classes[kind] = _loaded(plugin)
        except HypError as error:
            problems.append(str(error))
    return classes, tuple(problems)


def _added() -> dict[str, Plugin]:
    return find_plugins(PLUGIN_SOURCES, SOURCES)


def _loaded(plugin: Plugin) -> type[Any]:
    """Return the class that a plugin offers, once it is known to have what a source needs."""
    cls = plugin.load()
    where = plugin.entry.value
    if not (isinstance(cls, type) and issubclass(cls, BaseModel)):
        raise plugin.fault(f"{where} is no pydantic model")
    if not cls.model_config.get("frozen"):
        raise plugin.fault(f"{where} is not frozen")
    missing = [name for name in _MEMBERS if name not in cls.model_fields and not hasattr(cls, name)]
    if missing:
        raise plugin.fault(f"{where} lacks {', '.join(missing)}")
    kind = cls.model_fields["kind"].default if "kind" in cls.model_fields else None
    if kind != plugin.name:
        raise plugin.fault(f"the field kind of {where} is {kind!r}")
    return cls


def read_source(value: Any) -> Source:
    """Return a source from its fields, as a spec holds them; a source is returned as it is."""
    if not isinstance(value, dict):
        return cast(Source, value)
    return cast(Source, source_class(str(value.get("kind"))).model_validate(value))


@one_sentence()
def open_source(text: str, **settings: Any) -> Source:
    """Return the source of a line such as ``engine`` or ``dsprites:/data/dsprites.npz``.

    Parameters
    ----------
    text : str
        ``KIND``, or ``KIND:WHERE`` with the path or address that this kind reads.
    **settings
        Fields of the source, such as ``image_size``; None leaves a field to the source.

    Raises
    ------
    HypError
        For an unknown kind, a missing path, or files that are not what they should be.

    Examples
    --------
    >>> open_source("engine", image_size=32).image_size
    32
    """
    kind, colon, where = text.strip().partition(":")
    cls = source_class(kind)
    given = {name: value for name, value in settings.items() if value is not None}
    if issubclass(cls, RowsSource):
        if not where:
            raise HypError(f"source {kind!r} needs its files; write {kind}:/path/to/files.")
        if "://" in where and cls.remote:
            return cast(Source, cast(Any, cls).open(where, **given))
        path = Path(where).expanduser().absolute()
        if not path.exists():
            raise HypError(f"there is no {path} for the source {kind!r}; check the path.")
        return cast(Source, cls.open(path, **given))
    if hasattr(cls, "open"):
        return cast(Source, cls.open(where, **given))
    if colon:
        raise HypError(f"source {kind!r} takes nothing after a colon; write {kind}.")
    return cast(Source, cls(**given))


def places(source: Source) -> dict[str, Any]:
    """Return where the source's files or builds are, which no key depends on."""
    fields = type(source).model_fields  # type: ignore[attr-defined]
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, field in fields.items()
        if field.exclude and name != "remarks" and (value := getattr(source, name)) is not None
    }


def remarks_of(source: Source) -> str:
    """Return what was left out or passed over when the source's files were read, if anything."""
    return getattr(source, "remarks", None) or ""


def part_of(source: Source, part: str) -> Source:
    """Return the ``train`` or ``stimuli`` share of a source; an endless one has no parts."""
    if isinstance(source, RowsSource):
        return cast(Source, source.model_copy(update={"part": part}))
    return source
