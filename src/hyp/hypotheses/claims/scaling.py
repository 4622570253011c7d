"""Alignment grows with outputs, categories and images (Figures 2 and C.2, 2024 abstract)."""

from __future__ import annotations

from hyp.hypotheses.claims.cohorts import (
    NATURAL,
    NEURAL_MEAN,
    PUBLISHED_50,
    beside,
    own_sizes,
    rivals,
    trained_for,
)
from hyp.hypotheses.cohort import Cohort
from hyp.hypotheses.declaration import Hypothesis
from hyp.hypotheses.questions import Contrast, Trend
from hyp.hypotheses.scores import Alignment, Decoding
from hyp.stats.rules import ONLY_HIGHER, ONLY_LOWER

_C2, _FIRST = "Figure C.2", "; abstract of February 2024, Figure 2c"
_PREDICTIONS = {
    "grows": "alignment grows with what networks are trained on and for",
    "falls": "alignment falls with it",
}
_COUNTS = {2: 1000, 4: 1020, 6: 1010, 8: 1030, 16: 1040}
"""The numbers of categories of the paper's TDW-N, with the first seed of each cohort."""

_FEW_COUNTS = (2, 4, 8)
"""Those that the smallest world has."""

_CATEGORIES = 117
_SHARES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4)
_TASKS = (
    "distance",
    "translation",
    "rotation",
    "category",
    "category+identity+distance+translation+rotation",
)


def _share(task: str, share: float, first_seed: int) -> Cohort:
    whole = trained_for(task)
    if share == 1.0:
        return whole
    return whole.model_copy(
        update={
            "name": f"{whole.name} on {share:g}",
            "title": f"{whole.title}, {share:.4g} of the images",
            "share": share,
            "first_seed": first_seed,
        }
    )


_FRACTIONS = tuple(
    _share(task, share, 2000 + 100 * number + 10 * place)
    for number, task in enumerate(_TASKS)
    for place, share in enumerate(_SHARES)
)

_BY_CATEGORIES = Trend(
    name="categories",
    score=Alignment(),
    sizes={f"category of {n}": n for n in _FEW_COUNTS},
    unit="categories",
    figure="Figures C.1 and C.3 (TDW-N)",
)
_BY_ALL_CATEGORIES = _BY_CATEGORIES.model_copy(
    update={
        "name": "categories, the paper's numbers",
        "sizes": {**{f"category of {n}": n for n in _COUNTS}, "category": _CATEGORIES},
    }
)
_BY_IMAGES = Trend(
    name="images",
    score=Alignment(),
    sizes={"category on 0.1": 0.1, "category on 0.3": 0.3, "category": 1.0},
    unit="share of the images",
    figure=_C2,
)
_BY_ALL_IMAGES = tuple(
    Trend(
        name=f"images, trained for {trained_for(task).title}",
        score=Alignment(),
        sizes={_share(task, share, 0).name: share for share in _SHARES},
        unit="share of the images",
        figure=_C2 + (_FIRST if task == "distance" else ""),
        secondary=True,
    )
    for task in _TASKS
)

SCALING = Hypothesis(
    name="scaling",
    title="Does alignment grow with categories, images and output units?",
    question=(
        "Do networks align better the more categories they tell apart, the more images they see, "
        "and the more output units they are trained with?"
    ),
    source=(
        "Xie et al. 2024, section 3.1, Figures 2a, C.1, C.2 and C.3; abstract of February 2024, "
        "Figures 2b and 2c"
    ),
    predictions=_PREDICTIONS,
    cohorts=(
        *_FRACTIONS,
        trained_for("distance+translation"),
        *(
            Cohort(
                name=f"category of {count}",
                title=f"{count} categories",
                objective="category",
                design=f"categories={count}",
                first_seed=first_seed,
            )
            for count, first_seed in _COUNTS.items()
        ),
        NATURAL,
    ),
    questions=(
        _BY_CATEGORIES,
        beside(_BY_CATEGORIES, "Figure 2a (TDW-N)"),
        _BY_ALL_CATEGORIES,
        beside(_BY_ALL_CATEGORIES, "Figure 2a (TDW-N)"),
        Contrast(
            name="categories of photographs, neural mean",
            score=NEURAL_MEAN,
            a="category",
            b=(NATURAL.name,),
            figure="Figure 2a",
            secondary=True,
        ),
        _BY_IMAGES,
        beside(_BY_IMAGES, _C2),
        *_BY_ALL_IMAGES,
        *(beside(one, one.figure) for one in _BY_ALL_IMAGES),
        Trend(
            name="output units",
            score=Alignment(),
            sizes={"distance": 1, "translation": 2, "distance+translation": 3, "category": 20},
            unit="output units",
            figure="Figure C.1; abstract of February 2024, Figure 2b",
        ),
        Trend(
            name="output units, with rotation",
            score=Alignment(),
            sizes={"distance": 1, "translation": 2, "rotation": 6, "category": 117},
            unit="output units",
            figure="Figure C.1; abstract of February 2024, Figure 2b",
        ),
        Trend(
            name="decoding position, by categories",
            score=Decoding(latents=("rel_pos_x",)),
            sizes=_BY_CATEGORIES.sizes,
            unit="categories",
            layers=("layer3.0.relu",),
            secondary=True,
        ),
    ),
    rule=rivals(_PREDICTIONS, ONLY_HIGHER, ONLY_LOWER),
    published=(
        "Alignment grew with the number of training images up to 1 to 10 million and then stayed "
        "level; the abstract of February 2024 saw no plateau at 1.3 million."
    ),
    agrees="grows",
    profiles={
        **own_sizes(
            n_seeds=4,
            cohorts=(
                *_BY_CATEGORIES.sizes,
                *("category", "category on 0.1", "category on 0.3"),
                *("distance", "translation", "distance+translation", "natural"),
            ),
        ),
        "published-categories": PUBLISHED_50.but(
            summary="2, 4, 6, 8, 16 and 117 categories x 1.35 M images x 5 ResNet-50, "
            "1,000,000 batches",
            snapshots=(),
            questions=(
                _BY_ALL_CATEGORIES.name,
                f"{_BY_ALL_CATEGORIES.name}, neural mean",
                "categories of photographs, neural mean",
            ),
        ),
        "published": PUBLISHED_50.but(
            summary="9 shares of 100 M images x 5 objectives x 3 ResNet-50, 1.5 M batches",
            n_images=100_000_000,
            n_batches=1_500_000,
            n_seeds=3,
            snapshots=(),
            cohorts=tuple(cohort.name for cohort in _FRACTIONS),
        ),
    },
)
