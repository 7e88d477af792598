//! The invented networks. All addresses are documentation space (RFC 9637), all AS numbers are
//! documentation numbers (RFC 5398).

use std::fmt::Write as _;
use std::net::Ipv6Addr;

/// A provider, the third group of hex digits of its /32 in 3fff::/20, and its AS number.
pub(super) struct Network {
    pub(super) name: &'static str,
    pub(super) block: u16,
    pub(super) asn: u32,
    /// Its share of the impressions, per mille.
    pub(super) traffic: u64,
}

const fn network(name: &'static str, block: u16, asn: u32, traffic: u64) -> Network {
    Network { name, block, asn, traffic }
}

pub(super) const SPECTRUM: usize = 0;
pub(super) const SPECTRUM_TWO: usize = 1;
pub(super) const VERIZON: usize = 2;
pub(super) const T_MOBILE: usize = 3;
pub(super) const COMCAST: usize = 4;
pub(super) const ATT_INTERNET: usize = 5;
pub(super) const COMCAST_BUSINESS: usize = 6;
pub(super) const PLAY: usize = 7;
pub(super) const ATT_WIRELESS: usize = 8;
pub(super) const HETZNER: usize = 9;
pub(super) const STARLINK: usize = 10;
pub(super) const RELAY: usize = 11;
/// Networks from here on only make background noise.
pub(super) const NOISE: usize = 12;

pub(super) const NETWORKS: [Network; 30] = [
    network("Spectrum", 0x010, 64_496, 130),
    network("Spectrum", 0x011, 64_497, 40),
    network("Verizon Fios", 0x020, 64_498, 90),
    network("T-Mobile USA", 0x030, 64_499, 150),
    network("Comcast Cable", 0x040, 64_500, 170),
    network("AT&T Internet", 0x050, 64_501, 80),
    network("Comcast Business", 0x060, 64_502, 20),
    network("Play", 0x070, 64_503, 25),
    network("AT&T Wireless", 0x080, 64_504, 60),
    network("Hetzner Online", 0x090, 64_505, 4),
    network("Starlink", 0x0a0, 64_506, 25),
    network("Example Relay", 0x0c0, 65_536, 26),
    network("Example Fibre North", 0x200, 64_508, 10),
    network("Example Fibre South", 0x210, 64_509, 10),
    network("Example Cable East", 0x220, 64_510, 10),
    network("Example Cable West", 0x230, 64_511, 10),
    network("Example Mobile One", 0x240, 65_538, 10),
    network("Example Mobile Two", 0x250, 65_539, 10),
    network("Example Valley Telephone", 0x260, 65_540, 10),
    network("Example Harbour Net", 0x270, 65_541, 10),
    network("Example Prairie Wireless", 0x280, 65_542, 10),
    network("Example Campus", 0x290, 65_543, 10),
    network("Example City Broadband", 0x2a0, 65_544, 10),
    network("Example Island Cable", 0x2b0, 65_545, 10),
    network("Example Mountain Fibre", 0x2c0, 65_546, 10),
    network("Example Rural Coop", 0x2d0, 65_547, 10),
    network("Example Metro Access", 0x2e0, 65_548, 10),
    network("Example Hosting", 0x2f0, 65_549, 10),
    network("Example Satellite", 0x300, 65_550, 10),
    network("Example Business Lines", 0x310, 65_551, 10),
];

/// The Spectrum /64 that recurs.
pub(super) const RECURRING: u64 = 0x3fff_0010_0042_0007;
/// The /48 in which a bot of Verizon Fios rotates.
pub(super) const ROTATING: u64 = 0x3fff_0020_0004_0000;
/// The /64 of the crawler.
pub(super) const CRAWLER: u64 = 0x3fff_0090_0000_0007;

/// The first 64 bits of a network's /32 with the 32 bits after it.
pub(super) fn subnet(network: usize, within: u32) -> u64 {
    0x3fff_0000_0000_0000 | u64::from(NETWORKS[network].block) << 32 | u64::from(within)
}

pub(super) fn address(subnet: u64, interface: u64) -> Ipv6Addr {
    Ipv6Addr::from_bits(u128::from(subnet) << 64 | u128::from(interface))
}

/// `asn.csv`: a range for each network, and one that lies inside the crawler's /64.
pub(super) fn asn_table() -> String {
    let mut text = String::from("asn,name,start,end\n");
    for (index, network) in NETWORKS.iter().enumerate() {
        let first = address(subnet(index, 0), 0);
        let last = address(subnet(index, u32::MAX), u64::MAX);
        let _ = writeln!(text, "{},{},{first},{last}", network.asn, network.name);
    }
    let (first, last) = (address(CRAWLER, 0x1000), address(CRAWLER, 0x1fff));
    let _ = writeln!(text, "65537,Example Colocation Customer,{first},{last}");
    text
}
