"""Write the page of the calibration results from their JSON.

python benchmarks/calibration/page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def main() -> None:
    record = json.loads((HERE / "comparisons.json").read_text())
    results, machine = record["results"], record["machine"]
    studies = results["studies"]
    blocks = [
        "# Calibration",
        "How often the tests of `hyp.stats` err, and how often their intervals hold the truth, on "
        "simulated studies whose truth is known. The test suite runs small versions of these; the "
        "full ones are `calibrate_*.py` here, their results the JSON beside this page, which "
        f"`page.py` writes from it. Last run {machine['date']}.",
        "## One comparison under the null, nominal 5 %",
        f"{studies:,} studies a row (permutation: {studies // 10:,}); five folds a seed, normal "
        "scores; ICC is the share of a fold score's variance that lies between seeds. "
        "*Attainable* is the level that the exact test can have with so few values of p. "
        "*Pooled* is the published protocol.",
        table(
            ("ICC", "seeds", "exact Mann-Whitney", "attainable", "permutation", "Welch", "pooled"),
            (
                (
                    r["icc"],
                    f"{r['seeds']} v {r['seeds']}",
                    *map(percent, (r["mann_whitney"], r["expected"], r["permutation"])),
                    *map(percent, (r["welch"], r["pooled"])),
                )
                for r in results["false_positive_rates"]
            ),
        ),
        "## Any of six layers under the null, nominal 5 %",
        f"{studies // 4:,} studies a row; half of a seed's effect is common to its layers.",
        table(
            ("ICC", "seeds", "Holm", "uncorrected", "pooled"),
            (
                (
                    r["icc"],
                    f"{r['seeds']} v {r['seeds']}",
                    *map(percent, (r["holm"], r["uncorrected"], r["pooled"])),
                )
                for r in results["family_wise"]
            ),
        ),
        "## Coverage of 95 % intervals",
        f"{studies:,} studies a row. Newcombe's interval of the probability of superiority is too "
        "short at 3 v 3 where the groups are equal.",
        table(
            ("seeds", "difference (sd)", "ratio of sds", "Welch", "superiority"),
            (
                (
                    f"{r['seeds']} v {r['seeds']}",
                    r["difference"],
                    r["sd_ratio"],
                    *map(percent, (r["welch"], r["superiority"])),
                )
                for r in results["coverage"]
            ),
        ),
        "## Equivalence claimed where the difference is just the margin, nominal 5 %",
        f"{studies // 10:,} studies a row.",
        table(
            ("seeds", "ratio of sds", "claimed"),
            (
                (f"{r['seeds']} v {r['seeds']}", r["sd_ratio"], percent(r["claimed"]))
                for r in results["equivalence_size"]
            ),
        ),
    ]
    blocks += ugly(json.loads((HERE / "ugly.json").read_text())["results"])
    blocks += relations(json.loads((HERE / "relations.json").read_text())["results"])
    blocks += scaling(json.loads((HERE / "scaling.json").read_text())["results"])
    (HERE / "README.md").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def ugly(results: dict[str, Any]) -> list[str]:
    def sizes(row: dict[str, Any]) -> str:
        return f"{row['sizes'][0]} v {row['sizes'][1]}"

    return [
        "## Scores that are not as tests would like them: one comparison of equal means",
        f"{results['studies']:,} studies a row (Brunner-Munzel: a quarter), nominal 5 %. "
        "*Skewed*: exponential; *collapsing*: a seed fails with a chance of a tenth; "
        "*spreads 3:1*: the first group's is three times the second's. All permutation tests hold "
        "where only shape is odd. With unequal spreads Brunner-Munzel holds at equal sizes; where "
        "the smaller group spreads more, no permutation test does, but the t test of Cochran and "
        "Cox does for normal scores; with skew besides nothing does. `hyp test` says so: *unsaid* "
        "is how often Mann-Whitney finds something and `check_assumptions` names no doubt, beside "
        "the sentence on unequal spreads and skew that every page has. *Covered*: the "
        "Hodges-Lehmann interval.",
        table(
            (
                *("scores", "seeds", "Mann-Whitney", "unsaid", "studentized", "Brunner-Munzel"),
                *("Welch t", "Cochran-Cox", "covered"),
            ),
            (
                (
                    r["case"],
                    sizes(r),
                    *shares(r, "rank", "silent", "studentized", "brunner_munzel", "welch"),
                    *shares(r, "cochran_cox", "shift_covered"),
                )
                for r in results["one"]
            ),
        ),
        "## Any of 18 layers correlated by 0.9, nominal 5 %, and power",
        "Power is the chance to find any layer when all differ by 1.5 standard deviations. Holm "
        "with Mann-Whitney, max-T with the studentized test, and with ranks. With equal spreads "
        "max-T holds; with spreads of 3 to 1 it errs, as the test it rests on does.",
        table(
            (
                *("seeds", "ratio of sds", "studies", "Holm", "max-T", "max-T, ranks"),
                *("power: Holm", "max-T", "max-T, ranks"),
            ),
            (
                (
                    f"{r['seeds']} v {r['seeds']}",
                    *(r[key] for key in ("sd_ratio", "studies")),
                    *shares(r, "holm_null", "max_t_null", "max_t_rank_null"),
                    *shares(r, "holm_power", "max_t_power", "max_t_rank_power"),
                )
                for r in results["layers"]
            ),
        ),
        "## Pairs without a difference, nominal 5 %",
        "Tasks spread three times as much as the scores within one. *Unpaired* is Mann-Whitney of "
        "the same scores, which finds next to nothing.",
        table(
            ("scores", "pairs", "signed-rank", "sign flips", "paired t", "unpaired", "covered"),
            (
                (
                    *(r[key] for key in ("case", "pairs")),
                    *shares(r, "signed_rank", "sign_flip", "t", "unpaired", "shift_covered"),
                )
                for r in results["pairs"]
            ),
        ),
        "## Equivalence claimed at the margin in these cases, nominal 5 %",
        table(
            ("scores", "seeds", "studies", "Welch", "ranks", "studentized", "Brunner-Munzel"),
            (
                (
                    r["case"],
                    sizes(r),
                    r["studies"],
                    *shares(r, "welch", "rank", "studentized", "brunner-munzel"),
                )
                for r in results["margin"]
            ),
        ),
        "## New stimuli: groups of units that saw the same stimuli, nominal 5 %",
        "Spreads of the stimuli's own differences and of units (times three in the first group "
        "where the ratio is 3), beside a rest of 1. *New stimuli*: `--stimulus`; *unit means*: "
        "Welch's test, which takes the stimuli as given.",
        table(
            (
                *("units", "stimuli", "sd of stimuli", "sd of units", "ratio", "studies"),
                *("new stimuli", "unit means"),
            ),
            (
                (
                    sizes(r),
                    r["sizes"][2],
                    *(r[key] for key in ("stimulus_sd", "unit_sd", "sd_ratio", "studies")),
                    *shares(r, "crossed", "unit_means"),
                )
                for r in results["stimuli"]
            ),
        ),
        "## Looking again while seeds are added, nominal 5 %",
        "Exact Mann-Whitney after each number of seeds a group. *Unplanned*: at 5 % each time.",
        table(
            ("looks at", "studies", "unplanned", "last look only", "O'Brien-Fleming", "Pocock"),
            (
                (
                    ", ".join(map(str, r["seeds"])),
                    r["studies"],
                    *shares(r, "unplanned", "last_only", "obrien-fleming", "pocock"),
                )
                for r in results["looks"]
            ),
        ),
    ]


def relations(results: dict[str, Any]) -> list[str]:
    return [
        "## Correlations of a few points under the null, nominal 5 %",
        "*Expected* is the level that an exact test can have with so few points; with ties it "
        "depends on the ties. *t* is the approximation of `scipy.stats.spearmanr`. Here and below "
        "a rate of 5 % has a standard error of 22 points / √studies: 2.2 points for 100 studies, "
        "0.6 for 1,200.",
        table(
            ("test", "points", "studies", "exact", "expected", "t"),
            (
                *(
                    ("Pearson", r["points"], r["studies"], *shares(r, "rate", "expected"), "–")
                    for r in results["pearson"]
                ),
                *(
                    (
                        "Spearman, ties" if r["ties"] else "Spearman",
                        *(r[key] for key in ("points", "studies")),
                        *shares(r, "rate", "expected", "t_approximation"),
                    )
                    for r in results["spearman"]
                ),
            ),
        ),
        "## Coverage of Fisher's 95 % interval of a correlation",
        table(
            ("points", "rho", "studies", "covered"),
            (
                (r["points"], r["rho"], r["studies"], percent(r["covered"]))
                for r in results["pearson_coverage"]
            ),
        ),
        "## Repeated-measures correlation of two unrelated quantities, nominal 5 %",
        "Ten checkpoints a seed: independent, independent about a level of each seed, or random "
        "walks, as quantities that drift while a network trains. *Seeds* is hyp's test with one "
        "sign a seed, *rm_corr* pingouin's, *pooled* the published one over all points.",
        table(
            ("checkpoints", "seeds", "studies", "seeds' test", "expected", "rm_corr", "pooled"),
            (
                (
                    *(r[key] for key in ("checkpoints", "seeds", "studies")),
                    *shares(r, "units", "units_expected", "repeated", "pooled"),
                )
                for r in results["repeated_correlation"]
            ),
        ),
        "## Similarity of pairs of models under the null, nominal 5 %",
        "*Level* is the share of a pair's variance that its two models bring along. *Within all*: "
        "pairs within the groups against pairs between them; *within one*: of one group alone; "
        "*closeness*: which of two groups a third is nearer to. *Pairs* takes pairs as "
        "independent, as published.",
        table(
            (
                *("models a group", "level", "studies"),
                *("within all", "pairs", "within one", "pairs", "closeness", "pairs"),
            ),
            (
                (
                    *(r[key] for key in ("models", "level", "studies")),
                    *shares(r, "all", "all_pooled", "one", "one_pooled"),
                    *shares(r, "closeness", "closeness_pooled"),
                )
                for r in results["pairs"]
            ),
        ),
        "## Mixed model under the null, nominal 5 %, and coverage of the ICC's interval",
        "*Wald* is the z test that statsmodels prints; *expected* what it must reach with so few "
        "seeds. *Boundary*: no variance between seeds was found.",
        table(
            ("ICC", "seeds", "studies", "t", "Wald", "expected", "boundary", "ICC covered"),
            (
                (
                    *(r[key] for key in ("icc", "seeds", "studies")),
                    *shares(r, "t", "wald", "wald_expected", "boundary", "icc_covered"),
                )
                for r in results["mixed_model"]
            ),
        ),
        "## Trimmed means: Yuen's test under the null and coverage of the mean's interval",
        table(
            ("scores", "seeds", "studies", "Yuen", "covered"),
            (
                (
                    *(r[key] for key in ("scores", "seeds", "studies")),
                    *shares(r, "yuen", "covered"),
                )
                for r in results["trimmed"]
            ),
        ),
        "## Any verdict over six layers without a difference, nominal 5 %",
        "H1 where a layer is better and none worse, H2 the reverse, mixed where both; the rule of "
        "`nontarget-variability`. *Pooled* is the published protocol, over fewer studies.",
        table(
            ("ICC", "seeds", "studies", "verdict", "studies", "pooled"),
            (
                (
                    *(r[key] for key in ("icc", "seeds", "studies")),
                    percent(r["decided"]),
                    r["published_studies"],
                    percent(r["published"]),
                )
                for r in results["verdict"]
            ),
        ),
    ]


def scaling(results: dict[str, Any]) -> list[str]:
    setting = ("law", "sizes", "sd", "variance_shared")
    chosen = {tuple(r[key] for key in setting): r for r in results["chosen"]}
    return [
        "## Scaling laws: coverage of 95 % intervals",
        f"{results['studies']:,} studies a row, three seeds; *shared* says what the scores at one "
        "size, or of one seed, have in common. *All scores* is `scipy.optimize.curve_fit` on every "
        "score; *bootstrap* resamples the three seeds; neither is what hyp does. *Chosen* is how "
        "often AICc on the seed means picks the true law.",
        table(
            (
                "law",
                "sizes",
                "sd",
                "shared",
                "plateau",
                "begins",
                "all scores",
                "bootstrap",
                "chosen",
            ),
            (
                (
                    *(r[key] for key in setting),
                    *map(percent, (r["plateau"], r["begins"], r["all_scores"], r["bootstrap"])),
                    percent(chosen[tuple(r[key] for key in setting)]["by_means"][r["law"]]),
                )
                for r in results["coverage"]
            ),
        ),
        "## Scaling laws: no plateau is found where there is none",
        "How often, under a log-linear truth, the plateau's interval is open above, by the law "
        "that was fitted.",
        table(
            (*setting[1:], "power law", "broken line"),
            (
                (
                    *(r[key] for key in setting[1:]),
                    percent(r["power law"]),
                    percent(r["broken line"]),
                )
                for r in results["log_linear_left_open"]
            ),
        ),
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def shares(row: dict[str, Any], *keys: str) -> list[str]:
    return [percent(row[key]) for key in keys]


if __name__ == "__main__":
    main()
