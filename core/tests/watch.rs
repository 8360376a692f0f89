//! The watch over streams: on its own, and in a session that receives videos.

#[path = "common/desk.rs"]
mod desk;

use core::time::Duration;
use std::collections::BTreeMap;

use desk::{Desk, stream, user};
use greenroom_core::{
    code::Code,
    id::{Rid, StreamId},
    limits,
    session::{Answer, Call, Config, Event, Input},
    stream::{Layer, LayerSet, StreamInfo, StreamKind, StreamOffer},
    time::Instant,
    watch::{Expected, Watch, WatchInterval},
    wire::{Accepted, ServerMessage},
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const FLOWS: Expected = Expected { muted: false, on_demand: false };

fn interval(secs: u64) -> WatchInterval {
    WatchInterval::new(secs).expect("from 1 to 60")
}

/// Keeps the deadlines up to then, and tells what was found at each.
fn pass<K: Ord + Copy>(watch: &mut Watch<K>, until: Instant) -> Vec<(Instant, Vec<K>)> {
    let mut found = Vec::new();
    while let Some(at) = watch.poll_timeout().filter(|at| *at <= until) {
        let dead = watch.handle_timeout(at);
        assert!(watch.poll_timeout().is_none_or(|next| next > at), "checked at {at}, and again at once");
        if !dead.is_empty() {
            found.push((at, dead));
        }
    }
    found
}

//
#[test]
fn an_interval_is_1_to_60_whole_seconds() {
    let taken: Vec<u64> = (0..100).filter(|secs| WatchInterval::new(*secs).is_some()).collect();
    assert_eq!(taken, (1..=60).collect::<Vec<_>>());
    assert_eq!(WatchInterval::new(1 << 40), None);
}

//
#[test]
fn a_stream_without_pictures_is_told_once() {
    let mut watch = Watch::new(interval(3));
    watch.expect(Instant::ZERO, [(1, FLOWS)]);
    watch.picture(Instant::from_secs(2), 1);
    assert_eq!(pass(&mut watch, Instant::from_secs(600)), [(Instant::from_millis(5100), vec![1])]);
    assert_eq!(watch.poll_timeout(), None, "nothing flows that could die");
}

//
#[test]
fn those_that_die_together_are_told_together() {
    let mut watch = Watch::new(interval(3));
    watch.expect(Instant::ZERO, [(1, FLOWS), (2, FLOWS), (3, FLOWS)]);
    for (id, ms) in [(1, 1000), (2, 1000 + 99), (3, 5000)] {
        watch.picture(Instant::from_millis(ms), id);
    }
    assert_eq!(pass(&mut watch, Instant::from_secs(60)), [(Instant::from_millis(4100), vec![1, 2]), (Instant::from_millis(8100), vec![3])]);
}

//
#[test]
fn the_first_picture_is_its_recovery_and_it_may_die_again() {
    let mut watch = Watch::new(interval(1));
    watch.expect(Instant::ZERO, [(1, FLOWS)]);
    assert_eq!(pass(&mut watch, Instant::from_secs(10)).len(), 1);
    assert!(watch.picture(Instant::from_secs(10), 1));
    assert!(!watch.picture(Instant::from_millis(10_040), 1));
    assert_eq!(pass(&mut watch, Instant::from_secs(20)), [(Instant::from_millis(11_140), vec![1])]);
    assert!(watch.picture(Instant::from_secs(20), 1));
}

//
#[test]
fn what_is_muted_not_received_or_not_yet_sent_is_not_missed() {
    let (muted, awaited) = (Expected { muted: true, ..FLOWS }, Expected { on_demand: true, ..FLOWS });
    let mut watch = Watch::new(interval(1));
    watch.expect(Instant::ZERO, [(1, muted), (2, awaited), (3, FLOWS)]);
    watch.expect(Instant::from_millis(500), [(1, muted), (2, awaited)]);
    assert_eq!(pass(&mut watch, Instant::from_secs(60)), []);
    // Unmuted, it has the whole interval for its next picture; and so has what has begun to be sent.
    watch.expect(Instant::from_secs(60), [(1, FLOWS), (2, awaited)]);
    assert!(!watch.picture(Instant::from_millis(60_500), 2), "its first");
    assert_eq!(
        pass(&mut watch, Instant::from_secs(70)),
        [(Instant::from_millis(61_100), vec![1]), (Instant::from_millis(61_600), vec![2])]
    );
}

// R-131 R-132
#[test]
fn what_was_told_as_interrupted_recovers_once_whatever_was_muted_between() {
    let muted = Expected { muted: true, ..FLOWS };
    let mut watch = Watch::new(interval(1));
    watch.expect(Instant::ZERO, [(1, FLOWS)]);
    assert_eq!(pass(&mut watch, Instant::from_secs(2)).len(), 1);
    watch.expect(Instant::from_secs(2), [(1, muted)]);
    assert!(!watch.picture(Instant::from_secs(3), 1), "late, from before it was muted");
    watch.expect(Instant::from_secs(4), [(1, FLOWS)]);
    assert_eq!(pass(&mut watch, Instant::from_secs(10)), [], "it is interrupted already");
    assert!(watch.picture(Instant::from_secs(10), 1));
    // Given up and received anew, it begins anew.
    watch.expect(Instant::from_secs(11), []);
    watch.expect(Instant::from_secs(12), [(1, FLOWS)]);
    assert!(!watch.picture(Instant::from_secs(12), 1));
}

proptest! {
    // R-129 R-131 R-132
    #[test]
    fn it_says_what_a_list_of_last_pictures_says(steps in proptest::collection::vec((0_u64..1500, 0_u8..4, 0_u8..8), 0..200)) {
        // Given streams that are muted, unmuted, given up, and now and then show a picture,
        let mut watch = Watch::new(interval(1));
        let mut now = Instant::ZERO;
        let mut expected: BTreeMap<u8, Expected> = BTreeMap::new();
        let (mut last, mut dead): (BTreeMap<u8, Instant>, BTreeMap<u8, bool>) = (BTreeMap::new(), BTreeMap::new());
        for (pause, id, what) in steps {
            let until = now.saturating_add(Duration::from_millis(pause));
            for (at, found) in pass(&mut watch, until) {
                for id in found {
                    // then each that is told died no later than an interval ago, and is told once,
                    prop_assert!(at.saturating_since(last[&id]) >= SECOND && !expected[&id].muted);
                    prop_assert_eq!(dead.insert(id, true), Some(false));
                }
            }
            now = until;
            match what {
                0 => {
                    expected.insert(id, Expected { muted: true, ..FLOWS });
                    last.remove(&id);
                    dead.entry(id).or_insert(false);
                }
                1 => {
                    expected.remove(&id);
                    last.remove(&id);
                    dead.remove(&id);
                }
                2 | 3 => {
                    let before = expected.insert(id, FLOWS);
                    dead.entry(id).or_insert(false);
                    if before.is_none_or(|before| before.muted) {
                        last.insert(id, now);
                    }
                }
                _ => {
                    let recovers = expected.get(&id).is_some_and(|stream| !stream.muted);
                    let was_dead = recovers && dead.insert(id, false) == Some(true);
                    if recovers {
                        last.insert(id, now);
                    }
                    prop_assert_eq!(watch.picture(now, id), was_dead);
                }
            }
            watch.expect(now, expected.iter().map(|(id, stream)| (*id, *stream)));
            // and none is missed for longer than the check waits for company.
            let longest = SECOND + limits::WATCH_GATHER;
            for (id, at) in &last {
                let told = dead[id] || expected[id].muted;
                prop_assert!(told || now.saturating_since(*at) <= longest, "{id} died at {at}, and at {now} nobody knows");
            }
        }
    }
}

/// A session that receives the videos of two streams, and wants to know.
fn desk() -> Desk {
    let mut desk =
        Desk::joined(&["ben"], vec![video(1, StreamKind::Main, false), video(2, StreamKind::Aux, false), video(3, StreamKind::Main, true)]);
    for id in [1, 2, 3] {
        desk.call(Call::Subscribe { stream: StreamId(id), audio: true, video: true, layers: LayerSet::HIGHEST, min_height: None });
        desk.grant(Accepted::Done);
    }
    desk.call(Call::Watch { interval: WatchInterval::new(3) });
    desk.hush();
    desk
}

fn video(id: u32, kind: StreamKind, on_demand: bool) -> StreamInfo {
    let layers = vec![Layer {
        rid: Rid::new("q").expect("a valid rid"),
        width: None,
        height: 180,
        max_bps: 150_000,
        temporal_layers: greenroom_core::stream::TemporalLayers::ONE,
    }];
    let user = user(if on_demand { "cem" } else { "ben" });
    StreamInfo { user, offer: StreamOffer { kind, audio_bps: Some(30_000), layers, on_demand }, ..stream(id, "ben") }
}

fn picture(desk: &mut Desk, id: u32) {
    desk.tell(Input::Picture { stream: StreamId(id) });
}

/// What was told of deaths and recoveries.
fn news(desk: &mut Desk) -> Vec<(&'static str, Vec<u32>)> {
    let ids = |streams: Vec<StreamInfo>| streams.into_iter().map(|stream| stream.id.0).collect();
    let news = |event| match event {
        Event::StreamsInterrupted { streams } => Some(("interrupted", ids(streams))),
        Event::StreamsRecovered { streams } => Some(("recovered", ids(streams))),
        _ => None,
    };
    desk.events().into_iter().filter_map(news).collect()
}

/// Time passes, and the server goes on to answer.
fn pass_alive(desk: &mut Desk, secs: u32) {
    for _ in 0..secs {
        desk.pass(SECOND);
        desk.receive(ServerMessage::Pong);
    }
}

// R-129 R-130 R-131
#[test]
fn a_session_tells_of_all_that_died_at_one_stroke_and_of_each_that_came_back() {
    let mut desk = desk();
    pass_alive(&mut desk, 2);
    picture(&mut desk, 1);
    picture(&mut desk, 2);
    pass_alive(&mut desk, 3);
    assert_eq!(news(&mut desk), []);
    pass_alive(&mut desk, 60);
    assert_eq!(news(&mut desk), [("interrupted", vec![1, 2])], "main before shared, and once");
    picture(&mut desk, 2);
    picture(&mut desk, 2);
    assert_eq!(news(&mut desk), [("recovered", vec![2])]);
}

//
#[test]
fn a_session_does_not_miss_what_is_muted_unsubscribed_or_not_pushed_yet() {
    let mut desk = desk();
    desk.receive(ServerMessage::StreamMuted { stream: StreamId(1), user: user("ben"), audio: false, video: true });
    desk.call(Call::Unsubscribe { stream: StreamId(2), audio: false, video: true, layers: None });
    desk.grant(Accepted::Done);
    pass_alive(&mut desk, 60);
    assert_eq!(news(&mut desk), []);
    // The one that is sent on demand is missed once it has come.
    picture(&mut desk, 3);
    pass_alive(&mut desk, 60);
    assert_eq!(news(&mut desk), [("interrupted", vec![3])]);
}

//
#[test]
fn switched_off_or_outside_a_session_tells_nothing_and_keeps_nothing() {
    let mut desk = desk();
    desk.call(Call::Watch { interval: None });
    pass_alive(&mut desk, 60);
    assert_eq!(news(&mut desk), []);
    // On again, it begins anew; and leaving ends it.
    desk.call(Call::Watch { interval: WatchInterval::new(1) });
    pass_alive(&mut desk, 2);
    assert_eq!(news(&mut desk), [("interrupted", vec![1, 2])]);
    desk.call(Call::Leave);
    picture(&mut desk, 1);
    assert_eq!(news(&mut desk), []);
}

//
#[test]
fn a_watch_needs_a_room_and_no_server() {
    let mut desk = Desk::new();
    let outside = desk.call(Call::Watch { interval: WatchInterval::new(3) });
    assert_eq!(desk.answers(), [(outside, Err(Code::NOT_IN_ROOM))]);
    let mut desk = Desk::joined(&[], vec![]);
    let inside = desk.call(Call::Watch { interval: WatchInterval::new(3) });
    assert_eq!((desk.answers(), desk.messages()), (vec![(inside, Ok(Answer::Done))], vec![]));
    desk.close();
    desk.hush();
    let away = desk.call(Call::Watch { interval: None });
    assert_eq!(desk.answers(), [(away, Err(Code::NOT_CONNECTED))]);
}

#[test]
fn a_watch_goes_on_while_the_connection_is_away() {
    let mut desk = Desk::joined_with(Config::default(), &["ben"], vec![video(1, StreamKind::Main, false)]);
    desk.call(Call::Subscribe { stream: StreamId(1), audio: true, video: true, layers: LayerSet::HIGHEST, min_height: None });
    desk.grant(Accepted::Done);
    desk.call(Call::Watch { interval: WatchInterval::new(3) });
    desk.hush();
    desk.close();
    desk.pass(5 * SECOND);
    assert_eq!(news(&mut desk), [("interrupted", vec![1])]);
    picture(&mut desk, 1);
    assert_eq!(news(&mut desk), [("recovered", vec![1])]);
}
