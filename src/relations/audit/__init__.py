"""Audit: seal the log with signed checkpoints, and prove what it held.

* `SealingKey`: a log's private keys, and the policy with its public ones.
* `Seals`: seal a log, prove an event, prove that one seal continues another.
* `check_timestamp`, `request_timestamp`: the time of a seal on the word of an authority.
* `relations.audit.checker`: check all of it on a machine with nothing but `cryptography`.
"""

from relations.audit.seals import Seal, Seals
from relations.audit.signing import SealingKey
from relations.audit.timestamps import check_timestamp, request_timestamp
from relations.verification.merkle import Frontier, Tree

__all__ = ["Frontier", "Seal", "SealingKey", "Seals", "Tree", "check_timestamp", "request_timestamp"]
