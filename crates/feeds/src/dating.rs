//! Which issue of a feed a file is: what the caller says, else its name, else its content.

use adproof_model::IssueId;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The date in the last part of a path.
pub(crate) fn of_name(name: &str) -> Option<IssueId> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    IssueId::from_file_name(file)
}

/// The first date in a text: ISO forms, or a month's name and a year.
pub(crate) fn of_text<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Option<IssueId> {
    texts.clone().find_map(IssueId::from_file_name).or_else(|| texts.into_iter().find_map(of_words))
}

/// `May 2026`, `31 May 2026`, `May 31, 2026`.
fn of_words(text: &str) -> Option<IssueId> {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    for (at, word) in words.iter().enumerate() {
        let Some(month) = month_of(word) else { continue };
        let year_at = |at: usize| words.get(at).filter(|word| word.len() == 4);
        let day_at = |at: Option<usize>| {
            let day: u8 = words.get(at?)?.parse().ok()?;
            (1..=31).contains(&day).then_some(day)
        };
        let (year, day) = match (year_at(at + 1), year_at(at + 2), day_at(Some(at + 1))) {
            (Some(year), _, _) => (year, day_at(at.checked_sub(1))),
            (None, Some(year), Some(day)) => (year, Some(day)),
            _ => continue,
        };
        let label = match day {
            Some(day) => format!("{year}-{month:02}-{day:02}"),
            None => format!("{year}-{month:02}"),
        };
        if let Ok(issue) = IssueId::parse(&label) {
            return Some(issue);
        }
    }
    None
}

fn month_of(word: &str) -> Option<usize> {
    let at = MONTHS
        .iter()
        .position(|month| *month == word || word.len() == 3 && month.starts_with(word))?;
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_date_an_issue() {
        for (text, label) in [
            ("Indicators of May 2026", Some("2026-05")),
            ("Issued 31 May 2026", Some("2026-05-31")),
            ("Issued May 31, 2026", Some("2026-05-31")),
            ("Week 2026-W22", Some("2026-W22")),
            ("May contain errors", None),
            ("Sept 2026", None),
            ("Sep 2026", Some("2026-09")),
        ] {
            let found = of_text([text].into_iter());
            assert_eq!(found.as_ref().map(IssueId::label), label, "{text}");
        }
    }

    #[test]
    fn folders_do_not_date_a_file() {
        assert_eq!(of_name("2026-05/feed.csv"), None);
        assert!(of_name("x/feed-2026-05.csv").is_some());
    }
}
