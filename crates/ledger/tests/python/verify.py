"""A second verifier, written from FORMAT.md: python3 verify.py LOG.pub LEDGER...

Prints one line a ledger, `verified` or `FAILED` with the record, and exits 1 if any failed. It
needs the package `cryptography` and nothing of adproof. The shape of a record is at the top."""
import base64, datetime, hashlib, json, pathlib, re, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

RECORD = b"application/vnd.adproof.record.v1+json"
ACK = b"application/vnd.adproof.ack.v1+json"
P = 2**255 - 19
Y8 = int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little")
SMALL_ORDER = {0, 1, P - 1, Y8, P - Y8}
ACTIONS = ("none", "observe", "measure", "review", "throttle", "block")
ROLES = ("record", "checkpoint", "root", "witness", "counterparty", "evidence")

class Bad(Exception): """Why a ledger does not hold."""
def need(holds, why):
    if not holds:
        raise Bad(why)
def sha256(*parts): return hashlib.sha256(b"".join(parts)).digest()

# The shape of a record: a dict has exactly these fields, a list holds one shape, a function decides.
def like(pattern): return lambda value: text(value) and re.fullmatch(pattern, value, re.ASCII) is not None
def one_of(*names): return lambda value: value in names
def opt(shape): return lambda value: value is None or fits(shape, value)
def integer(low, high): return lambda value: type(value) is int and low <= value <= high
def text(value): return isinstance(value, str)
def log_name(value):
    return text(value) and len(value.encode()) <= 256 and re.fullmatch(r"[^\s+\x00-\x1f\x7f-\x9f]+", value) is not None
def day(value): return like(r"\d{4}-\d\d-\d\d")(value) and bool(datetime.date.fromisoformat(value))

INT, COUNT, U32, U8 = integer(-2**53, 2**53), integer(0, 2**53), integer(0, 2**32 - 1), integer(0, 255)
HEX, ACTION, FLAG = like("[0-9a-f]{64}"), one_of(*ACTIONS), lambda value: type(value) is bool
LEG = {"root": HEX, "state": one_of("present", "absent", "late", "refused", "redacted", "erased", "not_applicable")}
SCORE = {name: U32 for name in "attainable_ppm high_ppm indicators issues issues_seen mean_ppm recurrence_ppm".split()}
SCORE |= {"block": text, "class": text, "explained_by": opt(text), "family": text}
HIT = {name: COUNT for name in "devices devices_in_log households impressions".split()}
HIT |= {"basis": text, "block": text, "coverage_ppm": U32, "devices_high_ppm": U32, "revenue_micros": INT}
REASON = {"gate": text, "numbers": [{"name": text, "value": INT}], "outcome": text}
TAG = {"document": HEX, "errors": U32, "outcome": text, "risks": U32}
TIME = {"beacon": opt(HEX), "error_us": INT, "monotonic_us": INT, "source": text, "wall_us": INT}
HEAD = {"kid": HEX, "log": log_name, "prev": HEX, "seq": COUNT, "time": TIME, "typ": text, "v": integer(1, 1)}
BODIES = {
    "decision": {
        "completeness": {"have": U8, "miss": U8, "ppm": U32},
        "dec": {"action": ACTION, "collateral": [HIT], "expires_us": opt(INT), "held_out": FLAG, "reasons": [REASON],
                "scores": [SCORE], "subject": HEX, "tag": opt(TAG), "target": opt(text)},
        "legs": {name: LEG for name in "billing creative execution network request vast".split()},
        "repro": {"inputs": [{"role": text, "sha256": HEX}], "seed": lambda v: like("0|[1-9][0-9]*")(v) and int(v) < 2**64}
        | {name: HEX for name in "engine model params policy ruleset".split()}},
    "ack": {"ack": {"kid": HEX, "leaf": HEX, "log": log_name, "reason": text, "seq": COUNT, "signature": text,
                    "stance": one_of("received", "agreed", "disputed"), "time_us": INT}},
    "key": {"key": {"action": one_of("add", "retire", "revoke"), "from_seq": COUNT, "public": HEX, "reason": text,
                    "role": one_of(*ROLES)}},
    "window-close": {"window": {"from_us": INT, "records": {"count": COUNT, "first": COUNT}, "to_us": INT, "totals": [
        {"action": ACTION, "amount_micros": INT, "count": COUNT, "currency": like("[A-Z]{3}"), "party": text}]}},
    "erase": {"erase": {"day": day, "key": HEX, "reason": text, "records": COUNT}},
    "recovery": {"recovery": {"bytes": COUNT, "sha256": HEX}}}

def fits(shape, value):
    if isinstance(shape, dict):
        return isinstance(value, dict) and value.keys() == shape.keys() and all(fits(shape[k], value[k]) for k in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(shape[0], one) for one in value)
    return shape(value)
def number(digits):
    need(digits != "-0" and len(digits) < 18 and abs(int(digits)) < 2**53, "an integer that a record cannot hold")
    return int(digits)
def no_number(digits):
    raise Bad("a number that is no integer")
def canonical(value): return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
def parse(entry):
    need(len(entry) <= 65535, "too long")
    value = json.loads(entry.decode(), parse_int=number, parse_float=no_number, parse_constant=no_number)
    need(canonical(value) == entry, "not canonical")  # Also where a field is there twice.
    need(isinstance(value, dict) and value.get("typ") in BODIES, "no type of record")
    need(fits(HEAD | BODIES[value["typ"]], value), "not the fields of version 1")
    return value
def b64(digits):
    raw = base64.b64decode(digits, validate=True)
    need(base64.b64encode(raw).decode() == digits, "base64 in a second form")
    return raw
def kid(public): return sha256(bytes.fromhex("302a300506032b6570032100"), public).hex()
def signed(public, message, signature):
    """Strict: both points canonical and of full order. OpenSSL refuses S >= L and any other R."""
    for point in (public, signature[:32]):
        y = int.from_bytes(point, "little") % 2**255
        need(y < P and y not in SMALL_ORDER, "a point that strict verification refuses")
    Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
def dsse(kind, payload): return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
def crc32c(data):
    crc = 0xFFFFFFFF
    for bit in (byte >> i & 1 for byte in data for i in range(8)):
        crc = crc >> 1 ^ (0x82F63B78 if (crc ^ bit) & 1 else 0)
    return crc ^ 0xFFFFFFFF
def frames(folder):
    seq = 0
    for path in sorted(folder.glob("segments/*.seg")):
        data, at = path.read_bytes(), 27
        need(data[:at] == b"adproof segment v1\n" + seq.to_bytes(8, "big"), f"{path.name} does not begin with it")
        while at < len(data):
            head, payload = data[at:at + 8], data[at + 8:at + 8 + int.from_bytes(data[at:at + 4], "big")]
            need(int.from_bytes(head[:4], "big") == len(payload) > 2, "its frame is cut")
            need(int.from_bytes(head[4:], "big") == crc32c(head[:4] + payload), "its checksum does not fit")
            end = 2 + int.from_bytes(payload[:2], "big")
            signatures, many = payload[end + 1:], payload[end:end + 1]
            need(many and len(signatures) == 96 * many[0] <= 96 * 16, "its frame has another shape")
            many = [signatures[i:i + 96] for i in range(0, len(signatures), 96)]
            yield payload[2:end], {one[:32].hex(): one[32:] for one in reversed(many)}
            seq, at = seq + 1, at + 8 + len(payload)
def root(leaves):
    half = 1 << max(len(leaves) - 1, 1).bit_length() - 1
    return leaves[0] if len(leaves) == 1 else sha256(b"\1", root(leaves[:half]), root(leaves[half:])) if leaves else sha256()

class Log:
    def __init__(self, keys):
        self.spans, self.name, self.leaves, self.actions, self.closed = [], None, [], [], 0
        for line in (line for line in keys.split("\n") if line and line[0] != "#"):
            name, digest, raw = line.split("+", 2)
            role = next((role for role in ROLES if name.endswith("/" + role)), "checkpoint")
            need(sha256(name.encode(), b"\n", b64(raw)).hex()[:8] == digest and b64(raw)[0] == 1, "a broken key")
            self.name = self.name or name.removesuffix("/" + role)
            need(self.name == name.removesuffix("/" + role), "keys of two logs")
            self.spans.append([role, b64(raw)[1:], 0, 2**64])
    def signer(self, role, name, at):
        found = [public for r, public, start, end in self.spans if r == role and start <= at < end and kid(public) == name]
        need(found, f"no {role} key {name} may sign it")
        return found[0]
    def take(self, seq, entry, signatures):
        record = parse(entry)
        typ, name = record["typ"], record["kid"]
        need(record["seq"] == seq and record["log"] == self.name, "it is of another place or log")
        need(record["prev"] == (self.leaves[-1] if self.leaves else bytes(32)).hex(), "it does not follow")
        need(name in signatures, "it is unsigned")
        public = self.signer("root" if typ == "key" else "record", name, seq)
        signed(public, dsse(RECORD, entry), signatures[name])
        if typ in ("ack", "key", "window-close"):
            getattr(self, typ.replace("-close", ""))(seq, *(record[field] for field in BODIES[typ]))
        self.leaves.append(sha256(b"\0", entry))
        self.actions.append(record["dec"]["action"] if typ == "decision" else None)
    def key(self, seq, change):
        role, public, at = change["role"], bytes.fromhex(change["public"]), max(seq + 1, change["from_seq"])
        # What a revoked key has signed stands only under a checkpoint of somebody else.
        need(change["action"] != "revoke", "it revokes a key, and this verifier holds no checkpoint")
        if change["action"] == "add":
            need(all(span[0] == role for span in self.spans if span[1] == public), "a key with two roles")
            self.spans.append([role, public, at, 2**64])
        for span in self.spans if change["action"] == "retire" else []:
            span[3] = min(span[3], at) if span[:2] == [role, public] else span[3]
    def ack(self, seq, ack):
        statement = {name: ack[name] for name in ("leaf", "log", "reason", "seq", "stance", "time_us")}
        signed(self.signer("counterparty", ack["kid"], seq), dsse(ACK, canonical(statement)), b64(ack["signature"]))
        leaf = self.leaves[ack["seq"]].hex() if ack["log"] == self.name else ack["leaf"]
        need(leaf == ack["leaf"], "it acknowledges other bytes")
    def window(self, seq, window):
        totals, (first, end) = window["totals"], (window["records"]["first"], sum(window["records"].values()))
        order = [tuple(total[name].encode() for name in ("party", "action", "currency")) for total in totals]
        need(order == sorted(set(order)) and window["from_us"] < window["to_us"], "its totals or times are out of order")
        need(self.closed <= first and end <= seq, "it sums up other records")
        self.closed = end
        for action in ACTIONS:
            said = sum(total["count"] for total in totals if total["action"] == action)
            need(said == self.actions[first:end].count(action), f"it counts {said} decisions {action}")
    def checkpoint(self, note):
        head, lines = note.decode().rsplit("\n\n", 1)
        origin, size, digest = head.split("\n")
        need(lines.endswith("\n") and not re.search(r"[\x00-\x09\x0b-\x1f]", note.decode()), "it is no note")
        need(origin == self.name and size == str(len(self.leaves)), "it is of another log or size")
        need(b64(digest) == root(self.leaves), "it signs another root")
        known = {}
        for role, public, start, end in self.spans:
            if role == "checkpoint" and start <= len(self.leaves) < end:
                known[sha256(origin.encode(), b"\n\1", public)[:4]] = public
        signers = []
        for line in lines[:-1].split("\n"):
            dash, name, raw = line.split(" ")
            need(dash == "\u2014" and len(b64(raw)) > 4, "it is no note")
            if name == origin and b64(raw)[:4] in known:
                signers.append(signed(known[b64(raw)[:4]], head.encode() + b"\n", b64(raw)[4:]))
        need(signers, "nobody known has signed it")

def verify(keys, folder):
    where, log = "log.pub", None
    try:
        log = Log(keys)
        where = "record 0"
        for seq, (entry, signatures) in enumerate(frames(folder)):
            log.take(seq, entry, signatures)
            where = f"record {seq + 1}"
        where = "checkpoint"
        log.checkpoint((folder / "checkpoint").read_bytes())
    except (Bad, InvalidSignature, ValueError, IndexError, OSError, RecursionError) as error:
        return f"FAILED {where}: {error or 'its signature does not fit'}"
    return f"verified {len(log.leaves)} records"

results = [(folder, verify(pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(folder))) for folder in sys.argv[2:]]
for folder, result in results:
    print(f"{folder}: {result}")
sys.exit(any(not result.startswith("verified") for _, result in results))
