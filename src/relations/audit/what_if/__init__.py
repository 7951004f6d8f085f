"""What if: the recorded outside facts, decided again under another policy."""

from relations.audit.what_if.deciding import Figure, Outcome, WhatIf, what_if

__all__ = ["Figure", "Outcome", "WhatIf", "what_if"]
