"""Fitting of models, on invented material drawn or written by seed, or on a site's own reports.

Never here: real patients' data. Start at `drawn_spines.py`, or at `summaries.py`.
"""
