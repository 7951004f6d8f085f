"""Policies from TOML and JSON files, and policies as TOML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import tomli_w
from pydantic import BaseModel

from relations.errors import InvalidInput
from relations.policies import Policy
from relations.policies.check import PolicyReport, read_policy
from relations.policies.codes import NONE_WORD

__all__ = ["check_policy_file", "load_policy", "policy_differences", "policy_to_toml", "read_text"]


def load_policy(path: Path | str) -> Policy:
    """Return the policy of a TOML or JSON file. Fields that are left out have their defaults.

    Raises:
        InvalidInput: The file cannot be read, or the policy has an error; the message says where.
    """
    report = check_policy_file(path)
    wrong = next((each for each in report.findings if each.severity == "error"), None)
    if wrong is not None or report.policy is None:
        assert wrong is not None  # noqa: S101 - a policy that cannot be read has a finding
        raise InvalidInput(wrong.reason, code=wrong.code, field=wrong.field, hint=wrong.hint or None)
    return report.policy


def check_policy_file(path: Path | str) -> PolicyReport:
    """Return a file's policy and all its mistakes.

    Args:
        path: A file that ends in `.json` is read as JSON, any other as TOML.

    Raises:
        InvalidInput: The file is missing, or is neither TOML nor JSON.
    """
    file = Path(path)
    return read_policy(read_text(file), str(file), form="json" if file.suffix.lower() == ".json" else "toml")


def read_text(file: Path) -> str:
    """Return the text of a UTF-8 file with rules.

    Raises:
        InvalidInput: The file cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read: {error.strerror}",
            code="unreadable_file",
            field="file",
            hint="Give the path of a TOML file",
        ) from None
    except UnicodeDecodeError:
        raise InvalidInput(
            f"{file} is not UTF-8", code="unreadable_file", field="file", hint="Save it as UTF-8"
        ) from None


def policy_to_toml(policy: Policy, *, whole: bool = False) -> str:
    """Return a policy as TOML that `load_policy` reads.

    The version is left out, because the log gives the policy a new one when it is adopted.

    Args:
        policy: The policy.
        whole: Write every value. Otherwise only the values that differ from the defaults.
    """
    return tomli_w.dumps(_as_tables(policy, policy.model_dump(mode="json", exclude={"version"}), whole=whole))


def _as_tables(value: Any, fields: Any, *, whole: bool) -> Any:
    """Return the dumped fields of a value without null, which TOML does not have."""
    match value, fields:
        case BaseModel(), dict():
            made = {}
            for name, field in type(value).model_fields.items():
                found = getattr(value, name)
                # A field with one possible value, such as `kind`, says which rule this is.
                if name not in fields or not (whole or found != field.default or len(get_args(field.annotation)) == 1):
                    continue
                if found is not None:
                    made[name] = _as_tables(found, fields[name], whole=whole)
                elif field.default is not None:
                    made[name] = NONE_WORD
            return made
        case tuple() | list(), list():
            return [_as_tables(each, dumped, whole=whole) for each, dumped in zip(value, fields, strict=True)]
        case dict(), dict():
            pairs = zip(value.values(), fields.items(), strict=True)
            return {name: _as_tables(each, dumped, whole=whole) for each, (name, dumped) in pairs}
    return fields


def policy_differences(before: Policy, after: Policy) -> dict[str, tuple[Any, Any]]:
    """Return the values that differ between two policies, by the path of their field.

    Lists of named parts, such as tiers, are compared by name. A part that one of them lacks is one difference. The
    version is not compared.

    Returns:
        For each path the two values in their JSON form; None where there is none.
    """
    first, second = (each.model_dump(mode="json", exclude={"version"}) for each in (before, after))
    return dict(_differences(first, second, ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if before == after:
        return
    first, second = _parts(before, path), _parts(after, path)
    if first is None or second is None:
        yield path, (before, after)
        return
    for name in dict.fromkeys((*first, *second)):
        yield from _differences(first.get(name), second.get(name), name)


def _parts(value: Any, path: str) -> dict[str, Any] | None:
    """Return the fields of an object, or the named parts of a list, by their paths; None for other values."""
    match value:
        case dict():
            return {f"{path}.{name}" if path else str(name): each for name, each in value.items()}
        case list() if all(_name(each) is not None for each in value):
            return {f"{path}[{_name(each)}]": each for each in value}
    return None


def _name(value: Any) -> str | None:
    """Return the name or id of a part in a list, or None if it has neither."""
    if not isinstance(value, dict):
        return None
    found = value.get("id", value.get("name"))
    return found if isinstance(found, str) else None
