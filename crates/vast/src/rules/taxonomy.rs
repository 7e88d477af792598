//! Categories: what an ad is about, and what may not follow.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::identity;
use crate::sink::Sink;
use crate::text::Text as _;

/// `Category` and `BlockedAdCategories`: codes, and who gave them their meaning.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let own = element.ty.info().element_name();
    let blocked = element.ty == ty::BLOCKED_AD_CATEGORIES;
    let mut iab = false;
    match doc.attr(element, name::AUTHORITY) {
        None if blocked => sink.report_on(
            Id::BlockedadcategoriesWithoutAuthority,
            id,
            format_args!("<{own}> does not say whose codes these are"),
        ),
        None => {}
        Some(attribute) => {
            let range = (attribute.value_start, attribute.value_end);
            let value = doc.slice(range.0, range.1).trimmed();
            match host(value) {
                // An empty one is judged with all values.
                _ if value.is_empty() || identity::is_unfilled(value) => {}
                None => {
                    let quoted = sink.quote(value);
                    sink.report(
                        Id::CategoryAuthorityForm,
                        id,
                        range,
                        format_args!("the authority `{quoted}` is no URL and no domain"),
                    );
                }
                Some(host) => {
                    iab = ["iabtechlab.com", "iab.com", "iab.net"].iter().any(|known| {
                        let at = host.len().wrapping_sub(known.len());
                        host.get(at..).is_some_and(|end| end.is_like(known))
                            && (at == 0 || host.as_bytes().get(at - 1) == Some(&b'.'))
                    });
                    if !iab {
                        let quoted = sink.quote(host);
                        sink.report(
                            Id::CategoryAuthorityUnknown,
                            id,
                            range,
                            format_args!("`{quoted}` is not the authority of the IAB taxonomies"),
                        );
                    }
                }
            }
        }
    }
    if element.has(UNCLOSED) || element.first_child.some().is_some() {
        return;
    }
    let text = doc.content(id);
    let Some(range) = doc.content_range(id) else {
        sink.report_on(Id::CategoryEmpty, id, format_args!("<{own}> has no code"));
        return;
    };
    let separated = |byte: u8| matches!(byte, b',' | b';' | b'|') || byte.is_ascii_whitespace();
    let listed = text.bytes().any(separated);
    let codes = || text.split(|c: char| u8::try_from(c).is_ok_and(separated));
    let all_codes = codes().filter(|code| !code.is_empty()).all(is_code);
    if !blocked && listed && all_codes {
        sink.report(
            Id::CategoryWithList,
            id,
            range,
            format_args!("<Category> holds several codes; each has an element of its own"),
        );
    } else if iab && !all_codes && !identity::is_unfilled(&text) {
        let quoted = sink.quote(&text);
        sink.report(
            Id::CategoryCodeForm,
            id,
            range,
            format_args!("`{quoted}` is no code of an IAB taxonomy, such as `IAB1-2` or `223`"),
        );
    }
}

/// The host of a URL, or a domain.
fn host(text: &str) -> Option<&str> {
    let rest = text.cut_at("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#', ':']).next()?;
    let valid = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    (rest.has(b'.') && rest.split('.').all(valid)).then_some(rest)
}

/// Taxonomies 1 to 3 count as `IAB1-2`, `223` and `v9i3On`; none has a longer word.
fn is_code(text: &str) -> bool {
    let digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let short = text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = || {
        let rest = text.get(..3).filter(|head| head.is_like("iab"))?;
        let rest = text.get(rest.len()..)?.trim_start_matches('-');
        let (tier, sub) = rest.cut(b'-').unwrap_or((rest, "0"));
        let digits =
            |text: &str| matches!(text.len(), 1..=3) && text.bytes().all(|b| b.is_ascii_digit());
        (digits(tier) && digits(sub)).then_some(())
    };
    short && (digit || text.len() == 6) || first().is_some()
}

/// `InLine`: the same code twice.
pub(crate) fn duplicates(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    if element.twice == 0 {
        return;
    }
    super::repeated(doc, id, ty::CATEGORY, &[name::AUTHORITY], &mut |category| {
        sink.report_on(
            Id::CategoryDuplicate,
            category,
            format_args!("this ad has the same category twice"),
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_three_taxonomies_are_known() {
        for code in ["IAB1", "IAB1-2", "IAB26-4", "iab7-39", "223", "v9i3On", "JLBCU7", "42"] {
            assert!(is_code(code), "{code}");
        }
        for code in ["Automotive", "IAB", "IAB1-", "IABx-1", "Cars", "sports & games", "IAB1-2-3"] {
            assert!(!is_code(code), "{code}");
        }
    }

    #[test]
    fn an_authority_has_a_domain() {
        for text in ["iabtechlab.com", "https://www.iabtechlab.com/categoryauthority"] {
            assert!(host(text).is_some(), "{text}");
        }
        for text in ["IAB", "iab techlab.com", ".com", "https://", "a..b"] {
            assert!(host(text).is_none(), "{text}");
        }
    }
}
