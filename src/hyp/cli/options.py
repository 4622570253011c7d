"""Arguments that several commands share, and what they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from hyp.errors import HypError

if TYPE_CHECKING:
    from hyp.hypotheses.plans import AnyPlan

Name = Annotated[str, typer.Argument(help="A hypothesis (see 'hyp list') or a .toml file.")]
OptionalName = Annotated[
    str | None, typer.Argument(help="A hypothesis (see 'hyp list') or a .toml file.")
]
ProfileName = Annotated[str, typer.Option("--profile", "-p", help="Size of the run.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a field of the profile."),
]
StorePath = Annotated[
    Path, typer.Option("--store", envvar="HYP_STORE", help="Folder that keeps all results.")
]
DEFAULT_STORE = Path("hyp-store")
INTERRUPTED = 130
"""Exit status after Ctrl-C."""


def named_plan(name: str, profile: str, settings: list[str] | None) -> AnyPlan:
    """Return the plan that a command line names.

    Raises
    ------
    HypError
        If it names none.
    """
    from hyp.hypotheses.plans import plan_named

    return plan_named(name, profile, read_settings(settings))


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
