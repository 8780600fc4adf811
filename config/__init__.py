"""Typed settings and the conditions file, read once and passed down.

Never here: network, databases, models, or any input and output other than reading these files. Start at
`settings.py`.
"""
