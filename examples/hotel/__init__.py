"""A hotel's front desk: a FastAPI service that embeds the engine. See README.md."""
