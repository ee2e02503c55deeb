"""Writes an export stream of a run that delm never made: another engine, another policy, by `schemas/entry-v1.md`.

    foreign.py [OUTCOME]    `lawful` (the default), or `selfish`: the author of the finding judges it

Entries are put together here, field for field; ids, hashes and the tree are computed by `schemas/delm_check.py`, and
what `data` says is what that program reads out of the bytes.
"""

import base64
import hashlib
import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve()
SPEC = importlib.util.spec_from_file_location("delm_check", HERE.parents[3] / "schemas" / "delm_check.py")
CHECKER = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CHECKER)

TEXT = "The quay was finished in 1902."
LIMITS = (8, 3, 3, 60_000, 0, 0, 0, 100, 64, 20, 4, 1, 2, 5, 1, 64, 12, 2, 16, 6_000, 9, 9_000, 9_000, 9_000, 9_000, 3)

BLOBS = {}


def number(value):
    """A number as the layout has it: short ones in a byte, others with a mark before them."""
    if value < 251:
        return bytes([value])
    for mark, size in ((251, 2), (252, 4), (253, 8)):
        if value < 1 << 8 * size:
            return bytes([mark]) + value.to_bytes(size, "little")
    raise ValueError(value)


def text(words):
    """A text with its length before it."""
    return number(len(words.encode())) + words.encode()


def blob(words):
    """The name of a blob, which is kept for the end of the stream."""
    data = words.encode()
    name = CHECKER.blake3(data)
    BLOBS[name.hex()] = data
    return name


def some(field=None):
    """A field that may be missing."""
    return b"\0" if field is None else b"\1" + field


def many(fields=()):
    """A list."""
    return number(len(fields)) + b"".join(fields)


def event(kind, *fields):
    """An event: number, version, length, body."""
    body = b"".join(fields)
    return number(kind) + b"\1" + number(len(body)) + body


PLAN, REASON, REVIEW = b"\0", b"\2" + number(1), b"\3" + number(4)


def claim(job, agent, fence, at):
    """Somebody takes a job, and reads the context, in which there is nothing yet."""
    deadline = number(at + LIMITS[3])
    return [event(40, job, number(agent), number(fence), deadline, number(1)), event(44, number(fence), number(0))]


def draft(job, agent, fence, words):
    """Somebody's reply."""
    return event(60, job, number(fence), number(agent), blob(words), many(), number(0))


def begin():
    """The first entry: the run, its one source, and two programs."""
    model = text("none") + many()
    started = event(
        1, hashlib.sha256(b"by hand").digest()[:16], blob("When was the quay finished?"), some(), text("by-hand"), number(7),
        *map(number, LIMITS), model, model, many(), text("somebody else's engine, 7"), b"\0", b"\0", many(), many(), many(),
    )
    source = event(10, number(1), blob("quay.txt"), blob(TEXT), number(len(TEXT)), number(0), blob(TEXT))
    unit = event(12, number(1), number(1), number(0), number(len(TEXT)))
    join = lambda which, name: event(20, number(which), number(2), text(name), text("none"), some(text("by-hand")))
    people = [join(1, "bob"), join(2, "eve")]
    return [started, source, unit, *people]


def story(judge):
    """Entries as (milliseconds, agent, events): a plan, a finding, its review, and then it is called off."""
    here = number(1) + number(1) + number(0) + number(len(TEXT))
    subject = b"\0" + number(1)
    yield 1_000, None, begin()
    yield 1_010, 1, claim(PLAN, 1, 1, 1_010)
    yield 1_020, 1, [draft(PLAN, 1, 1, "look for the year"), event(30, number(1), blob("look for the year"), many(), number(0))]
    yield 1_030, 1, claim(REASON, 1, 3, 1_030)
    proposed = event(63, subject, some(number(3)), blob(TEXT), number(0), many([here]))
    yield 1_040, 1, [draft(REASON, 1, 3, "it says so"), proposed]
    yield 1_050, judge, claim(REVIEW, judge, 5, 1_050)
    # Checked: spans, numbers, negations, names, length.
    checks = many([number(which) + b"\1" for which in range(5)])
    who = some(number(judge))
    verdict = event(64, subject, number(4), some(number(5)), blob(TEXT), number(0), who, number(2), checks, blob("it does"))
    admitted = event(65, number(1), subject, number(4), blob(TEXT), some(number(1)), number(0), number(0))
    drained = event(72, number(1), number(0))
    yield 1_060, judge, [draft(REVIEW, judge, 5, "it does"), verdict, admitted, drained]
    yield 1_070, None, [event(5, number(3), some(), many())]


def lines(judge):
    """The lines of the stream."""
    entries, parent, tree, sent = [], bytes(32), CHECKER.Tree(), {}
    for seq, (at, agent, events) in enumerate(story(judge)):
        sent[agent] = sent.get(agent, -1) + 1
        who = some() if agent is None else some(number(agent))
        data = b"\1" + parent + number(seq) + number(at) + who + number(sent[agent]) + number(1) + many(events)
        entry, _ = CHECKER.read_entry(data)
        parent = CHECKER.derive_key(CHECKER.ENTRY_CONTEXT, data)
        tree.push(parent)
        entry["id"], entry["bytes"] = parent.hex(), base64.b64encode(data).decode()
        entries.append(entry)
    engine = entries[0]["events"][0]["data"]["engine"]
    yield {"schema": "delm.export/1", "run": entries[0]["id"], "origin": None, "engine": engine}
    yield from entries
    for name, data in sorted(BLOBS.items()):
        yield {"blob": name, "len": len(data), "base64": base64.b64encode(data).decode()}
    head = {"seq": len(entries) - 1, "id": parent.hex()}
    yield {"head": head, "tree": {"size": tree.size, "root": tree.root().hex()}}


if __name__ == "__main__":
    for line in lines(1 if sys.argv[1:] == ["selfish"] else 2):
        sys.stdout.write(CHECKER.spell(line) + "\n")
