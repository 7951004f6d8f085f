"""Spans in answers: written so that every reader takes them for the same time."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from relations import Relations
from relations.asgi.document import openapi
from relations.json_form import Span, iso_span

SPANS = st.timedeltas(timedelta(days=-20_000), timedelta(days=20_000))


@given(SPANS)
@example(timedelta(days=400, microseconds=5))
@example(timedelta(0))
@example(timedelta(microseconds=-1))
def test_a_span_is_read_back_as_itself_and_fits_its_schema(span: timedelta) -> None:
    written = json.loads(TypeAdapter(Span).dump_json(span))
    assert written == iso_span(span)
    assert msgspec.convert(written, timedelta) == span  # which knows neither years nor months
    assert TypeAdapter(timedelta).validate_python(written) == span
    assert re.search(TypeAdapter(Span).json_schema(mode="serialization")["pattern"], written)


def test_a_year_is_written_in_days() -> None:
    assert iso_span(timedelta(days=400, hours=2, seconds=0.5)) == "P400DT2H0.5S"


def test_no_answer_of_a_service_has_a_span_of_another_form() -> None:
    with Relations.open("sqlite://") as engine:
        schemas = {name: json.dumps(each) for name, each in openapi(engine)["components"]["schemas"].items()}
    days_at_most = {name for name, schema in schemas.items() if "P(?=" in schema}
    assert days_at_most >= {"DeviationProfile", "DueStep", "StepTime", "TicketProfile"}
    assert {name for name, schema in schemas.items() if '"duration"' in schema} == {"ServiceLevel"}  # part of a policy
