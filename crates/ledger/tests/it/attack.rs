//! What an attacker can do to a log, without its keys and with them, and which layer finds it. The
//! table in FORMAT.md says what each layer finds; here each row is carried out.

use std::fmt;

use adproof_ledger::frame::{Frames, push_frame, split_segment};
use adproof_ledger::tree::leaf_hash;
use adproof_ledger::verify::{Limits, NotChecked, Standing, Verifier};
use adproof_ledger::{
    Ack, AckStatement, Body, Chain, Hash, KeyAction, MemoryKey, Record, Report, SignedRecord,
    Signer, Stance, VerifiedCheckpoint, dsse,
};
use curve25519_dalek::Scalar;
use ed25519_dalek::{SigningKey, Verifier as _};
use sha2::{Digest as _, Sha512};

use crate::published::{Files, SEGMENT, log_files, records, second_record_key, trusted};
use crate::sample::{
    LOG, change, checkpoint_key, counterparty_key, draft, record_key, root_key, sign, time,
};

/// A log after an attack, and the first problem that must be told.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) files: Files,
    /// What the verifier has kept.
    held: Vec<(String, Standing)>,
    acks: Vec<Ack>,
    /// The record and the layer; none where the log holds.
    expected: Option<(Option<u64>, &'static str, &'static str)>,
}

impl fmt::Debug for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Attack {
    fn new(
        name: &'static str,
        records: &[SignedRecord],
        expected: (u64, &'static str, &'static str),
    ) -> Self {
        let (record, code, layer) = expected;
        Self {
            name,
            files: log_files(records, &published_checkpoint()),
            held: Vec::new(),
            acks: Vec::new(),
            expected: Some((Some(record), code, layer)),
        }
    }

    /// With this checkpoint beside the records.
    fn under(mut self, checkpoint: &str) -> Self {
        self.files.insert("checkpoint".to_owned(), checkpoint.as_bytes().to_vec());
        self
    }

    fn segment(mut self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        change(self.files.get_mut(SEGMENT).unwrap());
        self
    }

    fn against(mut self, checkpoint: &str, standing: Standing) -> Self {
        self.held.push((checkpoint.to_owned(), standing));
        self
    }

    fn nowhere(mut self) -> Self {
        self.expected = self.expected.map(|(_, code, layer)| (None, code, layer));
        self
    }

    fn holds(mut self) -> Self {
        self.expected = None;
        self
    }

    pub(crate) fn fails(&self) -> bool {
        self.expected.is_some()
    }

    /// Whether it is found, or not found, by the log and its keys alone.
    pub(crate) fn stands_alone(&self) -> bool {
        self.held.is_empty() && self.acks.is_empty()
    }

    /// The fault that must be told.
    pub(crate) fn code(&self) -> &'static str {
        self.expected.map_or("", |(_, code, _)| code)
    }

    /// The record that must be named.
    pub(crate) fn record(&self) -> Option<u64> {
        self.expected.and_then(|(record, _, _)| record)
    }

    fn verify(&self) -> Report {
        let trusted = trusted();
        let mut verifier = Verifier::new(&trusted, Limits::default());
        for (note, standing) in &self.held {
            let keys = trusted.checkpoint_keys();
            let note = VerifiedCheckpoint::verify(note.as_bytes(), LOG, keys).unwrap();
            verifier = verifier.against(note, *standing);
        }
        for ack in &self.acks {
            verifier = verifier.acknowledged(ack.clone());
        }
        let (_, frames) = split_segment(&self.files[SEGMENT]).unwrap();
        for frame in Frames::new(frames) {
            verifier.frame(&frame);
        }
        verifier.tiles(|tile| self.files.get(&tile.to_string()).cloned());
        verifier.finish(&self.files["checkpoint"])
    }
}

fn published_checkpoint() -> String {
    sign(&records(), &checkpoint_key())
}

fn key_of(record: &Record) -> MemoryKey {
    match (&record.body, record.seq) {
        (Body::Key(_), _) => root_key(),
        (_, 4 | 10) => second_record_key(),
        _ => record_key(),
    }
}

/// Changes bytes and leaves the rest as it is.
fn edit(records: &mut [SignedRecord], at: usize, change: impl FnOnce(&mut Record)) {
    let mut record = Record::parse(&records[at].bytes).unwrap();
    change(&mut record);
    replace(&mut records[at], record.to_bytes().unwrap());
}

fn replace(record: &mut SignedRecord, bytes: Vec<u8>) {
    record.leaf = leaf_hash(&bytes);
    record.bytes = bytes;
}

/// Mends places and links, which takes no key.
fn rehash(records: &mut [SignedRecord]) {
    let mut prev = Hash::ZERO;
    for (seq, record) in (0..).zip(records) {
        let mut parsed = Record::parse(&record.bytes).unwrap();
        (parsed.seq, parsed.prev) = (seq, prev);
        replace(record, parsed.to_bytes().unwrap());
        record.seq = seq;
        prev = record.leaf;
    }
}

/// Mends links and signs everything again, as the holder of every key can.
fn resign(records: &mut [SignedRecord]) {
    rehash(records);
    for record in records {
        let key = key_of(&Record::parse(&record.bytes).unwrap());
        record.signatures = vec![dsse::sign(&key, &record.bytes).unwrap()];
    }
}

/// Signs bytes that are no record with the right key.
fn forge(records: &mut [SignedRecord], at: usize, change: impl FnOnce(String) -> String) {
    let text = String::from_utf8(records[at].bytes.clone()).unwrap();
    let changed = change(text.clone()).into_bytes();
    assert_ne!(changed, text.into_bytes());
    records[at].signatures = vec![dsse::sign(&record_key(), &changed).unwrap()];
    replace(&mut records[at], changed);
}

fn no_reasons(record: &mut Record) {
    if let Body::Decision(draft) = &mut record.body {
        draft.dec.reasons.clear();
    }
}

/// A signature that RFC 8032's equation allows and strict verification refuses: its R is a point of
/// small order, the neutral element here, so that S = k·a needs the key but no nonce.
pub(crate) fn lax_signature(key: &[u8; 32], r: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let key = SigningKey::from_bytes(key);
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(key.verifying_key().as_bytes())
        .chain_update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    signature[32..].copy_from_slice((k * key.to_scalar()).as_bytes());
    signature
}

/// With the neutral element as R.
fn neutral_signature(key: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let signature = lax_signature(key, &neutral, message);
    let lax = ed25519_dalek::Signature::from_bytes(&signature);
    let key = SigningKey::from_bytes(key).verifying_key();
    assert!(key.verify(message, &lax).is_ok(), "the lax check takes it");
    signature
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn without_keys() -> Vec<Attack> {
    let good = records();
    let changed = |change: &dyn Fn(&mut Vec<SignedRecord>)| {
        let mut records = good.clone();
        change(&mut records);
        records
    };
    let stranger = MemoryKey::from_seed(&[66; 32]);
    let rehashed = changed(&|records| {
        edit(records, 2, no_reasons);
        rehash(records);
    });
    let unknown = changed(&|records| {
        edit(records, 2, |record| {
            no_reasons(record);
            record.kid = stranger.key_id();
        });
        records[2].signatures = vec![dsse::sign(&stranger, &records[2].bytes).unwrap()];
    });
    let renumbered = changed(&|records| {
        records.remove(4);
        rehash(records);
    });
    let inserted = changed(&|records| {
        let mut copy = records[1].clone();
        let mut parsed = Record::parse(&copy.bytes).unwrap();
        (parsed.seq, parsed.prev) = (3, records[2].leaf);
        replace(&mut copy, parsed.to_bytes().unwrap());
        records.insert(3, copy);
    });
    let other_log = {
        let mut chain = Chain::resume("log.example/other", 2, good[1].leaf).unwrap();
        let body = Body::Decision(Box::new(draft(2)));
        chain.append(&record_key(), body, &time(2)).unwrap()
    };
    let first_five = sign(&good[..5], &checkpoint_key());
    let sig = "record_signature";
    let prev = "signed_prev";
    vec![
        Attack::new("nothing", &good, (0, "", "")).holds(),
        Attack::new(
            "an edited field",
            &changed(&|records| edit(records, 2, no_reasons)),
            (2, "bad_signature", sig),
        ),
        Attack::new("an edit, and every hash made again", &rehashed, (2, "bad_signature", sig))
            .under(&sign(&rehashed, &stranger)),
        Attack::new("an edit under an unknown key", &unknown, (2, "untrusted_key", sig)),
        Attack::new(
            "an edited time",
            &changed(&|records| edit(records, 2, |record| record.time.wall_us -= 86_400_000_000)),
            (2, "bad_signature", sig),
        ),
        Attack::new(
            "no signature",
            &changed(&|records| records[2].signatures.clear()),
            (2, "unsigned", sig),
        ),
        Attack::new(
            "one left out",
            &changed(&|records| drop(records.remove(4))),
            (4, "missing", prev),
        ),
        Attack::new("one left out, the rest renumbered", &renumbered, (4, "bad_signature", sig)),
        Attack::new(
            "the tail cut off",
            &changed(&|records| records.truncate(8)),
            (8, "cut_off", "checkpoint"),
        ),
        Attack::new("two swapped", &changed(&|records| records.swap(1, 2)), (1, "missing", prev)),
        Attack::new(
            "one twice",
            &changed(&|records| records.insert(3, records[2].clone())),
            (2, "out_of_place", prev),
        ),
        Attack::new(
            "one replayed at the end",
            &changed(&|records| records.push(records[1].clone())),
            (1, "out_of_place", prev),
        ),
        Attack::new("one inserted with its links mended", &inserted, (3, "bad_signature", sig)),
        Attack::new(
            "one of another log by the same key",
            &changed(&|records| records[2] = other_log.clone()),
            (2, "other_log", prev),
        ),
        Attack::new("an old checkpoint", &good, (5, "not_covered", "checkpoint"))
            .under(&first_five),
        Attack::new("a stranger's checkpoint", &good, (0, "checkpoint", "checkpoint"))
            .nowhere()
            .under(&sign(&good, &stranger)),
        frame_length("a frame whose length is too small", -1),
        frame_length("a frame whose length is too large", 1),
        frame_length("a frame whose length is beyond all", 1 << 24),
        Attack::new("bytes behind the last frame", &good, (11, "damaged", "frame"))
            .segment(|bytes| bytes.push(0)),
    ]
}

/// The length of record 2's frame is changed, and nothing else.
fn frame_length(name: &'static str, by: i64) -> Attack {
    let good = records();
    let mut start = Vec::new();
    for record in &good[..2] {
        assert!(push_frame(&mut start, &record.bytes, &record.signatures));
    }
    Attack::new(name, &good, (2, "damaged", "frame")).segment(|bytes| {
        let at = bytes.len() - split_segment(bytes).unwrap().1.len() + start.len();
        let length = i64::from(u32::from_be_bytes(*bytes[at..].first_chunk().unwrap()));
        let changed = u32::try_from(length + by).unwrap();
        bytes[at..at + 4].copy_from_slice(&changed.to_be_bytes());
    })
}

/// What somebody does who has the record key, and in the end every key of the log.
#[allow(clippy::too_many_lines, reason = "a table")]
fn with_keys() -> Vec<Attack> {
    let good = records();
    let form = |name, at: usize, change: &dyn Fn(String) -> String| {
        let mut records = good.clone();
        forge(&mut records, at, change);
        Attack::new(name, &records, (u64::try_from(at).unwrap(), "not_a_record", "form"))
    };
    let lax = {
        let mut records = good.clone();
        let message = dsse::pre_authentication_encoding(&records[2].bytes);
        records[2].signatures[0].signature = neutral_signature(&[11; 32], &message);
        Attack::new(
            "a signature that only a lax check takes",
            &records,
            (2, "bad_signature", "record_signature"),
        )
    };
    let rewritten = |at: usize| {
        let mut records = good.clone();
        edit(&mut records, at, no_reasons);
        resign(&mut records);
        // What the other party has signed stays as it was.
        let checkpoint = sign(&records, &checkpoint_key());
        (records, checkpoint)
    };
    let (other, other_checkpoint) = rewritten(2);
    let (acked, acked_checkpoint) = rewritten(0);
    let held = published_checkpoint();
    let rewrite = |name, code: (u64, &'static str, &'static str)| {
        Attack::new(name, &other, code).under(&other_checkpoint).nowhere()
    };
    let short = &good[..8];
    let cut = |name, layer| {
        Attack::new(name, short, (8, "cut_off", layer)).under(&sign(short, &checkpoint_key()))
    };
    let mut acked_tail = cut("a tail cut off, which the other party has acknowledged", "");
    acked_tail.acks = vec![ack(&good[10])];
    acked_tail.expected = Some((None, "acked_none", "countersignature"));
    let mut acked_kept = Attack::new(
        "a rewrite of what the other party has acknowledged and kept",
        &other,
        (2, "acked_other", "countersignature"),
    )
    .under(&other_checkpoint);
    acked_kept.acks = vec![ack(&good[2])];
    let left_out = {
        let mut records = good.clone();
        edit(&mut records, 6, |record| {
            if let Body::WindowClose(window) = &mut record.body {
                window.totals.pop();
            }
        });
        resign(&mut records);
        let checkpoint = sign(&records, &checkpoint_key());
        Attack::new(
            "a window that leaves a decision out",
            &records,
            (6, "window_count", "window_close"),
        )
        .under(&checkpoint)
    };
    let (witness, anchor, checkpoint) = ("witness", "anchor", "checkpoint");
    vec![
        form("white space", 2, &|text| text.replacen(':', ": ", 1)),
        form("fields in another order", 2, &|text| {
            text.replacen("\"have\":1,\"miss\":4", "\"miss\":4,\"have\":1", 1)
        }),
        form("a character in another form", 2, &|text| text.replacen('\u{e9}', "\\u00e9", 1)),
        form("a number in another form", 2, &|text| text.replacen("\"v\":1", "\"v\":1.0", 1)),
        form("a field twice", 2, &|text| {
            text.replacen(
                "\"action\":\"observe\"",
                "\"action\":\"block\",\"action\":\"observe\"",
                1,
            )
        }),
        form("an integer over 2^53", 2, &|text| {
            text.replacen("\"devices\":3", "\"devices\":9007199254740992", 1)
        }),
        form("an unknown field", 2, &|text| text.replacen("\"v\":1", "\"v\":1,\"w\":1", 1)),
        form("another version", 2, &|text| text.replacen("\"v\":1", "\"v\":2", 1)),
        form("a type that is none", 2, &|text| text.replacen("\"decision\"", "\"verdict\"", 1)),
        form("a lone surrogate", 2, &|text| text.replacen("\\\"quoted", "\\ud800", 1)),
        form("a day that is none", 7, &|text| text.replacen("2026-05-28", "2026-02-30", 1)),
        lax,
        left_out,
        // Whoever has every key makes another history, and alone it verifies.
        rewrite("a rewrite by the key holder, with nothing to compare", (0, "", "")).holds(),
        rewrite("a rewrite, against a held checkpoint", (0, "other_root", checkpoint))
            .against(&held, Standing::Held),
        rewrite("a fork, against a witnessed checkpoint", (0, "other_root", witness))
            .against(&held, Standing::Witnessed),
        rewrite("a rewrite, against an anchored checkpoint", (0, "other_root", anchor))
            .against(&held, Standing::Anchored),
        acked_kept,
        Attack::new(
            "a rewrite of what is acknowledged in the log",
            &acked,
            (0, "acked_other", "countersignature"),
        )
        .under(&acked_checkpoint),
        cut("a tail cut off with its checkpoint, with nothing to compare", checkpoint).holds(),
        cut("a tail cut off, against a held checkpoint", checkpoint).against(&held, Standing::Held),
        cut("a tail cut off, against a witnessed one", witness).against(&held, Standing::Witnessed),
        cut("a tail cut off, against an anchored one", anchor).against(&held, Standing::Anchored),
        acked_tail,
    ]
}

fn ack(record: &SignedRecord) -> Ack {
    let statement = AckStatement {
        leaf: record.leaf,
        log: LOG.to_owned(),
        reason: String::new(),
        seq: record.seq,
        stance: Stance::Agreed,
        time_us: 0,
    };
    statement.sign(&counterparty_key()).unwrap()
}

/// A stolen record key, which record 3 of five revokes.
fn revoked() -> Vec<Attack> {
    let mut chain = Chain::new(LOG).unwrap();
    let mut records = Vec::new();
    let decision = |seq| Body::Decision(Box::new(draft(seq)));
    for seq in 0..3 {
        records.push(chain.append(&record_key(), decision(seq), &time(seq)).unwrap());
    }
    let mut add = |body| records.push(chain.append(&root_key(), body, &time(3)).unwrap());
    add(change(KeyAction::Add, &second_record_key(), 0));
    add(change(KeyAction::Revoke, &record_key(), 0));
    let checkpoint = |records: &[SignedRecord]| sign(records, &checkpoint_key());
    let all = checkpoint(&records);
    let late = {
        let mut records = records.clone();
        let mut chain = chain.clone();
        records.push(chain.append(&record_key(), decision(5), &time(5)).unwrap());
        records
    };
    let backdated = {
        // The thief puts a record of an earlier day behind the revocation.
        let mut records = records.clone();
        records.push(chain.append(&record_key(), decision(5), &time(0)).unwrap());
        records
    };
    let before = |name, expected| Attack::new(name, &records, expected).under(&all);
    let code = (0, "revoked", "checkpoint");
    vec![
        before("a key used before its revocation, with nothing from then", code),
        before("a key used before its revocation, under a later checkpoint", code)
            .against(&all, Standing::Witnessed),
        before(
            "a key used before its revocation, one record not covered",
            (2, "revoked", "checkpoint"),
        )
        .against(&checkpoint(&records[..2]), Standing::Witnessed),
        before("a key used before its revocation, under a witnessed checkpoint", (0, "", ""))
            .against(&checkpoint(&records[..3]), Standing::Witnessed)
            .holds(),
        before("a key used before its revocation, under an anchored checkpoint", (0, "", ""))
            .against(&checkpoint(&records[..4]), Standing::Anchored)
            .holds(),
        Attack::new("a key used after its revocation", &late, (5, "ended_key", "record_signature"))
            .under(&checkpoint(&late)),
        Attack::new(
            "a stolen key used with an earlier time",
            &backdated,
            (5, "ended_key", "record_signature"),
        )
        .under(&checkpoint(&backdated)),
    ]
}

pub(crate) fn all() -> Vec<Attack> {
    [without_keys(), with_keys(), revoked()].into_iter().flatten().collect()
}

#[test]
fn every_attack_is_found_by_its_layer_and_its_record_is_named() {
    for attack in all() {
        let report = attack.verify();
        let first = report.problems.first();
        let found = first.map(|one| (one.record, one.fault.code(), one.fault.layer().code()));
        assert_eq!(found, attack.expected, "{attack:?}: {:?}", report.problems);
        if let Some(first) = first {
            let (text, layer) = (first.to_string(), first.fault.layer());
            assert!(text.ends_with(&format!("[{layer}]")), "{text}");
            if let Some(record) = first.record {
                assert!(text.starts_with(&format!("record {record}: ")), "{text}");
            }
        }
    }
}

#[test]
fn what_cannot_be_found_without_others_is_said() {
    let code =
        |report: &Report| report.not_checked().iter().map(NotChecked::code).collect::<Vec<_>>();
    let alone = all().into_iter().find(|attack| attack.name.contains("a rewrite by")).unwrap();
    let report = alone.verify();
    assert!(report.is_good());
    assert_eq!(
        code(&report),
        ["witness", "held_checkpoint", "anchor", "window_close", "re_execution"]
    );
    let said: Vec<String> = report.not_checked().iter().map(ToString::to_string).collect();
    assert_eq!(said[0], "no witness: a rewrite by the key holder would not show");
    let held = published_checkpoint();
    let compared = Attack::new("all", &records(), (0, "", ""))
        .against(&held, Standing::Witnessed)
        .against(&held, Standing::Anchored)
        .verify();
    assert!(compared.is_good());
    assert_eq!(code(&compared), ["window_close", "re_execution"]);
}

#[test]
fn a_record_of_65536_bytes_has_no_frame_and_is_no_record() {
    let long = vec![b'x'; 65_536];
    assert!(!push_frame(&mut Vec::new(), &long, &[]));
    assert!(Record::parse(&long).is_err());
    // Its length does not fit the two bytes that a frame has for it: the rest has no place.
    let longest = vec![b'x'; 65_535];
    let mut bytes = Vec::new();
    assert!(push_frame(&mut bytes, &longest, &[]));
    let mut payload = bytes[8..].to_vec();
    payload.insert(2, b'x');
    let length = u32::try_from(payload.len()).unwrap();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&length.to_be_bytes()), &payload);
    let frame = [&length.to_be_bytes()[..], &crc.to_be_bytes(), &payload].concat();
    let attack = Attack::new("long", &records(), (11, "damaged", "frame"))
        .segment(|bytes| bytes.extend_from_slice(&frame));
    let report = attack.verify();
    assert_eq!(report.problems[0].to_string(), "record 11: its frame has the wrong shape [frame]");
}
