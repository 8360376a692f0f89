//! The loudest three, and the watch over videos.

use core::time::Duration;

use greenroom_core::{
    audio::AudioLevel,
    dialect::{Input, Refused},
    id::UserId,
    limits,
    room::{self, MediaInput},
};
use serde_json::{Value, json};

use crate::theatre::{Theatre, failed, ok, remote};

const SECOND: Duration = Duration::from_secs(1);

/// These speak for that long, a packet every 20 ms.
fn speak(theatre: &mut Theatre, span: Duration, levels: &[(&str, u8)]) {
    for _ in 0..span.as_millis() / 20 {
        for (name, level) in levels {
            let user = UserId::new(name).expect("a valid id");
            let member = theatre.room.member_of(&user).expect("who speaks is there").id;
            let level = AudioLevel::new(*level).expect("within 127 dB");
            theatre.room_says(room::Input::Media(MediaInput::Level { member, level }));
        }
        theatre.pass(Duration::from_millis(20));
    }
}

fn volumes(theatre: &mut Theatre, who: usize) -> Vec<Value> {
    theatre.events(who).into_iter().filter(|(name, _)| name == "volume-indicator").map(|(_, data)| data).collect()
}

/// Ada to Dia, all with cameras; Ada, who is client 0, hears the loudest three.
fn four() -> Theatre {
    let mut theatre = Theatre::new(4);
    assert_eq!(theatre.call(0, "enableTopThreeAudioMode", json!({ "enable": true })), ok("enableTopThreeAudioMode", true.into()));
    for (who, name) in ["ada", "ben", "cem", "dia"].into_iter().enumerate() {
        theatre.join(who, name, 0);
        theatre.publish(who, "cam");
    }
    theatre.hush();
    theatre
}

//
#[test]
fn the_mode_is_chosen_before_the_join() {
    let mut theatre = Theatre::new(1);
    let enable = |theatre: &mut Theatre, on: bool| theatre.call(0, "enableTopThreeAudioMode", json!({ "enable": on }));
    assert_eq!(enable(&mut theatre, true), ok("enableTopThreeAudioMode", true.into()));
    assert_eq!(enable(&mut theatre, false), ok("enableTopThreeAudioMode", true.into()));
    theatre.join(0, "ada", 0);
    assert_eq!(enable(&mut theatre, true), ok("enableTopThreeAudioMode", false.into()));
    assert_eq!(theatre.call(0, "setVolume4TopThree", json!({ "volume": 50 })), failed("setVolume4TopThree", 90_100_001), "unchanged");
    theatre.call(0, "leave", json!({}));
    assert_eq!(enable(&mut theatre, true), ok("enableTopThreeAudioMode", true.into()), "for the next join");
    for wrong in [json!({}), json!({ "enable": 1 }), json!({ "enable": "true" })] {
        assert!(theatre.call(0, "enableTopThreeAudioMode", wrong).contains(&failed("enableTopThreeAudioMode", 90_000_005)[0]));
    }
}

// R-137 R-138
#[test]
fn the_loudest_others_are_told_with_user_id_and_volume() {
    let mut theatre = four();
    speak(&mut theatre, SECOND, &[("ada", 5), ("ben", 35), ("cem", 0), ("dia", 49)]);
    let told = volumes(&mut theatre, 0);
    let all = json!([{ "user_id": "cem", "volume": 100 }, { "user_id": "ben", "volume": 50 }, { "user_id": "dia", "volume": 30 }]);
    assert_eq!(told, [all], "the loudest first, without oneself");
    assert!(volumes(&mut theatre, 1).is_empty(), "ben did not switch it on");
    // Silence is told once.
    theatre.pass(5 * SECOND);
    assert_eq!(volumes(&mut theatre, 0).last(), Some(&json!([])));
}

//
#[test]
fn who_is_muted_is_not_told_however_loud() {
    let mut theatre = four();
    theatre.on(2, "cam", "muteAudio", json!({}));
    theatre.hush();
    speak(&mut theatre, SECOND, &[("ben", 35), ("cem", 0)]);
    let users: Vec<Value> =
        volumes(&mut theatre, 0).iter().flat_map(|data| data.as_array().expect("a list").clone()).map(|v| v["user_id"].clone()).collect();
    assert!(!users.is_empty() && users.iter().all(|user| user == "ben"), "{users:?}");
}

//
#[test]
fn one_gain_is_for_all_three() {
    let mut theatre = Theatre::new(1);
    assert_eq!(theatre.call(0, "setVolume4TopThree", json!({ "volume": 50 })), failed("setVolume4TopThree", 90_100_001));
    theatre.call(0, "enableTopThreeAudioMode", json!({ "enable": true }));
    let played = |percent: u8, muted: bool| json!({ "play_voices": percent, "muted": muted });
    for (volume, percent) in [(json!(0), 0), (json!(100), 100), (json!(33.4), 33), (json!(99.5), 100)] {
        let lines = theatre.call(0, "setVolume4TopThree", json!({ "volume": volume }));
        assert_eq!(lines, [played(percent, false), ok("setVolume4TopThree", Value::Null)[0].clone()]);
    }
    for wrong in [json!(-1), json!(100.001), json!("50"), json!(null), json!([50])] {
        let lines = theatre.call(0, "setVolume4TopThree", json!({ "volume": wrong }));
        assert!(lines.contains(&failed("setVolume4TopThree", 90_000_005)[0]), "{lines:?}");
    }
}

//
#[test]
fn muted_here_they_are_still_forwarded_and_told() {
    let mut theatre = Theatre::new(1);
    assert_eq!(theatre.call(0, "muteAudio4TopThree", json!({ "enable": true })), failed("muteAudio4TopThree", 90_100_001));
    let mut theatre = four();
    theatre.call(0, "setVolume4TopThree", json!({ "volume": 40 }));
    let lines = theatre.call(0, "muteAudio4TopThree", json!({ "enable": true }));
    assert_eq!(lines[0], json!({ "play_voices": 40, "muted": true }));
    speak(&mut theatre, SECOND, &[("ben", 35)]);
    assert_eq!(volumes(&mut theatre, 0), [json!([{ "user_id": "ben", "volume": 50 }])]);
    assert_eq!(theatre.call(0, "muteAudio4TopThree", json!({ "enable": false }))[0], json!({ "play_voices": 40, "muted": false }));
    assert!(theatre.call(0, "muteAudio4TopThree", json!({})).contains(&failed("muteAudio4TopThree", 90_000_005)[0]));
}

//
#[test]
fn detection_needs_a_room_and_whole_seconds() {
    let mut theatre = Theatre::new(1);
    let on = json!({ "enable": true, "interval": 3 });
    assert_eq!(theatre.call(0, "enableStreamStateDetection", on.clone()), failed("enableStreamStateDetection", 90_100_007));
    theatre.join(0, "ada", 0);
    for wrong in [json!(0), json!(61), json!(2.5), json!("3"), json!(null), json!(-1)] {
        let lines = theatre.call(0, "enableStreamStateDetection", json!({ "enable": true, "interval": wrong }));
        assert!(lines.contains(&failed("enableStreamStateDetection", 90_000_005)[0]), "{lines:?}");
    }
    assert!(
        theatre
            .call(0, "enableStreamStateDetection", json!({ "interval": 3 }))
            .contains(&failed("enableStreamStateDetection", 90_000_005)[0])
    );
    for right in [on, json!({ "enable": true, "interval": 60.0 }), json!({ "enable": false, "interval": 1 }), json!({ "enable": false })] {
        assert_eq!(theatre.call(0, "enableStreamStateDetection", right), ok("enableStreamStateDetection", Value::Null));
    }
    theatre.set_cut(0, true);
    theatre.pass(limits::HEARTBEAT_TIMEOUT + SECOND);
    let away = theatre.call(0, "enableStreamStateDetection", json!({ "enable": false }));
    assert_eq!(away, failed("enableStreamStateDetection", 90_100_008));
}

// R-129 R-130 R-131
#[test]
fn deaths_and_recoveries_are_told_in_the_vendor_s_words() {
    let mut theatre = Theatre::joined(&["ada", "ben"]);
    theatre.publish(1, "cam");
    theatre.make(1, "screen", json!({ "screen": true }));
    theatre.call(1, "publish", json!({ "stream": { "local": "screen" }, "option": { "autoPushVideo": true } }));
    for kind in ["main", "auxiliary"] {
        let lines = theatre.call(0, "subscribe", json!({ "stream": { "user": "ben", "type": kind } }));
        assert!(lines.contains(&ok("subscribe", Value::Null)[0]), "{lines:?}");
    }
    theatre.call(0, "enableStreamStateDetection", json!({ "enable": true, "interval": 3 }));
    let frame = |theatre: &mut Theatre, kind: &str| {
        theatre.tell(0, Input::Media { name: "frame".into(), args: json!({ "user": "ben", "type": kind }) });
    };
    frame(&mut theatre, "main");
    frame(&mut theatre, "auxiliary");
    theatre.hush();
    theatre.pass(20 * SECOND);
    let (main, shared) = (json!({ "userId": "ben", "isScreen": false }), json!({ "userId": "ben", "isScreen": true }));
    assert_eq!(theatre.events(0), [("stream-interrupted".to_owned(), json!([main, shared]))]);
    frame(&mut theatre, "auxiliary");
    frame(&mut theatre, "auxiliary");
    assert_eq!(theatre.events(0), [("stream-recovered".to_owned(), json!([shared]))]);
}

#[test]
fn a_frame_names_a_user_and_a_kind() {
    let mut theatre = Theatre::joined(&["ada"]);
    let mut told = |name: &str, args: Value| theatre.try_tell(0, Input::Media { name: name.into(), args });
    let bad = |at: &str, expected| Err(Refused::BadInput { name: "frame".into(), at: at.into(), expected });
    assert_eq!(told("frame", json!({ "user": "nobody" })), Ok(()), "late, of somebody who has left");
    assert_eq!(told("frame", json!({})), bad("user", "a user id"));
    assert_eq!(told("frame", json!({ "user": 7 })), bad("user", "a user id"));
    assert_eq!(told("frame", json!({ "user": "ben", "type": "aux" })), bad("type", "\"main\" or \"auxiliary\""));
    assert!(matches!(told("level", json!({ "level": 30 })), Err(Refused::UnknownInput { .. })), "the server's to hear");
}

//
#[test]
fn nobody_subscribes_to_its_own_voice() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.publish(0, "cam");
    let lines = theatre.call(0, "subscribe", json!({ "stream": remote("ada"), "option": { "audio": true } }));
    assert!(lines.contains(&failed("subscribe", 90_000_005)[0]), "{lines:?}");
}
