"""An event-sourced engine for customer relations."""
