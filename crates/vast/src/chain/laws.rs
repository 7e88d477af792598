//! What holds for every web of documents, however it is woven.

use proptest::prelude::*;

use super::{
    Chain, ChainOutcome, FetchFault, Limits, Macros, Need, NetworkHop, Options, Resolver, Response,
    Start,
};

/// An Ad of a made-up document: to which document it leads, if it is a wrapper.
#[derive(Clone, Debug)]
struct MadeAd {
    leads_to: Option<usize>,
    sequence: Option<u8>,
    follow: bool,
    multiple: bool,
    fallback: bool,
}

fn ad() -> impl Strategy<Value = MadeAd> {
    let leads_to = prop_oneof![1 => Just(None), 3 => (0..6_usize).prop_map(Some)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (leads_to, proptest::option::of(0..4_u8), flags).prop_map(
        |(leads_to, sequence, (follow, multiple, fallback))| MadeAd {
            leads_to,
            sequence,
            follow,
            multiple,
            fallback,
        },
    )
}

fn document(ads: &[MadeAd], salt: &str) -> Vec<u8> {
    let ads: String = ads.iter().map(MadeAd::text).collect();
    format!("<VAST version=\"4.2\"><!--{salt}-->{ads}</VAST>").into_bytes()
}

impl MadeAd {
    fn text(&self) -> String {
        let sequence = self.sequence.map(|at| format!(" sequence=\"{at}\"")).unwrap_or_default();
        let inner = match self.leads_to {
            None => "<InLine><Impression>i</Impression></InLine>".to_owned(),
            Some(to) => format!(
                "<Wrapper followAdditionalWrappers=\"{}\" allowMultipleAds=\"{}\" \
                 fallbackOnNoAd=\"{}\"><Impression>w</Impression>\
                 <VASTAdTagURI>https://a.example/{to}?[CACHEBUSTING]</VASTAdTagURI></Wrapper>",
                self.follow, self.multiple, self.fallback
            ),
        };
        format!("<Ad{sequence}>{inner}</Ad>")
    }
}

/// Resolves over a web in which some documents fail and some differ each time they are asked for.
fn resolve(web: &[(Vec<MadeAd>, u8)], limits: &Limits) -> (Chain, u32) {
    let options = Options { limits: limits.clone(), macros: Macros::default() };
    let mut resolver = Resolver::new(Start::Url("https://a.example/0".into()), options);
    let mut supplied = 0_u32;
    while let Need::Fetch(need) = resolver.step() {
        let path = need.url.trim_start_matches("https://a.example/");
        let at: usize = path.split('?').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let body = match web.get(at) {
            None | Some((_, 0)) => Err(FetchFault::Status(404)),
            Some((ads, 1)) => Ok(document(ads, &supplied.to_string())),
            Some((ads, _)) => Ok(document(ads, "")),
        };
        supplied += 1;
        resolver.supply(Response {
            network: vec![NetworkHop {
                url: need.url.clone(),
                status: Some(200),
                remote_ip: None,
                tls: None,
                ms: 1,
                bytes: 0,
            }],
            final_url: None,
            content_type: None,
            cors: None,
            body,
        });
    }
    (resolver.finish(), supplied)
}

proptest! {
    #[test]
    fn every_web_ends_within_the_bounds_and_says_how(
        web in prop::collection::vec((prop::collection::vec(ad(), 0..4), 0..6_u8), 1..6),
        max_wrappers in 0..7_u32,
        max_documents in 1..20_u32,
    ) {
        let limits = Limits { max_wrappers, max_documents, ..Limits::default() };
        let (chain, supplied) = resolve(&web, &limits);
        prop_assert!(supplied <= max_documents);
        prop_assert_eq!(usize::try_from(supplied).unwrap(), chain.hops.len());
        prop_assert_eq!(chain.outcome == ChainOutcome::Resolved, !chain.ads.is_empty());
        if chain.outcome == ChainOutcome::Resolved {
            prop_assert_eq!(chain.vast_error, None);
        } else if chain.hops.len() > 1 {
            prop_assert!(chain.vast_error.is_some());
        }
        for (hop, at) in chain.hops.iter().zip(0..) {
            prop_assert_eq!(hop.index, at);
            prop_assert_eq!(hop.parent.is_none(), at == 0);
            prop_assert!(hop.parent.is_none_or(|parent| parent < at));
        }
        for ad in &chain.ads {
            prop_assert_eq!(ad.path.first(), Some(&0));
            prop_assert!(ad.path.len() <= usize::try_from(max_wrappers).unwrap() + 1);
            for pair in ad.path.windows(2) {
                let child = usize::try_from(pair[1]).unwrap();
                prop_assert_eq!(chain.hops[child].parent, Some(pair[0]));
            }
            // One impression a hop, in the order of the path.
            let hops: Vec<u32> = ad.trackers.iter().map(|tracker| tracker.hop).collect();
            prop_assert_eq!(&hops, &ad.path);
        }
        prop_assert_eq!(resolve(&web, &limits).0, chain);
    }

    #[test]
    fn no_bytes_stop_the_resolver(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let resolver = Resolver::new(Start::Document(bytes), Options::default());
        let chain = resolver.finish();
        prop_assert_eq!(chain.hops.len(), 1);
    }
}
