"""The commands for operating a service: relays, metrics, tenants, backups."""
