//! A record on one line, and who has acknowledged it.

use adproof_edge::store::{LedgerReader, Query};
use adproof_ledger::{Ack, Body, Hash, PublicKey, Record};
use adproof_model::Timestamp;

use crate::keyring::store_failure;
use crate::text::safe;

/// What a record does, to what, and the hash that tells it from others of its kind.
pub(super) fn columns(record: &Record) -> [String; 3] {
    let short = |hash: &dyn std::fmt::Display| hash.to_string().chars().take(16).collect();
    let time = |micros| Timestamp::from_micros(micros).to_string();
    match &record.body {
        Body::Decision(draft) => {
            let dec = &draft.dec;
            let target = safe(dec.target.as_deref().unwrap_or("-"));
            [dec.action.as_str().to_owned(), target, short(&dec.subject)]
        }
        Body::Ack(ack) => {
            let target = format!("record {}", ack.statement.seq);
            [ack.statement.stance.as_str().to_owned(), target, short(&ack.kid)]
        }
        Body::Key(change) => {
            let target = format!("{} from {}", change.role.as_str(), change.from_seq);
            let key = PublicKey::from_bytes(change.public.as_bytes());
            let kid = key.map_or_else(|_| short(&change.public), |key| short(&key.id()));
            [change.action.as_str().to_owned(), target, kid]
        }
        Body::WindowClose(window) => {
            let target = format!("until {}", time(window.to_us));
            let count = window.totals.iter().fold(0_u64, |sum, one| sum.saturating_add(one.count));
            ["-".to_owned(), target, format!("{count} decisions")]
        }
        Body::Erase(erase) => ["-".to_owned(), erase.day.clone(), short(&erase.key)],
        Body::Recovery(recovery) => {
            let sha256: &Hash = &recovery.sha256;
            ["-".to_owned(), format!("{} bytes cut off", recovery.bytes), short(sha256)]
        }
        _ => ["-".to_owned(), "-".to_owned(), "-".to_owned()],
    }
}

/// What the other party has said to a record, with the places of its statements.
pub(super) fn acks_of(reader: &LedgerReader, seq: u64) -> anyhow::Result<Vec<(u64, Ack)>> {
    let mut found = Vec::new();
    of_type(reader, "ack", |at, record| {
        if let Body::Ack(ack) = record.body
            && ack.statement.seq == seq
        {
            found.push((at, ack));
        }
    })?;
    Ok(found)
}

/// Hands over the records of one type, in order.
pub(super) fn of_type(
    reader: &LedgerReader,
    typ: &str,
    mut each: impl FnMut(u64, Record),
) -> anyhow::Result<()> {
    let query = Query { typ: Some(typ.to_owned()), ..Query::default() };
    let found = reader.find(&query, |seq, frame| {
        if let Ok(record) = Record::parse(&frame.entry) {
            each(seq, record);
        }
    });
    found.map(drop).map_err(store_failure)
}
