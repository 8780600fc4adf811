"""Sending exactly the bytes of a file's data set, which DCMTK and pydicom would write anew."""

from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info

from tests.peers.scripted import (
    ACCEPTED,
    ScriptedClient,
    associate_request,
    store_request,
)


@dataclass(frozen=True)
class Sent:
    """A file, taken apart."""

    data_set: bytes
    sop_class: str
    sop_instance: str
    transfer_syntax: str

    def pdus(self, context: int = 1) -> list[bytes]:
        return store_request(self.data_set, self.sop_class, self.sop_instance, context)


def take_apart(path: Path) -> Sent:
    meta = read_file_meta_info(path)
    whole = path.read_bytes()
    length = int.from_bytes(whole[140:144], "little")
    return Sent(
        whole[144 + length :],
        str(meta.MediaStorageSOPClassUID),
        str(meta.MediaStorageSOPInstanceUID),
        str(meta.TransferSyntaxUID),
    )


def associate(port: int, *objects: Sent, patience_seconds: float = 20) -> ScriptedClient:
    """Open an association with a context for each object, in order: 1, 3, 5 …"""
    client = ScriptedClient(port, patience_seconds=patience_seconds)
    client.send(associate_request([(sent.sop_class, sent.transfer_syntax) for sent in objects]))
    answer = client.receive()
    assert answer is not None
    assert answer.kind == ACCEPTED
    return client


def send_files(port: int, paths: list[Path]) -> list[Dataset]:
    """Send files on one association and give the answers."""
    objects = [take_apart(path) for path in paths]
    with associate(port, *objects) as client:
        return [client.store(sent.pdus(2 * number + 1)) for number, sent in enumerate(objects)]
