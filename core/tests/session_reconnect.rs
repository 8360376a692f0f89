//! Stories of a session whose connection is lost: coming back, entering anew, giving up.

#[path = "common/desk.rs"]
mod desk;

use core::time::Duration;

use desk::{Desk, answered, changed, joined, key, name, publish, resumed, sound, stream, subscribe, user};
use greenroom_core::{
    code::Code,
    id::{MemberId, RequestId, StreamId},
    limits,
    role::Role,
    session::{AfterWindow, Answer, Call, Config, ConnectionId, ConnectionState, Event, Input},
    stream::{LayerSet, StreamInfo, StreamKind, StreamOffer},
    wire::{Accepted, ClientMessage, LeaveReason, MediaDescription, MemberInfo, ServerMessage, VideoWish},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

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
            Event::PeerLeft { user: user("bob"), name: None, reason: LeaveReason::LEFT },
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

// R-090 R-153
#[test]
fn whoever_comes_back_hears_of_other_names_and_of_streams_that_changed() {
    let mut desk = Desk::joined(&["bob"], vec![stream(1, "bob"), stream(2, "eve")]);
    desk.close();
    desk.open();
    desk.hush_events();
    let louder = StreamInfo { offer: StreamOffer { audio_bps: Some(64_000), ..sound(StreamKind::Main) }, ..stream(1, "bob") };
    let both = StreamInfo { audio_muted: true, offer: louder.offer.clone(), ..stream(2, "eve") };
    let Accepted::Joined { member, version, role, .. } = joined(&[], vec![], true) else { unreachable!("joined() makes that") };
    desk.grant(Accepted::Joined {
        member,
        user: None,
        version,
        role,
        resumed: true,
        members: vec![MemberInfo { user: user("bob"), name: name("Robert") }],
        streams: vec![louder.clone(), both.clone()],
    });
    assert_eq!(
        desk.events()[2..],
        [
            Event::PeerRenamed { user: user("bob"), name: name("Robert") },
            Event::StreamUpdated { stream: louder },
            Event::StreamUpdated { stream: both.clone() },
            Event::StreamMuted { stream: both },
        ]
    );
}

// R-025 R-028
#[test]
fn a_loss_is_told_at_once_and_says_how_it_was_noticed() {
    let losses: [(fn(&mut Desk), Code); 3] = [
        (Desk::close, Code::CLOSED_BY_PEER),
        (|desk| desk.fail(Code::TOO_SLOW), Code::TOO_SLOW),
        (|desk| desk.pass(limits::HEARTBEAT_TIMEOUT), Code::HEARTBEAT_LOST),
    ];
    for (lose, code) in losses {
        let mut desk = Desk::joined(&[], vec![]);
        lose(&mut desk);
        assert_eq!(desk.events()[0], Event::Interrupted { code });
        assert_eq!(desk.connects.len(), 2, "the first attempt starts at once");
    }
}

// A key that expired meanwhile

#[test]
fn a_key_that_expired_while_away_ends_the_stay() {
    for after_window in [AfterWindow::GiveUp, AfterWindow::KeepTrying] {
        for code in [Code::KEY_EXPIRED, Code::KEY_INVALID] {
            let mut desk = Desk::joined_with(config(after_window), &[], vec![]);
            desk.close();
            desk.open();
            desk.hush_events();
            desk.refuse(code);
            let back = changed(ConnectionState::Reconnecting, ConnectionState::Disconnected);
            assert_eq!(desk.events(), [Event::Removed { code }, back]);
            assert_eq!(desk.session.poll_timeout(), None);
        }
    }
}

// Keeping on trying

fn config(after_window: AfterWindow) -> Config {
    let mut config = Config::default();
    config.after_window = after_window;
    config
}

/// Never gives up, and calls the connection lost after ten seconds.
fn persistent() -> Config {
    let mut config = config(AfterWindow::KeepTrying);
    config.lost_after = Some(10 * SECOND);
    config
}

// R-029 R-031
#[test]
fn attempts_go_on_until_the_application_leaves_and_the_loss_is_told_once() {
    let mut desk = Desk::joined_with(persistent(), &[], vec![]);
    desk.close();
    desk.hush();
    desk.pass((10 * SECOND).saturating_sub(MILLISECOND));
    assert_eq!(desk.events(), []);
    desk.pass(MILLISECOND);
    assert_eq!(desk.events(), [Event::StillAway]);
    desk.pass(3600 * SECOND);
    assert_eq!((desk.events(), desk.session.state()), (vec![], ConnectionState::Reconnecting));
    assert!(desk.connects.len() > 400, "an attempt of 3 s and a wait of at most 5 s: {}", desk.connects.len());
    let attempts = desk.connects.len();
    let leave = desk.call(Call::Leave);
    assert_eq!(desk.events(), [answered(leave, Ok(Answer::Done)), changed(ConnectionState::Reconnecting, ConnectionState::Disconnected)]);
    desk.pass(3600 * SECOND);
    assert_eq!((desk.connects.len(), desk.events()), (attempts, vec![]));
}

//
#[test]
fn each_interruption_has_a_clock_of_its_own() {
    let mut desk = Desk::joined_with(persistent(), &[], vec![]);
    for _ in 0..3 {
        desk.close();
        desk.pass(9 * SECOND);
        // The attempt of the moment may be over; the next one is not far.
        while !matches!(desk.session.state(), ConnectionState::Connected) {
            desk.open();
            if resumed(&desk.messages()).is_empty() {
                desk.pass(10 * MILLISECOND);
            } else {
                desk.grant(joined(&[], vec![], true));
            }
        }
    }
    assert!(!desk.events().contains(&Event::StillAway), "no interruption took ten seconds");
    desk.close();
    desk.hush();
    desk.pass(10 * SECOND);
    assert_eq!(desk.events(), [Event::StillAway]);
}

//
#[test]
fn a_session_that_gives_up_tells_the_loss_before_the_end() {
    let mut desk = Desk::joined_with(
        {
            let mut config = persistent();
            config.after_window = AfterWindow::GiveUp;
            config
        },
        &[],
        vec![],
    );
    desk.close();
    desk.hush();
    desk.pass(limits::RECONNECT_WINDOW);
    let back = changed(ConnectionState::Reconnecting, ConnectionState::Disconnected);
    assert_eq!(desk.events(), [Event::StillAway, Event::Removed { code: Code::RECONNECT_TIMEOUT }, back]);
}

//
#[test]
fn that_the_connection_is_back_is_told() {
    let mut desk = Desk::joined_with(persistent(), &[], vec![]);
    desk.close();
    desk.pass(2 * SECOND);
    desk.open();
    desk.hush_events();
    desk.grant(joined(&[], vec![], true));
    assert_eq!(desk.events(), [Event::Restored { after: 2 * SECOND }, changed(ConnectionState::Reconnecting, ConnectionState::Connected)]);
}

// Entering anew

/// Ada, who never gives up, publishes stream 5, and receives of Bob's stream 1 all, of Eve's stream 2 only the audio. Her connection is lost for a minute.
fn ada_is_long_away() -> Desk {
    let mut desk = Desk::joined_with(persistent(), &["bob", "eve"], vec![stream(1, "bob"), stream(2, "eve")]);
    desk.call(Call::Renew { credential: key("ada's") });
    desk.grant(Accepted::Done);
    desk.call(publish(StreamKind::Main));
    desk.grant(Accepted::Published { stream: StreamId(5) });
    desk.call(subscribe(1));
    desk.grant(Accepted::Done);
    desk.call(Call::Subscribe { stream: StreamId(2), audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None });
    desk.grant(Accepted::Done);
    desk.close();
    desk.pass(60 * SECOND);
    desk.hush();
    desk
}

/// The server keeps her stay no longer; she asks to be let in anew.
fn the_stay_is_gone(desk: &mut Desk) {
    desk.next_attempt();
    desk.open();
    assert_eq!(resumed(&desk.messages()).len(), 1);
    let attempts = desk.connects.len();
    desk.refuse(Code::SESSION_GONE);
    assert_eq!(desk.connects.len(), attempts, "she asks on the same connection");
}

fn anew(members: &[&str], streams: Vec<StreamInfo>) -> Accepted {
    let Accepted::Joined { version, role, resumed, members, streams, .. } = joined(members, streams, false) else {
        unreachable!("joined() makes that")
    };
    Accepted::Joined { member: MemberId(9), user: None, version, role, resumed, members, streams }
}

fn is_publish(message: &ClientMessage) -> bool {
    matches!(message, ClientMessage::Publish { .. })
}

fn is_subscribe(to: u32) -> impl Fn(&ClientMessage) -> bool {
    move |message| matches!(message, ClientMessage::Subscribe { stream, .. } if *stream == StreamId(to))
}

// R-023 R-029
#[test]
fn a_session_that_keeps_trying_enters_anew_and_builds_up_what_stood() {
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    // Given Ada, who is let in anew, on the same connection, with the key that she had last,
    let [(_, join)] = &desk.sent[..] else { panic!("one join: {:?}", desk.sent) };
    assert!(
        matches!(&join.message, ClientMessage::Join { resumes: None, credential: Some(credential), user: Some(ada), .. } if *credential == key("ada's") && *ada == user("ada"))
    );
    desk.messages();
    // when Eve has left and Max come, and she is granted what she had,
    desk.grant(anew(&["bob", "max"], vec![stream(1, "bob"), stream(7, "max")]));
    assert_eq!(
        desk.sent.iter().map(|(_, frame)| frame.message.clone()).collect::<Vec<_>>(),
        [
            ClientMessage::Publish { offer: sound(StreamKind::Main) },
            ClientMessage::Subscribe { stream: StreamId(1), audio: true, video: true, layers: LayerSet::HIGHEST, min_height: None },
        ]
    );
    assert_eq!((desk.events(), desk.session.state()), (vec![], ConnectionState::Reconnecting));
    let early = desk.call(subscribe(7));
    assert_eq!(desk.answers(), [(early, Err(Code::NOT_CONNECTED))], "not all stands again");
    desk.grant_of(is_publish, Accepted::Published { stream: StreamId(12) });
    desk.grant_of(is_subscribe(1), Accepted::Done);
    // then she hears at one stroke that she is back, what she missed, and what her stream is called now.
    let events = desk.events();
    assert!(matches!(events[0], Event::Restored { after } if after >= 60 * SECOND));
    assert_eq!(
        events[1..],
        [
            changed(ConnectionState::Reconnecting, ConnectionState::Connected),
            Event::StreamRemoved { stream: stream(2, "eve") },
            Event::PeerLeft { user: user("eve"), name: None, reason: LeaveReason::LEFT },
            Event::PeerJoined { user: user("max"), name: None },
            Event::StreamAdded { stream: stream(7, "max") },
            Event::Republished { before: StreamId(5), now: Ok(StreamId(12)) },
        ]
    );
    assert_eq!(desk.session.own_streams().map(|(id, _)| id).collect::<Vec<_>>(), [StreamId(12)]);
    assert_eq!(desk.session.member(), Some(MemberId(9)));
}

#[test]
fn a_session_that_had_nothing_is_back_as_soon_as_it_is_let_in() {
    let mut desk = Desk::joined_with(persistent(), &["bob"], vec![]);
    desk.close();
    desk.hush();
    the_stay_is_gone(&mut desk);
    desk.grant(anew(&["bob"], vec![]));
    assert_eq!(desk.session.state(), ConnectionState::Connected);
    assert!(matches!(desk.events()[..], [Event::Restored { .. }, Event::StateChanged { .. }]));
}

#[test]
fn what_was_muted_is_muted_again() {
    // Given Ada, whose microphone was muted and whose picture was not,
    let mut desk = Desk::joined_with(persistent(), &[], vec![]);
    desk.call(publish(StreamKind::Main));
    desk.grant(Accepted::Published { stream: StreamId(5) });
    desk.call(Call::Mute { stream: StreamId(5), audio: Some(true), video: None });
    desk.grant(Accepted::Done);
    desk.close();
    desk.hush();
    // when she enters anew and publishes,
    the_stay_is_gone(&mut desk);
    desk.grant(anew(&[], vec![]));
    desk.grant_of(is_publish, Accepted::Published { stream: StreamId(1) });
    // then she mutes it before she counts as back.
    let mute = ClientMessage::Mute { stream: StreamId(1), audio: Some(true), video: Some(false) };
    assert_eq!(desk.messages().last(), Some(&mute));
    assert_eq!(desk.session.state(), ConnectionState::Reconnecting);
    desk.grant(Accepted::Done);
    assert_eq!(desk.events().last(), Some(&Event::Republished { before: StreamId(5), now: Ok(StreamId(1)) }));
}

#[test]
fn what_cannot_be_had_again_is_told() {
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    desk.grant(anew(&["bob", "eve"], vec![stream(1, "bob"), stream(2, "eve")]));
    for (of, code) in [(1, Code::TOO_MANY_SUBSCRIPTIONS), (2, Code::NO_SUCH_STREAM)] {
        let request = desk.request_of(is_subscribe(of));
        desk.receive(ServerMessage::Refused { request, code });
    }
    desk.receive(ServerMessage::StreamRemoved { stream: StreamId(2), user: user("eve") });
    let request = desk.request_of(is_publish);
    desk.receive(ServerMessage::Refused { request, code: Code::ROOM_PAUSED });
    assert_eq!(
        desk.events()[2..],
        [
            Event::StreamRemoved { stream: stream(2, "eve") },
            Event::Republished { before: StreamId(5), now: Err(Code::ROOM_PAUSED) },
            Event::Unsubscribed { stream: StreamId(1), code: Code::TOO_MANY_SUBSCRIPTIONS },
        ]
    );
    assert_eq!(desk.session.own_streams().count(), 0);
}

#[test]
fn whoever_is_let_in_as_a_player_does_not_publish() {
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    let Accepted::Joined { member, user, version, resumed, .. } = anew(&[], vec![]) else { unreachable!("anew() makes that") };
    desk.grant(Accepted::Joined { member, user, version, role: Role::Player, resumed, members: vec![], streams: vec![] });
    assert!(!desk.messages().iter().any(is_publish));
    assert_eq!(desk.events().last(), Some(&Event::Republished { before: StreamId(5), now: Err(Code::ROLE_FORBIDS) }));
    assert_eq!(desk.session.role(), Some(Role::Player));
}

#[test]
fn a_stream_of_the_same_number_and_another_user_is_another_stream() {
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    desk.messages();
    desk.grant(anew(&["bob", "eve"], vec![stream(1, "eve"), stream(2, "bob")]));
    assert!(!desk.messages().iter().any(|message| matches!(message, ClientMessage::Subscribe { .. })));
    desk.grant(Accepted::Published { stream: StreamId(3) });
    assert_eq!(
        desk.events()[2..6],
        [
            Event::StreamRemoved { stream: stream(1, "bob") },
            Event::StreamRemoved { stream: stream(2, "eve") },
            Event::StreamAdded { stream: stream(2, "bob") },
            Event::StreamAdded { stream: stream(1, "eve") },
        ]
    );
}

#[test]
fn what_is_heard_while_building_up_is_part_of_what_was_missed() {
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    desk.grant(anew(&["bob"], vec![stream(1, "bob")]));
    desk.receive(ServerMessage::PeerJoined { user: user("max"), name: None });
    desk.receive(ServerMessage::PeerLeft { user: user("bob"), reason: LeaveReason::LEFT });
    desk.receive(ServerMessage::StreamRemoved { stream: StreamId(1), user: user("bob") });
    desk.receive(ServerMessage::KeyRefused { code: Code::KEY_EXPIRED });
    desk.receive(ServerMessage::Media { description: MediaDescription::new("new").expect("it is short") });
    assert!(matches!(desk.events()[..], [Event::Media { .. }]), "how media is reached is of use at once");
    desk.grant_of(is_publish, Accepted::Published { stream: StreamId(12) });
    desk.receive(ServerMessage::VideoNeeded { stream: StreamId(12), needed: true });
    let request = desk.request_of(is_subscribe(1));
    desk.receive(ServerMessage::Refused { request, code: Code::NO_SUCH_STREAM });
    let events = desk.events();
    assert_eq!(
        events[4..],
        [
            Event::PeerLeft { user: user("bob"), name: None, reason: LeaveReason::LEFT },
            Event::PeerLeft { user: user("eve"), name: None, reason: LeaveReason::LEFT },
            Event::PeerJoined { user: user("max"), name: None },
            Event::Republished { before: StreamId(5), now: Ok(StreamId(12)) },
            Event::VideoNeeded { stream: StreamId(12), needed: true },
            Event::KeyRefused { code: Code::KEY_EXPIRED },
        ]
    );
}

#[test]
fn a_connection_that_breaks_while_building_up_is_restored_to_the_stay_that_began() {
    // Given Ada, whose stream is published again and whose connection breaks before she receives Bob,
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    desk.grant(anew(&["bob"], vec![stream(1, "bob")]));
    desk.grant_of(is_publish, Accepted::Published { stream: StreamId(12) });
    desk.close();
    desk.hush();
    // when she comes back,
    desk.next_attempt();
    desk.open();
    assert_eq!(resumed(&desk.messages()), [MemberId(9)]);
    let own = StreamInfo { id: StreamId(12), ..stream(5, "ada") };
    let Accepted::Joined { user: chosen, version, role, members, streams, .. } = anew(&["bob"], vec![stream(1, "bob"), own]) else {
        unreachable!("anew() makes that")
    };
    desk.grant(Accepted::Joined { member: MemberId(9), user: chosen, version, role, resumed: true, members, streams });
    // then only what is missing is asked for again.
    assert!(matches!(desk.messages()[..], [ClientMessage::Subscribe { stream: StreamId(1), .. }]));
    desk.grant(Accepted::Done);
    assert_eq!(desk.events().last(), Some(&Event::Republished { before: StreamId(5), now: Ok(StreamId(12)) }));
    assert_eq!(desk.session.state(), ConnectionState::Connected);
}

#[test]
fn building_up_has_its_bound() {
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    desk.grant(anew(&["bob"], vec![stream(1, "bob")]));
    desk.hush();
    desk.pass(limits::RESPONSE_TIMEOUT);
    assert_eq!((desk.events(), desk.disconnects.len()), (vec![], 1));
    assert_eq!(desk.messages(), [], "it is the stay to come back to: no goodbye");
    desk.pass(limits::BACKOFF_MAX);
    desk.open();
    assert_eq!(resumed(&desk.messages()), [MemberId(9)]);
}

#[test]
fn an_entry_without_an_answer_says_goodbye_and_the_old_stay_is_asked_for_again() {
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    desk.hush();
    desk.pass(limits::RESPONSE_TIMEOUT);
    assert_eq!(desk.messages(), [ClientMessage::Leave]);
    desk.pass(limits::BACKOFF_MAX);
    desk.open();
    assert_eq!(resumed(&desk.messages()), [MemberId(1)]);
}

#[test]
fn refusals_of_an_entry_end_it_or_pass() {
    for (code, state) in [
        (Code::KEY_EXPIRED, ConnectionState::Disconnected),
        (Code::DISSOLVED, ConnectionState::Disconnected),
        (Code::ROOM_FULL, ConnectionState::Reconnecting),
        (Code::USER_PRESENT, ConnectionState::Reconnecting),
    ] {
        let mut desk = ada_is_long_away();
        the_stay_is_gone(&mut desk);
        desk.refuse(code);
        assert_eq!(desk.session.state(), state, "{code}");
        let removed = desk.events().contains(&Event::Removed { code });
        assert_eq!(removed, state == ConnectionState::Disconnected, "{code}");
    }
}

#[test]
fn a_removal_ends_the_way_back_wherever_it_is() {
    let stages: [fn(&mut Desk); 3] = [
        |desk| {
            desk.next_attempt();
            desk.open();
        },
        the_stay_is_gone,
        |desk| {
            the_stay_is_gone(desk);
            desk.grant(anew(&["bob"], vec![stream(1, "bob")]));
        },
    ];
    for stage in stages {
        let mut desk = ada_is_long_away();
        stage(&mut desk);
        desk.hush_events();
        desk.receive(ServerMessage::Removed { code: Code::REMOVED });
        let back = changed(ConnectionState::Reconnecting, ConnectionState::Disconnected);
        assert_eq!(desk.events(), [Event::Removed { code: Code::REMOVED }, back]);
        assert_eq!(desk.session.poll_timeout(), None);
    }
}

//
#[test]
fn whoever_leaves_while_building_up_is_out_and_says_so() {
    let mut desk = ada_is_long_away();
    the_stay_is_gone(&mut desk);
    desk.grant(anew(&["bob"], vec![stream(1, "bob")]));
    desk.hush();
    let leave = desk.call(Call::Leave);
    assert_eq!((desk.answers(), desk.messages()), (vec![(leave, Ok(Answer::Done))], vec![ClientMessage::Leave]));
}

/// What is asked for again after these calls, all granted, and an entry anew.
fn asked_again_after(calls: &[Call]) -> Vec<ClientMessage> {
    let mut desk = Desk::joined_with(persistent(), &["bob", "eve"], vec![stream(1, "bob"), stream(2, "eve")]);
    for call in calls {
        desk.call(call.clone());
        let accepted = match call {
            Call::SubscribeVideo { .. } => Accepted::Subscribed { refused: vec![] },
            _ => Accepted::Done,
        };
        desk.grant(accepted);
    }
    desk.close();
    desk.hush();
    the_stay_is_gone(&mut desk);
    desk.messages();
    desk.grant(anew(&["bob", "eve"], vec![stream(1, "bob"), stream(2, "eve")]));
    desk.messages()
}

// R-098 R-100 R-105
#[test]
fn what_is_subscribed_to_is_what_calls_have_come_to() {
    let layers = |list: &[u8]| {
        let layers: Vec<_> = list.iter().map(|layer| greenroom_core::id::LayerId(*layer)).collect();
        LayerSet::of(&layers).expect("low layers")
    };
    let wants = |id, audio, video, layers| Call::Subscribe { stream: StreamId(id), audio, video, layers, min_height: None };
    let drops = |id, audio, video, layers| Call::Unsubscribe { stream: StreamId(id), audio, video, layers };
    let asks = |id, audio, video, layers| ClientMessage::Subscribe { stream: StreamId(id), audio, video, layers, min_height: None };
    let high = LayerSet::HIGHEST;

    let union = [wants(1, true, false, high), wants(1, false, true, layers(&[0])), wants(1, false, true, layers(&[1]))];
    assert_eq!(asked_again_after(&union), [asks(1, true, true, layers(&[0, 1]))]);
    let one_layer_less = [wants(1, true, true, layers(&[0, 1])), drops(1, false, true, Some(layers(&[1])))];
    assert_eq!(asked_again_after(&one_layer_less), [asks(1, true, true, layers(&[0]))]);
    let no_layer = [wants(1, true, true, layers(&[0])), drops(1, false, true, Some(layers(&[0])))];
    assert_eq!(asked_again_after(&no_layer), [asks(1, true, false, high)]);
    assert_eq!(asked_again_after(&[wants(1, true, true, high), drops(1, true, true, None)]), []);
    let others_video = Call::SubscribeVideo { wanted: vec![VideoWish { stream: StreamId(2), layers: layers(&[0]), min_height: None }] };
    let videos = [wants(1, true, true, high), others_video];
    assert_eq!(asked_again_after(&videos), [asks(1, true, false, high), asks(2, false, true, layers(&[0]))]);
    assert_eq!(asked_again_after(&[wants(9, true, true, high)]), [], "there is no such stream");
}
