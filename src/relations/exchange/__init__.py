"""Import and export: files with mappings, commands and recorded events as JSON Lines, and views as frames.

See `docs/how-to/import-your-data.md` and `docs/how-to/take-views-as-frames.md`.
"""

from __future__ import annotations

from relations.exchange.frames.questions import frame, frame_of, part, table
from relations.exchange.importing import ImportProgress, ImportReport, import_commands, import_file
from relations.exchange.jsonlines.commands import command_from_json, command_to_json
from relations.exchange.jsonlines.events import import_events
from relations.exchange.jsonlines.exporting import export_commands, export_events
from relations.exchange.mapping.model import Mapping, load_mapping, shipped_mappings, shipped_presets
from relations.exchange.recognising import preview, recognise

__all__ = [
    "ImportProgress",
    "ImportReport",
    "Mapping",
    "command_from_json",
    "command_to_json",
    "export_commands",
    "export_events",
    "frame",
    "frame_of",
    "import_commands",
    "import_events",
    "import_file",
    "load_mapping",
    "part",
    "preview",
    "recognise",
    "shipped_mappings",
    "shipped_presets",
    "table",
]
