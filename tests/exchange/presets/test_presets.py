"""Files of well-known products come in by their presets: nothing is dropped, and nothing comes in twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from relations.commands import EraseCustomer
from relations.engine import Relations
from relations.errors import MappingError, SourceError
from relations.exchange import ImportReport, import_file, load_mapping, preview, recognise, shipped_presets
from relations.exchange.files.sources import open_source
from relations.exchange.mapping import Mapping
from relations.exchange.mapping.objects import flat
from relations.exchange.mapping.transform import Transform
from tests.conftest import ROOT

SAMPLES = ROOT / "src" / "relations" / "exchange" / "presets" / "samples"
VIENNA: dict[str, Any] = {"zone": "Europe/Vienna"}
GERMAN_NPS = {"headings": {"NPS": "Wie wahrscheinlich ist es, dass Sie uns empfehlen?", "token": "Zugangscode"}}
GERMAN_LABELS = {
    "headings": {
        "Record Id": "Datensatz-ID",
        "Contact Owner": "Kontaktinhaber",
        "Email": "E-Mail",
        "Phone": "Telefon",
        "Mobile": "Mobil",
        "Date of Birth": "Geburtsdatum",
        "Email Opt Out": "E-Mail-Abmeldung",
        "Created Time": "Erstellungszeit",
    }
}
ENGLISH_QUESTIONS = {
    "headings": {
        "NPS": "1. How likely are you to recommend us to a friend?",
        "CSAT": "2. How satisfied are you with your stay?",
        "COMMENT": "3. What should we do better?",
    }
}
CHINESE_QUESTIONS = {
    "headings": {"NPS": "1. 您有多大可能向朋友推荐我们？", "CSAT": "2. 您对这次入住满意吗？"}  # noqa: RUF001 - as it is
}


class Case(NamedTuple):
    """A sample, and what must come of it."""

    sample: str
    given: dict[str, Any]
    rows: int
    rejected: dict[str, int]
    notes: dict[str, int]
    events: dict[str, int]
    before: str | None = None
    """The sample to import before, because it has the cases to which this one adds messages."""
    recognised: bool = True
    """False if its headings are only known once they are given."""

    @property
    def preset(self) -> str:
        return self.sample.partition(".")[0]


CASES = (
    Case(
        "salesforce-cases.csv", VIENNA, 5, {"blank_customer": 1}, {},
        {"CustomerRegistered": 3, "ComplaintFiled": 4, "ComplaintAssigned": 4,
            "ComplaintResolved": 2, "ComplaintClosed": 2},
    ),
    Case(
        "salesforce-cases.api.csv", VIENNA, 2, {}, {},
        {"CustomerRegistered": 2, "ComplaintFiled": 2, "ComplaintAssigned": 2,
            "ComplaintResolved": 1, "ComplaintClosed": 1},
    ),
    Case(
        "dynamics-cases.csv", VIENNA, 4, {"blank_customer": 1}, {"cancelled": 1},
        {"CustomerRegistered": 2, "ComplaintFiled": 3, "ComplaintAssigned": 3,
            "ComplaintResolved": 1, "ComplaintWithdrawn": 1},
    ),
    Case(
        "dynamics-cases.fr.csv", VIENNA, 2, {}, {},
        {"CustomerRegistered": 2, "ComplaintFiled": 2, "ComplaintAssigned": 2, "ComplaintResolved": 1},
    ),
    Case(
        "sap-tickets.json", {}, 3, {"blank_customer": 1}, {},
        {"CustomerRegistered": 2, "ComplaintFiled": 2, "ComplaintAssigned": 1, "ComplaintResolved": 1},
    ),
    Case(
        "oracle-incidents.json", {}, 3, {"blank_customer": 1}, {},
        {"CustomerRegistered": 2, "ComplaintFiled": 2, "ComplaintAssigned": 2, "ComplaintResolved": 1},
    ),
    Case(
        "zoho-contacts.csv", VIENNA, 4, {"blank_value": 1}, {"email_left_out": 1, "phone_left_out": 1},
        {"CustomerRegistered": 3, "ConsentWithdrawn": 1},
    ),
    Case(
        "zoho-contacts.de.csv", VIENNA | GERMAN_LABELS, 2, {}, {}, {"CustomerRegistered": 2, "ConsentWithdrawn": 1},
        recognised=False,
    ),
    Case(
        "zendesk-tickets.json", {}, 3, {"deleted": 1}, {"internal_note": 1},
        {"ComplaintFiled": 2, "ComplaintAssigned": 1, "MessageReceived": 1, "MessageSent": 2,
            "ComplaintResolved": 1, "ComplaintClosed": 1},
    ),
    Case(
        "zendesk-tickets.lines.json", {}, 2, {}, {},
        {"ComplaintFiled": 2, "ComplaintAssigned": 1, "MessageReceived": 1, "ComplaintResolved": 1},
    ),
    Case(
        "zammad-tickets.json", {}, 3, {"merged": 1}, {"login_left_out": 1},
        {
            "CustomerRegistered": 2, "ComplaintFiled": 2, "ComplaintAssigned": 1, "ComplaintAcknowledged": 1,
            "ComplaintResolved": 1, "ComplaintClosed": 1,
        },
    ),
    Case(
        "zammad-articles.json", {}, 6, {"unknown_complaint": 1}, {"internal_note": 1, "automatic": 1},
        {"MessageReceived": 2, "MessageSent": 1}, "zammad-tickets.json",
    ),
    Case(
        "chatwoot-conversations.json", {}, 3, {"blank_customer": 1}, {},
        {"CustomerRegistered": 2, "ComplaintFiled": 2, "ComplaintAssigned": 1, "ComplaintAcknowledged": 1,
            "ComplaintResolved": 1},
    ),
    Case(
        "chatwoot-messages.json", {}, 7, {"unknown_complaint": 1}, {"internal_note": 1, "activity": 1, "automatic": 1},
        {"MessageReceived": 2, "MessageSent": 1}, "chatwoot-conversations.json",
    ),
    Case(
        "chatwoot-contacts.csv", {"zone": "UTC", "defaults": {"created_at": "2024-05-01"}}, 4, {"nobody": 1}, {},
        {"CustomerRegistered": 3},
    ),
    Case(
        "shopify-orders.csv", {}, 6, {"blank_customer": 2}, {"not_paid": 1},
        {"CustomerRegistered": 2, "PurchaseRecorded": 2, "PurchaseRefunded": 1},
    ),
    Case(
        "limesurvey-responses.csv", VIENNA, 4, {"not_submitted": 1}, {"nothing_scored": 1},
        {"CustomerRegistered": 2, "FeedbackGiven": 3},
    ),
    Case("limesurvey-responses.de.csv", VIENNA | GERMAN_NPS, 2, {}, {}, {"CustomerRegistered": 2, "FeedbackGiven": 2}),
    Case(
        "formbricks-responses.csv", ENGLISH_QUESTIONS, 3, {"score_out_of_range": 1}, {"unfinished": 1},
        {"CustomerRegistered": 2, "FeedbackGiven": 3},
    ),
    Case("formbricks-responses.zh.csv", CHINESE_QUESTIONS, 2, {}, {}, {"CustomerRegistered": 2, "FeedbackGiven": 4}),
    Case(
        "openloyalty-transfers.csv", {"zone": "UTC"}, 6, {"insufficient_points": 1}, {"not_in_force": 1, "expired": 1},
        {"CustomerRegistered": 2, "MemberEnrolled": 2, "PointsEarned": 2, "PointsRedeemed": 1},
    ),
)  # fmt: skip
TABLES = [case for case in CASES if case.sample.endswith(".csv")]
DOCUMENTS = [case for case in CASES if case.sample.endswith(".json") and ".lines." not in case.sample]


def named(case: Case) -> str:
    return case.sample


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Relations]:
    with Relations.open(sqlite_url, durability="off") as opened:
        yield opened


def taken(engine: Relations, case: Case, path: Path | None = None, **more: Any) -> ImportReport:
    if case.before is not None:
        import_file(engine, case.before.partition(".")[0], SAMPLES / case.before)
    return import_file(engine, case.preset, path or SAMPLES / case.sample, **(case.given | more))


def own_events(engine: Relations, case: Case) -> list[Any]:
    """The events of the commands that rows became, without those that followed from them."""
    return [event for event in engine.events() if event.command_id.startswith(f"{case.preset}:")]


def kinds(engine: Relations, case: Case) -> Counter[str]:
    wanted = set().union(*(each.events for each in CASES))
    return Counter(name for event in own_events(engine, case) if (name := type(event.event).__name__) in wanted)


def fields_of(raw: dict[str, str], rules: Mapping) -> Iterator[str]:
    """Yield a row's fields, with those of the objects in the lists that the rules go over."""
    yield from raw
    for name in rules.inner_lists:
        for item in json.loads(raw.get(name) or "[]"):
            yield from flat(item, f"{name}.")


def made_of(engine: Relations, kind: str) -> list[Any]:
    return [event.event for event in engine.events() if type(event.event).__name__ == kind]


# --- every preset ---------------------------------------------------------------------------------------------------


def test_every_preset_has_a_sample_and_says_what_to_mind() -> None:
    assert len(shipped_presets()) == 15
    assert {case.preset for case in CASES} == set(shipped_presets())
    assert {path.name for path in SAMPLES.iterdir()} == {case.sample for case in CASES}
    for name in shipped_presets():
        mapping = load_mapping(name)
        assert mapping.name == name
        assert mapping.preset is not None
        assert mapping.preset.traps
        assert mapping.preset.surprise, name
        assert mapping.preset.sources


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_sample_comes_in_and_nothing_is_dropped(engine: Relations, case: Case) -> None:
    report = taken(engine, case)
    assert (report.rows, report.accepted + report.rejected) == (case.rows, case.rows)
    assert report.by_reason == case.rejected
    assert report.notes == case.notes
    assert all(example["reason"] for example in report.examples)
    assert len(report.examples) == report.rejected
    assert dict(kinds(engine, case)) == case.events
    assert report.recorded > 0


@pytest.mark.parametrize("case", CASES, ids=named)
def test_every_column_is_read_or_named(engine: Relations, case: Case) -> None:
    report = taken(engine, case)
    rules = load_mapping(case.preset).adjusted(**case.given)
    with open_source(rules.source, SAMPLES / case.sample) as file:
        read = Transform(rules, file.columns, digest=str).columns_read
        found = {name for _, raw, _ in file.rows for name in fields_of(raw, rules) if not name.startswith("+")}
    parents = {name for name in found if any(each.startswith(f"{name}.") for each in read)}
    assert found - read - parents == set(report.unread)
    assert len(found & read) >= 4


@pytest.mark.parametrize("case", CASES, ids=named)
def test_imported_twice_nothing_comes_in_twice(engine: Relations, case: Case) -> None:
    first = taken(engine, case)
    before = engine.status()
    again = taken(engine, case)
    assert engine.status().digest == before.digest
    assert (again.recorded, again.events) == (0, 0)
    assert (again.rows, again.by_reason) == (first.rows, first.by_reason)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_file_is_recognised_by_its_headings(case: Case) -> None:
    assert recognise(SAMPLES / case.sample) == ([case.preset] if case.recognised else [])
    shown = preview(load_mapping(case.preset).adjusted(**case.given), SAMPLES / case.sample)
    assert any(row.commands for row in shown)


def test_every_product_has_a_second_language_or_says_that_it_exports_english() -> None:
    second = {case.preset for case in CASES if case.sample.count(".") == 2 and ".lines." not in case.sample}
    for name in shipped_presets():
        preset = load_mapping(name).preset
        assert preset is not None
        assert name in second or "English in every language" in preset.second, name
    assert len(second) >= 5


# --- damaged files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", TABLES, ids=named)
def test_a_ragged_row_gives_its_line_and_the_reason(engine: Relations, case: Case, tmp_path: Path) -> None:
    lines = (SAMPLES / case.sample).read_bytes().splitlines(keepends=True)
    path = tmp_path / "ragged.csv"
    path.write_bytes(b"".join([lines[0], b"one,two;three\n", *lines[1:]]))
    rejects = tmp_path / "rejects.jsonl"
    report = taken(engine, case, path, rejects=rejects)
    assert report.by_reason == Counter(case.rejected) + Counter(ragged_row=1)
    (ragged,) = (row for row in map(json.loads, rejects.read_text("utf-8").splitlines()) if row["code"] == "ragged_row")
    assert ragged["row"] == 1
    assert ragged["reason"].startswith("line 2: the row has 2 cells where there are ")


@pytest.mark.parametrize("case", DOCUMENTS, ids=named)
def test_an_item_that_is_no_object_is_rejected_and_a_broken_document_names_its_line(
    engine: Relations, case: Case, tmp_path: Path
) -> None:
    text = (SAMPLES / case.sample).read_text("utf-8")
    rules = load_mapping(case.preset)
    path = tmp_path / "items.json"
    start = text.index("[", text.find(f'"{(rules.source.rows or "").rpartition(".")[2]}": [') + 1) + 1
    path.write_text(text[:start] + '\n"nothing",\n' + text[start:], "utf-8")
    report = taken(engine, case, path, name="items")
    assert report.by_reason == Counter(case.rejected) + Counter(malformed_row=1)
    assert f"item 1 of {rules.source.rows or 'the list'}" in str(report.examples[0]["reason"])
    path.write_text(text.replace('"created', "created", 1) if '"created' in text else text.replace(":", "", 1), "utf-8")
    with pytest.raises(SourceError) as raised:
        taken(engine, case, path, name="broken")
    assert raised.value.code == "malformed_source"
    assert ", line " in raised.value.reason


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_wrong_encoding_gives_its_line_and_the_reason(engine: Relations, case: Case, tmp_path: Path) -> None:
    lines = (SAMPLES / case.sample).read_bytes().splitlines(keepends=True)
    middle, place = next((n, line.find(b"e")) for n, line in reversed(list(enumerate(lines))) if b"e" in line)
    lines[middle] = lines[middle][:place] + b"\xfc" + lines[middle][place:]
    path = tmp_path / "latin"
    path.write_bytes(b"".join(lines))
    with pytest.raises(SourceError) as raised:
        taken(engine, case, path)
    assert raised.value.code == "wrong_encoding"
    assert f"0xfc in line {middle + 1}" in raised.value.reason


# --- single presets -------------------------------------------------------------------------------------------------


def case_of(sample: str) -> Case:
    return next(case for case in CASES if case.sample == sample)


def test_a_preset_that_needs_a_zone_asks_for_it(engine: Relations) -> None:
    with pytest.raises(MappingError) as raised:
        import_file(engine, "salesforce-cases", SAMPLES / "salesforce-cases.csv")
    assert raised.value.code == "zone_missing"
    with pytest.raises(MappingError) as raised:
        import_file(engine, "salesforce-cases", SAMPLES / "salesforce-cases.csv", zone="Vienna")
    assert raised.value.field == "zone"
    assert list(engine.events()) == []


def test_the_two_forms_of_a_salesforce_id_are_one_customer(engine: Relations) -> None:
    report, export = case_of("salesforce-cases.csv"), case_of("salesforce-cases.api.csv")
    taken(engine, report)
    taken(engine, export, name="export")
    customers = {event.customer for event in made_of(engine, "ComplaintFiled")}
    assert {each for each in customers if each.startswith("sf-0035")} == {"sf-0035g00000AbCdE", "sf-0035g00000AbCdF"}


def test_a_delivery_in_another_order_adds_only_what_is_new(engine: Relations, tmp_path: Path) -> None:
    case = case_of("salesforce-cases.api.csv")
    taken(engine, case)
    head, *rows = (SAMPLES / case.sample).read_text("utf-8").splitlines()
    new = rows[1].replace("00001027", "00001031")
    path = tmp_path / "newest-first.csv"
    path.write_text("\n".join([head, new, *reversed(rows)]) + "\n", "utf-8")
    again = taken(engine, case, path)
    assert (again.rows, again.rejected) == (3, 0)
    assert again.recorded == 2
    assert dict(kinds(engine, case)) == Counter(case.events) + Counter(ComplaintFiled=1, ComplaintAssigned=1)


def test_the_lines_of_a_shopify_order_and_its_rest_are_its_total(engine: Relations) -> None:
    taken(engine, case_of("shopify-orders.csv"))
    first, second = made_of(engine, "PurchaseRecorded")
    assert [(line.product, str(line.amount.decimal), line.quantity) for line in first.lines] == [
        ("Linen towel - blue", "39.80", 2),
        ("Soap dish", "10.00", 1),
    ]
    assert (str(first.amount.decimal), str(first.rest.decimal), first.amount.currency) == ("54.70", "4.90", "EUR")
    assert (str(second.amount.decimal), str(second.rest.decimal)) == ("79.00", "-10.00")


def messages(engine: Relations, complaint: str) -> list[tuple[str, str | None]]:
    history = [event for event in engine.events() if event.stream == f"complaint-{complaint}"]
    ends = ("MessageReceived", "MessageSent")
    found = [event for event in history if type(event.event).__name__ in ends]
    return [
        (type(event.event).__name__.removeprefix("Message"), event.event.words)  # type: ignore[attr-defined]  # theirs
        for event in sorted(found, key=lambda event: event.occurred_at)
    ]


def test_the_messages_of_a_case_are_read_in_their_order_and_without_marks(engine: Relations) -> None:
    for sample in ("zammad-articles.json", "zendesk-tickets.json", "chatwoot-messages.json"):
        taken(engine, case_of(sample))
    assert messages(engine, "zammad-81") == [
        ("Received", "Every page has stripes.\nSince Monday & on both trays."),
        ("Sent", "Hello Jana,\n\nclean the drum, and print a page.\n\nAgent One"),
        ("Received", "It works: 3 < 4 stripes, thanks!"),
    ]
    assert messages(engine, "zd-35") == [
        ("Sent", "Which bulb is in it?"),
        ("Received", "The one that came with it."),
        ("Sent", "A new bulb is on its way."),
    ]
    assert messages(engine, "chatwoot-1") == [
        ("Received", "订单还没到，能查一下吗？"),  # noqa: RUF001 - as customers write
        ("Sent", "您好，包裹今天补发。"),  # noqa: RUF001 - likewise
        ("Received", None),
    ]


def test_words_of_messages_are_sealed_and_gone_after_an_erasure(engine: Relations) -> None:
    taken(engine, case_of("zammad-articles.json"))
    engine.execute(EraseCustomer(customer="zammad-71", occurred_at=datetime(2024, 6, 1, tzinfo=UTC)))
    found = messages(engine, "zammad-81")
    assert len(found) == 3
    assert not any("stripes" in (words or "") or "drum" in (words or "") for _, words in found)


def test_a_message_that_came_later_is_added_and_the_others_are_not_taken_again(
    engine: Relations, tmp_path: Path
) -> None:
    case = case_of("zendesk-tickets.lines.json")
    taken(engine, case)
    ticket = json.loads((SAMPLES / case.sample).read_text("utf-8").splitlines()[1])
    later = ticket["comments"][-1] | {"id": 8205, "author_id": 235323, "created_at": "2024-05-08T11:00:00Z"}
    path = tmp_path / "tickets.json"
    path.write_text(json.dumps(ticket | {"comments": [*ticket["comments"], later]}), "utf-8")
    again = taken(engine, case, path)
    assert (again.rows, again.rejected, again.recorded) == (1, 0, 1)
    assert [kind for kind, _ in messages(engine, "zd-42")] == ["Received", "Sent"]


@pytest.mark.parametrize("comments", ['"none"', "[3]", '[{"id": 1, "public": true, "author_id": 2}]'])
def test_comments_that_cannot_be_read_reject_their_ticket_with_the_reason(
    engine: Relations, tmp_path: Path, comments: str
) -> None:
    ticket = json.loads((SAMPLES / "zendesk-tickets.lines.json").read_text("utf-8").splitlines()[0])
    path = tmp_path / "tickets.json"
    path.write_text(json.dumps({"tickets": [ticket | {"comments": json.loads(comments)}]}), "utf-8")
    report = taken(engine, case_of("zendesk-tickets.json"), path)
    assert (report.rejected, report.recorded) == (1, 0)
    assert "comments" in str(report.examples[0]["reason"]) or report.examples[0]["field"] == "spoken_at"


def test_orders_come_in_on_every_database(database_url: str) -> None:
    case = case_of("shopify-orders.csv")
    with Relations.open(database_url) as engine:
        taken(engine, case)
        assert dict(kinds(engine, case)) == case.events
        assert (taken(engine, case).recorded, engine.verify().good) == (0, True)


def test_a_rejected_contact_is_corrected_and_comes_in(engine: Relations, tmp_path: Path) -> None:
    case, rejects = case_of("zoho-contacts.csv"), tmp_path / "rejects.jsonl"
    taken(engine, case, rejects=rejects)
    (line,) = rejects.read_text("utf-8").splitlines()
    rejects.write_text(line.replace('"Last Name":""', '"Last Name":"Somebody"'), "utf-8")
    report = taken(engine, case, rejects)
    assert (report.rows, report.accepted, report.recorded) == (1, 1, 1)


def test_no_address_is_left_in_a_shopify_log_after_an_erasure(engine: Relations) -> None:
    taken(engine, case_of("shopify-orders.csv"))
    streams = {event.stream for event in engine.events() if event.stream.startswith("customer-")}
    assert streams
    assert not any("example" in each for each in streams)


def test_the_points_of_open_loyalty_are_the_members_points(engine: Relations) -> None:
    taken(engine, case_of("openloyalty-transfers.csv"))
    account = engine.views.loyalty.account
    members = [account(f"ol-3f1c8a10-aaaa-4b6e-9d2f-0000000000{number}") for number in (71, 72)]
    assert [member and member.balance for member in members] == [70, 30]


def test_a_workbook_is_read_by_the_same_preset(engine: Relations, tmp_path: Path) -> None:
    import csv
    from datetime import datetime

    from tests.support.workbooks import sheet, write_workbook

    case = case_of("dynamics-cases.csv")
    with (SAMPLES / case.sample).open(encoding="utf-8", newline="") as file:
        table: list[list[Any]] = list(csv.reader(file))
    for row in table[1:]:
        row[2] = datetime.strptime(row[2], "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007 - local times
        row[-1] = datetime.strptime(row[-1], "%m/%d/%Y %I:%M %p")  # noqa: DTZ007 - local times
    path = write_workbook(
        tmp_path / "cases.xlsx", {"hiddenSheet": sheet([["lists"]]), "Cases": sheet(table)}, hidden=["hiddenSheet"]
    )
    assert recognise(path) == [case.preset]
    report = taken(engine, case, path)
    assert (report.rows, report.by_reason) == (4, case.rejected)
    by_csv = Relations.open("sqlite://")
    with by_csv:
        taken(by_csv, case)
        expected = [(e.stream.partition("-")[0], e.occurred_at, type(e.event)) for e in own_events(by_csv, case)]
    assert [(e.stream.partition("-")[0], e.occurred_at, type(e.event)) for e in own_events(engine, case)] == expected


def test_an_archive_of_a_data_export_is_read_by_its_cases(engine: Relations, tmp_path: Path) -> None:
    import zipfile

    case = case_of("salesforce-cases.api.csv")
    path = tmp_path / "WE_00D5g0000.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(SAMPLES / case.sample, "Case.csv")
        archive.writestr("Contact.csv", "Id,Name\n1,Anna\n")
    assert recognise(path) == [case.preset]
    report = taken(engine, case, path)
    assert (report.rows, report.accepted, report.unread_files) == (2, 2, ["Contact.csv"])


def test_what_no_preset_reads_is_not_recognised(tmp_path: Path) -> None:
    for text in ("a,b\n1,2\n", '{"command": "RecordPurchase"}\n', "", "\x00\x01", "<xml/>", "PK\x03\x04"):
        path = tmp_path / "file"
        path.write_text(text)
        assert recognise(path) == []
    with pytest.raises(SourceError):
        recognise(tmp_path / "nothing")
