//! Notes, checkpoints, keys, proofs, policies, witness requests, acknowledgements and SSH signatures
//! are read in their one form or refused, and a checkpoint of any name that can be signed verifies.
#![no_main]

use std::sync::OnceLock;

use adproof_ledger::cosign::{accept_cosignatures, check_cosignatures};
use adproof_ledger::note::UnverifiedNote;
use adproof_ledger::policy::{Policy, PolicyLimits};
use adproof_ledger::sshsig::{self, RECORD_NAMESPACE};
use adproof_ledger::witness::AddCheckpoint;
use adproof_ledger::{
    Ack, Checkpoint, Hash, MemoryKey, NamedKey, Signer as _, TlogProof, TrustedKeys,
    VerifiedCheckpoint, WitnessKey, is_log_name,
};
use libfuzzer_sys::fuzz_target;

/// Made once, because that is slower than to read a note.
static KEY: OnceLock<MemoryKey> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let key = KEY.get_or_init(|| MemoryKey::from_seed(&[22; 32]));
    let public = key.public_key();
    if let Ok(note) = UnverifiedNote::parse(bytes) {
        let origin = note.claimed_origin().to_owned();
        let _ = note.claimed_size();
        if let Some(named) = NamedKey::new(&origin, public)
            && let Ok(text) = note.verify(std::slice::from_ref(&named))
        {
            assert!(bytes.starts_with(text.as_bytes()) && text.ends_with('\n'));
            if let Ok(checkpoint) = VerifiedCheckpoint::verify(bytes, &origin, &[named]) {
                assert_eq!(checkpoint.note().as_bytes(), bytes);
                let witness: Vec<_> =
                    WitnessKey::new("witness.example", public).into_iter().collect();
                assert_eq!(check_cosignatures(&checkpoint, &witness).len(), witness.len());
                let _ = accept_cosignatures(&checkpoint, &witness, bytes);
            }
        }
    }
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert_eq!(TlogProof::parse(proof.to_text().as_bytes()).as_ref(), Ok(&proof));
    }
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_text().as_bytes(), bytes);
    }
    if let Ok(ack) = Ack::parse_envelope(bytes) {
        assert_eq!(ack.to_envelope().as_deref(), Ok(bytes));
    }
    let _ = Policy::parse(bytes, &PolicyLimits::default());
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(named) = NamedKey::parse_vkey(text) {
        assert_eq!(named.to_vkey(), text);
    }
    if let Ok(witness) = WitnessKey::parse_vkey(text) {
        assert_eq!(witness.to_vkey(), text);
    }
    if let Ok(keys) = TrustedKeys::parse(text) {
        assert_eq!(TrustedKeys::parse(&keys.to_text()), Ok(keys));
    }
    let _ = sshsig::verify(&public, RECORD_NAMESPACE, b"message", text);
    // Signing is slow: only for what is short enough to be a name.
    if text.len() <= 64 && is_log_name(text) {
        let checkpoint = Checkpoint { origin: text.to_owned(), size: 7, root: Hash::of(bytes) };
        let note = checkpoint.sign(key).expect("the name is one of a log");
        let named = NamedKey::new(text, public).expect("the name is one of a log");
        let verified = VerifiedCheckpoint::verify(note.as_bytes(), text, &[named]);
        assert_eq!(verified.map(|one| one.size()), Ok(7));
    }
});
