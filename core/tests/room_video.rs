//! Stories of layers, lists and changes: what a subscriber asks for, and what becomes of it when a stream changes.
//!
//! The camera of these stories has 180p, 360p and 720p at 150, 500 and 1500 kbps, and sound at 30.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;

use greenroom_core::{
    code::Code,
    id::{LayerId, MemberId, Rid, StreamId},
    limits,
    member::VideoPlan,
    role::Role,
    room::{Event, Input, MediaInput, MediaOutput},
    select::Reason,
    stream::{Layer, LayerSet, StreamOffer, TemporalLayers},
    wire::{Accepted, ClientMessage, RefusedWish, ServerMessage, VideoWish},
};
use hall::{HIGH, Hall, LOW, MIDDLE, all_of, camera, join, of, screen, user, video_of};

const SECOND: Duration = Duration::from_secs(1);
const BATCH: Duration = limits::ROOM_BATCH_SPACING;

/// Ada publishes a camera on connection 1; Bob, on connection 2, has a transport and 10 Mbps.
fn ada_and_bob(offer: StreamOffer) -> (Hall, StreamId, MemberId) {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, offer);
    let bob = hall.join_as(2, "bob", Role::Player);
    hall.connect_media(2, bob);
    hall.estimate(bob, 10_000_000);
    hall.hush();
    (hall, stream, bob)
}

fn on_demand() -> StreamOffer {
    StreamOffer { on_demand: true, ..camera() }
}

/// What Bob is to receive of a stream's video.
fn plan(hall: &Hall, member: MemberId, stream: StreamId) -> Option<VideoPlan> {
    hall.room.member(member)?.subscriptions.get(&stream)?.video.clone()
}

fn target(hall: &Hall, member: MemberId, stream: StreamId) -> Option<LayerId> {
    Some(plan(hall, member, stream)?.target?.spatial)
}

/// A spatial layer with all of its pictures.
fn whole(layer: LayerId) -> greenroom_core::select::Layer {
    greenroom_core::select::Layer::whole(layer)
}

fn unsubscribe(stream: StreamId, layers: Option<&[LayerId]>) -> ClientMessage {
    ClientMessage::Unsubscribe { stream, audio: false, video: true, layers: layers.map(of) }
}

fn wish(stream: StreamId) -> VideoWish {
    VideoWish::of(stream)
}

fn switched(hall: &mut Hall, member: MemberId, stream: StreamId, layer: LayerId) {
    hall.tell(Input::Media(MediaInput::KeyFrame { stream, layer }));
    hall.tell(Input::Media(MediaInput::Switched { member, stream, layer: whole(layer) }));
}

// Layers

//
#[test]
fn a_layer_that_there_is_not_cannot_be_asked_for() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    assert_eq!(hall.ask(2, video_of(stream, &[LOW, LayerId(3)])), Err(Code::BAD_REQUEST));
    let none = ClientMessage::Subscribe { stream, audio: true, video: true, layers: LayerSet::EMPTY, min_height: None };
    assert_eq!(hall.ask(2, none), Err(Code::BAD_REQUEST));
    // Without video, layers are not looked at.
    let sound = ClientMessage::Subscribe { stream, audio: true, video: false, layers: of(&[LayerId(5)]), min_height: None };
    assert_eq!(hall.ask(2, sound), Ok(Accepted::Done));
    assert_eq!(plan(&hall, bob, stream), None);
    assert_eq!(hall.ask(2, unsubscribe(stream, Some(&[LayerId(3)]))), Err(Code::BAD_REQUEST));
}

//
#[test]
fn layers_add_up() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    for (asked, has) in [(video_of(stream, &[LOW]), of(&[LOW])), (video_of(stream, &[MIDDLE]), of(&[LOW, MIDDLE]))] {
        assert_eq!(hall.ask(2, asked), Ok(Accepted::Done));
        assert_eq!(plan(&hall, bob, stream).map(|plan| plan.layers), Some(has));
    }
    assert_eq!(hall.ask(2, all_of(stream)), Ok(Accepted::Done));
    assert_eq!(plan(&hall, bob, stream).map(|plan| plan.layers), Some(of(&[LOW, MIDDLE]).union(LayerSet::HIGHEST)));
    assert_eq!(target(&hall, bob, stream), Some(HIGH));
    assert_eq!(hall.ask(2, video_of(stream, &[LOW])), Ok(Accepted::Done));
    assert_eq!(target(&hall, bob, stream), Some(HIGH), "what is asked for besides takes nothing away");
}

// R-096 R-100 R-101
#[test]
fn layers_are_given_back_one_by_one_and_with_the_last_the_video() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    assert_eq!(hall.ask(2, all_of(stream)), Ok(Accepted::Done));
    assert_eq!(hall.ask(2, video_of(stream, &[LOW])), Ok(Accepted::Done));
    // What is not received is no error;
    assert_eq!(hall.ask(2, unsubscribe(stream, Some(&[MIDDLE]))), Ok(Accepted::Done));
    assert_eq!(target(&hall, bob, stream), Some(HIGH));
    // the layer at the top is the highest there is;
    assert_eq!(hall.ask(2, unsubscribe(stream, Some(&[HIGH]))), Ok(Accepted::Done));
    assert_eq!((target(&hall, bob, stream), plan(&hall, bob, stream).map(|plan| plan.layers)), (Some(LOW), Some(of(&[LOW]))));
    // and without a layer there is no video, but sound.
    hall.hush();
    assert_eq!(hall.ask(2, unsubscribe(stream, Some(&[LOW]))), Ok(Accepted::Done));
    assert!(hall.media().contains(&MediaOutput::Forward { member: bob, stream, audio: true, video: false }));
    assert_eq!(plan(&hall, bob, stream), None);
    // Without naming layers, all go at once.
    assert_eq!(hall.ask(2, video_of(stream, &[LOW, MIDDLE])), Ok(Accepted::Done));
    assert_eq!(hall.ask(2, unsubscribe(stream, None)), Ok(Accepted::Done));
    assert_eq!(plan(&hall, bob, stream), None);
}

//
#[test]
fn a_picture_below_the_lowest_worth_having_is_not_sent() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    let subscribe = ClientMessage::Subscribe { stream, audio: false, video: true, layers: LayerSet::HIGHEST, min_height: Some(360) };
    assert_eq!(hall.ask(2, subscribe), Ok(Accepted::Done));
    assert_eq!(target(&hall, bob, stream), Some(HIGH));
    // The line gets worse: down to 360p, and no lower;
    hall.estimate(bob, 600_000);
    assert_eq!(target(&hall, bob, stream), Some(MIDDLE));
    hall.hush();
    hall.estimate(bob, 200_000);
    assert_eq!(target(&hall, bob, stream), None);
    let events = hall.events();
    assert!(
        matches!(events[..], [Event::LayerDecided { to: None, reason: Reason::Budget { needs_bps: 500_000, budget_bps: 200_000 }, .. }]),
        "{events:?}"
    );
    // it recovers: up to what was asked for.
    hall.pass_alive(limits::UP_HOLD, &[1, 2]);
    hall.estimate(bob, 10_000_000);
    assert_eq!(target(&hall, bob, stream), Some(HIGH));
}

//
#[test]
fn where_no_layer_is_large_enough_the_highest_is_kept() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    let subscribe = ClientMessage::Subscribe { stream, audio: false, video: true, layers: LayerSet::HIGHEST, min_height: Some(1080) };
    assert_eq!(hall.ask(2, subscribe), Ok(Accepted::Done));
    hall.estimate(bob, 600_000);
    assert_eq!(target(&hall, bob, stream), None, "nothing below the highest");
    hall.pass_alive(limits::UP_HOLD, &[1, 2]);
    hall.estimate(bob, 2_000_000);
    assert_eq!(target(&hall, bob, stream), Some(HIGH));
    // A layer that ceases to flow is not published: the highest that is takes its place.
    hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: HIGH, bps: 0 }));
    hall.pass(BATCH);
    assert_eq!(target(&hall, bob, stream), Some(MIDDLE));
}

//
#[test]
fn an_upright_picture_is_measured_across_its_short_side() {
    let mut upright = camera();
    for layer in &mut upright.layers {
        layer.width = Some(layer.height * 9 / 16);
    }
    let (mut hall, stream, bob) = ada_and_bob(upright);
    let subscribe = ClientMessage::Subscribe { stream, audio: false, video: true, layers: LayerSet::HIGHEST, min_height: Some(360) };
    assert_eq!(hall.ask(2, subscribe), Ok(Accepted::Done));
    hall.estimate(bob, 1_000_000);
    assert_eq!(target(&hall, bob, stream), None, "its 360p is 202 pixels wide");
}

#[test]
fn a_wish_for_larger_pictures_is_not_starved_by_a_plan_that_rests() {
    // Given Bob, whose plan was just lowered to the lowest layer,
    let (mut hall, stream, bob) = ada_and_bob(camera());
    assert_eq!(hall.ask(2, video_of(stream, &[HIGH])), Ok(Accepted::Done));
    hall.estimate(bob, 360_000);
    assert_eq!(target(&hall, bob, stream), Some(LOW));
    hall.estimate(bob, 535_000);
    assert_eq!(target(&hall, bob, stream), Some(LOW));
    // when he finds 360p the lowest worth having, then he gets that, and no more before the rest is over.
    let wanted = vec![VideoWish { min_height: Some(360), ..wish(stream) }];
    assert!(hall.ask(2, ClientMessage::SubscribeVideo { wanted }).is_ok());
    assert_eq!(target(&hall, bob, stream), Some(MIDDLE));
}

// A list of all videos

// R-105 R-109
#[test]
fn a_list_of_videos_is_all_that_is_received_and_sound_stays() {
    let (mut hall, adas, bob) = ada_and_bob(camera());
    let shared = hall.publish(1, screen());
    hall.join(3, "eve");
    let eves = hall.publish(3, camera());
    assert_eq!(hall.ask(2, all_of(adas)), Ok(Accepted::Done));
    assert_eq!(hall.ask(2, video_of(shared, &[LOW])), Ok(Accepted::Done));
    hall.hush();
    let wanted = vec![VideoWish { layers: of(&[MIDDLE]), min_height: Some(180), ..wish(eves) }];
    assert_eq!(hall.ask(2, ClientMessage::SubscribeVideo { wanted }), Ok(Accepted::Subscribed { refused: vec![] }));
    let forwards: Vec<_> = hall.media().into_iter().filter(|order| matches!(order, MediaOutput::Forward { .. })).collect();
    let forward = |stream, audio, video| MediaOutput::Forward { member: bob, stream, audio, video };
    assert_eq!(forwards, [forward(adas, true, false), forward(shared, false, false), forward(eves, false, true)]);
    assert_eq!(target(&hall, bob, eves), Some(MIDDLE));
    let subscriptions = &hall.room.member(bob).expect("he is there").subscriptions;
    assert_eq!(subscriptions.keys().copied().collect::<Vec<_>>(), [adas, eves], "a share without its video is nothing");
    // The next list takes the place of this one, layer sets included.
    assert!(hall.ask(2, ClientMessage::SubscribeVideo { wanted: vec![wish(eves)] }).is_ok());
    let expected = VideoPlan { layers: LayerSet::HIGHEST, min_height: None, ..plan(&hall, bob, eves).expect("it is received") };
    assert_eq!(plan(&hall, bob, eves), Some(expected));
    assert_eq!(target(&hall, bob, eves), Some(HIGH));
}

//
#[test]
fn an_empty_list_ends_all_video() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    hall.subscribe(2, stream);
    assert_eq!(hall.ask(2, ClientMessage::SubscribeVideo { wanted: vec![] }), Ok(Accepted::Subscribed { refused: vec![] }));
    let subscription = &hall.room.member(bob).expect("he is there").subscriptions[&stream];
    assert!(subscription.audio && subscription.video.is_none());
}

//
#[test]
fn a_list_that_contradicts_itself_changes_nothing() {
    let (mut hall, adas, bob) = ada_and_bob(camera());
    assert_eq!(hall.ask(2, ClientMessage::SwitchRole { role: Role::Joiner, credential: None }), Ok(Accepted::Done));
    let bobs = hall.publish(2, camera());
    hall.subscribe(2, adas);
    let before = hall.room.member(bob).cloned();
    let too_many: Vec<_> = (100..).map(|id| wish(StreamId(id))).take(limits::SUBSCRIPTIONS_PER_MEMBER + 1).collect();
    for wanted in [vec![wish(adas), wish(adas)], vec![wish(bobs)], too_many] {
        assert_eq!(hall.ask(2, ClientMessage::SubscribeVideo { wanted }), Err(Code::BAD_REQUEST));
        assert_eq!(hall.room.member(bob).cloned(), before);
    }
}

// R-102 R-106
#[test]
fn what_of_a_list_cannot_be_received_is_told_and_the_rest_is() {
    let (mut hall, adas, bob) = ada_and_bob(camera());
    let shared = hall.publish(1, screen());
    hall.subscribe(2, shared);
    let gone = StreamId(99);
    let wanted = vec![wish(gone), VideoWish { layers: of(&[HIGH]), ..wish(shared) }, wish(adas)];
    let refused = vec![RefusedWish { stream: gone, code: Code::NO_SUCH_STREAM }, RefusedWish { stream: shared, code: Code::BAD_REQUEST }];
    assert_eq!(hall.ask(2, ClientMessage::SubscribeVideo { wanted }), Ok(Accepted::Subscribed { refused }));
    assert_eq!((plan(&hall, bob, shared), target(&hall, bob, adas)), (None, Some(HIGH)));
}

//
#[test]
fn a_list_takes_the_places_that_it_frees_and_no_more() {
    // Given a viewer of as many streams as it may, the first of them for its sound alone,
    let mut hall = Hall::new();
    let viewer = hall.join_as(1, "viewer", Role::Player);
    hall.connect_media(1, viewer);
    hall.estimate(viewer, 100_000_000);
    let limit = limits::SUBSCRIPTIONS_PER_MEMBER;
    let streams: Vec<_> = (0..2 * limit)
        .map(|i| {
            let session = 100 + i as u64;
            hall.join(session, &format!("publisher-{i}"));
            hall.publish(session, on_demand())
        })
        .collect();
    let sound = ClientMessage::Subscribe { stream: streams[0], audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None };
    assert_eq!(hall.ask(1, sound), Ok(Accepted::Done));
    for stream in &streams[1..limit] {
        assert_eq!(hall.ask(1, video_of(*stream, &[LOW, HIGH])), Ok(Accepted::Done));
    }
    hall.hush();
    // when it asks for as many others,
    let wanted: Vec<_> = streams[limit..].iter().map(|stream| wish(*stream)).collect();
    let answer = hall.ask(1, ClientMessage::SubscribeVideo { wanted });
    // then all are received but the one whose place the sound has, in one bounded step.
    let last = *streams.last().expect("there are many");
    assert_eq!(answer, Ok(Accepted::Subscribed { refused: vec![RefusedWish { stream: last, code: Code::TOO_MANY_SUBSCRIPTIONS }] }));
    assert!(hall.most_outputs > 7 * limit && hall.most_outputs <= limits::ROOM_OUTPUTS, "{} outputs", hall.most_outputs);
}

// Video on demand

//
#[test]
fn a_publisher_on_demand_hears_of_the_first_viewer_and_of_the_last() {
    let (mut hall, stream, _) = ada_and_bob(on_demand());
    hall.join(3, "eve");
    hall.hush();
    let needed = |needed| ServerMessage::VideoNeeded { stream, needed, up_to: None };
    let sound = ClientMessage::Subscribe { stream, audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None };
    assert_eq!(hall.ask(2, sound), Ok(Accepted::Done));
    assert_eq!(hall.heard(1), []);
    hall.subscribe(2, stream);
    assert_eq!(hall.heard(1), [needed(true)]);
    hall.subscribe(3, stream);
    assert_eq!(hall.ask(2, unsubscribe(stream, None)), Ok(Accepted::Done));
    assert_eq!(hall.heard(1), []);
    // The last one leaves the room.
    assert_eq!(hall.ask(3, ClientMessage::Leave), Ok(Accepted::Done));
    assert!(hall.heard(1).contains(&needed(false)));
    assert!(hall.ask(2, ClientMessage::SubscribeVideo { wanted: vec![wish(stream)] }).is_ok());
    assert_eq!(hall.heard(1), [needed(true)]);
}

//
#[test]
fn a_publisher_who_comes_back_hears_how_things_stand() {
    let (mut hall, stream, _) = ada_and_bob(on_demand());
    let ada = hall.room.member_of(&user("ada")).expect("she is there").id;
    hall.disconnect(1);
    hall.subscribe(2, stream);
    assert!(hall.ask(3, join("ada", Role::Joiner, Some(ada))).is_ok());
    assert_eq!(hall.heard(3), [ServerMessage::VideoNeeded { stream, needed: true, up_to: None }]);
}

//
#[test]
fn who_sends_video_in_any_case_is_not_told() {
    let (mut hall, stream, _) = ada_and_bob(camera());
    hall.subscribe(2, stream);
    assert_eq!(hall.ask(2, unsubscribe(stream, None)), Ok(Accepted::Done));
    assert_eq!(hall.heard(1), []);
    // From the moment it is sent on demand, it is.
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer: on_demand() }), Ok(Accepted::Done));
    assert_eq!(hall.heard(1), [ServerMessage::VideoNeeded { stream, needed: false, up_to: None }]);
}

#[test]
fn the_silence_of_a_video_that_nobody_needs_says_nothing_of_its_layers() {
    let (mut hall, stream, bob) = ada_and_bob(on_demand());
    hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: HIGH, bps: 0 }));
    hall.subscribe(2, stream);
    assert_eq!(target(&hall, bob, stream), Some(HIGH));
    // Silence before the last viewer went is forgotten too.
    hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: HIGH, bps: 0 }));
    assert_eq!(hall.ask(2, unsubscribe(stream, None)), Ok(Accepted::Done));
    hall.subscribe(2, stream);
    assert_eq!(target(&hall, bob, stream), Some(HIGH));
}

// Changes of a stream

//
#[test]
fn a_changed_stream_is_announced_once_and_stays_the_same_stream() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    hall.subscribe(2, stream);
    switched(&mut hall, bob, stream, HIGH);
    hall.hush();
    let mut offer = camera();
    offer.layers[2].max_bps = 2_000_000;
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer: offer.clone() }), Ok(Accepted::Done));
    let updated = hall.room.stream(stream).expect("it is published").clone();
    assert_eq!(updated.offer, offer);
    assert_eq!((hall.heard(1), hall.heard(2)), (vec![], vec![ServerMessage::StreamUpdated { stream: updated.clone() }]));
    let ada = hall.room.member_of(&user("ada")).expect("she is there").id;
    assert_eq!(hall.media(), [MediaOutput::Receive { member: ada, stream: updated }]);
    // A layer that stands where it stood flows on.
    hall.pass(BATCH);
    assert_eq!(plan(&hall, bob, stream).map(|plan| (plan.target, plan.current)), Some((Some(whole(HIGH)), Some(whole(HIGH)))));
    // What changes nothing is not told.
    hall.hush();
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer }), Ok(Accepted::Done));
    assert_eq!((hall.heard(2), hall.media()), (vec![], vec![]));
}

//
#[test]
fn what_cannot_be_a_change_of_that_stream_is_refused() {
    let (mut hall, stream, _) = ada_and_bob(camera());
    let update = |stream, offer| ClientMessage::Update { stream, offer };
    assert_eq!(hall.ask(1, update(stream, screen())), Err(Code::BAD_REQUEST), "another kind");
    let mut upside_down = camera();
    upside_down.layers.reverse();
    assert_eq!(hall.ask(1, update(stream, upside_down)), Err(Code::BAD_REQUEST));
    assert_eq!(hall.ask(2, update(stream, camera())), Err(Code::NO_SUCH_STREAM));
    assert_eq!(hall.ask(1, update(StreamId(99), camera())), Err(Code::NO_SUCH_STREAM));
    assert_eq!(hall.heard(2), []);
}

// R-090 R-114
#[test]
fn a_layer_that_is_taken_away_is_received_no_longer_and_wishes_follow_the_others() {
    // Given Bob, who wants the middle layer and the highest, and has asked for a key frame of the highest,
    let (mut hall, stream, bob) = ada_and_bob(camera());
    assert_eq!(hall.ask(2, video_of(stream, &[MIDDLE, HIGH])), Ok(Accepted::Done));
    hall.hush();
    // when the highest layer goes,
    let mut two = camera();
    two.layers.pop();
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer: two }), Ok(Accepted::Done));
    hall.pass(BATCH);
    // then he gets the other, and nobody asks for key frames of what is gone.
    assert_eq!(plan(&hall, bob, stream).map(|plan| (plan.layers, plan.target)), Some((of(&[MIDDLE]), Some(whole(MIDDLE)))));
    hall.pass_alive(3 * SECOND, &[1, 2]);
    let asked = |order: &MediaOutput| matches!(order, MediaOutput::RequestKeyFrame { layer: HIGH, .. });
    assert!(!hall.media().iter().any(asked));
    // When the lowest goes, the one that he wants stands at the foot of the ladder: he starts over with it there.
    hall.pass(SECOND);
    switched(&mut hall, bob, stream, MIDDLE);
    hall.hush();
    let mut one = camera();
    one.layers = vec![one.layers[1].clone()];
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer: one }), Ok(Accepted::Done));
    hall.pass(BATCH);
    let now = plan(&hall, bob, stream).expect("he receives it");
    assert_eq!((now.layers, now.target, now.current), (of(&[LOW]), Some(whole(LOW)), None));
    // And when that one is replaced, nothing of what he named is left: he gets the highest there is.
    let layer = |rid: &str, kbps: u64| Layer {
        rid: Rid::new(rid).expect("a valid rid"),
        width: None,
        height: 90,
        max_bps: kbps * 1000,
        temporal_layers: TemporalLayers::ONE,
    };
    let other = StreamOffer { layers: vec![layer("a", 100), layer("b", 200)], ..camera() };
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer: other }), Ok(Accepted::Done));
    hall.pass(BATCH);
    assert_eq!(plan(&hall, bob, stream).map(|plan| (plan.layers, plan.target)), Some((LayerSet::HIGHEST, Some(whole(MIDDLE)))));
}

//
#[test]
fn a_stream_that_loses_its_video_and_regains_it_is_received_again() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    hall.subscribe(2, stream);
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer: StreamOffer { layers: vec![], ..camera() } }), Ok(Accepted::Done));
    hall.pass(BATCH);
    assert_eq!(target(&hall, bob, stream), None);
    assert_eq!(hall.ask(1, ClientMessage::Update { stream, offer: camera() }), Ok(Accepted::Done));
    hall.pass(BATCH);
    assert_eq!(target(&hall, bob, stream), Some(HIGH));
}

// Layers that nobody wishes

/// What Ada, on connection 1, was told of her video since the last time.
fn told(hall: &mut Hall) -> Vec<(bool, Option<LayerId>)> {
    let word = |message| match message {
        ServerMessage::VideoNeeded { needed, up_to, .. } => Some((needed, up_to)),
        _ => None,
    };
    hall.heard(1).into_iter().filter_map(word).collect()
}

/// A viewer of that stream, on that connection, with a transport and room for everything.
fn viewer(hall: &mut Hall, session: u64, stream: StreamId, layers: &[LayerId]) -> MemberId {
    let member = hall.join_as(session, &format!("viewer-{session}"), Role::Player);
    hall.connect_media(session, member);
    hall.estimate(member, 10_000_000);
    wish_for(hall, session, stream, layers);
    member
}

fn wish_for(hall: &mut Hall, session: u64, stream: StreamId, layers: &[LayerId]) {
    let wanted = if layers.is_empty() { vec![] } else { vec![VideoWish { layers: of(layers), ..wish(stream) }] };
    assert!(hall.ask(session, ClientMessage::SubscribeVideo { wanted }).is_ok());
}

/// What a session wishes to have.
type Wishes<'a> = (u64, &'a [LayerId]);
/// What a publisher is told: whether its video is needed, and up to which layer.
type Told = (bool, Option<LayerId>);

// The cases of LiveKit's dynacast manager that have one codec: livekit/livekit, pkg/rtc/dynacast/dynacastmanager_test.go at 788d4c35. What is asked for is the most that any viewer wishes; less after a delay, more at once.
#[test]
fn a_publisher_on_demand_sends_what_anybody_wishes_at_most() {
    const L: &[LayerId] = &[LOW];
    const M: &[LayerId] = &[MIDDLE];
    const H: &[LayerId] = &[HIGH];
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, on_demand());
    hall.hush();
    viewer(&mut hall, 11, stream, H);
    viewer(&mut hall, 12, stream, M);
    viewer(&mut hall, 13, stream, M);
    assert_eq!(told(&mut hall), [(true, None)], "H, M, M: all of it");
    let cases: [(&[Wishes<'_>], &[Told]); 5] = [
        (&[(11, M)], &[(true, Some(MIDDLE))]),
        (&[(11, L), (12, L), (13, L)], &[(true, Some(LOW))]),
        (&[(12, &[])], &[]),
        (&[(11, &[]), (13, &[])], &[(false, None)]),
        (&[(11, L)], &[(true, Some(LOW))]),
    ];
    for (wishes, expected) in cases {
        for (session, layers) in wishes {
            wish_for(&mut hall, *session, stream, layers);
        }
        hall.pass_alive(limits::LAYER_LINGER, &[1, 11, 12, 13]);
        assert_eq!(told(&mut hall), expected, "{wishes:?}");
    }
}

#[test]
fn less_is_said_after_a_while_and_more_at_once() {
    let (mut hall, stream, bob) = ada_and_bob(on_demand());
    wish_for(&mut hall, 2, stream, &[HIGH]);
    hall.hush();
    // Given Bob, who is content with less,
    wish_for(&mut hall, 2, stream, &[LOW]);
    hall.pass_alive(limits::LAYER_LINGER.saturating_sub(Duration::from_millis(1)), &[1, 2]);
    assert_eq!(told(&mut hall), []);
    // and changes his mind in time, then nobody hears of it.
    wish_for(&mut hall, 2, stream, &[HIGH]);
    hall.pass_alive(2 * limits::LAYER_LINGER, &[1, 2]);
    assert_eq!(told(&mut hall), []);
    // When he stays with it, then the other layers go, and their silence is no loss:
    wish_for(&mut hall, 2, stream, &[LOW]);
    hall.pass_alive(limits::LAYER_LINGER, &[1, 2]);
    assert_eq!(told(&mut hall), [(true, Some(LOW))]);
    hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: HIGH, bps: 0 }));
    // they are back at once when he wants them, and he gets them.
    wish_for(&mut hall, 2, stream, &[HIGH]);
    assert_eq!((told(&mut hall), target(&hall, bob, stream)), (vec![(true, None)], Some(HIGH)));
}

#[test]
fn a_small_window_is_a_wish_for_small_layers() {
    let (mut hall, stream, bob) = ada_and_bob(on_demand());
    let sized = |max_height| ClientMessage::SubscribeVideo { wanted: vec![VideoWish { max_height: Some(max_height), ..wish(stream) }] };
    hall.hush();
    assert!(hall.ask(2, sized(400)).is_ok());
    assert_eq!((told(&mut hall), target(&hall, bob, stream)), (vec![(true, Some(MIDDLE))], Some(MIDDLE)));
    // None is so small: the smallest stands for it.
    assert!(hall.ask(2, sized(90)).is_ok());
    assert_eq!(target(&hall, bob, stream), Some(LOW));
}

#[test]
fn priority_decides_who_goes_first() {
    let (mut hall, adas, bob) = ada_and_bob(camera());
    hall.join(3, "eve");
    let eves = hall.publish(3, camera());
    hall.estimate(bob, 1_700_000);
    for (first, other) in [(adas, eves), (eves, adas)] {
        hall.pass_alive(limits::UP_RETRY + SECOND, &[1, 2, 3]);
        let wanted = vec![VideoWish { priority: 9, ..wish(first) }, wish(other)];
        assert!(hall.ask(2, ClientMessage::SubscribeVideo { wanted }).is_ok());
        assert_eq!((target(&hall, bob, first), target(&hall, bob, other)), (Some(HIGH), Some(LOW)));
    }
}

// mediasoup's issue 1460: a layer in the middle that does not flow gives the next lower one, never a higher.
#[test]
fn a_missing_middle_layer_gives_the_next_lower_one() {
    let (mut hall, stream, bob) = ada_and_bob(camera());
    hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: MIDDLE, bps: 0 }));
    wish_for(&mut hall, 2, stream, &[MIDDLE]);
    assert_eq!(target(&hall, bob, stream), Some(LOW));
}

#[test]
fn key_frames_that_five_hundred_lose_at_once_are_one_request() {
    // Given a stream that five hundred watch,
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let viewers: Vec<MemberId> = (0..500).map(|i| viewer(&mut hall, 1000 + i, stream, &[HIGH])).collect();
    let asked = |hall: &mut Hall| hall.media().into_iter().filter(|order| matches!(order, MediaOutput::RequestKeyFrame { .. })).count();
    hall.tell(Input::Media(MediaInput::KeyFrame { stream, layer: HIGH }));
    for member in &viewers {
        hall.tell(Input::Media(MediaInput::Switched { member: *member, stream, layer: whole(HIGH) }));
    }
    hall.pass(SECOND);
    hall.hush();
    // when all of them lose their picture at one instant, then the publisher is asked once;
    for member in &viewers {
        hall.tell(Input::Media(MediaInput::KeyFrameNeeded { member: *member, stream }));
    }
    assert_eq!(asked(&mut hall), 1);
    // and while they go on asking and none comes, once a second.
    for _ in 0..30 {
        hall.pass(Duration::from_millis(100));
        for member in &viewers {
            hall.tell(Input::Media(MediaInput::KeyFrameNeeded { member: *member, stream }));
        }
    }
    assert_eq!(asked(&mut hall), 3);
}
