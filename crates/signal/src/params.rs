use adproof_model::{Family, Level};

/// How scoring weighs. Every field is an integer, so that a parameter set has one digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The newest issues that count, 1 to 64.
    pub window: u32,
    /// α of the root prior in thousandths, above 0.
    pub prior_alpha_milli: u32,
    /// β of the root prior in thousandths, above 0.
    pub prior_beta_milli: u32,
    /// `m` in thousandths: how many issues the neighbours' return rate weighs at most. It never
    /// weighs more than the issues in which neighbours could be observed.
    pub neighbour_weight_milli: u32,
    /// The widest level at which mere presence says something about one party. RIPE-690 delegates
    /// at most a /48 to one site; anything wider holds a population, whose presence measures its
    /// size, and needs the operator's own log to rank.
    pub presence_level: Level,
    /// False discovery rate of a table's ranked blocks, in parts per million.
    pub false_discovery_ppm: u32,
    /// Where the own log holds a block, the permutation p-value of its marks must not exceed this
    /// many parts per million.
    pub significance_ppm: u32,
    /// EB05 that a block above `presence_level` must reach, in parts per million: 2 is the usual
    /// threshold of disproportionality (DuMouchel 1999; Szarfman et al. 2002).
    pub excess_ppm: u32,
    /// Draws for rank intervals.
    pub draws: u32,
    /// Seed of the draws.
    pub seed: u64,
    /// Issues in which a single address must be seen to be reported as a block of its own:
    /// temporary addresses live for a day or two (RFC 8981).
    pub address_issues: u32,
    /// Blocks that a scoring holds at most. What is cut is counted.
    pub max_blocks: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            window: 26,
            prior_alpha_milli: 1_000,
            prior_beta_milli: 9_000,
            neighbour_weight_milli: 4_000,
            presence_level: Level::P48,
            false_discovery_ppm: 50_000,
            significance_ppm: 50_000,
            excess_ppm: 2_000_000,
            draws: 400,
            seed: 0x6164_7072_6f6f_6631,
            address_issues: 2,
            max_blocks: 20_000,
        }
    }
}

impl Params {
    /// The fields in their order, fixed width, big-endian: what a digest of the parameters is
    /// taken over.
    #[must_use]
    pub fn to_canonical_bytes(&self) -> Vec<u8> {
        let mut out = b"adproof score params v1\0".to_vec();
        let level = Level::ALL.iter().position(|one| *one == self.presence_level);
        for field in [
            u64::from(self.window),
            u64::from(self.prior_alpha_milli),
            u64::from(self.prior_beta_milli),
            u64::from(self.neighbour_weight_milli),
            crate::num::count64(level.unwrap_or(0)),
            u64::from(self.false_discovery_ppm),
            u64::from(self.significance_ppm),
            u64::from(self.excess_ppm),
            u64::from(self.draws),
            self.seed,
            u64::from(self.address_issues),
            crate::num::count64(self.max_blocks),
        ] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out
    }

    /// The window as it can be used: a history is a mask of 64 bits.
    pub(crate) fn window(&self) -> usize {
        usize::try_from(self.window.clamp(1, 64)).unwrap_or(64)
    }

    /// Whether blocks of a family are put in order. A crawler that declares itself is identified,
    /// not suspected; its recurrence is reported and never ranked.
    pub(crate) const fn ranks(family: Family) -> bool {
        !matches!(family, Family::Crawler)
    }
}
