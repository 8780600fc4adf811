"""The roles of the daemon, each a process of its own: receive, listen, work, web, clock.

They meet only in the database and the object store. Each module has `run(settings, log, stop)`, which returns once
`stop` is set. Only `work` may import models.
"""

ROLES = ("receive", "listen", "work", "web", "clock")
