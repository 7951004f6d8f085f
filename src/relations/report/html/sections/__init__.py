"""The sections of the page, one module each: they make figures of the views' answers."""
