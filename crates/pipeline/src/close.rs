//! The sums of a closed window, from records and what opens them.
//!
//! A record holds no amount: what was billed lies in the billing leg, behind salted digests. So
//! the operator, who has the disclosures, sums up, and signs the sums. Anybody can count the
//! decisions of each kind again from the records alone; who also has the disclosures can check
//! parties and amounts, because each is opened against the digests of its record.

use std::collections::BTreeMap;
use std::fmt;

use adproof_ledger::{
    Action, Body, Draft, LegState, MAX_INT, Opening, Record, RecordRange, Total, WindowClose,
    commit,
};
use adproof_model::Timestamp;

/// The currency of what was not billed: "no currency" of ISO 4217.
pub const NO_CURRENCY: &str = "XXX";

/// What the disclosures of a decision say about its bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billed {
    /// When the impression began: the earliest time of its events.
    pub time: Timestamp,
    /// Who reported the bill; empty where there is none.
    pub party: String,
    /// What was billed, in millionths.
    pub amount_micros: i64,
    /// The currency by ISO 4217; [`NO_CURRENCY`] where there is no bill.
    pub currency: String,
    /// How many observers reported one. The first counts.
    pub bills: usize,
}

/// Why disclosures cannot be summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseError {
    /// They do not open the record. Likely cause: they are those of another ledger.
    OtherOpening {
        /// The record.
        seq: u64,
        /// The leg that they do not open.
        leg: String,
    },
    /// They do not say when the impression was, or hold an amount that is none. Likely cause: a
    /// part of them was left out.
    Unreadable {
        /// The record.
        seq: u64,
    },
    /// A sum is greater than a record can hold.
    TooLarge,
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherOpening { seq, leg } => {
                write!(f, "the disclosures do not open the leg `{leg}` of record {seq}")
            }
            Self::Unreadable { seq } => {
                write!(f, "the disclosures of record {seq} do not say when it was, or its amount")
            }
            Self::TooLarge => f.write_str("a sum is greater than a record can hold"),
        }
    }
}

impl std::error::Error for CloseError {}

impl Billed {
    /// Reads what opens a decision, after checking that it does.
    pub fn read(seq: u64, draft: &Draft, opening: &Opening) -> Result<Self, CloseError> {
        for leg in &opening.legs {
            let named = draft.legs.named();
            let committed = named.iter().find(|(name, _)| *name == leg.leg).map(|(_, leg)| leg);
            let opens = committed.is_some_and(|committed| {
                commit::open(&committed.root, &leg.digests, &leg.disclosures).is_ok()
            });
            if !opens {
                return Err(CloseError::OtherOpening { seq, leg: leg.leg.clone() });
            }
        }
        let unreadable = CloseError::Unreadable { seq };
        let values = |leg: &str, name: &str| -> Vec<String> {
            let legs = opening.legs.iter().filter(|found| found.leg == leg || leg.is_empty());
            let values = legs.flat_map(|leg| &leg.disclosures);
            values.filter(|one| one.name() == name).map(|one| one.value().to_string()).collect()
        };
        let times: Option<Vec<Timestamp>> = values("", "time")
            .iter()
            .map(|text| split(text).and_then(|(_, time)| time.parse().ok()))
            .collect();
        let time = times.and_then(|times| times.into_iter().min()).ok_or(unreadable.clone())?;
        let (amounts, currencies) =
            (values("billing", "amount_micros"), values("billing", "currency"));
        let billed = draft.legs.billing.state == LegState::Present;
        let Some((id, amount)) = amounts.first().and_then(|text| split(text)).filter(|_| billed)
        else {
            let (party, currency) = (String::new(), NO_CURRENCY.to_owned());
            return Ok(Self { time, party, amount_micros: 0, currency, bills: 0 });
        };
        // Values of one event begin with its id.
        let of = |values: &[String]| {
            let found = values.iter().find_map(|text| {
                text.strip_prefix(id).and_then(|rest| rest.strip_prefix(' ')).map(str::to_owned)
            });
            found.ok_or_else(|| unreadable.clone())
        };
        let amount: Option<i64> = amount.parse().ok();
        Ok(Self {
            time,
            party: of(&values("billing", "observer"))?,
            amount_micros: amount.ok_or_else(|| unreadable.clone())?,
            currency: of(&currencies)?,
            bills: amounts.len(),
        })
    }
}

/// The id of an event and the value behind it, which holds no blank.
fn split(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once(' ')
}

/// Sums up a window, record by record.
///
/// A window sums up records in a row: those behind the window before, up to the first decision
/// whose impression is not older than the window's end. A decision that comes later than one of
/// the next window is counted there, and said to be late.
#[derive(Debug)]
pub struct Closing {
    from: Timestamp,
    to: Timestamp,
    range: RecordRange,
    ended: bool,
    sums: BTreeMap<(String, Action, String), (u64, i64)>,
    notes: Notes,
}

/// What is said about a window besides its sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Decisions that were counted.
    pub decisions: u64,
    /// Those among them whose impressions are older than the window.
    pub late: u64,
    /// Decisions of the window that are left to the next, because one of the next stands in front
    /// of them.
    pub left_over: u64,
    /// Decisions that nothing opens.
    pub unknown: u64,
    /// Decisions with more than one bill.
    pub more_bills: u64,
}

impl Closing {
    /// A window from `from` until before `to`, whose first record is `first`.
    #[must_use]
    pub fn new(from: Timestamp, to: Timestamp, first: u64) -> Self {
        Self {
            from,
            to,
            range: RecordRange { count: 0, first },
            ended: false,
            sums: BTreeMap::new(),
            notes: Notes::default(),
        }
    }

    /// Takes the next record, in order, with what opens it.
    pub fn push(&mut self, record: &Record, opening: Option<&Opening>) -> Result<(), CloseError> {
        let Body::Decision(draft) = &record.body else {
            self.range.count += u64::from(!self.ended);
            return Ok(());
        };
        let billed = opening.map(|opening| Billed::read(record.seq, draft, opening)).transpose()?;
        let time = billed.as_ref().map(|billed| billed.time);
        self.ended |= time.is_some_and(|time| time >= self.to);
        if self.ended {
            self.notes.left_over += u64::from(time.is_some_and(|time| time < self.to));
            return Ok(());
        }
        self.range.count += 1;
        self.notes.decisions += 1;
        self.notes.unknown += u64::from(billed.is_none());
        self.notes.late += u64::from(time.is_some_and(|time| time < self.from));
        self.notes.more_bills += u64::from(billed.as_ref().is_some_and(|one| one.bills > 1));
        let (party, currency, amount) = billed.map_or_else(
            || (String::new(), NO_CURRENCY.to_owned(), 0),
            |billed| (billed.party, billed.currency, billed.amount_micros),
        );
        let sum = self.sums.entry((party, draft.dec.action, currency)).or_default();
        sum.0 += 1;
        let total = sum.1.checked_add(amount).filter(|sum| (-MAX_INT..=MAX_INT).contains(sum));
        sum.1 = total.ok_or(CloseError::TooLarge)?;
        Ok(())
    }

    /// The window as its record has it.
    #[must_use]
    pub fn finish(self) -> (WindowClose, Notes) {
        let totals = self.sums.into_iter().map(|((party, action, currency), (count, amount))| {
            Total { action, amount_micros: amount, count, currency, party }
        });
        let mut totals: Vec<Total> = totals.collect();
        WindowClose::sort(&mut totals);
        let window = WindowClose {
            from_us: self.from.micros(),
            records: self.range,
            to_us: self.to.micros(),
            totals,
        };
        (window, self.notes)
    }
}
