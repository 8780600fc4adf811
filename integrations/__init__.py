"""The protocols of a hospital: DICOM association, HL7 over MLLP, structured reports, de-identification.

Never here: models, SQL. What receives is handed a `persist` callable. Start at `dicom/receiver.py` and
`hl7/listener.py`.
"""
