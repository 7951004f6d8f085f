"""Files as rows: CSV, JSON Lines and XES, and the rows that were rejected."""
