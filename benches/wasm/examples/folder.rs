//! A folder of 10,000 tags: `adproof lint` as a process, beside one thread that has the tags in
//! memory, and beside one thread that reads them and judges them with vastlint-core.
//!
//! usage: folder FOLDER ADPROOF [ROUNDS]
//!
//! Writes the tags where the folder is not there yet: the examples of the rules' pages and clean tags,
//! in turn. All run in turn; seconds, the median and the least.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use adproof_vast::{Options, check, lint};

#[path = "../../src/tags.rs"]
#[allow(unreachable_pub, reason = "the module is public where the benches use it")]
mod tags;

const TAGS: usize = 10_000;

fn main() -> io::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let (Some(folder), Some(adproof)) = (args.next(), args.next()) else {
        return Err(io::Error::other("usage: folder FOLDER ADPROOF [ROUNDS]"));
    };
    let rounds = args.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(15);
    let folder = PathBuf::from(folder);
    if !folder.exists() {
        generate(&folder)?;
    }
    let paths = paths(&folder)?;
    let texts = paths.iter().map(|path| text(path)).collect::<io::Result<Vec<String>>>()?;
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} tags, {bytes} bytes, {rounds} rounds in turn: median (least), s",
        paths.len()
    )?;

    let options = Options::default();
    let checked = || -> io::Result<usize> {
        Ok(texts.iter().map(|text| check(text.as_bytes(), &options).findings.len()).sum())
    };
    let linted = || -> io::Result<usize> {
        Ok(texts.iter().map(|text| lint(text.as_bytes(), &options).findings.len()).sum())
    };
    let read = || paths.iter().map(|path| Ok(fs::read(path)?.len())).sum();
    let peer = || {
        let (mut said, mut found) = (String::new(), 0);
        for path in &paths {
            let text = text(path)?;
            let issues = vastlint_core::validate(&text).issues;
            found += issues.len();
            for issue in issues {
                let _ = writeln!(said, "{}: {}: {}", path.display(), issue.id, issue.message);
            }
        }
        black_box(said);
        Ok(found)
    };
    let process = |format: &'static str| {
        let (folder, adproof) = (&folder, &adproof);
        move || {
            let status = Command::new(adproof)
                .args(["lint", "--quiet", "--output-format", format])
                .arg(folder)
                .stdout(Stdio::from(File::create("/dev/null")?))
                .status()?;
            // 1: it has found something.
            let worked = matches!(status.code(), Some(0 | 1));
            if worked { Ok(0) } else { Err(io::Error::other("adproof could not do its work")) }
        }
    };
    let (table, json) = (process("table"), process("json"));
    let (ndjson, sarif) = (process("ndjson"), process("sarif"));
    let contenders: [(&str, &dyn Fn() -> io::Result<usize>); 8] = [
        ("check, in memory, one thread", &checked),
        ("lint, in memory, one thread", &linted),
        ("reading alone, one thread", &read),
        ("vastlint-core, read and listed, one thread", &peer),
        ("adproof lint, json", &json),
        ("adproof lint, ndjson", &ndjson),
        ("adproof lint, sarif", &sarif),
        ("adproof lint, table", &table),
    ];
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for ((_, run), times) in contenders.iter().zip(&mut times) {
            let begin = Instant::now();
            black_box(run()?);
            times.push(begin.elapsed().as_secs_f64());
        }
    }
    for ((name, _), times) in contenders.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let at = |place: usize| times.get(place).copied().unwrap_or(f64::NAN);
        writeln!(out, "{name}: {:.3} ({:.3})", at(times.len() / 2), at(0))?;
    }
    Ok(())
}

/// A tag as the peer takes it, which reads nothing but UTF-8.
fn text(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The tags of the folder in the order of their names.
fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn generate(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let examples: Vec<&str> = adproof_vast::rules()
        .iter()
        .flat_map(|rule| rule.page().split("```xml\n").skip(1))
        .filter_map(|rest| Some(rest.split_once("```")?.0))
        .filter(|example| !example.is_empty())
        .collect();
    let clean = [tags::tag(1, 2), tags::tag(1, 10)];
    for (number, example) in (0..TAGS).zip(examples.iter().cycle()) {
        let tag = match (clean.get(number % 4), example) {
            (Some(clean), _) => clean.as_str(),
            (None, example) => example,
        };
        fs::write(folder.join(format!("tag-{number:05}.xml")), tag)?;
    }
    Ok(())
}
