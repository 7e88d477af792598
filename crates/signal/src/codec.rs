//! Canonical bytes of a tally.
//!
//! ```text
//! "adproof tally\0"  version u16
//! issues u32   × { label length u8, label }              sorted by last day, then label
//! names u32    × { length u32, UTF-8 }                   sorted, each used by a mark
//! marks u64    × { family u8, bits 16, len u8, issue u32, type u32, provider u32, asn u32,
//!                  source u32 }                          sorted, without repeats
//! exposures u64 × { address 16, asn u32, device 16, span and flag i32, days u64, impressions u64,
//!                  revenue i128 }                        sorted by key, without repeats
//! ```
//! Integers are big-endian. Names, issues and marks refer to each other by position; a provider of
//! 0 is none, and n is name n − 1. An exposure's days are a mask over its span of 64 days, the first
//! in the lowest bit. Version 1 had an exposure for each day.

use adproof_model::{IssueId, Prefix};

use crate::exposure::{REVENUE_BOUND, Record, SPAN_BOUND};
use crate::marks::{Mark, Marks, type_fits};
use crate::num::{count32, count64};

const MAGIC: &[u8; 14] = b"adproof tally\0";
const VERSION: u16 = 2;

/// The bytes are no canonical tally. Likely causes: another program or version wrote them, or
/// they were cut or changed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TallyError {
    /// They do not begin as a tally does.
    #[error("these bytes are no tally")]
    Magic,
    /// They are a tally of another version.
    #[error("this is a tally of version {0}, and version 2 is read here")]
    Version(u16),
    /// They end too early.
    #[error("the tally ends too early: it was cut")]
    Truncated,
    /// They go on after the end.
    #[error("bytes follow the end of the tally")]
    Trailing,
    /// They are not in canonical form: `part` is unsorted, repeated, unused, out of range or
    /// contradicts itself.
    #[error("the tally is not canonical in its {part}")]
    NotCanonical {
        /// `issues`, `names`, `marks` or `exposures`.
        part: &'static str,
    },
}

pub(crate) fn encode(marks: &Marks, exposures: &[Record]) -> Vec<u8> {
    let mut out =
        Vec::with_capacity(64 + marks.marks.len() * MARK_BYTES + exposures.len() * EXPOSURE_BYTES);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&count32(marks.issues.len()).to_be_bytes());
    for issue in &marks.issues {
        let label = issue.label().as_bytes();
        // Labels are dates of at most 10 bytes.
        out.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(label);
    }
    out.extend_from_slice(&count32(marks.names.len()).to_be_bytes());
    for name in &marks.names {
        out.extend_from_slice(&count32(name.len()).to_be_bytes());
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(&count64(marks.marks.len()).to_be_bytes());
    for mark in &marks.marks {
        out.push(mark.family);
        out.extend_from_slice(&mark.bits.to_be_bytes());
        out.push(mark.len);
        for field in [mark.issue, mark.fraud_type, mark.provider, mark.asn, mark.source] {
            out.extend_from_slice(&field.to_be_bytes());
        }
    }
    out.extend_from_slice(&count64(exposures.len()).to_be_bytes());
    for record in exposures {
        out.extend_from_slice(&encode_exposure(record));
    }
    out
}

/// One exposure.
pub(crate) fn encode_exposure(record: &Record) -> [u8; EXPOSURE_BYTES] {
    let mut out = [0; EXPOSURE_BYTES];
    let mut rest = out.as_mut_slice();
    for field in [
        record.address.to_be_bytes().as_slice(),
        &record.asn.to_be_bytes(),
        &record.device.to_be_bytes(),
        &record.span_flag.to_be_bytes(),
        &record.days.to_be_bytes(),
        &record.impressions.to_be_bytes(),
        &record.revenue.to_be_bytes(),
    ] {
        let (head, tail) =
            std::mem::take(&mut rest).split_at_mut_checked(field.len()).unwrap_or_default();
        head.copy_from_slice(field);
        rest = tail;
    }
    out
}

/// The exposure that these bytes are; nothing where they are none.
pub(crate) fn decode_exposure(bytes: &[u8; EXPOSURE_BYTES]) -> Option<Record> {
    let mut reader = Reader(bytes);
    let record = Record {
        address: u128::from_be_bytes(reader.array().ok()?),
        asn: reader.u32().ok()?,
        device: u128::from_be_bytes(reader.array().ok()?),
        span_flag: i32::from_be_bytes(reader.array().ok()?),
        days: u64::from_be_bytes(reader.array().ok()?),
        impressions: u64::from_be_bytes(reader.array().ok()?),
        revenue: i128::from_be_bytes(reader.array().ok()?),
    };
    let fits = record.days != 0
        && (-SPAN_BOUND..SPAN_BOUND).contains(&record.span())
        && record.revenue.unsigned_abs() <= REVENUE_BOUND.unsigned_abs();
    fits.then_some(record)
}

/// A cursor that gives up at the end instead of reaching beyond it. Space is only ever reserved
/// for what the remaining bytes can hold, never for what a count declares.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], TallyError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(TallyError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TallyError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(TallyError::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32, TallyError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A count of things of at least `size` bytes each, which must fit into what is left.
    fn count(&mut self, wide: bool, size: usize) -> Result<usize, TallyError> {
        let count = if wide { u64::from_be_bytes(self.array()?) } else { u64::from(self.u32()?) };
        let room = self.0.len().checked_div(size).unwrap_or(0);
        usize::try_from(count).ok().filter(|count| *count <= room).ok_or(TallyError::Truncated)
    }
}

const MARK_BYTES: usize = 38;
pub(crate) const EXPOSURE_BYTES: usize = 72;

pub(crate) fn decode(bytes: &[u8]) -> Result<(Marks, Vec<Record>), TallyError> {
    let mut reader = Reader(bytes);
    if reader.take(MAGIC.len()) != Ok(MAGIC.as_slice()) {
        return Err(TallyError::Magic);
    }
    let version = u16::from_be_bytes(reader.array()?);
    if version != VERSION {
        return Err(TallyError::Version(version));
    }
    let issues = decode_issues(&mut reader)?;
    let names = decode_names(&mut reader)?;
    let marks = decode_marks(&mut reader, issues.len(), &names)?;
    let exposures = decode_exposures(&mut reader)?;
    if !reader.0.is_empty() {
        return Err(TallyError::Trailing);
    }
    let marks = Marks { issues, names, marks };
    Ok((marks, exposures))
}

fn decode_issues(reader: &mut Reader<'_>) -> Result<Vec<IssueId>, TallyError> {
    let fault = TallyError::NotCanonical { part: "issues" };
    let count = reader.count(false, 2)?;
    let mut issues = Vec::with_capacity(count);
    for _ in 0..count {
        let [len] = reader.array()?;
        let label = std::str::from_utf8(reader.take(usize::from(len))?).map_err(|_| fault)?;
        let issue = IssueId::parse(label).map_err(|_| fault)?;
        if issues.last().is_some_and(|last| *last >= issue) {
            return Err(fault);
        }
        issues.push(issue);
    }
    Ok(issues)
}

fn decode_names(reader: &mut Reader<'_>) -> Result<Vec<Box<str>>, TallyError> {
    let fault = TallyError::NotCanonical { part: "names" };
    let count = reader.count(false, 4)?;
    let mut names: Vec<Box<str>> = Vec::with_capacity(count);
    for _ in 0..count {
        let len = reader.count(false, 1)?;
        let name = std::str::from_utf8(reader.take(len)?).map_err(|_| fault)?;
        if names.last().is_some_and(|last| **last >= *name) {
            return Err(fault);
        }
        names.push(name.into());
    }
    Ok(names)
}

fn decode_marks(
    reader: &mut Reader<'_>,
    issues: usize,
    names: &[Box<str>],
) -> Result<Vec<Mark>, TallyError> {
    let fault = TallyError::NotCanonical { part: "marks" };
    let count = reader.count(true, MARK_BYTES)?;
    let mut marks: Vec<Mark> = Vec::with_capacity(count);
    let mut used = vec![false; names.len()];
    let mut use_name = |id: u32| -> Result<&str, TallyError> {
        let id = usize::try_from(id).map_err(|_| fault)?;
        *used.get_mut(id).ok_or(fault)? = true;
        names.get(id).map(|name| &**name).ok_or(fault)
    };
    for _ in 0..count {
        let [family] = reader.array()?;
        let bits = u128::from_be_bytes(reader.array()?);
        let [len] = reader.array()?;
        let mark = Mark {
            family,
            len,
            bits,
            issue: reader.u32()?,
            fraud_type: reader.u32()?,
            provider: reader.u32()?,
            asn: reader.u32()?,
            source: reader.u32()?,
        };
        let in_order = marks.last().is_none_or(|last| last.key() < mark.key());
        let prefix_fits = len <= 128 && Prefix::containing(bits, len).bits() == bits;
        let issue_fits = usize::try_from(mark.issue).is_ok_and(|issue| issue < issues);
        if !in_order || !prefix_fits || !issue_fits {
            return Err(fault);
        }
        if !type_fits(use_name(mark.fraud_type)?, family) {
            return Err(fault);
        }
        use_name(mark.source)?;
        if let Some(provider) = mark.provider.checked_sub(1) {
            let name = use_name(provider)?;
            if name.is_empty() || name.trim() != name {
                return Err(fault);
            }
        }
        marks.push(mark);
    }
    if used.contains(&false) {
        return Err(TallyError::NotCanonical { part: "names" });
    }
    Ok(marks)
}

fn decode_exposures(reader: &mut Reader<'_>) -> Result<Vec<Record>, TallyError> {
    let fault = TallyError::NotCanonical { part: "exposures" };
    let count = reader.count(true, EXPOSURE_BYTES)?;
    let mut records: Vec<Record> = Vec::with_capacity(count);
    for _ in 0..count {
        let record = decode_exposure(&reader.array()?).ok_or(fault)?;
        if records.last().is_some_and(|last| last.key() >= record.key()) {
            return Err(fault);
        }
        records.push(record);
    }
    Ok(records)
}
