//! The steps of the tour. Each works on files, as a user's own would be, and says what it saw.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use adproof_edge::inspect::{Map, offline};
use adproof_edge::keys::{Limits as KeyLimits, LogKeys, Protection};
use adproof_edge::store::LedgerReader;
use adproof_ledger::verify::Limits as VerifyLimits;
use adproof_ledger::{Report, TrustedKeys};
use adproof_policy::Rung;
use adproof_vast::chain;
use adproof_wire::chain::ChainV1;
use adproof_wire::decide::{BlockDecisionV1, DecideV1};
use adproof_wire::score::{BlockV1, Request, ScoreV1, Source};
use anyhow::{Context as _, bail};

use super::{attack, shipped};
use crate::keyring::PassphraseArgs;
use crate::out::{Exit, Out};
use crate::text::{clip, wrap};
use crate::verb::decide::{self, DecideArgs, GivenArgs, JournalArgs};
use crate::verb::rerun::{self, RerunArgs};
use crate::verb::score::unread;

/// The name of the demo's log.
const LOG: &str = "demo.example/adproof";
/// Where the wrappers of the shipped tags say that they lead.
const TAG_HOST: &str = "https://ads.example/";
/// Columns of the tour.
const COLUMNS: usize = 80;

/// Goes the whole way in `folder`.
pub(super) fn take(
    folder: &Path,
    kept: Option<&Path>,
    started: Instant,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    shipped::unpack(folder)?;
    let mut tour = Tour { out };
    tour.say("adproof demo: invented data in documentation address space, no network.")?;
    tour.feeds()?;
    tour.tags(folder)?;
    let decided = tour.decisions(folder)?;
    tour.ledger(folder, &decided)?;
    tour.attack(folder)?;
    tour.next(kept, started)?;
    Ok(Exit::Clean)
}

struct Tour<'o> {
    out: &'o mut Out,
}

impl Tour<'_> {
    fn say(&mut self, text: impl fmt::Display) -> anyhow::Result<()> {
        let text = text.to_string();
        debug_assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        writeln!(self.out, "{text}")?;
        Ok(())
    }

    fn title(&mut self, text: &str) -> anyhow::Result<()> {
        let bold = anstyle::Style::new().bold();
        writeln!(self.out, "\n{bold}{text}{bold:#}")?;
        Ok(())
    }

    fn feeds(&mut self) -> anyhow::Result<()> {
        let all = score(shipped::beginning("ioc-ipv6-"))?;
        let newest = score(shipped::beginning("ioc-ipv6-2026-05"))?;
        let taken: u64 = all.inputs.iter().map(|input| input.accepted).sum();
        let rejected: u64 = all.inputs.iter().map(|input| input.rejected_total).sum();
        self.title("1. Which blocks recur in the feed?")?;
        self.say(format_args!(
            "{} weekly issues, March to May: {taken} indicators; {rejected} rows set aside, each with its\n\
             reason. They are their publisher's opinion. R is how often a block returns, at\n\
             the cautious end of the estimate.",
            all.inputs.len()
        ))?;
        let ranked = all.blocks.iter().filter(|block| block.class == "ranked");
        for block in ranked.take(3) {
            self.say(block_line(block, &format!("R {}", per_cent(block.recurrence_ppm))))?;
        }
        let carrier =
            all.blocks.iter().filter(|block| block.level == "/32" && block.class != "ranked");
        if let Some(block) = carrier.max_by_key(|block| block.indicators) {
            self.say(block_line(block, "not ranked: a big carrier"))?;
        }
        if let Some(block) = all.blocks.iter().find(|block| block.family == "crawler") {
            self.say(block_line(block, "a crawler that says so"))?;
        }
        let alone = newest.blocks.iter().filter(|block| block.class == "ranked").count();
        self.say(format_args!(
            "From the May issue alone {}: nothing can recur in one issue.",
            if alone == 0 { "nothing is ranked".to_owned() } else { format!("{alone} are ranked") }
        ))
    }

    fn tags(&mut self, folder: &Path) -> anyhow::Result<()> {
        let tags: Vec<_> = shipped::beginning("tags/").collect();
        let options = adproof_vast::Options::default();
        let reports: Vec<_> =
            tags.iter().map(|(name, bytes)| (*name, adproof_vast::lint(bytes, &options))).collect();
        let broken: Vec<_> =
            reports.iter().filter(|(_, report)| !report.verdict.playable()).collect();
        self.title("2. Which tags would not play?")?;
        self.say(format_args!(
            "{} of {} VAST tags have errors that cost the impression:",
            broken.len(),
            tags.len()
        ))?;
        for (name, report) in &broken {
            let rule = report.verdict.error_rules.first().copied().unwrap_or("not well-formed");
            let name = name.trim_start_matches("tags/");
            self.say(clip(&format!("  {name:<30} {rule}"), COLUMNS))?;
        }
        for (start, what) in [("chain-5-1.xml", "five wrappers"), ("chain-6-1.xml", "six wrappers")]
        {
            let tag = shipped::file(&format!("tags/{start}"))?;
            let host = TAG_HOST.parse().context("the shipped host is a URL")?;
            let map = Map::new(&host, folder.join("tags"));
            let found = offline(tag.to_vec(), vec![map], chain::Options::default())?;
            let document = ChainV1::new(start, &found.chain, &options);
            let end = match document.vast_error {
                Some(code) => format!("{}, VAST error {code}", document.outcome),
                None => document.outcome.to_string(),
            };
            self.say(format_args!(
                "  A chain of {what}: {end} after {} documents.",
                document.hops.len()
            ))?;
        }
        Ok(())
    }

    fn decisions(&mut self, folder: &Path) -> anyhow::Result<DecideV1> {
        let limits = KeyLimits::default();
        LogKeys::create(&folder.join("keys"), LOG, &Protection::Plain, &limits)?;
        let args = DecideArgs {
            journal: JournalArgs {
                ledger: Some(folder.join("ledger")),
                keys: Some(folder.join("keys")),
                init: true,
                disclosures: Some(folder.join("disclosures.jsonl")),
                ..JournalArgs::default()
            },
            ..given(folder)
        };
        let document = decide::execute(&args, self.out)?;
        let summary = &document.summary;
        self.title("3. What does the policy allow, and why not more?")?;
        self.say(format_args!(
            "{} events joined to {} impressions: {} with observers that contradict each\n\
             other, {} duplicates, {} legs too late, {} with a tag that is broken or risky.",
            document.events,
            summary.impressions,
            summary.disagreements,
            summary.duplicates,
            summary.late_legs,
            summary.wrong_tags
        ))?;
        let mut actions = String::new();
        for rung in [Rung::None].into_iter().chain(Rung::LADDER) {
            if let Some(count) = summary.actions.get(rung.as_str()) {
                let comma = if actions.is_empty() { "" } else { ", " };
                write!(actions, "{comma}{rung} {count}")?;
            }
        }
        self.say(clip(&format!("Actions: {actions}."), COLUMNS))?;
        for block in document.blocks.iter().take(3) {
            for line in decision_lines(block) {
                self.say(clip(&line, COLUMNS))?;
            }
        }
        Ok(document)
    }

    fn ledger(&mut self, folder: &Path, decided: &DecideV1) -> anyhow::Result<()> {
        self.title("4. What was signed, and who can check it?")?;
        let ledger = decided.ledger.as_ref().context("the demo writes a ledger")?;
        self.say(format_args!(
            "{} records: no address, device or transaction in them, only salted commitments.",
            ledger.records
        ))?;
        let report = verify(folder, &folder.join("ledger"))?;
        if !report.is_good() {
            bail!("the ledger that was just written does not verify");
        }
        self.say(format_args!(
            "Verified with the public keys alone: {} records, links, signatures, tree head\n  {}",
            report.records, report.root
        ))?;
        let DecideArgs { events, given, .. } = given(folder);
        let again = rerun::execute(&RerunArgs {
            ledger: folder.join("ledger").display().to_string(),
            events,
            feeds: given.feeds,
            asn: given.asn,
            tags: given.tags,
            policy: Some(given.policy),
            store: None,
            keys: folder.join("keys"),
            passphrase: PassphraseArgs::default(),
        })?;
        if again.same != again.decisions {
            bail!("{} of {} decisions did not come out the same", again.same, again.decisions);
        }
        self.say(format_args!(
            "Decided again from the same files: {} of {} records came out byte for byte.",
            again.same, again.decisions
        ))
    }

    fn attack(&mut self, folder: &Path) -> anyhow::Result<()> {
        self.title("5. What if somebody edits a record?")?;
        let copy = folder.join("tampered-ledger");
        copy_folder(&folder.join("ledger"), &copy)?;
        let seq = 7;
        attack::edit_and_rehash(&copy, seq)?;
        self.say(format_args!(
            "In a copy, record {seq} now says `block`, and every hash, link and root after it was\n\
             computed anew. Everything but the key. Verification says:"
        ))?;
        let report = verify(folder, &copy)?;
        let Some(problem) = report.problems.first() else {
            bail!("the tampered ledger verifies");
        };
        let red = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
        let lines = wrap(&problem.to_string(), COLUMNS - 11);
        let (first, rest) = lines.split_first().context("a problem has words")?;
        writeln!(self.out, "  {red}REFUSED{red:#}  {first}")?;
        for line in rest {
            self.say(format_args!("           {line}"))?;
        }
        self.say(format_args!(
            "  and {} more: every later record was signed over the true one.",
            report.problems_total.saturating_sub(1)
        ))
    }

    fn next(&mut self, kept: Option<&Path>, started: Instant) -> anyhow::Result<()> {
        let millis = started.elapsed().as_millis();
        self.title("Next, on your own files")?;
        self.say("  adproof score FEED.xlsx      which blocks recur, and how sure that is")?;
        self.say("  adproof lint TAG.xml         what is wrong with a tag, and why it costs")?;
        self.say("  adproof inspect URL          where a tag's wrappers lead")?;
        let done = format!("Done in {}.{} s.", millis / 1000, millis % 1000 / 100);
        match kept {
            Some(folder) => writeln!(self.out, "\n{done} Everything is in {}.", folder.display())?,
            None => self.say(format_args!(
                "\n{done} `adproof demo --keep DIR` leaves everything in DIR."
            ))?,
        }
        Ok(())
    }
}

/// What deciding is given, without a ledger.
fn given(folder: &Path) -> DecideArgs {
    DecideArgs {
        events: vec![folder.join("events.jsonl")],
        given: GivenArgs {
            feeds: shipped::beginning("ioc-ipv6-").map(|(name, _)| folder.join(name)).collect(),
            asn: Some(folder.join("asn.csv")),
            tags: vec![folder.join("tags")],
            policy: folder.join("policies/demo.toml"),
        },
        journal: JournalArgs::default(),
        store: None,
        plain_addresses: false,
    }
}

fn score<'a>(feeds: impl Iterator<Item = (&'a str, &'a [u8])>) -> anyhow::Result<ScoreV1> {
    let source = |(name, bytes)| Source { name, bytes };
    let request = Request {
        feeds: feeds.map(source).collect(),
        asn: Some(source(("asn.csv", shipped::file("asn.csv")?))),
        ..Request::default()
    };
    let scored = adproof_wire::score::run(request).map_err(|error| unread(&error))?;
    Ok(scored.document)
}

fn verify(folder: &Path, ledger: &Path) -> anyhow::Result<Report> {
    let keys = fs::read_to_string(folder.join("keys/log.pub"))?;
    let trusted = TrustedKeys::parse(&keys).map_err(anyhow::Error::msg)?;
    Ok(LedgerReader::open(ledger)?.verify(&trusted, &[], VerifyLimits::default())?)
}

fn block_line(block: &BlockV1, remark: &str) -> String {
    let provider = block.provider.as_deref().unwrap_or("");
    let seen = format!("{} of {}", block.issues_seen, block.issues);
    clip(&format!("  {provider:<14} {:<17} {seen:>8} issues  {remark}", block.block), COLUMNS)
}

fn decision_lines(block: &BlockDecisionV1) -> Vec<String> {
    let mut lines =
        vec![format!("  {} ({} impressions): {}", block.block, block.impressions, block.action)];
    if let Some(hit) = &block.collateral {
        let share = per_cent(hit.devices_high_ppm);
        lines.push(format!(
            "    would also hit {} unlisted {}, at most {share} of all devices",
            hit.devices,
            if hit.devices == 1 { "device" } else { "devices" }
        ));
    }
    if let Some(reason) = block.why_not_more.first() {
        let text = format!("why not {}: {}", reason.rung, reason.text);
        for (index, line) in wrap(&text, COLUMNS - 6).iter().enumerate() {
            lines.push(format!("{}{line}", if index == 0 { "    " } else { "      " }));
        }
    }
    lines
}

/// Parts per million as a percentage with one decimal, rounded half up.
fn per_cent(ppm: u32) -> String {
    let tenths = (u64::from(ppm) + 500) / 1_000;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cent_is_rounded_to_one_decimal() {
        assert_eq!(per_cent(14_049), "1.4 %");
        assert_eq!(per_cent(14_050), "1.4 %");
        assert_eq!(per_cent(14_500), "1.5 %");
    }
}
