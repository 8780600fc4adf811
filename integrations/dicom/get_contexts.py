"""What is proposed for C-GET: the classes that a study may hold, in the syntaxes that they may be stored in.

An association has 128 presentation contexts at most (PS3.8, 9.3.2.2), and the peer must send each object in a context
that was accepted. So MR images get a context for each transfer syntax, to come as they are stored, and everything else
one for the uncompressed ones.
"""

from collections.abc import Iterator

from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRColorImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    MRImageStorage,
    RLELossless,
)
from pynetdicom import StoragePresentationContexts, build_context, build_role
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from integrations.dicom.study_root import GET

MOST_CONTEXTS = 128
_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_OTHER = (
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    RLELossless,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
_IMAGES = (MRImageStorage, EnhancedMRImageStorage, EnhancedMRColorImageStorage)
_PRIVATE = (
    UID("1.3.46.670589.11.0.0.12.1"),  # Philips: MR spectra, series data, examination cards
    UID("1.3.46.670589.11.0.0.12.2"),
    UID("1.3.46.670589.11.0.0.12.4"),
    UID("1.3.12.2.1107.5.9.1"),  # Siemens: objects without a class of the standard
)


def get_contexts() -> tuple[list[PresentationContext], list[SCP_SCU_RoleSelectionNegotiation]]:
    """Give what is proposed, the most needed first, and the roles that let the peer send to us on it."""
    pairs = [(GET, _PLAIN), *_storage()][:MOST_CONTEXTS]
    classes = dict.fromkeys(abstract for abstract, _ in pairs[1:])
    contexts = [build_context(abstract, list(syntaxes)) for abstract, syntaxes in pairs]
    return contexts, [build_role(abstract, scp_role=True) for abstract in classes]


def _storage() -> Iterator[tuple[UID, tuple[UID, ...]]]:
    for image in _IMAGES:
        yield image, _PLAIN
        for syntax in _OTHER:
            yield image, (syntax,)
    for private in _PRIVATE:
        yield private, _PLAIN
    for context in StoragePresentationContexts:
        if context.abstract_syntax not in _IMAGES:
            yield UID(str(context.abstract_syntax)), _PLAIN
