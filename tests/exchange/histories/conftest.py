"""Parts of the real histories: `make test` takes some of each, `make soak` all of it."""

from __future__ import annotations

import gzip
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

NAME = "{http://www.xes-standard.org/}string[@key='concept:name']"


@pytest.fixture(
    scope="session", params=[5, pytest.param(1, marks=pytest.mark.soak)], ids=["a fifth of the cases", "all cases"]
)
def nth_case(request: pytest.FixtureRequest) -> int:
    """Every how manieth case of the help desk is taken."""
    number: int = request.param
    return number


@pytest.fixture(scope="session")
def helpdesk(data_dir: Path, nth_case: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The help desk's log with every nth case."""
    whole = data_dir / "helpdesk" / "helpdesk.xes.gz"
    if nth_case == 1:
        return whole
    with gzip.open(whole) as file:
        tree = ET.parse(file)
    root = tree.getroot()
    for trace in root.findall("{http://www.xes-standard.org/}trace"):
        name = trace.find(NAME)
        assert name is not None
        if int(name.attrib["value"].removeprefix("Case ")) % nth_case:
            root.remove(trace)
    path = tmp_path_factory.mktemp("helpdesk") / "part.xes.gz"
    with gzip.open(path, "wb", compresslevel=1) as out:
        tree.write(out, encoding="utf-8", xml_declaration=True)
    return path
