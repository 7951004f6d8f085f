#!/usr/bin/env bash
# The comments of Zendesk's tickets, read with zenpy and written to one file: a good guess is that each comment says
# which ticket it belongs to, as an article of Zammad and a message of Chatwoot do.
#
# What is so, with zenpy 2.0.57: a comment has its author, its words and its time, and no ticket. The product answers so:
# the ticket is only in the address that was asked. A file of comments alone cannot be joined with its tickets. Write
# each ticket with its comments inside instead.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check zenpy==2.0.57
cd "$work"
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

from zenpy.lib.api_objects import Comment

fields = {name for name in vars(Comment(id=8103)) if not name.startswith("_")}
seen = {
    "zenpy": version("zenpy"),
    "has its author, words and time": {"author_id", "body", "public", "created_at"} <= fields | set(dir(Comment)),
    "names its ticket": sorted(name for name in fields | set(dir(Comment)) if "ticket" in name),
}
print(seen)
assert list(seen.values()) == ["2.0.57", True, []], "the behaviour has changed"
PY
