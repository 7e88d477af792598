//! The datasets that the binary carries.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Every file of `datasets/`, by its path in there.
pub(super) const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/datasets.rs"));

/// The content of one file.
pub(super) fn file(name: &str) -> anyhow::Result<&'static [u8]> {
    let found = FILES.iter().find(|(known, _)| *known == name);
    found.map(|(_, bytes)| *bytes).with_context(|| format!("{name} was not shipped"))
}

/// Those files whose path begins so.
pub(super) fn beginning(prefix: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().copied().filter(move |(name, _)| name.starts_with(prefix))
}

/// Writes all of them below `folder`.
pub(super) fn unpack(folder: &Path) -> anyhow::Result<()> {
    for (name, bytes) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        }
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
