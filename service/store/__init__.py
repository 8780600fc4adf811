"""Rows and objects on disk.

Never here: decisions about what they mean. Start at `tables.py` and `objects.py`.
"""
