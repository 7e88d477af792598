//! Requirements of each linear creative and of its files.

use super::checks::QUOTED;
use super::facts::{self, Linear};
use super::judge::{Judge, count};
use super::requirement::{self, Check, Vpaid};
use crate::document::ElementId;
use crate::generated::structure::name;
use crate::parse::excerpt;
use crate::rules::time;
use crate::structure::NameId;

/// A requirement against one thing.
pub(super) enum Judged {
    Met,
    Missed(String),
    /// The document does not say.
    Unsaid(String),
}

impl Judge<'_> {
    pub(super) fn linear(&self, check: &Check, linear: &Linear) -> Judged {
        let files = self.facts.files.get(linear.files.clone()).unwrap_or_default();
        match check {
            Check::DurationsMs(taken) => duration(linear, |ms| taken.contains(&ms)),
            Check::DurationRangeMs(low, high) => {
                duration(linear, |ms| (*low..=*high).contains(&ms))
            }
            Check::UniversalAdId => {
                missed_unless(linear.universal_ad_id, "the creative has no UniversalAdId")
            }
            Check::Mezzanine => missed_unless(linear.mezzanine, "there is no Mezzanine file"),
            Check::NoSkip => missed_unless(!linear.skippable, "the ad can be skipped"),
            // That there is no file at all is a fault of its own.
            _ if files.is_empty() => Judged::Met,
            Check::MediaTypes(types) => self.some_type(files, |kind| is_in(types, kind)),
            Check::NoMediaTypes(types) => self.some_type(files, |kind| !is_in(types, kind)),
            Check::NoVpaid(Vpaid::Only) => {
                let all = files.iter().all(|file| facts::is_vpaid(self.doc, *file));
                missed_unless(!all, "there is nothing but VPAID to play")
            }
            Check::NoVpaid(_) => {
                let any = files.iter().any(|file| facts::is_vpaid(self.doc, *file));
                missed_unless(!any, "one of the files is VPAID")
            }
            _ => self.quality(check, files),
        }
    }

    /// Whether one of the files has a type that is taken.
    fn some_type(&self, files: &[ElementId], taken: impl Fn(&str) -> bool) -> Judged {
        let types = || files.iter().map(|file| facts::media_type(self.doc, *file));
        if types().any(&taken) {
            return Judged::Met;
        }
        if types().any(str::is_empty) {
            return Judged::Unsaid("a file does not say its type".to_owned());
        }
        let mut there: Vec<&str> = types().collect();
        there.sort_unstable();
        there.dedup();
        let mut message =
            format!("the only type is `{}`", excerpt(there.first().unwrap_or(&""), QUOTED));
        if there.len() > 1 {
            message = format!(
                "there are {} types, among them `{}`",
                there.len(),
                excerpt(there.first().unwrap_or(&""), QUOTED)
            );
        }
        Judged::Missed(message)
    }

    /// Requirements that one of the files of a type that is taken must meet.
    fn quality(&self, check: &Check, files: &[ElementId]) -> Judged {
        let types = self.profile.requirements.iter().find_map(|one| match one.check {
            Check::MediaTypes(types) => Some(types),
            _ => None,
        });
        let taken = |file: &&ElementId| {
            types.is_none_or(|types| is_in(types, facts::media_type(self.doc, **file)))
        };
        let files: Vec<ElementId> = files.iter().filter(taken).copied().collect();
        // That no file has a type that is taken is said elsewhere.
        if files.is_empty() {
            return Judged::Met;
        }
        match check {
            Check::Renditions(least) => {
                let there = count(files.len());
                // An adaptive stream has its renditions inside.
                let adaptive =
                    |file: &ElementId| self.attr(*file, name::DELIVERY) == Some("streaming");
                let met = there >= *least || files.iter().any(adaptive);
                let files = if there == 1 { "file is" } else { "files are" };
                missed_unless(met, &format!("{there} {files} there to choose from"))
            }
            Check::Delivery(delivery) => {
                let given = |file| self.attr(file, name::DELIVERY);
                some(&files, "delivery", |file| Some(given(file)?.eq_ignore_ascii_case(delivery)))
            }
            Check::BitrateKbps(low, high) => {
                let of = |file: ElementId| {
                    let best = [name::BITRATE, name::MAX_BITRATE];
                    best.into_iter().filter_map(|name| self.number(file, name)).max()
                };
                best(&files, "bitrate", "kbit/s", of, |kbps| (*low..=*high).contains(&kbps))
            }
            Check::Dimensions(width, height) => {
                let wide = |file| {
                    Some((self.number(file, name::WIDTH)?, self.number(file, name::HEIGHT)?))
                };
                let judged = some(&files, "size", |file| {
                    wide(file).map(|(w, h)| w >= *width && h >= *height)
                });
                match judged {
                    Judged::Missed(_) => {
                        let most = files.iter().filter_map(|file| wide(*file)).max();
                        let (w, h) = most.unwrap_or_default();
                        Judged::Missed(format!("the largest file is {w}x{h}"))
                    }
                    other => other,
                }
            }
            Check::FileBytes(most) => {
                let sizes = || files.iter().map(|file| self.number(*file, name::FILE_SIZE));
                // Few tags say a size, so that silence is no doubt.
                match sizes().flatten().min() {
                    Some(least) if least > *most && sizes().all(|size| size.is_some()) => {
                        let text = requirement::megabytes(least);
                        Judged::Missed(format!("the smallest file has {text}"))
                    }
                    _ => Judged::Met,
                }
            }
            _ => Judged::Met,
        }
    }

    fn attr(&self, id: ElementId, name: NameId) -> Option<&str> {
        self.doc.element(id).and_then(|element| self.doc.attr_raw(element, name))
    }

    fn number(&self, id: ElementId, name: NameId) -> Option<u64> {
        time::number(self.attr(id, name)?.trim_ascii())
    }
}

fn is_in(types: &[&str], kind: &str) -> bool {
    types.iter().any(|known| known.eq_ignore_ascii_case(kind))
}

fn missed_unless(met: bool, message: &str) -> Judged {
    if met { Judged::Met } else { Judged::Missed(message.to_owned()) }
}

fn duration(linear: &Linear, taken: impl Fn(u64) -> bool) -> Judged {
    match linear.duration_ms {
        Some(ms) if taken(ms) => Judged::Met,
        Some(ms) => Judged::Missed(format!("the ad lasts {}", requirement::seconds(ms))),
        None => Judged::Unsaid("the ad does not say how long it lasts".to_owned()),
    }
}

/// Whether one of the files meets a requirement; a file may not say.
fn some(files: &[ElementId], what: &str, met: impl Fn(ElementId) -> Option<bool>) -> Judged {
    let mut unsaid = false;
    for file in files {
        match met(*file) {
            Some(true) => return Judged::Met,
            Some(false) => {}
            None => unsaid = true,
        }
    }
    if unsaid {
        Judged::Unsaid(format!("a file does not say its {what}"))
    } else {
        Judged::Missed(format!("no file has such a {what}"))
    }
}

/// As [`some`], of a number, and the best of them in the message.
fn best(
    files: &[ElementId],
    what: &str,
    unit: &str,
    of: impl Fn(ElementId) -> Option<u64>,
    met: impl Fn(u64) -> bool,
) -> Judged {
    match some(files, what, |file| of(file).map(&met)) {
        Judged::Missed(_) => {
            let most = files.iter().filter_map(|file| of(*file)).max().unwrap_or(0);
            Judged::Missed(format!("the best file has {most} {unit}"))
        }
        other => other,
    }
}
