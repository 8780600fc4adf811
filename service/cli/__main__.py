"""`python -m service.cli` is `spinelabel`."""

from service.cli import main

main()
