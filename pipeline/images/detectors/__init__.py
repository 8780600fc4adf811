"""What finds discs in a volume: one module per detector, behind the protocol in `protocol`.

Programs of other projects run behind `external`, which starts them by `program` in one of the `folders`, reads their
files by `exchange`, `answers` and `label_maps`, and finds what they run in `bridges`. The embedded one is spread over
`embedded` (its entry), `network`, `peaks`, `chain`, `axis`, `levels`, `steps` and `gate`. Both use `spacing`.
"""
