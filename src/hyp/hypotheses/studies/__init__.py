"""Hypotheses about cohorts of any kind: declared, planned, measured, judged."""
