//! What linting is measured beside, and the documents that it is measured on.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::events::Event;

/// A bare pass of quick-xml: every event and every attribute is looked at, and nothing is kept.
#[must_use]
pub fn bare(text: &str) -> usize {
    let mut reader = Reader::from_str(text);
    let mut seen = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) | Err(_) => return seen,
            Ok(Event::Start(start) | Event::Empty(start)) => {
                seen += start.attributes().flatten().count() + 1;
            }
            Ok(event) => {
                black_box(&event);
                seen += 1;
            }
        }
    }
}

/// The XML documents of a folder and of those in it, in the order of their names. The peer takes
/// text, so that what is not UTF-8 is left out for all.
#[must_use]
pub fn documents(folder: &Path) -> Vec<String> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        if path.is_dir() {
            texts.extend(documents(&path));
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            texts.extend(fs::read_to_string(&path));
        }
    }
    texts
}
