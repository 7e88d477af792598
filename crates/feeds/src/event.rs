//! One observation of one leg, from a JSON object or a row of a table.

use std::borrow::Cow;

use adproof_model::{Event, Execution, Leg, LegDetail, Timestamp};
use serde::{Deserialize, Deserializer};

use crate::Limits;
use crate::address;

/// The fields of an event as a log writes them. Unknown fields are ignored: logs carry more than
/// evidence needs.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawEvent<'a> {
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) leg: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) observer: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) transaction: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) impression: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) time: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) received: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) ip: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) ua: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) ifa: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) bundle: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) withheld: Option<Cow<'a, str>>,
    pub(crate) ssai: Option<u8>,
    pub(crate) asn: Option<u32>,
    pub(crate) shared_egress: Option<bool>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) creative: Option<Cow<'a, str>>,
    pub(crate) price_micros: Option<i64>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) currency: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) tag: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "borrowed")]
    pub(crate) outcome: Option<Cow<'a, str>>,
    pub(crate) error: Option<u16>,
    pub(crate) played_ms: Option<u32>,
    pub(crate) amount_micros: Option<i64>,
}

/// Text that is copied only where an escape stands in it. Behind an `Option`, serde would copy all.
fn borrowed<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(Option::<Text<'a>>::deserialize(from)?.map(|Text(text)| text))
}

/// A field that keeps its event from being taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) column: &'static str,
    pub(crate) value: String,
    pub(crate) reason: String,
}

impl Unfit {
    fn new(column: &'static str, value: &str, reason: impl Into<String>) -> Self {
        Self { column, value: value.to_owned(), reason: reason.into() }
    }
}

type Text<'a, 'r> = Option<&'r Cow<'a, str>>;

impl RawEvent<'_> {
    pub(crate) fn judge(&self, limits: &Limits) -> Result<Event, Unfit> {
        let leg_name = required("leg", self.leg.as_ref(), limits)?;
        let leg = Leg::ALL.into_iter().find(|leg| leg.as_str() == &*leg_name);
        let leg = leg.ok_or_else(|| {
            let names = Leg::ALL.map(Leg::as_str).join(", ");
            Unfit::new("leg", &leg_name, format!("not one of the legs: {names}"))
        })?;
        let ip = match optional("ip", self.ip.as_ref(), limits)? {
            Some(text) => Some(
                address::parse_ip(&text)
                    .map_err(|fault| Unfit::new("ip", &text, fault.to_string()))?,
            ),
            None => None,
        };
        // Players send an advertising id of zeros when the user has limited tracking.
        let device = optional("ifa", self.ifa.as_ref(), limits)?
            .filter(|ifa| !ifa.bytes().all(|b| matches!(b, b'0' | b'-')));
        Ok(Event {
            received: instant("received", self.received.as_ref(), limits)?,
            id: required("id", self.id.as_ref(), limits)?,
            time: instant("time", self.time.as_ref(), limits)?,
            observer: required("observer", self.observer.as_ref(), limits)?,
            transaction: optional("transaction", self.transaction.as_ref(), limits)?,
            impression: optional("impression", self.impression.as_ref(), limits)?,
            ip,
            user_agent: optional("ua", self.ua.as_ref(), limits)?,
            device,
            bundle: optional("bundle", self.bundle.as_ref(), limits)?,
            detail: self.detail(leg, limits)?,
        })
    }

    fn detail(&self, leg: Leg, limits: &Limits) -> Result<LegDetail, Unfit> {
        if let Some(word) = optional("withheld", self.withheld.as_ref(), limits)? {
            let redacted = match &*word {
                "redacted" => true,
                "refused" => false,
                _ => return Err(Unfit::new("withheld", &word, "neither refused nor redacted")),
            };
            return Ok(LegDetail::Withheld { leg, redacted });
        }
        Ok(match leg {
            Leg::Request => LegDetail::Request {
                ssai: match self.ssai.unwrap_or(0) {
                    ssai @ 0..=3 => ssai,
                    ssai => {
                        let reason = "not one of OpenRTB's values 0 to 3";
                        return Err(Unfit::new("ssai", &ssai.to_string(), reason));
                    }
                },
            },
            Leg::Network => LegDetail::Network {
                asn: self.asn,
                shared_egress: self.shared_egress.unwrap_or(false),
            },
            Leg::Creative => LegDetail::Creative {
                creative: required("creative", self.creative.as_ref(), limits)?,
                price_micros: money("price_micros", self.price_micros, limits)?,
                currency: self.currency(limits)?,
            },
            Leg::Vast => LegDetail::Vast { tag: required("tag", self.tag.as_ref(), limits)? },
            Leg::Execution => {
                let outcome = required("outcome", self.outcome.as_ref(), limits)?;
                LegDetail::Execution {
                    outcome: match &*outcome {
                        "started" => Execution::Started,
                        "completed" => Execution::Completed,
                        // VAST's code for an error that has no other.
                        "failed" => Execution::Failed(self.error.unwrap_or(900)),
                        _ => {
                            let reason = "not one of started, completed, failed";
                            return Err(Unfit::new("outcome", &outcome, reason));
                        }
                    },
                    played_ms: self.played_ms.unwrap_or(0),
                }
            }
            Leg::Billing => LegDetail::Billing {
                amount_micros: money("amount_micros", self.amount_micros, limits)?,
                currency: self.currency(limits)?,
            },
        })
    }

    fn currency(&self, limits: &Limits) -> Result<Box<str>, Unfit> {
        let code = required("currency", self.currency.as_ref(), limits)?;
        if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
            Ok(code)
        } else {
            let reason = "not a currency code of ISO 4217, such as USD";
            Err(Unfit::new("currency", &code, reason))
        }
    }
}

fn money(column: &'static str, micros: Option<i64>, limits: &Limits) -> Result<i64, Unfit> {
    let micros = micros.ok_or_else(|| Unfit::new(column, "", "missing"))?;
    if (-limits.money_micros..=limits.money_micros).contains(&micros) {
        return Ok(micros);
    }
    let reason = format!("beyond {} micro-units for one event", limits.money_micros);
    Err(Unfit::new(column, &micros.to_string(), reason))
}

fn optional(
    column: &'static str,
    text: Text<'_, '_>,
    limits: &Limits,
) -> Result<Option<Box<str>>, Unfit> {
    let Some(text) = text.map(|text| text.trim()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.len() > limits.cell_bytes {
        let reason = format!("longer than {} bytes", limits.cell_bytes);
        return Err(Unfit::new(column, text, reason));
    }
    Ok(Some(text.into()))
}

fn required(column: &'static str, text: Text<'_, '_>, limits: &Limits) -> Result<Box<str>, Unfit> {
    optional(column, text, limits)?.ok_or_else(|| Unfit::new(column, "", "missing"))
}

fn instant(column: &'static str, text: Text<'_, '_>, limits: &Limits) -> Result<Timestamp, Unfit> {
    let text = required(column, text, limits)?;
    text.parse().map_err(|error: adproof_model::TimestampParseError| {
        Unfit::new(column, &text, error.to_string())
    })
}
