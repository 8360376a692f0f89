//! Stories of voices in a room: who hears the loudest, and who they are.
//!
//! The rule itself has its tests in `audio.rs`; here it is about members, streams, mutes and transports.

#[path = "common/hall.rs"]
mod hall;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    audio::AudioLevel,
    code::Code,
    id::{MemberId, SessionId, StreamId},
    limits,
    role::Role,
    room::{Input, MediaInput, MediaOutput},
    stream::StreamOffer,
    wire::{Accepted, AudioMode, ClientMessage, ServerMessage, Voice},
};
use hall::{Hall, all_of, camera, join, screen};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const PACKET: Duration = Duration::from_millis(20);

/// Speakers on connections from 1 on, each with a camera; a listener on connection 100.
struct Stage {
    hall: Hall,
    members: BTreeMap<&'static str, (u64, MemberId, StreamId)>,
}

const LISTENER: u64 = 100;

impl Stage {
    fn new(speakers: &[&'static str]) -> Self {
        let mut hall = Hall::new();
        let mut members = BTreeMap::new();
        for (session, name) in (1..).zip(speakers) {
            let member = listener(&mut hall, session, name, Role::Joiner);
            members.insert(*name, (session, member, hall.publish(session, camera())));
        }
        listener(&mut hall, LISTENER, "zoe", Role::Player);
        hall.hush();
        Self { hall, members }
    }

    fn name(&self, member: MemberId) -> &'static str {
        self.members.iter().find(|(_, (_, id, _))| *id == member).expect("a speaker").0
    }

    /// Everyone speaks at these levels, a packet every 20 ms.
    fn speak(&mut self, span: Duration, levels: &[(&str, u8)]) {
        for _ in 0..span.as_millis() / PACKET.as_millis() {
            for (name, level) in levels {
                let member = self.members[name].1;
                self.hall.tell(Input::Media(MediaInput::Level { member, level: AudioLevel::new(*level).expect("within 127 dB") }));
            }
            self.hall.pass_alive(PACKET, &[LISTENER]);
        }
    }

    /// The last order about voices: who stands on it.
    fn seated(&mut self) -> Option<Vec<&'static str>> {
        let orders = self.hall.media();
        let last =
            orders.into_iter().rev().find_map(|order| if let MediaOutput::Loudest { speakers } = order { Some(speakers) } else { None });
        last.map(|speakers| speakers.into_iter().map(|member| self.name(member)).collect())
    }

    fn volumes(&mut self, session: u64) -> Vec<Vec<Voice>> {
        let heard = self.hall.heard(session).into_iter();
        heard.filter_map(|message| if let ServerMessage::Volumes { voices } = message { Some(voices) } else { None }).collect()
    }

    fn mute(&mut self, name: &str, audio: bool) {
        let (session, _, stream) = self.members[name];
        let mute = ClientMessage::Mute { stream, audio: Some(audio), video: None };
        assert_eq!(self.hall.ask(session, mute), Ok(Accepted::Done));
    }
}

fn listening(name: &str, role: Role, resumes: Option<MemberId>) -> ClientMessage {
    match join(name, role, resumes) {
        ClientMessage::Join { versions, app, room, user, name, role, resumes, media, credential, relay, .. } => {
            let audio_mode = AudioMode::Loudest;
            ClientMessage::Join { versions, app, room, user, name, role, resumes, media, credential, relay, audio_mode }
        }
        other => other,
    }
}

fn listener(hall: &mut Hall, session: u64, name: &str, role: Role) -> MemberId {
    match hall.ask(session, listening(name, role, None)) {
        Ok(Accepted::Joined { member, .. }) => member,
        other => panic!("{name} was to be let in: {other:?}"),
    }
}

/// Whom a member hears by that order.
fn heard_by<'a>(seated: &[&'a str], listener: &str) -> BTreeSet<&'a str> {
    seated.iter().copied().filter(|name| *name != listener).take(limits::LOUDEST).collect()
}

//
#[test]
fn each_hears_the_three_loudest_others_without_subscribing() {
    let mut stage = Stage::new(&["ada", "ben", "cem", "dia", "eve"]);
    stage.speak(SECOND, &[("ada", 20), ("ben", 30), ("cem", 35), ("dia", 50), ("eve", 55)]);
    let seated = stage.seated().expect("people speak");
    assert_eq!(heard_by(&seated, "zoe"), ["ada", "ben", "cem"].into());
    assert_eq!(heard_by(&seated, "ada"), ["ben", "cem", "dia"].into(), "nobody hears itself");
    assert_eq!(heard_by(&seated, "cem"), ["ada", "ben", "dia"].into());
    assert_eq!(heard_by(&seated, "eve"), ["ada", "ben", "cem"].into());
    // With fewer, all of them.
    let mut stage = Stage::new(&["ada", "ben"]);
    stage.speak(SECOND, &[("ada", 20), ("ben", 30)]);
    let seated = stage.seated().expect("people speak");
    assert_eq!((heard_by(&seated, "zoe"), heard_by(&seated, "ada")), (["ada", "ben"].into(), ["ben"].into()));
}

//
#[test]
fn one_order_serves_all_and_each_transport_is_told_that_it_listens() {
    let mut stage = Stage::new(&["ada", "ben"]);
    let plain = stage.hall.join_as(200, "yan", Role::Player);
    let zoe = stage.hall.room.member_of(&hall::user("zoe")).expect("she is there").id;
    for (session, member) in [(LISTENER, zoe), (200, plain)] {
        stage.hall.connect_media(session, member);
        let listens = stage.hall.media().contains(&MediaOutput::Listen { member });
        assert_eq!(listens, member == zoe);
    }
    stage.hall.hush();
    stage.speak(SECOND, &[("ada", 20), ("ben", 30)]);
    assert_eq!(stage.hall.media().len(), 1, "decided once, for all");
    // What three voices need is not given to video.
    stage.hall.estimate(zoe, 300_000);
    let stream = stage.members["ada"].2;
    stage.hall.ask(LISTENER, hall::video_of(stream, &[hall::LOW])).expect("she may subscribe");
    let target =
        |hall: &Hall| hall.room.member(zoe).expect("she is there").subscriptions[&stream].video.as_ref().expect("subscribed").target;
    assert_eq!(target(&stage.hall), Some(greenroom_core::select::Layer::whole(hall::LOW)));
    stage.hall.estimate(zoe, 270_000);
    assert_eq!(target(&stage.hall), Some(greenroom_core::select::Layer::whole(hall::LOW)));
    stage.hall.estimate(zoe, 269_000);
    assert_eq!(target(&stage.hall), None, "120 kbps for voices, and 150 for the picture");
}

//
#[test]
fn the_order_among_equals_is_that_of_user_ids() {
    let mut stage = Stage::new(&["eve", "dia", "cem", "ben", "ada"]);
    stage.speak(SECOND, &[("eve", 30), ("dia", 30), ("cem", 30), ("ben", 30), ("ada", 30)]);
    let seated = stage.seated().expect("people speak");
    assert_eq!((heard_by(&seated, "zoe"), seated[3]), (["ada", "ben", "cem"].into(), "dia"));
}

//
#[test]
fn who_is_muted_is_no_candidate() {
    let mut stage = Stage::new(&["ada", "ben"]);
    stage.mute("ada", true);
    stage.speak(SECOND, &[("ada", 10), ("ben", 40)]);
    assert_eq!(stage.seated(), Some(vec!["ben"]));
    // Muted while it speaks, it is gone at once; unmuted, it is back.
    stage.mute("ben", true);
    assert_eq!(stage.seated(), Some(vec![]));
    stage.mute("ada", false);
    stage.speak(SECOND, &[("ada", 10), ("ben", 40)]);
    assert_eq!(stage.seated(), Some(vec!["ada"]));
}

#[test]
fn whose_stream_ends_or_who_leaves_is_heard_no_more() {
    let mut stage = Stage::new(&["ada", "ben", "cem", "dia"]);
    let levels = [("ada", 30), ("ben", 30), ("cem", 30), ("dia", 30)];
    stage.speak(SECOND, &levels);
    let (ada, _, stream) = stage.members["ada"];
    stage.hall.ask(ada, ClientMessage::Unpublish { stream }).expect("it is hers");
    assert_eq!(stage.seated(), Some(vec!["ben", "cem", "dia"]));
    stage.hall.ask(stage.members["ben"].0, ClientMessage::Leave).expect("he may");
    assert_eq!(stage.seated(), Some(vec!["cem", "dia"]));
    let silent = StreamOffer { audio_bps: None, ..camera() };
    let (cem, _, stream) = stage.members["cem"];
    stage.hall.ask(cem, ClientMessage::Update { stream, offer: silent }).expect("it is his");
    assert_eq!(stage.seated(), Some(vec!["dia"]));
    stage.hall.ask(stage.members["dia"].0, ClientMessage::SwitchRole { role: Role::Player, credential: None }).expect("she may");
    assert_eq!(stage.seated(), Some(vec![]));
    // What comes late, and from whoever sends no sound, is not heard.
    stage.speak(SECOND, &levels[2..]);
    let silent_share = stage.hall.publish(cem, screen());
    stage.speak(SECOND, &levels[2..3]);
    assert_eq!((stage.seated(), silent_share.0 > 0), (None, true));
}

//
#[test]
fn listeners_are_told_how_loud_the_loudest_are_and_nobody_else_is() {
    let mut stage = Stage::new(&["ada", "ben"]);
    stage.hall.join_as(200, "yan", Role::Player);
    stage.hall.hush();
    stage.speak(2 * SECOND, &[("ada", 0), ("ben", 35)]);
    let told = stage.volumes(LISTENER);
    let loud = |voices: &[Voice]| voices.iter().map(|voice| (voice.user.to_string(), voice.volume.get())).collect::<Vec<_>>();
    assert_eq!(told.iter().map(|voices| loud(voices)).collect::<Vec<_>>(), [[("ada".to_string(), 100), ("ben".to_string(), 50)]], "once");
    assert_eq!(stage.volumes(200), [[]; 0]);
    // While they are the same, no more often than so.
    for at in 0_u8..100 {
        stage.speak(2 * PACKET, &[("ada", at % 50), ("ben", 35)]);
    }
    let told = stage.volumes(LISTENER).len();
    assert!((10..=14).contains(&told), "{told} times in 4 s");
    // When all are silent, that is told once.
    stage.speak(10 * SECOND, &[]);
    let told = stage.volumes(LISTENER);
    assert_eq!(told.iter().filter(|voices| voices.is_empty()).count(), 1);
    assert_eq!(told.last().map(Vec::len), Some(0));
    assert_eq!(stage.seated(), Some(vec![]));
}

//
#[test]
fn who_comes_while_people_speak_is_told_and_so_is_who_comes_back() {
    let mut stage = Stage::new(&["ada"]);
    stage.speak(SECOND, &[("ada", 30)]);
    let yan = listener(&mut stage.hall, 200, "yan", Role::Player);
    let told = stage.volumes(200);
    assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [1]);
    stage.hall.disconnect(200);
    stage.speak(5 * SECOND, &[]);
    // It missed that all fell silent. Whatever it says now of its mode, it has the one that it entered with.
    stage.hall.ask(201, join("yan", Role::Player, Some(yan))).expect("its place is kept");
    assert_eq!(stage.volumes(201), [[]]);
    assert_eq!(stage.hall.room.member(yan).map(|member| member.audio_mode), Some(AudioMode::Loudest));
}

#[test]
fn where_nobody_listens_nothing_is_decided() {
    let mut hall = Hall::new();
    let ada = hall.join(1, "ada");
    hall.publish(1, camera());
    let level = |member| Input::Media(MediaInput::Level { member, level: AudioLevel::new(30).expect("within 127 dB") });
    hall.hush();
    hall.tell(level(ada));
    assert_eq!(hall.media(), []);
    let before = hall.room.clone();
    hall.tell(level(ada));
    assert_eq!(hall.room, before, "no timer, and nothing kept");
    // Nor when the last listener is gone.
    let zoe = listener(&mut hall, 100, "zoe", Role::Player);
    for _ in 0..10 {
        hall.tell(level(ada));
        hall.pass(PACKET);
    }
    assert_eq!(hall.media(), [MediaOutput::Loudest { speakers: vec![ada] }]);
    hall.ask(100, ClientMessage::Leave).expect("she may");
    assert_eq!(hall.media(), [MediaOutput::Loudest { speakers: vec![] }]);
    hall.tell(level(ada));
    hall.pass(SECOND);
    assert_eq!(hall.media(), []);
    assert_eq!(hall.room.member(zoe), None);
    // A level of somebody who is not there is late.
    hall.tell(level(zoe));
}

//
#[test]
fn who_did_not_ask_for_the_loudest_hears_nobody_until_it_subscribes() {
    let mut stage = Stage::new(&["ada"]);
    for (session, name, mode) in [(200, "yan", AudioMode::Subscribed), (201, "xia", AudioMode::Unknown)] {
        let member = match listening(name, Role::Player, None) {
            ClientMessage::Join { versions, app, room, user, name, role, resumes, media, credential, relay, .. } => {
                let join =
                    ClientMessage::Join { versions, app, room, user, name, role, resumes, media, credential, relay, audio_mode: mode };
                let Ok(Accepted::Joined { member, .. }) = stage.hall.ask(session, join) else { panic!("it may enter") };
                member
            }
            other => panic!("{other:?}"),
        };
        stage.hall.connect_media(session, member);
        stage.hall.media();
        stage.speak(SECOND, &[("ada", 30)]);
        let to_me = |order: &MediaOutput| matches!(order, MediaOutput::Listen { member: id } | MediaOutput::Forward { member: id, .. } if *id == member);
        assert!(!stage.hall.media().iter().any(to_me));
        let stream = stage.members["ada"].2;
        stage
            .hall
            .ask(session, ClientMessage::Subscribe { stream, audio: true, video: false, layers: hall::of(&[]), min_height: None })
            .expect("it may");
        assert!(stage.hall.media().contains(&MediaOutput::Forward { member, stream, audio: true, video: false }));
    }
}

//
#[test]
fn nobody_s_own_voice_can_be_asked_for() {
    let mut stage = Stage::new(&["ada"]);
    let (session, _, stream) = stage.members["ada"];
    assert_eq!(stage.hall.ask(session, all_of(stream)), Err(Code::OWN_STREAM));
}

#[test]
fn a_room_that_ends_tells_nobody_of_voices() {
    let mut stage = Stage::new(&["ada", "ben"]);
    stage.speak(SECOND, &[("ada", 30), ("ben", 30)]);
    stage.hall.hush();
    stage.hall.tell(Input::Dissolve);
    stage.speak(SECOND, &[]);
    assert_eq!(stage.volumes(LISTENER), [[]; 0]);
    assert_eq!(stage.seated(), None);
    assert!(stage.hall.room.is_over());
}

/// The plain model: whoever was given up by mute or by leaving is not on the list, nobody is on it twice, there are no more than four, all of them publish sound that is not muted, and what
/// listeners were told is what the media plane was told.
fn agree(hall: &mut Hall, told: &mut Vec<String>, ordered: &mut Vec<String>) {
    for message in hall.heard(LISTENER) {
        if let ServerMessage::Volumes { voices } = message {
            *told = voices.iter().map(|voice| voice.user.to_string()).collect();
        }
    }
    let room = hall.room.clone();
    for order in hall.media() {
        if let MediaOutput::Loudest { speakers } = order {
            *ordered = speakers.iter().filter_map(|id| room.member(*id)).map(|member| member.user.to_string()).collect();
        }
    }
    assert_eq!(told, ordered);
    assert!(told.len() <= limits::LOUDEST + 1 && told.iter().collect::<BTreeSet<_>>().len() == told.len(), "{told:?}");
    for name in told {
        let member = room.member_of(&hall::user(name)).expect("who is heard is there");
        let audible = |id: &StreamId| room.stream(*id).is_some_and(|stream| stream.offer.audio_bps.is_some() && !stream.audio_muted);
        assert!(member.published.values().any(audible), "{name} is heard and sends no sound");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // R-135 R-137 R-141
    #[test]
    fn whatever_happens_only_who_may_be_heard_is(steps in proptest::collection::vec((0_u64..6, 0_u8..8, 0_u64..5), 1..120)) {
        let mut hall = Hall::new();
        listener(&mut hall, LISTENER, "zoe", Role::Player);
        let names = ["ada", "ben", "cem", "dia", "eve", "fay"];
        let (mut told, mut ordered) = (Vec::new(), Vec::new());
        for (who, what, pause) in steps {
            let session = who + 1;
            let name = names[usize::try_from(who).expect("six")];
            let member = hall.room.member_of(&hall::user(name)).cloned();
            let own = member.as_ref().and_then(|member| member.published.values().next().copied());
            let message = match (what, &member, own) {
                (_, None, _) => Some(listening(name, Role::Joiner, None)),
                (0, Some(_), None) => Some(ClientMessage::Publish { offer: camera() }),
                (0 | 1, Some(_), Some(stream)) => Some(ClientMessage::Mute { stream, audio: Some(what == 0), video: None }),
                (2, Some(_), Some(stream)) => Some(ClientMessage::Unpublish { stream }),
                (3, Some(_), _) => Some(ClientMessage::Leave),
                _ => None,
            };
            match (message, member) {
                (Some(message), _) => drop(hall.ask(session, message)),
                (None, Some(member)) => {
                    let level = AudioLevel::new(u8::try_from(who * 10).expect("six") + what).expect("within 127 dB");
                    hall.tell(Input::Media(MediaInput::Level { member: member.id, level }));
                }
                (None, None) => unreachable!("who is not there enters"),
            }
            hall.pass_alive(PACKET * u32::try_from(pause).expect("five"), &[LISTENER, 1, 2, 3, 4, 5, 6]);
            agree(&mut hall, &mut told, &mut ordered);
        }
        prop_assert_eq!(hall.room.sessions_of(&greenroom_core::room::Recipients::Listeners).next().is_some(), true);
        let zoe = hall.room.sessions_of(&greenroom_core::room::Recipients::Listeners).any(|session| session == SessionId(LISTENER));
        prop_assert!(zoe);
    }
}
