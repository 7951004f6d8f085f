"""One self-contained HTML page with charts, in English or Chinese."""
