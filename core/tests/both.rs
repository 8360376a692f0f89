//! Stories of sessions and a room together, over connections that have a latency and break.

#[path = "common/world.rs"]
mod world;

use core::time::Duration;

use greenroom_core::{
    code::Code,
    id::{StreamId, UserId, UserName},
    limits,
    role::Role,
    room,
    session::{Answer, Call, ConnectionState, Event},
    stream::{LayerSet, StreamKind, StreamOffer},
    trace::Choices,
    wire::LeaveReason,
};
use proptest::prelude::*;
use world::{World, join, sound};

const SECOND: Duration = Duration::from_secs(1);

const ADA: usize = 0;
const BOB: usize = 1;
const EVE: usize = 2;

fn user(name: &str) -> UserId {
    UserId::new(name).expect("names of stories are valid ids")
}

fn publish(world: &mut World, client: usize) -> StreamId {
    let call = world.call(client, Call::Publish { offer: sound(StreamKind::Main) });
    world.pass(SECOND);
    match world.answer(client, call) {
        Some(Ok(Answer::Published { stream })) => stream,
        other => panic!("it was to be published: {other:?}"),
    }
}

/// The news about others among a client's events.
fn news(world: &mut World, client: usize) -> Vec<Event> {
    let mut events = world.events(client);
    events.retain(|event| {
        matches!(
            event,
            Event::PeerJoined { .. }
                | Event::PeerLeft { .. }
                | Event::StreamAdded { .. }
                | Event::StreamRemoved { .. }
                | Event::StreamMuted { .. }
        )
    });
    events
}

// R-059 R-062 R-083
#[test]
fn others_see_an_entry_a_publication_and_a_departure_in_order() {
    let mut world = World::of(&["ada"]);
    world.clients.push(World::new(1).clients.remove(0));
    world.call(BOB, join("bob", Role::Joiner));
    world.pass(SECOND);
    let stream = publish(&mut world, BOB);
    world.call(BOB, Call::Leave);
    world.pass(SECOND);
    let seen = news(&mut world, ADA);
    assert!(
        matches!(
            &seen[..],
            [Event::PeerJoined { user: entered, .. }, Event::StreamAdded { stream: added }, Event::StreamRemoved { stream: removed }, Event::PeerLeft { user: left, name: None, reason: LeaveReason::LEFT }]
                if *entered == user("bob") && *left == user("bob") && added.id == stream && removed == added
        ),
        "{seen:?}"
    );
    assert_eq!(world.state(BOB), ConnectionState::Disconnected);
}

// R-064 R-065
#[test]
fn the_newer_session_of_a_user_stays_and_the_older_is_out() {
    let mut world = World::of(&["ada", "bob"]);
    world.clients.push(World::new(1).clients.remove(0));
    world.call(2, join("ada", Role::Joiner));
    world.pass(SECOND);
    assert!(world.events(ADA).contains(&Event::Removed { code: Code::REPLACED }));
    let seen = news(&mut world, BOB);
    assert_eq!(
        seen,
        [
            Event::PeerLeft { user: user("ada"), name: None, reason: LeaveReason::REPLACED },
            Event::PeerJoined { user: user("ada"), name: None }
        ]
    );
    assert_eq!(news(&mut world, 2), [Event::PeerJoined { user: user("bob"), name: None }]);
    assert_eq!((world.state(ADA), world.state(2)), (ConnectionState::Disconnected, ConnectionState::Connected));
    assert_eq!(world.views_agree(), Ok(()));
}

// R-021 R-023
#[test]
fn a_short_loss_is_nobody_else_s_business() {
    let mut world = World::of(&["ada", "bob"]);
    let stream = publish(&mut world, ADA);
    world.call(BOB, Call::Subscribe { stream, audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None });
    world.pass(SECOND);
    world.hush();
    world.break_connection(ADA, Some(SECOND), Some(SECOND), None);
    world.pass(5 * SECOND);
    assert!(world.events(ADA).iter().any(|event| matches!(event, Event::Restored { .. })));
    assert_eq!(news(&mut world, BOB), []);
    let subscribed = world.room.members().any(|member| member.subscriptions.contains_key(&stream));
    assert!(subscribed, "Bob still receives Ada");
    assert_eq!(world.views_agree(), Ok(()));
}

//
#[test]
fn a_long_loss_ends_the_stay_on_both_sides() {
    let mut world = World::of(&["ada", "bob"]);
    publish(&mut world, ADA);
    world.hush();
    // When Ada's network goes for longer than the window,
    world.break_connection(ADA, Some(SECOND), Some(SECOND), None);
    world.network = false;
    world.pass(limits::RECONNECT_WINDOW + 2 * SECOND);
    // then she is told, and Bob sees her streams go and then her, with reason 7.
    let events = world.events(ADA);
    assert!(events.ends_with(&[
        Event::Removed { code: Code::RECONNECT_TIMEOUT },
        Event::StateChanged { from: ConnectionState::Reconnecting, to: ConnectionState::Disconnected }
    ]));
    let seen = news(&mut world, BOB);
    assert!(matches!(&seen[..], [Event::StreamRemoved { .. }, Event::PeerLeft { reason: LeaveReason(7), .. }]), "{seen:?}");
}

// R-023 R-029
#[test]
fn whoever_keeps_trying_is_back_after_any_absence_with_all_that_stood() {
    // Given Eve, who keeps trying, publishes muted, and receives Bob,
    let mut world = World::of(&["ada", "bob", "eve"]);
    let bobs = publish(&mut world, BOB);
    let before = publish(&mut world, EVE);
    world.call(EVE, Call::Mute { stream: before, audio: Some(true), video: None });
    world.call(EVE, Call::Subscribe { stream: bobs, audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None });
    world.call(EVE, Call::Rename { name: Some(UserName::new("Eva").expect("it is short")) });
    world.pass(SECOND);
    // when she is away until the room has given her up,
    world.break_connection(EVE, Some(SECOND), Some(SECOND), None);
    world.network = false;
    world.pass(limits::RECONNECT_WINDOW * 3);
    assert_eq!(world.room.members().count(), 2);
    world.network = true;
    world.hush();
    world.pass(10 * SECOND);
    // then she is there again, under her name, and so is what stood.
    let events = world.events(EVE);
    assert!(events.iter().any(|event| matches!(event, Event::Republished { before: known, now: Ok(_) } if *known == before)), "{events:?}");
    let eve = world.room.members().find(|member| member.user == user("eve")).expect("she is back");
    assert!(eve.subscriptions.contains_key(&bobs));
    assert_eq!(eve.name.as_ref().map(UserName::as_str), Some("Eva"));
    let hers = world.room.streams().find(|stream| stream.user == user("eve")).expect("she publishes");
    assert!(hers.audio_muted);
    assert_eq!(world.views_agree(), Ok(()));
}

#[test]
fn a_loss_that_nobody_reports_is_noticed_by_the_silence_on_both_sides() {
    let mut world = World::of(&["ada", "bob"]);
    world.network = false;
    world.break_connection(ADA, None, None, None);
    world.pass(limits::HEARTBEAT_TIMEOUT + limits::HEARTBEAT_INTERVAL);
    assert!(world.events(ADA).contains(&Event::Interrupted { code: Code::HEARTBEAT_LOST }));
    assert!(world.room_events.iter().any(|event| matches!(event, room::Event::Away { code: Code::HEARTBEAT_LOST, .. })));
    world.network = true;
    world.pass(10 * SECOND);
    assert_eq!(world.state(ADA), ConnectionState::Connected);
    assert_eq!(world.views_agree(), Ok(()));
}

//
#[test]
fn who_comes_back_hears_what_it_missed() {
    let mut world = World::of(&["ada", "bob"]);
    world.network = false;
    world.break_connection(ADA, Some(SECOND), Some(Duration::ZERO), None);
    world.hush();
    publish(&mut world, BOB);
    world.network = true;
    world.pass(10 * SECOND);
    assert!(matches!(news(&mut world, ADA)[..], [Event::StreamAdded { .. }]));
}

//
#[test]
fn a_request_that_was_carried_out_and_cut_short_leaves_both_sides_agreed() {
    // Given Ada, whose connection breaks while the grant of her stream is on its way to her,
    let mut world = World::of(&["ada", "bob"]);
    let call = world.call(ADA, Call::Publish { offer: sound(StreamKind::Main) });
    world.pass(world::LATENCY + Duration::from_millis(1));
    assert_eq!(world.room.streams().count(), 1);
    world.break_connection(ADA, Some(SECOND), Some(SECOND), None);
    world.pass(10 * SECOND);
    // then her call has failed, and there is no such stream.
    assert_eq!(world.answer(ADA, call), Some(Err(Code::CUT_SHORT)));
    assert_eq!(world.room.streams().count(), 0);
    assert_eq!(world.views_agree(), Ok(()));
}

//
#[test]
fn what_was_under_way_on_an_old_connection_changes_nothing_when_it_comes_late() {
    // Given Ada, whose wish to step down is under way when her connection breaks, and comes three seconds late,
    let mut world = World::of(&["ada", "bob"]);
    publish(&mut world, ADA);
    world.call(ADA, Call::SwitchRole { role: Role::Player, credential: None });
    world.break_connection(ADA, Some(4 * SECOND), Some(Duration::ZERO), Some(3 * SECOND));
    // when she is back long before,
    world.pass(10 * SECOND);
    // then she publishes on, and her new connection was not taken for the old one.
    assert_eq!(world.room.streams().count(), 1);
    assert_eq!(world.state(ADA), ConnectionState::Connected);
    assert_eq!(world.views_agree(), Ok(()));
}

#[test]
fn whoever_leaves_while_being_let_in_leaves_no_ghost() {
    let mut world = World::new(1);
    world.call(ADA, join("ada", Role::Joiner));
    world.pass(2 * world::LATENCY + Duration::from_millis(1));
    world.call(ADA, Call::Leave);
    world.pass(SECOND);
    assert_eq!(world.room.members().count(), 0);
}

/// One thing that happens, chosen from bytes: a call, a broken connection, the network going or coming, time.
fn something(world: &mut World, choices: &mut Choices<'_>) {
    let client = usize::from(choices.below(3));
    let names = ["ada", "bob", "eve"];
    match choices.below(20) {
        0..=3 => {
            // Mostly each as itself; sometimes as another, and takes its place.
            let name = if choices.one_in(8) { names[usize::from(choices.below(3))] } else { names[client] };
            world.call(client, join(name, if choices.one_in(4) { Role::Player } else { Role::Joiner }));
        }
        4 => {
            world.call(client, Call::Leave);
        }
        5..=7 => {
            let kind = if choices.flag() { StreamKind::Main } else { StreamKind::Aux };
            world.call(client, Call::Publish { offer: sound(kind) });
        }
        8 => {
            let stream = world.clients[client].session.own_streams().next().map_or(StreamId(1), |(id, _)| id);
            world.call(client, Call::Unpublish { stream });
        }
        9 | 10 => {
            let stream = world.clients[client].session.streams().next().map_or(StreamId(1), |stream| stream.id);
            world.call(client, Call::Subscribe { stream, audio: true, video: choices.flag(), layers: LayerSet::HIGHEST, min_height: None });
        }
        11 => {
            let stream = world.clients[client].session.own_streams().next().map_or(StreamId(1), |(id, _)| id);
            world.call(client, Call::Mute { stream, audio: Some(choices.flag()), video: None });
            let offer = StreamOffer { audio_bps: Some(64_000), ..sound(StreamKind::Main) };
            if choices.one_in(3) {
                world.call(client, Call::Update { stream, offer });
            }
        }
        12 => {
            world.call(client, Call::SwitchRole { role: if choices.flag() { Role::Player } else { Role::Joiner }, credential: None });
        }
        13 | 14 => {
            let mut delay = || match choices.below(4) {
                0 => None,
                1 => Some(Duration::ZERO),
                2 => Some(Duration::from_millis(200)),
                _ => Some(3 * SECOND),
            };
            let (server_hears, client_hears, late) = (delay(), delay(), delay());
            world.break_connection(client, server_hears, client_hears, late);
        }
        15 => world.network = choices.one_in(4) || !world.network,
        _ => world.pass(match choices.below(6) {
            0 => Duration::from_millis(1),
            1 => Duration::from_millis(19),
            2 => Duration::from_millis(50),
            3 => SECOND,
            4 => 7 * SECOND,
            _ => 33 * SECOND,
        }),
    }
}

fn a_life(bytes: &[u8]) -> World {
    let mut world = World::new(3);
    let mut choices = Choices::new(bytes);
    while !choices.is_over() {
        something(&mut world, &mut choices);
    }
    // The network heals, and everything comes to rest.
    world.network = true;
    world.pass(120 * SECOND);
    // Whoever keeps trying has come back, or was refused.
    for client in &world.clients {
        assert!(matches!(client.session.state(), ConnectionState::Connected | ConnectionState::Disconnected));
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    //
    #[test]
    fn after_all_faults_everyone_sees_what_is_there(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let world = a_life(&bytes);
        prop_assert_eq!(world.views_agree(), Ok(()));
    }

    #[test]
    fn every_call_is_answered_exactly_once(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let world = a_life(&bytes);
        for (number, client) in world.clients.iter().enumerate() {
            prop_assert_eq!(world.answers(number), client.calls.iter().map(|id| (*id, 1)).collect());
        }
    }

    // R-059 R-083
    #[test]
    fn nobody_enters_or_begins_twice_and_nothing_ends_that_did_not_begin(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let world = a_life(&bytes);
        for client in &world.clients {
            let (mut users, mut streams) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
            for event in &client.events {
                match event {
                    Event::Answered { result: Ok(Answer::Joined { .. }), .. } => {
                        users.clear();
                        streams.clear();
                    }
                    Event::PeerJoined { user, .. } => prop_assert!(users.insert(user.clone()), "{user} entered twice"),
                    Event::PeerLeft { user, .. } => prop_assert!(users.remove(user), "{user} left and was not there"),
                    Event::StreamAdded { stream } => prop_assert!(streams.insert(stream.id), "{} began twice", stream.id),
                    Event::StreamRemoved { stream } => prop_assert!(streams.remove(&stream.id), "{} ended and was not there", stream.id),
                    Event::StreamMuted { stream } => prop_assert!(streams.contains(&stream.id), "{} was muted and was not there", stream.id),
                    _ => {}
                }
            }
        }
    }
}
