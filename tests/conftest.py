"""Fixtures that several rooms share: the real programs at the other end of a connection."""

pytest_plugins = ["tests.peers.dicom"]
