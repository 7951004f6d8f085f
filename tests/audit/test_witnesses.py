"""Cosignatures of a witness, and time stamps of an authority: both are servers here, made of other people's code."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tlog_scales.signing import Vkey
from tlog_scales.tlog import Checkpoint as PeerCheckpoint
from tlog_scales.tlog import ConsistencyProof

from relations import Relations
from relations.audit import SealingKey, Seals, check_timestamp, request_timestamp
from relations.audit.checker import ED25519_COSIGNATURE, Checkpoint, Invalid, Policy, VerifierKey, check_checkpoint
from relations.errors import InvalidInput, LogError, SourceError
from relations.testing import simulate
from tests.cli.conftest import invoke
from tests.conftest import absent
from tests.support.receiver import served

KEY = SealingKey.generate("hotel.example/customers")
WITNESS = "witness.example/w1"

Answer = tuple[int, bytes]


@contextmanager
def serving(answer: Callable[[bytes], Answer]) -> Iterator[str]:
    """Serve one function on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    with served(Handler) as address:
        yield address


class Witness:
    """A witness that follows C2SP's tlog-witness, with an independent reading of checkpoints and proofs."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public = VerifierKey(WITNESS, ED25519_COSIGNATURE, self._key.public_key().public_bytes_raw())
        self.size, self.root = 0, b""

    def answer(self, body: bytes) -> Answer:
        head, _, text = body.decode().partition("\n\n")
        old, *path = head.split("\n")
        checkpoint = PeerCheckpoint.from_text(text)
        try:
            for key in KEY.verifier_keys:
                checkpoint.verify(Vkey.from_string(str(key)))
        except Exception:  # whatever the peer says of a signature that does not hold
            return 403, b""
        if int(old.removeprefix("old ")) != self.size:
            return 409, f"{self.size}\n".encode()
        if self.size:
            proof = ConsistencyProof(self.size, checkpoint.size, [b64decode(each) for each in path])
            try:
                proof.check(self.root, checkpoint.root_hash)
            except Exception:  # likewise
                return 422, b""
        self.size, self.root = checkpoint.size, checkpoint.root_hash
        signed = (1_777_000_000).to_bytes(8, "big")
        note = text.partition("\n\n")[0] + "\n"
        signed += self._key.sign(f"cosignature/v1\ntime 1777000000\n{note}".encode())
        return 200, f"— {WITNESS} {b64encode(self.public.identifier + signed).decode()}\n".encode()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Relations]:
    with Relations.open(f"sqlite:///{tmp_path / 'log.db'}") as engine:
        engine.execute_many(islice(simulate(), 40))
        Seals(engine.log).seal(KEY)
        yield engine


def policy_with(witness: Witness) -> Policy:
    return Policy.parse(KEY.policy().replace("quorum none", f"witness w1 {witness.public}\nquorum w1"))


def test_a_witness_cosigns_each_seal_that_continues_the_one_before(engine: Relations, tmp_path: Path) -> None:
    witness, seals = Witness(), Seals(engine.log)
    policy = policy_with(witness)
    with pytest.raises(Invalid, match="do not meet w1"):
        check_checkpoint(Checkpoint.parse(seals.all()[-1].checkpoint), policy)
    with serving(witness.answer) as url:
        first = seals.cosign(url, policy)
        assert [key.name for key in check_checkpoint(Checkpoint.parse(first.checkpoint), policy)][-1] == WITNESS
        assert seals.all() == [first]
        engine.execute_many(islice(simulate(), 40, 80))
        seals.seal(KEY)
        second = seals.cosign(url, policy)
        assert len(check_checkpoint(Checkpoint.parse(second.checkpoint), policy)) == 3
        assert seals.cosign(url, policy).checkpoint.count(WITNESS) >= 1
        (tmp_path / "policy").write_text(KEY.policy().replace("quorum none", f"witness w1 {witness.public}\nquorum w1"))
        ran = invoke("audit", "cosign", url, "-d", tmp_path / "log.db", "--policy", tmp_path / "policy")
        assert ran.code == 0
        assert WITNESS in ran.out
    assert witness.size == second.size
    assert engine.verify().good


def test_a_witness_that_has_seen_another_history_refuses(engine: Relations, tmp_path: Path) -> None:
    witness = Witness()
    policy = policy_with(witness)
    with serving(witness.answer) as url:
        Seals(engine.log).cosign(url, policy)
        with Relations.open(f"sqlite:///{tmp_path / 'fork.db'}") as fork:
            fork.execute_many(islice(simulate(seed=9), 90))
            Seals(fork.log).seal(KEY)
            with pytest.raises(LogError, match="does not accept the proof") as refused:
                Seals(fork.log).cosign(url, policy)
            assert refused.value.code == "witness_refused"
        with Relations.open(f"sqlite:///{tmp_path / 'short.db'}") as short:
            short.execute_many(islice(simulate(), 5))
            Seals(short.log).seal(KEY)
            with pytest.raises(LogError, match="the witness has seen"):
                Seals(short.log).cosign(url, policy)


def test_what_is_no_cosignature_of_a_known_witness_is_not_kept(engine: Relations) -> None:
    seals, policy = Seals(engine.log), policy_with(Witness())
    before = seals.all()
    with serving(Witness().answer) as url, pytest.raises(InvalidInput, match="no key of the witness"):
        seals.cosign(url, policy)
    answers: dict[Answer, type[Exception]] = {
        (200, b"hello"): SourceError,
        (200, b"\xff"): SourceError,
        (409, b"many"): SourceError,
        (404, b""): LogError,
        (500, b""): LogError,
    }
    for answer, error in answers.items():
        with serving(lambda _body, answer=answer: answer) as url, pytest.raises(error):  # type: ignore[misc]
            seals.cosign(url, policy)
    with pytest.raises(SourceError, match="cannot reach"):
        seals.cosign("http://127.0.0.1:1", policy)
    with pytest.raises(InvalidInput, match="is not an address"):
        seals.cosign("file:///etc/passwd", policy)
    assert seals.all() == before


# --- time stamps ----------------------------------------------------------------------------------------------------


def key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=key_cert_sign, crl_sign=crl_sign, encipher_only=False, decipher_only=False,
    )  # fmt: skip


class Authority:
    """A time-stamping authority: OpenSSL with a certificate made here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        now = dt.datetime.now(dt.UTC)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example Root")])

        by_root = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())

        def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder().subject_name(name).issuer_name(root_name).public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=9))
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
                .add_extension(by_root, critical=False)
            )  # fmt: skip

        root = (
            builder(root_name, root_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        leaf = (
            builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example TSA")]), key.public_key())
            .add_extension(key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        self.root = root.public_bytes(serialization.Encoding.PEM)
        (folder / "tsa.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        (folder / "tsa.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "serial").write_text("01\n")
        (folder / "tsa.conf").write_text(
            f"[tsa]\ndefault_tsa = it\n[it]\nserial = {folder / 'serial'}\nsigner_digest = sha256\n"
            "default_policy = 1.2.3.4\ndigests = sha256, sha384, sha512\nordering = no\ness_cert_id_alg = sha256\n"
            "clock_precision_digits = 6\n"
        )

    def answer(self, query: bytes) -> Answer:
        asked, given = self._folder / "query", self._folder / "reply"
        asked.write_bytes(query)
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", "tsa.conf", "-section", "it", "-queryfile", asked,
             "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", given],
            check=True, cwd=self._folder, capture_output=True,
        )  # fmt: skip
        return 200, given.read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        absent("needs openssl as a time-stamping authority")
    return Authority(tmp_path_factory.mktemp("authority"))


def test_an_authority_says_when_a_checkpoint_existed(engine: Relations, authority: Authority, tmp_path: Path) -> None:
    checkpoint = Checkpoint.parse(Seals(engine.log).all()[-1].checkpoint)
    with serving(authority.answer) as url:
        token = request_timestamp(checkpoint, url)
        moment = check_timestamp(token, checkpoint, authority.root)
        assert abs(dt.datetime.now(dt.UTC) - moment) < dt.timedelta(minutes=10)
        (tmp_path / "seal").write_text(Seals(engine.log).all()[-1].checkpoint)
        (tmp_path / "policy").write_text(KEY.policy())
        (tmp_path / "root.pem").write_bytes(authority.root)
        assert invoke("audit", "timestamp", tmp_path / "seal", "--authority", url, "-o", tmp_path / "t.tsr").code == 0
    stamped = ("--timestamp", tmp_path / "t.tsr", "--authority-certificate", tmp_path / "root.pem")
    ran = invoke("audit", "check", tmp_path / "seal", "--policy", tmp_path / "policy", *stamped)
    assert ran.code == 0, ran.err
    assert f"which existed by {moment.date()}" in ran.out
    (tmp_path / "body").write_bytes(checkpoint.body)
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", "body", "-in", "t.tsr", "-CAfile", "root.pem"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout, done.stderr


def test_a_time_stamp_keeps_the_fraction_of_the_second(engine: Relations, authority: Authority, tmp_path: Path) -> None:
    checkpoint = Checkpoint.parse(Seals(engine.log).all()[-1].checkpoint)
    with serving(authority.answer) as url:
        token = request_timestamp(checkpoint, url)
    (tmp_path / "t.tsr").write_bytes(token)
    shown = subprocess.run(
        ["openssl", "ts", "-reply", "-in", tmp_path / "t.tsr", "-text"], capture_output=True, text=True, check=True
    ).stdout
    written = re.search(r"Time stamp: (.+) GMT", shown)
    assert written is not None
    said = dt.datetime.strptime(f"{written[1]} +0000", "%b %d %H:%M:%S.%f %Y %z")
    assert check_timestamp(token, checkpoint, authority.root) == said


def test_a_time_stamp_of_something_else_or_by_somebody_else_does_not_hold(
    engine: Relations, authority: Authority, tmp_path: Path
) -> None:
    checkpoint = Checkpoint.parse(Seals(engine.log).all()[-1].checkpoint)
    with serving(authority.answer) as url:
        token = request_timestamp(checkpoint, url)
    other = Checkpoint.parse(KEY.sign(3, bytes(32), timestamp=1_777_000_000))
    for stamped, given, root in (
        (other, token, authority.root),
        (checkpoint, token, Authority(tmp_path).root),
        (checkpoint, token[:-1], authority.root),
        (checkpoint, b"", authority.root),
    ):
        with pytest.raises(LogError) as refused:
            check_timestamp(given, stamped, root)
        assert refused.value.code == "timestamp_invalid"
    with pytest.raises(InvalidInput, match="certificate cannot be read"):
        check_timestamp(token, checkpoint, b"nothing")
    with serving(lambda _body: (200, token)) as url, pytest.raises(SourceError, match="no time stamp of this"):
        request_timestamp(other, url)
    with serving(lambda _body: (503, b"")) as url, pytest.raises(SourceError, match="status 503"):
        request_timestamp(checkpoint, url)
