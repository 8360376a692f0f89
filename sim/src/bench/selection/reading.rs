//! What viewers had of a run.
//!
//! | reading | what it is |
//! |---|---|
//! | delivered | bits of video that reached a viewer while its picture moved, by what could have: second by second the smaller of what it wished and what its line had beside the audio it hears |
//! | arrived | the same with what came while it stood still; not judged |
//! | still | time in which a video that was wished showed no new picture, in milliseconds of each minute of each video |
//! | dark | the part of it that was decided: no layer of the video was to be sent |
//! | switches | how often the size of a picture changed, or a video went dark, in a minute of each video |
//! | lost | datagrams to the viewers that their lines dropped |
//!
//! A picture *stands still* as W3C's webrtc-stats defines a freeze (`freezeCount`): none was shown for three times the mean interval of the last thirty, or for the mean and 150 ms more, whichever is longer. And a video stands still
//! while it is dark, since its viewer has nothing to look at, whatever the reason.
//!
//! Bits that come while a picture stands still show a viewer nothing: they are what a full queue is made of, repairs that come too late, and pictures that rest on what was lost. So they do not count as delivered.
//! A page that stands still is delivered without bits. So a screen counts as what the layer that flows declares, as long as its picture does not stand still in the sense above, and its wish as what its largest layer declares.
//!
//! Everything is read after [`STARTUP`], but for losses, which are those of the whole run.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    id::UserId,
    stats,
    stream::{BitsPerSecond, Layer, StreamKind, TrackKind},
    time::Instant,
};

use crate::{
    engine::Collected,
    record::{Counted, Direction, Entry, SAMPLE_INTERVAL, StreamName, What},
    scenario::{Action, Scenario, User, Watch},
};

/// How long a viewer is in the room until it counts. A choice: an estimate that begins at 300 kbps and is probed needs less.
pub const STARTUP: Duration = Duration::from_secs(8);
/// How often it is told which layer flows.
const SAMPLES_PER_SECOND: u64 = 10;
const _: () = assert!(SAMPLE_INTERVAL.as_millis() == 100);
/// How finely capacity is looked at.
const GRAIN: Duration = Duration::from_millis(50);

/// When which video stood still.
type Still<'a> = BTreeMap<&'a StreamName, Vec<Span>>;

/// What the viewers of one run had: means over them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Delivered video by what could have been, from 0 to 1.
    pub delivered: f64,
    /// The same with what came while pictures stood still.
    pub arrived: f64,
    /// Milliseconds without a new picture, per minute of a video.
    pub still_ms: f64,
    /// Of these, milliseconds in which none was to come.
    pub dark_ms: f64,
    /// Switches per minute of a video.
    pub switches: f64,
    /// Share of the datagrams to viewers that were lost, from 0 to 1.
    pub lost: f64,
}

/// A stretch of time.
type Span = (Instant, Instant);

/// Reads a run.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn read(scenario: &Scenario, collected: &Collected) -> Reading {
    let end = Instant::ZERO.saturating_add(scenario.duration);
    let mut sum = Reading::default();
    let mut viewers = 0.0;
    for (place, user) in (1_u16..).zip(&scenario.users) {
        let watches = watches(user);
        let Some(entry) = user.actions.first().map(|(at, _)| *at) else { continue };
        if !watches.iter().any(|(_, watch)| matches!(watch, Watch::Wishes(_))) {
            continue;
        }
        let window = (whole_second(entry.saturating_add(STARTUP)), end);
        let own: Vec<&Entry> = collected.entries.iter().filter(|entry| entry.user.as_ref() == Some(&user.id)).collect();
        let (seen, still) = seen(&own, window);
        let (cameras, cameras_arrived) = cameras(collected, &user.id, &still, window);
        let screens = screens(scenario, collected, &user.id, &still, window);
        let (delivered, arrived) = (cameras + screens, cameras_arrived + screens);
        let possible = possible(scenario, user, &watches, &own, window);
        let account = collected.ledger.accounts().find(|(at, direction, _)| *at == place && *direction == Direction::Down);
        let (sent, dropped) = account.map_or((0, 0), |(_, _, account)| (account.sent, account.dropped.values().sum::<u64>()));
        let minutes = (seen.watched.as_secs_f64() / 60.0).max(f64::MIN_POSITIVE);
        sum.delivered += delivered as f64 / possible.max(1) as f64;
        sum.arrived += arrived as f64 / possible.max(1) as f64;
        sum.still_ms += seen.still.as_secs_f64() * 1e3 / minutes;
        sum.dark_ms += seen.dark.as_secs_f64() * 1e3 / minutes;
        sum.switches += f64::from(seen.switches) / minutes;
        sum.lost += dropped as f64 / sent.max(1) as f64;
        viewers += 1.0;
    }
    let mean = |sum: f64| if viewers > 0.0 { sum / viewers } else { 0.0 };
    Reading {
        delivered: mean(sum.delivered),
        arrived: mean(sum.arrived),
        still_ms: mean(sum.still_ms),
        dark_ms: mean(sum.dark_ms),
        switches: mean(sum.switches),
        lost: mean(sum.lost),
    }
}

fn whole_second(at: Instant) -> Instant {
    Instant::from_secs(at.as_nanos().div_ceil(1_000_000_000))
}

/// What a user watches from when on.
fn watches(user: &User) -> Vec<(Instant, &Watch)> {
    let changes = user.actions.iter().filter_map(|(at, action)| if let Action::Watch(watch) = action { Some((*at, watch)) } else { None });
    [(Instant::ZERO, &user.watch)].into_iter().chain(changes).collect()
}

/// Bits of cameras that a user received in the window while their pictures moved, and all of them, by its own statistics.
fn cameras(collected: &Collected, user: &UserId, still: &Still<'_>, window: Span) -> (u64, u64) {
    let mut last: BTreeMap<&StreamName, u64> = BTreeMap::new();
    let (mut seen_bytes, mut bytes) = (0, 0);
    for sample in collected.samples.iter().filter(|sample| sample.user == *user) {
        let Counted::Part(part) = &sample.what else { continue };
        if sample.stream.kind != StreamKind::Main || part.kind != TrackKind::Video || part.direction != stats::Direction::Received {
            continue;
        }
        let total = part.totals.bytes;
        let before = last.insert(&sample.stream, total).unwrap_or(0);
        // A stream that was published anew counts from nothing.
        let more = total.checked_sub(before).unwrap_or(total);
        if window.0 < sample.at && sample.at <= window.1 {
            bytes += more;
            seen_bytes += if stands_still(still, &sample.stream, sample.at) { 0 } else { more };
        }
    }
    (seen_bytes * 8, bytes * 8)
}

/// What the layers of screens declare that were shown to a user in the window, in bits.
fn screens(scenario: &Scenario, collected: &Collected, user: &UserId, still: &Still<'_>, window: Span) -> u64 {
    let mut bits = 0;
    for sample in collected.samples.iter().filter(|sample| sample.user == *user && sample.stream.kind == StreamKind::Aux) {
        let Counted::Sent { layer: Some(rid), .. } = &sample.what else { continue };
        if window.0 < sample.at && sample.at <= window.1 && !stands_still(still, &sample.stream, sample.at) {
            let declared_bps = scenario.screen.layers.iter().find(|layer| layer.rid == *rid).map_or(0, |layer| layer.max_bps);
            bits += declared_bps / SAMPLES_PER_SECOND;
        }
    }
    bits
}

fn stands_still(still: &Still<'_>, stream: &StreamName, at: Instant) -> bool {
    still.get(stream).is_some_and(|spans| spans.iter().any(|(from, to)| *from < at && at <= *to))
}

/// Bits of video that a user could have received in the window.
fn possible(scenario: &Scenario, user: &User, watches: &[(Instant, &Watch)], own: &[&Entry], window: Span) -> u64 {
    let mut there: BTreeSet<&StreamName> = BTreeSet::new();
    let mut news = own.iter().peekable();
    let mut bit_ns = 0_u128;
    let mut at = window.0;
    while at < window.1 {
        while let Some(entry) = news.next_if(|entry| entry.at <= at) {
            match &entry.what {
                What::StreamAdded { stream } => {
                    there.insert(stream);
                }
                What::StreamRemoved { stream } => {
                    there.remove(stream);
                }
                _ => {}
            }
        }
        let watch = watches.iter().rev().find(|(from, _)| *from <= at).map_or(&user.watch, |(_, watch)| watch);
        let (mut wished_bps, mut audio_bps) = (0, 0);
        for stream in &there {
            let Some(wish) = watch.wish(&stream.user, stream.kind) else { continue };
            let (layers, audio) = match stream.kind {
                StreamKind::Main => (&scenario.camera.layers, scenario.camera.audio_bps),
                StreamKind::Aux => (&scenario.screen.layers, 0),
            };
            wished_bps += top_bps(layers, wish.max_height);
            audio_bps += if wish.audio { audio } else { 0 };
        }
        let is_out = user.down.outages.iter().any(|outage| outage.from <= at && at < outage.to);
        let capacity_bps = if is_out { 0 } else { user.down.capacity.at(at).unwrap_or(u64::MAX) };
        bit_ns += u128::from(wished_bps.min(capacity_bps.saturating_sub(audio_bps))) * GRAIN.as_nanos();
        at = at.saturating_add(GRAIN);
    }
    u64::try_from(bit_ns / 1_000_000_000).unwrap_or(u64::MAX)
}

/// What the largest layer takes that there is room for; where none is small enough, the smallest.
fn top_bps(layers: &[Layer], max_height: Option<u16>) -> BitsPerSecond {
    let fits = |layer: &&Layer| max_height.is_none_or(|most| layer.height <= most);
    layers.iter().rfind(fits).or(layers.first()).map_or(0, |layer| layer.max_bps)
}

/// What a user saw, all videos together.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    watched: Duration,
    still: Duration,
    dark: Duration,
    switches: u32,
}

/// One video of a user's while it is watched.
#[derive(Clone, Debug, Default)]
struct View {
    since: Option<Instant>,
    dark_since: Option<Instant>,
    watched: Vec<Span>,
    dark: Vec<Span>,
    frozen: Vec<Span>,
}

/// And when each video stood still.
fn seen<'a>(own: &[&'a Entry], window: Span) -> (Seen, Still<'a>) {
    let inside = |at: Instant| window.0 <= at && at < window.1;
    let mut views: BTreeMap<&'a StreamName, View> = BTreeMap::new();
    let mut seen = Seen::default();
    for entry in own {
        let at = entry.at;
        match &entry.what {
            What::SubscribeCalled { stream } => {
                let view = views.entry(stream).or_default();
                (view.since, view.dark_since) = (Some(at), Some(at));
            }
            What::Unsubscribed { stream } | What::StreamRemoved { stream } => {
                if let Some(view) = views.get_mut(stream) {
                    view.close(at);
                }
            }
            What::Layer { stream, to: None, .. } => {
                seen.switches += u32::from(inside(at));
                if let Some(view) = views.get_mut(stream) {
                    view.dark_since.get_or_insert(at);
                }
            }
            What::Layer { stream, to: Some(_), .. } => {
                if let Some(view) = views.get_mut(stream) {
                    view.dark.extend(view.dark_since.take().map(|since| (since, at)));
                }
            }
            What::Switched { from: Some(_), .. } => seen.switches += u32::from(inside(at)),
            What::Freeze { stream, duration_ms } => {
                let began = Instant::from_nanos(at.as_nanos().saturating_sub(duration_ms * 1_000_000));
                if let Some(view) = views.get_mut(stream) {
                    view.frozen.push((began, at));
                }
            }
            _ => {}
        }
    }
    let mut still = BTreeMap::new();
    for (stream, mut view) in views {
        view.close(window.1);
        let spans: Vec<Span> = view.frozen.iter().chain(&view.dark).copied().collect();
        seen.watched += covered(&view.watched, window);
        seen.dark += covered(&view.dark, window);
        seen.still += covered(&spans, window);
        still.insert(stream, spans);
    }
    (seen, still)
}

impl View {
    fn close(&mut self, at: Instant) {
        self.watched.extend(self.since.take().map(|since| (since, at)));
        self.dark.extend(self.dark_since.take().map(|since| (since, at)));
    }
}

/// How much of the window is covered.
fn covered(spans: &[Span], window: Span) -> Duration {
    let mut spans: Vec<Span> =
        spans.iter().map(|(from, to)| ((*from).max(window.0), (*to).min(window.1))).filter(|(from, to)| from < to).collect();
    spans.sort_unstable();
    let mut sum = Duration::ZERO;
    let mut until = window.0;
    for (from, to) in spans {
        sum += to.saturating_since(from.max(until));
        until = until.max(to);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_secs(seconds)
    }

    fn stream(user: &str) -> StreamName {
        StreamName { user: UserId::new(user).unwrap(), kind: StreamKind::Main }
    }

    #[test]
    fn time_that_is_covered_twice_counts_once() {
        let spans = [(at(1), at(4)), (at(3), at(5)), (at(3), at(4)), (at(8), at(20))];
        assert_eq!(covered(&spans, (at(2), at(10))), Duration::from_secs(3 + 2));
        assert_eq!(covered(&[], (at(2), at(10))), Duration::ZERO);
    }

    #[test]
    fn a_video_stands_still_while_it_freezes_and_while_it_is_dark() {
        // Given a video that is watched from 1 s on, gets a layer at 3 s, none at 10 s, another one at 14 s, freezes over that, and once more by itself,
        let layer = |to: Option<&str>| What::Layer {
            stream: stream("ada"),
            from: None,
            to: to.map(|rid| greenroom_core::id::Rid::new(rid).unwrap()),
            reason: String::new(),
            estimate_bps: None,
            allocated_bps: 0,
        };
        let freeze = |seconds: u64| What::Freeze { stream: stream("ada"), duration_ms: seconds * 1000 };
        let happened = [
            (1, What::SubscribeCalled { stream: stream("ada") }),
            (3, layer(Some("q"))),
            (10, layer(None)),
            (14, layer(Some("q"))),
            (15, freeze(5)),
            (18, freeze(1)),
        ];
        let entries: Vec<Entry> = happened.into_iter().map(|(second, what)| Entry { at: at(second), user: None, what }).collect();
        let own: Vec<&Entry> = entries.iter().collect();
        // when it is looked at from 2 s to 20 s,
        let (seen, still) = seen(&own, (at(2), at(20)));
        assert_eq!(still[&stream("ada")].len(), 4);
        // then it was dark for 1 + 4 s, stood still for 1 + 5 + 1 s, and went dark once.
        assert_eq!((seen.watched, seen.dark), (Duration::from_secs(18), Duration::from_secs(5)));
        assert_eq!((seen.still, seen.switches), (Duration::from_secs(7), 1));
    }
}
