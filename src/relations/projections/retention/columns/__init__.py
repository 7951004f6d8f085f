"""Questions of the retention view about all customers at once, computed from columns."""
