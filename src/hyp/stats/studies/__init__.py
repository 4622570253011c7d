"""Scaling studies over published score tables, see `hyp.stats.scaling_study`."""
