"""Whatever is advised installs this distribution: the name `relations` on PyPI belongs to another project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import relations
from relations.errors import MissingExtra
from relations.version import VERSION
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = "|".join(PROJECT["optional-dependencies"])
NOT_OURS = re.compile(
    rf"(?<![\w.-])relations\[(?:{EXTRAS}|\{{extra\}})|pip3? install [^\n`]*(?<![\w./-])relations(?![\w/-])"
)
"""The distribution of that name, with or without extras, where somebody would install it."""


def texts() -> dict[Path, str]:
    """Everything that a person or a program may take an instruction from."""
    folders = [path for name in ("src", "docs", "benchmarks") for path in (ROOT / name).rglob("*")]
    files = [path for path in [*folders, *ROOT.iterdir()] if path.suffix in {".py", ".md", ".toml", ".jinja", ".txt"}]
    return {path: path.read_text("utf-8") for path in [*files, ROOT / "Makefile", ROOT / ".ci" / "run"]}


def test_the_distribution_has_a_name_of_its_own_and_the_import_keeps_its_own() -> None:
    assert PROJECT["name"] == "relations-engine"
    assert relations.__version__ == VERSION
    assert PROJECT["scripts"] == {"relations": "relations.cli:main"}


def test_nothing_advises_to_install_the_strangers_package() -> None:
    read = texts()
    assert len(read) > 300
    assert {path.name: found.group() for path, text in read.items() if (found := NOT_OURS.search(text))} == {}


def test_the_dangerous_forms_are_recognised() -> None:
    for form in (
        "pip install 'relations[postgres]'",
        "pip install relations",
        "install relations[data,dev]",
        "pip install -U relations`",
    ):
        assert NOT_OURS.search(form), form
    for form in (
        "pip install 'relations-engine[postgres]'",
        "pip install '.[dev]'",
        "correlations[data]",
        "pip install ./relations/",
    ):
        assert not NOT_OURS.search(form), form


def test_a_missing_extra_names_the_distribution() -> None:
    error = MissingExtra("polars", extra="data", purpose="Reading Parquet")
    assert error.hint == f"Install it with: pip install '{PROJECT['name']}[data]'"


def test_every_dependency_and_every_extra_is_pinned_for_the_tests() -> None:
    pinned = {
        re.split(r"[=<>@ ]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    }
    wanted = [
        *PROJECT["dependencies"],
        *(name for extra in PROJECT["optional-dependencies"].values() for name in extra),
    ]
    names = {re.split(r"[\[=<>; ]", name)[0].lower().replace("_", "-") for name in wanted} - {PROJECT["name"]}
    assert len(names) > 20
    assert names - pinned == set()
