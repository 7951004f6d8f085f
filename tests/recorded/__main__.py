"""`make record`: write the bytes of samples that have no file yet. A file that is there is never written again."""

from __future__ import annotations

import sys

import msgspec

from tests.recorded.test_recorded import CODEC, HERE, MEANT


def missing() -> dict[str, bytes]:
    """Return the bytes of every sample without a file, by the sample's name."""
    return {name: CODEC.encode(event) for name, event in MEANT.items() if not (HERE / f"{name}.json").exists()}


def unsampled() -> list[str]:
    """Return every event, and every field of an event, that no sample sets."""
    seen: dict[str, set[str]] = {}
    for name, event in MEANT.items():
        topic = ".".join(name.split(".")[:2])
        seen.setdefault(topic, set()).update(msgspec.json.decode(CODEC.encode(event), type=dict[str, object]))
    wanted = {name: set(topic.event.__struct_fields__) for name, topic in CODEC.topics.items()}
    return [name for name in wanted if name not in seen] + [
        f"{name}: {field}" for name in wanted if name in seen for field in sorted(wanted[name] - seen[name])
    ]


def main() -> int:
    """Write what is missing, and name what has no sample in MEANT."""
    for name, body in missing().items():
        (HERE / f"{name}.json").write_bytes(body)
        print(f"recorded tests/recorded/{name}.json")
    left = unsampled()
    for each in left:
        print(f"no sample of {each}: add one to MEANT in tests/recorded/test_recorded.py", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
