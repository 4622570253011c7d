"""ThreeDWorld: images from running builds, after the rules of the paper's generator.

`source` is the source, `settings` what it is told, `planning` says which image shows what,
`sampling` draws poses, `build_session` puts them in front of a build's camera, `connection` and
`launching` talk to builds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyp._lazy import lazy_names

if TYPE_CHECKING:
    from hyp.datasets.tdw.image_counts import PlannedImages, plan_images
    from hyp.datasets.tdw.source import TDWSource

__all__ = ["PlannedImages", "TDWSource", "plan_images"]

__getattr__ = lazy_names(
    __name__,
    {"PlannedImages": "image_counts", "TDWSource": "source", "plan_images": "image_counts"},
)
