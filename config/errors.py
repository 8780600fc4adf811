"""The root of all errors of this product, and those of `config`.

    SpinelabelError
    └── ConfigError
        ├── UnusableSettings
        └── UnusableConditions

Every message tells a person what to do, and never holds a patient's data.
"""


class SpinelabelError(Exception):
    """Something went wrong that a person can act on."""


class ConfigError(SpinelabelError):
    """A file of settings cannot be used as it is."""


class UnusableSettings(ConfigError):
    """The settings file has a key or value that is not allowed."""


class UnusableConditions(ConfigError):
    """The conditions file has an entry that is not allowed."""
