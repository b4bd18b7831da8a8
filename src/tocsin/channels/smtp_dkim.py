"""The keys that mails are signed with."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tocsin.channels.smtp_trouble import Unreachable
from tocsin.core.configuration_senders import Dkim
from tocsin.core.dkim import Signer

# Verifiers need not accept less (RFC 8301, section 3.2).
LEAST_RSA_BITS = 1024

_ADVICE = "look at dkim.key_file"
_HASH: Final = Prehashed(SHA256())
_PADDING: Final = PKCS1v15()


def load(dkim: Dkim) -> Signer:
    """The signer with the key in the file: PEM, RSA or Ed25519, without a password. Raises Unreachable."""
    try:
        key = load_pem_private_key(Path(dkim.key_file).read_bytes(), password=None)
    except OSError as error:
        raise Unreachable(f"the DKIM key cannot be read: {error.strerror}", _ADVICE) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unreachable("the DKIM key is not a private key in PEM without a password", _ADVICE) from error
    if isinstance(key, Ed25519PrivateKey):
        return Signer(dkim.domain, dkim.selector, "ed25519-sha256", key.sign)
    if isinstance(key, RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS:
        return Signer(dkim.domain, dkim.selector, "rsa-sha256", _rsa(key))
    raise Unreachable(f"the DKIM key is neither Ed25519 nor RSA of {LEAST_RSA_BITS} bits or more", _ADVICE)


def _rsa(key: RSAPrivateKey) -> Callable[[bytes], bytes]:
    return lambda digest: key.sign(digest, _PADDING, _HASH)
