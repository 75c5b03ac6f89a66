"""`python -m botaccounts.sandbox`: serve the sandbox resource, register applications, take grants back, read stats."""

import argparse
import json
import os
import stat
import sys
from pathlib import Path
from typing import TextIO

os.environ["DJANGO_SETTINGS_MODULE"] = "botaccounts.sandbox.settings"


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    # Its database holds tokens of the sandbox: nobody else's business.
    os.umask(stat.S_IRWXG | stat.S_IRWXO)
    import django

    django.setup()
    return int(options.run(options) or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m botaccounts.sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="prepare the database and serve on loopback until stopped")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "8001")))
    serve.set_defaults(run=_serve)

    prepare = commands.add_parser("prepare", help="create or update the database and the sample people; repeatable")
    prepare.set_defaults(run=_prepare)

    register = commands.add_parser("register", help="register an application and print its client id and secret")
    register.add_argument("--name", required=True)
    register.add_argument("--redirect-uri", action="append", default=[], help="may be repeated")
    register.add_argument("--grant", choices=["authorization-code", "client-credentials"], required=True)
    register.add_argument("--client-id", default="", help="instead of a random one")
    register.add_argument("--client-secret", default="", help="instead of a random one")
    register.add_argument("--id-tokens", action="store_true", help="it may ask who the person is (scope openid)")
    register.add_argument("--json", action="store_true")
    register.set_defaults(run=_register)

    person = commands.add_parser("add-person", help="one more person, with the sample person's password")
    person.add_argument("--username", required=True)
    person.set_defaults(run=_add_person)

    revoke = commands.add_parser("revoke-user-grants", help="take back what people granted: their tokens stop at once")
    revoke.add_argument("--username", default="", help="this person's only")
    revoke.add_argument("--client-id", default="", help="this application's only")
    revoke.set_defaults(run=_revoke_user_grants)

    expire = commands.add_parser("expire", help="let access tokens end now, as if their time had passed")
    expire.add_argument("--client-id", default="", help="this application's only")
    expire.set_defaults(run=_expire)

    stats = commands.add_parser("stats", help="what reached the token endpoint, and what is still alive")
    stats.add_argument("--client-id", default=None, help="this application's only")
    stats.add_argument("--json", action="store_true")
    stats.set_defaults(run=_stats)
    return parser


def _prepare(options: argparse.Namespace) -> None:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from botaccounts.sandbox import OTHER_USERNAME, SAMPLE_PASSWORD, SAMPLE_USERNAME

    Path(settings.DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0, interactive=False)
    for username in (SAMPLE_USERNAME, OTHER_USERNAME):
        person, _ = User.objects.get_or_create(username=username)
        if not person.check_password(SAMPLE_PASSWORD):
            person.set_password(SAMPLE_PASSWORD)
            person.save()


def _serve(options: argparse.Namespace) -> None:
    _prepare(options)
    # Replace this process: whoever stops our id stops the server.
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        options.host,
        "--port",
        str(options.port),
    ]
    command += ["--workers", "1", "--blocking-threads", "8", "--no-ws", "--log-level", "error"]
    sys.stdout.flush()
    os.execv(sys.executable, [*command, "botaccounts.sandbox.wsgi:application"])  # noqa: S606 - no shell is wanted


def _register(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from django.contrib.auth.models import User
    from django.core.exceptions import ValidationError

    from botaccounts.sandbox import SAMPLE_USERNAME
    from botaccounts.sandbox.registration import register

    try:
        registered = register(
            name=options.name,
            grant=options.grant,
            redirect_uris=" ".join(options.redirect_uri),
            owner=User.objects.get(username=SAMPLE_USERNAME),
            client_id=options.client_id,
            client_secret=options.client_secret,
            id_tokens=options.id_tokens,
        )
    except ValidationError as refused:
        _say("\n".join(refused.messages), sys.stderr)
        return 1
    if options.json:
        _say(json.dumps(asdict(registered)))
    else:
        _say(f"client id:     {registered.client_id}\nclient secret: {registered.client_secret}")
    return 0


def _add_person(options: argparse.Namespace) -> None:
    from django.contrib.auth.models import User

    from botaccounts.sandbox import SAMPLE_PASSWORD

    User.objects.create_user(options.username, password=SAMPLE_PASSWORD)


def _revoke_user_grants(options: argparse.Namespace) -> None:
    from oauth2_provider.models import AccessToken, Grant, RefreshToken

    whose = {"user__isnull": False}
    if options.username:
        whose["user__username"] = options.username
    if options.client_id:
        whose["application__client_id"] = options.client_id
    for refresh_token in RefreshToken.objects.filter(revoked__isnull=True, **whose):
        refresh_token.revoke()
    AccessToken.objects.filter(**whose).delete()
    Grant.objects.filter(**whose).delete()


def _expire(options: argparse.Namespace) -> None:
    from django.utils import timezone
    from oauth2_provider.models import AccessToken

    whose = {"application__client_id": options.client_id} if options.client_id else {}
    AccessToken.objects.filter(**whose).update(expires=timezone.now())


def _stats(options: argparse.Namespace) -> None:
    from django.conf import settings

    from botaccounts.sandbox.ledger import read_stats

    stats = read_stats(Path(settings.DATABASES["default"]["NAME"]), options.client_id).to_json()
    if options.json:
        _say(json.dumps(stats))
        return
    for name, value in stats.items():
        _say(f"{name}: {value}")


def _say(text: str, stream: TextIO | None = None) -> None:
    print(text, file=stream or sys.stdout)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
