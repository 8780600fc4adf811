"""The main job on embedded defaults: a daemon, a stand-in PACS, studies and reports in, structured reports back.

Never here: anything that the daemon itself needs. Start at `run.py`.
"""
