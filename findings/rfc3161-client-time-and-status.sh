#!/usr/bin/env bash
# A time-stamping authority says when it saw something (RFC 3161). Its time may have a fraction of a second, and its
# answer the status "granted" or "granted with modifications"; a token comes with both. A good guess is that
# rfc3161-client, which verifies such tokens, gives the time as the authority wrote it, and takes both.
#
# What is so, with rfc3161-client 1.0.9: the fraction is cut off. A token of 22:17:42.646 verifies and has a `gen_time`
# of 22:17:42, so what it proves to exist "by then" may have been made later, and two tokens of one second have no
# order, although the authority says that it orders them. `tst_info.as_bytes()` still has the fraction. And the verifier
# refuses the same token under "granted with modifications", which `openssl ts -verify` accepts.
# (Needs the program openssl, which is the authority here.)
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check rfc3161-client==1.0.9
cd "$work"
cat > authority.conf <<'CONF'
[req]
distinguished_name = name
[name]
[it]
serial = ./serial
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
clock_precision_digits = 6
ordering = yes
ess_cert_id_alg = sha256
CONF
cat > leaf.conf <<'CONF'
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
authorityKeyIdentifier = keyid
CONF
echo 01 > serial
{
  openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 30 -subj "/CN=Example Root" \
    -config authority.conf -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
    -addext subjectKeyIdentifier=hash
  openssl req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj "/CN=Example Authority" -config authority.conf
  openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 20 -extfile leaf.conf -out leaf.pem
} 2> /dev/null
"$work/venv/bin/python" - <<'PY'
import re, subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import rfc3161_client
from cryptography import x509

def openssl(*words):
    return subprocess.run(["openssl", "ts", *words], capture_output=True, text=True).stdout

data = b"a seal"
Path("data").write_bytes(data)
query = rfc3161_client.TimestampRequestBuilder().data(data).nonce(nonce=True).cert_request(cert_request=True).build()
Path("query").write_bytes(query.as_bytes())
openssl(*"-reply -queryfile query -config authority.conf -section it -signer leaf.pem -inkey leaf.key -out granted".split())
answer = Path("granted").read_bytes()
granted, modified = b"\x30\x03\x02\x01\x00", b"\x30\x03\x02\x01\x01"  # PKIStatusInfo stands before what is signed
assert answer.count(granted) == 1
Path("modified").write_bytes(answer.replace(granted, modified))

root = x509.load_pem_x509_certificate(Path("root.pem").read_bytes())
verifier = rfc3161_client.VerifierBuilder().add_root_certificate(root).build()

def verified(name):
    try:
        return verifier.verify_message(rfc3161_client.decode_timestamp_response(Path(name).read_bytes()), data)
    except rfc3161_client.VerificationError as error:
        return str(error)

said = re.search(r"Time stamp: (.+) GMT", openssl("-reply", "-in", "granted", "-text"))[1]
exact = datetime.strptime(said, "%b %d %H:%M:%S.%f %Y")
info = rfc3161_client.decode_timestamp_response(answer).tst_info
print("the authority's time:", exact, "  gen_time:", info.gen_time, "  in the bytes:", re.search(rb"[0-9]{14}\.[0-9]+Z", info.as_bytes())[0])
checked = {name: "Verification: OK" in openssl(*f"-verify -data data -in {name} -CAfile root.pem".split()) for name in ("granted", "modified")}
seen = [
    version("rfc3161-client"), exact.microsecond > 0, info.gen_time.replace(tzinfo=None) == exact.replace(microsecond=0), info.ordering,
    checked, {name: verified(name) for name in checked},
]
print(*seen, sep="\n")
assert seen == [
    "1.0.9", True, True, True,
    {"granted": True, "modified": True}, {"granted": True, "modified": "PKIStatus is not GRANTED"},
], "the behaviour has changed"
PY
