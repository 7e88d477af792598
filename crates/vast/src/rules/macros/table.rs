//! The macros of VAST: since when, and where they have a value (IAB Tech Lab, VAST 4.x macros).

use crate::Version;
use crate::structure::same;

/// One macro.
pub(super) struct Macro {
    pub(super) name: &'static str,
    /// The version that it came with; those added between versions belong to all of 4.1 and later.
    pub(super) since: Version,
    pub(super) only: Only,
}

/// Where a macro has a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    Anywhere,
    /// Where an ad is asked for.
    Request,
    /// Where something is counted.
    Tracker,
    Error,
    Click,
    Verification,
}

const fn row(name: &'static str, since: Version, only: Only) -> Macro {
    Macro { name, since, only }
}

/// All macros, sorted by name.
static MACROS: [Macro; 59] = [
    row("ADCATEGORIES", Version::V4_1, Only::Request),
    row("ADCOUNT", Version::V4_1, Only::Anywhere),
    row("ADPLAYHEAD", Version::V4_1, Only::Tracker),
    row("ADSERVINGID", Version::V4_1, Only::Tracker),
    row("ADTYPE", Version::V4_1, Only::Anywhere),
    row("APIFRAMEWORKS", Version::V4_1, Only::Request),
    row("APPBUNDLE", Version::V4_1, Only::Anywhere),
    row("ASSETURI", Version::V3_0, Only::Tracker),
    row("BLOCKEDADCATEGORIES", Version::V4_1, Only::Request),
    row("BREAKMAXADLENGTH", Version::V4_2, Only::Anywhere),
    row("BREAKMAXADS", Version::V4_2, Only::Anywhere),
    row("BREAKMAXDURATION", Version::V4_2, Only::Anywhere),
    row("BREAKMINADLENGTH", Version::V4_2, Only::Anywhere),
    row("BREAKPOSITION", Version::V4_1, Only::Anywhere),
    row("CACHEBUSTING", Version::V3_0, Only::Anywhere),
    row("CLICKPOS", Version::V4_1, Only::Click),
    row("CLICKTYPE", Version::V4_1, Only::Anywhere),
    row("CLIENTUA", Version::V4_1, Only::Anywhere),
    row("CONTENTCAT", Version::V4_1, Only::Request),
    row("CONTENTID", Version::V4_1, Only::Anywhere),
    row("CONTENTPLAYHEAD", Version::V3_0, Only::Anywhere),
    row("CONTENTURI", Version::V4_1, Only::Anywhere),
    row("DEVICEIP", Version::V4_1, Only::Anywhere),
    row("DEVICEUA", Version::V4_1, Only::Anywhere),
    row("DOMAIN", Version::V4_1, Only::Anywhere),
    row("DSAPARAMS", Version::V4_1, Only::Request),
    row("DSAPUBRENDER", Version::V4_1, Only::Request),
    row("DSAREQUIRED", Version::V4_1, Only::Request),
    row("ERRORCODE", Version::V3_0, Only::Error),
    row("EXTENSIONS", Version::V4_1, Only::Request),
    row("GDPRCONSENT", Version::V4_1, Only::Anywhere),
    row("GPPSECTIONID", Version::V4_1, Only::Anywhere),
    row("GPPSTRING", Version::V4_1, Only::Anywhere),
    row("IFA", Version::V4_1, Only::Anywhere),
    row("IFATYPE", Version::V4_1, Only::Anywhere),
    row("INVENTORYSTATE", Version::V4_1, Only::Anywhere),
    row("LATLONG", Version::V4_1, Only::Anywhere),
    row("LIMITADTRACKING", Version::V4_1, Only::Anywhere),
    row("MEDIAMIME", Version::V4_1, Only::Request),
    row("MEDIAPLAYHEAD", Version::V4_1, Only::Anywhere),
    row("OMIDPARTNER", Version::V4_1, Only::Anywhere),
    row("PAGEURL", Version::V4_1, Only::Anywhere),
    row("PLACEMENTTYPE", Version::V4_1, Only::Anywhere),
    row("PLAYBACKMETHODS", Version::V4_1, Only::Anywhere),
    row("PLAYERCAPABILITIES", Version::V4_1, Only::Anywhere),
    row("PLAYERSIZE", Version::V4_1, Only::Anywhere),
    row("PLAYERSTATE", Version::V4_1, Only::Tracker),
    row("PODSEQUENCE", Version::V4_1, Only::Tracker),
    row("REASON", Version::V4_1, Only::Verification),
    row("REGULATIONS", Version::V4_1, Only::Anywhere),
    row("SERVERSIDE", Version::V4_1, Only::Anywhere),
    row("SERVERUA", Version::V4_1, Only::Anywhere),
    row("STOREID", Version::V4_1, Only::Anywhere),
    row("STOREURL", Version::V4_1, Only::Anywhere),
    row("TIMESTAMP", Version::V4_0, Only::Anywhere),
    row("TRANSACTIONID", Version::V4_1, Only::Anywhere),
    row("UNIVERSALADID", Version::V4_1, Only::Tracker),
    row("VASTVERSIONS", Version::V4_1, Only::Request),
    row("VERIFICATIONVENDORS", Version::V4_1, Only::Request),
];

/// The macro of a name in capitals.
pub(super) fn find(name: &str) -> Option<&'static Macro> {
    // There are a few of each letter, and every tracker has macros.
    let letter = usize::from(name.as_bytes().first()?.checked_sub(b'A')?);
    let (from, to) = (*STARTS.get(letter)?, *STARTS.get(letter + 1)?);
    let known = MACROS.get(usize::from(from)..usize::from(to))?;
    known.iter().find(|known| same(known.name.as_bytes(), name.as_bytes()))
}

/// Where the macros of each letter begin, and the end.
static STARTS: [u8; 27] = {
    let mut starts = [0; 27];
    let (mut letter, mut place) = (0_u8, 0_u8);
    while (letter as usize) < starts.len() {
        while (place as usize) < MACROS.len()
            && MACROS[place as usize].name.as_bytes()[0] < b'A' + letter
        {
            place += 1;
        }
        starts[letter as usize] = place;
        letter += 1;
    }
    starts
};

/// The macro that is meant by a name of other systems, in capitals.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    Some(match name {
        "CACHEBUSTER" | "CACHE_BUSTER" | "CACHE_BUSTING" | "CACHE_BUST" | "CACHEBUST" | "CB"
        | "RANDOM" | "RANDOM_NUMBER" | "RAND" => "CACHEBUSTING",
        "ERROR_CODE" | "ERRCODE" | "VAST_ERROR_CODE" => "ERRORCODE",
        "TIME_STAMP" => "TIMESTAMP",
        "ASSET_URI" => "ASSETURI",
        "CONTENT_PLAYHEAD" => "CONTENTPLAYHEAD",
        "PAGE_URL" => "PAGEURL",
        "DEVICE_UA" => "DEVICEUA",
        "DEVICE_IP" => "DEVICEIP",
        "APP_BUNDLE" => "APPBUNDLE",
        "GDPR_CONSENT" => "GDPRCONSENT",
        "LIMIT_AD_TRACKING" => "LIMITADTRACKING",
        "AD_SERVING_ID" => "ADSERVINGID",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_knows_the_same_macros() {
        let names: Vec<&str> = MACROS.iter().map(|known| known.name).collect();
        assert_eq!(names, crate::chain::MACRO_NAMES);
        for name in names {
            assert_eq!(find(name).map(|known| known.name), Some(name));
        }
        for name in ["", "A", "ADCOUNTS", "errorcode", "ZZZ", "É"] {
            assert!(find(name).is_none(), "{name}");
        }
    }
}
