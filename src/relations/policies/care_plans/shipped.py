"""The care plans that ship. A policy takes one by its id: `plans = ["611", "birthday"]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relations.policies.care_plans.plan import CarePlan, CareStep, CareTemplate, Contact

__all__ = ["CARE_PLANS"]


def _step(name: str, what: Contact, day: int, english: str, chinese: str, **fields: Any) -> CareStep:
    words = (CareTemplate(language="zh", text=chinese), CareTemplate(text=english))
    return CareStep(id=name, what=what, day=day, templates=words, **fields)


def _message(number: int, day: int, english: str, chinese: str) -> CareStep:
    return _step(f"message-{number}", "message", day, english, chinese)


_SIX_ONE_ONE = CarePlan(
    id="611",
    begins="first_purchase",
    repeats_months=3,
    steps=(
        _message(1, 8, "How has it been so far, {name}?", "{name}，您好！用到现在，一切还顺心吗？"),
        _message(2, 22, "A tip that our regulars like.", "与您分享一个老顾客都喜欢的小窍门。"),
        _message(3, 38, "Is there anything that we can do for you?", "有什么我们可以为您效劳的吗？"),
        _step(
            "short-call", "short_call", 45, "Ask how they are, and listen.", "问候近况，多听少说。", minutes=5
        ),
        _message(4, 52, "Thank you for the talk. Here is what we promised.", "感谢您的来电时间，答应您的事已办妥。"),
        _message(5, 68, "Something new that may suit you.", "有一样新东西，也许正合您意。"),
        _message(6, 82, "We look forward to hearing from you.", "期待再次听到您的消息。"),
        _step(
            "long-call", "long_call", 90, "Look back on three months, and ask what is next.",
            "一起回顾这三个月，并了解接下来的打算。", minutes=15,
        ),
    ),
)  # fmt: skip
"""In three months six messages, one short call and one longer one."""

_BIRTHDAY = CarePlan(
    id="birthday",
    begins="registered",
    repeats_months=12,
    steps=(
        _step("greeting", "message", 0, "Happy birthday, {name}!", "{name}，祝您生日快乐！", on="birthday"),
    ),
)  # fmt: skip

_FESTIVALS = CarePlan(
    id="festivals",
    begins="registered",
    repeats_months=12,
    steps=(
        _step(
            "greeting", "message", 0, "Our best wishes for {festival}, {name}.", "{name}，祝您{festival}快乐！",
            on="festival", days_valid=3,
        ),
    ),
)  # fmt: skip

_AFTER_STAY = CarePlan(
    id="after_stay",
    begins="purchase",
    steps=(
        _step("thanks", "message", 1, "Thank you for your stay, {name}.", "{name}，感谢您的光临。", days_valid=3),
        _step("ask", "ask", 7, "Was everything as you wished?", "这次的体验是否合您的心意？"),
        _step(
            "return", "offer", 45, "An offer for your next stay.", "为您下次光临准备的一份心意。",
            sells=True, days_valid=14,
        ),
    ),
)  # fmt: skip
"""A stay ends with its purchase."""

_LAPSING = CarePlan(
    id="lapsing",
    begins="stage",
    of=("lapsing",),
    steps=(
        _step("message", "message", 1, "We have not seen you for a while, {name}.", "{name}，好久不见，近来可好？"),
        _step("call", "short_call", 14, "Ask what has changed.", "了解有什么变化。", minutes=5),
        _step("offer", "offer", 30, "A reason to come back.", "一份请您回来看看的心意。", sells=True, days_valid=14),
    ),
)  # fmt: skip

_WON_BACK = CarePlan(
    id="won_back",
    begins="stage",
    of=("won_back",),
    steps=(
        _step("welcome", "message", 1, "Welcome back, {name}.", "{name}，欢迎回来！"),
        _step("call", "short_call", 10, "Ask what made them return.", "了解是什么让他们回来。", minutes=5),
        _step("ask", "ask", 30, "Are we doing better now?", "现在我们做得更好了吗？"),
    ),
)  # fmt: skip

_AFTER_COMPLAINT = CarePlan(
    id="after_complaint",
    begins="complaint_resolved",
    steps=(
        _step("call", "short_call", 3, "Make sure that the solution has lasted.", "确认问题已彻底解决。", minutes=5),
        _step("message", "message", 21, "Your words have helped us, {name}. Thank you.", "{name}，感谢您的指正。"),
        _step("long-call", "long_call", 60, "Talk about what has improved.", "谈谈此后的改进。", minutes=15),
    ),
)  # fmt: skip

_SUPPORT = CarePlan(
    id="support",
    begins="first_purchase",
    steps=(
        _step(
            "call", "short_call", 2, "Make sure that everything works.", "确认一切使用正常。", minutes=5, days_valid=3,
        ),
        _step(
            "training", "training", 14, "Show how to get the most out of it.", "讲解如何用得更好。",
            minutes=60, days_valid=14,
        ),
        _step("message", "message", 30, "Answers to the most common questions.", "常见问题解答。"),
        _step(
            "visit", "visit", 60, "See it in use, and note what to improve.", "看看实际使用情况，记下可改进之处。",
            minutes=60, days_valid=30,
        ),
    ),
)  # fmt: skip

CARE_PLANS: Mapping[str, CarePlan] = {
    plan.id: plan
    for plan in (
        _SIX_ONE_ONE,
        _BIRTHDAY,
        _FESTIVALS,
        _AFTER_STAY,
        _LAPSING,
        _WON_BACK,
        _AFTER_COMPLAINT,
        _SUPPORT,
    )
}
"""The shipped plans by id."""
