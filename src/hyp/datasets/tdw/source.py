"""ThreeDWorld as a source of images."""

from __future__ import annotations

from typing import Any, Literal, Self

from hyp.datasets.designs import Design
from hyp.datasets.latents import Latent
from hyp.datasets.rows import Columns, Rows
from hyp.datasets.tdw import catalogue
from hyp.datasets.tdw.client import missing_package
from hyp.datasets.tdw.planning import Plan, Shown, make_plan, unplanned
from hyp.datasets.tdw.settings import DEFAULT_ADDRESS, TDWSettings
from hyp.errors import HypError

_MOST_PORTS = 256


class TDWSource(TDWSettings):
    """Takes images from running builds of ThreeDWorld, after the paper's generator.

    The objects, scenes and rules are those of TDW-117 (Gan et al., 2021, for ThreeDWorld;
    Xie et al., 2024, for the images). Poses are the ones that the build returns with the
    frame, and the JPEG files are kept as they come. An image depends on this specification,
    the design, the seed and its index; the pixels also on the version of the build, which
    the column ``tdw_build`` tells.

    A process takes one of `addresses`, keeps its build from call to call and ends it at
    exit, as TDW's own controllers do.

    Its fields are those of `TDWSettings`.
    """

    @classmethod
    def open(cls, where: str = "", **settings: Any) -> Self:
        """Return the source of ``tdw`` or ``tdw:HOST:PORT``.

        Parameters
        ----------
        where : str
            ``HOST:PORT``, or ``HOST:FIRST-LAST`` for one build a port; several are joined
            by commas. ``localhost`` listens to this machine alone, ``*`` to any network.
        **settings
            Fields, such as ``image_size``.

        Raises
        ------
        HypError
            If it cannot be read.

        Examples
        --------
        >>> TDWSource.open("localhost:1071-1073").addresses
        ('localhost:1071', 'localhost:1072', 'localhost:1073')
        """
        places = [place.strip() for place in (where or DEFAULT_ADDRESS).split(",")]
        addresses = tuple(address for place in places for address in _ports(place))
        return cls(**{"addresses": addresses, **settings})

    @property
    def encoding(self) -> Literal["jpeg"]:
        """The build's JPEG files are stored as they are."""
        return "jpeg"

    @property
    def capacity(self) -> None:
        """Images never end: past the plan, it begins again with other random numbers."""
        return None

    @property
    def latents(self) -> tuple[Latent, ...]:
        """Position and rotation in the camera's frame, category, identity, scene and skybox."""
        return catalogue.latents()

    def sized(self, n_images: int) -> Self:
        """Return this source with a plan for a dataset of `n_images`, unless it has a plan."""
        if self.planned is not None:
            return self
        return self.model_copy(update={"planned": n_images})

    def plan(self, design: Design) -> Plan:
        """Return which image shows what, in a dataset that is planned as a whole.

        ``plan(design).n_images`` is its number of images.

        Raises
        ------
        HypError
            If there is no plan, or the design is impossible.
        """
        if self.planned is None:
            raise HypError("this tdw source has no plan; say planned=NUMBER_OF_IMAGES.")
        return make_plan(design, self.planned, self.counts, self.skyboxes)

    def shown(self, design: Design, seed: int, indices: Rows) -> Shown:
        """Return which scene, model and skybox images show, as places in the design's lists."""
        if self.planned is None:
            return unplanned(design, self.skyboxes, seed, indices)
        return self.plan(design).shown(seed, indices)

    def sample(self, design: Design, seed: int, indices: Rows) -> Columns:
        """Return the latents and extra columns of images, shape (n,) each.

        A build is needed here too: whether scenery hides the object is for it to say.

        Parameters
        ----------
        design : Design
            What may vary.
        seed : int
            The dataset's seed.
        indices : ndarray of int, shape (n,)
            Image indices; a row depends on its own index only.

        Returns
        -------
        dict of str to ndarray, shape (n,)
            Every latent, then camera and object in the world (``camera_pos_x``,
            ``camera_rot_w``, ``object_pos_y``, ...: metres and quaternions, the object's
            centroid), ``wnid`` and ``tdw_build``. Numbers are float64, names str objects.

        Raises
        ------
        HypError
            If the design is impossible, no view was accepted, or a build failed.
        """
        return self._draw(design, seed, indices, images=False)[1]

    def render(
        self, design: Design, seed: int, indices: Rows, device: str = "cpu"
    ) -> tuple[list[bytes], Columns]:
        """Return the JPEG files of images and the columns of `sample`; no `device` is used.

        Raises
        ------
        HypError
            As `sample`.
        """
        return self._draw(design, seed, indices, images=True)

    def _draw(
        self, design: Design, seed: int, indices: Rows, *, images: bool
    ) -> tuple[list[bytes], Columns]:
        try:
            from hyp.datasets.tdw.rendering import draw
        except ModuleNotFoundError as error:
            raise missing_package(error) from error
        shown = self.shown(design, seed, indices)
        return draw(self, design, shown, seed, indices, images=images)


def _ports(place: str) -> list[str]:
    host, _, ports = place.rpartition(":")
    first, dash, last = ports.partition("-")
    try:
        numbers = range(int(first), int(last if dash else first) + 1)
    except ValueError:
        numbers = range(0)
    if not host or not 0 < len(numbers) <= _MOST_PORTS or not 0 < numbers[0] <= numbers[-1] < 2**16:
        raise HypError(
            f"cannot read the builds' address {place!r}; write tdw:HOST:PORT or "
            "tdw:HOST:FIRST-LAST, for instance tdw:localhost:1071."
        )
    return [f"{host}:{number}" for number in numbers]
