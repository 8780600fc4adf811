"""How much the object store holds, so that a limit on it costs no walk over its folder.

Each transaction that adds a file, or removes one, counts it; all processes and machines see the same sum.
"""

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from service.errors import StoreFull
from service.store.objects import ObjectStore
from service.store.tables import Instance, StoreUse

GIGABYTE = 1_000_000_000
_TAKE = update(StoreUse).values(bytes=col(StoreUse.bytes) + bindparam("more"))


def bytes_in_use(session: Session) -> int:
    """Give how much the files of the store have together."""
    return session.exec(select(StoreUse.bytes)).first() or 0


def check_room(session: Session, size_bytes: int, limit_gb: float | None) -> None:
    """Tell whether a file of this size still fits.

    Raises:
        StoreFull: with it, the store would hold more than its limit.
    """
    if limit_gb is not None and bytes_in_use(session) + size_bytes > limit_gb * GIGABYTE:
        raise StoreFull


def take_room(session: Session, size_bytes: int) -> None:
    """Count a file of this size, which is placed, or, where it is negative, one that is removed."""
    changed = session.connection().execute(_TAKE, {"more": size_bytes})
    if not changed.rowcount:
        session.add(StoreUse(bytes=size_bytes))


def remove_unnamed(session: Session, store: ObjectStore, file: str, sha256: str) -> int:
    """Remove the file of a received object unless a row still names it, and say how many bytes went.

    Args:
        session: a writing one; while its lock is held, none can begin to name the file.
        store: where it lies.
        file: its name there.
        sha256: of its data set, by which the rows that may name it are found, since `file` has no index.
    """
    path = store.path(file)
    naming = select(Instance.id).where(Instance.sha256 == sha256, Instance.file == file)
    if session.exec(naming).first() is not None or not path.exists():
        return 0
    size_bytes = path.stat().st_size
    path.unlink()
    return size_bytes
