"""The templates of the pages."""

from __future__ import annotations

import json

import jinja2

from hyp.reports import words


def template(name: str) -> jinja2.Template:
    """Return a template with the filters that write names and numbers for a reader."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hyp.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "latent": words.latent_words,
        "layer": words.layer_words,
        "metric": words.metric_words,
        "plain": words.plain,
        "number": words.number,
        "score": words.score,
        "signed": words.signed,
        "p": words.p_value,
        "duration": words.duration,
        "count": words.count,
        "outcome": words.outcome_words,
        "meaning": words.outcome_meaning,
        "pretty": _pretty,
    }
    environment.globals |= {"interval": words.interval}
    return environment.get_template(name)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
