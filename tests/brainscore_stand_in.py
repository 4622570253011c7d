"""An environment that looks as Brain-Score's does once it is installed, with this Python in it."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from hyp.metrics.brainscore.environment import RECORD, STARTED, Environment, constraints_digest


def stand_in(
    folder: Path,
    registered: Iterable[str] = (),
    *,
    data_named: bool = False,
    constraints: str | None = None,
) -> Environment:
    """Lay out an environment that knows the benchmarks `registered`.

    With `data_named` it says where the data of V4 and IT would come from; they are not here.
    """
    made = Environment(folder)
    plugin = made.package / "benchmarks" / "papers"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text(
        "".join(f"benchmark_registry['{name}'] = 1\n" for name in registered)
    )
    if data_named:
        data = made.package / "data" / "majajhong2015"
        data.mkdir(parents=True)
        (data / "__init__.py").write_text(
            "load_assembly_from_s3(identifier='dicarlo.MajajHong2015.public', sha1='none')\n"
        )
    made.python.parent.mkdir(parents=True, exist_ok=True)
    # A link would be taken for the Python that this environment was made from.
    made.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    made.python.chmod(0o755)
    (made.folder / STARTED).touch()
    record = {
        "constraints": constraints or constraints_digest(),
        "versions": {"brainscore-vision": "2.4.2"},
    }
    (made.folder / RECORD).write_text(json.dumps(record))
    return made
