//! What the core should do, said a second time and in few words: a sequential model of jobs, holders and attempts.
//!
//! Refuses everything that a model of a page cannot say: budgets, deadlines, readings, ablations, renewals of words. One
//! agent is one principal, and there are at least two.

use std::collections::BTreeMap;

/// A job, as the model names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// The plan.
    Plan,
    /// A task, by its number.
    Reason(u32),
    /// The review of a task's proposal, by the task and how many it had before.
    Review(u32, u32),
    /// The expansion of a round.
    Expand(u32),
    /// The answer.
    Finalize,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A need is not settled.
    Waiting,
    /// It can be taken.
    Ready,
    /// An agent holds it.
    Held(usize),
    /// Its proposal awaits a verdict.
    InReview,
    /// It is done.
    Done,
    /// It was given up.
    GivenUp,
}

/// A reply, by what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What the job asks for: so many tasks, each needing the one before; a finding; an approval; the answer.
    Good(u32),
    /// A verdict against; elsewhere as [`Meaning::Good`].
    Against,
    /// Words of no use.
    Useless,
}

/// Something that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// An agent asks for a job.
    Claim(usize),
    /// An agent replies.
    Reply(usize, Meaning),
    /// An agent asks for more time.
    Renew(usize),
    /// An agent gives its job back.
    Release(usize),
    /// An agent speaks of a claim that it no longer has.
    Stale(usize),
    /// Every lease runs out.
    Expire,
    /// The process dies, and another takes over.
    Crash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    standing: Standing,
    failures: u32,
}

/// The model of one run.
#[derive(Clone, Debug)]
pub struct Reference {
    agents: usize,
    attempts_max: u32,
    rounds_max: u32,
    /// In the order in which they became known.
    order: Vec<Work>,
    jobs: BTreeMap<Work, Entry>,
    needs: BTreeMap<u32, Vec<u32>>,
    authors: BTreeMap<u32, usize>,
    proposals: BTreeMap<u32, u32>,
    round: u32,
    closed: bool,
    /// Admitted findings.
    pub findings: u32,
    /// Admitted words of tasks given up.
    pub failures: u32,
    /// How it ended.
    pub ended: Option<&'static str>,
}

impl Reference {
    /// A run that has just begun.
    #[must_use]
    pub fn new(agents: usize, attempts_max: u32, rounds_max: u32) -> Self {
        let mut run = Self {
            agents,
            attempts_max,
            rounds_max,
            order: Vec::new(),
            jobs: BTreeMap::new(),
            needs: BTreeMap::new(),
            authors: BTreeMap::new(),
            proposals: BTreeMap::new(),
            round: 0,
            closed: false,
            findings: 0,
            failures: 0,
            ended: None,
        };
        run.add(Work::Plan, Standing::Ready);
        run
    }

    /// How many agents there are.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.agents
    }

    /// Every job with where it stands and how often it failed.
    pub fn jobs(&self) -> impl Iterator<Item = (Work, Standing, u32)> + '_ {
        self.jobs.iter().map(|(work, entry)| (*work, entry.standing, entry.failures))
    }

    /// What an agent holds.
    #[must_use]
    pub fn held(&self, agent: usize) -> Option<Work> {
        let held = |(_, entry): &(&Work, &Entry)| entry.standing == Standing::Held(agent);
        self.jobs.iter().find(held).map(|(work, _)| *work)
    }

    /// Does it; false if it is refused, or finds no work.
    pub fn act(&mut self, act: Act) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let done = match act {
            Act::Claim(agent) => match self.next(agent).filter(|_| self.held(agent).is_none()) {
                Some(work) => self.set(work, Standing::Held(agent)),
                None => false,
            },
            Act::Reply(agent, meaning) => {
                self.held(agent).is_some_and(|work| self.reply(agent, work, meaning))
            }
            Act::Renew(agent) => self.held(agent).is_some(),
            Act::Release(agent) => self.held(agent).is_some_and(|work| self.set(work, Standing::Ready)),
            Act::Stale(_) => false,
            Act::Expire => self.expire(),
            Act::Crash => {
                for work in self.taken() {
                    self.set(work, Standing::Ready);
                }
                true
            }
        };
        self.settle();
        done
    }

    fn add(&mut self, work: Work, standing: Standing) {
        self.order.push(work);
        self.jobs.insert(work, Entry { standing, failures: 0 });
    }

    fn set(&mut self, work: Work, standing: Standing) -> bool {
        self.jobs.get_mut(&work).is_some_and(|entry| {
            entry.standing = standing;
            true
        })
    }

    fn is(&self, work: &Work, standing: Standing) -> bool {
        self.jobs.get(work).is_some_and(|entry| entry.standing == standing)
    }

    fn taken(&self) -> Vec<Work> {
        let held = |(_, entry): &(&Work, &Entry)| matches!(entry.standing, Standing::Held(_));
        self.jobs.iter().filter(held).map(|(work, _)| *work).collect()
    }

    /// Reviews of others first, then the plan, tasks, and last what follows a drain; each in its order.
    fn next(&self, agent: usize) -> Option<Work> {
        let ready = || self.order.iter().copied().filter(|work| self.is(work, Standing::Ready));
        let mut reviews = ready().filter(|work| match work {
            Work::Review(task, _) => self.authors.get(task) != Some(&agent),
            Work::Plan | Work::Reason(_) | Work::Expand(_) | Work::Finalize => false,
        });
        let rank = |work: &Work| match work {
            Work::Review(..) => None,
            Work::Plan => Some(0),
            Work::Reason(_) => Some(1),
            Work::Expand(_) | Work::Finalize => Some(2),
        };
        let others = || ready().filter(|work| rank(work).is_some()).min_by_key(rank);
        let taken = self.taken();
        let waits =
            |work: &Work| taken.contains(&Work::Finalize) || *work == Work::Finalize && !taken.is_empty();
        reviews.next().or_else(others).filter(|work| !waits(work))
    }

    fn reply(&mut self, agent: usize, work: Work, meaning: Meaning) -> bool {
        match (work, meaning) {
            (_, Meaning::Useless) => self.fail(work),
            (Work::Plan, Meaning::Good(tasks)) => {
                self.set(work, Standing::Done);
                self.plan(tasks.max(1));
            }
            (Work::Plan, Meaning::Against) => {
                self.set(work, Standing::Done);
                self.plan(1);
            }
            (Work::Expand(_), Meaning::Good(tasks)) if tasks > 0 => {
                self.set(work, Standing::Done);
                self.plan(tasks);
            }
            (Work::Expand(_), _) => {
                self.set(work, Standing::Done);
                self.close();
            }
            (Work::Reason(task), _) => {
                self.set(work, Standing::InReview);
                self.authors.insert(task, agent);
                let before = self.proposals.entry(task).or_insert(0);
                *before += 1;
                let review = Work::Review(task, *before);
                self.add(review, Standing::Ready);
            }
            (Work::Review(task, _), Meaning::Against) => {
                self.set(work, Standing::Done);
                self.fail(Work::Reason(task));
            }
            (Work::Review(task, _), Meaning::Good(_)) => {
                self.set(work, Standing::Done);
                self.set(Work::Reason(task), Standing::Done);
                self.findings += 1;
                self.release_dependants();
            }
            // An answer has to stand on a finding.
            (Work::Finalize, _) if self.findings == 0 => self.fail(work),
            (Work::Finalize, _) => {
                self.set(work, Standing::Done);
                self.ended = Some("answered");
            }
        }
        true
    }

    /// So many tasks, each needing the one before it.
    fn plan(&mut self, tasks: u32) {
        let first = u32::try_from(self.needs.len()).unwrap_or(0) + 1;
        for task in first..first + tasks {
            let needs = if task > first { vec![task - 1] } else { Vec::new() };
            let standing = if needs.is_empty() { Standing::Ready } else { Standing::Waiting };
            self.needs.insert(task, needs);
            self.add(Work::Reason(task), standing);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.add(Work::Finalize, Standing::Ready);
    }

    fn fail(&mut self, work: Work) {
        let Some(entry) = self.jobs.get_mut(&work) else { return };
        entry.failures += 1;
        if entry.failures < self.attempts_max {
            entry.standing = Standing::Ready;
            return;
        }
        entry.standing = Standing::GivenUp;
        match work {
            Work::Plan => self.ended = Some("failed"),
            Work::Reason(_) => {
                self.failures += 1;
                self.release_dependants();
            }
            // Nobody judged it: it counts as judged against.
            Work::Review(task, _) => {
                self.set(work, Standing::Done);
                self.fail(Work::Reason(task));
            }
            Work::Expand(_) => self.close(),
            Work::Finalize => self.ended = Some("unanswered"),
        }
    }

    fn release_dependants(&mut self) {
        let settled = |task: &u32| {
            let work = Work::Reason(*task);
            self.is(&work, Standing::Done) || self.is(&work, Standing::GivenUp)
        };
        let free = |(task, needs): &(&u32, &Vec<u32>)| {
            self.is(&Work::Reason(**task), Standing::Waiting) && needs.iter().all(settled)
        };
        let free: Vec<u32> = self.needs.iter().filter(free).map(|(task, _)| *task).collect();
        for task in free {
            self.set(Work::Reason(task), Standing::Ready);
        }
    }

    fn expire(&mut self) -> bool {
        let taken = self.taken();
        taken.iter().for_each(|work| self.fail(*work));
        !taken.is_empty()
    }

    /// Nothing held and nothing to take: the round drains.
    fn settle(&mut self) {
        let idle = self.taken().is_empty() && !self.jobs.values().any(|job| job.standing == Standing::Ready);
        if self.ended.is_some() || self.closed || !idle {
            return;
        }
        self.round += 1;
        let bounded = self.round > self.rounds_max;
        self.add(Work::Expand(self.round), if bounded { Standing::GivenUp } else { Standing::Ready });
        if bounded {
            self.close();
        }
    }
}
