//! `adproof diff`.

use serde_json::Value;

use crate::run::{adproof, dataset};

fn issue(label: &str) -> String {
    let ending = if label > "2026-W19" || label == "2026-05" { "xlsx" } else { "csv" };
    dataset(&format!("ioc-ipv6-{label}.{ending}")).display().to_string()
}

fn diff(old: &str, new: &str) -> Value {
    adproof(&["diff", &issue(old), &issue(new), "--output-format", "json"]).exits(0).json()
}

#[test]
fn says_what_came_what_went_and_what_stayed_at_every_level() {
    let document = diff("2026-W18", "2026-W19");
    assert_eq!(document["schema"], "adproof.diff/1");
    let find = |name: &str| {
        let blocks = document["blocks"].as_array().unwrap().iter();
        let found = blocks.into_iter().find(|block| block["block"] == name);
        found.map(|block| block["change"].as_str().unwrap().to_owned())
    };
    // The /64 stays while its addresses change; the /48 was not there in W18.
    assert_eq!(find("3fff:10:42:7::/64").as_deref(), Some("kept"));
    assert_eq!(find("3fff:20:4::/48").as_deref(), Some("added"));
    assert_eq!(find("3fff:30::/32").as_deref(), Some("kept"));
    for level in document["levels"].as_array().unwrap() {
        let of = |change: &str| {
            let blocks = document["blocks"].as_array().unwrap().iter();
            let here =
                blocks.filter(|one| one["level"] == level["level"] && one["change"] == change);
            here.count() as u64
        };
        for change in ["added", "removed", "kept"] {
            assert_eq!(level[change], of(change), "{level}");
        }
    }
}

#[test]
fn the_other_way_round_swaps_what_came_and_what_went() {
    let (there, back) = (diff("2026-W13", "2026-W20"), diff("2026-W20", "2026-W13"));
    let counts = |document: &Value, change: &str| {
        let levels = document["levels"].as_array().unwrap().iter();
        levels.map(|level| level[change].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(counts(&there, "added"), counts(&back, "removed"));
    assert_eq!(counts(&there, "kept"), counts(&back, "kept"));
    assert_eq!((&there["in_order"], &back["in_order"]), (&true.into(), &false.into()));
}

#[test]
fn an_issue_against_itself_has_no_change() {
    let document = diff("2026-05", "2026-05");
    let kept = |block: &Value| {
        block["change"] == "kept" && block["indicators_old"] == block["indicators_new"]
    };
    assert!(document["blocks"].as_array().unwrap().iter().all(kept));
}

#[test]
fn the_table_fits_80_columns_and_says_that_absence_is_censoring() {
    let ran = adproof(&["diff", &issue("2026-W19"), &issue("2026-05")]).exits(0);
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for text in ["2026-W19 to 2026-05", "Added at /64", "absence is censoring", "opinion"] {
        let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(text), "{text}\n{}", ran.stdout);
    }
    let swapped = adproof(&["diff", &issue("2026-05"), &issue("2026-W19")]).exits(0);
    swapped.says(&["newer than the second"]);
}

#[test]
fn csv_has_one_level_when_asked() {
    let args =
        ["diff", &issue("2026-W18"), &issue("2026-W19"), "--level", "48", "--output-format", "csv"];
    let ran = adproof(&args).exits(0);
    let mut lines = ran.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("level,block,family,provider,change,indicators_old,indicators_new")
    );
    assert!(lines.all(|line| line.starts_with("/48,")));
}

#[test]
fn says_what_is_wrong_with_either_side() {
    let may = issue("2026-05");
    adproof(&["diff", "none.csv", &may]).exits(2).says(&["does not exist", "none.csv", "to do:"]);
    let folder = dataset("tags").display().to_string();
    adproof(&["diff", &may, &folder]).exits(2).says(&["a folder", "to do:"]);
    adproof(&["diff", &may]).exits(2).says(&["<NEW>"]);
}
