"""The settings file: every key, its default, and what it means. `Field(description=)` is the only text of a setting."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.commitment_settings import CommitmentSettings
from config.conditions import EMBEDDED_CONDITIONS
from config.errors import UnusableSettings
from config.fetch_settings import FetchSettings
from config.files import read_yaml
from config.hint_settings import HintSettings
from config.image_settings import ImageSettings
from config.report_settings import ReportSettings
from config.rule_settings import RuleSettings
from config.section import Section
from config.sender_settings import SenderSettings
from config.time_zones import TimeZoneName
from config.tls_settings import TlsSettings

AeTitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*$")]
Port = Annotated[int, Field(ge=0, le=65535)]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Peer(Section):
    """A DICOM node that we know by name."""

    name: Annotated[str, Field(min_length=1, description="What destinations and logs call it.")]
    ae_title: Annotated[AeTitle, Field(description="Its AE title.")]
    host: Annotated[str, Field(description="Its address or name; it may send from there alone.")] = "127.0.0.1"
    port: Annotated[Port, Field(description="Its port.")] = 104
    may: Annotated[
        tuple[Literal["send", "query", "commit", "announce"], ...],
        Field(
            description="What it and we may ask of each other: `send` lets it send us objects, `query` lets us find "
            "and fetch studies there, `commit` lets both ask the other to commit to what was sent, `announce` lets it "
            "tell us that a study is under way or complete."
        ),
    ] = ("send",)
    tls: Annotated[TlsSettings | None, Field(description="How we reach it by TLS; null reaches it without.")] = None
    retrieve: Annotated[
        tuple[Literal["move", "get"], ...],
        Field(
            min_length=1,
            description="How studies are fetched there, the next where one does not do: `move` has it send them to our "
            "AE title, `get` takes them on the association that asks.",
        ),
    ] = ("move",)


class DicomSettings(Section):
    """Where studies arrive."""

    ae_title: Annotated[AeTitle, Field(description="Our AE title; an association that calls another is rejected.")] = (
        "SPINELABEL"
    )
    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, Field(description="Port to listen on; 0 picks a free one and prints it.")] = 11112
    calling: Annotated[
        tuple[AeTitle, ...],
        Field(
            description="Calling AE titles that are let in from any address, for senders whose address changes or is "
            "translated. Entries of `peers` that may `send` are let in from their own address without it. With "
            "neither, any title is let in, which only loopback allows."
        ),
    ] = ()
    tls: Annotated[
        TlsSettings | None, Field(description="Our certificate, where objects arrive by TLS; null takes them without.")
    ] = None
    study_quiet_seconds: Annotated[
        float, Field(gt=0, description="A study is complete when nothing of it has arrived for this long.")
    ] = 60
    charset: Annotated[
        str, Field(description="Character set of objects whose own declaration does not fit (DICOM defined term).")
    ] = "ISO_IR 100"
    max_associations: Annotated[int, Field(ge=1, description="Associations at one time.")] = 20
    commitment: CommitmentSettings = CommitmentSettings()
    hints: HintSettings = HintSettings()
    max_associations_per_peer: Annotated[
        int, Field(ge=1, description="Associations at one time of one title from one address.")
    ] = 10
    max_pdu_bytes: Annotated[
        int,
        Field(
            ge=4096, le=1024 * 1024, description="Longest PDU that we take; each association may hold one in memory."
        ),
    ] = 1024 * 1024
    network_timeout_seconds: Annotated[
        float, Field(gt=0, description="How long a sender may be silent, within an object or between objects.")
    ] = 60
    request_timeout_seconds: Annotated[
        float, Field(gt=0, description="How long a caller may take to ask for an association (ARTIM timer), TLS apart.")
    ] = 30
    unknown_classes: Annotated[
        bool,
        Field(description="Whether objects of private SOP classes, and of classes newer than this release, are taken."),
    ] = True


class Hl7Settings(Section):
    """Where reports arrive."""

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, Field(description="Port to listen on; 0 picks a free one and prints it.")] = 2575
    authority: Annotated[
        str | None, Field(description="Our assigning authority in PID-3; it comes before any other.")
    ] = None
    identifier_types: Annotated[
        tuple[str, ...], Field(description="Identifier types of PID-3 (HL7 table 0203), the best first.")
    ] = ("MR", "PI")
    charset: Annotated[
        str, Field(description="Character set of messages that declare none and are not UTF-8 (HL7 table 0211).")
    ] = "8859/1"
    time_zone: Annotated[TimeZoneName, Field(description="Zone of times without an offset, as in Europe/Berlin.")] = (
        "UTC"
    )
    accession_from: Annotated[
        tuple[str, ...], Field(description="Fields that may hold the accession number, the best first.")
    ] = ("OBR-18", "OBR-3", "ORC-3", "OBR-2", "OBR-20")
    hosts: Annotated[
        tuple[str, ...],
        Field(description="Addresses or names of the machines that may send; with none, any that can connect may."),
    ] = ()
    tls: Annotated[
        TlsSettings | None,
        Field(description="Certificates of the listener; with them it takes connections by TLS only. Null is without."),
    ] = None
    senders: Annotated[
        Mapping[str, SenderSettings],
        Field(
            description="What differs for one sender, by `MSH-3|MSH-4`, by MSH-3 alone or by `|MSH-4`, as in "
            "`RIS|HOSPITAL`."
        ),
    ] = {}


class PairingSettings(Section):
    """How reports find their studies, and how long either waits for the other."""

    window_hours: Annotated[
        float, Field(gt=0, description="Hours between study and report that the pairing by patient may span.")
    ] = 72
    wait_for_report_hours: Annotated[
        float, Field(ge=0, description="A study without a report gets its structured report after this long.")
    ] = 72
    wait_for_images_hours: Annotated[
        float, Field(ge=0, description="A report whose study has no complete images is written up after this long.")
    ] = 24
    wait_for_study_hours: Annotated[
        float,
        Field(
            gt=0,
            description="A report whose study has not come after this long is listed for a person. It is never "
            "dropped: its study finds it whenever it comes.",
        ),
    ] = 72


class Destination(Section):
    """Where structured reports go."""

    peer: Annotated[str, Field(description="Name of an entry of `peers`.")]
    accepts: Annotated[
        Literal["calibrated", "trial"],
        Field(description="`trial` also takes findings of uncalibrated and demonstration parts."),
    ] = "calibrated"


class StorageSettings(Section):
    """Limits of the store."""

    limit_gb: Annotated[
        float | None,
        Field(
            gt=0, description="Objects are refused (A700H) before the store holds more than this; null sets no limit."
        ),
    ] = None
    keep_free_gb: Annotated[
        float, Field(ge=0, description="Objects are refused (A700H) when less than this would stay free on the disk.")
    ] = 5
    keep_images_days: Annotated[
        float | None,
        Field(
            gt=0,
            description="Pixels of finished studies are removed after this many days; null keeps them. "
            "Headers, findings and documents stay.",
        ),
    ] = None


class ExportSettings(Section):
    """Scheduled exports for research."""

    cohorts: Annotated[Path, Field(description="Folder of cohort files.")] = Path("cohorts")


class WebSettings(Section):
    """Where the page listens."""

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, Field(description="Port to listen on; 0 picks a free one and prints it.")] = 8080
    tls: Annotated[
        TlsSettings | None,
        Field(description="Certificates of the page; with them it is shown by https only. Null shows it by http."),
    ] = None


class Settings(BaseSettings):
    """All settings of one installation."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="SPINELABEL__",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    data: Annotated[Path, Field(description="Folder of objects, databases and converted models.")] = Path(
        "spinelabel-data"
    )
    peers: Annotated[tuple[Peer, ...], Field(description="DICOM nodes that we know by name.")] = ()
    dicom: DicomSettings = DicomSettings()
    hl7: Hl7Settings = Hl7Settings()
    rules: RuleSettings = RuleSettings()
    pairing: PairingSettings = PairingSettings()
    destinations: Annotated[tuple[Destination, ...], Field(description="Where structured reports go.")] = ()
    reports: ReportSettings = ReportSettings()
    images: ImageSettings = ImageSettings()
    fetch: FetchSettings = FetchSettings()
    storage: StorageSettings = StorageSettings()
    exports: ExportSettings = ExportSettings()
    web: WebSettings = WebSettings()
    conditions: Annotated[Path, Field(description="The conditions file.")] = EMBEDDED_CONDITIONS

    @field_validator("destinations")
    @classmethod
    def _are_sent_once(cls, destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
        names = [destination.peer for destination in destinations]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the peer {twice[0]} stands there twice")
        return destinations

    @classmethod
    def settings_customise_sources(  # the arguments are pydantic-settings'
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose values come in by the constructor."""
        return env_settings, init_settings

    def peer(self, name: str) -> Peer:
        """Give the peer of that name.

        Raises:
            UnusableSettings: `peers` has none of that name, as when it was removed while something was on its way.
        """
        for peer in self.peers:
            if peer.name == name:
                return peer
        raise UnusableSettings(f"The peer {name} is no longer in `peers`. Put it back, or send to another.")


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings file, let environment variables win over it, and check every key and value.

    Raises:
        UnusableSettings: names the file, the key's path, what is wrong and the nearest known key.
    """
    where = str(path) if path else "the environment"
    values = read_yaml(path, UnusableSettings, "Name a readable file with --config.") if path else {}
    if not isinstance(values or {}, Mapping):
        raise UnusableSettings(f"{path} must hold keys and values, such as `data: /var/lib/spinelabel`.")
    try:
        settings = Settings(**(values or {}))
    except ValidationError as error:
        raise UnusableSettings(f"{where}: {_first_fault(error)}") from error
    known = {peer.name for peer in settings.peers}
    for destination in settings.destinations:
        if destination.peer not in known:
            raise UnusableSettings(f"{where}: destinations names the peer {destination.peer}, which `peers` lacks.")
    _refuse_open_doors(settings, where)
    return settings


def _refuse_open_doors(settings: Settings, where: str) -> None:
    """Refuse to take objects from anybody, or to show the page, on an address that others can reach."""
    senders = [peer for peer in settings.peers if "send" in peer.may]
    if not senders and not settings.dicom.calling and settings.dicom.host not in LOOPBACK:
        raise UnusableSettings(
            f"{where}: dicom.host is {settings.dicom.host}; list who may send in `peers` (title, host and `send` in "
            "`may`), or titles from any address in dicom.calling."
        )
    for name, tls in (("dicom", settings.dicom.tls), ("hl7", settings.hl7.tls), ("web", settings.web.tls)):
        if tls is not None and tls.certificate is None:
            raise UnusableSettings(f"{where}: {name}.tls needs `certificate` and `key`.")
    if settings.web.host not in LOOPBACK:
        raise UnusableSettings(
            f"{where}: web.host is {settings.web.host}; the page has no accounts yet and must stay on loopback."
        )


def _first_fault(error: ValidationError) -> str:
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    fault = faults[0]
    place = ".".join(str(step) for step in fault["loc"])
    if fault["type"] != "extra_forbidden":
        found = "" if fault["type"] == "missing" else f" (found {fault['input']!r})"
        return f"{place}: {fault['msg']}{found}."
    known = _keys_beside(fault["loc"])
    nearest = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1, cutoff=0)
    return f"{place} is no known key; the nearest is `{nearest[0] if nearest else known[0]}`."


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Settings
    is_name = False
    for step in location[:-1]:
        if is_name or not isinstance(step, str):
            is_name = False  # the name of an entry, or its place in a list
            continue
        annotation = model.model_fields[step].annotation
        is_name = isinstance(get_origin(annotation), type) and issubclass(get_origin(annotation), Mapping)
        model = section_of(annotation)
    return list(model.model_fields)


def section_of(annotation: Any) -> Any:
    """Give the model of a section, of one that may be null, or of the entries of a list or mapping; else None."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
