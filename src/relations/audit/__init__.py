"""Audit: seal the log with signed checkpoints, and prove what it held.

* `SealingKey`: a log's private keys, and the policy with its public ones.
* `Seals`: seal a log, prove an event, prove that one seal continues another.
* `relations.audit.checker`: check all of it on a machine with nothing but `cryptography`.
"""

from relations.audit.seals import Seal, Seals
from relations.audit.signing import SealingKey
from relations.verification.merkle import Frontier, Tree

__all__ = ["Frontier", "Seal", "SealingKey", "Seals", "Tree"]
