//! Plain lists: one address or prefix a line, comments after `#`, `;` or `//`.

use crate::Limits;
use crate::address;
use crate::cell::{self, Cell};
use crate::table::{Collector, Named, Raw};

/// Whether the first line that is no comment is an address and nothing else.
pub(crate) fn is_list(text: &str) -> bool {
    entries(text).next().is_some_and(|(_, entry)| address::parse(entry).is_ok() || is_v4(entry))
}

fn is_v4(entry: &str) -> bool {
    address::parse(entry) == Err(address::AddressFault::Ipv4)
}

pub(crate) fn read<'l>(text: &str, limits: &'l Limits) -> Collector<'l> {
    let mut collector = Collector::new(limits);
    for (row, entry) in entries(text) {
        let cell = Cell::text(entry);
        collector.take(&Raw {
            row,
            address: Named { column: "line", cell: &cell },
            ..Raw::default()
        });
    }
    collector
}

/// The comments of a list, where a date may stand.
pub(crate) fn comments(text: &str) -> Vec<String> {
    let comment = |line: &str| {
        let line = line.trim();
        let marked = ["#", ";", "//"].iter().find_map(|mark| line.strip_prefix(mark));
        marked.map(|text| text.trim().to_owned())
    };
    text.lines().filter_map(comment).take(100).collect()
}

fn entries(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        let entry = cell::trim(before_comment(line));
        (!entry.is_empty()).then_some((number, entry))
    })
}

/// A comment starts the line or follows a space: `3fff::1#443` is a port.
fn before_comment(line: &str) -> &str {
    let mut after_space = true;
    for (at, c) in line.char_indices() {
        let rest = line.get(at..).unwrap_or("");
        if after_space && (matches!(c, '#' | ';') || rest.starts_with("//")) {
            return line.get(..at).unwrap_or(line);
        }
        after_space = c.is_whitespace() || c == '\u{feff}';
    }
    line
}
