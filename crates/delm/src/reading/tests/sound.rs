//! What is whole is found whole and what is not is named: export, verify, replay, follow, rm, backup.

use delm_core::command::{Command, Envelope};
use delm_core::decide::{decide, entry_of};
use delm_core::entry::Sealed;
use delm_core::event::Event;
use delm_core::ids::AgentId;
use delm_core::run::Run;
use delm_engine::BlobCache;
use delm_log::Append;

use super::*;

#[test]
fn an_export_is_the_same_each_time_and_reads_as_the_run_does() {
    for world in [World::read(), World::scripted(SCRIPT)] {
        let (path, export) = world.export();
        let first = std::fs::read_to_string(&path).unwrap();
        assert_eq!(ran(&world.reading, "export", PIPE).ok(), first);
        assert_eq!(ran(&export, "export", PIPE).ok(), first, "an export of an export is that export");
        for line in
            ["facts", "facts --rejected", "queue", "agents", "calls", "log -p", "show", "replay", "ls"]
        {
            assert_eq!(json(&export, line), json(&world.reading, line), "{line}");
        }
        let (mut here, mut there) = (json(&world.reading, "verify"), json(&export, "verify"));
        assert!(here["store"]["journal_records"].as_u64() > Some(0) && there["store"].is_null());
        (here["store"], there["store"]) = ("".into(), "".into());
        assert_eq!(here, there);
        assert_eq!(ran(&export, "rm last", PIPE).error().exit, Exit::Usage);
    }
}

#[test]
fn a_replay_decides_everything_again() {
    let builtin = World::read();
    let replay = json(&builtin.reading, "replay");
    let entries = json(&builtin.reading, "verify")["entries"].clone();
    assert_eq!((&replay["entries"], &replay["decisions"]), (&entries, &entries));
    let drafts = json(&builtin.reading, "log --kind draft_submitted")["items"].as_array().unwrap().len();
    assert_eq!(replay["replies"], drafts, "every reply of the built-in reader is worked out again");
    assert!(replay["diverged"].is_null() && replay["calls"] == 0);
    let scripted = World::scripted(SCRIPT);
    let replay = json(&scripted.reading, "replay");
    let calls = json(&scripted.reading, "show")["calls"].clone();
    assert_eq!((&replay["prompts"], &replay["replies"]), (&calls, &0.into()));
    assert!(ran(&scripted.reading, "replay", PIPE).ok().contains("0 model calls, 0 tokens"));
}

/// A run written by hand, entry by entry.
struct Hand {
    world: World,
    run: Digest,
    state: Run,
    at: u64,
}

impl Hand {
    fn begun() -> Self {
        let world = World::empty();
        let mut hand = Self { world, run: Digest::ZERO, state: Run::default(), at: 1_000 };
        let (start, blobs) = begin(None, BUILTIN, 2);
        hand.command(None, Command::Start(start), blobs, |_| {});
        hand
    }

    fn command(
        &mut self,
        agent: Option<AgentId>,
        command: Command,
        blobs: Vec<Blob>,
        alter: impl Fn(&mut Vec<Event>),
    ) -> Sealed {
        let number = self.state.agents().sent(agent).map_or(0, |sent| sent.next_number());
        let envelope = Envelope { agent, number, command, claim: None, next: false };
        let log = self.world.reading.log.clone();
        let stored = BlobCache::new(log.clone(), self.run);
        stored.keep(blobs.clone());
        self.at += 1;
        let mut decision = decide(&Fifo, &self.state, &stored, &envelope, self.at).unwrap();
        alter(&mut decision.events);
        let sealed = entry_of(&self.state, &envelope, decision.events, self.at).seal();
        let after = self.state.head();
        if after.is_none() {
            self.run = sealed.id;
        }
        let term = log.acquire(&self.run).unwrap();
        let blobs = blobs.into_iter().chain(decision.blobs).collect();
        let append = Append { run: self.run, after, term, entry: sealed.clone(), blobs };
        log.commit(vec![append]).remove(0).unwrap();
        delm_core::apply::apply(&mut self.state, &sealed).unwrap();
        sealed
    }

    fn claim(&mut self, alter: impl Fn(&mut Vec<Event>)) -> u64 {
        self.command(Some(AgentId(1)), Command::Claim { job: None }, Vec::new(), alter).entry.seq
    }
}

#[test]
fn a_reply_that_the_reader_never_gave_is_a_difference() {
    let mut hand = Hand::begun();
    let fence = hand.claim(|_| {});
    let draft = Blob::new(br#"{"tasks":[{"text":"Something else entirely?","needs":[]}]}"#.as_slice());
    let submit = Command::Submit { fence, draft: draft.hash };
    hand.command(Some(AgentId(1)), submit, vec![draft], |_| {});
    let ran = ran(&hand.world.reading, "replay", JSON);
    assert_eq!(ran.ended, Ok(Exit::Differs));
    let replay: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&replay["decisions"], &replay["differences"]), (&3.into(), &1.into()), "{replay}");
    assert_eq!((&replay["diverged"]["seq"], &replay["diverged"]["what"]), (&2.into(), &"reply".into()));
    assert!(replay["diverged"]["expected"].as_str().unwrap().contains("Something else"), "{replay}");
}

#[test]
fn a_decision_that_comes_out_otherwise_is_named_and_the_rest_is_looked_at() {
    let mut hand = Hand::begun();
    let fence = hand.claim(|events| {
        for event in events {
            if let Event::Claimed(claimed) = event {
                claimed.deadline_ms += 1;
            }
        }
    });
    hand.command(Some(AgentId(1)), Command::Release { fence }, Vec::new(), |_| {});
    let ran = ran(&hand.world.reading, "replay", TERMINAL);
    assert_eq!(ran.ended, Ok(Exit::Differs), "{}", ran.out);
    assert!(ran.out.contains("first difference: entry 1, decision"), "{}", framed(&ran.out));
    assert!(ran.out.contains("3 folded, 2 decided again") && widest(&ran.out) <= 80, "{}", framed(&ran.out));
    assert_eq!(json(&hand.world.reading, "verify")["entries"], 3, "no law is broken by it");
}

#[test]
fn following_shows_what_comes_and_ends_with_the_run() {
    let mut hand = Hand::begun();
    let before = json(&hand.world.reading, "log")["items"].as_array().unwrap().len();
    let followed = ran(&hand.world.reading, "log -f", JSON).ok();
    let followed: serde_json::Value = serde_json::from_str(&followed).unwrap();
    assert_eq!(followed["items"].as_array().unwrap().len(), before, "nothing more can come");

    let reading = hand.world.reading.clone();
    let hand = std::cell::RefCell::new(&mut hand);
    let more = || {
        let mut hand = hand.borrow_mut();
        match hand.state.head().unwrap().seq {
            0 => {
                hand.claim(|_| {});
            }
            1 => {
                hand.command(None, Command::Cancel, Vec::new(), |_| {});
            }
            _ => panic!("it goes on after the end"),
        }
        false
    };
    let lines = Style { mode: Mode::Jsonl, ..JSON };
    let followed = ran_until(&reading, "log -f --kind claimed,run_ended", lines, &more).ok();
    let kinds: Vec<serde_json::Value> = followed
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["claimed", "run_ended"]);
    assert_eq!(ran(&reading, "log -f", PIPE).ok(), ran(&reading, "log", PIPE).ok());
}

#[test]
fn a_live_run_shows_who_holds_what() {
    let mut hand = Hand::begun();
    hand.claim(|_| {});
    let reading = &hand.world.reading;
    let queue = ran(reading, "queue", TERMINAL).ok();
    assert!(
        queue.contains("plan") && queue.contains("claimed") && queue.contains("2m 00s"),
        "{}",
        framed(&queue)
    );
    let agents = json(reading, "agents");
    assert_eq!(
        (&agents["items"][0]["state"], &agents["items"][1]["state"]),
        (&"working".into(), &"waiting".into())
    );
    let show = ran(reading, "show", TERMINAL).ok();
    assert!(show.contains("outcome   live") && show.contains("delm resume "), "{}", framed(&show));
    assert!(ran(reading, "cat answer", PIPE).error().message.contains("no answer"));
    assert!(ran(reading, "export", PIPE).ok().ends_with("}}\n"));
    ran(reading, "verify", PIPE).ok();
}

#[test]
fn damage_is_named_with_its_place() {
    let world = World::read();
    let journal = world.dir.path().join("store/journal");
    let segment = std::fs::read_dir(&journal).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let words = b"The Merrow School was founded";
    let place = bytes.windows(words.len()).position(|window| window == words).unwrap();
    bytes[place] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let error = ran(&world.reading, "verify", PIPE).error();
    assert_eq!((error.code, error.exit), ("corrupt", Exit::Integrity));
    assert!(error.message.contains("segment 1 offset "), "{}", error.message);
    assert_eq!(ran(&world.reading, "export", PIPE).error().exit, Exit::Integrity);
}

#[test]
fn what_is_removed_is_gone_and_a_copy_has_it_still() {
    let world = World::read();
    let copy = world.dir.path().join("copy");
    let said = ran(&world.reading, &format!("backup {}", copy.display()), PIPE);
    assert!(said.err.contains("copied"), "{}", said.err);
    let again = ran(&world.reading, &format!("backup {}", copy.display()), PIPE).error();
    assert_eq!(again.exit, Exit::Usage, "{}", again.message);
    let before = json(&world.reading, "facts harrow");
    let said = ran(&world.reading, "rm harrow", PIPE);
    assert!(said.err.contains("(harrow)") && said.err.contains("entries"), "{}", said.err);
    assert_eq!(ran(&world.reading, "show", PIPE).error().exit, Exit::NotFound);
    let (store, _) = Store::open(&copy, &OpenOptions::default()).unwrap();
    let copy = Reading::of_store(Arc::new(store));
    assert_eq!(json(&copy, "facts harrow"), before);
    ran(&copy, "replay harrow", PIPE).ok();
}
