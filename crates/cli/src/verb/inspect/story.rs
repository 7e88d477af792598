//! A chain as a person reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use adproof_model::Severity;
use adproof_wire::chain::{AdV1, ChainRunsV1, ChainV1, ExchangeV1, HopV1};
use anstyle::{AnsiColor, Style};

use crate::out::Out;
use crate::text::safe;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Where the text of a hop begins.
const INDENT: usize = 18;
/// The width of what stands before a line about an ad.
const LABEL: usize = 14;

pub(super) fn tell(chain: &ChainV1, out: &mut Out) -> io::Result<()> {
    let width = out.width;
    let style = if chain.is_clean() { GOOD } else { BAD };
    writeln!(out, "{style}{}{style:#}", headline(chain))?;
    writeln!(out)?;
    for hop in &chain.hops {
        tell_hop(hop, chain, width, out)?;
    }
    tell_errors(chain, width, out)?;
    for ad in &chain.ads {
        writeln!(out)?;
        tell_ad(ad, width, out)?;
    }
    if chain.trackers_left_out > 0 {
        writeln!(out, "\n{} more trackers are not listed", chain.trackers_left_out)?;
    }
    if let Some(next) = next_step(chain) {
        writeln!(out, "\n{DIM}next{DIM:#}  {next}")?;
    }
    Ok(())
}

pub(super) fn tell_runs(runs: &ChainRunsV1, out: &mut Out) -> io::Result<()> {
    let style = if runs.stable { GOOD } else { BAD };
    let verdict = if runs.stable {
        format!("stable: all {} runs went the same way", runs.runs)
    } else {
        format!("not stable: {} runs went {} ways", runs.runs, runs.ways.len())
    };
    writeln!(out, "{style}{verdict}{style:#}")?;
    for way in &runs.ways {
        let numbers: Vec<String> = way.runs.iter().map(ToString::to_string).collect();
        writeln!(out, "\n{} of {}: {}", way.runs.len(), runs.runs, headline(&way.chain))?;
        let shown = shorten(&numbers.join(", "), out.width.saturating_sub(7));
        writeln!(out, "  {DIM}runs{DIM:#} {shown}\n")?;
        let width = out.width;
        for hop in &way.chain.hops {
            tell_hop(hop, &way.chain, width, out)?;
        }
    }
    Ok(())
}

/// The whole chain in one line.
fn headline(chain: &ChainV1) -> String {
    let wrappers = chain.ads.iter().map(|ad| ad.path.len().saturating_sub(1)).max();
    let code = chain.vast_error.map(|code| format!(" {code}")).unwrap_or_default();
    let fault = chain.hops.iter().find(|hop| hop.fault.is_some());
    let place = fault.map(|hop| format!(" at hop {}", hop.index)).unwrap_or_default();
    match chain.outcome {
        "resolved" => {
            let way = match wrappers.unwrap_or(0) {
                0 => "no wrapper".to_owned(),
                1 => "1 wrapper".to_owned(),
                more => format!("{more} wrappers"),
            };
            let ads = match chain.ads.len() {
                1 => "an ad that plays".to_owned(),
                more => format!("{more} ads that play"),
            };
            let but = match lint_errors(chain) {
                _ if fault.is_some() => format!(", but something failed{place}"),
                0 => String::new(),
                1 => ", but the tags have 1 error".to_owned(),
                more => format!(", but the tags have {more} errors"),
            };
            format!("resolved: {way}, then {ads}{but}")
        }
        "no_ad" if fault.is_none() => "no ad: the first document holds none".to_owned(),
        "no_ad" => format!("no ad:{code}, {}{place}", meaning(chain.vast_error)),
        "refused" => format!("refused:{code}, {}{place}", meaning(chain.vast_error)),
        _ => format!("error:{code}, {}{place}", meaning(chain.vast_error)),
    }
}

fn lint_errors(chain: &ChainV1) -> usize {
    let errors = chain.hops.iter().filter_map(|hop| hop.lint.as_ref());
    errors.map(|lint| lint.count(Severity::Error)).sum()
}

fn meaning(code: Option<u16>) -> &'static str {
    use adproof_vast::chain::VastError as E;
    let all =
        [E::XmlParsing, E::Schema, E::Version, E::Wrapper, E::Timeout, E::WrapperLimit, E::NoAd];
    let found = all.into_iter().find(|error| Some(error.code()) == code);
    found.map_or("no code", E::meaning)
}

fn tell_hop(hop: &HopV1, chain: &ChainV1, width: usize, out: &mut Out) -> io::Result<()> {
    let room = width.saturating_sub(INDENT);
    let from = hop.url.as_deref().unwrap_or(&chain.start);
    let version = hop.version.as_deref().unwrap_or("");
    writeln!(
        out,
        "{:>3}  {:<8}{:<5}{}",
        hop.index,
        hop.kind,
        clip(version, 4),
        shorten(from, room)
    )?;
    let mut line = |style: Style, text: &str| -> io::Result<()> {
        for part in wrap(text, room) {
            writeln!(out, "{:INDENT$}{style}{part}{style:#}", "")?;
        }
        Ok(())
    };
    if let Some(who) = made_by(hop, chain) {
        line(DIM, &who)?;
    }
    for (at, exchange) in hop.http.iter().enumerate() {
        if at > 0 {
            line(Style::new(), &format!("-> {}", shorten(&exchange.url, room.saturating_sub(3))))?;
        }
        // What was refused was never asked, and has no answer to tell of.
        if exchange.status.is_some() || exchange.remote_ip.is_some() {
            line(DIM, &exchanged(exchange))?;
        }
    }
    if let Some(lint) = &hop.lint {
        let (errors, warnings) = (lint.count(Severity::Error), lint.count(Severity::Warning));
        if errors > 0 {
            line(
                BAD,
                &format!("lint: {}, {}", plural(errors, "error"), plural(warnings, "warning")),
            )?;
        } else if warnings > 0 {
            line(DIM, &format!("lint: {}", plural(warnings, "warning")))?;
        }
    }
    if hop.ads_left_out > 0 {
        let left_out = usize::try_from(hop.ads_left_out).unwrap_or(usize::MAX);
        line(BAD, &format!("{} of this document not followed", plural(left_out, "ad")))?;
    }
    if let Some(fault) = &hop.fault {
        line(BAD, &format!("{}: {}", fault.code, safe(&fault.text)))?;
    }
    Ok(())
}

/// The ad server behind a hop, and how much it wants to know.
fn made_by(hop: &HopV1, chain: &ChainV1) -> Option<String> {
    let system = hop.ad_system.as_deref().map(safe);
    // Trackers of a wrapper count again for each ad of a pod, as a player would call them.
    let trackers = chain.ads.iter().any(|ad| ad.path.contains(&hop.index)).then(|| {
        let all = chain.ads.iter().flat_map(|ad| &ad.trackers);
        plural(all.filter(|tracker| tracker.hop == hop.index).count(), "tracker")
    });
    let parts: Vec<String> = system.into_iter().chain(trackers).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Which hops would be told of a failure, by code.
fn tell_errors(chain: &ChainV1, width: usize, out: &mut Out) -> io::Result<()> {
    let mut codes: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for hop in &chain.hops {
        if let Some(code) = hop.expected_error {
            codes.entry(code).or_default().push(hop.index.to_string());
        }
    }
    for (code, hops) in codes {
        let (noun, hops) = match hops.split_last() {
            Some((last, [])) => ("hop", last.clone()),
            Some((last, rest)) => ("hops", format!("{} and {last}", rest.join(", "))),
            None => continue,
        };
        writeln!(out)?;
        let text = format!("Error trackers of {noun} {hops} would receive {code}; none was called");
        for part in wrap(&text, width) {
            writeln!(out, "{part}")?;
        }
    }
    Ok(())
}

fn exchanged(exchange: &ExchangeV1) -> String {
    let mut text = match exchange.status {
        Some(status) => format!("HTTP {status}"),
        None => "no answer".to_owned(),
    };
    if let Some(ip) = &exchange.remote_ip {
        let _ = write!(text, " from {ip}");
    }
    if let Some(tls) = &exchange.tls {
        let _ = write!(text, ", TLS {tls}");
    }
    let _ = write!(text, ", {} ms, {} bytes", exchange.ms, exchange.bytes);
    text
}

fn tell_ad(ad: &AdV1, width: usize, out: &mut Out) -> io::Result<()> {
    let creative = &ad.creative;
    let room = width.saturating_sub(LABEL);
    let mut row = |name: &str, text: &str| -> io::Result<()> {
        for (at, part) in wrap(text, room).iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            writeln!(out, "{DIM}{name:<LABEL$}{DIM:#}{part}")?;
        }
        Ok(())
    };
    let mut plays = creative.title.clone().unwrap_or_else(|| "an ad without a title".to_owned());
    if let Some(advertiser) = &creative.advertiser {
        let _ = write!(plays, ", of {advertiser}");
    }
    if let Some(ms) = creative.duration_ms {
        let _ = write!(plays, ", {}", seconds(ms));
    }
    row("plays", &safe(&plays))?;
    if let Some(sequence) = ad.sequence {
        row("in the pod", &format!("place {sequence}"))?;
    }
    if !creative.media_files.is_empty() {
        row("media", &media(ad))?;
    }
    for id in &creative.universal_ad_ids {
        row("ad id", &safe(&format!("{} ({})", id.value, id.registry)))?;
    }
    if let Some(click) = &creative.click_through {
        row("click leads", &shorten(click, room))?;
    }
    if !creative.verification_vendors.is_empty() {
        row("verified by", &safe(&creative.verification_vendors.join(", ")))?;
    }
    row("trackers", &trackers(ad))?;
    let hops: Vec<String> = ad.path.iter().map(ToString::to_string).collect();
    row("through hops", &format!("{}; none of the trackers was requested", hops.join(" > ")))
}

fn media(ad: &AdV1) -> String {
    let files = &ad.creative.media_files;
    let largest = files.iter().filter_map(|file| Some((file.height?, file.width?))).max();
    let mut kinds: Vec<&str> = files.iter().filter_map(|file| file.mime.as_deref()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut text = plural(files.len(), "file");
    if let Some((height, width)) = largest {
        let _ = write!(text, ", up to {width}x{height}");
    }
    if !kinds.is_empty() {
        let _ = write!(text, ", {}", safe(&kinds.join(", ")));
    }
    text
}

/// How many of each event, the most frequent kinds first.
fn trackers(ad: &AdV1) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tracker in &ad.trackers {
        *counts.entry(&tracker.event).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(event, count)| (std::cmp::Reverse(*count), *event));
    let shown = counts.iter().take(6).map(|(event, count)| format!("{count} {}", safe(event)));
    let mut text: Vec<String> = shown.collect();
    let rest: usize = counts.iter().skip(6).map(|(_, count)| count).sum();
    if rest > 0 {
        text.push(format!("{rest} other"));
    }
    format!("{}: {}", ad.trackers.len(), text.join(", "))
}

fn seconds(ms: u32) -> String {
    match (ms / 1_000, ms % 1_000) {
        (seconds, 0) => format!("{seconds} s"),
        (seconds, millis) => format!("{seconds}.{millis:03} s"),
    }
}

/// What a person would try now.
fn next_step(chain: &ChainV1) -> Option<String> {
    let Some((hop, fault)) = chain.hops.iter().find_map(|hop| Some((hop, hop.fault.as_ref()?)))
    else {
        return (lint_errors(chain) > 0)
            .then(|| "adproof lint shows the errors of a tag with their places".to_owned());
    };
    match fault.code {
        302 if !fault.text.starts_with("a loop") => {
            let wrappers = depth(hop, chain) + 1;
            Some(format!("--max-wrappers {wrappers} goes on, where players may stop"))
        }
        300 if fault.text.ends_with(" address") => {
            Some("--allow-net permits an address, if you trust this tag".to_owned())
        }
        301 => Some("--times 10 shows whether it always fails".to_owned()),
        _ => None,
    }
}

/// How many hops are above one.
fn depth(hop: &HopV1, chain: &ChainV1) -> usize {
    let parent = |index: u32| {
        let found = chain.hops.iter().find(|hop| hop.index == index);
        found.and_then(|hop| hop.parent)
    };
    std::iter::successors(hop.parent, |index| parent(*index)).count()
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn clip(text: &str, room: usize) -> String {
    safe(text).chars().take(room).collect()
}

/// Cuts the middle out of what is too long, so that host and file name stay.
fn shorten(text: &str, room: usize) -> String {
    let text = safe(text);
    let len = text.chars().count();
    if len <= room {
        return text;
    }
    let tail = room.saturating_sub(3) / 2;
    let head = room.saturating_sub(3).saturating_sub(tail);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(len.saturating_sub(tail)).collect();
    format!("{start}...{end}")
}

/// Breaks at spaces.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let word = shorten(word, room);
        let len = word.chars().count();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + len <= room => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_addresses_keep_both_ends() {
        assert_eq!(shorten("https://ads.example/a/b/c/tag.xml", 20), "https://a.../tag.xml");
        assert_eq!(shorten("short", 5), "short");
    }

    #[test]
    fn text_is_broken_at_spaces_and_cut_where_a_word_is_too_long() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("abcdefghij k", 7), ["ab...ij", "k"]);
    }

    #[test]
    fn what_steers_a_terminal_is_not_printed() {
        assert_eq!(safe("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
