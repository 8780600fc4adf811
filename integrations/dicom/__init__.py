"""DICOM networking: what is received, what is sent.

Never here: SQL, models. Start at `receiver.py` and `sender.py`.
"""
