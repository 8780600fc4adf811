import subprocess
import sys
from pathlib import Path

NOISY = """
import sys
from service.log import configure_log
log = configure_log("work")
import pydicom
from pydicom.dataset import Dataset
dataset = Dataset()
dataset.StudyInstanceUID = "1.2.00CANARY"
dataset.PatientID = "CANARY" * 20
log.info("said", number=1)
"""


def test_libraries_that_quote_values_are_silent_also_when_they_are_loaded_later() -> None:
    done = subprocess.run([sys.executable, "-c", NOISY], capture_output=True, text=True, timeout=60, check=True)

    assert '"event": "said"' in done.stderr
    assert "CANARY" not in done.stdout + done.stderr


TELLS = """
from service.log import configure_log
configure_log("work").info("said", number=1)
print("went on")
"""


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", TELLS], stdout=subprocess.PIPE, stderr=full, text=True, timeout=60)

    assert done.stdout == "went on\n"
