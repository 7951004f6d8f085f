"""Operations on whole logs: backups, migrations, and comparisons of the forms of events."""

from relations.operations.backup import BackupReport, back_up, restore
from relations.operations.compatibility import Compatibility, SchemaChange, compare_schemas
from relations.operations.migrating import MigrationReport, MigrationStep, migrate

__all__ = [
    "BackupReport",
    "Compatibility",
    "MigrationReport",
    "MigrationStep",
    "SchemaChange",
    "back_up",
    "compare_schemas",
    "migrate",
    "restore",
]
