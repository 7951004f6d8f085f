"""The sections of a page: one module each, from the views' answers to figures."""
