//! Who else an action would hit.

use adproof_model::{Basis, Block};
use adproof_signal::{Exposure, Params, Tally, collateral};

use super::indicator;

fn exposure(address: &str, device: u128) -> Exposure {
    Exposure {
        address: address.parse::<std::net::Ipv6Addr>().unwrap().to_bits(),
        asn: Some(64_500),
        device,
        day: 1,
        impressions: 2,
        revenue_micros: 1_000,
        flagged: false,
    }
}

fn prefix(text: &str) -> Block {
    Block::Prefix(text.parse().unwrap())
}

#[test]
fn without_a_log_the_figure_is_structural_and_never_zero() {
    for (block, households) in [
        (prefix("3fff:1::1/128"), 1),
        (prefix("3fff:1::/64"), 1),
        (prefix("3fff:1::/56"), 256),
        (prefix("3fff:1::/48"), 65_536),
        (prefix("3fff:1::/32"), 1 << 32),
        (Block::Asn(1), 1 << 32),
        (Block::Provider("P".into()), 1 << 32),
    ] {
        let found = collateral(&Tally::empty(), &block, &Params::default());
        assert_eq!((found.basis, found.households), (Basis::Structural, households), "{block}");
        assert_eq!(found.devices_high_ppm, 1_000_000);
    }
}

#[test]
fn the_log_counts_unflagged_devices_and_bounds_what_was_not_seen() {
    let mut tally = Tally::empty();
    for device in 1..=200 {
        tally.expose(exposure(&format!("3fff:2:{device:x}::1"), device));
    }
    tally.expose(exposure("3fff:1:0:1::1", 300));
    tally.expose(exposure("3fff:1:0:1::2", 300));
    tally.expose(exposure("3fff:1:0:2::1", 301));
    tally.expose(Exposure { flagged: true, ..exposure("3fff:1:0:1::3", 302) });
    tally.expose(exposure("3fff:1:0:3::1", 0));
    let found = collateral(&tally, &prefix("3fff:1::/48"), &Params::default());
    assert_eq!(found.basis, Basis::Log);
    // The event without a device counts as a household and as impressions, not as a device.
    assert_eq!((found.devices, found.households, found.impressions), (2, 3, 8));
    assert_eq!((found.revenue_micros, found.devices_in_log), (4_000, 203));
    assert!(found.devices_high_ppm > 2 * 1_000_000 / 203);
    assert_eq!(found.coverage_ppm, 408 * 1_000_000 / 410 + 1);
    let nobody = collateral(&tally, &prefix("3fff:9::/48"), &Params::default());
    assert_eq!((nobody.basis, nobody.devices), (Basis::Log, 0));
    assert!((1..=3 * 1_000_000 / 203 + 1).contains(&nobody.devices_high_ppm));
    let asn = collateral(&tally, &Block::Asn(64_500), &Params::default());
    assert_eq!(asn.devices, 202);
}

#[test]
fn a_provider_is_the_networks_that_feeds_file_under_it() {
    let mut tally = Tally::empty();
    tally.expose(exposure("3fff:2::1", 1));
    let provider = Block::Provider("P".into());
    let before = collateral(&tally, &provider, &Params::default());
    assert_eq!(before.basis, Basis::Structural);
    let mut row = indicator("3fff:2::9", "displayImpressionFraud", "P", "2026-05");
    row.asn = Some(64_500);
    tally.mark(&row, "feed");
    let after = collateral(&tally, &provider, &Params::default());
    assert_eq!((after.basis, after.devices), (Basis::Log, 1));
}
