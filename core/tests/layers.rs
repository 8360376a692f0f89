//! Stories of a room's media plan: which layer each viewer gets, and how it comes to flow.
//!
//! The camera of these stories needs 150, 500 and 1500 kbps, and 30 for its sound; the screen needs 1000. Going up takes a margin of 15 %.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;

use greenroom_core::{
    id::TemporalId,
    id::{LayerId, MemberId, StreamId},
    limits,
    member::Bandwidth,
    role::Role,
    room::{Event, Input, MediaInput, MediaOutput, Output},
    select::Layer as Whole,
    select::Reason,
    stream::TemporalLayers,
    trace::replay,
    wire::{Accepted, ClientMessage},
};
use hall::{HIGH, Hall, LOW, MIDDLE, camera, description, screen, video_of};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

/// Ada publishes a camera on connection 1; Bob, on connection 2, receives all of it.
fn ada_and_bob() -> (Hall, StreamId, MemberId) {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let bob = hall.join_as(2, "bob", Role::Player);
    hall.connect_media(2, bob);
    hall.subscribe(2, stream);
    (hall, stream, bob)
}

fn layers(orders: &[MediaOutput]) -> Vec<Option<LayerId>> {
    let target = |order: &MediaOutput| match order {
        MediaOutput::Layer { target, .. } => Some(target.map(|target| target.spatial)),
        _ => None,
    };
    orders.iter().filter_map(target).collect()
}

fn key_frame_requests(orders: &[MediaOutput]) -> Vec<LayerId> {
    let layer = |order: &MediaOutput| match order {
        MediaOutput::RequestKeyFrame { layer, .. } => Some(*layer),
        _ => None,
    };
    orders.iter().filter_map(layer).collect()
}

fn switched(hall: &mut Hall, member: MemberId, stream: StreamId, layer: LayerId) {
    hall.tell(Input::Media(MediaInput::KeyFrame { stream, layer }));
    hall.tell(Input::Media(MediaInput::Switched { member, stream, layer: Whole::whole(layer) }));
}

#[test]
fn a_viewer_gets_the_highest_layer_that_fits_its_estimate() {
    let (mut hall, _, bob) = ada_and_bob();
    for (kbps, layer) in [(10_000, HIGH), (1_600, HIGH), (1_400, MIDDLE), (200, LOW), (700, MIDDLE), (1_759, HIGH)] {
        hall.pass_alive(limits::UP_HOLD, &[1, 2]);
        hall.hush();
        hall.estimate(bob, kbps * 1000);
        let chosen = layers(&hall.media());
        assert!(chosen.is_empty() || chosen == [Some(layer)], "{kbps} kbps: {chosen:?}");
        let target = hall.room.member(bob).expect("he is there").subscriptions.values().next().and_then(|s| s.video.clone()?.target);
        assert_eq!(target.map(|target| target.spatial), Some(layer), "{kbps} kbps");
    }
}

#[test]
fn a_plan_that_was_lowered_rests_before_it_rises() {
    // Given a viewer whose plan was just lowered,
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 2_000_000);
    switched(&mut hall, bob, stream, HIGH);
    hall.hush();
    hall.estimate(bob, 1_400_000);
    let orders = hall.media();
    assert_eq!(layers(&orders), [Some(MIDDLE)]);
    let bandwidth = |orders: &[MediaOutput]| {
        orders.iter().rev().find_map(|order| if let MediaOutput::Bandwidth { bandwidth, .. } = order { Some(*bandwidth) } else { None })
    };
    let resting = bandwidth(&orders).expect("the floor falls with the plan");
    assert_eq!(resting.minimum_bps, 530_000, "what is sent is not padded: the queue drains");

    // when its estimate recovers at once, then nothing rises yet: the rise before it had failed,
    hall.pass_alive(SECOND, &[1, 2]);
    hall.estimate(bob, 1_900_000);
    assert_eq!(layers(&hall.media()), []);
    assert!(bandwidth(&hall.media()).is_none(), "the queue still drains");
    hall.pass_alive(limits::UP_HOLD, &[1, 2]);
    let orders = hall.media();
    assert_eq!(
        (layers(&orders), bandwidth(&orders).map(|b| b.minimum_bps > 1_530_000)),
        (vec![], Some(true)),
        "it looks for room, with a margin"
    );
    // and when the rest is over it rises without any more news.
    hall.pass_alive(limits::UP_RETRY, &[1, 2]);
    assert_eq!(layers(&hall.media()), [Some(HIGH)]);
}

/// Packets to a member take so long for so many tenths of a second.
fn delay(hall: &mut Hall, member: MemberId, millis: i64, tenths: u32) {
    for _ in 0..tenths {
        hall.pass_alive(SECOND / 10, &[1, 2]);
        hall.tell(Input::Media(MediaInput::Delay { member, delay_ns: millis * 1_000_000 }));
    }
}

#[test]
fn a_queue_that_stands_is_drained_and_nothing_added_to_it() {
    // Given a viewer whose estimate carries what it gets, by clocks that are 3 s apart,
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 2_000_000);
    switched(&mut hall, bob, stream, HIGH);
    delay(&mut hall, bob, -2960, 10);
    hall.pass_alive(limits::UP_HOLD, &[1, 2]);
    hall.hush();

    // when packets wait for less than half a second, nothing happens,
    delay(&mut hall, bob, -2760, 5);
    assert_eq!(layers(&hall.media()), []);
    delay(&mut hall, bob, -2960, 5);
    assert_eq!(layers(&hall.media()), []);
    // when they wait for longer, less is sent, though the estimate says otherwise,
    delay(&mut hall, bob, -2760, 7);
    let orders = hall.media();
    assert_eq!(layers(&orders), [Some(MIDDLE)]);
    // and nothing is raised while they do, whatever is estimated.
    hall.estimate(bob, 9_000_000);
    delay(&mut hall, bob, -2760, 1);
    assert_eq!(layers(&hall.media()), []);
    // As soon as the queue is short, the new line is believed.
    delay(&mut hall, bob, -2950, 1);
    assert_eq!(layers(&hall.media()), [Some(HIGH)]);
}

#[test]
fn a_queue_is_drained_beside_a_screen_that_takes_all_it_declares() {
    // Given a viewer of a screen, of which half is counted, and of a camera, on a line that carries what is counted and no more,
    let (mut hall, stream, bob) = ada_and_bob();
    let shared = hall.publish(1, screen());
    hall.subscribe(2, shared);
    hall.estimate(bob, 1_100_000);
    switched(&mut hall, bob, stream, MIDDLE);
    delay(&mut hall, bob, 40, 10);
    hall.hush();
    // when a page is turned, so that a queue stands for a moment, then nothing comes of it;
    delay(&mut hall, bob, 240, 30);
    delay(&mut hall, bob, 40, 3);
    assert_eq!(layers(&hall.media()), []);
    // when the screen shows a film, so that it stands, then less is sent.
    delay(&mut hall, bob, 240, 52);
    assert_eq!(layers(&hall.media()), [Some(LOW)]);
}

#[test]
fn nobodys_picture_ends_for_a_queue() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 200_000);
    switched(&mut hall, bob, stream, LOW);
    delay(&mut hall, bob, 40, 10);
    hall.hush();
    delay(&mut hall, bob, 1040, 100);
    assert_eq!(layers(&hall.media()), []);
}

#[test]
fn of_a_screen_half_is_counted() {
    // Given a screen of 1000 kbps,
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, screen());
    let bob = hall.join_as(2, "bob", Role::Player);
    hall.connect_media(2, bob);
    hall.subscribe(2, stream);
    hall.hush();
    // then it is not sent with less than half of that, and with half it is.
    hall.estimate(bob, 499_000);
    assert_eq!(layers(&hall.media()), []);
    hall.estimate(bob, 500_000);
    assert_eq!(layers(&hall.media()), [Some(LOW)]);
}

#[test]
fn a_line_that_is_half_as_large_again_is_another_line() {
    let (mut hall, _, bob) = ada_and_bob();
    for (kbps, layer) in [(2_000, HIGH), (1_400, MIDDLE), (2_200, HIGH)] {
        hall.hush();
        hall.estimate(bob, kbps * 1000);
        assert_eq!(layers(&hall.media()), [Some(layer)], "{kbps} kbps");
    }
}

#[test]
fn the_silence_of_an_estimator_that_sees_little_is_no_news() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 2_000_000);
    switched(&mut hall, bob, stream, HIGH);
    hall.hush();
    hall.tell(Input::Media(MediaInput::Estimate { member: bob, bps: 200_000, application_limited: true }));
    assert_eq!(layers(&hall.media()), []);
    assert_eq!(hall.room.member(bob).expect("he is there").estimate_bps, Some(2_000_000));
}

#[test]
fn a_burst_is_borne_and_an_excess_that_lasts_is_not() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 1_600_000);
    hall.hush();
    let mut rate = |kbps: u64| {
        hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: HIGH, bps: kbps * 1000 }));
        hall.pass_alive(Duration::from_millis(500), &[1, 2]);
        layers(&hall.media())
    };
    // A page is turned: JVB's issue 2443 saw 919 to 3730 kbps of a stream that means to send 1350.
    for kbps in [1400, 3730, 3300, 919, 2900, 3730, 1500] {
        assert_eq!(rate(kbps), [], "{kbps} kbps");
    }
    let lasting: Vec<_> = (0..10).flat_map(|_| rate(2500)).collect();
    assert_eq!(lasting, [Some(MIDDLE)]);
    assert_eq!(rate(1500), [], "what it has left it takes again when the line has been calm");
}

#[test]
fn a_muted_video_takes_nothing() {
    // Given a viewer of two cameras with room for one at its best,
    let (mut hall, stream, bob) = ada_and_bob();
    hall.join(3, "eve");
    let eves = hall.publish(3, camera());
    hall.subscribe(2, eves);
    hall.estimate(bob, 2_070_000);
    let target =
        |hall: &Hall, stream| hall.room.member(bob).expect("he is there").subscriptions[&stream].video.clone().and_then(|v| v.target);
    let before = (target(&hall, stream), target(&hall, eves));
    assert!(before.0 != before.1 || before.0 == Some(Whole::whole(MIDDLE)), "{before:?}");
    // when Ada mutes her video, then Eve's has all there is,
    let mute = |video| ClientMessage::Mute { stream, audio: None, video: Some(video) };
    assert_eq!(hall.ask(1, mute(true)), Ok(Accepted::Done));
    hall.pass_alive(SECOND, &[1, 2, 3]);
    assert_eq!(target(&hall, eves), Some(Whole::whole(HIGH)));
    // and when she is back, both live.
    assert_eq!(hall.ask(1, mute(false)), Ok(Accepted::Done));
    hall.pass_alive(SECOND, &[1, 2, 3]);
    assert!(target(&hall, stream).is_some() && target(&hall, eves).is_some());
}

#[test]
fn temporal_layers_are_steps_between_the_layers() {
    // Given a publisher whose layers have three temporal layers each,
    let mut offer = camera();
    for layer in &mut offer.layers {
        layer.temporal_layers = TemporalLayers::new(3).expect("three are allowed");
    }
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, offer);
    let bob = hall.join_as(2, "bob", Role::Player);
    hall.connect_media(2, bob);
    hall.subscribe(2, stream);
    hall.estimate(bob, 2_000_000);
    let top = Whole { spatial: HIGH, temporal: TemporalId::TOP };
    hall.tell(Input::Media(MediaInput::KeyFrame { stream, layer: HIGH }));
    hall.tell(Input::Media(MediaInput::Switched { member: bob, stream, layer: top }));
    hall.hush();
    // when the line no longer carries all of the highest, then it carries two thirds of its pictures: without a key frame, and without a wait.
    hall.estimate(bob, 1_400_000);
    let (orders, expected) = (hall.media(), Whole { spatial: HIGH, temporal: TemporalId(1) });
    let targets: Vec<_> =
        orders.iter().filter_map(|order| if let MediaOutput::Layer { target, .. } = order { *target } else { None }).collect();
    assert_eq!((targets, key_frame_requests(&orders)), (vec![expected], vec![]));
    let plan = hall.room.member(bob).expect("he is there").subscriptions[&stream].video.clone().expect("he watches");
    assert_eq!((plan.target, plan.current, plan.waiting_since), (Some(expected), Some(top), None));
    hall.tell(Input::Media(MediaInput::Switched { member: bob, stream, layer: expected }));
    assert!(hall.events().iter().any(|event| matches!(event, Event::LayerSwitched { from: Some(_), waited: Duration::ZERO, .. })));
}

//
#[test]
fn a_subscription_to_named_layers_is_for_the_highest_of_them_and_one_to_none_in_particular_for_the_highest_there_is() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let bob = hall.join_as(2, "bob", Role::Player);
    hall.connect_media(2, bob);
    hall.estimate(bob, 10_000_000);
    for (wanted, layer) in [(video_of(stream, &[LOW]), LOW), (video_of(stream, &[MIDDLE]), MIDDLE), (hall::all_of(stream), HIGH)] {
        hall.hush();
        assert_eq!(hall.ask(2, wanted), Ok(Accepted::Done));
        assert_eq!(layers(&hall.media()), [Some(layer)]);
    }
}

#[test]
fn sound_goes_first() {
    // Given a viewer who could receive the lowest layer, but not beside the sound,
    let (mut hall, _, bob) = ada_and_bob();
    hall.hush();
    hall.estimate(bob, 160_000);
    // then the video rests.
    assert_eq!(layers(&hall.media()), [None]);
}

#[test]
fn an_estimate_below_everything_pauses_and_a_better_one_resumes() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 300_000);
    switched(&mut hall, bob, stream, LOW);
    hall.hush();
    hall.estimate(bob, 100_000);
    assert_eq!(layers(&hall.media()), [None]);
    assert!(matches!(
        hall.events()[..],
        [Event::LayerDecided {
            from: Some(Whole { spatial: LOW, .. }),
            to: None,
            reason: Reason::Budget { .. },
            estimate_bps: 100_000,
            ..
        }]
    ));
    hall.pass_alive(SECOND, &[1, 2]);
    hall.estimate(bob, 300_000);
    let orders = hall.media();
    assert_eq!((layers(&orders), key_frame_requests(&orders)), (vec![Some(LOW)], vec![LOW]), "to resume takes a key frame");
}

#[test]
fn a_switch_is_told_with_the_time_it_took() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 10_000_000);
    hall.hush();
    hall.pass(Duration::from_millis(120));
    switched(&mut hall, bob, stream, HIGH);
    let expected = Event::LayerSwitched { member: bob, stream, from: None, to: Whole::whole(HIGH), waited: Duration::from_millis(120) };
    assert_eq!(hall.events(), [expected]);
}

#[test]
fn a_viewer_who_steps_down_waits_for_one_key_frame_and_then_for_none() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 10_000_000);
    switched(&mut hall, bob, stream, HIGH);
    hall.hush();
    hall.estimate(bob, 700_000);
    assert_eq!(key_frame_requests(&hall.media()), [MIDDLE]);
    switched(&mut hall, bob, stream, MIDDLE);
    hall.hush();
    hall.pass_alive(5 * SECOND, &[1, 2]);
    assert_eq!(key_frame_requests(&hall.media()), []);
}

#[test]
fn a_request_that_is_lost_is_repeated_until_the_key_frame_comes() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 10_000_000);
    hall.hush();
    hall.pass_alive(3 * SECOND, &[1, 2]);
    assert_eq!(key_frame_requests(&hall.media()), [HIGH; 3]);
    switched(&mut hall, bob, stream, HIGH);
    hall.pass_alive(3 * SECOND, &[1, 2]);
    assert_eq!(key_frame_requests(&hall.media()), []);
}

#[test]
fn nobody_is_asked_for_what_nobody_receives() {
    // Given a viewer who lost its picture, and asked for a key frame that does not come,
    let (mut hall, stream, bob) = ada_and_bob();
    switched(&mut hall, bob, stream, LOW);
    hall.pass_alive(SECOND, &[1, 2]);
    hall.tell(Input::Media(MediaInput::KeyFrameNeeded { member: bob, stream }));
    hall.hush();
    // when it goes away,
    assert_eq!(hall.ask(2, ClientMessage::Leave), Ok(Accepted::Done));
    hall.pass_alive(5 * SECOND, &[1]);
    // then the request is not repeated.
    assert_eq!(key_frame_requests(&hall.media()), []);
}

#[test]
fn five_hundred_waiting_viewers_are_one_request_per_interval() {
    // Given five hundred viewers of one stream whose publisher never sends a key frame,
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let viewers: Vec<_> = (2..502).collect();
    for session in &viewers {
        let member = hall.join_as(*session, &format!("viewer-{session}"), Role::Player);
        hall.connect_media(*session, member);
        hall.subscribe(*session, stream);
    }
    let requests = key_frame_requests(&hall.media());
    assert_eq!(requests, [LOW], "all of it happened at one instant");
    assert!(matches!(hall.events().last(), Some(Event::LayerDecided { .. })));
    // when five seconds pass,
    hall.pass_alive(5 * SECOND, &viewers);
    // then the publisher was asked once for each time that a request counts as lost, on behalf of all.
    assert_eq!(key_frame_requests(&hall.media()).len(), 5);
    let waiting = |event: &Event| match event {
        Event::KeyFrameRequested { waiting, .. } => Some(*waiting),
        _ => None,
    };
    assert!(hall.events().iter().filter_map(waiting).all(|waiting| waiting == 500));
}

#[test]
fn viewers_who_come_one_after_another_cost_a_key_frame_per_interval() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.hush();
    let mut asked = 0;
    for session in 2..102 {
        let member = hall.join_as(session, &format!("viewer-{session}"), Role::Player);
        hall.connect_media(session, member);
        hall.subscribe(session, stream);
        hall.pass(Duration::from_millis(20));
        if !key_frame_requests(&hall.media()).is_empty() {
            asked += 1;
            hall.tell(Input::Media(MediaInput::KeyFrame { stream, layer: LOW })); // the publisher answers at once
        }
    }
    // Two seconds of newcomers at 300 ms each.
    assert_eq!(asked, 7);
}

#[test]
fn a_bandwidth_estimator_is_told_where_to_aim_whenever_that_changes() {
    let (mut hall, _, bob) = ada_and_bob();
    hall.hush();
    // Given an estimate for the middle layer,
    hall.estimate(bob, 700_000);
    let bandwidth = |orders: Vec<MediaOutput>| -> Vec<Bandwidth> {
        let one = |order: &MediaOutput| match order {
            MediaOutput::Bandwidth { bandwidth, .. } => Some(*bandwidth),
            _ => None,
        };
        orders.iter().filter_map(one).collect()
    };
    // then the floor is what the step to the highest takes, and the aim is above that; the sound comes on top of both.
    let to_highest = Bandwidth { minimum_bps: 1_500_000 + 30_000, desired_bps: 1_800_000 + 30_000 };
    assert_eq!(bandwidth(hall.media()), [to_highest]);
    // A little more changes nothing, so nothing is said.
    hall.estimate(bob, 710_000);
    assert_eq!(bandwidth(hall.media()), []);
    // At the top there is nothing to probe for.
    hall.estimate(bob, 3_000_000);
    assert_eq!(hall.room.member(bob).map(|bob| bob.bandwidth.minimum_bps), Some(1_530_000));
}

#[test]
fn a_layer_that_ceases_to_flow_is_left_and_one_that_begins_again_is_taken() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 10_000_000);
    hall.hush();
    let mut rate = |bps| {
        hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: HIGH, bps }));
        hall.pass(Duration::from_millis(1));
        layers(&hall.media())
    };
    assert_eq!(rate(0), [Some(MIDDLE)]);
    assert_eq!(rate(1_400_000), [Some(HIGH)]);
    assert_eq!(rate(1_600_000), [], "a little more than declared is noise");
}

#[test]
fn a_layer_that_is_silent_because_it_is_muted_is_kept() {
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 10_000_000);
    assert_eq!(hall.ask(1, ClientMessage::Mute { stream, audio: None, video: Some(true) }), Ok(Accepted::Done));
    hall.hush();
    hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: HIGH, bps: 0 }));
    hall.pass(Duration::from_millis(1));
    assert_eq!(layers(&hall.media()), []);
}

#[test]
fn the_end_of_one_stream_is_room_for_the_others() {
    // Given a viewer of a camera and a screen, of which half is counted, who can receive 1000 kbps,
    let (mut hall, stream, bob) = ada_and_bob();
    let shared = hall.publish(1, screen());
    hall.subscribe(2, shared);
    hall.estimate(bob, 1_000_000);
    let target = |hall: &Hall| {
        hall.room.member(bob).expect("he is there").subscriptions[&stream].video.clone().and_then(|v| v.target).map(|target| target.spatial)
    };
    assert_eq!(target(&hall), Some(LOW));
    // when the screen goes,
    assert_eq!(hall.ask(1, ClientMessage::Unpublish { stream: shared }), Ok(Accepted::Done));
    hall.pass(Duration::from_millis(1));
    // then the camera goes up.
    assert_eq!(target(&hall), Some(MIDDLE));
}

#[test]
fn news_of_a_switch_that_come_after_the_pause_do_not_count_for_the_resumption() {
    // Given a viewer whose video was paused while the news of its switch was on the way,
    let (mut hall, stream, bob) = ada_and_bob();
    hall.estimate(bob, 100_000);
    hall.tell(Input::Media(MediaInput::Switched { member: bob, stream, layer: Whole::whole(LOW) }));
    hall.pass_alive(SECOND, &[1, 2]);
    hall.hush();
    // when it resumes, then it waits for a key frame, since nothing flows.
    hall.estimate(bob, 300_000);
    assert_eq!(key_frame_requests(&hall.media()), [LOW]);
}

#[test]
fn a_new_transport_starts_over() {
    let (mut hall, stream, bob) = ada_and_bob();
    let bobs =
        hall.ask(2, ClientMessage::SwitchRole { role: Role::Joiner, credential: None }).map(|_| hall.publish(2, camera())).expect("he may");
    hall.estimate(bob, 10_000_000);
    switched(&mut hall, bob, stream, HIGH);
    hall.pass_alive(SECOND, &[1, 2]);
    hall.hush();
    // When a member describes another transport,
    let description = description("another");
    assert_eq!(hall.ask(2, ClientMessage::Media { description: description.clone() }), Ok(Accepted::Done));
    // then that one is told all that flows over it,
    let expected = [
        MediaOutput::Open { member: bob, description },
        MediaOutput::Receive { member: bob, stream: hall.room.stream(bobs).expect("it is published").clone() },
        MediaOutput::Forward { member: bob, stream, audio: true, video: true },
    ];
    assert_eq!(hall.media(), expected);
    // and once it stands, the plan is made as if there had been none.
    hall.tell(Input::Media(MediaInput::Connected { member: bob }));
    let orders = hall.media();
    assert_eq!((layers(&orders), key_frame_requests(&orders)), (vec![Some(LOW)], vec![LOW]));
}

#[test]
fn nothing_is_planned_without_a_transport() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let bob = hall.join(2, "bob");
    hall.subscribe(2, stream);
    hall.hush();
    hall.estimate(bob, 10_000_000);
    assert_eq!((hall.media(), hall.events()), (vec![], vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_decision_to_send_exceeds_the_estimate(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        let mut hall = Hall::with(|config| config.members_max = 4);
        for step in hall.history(&bytes) {
            hall.pass(step.advance.min(Duration::from_secs(40)));
            hall.tell(step.input);
            for event in hall.events() {
                if let Event::LayerDecided { to: Some(_), estimate_bps, allocated_bps, .. } = event {
                    prop_assert!(allocated_bps <= estimate_bps, "{allocated_bps} bps for {estimate_bps}");
                }
            }
            prop_assert!(hall.room.poll_timeout().is_none_or(|at| at > hall.now));
        }
    }

    #[test]
    fn no_layer_is_asked_for_more_often_than_the_interval(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        let mut hall = Hall::with(|config| config.members_max = 4);
        let mut steps = hall.history(&bytes);
        for step in &mut steps {
            step.advance = step.advance.min(Duration::from_millis(700));
        }
        let mut last = std::collections::BTreeMap::new();
        for (now, output) in replay(&mut hall.room, hall.now, &steps).0 {
            if let Output::Media(MediaOutput::RequestKeyFrame { stream, layer, .. }) = output
                && let Some(before) = last.insert((stream, layer), now)
            {
                prop_assert!(now.saturating_since(before) >= limits::KEY_FRAME_INTERVAL, "{stream} {layer} at {before} and {now}");
            }
        }
    }
}
