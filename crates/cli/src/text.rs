//! Text for a terminal: a stranger's characters made harmless, lines broken and cut.

/// Without what could steer a terminal or turn the reading direction.
pub(crate) fn safe(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// Lines of at most `room` characters, broken at spaces; a longer word gets a line of its own.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in safe(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Cut at the end to `room` characters.
pub(crate) fn clip(text: &str, room: usize) -> String {
    let text = safe(text);
    if text.chars().count() <= room {
        return text;
    }
    let mut cut: String = text.chars().take(room.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Cut at the start to `room` characters, so that the end of a path stays.
pub(crate) fn clip_start(text: &str, room: usize) -> String {
    let text = safe(text);
    let len = text.chars().count();
    if len <= room {
        return text;
    }
    let tail: String = text.chars().skip(len - room.saturating_sub(1)).collect();
    format!("…{tail}")
}

/// The one of the names that is most likely meant; none where all are far off.
pub(crate) fn nearest<'a>(
    given: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let near = names.into_iter().map(|name| (distance(given, name), name)).min()?;
    let allowed = (given.chars().count() / 3).max(1);
    (near.0 <= allowed).then_some(near.1)
}

/// How many characters must be put in, left out or changed to get from one text to the other.
pub(crate) fn distance(given: &str, name: &str) -> usize {
    // Nobody mistypes more than this, and the work is quadratic in it.
    let given: Vec<char> = given.chars().take(80).collect();
    let mut row: Vec<usize> = (0..=given.len()).collect();
    for (line, to) in name.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (from, above) in given.iter().zip(row.iter_mut().skip(1)) {
            let change = diagonal + usize::from(*from != to);
            diagonal = *above;
            left = change.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// A size of memory such as `2GB`, `512MiB` or a number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let bytes = bytes(text)?;
    if bytes < SMALLEST {
        return Err("at least 16MB are needed".to_owned());
    }
    Ok(bytes)
}

/// A number of bytes, with a unit or without.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1_000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("a size is a number and a unit, such as 2GB or 512MiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a size starts with a number".to_owned())?;
    Ok(number.checked_mul(unit).ok_or("that is more than there is anywhere")?)
}

const SMALLEST: u64 = 16_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(safe("a\u{1b}[31mb\u{202e}c"), "a\u{fffd}[31mb\u{fffd}c");
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let names = ["select", "ignore", "severity", "enable"];
        for (given, meant) in [
            ("selct", Some("select")),
            ("ignored", Some("ignore")),
            ("sverty", Some("severity")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, names), meant, "{given}");
        }
        for (a, b, far) in [("", "", 0), ("kitten", "sitting", 3), ("ab", "", 2), ("", "ab", 2)] {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }

    #[test]
    fn lines_break_at_spaces_and_cuts_are_marked() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(clip("abcd", 4), "abcd");
        assert_eq!(clip("abcde", 4), "abc…");
        assert_eq!(clip_start("abcde", 4), "…cde");
    }
}
