"""The check of terms against the lists of the policy, so that free text cannot stand where a code is meant."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, get_args, get_type_hints

from relations.errors import CommandRefused
from relations.messages import Command, Term
from relations.policies import Policy

__all__ = ["RETENTION", "UNKNOWN_TERM", "refuse_unknown_terms", "term_fields"]

RETENTION: Final = "retention period"
"""The reason of an erasure that the engine sends itself. It needs no place in the policy's list."""
UNKNOWN_TERM: Final = {"unknown_term": "The policy lists the terms of this field, and this is not one of them"}


@cache
def term_fields(command: type[Command]) -> tuple[tuple[str, Any], ...]:
    """Return the fields of a command that hold a term or several, with their defaults."""
    hints = get_type_hints(command, include_extras=True)
    fields = command.model_fields
    return tuple((name, fields[name].default) for name in fields if _holds_term(hints[name]))


def _holds_term(hint: Any) -> bool:
    return hint == Term or any(_holds_term(part) for part in get_args(hint))


def refuse_unknown_terms(command: Command, policy: Policy) -> None:
    """Refuse a command that has a term which the policy does not list for its field.

    Raises:
        CommandRefused: There is a list for the field, and the term is not in it (`unknown_term`).
    """
    listed = policy.personal_data.terms
    for name, default in term_fields(type(command)):
        allowed, value = listed.get(name), getattr(command, name)  # type: ignore[call-overload] # any name may be asked
        if not allowed or value in (None, default, RETENTION):
            continue
        for said in value if isinstance(value, tuple) else (value,):
            if said not in allowed:
                raise CommandRefused(
                    f"the {name} {said!r} is not one of the terms of the policy",
                    code="unknown_term",
                    field=name,
                    hint=f"Use one of: {', '.join(allowed)}",
                )
