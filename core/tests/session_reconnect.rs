//! Stories of a session whose connection is lost: coming back, giving up, keeping on trying.

#[path = "common/desk.rs"]
mod desk;

use core::time::Duration;

use desk::{Act, Desk, answered, changed, joined, name, network_is, persistent, resumed, sound, stream, subscribe, user};
use greenroom_core::{
    code::Code,
    id::{MemberId, RequestId, StreamId},
    limits,
    quality::Level,
    session::{AfterWindow, Answer, Call, Config, ConnectionId, ConnectionState, Event, Input},
    stream::{StreamInfo, StreamKind, StreamOffer},
    wire::{Accepted, ClientMessage, LeaveReason, MediaDescription, MemberInfo, ServerMessage},
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
            changed(ConnectionState::Connected, ConnectionState::Reconnecting),
            network_is(Level::Disconnected),
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
            network_is(Level::Unknown),
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
        desk.events()[3..],
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
    let losses: [(Act, Code); 3] = [
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
    let back = changed(ConnectionState::Reconnecting, ConnectionState::Connected);
    assert_eq!(desk.events(), [Event::Restored { after: 2 * SECOND }, back, network_is(Level::Unknown)]);
}
