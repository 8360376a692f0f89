//! Stories of a session in its room: calls and their answers, news, and leaving. Its way in, its way back and all its histories have files of their own.

#[path = "common/desk.rs"]
mod desk;

use core::time::Duration;

use desk::{Act, Desk, answered, changed, join_call, key, last_join, name, publish, sound, stream, subscribe, user};
use greenroom_core::{
    code::Code,
    id::{StreamId, UserName},
    limits,
    role::Role,
    session::{Answer, Call, ConnectionId, ConnectionState, Event},
    stream::{StreamInfo, StreamKind, StreamOffer},
    wire::{Accepted, ClientMessage, LeaveReason, RefusedWish, ServerMessage, VideoWish},
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn calls_are_answered_with_what_the_server_said() {
    let mut desk = Desk::joined(&[], vec![]);
    let publish = desk.call(Call::Publish { offer: sound(StreamKind::Main) });
    desk.grant(Accepted::Published { stream: StreamId(5) });
    let unpublish = desk.call(Call::Unpublish { stream: StreamId(9) });
    desk.refuse(Code::NO_SUCH_STREAM);
    assert_eq!(desk.answers(), [(publish, Ok(Answer::Published { stream: StreamId(5) })), (unpublish, Err(Code::NO_SUCH_STREAM))]);
}

#[test]
fn answers_may_come_in_any_order_and_count_once() {
    let mut desk = Desk::joined(&[], vec![]);
    let first = desk.call(subscribe(1));
    let first_request = desk.newest_request();
    let second = desk.call(subscribe(2));
    desk.grant(Accepted::Done);
    desk.grant(Accepted::Done);
    desk.receive(ServerMessage::Refused { request: first_request, code: Code::NO_SUCH_STREAM });
    desk.receive(ServerMessage::Accepted { request: first_request, accepted: Accepted::Done });
    assert_eq!(desk.answers(), [(second, Ok(Answer::Done)), (first, Err(Code::NO_SUCH_STREAM))]);
}

#[test]
fn own_streams_follow_what_was_granted() {
    let mut desk = Desk::joined(&[], vec![]);
    let own = |desk: &Desk| desk.session.own_streams().map(|(id, _)| id.0).collect::<Vec<_>>();
    desk.call(Call::Publish { offer: sound(StreamKind::Main) });
    assert_eq!(own(&desk), [0_u32; 0]);
    desk.grant(Accepted::Published { stream: StreamId(5) });
    assert_eq!(own(&desk), [5]);
    desk.call(Call::SwitchRole { role: Role::Player, credential: None });
    desk.grant(Accepted::Done);
    assert_eq!((own(&desk), desk.session.role()), (vec![], Some(Role::Player)));
}

//
#[test]
fn a_request_without_an_answer_fails_in_time() {
    let mut desk = Desk::joined(&[], vec![]);
    let id = desk.call(subscribe(1));
    let asked = desk.now;
    while desk.now.saturating_since(asked) < limits::RESPONSE_TIMEOUT {
        assert_eq!(desk.answers(), []);
        desk.pass(SECOND);
        desk.receive(ServerMessage::Pong);
    }
    assert_eq!(desk.answers(), [(id, Err(Code::RESPONSE_TIMEOUT))]);
}

#[test]
fn a_stream_that_is_published_after_its_call_failed_is_withdrawn() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.call(Call::Publish { offer: sound(StreamKind::Main) });
    let request = desk.newest_request();
    for _ in 0..5 {
        desk.pass(SECOND);
        desk.receive(ServerMessage::Pong);
    }
    desk.hush();
    desk.receive(ServerMessage::Accepted { request, accepted: Accepted::Published { stream: StreamId(5) } });
    assert_eq!(desk.messages(), [ClientMessage::Unpublish { stream: StreamId(5) }]);
    assert_eq!(desk.session.own_streams().count(), 0);
}

#[test]
fn so_many_requests_may_be_open_and_no_more() {
    let mut desk = Desk::joined(&[], vec![]);
    for _ in 0..limits::OPEN_REQUESTS {
        desk.call(subscribe(1));
    }
    assert_eq!(desk.answers(), []);
    let id = desk.call(subscribe(1));
    assert_eq!(desk.answers(), [(id, Err(Code::TOO_MANY_REQUESTS))]);
    desk.grant(Accepted::Done);
    desk.hush();
    desk.call(subscribe(1));
    assert_eq!(desk.messages().len(), 1);
}

#[test]
fn news_that_are_none_are_not_told() {
    let mut desk = Desk::joined(&["bob"], vec![stream(1, "bob")]);
    desk.receive(ServerMessage::PeerJoined { user: user("bob"), name: None });
    desk.receive(ServerMessage::PeerLeft { user: user("eve"), reason: LeaveReason::LEFT });
    desk.receive(ServerMessage::StreamAdded { stream: stream(1, "bob") });
    desk.receive(ServerMessage::StreamRemoved { stream: StreamId(9), user: user("bob") });
    desk.receive(ServerMessage::StreamMuted { stream: StreamId(9), user: user("bob"), audio: true, video: true });
    desk.receive(ServerMessage::Unknown);
    assert_eq!(desk.events(), []);
}

#[test]
fn a_server_that_never_stops_announcing_does_not_fill_the_memory() {
    let mut desk = Desk::joined(&[], vec![]);
    for i in 0..limits::ROOM_MEMBERS + 10 {
        let name = format!("user-{i}");
        desk.receive(ServerMessage::PeerJoined { user: user(&name), name: None });
    }
    assert_eq!(desk.session.peers().count(), limits::ROOM_MEMBERS);
    assert_eq!(desk.events().len(), limits::ROOM_MEMBERS);
}

#[test]
fn a_removed_session_cuts_its_calls_short_and_is_disconnected() {
    let mut desk = Desk::joined(&[], vec![]);
    let id = desk.call(subscribe(1));
    desk.receive(ServerMessage::Removed { code: Code::REPLACED });
    assert_eq!(
        desk.events(),
        [
            answered(id, Err(Code::CUT_SHORT)),
            Event::Removed { code: Code::REPLACED },
            changed(ConnectionState::Connected, ConnectionState::Disconnected)
        ]
    );
    assert_eq!(desk.disconnects, [ConnectionId(1)]);
}

// Leaving

//
#[test]
fn leaving_cuts_open_calls_short_once() {
    let mut desk = Desk::joined(&[], vec![]);
    let open = desk.call(subscribe(1));
    let request = desk.newest_request();
    let leave = desk.call(Call::Leave);
    assert_eq!(desk.answers(), [(open, Err(Code::CUT_SHORT))]);
    desk.receive(ServerMessage::Accepted { request, accepted: Accepted::Done });
    assert_eq!(desk.answers(), []);
    desk.grant(Accepted::Done);
    assert_eq!(desk.events(), [answered(leave, Ok(Answer::Done)), changed(ConnectionState::Connected, ConnectionState::Disconnected)]);
}

#[test]
fn leaving_succeeds_whatever_the_server_says() {
    let refused = |desk: &mut Desk| desk.refuse(Code::NOT_IN_ROOM);
    let nonsense = |desk: &mut Desk| desk.grant(Accepted::Published { stream: StreamId(1) });
    let removed = |desk: &mut Desk| desk.receive(ServerMessage::Removed { code: Code::REPLACED });
    let closed = |desk: &mut Desk| desk.close();
    let silent = |desk: &mut Desk| desk.pass(limits::RESPONSE_TIMEOUT);
    let ends: [Act; 5] = [refused, nonsense, removed, closed, silent];
    for end in ends {
        let mut desk = Desk::joined(&[], vec![]);
        let leave = desk.call(Call::Leave);
        end(&mut desk);
        assert_eq!(desk.events(), [answered(leave, Ok(Answer::Done)), changed(ConnectionState::Connected, ConnectionState::Disconnected)]);
        assert_eq!(desk.session.poll_timeout(), None);
    }
}

#[test]
fn whoever_leaves_before_the_answer_says_goodbye_in_case_it_was_granted() {
    let mut desk = Desk::new();
    let join = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.hush();
    let leave = desk.call(Call::Leave);
    assert_eq!(desk.answers(), [(join, Err(Code::CUT_SHORT)), (leave, Ok(Answer::Done))]);
    assert_eq!((desk.messages(), desk.disconnects), (vec![ClientMessage::Leave], vec![ConnectionId(1)]));
}

// Names

//
#[test]
fn another_name_is_news_once() {
    let mut desk = Desk::joined(&["bob"], vec![]);
    let renamed = ServerMessage::PeerRenamed { user: user("bob"), name: name("Robert") };
    desk.receive(renamed.clone());
    desk.receive(renamed);
    desk.receive(ServerMessage::PeerRenamed { user: user("eve"), name: name("Eva") });
    assert_eq!(desk.events(), [Event::PeerRenamed { user: user("bob"), name: name("Robert") }]);
}

//
#[test]
fn whoever_leaves_goes_by_the_name_shown_last() {
    let mut desk = Desk::joined(&["bob"], vec![]);
    desk.receive(ServerMessage::PeerRenamed { user: user("bob"), name: name("Robert") });
    let shown: Vec<_> = desk.session.peers().map(|(_, name)| name.map(UserName::as_str)).collect();
    assert_eq!(shown, [Some("Robert")]);
    desk.hush();
    desk.receive(ServerMessage::PeerLeft { user: user("bob"), reason: LeaveReason::LEFT });
    assert_eq!(desk.events(), [Event::PeerLeft { user: user("bob"), name: name("Robert"), reason: LeaveReason::LEFT }]);
}

/// The name that the session comes back with.
fn returns_as(desk: &mut Desk) -> Option<UserName> {
    desk.close();
    desk.open();
    match last_join(desk) {
        ClientMessage::Join { name, .. } => name.clone(),
        _ => None,
    }
}

// R-151 R-152
#[test]
fn a_name_that_was_granted_is_kept_and_one_that_was_refused_is_not() {
    let mut desk = Desk::joined(&[], vec![]);
    let id = desk.call(Call::Rename { name: name("Ada") });
    assert_eq!(desk.messages(), [ClientMessage::Rename { name: name("Ada") }]);
    let id_of_refused = {
        desk.call(Call::Rename { name: name("Lady Lovelace") });
        desk.refuse(Code::BAD_REQUEST);
        desk.answers()
    };
    assert!(matches!(id_of_refused[..], [(_, Err(Code::BAD_REQUEST))]));
    assert_ne!(returns_as(&mut desk), name("Lady Lovelace"));
    assert_eq!(desk.answers(), [(id, Err(Code::CUT_SHORT))]);

    let mut desk = Desk::joined(&[], vec![]);
    let id = desk.call(Call::Rename { name: name("Ada") });
    desk.grant(Accepted::Done);
    assert_eq!(desk.answers(), [(id, Ok(Answer::Done))]);
    assert_eq!(returns_as(&mut desk), name("Ada"));
}

// Keys

/// The key that the session comes back with.
fn returns_with(desk: &mut Desk) -> Option<greenroom_core::auth::Credential> {
    desk.close();
    desk.open();
    match last_join(desk) {
        ClientMessage::Join { credential, .. } => credential.clone(),
        _ => None,
    }
}

//
#[test]
fn a_key_that_was_renewed_is_the_one_to_come_back_with() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.receive(ServerMessage::KeyRefused { code: Code::KEY_EXPIRED });
    assert_eq!(desk.events(), [Event::KeyRefused { code: Code::KEY_EXPIRED }]);
    let id = desk.call(Call::Renew { credential: key("new") });
    desk.grant(Accepted::Done);
    assert_eq!((desk.answers(), desk.session.state()), (vec![(id, Ok(Answer::Done))], ConnectionState::Connected));
    assert_eq!(returns_with(&mut desk), Some(key("new")));
}

//
#[test]
fn a_key_that_was_refused_does_not_take_the_place_of_the_one_before() {
    let renew = |text| Call::Renew { credential: key(text) };
    let switch = |text| Call::SwitchRole { role: Role::Player, credential: Some(key(text)) };
    let calls: [fn(&'static str) -> Call; 2] = [renew, switch];
    for call in calls {
        let mut desk = Desk::joined(&[], vec![]);
        desk.call(call("good"));
        desk.grant(Accepted::Done);
        let id = desk.call(call("bad"));
        desk.refuse(Code::KEY_INVALID);
        assert_eq!(desk.answers().last(), Some(&(id, Err(Code::KEY_INVALID))));
        assert_eq!(returns_with(&mut desk), Some(key("good")));
    }
}

//
#[test]
fn that_a_key_is_good_no_longer_is_told_once_for_each_key() {
    let mut desk = Desk::joined(&[], vec![]);
    let refused = ServerMessage::KeyRefused { code: Code::KEY_EXPIRED };
    desk.receive(refused.clone());
    desk.receive(refused.clone());
    assert_eq!(desk.events().len(), 1);
    desk.call(Call::Renew { credential: key("new") });
    desk.grant(Accepted::Done);
    desk.hush();
    desk.receive(refused);
    assert_eq!(desk.events(), [Event::KeyRefused { code: Code::KEY_EXPIRED }]);
}

//
#[test]
fn a_role_without_a_key_leaves_the_key() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.call(Call::Renew { credential: key("new") });
    desk.grant(Accepted::Done);
    desk.call(Call::SwitchRole { role: Role::Player, credential: None });
    desk.grant(Accepted::Done);
    assert_eq!(desk.session.role(), Some(Role::Player));
    assert_eq!(returns_with(&mut desk), Some(key("new")));
}

// Streams that change

//
#[test]
fn a_stream_that_changes_is_the_same_stream() {
    let mut desk = Desk::joined(&["bob"], vec![stream(1, "bob")]);
    let louder = StreamInfo { offer: StreamOffer { audio_bps: Some(64_000), ..sound(StreamKind::Main) }, ..stream(1, "bob") };
    desk.receive(ServerMessage::StreamUpdated { stream: louder.clone() });
    desk.receive(ServerMessage::StreamUpdated { stream: louder.clone() });
    assert_eq!(desk.events(), [Event::StreamUpdated { stream: louder.clone() }]);
    assert_eq!(desk.session.streams().collect::<Vec<_>>(), [&louder]);
}

#[test]
fn a_change_of_what_is_not_known_is_nothing() {
    let mut desk = Desk::joined(&["bob"], vec![stream(1, "bob")]);
    let before = desk.session.clone();
    let changed = |stream: StreamInfo| StreamInfo { offer: StreamOffer { audio_bps: None, ..stream.offer }, ..stream };
    desk.receive(ServerMessage::StreamUpdated { stream: changed(stream(2, "bob")) });
    desk.receive(ServerMessage::StreamUpdated { stream: changed(stream(1, "eve")) });
    desk.receive(ServerMessage::VideoNeeded { stream: StreamId(9), needed: true, up_to: None });
    assert_eq!((desk.events(), desk.session), (vec![], before));
}

//
#[test]
fn an_own_stream_holds_what_was_granted() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.call(publish(StreamKind::Main));
    desk.grant(Accepted::Published { stream: StreamId(5) });
    let louder = StreamOffer { audio_bps: Some(64_000), ..sound(StreamKind::Main) };
    let own = |desk: &Desk| desk.session.own_streams().map(|(_, offer)| offer.audio_bps).collect::<Vec<_>>();
    desk.call(Call::Update { stream: StreamId(5), offer: louder.clone() });
    assert_eq!(own(&desk), [Some(32_000)]);
    desk.refuse(Code::BAD_REQUEST);
    assert_eq!(own(&desk), [Some(32_000)]);
    let id = desk.call(Call::Update { stream: StreamId(5), offer: louder });
    desk.grant(Accepted::Done);
    assert_eq!(own(&desk), [Some(64_000)]);
    assert_eq!(desk.answers().last(), Some(&(id, Ok(Answer::Done))));
}

//
#[test]
fn whether_a_video_is_worth_sending_is_told_when_it_changes() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.call(publish(StreamKind::Main));
    desk.grant(Accepted::Published { stream: StreamId(5) });
    desk.hush();
    for needed in [true, true, false, false, true] {
        desk.receive(ServerMessage::VideoNeeded { stream: StreamId(5), needed, up_to: None });
    }
    let told: Vec<_> = desk.events().into_iter().map(|event| matches!(event, Event::VideoNeeded { needed: true, .. })).collect();
    assert_eq!(told, [true, false, true]);
}

// R-105 R-106
#[test]
fn videos_that_are_wanted_are_received_but_for_what_is_listed() {
    let mut desk = Desk::joined(&["bob"], vec![stream(1, "bob")]);
    let wish = |id| VideoWish::of(StreamId(id));
    let id = desk.call(Call::SubscribeVideo { wanted: vec![wish(1), wish(2)] });
    assert_eq!(desk.messages(), [ClientMessage::SubscribeVideo { wanted: vec![wish(1), wish(2)] }]);
    let id_of_nonsense = desk.call(Call::SubscribeVideo { wanted: vec![] });
    desk.grant(Accepted::Done);
    assert_eq!(desk.answers(), [(id_of_nonsense, Err(Code::INTERNAL))], "done says nothing of what is not received");
    let refused = vec![RefusedWish { stream: StreamId(2), code: Code::NO_SUCH_STREAM }];
    let mut desk = Desk::joined(&["bob"], vec![stream(1, "bob")]);
    assert_eq!(desk.call(Call::SubscribeVideo { wanted: vec![wish(1), wish(2)] }), id);
    desk.grant(Accepted::Subscribed { refused: refused.clone() });
    assert_eq!(desk.answers(), [(id, Ok(Answer::Subscribed { refused }))]);
}

// Answers that come too late

#[test]
fn what_is_granted_after_its_call_failed_is_true_all_the_same() {
    // Given a stream whose withdrawal goes unanswered for too long,
    let mut desk = Desk::joined(&[], vec![]);
    desk.call(publish(StreamKind::Main));
    desk.grant(Accepted::Published { stream: StreamId(5) });
    let id = desk.call(Call::Unpublish { stream: StreamId(5) });
    let request = desk.newest_request();
    for _ in 0..5 {
        desk.pass(SECOND);
        desk.receive(ServerMessage::Pong);
    }
    assert_eq!(desk.answers().last(), Some(&(id, Err(Code::RESPONSE_TIMEOUT))));
    assert_eq!(desk.session.own_streams().count(), 1);
    // when the grant comes after all, twice,
    for _ in 0..2 {
        desk.receive(ServerMessage::Accepted { request, accepted: Accepted::Done });
    }
    // then there is no such stream, and the call is not answered again.
    assert_eq!((desk.session.own_streams().count(), desk.answers()), (0, vec![]));
}
