"""Report text to labels.

Never here: networking, SQL. Start at `labelling.py`.
"""
