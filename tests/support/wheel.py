"""`make wheel`: build the wheel, install it in a clean environment, and use it as a stranger would."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SERVICE = """
from datetime import UTC, datetime
import relations, relations.commands, relations.events, relations.policies, relations.views, relations.errors
from relations import Money, RecordPurchase, Relations

assert "site-packages" in relations.__file__, relations.__file__
with Relations.open("sqlite:///shop.db") as engine:
    at = datetime(2024, 5, 1, tzinfo=UTC)
    engine.execute(RecordPurchase(customer="c1", purchase="p1", amount=Money.of("12.90", "EUR"), occurred_at=at))
    assert [stage.customer for stage in engine.views.retention.stages()] == ["c1"]
    engine.rebuild()
    assert engine.verify().good
try:
    engine.views.retention.lifetime_values()
except relations.errors.RelationsError as error:
    assert "relations[" not in str(error)
print("the wheel works:", relations.__version__)
"""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder: Path, python: str = sys.executable) -> Path:
    """Build the wheel into a folder."""
    run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("relations_engine-*.whl")
    return wheel


def environment(folder: Path, python: str = sys.executable) -> Path:
    """Make a clean environment and return its interpreter."""
    if python == sys.executable:
        venv.create(folder, with_pip=True, clear=True)
    else:
        run(python, "-m", "venv", "--clear", folder)
    return folder / "bin" / "python"


def main() -> None:
    """Build, install and use the wheel."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        clean = environment(folder / "clean")
        run(clean, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
        print(run(clean, "-c", SERVICE, cwd=folder).strip())
        assert "relations 0." in run(folder / "clean" / "bin" / "relations", "--version", cwd=folder)
        assert "good" in run(folder / "clean" / "bin" / "relations", "verify", "-d", "shop.db", cwd=folder).lower()


if __name__ == "__main__":
    main()
