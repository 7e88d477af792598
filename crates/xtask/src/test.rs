//! `cargo xtask test`: everything that must hold before a change lands.
//!
//! Each step says what it does; the end says how long each took and how many tests passed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::{check, tools};

/// What `cargo` builds for clippy, tests and documentation: everything, engine included, in dev.
const EVERYTHING: &[&str] = &["--workspace", "--features", "adproof/full"];

#[derive(Default)]
struct Run {
    steps: Vec<(&'static str, Duration, Result<(), String>)>,
    passed: u64,
    failed: u64,
}

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    if !args.is_empty() {
        bail!("this command takes no arguments");
    }
    let mut run = Run::default();
    run.step("tools", |_| install());
    run.step("format", |_| cargo(&["fmt", "--all", "--check"]));
    run.step("check", |_| check::run(&[]));
    run.step("clippy", |_| {
        let mut args = vec!["clippy", "--quiet", "--locked", "--all-targets"];
        args.extend(EVERYTHING);
        args.extend(["--", "--deny", "warnings"]);
        cargo(&args)
    });
    run.step("fuzz targets", |_| {
        cargo(&["check", "--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml"])
    });
    run.step("tests", |run| {
        let nextest = tools::cargo_tool("cargo-nextest", tools::CARGO_NEXTEST)?;
        let mut args = vec!["nextest", "run", "--locked", "--no-fail-fast", "--color=never"];
        args.extend(["--cargo-quiet", "--status-level=slow", "--final-status-level=fail"]);
        args.extend(EVERYTHING);
        let mut command = Command::new(nextest);
        command.args(args);
        run.counted(command, nextest_counts)
    });
    run.step("documentation", |_| {
        let mut command = Command::new(env!("CARGO"));
        command.args(["doc", "--quiet", "--locked", "--no-deps"]).args(EVERYTHING);
        command.env("RUSTDOCFLAGS", "--deny warnings");
        finish(command)
    });
    run.step("page", |_| cargo(&["xtask", "web"]));
    run.step("native binary for the page", |_| cargo(&["build", "--quiet", "--locked"]));
    run.step("browser", |run| {
        let mut command = Command::new("node");
        command.args(["--test", "--test-reporter=tap", "--test-concurrency=1", "web/test/"]);
        run.counted(command, tap_counts)
    });
    run.finish()
}

/// Programs and the Debian packages that hold them.
const DEBIAN: &[(&str, &str)] = &[
    ("g++", "g++"),
    ("git", "git"),
    ("nats-server", "nats-server"),
    ("openssl", "openssl"),
    ("ssh-keygen", "openssh-client"),
    ("script", "bsdutils"),
    ("python3", "python3-venv"),
    ("chromium", "chromium"),
    ("node", "nodejs"),
    ("npm", "npm"),
];

/// `cargo xtask tools`: only installs what the tests need.
pub(crate) fn tools(args: &[String]) -> anyhow::Result<()> {
    if !args.is_empty() {
        bail!("this command takes no arguments");
    }
    install()
}

fn install() -> anyhow::Result<()> {
    tools::debian(DEBIAN)?;
    tools::python()?;
    let mut target = Command::new("rustup");
    target.args(["target", "add", "wasm32-unknown-unknown"]);
    finish(target).context("the page needs the target wasm32-unknown-unknown")?;
    let mut components = Command::new("rustup");
    components.args(["component", "add", "clippy", "rustfmt"]);
    finish(components)?;
    tools::cargo_tool("cargo-deny", tools::CARGO_DENY)?;
    tools::cargo_tool("cargo-nextest", tools::CARGO_NEXTEST)?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--prefix", "web", "--no-audit", "--no-fund", "--loglevel=error"]);
    finish(npm)
}

fn cargo(args: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command.args(args);
    finish(command)
}

fn finish(mut command: Command) -> anyhow::Result<()> {
    let status = command.current_dir(crate::root()?).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("running {}", program(&command)))?;
    if !status.success() {
        bail!("{} ended with {status}", program(&command));
    }
    Ok(())
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

impl Run {
    fn step(&mut self, name: &'static str, work: impl FnOnce(&mut Self) -> anyhow::Result<()>) {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work(self).map_err(|error| format!("{error:#}"));
        if let Err(error) = &result {
            println!("{error}");
        }
        self.steps.push((name, start.elapsed(), result));
    }

    /// Runs a test runner, shows what it prints and adds up its closing counts.
    fn counted(
        &mut self,
        mut command: Command,
        counts: fn(&str) -> Option<(u64, u64)>,
    ) -> anyhow::Result<()> {
        let shell = "exec \"$0\" \"$@\" 2>&1";
        let mut both = Command::new("sh");
        both.args(["-c", shell]).arg(command.get_program()).args(command.get_args());
        both.current_dir(crate::root()?).stdin(Stdio::null()).stdout(Stdio::piped());
        command = both;
        let mut child =
            command.spawn().with_context(|| format!("running {}", program(&command)))?;
        let (mut passed, mut failed) = (0, 0);
        let mut seen = false;
        let output = child.stdout.take().context("the runner's output is piped")?;
        for line in BufReader::new(output).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            let _ = writeln!(std::io::stdout(), "{line}");
            if let Some((more_passed, more_failed)) = counts(&line) {
                seen = true;
                passed += more_passed;
                failed += more_failed;
            }
        }
        let status = child.wait()?;
        self.passed += passed;
        self.failed += failed;
        if !status.success() {
            bail!("the runner ended with {status}");
        }
        if !seen || passed == 0 {
            bail!("the runner ended well but counted no test");
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        println!("\n== times");
        let mut broken = Vec::new();
        for (name, time, result) in &self.steps {
            let word = if result.is_ok() { "ok" } else { "FAILED" };
            println!("{:>7.1} s  {word:<6}  {name}", time.as_secs_f64());
            if let Err(error) = result {
                broken.push(format!("{name}: {error}"));
            }
        }
        let total: Duration = self.steps.iter().map(|(_, time, _)| *time).sum();
        println!("{:>7.1} s  in all", total.as_secs_f64());
        for fault in &broken {
            println!("\nfailed: {fault}");
        }
        // A step that failed without a failed test still counts as one failure.
        let failed = self.failed.max(broken.len().try_into().unwrap_or(u64::MAX));
        println!("\n{} passed, {failed} failed", self.passed);
        if broken.is_empty() && failed == 0 { Ok(()) } else { bail!("not everything holds") }
    }
}

/// `Summary [  1.2s] 10 tests run: 9 passed (1 slow), 1 failed, 2 skipped`.
fn nextest_counts(line: &str) -> Option<(u64, u64)> {
    let rest = line.trim_start().strip_prefix("Summary [")?.split_once("run: ")?.1;
    let number = |word: &str| -> u64 {
        rest.split(", ")
            .filter(|part| part.contains(word))
            .filter_map(|part| part.split_whitespace().next()?.parse::<u64>().ok())
            .sum()
    };
    Some((number("passed"), number("failed") + number("timed out")))
}

/// `# pass 3` and `# fail 0` of node's own reporter.
fn tap_counts(line: &str) -> Option<(u64, u64)> {
    let number = |prefix| line.strip_prefix(prefix)?.trim().parse::<u64>().ok();
    match (number("# pass "), number("# fail ")) {
        (Some(passed), _) => Some((passed, 0)),
        (_, Some(failed)) => Some((0, failed)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_the_runners_are_read() {
        let line = "     Summary [   1.234s] 12 tests run: 10 passed (2 slow), 1 failed, 1 timed out, 3 skipped";
        assert_eq!(nextest_counts(line), Some((10, 2)));
        assert_eq!(nextest_counts("PASS [ 0.1s] x"), None);
        assert_eq!(tap_counts("# pass 4"), Some((4, 0)));
        assert_eq!(tap_counts("# fail 1"), Some((0, 1)));
        assert_eq!(tap_counts("ok 1 - y"), None);
    }
}
