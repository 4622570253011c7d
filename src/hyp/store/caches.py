"""Where things lie that can be made or fetched again."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

VARIABLE = "HYP_CACHE"


def cache_folder(*parts: str) -> Path:
    """Return a folder below the user's cache folder, or below ``$HYP_CACHE``; made if missing."""
    given = os.environ.get(VARIABLE)
    root = Path(given).expanduser() if given else user_cache_path("hyp")
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
