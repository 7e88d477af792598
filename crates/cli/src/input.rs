//! Input files: names, folders, globs and `-`, read with a bound and with errors for people.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::bucket;
use crate::out::Failure;

/// One input, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// The path as it was given or found; `-` for standard input.
    pub(crate) name: String,
    /// Its bytes. Never empty.
    pub(crate) bytes: Vec<u8>,
}

/// Bounds of what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of one input.
    pub(crate) file_bytes: u64,
    /// Inputs of one run.
    pub(crate) files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 1 << 30, files: 10_000 }
    }
}

/// Reads files, folders (recursive, sorted, hidden files left out), globs, and `-` for standard
/// input. `accepts` chooses among the files of a folder or a glob by name; a file that is named is
/// always read. A path that comes up twice is read once.
pub(crate) fn expand(paths: &[PathBuf], accepts: fn(&Path) -> bool) -> anyhow::Result<Vec<Input>> {
    expand_within(paths, accepts, Limits::default())
}

/// As [`expand`], with other bounds.
pub(crate) fn expand_within(
    paths: &[PathBuf],
    accepts: fn(&Path) -> bool,
    limits: Limits,
) -> anyhow::Result<Vec<Input>> {
    let found = files_within(paths, accepts, limits)?;
    found.iter().map(|path| read(path, limits)).collect()
}

/// As [`expand`], for a reader that opens the files itself: the paths, nothing read.
pub(crate) fn files(paths: &[PathBuf], accepts: fn(&Path) -> bool) -> anyhow::Result<Vec<PathBuf>> {
    files_within(paths, accepts, Limits::default())
}

/// As [`files`], for a reader that holds few of them at a time.
pub(crate) fn many_files(
    paths: &[PathBuf],
    accepts: fn(&Path) -> bool,
) -> anyhow::Result<Vec<PathBuf>> {
    files_within(paths, accepts, Limits { files: 1_000_000, ..Limits::default() })
}

fn files_within(
    paths: &[PathBuf],
    accepts: fn(&Path) -> bool,
    limits: Limits,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        find(path, accepts, limits, &mut found)?;
    }
    // One folder or pattern names nothing twice.
    if paths.len() > 1 {
        let mut seen = HashSet::with_capacity(found.len());
        found.retain(|path| seen.insert(path.clone()));
    }
    if found.len() > limits.files {
        return Err(Failure::new(format!(
            "{} inputs are more than the {} that one run reads",
            found.len(),
            limits.files
        ))
        .todo("name fewer files, or run several times")
        .into());
    }
    Ok(found)
}

/// Reads one file or `-`, with the default bounds.
pub(crate) fn one(path: &Path) -> anyhow::Result<Input> {
    read(path, Limits::default())
}

/// Whether the file name ends in one of the extensions, in any case.
pub(crate) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|found| extensions.iter().any(|one| one.eq_ignore_ascii_case(found)))
}

fn find(
    path: &Path,
    accepts: fn(&Path) -> bool,
    limits: Limits,
    found: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    if path == Path::new("-") {
        found.push(path.to_path_buf());
        return Ok(());
    }
    let before = found.len();
    let text = path.to_string_lossy();
    match path.metadata() {
        _ if bucket::is_in_bucket(path) => {
            // One more than is read tells that there are too many.
            found.extend(bucket::find(path, accepts, limits.files.saturating_add(1))?);
        }
        Ok(metadata) if metadata.is_dir() => walk(path, accepts, found)?,
        Ok(_) => found.push(path.to_path_buf()),
        Err(_) if text.contains(['*', '?', '[', '{']) => {
            let glob = pattern(&text)?;
            let mut all = Vec::new();
            walk(&glob_base(path), accepts, &mut all)?;
            found.extend(
                all.into_iter()
                    .map(|file| file.strip_prefix("./").map(Path::to_path_buf).unwrap_or(file))
                    .filter(|file| glob.is_match(file)),
            );
        }
        Err(error) => return Err(unreadable(path, &error).into()),
    }
    if found.len() == before {
        return Err(Failure::new("no file of the kind that this verb reads is there")
            .at(&text)
            .todo("name the files themselves")
            .into());
    }
    Ok(())
}

/// What names with `*`, `?`, `[` or `{` stand for: a `*` is part of one name.
pub(crate) fn pattern(text: &str) -> Result<GlobMatcher, Failure> {
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    let glob = glob.map_err(|error| {
        Failure::new(format!("the pattern cannot be read: {}", error.kind())).at(text)
    })?;
    Ok(glob.compile_matcher())
}

/// The folder above the first component that is a pattern.
fn glob_base(pattern: &Path) -> PathBuf {
    let plain = pattern.components().take_while(|component| {
        let Component::Normal(name) = component else {
            return true;
        };
        !name.to_string_lossy().contains(['*', '?', '[', '{'])
    });
    let base: PathBuf = plain.collect();
    if base.as_os_str().is_empty() { PathBuf::from(".") } else { base }
}

/// The files below a folder by name, folder by folder. Links to files count as files; links to
/// folders are not followed, so that no circle is.
fn walk(folder: &Path, accepts: fn(&Path) -> bool, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut waiting = vec![(folder.to_path_buf(), true)];
    while let Some((path, is_folder)) = waiting.pop() {
        if !is_folder {
            found.push(path);
            continue;
        }
        let mut entries = entries(&path, accepts).map_err(|error| {
            Failure::new(format!("the folder cannot be read: {error}")).at(path.display())
        })?;
        // The last one is taken first.
        entries.sort_unstable_by(|(left, _), (right, _)| right.cmp(left));
        waiting.extend(entries.into_iter().map(|(name, is_folder)| (path.join(name), is_folder)));
    }
    Ok(())
}

/// The names of the folders in a folder, and of its files of the kind that is asked for. What is
/// hidden is left out.
fn entries(folder: &Path, accepts: fn(&Path) -> bool) -> io::Result<Vec<(OsString, bool)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let is_file = || kind.is_file() || (kind.is_symlink() && entry.path().is_file());
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        if !is_hidden && (kind.is_dir() || (accepts(Path::new(&name)) && is_file())) {
            found.push((name, kind.is_dir()));
        }
    }
    Ok(found)
}

fn read(path: &Path, limits: Limits) -> anyhow::Result<Input> {
    let mut bytes = Vec::new();
    fill(path, limits, &mut bytes)?;
    Ok(Input { name: path.to_string_lossy().into_owned(), bytes })
}

/// Reads one file or `-` in place of what the buffer held, with the default bounds.
pub(crate) fn one_into(path: &Path, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    fill(path, Limits::default(), bytes)
}

fn fill(path: &Path, limits: Limits, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    bytes.clear();
    let most = limits.file_bytes.saturating_add(1);
    let is_stdin = path == Path::new("-");
    let read = if bucket::is_in_bucket(path) {
        *bytes = bucket::read(path, limits.file_bytes)?;
        Ok(bytes.len())
    } else if is_stdin {
        io::stdin().lock().take(most).read_to_end(bytes)
    } else {
        let mut open = || {
            let file = File::open(path)?;
            // A buffer that has held such files is not asked to grow, nor the file how long it is.
            if bytes.capacity() < USUAL {
                // What a file says of itself is only a hint. With one byte more the end is seen
                // without a buffer that grows.
                let len = file.metadata()?.len().saturating_add(1).min(most).min(HINT);
                bytes.reserve(usize::try_from(len).unwrap_or(0));
            }
            file.take(most).read_to_end(bytes)
        };
        open()
    };
    read.map_err(|error| unreadable(path, &error))?;
    let name = path.display();
    if bytes.is_empty() {
        return Err(Failure::new("the input is empty")
            .at(name)
            .todo("check that its download or export came to an end")
            .into());
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits.file_bytes {
        return Err(Failure::new(format!("the input is larger than {} bytes", limits.file_bytes))
            .at(name)
            .todo("split it")
            .into());
    }
    Ok(())
}

/// Bytes that a buffer has when it has been used for a while.
pub(crate) const USUAL: usize = 1 << 14;

/// Bytes that are reserved because a file says that it has them.
const HINT: u64 = 1 << 26;

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = match error.kind() {
        io::ErrorKind::NotFound => Failure::new("the file does not exist").todo("check the path"),
        io::ErrorKind::PermissionDenied => Failure::new("the file may not be read")
            .todo("check its permissions and those of its folder"),
        io::ErrorKind::IsADirectory => {
            Failure::new("a folder was given where one file is read").todo("name a file in it")
        }
        _ => Failure::new(format!("the file cannot be read: {error}")),
    };
    failure.at(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(_: &Path) -> bool {
        true
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["b.csv", "a.csv", "sub/c.csv", "notes.txt", ".hidden.csv"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    fn names(folder: &Path, inputs: &[Input]) -> Vec<String> {
        let strip = |input: &Input| {
            let path = Path::new(&input.name);
            path.strip_prefix(folder).unwrap_or(path).display().to_string()
        };
        inputs.iter().map(strip).collect()
    }

    #[test]
    fn folders_are_read_in_order_and_by_kind() {
        let folder = folder();
        let csv = |path: &Path| has_extension(path, &["CSV"]);
        let inputs = expand(&[folder.path().to_path_buf()], csv).unwrap();
        assert_eq!(names(folder.path(), &inputs), ["a.csv", "b.csv", "sub/c.csv"]);
    }

    #[test]
    fn globs_stay_in_their_folder_and_repeats_are_read_once() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let inputs = expand(&[at("*.csv"), at("a.csv"), at("*/c.*")], any).unwrap();
        assert_eq!(names(folder.path(), &inputs), ["a.csv", "b.csv", "sub/c.csv"]);
    }

    #[test]
    fn says_what_is_missing_empty_or_too_large() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("empty.csv"), "").unwrap();
        let limits = Limits { file_bytes: 5, files: 2 };
        let message = |paths: &[PathBuf]| {
            expand_within(paths, any, limits)
                .map_or_else(|error| error.to_string(), |inputs| inputs.len().to_string())
        };
        assert_eq!(message(&[at("a.csv"), at("b.csv")]), "2");
        for (paths, text) in [
            (vec![at("none.csv")], "does not exist"),
            (vec![at("empty.csv")], "is empty"),
            (vec![at("notes.txt")], "larger than 5 bytes"),
            (vec![at("*.parquet")], "no file of the kind"),
            (vec![folder.path().to_path_buf()], "more than the 2"),
        ] {
            assert!(message(&paths).contains(text), "{}", message(&paths));
        }
    }
}
