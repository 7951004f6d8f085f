"""The data of the simulated hotel group: hotels, kinds of guests, names and comments.

Everything is invented. E-mail addresses end in `example.com`, and phone numbers begin with +999, which no country has.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from relations.policies.instruments import Instrument, InstrumentItem

__all__ = [
    "ASPECTS",
    "CARED_LANGUAGES",
    "COMMENTS",
    "GUEST_KINDS",
    "HOTELS",
    "LANGUAGES",
    "NAMES",
    "PACES",
    "QUESTIONNAIRE",
    "RATES",
    "SUBJECTS",
    "THEMES",
    "TRAITS",
    "WISHES",
    "GuestKind",
    "Hotel",
    "Subject",
    "Weighted",
]

T = TypeVar("T")


class Weighted(Generic[T]):
    """Values to draw from by weight; one draw costs one random number and a bisection.

    Args:
        weights: The relative frequency of each value.
    """

    __slots__ = ("_bounds", "values", "weights")

    def __init__(self, weights: Mapping[T, float]) -> None:
        self.values = tuple(weights)
        self.weights = tuple(weights.values())
        total = sum(self.weights)
        # The last bound is left out, so that no rounding can lead past the last value.
        self._bounds = [bound / total for bound in accumulate(self.weights)][:-1]

    def draw(self, random: Random) -> T:
        """Draw one of the values."""
        return self.values[bisect(self._bounds, random.random())]


_CITY = (0.75, 0.75, 0.9, 1.0, 1.15, 1.15, 1.05, 1.0, 1.2, 1.15, 0.95, 1.15)
_ALPS = (1.8, 1.9, 1.4, 0.4, 0.3, 0.8, 1.3, 1.4, 0.8, 0.4, 0.2, 1.5)
_SEA = (0.3, 0.3, 0.5, 0.9, 1.3, 1.7, 2.0, 2.0, 1.4, 0.8, 0.4, 0.4)
_EAST = (0.8, 1.3, 1.0, 1.2, 1.2, 0.8, 0.9, 0.9, 0.9, 1.5, 1.0, 0.7)


@dataclass(frozen=True, slots=True)
class Hotel:
    """One hotel of the group.

    Attributes:
        touchpoint: The hotel's name in the histories.
        region: Its ISO 3166 country.
        currency: The currency in which it charges.
        nightly: The price of an ordinary night, in minor units.
        hours_east: Its hours ahead of UTC, for plausible times of day.
        quality: How much better than the group's average its guests find it.
        months: How busy each month is, around 1.
        share: Its share of the group's stays.
        resort: True if nobody comes on business.
    """

    touchpoint: str
    region: str
    currency: str
    nightly: int
    hours_east: int
    quality: float
    months: tuple[float, ...]
    share: float
    resort: bool = False


HOTELS = (
    Hotel("vienna-ring", "AT", "EUR", 189_00, 1, 0.25, _CITY, 0.18),
    Hotel("munich-central", "DE", "EUR", 169_00, 1, -0.05, _CITY, 0.14),
    Hotel("zurich-lake", "CH", "CHF", 259_00, 1, 0.15, _CITY, 0.12),
    Hotel("arlberg-lodge", "AT", "EUR", 229_00, 1, 0.35, _ALPS, 0.14, resort=True),
    Hotel("nice-promenade", "FR", "EUR", 209_00, 1, 0.0, _SEA, 0.16, resort=True),
    Hotel("paris-garden", "FR", "EUR", 219_00, 1, -0.35, _CITY, 0.12),
    Hotel("shanghai-bund", "CN", "CNY", 1_180_00, 8, 0.1, _EAST, 0.08),
    Hotel("kyoto-river", "JP", "JPY", 28_000, 9, 0.45, _EAST, 0.06),
)

RATES = {"EUR": 1.0, "CHF": 1.05, "CNY": 0.13, "JPY": 0.62}
"""The value of one minor unit of each currency in euro cents, for plausible prices and points."""


@dataclass(frozen=True, slots=True)
class GuestKind:
    """The behaviour of one kind of guest.

    Attributes:
        share: Their share of all new guests.
        visits: The mean number of visits a year, while they come at all.
        nights: The fewest and the most nights of a stay; (0, 0) for a meal or the spa only.
        lead_days: The most days ahead that they book.
        leave: The chance that a visit is the last.
        joins: The chance that a guest who is not a member becomes one on a visit.
        spends: Their spending relative to an ordinary guest.
        seasonal: How much the hotel's season decides when they come, from 0 to 1.
        weekdays: The likelihood of each day of arrival, Monday first, 1 for the likeliest.
        roams: The chance that a visit is to another hotel than their usual one.
        channels: The channels through which they book, by weight.
    """

    name: str
    share: float
    visits: float
    nights: tuple[int, int]
    lead_days: int
    leave: float
    joins: float
    spends: float
    seasonal: float
    weekdays: tuple[float, ...]
    roams: float
    channels: Weighted[str] = field(compare=False)


GUEST_KINDS = (
    GuestKind(
        "holiday", 0.52, 1.1, (2, 7), 75, 0.48, 0.10, 1.0, 0.9, (0.5, 0.4, 0.4, 0.5, 0.9, 1.0, 0.7), 0.35,
        Weighted({"web": 5, "partner": 4, "app": 1.5, "phone": 1, "official_account": 0.4}),
    ),
    GuestKind(
        "weekend", 0.22, 2.2, (1, 3), 30, 0.27, 0.16, 1.1, 0.6, (0.1, 0.1, 0.1, 0.4, 1.0, 0.8, 0.1), 0.4,
        Weighted({"web": 4, "app": 3, "partner": 3, "social": 0.5, "phone": 0.5}),
    ),
    GuestKind(
        "business", 0.16, 7.0, (1, 4), 14, 0.10, 0.30, 1.2, 0.15, (1.0, 0.9, 0.8, 0.4, 0.1, 0.1, 0.6), 0.3,
        Weighted({"app": 4, "web": 3, "service_centre": 2, "partner": 1.5, "email": 1}),
    ),
    GuestKind(
        "neighbour", 0.10, 9.0, (0, 0), 5, 0.09, 0.12, 0.9, 0.1, (0.4, 0.4, 0.5, 0.6, 0.9, 1.0, 0.9), 0.02,
        Weighted({"phone": 4, "on_site": 4, "web": 2, "message": 1}),
    ),
)  # fmt: skip

LANGUAGES = {
    "AT": Weighted({"de-AT": 88, "en-GB": 8, "fr-FR": 4}),
    "DE": Weighted({"de-DE": 86, "en-GB": 9, "zh-CN": 5}),
    "CH": Weighted({"de-CH": 60, "fr-CH": 28, "en-GB": 12}),
    "FR": Weighted({"fr-FR": 84, "en-GB": 10, "de-DE": 6}),
    "CN": Weighted({"zh-CN": 90, "en-GB": 10}),
    "JP": Weighted({"ja-JP": 70, "en-GB": 16, "zh-CN": 14}),
}
"""The languages of guests by the country of their first hotel."""

CARED_LANGUAGES = ("zh", "ja")
"""The languages of the guests of the hotels that care for guests after their first stay."""

_GERMAN = (
    ["Anna", "Lukas", "Sophie", "Felix", "Marlene", "Jonas", "Käthe", "Jürgen", "Elif", "Moritz", "Heike", "Björn"],
    [
        "Huber",
        "Müller",
        "Gruber",
        "Weiß",
        "Schöndorfer",
        "Bauer",
        "Yilmaz",
        "Lindner",
        "Großmann",
        "Brandl",
        "Köhler",
        "Nowak",
        "Winkler",
        "Reiß",
    ],
)
_FRENCH = (
    ["Camille", "Léa", "Hugo", "Chloé", "Étienne", "Margaux", "Théo", "Inès", "François", "Noémie", "Karim", "Zoé"],
    [
        "Martin",
        "Lefèvre",
        "Dubois",
        "Moreau",
        "Girard",
        "Béranger",
        "Rousseau",
        "N'Diaye",
        "Faure",
        "Gauthier",
        "Lemaître",
        "Benali",
    ],
)
_ENGLISH = (
    ["Emily", "James", "Priya", "Oliver", "Grace", "Noah", "Aoife", "Samuel", "Zara", "Henry"],
    ["Smith", "O'Connor", "Patel", "Taylor", "Bennett", "Okafor", "Hughes", "MacLeod", "Wright", "Khan", "Turner"],
)
_CHINESE = (
    ["伟", "芳", "娜", "秀英", "敏", "静", "强", "磊", "军", "洋", "婷", "浩然", "子涵", "雨欣"],
    ["王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "欧阳", "司马", "诸葛"],
)
_JAPANESE = (
    ["陽菜", "翔太", "美咲", "大輔", "結衣", "健一", "さくら", "拓也"],
    ["佐藤", "鈴木", "高橋", "田中", "渡辺", "伊藤", "山本", "小林"],
)
NAMES = {"de": _GERMAN, "fr": _FRENCH, "en": _ENGLISH, "zh": _CHINESE, "ja": _JAPANESE}
"""Given and family names by language. Chinese and Japanese put the family first."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A subject of complaints.

    Attributes:
        severities: The severities, by weight.
        words: The guest's words, by language.
    """

    name: str
    severities: Weighted[str]
    words: Mapping[str, str]


_MINOR = Weighted({"low": 50, "medium": 42, "high": 8})
_ORDINARY = Weighted({"low": 15, "medium": 60, "high": 23, "critical": 2})
_GRAVE = Weighted({"medium": 25, "high": 60, "critical": 15})

SUBJECTS = Weighted(
    {
        Subject(
            "noise",
            _ORDINARY,
            {
                "en": "We could not sleep for the noise.",
                "de": "Vor Lärm war an Schlaf nicht zu denken.",
                "fr": "Impossible de dormir à cause du bruit.",
                "zh": "房间太吵。整晚没睡好。",
                "ja": "騒音で眠れませんでした。",
            },
        ): 20,
        Subject(
            "cleanliness",
            _ORDINARY,
            {
                "en": "The bathroom was not clean.",
                "de": "Das Bad war nicht sauber.",
                "fr": "La salle de bains n'était pas propre.",
                "zh": "卫生间不干净。",
                "ja": "浴室が清潔ではありませんでした。",
            },
        ): 17,
        Subject(
            "billing",
            _ORDINARY,
            {
                "en": "The minibar was charged twice.",
                "de": "Die Minibar wurde doppelt verrechnet.",
                "fr": "Le minibar a été facturé deux fois.",
                "zh": "迷你吧被重复收费。",
                "ja": "ミニバーが二重に請求されました。",
            },
        ): 16,
        Subject(
            "air conditioning",
            _MINOR,
            {
                "en": "The air conditioning did not work.",
                "de": "Die Klimaanlage ging nicht.",
                "fr": "La climatisation ne marchait pas.",
                "zh": "空调坏了。",
                "ja": "エアコンが故障していました。",
            },
        ): 14,
        Subject(
            "wifi",
            _MINOR,
            {
                "en": "The network kept failing.",
                "de": "Das WLAN fiel dauernd aus.",
                "fr": "Le wifi coupait sans cesse.",
                "zh": "无线网络一直断线。",
                "ja": "Wi-Fiが何度も切れました。",
            },
        ): 12,
        Subject(
            "staff",
            _ORDINARY,
            {
                "en": "Reception was curt with us.",
                "de": "Der Empfang war unfreundlich.",
                "fr": "L'accueil a été désagréable.",
                "zh": "前台态度冷淡。",
                "ja": "フロントの対応が冷たかったです。",
            },
        ): 11,
        Subject(
            "overbooking",
            _GRAVE,
            {
                "en": "Our room had been given away.",
                "de": "Unser Zimmer war schon vergeben.",
                "fr": "Notre chambre avait été donnée à d'autres.",
                "zh": "我们预订的房间被别人住了。",
                "ja": "予約した部屋が他の客に渡されていました。",
            },
        ): 6,
        Subject(
            "safety",
            _GRAVE,
            {
                "en": "The balcony rail was loose.",
                "de": "Das Balkongeländer war locker.",
                "fr": "La rambarde du balcon bougeait.",
                "zh": "阳台栏杆松动。",
                "ja": "ベランダの手すりが緩んでいました。",
            },
        ): 4,
    }
)

COMMENTS = {
    "good": {
        "en": "We will be back.",
        "de": "Wir kommen gerne wieder.",
        "fr": "Nous reviendrons.",
        "zh": "下次还会来。",
        "ja": "また来ます。",
    },
    "fair": {
        "en": "All in order.",
        "de": "Alles in Ordnung.",
        "fr": "Correct, sans plus.",
        "zh": "还可以。",
        "ja": "普通でした。",
    },
    "poor": {
        "en": "Not what it costs.",
        "de": "Den Preis nicht wert.",
        "fr": "Trop cher pour ce que c'est.",
        "zh": "不值这个价。",
        "ja": "値段に見合いません。",
    },
}
"""Comments in surveys, by contentment and language."""

THEMES = ("breakfast", "location", "noise", "price", "room", "staff")
"""Themes of such comments."""

ASPECTS = {
    "staff": (0.75, 0.5),
    "cleanliness": (0.6, 0.6),
    "room": (0.5, 0.6),
    "price": (0.35, 0.8),
    "breakfast": (0.2, 0.8),
}
"""Questions about a stay: how much the guest's contentment shows in each, and how much it varies by itself."""

QUESTIONNAIRE = Instrument(
    id="stay",
    kind="likert",
    lowest=1,
    highest=5,
    items=(
        InstrumentItem(id="staff", text="Staff were there for us"),
        InstrumentItem(id="cleanliness", text="Everything was clean"),
        InstrumentItem(id="room", text="The room was what we had hoped for"),
        InstrumentItem(id="price", text="It was worth its price"),
        InstrumentItem(id="breakfast", text="Breakfast was good"),
    ),
)
"""Five statements about a stay, with agreement from 1 to 5."""

TRAITS = Weighted(
    {
        ("preference", "high floor", None): 5,
        ("preference", "feather pillow", None): 4,
        ("habit", "late arrival", None): 4,
        ("habit", "early breakfast", None): 3,
        ("taboo", "lilies", None): 1,
        ("taboo", "room by the lift", None): 2,
        ("need", "quiet", "emotional"): 3,
        ("need", "desk and lamp", "functional"): 3,
        ("need", "company at dinner", "social"): 1,
    }
)
"""Traits that the front desk notes: the kind of trait, its subject, and the kind of need."""

WISHES = {
    "en": "As on the last stay, please.",
    "de": "Bitte wie beim letzten Mal.",
    "fr": "Comme la dernière fois.",
    "zh": "和上次一样。",
    "ja": "前回と同じで。",
}
"""The guest's words for a wish, by language."""

PACES = Weighted({"quick": 3, "unhurried": 4, "talkative": 2})
