"""Every figure of the paper that a store can hold is drawn under its number, from planted scores.

Figures that none can hold are listed, with reasons, by the tests of the published tables.
"""

import io
from dataclasses import replace
from itertools import product
from xml.etree import ElementTree

import pandas as pd
import pytest

from figures_not_drawn import NOT_DRAWN
from hyp.hypotheses.claims import CLAIMS
from hyp.hypotheses.paper import published_table
from hyp.hypotheses.paper.places import printed_at
from hyp.hypotheses.paper.tables import ALIGNMENT_COLUMNS
from hyp.hypotheses.questions import Tracks
from hyp.hypotheses.questions.base import I2N
from hyp.reports import page_sections, paper_figures
from hyp.reports.material import load_material
from hyp.reports.paper_figures import METHODS_FILE, paper_files
from results import LAYERS, REGIONS, write_planted

NATURAL = {"natural": "imagenet:photographs"}
BACKBONES = ("resnet18", "resnet50")


def counterparts(question, backbone):
    """Every figure of the paper that a question's panels can be the counterpart of."""
    kind = question.scored.kind
    measured = {"decoding": ("category", "rel_pos_x", "rel_pos_y"), "behaviour": (I2N,)}
    shown = measured.get(kind, REGIONS if kind in ("alignment", "depth") else (kind,))
    return {
        place
        for one, drawn in product(shown, ("", "pairs", "map"))
        for place in printed_at(question.figure, kind, one, backbone, drawn)
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The files of every claim's first questions that draw a figure, by the figure's number."""
    found, seen = {}, set()
    for claim, backbone in product(CLAIMS, BACKBONES):
        profile = claim.profile("published", NATURAL)
        asked = []
        for question in claim.asked(profile).questions:
            new = counterparts(question, backbone) - seen
            if new:
                asked.append(question.name)
                seen |= new
        if not asked:
            continue
        folder = tmp_path_factory.mktemp(f"{claim.name}-{backbone}")
        settings = {**NATURAL, "backbone": backbone, "layers": LAYERS[1:3], "n_seeds": 5}
        tracked = any(isinstance(one, Tracks) for one in claim.questions)
        settings["snapshots"] = (5_000, 10_000) if tracked else ()
        write_planted(folder, claim, "published", **settings, questions=tuple(asked))
        material = load_material(folder)
        bare = material.result.model_copy(update={"learning": ()})
        with pytest.MonkeyPatch.context() as others:  # that other tests draw
            others.setattr(paper_figures, "every_cohort", lambda material: None)
            others.setattr(page_sections._Drawer, "_effects", lambda drawer: ())
            files = paper_files(replace(material, result=bare), {}, "svg")
        told = files.pop(METHODS_FILE).replace("\\", "")
        for line in told.splitlines():
            if line.startswith("- `") and " of the paper)" in line:
                name = line.split("`")[1]
                places = line.split(" (", 1)[1].split(" of the paper)")[0].rsplit("(", 1)[-1]
                for place in places.split(" and "):
                    found.setdefault(place, {})[name] = (
                        files[f"{name}.svg"],
                        files[f"{name}.csv"],
                    )
    return found


def test_published_values_stand_in_the_tables(drawn):
    """A mean over seeds by cohort, or the correlation of checkpoints; the source beside it."""
    seen = set()
    for files in drawn.values():
        for _, text in files.values():
            table = pd.read_csv(io.StringIO(text))
            if "published" not in table:
                continue
            for row in table.dropna(subset="published").to_dict("records"):
                name = row["measured"].replace(" ", "_").replace(I2N, "behavior")
                printed = published_table(row["published_in"].removeprefix("Table "))
                title = str(row.get("shown", row.get("cohort", "category")))
                if title in set(printed["objective"]):
                    value = printed.set_index("objective").loc[title, name]
                    assert row["published"] == value
                    seen.add((row["published_in"], name))
    every = {*ALIGNMENT_COLUMNS}
    assert {name for table, name in seen if table == "Table C.1"} == every
    assert {name for table, name in seen if table == "Table C.2"} == every
    assert {name for table, name in seen if table == "Table C.3"} == {"neural_mean", "behavior"}


def test_every_figure_that_a_store_can_hold(drawn):
    every = set(published_table("figures")["figure"])
    assert every - drawn.keys() == NOT_DRAWN.keys()
    for place, files in drawn.items():
        number = place.replace(".", "").replace(" ", "-").lower()
        for name, (svg, table) in files.items():
            assert f"-{number}-" in name
            assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
            assert len(pd.read_csv(io.StringIO(table)))


def test_a_label_that_is_none_of_the_papers_is_left_alone():
    assert printed_at("Figure 12 of another paper", "alignment", "V1", "resnet18") == []
    assert printed_at("", "alignment", "V1", "resnet18") == []
    label = "Figures C.1 and C.3, Tables C.1 and C.2"
    assert printed_at(label, "alignment", "IT", "resnet18") == ["Figure C.3e", "Table C.2"]
    assert printed_at("Figures 4a, D.2 and D.3", "similarity", "cka", "", "map") == ["Figure D.3"]
