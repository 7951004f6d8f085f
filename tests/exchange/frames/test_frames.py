"""Every question of every view, and every table behind them, as a frame that says what the view says."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest
from pydantic import BaseModel

from relations import (
    Command,
    EnrolMember,
    FileComplaint,
    GiveFeedback,
    InvalidInput,
    Money,
    Policy,
    RecordPurchase,
    RegisterCustomer,
    Relations,
)
from relations.aggregates.customer import FeedbackGiven
from relations.aggregates.loyalty import IssueReward, MakeReferral
from relations.aggregates.programme import SetProgrammeGoal
from relations.commands import (
    AdvancePlan,
    AssignComplaint,
    BeginPlan,
    CodeFeedback,
    EarnPoints,
    ItemAnswer,
    LinkIdentity,
    MergeCustomer,
    RaiseImprovement,
    RecordAcquisitionCost,
    RecordInteraction,
    RecordLapse,
    ScoreSentiment,
    UnmergeCustomer,
)
from relations.events import PurchaseLine
from relations.exchange.frames.questions import frame, frame_of, part, questions, table, tables
from relations.policies import CARE_PLANS, CarePlan, CareStep
from relations.policies.instruments import SERVQUAL
from relations.policies.loyalty.offers import Referral, Reward
from relations.policies.loyalty.windows import Inactivity
from relations.policies.value import Condition, Segment
from relations.projections import VIEWS
from relations.projections.retention import CustomerStage, RetentionView, RfmScore, Spending
from relations.projections.satisfaction import NpsFigure
from relations.projections.view import View
from relations.testing import simulate
from relations.testing.hotel.simulation import hotel_policy, is_mistake
from tests.support.asking import ALSO, ARGUMENTS, needed_by
from tests.support.filling import filling

AFTER = datetime(2025, 7, 1, tzinfo=UTC)


def clock() -> datetime:
    return AFTER


def hotel() -> Policy:
    """The hotel group's policy, with everything in it that a view has rows for."""
    known = hotel_policy()
    programme = known.programme.model_copy(
        update={
            "expiry": Inactivity(months_count=12),
            "rewards": (Reward(name="breakfast", points=10),),
            "referral": Referral(referrer_points=100, referred_points=50),
        }
    )
    buyers = Segment(name="buyers", kind="behavioural", conditions=(Condition(fact="purchase_days", at_least=1),))
    lifecycle = known.lifecycle.model_copy(update={"segments": (buyers,)})
    monthly = CarePlan(
        id="monthly", repeats_months=1, steps=(CareStep(id="call", what="short_call", day=2),),
        meant_for=(Condition(fact="net_amount", at_least=1_000_000_000),),
    )  # fmt: skip
    care = known.care.model_copy(update={"plans": (CARE_PLANS["611"], CARE_PLANS["support"], monthly)})
    return known.model_copy(update={"programme": programme, "lifecycle": lifecycle, "care": care})


def history() -> Iterator[Command]:
    """A hotel group's year and a half, and what its simulation lacks."""
    simulated = list(simulate(seed=5, customers=150, months=18, policy=hotel()))
    yield from simulated
    at = max(command.occurred_at for command in simulated)
    # People of our own: whatever comes into the simulation one day, nothing of theirs gets into its way.
    own = [f"own-{number}" for number in range(9)]
    room, breakfast = PurchaseLine("room", Money(4000, "EUR")), PurchaseLine("breakfast", Money(1000, "EUR"))
    lunch = PurchaseLine("lunch", Money(5000, "EUR"))
    for number, customer in enumerate(own):
        lines = (msgspec.structs.replace(room, amount=lunch.amount),) if number == 0 else (room, breakfast)
        yield RecordPurchase(
            customer=customer, purchase="p1", amount=Money(5000, "EUR"), occurred_at=at,
            lines=lines if number in (0, 3, 4, 5, 6) else (lunch,),
        )  # fmt: skip
    for customer in own[:6]:
        yield LinkIdentity(customer=customer, source="crm", external_id=f"x-{customer}", occurred_at=at)
        yield RecordAcquisitionCost(
            customer=customer, acquisition="a1", amount=Money(2500, "EUR"), channel="web", occurred_at=at
        )
        yield EnrolMember(customer=customer, occurred_at=at)
        yield EarnPoints(customer=customer, lot="gift", points=500, reason="bonus", occurred_at=at)
        yield IssueReward(customer=customer, coupon="coupon", reward="breakfast", occurred_at=at)
        yield BeginPlan(customer=customer, plan="611", on=at.date() - timedelta(days=23), occurred_at=at)
        yield AdvancePlan(customer=customer, occurred_at=at)
        yield MakeReferral(customer=customer, referral="referral", referred=f"friend-{customer}", occurred_at=at)
        for name in ("first", "too-soon"):
            yield RecordInteraction(
                customer=customer, interaction=name, kind="message", channel="email", direction="outbound",
                purpose="offers", lenient=True, occurred_at=at,
            )  # fmt: skip
        yield GiveFeedback(
            customer=customer, feedback="posted", instrument="review", score=1, platform="weibo",
            link="https://weibo.example/1", occurred_at=at,
        )  # fmt: skip
        items = tuple(ItemAnswer(item.id, 5, 6) for item in SERVQUAL.items)
        yield GiveFeedback(
            customer=customer, feedback="gaps", instrument="servqual", items=items, invitation="asked", occurred_at=at
        )
        common: dict[str, Any] = {"complaint": f"open-{customer}", "occurred_at": at}
        yield FileComplaint(customer=customer, subject="noise", channel="on_site", **common)
        yield FileComplaint(
            complaint=f"asks-{customer}", customer=customer, subject="parking", channel="web", kind="enquiry",
            occurred_at=at,
        )  # fmt: skip
        yield AssignComplaint(owner="li", department="rooms", **common)
        yield RaiseImprovement(improvement=f"i-{customer}", title="thicker doors", cause="doors", **common)
    for number in range(16):  # eight calm days, then a storm
        yield GiveFeedback(
            customer=own[3], feedback=f"post-{number}", instrument="review", score=1, platform="forum",
            occurred_at=AFTER - timedelta(days=max(10 - number, 2), hours=1),
        )  # fmt: skip
    yield SetProgrammeGoal(
        programme="main",
        goal="g1",
        metric="members",
        target=100,
        starts=date(2025, 1, 1),
        ends=date(2026, 1, 1),
        occurred_at=at,
    )
    yield BeginPlan(customer=own[8], plan="611", on=at.date() - timedelta(days=23), occurred_at=at)
    # Begun by hand for somebody who does not meet its conditions, so it ends with its first round.
    yield BeginPlan(customer=own[8], plan="monthly", on=at.date(), occurred_at=at)
    yield from filling(at, own[3], own[4], *own[:3])
    yield RecordLapse(customer=own[6], reason="moved away", occurred_at=at)
    yield MergeCustomer(customer=own[1], into=own[0], occurred_at=at)
    yield MergeCustomer(customer=own[2], into=own[0], occurred_at=at)
    yield MergeCustomer(customer=own[7], into=own[8], occurred_at=at)
    yield UnmergeCustomer(customer=own[7], occurred_at=at)
    for customer in ("twin-1", "twin-2"):
        yield RegisterCustomer(
            customer=customer, name="Ada Ade", email="ada@example.com", phone="+43 1 234567", occurred_at=at
        )


@pytest.fixture(scope="module")
def engine() -> Iterator[Relations]:
    with Relations.open("sqlite://", clock=clock) as engine:
        refused = engine.execute_many(history()).rejections
        assert all(is_mistake(each.command) for each in refused), refused
        commented = [
            each for each in engine.events(of=(FeedbackGiven,)) if getattr(each.event, "comment", None) is not None
        ]
        for each in commented[:30]:
            assert isinstance(each.event, FeedbackGiven)
            common: dict[str, Any] = {"customer": each.customer, "feedback": each.event.feedback, "occurred_at": AFTER}
            engine.execute(ScoreSentiment(score=300, scorer="test", scorer_version="1", **common))
            engine.execute(CodeFeedback(themes=("breakfast", "noise"), coder="li", **common))
        engine.fit_models(as_of=AFTER)
        engine.fit_rules(as_of=AFTER)
        engine.fit_clusters(as_of=AFTER, clusters=2)
        engine.fit_forecasts(as_of=AFTER)
        yield engine


@pytest.fixture(scope="module")
def nobody() -> Iterator[Relations]:
    with Relations.open("sqlite://", clock=clock) as engine:
        yield engine


# --- what a frame should hold, told from the answer alone -----------------------------------------------------------


def fields_of(value: Any) -> list[str] | None:
    if isinstance(value, BaseModel):
        return list(type(value).model_fields)
    if isinstance(value, msgspec.Struct) and not isinstance(value, Money):
        return list(value.__struct_fields__)
    return None


def check_record(shown: Mapping[str, Any], value: Any) -> int:
    """Compare a row, or a struct in one, with the thing that it shows; returns how many values were compared."""
    left, compared = dict(shown), 0
    for name in fields_of(value) or []:
        found = getattr(value, name)
        if f"{name}_currency" in left:
            pair = left.pop(name), left.pop(f"{name}_currency")
            assert pair == ((None, None) if found is None else (found.amount, found.currency))
            compared += 2
        else:
            compared += check(left.pop(name), found)
    assert not left, f"columns that {type(value).__name__} does not have: {left}"
    return compared


def check(shown: Any, value: Any) -> int:
    """Compare what a frame shows with what the view answered."""
    if value is None or shown is None:
        assert shown is value is None
        return 1
    if fields_of(value) is not None:
        return check_record(shown, value)
    match value:
        case Money():
            assert shown == {"amount": value.amount, "currency": value.currency}
            return 2
        case dict() if isinstance(shown, dict):  # its keys are words known beforehand
            assert value.keys() <= shown.keys()
            return sum(check(found, value.get(word)) for word, found in shown.items())
        case dict():
            return check(shown, [{"key": key, "value": each} for key, each in value.items()])
        case list() | tuple() if isinstance(shown, dict):  # a tuple of fixed length
            assert list(shown) == [f"field_{at}" for at in range(len(value))]
            return sum(check(found, each) for found, each in zip(shown.values(), value, strict=True))
        case list() | tuple() if isinstance(shown, str):  # of nothing known beforehand
            assert json.loads(shown) == msgspec.to_builtins(value)
            return 1
        case list() | tuple():
            assert len(shown) == len(value)
            return sum(check(found, each) for found, each in zip(shown, value, strict=True))
    if isinstance(shown, dict):  # the entry of a dictionary, made into one above
        assert shown == value
        return len(shown)
    assert shown == value
    assert type(shown) is type(value)
    return 1


def check_frame(found: pl.DataFrame, answer: Any) -> int:
    rows = found.to_dicts()
    match answer:
        case None:
            values: Sequence[Any] = []
        case dict():
            values = [{"key": key, "value": each} for key, each in answer.items()]
        case list() | tuple():
            values = answer
        case _:
            values = [answer]
    assert len(rows) == len(values)
    if found.columns == ["value"]:
        return sum(check(row["value"], value) for row, value in zip(rows, values, strict=True))
    return sum(
        check_record(row, value) if fields_of(value) is not None else check(row, value)
        for row, value in zip(rows, values, strict=True)
    )


def columns_of(row: type[msgspec.Struct]) -> list[str]:
    """The names of a table's columns: money has its currency in one of its own."""
    kinds = get_type_hints(row)
    names = [
        [name, f"{name}_currency"] if kinds[name] in (Money, Money | None) else [name] for name in row.__struct_fields__
    ]
    return [column for pair in names for column in pair]


# --- everything that can be asked -----------------------------------------------------------------------------------


def arguments_of(engine: Relations) -> dict[str, Sequence[Any]]:
    """The values to ask questions with, by the name of the required argument."""
    relation = max(engine.views.repair.relations(limit=None), key=lambda each: each.complaints)
    member = engine.views.loyalty.losing_tier(until=AFTER + timedelta(days=700))[0].customer
    merged = engine.views.customers.identity("own-0")
    return {
        **ARGUMENTS,
        "customer": [relation.customer, member, merged.customer, "twin-1", "friend-own-0"],
        "complaint": [engine.views.desk.search(limit=1).tickets[0].complaint, "nothing"],
        "instrument": ["nps", "csat", "review"],
        "until": [AFTER + timedelta(days=400)],
        "within": [timedelta(days=3650)],
        "external_id": [merged.external_ids[0][1]],
        "goal": ["satisfaction-0"],
        "improvement": ["counter"],
        "indicator": ["nps", "revenue"],
        "purpose": ["surveys"],
        "segment": ["buyers"],
        "months": [["2024-05", "2024-06"]],
        "customers": [[relation.customer, "own-0"]],
        "owner": ["ben"],
    }


MORE: dict[str, list[dict[str, Any]]] = {
    "customers.find": [{"external_id": "x-own-0"}],
    "satisfaction.nps": [{"by": ["month", "touchpoint"]}, {"by": ["language"]}],
    "satisfaction.csat": [{"by": ["channel"], "instrument": "complaint_csat"}],
    "satisfaction.response_rates": [{"by": ["instrument"]}],
    "retention.rates": [{"since": "2024-06"}],
    "loyalty.statement": [{"limit": None}],
    "repair.causes": [{"by": "subject"}],
}
"""Arguments that change the form of the answer here, besides those of all tests."""


def asked(name: str, question: Callable[..., Any], by_name: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    sets: list[dict[str, Any]] = [{}]
    for need in needed_by(name, question):
        sets = [{**some, need: value} for some in sets for value in by_name[need]]
    yield from sets
    yield from ({**sets[0], **more} for more in (*ALSO.get(name, ()), *MORE.get(name, ())))


def all_questions(engine: Relations) -> Iterator[tuple[str, Callable[..., Any]]]:
    for view_name, view in vars(engine.views).items():
        for name, question in questions(view).items():
            yield f"{view_name}.{name}", question


def said(question: Callable[..., Any], given: dict[str, Any]) -> Any:
    """The answer, or why there is none, such as too little to compute it from."""
    try:
        answer = question(**given)
    except InvalidInput as refused:
        return refused
    return list(answer) if isinstance(answer, Iterator) else answer


def test_every_view_has_questions_and_tables(engine: Relations) -> None:
    views = vars(engine.views)
    assert views.keys() == {view.projection.name for view in VIEWS}
    for view in views.values():
        assert isinstance(view, View)
        assert questions(view)
        assert tables(view)
    public = {
        name for name, member in vars(RetentionView).items() if inspect.isfunction(member) and not name.startswith("_")
    }
    assert set(questions(RetentionView)) == set(questions(engine.views.retention)) == public


def test_every_answer_is_a_frame_of_the_same_rows(engine: Relations) -> None:
    by_name = arguments_of(engine)
    rows: dict[str, int] = {}
    compared = 0
    for name, question in all_questions(engine):
        rows[name] = 0
        for given in asked(name, question, by_name):
            answer = said(question, given)
            if isinstance(answer, InvalidInput):
                with pytest.raises(InvalidInput, match=answer.code):
                    frame(question, **given)
                continue
            found = frame(question, **given)
            try:
                compared += check_frame(found, answer)
            except AssertionError as error:
                raise AssertionError(f"{name}({given}): {error}") from error
            rows[name] += found.height
    assert len(rows) > 60
    assert compared > 15_000
    empty = {name for name, count in rows.items() if not count}
    assert empty == set(), "nothing is answered: add commands to tests/support/filling.py"


def test_every_table_is_a_frame_of_its_rows_with_merged_customers_under_one_id(engine: Relations) -> None:
    empty, compared = set(), 0
    merged = set(engine.views.customers.aliases.survivors)
    assert len(merged) >= 2
    for name, view in vars(engine.views).items():
        for row_name, row in tables(view).items():
            found = table(view, row_name)
            keys = [view.table(row).c[key] for key in row.key]
            rows = view.rows(row, order_by=keys)
            compared += check_frame(found, rows)
            assert found.columns == columns_of(row)
            if "customer" in found.columns:
                assert not merged & set(found["customer"])
            if not rows:
                empty.add(f"{name}.{row_name}")
    assert compared > 20_000
    assert empty == set(), "tables without rows: add commands to tests/support/filling.py"


def test_the_schema_is_kept_where_there_is_nothing(engine: Relations, nobody: Relations) -> None:
    full, seen = dict(all_questions(engine)), 0
    by_name = arguments_of(engine)
    for name, question in all_questions(nobody):
        for given in asked(name, question, by_name):
            kind = get_type_hints(question)["return"]
            try:
                found = frame(question, **given)
            except InvalidInput:  # too little to compute anything from
                found = frame_of(None, kind)
            try:
                schema = frame(full[name], **given).schema
            except InvalidInput:
                schema = frame_of(None, kind).schema
            assert found.schema == schema, name
            assert len(found.columns) > 0, name
            seen += 1
    for name, view in vars(nobody.views).items():
        for row in tables(view):
            found = table(view, row)
            assert found.height == 0
            assert found.schema == table(getattr(engine.views, name), row).schema
            seen += 1
    assert seen > 90


# --- types ----------------------------------------------------------------------------------------------------------


def test_columns_have_the_types_of_what_is_in_them(engine: Relations) -> None:
    stages = frame(engine.views.retention.stages).schema
    assert stages["stage"] == pl.Enum(["prospect", "new", "established", "lapsing", "lost", "won_back"])
    assert [stages[name] for name in ("customer", "first_day", "silent_days")] == [pl.String(), pl.Date(), pl.Int64()]
    due = frame(engine.views.agenda.due, until=AFTER).schema
    assert due["due_at"] == pl.Datetime("us", "UTC")
    steps = frame(engine.views.repair.steps).schema
    assert steps["median"] == pl.Duration("us")
    spending = part(frame(engine.views.retention.customer, "friend-own-0"), "spending").schema
    assert [spending["net"], spending["net_currency"]] == [pl.Int64(), pl.String()]


def test_money_is_minor_units_and_a_currency() -> None:
    spent = Spending(
        purchases=2,
        bought=Money(2000, "JPY"),
        refunds=0,
        refunded=Money(0, "JPY"),
        net=Money(2000, "JPY"),
    )
    found = frame_of([spent], list[Spending])
    assert found.row(0, named=True)["net"] == 2000
    assert found.row(0, named=True)["net_currency"] == "JPY"


def test_figures_by_dimension_have_a_column_of_each(engine: Relations) -> None:
    found = part(frame(engine.views.satisfaction.nps, by=["month"]), "group")
    assert found["month"].to_list() == [each.group["month"] for each in engine.views.satisfaction.nps(by=["month"])]
    assert found["touchpoint"].null_count() == found.height > 3


def test_a_part_of_a_report_has_rows_of_its_own(engine: Relations, nobody: Relations) -> None:
    report = engine.views.retention.rfm()
    customers = part(frame(engine.views.retention.rfm), "customers")
    assert customers.equals(frame_of(report.customers, list[RfmScore]))
    assert customers.height == report.buyers > 50
    nothing = part(frame(nobody.views.retention.rfm), "customers")
    assert nothing.height == 0
    assert nothing.schema == customers.schema
    for wrong in ("as_of", "nonsense"):
        with pytest.raises(InvalidInput) as refused:
            part(frame(engine.views.retention.rfm), wrong)
        assert refused.value.code == "unknown_part"
        assert "segments, customers" in str(refused.value)


def test_a_frame_goes_on_to_arrow_without_a_copy(engine: Relations, tmp_path: Path) -> None:
    found = table(engine.views.loyalty, "LotRow")
    arrow = pa.table(found)  # by Arrow's C stream, which any of its libraries takes
    assert arrow.schema.field("points").type == pa.int64()
    assert arrow.num_rows == found.height > 0
    addresses = [
        each.column("points").chunk(0).buffers()[1].address for each in (arrow, found.to_arrow(), pa.table(found))
    ]
    assert len(set(addresses)) == 1
    report = frame(engine.views.satisfaction.report)
    report.write_parquet(tmp_path / "report.parquet")
    assert pl.read_parquet(tmp_path / "report.parquet").equals(report)
    report.write_ipc(tmp_path / "report.arrow")
    assert pl.read_ipc(tmp_path / "report.arrow").equals(report)


# --- what is refused ------------------------------------------------------------------------------------------------


def test_a_question_that_cannot_be_asked_is_refused_as_the_view_refuses_it(engine: Relations) -> None:
    with pytest.raises(InvalidInput) as refused:
        frame(engine.views.retention.rates, since="May")
    assert refused.value.code == "invalid_month"
    with pytest.raises(InvalidInput) as refused:
        table(engine.views.retention, "Patron")
    assert refused.value.code == "unknown_table"
    assert "Patronage" in str(refused.value)


def test_what_is_nothing_for_a_frame_is_refused_before_it_is_asked() -> None:
    def untold():  # type: ignore[no-untyped-def]  # that is what is wrong with it
        raise AssertionError

    def of_bytes() -> list[bytes]:
        raise AssertionError

    for question in (untold, of_bytes):
        with pytest.raises(InvalidInput) as refused:
            frame(question)
        assert refused.value.code == "no_column"


def test_a_value_that_its_column_cannot_hold_is_refused_and_never_becomes_null() -> None:
    stage = CustomerStage(
        customer="c1",
        stage="lost",
        basis="inferred",
        first_day=date(2024, 5, 1),
        last_day=None,
        purchase_days=2**63,
        silent_days=None,
    )
    with pytest.raises(InvalidInput) as refused:
        frame_of([stage], list[CustomerStage])
    assert (refused.value.code, refused.value.field) == ("unfit_value", "purchase_days")
    with pytest.raises(InvalidInput, match="gone") as refused:
        frame_of([stage.model_copy(update={"stage": "gone", "purchase_days": 1})], list[CustomerStage])
    assert (refused.value.code, refused.value.field) == ("unfit_value", "stage")


WITHOUT = """
import sys
sys.modules["polars"] = None
from relations import Relations
from relations.errors import MissingExtra
from relations.exchange.frames.questions import frame, frame_of, part, table
with Relations.open("sqlite://") as engine:
    retention = engine.views.retention
    for ask in (lambda: frame(retention.cohorts), lambda: table(retention, "Patronage")):
        try:
            ask()
        except MissingExtra as error:
            print(error)
"""


def test_without_the_extra_it_is_said_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout.count("polars") == 2
    assert done.stdout.count("pip install 'relations-engine[data]'") == 2


def test_an_answer_at_hand_is_a_frame_of_its_type() -> None:
    assert frame_of([], list[NpsFigure]).schema == frame_of(None, NpsFigure | None).schema
    assert frame_of({"a": 1}, dict[str, int]).to_dicts() == [{"key": "a", "value": 1}]
    assert frame_of(("a", "b"), tuple[str, ...])["value"].to_list() == ["a", "b"]
    assert frame_of(None, tuple[str, ...]).height == 0
