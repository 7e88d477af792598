//! What a leg's events say, as named values that can be shown one by one.

use std::fmt::Write as _;
use std::net::IpAddr;

use adproof_model::{Event, Execution, LegDetail, LegEvidence};

/// Buffers for the values of one impression.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// The value that is told: the event's id, a space, what it says.
    text: String,
    /// Bytes of the id and the space.
    id: usize,
    /// The last address and its text: most legs of an impression saw the same.
    ip: Option<(IpAddr, String)>,
}

impl Texts {
    /// Tells every value of a leg with its name. Values of one event begin with its id, so that a
    /// reader sees which belong together.
    pub(crate) fn each(&mut self, leg: &LegEvidence, tell: &mut dyn FnMut(&'static str, &str)) {
        for event in &leg.events {
            self.event(event, tell);
        }
    }

    fn event(&mut self, event: &Event, tell: &mut dyn FnMut(&'static str, &str)) {
        self.text.clear();
        self.text.push_str(&event.id);
        self.text.push(' ');
        self.id = self.text.len();
        let mut say = |name, value: Said<'_>| {
            self.text.truncate(self.id);
            match value {
                Said::Text(text) => self.text.push_str(text),
                // Writing to a string never fails.
                Said::Shown(args) => drop(self.text.write_fmt(args)),
            }
            tell(name, &self.text);
        };
        say("observer", Said::Text(&event.observer));
        say("time", Said::Shown(format_args!("{}", event.time)));
        say("received", Said::Shown(format_args!("{}", event.received)));
        if let Some(ip) = event.ip {
            let known = self.ip.take().filter(|(last, _)| *last == ip);
            let (_, text) = &*self.ip.insert(known.unwrap_or_else(|| (ip, ip.to_string())));
            say("ip", Said::Text(text));
        }
        for (name, value) in [
            ("ua", &event.user_agent),
            ("ifa", &event.device),
            ("bundle", &event.bundle),
            ("transaction", &event.transaction),
            ("impression", &event.impression),
        ] {
            if let Some(value) = value {
                say(name, Said::Text(value));
            }
        }
        match &event.detail {
            LegDetail::Request { ssai } => say("ssai", Said::Shown(format_args!("{ssai}"))),
            LegDetail::Network { asn, shared_egress } => {
                say("shared_egress", Said::Shown(format_args!("{shared_egress}")));
                if let Some(asn) = asn {
                    say("asn", Said::Shown(format_args!("{asn}")));
                }
            }
            LegDetail::Creative { creative, price_micros, currency } => {
                say("creative", Said::Text(creative));
                say("price_micros", Said::Shown(format_args!("{price_micros}")));
                say("currency", Said::Text(currency));
            }
            LegDetail::Vast { tag } => say("tag", Said::Text(tag)),
            LegDetail::Execution { outcome, played_ms } => {
                match outcome {
                    Execution::Started => say("outcome", Said::Text("started")),
                    Execution::Completed => say("outcome", Said::Text("completed")),
                    Execution::Failed(code) => {
                        say("outcome", Said::Shown(format_args!("failed {code}")));
                    }
                }
                say("played_ms", Said::Shown(format_args!("{played_ms}")));
            }
            LegDetail::Billing { amount_micros, currency } => {
                say("amount_micros", Said::Shown(format_args!("{amount_micros}")));
                say("currency", Said::Text(currency));
            }
            LegDetail::Withheld { redacted, .. } => {
                say("withheld", Said::Text(if *redacted { "redacted" } else { "refused" }));
            }
        }
    }
}

/// What is said behind an event's id.
enum Said<'a> {
    Text(&'a str),
    Shown(std::fmt::Arguments<'a>),
}
