//! Stories of a session: what the application hears, whatever the connection and the server do.

#[path = "common/desk.rs"]
mod desk;

use core::time::Duration;
use std::collections::BTreeMap;

use desk::{Desk, join_call, joined, user};
use greenroom_core::{
    code::Code,
    id::{MemberId, RequestId, StreamId},
    limits,
    role::Role,
    session::{Answer, Call, CallId, Config, ConnectionId, ConnectionState, Event, Input, Output, Session},
    stream::{StreamInfo, StreamKind, StreamOffer},
    time::Instant,
    trace::{replay, run_until, session_history},
    wire::{Accepted, ClientMessage, LeaveReason, MediaDescription, ServerMessage},
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

fn changed(from: ConnectionState, to: ConnectionState) -> Event {
    Event::StateChanged { from, to }
}

fn answered(id: CallId, result: Result<Answer, Code>) -> Event {
    Event::Answered { id, result }
}

fn sound(kind: StreamKind) -> StreamOffer {
    StreamOffer { kind, audio_bps: Some(32_000), layers: Vec::new(), on_demand: false }
}

fn stream(id: u32, name: &str) -> StreamInfo {
    StreamInfo { id: StreamId(id), user: user(name), offer: sound(StreamKind::Main), audio_muted: false, video_muted: false }
}

fn subscribe(id: u32) -> Call {
    Call::Subscribe { stream: StreamId(id), audio: true, video: true, layers: LayerSet::HIGHEST, min_height: None }
}

/// The stays that joins among these messages go on with.
fn resumed(messages: &[ClientMessage]) -> Vec<MemberId> {
    let stay = |message: &ClientMessage| match message {
        ClientMessage::Join { resumes, .. } => *resumes,
        _ => None,
    };
    messages.iter().filter_map(stay).collect()
}

// Entering

// R-017 R-018
#[test]
fn a_session_is_disconnected_then_connecting_then_connected() {
    let mut desk = Desk::new();
    assert_eq!(desk.session.state(), ConnectionState::Disconnected);
    let id = desk.call(join_call("ada", Role::Joiner));
    assert_eq!(desk.events(), [changed(ConnectionState::Disconnected, ConnectionState::Connecting)]);
    desk.open();
    assert_eq!(desk.events(), [changed(ConnectionState::Connecting, ConnectionState::Connected)]);
    desk.grant(joined(&[], vec![], false));
    assert_eq!(desk.events(), [answered(id, Ok(Answer::Joined { role: Role::Joiner }))]);
}

//
#[test]
fn on_entering_the_application_hears_members_then_streams() {
    let mut desk = Desk::new();
    desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.events();
    desk.grant(joined(&["bob", "eve"], vec![stream(7, "bob"), stream(3, "eve")], false));
    let joined = |name| Event::PeerJoined { user: user(name), name: None };
    let added = |stream| Event::StreamAdded { stream };
    assert_eq!(desk.events()[1..], [joined("bob"), joined("eve"), added(stream(7, "bob")), added(stream(3, "eve"))]);
}

//
#[test]
fn a_connection_that_does_not_come_ends_the_join() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.pass(limits::CONNECT_TIMEOUT.saturating_sub(MILLISECOND));
    assert_eq!(desk.answers(), []);
    desk.pass(MILLISECOND);
    assert_eq!(
        desk.events(),
        [answered(id, Err(Code::CONNECT_TIMEOUT)), changed(ConnectionState::Connecting, ConnectionState::Disconnected)]
    );
    assert_eq!(desk.disconnects, [ConnectionId(1)]);
}

#[test]
fn a_refused_join_tells_why_and_ends_where_it_began() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.events();
    desk.refuse(Code::ROOM_FULL);
    assert_eq!(desk.events(), [answered(id, Err(Code::ROOM_FULL)), changed(ConnectionState::Connected, ConnectionState::Disconnected)]);
    assert_eq!(desk.disconnects, [ConnectionId(1)]);
    assert_eq!(desk.session.poll_timeout(), None);
}

#[test]
fn a_join_that_is_answered_with_nonsense_fails() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.events();
    desk.grant(Accepted::Done);
    assert_eq!(desk.answers(), [(id, Err(Code::INTERNAL))]);
    assert_eq!(desk.session.state(), ConnectionState::Disconnected);
}

#[test]
fn a_join_without_an_answer_says_goodbye_in_case_it_was_granted() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.messages();
    desk.pass(limits::RESPONSE_TIMEOUT);
    assert_eq!(desk.messages(), [ClientMessage::Leave]);
    assert_eq!(desk.answers(), [(id, Err(Code::RESPONSE_TIMEOUT))]);
}

#[test]
fn a_removal_ahead_of_the_answer_is_the_answer() {
    let mut desk = Desk::new();
    let id = desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.receive(ServerMessage::Removed { code: Code::REPLACED });
    assert_eq!(desk.answers(), [(id, Err(Code::REPLACED))]);
}

#[test]
fn what_is_heard_ahead_of_the_snapshot_is_older_than_it() {
    let mut desk = Desk::new();
    desk.call(join_call("ada", Role::Joiner));
    desk.open();
    desk.events();
    desk.receive(ServerMessage::PeerJoined { user: user("bob"), name: None });
    desk.receive(ServerMessage::PeerLeft { user: user("ada"), reason: LeaveReason::REPLACED });
    assert_eq!(desk.events(), []);
}

//
#[test]
fn a_second_join_is_refused_and_changes_nothing() {
    let mut desk = Desk::joined(&[], vec![]);
    let before = desk.session.member();
    let id = desk.call(join_call("ada", Role::Player));
    assert_eq!(desk.events(), [answered(id, Err(Code::ALREADY_IN_ROOM))]);
    assert_eq!((desk.session.member(), desk.messages()), (before, vec![]));
}

// R-063 R-076 R-082
#[test]
fn outside_a_room_there_is_nothing_to_ask_for() {
    let mut desk = Desk::new();
    for call in [Call::Leave, Call::SwitchRole { role: Role::Player, credential: None }, Call::Publish { offer: sound(StreamKind::Main) }, subscribe(1)] {
        let id = desk.call(call);
        assert_eq!(desk.events(), [answered(id, Err(Code::NOT_IN_ROOM))]);
    }
    assert_eq!(desk.messages(), []);
}

// In the room

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
    assert_eq!(own(&desk), []);
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
    let ends: [fn(&mut Desk); 5] = [refused, nonsense, removed, closed, silent];
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

// Losing the connection and coming back

// R-015 R-021
#[test]
fn a_lost_connection_cuts_calls_short_and_reconnecting_begins_at_once() {
    let mut desk = Desk::joined(&[], vec![]);
    let id = desk.call(subscribe(1));
    desk.close();
    assert_eq!(
        desk.events(),
        [
            answered(id, Err(Code::CUT_SHORT)),
            Event::Interrupted { code: Code::CLOSED_BY_PEER },
            changed(ConnectionState::Connected, ConnectionState::Reconnecting)
        ]
    );
    assert_eq!(desk.connects, [ConnectionId(1), ConnectionId(2)]);
}

//
#[test]
fn calls_while_reconnecting_fail_at_once() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.close();
    desk.hush();
    let id = desk.call(subscribe(1));
    assert_eq!(desk.answers(), [(id, Err(Code::NOT_CONNECTED))]);
}

//
#[test]
fn a_session_comes_back_as_the_same_stay_and_hears_what_it_missed() {
    // Given Ada in a room with Bob and Eve, who both publish,
    let mut desk = Desk::joined(&["bob", "eve"], vec![stream(1, "bob"), stream(2, "eve")]);
    desk.close();
    desk.hush();
    desk.pass(2 * SECOND);
    // when she comes back, Bob is gone, Eve is muted and shares a screen, and Max is there,
    desk.open();
    assert_eq!(resumed(&desk.messages()), [MemberId(1)]);
    let muted = StreamInfo { audio_muted: true, ..stream(2, "eve") };
    let screen = StreamInfo { offer: sound(StreamKind::Aux), ..stream(3, "eve") };
    desk.tell(Input::Received {
        connection: desk.connection(),
        message: ServerMessage::Accepted {
            request: RequestId(2),
            accepted: joined(&["eve", "max"], vec![muted.clone(), screen.clone()], true),
        },
    });
    // then she hears just that, what ended first.
    assert_eq!(
        desk.events(),
        [
            Event::Restored { after: 2 * SECOND },
            changed(ConnectionState::Reconnecting, ConnectionState::Connected),
            Event::StreamRemoved { stream: stream(1, "bob") },
            Event::PeerLeft { user: user("bob"), reason: LeaveReason::LEFT },
            Event::PeerJoined { user: user("max"), name: None },
            Event::StreamAdded { stream: screen },
            Event::StreamMuted { stream: muted },
        ]
    );
}

#[test]
fn a_publication_that_was_cut_short_and_took_place_is_withdrawn_on_return() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.call(Call::Publish { offer: sound(StreamKind::Main) });
    desk.close();
    desk.open();
    desk.grant(joined(&[], vec![stream(5, "ada")], true));
    assert_eq!(desk.messages().last(), Some(&ClientMessage::Unpublish { stream: StreamId(5) }));
    assert_eq!(desk.session.own_streams().count(), 0);
}

#[test]
fn a_publication_that_was_granted_stands_after_the_return() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.call(Call::Publish { offer: sound(StreamKind::Main) });
    desk.grant(Accepted::Published { stream: StreamId(5) });
    desk.close();
    desk.open();
    desk.grant(joined(&[], vec![stream(5, "ada")], true));
    assert!(!desk.messages().contains(&ClientMessage::Unpublish { stream: StreamId(5) }));
    assert_eq!(desk.session.own_streams().map(|(id, _)| id).collect::<Vec<_>>(), [StreamId(5)]);
}

//
#[test]
fn a_session_that_does_not_come_back_in_time_is_out() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.close();
    desk.hush();
    desk.pass(limits::RECONNECT_WINDOW.saturating_sub(MILLISECOND));
    assert_eq!(desk.events(), []);
    desk.pass(MILLISECOND);
    assert_eq!(
        desk.events(),
        [Event::Removed { code: Code::RECONNECT_TIMEOUT }, changed(ConnectionState::Reconnecting, ConnectionState::Disconnected)]
    );
    assert_eq!(desk.session.poll_timeout(), None);
}

#[test]
fn attempts_that_fail_are_made_again_after_growing_waits() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.close();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let failed_at = desk.now;
        let attempts = desk.connects.len();
        desk.close();
        while desk.connects.len() == attempts {
            desk.pass(10 * MILLISECOND);
        }
        waits.push(desk.now.saturating_since(failed_at));
    }
    assert!(waits[0] <= limits::BACKOFF_FIRST, "{waits:?}");
    assert!(waits[5] >= limits::BACKOFF_MAX / 2, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= limits::BACKOFF_MAX + 10 * MILLISECOND), "{waits:?}");
}

#[test]
fn an_attempt_that_hangs_is_given_up() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.close();
    desk.hush();
    desk.pass(limits::RECONNECT_ATTEMPT);
    assert_eq!(desk.disconnects, [ConnectionId(2)]);
    desk.pass(limits::BACKOFF_FIRST);
    assert_eq!(desk.connection(), ConnectionId(3));
}

//
#[test]
fn leaving_while_reconnecting_ends_the_attempts() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.close();
    desk.hush();
    let leave = desk.call(Call::Leave);
    assert_eq!(desk.events(), [answered(leave, Ok(Answer::Done)), changed(ConnectionState::Reconnecting, ConnectionState::Disconnected)]);
    let attempts = desk.connects.len();
    desk.pass(limits::RECONNECT_WINDOW * 2);
    assert_eq!((desk.connects.len(), desk.events()), (attempts, vec![]));
}

#[test]
fn a_stay_that_the_server_has_ended_is_not_asked_for_again() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.close();
    desk.open();
    desk.events();
    desk.refuse(Code::SESSION_GONE);
    assert_eq!(
        desk.events(),
        [Event::Removed { code: Code::SESSION_GONE }, changed(ConnectionState::Reconnecting, ConnectionState::Disconnected)]
    );
}

#[test]
fn a_refusal_that_may_pass_is_no_reason_to_give_up() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.close();
    desk.open();
    desk.events();
    desk.refuse(Code::INTERNAL);
    assert_eq!((desk.events(), desk.session.state()), (vec![], ConnectionState::Reconnecting));
    desk.pass(limits::BACKOFF_FIRST);
    assert_eq!(desk.connection(), ConnectionId(3));
}

#[test]
fn a_heartbeat_goes_out_and_silence_is_a_loss() {
    let mut desk = Desk::joined(&[], vec![]);
    desk.pass(limits::HEARTBEAT_INTERVAL);
    assert_eq!(desk.messages(), [ClientMessage::Ping]);
    desk.receive(ServerMessage::Pong);
    desk.pass(limits::HEARTBEAT_TIMEOUT.saturating_sub(MILLISECOND));
    assert_eq!(desk.events(), []);
    desk.pass(MILLISECOND);
    assert_eq!(desk.events()[0], Event::Interrupted { code: Code::HEARTBEAT_LOST });
    assert_eq!(desk.disconnects, [ConnectionId(1)]);
}

#[test]
fn what_comes_late_on_an_old_connection_is_nothing() {
    // Given a session that came back on its second connection,
    let mut desk = Desk::joined(&["bob"], vec![]);
    desk.close();
    desk.open();
    desk.grant(joined(&["bob"], vec![], true));
    desk.hush();
    let before = desk.session.clone();
    // when the first one opens, speaks and ends,
    let connection = ConnectionId(1);
    desk.tell(Input::Opened { connection });
    for message in [
        ServerMessage::PeerLeft { user: user("bob"), reason: LeaveReason::LEFT },
        ServerMessage::Removed { code: Code::REPLACED },
        ServerMessage::Accepted { request: RequestId(2), accepted: Accepted::Done },
    ] {
        desk.tell(Input::Received { connection, message });
    }
    desk.tell(Input::Closed { connection });
    // then nothing has changed.
    assert_eq!((desk.events(), desk.session), (vec![], before));
}

#[test]
fn a_media_description_is_told_once_however_often_it_comes() {
    let mut desk = Desk::joined(&[], vec![]);
    let description = MediaDescription::new("server").expect("it is short");
    let message = ServerMessage::Media { description: description.clone() };
    desk.receive(message.clone());
    desk.close();
    desk.open();
    desk.grant(joined(&[], vec![], true));
    desk.receive(message);
    assert_eq!(desk.events().iter().filter(|event| **event == Event::Media { description: description.clone() }).count(), 1);
}

// Over all histories

/// Every output of a history, and of a minute in which nothing else happens but the end of the last connection.
fn all_outputs(bytes: &[u8]) -> (Vec<(Instant, Output)>, Vec<CallId>) {
    let start = Instant::from_secs(1);
    let mut steps = session_history(&Config::default(), start, bytes);
    // At the end of time nothing times out any more.
    steps.truncate(steps.iter().position(|step| step.advance == Duration::MAX).unwrap_or(steps.len()));
    let calls = steps.iter().filter_map(|step| match step.input {
        Input::Call { id, .. } => Some(id),
        _ => None,
    });
    let calls = calls.collect();
    let mut session = Session::new(start, Config::default());
    let (mut outputs, now) = replay(&mut session, start, &steps);
    run_until(&mut session, now.saturating_add(Duration::from_secs(60)), &mut outputs);
    (outputs, calls)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_call_is_answered_exactly_once(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        let (outputs, calls) = all_outputs(&bytes);
        let mut answers = BTreeMap::new();
        for (_, output) in outputs {
            if let Output::Event(Event::Answered { id, .. }) = output {
                *answers.entry(id).or_insert(0) += 1;
            }
        }
        prop_assert_eq!(answers, calls.into_iter().map(|id| (id, 1)).collect::<BTreeMap<_, _>>());
    }

    //
    #[test]
    fn states_follow_one_another_and_differ(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        let mut state = ConnectionState::Disconnected;
        for (_, output) in all_outputs(&bytes).0 {
            if let Output::Event(Event::StateChanged { from, to }) = output {
                prop_assert_eq!(from, state);
                prop_assert_ne!(from, to);
                state = to;
            }
        }
    }

    #[test]
    fn nothing_is_sent_on_a_connection_that_is_not_open(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        let mut last = ConnectionId(0);
        for (_, output) in all_outputs(&bytes).0 {
            match output {
                Output::Connect { connection } => {
                    prop_assert!(connection > last);
                    last = connection;
                }
                Output::Send { connection, .. } | Output::Disconnect { connection } => prop_assert_eq!(connection, last),
                Output::Event(_) => {}
            }
        }
    }
}

/// The histories that laws and properties run on would prove little if they did not reach most of what a session does.
#[test]
fn histories_reach_what_a_session_does() {
    let mut kinds = std::collections::BTreeSet::new();
    let mut rng = greenroom_core::rng::Rng::new(1);
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..800).map(|_| u8::try_from(rng.below(256)).expect("below 256")).collect();
        kinds.extend(all_outputs(&bytes).0.iter().map(|(_, output)| {
            let text = format!("{output:?}");
            let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
            match words[..] {
                ["Event", kind, ..] => kind.to_string(),
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
        "Answered",
        "Connect",
        "Disconnect",
        "Interrupted",
        "Join",
        "Leave",
        "Media",
        "Mute",
        "PeerJoined",
        "PeerLeft",
        "Ping",
        "Publish",
        "Removed",
        "Restored",
        "StateChanged",
        "StreamAdded",
        "StreamMuted",
        "StreamRemoved",
        "Subscribe",
        "SwitchRole",
        "Unpublish",
        "Unsubscribe",
    ];
    assert_eq!(reached, all);
}
