#!/usr/bin/env python3
"""Check an export of delm without delm: `python3 delm_check.py FILE|- [--facts] [--json]`.

One file, Python 3.9 or newer, nothing but the standard library. It was written from `entry-v1.md`,
`export-v1.schema.json` and the contract of the command line, and shares no code with delm: two
programs that agree on a file say more than one program that agrees with itself.

What it does: it reads an export (`delm.export/1`) line by line and decodes the bytes of each entry.
From them it works out every id, event hash and parent link, the history tree, the head, and the
text that each line must have, and compares. Blobs are hashed, and each must be named by an entry.
Then it can say which facts the run admitted, on whose word, from which stretch of which source, and
what the answer cites.

What it refuses (exit 4, with line, seq, what was expected and what was found): a byte changed, a
line missing, doubled, moved or added, a file cut short, a rendering that says other than the bytes,
bytes that have a second spelling, a blob without its bytes that no entry redacted, one with them
that an entry did, an unknown format.

What it cannot know: whether the file is the one you were promised. Somebody who rewrites all of it
gets another head, so compare the head with one you were told by another way: `--head ID`. It judges
no law of a run (`delm check` does) and no decision (`delm replay` does). Nothing vouches for the
length that is given for a redacted blob.

Exit codes: 0 intact, 1 unexpected, 2 wrong usage or a file that cannot be read, 4 not intact.
"""

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import struct
import sys

ENTRY_CONTEXT = "delm entry v1"
EVENT_CONTEXT = "delm event v1"
ENTRY_BYTES_MAX = 64 * 1024 * 1024
HINT = "it is not as delm wrote it; get another copy"


class Refused(Exception):
    """The file is not intact: where, and what was expected and found there."""

    def __init__(self, what, expected=None, found=None):
        super().__init__(what)
        self.what, self.expected, self.found = what, short(expected), short(found)
        self.line = self.seq = None
        self.hint = HINT

    def __str__(self):
        places = [("line", self.line), ("seq", self.seq)]
        place = ", ".join(f"{name} {at}" for name, at in places if at is not None)
        text = f"{place}: {self.what}" if place else self.what
        if self.expected is not None or self.found is not None:
            text += f": expected {spell(self.expected)}, found {spell(self.found)}"
        return text


class Words(str):
    """Words of this program in a place where otherwise a value of the file stands."""


def short(value):
    """A value for a message; a list, an object or a long text only by its beginning."""
    if isinstance(value, (dict, list)):
        value = Words("an object" if isinstance(value, dict) else "a list")
    if isinstance(value, str) and len(value) > 140:
        value = type(value)(f"{value[:100]}… ({len(value)} characters)")
    return value


def spell(value):
    """The one spelling of a value in an export; `Words` stand as they are."""
    if isinstance(value, Words):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- BLAKE3 ------------------------------------------------------------------------------------
#
# One compression works on many chunks at once: a word of the state is one long integer, with a lane
# of 64 bits for each chunk and the chunk's 32-bit word in the lower half of its lane.

IV = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT, KEY_CONTEXT, KEY_MATERIAL = 1, 2, 4, 8, 32, 64
CHUNK, BLOCK = 1024, 64
LANES_MAX = 256


def pack(words):
    """Words, one a lane, as one integer."""
    return int.from_bytes(struct.pack(f"<{len(words)}Q", *words), "little")


def unpack(word, lanes):
    """The words in the lanes of an integer."""
    return struct.unpack(f"<{lanes}Q", word.to_bytes(8 * lanes, "little"))


def mix(state, place, x, y, mask):
    """The quarter round: stirs two words of the message into four of the state."""
    i, j, k, l = place
    a, b, c, d = state[i], state[j], state[k], state[l]
    a = (a + b + x) & mask
    d ^= a
    d = (d >> 16 | d << 16) & mask
    c = (c + d) & mask
    b ^= c
    b = (b >> 12 | b << 20) & mask
    a = (a + b + y) & mask
    d ^= a
    d = (d >> 8 | d << 24) & mask
    c = (c + d) & mask
    b ^= c
    b = (b >> 7 | b << 25) & mask
    state[i], state[j], state[k], state[l] = a, b, c, d


def compress(chaining, message, counters, length, flags, lanes):
    """The next chaining value of each lane, from sixteen words of message a lane."""
    ones = pack((1,) * lanes)
    mask = 0xFFFFFFFF * ones
    low = pack([counter & 0xFFFFFFFF for counter in counters])
    high = pack([counter >> 32 for counter in counters])
    state = [*chaining, *(word * ones for word in IV[:4]), low, high, length * ones, flags * ones]
    for rounds_left in range(6, -1, -1):
        for at, place in enumerate(COLUMNS + DIAGONALS):
            mix(state, place, message[2 * at], message[2 * at + 1], mask)
        if rounds_left:
            message = [message[at] for at in ORDER]
    return [state[at] ^ state[at + 8] for at in range(8)]


def chunks(data, first, lanes, key, flags, last_flags):
    """Chaining values, eight columns with a row a chunk, of `lanes` chunks of one length."""
    length = len(data) // lanes
    blocks = max(1, -(-length // BLOCK))
    stride = blocks * 16
    # A chunk that ends within a block is alone in its lane, so the filling goes to the very end.
    words = struct.unpack(f"<{lanes * stride}I", data.ljust(lanes * stride * 4, b"\0"))
    ones = pack((1,) * lanes)
    chaining = [word * ones for word in key]
    counters = range(first, first + lanes)
    for block in range(blocks):
        message = [pack(words[block * 16 + at::stride]) for at in range(16)]
        start = CHUNK_START if block == 0 else 0
        end = last_flags if block == blocks - 1 else 0
        filled = min(BLOCK, length - block * BLOCK)
        chaining = compress(chaining, message, counters, filled, flags | start | end, lanes)
    return [unpack(word, lanes) for word in chaining]


def parents(columns, key, flags):
    """One level up the tree: neighbours are joined, one without a neighbour goes up as it is."""
    lanes = len(columns[0]) // 2
    even, odd = slice(0, 2 * lanes, 2), slice(1, 2 * lanes, 2)
    message = [pack(column[even]) for column in columns] + [pack(column[odd]) for column in columns]
    ones = pack((1,) * lanes)
    chaining = [word * ones for word in key]
    joined = compress(chaining, message, (0,) * lanes, BLOCK, flags | PARENT, lanes)
    rows = [unpack(word, lanes) for word in joined]
    return [row + tuple(column[2 * lanes:]) for row, column in zip(rows, columns)]


def blake3(data, key=IV, flags=0):
    """BLAKE3 of bytes: thirty-two bytes."""
    full = max(0, len(data) - 1) // CHUNK
    columns = [() for _ in IV]
    for first in range(0, full, LANES_MAX):
        lanes = min(LANES_MAX, full - first)
        part = data[first * CHUNK:(first + lanes) * CHUNK]
        rows = chunks(part, first, lanes, key, flags, CHUNK_END)
        columns = [old + new for old, new in zip(columns, rows)]
    last_flags = CHUNK_END if full else CHUNK_END | ROOT
    rows = chunks(data[full * CHUNK:], full, 1, key, flags, last_flags)
    columns = [old + new for old, new in zip(columns, rows)]
    while len(columns[0]) > 1:
        root = ROOT if len(columns[0]) == 2 else 0
        columns = parents(columns, key, flags | root)
    return struct.pack("<8I", *(column[0] for column in columns))


def derive_key(context, data):
    """BLAKE3 in key-derivation mode."""
    if context not in derive_key.keys:
        words = blake3(context.encode(), IV, KEY_CONTEXT)
        derive_key.keys[context] = struct.unpack("<8I", words)
    return blake3(data, derive_key.keys[context], KEY_MATERIAL)


derive_key.keys = {}


# --- RFC 6962 ----------------------------------------------------------------------------------


def tree_leaf(data):
    """The hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def tree_node(left, right):
    """The hash of two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A history tree that grows at its end: `peaks` are the full subtrees, the largest first."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, data):
        """Adds a leaf."""
        self.peaks.append(tree_leaf(data))
        self.size += 1
        size = self.size
        while size % 2 == 0:
            right, left = self.peaks.pop(), self.peaks.pop()
            self.peaks.append(tree_node(left, right))
            size //= 2

    def root(self):
        """The tree head over all leaves so far."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = tree_node(peak, root)
        return root


# --- The layout of an entry --------------------------------------------------------------------

# Word for word the block of `entry-v1.md`; a test compares the two.
LAYOUT = """\
word PauseCause budget deadline interrupt provider
word Outcome answered unanswered failed cancelled
word AgentKind builtin model program
word Purpose plan read reason review expand finalize
word Level summary raw
word Extractor text markdown
word GistKind finding reading failure
word Ruling approve rewrite reject
word Method mechanical judge program log ablated
word Grade judged judged-same-model self mechanical none
word Check spans numbers negations names length cites judge
word DrainCause empty stuck
word AnswerKind text quotes
word Ablation verdicts sharing hierarchy
word CallFault provider request lost
word Late stale closed

struct SourceId n:u32
struct TaskId n:u32
struct AgentId n:u32
struct FactId n:u32
struct CallId n:u32
struct UnitId source:SourceId index:u32
choice Subject task:TaskId unit:UnitId
choice Label fact:FactId unit:UnitId
choice Job plan read:UnitId reason:TaskId review:u64 expand:u32 finalize

struct PolicyName name:str version:u32
struct ModelChoice model:str params:[(key:str value:str)]
struct Models worker:ModelChoice judge:ModelChoice
struct Template part:str text:hash
struct Price model:str version:str in_microusd:u64 cached_microusd:u64 out_microusd:u64
struct Change limit:str value:u64
struct Recipe renderer:u32 preamble:hash template:hash length:u64 job:Job attempt:u32 feedback:hash? unfolded:[(label:Label level:Level)] prior:hash? problem:hash?
struct RequestRef hash:hash recipe:Recipe
struct Tokens in:u64 out:u64 cached:u64
struct Evidence unit:UnitId start:u64 end:u64

struct Limits agents_max attempts_max releases_max lease_ms deadline_ms budget_microusd budget_tokens gist_tokens_max output_tokens_max tasks_max needs_max rounds_max unfold_rounds_max unfold_labels_max asks_max commands_kept bullets_max reference_words_min evidence_max unit_bytes units_max source_bytes_max sources_bytes_max question_bytes_max reply_bytes_max bytes_per_token

1 run_started nonce:bytes16 question:hash name:hash? policy:PolicyName limits:Limits models:Models hosts:[str] engine:str self_review:bool reading:bool ablations:[Ablation] templates:[Template] prices:[Price]
2 run_forked nonce:bytes16 name:hash? owner:hash seq:u64 head:hash engine:str changes:[Change] policy:PolicyName? models:Models? hosts:[str]? self_review:bool? ablations:[Ablation]? templates:[Template]? prices:[Price]?
3 run_paused cause:PauseCause open:[Subject]
4 run_resumed engine:str changes:[Change]
5 run_ended outcome:Outcome reason:hash? open:[Subject]
10 source_added source:SourceId name:hash original_hash:hash original_len:u64 extractor:Extractor text:hash
11 source_skipped name:hash reason:hash
12 unit_added unit:UnitId start:u64 end:u64
20 agent_joined agent:AgentId kind:AgentKind principal:str model:str program:str?
21 agent_left agent:AgentId
30 task_added task:TaskId text:hash needs:[TaskId] round:u32
40 claimed job:Job agent:AgentId fence:u64 deadline_ms:u64 attempt:u32
41 lease_renewed job:Job agent:AgentId fence:u64 deadline_ms:u64 attempt:u32
42 claim_expired job:Job fence:u64
43 claim_released job:Job fence:u64
44 context_read fence:u64 length:u64
45 unfolded fence:u64 label:Label level:Level
50 call_started call:CallId fence:u64 purpose:Purpose model:str request:RequestRef reserved_microusd:u64? reserved_tokens:u64
51 call_finished call:CallId reply:hash model_reported:str? request_id:str? tokens:Tokens? cost_microusd:u64? latency_ms:u64 tries:u32 billable:u32
52 call_failed call:CallId fault:CallFault error:hash reply:hash? charged_microusd:u64? charged_tokens:u64 tries:u32 billable:u32
60 draft_submitted job:Job fence:u64 agent:AgentId draft:hash cites:[FactId] length:u64
61 result_refused job:Job? fence:u64 agent:AgentId draft:hash cites:[FactId] length:u64 why:Late
62 summary_checked unit:UnitId summary:hash bullets:u32 dropped:u32
63 gist_proposed task:Subject fence:u64? gist:hash kind:GistKind evidence:[Evidence]
64 verdict_given task:Subject proposal:u64 fence:u64? gist:hash outcome:Ruling verifier:AgentId? method:Method checks:[(check:Check passed:bool)] reason:hash
65 gist_admitted label:FactId task:Subject proposal:u64 gist:hash author:AgentId? grade:Grade note:u64
66 gist_withdrawn label:FactId reason:hash tainted:[FactId] note:u64
67 blob_redacted blob:hash reason:hash
70 task_reopened task:Job attempt:u32 reason:hash
71 task_abandoned task:Job attempt:u32 reason:hash
72 drained round:u32 cause:DrainCause
73 expanded round:u32 fence:u64? tasks:[TaskId]
80 limit_reached cause:PauseCause limit:str value:u64 spent:u64 needed:u64
81 answer_given fence:u64 answer:hash answer_kind:AnswerKind cites:[FactId]
"""

# Hashes that name no blob: files as they were found, requests, and entries of another run.
NO_BLOBS = {
    ("source_added", "original_hash"), ("RequestRef", "hash"),
    ("run_forked", "owner"), ("run_forked", "head"),
}


class Cursor:
    """A place in bytes that moves on as they are read; keeps the blobs that were named on its way."""

    def __init__(self, data, at=0, end=None, blobs=None, inside=""):
        self.data, self.at, self.inside = data, at, inside
        self.end = len(data) if end is None else end
        self.blobs = [] if blobs is None else blobs

    def refuse(self, what):
        raise Refused(f"byte {self.at} of the entry{self.inside}: {what}")

    def take(self, count):
        """The next bytes."""
        if count > self.end - self.at:
            self.refuse(f"{count} more bytes are announced and {self.end - self.at} are there")
        self.at += count
        return self.data[self.at - count:self.at]

    def body(self, kind):
        """A cursor over the next bytes with a length before them, which this one passes by."""
        count = read_u64(self)
        start = self.at
        self.take(count)
        return Cursor(self.data, start, self.at, self.blobs, f", in {kind}")

    def done(self):
        if self.at != self.end:
            self.refuse(f"{self.end - self.at} bytes are left over")


def varint(bits):
    """A reader of integers of so many bits, in their shortest spelling."""
    wide = {251: (2, 251), 252: (4, 1 << 16), 253: (8, 1 << 32)}

    def read(cursor):
        first = read_u8(cursor)
        if first <= 250:
            return first
        if first not in wide:
            cursor.refuse(f"no integer begins with {first}")
        count, least = wide[first]
        value = int.from_bytes(cursor.take(count), "little")
        if value < least:
            cursor.refuse(f"the integer {value} is spelled longer than it needs")
        if value >> bits:
            cursor.refuse(f"the integer {value} does not fit into {bits} bits")
        return value

    return read


def read_u8(cursor):
    return cursor.take(1)[0]


read_u16, read_u32, read_u64 = varint(16), varint(32), varint(64)


def read_bool(cursor):
    value = read_u8(cursor)
    if value > 1:
        cursor.refuse(f"{value} is neither false nor true")
    return value == 1


def read_str(cursor):
    data = cursor.take(read_u64(cursor))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return cursor.refuse("the text before here is not UTF-8")


def read_hex(count):
    return lambda cursor: cursor.take(count).hex()


def read_blob(cursor):
    """A hash that names a blob of the run."""
    value = cursor.take(32).hex()
    cursor.blobs.append(value)
    return value


def option_of(reader):
    return lambda cursor: reader(cursor) if read_bool(cursor) else None


def list_of(reader):
    def read(cursor):
        count = read_u64(cursor)
        if count > cursor.end - cursor.at:
            cursor.refuse(f"a list of {count} is longer than what is left")
        return [reader(cursor) for _ in range(count)]

    return read


def struct_of(fields):
    return lambda cursor: {name: reader(cursor) for name, reader in fields}


def place_in(cursor, items):
    at = read_u32(cursor)
    if at >= len(items):
        cursor.refuse(f"place {at} is not among {len(items)}")
    return items[at]


def word_of(words):
    return lambda cursor: place_in(cursor, words)


def choice_of(alternatives):
    """The name of the alternative, and what it carries."""

    def read(cursor):
        name, reader = place_in(cursor, alternatives)
        return name, reader(cursor) if reader else None

    return read


def render_job(job):
    name, payload = job
    return name if payload is None else f"{name}:{payload}"


def render_subject_of_job(data):
    name, _, label = data["task"].partition(":")
    return {**data, "task": label if name in ("read", "reason") else data["task"]}


def render_fork(data):
    origin = {"run": data["owner"], "seq": data["seq"], "head": data["head"]}
    rest = {name: data[name] for name in data if name not in ("nonce", "name", "owner", "seq", "head")}
    return {"nonce": data["nonce"], "name": data["name"], "origin": origin, **rest}


def render_source(data):
    original = {"hash": data["original_hash"], "len": data["original_len"]}
    return {
        "source": data["source"], "name": data["name"], "original": original,
        "extractor": data["extractor"], "text": data["text"],
    }


def render_unit(data):
    return {"unit": data["unit"], "source": data["unit"].partition(".")[0], **data}


# What is rendered otherwise than a field for a field.
RENDER = {
    "SourceId": lambda data: f"S{data['n']}",
    "TaskId": lambda data: f"T{data['n']}",
    "AgentId": lambda data: f"a{data['n']}",
    "FactId": lambda data: f"F{data['n']}",
    "CallId": lambda data: f"c{data['n']}",
    "UnitId": lambda data: f"{data['source']}.{data['index']}",
    "Subject": lambda choice: choice[1],
    "Label": lambda choice: choice[1],
    "Job": render_job,
    "run_forked": render_fork,
    "source_added": render_source,
    "unit_added": render_unit,
    "task_reopened": render_subject_of_job,
    "task_abandoned": render_subject_of_job,
}


class Layout:
    """The layout block as readers: `types` by name, `events` by number as (name, reader)."""

    def __init__(self, text):
        self.types = {
            "u8": read_u8, "u16": read_u16, "u32": read_u32, "u64": read_u64, "bool": read_bool,
            "str": read_str, "bytes16": read_hex(16), "hash": read_hex(32), "blob": read_blob,
        }
        self.events = {}
        for line in filter(None, text.splitlines()):
            self.line(line)

    def line(self, line):
        form, name, *rest = line.split(maxsplit=2)
        tokens = re.findall(r"[\w-]+|\S", rest[0] if rest else "")
        if form == "word":
            reader = word_of(tokens)
        elif form == "choice":
            reader = choice_of(self.fields(tokens, name, None))
        else:
            reader = struct_of(self.fields(tokens, name, read_u64))
        if name in RENDER:
            reader = self.rendered(reader, RENDER[name])
        if form.isdigit():
            self.events[int(form)] = (name, reader)
        else:
            self.types[name] = reader

    @staticmethod
    def rendered(reader, render):
        return lambda cursor: render(reader(cursor))

    def fields(self, tokens, owner, untyped):
        """Names with readers up to a `)` or the end; a name without a type gets `untyped`."""
        fields = []
        while tokens and tokens[0] != ")":
            name = tokens.pop(0)
            if tokens and tokens[0] == ":":
                tokens.pop(0)
                fields.append((name, self.type(tokens, owner, name)))
            else:
                fields.append((name, untyped))
        return fields

    def type(self, tokens, owner, field):
        """The reader of the type that the tokens begin with; takes them."""
        token = tokens.pop(0)
        if token == "[":
            reader = list_of(self.type(tokens, owner, field))
            tokens.pop(0)
        elif token == "(":
            reader = struct_of(self.fields(tokens, owner, None))
            tokens.pop(0)
        else:
            is_blob = token == "hash" and (owner, field) not in NO_BLOBS
            reader = self.types["blob" if is_blob else token]
        if tokens and tokens[0] == "?":
            tokens.pop(0)
            reader = option_of(reader)
        return reader


EVENTS = Layout(LAYOUT).events


# --- Entries -----------------------------------------------------------------------------------


def read_event(cursor):
    """An event as an export shows it."""
    start = cursor.at
    number = read_u16(cursor)
    if number not in EVENTS:
        cursor.refuse(f"no kind of event has the number {number}")
    kind, reader = EVENTS[number]
    version = read_u8(cursor)
    if version != 1:
        cursor.refuse(f"{kind} has the version {version}, and this program reads 1")
    body = cursor.body(kind)
    data = reader(body)
    body.done()
    whole = cursor.data[start:cursor.at]
    event_hash = derive_key(EVENT_CONTEXT, whole).hex()
    return {"kind": kind, "version": version, "hash": event_hash, "data": data}


def read_entry(data):
    """An entry as an export shows it, `id` and `bytes` aside, and the blobs it names."""
    cursor = Cursor(data)
    form = read_u8(cursor)
    if form != 1:
        cursor.refuse(f"the entry has the format {form}, and this program reads 1")
    parent = cursor.take(32)
    entry = {"seq": read_u64(cursor), "id": None, "parent": parent.hex() if any(parent) else None}
    entry["at_ms"] = read_u64(cursor)
    agent = option_of(read_u32)(cursor)
    entry["agent"] = None if agent is None else f"a{agent}"
    entry["command"] = read_u64(cursor)
    entry["rules"] = read_u32(cursor)
    entry["events"] = list_of(read_event)(cursor)
    cursor.done()
    if not entry["events"]:
        cursor.refuse("the entry has no events")
    return entry, cursor.blobs


# --- Lines -------------------------------------------------------------------------------------


def parse(text):
    """A line as an object; its spelling is looked at later."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the line is not a line of an export: {error}") from None
    if not isinstance(value, dict):
        raise Refused("the line is not a line of an export: it is no object")
    return value


def unbase64(text, name):
    """The bytes of a field in base64, in its one spelling."""
    if not isinstance(text, str):
        raise Refused(f"{name} is no text")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(f"{name} is not base64: {error}") from None
    if base64.b64encode(data).decode() != text:
        raise Refused(f"{name} is not the one spelling of its bytes in base64")
    return data


def same(name, expected, found):
    """Refuses two values that differ."""
    if type(expected) is not type(found) or expected != found:
        raise Refused(name, expected, found)


def difference(expected, found, path=""):
    """The first place where two documents differ, with what stands there; None where they agree."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            where = f"{path}.{key}" if path else key
            if key not in expected or key not in found:
                nothing = Words("no such field")
                return where, expected.get(key, nothing), found.get(key, nothing)
            inner = difference(expected[key], found[key], where)
            if inner:
                return inner
        return None
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            items = [Words(f"{len(side)} items") for side in (expected, found)]
            return path, items[0], items[1]
        inner = (difference(*pair, f"{path}[{at}]") for at, pair in enumerate(zip(expected, found)))
        return next(filter(None, inner), None)
    if type(expected) is type(found) and expected == found:
        return None
    return path, expected, found


def same_document(expected, found, path=""):
    """Refuses two documents that differ, by the first place where they do."""
    differs = difference(expected, found, path)
    if differs:
        raise Refused(*differs)


def same_line(expected, found, text):
    """Refuses a line that says other than it should, or says it in another spelling."""
    spelled = spell(expected)
    if spelled == text:
        return
    same_document(expected, found)
    pairs = enumerate(zip(spelled, text))
    at = next((at for at, (left, right) in pairs if left != right), min(len(spelled), len(text)))
    raise Refused(
        f"the line is not spelled as an export spells it, from its character {at + 1} on",
        spelled[at:at + 20], text[at:at + 20],
    )


# --- The stream --------------------------------------------------------------------------------


class Export:
    """Takes the lines of an export one after the other; refuses the first that does not fit.

    `history` sees every entry, and says before the first blob which of them it wants to keep.
    """

    def __init__(self, history, with_blobs=True):
        self.history, self.with_blobs = history, with_blobs
        self.takes = self.header
        self.tree, self.seqs = Tree(), {}
        self.line = self.seq = None
        self.head, self.at_ms = None, 0
        self.run = self.origin = self.engine = None
        self.named, self.redactions, self.shared, self.waiting = set(), set(), set(), None
        self.blobs = self.redacted = 0

    def read(self, lines):
        """Reads all lines, as bytes with their ends."""
        try:
            self.line = 0
            for self.line, line in enumerate(lines, 1):
                self.takes(*self.text(line))
            if self.takes != self.nothing:
                self.line, self.seq = self.line + 1, None
                what = f"the file ends here, after {self.tree.size} entries, before its last line"
                raise Refused(f"{what}: it was cut")
        except Refused as refused:
            refused.line, refused.seq = self.line, self.seq
            raise

    @staticmethod
    def text(line):
        if not line.endswith(b"\n"):
            raise Refused("the line has no newline at its end: it was cut")
        try:
            text = line[:-1].decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused(f"the line is not UTF-8: {error}") from None
        return text, parse(text)

    def header(self, text, line):
        """The first line; what it says of the run is compared when the entries are known."""
        same("schema", "delm.export/1", line.get("schema"))
        self.first_line = text, line
        self.takes = self.entry

    def entry(self, text, line):
        if "bytes" not in line and self.tree.size:
            self.entries_end()
            return self.takes(text, line)
        self.seq = self.tree.size
        data = unbase64(line.get("bytes"), "bytes")
        if len(data) > ENTRY_BYTES_MAX:
            raise Refused(f"an entry of {len(data)} bytes is longer than {ENTRY_BYTES_MAX}")
        entry_id = derive_key(ENTRY_CONTEXT, data)
        same("id", entry_id.hex(), line.get("id"))
        entry, blobs = read_entry(data)
        entry["id"], entry["bytes"] = entry_id.hex(), line["bytes"]
        self.chain(entry)
        self.beginnings(entry)
        same_line(entry, line, text)
        self.named.update(blobs)
        for event in entry["events"]:
            if event["kind"] == "blob_redacted":
                self.redactions.add(event["data"]["blob"])
        self.head, self.at_ms = entry["id"], entry["at_ms"]
        self.seqs[self.head] = self.seq
        self.tree.push(entry_id)
        self.history.entry(entry)
        return None

    def chain(self, entry):
        """The entry follows the one before it."""
        if entry["seq"] != self.seq:
            what = "seq (an entry is missing, doubled or out of place)"
            raise Refused(what, self.seq, entry["seq"])
        if entry["parent"] != self.head:
            what = "parent (it does not follow the entry before it)"
            raise Refused(what, self.head, entry["parent"])
        if entry["at_ms"] < self.at_ms:
            what = "at_ms (time goes backwards)"
            raise Refused(what, Words(f"{self.at_ms} or later"), entry["at_ms"])

    def beginnings(self, entry):
        """A run begins with its first entry, and again where it was forked."""
        for at, event in enumerate(entry["events"]):
            kind, data = event["kind"], event["data"]
            first = at == 0 and (entry["seq"] == 0) == (kind == "run_started")
            if kind in ("run_started", "run_forked") and not first:
                raise Refused(f"events[{at}]: {kind} does not stand at the beginning of a run")
            if kind == "run_forked":
                left = {"run": self.run, "seq": self.seq - 1, "head": self.head}
                same_document(left, data["origin"], f"events[{at}].data.origin")
                self.shared = set(self.named)
            if kind in ("run_started", "run_forked"):
                self.run, self.engine = entry["id"], data["engine"]
                self.origin = data.get("origin")
        if self.run is None:
            raise Refused("the first entry", Words("run_started"), entry["events"][0]["kind"])

    def entries_end(self):
        """After the last entry: the header can be judged, and the blobs are due in order."""
        here, self.line, self.seq = self.line, 1, None
        text, line = self.first_line
        header = {"schema": "delm.export/1", "run": self.run, "origin": self.origin}
        same_line({**header, "engine": self.engine}, line, text)
        self.line = here
        self.waiting = sorted(self.named, reverse=True) if self.with_blobs else []
        self.wanted = self.history.wanted()
        self.takes = self.blob

    def blob(self, text, line):
        if "head" in line:
            return self.end(text, line)
        if not self.waiting:
            what = "blob (no entry names it, or it is there twice)"
            raise Refused(what, Words("the last line"), line.get("blob"))
        name = self.waiting.pop()
        if line.get("blob") != name:
            what = "blob (each that an entry names stands here once, ascending)"
            raise Refused(what, name, line.get("blob"))
        kept = self.bytes_gone(name, line) if "redacted" in line else self.bytes_there(name, line)
        same_line({"blob": name, **kept}, line, text)
        return None

    def bytes_gone(self, name, line):
        if name not in self.redactions and name not in self.shared:
            raise Refused(f"blob {name} has no bytes, though no entry redacted it")
        if type(line.get("len")) is not int or not 0 <= line["len"] < 1 << 64:
            raise Refused("len", Words("an integer"), line.get("len"))
        self.redacted += 1
        self.history.blob(name, None)
        return {"len": line["len"], "redacted": True}

    def bytes_there(self, name, line):
        data = unbase64(line.get("base64"), "base64")
        same("the blob's hash", blake3(data).hex(), name)
        if name in self.redactions:
            raise Refused(f"an entry redacted blob {name}, and its bytes are still there")
        if name in self.wanted:
            self.history.blob(name, data)
        self.blobs += 1
        return {"len": len(data), "base64": line["base64"]}

    def end(self, text, line):
        if self.waiting:
            made = "" if self.blobs + self.redacted else "; if the export was made with --no-blobs, say so here too"
            raise Refused(f"a blob is missing{made}", self.waiting[-1], Words("the last line"))
        tree = {"size": self.tree.size, "root": self.tree.root().hex()}
        same_line({"head": {"seq": self.tree.size - 1, "id": self.head}, "tree": tree}, line, text)
        self.takes = self.nothing

    def nothing(self, text, line):
        raise Refused("a line follows the last line of the export")

    def expect_head(self, head):
        """Refuses a history without the entry of this id; gives how many followed it."""
        if head not in self.seqs:
            refused = Refused("the head you named is not in this history", head, self.head)
            refused.hint = "it is another history than that one, or its end was cut off"
            raise refused
        return self.tree.size - 1 - self.seqs[head]


# --- What the run came to ----------------------------------------------------------------------


class History:
    """Facts and answer, read from the events; says None where the log does not tell."""

    def __init__(self):
        self.agents, self.claims, self.calls, self.asked = {}, {}, {}, {}
        self.proposals, self.verdicts, self.drafts = {}, {}, {}
        self.units, self.sources, self.facts, self.withdrawn = {}, {}, {}, {}
        self.tainted, self.attempts = set(), {}
        self.started = self.answer = self.outcome = None
        self.texts = {}

    def entry(self, entry):
        for event in entry["events"]:
            take = getattr(self, "on_" + event["kind"], None)
            if take:
                take(event["data"], entry)

    def on_run_started(self, data, entry):
        self.started = data

    def on_run_forked(self, data, entry):
        changed = {name: value for name, value in data.items() if name in self.started and value is not None}
        self.started, self.outcome = {**self.started, **changed, "name": data["name"]}, None

    def on_run_paused(self, data, entry):
        self.outcome = {"outcome": "paused", "cause": data["cause"], "reason": None}

    def on_run_resumed(self, data, entry):
        self.outcome = None

    def on_run_ended(self, data, entry):
        self.outcome = {"outcome": data["outcome"], "cause": None, "reason": data["reason"]}

    def on_source_added(self, data, entry):
        self.sources[data["source"]] = data

    def on_unit_added(self, data, entry):
        self.units[data["unit"]] = data["source"]

    def on_agent_joined(self, data, entry):
        self.agents[data["agent"]] = data

    def on_claimed(self, data, entry):
        self.claims[data["fence"]] = data

    def on_call_started(self, data, entry):
        self.calls[data["call"]] = data

    def on_call_finished(self, data, entry):
        call = self.calls.get(data["call"])
        if call:
            models = {"model": call["model"], "model_reported": data["model_reported"]}
            self.asked[call["fence"]] = models

    def on_draft_submitted(self, data, entry):
        self.drafts[entry["seq"], data["fence"]] = data["cites"]

    def on_gist_proposed(self, data, entry):
        self.proposals[entry["seq"], data["task"], data["gist"]] = data

    def on_task_abandoned(self, data, entry):
        self.attempts[entry["seq"], data["task"]] = data["attempt"]

    def on_verdict_given(self, data, entry):
        key = data["proposal"], data["task"], data["gist"]
        self.verdicts.setdefault(key, []).append({**data, "seq": entry["seq"]})

    def on_gist_admitted(self, data, entry):
        self.facts[data["label"]] = {**data, "entry": entry["id"], "seq": entry["seq"]}

    def on_gist_withdrawn(self, data, entry):
        self.withdrawn[data["label"]] = data["reason"]
        self.tainted.update(data["tainted"])

    def on_answer_given(self, data, entry):
        self.answer = {**data, "entry": entry["id"], "seq": entry["seq"]}

    def wanted(self):
        """The blobs whose bytes are shown."""
        found = {fact["gist"] for fact in self.facts.values()} | set(self.withdrawn.values())
        found |= {verdict["reason"] for group in self.verdicts.values() for verdict in group}
        for proposal in self.proposals.values():
            units = (self.units.get(part["unit"]) for part in proposal["evidence"])
            sources = [self.sources[source] for source in units if source in self.sources]
            found |= {source[field] for source in sources for field in ("name", "text")}
        found |= {self.started["question"], self.started["name"]}
        found |= {self.answer["answer"]} if self.answer else set()
        found |= {self.outcome["reason"]} if self.outcome else set()
        return found

    def blob(self, name, data):
        self.texts[name] = data

    def text(self, name, start=0, end=None):
        """The words behind a hash, all or a stretch; None if they are redacted or left out."""
        data = self.texts.get(name) if name else None
        if data is None or (end is not None and not start <= end <= len(data)):
            return None
        return data[start:end].decode("utf-8", errors="backslashreplace")

    def person(self, agent, fence):
        """Who spoke: the agent, who answers for it, and the model it asked, or works with where it asked none."""
        joined = self.agents.get(agent, {})
        asked = self.asked.get(fence, {"model": joined.get("model"), "model_reported": None})
        return {"agent": agent, "principal": joined.get("principal"), **asked}

    def evidence(self, part):
        source = self.units.get(part["unit"])
        document = self.sources.get(source, {"name": None, "text": None})
        return {
            "unit": part["unit"], "source": source, "name": self.text(document["name"]),
            "start": part["start"], "end": part["end"],
            "quote": self.text(document["text"], part["start"], part["end"]),
        }

    def verifier(self, verdict):
        by = {True: [], False: []}
        for check in verdict["checks"]:
            by[check["passed"]].append(check["check"])
        who = self.person(verdict["verifier"], verdict["fence"])
        return {
            **who, "seq": verdict["seq"], "method": verdict["method"], "outcome": verdict["outcome"],
            "passed": by[True], "failed": by[False], "reason": self.text(verdict["reason"]),
        }

    def fact(self, label):
        """A fact, in the shape of `delm facts --json`."""
        fact = self.facts[label]
        key = fact["proposal"], fact["task"], fact["gist"]
        proposal = self.proposals.get(key, {"fence": None, "kind": None, "evidence": []})
        claim = self.claims.get(proposal["fence"], {})
        return {
            "label": label, "entry": fact["entry"], "seq": fact["seq"], "kind": proposal["kind"],
            "text": self.text(fact["gist"]), "grade": fact["grade"],
            "author": self.person(fact["author"], proposal["fence"]) if fact["author"] else None,
            "verifiers": [self.verifier(verdict) for verdict in self.verdicts.get(key, [])],
            "task": fact["task"], "attempt": claim.get("attempt", self.attempts.get(key[:2])),
            "evidence": [self.evidence(part) for part in proposal["evidence"]],
            "cites": self.drafts.get((fact["proposal"], proposal["fence"]), []),
            "tainted": label in self.tainted, "withdrawn": label in self.withdrawn,
            "withdrawn_reason": self.text(self.withdrawn.get(label)),
        }

    def citation(self, label):
        """The evidence of a fact that an answer cites; nothing if the log has no such fact."""
        evidence = self.fact(label)["evidence"] if label in self.facts else []
        return [{"fact": label, **part} for part in evidence]

    def answered(self):
        """The answer and its citations, in the shape of the contract; None if there is none."""
        if not self.answer:
            return None
        cites = self.answer["cites"]
        claim = self.claims.get(self.answer["fence"], {})
        return {
            "entry": self.answer["entry"], "seq": self.answer["seq"],
            "text": self.text(self.answer["answer"]), "kind": self.answer["answer_kind"],
            "author": self.person(claim.get("agent"), self.answer["fence"]), "cites": cites,
            "citations": [part for label in cites for part in self.citation(label)],
            "withdrawn": [label for label in cites if label in self.withdrawn],
            "tainted": [label for label in cites if label in self.tainted],
        }


# --- Saying it ---------------------------------------------------------------------------------


def document(export, history, newer):
    """All of it as one JSON document."""
    outcome = history.outcome or {"outcome": None, "cause": None, "reason": None}
    return {
        "schema": "delm.delm_check/1",
        "run": export.run, "origin": export.origin, "engine": export.engine,
        "head": {"seq": export.tree.size - 1, "id": export.head},
        "tree": {"size": export.tree.size, "root": export.tree.root().hex()},
        "entries": export.tree.size, "blobs": export.blobs, "redacted": export.redacted,
        "newer_than_head": newer,
        "name": history.text(history.started["name"]),
        "question": history.text(history.started["question"]),
        "outcome": outcome["outcome"], "cause": outcome["cause"],
        "reason": history.text(outcome["reason"]),
        "answer": history.answered(),
        "facts": [history.fact(label) for label in history.facts],
    }


# What could steer a terminal or turn the order of letters.
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def plain(text, indent=0):
    """Words of the file for a terminal: no control character but the newline, which is indented."""
    if text is None:
        return "(not in this file)"
    text = CONTROLS.sub(escape, text)
    return text.replace("\n", "\n" + " " * indent)


def escape(match):
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def say_head(found):
    """The lines that are always there; the first begins with OK."""
    head, tree, newer = found["head"], found["tree"], found["newer_than_head"]
    yield f"OK  head {head['seq']} {head['id']}  size {tree['size']}  root {tree['root']}"
    yield f"run {found['run']}  {plain(found['engine'])}"
    if found["origin"]:
        yield "forked from {run} at {seq} {head}".format(**found["origin"])
    counts = "{entries} entries, {blobs} blobs, {redacted} redacted".format(**found)
    yield f"{counts}: every hash, link and rendering agrees"
    if newer is not None:
        yield f"the head you named is in this history, with {newer} entries after it"


def say_person(person):
    if person is None or person["agent"] is None:
        return "the engine"
    fields = ("agent", "principal", "model", "model_reported")
    names = {name: plain("unknown" if person[name] is None else person[name]) for name in fields}
    text = "{agent} (principal {principal}, model {model}".format(**names)
    if person["model_reported"] is not None:
        text += ", which reported {model_reported}".format(**names)
    return text + ")"


def say_evidence(part):
    where = f"{part['unit']} {plain(part['name'])} {part['start']}..{part['end']}"
    return f"{where}: “{plain(part['quote'], 14)}”"


def say_fact(fact):
    marks = [mark for mark in ("withdrawn", "tainted") if fact[mark]]
    origin = f"{fact['kind']} on {fact['task']}, attempt {fact['attempt']}"
    yield "  ".join([fact["label"], fact["grade"], origin, *marks])
    yield f"    {plain(fact['text'], 4)}"
    yield f"    author    {say_person(fact['author'])}"
    for verdict in fact["verifiers"]:
        yield f"    verifier  {say_person(verdict)}: {verdict['outcome']}, {verdict['method']}"
        failed = f"; failed {', '.join(verdict['failed'])}" if verdict["failed"] else ""
        yield f"              passed {', '.join(verdict['passed']) or 'no check'}{failed}"
        yield f"              “{plain(verdict['reason'], 14)}”"
    for part in fact["evidence"]:
        yield f"    evidence  {say_evidence(part)}"
    if fact["cites"]:
        yield f"    cites     {', '.join(fact['cites'])}"
    if fact["withdrawn"]:
        yield f"    withdrawn “{plain(fact['withdrawn_reason'], 14)}”"


def say_answer(found):
    answer = found["answer"]
    if answer is None:
        ended = found["outcome"] or "still open"
        cause = f", {found['cause']}" if found["cause"] else ""
        reason = f": “{plain(found['reason'], 4)}”" if found["reason"] else ""
        yield f"no answer ({ended}{cause}){reason}"
        return
    yield f"answer  {answer['kind']} by {say_person(answer['author'])}"
    yield f"    {plain(answer['text'], 4)}"
    yield f"    cites     {', '.join(answer['cites']) or 'no fact'}"
    for mark in ("withdrawn", "tainted"):
        if answer[mark]:
            yield f"    {mark:<9} {', '.join(answer[mark])}"
    for part in answer["citations"]:
        yield f"    {part['fact']:<9} {say_evidence(part)}"


def say_facts(found):
    """Question, facts and answer, for a person."""
    yield f"\nquestion\n    {plain(found['question'], 4)}"
    for fact in found["facts"]:
        yield ""
        yield from say_fact(fact)
    yield ""
    yield from say_answer(found)


# --- The command line --------------------------------------------------------------------------


def check(lines, with_blobs=True, head=None):
    """Checks the lines of an export; gives what `--json` prints, or raises `Refused`."""
    history = History()
    export = Export(history, with_blobs)
    export.read(lines)
    newer = None if head is None else export.expect_head(head)
    return document(export, history, newer)


def entry_id(text):
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("an entry's id is 64 lower-case hex digits")
    return text


def arguments():
    title, _, rest = __doc__.partition("\n")
    parser = argparse.ArgumentParser(
        prog="delm_check.py",
        description=f"{title}\n{rest}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("file", metavar="FILE", help="an export; - is standard input")
    add("--facts", action="store_true", help="print question, facts and answer too")
    add("--head", metavar="ID", type=entry_id, help="refuse a history without this entry")
    add("--json", action="store_true", help="print one JSON document with all of it")
    add("--no-blobs", action="store_true", help="the export was made with --no-blobs")
    return parser.parse_args()


def fail(wanted, code, message, hint, exit_code, **more):
    """Says on standard error what went wrong, in the contract's shape, and gives the exit code."""
    if wanted.json:
        error = {"code": code, "message": message, "hint": hint, "exit": exit_code, **more}
        print(spell({"error": error}), file=sys.stderr)
    else:
        print(f"error: {plain(message)}\n hint: {hint}", file=sys.stderr)
    return exit_code


def say(lines):
    """Prints lines; whoever stopped reading them is left in peace."""
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    wanted = arguments()
    try:
        with sys.stdin.buffer if wanted.file == "-" else open(wanted.file, "rb") as lines:
            found = check(lines, not wanted.no_blobs, wanted.head)
    except OSError as error:
        message = f"{wanted.file}: {error.strerror}"
        return fail(wanted, "usage", message, "name an export that can be read", 2)
    except Refused as refused:
        more = {name: getattr(refused, name) for name in ("line", "seq", "expected", "found")}
        return fail(wanted, "export", f"{wanted.file}: {refused}", refused.hint, 4, **more)
    say([spell(found)] if wanted.json else say_head(found))
    if wanted.facts and not wanted.json:
        say(say_facts(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
