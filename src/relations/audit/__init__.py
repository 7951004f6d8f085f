"""Audit: seal the log with signed checkpoints, prove what it held, and answer for one person's words.

* `SealingKey`: a log's private keys, and the policy with its public ones.
* `Seals`: seal a log, prove an event, prove that one seal continues another.
* `check_timestamp`, `request_timestamp`: the time of a seal on the word of an authority.
* `relations.audit.checker`: check all of it on a machine with nothing but `cryptography`.
* `access_report`: everything that is held on one person.
* `certify_erasure` and `check_certificate`: a certificate of an erasure, and its check against the log.
* `sign_certificate` and `check_signature`: who vouches for such a certificate.
* `clear_texts`: personal words that the log stores unencrypted.
"""

from relations.audit.access import AccessReport, access_report
from relations.audit.clear_words import ClearText, clear_texts
from relations.audit.erasures import (
    ErasureCertificate,
    certify_erasure,
    check_certificate,
    check_signature,
    read_certificate,
    sign_certificate,
)
from relations.audit.seals import Seal, Seals
from relations.audit.signing import SealingKey
from relations.audit.timestamps import check_timestamp, request_timestamp
from relations.verification.merkle import Frontier, Tree

__all__ = [
    "AccessReport",
    "ClearText",
    "ErasureCertificate",
    "Frontier",
    "Seal",
    "SealingKey",
    "Seals",
    "Tree",
    "access_report",
    "certify_erasure",
    "check_certificate",
    "check_signature",
    "check_timestamp",
    "clear_texts",
    "read_certificate",
    "request_timestamp",
    "sign_certificate",
]
