//! The pages of the rules: `rules/index.html` and one page a rule, plain HTML without scripts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use pulldown_cmark::{Event, Options, Parser, html};

use crate::rules::{FixKind, RuleFile};

/// What these pages may do: show themselves in our style, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      form-action 'none'";

/// The pages by their names in web/dist.
pub(super) fn pages(rules: &[RuleFile]) -> Result<BTreeMap<String, String>> {
    let mut pages = BTreeMap::new();
    pages.insert("rules/index.html".to_owned(), index(rules)?);
    for (place, rule) in rules.iter().enumerate() {
        let neighbour = |place: Option<usize>| place.and_then(|place| rules.get(place));
        let (before, after) = (neighbour(place.checked_sub(1)), neighbour(Some(place + 1)));
        pages.insert(format!("rules/{}.html", rule.meta.id), page(rule, before, after)?);
    }
    Ok(pages)
}

fn index(rules: &[RuleFile]) -> Result<String> {
    let mut main = String::new();
    let mended = rules.iter().filter(|rule| rule.meta.fix != FixKind::None).count();
    let off = rules.iter().filter(|rule| rule.meta.off).count();
    writeln!(
        main,
        "<div class=\"intro\">\n<h1>Rules</h1>\n<p>What the linter looks for in VAST and VMAP, why \
         it costs money or playback, and where it is written. {} rules; {mended} can be mended, {off} \
         speak only when they are enabled.</p>\n</div>",
        rules.len()
    )?;
    main.push_str(
        "<div class=\"rules\">\n<table>\n<thead><tr><th>Rule</th><th>Severity</th><th>Kind</th>\
         <th>Fix</th><th>Default</th></tr></thead>\n<tbody>\n",
    );
    for rule in rules {
        let meta = &rule.meta;
        writeln!(
            main,
            "<tr><td><a href=\"{id}.html\"><code>{id}</code></a><br>{}</td><td class=\"{severity}\">\
             {severity}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            inline(&meta.title),
            escape(&meta.axis),
            fix(meta.fix),
            if meta.off { "off" } else { "" },
            id = escape(&meta.id),
            severity = escape(&meta.severity),
        )?;
    }
    main.push_str("</tbody>\n</table>\n</div>\n");
    Ok(shell("Rules", "Every rule of the linter.", &main))
}

fn page(rule: &RuleFile, before: Option<&RuleFile>, after: Option<&RuleFile>) -> Result<String> {
    let meta = &rule.meta;
    let mut main = String::from("<article class=\"rule-page\">\n");
    writeln!(
        main,
        "<p class=\"sub\"><a href=\"index.html\">Rules</a></p>\n<h1>{}</h1>\n<p><code>{}</code></p>",
        inline(&meta.title),
        escape(&meta.id)
    )?;
    main.push_str("<dl class=\"meta\">\n");
    let mut fact = |name: &str, html: &str| {
        if !html.is_empty() {
            let _ = writeln!(main, "<dt>{name}</dt><dd>{html}</dd>");
        }
    };
    fact("Severity", &escape(&meta.severity));
    fact("Kind", &escape(&meta.axis));
    fact("VAST", &escape(&versions(&meta.versions)));
    fact("Source", &escape(&format!("{} {}", meta.citation.document, meta.citation.section)));
    fact("Fix", fix(meta.fix));
    fact(
        "Default",
        if meta.off { "off; <code>--enable</code> or a profile turns it on" } else { "" },
    );
    let aliases: Vec<String> =
        meta.aliases.iter().map(|alias| format!("<code>{}</code>", escape(alias))).collect();
    fact("Also known as", &aliases.join(" "));
    main.push_str("</dl>\n");
    main.push_str(&markdown(&rule.body));
    main.push_str("<p class=\"neighbours\">");
    for (word, rule) in [("Before", before), ("After", after)] {
        if let Some(rule) = rule {
            let id = escape(&rule.meta.id);
            write!(main, "<span>{word}: <a href=\"{id}.html\"><code>{id}</code></a></span> ")?;
        }
    }
    main.push_str("</p>\n</article>\n");
    Ok(shell(&meta.id, &meta.title, &main))
}

fn shell(title: &str, description: &str, main: &str) -> String {
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">
<meta name=\"referrer\" content=\"no-referrer\">
<meta name=\"color-scheme\" content=\"light dark\">
<meta name=\"description\" content=\"{}\">
<title>{} · adproof</title>
<link rel=\"icon\" href=\"../icon.svg\" type=\"image/svg+xml\">
<link rel=\"stylesheet\" href=\"../page.css\">
</head>
<body>
<header class=\"top\"><div class=\"wide\"><a class=\"brand\" href=\"../index.html\"><span>adproof</span></a></div></header>
<main id=\"main\" class=\"wide\">
{main}</main>
</body>
</html>
",
        escape(description),
        escape(title)
    )
}

/// A page's Markdown as HTML. Markup in it is text: the rules are about tags.
fn markdown(text: &str) -> String {
    let events = Parser::new_ext(text, Options::empty()).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

/// A line of text with code in backticks.
fn inline(text: &str) -> String {
    let html = markdown(text);
    let html = html.trim();
    html.strip_prefix("<p>").and_then(|html| html.strip_suffix("</p>")).unwrap_or(html).to_owned()
}

fn fix(kind: FixKind) -> &'static str {
    match kind {
        FixKind::None => "",
        FixKind::Safe => "safe",
        FixKind::Unsafe => "unsafe",
    }
}

/// `4.1-` as a person says it.
fn versions(range: &str) -> String {
    match range.split_once('-') {
        None => range.to_owned(),
        Some(("", to)) => format!("up to {to}"),
        Some((from, "")) => format!("from {from}"),
        Some((from, to)) => format!("{from} to {to}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> BTreeMap<String, String> {
        let folder = crate::root().unwrap().join("rules/vast");
        pages(&crate::rules::read_rules(&folder).unwrap()).unwrap()
    }

    #[test]
    fn every_link_leads_to_a_page() {
        let pages = all();
        for (name, html) in &pages {
            // In an example the same words are text.
            let tags =
                html.split('<').filter(|tag| tag.starts_with("a ") || tag.starts_with("link "));
            let links = tags.filter_map(|tag| tag.split("href=\"").nth(1)?.split('"').next());
            for link in links {
                let known = ["../icon.svg", "../page.css", "../index.html"].contains(&link)
                    || pages.contains_key(&format!("rules/{link}"));
                assert!(known, "{name}: {link}");
            }
        }
    }

    #[test]
    fn pages_hold_no_markup_but_ours() {
        let known: BTreeSet<&str> =
            "!doctype html head meta title link body header main div span a p h1 h2 h3 \
            dl dt dd code pre table thead tbody tr th td br article em strong ul ol li blockquote"
                .split_whitespace()
                .collect();
        for (name, html) in all() {
            assert!(html.contains(&format!("content=\"{POLICY}\"")), "{name}");
            for tag in html.split('<').skip(1) {
                let tag = tag.trim_start_matches('/');
                let tag: String =
                    tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '!').collect();
                assert!(known.contains(tag.as_str()), "{name}: <{tag}>");
            }
        }
    }

    #[test]
    fn markup_in_a_page_is_text() {
        let html = markdown(
            "A <script>x</script> tag.\n\n<img src=x onerror=y>\n\n```xml\n<a>&amp;</a>\n```\n",
        );
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(html.contains("&lt;a&gt;&amp;amp;&lt;/a&gt;"), "{html}");
        assert_eq!(inline("An `&` is bare"), "An <code>&amp;</code> is bare");
    }
}
