"""The paper's claims (Xie et al. 2024), one file each."""

from __future__ import annotations

from hyp.hypotheses.claims.convergence import CONVERGENCE
from hyp.hypotheses.claims.few_latents import FEW_LATENTS
from hyp.hypotheses.claims.layer_assignment import LAYER_ASSIGNMENT
from hyp.hypotheses.claims.nontarget_similarity import NONTARGET_SIMILARITY
from hyp.hypotheses.claims.nontarget_variability import NONTARGET_VARIABILITY
from hyp.hypotheses.claims.objective_combination import OBJECTIVE_COMBINATION
from hyp.hypotheses.claims.performance_alignment import PERFORMANCE_ALIGNMENT
from hyp.hypotheses.claims.scaling import SCALING
from hyp.hypotheses.claims.synthetic_natural import SYNTHETIC_NATURAL
from hyp.hypotheses.declaration import Hypothesis

CLAIMS: tuple[Hypothesis, ...] = (
    NONTARGET_VARIABILITY,
    NONTARGET_SIMILARITY,
    CONVERGENCE,
    FEW_LATENTS,
    SCALING,
    PERFORMANCE_ALIGNMENT,
    OBJECTIVE_COMBINATION,
    LAYER_ASSIGNMENT,
    SYNTHETIC_NATURAL,
)
"""``nontarget-variability`` and what follows from it, then the others in the paper's order."""
