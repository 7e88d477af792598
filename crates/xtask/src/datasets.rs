//! `cargo xtask datasets`: the shipped example data, from a seed.

mod events;
mod issues;
mod random;
mod sheets;
mod world;

use crate::{check_flag, generated};

const SEED: u64 = 20_260_531;
const REPAIR: &str = "cargo xtask datasets";

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let check = check_flag(args)?;
    for (name, content) in files()? {
        generated(&format!("datasets/{name}"), &content, check, REPAIR)?;
    }
    Ok(())
}

fn files() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let all = issues::all(SEED);
    let mut files = Vec::new();
    for (week, rows) in issues::WEEKS.iter().zip(&all) {
        let (kind, content) = match *week {
            "2026-W20" => ("xlsx", sheets::week_20(rows)?),
            "2026-W21" => ("xlsx", sheets::week_21(rows)?),
            _ => ("csv", issues::csv(rows).into_bytes()),
        };
        files.push((format!("ioc-ipv6-{week}.{kind}"), content));
    }
    let may = all.last().map(Vec::as_slice).unwrap_or_default();
    files.push(("ioc-ipv6-2026-05.xlsx".into(), sheets::may(may)?));
    files.push(("asn.csv".into(), world::asn_table().into_bytes()));
    files.push(("events.jsonl".into(), events::log(SEED, may).into_bytes()));
    Ok(files)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_run_makes_the_same_bytes() {
        assert!(super::files().unwrap() == super::files().unwrap());
    }
}
