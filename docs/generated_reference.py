"""Directives that write the reference from the code: of TOML files and of the command line."""

import inspect
import json
from importlib import import_module

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from numpydoc.docscrape import ClassDoc
from pydantic import BaseModel
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from typer.main import get_command
from typer.testing import CliRunner

from hyp.cli.main import app as hyp_command

logger = logging.getLogger(__name__)

_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minItems": "at least {} of them",
}
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}


class ModelTable(SphinxDirective):
    """``model-table MODULE:MODEL``: the keys of a TOML table, from its pydantic model.

    What a key takes comes from the model's JSON schema, what it is from docstrings. ``:without:``
    names keys that are left out, ``:own:`` keeps to those that the model does not inherit.
    """

    required_arguments = 1
    option_spec = {"without": str.split, "own": directives.flag}  # noqa: RUF012

    def run(self):
        module, _, name = self.arguments[0].partition(":")
        model = getattr(import_module(module), name)
        self.env.note_dependency(inspect.getsourcefile(model))
        schema = model.model_json_schema()
        left_out = set(self.options.get("without", ()))
        if "own" in self.options:
            left_out |= {"kind", *model.__base__.model_fields}
        told = _meanings(model)
        rows = {}
        for field in model.model_fields:
            if field not in left_out:
                together, words = told.get(field, ((field,), ""))
                if not words:
                    logger.warning("the docstring of %s says nothing of %s", name, field)
                rows.setdefault((together, words), []).append(field)
        table = [("key", "takes", "default", "what it is"), ("---",) * 4]
        for (_, words), fields in rows.items():
            kinds = [_kind(schema["properties"][one], schema.get("$defs", {})) for one in fields]
            defaults = [_default(model.model_fields[one]) for one in fields]
            cells = ([f"`{one}`" for one in fields], kinds, defaults)
            table.append((*(", ".join(dict.fromkeys(cell)) for cell in cells), words))
        lines = [
            "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in table
        ]
        found = nodes.container(classes=["model"])
        self.state.nested_parse(StringList(lines, self.arguments[0]), 0, found)
        return [found]


def _meanings(model):
    """Return what docstrings say of fields: by field, those that it is told with and the words."""
    told = {}
    for base in reversed(model.__mro__):
        if "__doc__" in vars(base) and base.__module__.startswith("hyp."):
            for names, _, lines in ClassDoc(base)["Attributes"]:
                together = tuple(names.split(", "))
                told.update(dict.fromkeys(together, (together, " ".join(lines).strip())))
    return told


def _kind(schema, definitions):
    """Say in words what a JSON schema takes."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"table ({name})" if "properties" in definitions[name] else "text"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        told = [_kind(one, definitions) for one in several if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(told)).replace(") or table (", ", ")
    if schema.get("type") == "array":
        told = f"list of {_kind(schema.get('items', {}), definitions)}"
    elif schema.get("type") == "object":
        told = f"by name: {_kind(schema.get('additionalProperties') or {}, definitions)}"
    else:
        told = _WORDS.get(schema.get("type", ""), "any value")
    limits = [words.format(schema[key]) for key, words in _LIMITS.items() if key in schema]
    return ", ".join([told, *limits])


def _default(field):
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    value = value.model_dump() if isinstance(value, BaseModel) else value
    return "none" if value in (None, (), {}, "") else f"`{json.dumps(value)}`"


class CommandHelp(SphinxDirective):
    """``command-help``: a section for every command of hyp, with what ``--help`` prints."""

    def run(self):
        return list(self._sections(get_command(hyp_command), ()))

    def _sections(self, command, words):
        for name, child in sorted(getattr(command, "commands", {}).items()):
            called = (*words, name)
            title = " ".join(["hyp", *called])
            section = nodes.section(ids=["-".join(["hyp", *called])], names=[title])
            section += nodes.title(title, title)
            shown = CliRunner().invoke(hyp_command, [*called, "--help"], env={"COLUMNS": "74"})
            section += nodes.literal_block(shown.output, shown.output, language="none")
            section.extend(self._sections(child, called))
            self.state.document.note_explicit_target(section, section)
            yield section


def setup(app):
    app.add_directive("model-table", ModelTable)
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
