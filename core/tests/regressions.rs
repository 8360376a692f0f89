//! Stories of faults that were mended: numbers that come back, people of one name, wishes for layers that are asked for again, secrets in what is printed.

#[path = "common/desk.rs"]
mod desk;
#[path = "common/lobby.rs"]
mod lobby;

use core::time::Duration;

use desk::{Desk, joined, persistent};
use greenroom_core::{
    code::Code,
    dialect::VendorCall,
    id::{LayerId, MemberId, RequestId, Rid, RoomId, StreamId},
    role::Role,
    service::ServerCall,
    session::{Call, JoinCall},
    stream::{Layer, LayerSet, StreamInfo, StreamKind, StreamOffer},
    wire::{Accepted, ClientFrame, ClientMessage, ServerMessage, Version, Versions},
};
use lobby::{AGORA, BEGIN, Join, Lobby, OPEN, SPARK, channel_key, key, user};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: u64 = 3600;

#[test]
fn one_number_in_two_channels_is_two_people() {
    let mut lobby = Lobby::new();
    for (session, channel) in (1..).zip(["a", "b", "c", "d", "e", "f", "g"]) {
        lobby.enter(session, Join::new(AGORA, channel, "7").showing(channel_key(channel, 7, BEGIN, 0))).expect("another person");
    }
}

#[test]
fn a_number_that_was_chosen_in_one_channel_is_anybodys_in_another() {
    let mut lobby = Lobby::new();
    let shown = channel_key("stage", 0, BEGIN, 0);
    let first = lobby.enter(1, Join { user: None, ..Join::new(AGORA, "stage", "0") }.showing(shown.clone())).expect("good");
    lobby.switch(1, Role::Player, Some(shown.clone())).expect("good");
    lobby.enter(2, Join::new(AGORA, "attic", "1").showing(channel_key("attic", 1, BEGIN, 0))).expect("good");
    assert_eq!(lobby.ask(2, ClientMessage::Renew { credential: channel_key("attic", 1, BEGIN + 1, 0) }), Ok(Accepted::Done));
    assert_eq!(lobby.ask(2, ClientMessage::Renew { credential: channel_key("attic", 0, BEGIN + 1, 0) }), Err(Code::KEY_INVALID));
    lobby.disconnect(1);
    assert_eq!(lobby.enter(3, Join::new(AGORA, "stage", "1").resumes(first).showing(shown)), Ok(first));
}

#[test]
fn a_number_that_was_given_is_not_soon_given_again() {
    let mut lobby = Lobby::new();
    for n in 1..=2 {
        let name = n.to_string();
        lobby.enter(n, Join::open("stage", &name)).expect("open");
    }
    let mut given = Vec::new();
    for session in 3..=5 {
        lobby.open(session);
        let unnamed = Join { user: None, ..Join::open("stage", "x") };
        let Ok(Accepted::Joined { user: Some(user), .. }) = lobby.ask(session, unnamed.message()) else {
            panic!("not the answer to a join")
        };
        given.push(user);
        lobby.ask(session, ClientMessage::Leave).expect("in");
    }
    assert_eq!(given, [user("3"), user("4"), user("5")]);
}

#[test]
fn who_asks_to_be_nobody_is_whom_the_server_says() {
    let mut desk = Desk::new();
    desk.call(Call::Join(JoinCall::new(RoomId::new("stage").expect("a valid value"), user("0"), Role::Joiner)));
    desk.open();
    let Accepted::Joined { member, version, role, resumed, members, streams, .. } = joined(&["bob"], vec![], false) else {
        panic!("not the answer to a join")
    };
    desk.grant(Accepted::Joined { member, user: Some(user("4711")), version, role, resumed, members, streams });
    assert_eq!(desk.session.user(), Some(&user("4711")));
}

#[test]
fn whoever_wants_the_highest_layer_beside_others_gets_it_over_the_wire() {
    let layers = of(&[0]).union(LayerSet::HIGHEST);
    let message = ClientMessage::Subscribe { stream: StreamId(1), audio: true, video: true, layers, min_height: None };
    let written = serde_json::to_string(&ClientFrame { request: RequestId(1), message }).expect("messages can be written");
    let read: ClientFrame = serde_json::from_str(&written).expect("what was written can be read");
    assert!(matches!(read.message, ClientMessage::Subscribe { layers, .. } if layers.wants_highest()), "{written}");
}

fn camera(id: u32, rids: &[&str]) -> StreamInfo {
    let layers = rids.iter().zip(1u16..).map(|(rid, at)| Layer {
        rid: Rid::new(rid).expect("a valid value"),
        width: None,
        height: 180 * at,
        max_bps: 100_000 * u64::from(at),
        temporal_layers: greenroom_core::stream::TemporalLayers::ONE,
    });
    StreamInfo {
        id: StreamId(id),
        user: user("bob"),
        offer: StreamOffer { kind: StreamKind::Main, audio_bps: Some(1), layers: layers.collect(), on_demand: false },
        audio_muted: false,
        video_muted: false,
    }
}

fn of(layers: &[u8]) -> LayerSet {
    LayerSet::of(&layers.iter().map(|l| LayerId(*l)).collect::<Vec<_>>()).expect("a valid value")
}

fn video(layers: LayerSet, min_height: Option<u16>) -> Call {
    Call::Subscribe { stream: StreamId(1), audio: false, video: true, layers, min_height }
}

/// What is asked for again of stream 1 after these granted calls and news.
fn rebuilt(acts: impl FnOnce(&mut Desk), now: StreamInfo) -> Vec<ClientMessage> {
    let mut desk = Desk::joined_with(persistent(), &["bob"], vec![camera(1, &["q", "h", "f"])]);
    acts(&mut desk);
    desk.close();
    desk.hush();
    desk.next_attempt();
    desk.open();
    desk.refuse(Code::SESSION_GONE);
    desk.messages();
    let Accepted::Joined { version, role, resumed, members, streams, .. } = joined(&["bob"], vec![now], false) else {
        panic!("not the answer to a join")
    };
    desk.grant(Accepted::Joined { member: MemberId(9), user: None, version, role, resumed, members, streams });
    desk.messages()
}

#[test]
fn the_lowest_picture_worth_having_is_asked_for_again() {
    let again = rebuilt(
        |desk| {
            for call in [video(of(&[0]), Some(180)), video(of(&[1]), None)] {
                desk.call(call);
                desk.grant(Accepted::Done);
            }
        },
        camera(1, &["q", "h", "f"]),
    );
    assert_eq!(
        again,
        [ClientMessage::Subscribe { stream: StreamId(1), audio: false, video: true, layers: of(&[0, 1]), min_height: Some(180) }]
    );
}

#[test]
fn a_highest_layer_that_was_taken_back_by_its_place_is_not_asked_for_again() {
    let again = rebuilt(
        |desk| {
            desk.call(video(LayerSet::HIGHEST, None));
            desk.grant(Accepted::Done);
            desk.call(Call::Unsubscribe { stream: StreamId(1), audio: false, video: true, layers: Some(of(&[2])) });
            desk.grant(Accepted::Done);
        },
        camera(1, &["q", "h", "f"]),
    );
    assert_eq!(again, []);
}

#[test]
fn layers_are_asked_for_again_where_they_stand_since_an_update() {
    for missed in [false, true] {
        let again = rebuilt(
            |desk| {
                desk.call(video(of(&[2]), None));
                desk.grant(Accepted::Done);
                if !missed {
                    desk.receive(ServerMessage::StreamUpdated { stream: camera(1, &["h", "f"]) });
                }
            },
            camera(1, &["h", "f"]),
        );
        assert_eq!(
            again,
            [ClientMessage::Subscribe { stream: StreamId(1), audio: false, video: true, layers: of(&[1]), min_height: None }],
            "{missed}"
        );
    }
}

#[test]
fn a_stay_in_a_room_that_is_gone_is_not_one_of_its_number_in_the_next() {
    let mut lobby = Lobby::new();
    let stage = key(OPEN, "stage");
    let first = lobby.enter(1, Join::open("stage", "ada")).expect("open");
    let stream = lobby.publish(1);
    lobby.disconnect(1);
    lobby.call(ServerCall::DissolveRoom { room: stage.clone() }).expect("there");
    lobby.pass(SECOND);
    let second = lobby.enter(2, Join::open("stage", "ada")).expect("open");
    assert!(lobby.publish(2) > stream);
    lobby.hush();
    assert_ne!(first, second);
    assert_eq!(lobby.enter(3, Join::open("stage", "ada").resumes(first)), Err(Code::DISSOLVED));
    assert_eq!(lobby.closed(), []);
}

#[test]
fn a_join_that_is_refused_takes_no_idle_rooms_place() {
    let mut lobby = Lobby::with(|config| config.rooms_max = 1);
    lobby.enter(1, Join::open("one", "ada")).expect("there is place");
    lobby.ask(1, ClientMessage::Leave).expect("she is in");
    lobby.open(2);
    let ClientMessage::Join { app, room, user, name, role, resumes, media, credential, relay, audio_mode, .. } =
        Join::open("two", "bob").message()
    else {
        panic!("not the answer to a join")
    };
    let versions = Versions { min: Version(7), max: Version(8) };
    let join = ClientMessage::Join { versions, app, room, user, name, role, resumes, media, credential, relay, audio_mode };
    assert_eq!(lobby.ask(2, join), Err(Code::BAD_REQUEST));
    assert!(lobby.service.room(&key(OPEN, "one")).is_some());
}

#[test]
fn coming_back_does_not_mend_an_invalid_key() {
    let mut lobby = Lobby::new();
    let ada = lobby.enter(1, Join::signed("stage", "ada", BEGIN + HOUR)).expect("good");
    lobby.disconnect(1);
    assert_eq!(lobby.call(ServerCall::KeyInvalid { room: key(SPARK, "stage"), user: user("ada") }), Ok(()));
    assert_eq!(lobby.enter(2, Join::signed("stage", "ada", BEGIN + HOUR).resumes(ada)), Ok(ada));
    assert_eq!(lobby.heard(2), [ServerMessage::KeyRefused { code: Code::KEY_INVALID }]);
}

#[test]
fn a_vendors_call_that_is_printed_shows_no_secret() {
    let serde_json::Value::Object(args) =
        serde_json::json!({ "options": { "signature": "xyzzy" }, "channelKey": "xyzzy", "userId": "ada" })
    else {
        unreachable!("braces make an object")
    };
    let call = VendorCall::new("join", args);
    let printed = format!("{call:?}");
    assert!(!printed.contains("xyzzy") && printed.contains("ada"), "{printed}");
}
