"""Accounts: create, list, pay, make one the default."""

from __future__ import annotations

import re
from datetime import timedelta

from flask.typing import ResponseReturnValue

from sidecar.client import Question
from team_service import inputs
from team_service.database import Transaction, instant
from team_service.decisions import Decisions, now
from team_service.errors import InputError
from team_service.people import signed_in

CONTRACT_TIMES = {"annual": timedelta(days=365), "monthly": timedelta(days=30), "none": timedelta()}
_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?")


class Accounts:
    """The views of accounts."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    def create(self) -> ResponseReturnValue:
        """Create an account, which its creator owns."""
        person, account = signed_in(), inputs.new_id()

        def write(transaction: Transaction) -> None:
            transaction.insert("accounts", id=account, owner_id=person)
            transaction.insert("team_versions", account_id=account, version=1)

        resource = f"account:{account}"
        question = Question(subject=f"user:{person}", action="create", resource=resource)
        position = self._decisions.change(account, question, write)
        may = self._decisions.judged(person, resource, position)
        return {"account": account, "you_may": may}, 201

    def list(self) -> ResponseReturnValue:
        """List the accounts that the person can reach, with the role in each."""
        person = signed_in()
        found = self._decisions.client.search_resources(f"user:{person}", "switch", "account")
        with self._decisions.database.reading() as transaction:
            roles = {
                row["id"]: row["role"]
                for row in transaction.rows(
                    "SELECT id, 'owner' AS role FROM accounts WHERE owner_id = %s"
                    " UNION SELECT account_id, role FROM members"
                    " WHERE person_id = %s AND status = 'active'",
                    person,
                    person,
                )
            }
        return {"accounts": [{"id": each, "role": roles.get(each)} for each in found]}

    def permissions(self, account: str) -> ResponseReturnValue:
        """Tell what the person may do in an account, for a menu that shows no more than that."""
        may = self._decisions.client.permissions(f"user:{signed_in()}", f"account:{account}")
        return {"account": account, "you_may": may.actions}

    def set_plan(self, account: str) -> ResponseReturnValue:
        """Change the spending plan. A real service would be told by the one that is paid."""
        person, contract = signed_in(), inputs.text("contract", "none")
        amount = inputs.text("monthly_commitment", "0")
        if contract not in CONTRACT_TIMES or not _AMOUNT.fullmatch(amount):
            raise InputError(
                "Send `contract`: `annual`, `monthly` or `none`, and a `monthly_commitment`."
            )

        def write(transaction: Transaction) -> None:
            transaction.run("DELETE FROM plans WHERE account_id = %s", account)
            if contract != "none":
                transaction.insert(
                    "plans",
                    account_id=account,
                    monthly_usd=amount,
                    contract=contract,
                    ends_at=instant(now() + CONTRACT_TIMES[contract]),
                )

        resource = f"account:{account}"
        question = Question(subject=f"user:{person}", action="billing.edit", resource=resource)
        position = self._decisions.change(account, question, write)
        may = self._decisions.judged(person, resource, position)
        return {"account": account, "contract": contract, "you_may": may}

    def set_default(self) -> ResponseReturnValue:
        """Make an account the one where the person lands."""
        person, account = signed_in(), inputs.text("account")
        question = Question(
            subject=f"user:{person}", action="set_default", resource=f"account:{account}"
        )
        statement = "UPDATE people SET default_account_id = %s WHERE id = %s"
        position = self._decisions.change_row(account, question, statement, account, person)
        return {"id": person, "lands_in": self._decisions.landing(person, position)}
