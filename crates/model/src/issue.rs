use std::fmt;

use crate::Timestamp;

/// One issue of a feed: a label and the last day that it covers, which orders issues in time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueId {
    last_day: i64,
    label: Box<str>,
}

/// The label names no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issue is named by a date: 2026-05-31, 2026-05 or 2026-W22")]
pub struct IssueIdError;

impl IssueId {
    /// From a label of one of the forms `YYYY-MM-DD`, `YYYY-MM` and `YYYY-Www` (ISO 8601 week).
    pub fn parse(label: &str) -> Result<Self, IssueIdError> {
        let last_day = last_day(label).ok_or(IssueIdError)?;
        Ok(Self { last_day, label: label.into() })
    }

    /// The first date in a file name such as `ioc-ipv6-2026-05.xlsx`, if it has one. Digits that
    /// touch the date on either side rule it out.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        for start in 0..bytes.len() {
            if start > 0 && bytes.get(start - 1).is_some_and(u8::is_ascii_digit) {
                continue;
            }
            for len in [10, 8, 7] {
                let Some(candidate) = name.get(start..start + len) else {
                    continue;
                };
                let next = bytes.get(start + len);
                if next.is_some_and(u8::is_ascii_digit) {
                    continue;
                }
                if let Ok(issue) = Self::parse(candidate) {
                    return Some(issue);
                }
            }
        }
        None
    }

    /// The last day covered, as days since 1970-01-01.
    #[must_use]
    pub const fn last_day(&self) -> i64 {
        self.last_day
    }

    /// The label as it was given.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl fmt::Display for IssueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.label)
    }
}

fn last_day(label: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| -> Option<u16> {
        let digits = label.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let year = i64::from(number(0..4)?);
    match *label.as_bytes().get(4..)? {
        [b'-', b'W' | b'w', _, _] => {
            let week = i64::from(number(6..8)?);
            if !(1..=53).contains(&week) {
                return None;
            }
            // ISO 8601: week 1 holds 4 January; day 0 (1970-01-01) was a Thursday.
            let fourth = Timestamp::day_of(year, 1, 4)?;
            let monday = fourth - (fourth + 3).rem_euclid(7);
            let sunday = monday + (week - 1) * 7 + 6;
            // Week 53 exists only in years whose last Thursday lies in it.
            (Timestamp::date_of(sunday - 3).0 == year).then_some(sunday)
        }
        [b'-', _, _] => {
            let month = u8::try_from(number(5..7)?).ok()?;
            let (next_year, next_month) =
                if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            Timestamp::day_of(year, month, 1)?;
            Some(Timestamp::day_of(next_year, next_month, 1)? - 1)
        }
        [b'-', _, _, b'-', _, _] => Timestamp::day_of(
            year,
            u8::try_from(number(5..7)?).ok()?,
            u8::try_from(number(8..10)?).ok()?,
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(label: &str) -> (i64, u8, u8) {
        Timestamp::date_of(IssueId::parse(label).unwrap().last_day())
    }

    #[test]
    fn labels_order_by_the_last_day_they_cover() {
        assert_eq!(date("2026-05"), (2026, 5, 31));
        assert_eq!(date("2026-W22"), (2026, 5, 31));
        assert_eq!(date("2026-W01"), (2026, 1, 4));
        assert_eq!(date("2026-W53"), (2027, 1, 3));
        assert_eq!(date("2024-02"), (2024, 2, 29));
        assert_eq!(date("2026-03-09"), (2026, 3, 9));
        assert!(IssueId::parse("2026-W21").unwrap() < IssueId::parse("2026-05").unwrap());
    }

    #[test]
    fn refuses_what_is_no_date() {
        for label in
            ["", "2026", "2026-13", "2026-02-30", "2025-W53", "2026-W54", "2026-W00", "20é6-05"]
        {
            assert_eq!(IssueId::parse(label), Err(IssueIdError), "{label}");
        }
    }

    #[test]
    fn finds_the_date_in_a_file_name() {
        for (name, label) in [
            ("ioc-ipv6-2026-05.xlsx", Some("2026-05")),
            ("feed_2026-W10.csv", Some("2026-W10")),
            ("x2026-05-03.csv", Some("2026-05-03")),
            ("12026-05-03.csv", None),
            ("2026-051.csv", None),
            ("notes.csv", None),
            ("日本2026-05.csv", Some("2026-05")),
        ] {
            let found = IssueId::from_file_name(name);
            assert_eq!(found.as_ref().map(IssueId::label), label, "{name}");
        }
    }
}
