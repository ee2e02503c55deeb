//! A model's text as a typed reply: read or refused; what is read has one canonical spelling, which is read as the same.
#![no_main]

use delm_core::event::Purpose;
use delm_core::reply::Reply;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for purpose in Purpose::ALL {
        let Ok(reply) = Reply::parse(*purpose, text) else { continue };
        let canonical = reply.to_canonical();
        assert_eq!(Reply::parse(*purpose, &canonical).as_ref(), Ok(&reply), "{purpose}: read otherwise");
        let wrapped = [b"Sure:\n```json\n".as_slice(), &canonical, b"\n```"].concat();
        assert_eq!(Reply::parse(*purpose, &wrapped).as_ref(), Ok(&reply), "{purpose}: a fence changes it");
    }
});
