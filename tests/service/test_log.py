import subprocess
import sys

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
