//! The report as one self-contained page: no script, no request, readable without colour.

use std::fmt::Write as _;

use adproof_wire::score::{BlockV1, ScoreV1};

use crate::engine::Section;

const STYLE: &str = include_str!("report.css");

/// Blocks that are not ranked and shown; the JSON document has them all.
const UNRANKED: usize = 200;

pub(super) fn page(document: &ScoreV1, sections: &[Section]) -> String {
    let mut html = String::with_capacity(64 << 10);
    // Writing to a string cannot fail.
    let _ = render(document, sections, &mut html);
    html
}

fn render(document: &ScoreV1, sections: &[Section], html: &mut String) -> std::fmt::Result {
    let newest = document.window.first().map_or("no issue", String::as_str);
    writeln!(html, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(html, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(
        html,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">"
    )?;
    writeln!(html, "<title>Recurrence to {} · adproof</title>", text(newest))?;
    writeln!(html, "<style>\n{STYLE}</style>\n</head>\n<body>\n<main>")?;
    writeln!(html, "<h1>Which blocks recur</h1>")?;
    writeln!(html, "<p class=\"notice\">{}</p>", text(document.notice))?;
    summary(document, html)?;
    let (ranked, others): (Vec<_>, Vec<_>) =
        document.blocks.iter().partition(|block| block.class == "ranked");
    writeln!(html, "<h2>Ranked</h2>")?;
    if ranked.is_empty() {
        writeln!(html, "<p>{}</p>", nothing_ranked(document))?;
    } else {
        blocks("Blocks that return more often than chance and their neighbours do", &ranked, html)?;
        for block in &ranked {
            why(block, html)?;
        }
    }
    if !others.is_empty() {
        writeln!(html, "<h2>Not ranked</h2>")?;
        let shown = others.get(..UNRANKED).unwrap_or(&others);
        blocks("Blocks that are listed and not ranked", shown, html)?;
        let left_out: u64 = document.blocks_left_out.values().sum();
        let hidden = u64::try_from(others.len() - shown.len()).unwrap_or(u64::MAX);
        if hidden.saturating_add(left_out) > 0 {
            let hidden = hidden.saturating_add(left_out);
            writeln!(
                html,
                "<p>{hidden} more blocks are in the JSON document or were not asked for.</p>"
            )?;
        }
    }
    for section in sections.iter().filter(|section| !section.rows.is_empty()) {
        frame(section, html)?;
    }
    inputs(document, html)?;
    writeln!(html, "</main>\n</body>\n</html>")
}

fn nothing_ranked(document: &ScoreV1) -> &'static str {
    match document.window.len() {
        0 => "No issue was read.",
        1 => "One issue says what is listed, not what recurs. Add older issues.",
        _ => "No block returns more often than chance and its neighbours do.",
    }
}

fn summary(document: &ScoreV1, html: &mut String) -> std::fmt::Result {
    writeln!(html, "<div class=\"lists\">")?;
    list("Types", document.fraud_types.iter().map(|one| (&one.fraud_type, one.indicators)), html)?;
    list("Providers", document.providers.iter().map(|one| (&one.name, one.indicators)), html)?;
    writeln!(html, "</div>")
}

fn list<'a>(
    title: &str,
    entries: impl Iterator<Item = (&'a String, u64)>,
    html: &mut String,
) -> std::fmt::Result {
    writeln!(html, "<table><caption>{title}, by distinct indicators</caption><tbody>")?;
    for (name, count) in entries {
        writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{count}</td></tr>",
            text(name)
        )?;
    }
    writeln!(html, "</tbody></table>")
}

fn frame(section: &Section, html: &mut String) -> std::fmt::Result {
    let title = section.title;
    writeln!(html, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{title}\">")?;
    write!(html, "<table><caption>{title}</caption>\n<thead><tr>")?;
    for column in &section.columns {
        write!(html, "<th scope=\"col\">{}</th>", text(column))?;
    }
    writeln!(html, "</tr></thead>\n<tbody>")?;
    for (name, numbers) in &section.rows {
        write!(html, "<tr><th scope=\"row\">{}</th>", text(name))?;
        for number in numbers {
            write!(html, "<td class=\"n\">{number}</td>")?;
        }
        writeln!(html, "</tr>")?;
    }
    writeln!(html, "</tbody></table></div>")
}

fn blocks(caption: &str, blocks: &[&BlockV1], html: &mut String) -> std::fmt::Result {
    writeln!(
        html,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\">"
    )?;
    writeln!(html, "<table><caption>{caption}</caption>\n<thead><tr>")?;
    for column in [
        "Block",
        "Level",
        "Family",
        "Provider",
        "Issues",
        "Chance an issue marks it",
        "Rank",
        "Remark",
    ] {
        write!(html, "<th scope=\"col\">{column}</th>")?;
    }
    writeln!(html, "</tr></thead>\n<tbody>")?;
    for block in blocks {
        row(block, html)?;
    }
    writeln!(html, "</tbody></table></div>")
}

fn row(block: &BlockV1, html: &mut String) -> std::fmt::Result {
    let provider = block.provider.as_deref().unwrap_or_default();
    let [first, last] = block.rank;
    write!(html, "<tr><th scope=\"row\"><code>{}</code></th>", text(&block.block))?;
    write!(html, "<td>{}</td><td>{}</td><td>{}</td>", block.level, block.family, text(provider))?;
    write!(html, "<td class=\"n\">{} of {}</td>", block.issues_seen, block.issues)?;
    write!(html, "<td>{}</td>", interval(block))?;
    write!(html, "<td class=\"n\">{first}–{last} of {}</td>", block.ranked_among)?;
    writeln!(html, "<td>{}</td></tr>", remark(block))
}

/// The interval as figures, with a bar for those who see it.
fn interval(block: &BlockV1) -> String {
    let percent = |ppm: u32| per_cent(ppm);
    let (low, mean, high) =
        (percent(block.recurrence_ppm), percent(block.mean_ppm), percent(block.high_ppm));
    format!(
        "{low} to {high} %, mean {mean} %<svg class=\"bar\" viewBox=\"0 0 100 6\" \
         preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"100\" height=\"6\" \
         class=\"track\"/><rect x=\"{low}\" width=\"{width}\" height=\"6\" class=\"span\"/><rect \
         x=\"{mean}\" width=\"1\" height=\"6\" class=\"mean\"/></svg>",
        width = per_cent(block.high_ppm.saturating_sub(block.recurrence_ppm)),
    )
}

/// Parts per million as per cent with one decimal, by integers.
fn per_cent(ppm: u32) -> String {
    let tenths = (ppm + 500) / 1_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn remark(block: &BlockV1) -> String {
    let explained = block.explained_by.as_deref().map(|by| {
        let part = block.issues_seen.saturating_sub(block.issues_unexplained);
        format!("{part} of {} issues are explained by <code>{}</code>", block.issues_seen, text(by))
    });
    let why = match block.insufficient_because {
        // What explains it is said already.
        None | Some("explained") => None,
        Some("one_issue") => Some("one issue cannot show recurrence"),
        Some("self_declared") => Some("declares itself as a crawler"),
        Some("no_exposure") => Some("wider than one party: needs the operator's own log"),
        Some("chance") => Some("no more often than chance or its neighbours"),
        Some("no_excess") => Some("no excess in the operator's own log"),
        Some("rank_unclear") => Some("its rank is unclear"),
        Some(other) => Some(other),
    };
    match (explained, why) {
        (Some(explained), Some(why)) => format!("{explained}; {why}"),
        (Some(explained), None) => explained,
        (None, why) => why.unwrap_or_default().to_owned(),
    }
}

/// What the mean is made of.
fn why(block: &BlockV1, html: &mut String) -> std::fmt::Result {
    writeln!(
        html,
        "<details><summary>What <code>{}</code> is made of</summary>",
        text(&block.block)
    )?;
    writeln!(
        html,
        "<table><caption>Terms of the log-odds of the mean, in thousandths of a nat; they sum to \
         {}</caption><tbody>",
        block.logit_millinats
    )?;
    for one in &block.contributions {
        let name = match one.term {
            "root" => "the prior".to_owned(),
            "recurrence" => "its own recurrence".to_owned(),
            "dispersion" => "clumping of marks".to_owned(),
            "excess" => "beyond its share of devices".to_owned(),
            level => format!("neighbours in the same {level}"),
        };
        writeln!(
            html,
            "<tr><th scope=\"row\">{name}</th><td class=\"n\">{:+}</td></tr>",
            one.millinats
        )?;
    }
    writeln!(html, "</tbody></table>")?;
    if let Some(excess) = block.excess {
        writeln!(
            html,
            "<p>In the operator's own log: {} devices, {} of them with invalid traffic. {} marks, \
             where its share of devices explains {}; the chance of that is {} %.</p>",
            excess.devices,
            excess.flagged_devices,
            excess.marks,
            milli(excess.expected_marks_ppm),
            per_cent(excess.chance_ppm),
        )?;
    }
    writeln!(html, "</details>")
}

fn milli(ppm: u64) -> String {
    let hundredths = (ppm + 5_000) / 10_000;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn inputs(document: &ScoreV1, html: &mut String) -> std::fmt::Result {
    writeln!(html, "<h2>What was read</h2>\n<table><caption>Issues</caption><thead><tr>")?;
    for column in ["File", "Issue", "Rows", "Taken", "Repeated", "Rejected", "SHA-256"] {
        write!(html, "<th scope=\"col\">{column}</th>")?;
    }
    writeln!(html, "</tr></thead><tbody>")?;
    for input in &document.inputs {
        writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td><code class=\"hash\">{}</code></td></tr>",
            text(&input.path),
            text(&input.issue),
            input.rows,
            input.accepted,
            input.duplicates,
            input.rejected_total,
            text(&input.sha256)
        )?;
    }
    writeln!(html, "</tbody></table>")?;
    for input in &document.inputs {
        if input.rejected.is_empty() {
            continue;
        }
        writeln!(
            html,
            "<details><summary>{}: {} rows rejected</summary>\n<table><caption>The first of \
             them</caption><thead><tr><th scope=\"col\">Row</th><th scope=\"col\">Column</th><th \
             scope=\"col\">Value</th><th scope=\"col\">Reason</th></tr></thead><tbody>",
            text(&input.path),
            input.rejected_total
        )?;
        for reject in &input.rejected {
            writeln!(
                html,
                "<tr><td class=\"n\">{}</td><td>{}</td><td><code>{}</code></td><td>{}</td></tr>",
                reject.row,
                text(&reject.column),
                text(&reject.value),
                text(&reject.reason)
            )?;
        }
        writeln!(html, "</tbody></table></details>")?;
    }
    Ok(())
}

/// A stranger's text as text: nothing in it is markup, and nothing in it turns the line around.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in crate::text::safe(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_text_is_never_markup() {
        assert_eq!(text("<b onclick='x'>&\""), "&lt;b onclick=&#39;x&#39;&gt;&amp;&quot;");
        assert_eq!(text("a\u{202e}b\u{1b}[31m"), "a\u{fffd}b\u{fffd}[31m");
    }

    #[test]
    fn per_cent_has_one_decimal() {
        assert_eq!(per_cent(308_978), "30.9");
        assert_eq!(per_cent(0), "0.0");
        assert_eq!(per_cent(999_999), "100.0");
    }
}
