"""The DICOM conformance statement (PS3.2, annex N), from the tables that the code runs on and a site's settings."""

from collections.abc import Iterable

from pydicom.datadict import dictionary_description, tag_for_keyword
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import DicomSettings, Peer
from integrations.dicom import (
    admission,
    calling,
    commitment,
    commitment_answers,
    commitment_calls,
    errors,
    hint_service,
    hints,
    query,
    retrieve,
    sender,
    study_root,
)
from integrations.dicom.elements import MAX_DEPTH, MAX_INFLATED_BYTES
from integrations.dicom.get_contexts import get_contexts
from integrations.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from integrations.dicom.study_queries import KEYS
from integrations.dicom.treatments import Treatment
from integrations.sr.codes import PRIVATE_SCHEME
from integrations.statements import listed, sections, table

REFUSALS: tuple[type[errors.Refusal], ...] = (
    errors.UnusableIdentifier,
    errors.ContradictsCommand,
    errors.OutOfResources,
)
"""What an object may be answered instead of success."""


def conformance_statement(settings: DicomSettings, peers: tuple[Peer, ...]) -> str:
    """Write the statement of a site, for whoever connects a PACS or a modality to it."""
    return sections(
        "# DICOM conformance statement",
        "One application entity receives objects, commits to them, and sends structured reports. `spinelabel statement "
        "dicom --config site.yaml` prints this with a site's own values; without one they are the defaults.",
        _overview(settings),
        _accepting(settings, peers),
        _storage(settings),
        _commitment(settings),
        _hints(settings),
        _calling(),
        _archive(),
        _rest(settings),
    )


def _overview(settings: DicomSettings) -> str:
    services = table(
        ("service", "as user (SCU)", "as provider (SCP)"),
        (
            ("Verification", "yes", "yes, with 0000H"),
            ("Storage", "Comprehensive SR, or Comprehensive 3D SR where a peer takes only that", "every storage class"),
            ("Storage Commitment Push Model", "yes, for peers with `commit`", "yes, for peers with `commit`"),
            ("Modality Performed Procedure Step", "no", "yes, for peers with `announce`"),
            ("Instance Availability Notification", "no", "yes, for peers with `announce`"),
            ("Query/Retrieve, Study Root: FIND, MOVE, GET", "yes, for peers with `query`", "no"),
        ),
    )
    names = table(
        ("what", "value"),
        (
            ("AE title", f"`{settings.ae_title}`"),
            ("port", settings.port),
            ("Implementation Class UID", f"`{IMPLEMENTATION_CLASS_UID}`"),
            ("Implementation Version Name", f"`{IMPLEMENTATION_VERSION_NAME}`"),
            ("application context", f"`{admission.APPLICATION_CONTEXT}`"),
        ),
    )
    return sections("## Overview", services, names)


def _accepting(settings: DicomSettings, peers: tuple[Peer, ...]) -> str:
    named = [peer.ae_title for peer in peers if "send" in peer.may]
    who = (
        f"Let in are the titles {listed([*named, *settings.calling])}, those of `peers` from their own host."
        if named or settings.calling
        else "No sender is named, so that any title is let in, and from this machine alone."
    )
    rejections = table(
        ("result", "source", "diagnostic", "when"),
        ((each.result, each.source, each.diagnostic, each.sentence) for each in admission.REJECTIONS),
    )
    return sections(
        "## Associations that others open",
        f"{who} Titles are compared with regard to case; spaces and NULs at their ends are padding. At most "
        f"{settings.max_associations} stand at one time, {settings.max_associations_per_peer} of one title from one "
        f"address. The longest PDU that is taken has {settings.max_pdu_bytes:,} bytes. A peer that is silent for "
        f"{settings.network_timeout_seconds:g} s is given up, one that asks for no association within "
        f"{settings.request_timeout_seconds:g} s too (ARTIM timer). Asynchronous operations are not negotiated.",
        "An association is rejected (PS3.8, table 9-21) in this order:",
        rejections,
    )


def _storage(settings: DicomSettings) -> str:
    classes = (
        "Every storage SOP class, private and unknown ones too"
        if settings.unknown_classes
        else "Every storage SOP class of the standard; private and unknown ones are answered with result 3"
    )
    statuses = table(
        ("status", "when", "the bytes"),
        (
            ("0000H", "bytes, folder and rows are on disk; also for what came before", "are kept"),
            *((f"{each.status:04X}H", (each.__doc__ or "").strip().split("\n")[0], _kept(each)) for each in REFUSALS),
        ),
    )
    return sections(
        "## Storage as provider",
        f"{classes}, in every transfer syntax. The data set is kept byte for byte (level 2), and nothing is coerced.",
        statuses,
        "An Error Comment names the attribute, never its value. No status, here or below, is private: all are of "
        "PS3.4, table B.2-1, PS3.7, annex C, or PS3.3, C.14.1.1. The association goes on after each answer. "
        "The same content again, also in another lossless transfer syntax, is success and nothing else; other content "
        "under a known SOP Instance UID is success too, kept, and left to a person. "
        f"Sequences may lie {MAX_DEPTH} deep; of a deflated data set {MAX_INFLATED_BYTES:,} bytes are inflated to find "
        "what identifies it.",
    )


def _kept(refusal: type[errors.Refusal]) -> str:
    return "stay with the sender" if refusal is errors.OutOfResources else "are kept where a person finds them"


def _commitment(settings: DicomSettings) -> str:
    failures = table(
        ("failure reason", "means", "given by us when"),
        (
            (f"{code:04X}H", text, commitment.GIVEN_FAILURES.get(code, "never"))
            for code, text in commitment.FAILURES.items()
        ),
    )
    times = settings.commitment
    return sections(
        "## Storage Commitment",
        f"SOP class `{commitment.PUSH_MODEL}`, transfer syntaxes "
        f"{listed(each.name for each in commitment.TRANSFER_SYNTAXES)}. "
        "Asked, we answer once the request is on disk, and report on the same association if it stays open for a "
        "second, else on a new one, in the SCP role, to the host and port of that peer in `peers`; tried again with "
        f"growing pauses for {times.report_days:g} days. We ask after each delivery to a peer with `commit`, wait "
        f"{times.answer_hours:g} hours for its report, and ask {times.requests} times.",
        "An N-ACTION, by which we are asked, is answered:",
        _answers(commitment_answers.TO_REQUEST),
        "An N-EVENT-REPORT, by which a peer says what it keeps, is answered:",
        _answers(commitment_answers.TO_REPORT),
        "What a peer's answer to our N-ACTION means; the first row that fits counts. Refused, "
        "whether the document is kept is asked by C-FIND, where the peer may be asked, else left to a person.",
        _treated(commitment_calls.REQUEST_TREATMENTS),
        "What a peer's answer to our N-EVENT-REPORT means. Refused, it is not told again.",
        _treated(commitment_calls.REPORT_TREATMENTS),
        failures,
    )


def _answers(given: Iterable[commitment_answers.Answer]) -> str:
    return table(("status", "when"), ((f"{each.status:04X}H", each.when) for each in given))


def _treated(treatments: Iterable[Treatment[str]]) -> str:
    return table(("status", "becomes"), ((each, each.outcome) for each in treatments))


def _hints(settings: DicomSettings) -> str:
    refusals = table(("status", "when"), ((f"{code:04X}H", text) for code, text in hints.REFUSALS.items()))
    return sections(
        "## Modality Performed Procedure Step and Instance Availability Notification",
        f"SOP classes `{hints.PROCEDURE_STEP}` (N-CREATE, N-SET) and `{hints.NOTIFICATION}` (N-CREATE), transfer "
        f"syntaxes {listed(each.name for each in hint_service.TRANSFER_SYNTAXES)}. A message is answered with 0000H "
        "once it is on disk. Of a step are kept its status, the studies of its Scheduled Step Attributes Sequence and "
        "the objects of its Performed Series Sequence, of a notification its study and objects; nothing of the "
        "patient. An N-CREATE without a SOP Instance UID is given one. A study is complete at once when all objects "
        "that were named are here, and no image besides, and no step of it is in progress; one in progress holds it "
        f"for {settings.hints.hold_hours:g} hours after its last word and the last image. Objects that are said to be "
        "UNAVAILABLE are no longer waited for.",
        refusals,
    )


def _calling() -> str:
    return sections(
        "## Associations that we open",
        f"A connection may take {calling.CONNECT_SECONDS} s, an answer {calling.ANSWER_SECONDS} s. Objects are "
        "proposed one class and one transfer syntax a context: the file's own, and for little endian ones the other of "
        f"Explicit and Implicit VR. Verification (`{Verification}`) is proposed with Implicit VR Little Endian.",
        "What a rejection by a peer becomes, by its result:",
        table(("result", "becomes"), calling.REJECTED.items()),
        "What is said of it, by its source and diagnostic:",
        table(("source", "diagnostic", "reason"), ((*place, text) for place, text in calling.REJECTIONS.items())),
        "No accepted context is a refusal. No connection, no TLS, an abort and no answer in time are tried again.",
        "What a peer's status of a C-STORE makes of the document, and that of a C-ECHO of its check; the first row "
        "that fits counts:",
        _treated(sender.TREATMENTS),
        "What is tried again waits 5 s, twice as long after each attempt, and an hour at most, with the same SOP "
        "Instance UID. What is refused waits for a person.",
    )


def _archive() -> str:
    contexts, _ = get_contexts()
    return sections(
        "## Query/Retrieve as user",
        f"Study Root: FIND `{study_root.FIND}`, MOVE `{study_root.MOVE}`, GET `{study_root.GET}`.",
        "The keys of a C-FIND. A study is asked for by Accession Number, Study Instance UID, or Patient ID with "
        "modality and dates, without wildcards; answers that do not fit are dropped. Series and instances are asked "
        "for where a study comes without its modalities or its count, and an instance by its UIDs where a peer with "
        "`commit` never committed to it.",
        table(
            ("level", "key", "tag", "matched by, where it has a value"),
            (
                (level, dictionary_description(keyword), f"`{_tag(keyword)}`", matching or "asked back only")
                for level, keys in KEYS.items()
                for keyword, matching in keys.items()
            ),
        ),
        f"What comes beyond the studies that are of use, at most {query.MOST_STUDIES}, is cancelled. What a peer's "
        "status of a C-FIND means; the first row that fits counts:",
        _treated(query.TREATMENTS),
        "A study is retrieved by its Study Instance UID. MOVE names our AE title as its destination. GET proposes "
        f"{len(contexts)} contexts with the SCP role for storage; what it brings is answered as what is sent. What a "
        "peer's last status of a C-MOVE or C-GET means:",
        _treated(retrieve.TREATMENTS),
        "What is not complete is asked for again, `fetch.tries` times at most; a peer that cannot be reached, or whose "
        "C-FIND is to be tried again, rests meanwhile, and that is no try. An unknown destination names what to enter "
        "at the archive. Whatever a peer says, a study counts as fetched once its objects are here.",
    )


def _tag(keyword: str) -> str:
    tag = tag_for_keyword(keyword) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _rest(settings: DicomSettings) -> str:
    return sections(
        "## Character sets",
        "Every character set of PS3.3, C.12.1.1.2 is read; text that does not fit its own is read by "
        f"`{settings.charset}`, and the page says so. What we write is ISO_IR 192.",
        "## Security",
        "TLS 1.2 with ECDHE and AES-GCM or ChaCha20, or TLS 1.3 (BCP 195; PS3.15, annex B), both ways where the "
        "settings name certificates; with authorities, senders without a certificate of theirs are not let in.",
        "## Structured reports",
        f"TID 1500, UNVERIFIED and PRELIMINARY until a person has reviewed. Private codes have the scheme "
        f"`{PRIVATE_SCHEME}`.",
    )
