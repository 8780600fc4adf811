"""Language engines behind one protocol.

Never here: prompts of a condition. Start at `protocol.py`.
"""
