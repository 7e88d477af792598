use std::fmt;
use std::str::FromStr;

/// An instant: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

impl Timestamp {
    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The UTC day as days since 1970-01-01.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(MICROS_PER_DAY)
    }

    /// Midnight UTC at the start of a day counted from 1970-01-01. Saturates.
    #[must_use]
    pub const fn from_day(day: i64) -> Self {
        Self(day.saturating_mul(MICROS_PER_DAY))
    }

    /// This instant moved by `micros`. Saturates.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Days since 1970-01-01 of a proleptic Gregorian date, if the date exists.
    #[must_use]
    pub fn day_of(year: i64, month: u8, day: u8) -> Option<i64> {
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let shifted = i64::from((month + 9) % 12);
        let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(era * 146_097 + day_of_era - 719_468)
    }

    /// The date (year, month, day) of a day counted from 1970-01-01.
    #[must_use]
    pub fn date_of(day: i64) -> (i64, u8, u8) {
        let z = day + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let date = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, u8::try_from(month).unwrap_or(1), u8::try_from(date).unwrap_or(1))
    }
}

fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Writes a number with as many digits as there is room for.
fn digits<const N: usize>(out: [&mut u8; N], mut value: i64) {
    for digit in out.into_iter().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with six fraction digits, or none when the fraction is zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = Self::date_of(self.day());
        let in_day = self.0.rem_euclid(MICROS_PER_DAY);
        let (seconds, micros) = (in_day / MICROS_PER_SECOND, in_day % MICROS_PER_SECOND);
        let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if !(0..=9_999).contains(&year) {
            write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}")?;
            return if micros == 0 { f.write_str("Z") } else { write!(f, ".{micros:06}Z") };
        }
        // Logs and records are full of times: one by one, the digits would take ten times as long.
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let [y0, y1, y2, y3, _, m0, m1, _, d0, d1, _, rest @ ..] = &mut text;
        digits([y0, y1, y2, y3], year);
        digits([m0, m1], month.into());
        digits([d0, d1], day.into());
        let [h0, h1, _, n0, n1, _, s0, s1, end, u0, u1, u2, u3, u4, u5, _] = rest;
        digits([h0, h1], h);
        digits([n0, n1], m);
        digits([s0, s1], s);
        digits([u0, u1, u2, u3, u4, u5], micros);
        let length = if micros == 0 {
            *end = b'Z';
            20
        } else {
            27
        };
        f.write_str(text.get(..length).and_then(|text| str::from_utf8(text).ok()).unwrap_or("-"))
    }
}

/// The text is no RFC 3339 date-time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is written as RFC 3339, such as 2026-05-31T08:15:30.25Z")]
pub struct TimestampParseError;

impl FromStr for Timestamp {
    type Err = TimestampParseError;

    /// RFC 3339 `date-time`; fractions beyond microseconds are cut, a leap second is refused.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_rfc3339(text.as_bytes()).ok_or(TimestampParseError)
    }
}

fn parse_rfc3339(bytes: &[u8]) -> Option<Timestamp> {
    let (head, mut rest) = bytes.split_at_checked(19)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, t, h0, h1, b':', n0, n1, b':', s0, s1] = *head
    else {
        return None;
    };
    if !matches!(t, b'T' | b't' | b' ') {
        return None;
    }
    let year = i64::from(two(y0, y1)?) * 100 + i64::from(two(y2, y3)?);
    let day = Timestamp::day_of(year, two(m0, m1)?, two(d0, d1)?)?;
    let (hour, minute, second) = (two(h0, h1)?, two(n0, n1)?, two(s0, s1)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0;
    if let [b'.', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let (used, after) = fraction.split_at_checked(digits)?;
        let mut unit = 100_000;
        for digit in used.iter().take(6) {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
        }
        rest = after;
    }
    let offset_minutes = match *rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let (hours, minutes) = (two(h0, h1)?, two(m0, m1)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = i64::from(hours) * 60 + i64::from(minutes);
            if sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    let seconds =
        i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second) - offset_minutes * 60;
    Some(Timestamp(day * MICROS_PER_DAY + seconds * MICROS_PER_SECOND + micros))
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc3339_and_writes_it_back() {
        for (text, back) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            ("2026-05-31T23:59:59.5+02:00", "2026-05-31T21:59:59.500000Z"),
            ("2024-02-29t12:00:00.1234567-00:30", "2024-02-29T12:30:00.123456Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), back);
        }
    }

    #[test]
    fn far_years_and_every_digit_are_written() {
        let text = |micros| Timestamp::from_micros(micros).to_string();
        assert_eq!(text(253_402_300_799_987_654), "9999-12-31T23:59:59.987654Z");
        assert_eq!(text(253_402_300_800_000_000), "10000-01-01T00:00:00Z");
        assert_eq!(text(253_402_300_800_000_010), "10000-01-01T00:00:00.000010Z");
        assert_eq!(text(-62_167_219_200_000_000), "0000-01-01T00:00:00Z");
        assert_eq!(text(-62_167_219_200_000_001), "-001-12-31T23:59:59.999999Z");
    }

    #[test]
    fn refuses_what_is_no_date_time() {
        for text in [
            "",
            "2026-05-31",
            "2026-02-29T00:00:00Z",
            "2026-05-31T24:00:00Z",
            "2026-05-31T00:00:60Z",
            "2026-05-31T00:00:00",
            "2026-05-31T00:00:00.Z",
            "2026-05-31T00:00:00+2:00",
            "é",
            "2026-05-31T00:00:00é",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampParseError), "{text}");
        }
    }

    #[test]
    fn dates_and_days_agree_over_four_centuries() {
        for day in -150_000..150_000 {
            let (y, m, d) = Timestamp::date_of(day);
            assert_eq!(Timestamp::day_of(y, m, d), Some(day));
        }
    }
}
