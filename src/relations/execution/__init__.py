"""Execution of commands: load, decide, react and append, in one transaction under the log's write lock."""

from relations.execution.executor import Clock, Executor
from relations.execution.receipts import BatchReport, Receipt, Rejection
from relations.log.reader import Reader

__all__ = ["BatchReport", "Clock", "Executor", "Reader", "Receipt", "Rejection"]
