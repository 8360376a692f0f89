//! Stories of a cap on bandwidth, and of who receives whose streams.
//!
//! The camera of these stories has 180p, 360p and 720p at 150, 500 and 1500 kbps, and sound at 30: 2180 kbps in all.

#[path = "common/hall.rs"]
mod hall;

use greenroom_core::{
    id::{MemberId, SessionId, StreamId},
    limits,
    member::Cap,
    role::Role,
    room::{Event, MediaOutput},
    wire::{Accepted, Audience, ClientMessage},
};
use hall::{HIGH, Hall, LOW, MIDDLE, all_of, camera, join, screen};
use proptest::{collection::vec, prelude::*};

fn limit(kbps: u64) -> ClientMessage {
    ClientMessage::LimitBandwidth { max_bps: Some(kbps * 1000) }
}

/// Bob, on connection 9, receives the cameras of that many others, with 50 Mbps to spend.
fn bob_and(others: u64) -> (Hall, MemberId, Vec<StreamId>) {
    let mut hall = Hall::new();
    let bob = hall.join(9, "bob");
    hall.connect_media(9, bob);
    hall.estimate(bob, 50_000_000);
    let streams = (1..=others).map(|other| {
        hall.join(other, &format!("user{other}"));
        let stream = hall.publish(other, camera());
        hall.subscribe(9, stream);
        stream
    });
    let streams = streams.collect();
    hall.pass(limits::ROOM_BATCH_SPACING);
    hall.hush();
    (hall, bob, streams)
}

/// What a member's plan takes, by what publishers declared.
fn planned_bps(hall: &Hall, member: MemberId) -> u64 {
    let member = hall.room.member(member).expect("he is there");
    let of = |(stream, subscription): (&StreamId, &greenroom_core::member::Subscription)| {
        let offer = &hall.room.stream(*stream).expect("it is subscribed to").offer;
        let video =
            subscription.video.as_ref().and_then(|plan| plan.target).map_or(0, |layer| offer.layers[usize::from(layer.spatial.0)].max_bps);
        video + offer.audio_bps.filter(|_| subscription.audio).unwrap_or(0)
    };
    member.subscriptions.iter().map(of).sum()
}

fn target(hall: &Hall, member: MemberId, stream: StreamId) -> Option<greenroom_core::id::LayerId> {
    hall.room.member(member)?.subscriptions.get(&stream)?.video.as_ref()?.target.map(|target| target.spatial)
}

//
#[test]
fn a_plan_keeps_to_the_cap_whatever_the_line_could_carry() {
    let (mut hall, bob, streams) = bob_and(3);
    assert_eq!(planned_bps(&hall, bob), 3 * 1_530_000);
    assert_eq!(hall.ask(9, limit(3072)), Ok(Accepted::Done));
    assert!(planned_bps(&hall, bob) <= 3_072_000, "{}", planned_bps(&hall, bob));
    assert!(streams.iter().all(|stream| target(&hall, bob, *stream) >= Some(MIDDLE)), "and it is used");
    let decided = hall.events().into_iter().filter(|event| matches!(event, Event::LayerDecided { .. })).count();
    assert!(decided > 0, "the reason is told");
    let aims = hall.media().into_iter().filter_map(|order| match order {
        MediaOutput::Bandwidth { bandwidth, .. } => Some(bandwidth.desired_bps),
        _ => None,
    });
    assert_eq!(aims.max(), Some(3_072_000), "nor is more looked for");
    // The cap is lifted; after the hold, all is back.
    assert_eq!(hall.ask(9, ClientMessage::LimitBandwidth { max_bps: None }), Ok(Accepted::Done));
    hall.pass_alive(limits::UP_HOLD, &[1, 2, 3, 9]);
    assert_eq!(planned_bps(&hall, bob), 3 * 1_530_000);
}

//
#[test]
fn what_is_sent_takes_its_part_of_the_cap_first() {
    let (mut hall, bob, streams) = bob_and(2);
    hall.ask(9, limit(4000)).expect("it is taken");
    assert_eq!((planned_bps(&hall, bob), target(&hall, bob, streams[1])), (3_060_000, Some(HIGH)), "all of it is for receiving");
    let own = hall.publish(9, camera());
    hall.pass(limits::ROOM_BATCH_SPACING);
    // 2180 kbps are more than half of 4000: half is for each way.
    assert!(planned_bps(&hall, bob) <= 2_000_000, "{}", planned_bps(&hall, bob));
    hall.ask(9, ClientMessage::Unpublish { stream: own }).expect("it is his");
    hall.pass_alive(limits::UP_HOLD, &[1, 2, 9]);
    assert_eq!(planned_bps(&hall, bob), 3_060_000);
}

//
#[test]
fn the_cap_outlives_a_lost_connection() {
    let (mut hall, bob, _) = bob_and(3);
    hall.ask(9, limit(3072)).expect("it is taken");
    hall.disconnect(9);
    hall.ask(10, join("bob", Role::Joiner, Some(bob))).expect("he comes back");
    assert_eq!(hall.room.member(bob).expect("he is there").cap, Some(Cap(3_072_000)));
    let eve = hall.join(11, "eve");
    assert_eq!(hall.room.member(eve).expect("she is there").cap, None);
}

proptest! {
    //
    #[test]
    fn both_ways_together_never_exceed_the_cap(cap_bps: u64, offered_bps: u64) {
        let cap = Cap(cap_bps);
        let (sent, received) = (cap.to_send(offered_bps), cap.to_receive(offered_bps));
        prop_assert_eq!(sent + received, cap_bps, "and all of it is given out");
        prop_assert!(sent <= offered_bps && received >= sent);
    }

    //
    #[test]
    fn no_plan_of_video_exceeds_the_cap(steps in vec((0..6_u8, 0..60_000_u64), 1..30)) {
        let (mut hall, bob, streams) = bob_and(4);
        let mut own = None;
        let mut cap_kbps = None;
        for (step, kbps) in steps {
            match step {
                0 => { hall.ask(9, limit(3072 + kbps % 6000)).expect("it is taken"); cap_kbps = Some(3072 + kbps % 6000); }
                1 => hall.estimate(bob, kbps * 1000),
                2 if own.is_none() => own = Some(hall.publish(9, camera())),
                3 => if let Some(stream) = own.take() { hall.ask(9, ClientMessage::Unpublish { stream }).expect("it is his"); },
                4 => hall.subscribe(9, streams[usize::try_from(kbps % 4).expect("small")]),
                _ => hall.pass_alive(core::time::Duration::from_secs(1), &[1, 2, 3, 4, 9]),
            }
            hall.pass(limits::ROOM_BATCH_SPACING);
            if let Some(kbps) = cap_kbps {
                let sent = if own.is_some() { Cap(kbps * 1000).to_send(camera().max_bps()) } else { 0 };
                prop_assert!(planned_bps(&hall, bob) + sent <= kbps * 1000, "{} and {sent} of {kbps} kbps", planned_bps(&hall, bob));
            }
        }
    }
}

//
#[test]
fn a_publisher_may_ask_who_receives_what() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    assert_eq!(hall.ask(1, ClientMessage::Audience), Ok(Accepted::Audience { streams: vec![] }));
    let (main, share) = (hall.publish(1, camera()), hall.publish(1, screen()));
    let audience = |stream, audio, video| Audience { stream, audio, video };
    let told = |hall: &mut Hall| match hall.ask(1, ClientMessage::Audience) {
        Ok(Accepted::Audience { streams }) => streams,
        other => panic!("it is answered: {other:?}"),
    };
    assert_eq!(told(&mut hall), [audience(main, false, false), audience(share, false, false)]);
    hall.join_as(2, "bob", Role::Player);
    hall.ask(2, hall::video_of(share, &[LOW])).expect("there is one");
    assert_eq!(told(&mut hall), [audience(main, false, false), audience(share, false, true)]);
    hall.ask(2, all_of(main)).expect("he may");
    hall.ask(2, ClientMessage::Unsubscribe { stream: main, audio: false, video: true, layers: None }).expect("he may");
    assert_eq!(told(&mut hall)[0], audience(main, true, false));
    hall.tell(greenroom_core::room::Input::Disconnected { session: SessionId(2) });
    assert_eq!(told(&mut hall)[0], audience(main, true, false), "who is away is still a subscriber");
}
