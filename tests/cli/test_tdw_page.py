"""The plan of a ThreeDWorld set, as it is printed."""

from __future__ import annotations

from rich.console import Console

from hyp.cli.tdw_page import tdw_page
from hyp.datasets.designs import Design
from hyp.datasets.tdw import TDWSource, plan_images


def printed(design: str, n: int, **settings) -> str:
    plan = plan_images(TDWSource(**settings), Design.parse(design), n, images_a_second=234.0)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(tdw_page(plan))
    return capture.get()


def test_the_published_set_is_counted_and_timed():
    text = printed("full", 1_349_370, planned=1_350_000, counts="paper", skyboxes="cycled")
    assert "1,349,370" in text
    assert "46 to 1,154 in each scene" in text
    assert "1.6 h at 234 images/s a build, 1 build; loading is extra" in text
    assert "10 scenes, 5,480 models" in text
    assert all(f"{scene} " in text and "134,937" in text for scene in ("ruin", "tdw_room"))
    assert "97 more" in text  # categories
    assert "528 more" in text  # models
    assert max(map(len, text.splitlines())) <= 80


def test_several_builds_share_the_time():
    text = printed("categories=2", 9_360, addresses=("localhost:1071", "localhost:1072"))
    assert "20 s at 234 images/s a build, 2 builds" in text
    assert "painting" in text
    assert "more" not in text.split("skybox")[0]
