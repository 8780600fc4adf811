"""Invented material, drawn or written by seed, and the commands that fit models on it.

Never here: real patients' data. Start at `drawn_spines.py`.
"""
