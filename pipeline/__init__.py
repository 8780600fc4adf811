"""The method as a library that works in a notebook: reports to labels, series to discs and findings.

Never here: network servers, databases, DICOM networking. Start at `values.py`, then `reports/labelling.py` and
`images/reading.py`.
"""
