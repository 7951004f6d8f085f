"""The command line: thin, it parses, calls the library and shows what came."""

from relations.cli.app import app, main

__all__ = ["app", "main"]
