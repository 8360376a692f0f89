//! A key-frame storm: five hundred viewers who come at one instant, and who all lose their picture at one instant, seen from where the publisher stands.
//!
//! What must hold is that the publisher is asked for a key frame of a layer once in [`limits::KEY_FRAME_INTERVAL`] at most, however many need one, and that everyone gets one all the same.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    id::{LayerId, MemberId, StreamId},
    limits,
    role::Role,
    room::{Input, MediaInput, MediaOutput},
    time::Instant,
};
use hall::{HIGH, Hall, LOW, MIDDLE, camera};
use proptest::prelude::*;

const VIEWERS: u32 = 500;
const TICK: Duration = Duration::from_millis(1);
/// From a request to the key frame: to the publisher, its next picture, and back.
const ANSWER: Duration = Duration::from_millis(50);
/// A viewer that has no picture yet asks again after that long.
const PATIENCE: Duration = Duration::from_secs(1);

/// A publisher and its viewers, whose lines carry different layers, and what goes between them and the room.
struct Storm {
    hall: Hall,
    stream: StreamId,
    began: Instant,
    /// Which layer each viewer gets.
    viewers: BTreeMap<MemberId, LayerId>,
    /// Who loses its picture when.
    losses: Vec<(Instant, MemberId)>,
    /// When each of those who have no picture asks next.
    blind: BTreeMap<MemberId, Instant>,
    /// What the publisher was asked for, and when.
    asked: Vec<(Duration, LayerId)>,
    /// Key frames on their way.
    coming: Vec<(Instant, LayerId)>,
    /// How many requests are lost on their way to the publisher.
    losing: usize,
}

impl Storm {
    /// All are in the room with a transport that stands; nobody has subscribed.
    fn new(viewers: u32) -> Self {
        let mut hall = Hall::new();
        hall.join(1, "ada");
        let stream = hall.publish(1, camera());
        let lines = [(10_000_000, HIGH), (900_000, MIDDLE), (250_000, LOW)];
        let viewers = (0..viewers).map(|number| {
            let session = u64::from(number) + 2;
            let member = hall.join_as(session, &format!("viewer-{number}"), Role::Player);
            hall.connect_media(session, member);
            let (bps, layer) = lines[number as usize % lines.len()];
            hall.estimate(member, bps);
            (member, layer)
        });
        let viewers = viewers.collect();
        hall.hush();
        let began = hall.now;
        Self { hall, stream, began, viewers, losses: Vec::new(), blind: BTreeMap::new(), asked: Vec::new(), coming: Vec::new(), losing: 0 }
    }

    fn subscribe_all(&mut self) {
        for session in 2..self.viewers.len() as u64 + 2 {
            self.hall.subscribe(session, self.stream);
        }
        self.take_requests();
    }

    /// These lose their picture, each that long after now.
    fn lose(&mut self, losses: impl IntoIterator<Item = (MemberId, Duration)>) {
        let now = self.hall.now;
        self.losses.extend(losses.into_iter().map(|(member, after)| (now.saturating_add(after), member)));
    }

    fn all(&self, after: Duration) -> Vec<(MemberId, Duration)> {
        self.viewers.keys().map(|member| (*member, after)).collect()
    }

    /// Lets time pass, in ticks, with whatever falls due.
    fn pass(&mut self, span: Duration) {
        let sessions: Vec<u64> = (1..self.viewers.len() as u64 + 2).collect();
        for tick in 0..span.as_millis() / TICK.as_millis() {
            let ping = tick % limits::HEARTBEAT_INTERVAL.as_millis() == 0;
            self.hall.pass_alive(TICK, if ping { &sessions } else { &[] });
            self.take_requests();
            let now = self.hall.now;
            self.blind.extend(self.losses.extract_if(.., |(at, _)| *at <= now).map(|(at, member)| (member, at)));
            let due: Vec<LayerId> = self.coming.extract_if(.., |(at, _)| *at <= now).map(|(_, layer)| layer).collect();
            for layer in due {
                self.key_frame(layer);
            }
            let due: Vec<MemberId> = self.blind.iter().filter(|(_, at)| **at <= now).map(|(member, _)| *member).collect();
            for member in due {
                self.blind.insert(member, now.saturating_add(PATIENCE));
                self.hall.tell(Input::Media(MediaInput::KeyFrameNeeded { member, stream: self.stream }));
            }
            self.take_requests();
        }
    }

    /// A key frame comes, and everyone who gets that layer sees again.
    fn key_frame(&mut self, layer: LayerId) {
        let stream = self.stream;
        self.hall.tell(Input::Media(MediaInput::KeyFrame { stream, layer }));
        let viewers = &self.viewers;
        self.blind.retain(|member, _| viewers[member] != layer);
    }

    fn take_requests(&mut self) {
        for order in self.hall.media() {
            let MediaOutput::RequestKeyFrame { layer, stream, .. } = order else { continue };
            assert_eq!(stream, self.stream);
            let now = self.hall.now;
            self.asked.push((now.saturating_since(self.began), layer));
            if self.losing > 0 {
                self.losing -= 1;
            } else {
                self.coming.push((now.saturating_add(ANSWER), layer));
            }
        }
    }

    /// Asserts the interval, and returns when each layer was asked for, in milliseconds.
    #[track_caller]
    fn requests_of(&self, layer: LayerId) -> Vec<u128> {
        let times: Vec<Duration> = self.asked.iter().filter(|(_, asked)| *asked == layer).map(|(at, _)| *at).collect();
        assert!(times.windows(2).all(|pair| pair[1].abs_diff(pair[0]) >= limits::KEY_FRAME_INTERVAL), "{layer}: {times:?}");
        times.iter().map(Duration::as_millis).collect()
    }
}

const LAYERS: [LayerId; 3] = [LOW, MIDDLE, HIGH];

#[test]
fn five_hundred_who_come_at_once_are_one_request_for_each_layer() {
    let mut storm = Storm::new(VIEWERS);
    storm.subscribe_all();
    assert_eq!(LAYERS.map(|layer| storm.requests_of(layer)), [[0], [0], [0]]);
    // The key frames come, and nothing is left to ask for.
    storm.pass(Duration::from_secs(3));
    assert_eq!(storm.asked.len(), LAYERS.len());
}

#[test]
fn five_hundred_who_lose_their_picture_at_once_are_one_request_for_each_layer() {
    // Given five hundred who watch,
    let mut storm = Storm::new(VIEWERS);
    storm.subscribe_all();
    storm.pass(PATIENCE);
    // when all lose their picture in the same millisecond,
    storm.lose(storm.all(TICK));
    storm.pass(PATIENCE);
    // then each layer is asked for once, and everyone sees again.
    assert_eq!(LAYERS.map(|layer| storm.requests_of(layer)), [[0, 1001], [0, 1001], [0, 1001]]);
    assert_eq!(storm.blind, BTreeMap::new());
}

#[test]
fn a_request_that_is_lost_is_made_again_and_not_by_each_of_five_hundred() {
    let mut storm = Storm::new(VIEWERS);
    storm.subscribe_all();
    storm.pass(PATIENCE);
    // Two requests for each layer do not reach the publisher, while all viewers ask once a second, each at its own time.
    storm.losing = 2 * LAYERS.len();
    let spread = (0..).map(|n| TICK * (1 + n % 800));
    storm.lose(storm.viewers.keys().copied().zip(spread).collect::<Vec<_>>());
    storm.pass(4 * PATIENCE);
    for layer in LAYERS {
        let requests = storm.requests_of(layer);
        let after = requests[1] - 1000;
        assert!((1..=3).contains(&after), "{layer}: {requests:?}");
        // Repeated after a second and after another one. What comes of the third mends all.
        assert_eq!(requests[1..], [1000 + after, 2000 + after, 3000 + after], "{layer}");
    }
    assert_eq!(storm.blind, BTreeMap::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whoever loses its picture whenever: the interval holds for each layer, and everyone sees again.
    #[test]
    fn however_pictures_are_lost_the_interval_holds(
        losses in prop::collection::vec((0_usize..60, 1_u32..3000), 0..200),
        losing in 0_usize..8,
    ) {
        let mut storm = Storm::new(60);
        storm.subscribe_all();
        storm.losing = losing;
        let members: Vec<MemberId> = storm.viewers.keys().copied().collect();
        let mut struck = BTreeSet::new();
        storm.lose(losses.into_iter().filter(|(who, _)| struck.insert(*who)).map(|(who, ms)| (members[who], TICK * ms)));
        storm.pass(Duration::from_secs(10));
        for layer in LAYERS {
            storm.requests_of(layer); // asserts the interval
        }
        prop_assert_eq!(&storm.blind, &BTreeMap::new());
    }
}
