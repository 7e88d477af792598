//! What was typed before, for the next time.

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Editor, Helper};

use crate::out::Out;

/// Queries that are kept.
pub(super) const ENTRIES: usize = 1_000;

/// Bytes of a query that is kept.
const ENTRY_BYTES: usize = 16 << 10;

/// Where queries are kept; nowhere when that cannot be, which is said once.
pub(super) struct History {
    path: Option<PathBuf>,
}

impl History {
    /// Reads what earlier shells kept.
    pub(super) fn load<H: Helper>(
        editor: &mut Editor<H, FileHistory>,
        none: bool,
        out: &Out,
    ) -> Self {
        let mut history = Self { path: if none { None } else { path() } };
        if let Some(path) = &history.path {
            let loaded = match path.try_exists() {
                Ok(false) => Ok(()),
                _ => editor.load_history(path),
            };
            history.unless(loaded, out);
        }
        history
    }

    /// Keeps a query, at once: a shell may end at any time.
    pub(super) fn add<H: Helper>(
        &mut self,
        editor: &mut Editor<H, FileHistory>,
        typed: &str,
        out: &Out,
    ) {
        let typed = typed.trim();
        if typed.len() > ENTRY_BYTES {
            return;
        }
        let mut kept = editor.add_history_entry(typed).map(drop);
        if let Some(path) = &self.path {
            kept = kept.and_then(|()| keep(editor, path));
        }
        self.unless(kept, out);
    }

    fn unless(&mut self, done: Result<(), ReadlineError>, out: &Out) {
        if let Err(error) = done
            && let Some(path) = self.path.take()
        {
            out.note(format_args!("note: no history is kept: {}: {error}", path.display()));
        }
    }
}

fn keep<H: Helper>(editor: &mut Editor<H, FileHistory>, path: &Path) -> Result<(), ReadlineError> {
    if let Some(folder) = path.parent() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        // What is asked of a log is nobody else's business. The file itself is made so by the editor.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    // Other shells may be open: only what is new is written.
    editor.append_history(path)
}

/// The folder for what programs keep of themselves (XDG base directories).
fn path() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME");
    let state = state.or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("adproof").join("sql-history"))
}
