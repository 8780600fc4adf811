"""The SOP classes of the Study Root Query/Retrieve Information Model (PS3.4, C.6.2.1)."""

from pydicom.uid import UID

FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
MOVE = UID("1.2.840.10008.5.1.4.1.2.2.2")
GET = UID("1.2.840.10008.5.1.4.1.2.2.3")
