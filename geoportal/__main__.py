"""``python -m geoportal <verb>``: the command line."""

from geoportal.cli import main

main()
