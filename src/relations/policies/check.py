"""Check a policy as a whole, from a value or from the text of a file.

`Policy` refuses values that make no sense by themselves. This module reports everything that is wrong at once. It also
reports what shows only in the whole, such as an instrument that cannot be read or a loyalty programme with
contradictory rules.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import ValidationError

from relations.errors import InvalidInput
from relations.json_form import ViewAnswer
from relations.messages import plainly
from relations.policies.instruments import EFFORT_METHODS, Instrument
from relations.policies.loyalty.check import Finding, check_programme
from relations.policies.policy import Policy

__all__ = ["PolicyReport", "check_policy", "read_policy"]

_SERVQUAL_ITEMS_MIN = 2


class PolicyReport(ViewAnswer):
    """A policy from a file, and what is wrong with it.

    Attributes:
        policy: The policy; None if it cannot be read.
        findings: What is wrong; empty is good.
    """

    policy: Policy | None
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """True if the policy can be adopted; there may be warnings."""
        return self.policy is not None and not any(finding.severity == "error" for finding in self.findings)


def read_policy(text: str, name: str = "the file", *, form: Literal["toml", "json"] = "toml") -> PolicyReport:
    """Read a policy from TOML or JSON, and check it.

    Args:
        text: The text. Fields that are left out have their defaults.
        name: Its name in errors.
        form: The text's form.

    Raises:
        InvalidInput: The text is not TOML, or not a JSON object.
    """
    try:
        found: Any = tomllib.loads(text) if form == "toml" else json.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} is not {form.upper()}: {error}", code=f"invalid_{form}", field="file") from None
    try:
        policy = Policy.model_validate_json(json.dumps(found, default=str))
    except ValidationError as error:
        return PolicyReport(policy=None, findings=tuple(_unreadable(error)))
    return PolicyReport(policy=policy, findings=tuple(check_policy(policy)))


def _unreadable(error: ValidationError) -> Iterator[Finding]:
    for each in error.errors(include_url=False):
        field = ".".join(str(part) for part in each["loc"]) or "policy"
        reason = plainly(each["msg"])
        hint = ""
        if each["type"] == "extra_forbidden":
            reason, hint = "a policy has no such field", "See docs/reference/policies.md for every field"
        yield Finding(severity="error", code="invalid_policy", field=field, reason=reason, hint=hint)


def check_policy(policy: Policy) -> list[Finding]:
    """Return everything that is wrong with a policy as a whole."""
    found = [finding for instrument in policy.surveys.instruments for finding in _instrument(instrument)]
    for programme in policy.every_programme:
        found += check_programme(programme)
    return found


def _instrument(instrument: Instrument) -> Iterator[Finding]:
    if instrument.kind == "ces" and instrument.method not in EFFORT_METHODS:
        said = "has no method" if instrument.method is None else f"has the unknown method {instrument.method!r}"
        yield Finding(
            severity="error",
            code="method_missing",
            field="surveys.instruments",
            reason=f"the effort score {instrument.id} {said}",
            hint='Set its method to "agreement" if customers agree that it was easy, or to "effort" if they rate how'
            " much effort it took",
        )
    if instrument.kind == "servqual" and len(instrument.items) < _SERVQUAL_ITEMS_MIN:
        yield Finding(
            severity="error",
            code="too_few_items",
            field="surveys.instruments",
            reason=f"the servqual instrument {instrument.id} has only {len(instrument.items)} item",
            hint=f"Give at least {_SERVQUAL_ITEMS_MIN} items, or use the kind likert",
        )
