"""Networks that exist already, as members of a cohort: model folders, files, torchvision, timm."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.error import URLError

from pydantic import Field, model_validator

from hyp.errors import HypError
from hyp.models.specs import TrainSpec, Units
from hyp.models.trust import TIMM

if TYPE_CHECKING:
    from torch import Tensor, nn

    from hyp.models.checkpoints import ModelInfo

TORCHVISION = "torchvision:"

UNKNOWN_BATCHES = 1
"""Stands for the length of a training of which no more is known than that there was one."""

_PATIENCE = 10.0
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class PretrainedSpec(TrainSpec):
    """A network that exists, known by the content of its weights and not by where they are.

    The fields of `TrainSpec` say what it was trained from, as far as that is known; those
    that are not known have the default, and `n_batches` is 1 where a network was trained
    for nobody knows how long. `seed` tells the networks of a cohort apart, and `input_size`
    is what images are resized to; both may be replaced
    (``spec.model_copy(update={"seed": 3})``).

    Attributes
    ----------
    kind : {"files", "torchvision", "timm"}
        Who has the weights: a folder or file, or a library that fetches them by name.
    name : str
        The library's name of the network with its weights, ``resnet18:IMAGENET1K_V1``.
    digests : tuple of str
        `state_digest` of the weights at every checkpoint, in their order.
    history : str
        SHA-256 of the ``history.json`` that comes along; empty where there is none.
    head : tuple of Units
        All tasks with their output units; none of a network without a head.
    standardisation : dict of str to (float, float)
        Mean and standard deviation of continuous targets, as `ModelInfo` has them.
    image_shape : (int, int, int)
        Of the training images, before resizing.
    """

    kind: Literal["files", "torchvision", "timm"]
    name: str = ""
    digests: tuple[_Digest, ...]
    history: Literal[""] | _Digest = ""
    head: tuple[Units, ...]
    standardisation: dict[str, tuple[float, float]] = Field(default_factory=dict)
    image_shape: tuple[int, int, int]

    @model_validator(mode="after")
    def _digest_for_every_checkpoint(self) -> Self:
        if len(self.digests) != len(self.checkpoints):
            raise HypError(
                f"there are {len(self.digests)} digests for {len(self.checkpoints)} checkpoints; "
                "give one for each."
            )
        return self

    @property
    def digest(self) -> str:
        """`state_digest` of the last weights."""
        return self.digests[-1]


def resolve_pretrained(
    text: str, *, objective: str | None = None, backbone: str | None = None
) -> tuple[PretrainedSpec, Path | None]:
    """Describe a network that exists, having checked that it can be used.

    Its weights are read, which for a library's may mean that they are fetched. A library's
    network counts as trained for ``category``, and one without output units (``num_classes=0``,
    as those of DINO, MAE or CLIP) for `objective`, by default ``unknown``. It sees whole images,
    resized to the size it was evaluated at (where the library crops) and with ImageNet's
    normalisation.

    Parameters
    ----------
    text : str
        One of:

        - a model folder, as `hyp.models.train` or `hyp.models.import_weights` fills it;
        - a file of weights, as `hyp.models.import_weights` takes it;
        - ``torchvision:NAME`` or ``torchvision:NAME:WEIGHTS``: a classifier and, where
          they are not the default, which weights (``torchvision:resnet50:IMAGENET1K_V1``),
          which torchvision keeps in torch's own cache;
        - ``timm:NAME`` or ``timm:NAME.TAG``, where timm is installed.
    objective, backbone : str, optional
        Of a file of weights that is not called by its Brain-Score identifier; the objective also
        of a library's network without output units.

    Returns
    -------
    (PretrainedSpec, Path or None)
        What the network is, and where its files are; None for a library's.

    Raises
    ------
    HypError
        If there is no such network, its weights cannot be fetched or read, are not finite
        or do not fit, or it sees images in a way that hyp does not show them.
    """
    text = text.strip()
    settings = {"objective": objective, "backbone": backbone}
    if text.startswith((TORCHVISION, TIMM)):
        library, _, name = text.partition(":")
        opened = _open_library(library, name, objective)
        return _spec("torchvision" if library == "torchvision" else "timm", opened), None
    place = Path(text).expanduser().absolute()
    if not text or not place.exists():
        raise HypError(
            f"there is no network {text!r}; name a model folder, a file of weights, "
            f"{TORCHVISION}NAME or {TIMM}NAME."
        )
    return _spec("files", _open_files(place, settings)), place


def build_pretrained(spec: PretrainedSpec, place: Path | str | None, folder: Path | str) -> None:
    """Fill a model folder with a network that exists, as `hyp.models.train` does.

    Beside the weights it holds ``history.json``, that of the model folder it came from if
    it came from one, and ``origin.json`` with the digests; ``model.json`` is written last.

    Parameters
    ----------
    spec : PretrainedSpec
        As `resolve_pretrained` returns it.
    place : path or None
        The model folder or file of weights; None for a library's network.
    folder : path
        Made if it does not exist.

    Raises
    ------
    HypError
        As `resolve_pretrained`; or if other weights are there now.
    """
    import torch

    from hyp.models import checkpoints, released

    folder = Path(folder)
    if spec.kind != "files":
        opened = _open_library(spec.kind, spec.name, None if spec.head else spec.objective)
        where = f"{spec.kind}:{spec.name}"
    elif place is None:
        raise HypError("this network does not say where its files are; name it anew.")
    else:
        where = str(place)
        fields = spec.model_dump(include={"objective", "backbone", "n_batches"})
        opened = _open_files(Path(place), fields)

    def verified() -> Iterator[tuple[int, nn.Module]]:
        for batch, digest in zip(spec.checkpoints, spec.digests, strict=True):
            network = opened.load(batch)
            if state_digest(network.state_dict()) != digest:
                raise HypError(f"the weights of {where} are others now; name the network anew.")
            yield batch, network

    if opened.history != spec.history:
        raise HypError(f"the history of {where} is another one now; name the network anew.")
    trained = spec.model_dump(include=set(TrainSpec.model_fields))
    info = checkpoints.ModelInfo(
        spec=TrainSpec.model_validate(trained),
        head=spec.head,
        standardisation=spec.standardisation,
        image_shape=spec.image_shape,
        checkpoints=spec.checkpoints,
    )
    digests = dict(zip(map(str, spec.checkpoints), spec.digests, strict=True))
    origin = {"kind": spec.kind, "name": spec.name, "weights": digests, "torch": torch.__version__}
    history = json.loads(opened.history_text) if opened.history else released.NO_HISTORY
    folder.mkdir(parents=True, exist_ok=True)
    released.fill_folder(folder, info, verified(), origin, history)


def state_digest(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of weights: of name, type, shape and bytes of each tensor, by name.

    Raises
    ------
    HypError
        If a tensor is not finite; it is named.
    """
    import torch

    check_finite(state)
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_finite(state: Mapping[str, Tensor]) -> None:
    """Refuse weights with NaN or infinity, naming the tensor.

    Raises
    ------
    HypError
        If a tensor is not finite.
    """
    broken = next((name for name, value in state.items() if not value.isfinite().all()), None)
    if broken is not None:
        raise HypError(f"the weights are not finite in {broken}; fetch or train them again.")


@dataclass(frozen=True)
class _Opened:
    """A network that can be read: what it is, and its weights by batch count."""

    info: ModelInfo
    load: Callable[[int], nn.Module]
    name: str = ""
    history_text: bytes = b""

    @property
    def history(self) -> str:
        return hashlib.sha256(self.history_text).hexdigest() if self.history_text else ""


def _spec(kind: Literal["files", "torchvision", "timm"], opened: _Opened) -> PretrainedSpec:
    info = opened.info
    return PretrainedSpec(
        **info.spec.model_dump(),
        kind=kind,
        name=opened.name,
        digests=tuple(
            state_digest(opened.load(batch).state_dict()) for batch in info.spec.checkpoints
        ),
        history=opened.history,
        head=info.head,
        standardisation=info.standardisation,
        image_shape=info.image_shape,
    )


def _open_files(place: Path, settings: Mapping[str, Any]) -> _Opened:
    from hyp.models import checkpoints, released

    if place.is_dir():
        info = checkpoints.read_info(place)
        known = settings.get("backbone")
        return _Opened(
            info,
            lambda batch: checkpoints.load_model(place, batch, backbone=known)[0],
            history_text=_history_of(place / checkpoints.HISTORY),
        )
    if settings["objective"] is None and released.read_identifier(place.stem) is None:
        raise HypError(
            f"the name of {place} does not say what it was trained for; import it with hyp models "
            "import FILE FOLDER --objective ... and name the folder."
        )
    info, networks = released.read_weights(place, **settings)
    return _Opened(info, networks.__getitem__)


def _history_of(path: Path) -> bytes:
    """Return the content of a ``history.json``; nothing where it says nothing."""
    from hyp.models.released import NO_HISTORY

    try:
        content = path.read_bytes()
        return b"" if json.loads(content) == NO_HISTORY else content
    except FileNotFoundError:
        return b""
    except (OSError, ValueError) as error:
        raise HypError(f"{path} cannot be read; train the network again.") from error


def _open_library(library: str, name: str, objective: str | None) -> _Opened:
    from hyp.models.runtime import undisturbed

    with undisturbed():
        if library == "torchvision":
            name, backbone, size, network = _from_torchvision(name)
        else:
            name, backbone, size, network = _from_timm(name)
        network.eval()
        return _as_built_here(f"{library}:{name}", backbone, size, network, name, objective)


def _as_built_here(
    where: str,
    backbone: str,
    size: int,
    network: nn.Module,
    name: str,
    objective: str | None = None,
) -> _Opened:
    """Put a library's weights into the backbone as hyp builds it; it must compute the same."""
    import torch

    from hyp.models import checkpoints
    from hyp.models.backbones import build_backbone, load_weights
    from hyp.models.fitting import mismatch

    state = network.state_dict()
    check_finite(state)
    with torch.inference_mode():
        images = torch.linspace(-2, 2, 3 * size * size).reshape(1, 3, size, size)
        wanted = network(images)
    has_head = bool(getattr(network, "num_classes", True))
    n_outputs = wanted.shape[-1] if wanted.ndim == 2 and has_head else 0
    if has_head and objective not in (None, "category"):
        raise HypError(f"{where} was trained for category; leave the objective {objective} away.")
    built = build_backbone(backbone, n_outputs).eval()
    problem = mismatch(built.state_dict(), state)
    if problem:
        raise HypError(
            f"{where} is another network than {backbone} without weights: {problem}; choose "
            "other weights."
        )
    load_weights(built, state)
    with torch.inference_mode():
        same = torch.equal(built(images), wanted)
    if not same:
        raise HypError(
            f"{where} sees images in a way of its own, which hyp does not show them; choose "
            "another network."
        )
    info = checkpoints.ModelInfo(
        spec=TrainSpec(
            objective="category" if n_outputs else objective or "unknown",
            backbone=backbone,
            seed=0,
            n_batches=UNKNOWN_BATCHES,
            input_size=size,
        ),
        head=(Units(task="category", start=0, stop=n_outputs),) if n_outputs else (),
        standardisation={},
        image_shape=(size, size, 3),
        checkpoints=(UNKNOWN_BATCHES,),
    )
    return _Opened(info, lambda _: built, name)


def _from_torchvision(text: str) -> tuple[str, str, int, nn.Module]:
    """Return the full name, the backbone, the input size and the network with its weights."""
    from torchvision import models

    from hyp.models.backbones import WIDTH, outline
    from hyp.models.inputs import IMAGENET_MEAN, IMAGENET_SD

    backbone, _, wanted = text.partition(":")
    outline(backbone, 2)
    has_weights = WIDTH not in backbone
    offered = {w.name: w for w in models.get_model_weights(backbone)} if has_weights else {}
    if not offered:
        raise HypError(f"torchvision has no weights of {backbone}; choose another network.")
    if wanted and wanted not in offered:
        raise HypError(
            f"torchvision has no weights {wanted!r} of {backbone}; choose from: "
            f"{', '.join(offered)}."
        )
    weights = offered[wanted] if wanted else models.get_model_weights(backbone)["DEFAULT"]
    name, shown = f"{backbone}:{weights.name}", weights.transforms()
    if (tuple(shown.mean), tuple(shown.std)) != (IMAGENET_MEAN, IMAGENET_SD):
        raise HypError(
            f"{TORCHVISION}{name} was trained on images that were normalised otherwise than "
            "ImageNet's; choose other weights."
        )
    with _fetching(f"{TORCHVISION}{name}", weights.url):
        network = models.get_model(backbone, weights=weights, progress=False)
    return name, backbone, int(shown.crop_size[0]), network


@contextmanager
def _fetching(name: str, url: str) -> Iterator[None]:
    """Turn what goes wrong with torch's cache of downloads into one sentence, and never hang."""
    import torch

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    except (URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise HypError(
            f"the weights of {name} cannot be fetched ({reason}); check the network, or put {url} "
            f"into {torch.hub.get_dir()}/checkpoints."
        ) from error
    except Exception as error:
        cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise HypError(
            f"the weights of {name} cannot be read ({reason}); delete {cached} to have them "
            "fetched again."
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _from_timm(text: str) -> tuple[str, str, int, nn.Module]:
    """Return the full name, the backbone, the input size and the network with its weights."""
    from hyp.models.backbones import create_timm, see_imagenet

    network: Any = create_timm(text, pretrained=True)
    config = network.pretrained_cfg
    tag = config.get("tag")
    name = f"{config['architecture']}.{tag}" if tag else str(config["architecture"])
    return name, f"{TIMM}{name}", int(config["input_size"][1]), see_imagenet(network)
