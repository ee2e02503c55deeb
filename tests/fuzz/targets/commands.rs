//! A stream of commands from agents, an engine and a clock that do anything: the laws hold after each, four ways to one
//! state agree, and once faults stop the run comes to its end.
//!
//! The steps and the laws are those of the property tests of the core; here coverage chooses them.
#![no_main]

#[path = "../../../crates/delm-core/tests/common/mod.rs"]
mod common;

use common::begin::{Begin, agent};
use common::chaos::{Chaos, Step};
use delm_core::event::{Ablation, AgentKind};
use delm_core::limits::Limits;
use libfuzzer_sys::fuzz_target;

/// More steps find no more, and take longer.
const STEPS_MAX: usize = 120;

fuzz_target!(|input: &[u8]| {
    let Some((knobs, steps)) = input.split_first_chunk::<8>() else { return };
    let mut chaos = Chaos::begin(&begin(knobs));
    for step in steps.chunks_exact(4).take(STEPS_MAX) {
        chaos.step(Step { who: step[0], act: step[1], first: step[2], second: step[3] });
    }
    chaos.heal();
});

fn begin(knobs: &[u8; 8]) -> Begin {
    let [agents, counts, more, lease, budget, deadline, switches, kinds] = *knobs;
    let pick = |from: &[u64], by: u8| from[usize::from(by) % from.len()];
    let limits = Limits {
        attempts_max: u64::from(counts % 3) + 1,
        releases_max: u64::from(counts / 3 % 4),
        rounds_max: u64::from(counts / 12 % 3),
        asks_max: u64::from(more % 3),
        unfold_rounds_max: u64::from(more / 3 % 3),
        commands_kept: pick(&[64, 4, 1], more / 9),
        lease_ms: pick(&[1_000, 1, 10, 120_000], lease),
        budget_tokens: if budget < 192 { 0 } else { u64::from(budget - 191) * 300 },
        deadline_ms: if deadline < 192 { 0 } else { u64::from(deadline - 191) * 40 },
        output_tokens_max: 500,
        ..Limits::default()
    };
    let mut begin = Begin {
        agents: vec![agent(AgentKind::Model, ""); usize::from(agents % 5)],
        self_review: switches & 1 != 0,
        reading: switches & 2 != 0,
        limits,
        ..Begin::default()
    };
    match switches >> 2 & 7 {
        0 => begin.ablations.push(Ablation::Verdicts),
        1 => begin.ablations.push(Ablation::Sharing),
        _ => {}
    }
    match kinds % 8 {
        0 => (begin.worker, begin.judge) = ("extractive".into(), "extractive".into()),
        1 => begin.judge = "extractive".into(),
        2 | 3 => begin.judge = "script:judge".into(),
        _ => {}
    }
    if kinds & 128 != 0 {
        begin.prices.push(("script:judge".into(), 2_000_000, 3_000_000));
        begin.prices.push(("script:test".into(), 1_000_000, 2_000_000));
        begin.limits.budget_microusd = begin.limits.budget_tokens * 2;
    }
    begin
}
