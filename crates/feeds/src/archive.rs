//! The check of a workbook's container before any spreadsheet code sees it.

use std::cell::Cell;
use std::io::{Cursor, Read};

use crate::{FeedFault, Limits, parts};

/// Inflation is free of the ratio's bound up to here.
const RATIO_FROM: u64 = 1 << 20;

/// Inflates every part once within the bounds and throws it away. What the headers declare is
/// checked first because that is cheap, and then not believed. Says whether any part merges cells.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<bool, FeedFault> {
    let damaged = |error: &dyn std::fmt::Display| FeedFault::Workbook {
        detail: format!("its zip container is damaged: {error}").into(),
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    if archive.len() > limits.parts {
        return Err(FeedFault::Limit {
            what: "parts in its zip container",
            limit: limits.parts as u64,
        });
    }
    let size = bytes.len() as u64;
    let limit =
        size.saturating_mul(limits.inflation_ratio).max(RATIO_FROM).min(limits.inflated_bytes);
    let bomb = FeedFault::Bomb { bytes: size, limit };
    let (mut declared, mut workbook, mut binary, mut sheet) = (0_u64, false, false, false);
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index).map_err(|error| damaged(&error))?;
        declared = declared.saturating_add(part.size());
        if part.encrypted() {
            return Err(FeedFault::OtherKind {
                what: "a zip archive protected by a password",
                remedy: "unpack it with its password first",
            });
        }
        let name = part.name_raw().to_ascii_lowercase();
        workbook |= name.ends_with(b"workbook.xml");
        binary |= name.ends_with(b"workbook.bin");
        sheet |= name == b"content.xml";
    }
    if declared > limit {
        return Err(bomb);
    }
    if !workbook {
        return Err(if binary {
            FeedFault::OtherKind {
                what: "a binary workbook (.xlsb)",
                remedy: "open it in the spreadsheet program and save it as .xlsx or CSV",
            }
        } else if sheet {
            FeedFault::OtherKind {
                what: "an OpenDocument spreadsheet",
                remedy: "save it as .xlsx or CSV",
            }
        } else {
            FeedFault::OtherKind {
                what: "a zip archive without a workbook in it",
                remedy: "unpack it and give the files inside",
            }
        });
    }
    let budget = Budget { left: Cell::new(limit), spent: Cell::new(false) };
    let mut merges = false;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| damaged(&error))?;
        let mut part = Counted { part, budget: &budget };
        let checked = parts::check(&mut part, limits);
        // Whatever the check left unread counts too.
        let drained = std::io::copy(&mut part, &mut std::io::sink());
        if budget.spent.get() {
            return Err(bomb);
        }
        merges |= checked?;
        drained.map_err(|error| damaged(&error))?;
    }
    Ok(merges)
}

/// Bytes that may still be inflated.
struct Budget {
    left: Cell<u64>,
    spent: Cell<bool>,
}

/// A part that stops when the budget of all parts is spent.
struct Counted<'b, R> {
    part: R,
    budget: &'b Budget,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.part.read(buffer)?;
        if let Some(left) = self.budget.left.get().checked_sub(read as u64) {
            self.budget.left.set(left);
            Ok(read)
        } else {
            self.budget.spent.set(true);
            Err(std::io::Error::other("inflates too far"))
        }
    }
}
