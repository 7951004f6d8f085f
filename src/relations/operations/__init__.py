"""Operations on whole logs: backups, and comparisons of the forms of events."""

from relations.operations.backup import BackupReport, back_up, restore
from relations.operations.compatibility import Change, Compatibility, compare_schemas

__all__ = ["BackupReport", "Change", "Compatibility", "back_up", "compare_schemas", "restore"]
