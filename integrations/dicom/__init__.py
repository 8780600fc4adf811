"""DICOM networking: what is received, what is sent, what is found and fetched.

Never here: SQL, models. Start at `receiver.py`, `sender.py` and `retrieve.py`.
"""
