//! What an ad costs, when it counts and how long it holds.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::findings::Mend;
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::{identity, name_range, time};
use crate::sink::Sink;
use crate::sort::sorted_by;
use crate::text::Text as _;

/// A price for a thousand impressions that no advertiser pays, in whole units of money.
const PRICE: u64 = 1_000;

/// Currencies of ISO 4217 in use, in the order of the alphabet.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND \
BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF \
DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS \
INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL \
MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP \
PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL \
THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD \
XCG XDR XOF XPF YER ZAR ZMW ZWG ZWL ";

/// `Pricing`: a price that somebody pays.
pub(crate) fn pricing(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let value = doc.content(id);
    let Some(range) = doc.content_range(id) else {
        return;
    };
    let (whole, fraction) = value.cut(b'.').unwrap_or((&value, ""));
    if let Some(price) = time::number(whole) {
        if price == 0 && fraction.bytes().all(|digit| digit == b'0') {
            sink.report(Id::PricingZero, id, range, format_args!("the price is zero"));
        }
        let per_thousand =
            doc.attr_raw(element, name::MODEL).is_some_and(|model| model.trimmed().is_like("cpm"));
        let strong = doc
            .attr_raw(element, name::CURRENCY)
            .is_some_and(|currency| matches!(currency.trimmed(), "USD" | "EUR" | "GBP" | "CHF"));
        if per_thousand && strong && price >= PRICE {
            let quoted = sink.quote(&value);
            sink.report(
                Id::PricingImplausible,
                id,
                range,
                format_args!("`{quoted}` for a thousand impressions is more than anybody pays"),
            );
        }
    }
    if let Some(attribute) = doc.attr(element, name::CURRENCY) {
        let range = (attribute.value_start, attribute.value_end);
        let code = doc.slice(range.0, range.1).trimmed();
        let formed = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if formed && !is_currency(code) {
            sink.report(
                Id::PricingCurrencyUnknown,
                id,
                range,
                format_args!("ISO 4217 has no currency `{code}`"),
            );
        }
    }
}

/// Whether ISO 4217 has a code. The list is sorted, four bytes a code.
fn is_currency(code: &str) -> bool {
    let (rows, _) = CURRENCIES.as_bytes().as_chunks::<4>();
    rows.binary_search_by(|[known @ .., _]| known.as_slice().cmp(code.as_bytes())).is_ok()
}

/// `ViewableImpression`: something to call, and not the same for yes and no.
pub(crate) fn viewable(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    if element.first_child.some().is_none() {
        sink.report_mend(
            Id::ViewableimpressionEmpty,
            id,
            name_range(element),
            format_args!("<ViewableImpression> has no URL to call"),
            Mend::Removed,
        );
        return;
    }
    let mut urls = Vec::new();
    let mut viewable = false;
    for child in doc.children(id).take(256) {
        let Some(found) = doc.element(child) else {
            continue;
        };
        if matches!(found.ty, ty::VIEWABLE | ty::NOT_VIEWABLE | ty::VIEW_UNDETERMINED) {
            viewable |= found.ty == ty::VIEWABLE;
            urls.push((doc.content(child), child, found.ty, name_range(found)));
        }
    }
    if !viewable && !urls.is_empty() {
        sink.report_on(
            Id::ViewableimpressionWithoutViewable,
            id,
            format_args!("<ViewableImpression> has no <Viewable>: views that count are not told"),
        );
    }
    urls.retain(|(url, ..)| !url.is_empty());
    let all: Vec<_> = urls.iter().collect();
    for pair in sorted_by(&all, |a, b| a.0.cmp(&b.0)).windows(2) {
        if let [(before, _, kind, _), (url, child, other, range)] = pair
            && before == url
            && kind != other
        {
            sink.report(
                Id::ViewabilityOutcomesShareUrl,
                *child,
                *range,
                format_args!("the same URL is called for another outcome"),
            );
        }
    }
}

/// `Expires`: whole seconds that are still to come.
pub(crate) fn expires(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    let value = doc.content(id);
    let range = doc.content_range(id).unwrap_or_else(|| name_range(element));
    match time::number(&value) {
        None if identity::is_unfilled(&value) => {}
        None => {
            let quoted = sink.quote(&value);
            sink.report(
                Id::ExpiresInvalid,
                id,
                range,
                format_args!("`{quoted}` is no whole number of seconds"),
            );
        }
        Some(0) => sink.report(
            Id::ExpiresZero,
            id,
            range,
            format_args!("this ad has expired when it arrives"),
        ),
        Some(1_000_000_000..) => sink.report(
            Id::ExpiresTimestamp,
            id,
            range,
            format_args!("<Expires> counts seconds from now; this looks like a date"),
        ),
        _ => {}
    }
}
