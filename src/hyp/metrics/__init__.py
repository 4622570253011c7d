"""Measures of representations, computed from the Gram matrix of a layer.

Everything here sees a layer's activations X (stimuli x units) through ``K = X X^T``, so
one pass over the activations serves every metric, target and split, and nothing has to be
projected. Only the published protocol with projected features, and soft matching, need X itself.
"""

from __future__ import annotations

from hyp._lazy import lazy_names

_HOME = {
    "Gram": "gram",
    "compute_gram": "gram",
    "ALPHAS": "ridge",
    "ridge_predict": "ridge",
    "SVM_C": "svm",
    "svm_fit": "svm",
    "svm_predict": "svm",
    "decode": "decoding",
    "kfold": "decoding",
    "decode_published": "published",
    "decode_published_gram": "published",
    "soft_matching": "matched_units",
}

__all__ = sorted(_HOME)

__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
