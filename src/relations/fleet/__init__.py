"""A fleet: one log for each tenant, opened through one object that bounds what is open at once.

::

    with Fleet("sqlite:///tenants/{tenant}.db") as fleet, fleet.engine("hotel_vienna") as engine:
        engine.execute(command)
"""

from relations.fleet.fleet import Fleet, TenantOutcome
from relations.fleet.places import tenant_name

__all__ = ["Fleet", "TenantOutcome", "tenant_name"]
