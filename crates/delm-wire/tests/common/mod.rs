//! Events of every kind, and small runs made of them, for the tests of this crate.
//!
//! Refuses meaning: these runs hang together as logs do, but no law of a run is kept in them.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use delm_core::blobs::named_by;
use delm_core::entry::{Blob, Entry, Head, Sealed};
use delm_core::event::*;
use delm_core::ids::*;
use delm_core::limits::Limits;
use delm_wire::data::redacted_by;
use delm_wire::export::{self, Stored};

/// The text of a blob that samples name.
pub(crate) fn text(n: u32) -> String {
    format!("text {n}")
}

pub(crate) fn blob(n: u32) -> Digest {
    Digest::of_blob(text(n).as_bytes())
}

fn unit(source: u32, index: u32) -> UnitId {
    UnitId { source: SourceId(source), index }
}

/// At least one event of every kind, in the order of their codes; optional fields both ways, integers of every width.
pub(crate) fn samples() -> Vec<Event> {
    let mut events = beginnings();
    events.extend(sources());
    events.extend(claims());
    events.extend(calls());
    events.extend(gists());
    events.extend(endings());
    events
}

pub(crate) fn run_started() -> RunStarted {
    RunStarted {
        nonce: *b"0123456789abcdef",
        question: blob(1),
        name: Some(blob(2)),
        policy: PolicyName { name: "default".into(), version: 1 },
        limits: Limits::default(),
        models: Models {
            worker: ModelChoice {
                model: "extractive".into(),
                params: vec![("seed".into(), "7".into()), ("temperature".into(), "0.2".into())],
            },
            judge: ModelChoice { model: "script:judge \"é\".json".into(), params: vec![] },
        },
        hosts: vec!["api.example.org".into()],
        engine: "0.1.0".into(),
        self_review: true,
        reading: false,
        ablations: vec![Ablation::Sharing, Ablation::Hierarchy],
        templates: vec![Template { part: "preamble".into(), text: blob(3) }],
        prices: vec![Price {
            model: "example::large".into(),
            version: "2026-11".into(),
            in_microusd: 2_500_000,
            cached_microusd: 250,
            out_microusd: 10_000_000_000,
        }],
    }
}

fn beginnings() -> Vec<Event> {
    let bare = RunStarted { name: None, hosts: vec![], ablations: vec![], prices: vec![], ..run_started() };
    let changes = vec![Change { limit: "budget_tokens".into(), value: 100_000 }];
    let subjects = vec![Subject::Task(TaskId(7)), Subject::Unit(unit(3, 2))];
    let left = Head { seq: 65_536, id: blob(5) };
    let fork = RunForked::unchanged([255; 16], blob(4), left, "0.1.0".into());
    vec![
        run_started().into(),
        bare.clone().into(),
        RunForked { changes: changes.clone(), ..fork.clone() }.into(),
        RunForked {
            name: Some(blob(7)),
            policy: Some(bare.policy.clone()),
            models: Some(bare.models.clone()),
            hosts: Some(vec!["https://example.test".into()]),
            self_review: Some(true),
            ablations: Some(vec![Ablation::Verdicts]),
            templates: Some(vec![Template { part: "preamble".into(), text: blob(8) }]),
            prices: Some(vec![]),
            ..fork
        }
        .into(),
        RunPaused { cause: PauseCause::Budget, open: subjects.clone() }.into(),
        RunPaused { cause: PauseCause::Provider, open: vec![] }.into(),
        RunResumed { engine: "0.1.1".into(), changes }.into(),
        RunEnded { outcome: Outcome::Answered, reason: None, open: vec![] }.into(),
        RunEnded { outcome: Outcome::Failed, reason: Some(blob(6)), open: subjects }.into(),
    ]
}

fn sources() -> Vec<Event> {
    let builtin = AgentJoined {
        agent: AgentId(1),
        kind: AgentKind::Builtin,
        principal: "builtin:a1".into(),
        model: "extractive".into(),
        program: None,
    };
    vec![
        SourceAdded {
            source: SourceId(3),
            name: blob(7),
            original_hash: blob(8),
            original_len: 250,
            extractor: Extractor::Markdown,
            text: blob(9),
        }
        .into(),
        SourceSkipped { name: blob(10), reason: blob(11) }.into(),
        UnitAdded { unit: unit(3, 2), start: 251, end: u64::from(u32::MAX) + 1 }.into(),
        builtin.clone().into(),
        AgentJoined {
            agent: AgentId(300),
            kind: AgentKind::Program,
            program: Some("reader.py".into()),
            ..builtin
        }
        .into(),
        AgentLeft { agent: AgentId(1) }.into(),
    ]
}

fn claims() -> Vec<Event> {
    let jobs = [
        Job::Plan,
        Job::Read(unit(3, 2)),
        Job::Reason(TaskId(7)),
        Job::Review(14),
        Job::Expand(1),
        Job::Finalize,
    ];
    let claimed =
        |job| Claimed { job, agent: AgentId(2), fence: 12, deadline_ms: 1_795_363_321_007, attempt: 1 };
    let mut events = vec![
        TaskAdded { task: TaskId(7), text: blob(12), needs: vec![TaskId(1), TaskId(6)], round: 0 }.into(),
    ];
    events.extend(jobs.map(|job| claimed(job).into()));
    let Claimed { job, agent, fence, deadline_ms, attempt } = claimed(Job::Reason(TaskId(7)));
    let rest: [Event; 6] = [
        LeaseRenewed { job, agent, fence, deadline_ms, attempt }.into(),
        ClaimExpired { job, fence }.into(),
        ClaimReleased { job, fence }.into(),
        ContextRead { fence, length: 40 }.into(),
        Unfolded { fence, label: Label::Fact(FactId(12)), level: Level::Summary }.into(),
        Unfolded { fence, label: Label::Unit(unit(3, 2)), level: Level::Raw }.into(),
    ];
    events.extend(rest);
    events
}

fn calls() -> Vec<Event> {
    let bare = Recipe {
        renderer: 1,
        preamble: blob(3),
        template: blob(13),
        length: 40,
        job: Job::Reason(TaskId(7)),
        attempt: 1,
        feedback: None,
        unfolded: vec![],
        prior: None,
        problem: None,
    };
    let full = Recipe {
        feedback: Some(blob(14)),
        unfolded: vec![(Label::Fact(FactId(1)), Level::Raw), (Label::Unit(unit(1, 1)), Level::Summary)],
        prior: Some(blob(15)),
        problem: Some(blob(16)),
        ..bare.clone()
    };
    let started = |recipe, reserved_microusd| CallStarted {
        call: CallId(5),
        fence: 12,
        purpose: Purpose::Reason,
        model: "example::large".into(),
        request: RequestRef { hash: blob(17), recipe },
        reserved_microusd,
        reserved_tokens: 4_096,
    };
    let finished = CallFinished {
        call: CallId(5),
        reply: blob(18),
        model_reported: Some("large-2026-10".into()),
        request_id: Some("req_1".into()),
        tokens: Some(Tokens { input: 1_200, output: 80, cached: 1_024 }),
        cost_microusd: Some(900),
        latency_ms: 2_345,
        tries: 1,
        billable: 0,
    };
    let unknown = CallFinished {
        tries: 3,
        billable: 2,
        model_reported: None,
        request_id: None,
        tokens: None,
        cost_microusd: None,
        ..finished.clone()
    };
    let failed = |fault, reply, charged_microusd| CallFailed {
        call: CallId(6),
        fault,
        error: blob(19),
        reply,
        charged_microusd,
        charged_tokens: 4_096,
        tries: 4,
        billable: 1,
    };
    vec![
        started(bare, None).into(),
        started(full, Some(12_000)).into(),
        finished.into(),
        unknown.into(),
        failed(CallFault::Provider, Some(blob(18)), Some(12_000)).into(),
        failed(CallFault::Lost, None, None).into(),
    ]
}

fn gists() -> Vec<Event> {
    let task = Subject::Task(TaskId(7));
    let evidence = vec![Evidence { unit: unit(3, 2), start: 10, end: 99 }];
    let refused = |job, why| ResultRefused {
        job,
        fence: 12,
        agent: AgentId(2),
        draft: blob(20),
        cites: vec![FactId(1), FactId(12)],
        length: 40,
        why,
    };
    let judged = VerdictGiven {
        task,
        proposal: 14,
        fence: Some(15),
        gist: blob(21),
        outcome: Ruling::Approve,
        verifier: Some(AgentId(3)),
        method: Method::Judge,
        checks: vec![(Check::Spans, true), (Check::Judge, true)],
        reason: blob(22),
    };
    let lawful = VerdictGiven {
        task: Subject::Unit(unit(3, 2)),
        fence: None,
        outcome: Ruling::Rewrite,
        verifier: None,
        method: Method::Log,
        checks: vec![(Check::Names, false)],
        ..judged.clone()
    };
    let admitted = |author, grade| GistAdmitted {
        label: FactId(12),
        task,
        proposal: 14,
        gist: blob(21),
        author,
        grade,
        note: 11,
    };
    vec![
        DraftSubmitted {
            job: Job::Reason(TaskId(7)),
            fence: 12,
            agent: AgentId(2),
            draft: blob(20),
            cites: vec![],
            length: 40,
        }
        .into(),
        refused(Some(Job::Plan), Late::Stale).into(),
        refused(None, Late::Closed).into(),
        SummaryChecked { unit: unit(3, 2), summary: blob(23), bullets: 5, dropped: 1 }.into(),
        GistProposed { task, fence: Some(12), gist: blob(21), kind: GistKind::Finding, evidence }.into(),
        GistProposed { task, fence: None, gist: blob(24), kind: GistKind::Failure, evidence: vec![] }.into(),
        judged.into(),
        lawful.into(),
        admitted(Some(AgentId(2)), Grade::JudgedSameModel).into(),
        admitted(None, Grade::None).into(),
        GistWithdrawn {
            label: FactId(12),
            reason: blob(25),
            tainted: vec![FactId(13), FactId(20)],
            note: 30,
        }
        .into(),
        BlobRedacted { blob: blob(2), reason: blob(26) }.into(),
    ]
}

fn endings() -> Vec<Event> {
    let jobs = [Job::Reason(TaskId(7)), Job::Read(unit(3, 2)), Job::Plan];
    let mut events: Vec<Event> =
        jobs.map(|task| TaskReopened { task, attempt: 1, reason: blob(27) }.into()).into();
    events.extend(jobs.map(|task| Event::from(TaskAbandoned { task, attempt: 3, reason: blob(28) })));
    let limit = LimitReached {
        cause: PauseCause::Budget,
        limit: "budget_tokens".into(),
        value: 5_000,
        spent: 4_100,
        needed: 1_000,
    };
    let interrupt =
        LimitReached { cause: PauseCause::Interrupt, limit: String::new(), value: 0, spent: 0, needed: 0 };
    let rest: [Event; 7] = [
        Drained { round: 1, cause: DrainCause::Empty }.into(),
        Drained { round: 2, cause: DrainCause::Stuck }.into(),
        Expanded { round: 1, fence: Some(40), tasks: vec![TaskId(8), TaskId(9)] }.into(),
        Expanded { round: 2, fence: None, tasks: vec![] }.into(),
        limit.into(),
        interrupt.into(),
        AnswerGiven {
            fence: 50,
            answer: blob(29),
            answer_kind: AnswerKind::Quotes,
            cites: vec![FactId(12), FactId(3)],
        }
        .into(),
    ];
    events.extend(rest);
    events
}

/// Seals entries of these events into one chain, the first of them in the given place.
pub(crate) fn chain(groups: impl IntoIterator<Item = Vec<Event>>) -> Vec<Sealed> {
    let mut entries: Vec<Sealed> = Vec::new();
    for (seq, events) in (0u64..).zip(groups) {
        let entry = Entry {
            parent: entries.last().map_or(Digest::ZERO, |last| last.id),
            seq,
            at: 1_795_363_200_000 + seq * 250,
            agent: (seq % 3 != 0).then_some(AgentId(1)),
            command: seq / 2,
            rules: 1,
            events,
        };
        entries.push(entry.seal());
    }
    entries
}

/// Texts of the samples by hash: what a log would hold.
pub(crate) fn store() -> BTreeMap<Digest, Arc<[u8]>> {
    (0..40).map(|n| Blob::new(text(n).into_bytes())).map(|blob| (blob.hash, blob.bytes)).collect()
}

/// The export of a run, line by line, as this crate writes it.
pub(crate) fn lines(first_own: usize, entries: &[Sealed]) -> Vec<String> {
    let (store, mut lines) = (store(), Vec::new());
    let stored = |hash: &Digest| {
        let bytes = store.get(hash).cloned();
        Ok(bytes.map(|bytes| Stored { len: bytes.len() as u64, bytes: Some(bytes) }))
    };
    let out = |line: &str| {
        lines.push(line.to_owned());
        Ok::<(), core::convert::Infallible>(())
    };
    export::write(&entries[first_own], entries.iter().cloned().map(Ok), stored, out).unwrap();
    lines
}

/// A small run: it begins, and then `more` happens, an entry each.
pub(crate) fn small_run(more: impl IntoIterator<Item = Event>) -> Vec<Sealed> {
    let begun = |event: &Event| !matches!(event, Event::RunStarted(_) | Event::RunForked(_));
    let groups = more.into_iter().filter(begun).map(|event| vec![event]);
    chain(core::iter::once(vec![run_started().into()]).chain(groups))
}

/// How many different blobs a run names, and how many of those it redacts.
pub(crate) fn blob_counts(entries: &[Sealed]) -> (usize, usize) {
    let named: BTreeSet<Digest> = entries.iter().flat_map(|sealed| named_by(&sealed.entry)).collect();
    let redacted: BTreeSet<Digest> = entries.iter().flat_map(|sealed| redacted_by(&sealed.entry)).collect();
    (named.len(), named.intersection(&redacted).count())
}

/// The first sample of a kind.
pub(crate) fn sample(kind: &str) -> Event {
    samples().into_iter().find(|event| event.kind() == kind).unwrap()
}
