"""The templates of the pages."""

from __future__ import annotations

import json
from functools import cache

import jinja2
from markupsafe import Markup

from hyp.reports import wording
from hyp.text import printable


def template(name: str) -> jinja2.Template:
    """Return a template with the filters that write names and numbers for a reader.

    Whatever it is given is text: markup is escaped, and control characters become visible.
    """
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hyp.reports"),
        autoescape=True,
        finalize=_literal,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "latent": wording.latent_words,
        "layer": wording.layer_words,
        "metric": wording.metric_words,
        "plain": wording.plain,
        "number": wording.number,
        "score": wording.score,
        "signed": wording.signed,
        "p": wording.p_value,
        "duration": wording.duration,
        "count": wording.count,
        "measured": wording.measured_words,
        "meaning": lambda outcome: wording.OUTCOMES[outcome].meaning,
        "pretty": _pretty,
    }
    environment.globals |= {"interval": wording.interval}
    return environment


def _literal(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value)
    return value


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
