"""What is read and written by plain SQL is what the ORM would have read and written, on both databases."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db.models import F

from organizations.sql import recordset
from tests.support.product import Product

# Run in the product; prints one line of JSON.
SCRIPT = """
import json, uuid
from datetime import timedelta
from django.db.models import Model
from django.utils import timezone
from credentials.models import Credential, OAuthToken, TokenAttempt
from organizations import services
from organizations.audit import Actor
from organizations.sql import prepared, recordset
from organizations.sql.columns import Columns, rows_of, selected, table_of
from tests.support.credentials import give_token, make_credential
stage = Actor.command("demo")
account = services.create_account(stage, "1", "Golden Gate Travel")
home = services.create_organization(stage, account, "Support bots")
names = ["Orders", 'quotes \\\\" and %s \\\\ and \U0001f916', "Third"]
tokens = [give_token(make_credential(home, name)) for name in names]
keys = [token.pk for token in tokens]
now = timezone.now()

def values(row: Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}

whole, some = Columns(OAuthToken, "token"), Columns(Credential, "credential", but="secrets")
statement = (
    f"SELECT {selected(whole, some)} FROM {whole.table} "
    f"LEFT JOIN {some.table} ON credential.id = token.credential_id AND credential.name <> 'Third' "
    f"WHERE token.credential_id {prepared.among()}"
)
found = prepared.rows(statement, [keys])
read = {token.pk: (token, credential) for token, credential in (rows_of(row, whole, some) for row in found)}
same = [values(read[key][0]) == values(OAuthToken.objects.get(pk=key)) for key in keys]
joined = [read[key][1] for key in keys]
deferred = [each.get_deferred_fields() == {"secrets"} for each in joined if each]
same += [values(each) == values(Credential.objects.get(pk=each.pk)) for each in joined if each]
few = prepared.rows(f"SELECT name FROM {table_of(Credential)} WHERE id = %s", [keys[1]])
none = prepared.rows(statement, [[]])

for number, token in enumerate(tokens):
    token.scope, token.refresh_at, token.failures = f"read {names[number]}", None if number else now, number
    token.lease_until = now + timedelta(microseconds=number)
columns = ("scope", "refresh_at", "failures", "lease_until")
gone = OAuthToken(pk=uuid.uuid4(), organization=home)
counted = recordset.update_all([*tokens, gone], *columns), recordset.update_all([], *columns)
written = [
    [getattr(OAuthToken.objects.get(pk=token.pk), each) == getattr(token, each) for each in columns] for token in tokens
]
late = f"SELECT count(*) FROM {table_of(OAuthToken)} WHERE lease_until > %s AND credential_id {prepared.among()}"
compared = prepared.rows(late, [now, keys])[0][0]
released = prepared.change(f"UPDATE {table_of(OAuthToken)} SET lease_until = NULL WHERE lease_until = %s", [now])

attempts = [
    TokenAttempt(token=token, organization=home, grant="refresh_token", generation=7, started_at=now, host=names[1])
    for token in tokens
]
recordset.insert_all(attempts)
recordset.insert_all([])
known = [each._state.adding for each in attempts]
inserted = [values(TokenAttempt.objects.get(pk=each.pk)) == values(each) for each in attempts]
tokens[0].access_token = "in the clear"
try:
    recordset.update_all(tokens, "access_token")
    refused = ""
except ValueError as refusal:
    refused = str(refusal)
print(json.dumps({
    "same": same, "deferred": deferred, "missed": [each is None for each in joined], "few": few, "none": none,
    "counted": counted, "written": written, "compared": compared, "released": released, "inserted": inserted,
    "known": known, "refused": "in the clear" not in refused and refused != "",
}))
"""


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_rows_are_read_and_written_as_the_orm_does_it(product: Callable[..., Product], database: str) -> None:
    made = product(web=0, workers=0, database=database)
    assert json.loads(made.manage("shell", "--verbosity", "0", "-c", SCRIPT)) == {
        "same": [True] * 5,
        "deferred": [True, True],
        "missed": [False, False, True],
        "few": [['quotes \\" and %s \\ and \U0001f916']],
        "none": [],
        "counted": [3, 0],
        "written": [[True] * 4] * 3,
        "compared": 2,
        "released": 1,
        "inserted": [True] * 3,
        "known": [False] * 3,
        "refused": True,
    }


@pytest.mark.parametrize("value", [F("scope"), b"bytes", Decimal("0.1")])
def test_what_json_does_not_say_is_not_written_as_something_else(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        recordset.as_text(value)


# Run in the product; prints one line of JSON.
MOMENTS = """
import json, os
import psycopg
from django.db import connection
texts = [
    "2026-01-01 00:00:00+05", "2026-11-29 07:17:10.397171+00", "2026-11-29 07:17:10.1+00",
    "1969-12-31 23:59:59.5-03:30", "0001-02-03 00:00+00", "9999-12-31 23:59:59.999999+00",
]
with connection.cursor() as ours, psycopg.connect(os.environ["DATABASE_URL"]) as drivers:
    ours.execute("SELECT unnest(%s::timestamptz[])", [texts])
    read = [moment for (moment,) in ours.fetchall()]
    drivers.execute("SET TIME ZONE 'UTC'")
    expected = [moment for (moment,) in drivers.execute("SELECT unnest(%s::timestamptz[])", [texts])]
print(json.dumps([read == expected, {str(moment.tzinfo) for moment in read} == {"UTC"}]))
"""


@pytest.mark.postgres
def test_moments_are_read_as_the_driver_reads_them(product: Callable[..., Product]) -> None:
    made = product(web=0, workers=0, database="postgres")
    assert json.loads(made.manage("shell", "--verbosity", "0", "-c", MOMENTS)) == [True, True]
