//! Judging tags: ours against vastlint-core and against a bare pass of quick-xml over events and
//! attributes, on the same generated inputs, in one run, on one thread.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use adproof_vast::{Options, check, lint};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quick_xml::Reader;
use quick_xml::events::Event;

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

fn tag(ads: usize, trackers: usize) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VAST version=\"4.2\" xmlns=\"http://www.iab.com/VAST\">\n",
    );
    for place in 0..ads {
        ad(&mut out, place, trackers);
    }
    out.push_str("</VAST>\n");
    out
}

/// Every event and every attribute is looked at, and nothing is kept.
fn bare(text: &str) -> usize {
    let mut reader = Reader::from_str(text);
    let mut seen = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) | Err(_) => return seen,
            Ok(Event::Start(start) | Event::Empty(start)) => {
                seen += start.attributes().flatten().count() + 1;
            }
            Ok(event) => {
                black_box(&event);
                seen += 1;
            }
        }
    }
}

fn benches(criterion: &mut Criterion) {
    let options = Options::default();
    // About 2, 3, 16, 164 and 946 KB.
    for (ads, trackers) in [(1, 2), (1, 10), (1, 128), (60, 10), (345, 10)] {
        let text = tag(ads, trackers);
        assert!(check(text.as_bytes(), &options).findings.is_empty(), "the input is clean");
        let mut group = criterion.benchmark_group("lint");
        group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or(u64::MAX)));
        group
            .sample_size(30)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2));
        let size =
            format!("{:.1} KB", f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)) / 1000.0);
        group.bench_with_input(BenchmarkId::new("adproof-check", &size), &text, |bencher, text| {
            bencher.iter(|| check(black_box(text.as_bytes()), &options));
        });
        group.bench_with_input(BenchmarkId::new("adproof-lint", &size), &text, |bencher, text| {
            bencher.iter(|| lint(black_box(text.as_bytes()), &options));
        });
        group.bench_with_input(BenchmarkId::new("quick-xml", &size), &text, |bencher, text| {
            bencher.iter(|| bare(black_box(text)));
        });
        group.bench_with_input(BenchmarkId::new("vastlint-core", &size), &text, |bencher, text| {
            bencher.iter(|| vastlint_core::validate(black_box(text)));
        });
        group.finish();
    }
}

criterion_group!(lint_tags, benches);
criterion_main!(lint_tags);
