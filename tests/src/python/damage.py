"""What the tests of `schemas/delm_check.py` need of Python.

`damage.py vectors VECTORS` decodes every vector, and hashes what BLAKE3's own vectors hash.
`damage.py damage EXPORT FOLDER` writes damaged copies of an export as FOLDER/NAME.jsonl, and prints
for each `NAME TAB what its refusal must say`. Copies whose bytes are wrong in themselves have every
hash, link, the tree and the head made to agree again: only what reads the bytes can refuse those.
`damage.py lawful EXPORT FOLDER` writes other histories in which everything agrees: FOLDER/rewritten.jsonl, whose last
entry is later, FOLDER/redacted.jsonl, without the words of its question, and FOLDER/forked.jsonl, a fork of it.

Refuses nothing: it fails with a traceback.
"""

import base64
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "schemas"))

import delm_check as checker  # noqa: E402

BLAKE3_CONTEXT = "BLAKE3 2019-12-27 16:29:52 test vectors context"
# Input length, hash, derived key: from the vectors of the BLAKE3 authors. The input counts from 0 to 250 and again.
BLAKE3_VECTORS = [
    (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
     "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"),
    (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
     "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"),
    (1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
     "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5"),
    (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
     "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"),
    (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
     "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb"),
    (2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
     "2ea477c5515cc3dd606512ee72bb3e0e758cfae7232826f35fb98ca1bcbdf273"),
    (3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3",
     "72613c9ec9ff7e40f8f5c173784c532ad852e827dba2bf85b2ab4b76f7079081"),
    (102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085", None),
]


def hashes():
    for length, plain, derived in BLAKE3_VECTORS:
        data = bytes(at % 251 for at in range(length))
        assert checker.blake3(data).hex() == plain, length
        if derived:
            assert checker.derive_key(BLAKE3_CONTEXT, data).hex() == derived, length
    # RFC 6962 as its reference implementation is tested: the tree heads of the first leaves of a known list.
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    tree = checker.Tree()
    for size in range(len(leaves) + 1):
        assert tree.root().hex() == roots.get(size, tree.root().hex()), size
        if size < len(leaves):
            tree.push(bytes.fromhex(leaves[size]))


def event_of(data):
    cursor = checker.Cursor(data)
    event = checker.read_event(cursor)
    cursor.done()
    return event


def refused(read, data):
    try:
        read(data)
    except checker.Refused:
        return True
    return False


def vectors(path):
    hashes()
    kinds = set()
    with open(path, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            data = bytes.fromhex(line["bytes"])
            if "entry" in line:
                found, _ = checker.read_entry(data)
                found["id"] = checker.derive_key(checker.ENTRY_CONTEXT, data).hex()
                found["bytes"] = base64.b64encode(data).decode()
                wanted, read = line["entry"], checker.read_entry
            else:
                found, read = event_of(data), event_of
                wanted = {name: line[name] for name in ("kind", "version", "hash", "data")}
                kinds.add(line["kind"])
            assert checker.spell(found) == checker.spell(wanted), (wanted, found)
            assert all(refused(read, data[:end]) for end in range(len(data))), wanted
            assert refused(read, data + b"\0"), wanted
    missing = {name for name, _ in checker.EVENTS.values()} - kinds
    assert not missing, f"no vector for {missing}"


class Stream:
    """An export as lines, with the places of its parts."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.lines = file.read().decode().split("\n")[:-1]
        self.entries = [at for at, line in enumerate(self.lines) if line.startswith('{"seq":')]
        self.blobs = [at for at, line in enumerate(self.lines) if line.startswith('{"blob":')]

    def with_line(self, at, *lines):
        return [*self.lines[:at], *lines, *self.lines[at + 1:]]

    def swapped(self, left, right):
        lines = list(self.lines)
        lines[left], lines[right] = lines[right], lines[left]
        return lines

    def edited(self, at, old, new):
        """One place of a line, spelled otherwise."""
        assert old in self.lines[at], (old, self.lines[at])
        return self.with_line(at, self.lines[at].replace(old, new, 1))

    def entry(self, seq):
        return json.loads(self.lines[self.entries[seq]])

    def rechained(self, seq, data, **said):
        """Entry `seq` gets other bytes and says this of them; all that follows from it is worked out again."""
        lines, parent, tree = list(self.lines), None, checker.Tree()
        for at, place in enumerate(self.entries):
            line = json.loads(lines[place])
            raw = data if at == seq else base64.b64decode(line["bytes"])
            if at > seq:
                raw = raw[:1] + bytes.fromhex(parent) + raw[33:]
            digest = checker.derive_key(checker.ENTRY_CONTEXT, raw)
            line.update(said if at == seq else {}, parent=parent, id=digest.hex(), bytes=base64.b64encode(raw).decode())
            lines[place] = checker.spell(line)
            tree.push(digest)
            parent = digest.hex()
        head = {"seq": len(self.entries) - 1, "id": parent}
        lines[-1] = checker.spell({"head": head, "tree": {"size": tree.size, "root": tree.root().hex()}})
        return lines


def assembled(entries, blobs, header):
    """An export of these entries, whose parents are filled in; `header` is given their ids."""
    lines, named, tree, ids = [], set(), checker.Tree(), [bytes(32)]
    for raw in entries:
        raw = raw[:1] + ids[-1] + raw[33:]
        ids.append(checker.derive_key(checker.ENTRY_CONTEXT, raw))
        entry, names = checker.read_entry(raw)
        entry.update(id=ids[-1].hex(), bytes=base64.b64encode(raw).decode())
        lines.append(checker.spell(entry))
        named.update(names)
        tree.push(ids[-1])
    ids = [name.hex() for name in ids[1:]]
    head = {"seq": len(ids) - 1, "id": ids[-1]}
    end = {"head": head, "tree": {"size": tree.size, "root": tree.root().hex()}}
    return [checker.spell(header(ids)), *lines, *(blobs[name] for name in sorted(named)), checker.spell(end)]


def and_then(stream, last, event):
    """The entries up to `last`, and one more by the engine."""
    raws = [base64.b64decode(stream.entry(seq)["bytes"]) for seq in range(last + 1)]
    at_ms, command = stream.entry(last)["at_ms"], 1 << 20
    numbers = b"".join([varint(last + 1), varint(at_ms), b"\0", varint(command), varint(1)])
    return [*raws, put_together(b"\1" + bytes(32) + numbers, [event])]


def redacted(stream, gone):
    """The history with a redaction of the question at its end, whose bytes are gone or not."""
    question = stream.entry(0)["events"][0]["data"]["question"]
    blobs = {json.loads(stream.lines[at])["blob"]: stream.lines[at] for at in stream.blobs}
    if gone:
        length = json.loads(blobs[question])["len"]
        blobs[question] = checker.spell({"blob": question, "len": length, "redacted": True})
    event = 67, 1, bytes.fromhex(question) * 2
    header = json.loads(stream.lines[0])
    return assembled(and_then(stream, len(stream.entries) - 1, event), blobs, lambda ids: header)


def forked(stream, owner):
    """A fork of the run after its third entry, which says that it forks `owner`."""
    last = 2
    blobs = {json.loads(stream.lines[at])["blob"]: stream.lines[at] for at in stream.blobs}
    origin = {"run": owner, "seq": last, "head": stream.entry(last)["id"]}
    engine = b"delm of another day"
    place = bytes.fromhex(owner) + varint(last) + bytes.fromhex(origin["head"])
    event = 2, 1, bytes(17) + place + varint(len(engine)) + engine + varint(0) + bytes(7)

    def header(ids):
        return {"schema": "delm.export/1", "run": ids[-1], "origin": origin, "engine": engine.decode()}

    return assembled(and_then(stream, last, event), blobs, header)


def write(folder, name, lines):
    with open(os.path.join(folder, name + ".jsonl"), "w", encoding="utf-8", newline="") as file:
        file.write("".join(line + "\n" for line in lines))


def varint(value):
    if value <= 250:
        return bytes([value])
    for first, count in ((251, 2), (252, 4), (253, 8)):
        if value < 1 << 8 * count:
            return bytes([first]) + value.to_bytes(count, "little")
    raise ValueError(value)


def taken_apart(data):
    """What precedes the events of an entry, and each event as (kind, version, body)."""
    cursor = checker.Cursor(data)
    cursor.take(33)
    for read in (checker.read_u64, checker.read_u64, checker.option_of(checker.read_u32),
                 checker.read_u64, checker.read_u32):
        read(cursor)
    start, events = cursor.at, []
    for _ in range(checker.read_u64(cursor)):
        kind, version = checker.read_u16(cursor), checker.read_u8(cursor)
        events.append((kind, version, cursor.take(checker.read_u64(cursor))))
    return data[:start], events


def put_together(before, events):
    parts = [varint(kind) + bytes([version]) + varint(len(body)) + body for kind, version, body in events]
    return before + varint(len(events)) + b"".join(parts)


def second_spellings(stream):
    """Bytes that are wrong in themselves, in a chain where everything else agrees."""
    data = base64.b64decode(stream.entry(1)["bytes"])
    before, events = taken_apart(data)
    (kind, version, body), rest = events[0], events[1:]
    assert put_together(before, events) == data
    assert data[33] == 1 and stream.entry(1)["events"][0]["kind"] == "claimed"

    def first_event(kind=kind, version=version, body=body):
        return put_together(before, [(kind, version, body), *rest])

    yield "trailing-entry", data + b"\0", "bytes are left over"
    yield "trailing-body", first_event(body=body + b"\0"), "bytes are left over"
    yield "short-body", first_event(body=body[:-1]), "more bytes are announced"
    yield "long-varint", data[:33] + b"\xfb\x01\x00" + data[34:], "spelled longer"
    yield "no-varint", data[:33] + b"\xfe" + data[34:], "no integer begins with 254"
    yield "format", b"\2" + data[1:], "format 2"
    yield "kind", first_event(kind=999), "no kind of event has the number 999"
    yield "version", first_event(version=2), "version 2"
    yield "word", first_event(body=b"\x09" + body[1:]), "place 9 is not among"
    yield "no-events", put_together(before, []), "no events"
    yield "gap", data[:33] + b"\x02" + data[34:], "expected 1, found 2"
    yield "parent", data[:1] + bytes(32) + data[33:], "found null"
    yield "twice-begun", put_together(before, taken_apart(base64.b64decode(stream.entry(0)["bytes"]))[1]), \
        "run_started does not stand at the beginning"


def bad_texts(stream):
    """Like the above, in the first entry: the engine is no UTF-8, the `bool` after it is 2."""
    data = base64.b64decode(stream.entry(0)["bytes"])
    engine = stream.entry(0)["events"][0]["data"]["engine"].encode()
    at = data.index(engine, 33)
    yield "no-utf8", data[:at] + b"\xff" + data[at + 1:], "not UTF-8"
    after = at + len(engine)
    yield "no-bool", data[:after] + b"\x02" + data[after + 1:], "neither false nor true"


def damages(stream):
    """Every damage as (name, lines, what its refusal says)."""
    lines, entry, blob, end = stream.lines, stream.entries, stream.blobs, len(stream.lines) - 1
    middle = entry[len(entry) // 2]
    here = f"line {middle + 1}"
    yield "entry-dropped", stream.with_line(middle), here
    yield "entry-doubled", stream.with_line(middle, lines[middle], lines[middle]), f"line {middle + 2}"
    yield "entry-swapped", stream.swapped(middle, middle + 1), here
    yield "last-entry-dropped", stream.with_line(entry[-1]), "line "
    yield "blob-dropped", stream.with_line(blob[1]), f"line {blob[1] + 1}"
    yield "blob-doubled", stream.with_line(blob[1], lines[blob[1]], lines[blob[1]]), f"line {blob[1] + 2}"
    yield "blob-swapped", stream.swapped(blob[0], blob[1]), f"line {blob[0] + 1}"
    yield "blobs-dropped", [line for at, line in enumerate(lines) if at not in blob], f"line {blob[0] + 1}"
    yield "end-dropped", lines[:-1], "it was cut"
    yield "end-doubled", [*lines, lines[-1]], f"line {end + 2}"
    yield "more", [*lines, lines[1]], f"line {end + 2}"
    yield "empty", [], "line 1"
    raw = stream.entry(2)["bytes"]
    flipped = raw[:60] + ("A" if raw[60] != "A" else "B") + raw[61:]
    yield "bytes", stream.edited(entry[2], raw, flipped), "seq 2: id"
    yield "bytes-no-base64", stream.edited(entry[2], raw, raw[:60] + "!" + raw[61:]), "seq 2: bytes is not base64"
    claimed = stream.entry(1)["events"][0]
    yield "data", stream.edited(entry[1], '"attempt":1', '"attempt":2'), "seq 1: events[0].data.attempt: expected 1, found 2"
    yield "data-more", stream.edited(entry[1], '"attempt":1', '"attempt":1,"x":0'), "data.x"
    yield "data-true", stream.edited(entry[1], '"attempt":1', '"attempt":true'), "found true"
    yield "data-float", stream.edited(entry[1], '"attempt":1', '"attempt":1.0'), "found 1.0"
    yield "event-hash", stream.edited(entry[1], claimed["hash"], "0" * 64), "events[0].hash"
    yield "agent", stream.edited(entry[1], '"agent":"a', '"agent":"a1'), "seq 1: agent"
    yield "id", stream.edited(entry[1], stream.entry(1)["id"], "0" * 64), "seq 1: id"
    yield "parent-said", stream.edited(entry[1], stream.entry(1)["parent"], "0" * 64), "seq 1: parent"
    yield "space", stream.edited(entry[1], '"seq":1', '"seq": 1'), "not spelled"
    yield "escape", stream.edited(entry[1], '"kind":"claimed"', '"kind":"\\u0063laimed"'), "not spelled"
    yield "key-twice", stream.edited(entry[1], '"seq":1', '"seq":1,"seq":1'), "not spelled"
    first = json.loads(lines[blob[0]])
    yield "blob-bytes", stream.edited(blob[0], first["base64"][:4], "AAAA"), "the blob's hash"
    yield "blob-len", stream.edited(blob[0], f'"len":{first["len"]}', '"len":1'), "len"
    gone = checker.spell({"blob": first["blob"], "len": first["len"], "redacted": True})
    yield "blob-gone", stream.with_line(blob[0], gone), "no entry redacted it"
    header, last = json.loads(lines[0]), json.loads(lines[-1])
    yield "format-newer", stream.edited(0, "delm.export/1", "delm.export/2"), "line 1: schema"
    yield "run", stream.edited(0, header["run"], "0" * 64), "line 1: run"
    yield "engine", stream.edited(0, header["engine"], "delm 99"), "line 1: engine"
    yield "origin", stream.edited(0, '"origin":null', '"origin":{}'), "line 1: origin"
    yield "head", stream.edited(end, last["head"]["id"], "0" * 64), "head.id"
    yield "size", stream.edited(end, f'"size":{last["tree"]["size"]}', '"size":1'), "tree.size"
    yield "root", stream.edited(end, last["tree"]["root"], "0" * 64), "tree.root"
    for name, data, says in second_spellings(stream):
        yield name, stream.rechained(1, data), says
    for name, data, says in bad_texts(stream):
        yield name, stream.rechained(0, data), says
    later = 1 << 62
    yield "redacted-and-there", redacted(stream, gone=False), "its bytes are still there"
    yield "forked-elsewhere", forked(stream, stream.entry(1)["id"]), "seq 3: events[0].data.origin.run"
    yield "later", stream.rechained(0, with_time(stream, 0, later), at_ms=later), "line 3, seq 1: at_ms"


def with_time(stream, seq, at_ms):
    """The bytes of an entry, given at another time."""
    data = base64.b64decode(stream.entry(seq)["bytes"])
    start = 33 + len(varint(seq))
    old = varint(stream.entry(seq)["at_ms"])
    assert data[start:start + len(old)] == old
    return data[:start] + varint(at_ms) + data[start + len(old):]


def damage(path, folder):
    stream = Stream(path)
    whole = "\n".join(stream.lines) + "\n"
    files = {name: ("".join(line + "\n" for line in lines), says) for name, lines, says in damages(stream)}
    files["cut-newline"] = whole[:-1], "it was cut"
    files["cut-line"] = whole[:len(whole) // 2], "it was cut"
    files["carriage-returns"] = whole.replace("\n", "\r\n"), "not spelled"
    for name, (text, says) in files.items():
        with open(os.path.join(folder, name + ".jsonl"), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        print(name, says, sep="\t")


def lawful(path, folder):
    stream = Stream(path)
    seq = len(stream.entries) - 1
    at_ms = stream.entry(seq)["at_ms"] + 1
    write(folder, "rewritten", stream.rechained(seq, with_time(stream, seq, at_ms), at_ms=at_ms))
    write(folder, "redacted", redacted(stream, gone=True))
    write(folder, "forked", forked(stream, stream.entry(0)["id"]))


if __name__ == "__main__":
    {"vectors": vectors, "damage": damage, "lawful": lawful}[sys.argv[1]](*sys.argv[2:])
