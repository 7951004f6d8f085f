"""Customers found by their sealed words."""

from relations.log.people.marks import Marks, MarksOf, Word

__all__ = ["Marks", "MarksOf", "Word"]
