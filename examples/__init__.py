"""Examples of services that embed the engine."""
