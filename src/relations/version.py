"""The version of the package, without a look at what is installed under which name."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
