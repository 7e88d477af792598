use std::collections::VecDeque;

use adproof_model::Digest;
use sha2::{Digest as _, Sha256};

use super::address::canonical;
use super::reply::{Ad, AdBody, Of, Reply, Unusable};
use super::{
    Chain, ChainOutcome, Creative, Fault, Fetch, FetchFault, Hop, HopKind, Limits, Need, Options,
    ResolvedAd, Response, Start, Tracker, VastError, expand,
};

/// Walks a wrapper chain. See the module's documentation for the protocol.
#[derive(Debug)]
pub struct Resolver {
    options: Options,
    hops: Vec<Hop>,
    ads: Vec<ResolvedAd>,
    frames: Vec<Frame>,
    waiting: Option<Waiting>,
    spent_ms: u64,
    spent_bytes: u64,
    trackers: u32,
    trackers_left_out: u64,
}

/// A document on the path that is being walked.
#[derive(Debug)]
struct Frame {
    hop: u32,
    /// The canonical address, for finding loops.
    address: Option<Box<str>>,
    ads: Vec<Ad>,
    /// Ads to play, as indices into `ads`.
    take: VecDeque<usize>,
    /// Stand-alone ads to fall back on.
    spare: VecDeque<usize>,
    /// The ad that is being followed.
    current: usize,
    played: bool,
}

#[derive(Debug)]
struct Waiting {
    fetch: Fetch,
    address: Option<Box<str>>,
}

/// What a wrapper says about the response that it leads to.
#[derive(Clone, Copy)]
struct Terms {
    follow_additional: bool,
    allow_multiple: bool,
}

impl Resolver {
    /// A resolver at the start of a chain.
    #[must_use]
    pub fn new(start: Start, options: Options) -> Self {
        let mut resolver = Self {
            options,
            hops: Vec::new(),
            ads: Vec::new(),
            frames: Vec::new(),
            waiting: None,
            spent_ms: 0,
            spent_bytes: 0,
            trackers: 0,
            trackers_left_out: 0,
        };
        match start {
            Start::Url(url) => resolver.ask(&url, None),
            Start::Document(bytes) => resolver.answer(
                None,
                Response {
                    network: Vec::new(),
                    final_url: None,
                    content_type: None,
                    cors: None,
                    body: Ok(bytes),
                },
            ),
        }
        resolver
    }

    /// What is needed now. Says the same until it is answered.
    #[must_use]
    pub fn step(&self) -> Need {
        match &self.waiting {
            Some(waiting) => Need::Fetch(waiting.fetch.clone()),
            None => Need::Done,
        }
    }

    /// Answers the fetch that [`Self::step`] asked for. Does nothing when none is awaited.
    pub fn supply(&mut self, response: Response) {
        if let Some(waiting) = self.waiting.take() {
            self.answer(Some(waiting), response);
        }
    }

    /// The chain, as far as it was walked.
    #[must_use]
    pub fn finish(self) -> Chain {
        let fault = self.hops.iter().find_map(|hop| hop.fault.as_ref());
        let outcome = match fault {
            _ if !self.ads.is_empty() => ChainOutcome::Resolved,
            Some(fault) if fault.refused => ChainOutcome::Refused,
            Some(fault) if fault.error != VastError::NoAd => ChainOutcome::Error,
            _ => ChainOutcome::NoAd,
        };
        Chain {
            outcome,
            vast_error: fault.filter(|_| self.ads.is_empty()).map(|fault| fault.error),
            hops: self.hops,
            ads: self.ads,
            trackers_left_out: self.trackers_left_out,
        }
    }

    fn limits(&self) -> &Limits {
        &self.options.limits
    }

    fn next_index(&self) -> u32 {
        u32::try_from(self.hops.len()).unwrap_or(u32::MAX)
    }

    /// Asks for a document, or fails the ad that wants it.
    fn ask(&mut self, address: &str, base: Option<&str>) {
        let hop = self.next_index();
        let expanded = expand(address.trim(), &self.options.macros, hop);
        let url = match canonical(&expanded, base) {
            Ok(url) => url,
            Err(fault) => return self.decline(VastError::Wrapper, fault.to_string()),
        };
        let text = Box::<str>::from(url.as_str());
        if let Some(earlier) =
            self.frames.iter().find(|frame| frame.address.as_deref() == Some(&*text))
        {
            let text = format!("a loop: it asks for the address of hop {} again", earlier.hop);
            return self.decline(VastError::WrapperLimit, text);
        }
        let limits = self.limits();
        if hop >= limits.max_documents {
            let text = format!("more than {} documents", limits.max_documents);
            return self.decline(VastError::Wrapper, text);
        }
        let bytes_left = limits.max_total_bytes.saturating_sub(self.spent_bytes);
        if bytes_left == 0 {
            let text = format!("more than {} bytes in all", limits.max_total_bytes);
            return self.decline(VastError::Wrapper, text);
        }
        let total_ms = u64::from(limits.total_ms);
        let ms_left = u32::try_from(total_ms.saturating_sub(self.spent_ms)).unwrap_or(u32::MAX);
        if ms_left == 0 {
            let text = format!("more than {total_ms} ms in all");
            return self.decline(VastError::Timeout, text);
        }
        let hop_ms = if hop == 0 { limits.first_hop_ms } else { limits.hop_ms };
        self.waiting = Some(Waiting {
            fetch: Fetch {
                hop,
                url: text.clone(),
                timeout_ms: hop_ms.min(ms_left),
                max_bytes: limits.max_hop_bytes.min(bytes_left),
            },
            address: Some(text),
        });
    }

    /// Takes a document in and walks on to the next need.
    fn answer(&mut self, waiting: Option<Waiting>, response: Response) {
        let (url, address) = match waiting {
            Some(waiting) => (Some(waiting.fetch.url), waiting.address),
            None => (None, None),
        };
        let spent = response.network.iter().map(|hop| u64::from(hop.ms));
        self.spent_ms = self.spent_ms.saturating_add(spent.sum());
        let (body, failed) = match response.body {
            Ok(body) => (body, None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        let len = u64::try_from(body.len()).unwrap_or(u64::MAX);
        self.spent_bytes = self.spent_bytes.saturating_add(len);
        let index = self.next_index();
        let sha256 = failed.is_none().then(|| Digest::new(Sha256::digest(&body).into()));
        self.hops.push(Hop {
            index,
            parent: self.frames.last().map(|frame| frame.hop),
            ad: self.frames.last().and_then(|frame| Some(frame.ad()?.number)),
            final_url: response.final_url.or_else(|| url.clone()),
            url,
            network: response.network,
            content_type: response.content_type,
            cors: response.cors,
            sha256,
            body,
            kind: HopKind::Unread,
            version: None,
            ad_system: None,
            ads_left_out: 0,
            fault: None,
            expected_error: None,
        });
        match self.read(index, len, sha256, failed) {
            Ok(reply) => self.enter(index, address, reply),
            Err(fault) => self.fail(index, fault),
        }
        self.walk();
    }

    /// The document of a hop, if it can be used.
    fn read(
        &mut self,
        index: u32,
        len: u64,
        sha256: Option<Digest>,
        failed: Option<FetchFault>,
    ) -> Result<Reply, Fault> {
        let refused = |error, text: String| Fault { error, refused: true, text: text.into() };
        if let Some(fault) = failed {
            let text = fault.to_string().into();
            let (error, refused) = match fault {
                FetchFault::Timeout(_) | FetchFault::Status(_) | FetchFault::Unreachable(_) => {
                    (VastError::Timeout, false)
                }
                FetchFault::Refused(_) | FetchFault::TooBig(_) => (VastError::Wrapper, true),
            };
            return Err(Fault { error, refused, text });
        }
        let limits = self.limits();
        if len > limits.max_hop_bytes {
            let text = format!("more than {} bytes", limits.max_hop_bytes);
            return Err(refused(VastError::Wrapper, text));
        }
        if self.spent_bytes > limits.max_total_bytes {
            let text = format!("more than {} bytes in all", limits.max_total_bytes);
            return Err(refused(VastError::Wrapper, text));
        }
        if self.spent_ms > u64::from(limits.total_ms) {
            let text = format!("more than {} ms in all", limits.total_ms);
            return Err(refused(VastError::Timeout, text));
        }
        let on_path = |frame: &&Frame| {
            let hop = self.hops.get(usize::try_from(frame.hop).ok()?)?;
            (hop.sha256 == sha256).then_some(hop.index)
        };
        if let Some(earlier) = self.frames.iter().find_map(|frame| on_path(&frame)) {
            let text = format!("a loop: the same document as hop {earlier}");
            return Err(refused(VastError::WrapperLimit, text));
        }
        let Some(hop) = self.hop_mut(index) else {
            return Ok(Reply::default());
        };
        let reply = Reply::read(&hop.body);
        hop.version.clone_from(&reply.version);
        match reply.unusable {
            None => Ok(reply),
            Some(unusable) => {
                let error = match unusable {
                    Unusable::Malformed(_) | Unusable::Refused(_) => VastError::XmlParsing,
                    Unusable::NotVast(_) => VastError::Schema,
                    Unusable::Version(_) => VastError::Version,
                };
                Err(Fault {
                    error,
                    refused: matches!(unusable, Unusable::Refused(_)),
                    text: unusable.to_string().into(),
                })
            }
        }
    }

    /// Chooses the ads of a document and puts it on the path.
    fn enter(&mut self, index: u32, address: Option<Box<str>>, reply: Reply) {
        let terms = self.frames.last().map_or(
            // The first document was asked for by a player, which takes what it gets.
            Terms { follow_additional: true, allow_multiple: true },
            Frame::terms,
        );
        let max_fan_out = usize::try_from(self.limits().max_fan_out).unwrap_or(usize::MAX);
        let choice = Choice::of(&reply.ads, terms);
        let mut take = choice.take;
        let left_out = take.len().saturating_sub(max_fan_out);
        take.truncate(max_fan_out);
        let kind = if reply.ads.is_empty() {
            HopKind::Empty
        } else if reply.ads.iter().any(Ad::is_wrapper) {
            HopKind::Wrapper
        } else {
            HopKind::Inline
        };
        if let Some(hop) = self.hop_mut(index) {
            hop.kind = kind;
            hop.ad_system = reply.ads.first().and_then(|ad| ad.ad_system().map(Into::into));
            hop.ads_left_out = u32::try_from(left_out).unwrap_or(u32::MAX);
        }
        if let Some(why) = choice.none {
            // Without a wrapper before it, no ad is an answer and not an error.
            if self.frames.is_empty() {
                return;
            }
            let fault = Fault { error: VastError::NoAd, refused: false, text: why.into() };
            if reply.root_error
                && let Some(hop) = self.hop_mut(index)
            {
                hop.expected_error = Some(VastError::NoAd);
            }
            return self.fail(index, fault);
        }
        self.frames.push(Frame {
            hop: index,
            address,
            ads: reply.ads,
            take: take.into(),
            spare: choice.spare.into(),
            current: 0,
            played: false,
        });
    }

    /// Follows the path until a document is needed or nothing is left.
    fn walk(&mut self) {
        while self.waiting.is_none() {
            let depth = u32::try_from(self.frames.len()).unwrap_or(u32::MAX);
            let max_wrappers = self.limits().max_wrappers;
            let Some(frame) = self.frames.last_mut() else {
                return;
            };
            let Some(next) = frame.take.pop_front() else {
                let played = frame.played;
                self.frames.pop();
                self.settle(played);
                continue;
            };
            frame.current = next;
            match frame.ads.get(next).map(|ad| &ad.body) {
                Some(AdBody::Inline) => {
                    frame.played = true;
                    self.play();
                }
                Some(AdBody::Wrapper { .. }) if depth > max_wrappers => {
                    let text =
                        format!("wrapper {depth} in a row, where {max_wrappers} are followed");
                    self.decline(VastError::WrapperLimit, text);
                }
                Some(AdBody::Wrapper { uri, .. }) => {
                    let uri = uri.clone();
                    let base = self.base();
                    self.ask(&uri, base.as_deref());
                }
                None => {}
            }
        }
    }

    /// The address of the document at the end of the path.
    fn base(&self) -> Option<Box<str>> {
        let hop = usize::try_from(self.frames.last()?.hop).ok()?;
        self.hops.get(hop)?.final_url.clone()
    }

    /// The ad at the end of the path cannot be followed: our decision, blamed on its document.
    fn decline(&mut self, error: VastError, text: String) {
        let fault = Fault { error, refused: true, text: text.into() };
        let Some(hop) = self.frames.last().map(|frame| frame.hop) else {
            // The very first address: a hop without a document carries the fault.
            let index = self.next_index();
            self.hops.push(unread(index));
            return self.fail(index, fault);
        };
        self.blame(hop, fault);
        self.settle(false);
    }

    /// A document gave no ad: its fault, and the wrapper that led to it gave no ad either.
    fn fail(&mut self, index: u32, fault: Fault) {
        self.blame(index, fault);
        self.settle(false);
    }

    /// Records a fault and the code that the Error trackers on the path would receive.
    fn blame(&mut self, index: u32, fault: Fault) {
        let error = fault.error;
        let path: Vec<u32> = self.frames.iter().map(|frame| frame.hop).collect();
        for hop in path {
            if let Some(hop) = self.hop_mut(hop) {
                hop.expected_error.get_or_insert(error);
            }
        }
        if let Some(hop) = self.hop_mut(index) {
            hop.fault.get_or_insert(fault);
        }
    }

    /// The ad at the end of the path has been followed. If it gave nothing, `fallbackOnNoAd`
    /// may call on a stand-alone ad of the same document.
    fn settle(&mut self, played: bool) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        if played {
            frame.played = true;
            return;
        }
        let falls_back = matches!(
            frame.ad().map(|ad| &ad.body),
            Some(AdBody::Wrapper { fallback_on_no_ad: true, .. })
        );
        if falls_back && let Some(spare) = frame.spare.pop_front() {
            frame.take.push_front(spare);
        }
    }

    /// Adds the ad at the end of the path, with what every hop contributes.
    fn play(&mut self) {
        let mut creative = Creative::default();
        let mut trackers = Vec::new();
        let room = self.limits().max_trackers;
        let nearest = |of| {
            let has = |frame: &Frame| frame.ad().is_some_and(|ad| ad.has(of));
            self.frames.iter().rposition(has)
        };
        let (companions, icons) = (nearest(Of::Companion), nearest(Of::Icon));
        for (at, frame) in self.frames.iter().enumerate() {
            let Some(ad) = frame.ad() else {
                continue;
            };
            for raw in ad.trackers() {
                let shown = match raw.of {
                    Of::Ad => true,
                    Of::Companion => companions == Some(at),
                    Of::Icon => icons == Some(at),
                };
                if !shown {
                    continue;
                }
                if self.trackers >= room {
                    self.trackers_left_out = self.trackers_left_out.saturating_add(1);
                    continue;
                }
                self.trackers += 1;
                trackers.push(Tracker {
                    url: raw.url.clone(),
                    event: raw.event.clone(),
                    hop: frame.hop,
                    position: raw.position,
                });
            }
            ad.contribute(&mut creative);
        }
        let sequence = self.frames.last().and_then(|frame| frame.ad()?.sequence);
        self.ads.push(ResolvedAd {
            path: self.frames.iter().map(|frame| frame.hop).collect(),
            sequence,
            creative,
            trackers,
        });
    }

    fn hop_mut(&mut self, index: u32) -> Option<&mut Hop> {
        self.hops.get_mut(usize::try_from(index).ok()?)
    }
}

impl Frame {
    /// The ad that is being followed.
    fn ad(&self) -> Option<&Ad> {
        self.ads.get(self.current)
    }

    fn terms(&self) -> Terms {
        match self.ad().map(|ad| &ad.body) {
            Some(AdBody::Wrapper { follow_additional, allow_multiple, .. }) => {
                Terms { follow_additional: *follow_additional, allow_multiple: *allow_multiple }
            }
            _ => Terms { follow_additional: true, allow_multiple: false },
        }
    }
}

/// Which ads of a document are played.
struct Choice {
    take: Vec<usize>,
    spare: Vec<usize>,
    /// Why there is nothing to take.
    none: Option<&'static str>,
}

impl Choice {
    fn of(ads: &[Ad], terms: Terms) -> Self {
        let usable = |ad: &Ad| terms.follow_additional || matches!(ad.body, AdBody::Inline);
        let (mut pod, mut alone): (Vec<usize>, Vec<usize>) = ads
            .iter()
            .enumerate()
            .filter(|(_, ad)| usable(ad))
            .map(|(at, _)| at)
            .partition(|at| ads.get(*at).is_some_and(|ad| ad.sequence.is_some()));
        // Stable, so that ads that wrongly share a number keep the order of the document.
        pod.sort_by_key(|at| ads.get(*at).and_then(|ad| ad.sequence));
        let none = match () {
            () if ads.is_empty() => Some("the document holds no ad"),
            () if pod.is_empty() && alone.is_empty() => Some(
                "a wrapper, which followAdditionalWrappers=false of the wrapper before it rules out",
            ),
            () if alone.is_empty() && !terms.allow_multiple => {
                Some("only a pod, and the wrapper before it does not say allowMultipleAds=true")
            }
            () => None,
        };
        if !terms.allow_multiple {
            pod.clear();
        }
        if pod.is_empty() {
            let spare = alone.split_off(alone.len().min(1));
            return Self { take: alone, spare, none };
        }
        Self { take: pod, spare: alone, none }
    }
}

/// A hop for which no document came.
fn unread(index: u32) -> Hop {
    Hop {
        index,
        parent: None,
        ad: None,
        url: None,
        final_url: None,
        network: Vec::new(),
        content_type: None,
        cors: None,
        sha256: None,
        body: Vec::new(),
        kind: HopKind::Unread,
        version: None,
        ad_system: None,
        ads_left_out: 0,
        fault: None,
        expected_error: None,
    }
}
