//! The ledger's formats and their verification: records, signatures, Merkle tree, checkpoints
//! and proofs.
//!
//! This crate is pure: bytes in, values or bytes out. It reads no file and no clock, draws no
//! random number, starts no thread and depends on no other crate of this workspace, so that a
//! stranger can audit it alone and run it in a browser. Writing to a disk is `adproof-edge`.
//!
//! A record is RFC 8785 JSON in one fixed shape ([`Record`]), signed as DSSE with Ed25519
//! ([`dsse`]). It names the leaf hash of the record before it **inside** the signed bytes, so
//! nobody without the key can edit, delete, reorder or insert records and mend the chain. Records
//! are the leaves of an RFC 6962 tree ([`tree`]), whose root is signed in C2SP checkpoints
//! ([`note`]); whoever holds an older checkpoint can tell when even the key's holder rewrites.
#![forbid(unsafe_code)]

mod ack;
mod body;
pub mod bundle;
mod canon;
mod chain;
mod change;
pub mod commit;
pub mod cosign;
mod draft;
pub mod dsse;
pub mod export;
mod fault;
pub mod fork;
pub mod frame;
mod frontier;
mod hash;
mod key;
pub mod note;
pub mod ots;
pub mod policy;
mod proof;
mod record;
pub mod sshsig;
pub mod tiled;
pub mod tiles;
pub mod tree;
mod trust;
pub mod verify;
pub mod witness;

pub use ack::{ACK_PAYLOAD_TYPE, Ack, AckError, AckStatement, Stance};
pub use body::{Erase, RecordRange, RecordTime, Recovery, Total, WindowClose, is_day};
pub use canon::MAX_INT;
pub use chain::{AppendError, Chain, SignedRecord, UnsignedRecord};
pub use change::{KeyAction, KeyChange, Role};
pub use commit::{
    Committer, DayKey, Disclosure, EvidenceKey, LegCommitment, Opening, RecordKey, Value, Values,
};
pub use cosign::{Cosigned, WitnessKey};
pub use draft::{
    Action, Collateral, Completeness, Decision, Draft, Input, Leg, LegState, Legs, Number, Reason,
    Repro, Score, Tag, WrittenDraft,
};
pub use dsse::RecordSignature;
pub use fault::{EncodeError, ParseError, ParseFault};
pub use frontier::{Frontier, full_tile, hash_tile, node_of_tile};
pub use hash::Hash;
pub use key::{BadSignature, KeyError, KeyId, MemoryKey, NamedKey, PublicKey, SignError, Signer};
pub use note::{Checkpoint, NoteError, VerifiedCheckpoint};
pub use policy::{Policy, PolicyReport};
pub use proof::{NotAProof, TlogProof};
pub use record::{
    Body, Content, MAX_LOG_NAME_BYTES, MAX_RECORD_BYTES, Record, is_log_name, record_hash,
};
pub use trust::{TrustError, TrustedKeys, is_plain_log_name};
pub use verify::{Report, VerifiedRecord, Verifier};
pub use witness::AddCheckpoint;
