"""Customers found by their sealed words."""

from relations.log.people.marks import Marks, MarksOf, Word
from relations.log.people.writing import PersonalWriter

__all__ = ["Marks", "MarksOf", "PersonalWriter", "Word"]
