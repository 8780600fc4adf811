"""Series to discs and findings.

Never here: networking, SQL. Start at `reading.py`.
"""
