//! The flags of a call as the highest layer of settings.
//!
//! Refuses to check again what parsing has checked, but for values that settings check themselves.

use crate::args::ask::{Budget, Input, Team};
use crate::args::value::SetLimit;
use crate::args::{Cli, Drive, Global, Verb};
use crate::config::key::Key;
use crate::config::layer::Layer;
use crate::config::{Origin, Setting};
use crate::output::style::ColorChoice;

/// The settings that this call's flags are.
pub(crate) fn layer(cli: &Cli) -> Layer {
    let mut flags = Flags(Vec::new());
    flags.global(&cli.global);
    match &cli.verb {
        Verb::Drive(Drive::Run(run)) => {
            flags.team(&run.team);
            flags.budget(&run.budget);
            flags.input(&run.input);
            flags.limits(&run.set);
        }
        Verb::Drive(Drive::Demo(demo)) => flags.maybe("--agents", &["agents"], demo.agents),
        Verb::Drive(Drive::Resume(resume)) => {
            flags.budget(&resume.budget);
            flags.maybe("--base-url", &["provider", "openai", "base_url"], resume.base_url.as_ref());
        }
        Verb::Drive(Drive::Fork(fork)) => {
            flags.maybe("--base-url", &["provider", "openai", "base_url"], fork.team.base_url.as_ref());
        }
        Verb::Drive(Drive::Cancel(_)) | Verb::Read(_) | Verb::Aside(_) => {}
    }
    flags.0
}

struct Flags(Layer);

impl Flags {
    fn maybe(&mut self, flag: &'static str, key: &[&str], value: Option<impl ToString>) {
        if let Some(value) = value {
            let setting = Setting { text: value.to_string(), origin: Origin::Flag(flag) };
            self.0.push((Key::new(key.iter().copied()), setting));
        }
    }

    fn global(&mut self, global: &Global) {
        self.maybe(
            "--store",
            &["store"],
            global.store.as_ref().map(|path| path.to_string_lossy().into_owned()),
        );
        let color = global.color.map(|choice| match choice {
            ColorChoice::Auto => "auto",
            ColorChoice::Always => "always",
            ColorChoice::Never => "never",
        });
        self.maybe("--color", &["color"], color);
    }

    fn team(&mut self, team: &Team) {
        self.maybe("--agents", &["agents"], team.agents);
        self.maybe("--model", &["model"], team.model.as_ref());
        self.maybe("--judge", &["judge"], team.judge.as_ref());
        self.maybe("--base-url", &["provider", "openai", "base_url"], team.base_url.as_ref());
        self.maybe(
            "--prompts",
            &["prompts"],
            team.prompts.as_ref().map(|path| path.to_string_lossy().into_owned()),
        );
        // The first of a layer wins; of a flag given twice it is the last that should.
        for param in team.param.iter().rev() {
            let key: &[&str] =
                if param.judge { &["param", "judge", &param.key] } else { &["param", &param.key] };
            self.maybe("--param", key, Some(&param.value));
        }
    }

    fn budget(&mut self, budget: &Budget) {
        let dollars =
            budget.budget_usd.map(|micro| format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000));
        self.maybe("--budget-usd", &["budget_usd"], dollars);
        self.maybe("--budget-tokens", &["budget_tokens"], budget.budget_tokens);
        self.maybe("--deadline", &["deadline"], budget.deadline.map(|ms| format!("{ms}ms")));
    }

    fn input(&mut self, input: &Input) {
        self.maybe("--docs-strict", &["docs_strict"], input.docs_strict.then_some("true"));
    }

    fn limits(&mut self, limits: &[SetLimit]) {
        for limit in limits.iter().rev() {
            self.maybe("--set", &["limit", limit.name], Some(limit.value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::environment::Environment;

    fn settings(line: &str) -> Settings {
        let cli = Cli::parse_from_list(line.split(' ')).unwrap();
        Settings::load(&Environment::of(&[]).within("/nowhere"), layer(&cli)).unwrap()
    }

    #[test]
    fn flags_arrive_as_settings() {
        let line = "delm run q --store s --model openai::m --agents 3 --budget-usd 0.25 --budget-tokens 9 --deadline 90s \
                    --set lease_ms=7 --set lease_ms=8 --param temperature=0.30 --param judge.seed=1 --docs-strict --color never";
        let settings = settings(&line.split_whitespace().collect::<Vec<_>>().join(" "));
        let limits = settings.limits();
        assert_eq!(
            (limits.budget_microusd, limits.budget_tokens, limits.deadline_ms, limits.lease_ms),
            (250_000, 9, 90_000, 8)
        );
        assert_eq!(
            (settings.agents(), settings.docs_strict(), settings.color()),
            (Some(3), Some("--docs-strict".to_owned()), ColorChoice::Never)
        );
        assert_eq!(settings.store(), std::path::PathBuf::from("s"));
        let params: Vec<_> =
            settings.params().into_iter().map(|param| (param.judge, param.key, param.value)).collect();
        assert_eq!(params, [(false, "temperature".into(), "0.30".into()), (true, "seed".into(), "1".into())]);
    }

    #[test]
    fn of_a_flag_given_twice_the_last_counts() {
        let settings = settings("delm run q --param a=1 --param a=2");
        assert_eq!(settings.params()[0].value, "2");
    }
}
