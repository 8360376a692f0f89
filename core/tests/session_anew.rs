//! Stories of a session that keeps trying, and that the server has forgotten: it enters anew and builds up what stood.

#[path = "common/desk.rs"]
mod desk;

use core::time::Duration;

use desk::{Act, Desk, changed, joined, key, network_is, persistent, publish, resumed, sound, stream, subscribe, user};
use greenroom_core::{
    code::Code,
    id::{MemberId, StreamId},
    limits,
    quality::Level,
    role::Role,
    session::{Answer, Call, ConnectionState, Event},
    stream::{LayerSet, StreamInfo, StreamKind},
    wire::{Accepted, ClientMessage, LeaveReason, MediaDescription, ServerMessage, VideoWish},
};

const SECOND: Duration = Duration::from_secs(1);

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
            network_is(Level::Unknown),
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
    assert!(matches!(desk.events()[..], [Event::Restored { .. }, Event::StateChanged { .. }, Event::NetworkQuality { .. }]));
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
        desk.events()[3..],
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
        desk.events()[3..7],
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
    desk.receive(ServerMessage::VideoNeeded { stream: StreamId(12), needed: true, up_to: None });
    let request = desk.request_of(is_subscribe(1));
    desk.receive(ServerMessage::Refused { request, code: Code::NO_SUCH_STREAM });
    let events = desk.events();
    assert_eq!(
        events[5..],
        [
            Event::PeerLeft { user: user("bob"), name: None, reason: LeaveReason::LEFT },
            Event::PeerLeft { user: user("eve"), name: None, reason: LeaveReason::LEFT },
            Event::PeerJoined { user: user("max"), name: None },
            Event::Republished { before: StreamId(5), now: Ok(StreamId(12)) },
            Event::VideoNeeded { stream: StreamId(12), needed: true, up_to: None },
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
    let stages: [Act; 3] = [
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
    let others_video = Call::SubscribeVideo { wanted: vec![VideoWish { layers: layers(&[0]), ..VideoWish::of(StreamId(2)) }] };
    let videos = [wants(1, true, true, high), others_video];
    assert_eq!(asked_again_after(&videos), [asks(1, true, false, high), asks(2, false, true, layers(&[0]))]);
    assert_eq!(asked_again_after(&[wants(9, true, true, high)]), [], "there is no such stream");
}

//
#[test]
fn a_cap_on_bandwidth_is_told_again_unless_it_was_lifted() {
    let limit = |max_bps| Call::LimitBandwidth { max_bps };
    let asked = asked_again_after(&[limit(Some(4_000_000)), limit(Some(3_072_000))]);
    assert_eq!(asked, [ClientMessage::LimitBandwidth { max_bps: Some(3_072_000) }]);
    assert_eq!(asked_again_after(&[limit(Some(4_000_000)), limit(None)]), []);
}
