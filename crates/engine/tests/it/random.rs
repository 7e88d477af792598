//! Random logs from a fixed seed, as text and as Parquet.

use std::fmt::Write as _;
use std::path::Path;

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{JsonReadOptions, SessionContext};

/// SplitMix64: enough for test data, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

const FIELDS: [&str; 18] = [
    "id",
    "leg",
    "observer",
    "transaction",
    "impression",
    "time",
    "received",
    "ip",
    "ua",
    "ifa",
    "asn",
    "creative",
    "price_micros",
    "currency",
    "tag",
    "outcome",
    "amount_micros",
    "withheld",
];

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

/// One event: the fields in the order of [`FIELDS`], as JSON literals.
fn event(random: &mut Random, number: u64, impressions: u64) -> [Option<String>; 18] {
    let quote = |text: String| Some(format!("\"{text}\""));
    let mut fields: [Option<String>; 18] = Default::default();
    let impression = random.below(impressions);
    let leg = random.below(6);
    let name = ["request", "network", "creative", "vast", "execution", "billing"][index(leg)];
    // A duplicate now and then.
    let id = if random.once_in(200) { random.below(number + 1) } else { number };
    fields[0] = quote(format!("e{id}"));
    fields[1] = quote(name.to_owned());
    fields[2] = quote("ads.example".to_owned());
    if !random.once_in(50) {
        fields[3] = quote(format!("t{impression}"));
        fields[4] = quote("1".to_owned());
    }
    let second = random.below(60);
    let time =
        |day: u64| format!("2026-05-{:02}T10:00:{second:02}.{:06}Z", 1 + day, number % 1_000_000);
    fields[5] = quote(time(random.below(30)));
    fields[6] = quote(time(30));
    let subnet = random.below(300);
    fields[7] = match random.below(20) {
        0 => None,
        1 => quote(format!("192.0.2.{subnet}").replace("192.0.2.3", "198.51.100.3")),
        2 => quote(format!("[3FFF:{subnet:04X}:0:0::{:x}]:443", random.below(9))),
        3 => quote(format!("3fff:{subnet:x}::{:x}%eth0", random.below(9))),
        _ => quote(format!("3fff:{:x}:{subnet:x}::{:x}", subnet % 7, random.below(9))),
    };
    if random.once_in(9) {
        fields[8] = quote("A player, 1.0 (with \\\"quotes\\\"\\nand a line break)".to_owned());
    }
    if !random.once_in(4) {
        fields[9] = quote(format!("device-{}", random.below(700)));
    }
    match leg {
        1 => fields[10] = Some(format!("{}", 64496 + random.below(12))),
        2 => {
            fields[11] = quote("c1".to_owned());
            fields[12] = Some(format!("{}", random.below(9_000)));
            fields[13] = quote("USD".to_owned());
        }
        3 => fields[14] = quote("inline.xml".to_owned()),
        // One in three is no outcome, so its row is no event.
        4 => {
            let outcome = ["started", "completed", "paused"][index(random.below(3))];
            fields[15] = quote(outcome.to_owned());
        }
        5 => {
            fields[13] = quote(if random.once_in(5) { "EUR" } else { "USD" }.to_owned());
            fields[16] = Some(format!("{}", random.below(90_000).cast_signed() - 1_000));
        }
        _ => {}
    }
    if random.once_in(90) {
        fields[17] = quote("refused".to_owned());
    }
    fields
}

/// A log of so many events as JSON lines and as CSV.
pub(crate) fn log(seed: u64, events: u64) -> (String, String) {
    let mut random = Random(seed);
    let (mut jsonl, mut csv) = (String::new(), FIELDS.join(","));
    csv.push('\n');
    for number in 0..events {
        let fields = event(&mut random, number, events / 5 + 1);
        let present = FIELDS
            .iter()
            .zip(&fields)
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("\"{name}\":{value}")));
        writeln!(jsonl, "{{{}}}", present.collect::<Vec<_>>().join(",")).unwrap();
        let cells = fields.iter().map(|value| {
            let text = value.as_deref().unwrap_or_default();
            let plain = text.replace("\\\"", "\"\"").replace("\\n", "\n");
            if text.contains('\\') { plain } else { plain.replace('"', "") }
        });
        writeln!(csv, "{}", cells.collect::<Vec<_>>().join(",")).unwrap();
    }
    (jsonl, csv)
}

/// Writes JSON lines as Parquet: text columns, times as instants in UTC.
pub(crate) fn to_parquet(jsonl: &Path, parquet: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let context = SessionContext::new();
        let options = JsonReadOptions::default().file_extension("jsonl");
        context.register_json("log", jsonl.to_str().unwrap(), options).await.unwrap();
        let frame = context
            .sql(
                "SELECT * EXCEPT (time, received), \
                 arrow_cast(time, 'Timestamp(Microsecond, Some(\"UTC\"))') AS time, \
                 arrow_cast(received, 'Timestamp(Microsecond, Some(\"UTC\"))') AS received FROM log",
            )
            .await
            .unwrap();
        frame
            .write_parquet(
                parquet.to_str().unwrap(),
                DataFrameWriteOptions::new().with_single_file_output(true),
                None,
            )
            .await
            .unwrap();
    });
}
