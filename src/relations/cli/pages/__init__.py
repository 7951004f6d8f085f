"""The reports' pages: each module reads one view (`read`) and lays it out for people (`show`)."""
