"""The past: every view as it stood, read-only, as of any position, time of recording or business time."""
