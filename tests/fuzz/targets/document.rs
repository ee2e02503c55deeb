//! A document's bytes, read under caps, as `--docs` reads them: text that is those very bytes, or a reason.
//!
//! The module is compiled into this target, since the binary `delm` is no library.
#![no_main]

#[allow(dead_code, reason = "only the reading is under test")]
#[path = "../../../crates/delm/src/docs/read.rs"]
mod read;

mod output {
    //! What the reading names of the rest of the binary.
    pub(crate) mod human {
        //! Numbers in messages.
        pub(crate) fn count(number: u64) -> String {
            number.to_string()
        }
    }
}

use libfuzzer_sys::fuzz_target;
use read::{Caps, Refused};

fuzz_target!(|input: &[u8]| {
    let Some(([one, left], bytes)) = input.split_first_chunk::<2>() else { return };
    // A cap of 255 stands for none.
    let cap = |byte: u8| if byte == u8::MAX { u64::MAX } else { u64::from(byte) };
    let caps = Caps { one: cap(*one), left: cap(*left), all: 1_000 };
    let room = caps.one.min(caps.left);
    match read::stream(&mut { bytes }, caps) {
        Ok(text) => {
            assert_eq!(text.as_bytes(), bytes, "the text is the file");
            assert!(text.len() as u64 <= room && !text.trim().is_empty() && !text.contains('\0'));
        }
        Err(refused) => {
            let too_long = matches!(refused, Refused::Endless { .. } | Refused::NoRoom { .. });
            assert_eq!(too_long, bytes.len() as u64 > room, "{refused}");
            let text = std::str::from_utf8(bytes).is_ok_and(|text| !text.trim().is_empty());
            assert!(too_long || !text || bytes.contains(&0), "{refused}");
        }
    }
});
