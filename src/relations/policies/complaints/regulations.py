"""Service levels that follow four regulations on complaint handling, ready to adopt.

The regulations do not distinguish by severity, so all four severities have the same level; replace the ones for which
your business promises more. Questions to the customer pause none of these clocks. Holidays are not included: give
those of your country, for instance from `public_holidays`.

Sources: Directive (EU) 2015/2366, Article 101(2); the CFPB's Company Portal Manual, section 8.1; 14 CFR 259.7(c);
Regulation (EU) No 1177/2010, Article 24(2). The months of the last one are counted by Regulation (EEC, Euratom) No
1182/71. None of this is legal advice.
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
    """Return the levels of PSD2, Article 101: reply within 15 business days, or 35 after a holding reply.

    Args:
        zone: The time zone of the business days.
        holidays: Days that are not business days, besides weekends.
    """
    reply = DayCount(days=15)
    level = ServiceLevel(acknowledge=reply, resolve=reply, extended=DayCount(days=35))
    return _for_all(level, BusinessCalendar.all_day("PSD2 business days", zone=zone, holidays=holidays))


def consumer_finance_us(*, zone: str = "America/New_York") -> ServiceLevels:
    """Return the levels of the CFPB: response within 15 calendar days, or 60 if work is in progress.

    Args:
        zone: The time zone of the days.
    """
    response = DayCount(days=15)
    level = ServiceLevel(acknowledge=response, resolve=response, extended=DayCount(days=60))
    return _for_all(level, BusinessCalendar.all_day("CFPB calendar days", zone=zone, weekends=True))


def air_carriers_us(*, zone: str = "America/New_York") -> ServiceLevels:
    """Return the levels of 14 CFR 259.7(c): acknowledgement within 30 days, substantive response within 60.

    Args:
        zone: The time zone of the days.
    """
    level = ServiceLevel(acknowledge=DayCount(days=30), resolve=DayCount(days=60))
    return _for_all(level, BusinessCalendar.all_day("14 CFR 259.7 days", zone=zone, weekends=True))


def sea_passengers_eu(*, zone: str = "UTC", holidays: Iterable[date] = ()) -> ServiceLevels:
    """Return the levels of Regulation (EU) 1177/2010, Article 24: status within one month, final reply within two.

    A month that would end on a holiday, a Saturday or a Sunday ends on the next working day.

    Args:
        zone: The time zone of the days.
        holidays: Days on which no period ends.
    """
    level = ServiceLevel(acknowledge=DayCount(months=1), resolve=DayCount(months=2))
    return _for_all(level, BusinessCalendar.all_day("1177/2010 working days", zone=zone, holidays=holidays))
