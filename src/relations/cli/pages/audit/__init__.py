"""Terminal pages of `relations audit`."""
