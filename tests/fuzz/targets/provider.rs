//! A provider's response, as each of the four APIs reads it: a reply, another try, a simpler dialect or the end; and no
//! key in anything that is kept.
//!
//! An input looks like HTTP: `openai 200` or `ollama free 503`, a header a line, an empty line, the body.
#![no_main]

use delm_llm::Api;
use delm_llm::fuzz::judged;
use libfuzzer_sys::fuzz_target;

/// The provider's key. A response may repeat it: then it is not in what is kept.
const KEY: &str = "sk-fuzz-4fGh7JkLmN0pQr";
/// What a refusal about that name holds.
const NAME: &[u8] = b"max_completion_tokens";
/// So many characters in a row of a key are a part of it.
const SHARED_MIN: usize = 6;

fuzz_target!(|input: &[u8]| {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let (head, body) = input.split_at(end);
    let body = body.get(2..).unwrap_or_default();
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let Some(status) = first.last().and_then(|status| status.parse().ok()) else { return };
    let one = first.first().and_then(|word| Api::from_word(word));
    for (api, ..) in Api::ALL {
        if one.is_none_or(|one| one == *api) {
            judge(*api, first.contains(&"free"), status, &headers, body);
        }
    }
});

fn judge(api: Api, free: bool, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let outcome = judged(api, free, status, headers, body, KEY);
    let good = (200..300).contains(&status);
    assert!(outcome.next != "done" || good, "status {status} brings a reply");
    // A server that wants the other name for the longest reply is asked once more by that name, whatever the format.
    let renamed =
        api == Api::OpenAi && body.to_ascii_lowercase().windows(NAME.len()).any(|words| words == NAME);
    assert!(outcome.next != "simpler" || !free || renamed, "there is nothing simpler than free text");
    assert_eq!(outcome.next == "done", outcome.reply.is_some());
    if let Some(reply) = outcome.reply {
        assert!(!String::from_utf8_lossy(&reply).contains(KEY), "the key is in a reply");
    }
    for said in outcome.said {
        for part in KEY.as_bytes().windows(SHARED_MIN) {
            let part = std::str::from_utf8(part).expect("a key of ASCII");
            assert!(!said.contains(part), "a part of the key is in {said:?}");
        }
    }
}
