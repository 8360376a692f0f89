//! Whole rooms whose viewers' estimates waver: how often anybody's picture changes, through everything that lies between an estimate and an order to the forwarder.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    id::{MemberId, StreamId},
    rng::Rng,
    role::Role,
    room::MediaOutput,
    stream::{BitsPerSecond, StreamOffer, TemporalLayers},
    time::Instant,
};
use hall::{Hall, camera};

const TICK: Duration = Duration::from_millis(100);
const TEN_MINUTES: u64 = 6000;
/// In the first second a line turns out to be more than was taken for the start, and pictures grow in a few plans; that is no flapping.
const BEGINNING: u64 = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// Where a need lies in the band of an estimate that wavers by a fifth, in thousandths of the line's middle: at its edges, where few estimates cross it, and within.
const PLACES: [u64; 5] = [805, 900, 1000, 1100, 1195];

/// When each viewer's streams got another layer.
type Switches = BTreeMap<(MemberId, StreamId), Vec<Instant>>;

/// Some cameras, and a viewer of all of them for each need and each place of it in the band: the middles of their lines.
fn room_of(cameras: u64, offer: &StreamOffer, needs_bps: &[BitsPerSecond]) -> (Hall, Vec<u64>, Vec<(MemberId, BitsPerSecond)>) {
    let mut hall = Hall::with(|config| config.members_max = 1000);
    let mut streams = Vec::new();
    for session in 1..=cameras {
        hall.join(session, &format!("camera-{session}"));
        streams.push(hall.publish(session, offer.clone()));
    }
    let mut sessions: Vec<u64> = (1..=cameras).collect();
    let mut viewers = Vec::new();
    for need_bps in needs_bps {
        for place in PLACES {
            let session = sessions.len() as u64 + 1;
            let member = hall.join_as(session, &format!("viewer-{session}"), Role::Player);
            hall.connect_media(session, member);
            for stream in &streams {
                hall.subscribe(session, *stream);
            }
            sessions.push(session);
            viewers.push((member, (need_bps + cameras * 30_000) * 1000 / place));
        }
    }
    hall.hush();
    (hall, sessions, viewers)
}

/// Ten minutes of ten estimates a second.
fn ten_minutes(hall: &mut Hall, sessions: &[u64], mut estimates: impl FnMut(u64) -> Vec<(MemberId, BitsPerSecond)>) -> Switches {
    let mut switches = Switches::new();
    for tick in 0..TEN_MINUTES {
        if tick % 50 == 0 {
            hall.pass_alive(TICK, sessions);
        } else {
            hall.pass(TICK);
        }
        for (member, bps) in estimates(tick) {
            hall.estimate(member, bps);
        }
        for order in hall.media().into_iter().filter(|_| tick >= BEGINNING) {
            if let MediaOutput::Layer { member, stream, .. } = order {
                switches.entry((member, stream)).or_default().push(hall.now);
            }
        }
        hall.hush();
    }
    switches
}

fn most_in_a_minute(switches: &[Instant]) -> usize {
    let from = |first: usize| switches[first..].iter().take_while(|then| then.saturating_since(switches[first]) < MINUTE).count();
    (0..switches.len()).map(from).max().unwrap_or(0)
}

#[test]
fn noise_of_a_fifth_switches_no_stream_more_than_twice_a_minute() {
    let layered = |temporal| {
        let mut offer = camera();
        offer.layers.iter_mut().for_each(|layer| layer.temporal_layers = temporal);
        offer
    };
    let needs = [150_000, 500_000, 650_000, 1_500_000, 2_000_000];
    for (cameras, offer) in
        [(1, layered(TemporalLayers::ONE)), (2, layered(TemporalLayers::ONE)), (2, layered(TemporalLayers::new(3).expect("up to four")))]
    {
        let (mut hall, sessions, viewers) = room_of(cameras, &offer, &needs);
        let mut rng = Rng::new(cameras);
        let switches = ten_minutes(&mut hall, &sessions, |_| {
            viewers.iter().map(|(member, line_bps)| (*member, line_bps * (800_000 + rng.below(400_001)) / 1_000_000)).collect()
        });
        assert!(!switches.is_empty(), "the noise is felt");
        let flaps: Switches = switches.into_iter().filter(|(_, at)| most_in_a_minute(at) > 2).collect();
        assert_eq!(flaps, Switches::new(), "{cameras} cameras");
    }
}

#[test]
fn constant_estimates_switch_nothing() {
    let (mut hall, sessions, viewers) = room_of(2, &camera(), &[300_000, 650_000, 2_000_000]);
    let switches = ten_minutes(&mut hall, &sessions, |_| viewers.clone());
    assert_eq!(switches, Switches::new());
}
