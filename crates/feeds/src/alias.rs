//! Which words name which column.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Field {
    Address,
    Type,
    Probability,
    Provider,
    Asn,
    IpType,
}

/// Names in their folded form: lower case, letters and digits only. Within a field, an earlier
/// name wins over a later one when a header holds both.
const ALIASES: [(Field, &[&str]); 6] = [
    (
        Field::Address,
        &[
            "ipv6address",
            "ipv6addresses",
            "ipv6addr",
            "ipv6",
            "ipv6prefix",
            "ipv6cidr",
            "ipv6indicator",
            "ipaddress",
            "ipaddresses",
            "ipaddr",
            "ip",
            "ips",
            "ipv4ipv6",
            "ipcidr",
            "cidr",
            "prefix",
            "subnet",
            "network",
            "clientip",
            "sourceip",
            "srcip",
            "remoteip",
            "deviceip",
            "deviceipv6",
            "hostaddress",
            "address",
            "addr",
            "indicator",
            "indicators",
            "indicatorvalue",
            "ioc",
            "iocs",
            "iocvalue",
            "observable",
            "observablevalue",
            "value",
        ],
    ),
    (
        Field::Type,
        &[
            "fraudtype",
            "ivttype",
            "ivtcategory",
            "ivtreason",
            "invalidtraffictype",
            "fraudcategory",
            "fraudreason",
            "threattype",
            "indicatortype",
            "ivt",
            "type",
            "types",
            "category",
            "classification",
            "class",
            "reason",
            "label",
            "labels",
            "threat",
            "tag",
            "tags",
        ],
    ),
    (
        Field::Probability,
        &[
            "probability",
            "fraudprobability",
            "ivtprobability",
            "prob",
            "confidence",
            "confidencescore",
            "riskscore",
            "fraudscore",
            "ivtscore",
            "score",
            "risk",
            "certainty",
        ],
    ),
    (
        Field::Provider,
        &[
            "provider",
            "providername",
            "isp",
            "ispname",
            "carrier",
            "carriername",
            "networkoperator",
            "networkprovider",
            "internetserviceprovider",
            "serviceprovider",
            "organization",
            "organisation",
            "org",
            "orgname",
            "asname",
            "asnname",
            "asorg",
            "asnorg",
            "asorganization",
            "operator",
            "company",
            "owner",
            "isporg",
            "isporganization",
        ],
    ),
    (
        Field::Asn,
        &["asn", "as", "asnumber", "autonomoussystem", "autonomoussystemnumber", "originas"],
    ),
    (
        Field::IpType,
        &[
            "iptype",
            "addresstype",
            "ipversion",
            "connectiontype",
            "networktype",
            "iptypes",
            "usagetype",
        ],
    ),
];

/// The field that a header cell names, with the rank of the name within its field.
pub(crate) fn field_of(header: &str) -> Option<(Field, usize)> {
    let folded = fold(header);
    if folded.is_empty() || folded.len() > 40 {
        return None;
    }
    ALIASES.iter().find_map(|(field, names)| {
        let rank = names.iter().position(|name| *name == folded)?;
        Some((*field, rank))
    })
}

/// Lower case letters and digits of any script; spaces, dashes, dots and the like do not matter,
/// and neither does what stands in parentheses, such as a unit.
pub(crate) fn fold(header: &str) -> String {
    let outside = match (header.find('('), header.rfind(')')) {
        (Some(open), Some(close)) if open < close && open > 0 => {
            let mut text = header.get(..open).unwrap_or("").to_owned();
            text.push_str(header.get(close + 1..).unwrap_or(""));
            text
        }
        _ => header.to_owned(),
    };
    outside.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_is_written_folded_and_names_one_field() {
        let mut seen = std::collections::BTreeMap::new();
        for (field, names) in ALIASES {
            for name in names {
                assert_eq!(fold(name), *name, "{name} is not folded");
                assert_eq!(seen.insert(*name, field), None, "{name} is there twice");
            }
        }
    }

    #[test]
    fn headers_are_known_in_any_spelling() {
        for (header, field) in [
            ("IP", Field::Address),
            (" IPv6_Address ", Field::Address),
            ("Indicator (IPv6)", Field::Address),
            ("fraudType", Field::Type),
            ("IVT Type", Field::Type),
            ("Probability (0.5-1)", Field::Probability),
            ("ISP", Field::Provider),
            ("ISP / Organization", Field::Provider),
            ("IP Type", Field::IpType),
            ("AS Number", Field::Asn),
        ] {
            assert_eq!(field_of(header).map(|f| f.0), Some(field), "{header}");
        }
        assert_eq!(field_of("First seen"), None);
        assert_eq!(field_of("IPv6 indicators of invalid traffic, May 2026"), None);
    }
}
