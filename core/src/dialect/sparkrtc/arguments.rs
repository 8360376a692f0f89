//! Arguments: JSON values read into what they must be, field by field.
//!
//! Numbers are JavaScript's: `1.0` is 1. `null` stands for a field left out where the field may be. A field that is not printed does nothing, as in JavaScript, and is told in a
//! notice ([`ignored`]), because it is a misspelt one more often than not, and a misspelt option that does nothing is hard to find.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use serde_json::{Map, Value};

use crate::{
    auth::Credential,
    dialect::{StreamRef, VendorCall, whole},
    id::{RoomId, UserId},
    limits,
    role::Role,
    stream::StreamKind,
    time::UnixSeconds,
};

/// What is wrong with an argument: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: String,
    pub(super) expected: &'static str,
}

/// The fields of one object among the arguments.
pub(super) struct Fields<'a> {
    at: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The arguments of a call.
    pub(super) const fn of(args: &'a Map<String, Value>) -> Self {
        Self { at: String::new(), map: args }
    }

    pub(super) fn wrong(&self, name: &str, expected: &'static str) -> Wrong {
        let at = if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) };
        Wrong { at, expected }
    }

    /// Where the object itself stands.
    pub(super) fn place(&self) -> String {
        self.at.clone()
    }

    /// Refuses a field that is none of these: a misspelt count is missing twice.
    pub(super) fn only(&self, known: &[&str], expected: &'static str) -> Result<(), Wrong> {
        let other = self.map.keys().find(|name| !known.contains(&name.as_str()));
        other.map_or(Ok(()), |other| Err(self.wrong(other, expected)))
    }

    /// The value, unless it is left out.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, Wrong> {
        self.text_or_none(name)?.ok_or_else(|| self.wrong(name, "a text"))
    }

    pub(super) fn text_or_none(&self, name: &str) -> Result<Option<&'a str>, Wrong> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| self.wrong(name, "a text"))).transpose()
    }

    /// A flag, false where it is left out.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Wrong> {
        self.flag_or(name, false)
    }

    pub(super) fn flag_or(&self, name: &str, left_out: bool) -> Result<bool, Wrong> {
        self.get(name).map_or(Ok(left_out), |value| value.as_bool().ok_or_else(|| self.wrong(name, "true or false")))
    }

    pub(super) fn object(&self, name: &str) -> Result<Self, Wrong> {
        self.object_or_none(name)?.ok_or_else(|| self.wrong(name, "an object"))
    }

    pub(super) fn object_or_none(&self, name: &str) -> Result<Option<Self>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| self.wrong(name, "an object"))?;
        Ok(Some(Self { at: self.wrong(name, "").at, map }))
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, Wrong> {
        let list = self.get(name).and_then(Value::as_array).ok_or_else(|| self.wrong(name, "a list"))?;
        let read = |(at, value): (usize, &'a Value)| {
            let at = format!("{}[{at}]", self.wrong(name, "").at);
            let Some(map) = value.as_object() else { return Err(Wrong { at, expected: "an object" }) };
            Ok(Self { at, map })
        };
        list.iter().enumerate().map(read).collect()
    }

    /// A list of texts; left out and empty are alike.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let texts = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        texts.ok_or_else(|| self.wrong(name, "a list of texts"))
    }

    pub(super) fn room(&self, name: &str) -> Result<RoomId, Wrong> {
        const EXPECTED: &str = "1 to 64 letters, digits, dashes or underscores";
        // A user id has just the letters that SparkRTC allows in a room's name (R-056).
        let text = self.text(name)?;
        UserId::new(text).ok().and_then(|_| RoomId::new(text).ok()).ok_or_else(|| self.wrong(name, EXPECTED))
    }

    pub(super) fn user(&self, name: &str) -> Result<UserId, Wrong> {
        UserId::new(self.text(name)?).map_err(|_| self.wrong(name, "1 to 64 letters, digits, dashes or underscores"))
    }

    /// The number 0 or 2; not the text, and not 1 (R-058).
    pub(super) fn role(&self, name: &str) -> Result<Role, Wrong> {
        match self.get(name).and_then(whole) {
            Some(0) => Ok(Role::Joiner),
            Some(2) => Ok(Role::Player),
            Some(_) | None => Err(self.wrong(name, "the number 0 or 2")),
        }
    }

    /// The fields `signature` and `ctime` (R-037, R-038).
    pub(super) fn credential(&self) -> Result<Credential, Wrong> {
        let (signature, ctime) = (self.text("signature")?, self.text("ctime")?);
        // Bytes and characters are alike: a good one is 64 hexadecimal digits.
        if signature.is_empty() || signature.len() > limits::SIGNATURE_BYTES {
            return Err(self.wrong("signature", "1 to 512 characters"));
        }
        if ctime.len() > limits::CTIME_BYTES || UnixSeconds::parse(ctime).is_none() {
            return Err(self.wrong("ctime", "a decimal text of Unix seconds"));
        }
        Ok(Credential::Signature { signature: Arc::from(signature), ctime: Arc::from(ctime) })
    }

    /// A stream object: `{"local": name}` or `{"user": id, "type": "main" | "auxiliary"}`.
    pub(super) fn stream(&self, name: &str) -> Result<StreamRef, Wrong> {
        let wrong = || self.wrong(name, "a stream");
        let map = self.get(name).and_then(Value::as_object).ok_or_else(wrong)?;
        let text = |field| map.get(field).and_then(Value::as_str);
        match (map.len(), text("local"), text("user"), text("type").and_then(kind)) {
            (1, Some(local), None, None) => Ok(StreamRef::Local(local.to_string())),
            (2, None, Some(user), Some(kind)) => Ok(StreamRef::Remote { user: user.to_string(), kind }),
            _ => Err(wrong()),
        }
    }
}

/// The printed parameters of each call that has any, and their fields as paths; those of lists are one for all elements. What is in an object without paths is not judged.
const PRINTED: &[(&str, &[&str])] = &[
    ("StreamInitializeResult.getMediaCaptureResultByType", &["type"]),
    ("addAudioTrackCapture", &["microphoneId"]),
    ("addResolution", &["profile", "audio"]),
    ("addTrack", &["track", "track.kind", "track.id", "resolutionId"]),
    ("addVideoTrackCapture", &["option", "option.cameraId", "option.resolutionId"]),
    ("batchSubscribe", &["subscribeInfos", "subscribeInfos.userId", "subscribeInfos.resolutionIds", "subscribeInfos.minResolution"]),
    ("changeUserName", &["userName"]),
    ("checkSystemRequirements", &["strictCheckBrowser", "direction"]),
    ("close", &["option", "option.audio", "option.video", "option.resolutionIds"]),
    ("createClient", &["config", "config.appId", "config.domain", "config.countryCode"]),
    (
        "createStream",
        &[
            "config",
            "config.screen",
            "config.video",
            "config.audio",
            "config.microphoneId",
            "config.cameraId",
            "config.facingMode",
            "config.screenAudio",
            "config.audioSource",
            "config.videoSource",
            "config.mirror",
            "config.userId",
        ],
    ),
    ("enableRtcStats", &["enable", "interval"]),
    ("enableStreamStateDetection", &["enable", "interval"]),
    ("enableTopThreeAudioMode", &["enable"]),
    ("join", &["roomId", "options", "options.userId", "options.userName", "options.signature", "options.ctime", "options.role"]),
    ("muteAudio4TopThree", &["enable"]),
    ("off", &["event", "handler"]),
    ("on", &["event", "handler"]),
    ("publish", &["stream", "option", "option.autoPushVideo"]),
    ("removeResolution", &["resolutionId"]),
    ("removeTrack", &["track", "track.kind", "track.id"]),
    ("renewSignature", &["ctime", "signature"]),
    ("replaceTrack", &["track", "track.kind", "track.id", "type", "resolutionId"]),
    ("setAudioProfile", &["profile"]),
    ("setLogLevel", &["level"]),
    ("setNetworkBandwidth", &["bandwidthParam", "bandwidthParam.maxBandwidth"]),
    ("setProxyServer", &["server"]),
    ("setScreenProfile", &["profile"]),
    (
        "setTurnServer",
        &[
            "turnServerConfig",
            "turnServerConfig.turnServers",
            "turnServerConfig.udpPort",
            "turnServerConfig.userName",
            "turnServerConfig.credential",
        ],
    ),
    ("setVideoProfile", &["profile", "resolutionId"]),
    ("setVolume4TopThree", &["volume"]),
    ("startLiveStreaming", &["taskId", "urls", "publishConfig", "userConfigs"]),
    ("subscribe", &["stream", "option", "option.audio", "option.video", "option.resolutionIds"]),
    ("switchRole", &["role", "authorization", "authorization.signature", "authorization.ctime"]),
    ("unpublish", &["stream"]),
    ("unsubscribe", &["stream", "option", "option.audio", "option.video", "option.resolutionIds"]),
    ("updateLiveStreaming", &["taskId", "urls", "publishConfig", "userConfigs"]),
];

/// Where a call has arguments that are not printed, and do nothing.
pub(super) fn ignored(call: &VendorCall) -> Vec<String> {
    let printed = PRINTED.iter().find(|(name, _)| *name == call.call).map_or(&[][..], |(_, printed)| *printed);
    let mut found = Vec::new();
    ignored_in(&call.args, "", "", printed, &mut found);
    found
}

/// The same for one object: `at` says where it is, with places in lists, and `path` which of the printed paths begin there.
fn ignored_in(map: &Map<String, Value>, at: &str, path: &str, printed: &[&str], found: &mut Vec<String>) {
    for (name, value) in map {
        let (at, path) = (format!("{at}{name}"), format!("{path}{name}"));
        if !printed.contains(&path.as_str()) {
            found.push(at);
            continue;
        }
        let inside = format!("{path}.");
        if !printed.iter().any(|other| other.starts_with(&inside)) {
            continue;
        }
        match value {
            Value::Object(fields) => ignored_in(fields, &format!("{at}."), &inside, printed, found),
            Value::Array(list) => {
                for (number, fields) in list.iter().enumerate().filter_map(|(number, value)| Some((number, value.as_object()?))) {
                    ignored_in(fields, &format!("{at}[{number}]."), &inside, printed, found);
                }
            }
            _ => {}
        }
    }
}

/// SparkRTC's words for the kinds of remote streams.
fn kind(text: &str) -> Option<StreamKind> {
    match text {
        "main" => Some(StreamKind::Main),
        "auxiliary" => Some(StreamKind::Aux),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(value: Value) -> Result<Role, Wrong> {
        let Value::Object(args) = json!({ "role": value }) else { unreachable!("it is an object") };
        Fields::of(&args).role("role")
    }

    // R-058
    #[test]
    fn a_role_is_the_number_0_or_2() {
        assert_eq!(role(json!(0)), Ok(Role::Joiner));
        assert_eq!(role(json!(2.0)), Ok(Role::Player));
        for other in [json!("0"), json!(1), json!(-0.5), json!(2.5), json!(true), json!(null), json!([0]), json!(1e300)] {
            assert_eq!(role(other), Err(Wrong { at: "role".into(), expected: "the number 0 or 2" }));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let Value::Object(args) = json!({ "infos": [{ "userId": "ada" }, { "userId": "b b" }], "x": 1 }) else { unreachable!() };
        let infos = Fields::of(&args).objects("infos").expect("objects");
        assert_eq!(infos[1].user("userId").expect_err("a blank").at, "infos[1].userId");
    }

    #[test]
    fn what_is_not_printed_is_found_with_its_place() {
        let at = |call: &str, args: Value| {
            let Value::Object(args) = args else { unreachable!("it is an object") };
            ignored(&VendorCall::new(call, args))
        };
        assert_eq!(at("leave", json!({ "now": true })), ["now"]);
        assert_eq!(at("join", json!({ "roomId": "r", "options": { "rôle": 0, "role": 2 }, "Options": {} })), ["Options", "options.rôle"]);
        let infos = json!([{ "userId": "a" }, { "user": "b" }, 7]);
        assert_eq!(at("batchSubscribe", json!({ "subscribeInfos": infos })), ["subscribeInfos[1].user"]);
        assert!(at("setVideoProfile", json!({ "profile": { "anything": 1 } })).is_empty(), "a profile that cannot be is the default");
        assert!(at("publish", json!({ "stream": { "local": "cam" } })).is_empty());
    }
}
