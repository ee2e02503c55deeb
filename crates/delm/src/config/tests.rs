//! Which layer wins, and what comes of it.

use super::*;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(project: &str, own: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("project/deep/er")).unwrap();
        std::fs::create_dir_all(folder.path().join("own/delm")).unwrap();
        std::fs::write(folder.path().join("project/delm.toml"), project).unwrap();
        std::fs::write(folder.path().join("own/delm/config.toml"), own).unwrap();
        Self { folder }
    }

    fn load(&self, variables: &[(&str, &str)], flags: Layer) -> Result<Settings, ConfigError> {
        let own = self.folder.path().join("own").to_str().unwrap().to_owned();
        let all: Vec<_> = variables.iter().copied().chain([("XDG_CONFIG_HOME", own.as_str())]).collect();
        Settings::load(&Environment::of(&all).within(self.folder.path().join("project/deep/er")), flags)
    }
}

fn flag(name: &'static str, parts: &[&str], text: &str) -> (Key, Setting) {
    (Key::new(parts.iter().copied()), Setting { text: text.into(), origin: Origin::Flag(name) })
}

#[test]
fn the_highest_layer_wins() {
    let place = Place::new(
        "model = \"project\"\njudge = \"project\"\n",
        "model = \"own\"\njudge = \"own\"\nagents = 7\n",
    );
    let of = |variables, flags| place.load(variables, flags).unwrap();
    let settings = of(&[], vec![]);
    assert_eq!(settings.text("model").as_deref(), Some("project"));
    assert_eq!(settings.agents(), Some(7));
    assert_eq!(settings.text("color").as_deref(), Some("auto"));
    let settings = of(&[("DELM_MODEL", "variable")], vec![]);
    assert_eq!(settings.text("model").as_deref(), Some("variable"));
    let settings = of(&[("DELM_MODEL", "variable")], vec![flag("--model", &["model"], "flag")]);
    let model = settings.get(&Key::new(["model"])).unwrap();
    assert_eq!((model.text.as_str(), model.origin.to_string().as_str()), ("flag", "--model"));
    assert_eq!(settings.text("judge").as_deref(), Some("project"));
    assert!(settings.files().iter().all(|file| file.found));
}

#[test]
fn files_win_over_the_names_other_tools_use() {
    let place = Place::new("", "[provider.openai]\nbase_url = \"http://own\"\n");
    let both = [("OPENAI_BASE_URL", "http://common"), ("OLLAMA_HOST", "box")];
    let settings = place.load(&both, vec![]).unwrap();
    assert_eq!(settings.provider("openai", "base_url").unwrap().text, "http://own");
    assert_eq!(settings.provider("ollama", "base_url").unwrap().text, "http://box:11434");
}

#[test]
fn paths_in_a_file_are_relative_to_the_file() {
    let place = Place::new("store = \"../store\"\n", "");
    let store = place.load(&[], vec![]).unwrap().store();
    assert_eq!(store, place.folder.path().join("project/../store"));
    assert_eq!(place.load(&[("DELM_STORE", "here")], vec![]).unwrap().store(), PathBuf::from("here"));
    assert_eq!(Settings::default().store(), PathBuf::from(".delm"));
}

#[test]
fn a_wrong_flag_is_named_as_the_flag() {
    let place = Place::new("", "");
    let error = place
        .load(&[], vec![flag("--base-url", &["provider", "openai", "base_url"], "localhost")])
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("--base-url: provider.openai.base_url: \"localhost\" is not an address"),
        "{error}"
    );
    assert_eq!(CliError::from(error).exit, Exit::Usage);
}

#[test]
fn prices_are_whole_and_without_floats() {
    let project = "[price.\"openai::a\"]\nin = 0.15\nout = 0.60\ncached = 0.075\nversion = \"2026-11\"\n";
    let own = "[price.\"openai::a\"]\nin = 9\nout = 9\ncached = 9\nversion = \"old\"\n[price.\"openai::b\"]\nin = \"1\"\nout = \"2.5\"\nversion = \"1\"\n";
    let prices = Place::new(project, own).load(&[], vec![]).unwrap().prices().unwrap();
    let of = |model: &str, version: &str, input, cached, out| Price {
        model: model.into(),
        version: version.into(),
        in_microusd: input,
        cached_microusd: cached,
        out_microusd: out,
    };
    assert_eq!(
        prices,
        [
            of("openai::a", "2026-11", 150_000, 75_000, 600_000),
            of("openai::b", "1", 1_000_000, 1_000_000, 2_500_000)
        ]
    );
}

#[test]
fn half_a_price_is_none_even_if_a_lower_layer_has_the_rest() {
    let own = "[price.\"openai::a\"]\nin = 9\nout = 9\nversion = \"old\"\n";
    let error = Place::new("[price.\"openai::a\"]\nin = 1\nversion = \"new\"\n", own)
        .load(&[], vec![])
        .unwrap()
        .prices()
        .unwrap_err();
    assert!(error.to_string().contains("price of openai::a has no out"), "{error}");
}

#[test]
fn limits_gather_what_is_set() {
    let place =
        Place::new("budget_usd = 0.5\ndeadline = \"15m\"\n[limit]\nlease_ms = 1000\nbudget_tokens = 5\n", "");
    let limits = place.load(&[("DELM_BUDGET_TOKENS", "7")], vec![]).unwrap().limits();
    let want = Limits {
        budget_microusd: 500_000,
        deadline_ms: 900_000,
        lease_ms: 1_000,
        budget_tokens: 7,
        ..Limits::default()
    };
    assert_eq!(limits, want);
}

#[test]
fn parameters_come_sorted_with_those_of_the_judge_apart() {
    let place = Place::new("[param]\ntop_p = 0.9\ntemperature = 0.20\n[param.judge]\nseed = 1\n", "");
    let params = place.load(&[], vec![flag("--param", &["param", "seed"], "5")]).unwrap().params();
    let shown: Vec<_> =
        params.iter().map(|param| format!("{} {}={}", param.judge, param.key, param.value)).collect();
    assert_eq!(shown, ["false seed=5", "false temperature=0.20", "false top_p=0.9", "true seed=1"]);
}

#[test]
fn a_settings_file_that_cannot_be_read_is_an_error() {
    let place = Place::new("", "");
    let path = place.folder.path().join("project/delm.toml");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(place.load(&[], vec![]), Err(ConfigError::Unreadable { .. })));
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, vec![b'#'; 1_048_577]).unwrap();
    assert!(matches!(place.load(&[], vec![]), Err(ConfigError::TooLong { .. })));
    std::fs::write(&path, b"\xff").unwrap();
    assert!(matches!(place.load(&[], vec![]), Err(ConfigError::NotText { .. })));
}

#[test]
fn providers_get_their_settings_and_only_the_keys_that_are_needed() {
    let own = "[provider.openai]\nbase_url = \"http://box:8000/v1\"\nconcurrency = 2\ntries = 1\ntimeout = \"5s\"\n[provider.gemini]\napi_key_cmd = \"exit 1\"\n";
    let place = Place::new("", own);
    let settings = place.load(&[], vec![]).unwrap();
    let environment = Environment::of(&[("OPENAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")]);
    let providers = settings.providers(&environment, &["openai::x", "extractive", "script:a::b"]).unwrap();
    let openai = providers.get("openai").unwrap();
    assert_eq!(
        (openai.base_url.as_str(), openai.concurrency_max, openai.tries_max, openai.timeout_ms),
        ("http://box:8000/v1", 2, 1, 5_000)
    );
    assert!(openai.api_key.is_some());
    assert!(providers.get("anthropic").unwrap().api_key.is_none(), "nobody asked for it");
    assert!(matches!(settings.providers(&environment, &["gemini::x"]), Err(SecretError::Command { .. })));
}
