"""Arguments that several commands share, and what they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from hyp.addresses import STORE, refuse_address
from hyp.errors import HypError

if TYPE_CHECKING:
    from hyp.hypotheses.plan import Plan
    from hyp.models.hardware import Ask
    from hyp.store import Store


def a_store(path: Path) -> Path:
    """Return the path of a store, having checked that it is no address."""
    refuse_address(path, STORE)
    return path


def here(path: Path | None) -> Path | None:
    """Return a path that an option gave, having checked that it is no address."""
    if path is not None:
        refuse_address(path, "name a file or folder that this machine sees")
    return path


def names_for_shell(incomplete: str) -> list[str]:
    """Return the hypotheses that a shell may complete a word to."""
    from hyp.hypotheses.registry import hypothesis_names

    return [name for name in hypothesis_names() if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        help="A hypothesis (see 'hyp list') or a .toml file.", autocompletion=names_for_shell
    ),
]
OptionalName = Annotated[
    str | None,
    typer.Argument(
        help="A hypothesis (see 'hyp list') or a .toml file.", autocompletion=names_for_shell
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", "-p", help="Size of the run; by default the first declared."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a field of the profile."),
]
StorePath = Annotated[
    Path,
    typer.Option(
        "--store", envvar="HYP_STORE", help="Folder that keeps all results.", callback=a_store
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        help="Local processes; 0: this one; gpu: one per GPU and others beside them. "
        "Default: one per core."
    ),
]
DEFAULT_STORE = Path("hyp-store")
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")]

Figures = Annotated[
    Literal["pdf", "svg"] | None,
    typer.Option(help="For a paper: figures one column wide, their tables, and methods."),
]


def check_out(out: Path | None, figures: str | None) -> None:
    """Refuse a page that cannot be written, and figures that have none to lie beside.

    Raises
    ------
    HypError
        See `hyp.reports.output.check_page`; or if figures are wanted and the page is not.
    """
    from hyp.reports.output import check_page

    if out is not None:
        check_page(out)
    if figures and out is None:
        raise HypError("--figures writes beside the page; say where that goes: --out PAGE.html.")


def named_plan(
    name: str,
    profile: str | None,
    settings: list[str] | None,
    *,
    store: Store | None = None,
    ask: Ask | None = None,
) -> Plan:
    """Return the plan that a command line names.

    Device and precision are those of the run of the same settings in `store`, if there is
    one; else `ask` chooses them, by default what suits this machine.

    Raises
    ------
    HypError
        If it names none.
    """
    from hyp.hypotheses.plan import make_plan
    from hyp.hypotheses.registry import find_hypothesis
    from hyp.models.hardware import suits_here

    wanted = read_settings(settings)
    return make_plan(find_hypothesis(name), profile, wanted, store=store, ask=ask or suits_here)


def checked_plan(
    name: str, profile: str | None, settings: list[str] | None, *, store: Store | None = None
) -> Plan:
    """Return the plan that a command line names, once it is known that it can be run.

    Raises
    ------
    HypError
        If it names none, or ``hyp run`` would refuse it.
    """
    from hyp.hypotheses.builders import check_steps

    plan = named_plan(name, profile, settings, store=store)
    check_steps(plan.steps)
    return plan


def store_if_any(path: Path) -> Store | None:
    """Open the store at a path, if there is one."""
    from hyp.store import Store

    return Store.open(path) if Store(path).exists() else None


def read_settings(settings: list[str] | None) -> dict[str, str]:
    """Read ``KEY=VALUE`` options.

    Raises
    ------
    HypError
        If one is something else.
    """
    values: dict[str, str] = {}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise HypError(f"--set {setting!r} is not KEY=VALUE.")
        values[key.strip()] = value.strip()
    return values


class Once(TyperCommand):
    """A command that refuses an option given twice where only the last would count."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Look at the order of options before their values are read."""
        *_, order = self.make_parser(ctx).parse_args(args=list(args))
        for option in dict.fromkeys(order):
            single = not getattr(option, "multiple", False) and not getattr(
                option, "is_flag", False
            )
            if option.param_type_name == "option" and single and order.count(option) > 1:
                raise HypError(f"{option.opts[0]} is given more than once; it takes one value.")
        return super().parse_args(ctx, args)
