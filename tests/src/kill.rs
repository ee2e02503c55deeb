//! Killed at any moment, a run goes on to the same facts: none twice, none lost, and nothing it had said is unsaid.
//!
//! Refuses luck in what is drawn: moments come from a fixed seed and are spread over the whole run. The suite kills 25
//! times; `DELM_TEST_FULL=1` makes it a hundred.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::kit::{World, binary, script, text};

const TASKS: usize = 60;
const DELAY_MS: u64 = 5;
const ARGUMENTS: &str = "run --jsonl --agents 4 --docs notes --set deadline_ms=0";
const QUESTION: &str = "What was kept in the tower?";

fn world() -> (World, String) {
    let world = World::new();
    let (document, script) = script::one_sentence_a_task(TASKS, DELAY_MS);
    world.write("notes/tower.txt", document);
    let model = world.script("model", &script);
    (world, model)
}

/// The gist of every task that has a fact; two facts of one task fail.
fn facts(world: &World) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut after = Vec::new();
    loop {
        let page = world.delm("facts --json --limit 500").args(&after).done().exit(0).json();
        for fact in page["items"].as_array().unwrap() {
            let twice = facts.insert(text(&fact["task"]), text(&fact["text"]));
            assert_eq!(twice, None, "two facts of {}", fact["task"]);
        }
        match page["next"].as_str() {
            Some(next) => after = vec!["--after".to_owned(), next.to_owned()],
            None => return facts,
        }
    }
}

/// Numbers that look drawn, the same each time (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_facts() {
    let kills: u64 = if std::env::var_os("DELM_TEST_FULL").is_some() { 100 } else { 25 };
    let (world, model) = world();
    binary();
    let began = Instant::now();
    let whole = world.delm(ARGUMENTS).args(&["--model", &model, QUESTION]).done().exit(0);
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap();
    let lines = whole.stdout.lines().count();
    let wanted = facts(&world);
    assert_eq!(wanted.len(), TASKS + 1, "every task and the one unit has a fact");
    world.sound();

    let mut draw = Draw(20);
    let (mut before, mut after) = (0, 0);
    for kill in 0..kills {
        let (world, model) = self::world();
        let mut child = world.delm(ARGUMENTS).args(&["--model", &model, QUESTION]).start();
        // Spread over the run by what it has written, then a moment more that is drawn.
        child.wait_lines(usize::try_from(lines as u64 * kill / (kills + 1)).unwrap());
        std::thread::sleep(Duration::from_micros(draw.below(1 + 1_000 * took_ms / kills)));
        let over = child.is_over();
        let killed = child.kill();
        after += u64::from(over);
        let seen: Vec<&str> = killed.stdout.lines().collect();
        let whole_lines =
            if killed.stdout.ends_with('\n') { seen.len() } else { seen.len().saturating_sub(1) };
        let listed = world.delm("ls --json").done();
        // Killed while the store was being made, it has none.
        let runs = match listed.code {
            8 => json!([]),
            _ => listed.exit(0).json()["items"].clone(),
        };
        let Some(run) = runs.get(0) else {
            assert_eq!(whole_lines, 0, "it had said that a run began: {killed}");
            before += 1;
            takes_the_next_run(&world);
            continue;
        };
        world.delm("verify").done().exit(0);
        // It may have ended when only its process was still there.
        if run["outcome"] != "answered" {
            world.delm("resume --json").done().exit(0);
        }
        assert_eq!(facts(&world), wanted, "kill {kill}");
        let export = world.delm("export").done().exit(0).stdout;
        let exported: std::collections::BTreeSet<&str> = export.lines().collect();
        for line in seen.iter().take(whole_lines).filter(|line| line.starts_with("{\"seq\":")) {
            assert!(exported.contains(line), "kill {kill}: what it had said is not in the export: {line}");
        }
        world.sound();
    }
    assert!(
        before + after <= kills / 3,
        "{before} of {kills} before the run began, {after} after it had ended"
    );
}

/// Killed before anything was acknowledged: the store is as if nothing had been asked, and takes the next run.
fn takes_the_next_run(world: &World) {
    let next = world.delm("demo --json").done().exit(0).json();
    assert_eq!(next["outcome"], "answered");
    world.sound();
}
