"""Starting is cheap: the package and the program load what they need when they need it."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import relations


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = loaded_by("import relations")
    assert "relations" in loaded
    assert not {name for name in loaded if name.startswith("relations.")}
    assert not {"pydantic", "sqlalchemy", "msgspec", "rich", "phonenumbers"} & loaded


def test_every_public_name_is_found_and_is_the_one_of_its_module() -> None:
    assert len(relations.__all__) > 15
    for name in relations.__all__:
        assert getattr(relations, name) is not None
        assert name in dir(relations)
    assert relations.Relations is import_module("relations.engine").Relations


def test_type_checkers_read_the_modules_that_names_are_loaded_from() -> None:
    tree = ast.parse(Path(relations.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    read = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in read} == {f"relations.{home}" for home in relations._HOMES}
    assert {alias.name for node in read for alias in node.names} - {"*"} == set(relations.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Frobnicate"):
        relations.Frobnicate  # noqa: B018
