"""``python -m vtonctl``."""

from vtonctl.app import main

if __name__ == "__main__":
    main()
