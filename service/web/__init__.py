"""The page.

Never here: SQL beyond reading what a page shows. Start at `pages.py`.
"""
