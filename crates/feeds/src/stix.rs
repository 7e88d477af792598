//! STIX 2.1 bundles: indicators whose pattern names IPv6 addresses, and `ipv6-addr` objects.

use adproof_model::{FraudType, IvtClass};
use serde_json::Value;

use crate::alias::Field;
use crate::cell::Cell;
use crate::feed::Undated;
use crate::json::{Fields, Object};
use crate::table::{Collector, Named, Raw};
use crate::{FeedFormat, Limits};

pub(crate) fn read<'l>(bundle: &Object, limits: &'l Limits) -> Undated<'l> {
    let mut collector = Collector::new(limits);
    let mut newest: Option<&str> = None;
    let objects = bundle.get("objects").and_then(Value::as_array);
    for (row, object) in (1..).zip(objects.into_iter().flatten()) {
        let Some(object) = object.as_object() else {
            collector.reject(row, "objects", &object.to_string(), "not a STIX object");
            continue;
        };
        match text(object, "type") {
            "indicator" => {
                for name in ["valid_from", "modified", "created"] {
                    newest = newest.max(object.get(name).and_then(Value::as_str));
                }
                indicator(&mut collector, row, object);
            }
            "ipv6-addr" | "ipv4-addr" => {
                let value = Cell::text(text(object, "value"));
                take(&mut collector, row, "value", &value, object);
            }
            // Reports, identities and relations hold no address of their own.
            _ => {}
        }
    }
    let preamble = newest.map(str::to_owned).into_iter().collect();
    Undated::new(FeedFormat::Stix, collector, preamble)
}

fn text<'o>(object: &'o Object, name: &str) -> &'o str {
    object.get(name).and_then(Value::as_str).unwrap_or("")
}

fn indicator(collector: &mut Collector<'_>, row: u64, object: &Object) {
    let pattern = text(object, "pattern");
    if object.get("revoked") == Some(&Value::Bool(true)) {
        return collector.reject(row, "revoked", pattern, "revoked by its publisher");
    }
    if !matches!(text(object, "pattern_type"), "" | "stix") {
        let reason = "the pattern is in a language other than STIX";
        return collector.reject(row, "pattern_type", text(object, "pattern_type"), reason);
    }
    match addresses(pattern) {
        Ok(addresses) => {
            for address in addresses {
                take(collector, row, "pattern", &Cell::text(address), object);
            }
        }
        Err(reason) => collector.reject(row, "pattern", pattern, reason),
    }
}

fn take(collector: &mut Collector<'_>, row: u64, column: &str, cell: &Cell<'_>, object: &Object) {
    let fields = Fields::of(object);
    // STIX states confidence from 0 to 100, so that 1 is one per cent.
    let confidence = object.get("confidence").and_then(Value::as_u64);
    let percent = confidence.map(|confidence| Cell::text(format!("{confidence}%")));
    let probability = percent.as_ref().map(|cell| Named { column: "confidence", cell });
    collector.take(&Raw {
        row,
        address: Named { column, cell },
        fraud_type: fraud_type(object),
        probability,
        provider: fields.text(Field::Provider),
        asn: fields.named(Field::Asn),
        ip_type: fields.text(Field::IpType),
    });
}

/// The first label that the taxonomy knows, else the first label.
fn fraud_type(object: &Object) -> String {
    let labels: Vec<&str> = ["labels", "indicator_types"]
        .iter()
        .filter_map(|name| object.get(*name)?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let known = |label: &&&str| FraudType::new(label).class() != IvtClass::Unclassified;
    let found = labels.iter().find(known).or_else(|| labels.first());
    found.map_or_else(String::new, |label| (*label).to_owned())
}

/// The addresses of a pattern that is satisfied by any one of them.
fn addresses(pattern: &str) -> Result<Vec<String>, &'static str> {
    const MORE: &str = "the pattern asks for more than an address";
    let mut found = Vec::new();
    let mut path = "";
    let mut rest = pattern;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "[](),=".contains(c));
        if rest.is_empty() {
            break;
        }
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (value, after) = literal(quoted).ok_or("the pattern ends within a string")?;
            match path {
                "ipv6-addr:value" | "ipv4-addr:value" => found.push(value),
                // `network-traffic:src_ref.type = 'ipv6-addr'` goes with a value of its own.
                _ => return Err(MORE),
            }
            rest = after;
            continue;
        }
        let end =
            rest.find(|c: char| c.is_whitespace() || "[](),=\'".contains(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        match word {
            "OR" | "IN" | "ISSUBSET" => {}
            "AND" | "FOLLOWEDBY" | "NOT" | "LIKE" | "MATCHES" | "ISSUPERSET" | "EXISTS" => {
                return Err(MORE);
            }
            // Qualifiers of time and number say when, not who.
            "START" | "STOP" | "WITHIN" | "REPEATS" => break,
            _ if word.ends_with(['!', '<', '>']) => return Err(MORE),
            word => path = word,
        }
        rest = after;
    }
    if found.is_empty() {
        return Err("the pattern names no IP address");
    }
    Ok(found)
}

/// A string literal after its opening quote, and what follows its closing one.
fn literal(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_any_one_address_satisfies_are_read() {
        for (pattern, want) in [
            ("[ipv6-addr:value = '3fff::1']", vec!["3fff::1"]),
            (
                "[ipv6-addr:value='3fff::1' OR ipv6-addr:value = '3fff::2']",
                vec!["3fff::1", "3fff::2"],
            ),
            (
                "[ipv6-addr:value = '3fff::1'] OR [ipv4-addr:value = '203.0.113.7']",
                vec!["3fff::1", "203.0.113.7"],
            ),
            ("[ipv6-addr:value IN ('3fff::1', '3fff::2')]", vec!["3fff::1", "3fff::2"]),
            ("[ipv6-addr:value ISSUBSET '3fff:12::/32']", vec!["3fff:12::/32"]),
            ("[ipv6-addr:value = '3fff::\\'1'] WITHIN 5 SECONDS", vec!["3fff::'1"]),
        ] {
            let want: Vec<String> = want.into_iter().map(str::to_owned).collect();
            assert_eq!(addresses(pattern), Ok(want), "{pattern}");
        }
    }

    #[test]
    fn patterns_that_ask_for_more_are_refused() {
        for pattern in [
            "[ipv6-addr:value = '3fff::1' AND network-traffic:dst_port = 443]",
            "[ipv6-addr:value != '3fff::1']",
            "[NOT ipv6-addr:value = '3fff::1']",
            "[domain-name:value = 'a.example']",
            "[ipv6-addr:value = '3fff::1",
            "[]",
            "",
            "'",
        ] {
            assert!(addresses(pattern).is_err(), "{pattern}");
        }
    }
}
