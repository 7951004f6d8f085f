"""Operations on whole logs: backups, and comparisons of the forms of events."""

from relations.operations.backup import BackupReport, back_up, restore
from relations.operations.compatibility import Compatibility, SchemaChange, compare_schemas

__all__ = ["BackupReport", "Compatibility", "SchemaChange", "back_up", "compare_schemas", "restore"]
