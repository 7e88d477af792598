//! Replaces a file so that no moment has half of it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::out::Failure;

/// Writes the bytes to a new file beside the old one, with its permissions, and renames it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(path, bytes).map_err(|error| {
        Failure::new(format!("the mended tag cannot be written: {error}"))
            .at(path.display())
            .todo("check the permissions of the folder and the space on the disk; the file is as it was")
            .into()
    })
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A link is followed, so that it stays a link.
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let permissions = fs::metadata(&path)?.permissions();
    let mut file = tempfile::Builder::new().prefix(".adproof-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    // The rename is durable when the folder is.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
