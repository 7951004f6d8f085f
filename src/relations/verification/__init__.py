"""Verification of a log and its views: what `Relations.verify` checks and returns.

* `findings`: a problem, and the result of a verification.
* `verifier`: all checks in order, on one state of the database.
* `events`: the chain, and every event: readable, complete, with the cause and the policy that it names.
* `stored`: the database's own files, triggers, facts, streams and snapshots.
* `keys`: the customers' keys against their events.
* `seals`: the kept seals against the log's Merkle tree.
* `refolds`: the state of the views, and their tables against a refold.
"""

from relations.verification.findings import Problem, Verification
from relations.verification.keys import KeyCheck, KeyProblem
from relations.verification.verifier import Verifier

__all__ = ["KeyCheck", "KeyProblem", "Problem", "Verification", "Verifier"]
