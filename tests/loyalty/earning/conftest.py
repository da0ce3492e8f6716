"""Hypothesis reaches the database here as it does in the ledger's tests."""

from tests.loyalty.ledger.conftest import run as run
