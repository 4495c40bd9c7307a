"""Tokens of a gateway's clients: what is valid, and every way to forge one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import InvalidSettingError
from sidecar.http.jwt import MAX_TOKEN_BYTES, JwtVerifier
from sidecar.http.key_set import KeySet
from sidecar.http.subjects import NotIdentifiedError
from sidecar.routes import Identification

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
US = Identification(type="user", issuer="https://issuer.test", audience="api")
CLAIMS: dict[str, Any] = {
    "iss": "https://issuer.test",
    "aud": "api",
    "sub": "ana",
    "exp": AT + 60,
    "nbf": AT - 60,
    "iat": AT - 60,
}


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8))


@cache
def rsa_key(bits: int = 2048, name: str = "") -> rsa.RSAPrivateKey:  # noqa: ARG001  one for each
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def rsa_jwk(key: rsa.RSAPrivateKey, **members: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **members}


def ec_jwk(key: ec.EllipticCurvePrivateKey, crv: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401
    numbers, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
    point = {"x": number(numbers.x, size), "y": number(numbers.y, size)}
    return {"kty": "EC", "crv": crv, **point, **members}


def ed_jwk(**members: Any) -> dict[str, Any]:  # noqa: ANN401
    raw = ed_key().public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **members}


KEYS: tuple[Callable[[], dict[str, Any]], ...] = (
    lambda: rsa_jwk(rsa_key(), kid="rsa", use="sig", alg="RS256"),
    lambda: ec_jwk(ec_key(), "P-256", kid="ec"),
    lambda: ed_jwk(kid="ed", key_ops=["verify"]),
)


def signed_by_rsa(text: bytes, key: rsa.RSAPrivateKey | None = None) -> bytes:
    return (key or rsa_key()).sign(text, padding.PKCS1v15(), hashes.SHA256())


def signed_by_ec(text: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    key = key or ec_key()
    r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)


def signed_by_ed(text: bytes) -> bytes:
    return ed_key().sign(text)


SIGNERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "RS256": ("rsa", signed_by_rsa),
    "ES256": ("ec", signed_by_ec),
    "EdDSA": ("ed", signed_by_ed),
}


def token(
    header: object, claims: object = CLAIMS, sign: Callable[[bytes], bytes] = signed_by_rsa
) -> bytes:
    parts = [
        b64(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, claims)
    ]
    text = ".".join(parts).encode()
    return text + b"." + b64(sign(text)).encode()


def verifier(directory: Path, *keys: dict[str, Any]) -> JwtVerifier:
    file = directory / "jwks.json"
    file.write_text(json.dumps({"keys": list(keys) or [make() for make in KEYS]}))
    found = KeySet(file)
    found.load()
    return JwtVerifier(found)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> JwtVerifier:
    return verifier(tmp_path_factory.mktemp("keys"))


def refusal(
    ours: JwtVerifier, sent: bytes, us: Identification = US, now: datetime = NOW
) -> str | None:
    """Return why a token is refused; None if it is not."""
    try:
        ours.verify(sent, us, now)
    except NotIdentifiedError as error:
        refused = error
    else:
        return None
    assert refused.has_token
    assert ours.known(sent, us, now) is None
    return str(refused)


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_a_token_of_each_algorithm_names_its_subject(ours: JwtVerifier, algorithm: str) -> None:
    kid, sign = SIGNERS[algorithm]

    for header in ({"alg": algorithm, "kid": kid, "typ": "JWT"}, {"alg": algorithm}):
        assert ours.verify(token(header, sign=sign), US, NOW) == "ana"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["other", "api"]},
        {"nbf": AT},
        {"exp": AT + 0.5 + 1},
        {"scope": "all", "roles": ["x"], "nested": {"a": None}},
    ],
    ids=map(str, count()),
)
def test_a_token_with_other_valid_claims_is_valid(
    ours: JwtVerifier, claims: dict[str, Any]
) -> None:
    assert refusal(ours, token({"alg": "RS256"}, {**CLAIMS, **claims})) is None


def test_a_token_needs_no_nbf_and_no_iat(ours: JwtVerifier) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name not in {"nbf", "iat"}}

    assert refusal(ours, token({"alg": "RS256"}, claims)) is None


def public_pem(form: serialization.PublicFormat) -> bytes:
    return rsa_key().public_key().public_bytes(serialization.Encoding.PEM, form)


def by_secret(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


FOREIGN = rsa_key(name="foreign")
HEADER = {"alg": "RS256", "kid": "rsa"}


def by_pss(text: bytes) -> bytes:
    return rsa_key().sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def by_sha512(text: bytes) -> bytes:
    return rsa_key().sign(text, padding.PKCS1v15(), hashes.SHA512())


def by_foreign_key(text: bytes) -> bytes:
    return signed_by_rsa(text, FOREIGN)


def unsigned(_: bytes) -> bytes:
    return b""


_SPKI, _PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
KIDS = [
    *("", "RSA", "rsa ", "../../dev/null", "/dev/null", "' OR 1=1 --", "rsa\x00"),
    *("https://evil.test", 7, True, None, ["rsa"], {"rsa": 1}),
]
CHANGING: list[dict[str, object]] = [
    {"crit": ["exp"], "exp": 1},
    {"crit": []},
    {"crit": ["b64"], "b64": False},
    {"b64": False},
    {"cty": "JWT"},
    {"zip": "DEF"},
    {"enc": "A256GCM"},
    {"jwk": KEYS[0]()},
    {"typ": "logout+jwt"},
    {"typ": 7},
]
"""Parameters that would change what is verified; the signatures are valid."""
NO_HEADERS: list[object] = [
    *([], None, "alg", b"{", b"\xff", b"[" * 4000),
    b'{"alg": "RS256", "kid": "rsa", "kid": "rsa"}',
]
FORGED_HEADERS: list[tuple[object, Callable[[bytes], bytes]]] = [
    # No signature, whatever the case of the name.
    *(({"alg": alg}, unsigned) for alg in ("none", "None", "NONE", "nOnE")),
    *(({"alg": alg}, signed_by_rsa) for alg in ("none", "", "rs256", ["RS256"], None, 7)),
    ({}, signed_by_rsa),
    # The public key as a secret.
    *(({"alg": "HS256", "kid": "rsa"}, by_secret(public_pem(each))) for each in (_SPKI, _PKCS1)),
    ({"alg": "HS256", "kid": "rsa"}, by_secret(json.dumps(KEYS[0]()).encode())),
    ({"alg": "HS256", "kid": ""}, by_secret(b"")),
    # Another algorithm than that of the key, or one that is not taken.
    ({"alg": "RS256", "kid": "ec"}, signed_by_rsa),
    ({"alg": "ES256", "kid": "rsa"}, signed_by_ec),
    ({"alg": "RS512", "kid": "rsa"}, by_sha512),
    ({"alg": "PS256", "kid": "rsa"}, by_pss),
    ({"alg": "RS256", "kid": "rsa"}, by_pss),
    # Zeros, which careless libraries take for a signature of any text; and another encoding.
    ({"alg": "ES256", "kid": "ec"}, lambda _: bytes(64)),
    ({"alg": "ES256", "kid": "ec"}, lambda text: ec_key().sign(text, ec.ECDSA(hashes.SHA256()))),
    # Somebody else's key, which the token brings along.
    (HEADER, by_foreign_key),
    ({**HEADER, "jwk": rsa_jwk(FOREIGN)}, by_foreign_key),
    ({**HEADER, "jku": "https://evil.test/jwks.json"}, by_foreign_key),
    ({**HEADER, "x5u": "https://evil.test/cert.pem"}, by_foreign_key),
    ({**HEADER, "x5c": ["MII"]}, by_foreign_key),
    # The name of a key as a path, a query, a URL or another type.
    *(({"alg": "RS256", "kid": kid}, signed_by_rsa) for kid in KIDS),
    *(({**HEADER, **more}, signed_by_rsa) for more in CHANGING),
    *((header, signed_by_rsa) for header in NO_HEADERS),
]


@pytest.mark.parametrize(("header", "sign"), FORGED_HEADERS, ids=map(str, count()))
def test_a_forged_header_is_refused(
    ours: JwtVerifier, header: object, sign: Callable[[bytes], bytes]
) -> None:
    assert refusal(ours, token(header, sign=sign)) is not None


BAD_VALUES: dict[str, list[object]] = {
    "iss": [None, "https://issuer.test/", "evil", "", ["https://issuer.test"], {}],
    "aud": [None, "API", "", [], ["other"], [["api"]], {"api": 1}, 7],
    "exp": [None, AT, AT - 1, 0, -1, "9999999999", True, [AT + 60], 1e-300],
    "nbf": [AT + 1, AT + 1.1, 10**300, "0", False, []],
    "iat": [AT + 10, "0"],
    "sub": [None, "", 7, ["ana"], {"id": "ana"}, "a" * 257, "an\na", "an\x00a", "an\u200ba"],
}
BAD_CLAIMS: list[object] = [
    *({**CLAIMS, name: value} for name, values in BAD_VALUES.items() for value in values),
    *({k: v for k, v in CLAIMS.items() if k != name} for name in ("iss", "aud", "exp", "sub")),
    *([], "ana", None, b"{", b"", b"\xff", b"[" * 4000),
    json.dumps(CLAIMS).encode()[:-1] + b', "sub": "bob"}',
    json.dumps(CLAIMS).encode()[:-1] + b', "n": NaN}',
    token(HEADER),
]


@pytest.mark.parametrize("claims", BAD_CLAIMS, ids=map(str, count()))
def test_claims_that_do_not_hold_are_refused(ours: JwtVerifier, claims: object) -> None:
    assert refusal(ours, token(HEADER, claims)) is not None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: good[:-8],
        lambda good: good + b"AAAA",
        lambda good: good + b".",
        lambda good: good + b"=",
        lambda good: b"." + good,
        lambda good: good.rpartition(b".")[0],
        lambda good: good.rpartition(b".")[0] + b".",
        lambda good: good + b"." + good,
        lambda good: good.replace(b".", b" ."),
        lambda good: good.replace(b".", b".."),
        lambda good: good + b"\n",
        lambda good: good + b" " + good,
        lambda good: good + b"," + good,
        lambda good: b"Bearer " + good,
        lambda good: good + b"\xff",
        lambda _: b"",
        lambda _: b"..",
        lambda good: json.dumps({"payload": good.decode()}).encode(),
        lambda good: b64(good).encode(),
    ],
    ids=map(str, count()),
)
def test_what_is_no_whole_token_is_refused(
    ours: JwtVerifier, spoil: Callable[[bytes], bytes]
) -> None:
    assert refusal(ours, spoil(token(HEADER))) is not None


def test_a_token_that_is_too_long_is_refused_before_it_is_read(ours: JwtVerifier) -> None:
    long = token(HEADER, {**CLAIMS, "more": "a" * MAX_TOKEN_BYTES})

    assert "at most" in str(refusal(ours, long))


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=100))
def test_no_bytes_do_more_than_identify_nobody(
    ours: JwtVerifier, header: bytes, claims: bytes, signature: bytes
) -> None:
    assert refusal(ours, token(header, claims, lambda _: signature)) is not None
    assert refusal(ours, header) is not None


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ["alg", "kid", "typ", "crit", "iss", "aud", "sub", "exp", "nbf", "iat", "x"]
)


@settings(max_examples=50)
@given(
    st.dictionaries(NAMES, JSON_VALUES, max_size=3), st.dictionaries(NAMES, JSON_VALUES, max_size=3)
)
def test_no_signed_json_does_more_than_identify_nobody(
    ours: JwtVerifier, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    refused = refusal(ours, token({**HEADER, **header}, {**CLAIMS, "sub": 7, **claims}))

    assert refused is not None or isinstance(claims.get("sub"), str)


def test_a_token_that_was_verified_is_known_as_long_as_it_holds(tmp_path: Path) -> None:
    ours = verifier(tmp_path)
    good = token(HEADER)
    ours.verify(good, US, NOW)

    moments = [NOW + timedelta(seconds=seconds) for seconds in (-61, -60, 0, 59.9, 60)]

    assert [ours.known(good, US, each) for each in moments] == [None, "ana", "ana", "ana", None]
    assert refusal(ours, good, now=moments[-1]) is not None


@pytest.mark.parametrize("past", [0, 0.001, 0.4])
def test_a_token_ends_within_a_second(ours: JwtVerifier, past: float) -> None:
    ends_within = token(HEADER, {**CLAIMS, "exp": AT + 0.5})
    end = NOW + timedelta(seconds=0.5)

    assert refusal(ours, ends_within, now=end + timedelta(seconds=past)) is not None
    assert ours.verify(ends_within, US, end - timedelta(seconds=0.1)) == "ana"


def test_a_token_for_one_audience_is_not_known_for_another(tmp_path: Path) -> None:
    ours = verifier(tmp_path)
    other = Identification(type="user", issuer="https://issuer.test", audience="other")
    good = token(HEADER)
    ours.verify(good, US, NOW)

    assert ours.known(good, other, NOW) is None
    assert refusal(ours, good, other) is not None


def test_a_key_that_was_taken_away_verifies_nothing_any_more(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [KEYS[0]()]}))
    keys = KeySet(file)
    keys.load()
    ours, good = JwtVerifier(keys), token(HEADER)
    before = ours.verify(good, US, NOW)

    file.write_text(json.dumps({"keys": [KEYS[1]()]}))
    keys.look()
    keys.look()

    assert before == "ana"
    assert ours.known(good, US, NOW) is None
    assert refusal(ours, good) is not None
    assert refusal(ours, token({"alg": "ES256", "kid": "ec"}, sign=signed_by_ec)) is None


def test_by_a_file_that_was_spoilt_nothing_is_verified(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [KEYS[0]()]}))
    keys = KeySet(file)
    keys.load()
    ours = JwtVerifier(keys)

    file.write_text("{")
    keys.look()
    keys.look()

    assert refusal(ours, token(HEADER)) is not None
    assert "jwks.json" in str(ours.problems()[0])


def test_a_claim_of_another_name_can_name_the_subject(ours: JwtVerifier) -> None:
    us = Identification(type="user", issuer="https://issuer.test", audience="api", claim="employee")

    assert ours.verify(token(HEADER, {**CLAIMS, "employee": "bob"}), us, NOW) == "bob"
    assert refusal(ours, token(HEADER), us) is not None


def private_jwk() -> dict[str, Any]:
    numbers = rsa_key().private_numbers()
    return rsa_jwk(rsa_key(), d=number(numbers.d))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("{", "is not JSON"),
        ("[]", "is no key set"),
        ("{}", "is no key set"),
        ('{"keys": {}}', "is no key set"),
        ('{"keys": []}', "holds no key"),
        ('{"keys": [7]}', "keys[0] is no JSON object"),
        ('{"keys": [{"kty": "RSA"}]}', "keys[0] is no key (KeyError)"),
        ('{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "keys[0] is private or a secret"),
        (lambda: {"keys": [private_jwk()]}, "keys[0] is private or a secret"),
        (lambda: {"keys": [rsa_jwk(rsa_key(1024))]}, "keys[0] has fewer than 2048 bits"),
        (lambda: {"keys": [KEYS[0](), KEYS[0]()]}, "keys[1] has the `kid` of another key"),
        (lambda: {"keys": [{**KEYS[1](), "y": "AAAA"}]}, "keys[0] is no key"),
        (lambda: {"keys": [{**KEYS[1](), "kid": 7}]}, "keys[0]: `kid` is no string"),
        (lambda: {"keys": [{**KEYS[0](), "use": "enc"}]}, "holds no key"),
        (lambda: {"keys": [{**KEYS[0](), "alg": "RS512"}]}, "holds no key"),
        (lambda: {"keys": [{**KEYS[2](), "key_ops": ["sign"]}]}, "holds no key"),
        (lambda: {"keys": [ec_jwk(ec_key(ec.SECP384R1), "P-384")]}, "holds no key"),
    ],
    ids=map(str, count()),
)
def test_a_file_that_is_no_set_of_public_keys_is_refused(
    tmp_path: Path, content: str | Callable[[], object], message: str
) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content()))

    with pytest.raises(InvalidSettingError) as refused:
        KeySet(file).load()

    assert message in str(refused.value)


def test_keys_for_other_uses_stand_beside_ours(tmp_path: Path) -> None:
    others = [
        {**rsa_jwk(FOREIGN), "kid": "rsa", "use": "enc"},
        ec_jwk(ec_key(ec.SECP521R1), "P-521", kid="rsa"),
        {"kty": "new", "kid": "rsa"},
    ]

    assert refusal(verifier(tmp_path, *others, KEYS[0]()), token(HEADER)) is None


def test_a_token_without_a_kid_needs_a_key_that_is_the_only_one_of_its_algorithm(
    tmp_path: Path,
) -> None:
    ours = verifier(tmp_path, KEYS[0](), rsa_jwk(FOREIGN, kid="other"))

    assert refusal(ours, token({"alg": "RS256"})) is not None
    assert refusal(ours, token(HEADER)) is None
