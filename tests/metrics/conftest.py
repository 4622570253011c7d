"""What is collected here."""

collect_ignore = ["make_behaviour_reference.py"]
"""Runs in Brain-Score's environment, and cannot be imported in this one."""
