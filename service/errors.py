"""Errors of the daemon.

SpinelabelError
└── ServiceError
    ├── StoreError
    │   ├── NewerSchema
    │   ├── UnusableStore
    │   ├── DiskNearlyFull
    │   └── StoreFull
    ├── UnknownCohort
    ├── UnusableCohort
    ├── UnusableCampaign
    ├── UnknownItem
    ├── ExposedSecret
    ├── PixelsRemoved
    ├── NoDiscs
    ├── DemoFailed
    ├── RoleFailed
    ├── EndedTheProcess
    └── TryAgain
"""

from config.errors import SpinelabelError


class ServiceError(SpinelabelError):
    """The daemon could not do what it was asked."""


class StoreError(ServiceError):
    """The database or the object store cannot be used."""


class NewerSchema(StoreError):
    """The database was written by a newer release. Install that release, or restore a backup of this one."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnusableStore(StoreError):
    """A database file, or the disk or folder that it lies on, cannot be used."""


class DiskNearlyFull(StoreError):
    """The disk of the store has less free space than `storage.keep_free_gb`. Free some, then let the sender repeat."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class StoreFull(StoreError):
    """The store would hold more than `storage.limit_gb`. Raise that, or shorten `storage.keep_images_days`."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnknownItem(ServiceError):
    """No row has this number or name."""


class ExposedSecret(ServiceError):
    """A file that holds a secret is not there for the service, or is there for others too."""


class PixelsRemoved(ServiceError):
    """Pixels of the study were removed (`storage.keep_images_days`). Send all of it again, then name its levels."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class NoDiscs(ServiceError):
    """The study has no discs to name: its images were not read yet, or none were found. Its page says which."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class UnknownCohort(ServiceError):
    """No cohort file has this name."""


class UnusableCohort(ServiceError):
    """A cohort file has a key or value that is not allowed. `cohort` is its name, as far as that can be told."""

    def __init__(self, sentence: str, cohort: str = "") -> None:
        super().__init__(sentence)
        self.cohort = cohort


class UnusableCampaign(ServiceError):
    """A file of studies to fetch cannot be used, or nobody may be asked for them."""


class DemoFailed(ServiceError):
    """The demonstration did not reach its end."""


class RoleFailed(ServiceError):
    """A role could not start."""


class EndedTheProcess(ServiceError):
    """Work was begun several times, and each time the process ended in the middle of it."""

    def __init__(self, starts: int) -> None:
        super().__init__(f"The work process ended {starts} times in the middle of it.")


class TryAgain(ServiceError):
    """Work failed in a way that may pass."""
