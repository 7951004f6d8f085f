"""`make wheel`: build the wheel, and use it as a stranger would, on every supported Python of this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SUPPORTED = ((3, 11), (3, 12), (3, 13))
SERVICE = """
import sys
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
print("the wheel works:", relations.__version__, "on Python", sys.version.split()[0])
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


def interpreters() -> Iterator[tuple[str, str | None]]:
    """Yield each supported version, and its interpreter if this machine has one; this one for its own version."""
    managed = Path.home() / ".pyenv" / "versions"
    for version in SUPPORTED:
        name = ".".join(map(str, version))
        found = [*sorted(managed.glob(f"{name}.*/bin/python"), reverse=True), shutil.which(f"python{name}")]
        if version == sys.version_info[:2]:
            found = [sys.executable]
        runs = (str(each) for each in found if each and _is_there(str(each)))
        yield name, next(runs, None)


def _is_there(python: str) -> bool:
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


def use(wheel: Path, python: str, folder: Path) -> None:
    """Install the wheel in a clean environment of an interpreter, and record and verify with it."""
    clean = environment(folder / "clean", python)
    run(clean, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
    print(run(clean, "-c", SERVICE, cwd=folder).strip(), flush=True)
    program = folder / "clean" / "bin" / "relations"
    assert "relations 0." in run(program, "--version", cwd=folder)
    assert "good" in run(program, "verify", "-d", "shop.db", cwd=folder).lower()


def main() -> None:
    """Build the wheel once, and use it on each supported Python."""
    with tempfile.TemporaryDirectory() as name:
        wheel = build(Path(name))
        for version, python in interpreters():
            if python is None:
                print(f"Python {version}: skipped, this machine does not have it")
                continue
            with tempfile.TemporaryDirectory() as folder:
                use(wheel, python, Path(folder))


if __name__ == "__main__":
    main()
