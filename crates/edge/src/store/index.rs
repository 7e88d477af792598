//! What can be asked of a ledger without reading it all: an index of the records by what they say.
//!
//! It is a file of redb beside the records, `index.redb`, and never the truth. It is brought up to
//! date when it is used and made anew by `adproof ledger reindex`. Every record that it names is
//! read where it lies and compared with the question; where one does not fit, the index is of
//! another history or was tampered with, and all records are read instead. What an index leaves out
//! cannot be seen that way: whoever does not trust the folder makes it anew, or reads all records.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use adproof_ledger::frame::{Frames, SEGMENT_HEADER_BYTES, read_frame, split_segment};
use adproof_ledger::note::UnverifiedNote;
use adproof_ledger::tree::leaf_hash;
use adproof_ledger::{Action, Hash, Record};
use redb::{
    Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase as _, Table, TableDefinition,
    WriteTransaction,
};

use super::reader::{LedgerReader, OwnedFrame, read_segment, segments};
use super::{StoreError, segment_path};

const FILE: &str = "index.redb";
/// Raised when a table changes: an index of another version is made anew.
const VERSION: u64 = 1;
/// The longest frame in a segment; an index that claims more is wrong.
const MAX_FRAME_BYTES: usize = 1 << 17;

/// `version`, and `records`: how many are indexed.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Where a record lies: the first record of its segment, the offset of its frame.
const PLACE: TableDefinition<'_, u64, (u64, u64)> = TableDefinition::new("place");
const LEAF: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("leaf");
const SUBJECT: TableDefinition<'_, (&[u8; 32], u64), ()> = TableDefinition::new("subject");
const TARGET: TableDefinition<'_, (&str, u64), ()> = TableDefinition::new("target");
/// A type, or a decision's action.
const KIND: TableDefinition<'_, (&str, u64), ()> = TableDefinition::new("kind");
/// The wall clock, µs.
const TIME: TableDefinition<'_, (i64, u64), ()> = TableDefinition::new("time");

/// The first digits of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashPrefix {
    low: Hash,
    high: Hash,
}

impl HashPrefix {
    /// From 8 to 64 lower-case hex digits: fewer would name half the records.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() < 8 {
            return None;
        }
        let filled = |digit: &str| {
            let rest = digit.repeat(64_usize.checked_sub(text.len())?);
            Hash::from_hex(&format!("{text}{rest}"))
        };
        Some(Self { low: filled("0")?, high: filled("f")? })
    }

    /// Whether a hash begins with it.
    #[must_use]
    pub fn begins(&self, hash: &Hash) -> bool {
        (self.low..=self.high).contains(hash)
    }
}

/// What is asked: all of it has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The leaf hash.
    pub leaf: Option<HashPrefix>,
    /// The keyed name of a decision's impression.
    pub subject: Option<HashPrefix>,
    /// What a decision is about, as it stands in the record.
    pub target: Option<String>,
    /// The record's type.
    pub typ: Option<String>,
    /// The action of a decision.
    pub action: Option<Action>,
    /// Not before this time, µs since 1970.
    pub from_us: Option<i64>,
    /// Before this time, µs since 1970.
    pub until_us: Option<i64>,
}

impl Query {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a record is one that is asked for.
    #[must_use]
    pub fn fits(&self, leaf: &Hash, record: &Record) -> bool {
        let decision = record.decision().map(|draft| &draft.dec);
        let wall_us = record.time.wall_us;
        self.leaf.is_none_or(|wanted| wanted.begins(leaf))
            && self
                .subject
                .is_none_or(|wanted| decision.is_some_and(|dec| wanted.begins(&dec.subject)))
            && self.target.as_deref().is_none_or(|wanted| {
                decision.is_some_and(|dec| dec.target.as_deref() == Some(wanted))
            })
            && self.typ.as_deref().is_none_or(|wanted| wanted == record.body.typ())
            && self.action.is_none_or(|wanted| decision.is_some_and(|dec| dec.action == wanted))
            && self.from_us.is_none_or(|from| wall_us >= from)
            && self.until_us.is_none_or(|until| wall_us < until)
    }
}

/// How records were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FoundBy {
    /// By the index.
    Index,
    /// By reading all records: the index is held by another process, cannot be written, or named a
    /// record that is not what it says.
    Reading,
}

impl LedgerReader {
    /// Makes the index anew from the records and says how many there are.
    pub fn reindex(&self) -> Result<u64, StoreError> {
        let path = self.index_path();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io(format!("removing {}", path.display()))(error));
            }
            _ => {}
        }
        let index = Database::create(&path).map_err(failed)?;
        self.catch_up(&index)?;
        self.claimed_size()
    }

    /// Hands over the records that fit, in order.
    pub fn find(
        &self,
        query: &Query,
        mut each: impl FnMut(u64, OwnedFrame),
    ) -> Result<FoundBy, StoreError> {
        if let Some(found) = self.find_by_index(query) {
            for (seq, frame) in found {
                each(seq, frame);
            }
            return Ok(FoundBy::Index);
        }
        self.each(|seq, frame| {
            let record = Record::parse(&frame.entry);
            if record.is_ok_and(|record| query.fits(&leaf_hash(&frame.entry), &record)) {
                each(seq, frame);
            }
        })?;
        Ok(FoundBy::Reading)
    }

    /// None where the index cannot be used or is wrong.
    fn find_by_index(&self, query: &Query) -> Option<Vec<(u64, OwnedFrame)>> {
        let transaction = self.current_index().ok()?;
        let seqs = candidates(&transaction, query).ok()?;
        let places = transaction.open_table(PLACE).ok()?;
        let mut found = Vec::new();
        for seq in seqs {
            let place = places.get(seq).ok()??.value();
            let frame = self.frame_at(place)?;
            let record = Record::parse(&frame.entry).ok()?;
            let leaf = leaf_hash(&frame.entry);
            if record.seq != seq || !query.named(&leaf, &record) {
                return None;
            }
            if query.fits(&leaf, &record) {
                found.push((seq, frame));
            }
        }
        Some(found)
    }

    /// The index, up to date.
    fn current_index(&self) -> Result<ReadTransaction, StoreError> {
        let path = self.index_path();
        // Many may read it at once; only one brings it up to date.
        if let Ok(index) = ReadOnlyDatabase::open(&path) {
            let transaction = index.begin_read().map_err(failed)?;
            if self.is_current(&transaction) == Some(self.claimed_size()?) {
                return Ok(transaction);
            }
        }
        let index = match Database::create(&path) {
            Ok(index) => index,
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => {
                return Err(failed(redb::DatabaseError::DatabaseAlreadyOpen));
            }
            // Another version of its file, or damage.
            Err(_) => {
                let removed = std::fs::remove_file(&path);
                removed.map_err(StoreError::io(format!("removing {}", path.display())))?;
                Database::create(&path).map_err(failed)?
            }
        };
        self.catch_up(&index)?;
        index.begin_read().map_err(failed)
    }

    /// How many records are indexed, if they are those of this ledger.
    fn is_current(&self, transaction: &ReadTransaction) -> Option<u64> {
        let meta = transaction.open_table(META).ok()?;
        let of = |name| Some(meta.get(name).ok()??.value());
        let (version, records) = (of("version")?, of("records")?);
        if version != VERSION {
            return None;
        }
        let Some(last) = records.checked_sub(1) else {
            return Some(0);
        };
        let place = transaction.open_table(PLACE).ok()?.get(last).ok()??.value();
        let leaf = leaf_hash(&self.frame_at(place)?.entry);
        let found = transaction.open_table(LEAF).ok()?.get(leaf.as_bytes()).ok()??.value();
        (found == last).then_some(records)
    }

    /// Indexes the records that are not yet; all of them where the index is of other ones.
    fn catch_up(&self, index: &Database) -> Result<(), StoreError> {
        let size = self.claimed_size()?;
        let known = index.begin_read().map_err(failed)?;
        let mut at = self.is_current(&known).filter(|known| *known <= size);
        drop(known);
        if at.is_none() {
            let transaction = index.begin_write().map_err(failed)?;
            clear(&transaction).map_err(failed)?;
            transaction.commit().map_err(failed)?;
            at = Some(0);
        }
        let mut at = at.unwrap_or(0);
        let firsts = segments(&self.disk)?;
        while at < size {
            let behind = firsts.partition_point(|first| *first <= at).saturating_sub(1);
            let Some(first) = firsts.get(behind).copied() else { break };
            let bytes = read_segment(&self.disk, &segment_path(first))?;
            let mut frames =
                Frames::new(split_segment(&bytes).map_or(&[][..], |(_, frames)| frames));
            let (mut seq, before) = (first, at);
            let transaction = index.begin_write().map_err(failed)?;
            {
                let mut tables = Tables::open(&transaction).map_err(failed)?;
                loop {
                    let offset = frames.offset() + SEGMENT_HEADER_BYTES;
                    let Some(Ok(frame)) = frames.next().filter(|_| seq < size) else { break };
                    if seq >= at {
                        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
                        tables.insert(seq, (first, offset), frame.entry).map_err(failed)?;
                        at = seq + 1;
                    }
                    seq += 1;
                }
                tables.meta.insert("records", at).map_err(failed)?;
            }
            transaction.commit().map_err(failed)?;
            if at == before {
                // The records end in front of the checkpoint: verifying says what is wrong.
                break;
            }
        }
        Ok(())
    }

    fn index_path(&self) -> PathBuf {
        self.root().join(FILE)
    }

    /// How many records the checkpoint covers, by its own word.
    fn claimed_size(&self) -> Result<u64, StoreError> {
        let note = UnverifiedNote::parse(self.checkpoint()).map_err(StoreError::Checkpoint)?;
        Ok(note.claimed_size().unwrap_or(0))
    }

    /// The frame at a place that the index names; none where there is none.
    fn frame_at(&self, (first, offset): (u64, u64)) -> Option<OwnedFrame> {
        let mut file = File::open(self.root().join(segment_path(first))).ok()?;
        file.seek(SeekFrom::Start(offset)).ok()?;
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let [a, b, c, d, ..] = head;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let mut bytes = head.to_vec();
        bytes.resize(8 + Some(length).filter(|length| *length <= MAX_FRAME_BYTES)?, 0);
        file.read_exact(bytes.get_mut(8..)?).ok()?;
        let (frame, _) = read_frame(&bytes).ok()??;
        Some(OwnedFrame { entry: frame.entry.to_vec(), signatures: frame.signatures })
    }
}

impl Query {
    /// Whether a record is one that the table which was asked should name.
    fn named(&self, leaf: &Hash, record: &Record) -> bool {
        self.narrowest().fits(leaf, record)
    }

    /// The one part of the question that the index is asked; the others are compared.
    fn narrowest(&self) -> Self {
        let none = Self::default();
        if self.leaf.is_some() {
            Self { leaf: self.leaf, ..none }
        } else if self.subject.is_some() {
            Self { subject: self.subject, ..none }
        } else if self.target.is_some() {
            Self { target: self.target.clone(), ..none }
        } else if self.from_us.is_some() || self.until_us.is_some() {
            Self { from_us: self.from_us, until_us: self.until_us, ..none }
        } else if self.action.is_some() {
            Self { action: self.action, ..none }
        } else {
            Self { typ: self.typ.clone(), ..none }
        }
    }
}

/// The places of records that may fit, in order.
fn candidates(transaction: &ReadTransaction, query: &Query) -> Result<Vec<u64>, redb::Error> {
    let query = query.narrowest();
    let mut seqs = Vec::new();
    if let Some(HashPrefix { low, high }) = &query.leaf {
        for row in
            transaction.open_table(LEAF)?.range::<&[u8; 32]>(low.as_bytes()..=high.as_bytes())?
        {
            seqs.push(row?.1.value());
        }
    } else if let Some(HashPrefix { low, high }) = &query.subject {
        let (low, high) = ((low.as_bytes(), 0), (high.as_bytes(), u64::MAX));
        for row in transaction.open_table(SUBJECT)?.range(low..=high)? {
            seqs.push(row?.0.value().1);
        }
    } else if let Some(target) = &query.target {
        for row in transaction
            .open_table(TARGET)?
            .range((target.as_str(), 0)..=(target.as_str(), u64::MAX))?
        {
            seqs.push(row?.0.value().1);
        }
    } else if let Some(kind) = query.action.map(action_kind).or(query.typ) {
        for row in
            transaction.open_table(KIND)?.range((kind.as_str(), 0)..=(kind.as_str(), u64::MAX))?
        {
            seqs.push(row?.0.value().1);
        }
    } else {
        let (from, until) = (query.from_us.unwrap_or(i64::MIN), query.until_us.unwrap_or(i64::MAX));
        if from < until {
            for row in transaction.open_table(TIME)?.range((from, 0)..(until, 0))? {
                seqs.push(row?.0.value().1);
            }
        }
    }
    seqs.sort_unstable();
    Ok(seqs)
}

fn action_kind(action: Action) -> String {
    format!("decision/{}", action.as_str())
}

fn clear(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.delete_table(META)?;
    transaction.delete_table(PLACE)?;
    transaction.delete_table(LEAF)?;
    transaction.delete_table(SUBJECT)?;
    transaction.delete_table(TARGET)?;
    transaction.delete_table(KIND)?;
    transaction.delete_table(TIME)?;
    // All are there from the beginning, so that a question about nothing finds nothing.
    let mut tables = Tables::open(transaction)?;
    tables.meta.insert("version", VERSION)?;
    tables.meta.insert("records", 0)?;
    Ok(())
}

/// The tables of one transaction.
struct Tables<'t> {
    meta: Table<'t, &'static str, u64>,
    place: Table<'t, u64, (u64, u64)>,
    leaf: Table<'t, &'static [u8; 32], u64>,
    subject: Table<'t, (&'static [u8; 32], u64), ()>,
    target: Table<'t, (&'static str, u64), ()>,
    kind: Table<'t, (&'static str, u64), ()>,
    time: Table<'t, (i64, u64), ()>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            place: transaction.open_table(PLACE)?,
            leaf: transaction.open_table(LEAF)?,
            subject: transaction.open_table(SUBJECT)?,
            target: transaction.open_table(TARGET)?,
            kind: transaction.open_table(KIND)?,
            time: transaction.open_table(TIME)?,
        })
    }

    fn insert(&mut self, seq: u64, place: (u64, u64), entry: &[u8]) -> Result<(), redb::Error> {
        self.place.insert(seq, place)?;
        self.leaf.insert(leaf_hash(entry).as_bytes(), seq)?;
        // What is no record has a place and a hash; verifying says what is wrong with it.
        let Ok(record) = Record::parse(entry) else {
            return Ok(());
        };
        self.time.insert((record.time.wall_us, seq), ())?;
        self.kind.insert((record.body.typ(), seq), ())?;
        if let Some(draft) = record.decision() {
            let dec = &draft.dec;
            self.kind.insert((action_kind(dec.action).as_str(), seq), ())?;
            self.subject.insert((dec.subject.as_bytes(), seq), ())?;
            if let Some(target) = &dec.target {
                self.target.insert((target.as_str(), seq), ())?;
            }
        }
        Ok(())
    }
}

fn failed(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Index(Box::new(error.into()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use adproof_ledger::{Body, MemoryKey, RecordTime, Recovery};

    use super::*;
    use crate::store::{LedgerWriter, Limits, Signers};

    fn time(wall_us: i64) -> RecordTime {
        RecordTime { wall_us, error_us: 0, monotonic_us: 0, source: "fixed".into(), beacon: None }
    }

    fn write(root: &Path, seed: u8, from: u64, to: u64) {
        let key = |seed| Box::new(MemoryKey::from_seed(&[seed; 32]));
        let signers = Signers { record: key(seed), checkpoint: key(seed + 1) };
        let limits = Limits { segment_bytes: 9000, ..Limits::default() };
        let opened =
            LedgerWriter::open_or_create(root, "log.example", signers, None, &time(0), limits);
        let mut writer = opened.unwrap();
        for n in from..to {
            let body = Body::Recovery(Recovery { bytes: n, sha256: Hash::ZERO });
            let at = i64::try_from(n * 10).unwrap();
            writer.append_bodies(vec![(body, time(at))]).unwrap();
        }
        writer.close().unwrap();
    }

    fn find(root: &Path, query: &Query) -> (Vec<u64>, FoundBy) {
        let mut found = Vec::new();
        let reader = LedgerReader::open(root).unwrap();
        let by = reader.find(query, |seq, _| found.push(seq)).unwrap();
        (found, by)
    }

    fn between(from: i64, until: i64) -> Query {
        Query { from_us: Some(from), until_us: Some(until), ..Query::default() }
    }

    #[test]
    fn records_are_found_by_what_they_say_and_the_index_follows_the_ledger() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root, 1, 0, 40);
        assert_eq!(find(root, &between(50, 80)), (vec![5, 6, 7], FoundBy::Index));
        let leaf = leaf_hash(&LedgerReader::open(root).unwrap().record(17).unwrap().entry);
        let leaf = HashPrefix::parse(&leaf.to_string()[..12]);
        assert_eq!(find(root, &Query { leaf, ..Query::default() }), (vec![17], FoundBy::Index));
        let both = Query { leaf, typ: Some("decision".to_owned()), ..Query::default() };
        assert_eq!(find(root, &both), (vec![], FoundBy::Index));
        write(root, 1, 40, 90);
        assert_eq!(find(root, &between(390, 420)), (vec![39, 40, 41], FoundBy::Index));
        let typ = Some("recovery".to_owned());
        assert_eq!(find(root, &Query { typ, ..Query::default() }).0.len(), 90);
        assert_eq!(LedgerReader::open(root).unwrap().reindex().unwrap(), 90);
    }

    #[test]
    fn an_index_of_another_history_is_made_anew() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(one.path(), 1, 0, 40);
        write(other.path(), 3, 100, 160);
        find(other.path(), &between(0, 1));
        for index in [std::fs::read(other.path().join(FILE)).unwrap(), b"no index".to_vec()] {
            std::fs::write(one.path().join(FILE), index).unwrap();
            assert_eq!(find(one.path(), &between(50, 70)), (vec![5, 6], FoundBy::Index));
        }
    }

    #[test]
    fn what_an_index_says_is_compared_with_the_records() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root, 1, 0, 40);
        find(root, &between(0, 1));
        let index = Database::create(root.join(FILE)).unwrap();
        let transaction = index.begin_write().unwrap();
        transaction.open_table(TIME).unwrap().insert((55, 30), ()).unwrap();
        transaction.commit().unwrap();
        // Held by a process that makes it: all records are read.
        assert_eq!(find(root, &between(50, 70)), (vec![5, 6], FoundBy::Reading));
        drop(index);
        assert_eq!(find(root, &between(50, 70)), (vec![5, 6], FoundBy::Reading));
        LedgerReader::open(root).unwrap().reindex().unwrap();
        assert_eq!(find(root, &between(50, 70)), (vec![5, 6], FoundBy::Index));
    }

    #[test]
    fn a_prefix_has_at_least_eight_digits() {
        assert_eq!(HashPrefix::parse("0123456"), None);
        assert_eq!(HashPrefix::parse("0123456G"), None);
        assert_eq!(HashPrefix::parse(&"0".repeat(65)), None);
        let prefix = HashPrefix::parse("01234567").unwrap();
        let hash = |text: &str| Hash::from_hex(&format!("{text:0<64}")).unwrap();
        assert!(prefix.begins(&hash("01234567")) && prefix.begins(&hash("01234567ff")));
        assert!(!prefix.begins(&hash("01234568")));
    }
}
