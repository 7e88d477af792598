//! `CreativeExtension` of the type `tl_qrcode`: where a QR code stands and leads.

use crate::document::{Attribute, Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::{begins_with_macro, value, value_range};
use crate::rules::name_range;
use crate::sink::Sink;
use crate::text::Text as _;

pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let (mut position, mut size, mut scan, mut image) = (None, None, false, false);
    for child in doc.children(id) {
        let Some(of) = doc.element(child) else {
            continue;
        };
        match of.ty {
            ty::QR_CODE_POSITION => position = Some((child, of)),
            ty::QR_CODE_SIZE => size = Some((child, of)),
            ty::QR_CODE_SCAN_URL => scan = true,
            ty::QR_CODE_IMAGE_URL => image = true,
            _ => {}
        }
    }
    let mut measure = |rule, of: Option<(ElementId, &Element)>, name| {
        let (id, of) = of?;
        percent(doc, sink, rule, id, doc.attr(of, name)?)
    };
    let x = measure(Id::QrPositionNotPercent, position, name::X_POSITION);
    let y = measure(Id::QrPositionNotPercent, position, name::Y_POSITION);
    let share = measure(Id::QrSizeNotPercent, size, name::SIZE);
    // The share is of the width; how much of the height that is depends on the shape of the view.
    let outside =
        |at: Option<u64>, extent: u64| at.is_some_and(|at| at.saturating_add(extent) > WHOLE);
    if let Some((position, of)) = position
        && (outside(x, share.unwrap_or(0)) || outside(y, 0))
    {
        sink.report(
            Id::QrOutsideView,
            position,
            name_range(of),
            format_args!("the QR code reaches beyond the edge of the ad"),
        );
    }
    if element.has(UNCLOSED) || position.is_none() && size.is_none() {
        return;
    }
    if !scan {
        sink.report_on(
            Id::QrWithoutScanUrl,
            id,
            format_args!("the QR code has a place, but no <QrCodeScanUrl> says where it leads"),
        );
    }
    if !image {
        sink.report_on(
            Id::QrWithoutImageUrl,
            id,
            format_args!("the QR code has a place, but no <QrCodeImageUrl> to show there"),
        );
    }
}

/// A hundred percent, in thousandths of a percent.
const WHOLE: u64 = 100_000;

/// The thousandths of a percent that an attribute says.
fn percent(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    rule: Id,
    id: ElementId,
    attribute: &Attribute,
) -> Option<u64> {
    let written = value(doc, Some(attribute));
    if begins_with_macro(written) {
        return None;
    }
    let thousandths = thousandths(written);
    if thousandths.is_none() {
        let quoted = sink.quote(written);
        sink.report(
            rule,
            id,
            value_range(attribute),
            format_args!("`{quoted}` is no percentage such as `10.0%`"),
        );
    }
    thousandths
}

fn thousandths(text: &str) -> Option<u64> {
    let number = text.strip_suffix('%')?;
    let (whole, fraction) = number.cut(b'.').unwrap_or((number, "0"));
    let whole = crate::rules::time::number(whole)?;
    crate::rules::time::number(fraction)?;
    let digit = |place: usize| {
        let digit = fraction.as_bytes().get(place).copied().unwrap_or(b'0');
        u64::from(digit.saturating_sub(b'0'))
    };
    whole.checked_mul(1_000)?.checked_add(digit(0) * 100 + digit(1) * 10 + digit(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_a_sign_and_no_more_than_one_point() {
        for (text, expect) in
            [("0%", 0), ("10.0%", 10_000), ("12.5%", 12_500), ("100%", 100_000), ("0.1239%", 123)]
        {
            assert_eq!(thousandths(text), Some(expect), "{text}");
        }
        for text in ["", "%", "10", "10px", "12.%", ".5%", "-5%", "1.2.3%", "99999999999999999999%"]
        {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }
}
