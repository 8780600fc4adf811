"""HL7 v2 over MLLP: messages in, acknowledgements out.

Never here: SQL, models. Start at `listener.py` and `oru.py`.
"""
