"""`python -m vipd` is `vipd`."""

from vipd.cli.main import main

main()
