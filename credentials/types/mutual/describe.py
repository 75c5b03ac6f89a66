"""What of keys and certificates may be shown, and what is to be said about it."""

import re
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from credentials.types.base import Fact, Values
from credentials.types.ending import Ends
from credentials.types.mutual.context import VERSIONS, protocols

SOON = timedelta(days=30)


def key_facts(opened: Values) -> dict[str, Any]:
    """What may be shown of a key store, from its JSON (`KeyStore.to_json`)."""
    leaf, *above = (entry["facts"] for entry in opened["chain"])
    trusted = [entry["facts"] for entry in opened["trusted"]]
    return {"format": opened["format"], **leaf, "above": above, "trusted": trusted}


def trust_facts(opened: Values) -> dict[str, Any]:
    """What may be shown of a trust store, from its JSON (`TrustStore.to_json`)."""
    return {"format": opened["format"], "certificates": [entry["facts"] for entry in opened["certificates"]]}


def facts(payload: Values, configured: Sequence[str]) -> list[Fact]:
    key, trust = payload["key"], payload.get("trust")
    shown = [
        Fact("Key Certificate", "configured" if "key_certificate" in configured else "not set", secret=True),
        Fact("Subject", key["subject"]),
        Fact("Issuer", key["issuer"]),
        Fact("Valid from", moment(key["not_before"])),
        Fact("Valid to", moment(key["not_after"])),
        Fact("Key", f"{key['key']}, in {key['format']}"),
        Fact("Chain", names(key["above"]) or "no further certificates"),
        Fact("Fingerprint (SHA-256)", key["sha256"], copyable=True),
        Fact("Trusted certificates in the keystore", names(key["trusted"]) or "none"),
        Fact("Trust Certificate", "configured" if "trust_certificate" in configured else "not set", secret=True),
    ]
    if trust:
        shown += [
            Fact("Trusted", names(trust["certificates"])),
            Fact("Trust valid to", moment(min(entry["not_after"] for entry in trust["certificates"]))),
        ]
    labels = ", ".join(VERSIONS[name][0] for name in protocols(payload["protocols"]))
    return [
        *shown,
        Fact("Accepted servers", accepted(payload)),
        Fact("Cryptographic Protocols", labels if payload["protocols"] else f"{labels} (default)"),
    ]


def accepted(payload: Values) -> str:
    if payload.get("trust"):
        return "only those whose certificate is, or is issued by, the trust certificate"
    if payload["key"]["trusted"]:
        return "only those whose certificate is, or is issued by, a trusted certificate in the keystore"
    return "those with a certificate of a public authority, because no trust certificate is given"


def warnings(payload: Values) -> list[str]:
    """What a person should know before they save, and until they replace it."""
    now = datetime.now(UTC)
    key = payload["key"]
    begins, ends = (datetime.fromisoformat(key[name]) for name in ("not_before", "not_after"))
    said = []
    if begins > now:
        said.append(f"The key certificate is not valid before {moment(key['not_before'])}.")
    if ends <= now:
        said.append(f"The key certificate ended on {moment(key['not_after'])}.")
    elif ends <= now + SOON:
        days = (ends - now).days
        said.append(f"The key certificate ends in {days} day{'' if days == 1 else 's'}, on {moment(key['not_after'])}.")
    trust = payload["trust"]["certificates"] if payload.get("trust") else key["trusted"]
    for entry in trust:
        if datetime.fromisoformat(entry["not_after"]) <= now:
            said.append(f"The trusted certificate {entry['subject']} ended on {moment(entry['not_after'])}.")
        elif datetime.fromisoformat(entry["not_after"]) <= now + SOON:
            said.append(f"The trusted certificate {entry['subject']} ends on {moment(entry['not_after'])}.")
    return said


def endings(payload: Values) -> list[Ends]:
    """The key certificate's `notAfter` (RFC 5280 §4.1.2.5) and that of each trusted certificate."""
    key = payload["key"]
    trust = payload["trust"]["certificates"] if payload.get("trust") else key["trusted"]
    return [
        Ends("Key certificate", datetime.fromisoformat(key["not_after"])),
        *(Ends(f"Trust certificate {each['subject']}", datetime.fromisoformat(each["not_after"])) for each in trust),
    ]


def moment(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M} UTC"


def names(certificates: Sequence[Values]) -> str:
    return "; ".join(entry["subject"] for entry in certificates)


def reason(error: ssl.SSLError) -> str:
    """OpenSSL's own words, without the places in its source."""
    text = re.sub(r"^\[[^]]*\] | \(_ssl[^)]*\)$", "", str(error.args[-1] if error.args else ""))
    return text or "no reason given"
