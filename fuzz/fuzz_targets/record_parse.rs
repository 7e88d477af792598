//! Any bytes are a record in its one form, or are refused; the other readers of a ledger's files
//! do not panic either.
#![no_main]

use adproof_ledger::dsse::Envelope;
use adproof_ledger::frame::Frames;
use adproof_ledger::note::UnverifiedNote;
use adproof_ledger::{Disclosure, Opening, Record, TlogProof, TrustedKeys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = Record::parse(bytes) {
        assert_eq!(record.to_bytes().ok().as_deref(), Some(bytes));
    }
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert_eq!(envelope.to_bytes(), bytes);
    }
    if let Ok(opening) = Opening::parse(bytes) {
        assert_eq!(opening.to_bytes(), bytes);
    }
    for frame in Frames::new(bytes).flatten() {
        assert!(frame.entry.len() <= bytes.len());
    }
    let _ = UnverifiedNote::parse(bytes);
    let _ = TlogProof::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = TrustedKeys::parse(text);
        if let Ok(disclosure) = Disclosure::parse(text) {
            assert_eq!(disclosure.to_text().as_deref(), Ok(text));
        }
    }
});
