"""What finds discs in a volume: one module per detector, behind the protocol in `protocol`.

The embedded one is spread over `embedded` (its entry), `network`, `peaks`, `chain` and `levels`.
"""
