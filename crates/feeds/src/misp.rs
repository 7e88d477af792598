//! MISP events: attributes of the types `ip-src` and `ip-dst`, alone or in objects.

use adproof_model::{FraudType, IvtClass};
use serde_json::Value;

use crate::cell::Cell;
use crate::feed::Undated;
use crate::json::Object;
use crate::table::{Collector, Named, Raw};
use crate::{FeedFormat, Limits};

/// Whether a document is an event or the answer of a server that holds events.
pub(crate) fn is_event(object: &Object) -> bool {
    object.contains_key("Event") || object.get("response").is_some_and(Value::is_array)
}

pub(crate) fn read<'l>(document: &Object, limits: &'l Limits) -> Undated<'l> {
    let mut collector = Collector::new(limits);
    let mut preamble = Vec::new();
    let mut row = 0;
    let answers = document.get("response").and_then(Value::as_array);
    let events = answers
        .into_iter()
        .flatten()
        .filter_map(|answer| answer.get("Event"))
        .chain(document.get("Event"));
    for event in events {
        if let Some(date) = event.get("date").and_then(Value::as_str) {
            preamble.push(date.to_owned());
        }
        let objects = list(event, "Object").flat_map(|object| list(object, "Attribute"));
        for attribute in list(event, "Attribute").chain(objects) {
            row += 1;
            take(&mut collector, row, attribute, event);
        }
    }
    Undated::new(FeedFormat::Misp, collector, preamble)
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    let items = value.get(name).and_then(Value::as_array);
    items.into_iter().flatten()
}

fn take(collector: &mut Collector<'_>, row: u64, attribute: &Value, event: &Value) {
    let text = |name: &str| attribute.get(name).and_then(Value::as_str).unwrap_or("");
    let value = match text("type") {
        "ip-src" | "ip-dst" => text("value"),
        "ip-src|port" | "ip-dst|port" => {
            let value = text("value");
            value.split_once('|').map_or(value, |(address, _)| address)
        }
        // Domains, hashes and the rest are no addresses.
        _ => return,
    };
    let flag = |name: &str| attribute.get(name).and_then(Value::as_bool);
    if flag("deleted") == Some(true) {
        return collector.reject(row, "deleted", value, "deleted by its publisher");
    }
    if flag("to_ids") == Some(false) {
        let reason = "not meant for detection by its publisher (to_ids is false)";
        return collector.reject(row, "to_ids", value, reason);
    }
    collector.take(&Raw {
        row,
        address: Named { column: "value", cell: &Cell::text(value) },
        fraud_type: fraud_type(attribute)
            .or_else(|| fraud_type(event))
            .or_else(|| known(text("comment")))
            .unwrap_or_default(),
        ..Raw::default()
    });
}

/// The type that a tag names: `displayImpressionFraud`, `ivt:smartbot`, `ivt:type="smartbot"`.
fn fraud_type(tagged: &Value) -> Option<String> {
    list(tagged, "Tag")
        .filter_map(|tag| tag.get("name")?.as_str())
        .find_map(|name| known(name.rsplit([':', '=']).next()?.trim_matches('"')))
}

fn known(text: &str) -> Option<String> {
    let class = FraudType::new(text).class();
    (class != IvtClass::Unclassified).then(|| text.to_owned())
}
