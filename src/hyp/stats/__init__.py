"""Comparisons of cohorts, manipulation checks, decision rules and verdicts.

What planning needs (`attainable`, `rules`, `verdict`) imports neither pandas nor scipy;
the rest is loaded when its name is first used.
"""

from __future__ import annotations

from hyp._lazy import lazy_names

_HOME = {
    "attainable_p": "attainable",
    "is_testable": "attainable",
    "largest_family": "attainable",
    "seeds_needed": "attainable",
    "untestable_sentence": "attainable",
    "check_assumptions": "assumptions",
    "check_decodable": "checks",
    "check_learned": "checks",
    "check_reduction": "checks",
    "compare": "comparisons",
    "attainable_correlation_p": "correlations",
    "pearson": "correlations",
    "pearson_interval": "correlations",
    "repeated_correlation": "repeated",
    "repeated_correlation_published": "repeated",
    "spearman": "correlations",
    "spearman_interval": "correlations",
    "ComparisonDesign": "designs",
    "examine": "designs",
    "power_table": "designs",
    "holm": "families",
    "max_t": "families",
    "max_t_paired": "families",
    "estimate_of": "offered",
    "closeness": "group_pairs",
    "closeness_published": "pairs_published",
    "tightness": "group_pairs",
    "tightness_published": "pairs_published",
    "separation": "group_pairs",
    "within_between": "pairs",
    "within_between_published": "pairs_published",
    "exact_permutation_p": "permutation",
    "permutation_p": "permutation",
    "sign_flip_p": "permutation",
    "comparison_power": "power",
    "detectable_effect": "power",
    "equivalence_power": "power",
    "seeds_for_equivalence": "power",
    "seeds_for_power": "power",
    "compare_published": "published",
    "exact_p": "rank_sum",
    "DecisionRule": "rules",
    "Part": "rules",
    "Prediction": "rules",
    "judge": "deciding",
    "judge_design": "deciding",
    "compare_scaling": "scaling",
    "fit_scaling": "scaling",
    "scaling_band": "scaling",
    "read_score_file": "score_files",
    "icc": "sensitivity",
    "mixed_model": "sensitivity",
    "judge_table": "table",
    "TableVerdict": "table_verdict",
    "hodges_lehmann_paired": "shift",
    "hodges_lehmann": "shift",
    "signed_rank_p": "signed_rank",
    "planned_looks": "stopping",
    "unplanned_error": "stopping",
    "equivalence": "tost",
    "trimmed_difference": "trimmed",
    "trimmed_mean": "trimmed",
    "Check": "verdict",
    "Verdict": "verdict",
}

__all__ = sorted(_HOME)

__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
