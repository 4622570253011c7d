import subprocess
import sys

import pytest
from disc_source import DiscSource, disc_spec
from pydantic import ValidationError

from hyp.datasets.designs import Design
from hyp.datasets.specs import DatasetSpec

pytestmark = pytest.mark.usefixtures("discs")


def test_text_and_design_give_the_same_spec():
    text = disc_spec(design="categories=2+centered")
    assert text == disc_spec(design=Design.parse("centered + categories=2"))
    assert text.model_dump(mode="json")["design"] == "categories=2+centered"


def test_survives_json():
    spec = disc_spec(design="rel_pos_z=1.5..3+category=red|blue", seed=2**40)
    assert DatasetSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("read", [str, Design.parse])
def test_a_number_with_more_digits_than_its_text_survives_json(read):
    spec = disc_spec(design=read("rel_pos_z=1.23456789012345678"))
    assert DatasetSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"n_images": 0}, "between 1 and 10,000,000,000 images"),
        ({"n_images": 10**15}, "between 1 and 10,000,000,000 images"),
        ({"n_images": 10**9, "shard_size": 1}, "choose a larger shard_size"),
        ({"n_images": 10, "n_val": 10}, "held-out images must lie between 0 and 9"),
        ({"n_val": -1}, "held-out images must lie between 0"),
        ({"seed": -1}, "the seed must lie"),
        ({"seed": 2**64}, "the seed must lie"),
        ({"shard_size": 0}, "a shard needs"),
        ({"design": "shape=2"}, "unknown latent 'shape'"),
        ({"design": "categories=5"}, "between 1 and 4"),
        ({"design": "category=purple"}, "no value 'purple'"),
        ({"design": "rel_pos_z=0.5..2"}, "outside the range"),
        ({"design": "nonsense"}, "cannot read the design term"),
    ],
)
def test_impossible_specs_say_why(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        disc_spec(**changes)


def test_unknown_fields_are_refused():
    with pytest.raises(ValidationError, match="colour"):
        disc_spec(colour="red")


def test_shards_cover_all_images_once():
    spec = disc_spec(source=DiscSource(), n_images=50, shard_size=16)
    rows = [row for shard in range(spec.n_shards) for row in spec.shard_rows(shard)]
    assert rows == list(range(50))


def test_importing_specs_loads_nothing_heavy():
    code = (
        "import sys, hyp.datasets, hyp.datasets.specs;"
        "print(*{'torch', 'warp', 'pandas', 'pyarrow', 'scipy', 'matplotlib'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
