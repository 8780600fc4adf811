"""Small programs that run another project's detector, by that project's own interpreter.

None is ever imported by us. Each stands alone: it needs numpy, Python 3.9 and the package that it is for. The files
that it reads and writes are described in `pipeline.images.detectors.exchange`.
"""
