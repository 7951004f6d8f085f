"""What four regulators ask of those who are complained to, as service levels ready to adopt.

A regulation makes no difference by severity, so all four severities have the same promise; a business that promises
more to some replaces theirs. The questions that it asks of a customer stop none of these clocks. Holidays are the
business's own: give those of its country, for instance from `public_holidays`.

The texts: Directive (EU) 2015/2366, Article 101(2); the Bureau's Company Portal Manual, section 8.1; 14 CFR 259.7(c);
Regulation (EU) No 1177/2010, Article 24(2), whose months are counted by Regulation (EEC, Euratom) No 1182/71. None of
this is legal advice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from relations.policies.complaints.business_calendar import BusinessCalendar
from relations.policies.complaints.service_levels import DayCount, ServiceLevel, ServiceLevels

__all__ = ["air_carriers_us", "consumer_finance_us", "payment_services_eu", "sea_passengers_eu"]


def _for_all(level: ServiceLevel, calendar: BusinessCalendar) -> ServiceLevels:
    return ServiceLevels(low=level, medium=level, high=level, critical=level, calendar=calendar, paused_by_questions=())


def payment_services_eu(*, zone: str = "UTC", holidays: Iterable[date] = ()) -> ServiceLevels:
    """PSD2, Article 101: a full reply within 15 business days; with a holding reply, the final one within 35.

    Args:
        zone: Where the business days are.
        holidays: Days that are none.
    """
    reply = DayCount(days=15)
    level = ServiceLevel(acknowledge=reply, resolve=reply, extended=DayCount(days=35))
    return _for_all(level, BusinessCalendar.all_day("PSD2 business days", zone=zone, holidays=holidays))


def consumer_finance_us(*, zone: str = "America/New_York") -> ServiceLevels:
    """CFPB: a response within 15 calendar days; where work is in progress, the final one within 60.

    Args:
        zone: Where the days are.
    """
    response = DayCount(days=15)
    level = ServiceLevel(acknowledge=response, resolve=response, extended=DayCount(days=60))
    return _for_all(level, BusinessCalendar.all_day("CFPB calendar days", zone=zone, weekends=True))


def air_carriers_us(*, zone: str = "America/New_York") -> ServiceLevels:
    """14 CFR 259.7(c): acknowledged within 30 days, a substantive written response within 60.

    Args:
        zone: Where the days are.
    """
    level = ServiceLevel(acknowledge=DayCount(days=30), resolve=DayCount(days=60))
    return _for_all(level, BusinessCalendar.all_day("14 CFR 259.7 days", zone=zone, weekends=True))


def sea_passengers_eu(*, zone: str = "UTC", holidays: Iterable[date] = ()) -> ServiceLevels:
    """Regulation (EU) 1177/2010, Article 24: within a month how it stands, the final reply within two.

    A month that would end on a holiday, a Saturday or a Sunday ends with the next working day.

    Args:
        zone: Where the days are.
        holidays: Days on which no period ends.
    """
    level = ServiceLevel(acknowledge=DayCount(months=1), resolve=DayCount(months=2))
    return _for_all(level, BusinessCalendar.all_day("1177/2010 working days", zone=zone, holidays=holidays))
