//! Bundles as zip files: written the same way every time, read within bounds. [`page`] is the other
//! form that they travel in.

pub mod page;

use std::io::{Cursor, Read as _, Write as _};

use adproof_ledger::bundle::Files;
use adproof_ledger::bundle::inline::{self, is_plain_name};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Bounds of a zip file that a stranger sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest zip file in bytes.
    pub archive_bytes: usize,
    /// The most files in it.
    pub entries: usize,
    /// The longest name in bytes.
    pub name_bytes: usize,
    /// The longest file in bytes, unpacked.
    pub entry_bytes: u64,
    /// All files together in bytes, unpacked.
    pub total_bytes: u64,
    /// How many times longer than the zip file all files together may be.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive_bytes: 64 << 20,
            entries: 40_000,
            name_bytes: 128,
            entry_bytes: 4 << 20,
            total_bytes: 256 << 20,
            ratio: 100,
        }
    }
}

/// Why a file is not a bundle to read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// Not a zip file, or a damaged one.
    #[error("it is not a zip file, or it is damaged: {0}")]
    NotAZip(String),
    /// Beyond a bound. Likely cause: it was made to exhaust whoever opens it.
    #[error("it has more {what} than are read: {found}, at most {most}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// The bound.
        most: u64,
    },
    /// A name that leads out of the folder it is unpacked to, is there twice, or is no plain text.
    #[error("the name `{0}` has no place in a bundle")]
    BadName(String),
    /// Something other than a plain file.
    #[error("`{0}` is not a plain file")]
    NotAFile(String),
}

/// A bundle as somebody sent it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its files.
    pub files: Files,
    /// The page that they came in; none for a zip file.
    pub page: Option<page::Page>,
}

/// Why a file is no bundle, whichever form it has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SentError {
    /// A zip file that is refused.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// A page that is refused.
    #[error(transparent)]
    Page(#[from] page::PageError),
    /// Neither of both.
    #[error("it is neither a page nor a zip file that `adproof bundle make` wrote: {0}")]
    Neither(&'static str),
}

/// Bounds of both forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentLimits {
    /// Of a zip file.
    pub zip: Limits,
    /// Of the data in a page.
    pub page: inline::Limits,
}

/// Reads a bundle in either form. Nothing in it is run or written anywhere.
pub fn read_sent(bytes: &[u8], limits: &SentLimits) -> Result<Sent, SentError> {
    if bytes.starts_with(b"PK") {
        return Ok(Sent { files: unpack(bytes, &limits.zip)?, page: None });
    }
    match page::read(bytes, &limits.page) {
        Ok(page) => Ok(Sent { files: page.files.clone(), page: Some(page) }),
        Err(page::PageError::NotAPage) => Err(SentError::Neither(guess(bytes))),
        Err(error) => Err(error.into()),
    }
}

/// What a file that is no bundle looks like.
fn guess(bytes: &[u8]) -> &'static str {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_start();
    if bytes.is_empty() {
        "it is empty"
    } else if bytes.starts_with(b"%PDF") {
        "it is a PDF document, and a print of a bundle proves nothing"
    } else if text.starts_with("{\"payload\":\"") {
        "it is a signed envelope; `adproof ledger verify-proof` takes it with its proof"
    } else if text.starts_with("c2sp.org/tlog-proof") {
        "it is the proof of one record; `adproof ledger verify-proof` takes it with its record"
    } else if text.lines().nth(2).is_some_and(|line| line.len() == 44)
        && text.contains("\n\n\u{2014} ")
    {
        "it is a checkpoint; `adproof ledger checkpoint` takes it"
    } else if text.starts_with('<') {
        "it is a page or a document, and no bundle lies in it"
    } else if text.is_empty() {
        "it is not text"
    } else {
        "it is text of another kind"
    }
}

/// Packs files. The same files give the same bytes: no time, sorted names.
pub fn pack(files: &Files) -> Result<Vec<u8>, ZipError> {
    let damaged = |error: &dyn std::fmt::Display| ZipError::NotAZip(error.to_string());
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name, options).map_err(|error| damaged(&error))?;
        writer.write_all(bytes).map_err(|error| damaged(&error))?;
    }
    let cursor = writer.finish().map_err(|error| damaged(&error))?;
    Ok(cursor.into_inner())
}

/// Unpacks a bundle into memory. Nothing is written anywhere.
pub fn unpack(bytes: &[u8], limits: &Limits) -> Result<Files, ZipError> {
    let length = count(bytes.len());
    bound("bytes", length, count(limits.archive_bytes))?;
    let damaged = |error: &dyn std::fmt::Display| ZipError::NotAZip(error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    bound("files", count(archive.len()), count(limits.entries))?;
    let most = limits.total_bytes.min(length.saturating_mul(limits.ratio));
    let mut files = Files::new();
    let mut total = 0_u64;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| damaged(&error))?;
        let name = entry.name().map_err(|error| damaged(&error))?.into_owned();
        if !is_plain_name(&name, limits.name_bytes) {
            return Err(ZipError::BadName(name.chars().take(80).collect()));
        }
        if !entry.is_file() {
            return Err(ZipError::NotAFile(name));
        }
        // What the header promises is not trusted: as much is read as is allowed, and one more.
        let room = limits.entry_bytes.min(most.saturating_sub(total));
        let mut content = Vec::new();
        let mut reader = entry.take(room.saturating_add(1));
        reader.read_to_end(&mut content).map_err(|error| damaged(&error))?;
        let size = count(content.len());
        bound("bytes in one file", size, limits.entry_bytes)?;
        total = total.saturating_add(size);
        bound("bytes, unpacked,", total, most)?;
        if files.insert(name.clone(), content).is_some() {
            return Err(ZipError::BadName(name));
        }
    }
    Ok(files)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn bound(what: &'static str, found: u64, most: u64) -> Result<(), ZipError> {
    if found > most { Err(ZipError::TooMuch { what, found, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &[u8])]) -> Files {
        entries.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
    }

    fn fails_as(bytes: &[u8], limits: &Limits) -> String {
        unpack(bytes, limits).expect_err("refused").to_string()
    }

    #[test]
    fn files_are_packed_to_the_same_bytes_and_unpacked_again() {
        let files = files(&[("log.pub", b"key\n"), ("records/0.json", b"{}")]);
        let packed = pack(&files).unwrap();
        assert_eq!(packed, pack(&files).unwrap());
        assert_eq!(unpack(&packed, &Limits::default()).unwrap(), files);
    }

    #[test]
    fn every_bound_holds_on_both_sides() {
        let packed = pack(&files(&[("a", &[7; 100]), ("bb", &[9; 50])])).unwrap();
        let base = Limits::default();
        let at = Limits {
            archive_bytes: packed.len(),
            entries: 2,
            name_bytes: 2,
            entry_bytes: 100,
            total_bytes: 150,
            ratio: 1,
        };
        assert!(unpack(&packed, &at).is_ok());
        for beyond in [
            Limits { archive_bytes: packed.len() - 1, ..base },
            Limits { entries: 1, ..base },
            Limits { name_bytes: 1, ..base },
            Limits { entry_bytes: 99, ..base },
            Limits { total_bytes: 149, ..base },
            Limits { ratio: 0, ..base },
        ] {
            assert!(unpack(&packed, &beyond).is_err(), "{beyond:?}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let packed = pack(&files(&[("a", &vec![0; 3 << 20])])).unwrap();
        let said = fails_as(&packed, &Limits::default());
        assert!(said.contains("unpacked"), "{said}");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["../evil", "/etc/passwd", "a//b", "a/./b", "a\\b", "a b", "ä"] {
            let packed = pack(&files(&[(name, b"x")])).unwrap();
            assert!(unpack(&packed, &Limits::default()).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_no_zip_is_refused_and_a_cut_one_too() {
        let packed = pack(&files(&[("a", b"x")])).unwrap();
        assert!(unpack(b"%PDF-1.7", &Limits::default()).is_err());
        assert!(unpack(b"", &Limits::default()).is_err());
        for cut in 1..packed.len() {
            assert!(unpack(&packed[..cut], &Limits::default()).is_err(), "{cut}");
        }
    }
}
