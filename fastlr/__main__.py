"""`python -m fastlr` is the command `fastlr`."""

from fastlr.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
