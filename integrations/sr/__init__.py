"""Findings written as DICOM structured reports (TID 1500).

Never here: networking, SQL. Start at `document.py`.
"""
