"""Time-stamp tokens (RFC 3161, in CMS, RFC 5652): read, and checked against certificates that are trusted.

Checked is that the token is signed over what it says, by a certificate that may stamp times and was valid then, and
that this one is a trusted certificate or was issued, over at most a few others, by one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc3161ng
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ

_GRANTED = (0, 1)
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
"""SHA-1 is not among them: two contents with one SHA-1 can be made."""
_MOST_ISSUERS = 5


class TokenError(ValueError):
    """A time stamp is not to be believed; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, taken apart; nothing in it is proved before `verify_token`."""

    at: datetime
    digest: bytes
    """Of what was stamped."""
    digest_name: str
    nonce: int | None
    content: bytes
    """What is signed: the token's statement."""
    attributes: bytes
    """What the signature is over: a set of attributes, one of which is the digest of `content`."""
    values: dict[str, bytes]
    """The attributes' values by type."""
    algorithm: hashes.HashAlgorithm
    signature: bytes
    serial: int
    """Of the certificate that signed."""
    certificates: tuple[x509.Certificate, ...]

    def check_digest(self, sha256: bytes, *, nonce: int | None = None) -> None:
        """Find out whether it is a stamp over content with this SHA-256, and answers the question with this `nonce`.

        Raises:
            TokenError: It is not.

        """
        if self.digest_name != "sha256" or self.digest != sha256:
            raise TokenError("it is a stamp over something else")
        if nonce is not None and self.nonce != nonce:
            raise TokenError("it answers another question")


def read_token(answer: bytes) -> Token:
    """Return the token in an authority's answer.

    Raises:
        TokenError: There is none, or one that is not understood.

    """
    try:
        return _token(_granted(rfc3161ng.decode_timestamp_response(answer)))
    except TokenError:
        raise
    except (PyAsn1Error, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise TokenError(f"it is no time stamp: {type(error).__name__}") from error


def verify_token(token: Token, anchors: Sequence[x509.Certificate]) -> None:
    """Find out whether the token was signed by somebody whom `anchors` vouch for.

    Raises:
        TokenError: It was not; says what is wrong.

    """
    hashed = hashlib.new(token.algorithm.name, token.content).digest()
    if token.values.get(_MESSAGE_DIGEST) != encoder.encode(univ.OctetString(hashed)):
        raise TokenError("what is signed is not what it says")
    if token.values.get(_CONTENT_TYPE) != encoder.encode(univ.ObjectIdentifier(_TST_INFO)):
        raise TokenError("what is signed is no time stamp")
    signer = next((one for one in (*token.certificates, *anchors) if one.serial_number == token.serial), None)
    if signer is None:
        raise TokenError("the certificate that signed it is not there")
    _check_purpose(signer)
    _check_signature(token, signer)
    _check_issuers(signer, token, anchors)


def _granted(response: Any) -> Any:  # noqa: ANN401  # pyasn1 has no types
    if int(response["status"]["status"]) not in _GRANTED:
        raise TokenError("the authority refused")
    return response.time_stamp_token


def _token(token: Any) -> Token:  # noqa: ANN401  # pyasn1 has no types
    signed, said = token.content, token.tst_info
    if str(signed["contentInfo"]["contentType"]) != _TST_INFO:
        raise TokenError("it states no time")
    signer = signed["signerInfos"][0]
    attributes = univ.SetOf()
    for index, attribute in enumerate(signer["authenticatedAttributes"]):
        attributes.setComponentByPosition(index, attribute)
    algorithm = _HASHES.get(str(signer["digestAlgorithm"]["algorithm"]))
    if algorithm is None:
        raise TokenError("it uses a hash that is not trusted")
    stamped = said.message_imprint
    hashed_by = _HASHES.get(str(stamped.hash_algorithm[0]))
    return Token(
        at=rfc3161ng.get_timestamp(token, naive=False).astimezone(UTC),
        digest=bytes(stamped.hashed_message),
        digest_name=hashed_by.name if hashed_by else "unknown",
        nonce=int(said["nonce"]) if said["nonce"].hasValue() else None,
        content=bytes(decoder.decode(bytes(signed["contentInfo"]["content"]), asn1Spec=univ.OctetString())[0]),
        attributes=encoder.encode(attributes),
        values={str(one[0]): bytes(one[1][0]) for one in signer["authenticatedAttributes"]},
        algorithm=algorithm,
        signature=bytes(signer["encryptedDigest"]),
        serial=int(signer["issuerAndSerialNumber"]["serialNumber"]),
        certificates=tuple(pkcs7.load_der_pkcs7_certificates(encoder.encode(token))),
    )


def _check_purpose(signer: x509.Certificate) -> None:
    try:
        use = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, ValueError):
        raise TokenError("the certificate that signed it may not stamp times") from None
    if not use.critical or list(use.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TokenError("the certificate that signed it may not stamp times, or other things as well")


def _check_signature(token: Token, signer: x509.Certificate) -> None:
    key = signer.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(token.signature, token.attributes, padding.PKCS1v15(), token.algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(token.signature, token.attributes, ec.ECDSA(token.algorithm))
        else:
            raise TokenError("it is signed with a kind of key that is not known here")
    except InvalidSignature:
        raise TokenError("its signature is not that of its certificate") from None


def _check_issuers(signer: x509.Certificate, token: Token, anchors: Sequence[x509.Certificate]) -> None:
    """Go from the signer to a trusted certificate, all of them valid at the time of the stamp."""
    current = signer
    for _ in range(_MOST_ISSUERS):
        if not current.not_valid_before_utc <= token.at <= current.not_valid_after_utc:
            raise TokenError("a certificate that it rests on was not valid at its time")
        if current in anchors:
            return
        issuer = next((one for one in (*anchors, *token.certificates) if _has_issued(one, current)), None)
        if issuer is None:
            break
        current = issuer
    raise TokenError("none of the certificates given vouches for it")


def _has_issued(issuer: x509.Certificate, issued: x509.Certificate) -> bool:
    if issuer == issued or not _may_issue(issuer):
        return False
    try:
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _may_issue(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
