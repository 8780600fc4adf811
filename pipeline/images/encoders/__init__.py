"""What turns disc volumes into features: one module per encoder, behind the protocol in `protocol`.

`chosen` loads the one that settings ask for.
"""
