//! From a script that breaks an invariant to a short one that breaks the same: lines are left out as long as it does.
//!
//! Refuses to trade one failure for another: what counts is the number of the invariant.

use crate::script::{Line, Script};
use crate::setup::Setup;

/// Tries at most; a try is a whole run of the script.
const TRIES_MAX: u32 = 4_000;

/// What was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The shortest script found that still breaks it.
    pub script: Script,
    /// Scripts tried.
    pub tries: u32,
}

/// Shrinks a script; `breaks` says whether one still breaks what the first one does.
pub fn shrink(script: &Script, mut breaks: impl FnMut(&Script) -> bool) -> Option<Shrunk> {
    let mut search = Search { best: script.clone(), tries: 0, breaks: &mut breaks };
    if !(search.breaks)(script) {
        return None;
    }
    search.steady();
    loop {
        let before = search.best.clone();
        search.lines();
        search.setup();
        search.details();
        if search.best == before || search.tries >= TRIES_MAX {
            return Some(Shrunk { script: search.best, tries: search.tries });
        }
    }
}

struct Search<'a> {
    best: Script,
    tries: u32,
    breaks: &'a mut dyn FnMut(&Script) -> bool,
}

impl Search<'_> {
    /// Takes a script if it still breaks.
    fn better(&mut self, script: Script) -> bool {
        if self.tries >= TRIES_MAX || script == self.best {
            return false;
        }
        self.tries += 1;
        let better = (self.breaks)(&script);
        if better {
            self.best = script;
        }
        better
    }

    /// Without writes and syncs, each step is durable at once.
    fn steady(&mut self) {
        let mut script = self.best.clone();
        script.lines.retain(|line| !matches!(line, Line::Write | Line::Sync));
        self.better(script);
    }

    /// Leaves out runs of lines, long ones first.
    fn lines(&mut self) {
        let mut size = self.best.lines.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            while at < self.best.lines.len() {
                let mut script = self.best.clone();
                let end = (at + size).min(script.lines.len());
                script.lines.drain(at..end);
                if !self.better(script) {
                    at += size;
                }
            }
            if size == 1 {
                return;
            }
            size = size.div_ceil(2);
        }
    }

    /// Puts what the run begins with back to what is usual, a thing at a time.
    fn setup(&mut self) {
        let usual = Setup::default();
        for info in delm_core::limits::LIMITS {
            let mut script = self.best.clone();
            if let Some(value) = usual.limits.get(info.name)
                && script.setup.limits.set(info.name, value).is_ok()
            {
                self.better(script);
            }
        }
        let changes: [fn(&mut Setup); 8] = [
            |setup| drop(setup.programs.pop()),
            |setup| setup.agents = setup.agents.saturating_sub(1).max(1),
            |setup| setup.self_review = false,
            |setup| setup.reading = false,
            |setup| setup.builtin_worker = false,
            |setup| setup.builtin_judge = false,
            |setup| setup.priced = false,
            |setup| setup.ablations.clear(),
        ];
        for change in changes {
            let mut script = self.best.clone();
            change(&mut script.setup);
            self.better(script);
        }
        let mut script = self.best.clone();
        script.setup.nonce = usual.nonce;
        self.better(script);
    }

    /// Drops wishes for a next job, numbers and forgeries that do not matter.
    fn details(&mut self) {
        for place in 0..self.best.lines.len() {
            let mut script = self.best.clone();
            if let Some(Line::Send { next, number, forged, .. }) = script.lines.get_mut(place) {
                (*next, *number, *forged) = (false, None, false);
                self.better(script);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Ask;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let mut script = Script::new(Setup { agents: 4, reading: true, ..Setup::default() });
        for at in 0..40 {
            script.push(Line::Tick { at });
            if at == 17 || at == 30 {
                let ask = Ask::Leave;
                script.push(Line::Send { at, who: None, number: Some(1), ask, next: true, forged: true });
            }
        }
        let leaves = |script: &Script| {
            script.lines.iter().filter(|line| matches!(line, Line::Send { ask: Ask::Leave, .. })).count() > 1
        };
        let shrunk = shrink(&script, leaves).unwrap();
        assert_eq!(shrunk.script.to_string(), "begin agents=1\n@17 engine leave\n@30 engine leave\n");
        assert!(shrink(&Script::new(Setup::default()), leaves).is_none());
    }
}
