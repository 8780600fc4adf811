"""The end of a process that has no memory left, where nobody would hear of it.

Python lets a thread that cannot begin for want of memory vanish, and whoever started it waits for it for ever. Such a
process would go on to say that it lives and do nothing. It ends instead, which gives its memory back; the supervisor
starts it again, and what it had begun is counted as begun.
"""

import os
import sys
import threading
import time

NO_MEMORY = 12
"""The exit status, as the number of ENOMEM."""
BEGINS_WITHIN_SECONDS = 30.0
"""A thread begins at once, on a machine with far too much to do within seconds."""


class MemoryWatch:
    """Ends the process of a role where one of its threads ended, or never began, for want of memory."""

    def __init__(self, role: str) -> None:
        # Made while there is memory.
        self._said = f'{{"role": "{role}", "event": "memory ran out", "level": "error"}}\n'.encode()
        self._not_begun: dict[threading.Thread, float] = {}

    def on_thread_end(self, ended: threading.ExceptHookArgs) -> None:
        """Take the place of `threading.excepthook`."""
        if issubclass(ended.exc_type, MemoryError):
            self._end()
        threading.__excepthook__(ended)

    def look(self) -> None:
        """Look for threads that never began; to be called every few seconds."""
        now = time.monotonic()
        not_begun = [thread for thread in threading.enumerate() if thread.ident is None]
        self._not_begun = {thread: self._not_begun.get(thread, now) for thread in not_begun}
        if any(now - since > BEGINS_WITHIN_SECONDS for since in self._not_begun.values()):
            self._end()

    def _end(self) -> None:
        os.write(sys.stderr.fileno(), self._said)
        os._exit(NO_MEMORY)
