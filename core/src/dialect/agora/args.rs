//! Arguments of Agora's calls, read from JSON. Whatever cannot be read is [`error::INVALID_ARGUMENT`], but for what Agora has a code of its own.

use alloc::{string::String, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    auth::{Credential, channel_key},
    code::{agora::error, vendor::VendorCode},
    dialect::{StreamRef, whole},
    id::{AppId, RoomId, UserId},
    limits,
    profile::{self, VideoProfile},
    stream::StreamKind,
};

/// An argument, or why it is none.
pub(super) type Read<T> = Result<T, VendorCode<'static>>;

/// The arguments of `join`.
#[derive(Debug)]
pub(super) struct JoinArgs {
    pub(super) room: RoomId,
    /// Absent where the server shall choose.
    pub(super) user: Option<UserId>,
    /// Absent where the App ID is to suffice.
    pub(super) credential: Option<Credential>,
}

/// The arguments of `createStream`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spec {
    pub(super) id: Option<u32>,
    pub(super) audio: bool,
    pub(super) video: bool,
}

/// An App ID. One that no server could know is as invalid as one that a server does not know: 101.
pub(super) fn app_id(args: &Map<String, Value>) -> Read<AppId> {
    let text = args.get("appId").and_then(Value::as_str).ok_or(error::INVALID_ARGUMENT)?;
    AppId::new(text).map_err(|_| error::INVALID_APP_ID)
}

/// What `join` needs. The first that is wrong counts: key, name, uid.
pub(super) fn join(args: &Map<String, Value>) -> Read<JoinArgs> {
    let credential = match args.get("channelKey") {
        None | Some(Value::Null) => None,
        Some(key) => Some(channel_key_of(key)?),
    };
    let name = args.get("channelName").and_then(Value::as_str).filter(|name| channel_key::channel_valid(name));
    let room = name.and_then(|name| RoomId::new(name).ok()).ok_or(error::INVALID_ARGUMENT)?;
    // The document calls zero "not given", so what is not given is zero.
    let user = match args.get("uid") {
        None | Some(Value::Null) => None,
        Some(uid) => Some(uid_of(uid)?).filter(|uid| *uid > 0).map(user_of),
    };
    Ok(JoinArgs { room, user, credential })
}

/// The key of `renewChannelKey`, which cannot do without one.
pub(super) fn channel_key(args: &Map<String, Value>) -> Read<Credential> {
    channel_key_of(args.get("channelKey").ok_or(error::INVALID_ARGUMENT)?)
}

/// A key is the server's to judge. One longer than keys can be is not even sent, and no less invalid.
fn channel_key_of(key: &Value) -> Read<Credential> {
    let key = key.as_str().ok_or(error::INVALID_ARGUMENT)?;
    if key.len() > limits::CHANNEL_KEY_BYTES {
        return Err(error::INVALID_CHANNEL_KEY);
    }
    Ok(Credential::ChannelKey { key: Arc::from(key) })
}

/// A uid: a whole number of 32 bits.
fn uid_of(uid: &Value) -> Read<u32> {
    whole(uid).and_then(|uid| u32::try_from(uid).ok()).ok_or(error::INVALID_ARGUMENT)
}

/// The user id that stands for a uid in messages: its decimal digits.
pub(super) fn user_of(uid: u32) -> UserId {
    UserId::new(&alloc::format!("{uid}")).expect("digits are in the set, and a u32 has ten at most")
}

/// What `createStream` is given: the printed `spec`, or its fields straight away.
///
/// No switch for the audio is printed; ours is `audio`, true by default. `local` must be true, and is where it is left out.
pub(super) fn spec(args: &Map<String, Value>) -> Read<Spec> {
    let spec = match args.get("spec") {
        None => args,
        Some(spec) => spec.as_object().ok_or(error::INVALID_ARGUMENT)?,
    };
    let flag = |name: &str, default: bool| match spec.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_bool().ok_or(error::INVALID_ARGUMENT),
    };
    let id = match spec.get("streamID") {
        None | Some(Value::Null) => None,
        Some(id) => Some(uid_of(id)?),
    };
    let (local, audio, video) = (flag("local", true)?, flag("audio", true)?, flag("video", false)?);
    if !local || !(audio || video) {
        return Err(error::INVALID_ARGUMENT);
    }
    Ok(Spec { id, audio, video })
}

/// The stream object that an argument names: `{"local":"cam"}`, or `{"user":7}`, whose `type` is `main` when it is left out.
pub(super) fn stream(args: &Map<String, Value>) -> Read<StreamRef> {
    let named = args.get("stream").and_then(Value::as_object).ok_or(error::INVALID_ARGUMENT)?;
    if let Some(local) = named.get("local").and_then(Value::as_str) {
        return Ok(StreamRef::Local(local.into()));
    }
    let user = match named.get("user") {
        Some(Value::String(user)) => user.clone(),
        Some(uid) => user_of(uid_of(uid)?).as_str().into(),
        None => return Err(error::INVALID_ARGUMENT),
    };
    match named.get("type").map_or(Some("main"), Value::as_str) {
        Some("main") => Ok(StreamRef::Remote { user, kind: StreamKind::Main }),
        Some("auxiliary") => Ok(StreamRef::Remote { user, kind: StreamKind::Aux }),
        Some(_) | None => Err(error::INVALID_ARGUMENT),
    }
}

/// A profile of the table, by name or number, swapped where that is asked for: the object that is printed, or its `profile` alone as in the sample.
pub(super) fn profile(args: &Map<String, Value>) -> Read<VideoProfile> {
    let given = args.get("profile").ok_or(error::INVALID_ARGUMENT)?;
    let (which, swap) = match given {
        Value::Object(fields) => (fields.get("profile").ok_or(error::INVALID_ARGUMENT)?, fields.get("swapWidthAndHeight")),
        bare => (bare, args.get("swapWidthAndHeight")),
    };
    let found = match which {
        Value::String(name) => profile::agora::named(name),
        number => whole(number).and_then(|number| u8::try_from(number).ok()).and_then(profile::agora::numbered),
    };
    let profile = found.ok_or(error::INVALID_ARGUMENT)?;
    match swap {
        None | Some(Value::Null | Value::Bool(false)) => Ok(profile),
        Some(Value::Bool(true)) => Ok(profile.swapped()),
        Some(_) => Err(error::INVALID_ARGUMENT),
    }
}

/// The event that `on` is to hear: one of those that Agora prints.
pub(super) fn event(args: &Map<String, Value>) -> Read<&'static str> {
    let name = args.get("event").and_then(Value::as_str).ok_or(error::INVALID_ARGUMENT)?;
    super::EVENTS.iter().copied().find(|printed| *printed == name).ok_or(error::INVALID_ARGUMENT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn args(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    //
    #[test]
    fn a_channel_has_1_to_64_of_89_characters() {
        let name = |name: &str| join(&args(json!({ "channelName": name }))).map(|join| join.room);
        let allowed = (0..=127_u8).map(char::from).filter(|c| name(&String::from(*c)).is_ok()).count();
        assert_eq!(allowed, 89);
        assert!(name(&"c".repeat(64)).is_ok());
        for wrong in ["", &"c".repeat(65), "a/b", "a|b", "a\\b", "a*b", "a\"b", "a'b", "频道"] {
            assert_eq!(name(wrong), Err(error::INVALID_ARGUMENT), "{wrong:?}");
        }
    }

    //
    #[test]
    fn a_uid_is_a_whole_number_of_32_bits_and_zero_is_none() {
        let user = |uid: Value| join(&args(json!({ "channelName": "c", "uid": uid }))).map(|join| join.user);
        assert_eq!(user(json!(0)).expect("zero"), None);
        assert_eq!(user(json!(null)).expect("not given"), None);
        assert_eq!(user(json!(u32::MAX)).expect("the greatest"), Some(user_of(u32::MAX)));
        assert_eq!(user(json!(7.0)).expect("whole"), Some(user_of(7)));
        for wrong in [json!(-1), json!(4_294_967_296_u64), json!(1.5), json!("1"), json!(true), json!([1])] {
            assert_eq!(user(wrong.clone()).map_err(|code| (code, wrong.clone())), Err((error::INVALID_ARGUMENT, wrong)));
        }
    }

    //
    #[test]
    fn a_key_that_is_too_long_to_be_one_is_an_invalid_key() {
        let long = "k".repeat(limits::CHANNEL_KEY_BYTES + 1);
        assert_eq!(channel_key(&args(json!({ "channelKey": long }))), Err(error::INVALID_CHANNEL_KEY));
        assert_eq!(channel_key(&args(json!({ "channelKey": null }))), Err(error::INVALID_ARGUMENT));
        assert!(channel_key(&args(json!({ "channelKey": "" }))).is_ok(), "the server will say what it thinks of it");
    }

    //
    #[test]
    fn a_profile_is_an_object_a_name_or_a_number() {
        let size =
            |given: Value| profile(&args(json!({ "profile": given }))).map(|profile| (profile.width_px, profile.height_px, profile.fps));
        assert_eq!(size(json!("480P")), Ok((640, 480, 15)));
        assert_eq!(size(json!(53)), Ok((720, 1280, 30)));
        assert_eq!(size(json!({ "profile": "480P_4", "swapWidthAndHeight": true })), Ok((480, 640, 30)));
        for wrong in [json!("480p"), json!(3), json!({}), json!({ "profile": "480P", "swapWidthAndHeight": 1 }), json!(null)] {
            assert_eq!(size(wrong), Err(error::INVALID_ARGUMENT));
        }
    }
}
