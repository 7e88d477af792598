//! Tags of any size.

use std::fmt::Write as _;

/// A clean inline ad of VAST 4.2 with some number of trackers.
fn ad(out: &mut String, place: usize, trackers: usize) {
    let events = [
        "start",
        "firstQuartile",
        "midpoint",
        "thirdQuartile",
        "complete",
        "mute",
        "unmute",
        "pause",
        "resume",
        "skip",
    ];
    let _ = write!(
        out,
        "  <Ad id=\"ad-{place}\" sequence=\"{}\">
    <InLine>
      <AdSystem version=\"1.0\">Example Ads</AdSystem>
      <AdTitle>Advertisement number {place}</AdTitle>
      <AdServingId>example-5f0c1c3a-{place}</AdServingId>
      <Impression id=\"seller\"><![CDATA[https://track.example.com/{place}/impression?cb=[CACHEBUSTING]&ts=[TIMESTAMP]]]></Impression>
      <Error><![CDATA[https://track.example.com/{place}/error?code=[ERRORCODE]]]></Error>
      <Creatives>
        <Creative id=\"creative-{place}\" sequence=\"1\">
          <UniversalAdId idRegistry=\"ad-id.org\">EXMP{place:07}H</UniversalAdId>
          <Linear skipoffset=\"00:00:05\">
            <Duration>00:00:30</Duration>
            <TrackingEvents>\n",
        place + 1
    );
    for tracker in 0..trackers {
        let event = events[tracker % events.len()];
        let _ = writeln!(
            out,
            "              <Tracking event=\"{event}\"><![CDATA[https://track.example.com/{place}/{event}?n={tracker}&cb=[CACHEBUSTING]]]></Tracking>"
        );
    }
    let _ = write!(
        out,
        "            </TrackingEvents>
            <VideoClicks>
              <ClickThrough id=\"c\"><![CDATA[https://shop.example.com/{place}?utm_source=ctv&utm_medium=video]]></ClickThrough>
              <ClickTracking id=\"c\"><![CDATA[https://track.example.com/{place}/click]]></ClickTracking>
            </VideoClicks>
            <MediaFiles>
              <MediaFile id=\"hd\" delivery=\"progressive\" type=\"video/mp4\" width=\"1920\" height=\"1080\" bitrate=\"8000\" codec=\"avc1.640028\"><![CDATA[https://cdn.example.com/{place}/1080.mp4]]></MediaFile>
              <MediaFile id=\"sd\" delivery=\"progressive\" type=\"video/mp4\" width=\"1280\" height=\"720\" bitrate=\"3500\" codec=\"avc1.64001f\"><![CDATA[https://cdn.example.com/{place}/720.mp4]]></MediaFile>
            </MediaFiles>
          </Linear>
        </Creative>
      </Creatives>
    </InLine>
  </Ad>\n"
    );
}

/// A clean document with some number of ads, each with some number of trackers.
#[must_use]
pub fn tag(ads: usize, trackers: usize) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VAST version=\"4.2\" xmlns=\"http://www.iab.com/VAST\">\n",
    );
    for place in 0..ads {
        ad(&mut out, place, trackers);
    }
    out.push_str("</VAST>\n");
    out
}
