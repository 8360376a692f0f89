//! Stories of a room: who enters, who leaves, and what the others see of it.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;

use greenroom_core::{
    code::Code,
    id::{MemberId, RequestId, RoomId, SessionId, StreamId},
    limits,
    role::Role,
    room::{Event, Input, MediaInput, MediaOutput},
    stream::{LayerSet, StreamInfo},
    trace::replay,
    wire::{Accepted, ClientFrame, ClientMessage, LeaveReason, MemberInfo, ServerMessage, Version, Versions},
};
use hall::{Hall, all_of, camera, description, join, screen, user};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn peer_joined(name: &str) -> ServerMessage {
    ServerMessage::PeerJoined { user: user(name), name: None }
}

fn peer_left(name: &str, reason: LeaveReason) -> ServerMessage {
    ServerMessage::PeerLeft { user: user(name), reason }
}

fn stream_removed(stream: StreamId, name: &str) -> ServerMessage {
    ServerMessage::StreamRemoved { stream, user: user(name) }
}

fn info(id: StreamId, name: &str) -> StreamInfo {
    StreamInfo { id, user: user(name), offer: camera(), audio_muted: false, video_muted: false }
}

// Entering

//
#[test]
fn a_newcomer_is_announced_once_to_everyone_else() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.join(2, "bob");
    hall.hush();
    hall.join(3, "eve");
    assert_eq!(hall.heard(1), [peer_joined("eve")]);
    assert_eq!(hall.heard(2), [peer_joined("eve")]);
    assert_eq!(hall.heard(3), []);
}

//
#[test]
fn a_player_is_announced_like_anybody() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.join_as(2, "bob", Role::Player);
    assert_eq!(hall.heard(1), [peer_joined("bob")]);
}

//
#[test]
fn a_newcomer_is_given_members_and_streams_by_user_id() {
    // Given Bob, who publishes a screen and then a camera, and Ada, who came later,
    let mut hall = Hall::new();
    hall.join(1, "bob");
    let shared = hall.publish(1, screen());
    let bobs = hall.publish(1, camera());
    hall.join(2, "ada");
    let adas = hall.publish(2, camera());
    // when Eve enters,
    let Ok(Accepted::Joined { members, streams, resumed, .. }) = hall.ask(3, join("eve", Role::Player, None)) else {
        panic!("Eve was to be let in");
    };
    // then she is given both by name, and main streams before auxiliary ones.
    let name = |name| MemberInfo { user: user(name), name: None };
    assert_eq!(members, [name("ada"), name("bob")]);
    assert_eq!(streams.iter().map(|s| s.id).collect::<Vec<_>>(), [adas, bobs, shared]);
    assert!(!resumed);
}

//
#[test]
fn a_second_join_on_one_connection_is_refused_and_changes_nothing() {
    let mut hall = Hall::new();
    let member = hall.join(1, "ada");
    hall.join(2, "bob");
    hall.hush();
    assert_eq!(hall.ask(1, join("ada", Role::Player, None)), Err(Code::ALREADY_IN_ROOM));
    assert_eq!(hall.room.member(member).map(|m| m.role), Some(Role::Joiner));
    assert_eq!(hall.heard(2), []);
}

//
#[test]
fn a_join_for_another_room_or_another_version_is_refused() {
    let mut hall = Hall::new();
    for (room, version) in [("elsewhere", 1), ("stage", 9)] {
        let mut message = join("ada", Role::Joiner, None);
        let ClientMessage::Join { versions, room: asked, .. } = &mut message else {
            unreachable!("it was built as one");
        };
        *versions = Versions { min: Version(version), max: Version(version) };
        *asked = RoomId::new(room).expect("a valid id");
        assert_eq!(hall.ask(1, message), Err(Code::BAD_REQUEST));
    }
    assert_eq!(hall.room.members().count(), 0);
}

//
#[test]
fn a_full_room_refuses_the_next_until_somebody_leaves() {
    let mut hall = Hall::with(|config| config.members_max = 2);
    hall.join(1, "ada");
    hall.join(2, "bob");
    assert_eq!(hall.ask(3, join("eve", Role::Joiner, None)), Err(Code::ROOM_FULL));
    assert_eq!(hall.ask(1, ClientMessage::Leave), Ok(Accepted::Done));
    hall.join(3, "eve");
}

// Taking over

//
#[test]
fn the_newer_session_of_a_user_stays_and_the_older_is_told_and_closed() {
    let mut hall = Hall::new();
    let old = hall.join(1, "ada");
    hall.hush();
    let new = hall.join(2, "ada");
    assert_eq!(hall.heard(1), [ServerMessage::Removed { code: Code::REPLACED }]);
    assert_eq!(hall.closed(), [SessionId(1)]);
    assert_ne!(old, new);
    assert_eq!(hall.room.members().map(|m| m.id).collect::<Vec<_>>(), [new]);
}

//
#[test]
fn others_see_a_displaced_user_leave_and_enter_again() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join(2, "bob");
    hall.hush();
    hall.join(3, "ada");
    assert_eq!(hall.heard(2), [stream_removed(stream, "ada"), peer_left("ada", LeaveReason::REPLACED), peer_joined("ada")]);
}

//
#[test]
fn what_comes_late_from_a_displaced_session_touches_nobody() {
    // Given Ada, who publishes and was displaced by Ada,
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.join(2, "bob");
    let new = hall.join(3, "ada");
    let stream = hall.publish(3, camera());
    hall.hush();
    let before = hall.room.member(new).cloned();
    // when the old connection leaves, withdraws, steps down and ends,
    assert_eq!(hall.ask(1, ClientMessage::Leave), Err(Code::NOT_IN_ROOM));
    assert_eq!(hall.ask(1, ClientMessage::Unpublish { stream }), Err(Code::NOT_IN_ROOM));
    assert_eq!(hall.ask(1, ClientMessage::SwitchRole { role: Role::Player, credential: None }), Err(Code::NOT_IN_ROOM));
    hall.disconnect(1);
    // then the new one stands as it stood, and nobody hears of it.
    assert_eq!(hall.room.member(new).cloned(), before);
    assert_eq!((hall.heard(2), hall.heard(3), hall.media(), hall.events()), (vec![], vec![], vec![], vec![]));
}

#[test]
fn a_refused_join_displaces_nobody() {
    // Given a full room that Ada is in,
    let mut hall = Hall::with(|config| config.members_max = 1);
    let ada = hall.join(1, "ada");
    // when somebody joins as Ada for a room that this is not, or to go on with a stay that is not Ada's,
    let resumes = Some(MemberId(99));
    assert_eq!(hall.ask(2, join("ada", Role::Joiner, resumes)), Err(Code::SESSION_GONE));
    // then Ada has heard nothing and is there.
    assert_eq!(hall.heard(1), []);
    assert_eq!(hall.room.member_of(&user("ada")).map(|m| m.id), Some(ada));
    // But whoever may take her place may do so in a full room too.
    hall.join(2, "ada");
}

// Leaving

//
#[test]
fn a_leaver_s_streams_are_removed_before_it_is_gone() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let (camera, screen) = (hall.publish(1, camera()), hall.publish(1, screen()));
    hall.join(2, "bob");
    hall.hush();
    assert_eq!(hall.ask(1, ClientMessage::Leave), Ok(Accepted::Done));
    assert_eq!(hall.heard(2), [stream_removed(camera, "ada"), stream_removed(screen, "ada"), peer_left("ada", LeaveReason::LEFT)]);
    assert_eq!(hall.heard(1), []);
}

//
#[test]
fn whoever_is_not_in_the_room_cannot_leave_it() {
    let mut hall = Hall::new();
    assert_eq!(hall.ask(1, ClientMessage::Leave), Err(Code::NOT_IN_ROOM));
    hall.join(1, "ada");
    assert_eq!(hall.ask(1, ClientMessage::Leave), Ok(Accepted::Done));
    assert_eq!(hall.ask(1, ClientMessage::Leave), Err(Code::NOT_IN_ROOM));
}

//
#[test]
fn a_removed_user_is_told_and_others_see_reason_9() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.join(2, "bob");
    hall.hush();
    hall.tell(Input::Remove { user: user("ada"), reason: LeaveReason::REMOVED });
    assert_eq!(hall.heard(1), [ServerMessage::Removed { code: Code::REMOVED }]);
    assert_eq!(hall.heard(2), [peer_left("ada", LeaveReason(9))]);
    assert_eq!(hall.closed(), [SessionId(1)]);
}

#[test]
fn removing_somebody_who_is_not_there_is_nothing() {
    let mut hall = Hall::new();
    hall.tell(Input::Remove { user: user("ada"), reason: LeaveReason::REMOVED });
    assert_eq!((hall.events(), hall.closed()), (vec![], vec![]));
}

// Losing the connection and coming back

// R-021 R-023
#[test]
fn who_comes_back_in_time_was_never_gone() {
    // Given Ada, who publishes and receives Bob,
    let mut hall = Hall::new();
    let ada = hall.join(1, "ada");
    hall.join(2, "bob");
    let (adas, bobs) = (hall.publish(1, camera()), hall.publish(2, camera()));
    hall.subscribe(1, bobs);
    let before = hall.room.member(ada).expect("she is there").subscriptions.clone();
    // when her connection breaks and she is back within the window,
    hall.disconnect(1);
    hall.hush();
    hall.pass_alive(limits::RECONNECT_WINDOW.saturating_sub(SECOND), &[2]);
    let answer = hall.ask(3, join("ada", Role::Joiner, Some(ada)));
    // then the stay goes on, she is given her own streams and Bob's, and Bob has heard nothing.
    let Ok(Accepted::Joined { member, resumed: true, streams, .. }) = answer else {
        panic!("she was to come back: {answer:?}");
    };
    assert_eq!(member, ada);
    assert_eq!(streams.iter().map(|s| s.id).collect::<Vec<_>>(), [adas, bobs]);
    assert_eq!(hall.room.member(ada).map(|m| m.subscriptions.clone()), Some(before));
    assert_eq!(hall.heard(2), []);
    assert_eq!(hall.events(), [Event::Back { member: ada }]);
}

//
#[test]
fn who_does_not_come_back_in_time_has_left_with_reason_7() {
    let mut hall = Hall::new();
    let ada = hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join(2, "bob");
    hall.disconnect(1);
    hall.hush();
    hall.pass_alive(limits::RECONNECT_WINDOW, &[2]);
    assert_eq!(hall.heard(2), [stream_removed(stream, "ada"), peer_left("ada", LeaveReason(7))]);
    assert_eq!(hall.ask(3, join("ada", Role::Joiner, Some(ada))), Err(Code::SESSION_GONE));
}

// R-064 R-067
#[test]
fn who_comes_back_to_a_stay_that_the_server_ended_hears_why() {
    type End = fn(&mut Hall);
    let ends: [(Code, End); 3] = [
        (Code::REPLACED, |hall| {
            hall.join(3, "ada");
        }),
        (Code::REMOVED, |hall| hall.tell(Input::Remove { user: user("ada"), reason: LeaveReason::REMOVED })),
        (Code::KEY_INVALID, |hall| {
            hall.tell(Input::KeyInvalid { user: user("ada") });
            hall.pass_alive(limits::KEY_GRACE, &[2]);
        }),
    ];
    for (code, end) in ends {
        // Given Ada, whose connection breaks with a minute to come back in,
        let mut hall = Hall::with(|config| config.reconnect_window = Duration::from_secs(60));
        let ada = hall.join(1, "ada");
        hall.join(2, "bob");
        hall.disconnect(1);
        // when her stay is ended meanwhile, then that is what she hears,
        end(&mut hall);
        assert_eq!(hall.ask(4, join("ada", Role::Joiner, Some(ada))), Err(code));
        assert_eq!(hall.ask(5, join("eve", Role::Joiner, Some(ada))), Err(Code::SESSION_GONE), "it is none of Eve's");
        // and no longer than she may come back at all.
        hall.pass_alive(Duration::from_secs(60), &[2]);
        assert_eq!(hall.ask(4, join("ada", Role::Joiner, Some(ada))), Err(Code::SESSION_GONE));
    }
}

//
#[test]
fn who_was_told_on_a_connection_that_was_gone_already_hears_it_on_return() {
    let mut hall = Hall::new();
    let ada = hall.join(1, "ada");
    hall.tell(Input::Remove { user: user("ada"), reason: LeaveReason::REMOVED });
    assert_eq!(hall.ask(2, join("ada", Role::Joiner, Some(ada))), Err(Code::REMOVED));
    assert!(hall.ask(2, join("ada", Role::Joiner, None)).is_ok(), "to enter anew is another matter");
}

#[test]
fn ends_that_mend_are_not_remembered() {
    for reason in [LeaveReason::UNREACHABLE, LeaveReason::MEDIA_FAULT, LeaveReason::PROBE] {
        let mut hall = Hall::new();
        let ada = hall.join(1, "ada");
        hall.tell(Input::Remove { user: user("ada"), reason });
        assert_eq!(hall.ask(2, join("ada", Role::Joiner, Some(ada))), Err(Code::SESSION_GONE), "{reason:?}");
    }
}

#[test]
fn who_comes_back_before_the_loss_is_noticed_takes_the_old_connection_s_place() {
    let mut hall = Hall::new();
    let ada = hall.join(1, "ada");
    hall.hush();
    let answer = hall.ask(2, join("ada", Role::Joiner, Some(ada)));
    assert!(matches!(answer, Ok(Accepted::Joined { resumed: true, .. })));
    assert_eq!(hall.closed(), [SessionId(1)]);
    // The old connection's end, when it is noticed, is no absence.
    hall.disconnect(1);
    assert_eq!(hall.events(), [Event::Back { member: ada }]);
    assert_eq!(hall.ask(2, ClientMessage::SwitchRole { role: Role::Player, credential: None }), Ok(Accepted::Done));
}

#[test]
fn a_silent_connection_is_given_up_and_one_that_pings_is_not() {
    let mut hall = Hall::new();
    let ada = hall.join(1, "ada");
    hall.join(2, "bob");
    hall.hush();
    hall.pass_alive(limits::HEARTBEAT_TIMEOUT, &[2]);
    assert_eq!(hall.closed(), [SessionId(1)]);
    assert_eq!(hall.events(), [Event::Away { member: ada, code: Code::HEARTBEAT_LOST }]);
    assert_eq!(hall.heard(2), [], "an absence is nobody else's business");
}

#[test]
fn a_transport_that_is_ready_while_its_member_is_away_is_told_on_return() {
    let mut hall = Hall::new();
    let ada = hall.join(1, "ada");
    assert_eq!(hall.ask(1, ClientMessage::Media { description: description("client") }), Ok(Accepted::Done));
    hall.disconnect(1);
    hall.tell(Input::Media(MediaInput::Ready { member: ada, description: description("server") }));
    hall.hush();
    assert!(hall.ask(2, join("ada", Role::Joiner, Some(ada))).is_ok());
    assert_eq!(hall.heard(2), [ServerMessage::Media { description: description("server") }]);
}

// Roles

//
#[test]
fn a_player_publishes_nothing() {
    let mut hall = Hall::new();
    hall.join_as(1, "ada", Role::Player);
    hall.join(2, "bob");
    hall.hush();
    assert_eq!(hall.ask(1, ClientMessage::Publish { offer: camera() }), Err(Code::ROLE_FORBIDS));
    assert_eq!((hall.heard(2), hall.media(), hall.room.streams().count()), (vec![], vec![], 0));
}

//
#[test]
fn a_player_who_becomes_joiner_publishes_at_once_and_keeps_its_subscriptions() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let bob = hall.join_as(2, "bob", Role::Player);
    hall.subscribe(2, stream);
    assert_eq!(hall.ask(2, ClientMessage::SwitchRole { role: Role::Joiner, credential: None }), Ok(Accepted::Done));
    hall.publish(2, camera());
    assert!(hall.room.member(bob).expect("he is there").subscriptions.contains_key(&stream));
}

// R-079 R-081
#[test]
fn stepping_down_withdraws_streams_and_says_nothing_else() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join(2, "bob");
    hall.hush();
    assert_eq!(hall.ask(1, ClientMessage::SwitchRole { role: Role::Player, credential: None }), Ok(Accepted::Done));
    assert_eq!(hall.heard(2), [stream_removed(stream, "ada")]);
}

//
#[test]
fn taking_the_role_one_has_is_granted_without_a_word() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.publish(1, camera());
    hall.join(2, "bob");
    hall.hush();
    assert_eq!(hall.ask(1, ClientMessage::SwitchRole { role: Role::Joiner, credential: None }), Ok(Accepted::Done));
    assert_eq!((hall.heard(2), hall.events(), hall.media()), (vec![], vec![], vec![]));
}

// Publishing

//
#[test]
fn a_published_stream_is_announced_once_to_everyone_else() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.join(2, "bob");
    hall.join_as(3, "eve", Role::Player);
    hall.hush();
    let stream = hall.publish(1, camera());
    let added = ServerMessage::StreamAdded { stream: info(stream, "ada") };
    assert_eq!((hall.heard(1), hall.heard(2), hall.heard(3)), (vec![], vec![added.clone()], vec![added]));
}

//
#[test]
fn a_member_publishes_one_stream_of_each_kind() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    hall.publish(1, camera());
    hall.publish(1, screen());
    assert_eq!(hall.ask(1, ClientMessage::Publish { offer: camera() }), Err(Code::ALREADY_PUBLISHED));
    assert_eq!(hall.ask(1, ClientMessage::Publish { offer: screen() }), Err(Code::ALREADY_PUBLISHED));
    assert_eq!(hall.room.streams().count(), 2);
}

#[test]
fn an_offer_that_cannot_be_a_stream_is_refused() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let mut upside_down = camera();
    upside_down.layers.reverse();
    let mut empty = screen();
    empty.layers.clear();
    for offer in [upside_down, empty] {
        assert_eq!(hall.ask(1, ClientMessage::Publish { offer }), Err(Code::BAD_REQUEST));
    }
}

//
#[test]
fn an_unpublished_stream_is_gone_once_and_its_subscriptions_with_it() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let bob = hall.join(2, "bob");
    hall.subscribe(2, stream);
    hall.hush();
    assert_eq!(hall.ask(1, ClientMessage::Unpublish { stream }), Ok(Accepted::Done));
    assert_eq!(hall.heard(2), [stream_removed(stream, "ada")]);
    assert!(hall.room.member(bob).expect("he is there").subscriptions.is_empty());
    assert_eq!(hall.ask(1, ClientMessage::Unpublish { stream }), Err(Code::NO_SUCH_STREAM));
}

#[test]
fn nobody_touches_another_s_stream() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join(2, "bob");
    hall.hush();
    assert_eq!(hall.ask(2, ClientMessage::Unpublish { stream }), Err(Code::NO_SUCH_STREAM));
    assert_eq!(hall.ask(2, ClientMessage::Mute { stream, audio: Some(true), video: None }), Err(Code::NO_SUCH_STREAM));
    assert_eq!(hall.heard(1), []);
}

// Muting

//
#[test]
fn muting_is_told_to_all_who_know_the_stream() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join(2, "bob");
    hall.hush();
    assert_eq!(hall.ask(1, ClientMessage::Mute { stream, audio: Some(true), video: None }), Ok(Accepted::Done));
    let muted = |audio, video| ServerMessage::StreamMuted { stream, user: user("ada"), audio, video };
    assert_eq!(hall.heard(2), [muted(true, false)]);
    assert_eq!(hall.ask(1, ClientMessage::Mute { stream, audio: Some(false), video: Some(true) }), Ok(Accepted::Done));
    assert_eq!(hall.heard(2), [muted(false, true)]);
}

#[test]
fn muting_what_is_muted_is_granted_without_a_word() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join(2, "bob");
    let mute = ClientMessage::Mute { stream, audio: Some(true), video: None };
    assert_eq!(hall.ask(1, mute.clone()), Ok(Accepted::Done));
    hall.hush();
    assert_eq!(hall.ask(1, mute), Ok(Accepted::Done));
    assert_eq!(hall.heard(2), []);
}

// R-146 R-148
#[test]
fn a_muted_stream_stays_published_and_a_newcomer_learns_its_state() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    assert_eq!(hall.ask(1, ClientMessage::Mute { stream, audio: None, video: Some(true) }), Ok(Accepted::Done));
    let Ok(Accepted::Joined { streams, .. }) = hall.ask(2, join("bob", Role::Player, None)) else {
        panic!("Bob was to be let in");
    };
    assert_eq!(streams, [StreamInfo { video_muted: true, ..info(stream, "ada") }]);
}

// Subscribing

//
#[test]
fn subscribing_to_neither_sound_nor_picture_is_a_bad_request() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join(2, "bob");
    let neither = ClientMessage::Subscribe { stream, audio: false, video: false, layers: LayerSet::HIGHEST, min_height: None };
    assert_eq!(hall.ask(2, neither), Err(Code::BAD_REQUEST));
}

//
#[test]
fn subscribing_again_adds_to_what_is_received() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let bob = hall.join(2, "bob");
    hall.hush();
    for (audio, video) in [(true, false), (false, true)] {
        assert_eq!(
            hall.ask(2, ClientMessage::Subscribe { stream, audio, video, layers: LayerSet::HIGHEST, min_height: None }),
            Ok(Accepted::Done)
        );
    }
    let forward = |audio, video| MediaOutput::Forward { member: bob, stream, audio, video };
    assert_eq!(hall.media(), [forward(true, false), forward(true, true)]);
}

//
#[test]
fn unsubscribing_takes_what_is_there_and_needs_a_subscription() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    let bob = hall.join(2, "bob");
    let unsubscribe = |audio, video| ClientMessage::Unsubscribe { stream, audio, video, layers: None };
    assert_eq!(hall.ask(2, unsubscribe(true, true)), Err(Code::NOT_SUBSCRIBED));
    assert_eq!(
        hall.ask(2, ClientMessage::Subscribe { stream, audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None }),
        Ok(Accepted::Done)
    );
    assert_eq!(hall.ask(2, unsubscribe(false, true)), Ok(Accepted::Done), "video was not received: no error");
    assert!(hall.room.member(bob).expect("he is there").subscriptions[&stream].audio);
    assert_eq!(hall.ask(2, unsubscribe(true, false)), Ok(Accepted::Done));
    assert!(hall.room.member(bob).expect("he is there").subscriptions.is_empty());
}

//
#[test]
fn a_stream_that_is_gone_cannot_be_subscribed_to() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join(2, "bob");
    assert_eq!(hall.ask(1, ClientMessage::Leave), Ok(Accepted::Done));
    assert_eq!(hall.ask(2, all_of(stream)), Err(Code::NO_SUCH_STREAM));
}

//
#[test]
fn nobody_subscribes_to_its_own_stream() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    assert_eq!(hall.ask(1, all_of(stream)), Err(Code::OWN_STREAM));
}

//
#[test]
fn a_player_subscribes_like_a_joiner() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    hall.join_as(2, "bob", Role::Player);
    hall.subscribe(2, stream);
}

#[test]
fn a_member_receives_so_many_streams_and_no_more() {
    let mut hall = Hall::new();
    hall.join_as(1, "viewer", Role::Player);
    let streams: Vec<_> = (0..=limits::SUBSCRIPTIONS_PER_MEMBER)
        .map(|i| {
            let session = 100 + i as u64;
            hall.join(session, &format!("publisher-{i}"));
            hall.publish(session, camera())
        })
        .collect();
    let (last, rest) = streams.split_last().expect("there is more than one");
    for stream in rest {
        hall.subscribe(1, *stream);
    }
    assert_eq!(hall.ask(1, all_of(*last)), Err(Code::TOO_MANY_SUBSCRIPTIONS));
    // More of a stream that is received is not another one.
    assert_eq!(hall.ask(1, all_of(rest[0])), Ok(Accepted::Done));
}

// Messages that fit nowhere

#[test]
fn an_unknown_message_is_answered() {
    let mut hall = Hall::new();
    hall.join(1, "ada");
    assert_eq!(hall.ask(1, ClientMessage::Unknown), Err(Code::UNKNOWN_MESSAGE));
    assert_eq!(hall.ask(9, ClientMessage::Unknown), Err(Code::UNKNOWN_MESSAGE), "from a stranger too");
}

#[test]
fn a_ping_is_answered_in_and_out_of_the_room() {
    let mut hall = Hall::new();
    for session in [1, 9] {
        let frame = ClientFrame { request: RequestId(7), message: ClientMessage::Ping };
        hall.tell(Input::Message { session: SessionId(session), frame });
        assert_eq!(hall.heard(session), [ServerMessage::Pong]);
    }
}

// Large rooms

#[test]
fn one_input_makes_few_outputs_however_many_are_there() {
    // Given a thousand viewers of one publisher,
    let mut hall = Hall::new();
    let publisher = hall.join(1, "ada");
    let stream = hall.publish(1, camera());
    for viewer in 2..1002 {
        let member = hall.join_as(viewer, &format!("viewer-{viewer}"), Role::Player);
        hall.connect_media(viewer, member);
        hall.subscribe(viewer, stream);
    }
    hall.hush();
    // when somebody enters, a layer stops, the stream is muted and withdrawn, and its publisher is removed,
    hall.join(5000, "eve");
    hall.tell(Input::Media(MediaInput::LayerRate { stream, layer: hall::LOW, bps: 0 }));
    assert_eq!(hall.ask(1, ClientMessage::Mute { stream, audio: Some(true), video: None }), Ok(Accepted::Done));
    assert_eq!(hall.ask(1, ClientMessage::Unpublish { stream }), Ok(Accepted::Done));
    hall.tell(Input::Remove { user: user("ada"), reason: LeaveReason::REMOVED });
    // then none of it made more than five outputs,
    assert!(hall.most_outputs <= 5, "{} outputs at a time", hall.most_outputs);
    // and what it means for each of the viewers is done in batches.
    hall.pass(SECOND);
    assert!(hall.most_outputs <= limits::ROOM_BATCH * 3, "{} outputs at a time", hall.most_outputs);
    assert_eq!(hall.room.member(publisher), None);
}

#[test]
fn a_thousand_lost_connections_are_given_up_in_batches() {
    let mut hall = Hall::new();
    for session in 0..1000 {
        hall.join(session, &format!("user-{session}"));
    }
    hall.hush();
    hall.pass(limits::HEARTBEAT_TIMEOUT + Duration::from_millis(20));
    assert_eq!(hall.closed().len(), 1000);
    assert!(hall.most_outputs <= limits::ROOM_BATCH * 2, "{} outputs at a time", hall.most_outputs);
    hall.pass(limits::RECONNECT_WINDOW);
    assert_eq!(hall.room.members().count(), 0);
}

// Over all histories

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // R-064 R-065 R-075
    #[test]
    fn no_user_is_there_twice_and_no_player_publishes(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        let mut hall = Hall::with(|config| config.members_max = 4);
        for step in hall.history(&bytes) {
            hall.pass(step.advance.min(Duration::from_secs(40)));
            hall.tell(step.input);
            let members: Vec<_> = hall.room.members().collect();
            prop_assert!(members.len() <= 4);
            for member in &members {
                prop_assert!(member.role == Role::Joiner || member.published.is_empty(), "{} publishes as a player", member.id);
                prop_assert_eq!(members.iter().filter(|other| other.user == member.user).count(), 1);
            }
        }
    }

    #[test]
    fn every_request_of_a_history_is_answered_once(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        let mut hall = Hall::with(|config| config.members_max = 4);
        for step in hall.history(&bytes) {
            hall.pass(step.advance.min(Duration::from_secs(40)));
            let asked = match &step.input {
                Input::Message { session, .. } | Input::Admit { session, .. } | Input::Renewed { session, .. } => Some(session.0),
                _ => None,
            };
            hall.hush();
            hall.tell(step.input);
            for session in 0..20 {
                let answers = hall.heard(session).into_iter().filter(|message| {
                    matches!(message, ServerMessage::Accepted { .. } | ServerMessage::Refused { .. } | ServerMessage::Pong)
                });
                prop_assert_eq!(answers.count(), usize::from(asked == Some(session)));
            }
        }
    }
}

/// The histories that laws and properties run on would prove little if they did not reach most of what a room does.
#[test]
fn histories_reach_what_a_room_does() {
    let mut kinds = std::collections::BTreeSet::new();
    let mut rng = greenroom_core::rng::Rng::new(1);
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..1500).map(|_| u8::try_from(rng.below(256)).expect("below 256")).collect();
        let mut hall = Hall::with(|config| config.members_max = 4);
        let steps = hall.history(&bytes);
        let (outputs, _) = replay(&mut hall.room, hall.now, &steps);
        kinds.extend(outputs.iter().map(|(_, output)| {
            let text = format!("{output:?}");
            let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
            match words[..] {
                ["Media" | "Event", kind, ..] => kind.to_string(),
                ["Send", ..] => {
                    let at = words.iter().position(|word| *word == "message").expect("a message is sent");
                    words[at + 1].to_string()
                }
                _ => words[0].to_string(),
            }
        }));
    }
    let reached: Vec<_> = kinds.iter().map(String::as_str).collect();
    let all = [
        "Accepted",
        "Away",
        "Back",
        "Bandwidth",
        "Close",
        "Forward",
        "Joined",
        "KeyFrameRequested",
        "KeyRefused",
        "Layer",
        "LayerDecided",
        "LayerSwitched",
        "Left",
        "Listen",
        "Loudest",
        "Media",
        "Open",
        "PeerJoined",
        "PeerLeft",
        "PeerRenamed",
        "Pong",
        "Receive",
        "Refused",
        "Removed",
        "RequestKeyFrame",
        "Snapshot",
        "StopReceiving",
        "StreamAdded",
        "StreamMuted",
        "StreamRemoved",
        "StreamUpdated",
        "VideoNeeded",
        "Volumes",
    ];
    assert_eq!(reached, all);
}
