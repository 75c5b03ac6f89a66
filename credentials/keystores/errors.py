"""Why a file is refused. Each message is one sentence for the person who uploaded it, without anything of the file."""

MAX_BYTES = 65_536
MAX_ITERATIONS = 1_000_000


class Refused(Exception):
    """The file cannot be used. `code` is a word for it; the message is the sentence."""

    code = "refused"
    sentence = "The file cannot be used."

    def __init__(self, sentence: str = "") -> None:
        super().__init__(sentence or self.sentence)


class WrongPassword(Refused):
    """The password does not open the file."""

    code = "wrong_password"
    sentence = "The password does not open this file."


class OtherKeyPassword(WrongPassword):
    """The store opens, and the key inside it does not."""

    code = "other_key_password"
    sentence = "The private key inside has another password than the keystore. Give both the same password."


class NoPrivateKey(Refused):
    """Certificates alone."""

    code = "no_private_key"
    sentence = "The file holds certificates but no private key. Upload the keystore that holds both."


class SeveralKeys(Refused):
    """Which key is meant cannot be told."""

    code = "several_keys"
    sentence = "The file holds more than one private key. Upload a keystore that holds exactly one."


class NoCertificate(Refused):
    """There is nothing that could be shown to a server, or trusted."""

    code = "no_certificate"
    sentence = "The file holds no certificate that belongs to its private key."


class NothingToTrust(Refused):
    """A trust file without a certificate."""

    code = "nothing_to_trust"
    sentence = "The file holds no certificate."


class TrustHoldsKey(Refused):
    """What a store with a key trusts would be a guess, and a private key has no business in a trust file."""

    code = "trust_holds_key"
    sentence = "The trust file holds a private key. Upload only the certificates to trust."


class Damaged(Refused):
    """Cut off, changed, or not what its first bytes promise."""

    code = "damaged"
    sentence = "The file is damaged or not complete."


class TooLarge(Refused):
    """More bytes than any keystore of one key needs."""

    code = "too_large"
    sentence = f"The file is larger than {MAX_BYTES // 1024} kB."


class TooExpensive(Refused):
    """Opening it would take more work than anybody may ask of us."""

    code = "too_expensive"
    sentence = (
        f"The file asks for more than {MAX_ITERATIONS:,} iterations to open it. Export it again with fewer iterations."
    )


class Unsupported(Refused):
    """A format or an algorithm that is not read. The message says which and what to do."""

    code = "unsupported"
    sentence = "The file uses a format that is not supported."


ERRORS: dict[str, type[Refused]] = {
    kind.code: kind
    for kind in (
        WrongPassword,
        OtherKeyPassword,
        NoPrivateKey,
        SeveralKeys,
        NoCertificate,
        NothingToTrust,
        TrustHoldsKey,
        Damaged,
        TooLarge,
        TooExpensive,
        Unsupported,
    )
}
