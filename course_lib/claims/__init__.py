"""The ledger of claims: declared once, checked in a notebook, reported as a badge."""

from course_lib.claims.checking import CheckedClaim, ClaimFailed, check
from course_lib.claims.comparisons import Comparison, at_least, at_most, between, is_true
from course_lib.claims.ledger import Claim, LedgerError, load_ledger

__all__ = [
    "CheckedClaim",
    "Claim",
    "ClaimFailed",
    "Comparison",
    "LedgerError",
    "at_least",
    "at_most",
    "between",
    "check",
    "is_true",
    "load_ledger",
]
