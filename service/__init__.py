"""The daemon: store, pairing, durable work, outbox, exports, pages and the command line.

Never here: protocol details, model code. Start at `daemon.py`, or follow a study in `docs/follow-one-study.md`.
"""
