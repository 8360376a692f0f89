//! Which operations are printed, for which kind of object, and which of them this version offers; and the inputs that stand for a browser.

use alloc::{string::String, vec::Vec};

use serde_json::Value;

use super::{capabilities::Capabilities, capture::Verdict, statistics::Report};
use crate::{
    dialect::{Refused, StreamRef, VendorCall, nearest, quality},
    id::UserId,
    session,
    stream::{StreamKind, TrackKind},
};

/// Of the client object, and of `HRTC` itself.
const CLIENT: &[&str] = &[
    "VERSION",
    "batchSubscribe",
    "changeUserName",
    "checkSystemRequirements",
    "createClient",
    "createStream",
    "enableRtcStats",
    "enableStreamStateDetection",
    "enableTopThreeAudioMode",
    "getConnectionState",
    "getLocalAudioStats",
    "getLocalVideoStats",
    "getRemoteAudioStats",
    "getRemoteVideoStats",
    "getTransportStats",
    "join",
    "leave",
    "muteAudio4TopThree",
    "off",
    "on",
    "publish",
    "renewSignature",
    "setLogLevel",
    "setNetworkBandwidth",
    "setProxyServer",
    "setTurnServer",
    "setVolume4TopThree",
    "subscribe",
    "switchRole",
    "unpublish",
    "unsubscribe",
];
/// Printed and not offered.
const CLIENT_LATER: &[&str] = &[
    "getCameras",
    "getDevices",
    "getMicrophones",
    "getSpeakers",
    "isScreenShareSupported",
    "startLiveStreaming",
    "stopLiveStreaming",
    "updateLiveStreaming",
];
/// Of those, what needs a role: who does not have it is told so.
pub(super) const LIVE_STREAMING: [&str; 2] = ["startLiveStreaming", "updateLiveStreaming"];
/// Of every stream.
const STREAM: &[&str] = &[
    "close",
    "getId",
    "getStreamInfo",
    "getType",
    "getUserId",
    "hasAudio",
    "hasVideo",
    "muteAudio",
    "muteVideo",
    "off",
    "on",
    "unmuteAudio",
    "unmuteVideo",
];
const STREAM_LATER: &[&str] =
    &["getAudioLevel", "getAudioTrack", "getVideoSnapshot", "getVideoTrack", "play", "resume", "setAudioOutput", "setAudioVolume", "stop"];
/// Of local streams alone.
const LOCAL: &[&str] = &[
    "StreamInitializeResult.getMediaCaptureResult",
    "StreamInitializeResult.getMediaCaptureResultByType",
    "addAudioTrackCapture",
    "addResolution",
    "addTrack",
    "addVideoTrackCapture",
    "initialize",
    "removeResolution",
    "removeTrack",
    "replaceTrack",
    "setAudioProfile",
    "setScreenProfile",
    "setVideoProfile",
];
const LOCAL_LATER: &[&str] = &[
    "bindScreenAudio2RelatedStream",
    "getAudioMixingCurrentPosition",
    "getAudioMixingDuration",
    "pauseAudioMixing",
    "resumeAudioMixing",
    "setAudioMixingPosition",
    "setAudioMixingVolume",
    "startAudioMixing",
    "stopAudioMixing",
    "switchDevice",
];
/// Of somebody else's streams alone.
const REMOTE: &[&str] = &["getUserName"];

/// Whether a call can be understood, whatever the state: the name is printed for that kind of object, and offered. What is asked of it is judged when it is called.
pub fn check_call(call: &VendorCall) -> Result<(), Refused> {
    let (object, offered, later): (_, &[&[&'static str]], &[&[&'static str]]) = match &call.on {
        None => ("the client", &[CLIENT], &[CLIENT_LATER]),
        Some(StreamRef::Local(_)) => ("a local stream", &[STREAM, LOCAL], &[STREAM_LATER, LOCAL_LATER]),
        Some(StreamRef::Remote { .. }) => ("a remote stream", &[STREAM, REMOTE], &[STREAM_LATER]),
    };
    let has = |lists: &[&[&'static str]]| lists.iter().any(|list| list.contains(&call.call.as_str()));
    if has(offered) {
        return Ok(());
    }
    if has(later) {
        return Err(Refused::NotOffered { call: call.call.clone() });
    }
    let known: Vec<&'static str> = offered.iter().chain(later).flat_map(|list| list.iter().copied()).collect();
    Err(Refused::UnknownCall { object, call: call.call.clone(), nearest: nearest(&call.call, &known) })
}

/// Events of the client object (3.5.3), and of stream objects (3.5.7).
const CLIENT_EVENTS: &[&str] = &[
    "Error",
    "camera-changed",
    "client-banned",
    "connection-state-changed",
    "kick-room",
    "live-streaming-updated",
    "log-upload-result",
    "mute-audio",
    "mute-video",
    "network-quality",
    "peer-join",
    "peer-leave",
    "playback-device-changed",
    "recording-device-changed",
    "remote-user-name-changed",
    "rtc-stats",
    "signature-expired",
    "stream-added",
    "stream-interrupted",
    "stream-recovered",
    "stream-removed",
    "stream-subscribed",
    "stream-updated",
    "unmute-audio",
    "unmute-video",
    "volume-indicator",
];
const STREAM_EVENTS: &[&str] = &["audio-mixing-finished", "audio-mixing-played", "player-state-change", "screen-sharing-stopped"];

/// The printed event of that name.
pub(super) fn event(of_a_stream: bool, name: &str) -> Option<&'static str> {
    let events = if of_a_stream { STREAM_EVENTS } else { CLIENT_EVENTS };
    events.iter().copied().find(|event| *event == name)
}

/// What the platform says.
pub(super) enum Host {
    /// A capture came about, or failed with that client code.
    Captured { stream: Option<String>, medium: TrackKind, result: Verdict },
    /// The user ended a share by hand.
    SharingStopped { stream: String },
    /// What the machine can do from now on.
    Capable(Capabilities),
    /// A log was uploaded.
    LogUploaded { status: u64 },
    /// The media plane was read.
    Statistics(Report),
}

/// Reads a platform input. What the machine could do before stays so where a new word does not say otherwise.
pub(super) fn host_input(name: &str, args: &Value, capable: Capabilities) -> Result<Host, Refused> {
    let bad = |at: &str, expected| Refused::BadInput { name: name.into(), at: at.into(), expected };
    let text = |field: &str| args.get(field).and_then(Value::as_str);
    let stream = || match args.get("stream") {
        None => Ok(None),
        Some(stream) => stream.as_str().map(|stream| Some(stream.into())).ok_or_else(|| bad("stream", "the name of a local stream")),
    };
    let medium = || match text("medium") {
        Some("audio") => Ok(TrackKind::Audio),
        Some("video") => Ok(TrackKind::Video),
        _ => Err(bad("medium", "\"audio\" or \"video\"")),
    };
    match name {
        "captureSucceeded" => {
            let pixels = |field| match args.get(field) {
                None => Ok(None),
                Some(value) => {
                    let pixels = crate::dialect::whole(value).and_then(|pixels| u16::try_from(pixels).ok()).filter(|pixels| *pixels > 0);
                    pixels.map(Some).ok_or_else(|| bad(field, "1 to 65535"))
                }
            };
            let size = match (pixels("width")?, pixels("height")?) {
                (Some(width), Some(height)) => Some((width, height)),
                (None, None) => None,
                (Some(_), None) => return Err(bad("height", "both sides or none")),
                (None, Some(_)) => return Err(bad("width", "both sides or none")),
            };
            Ok(Host::Captured { stream: stream()?, medium: medium()?, result: Ok(size) })
        }
        "captureFailed" => {
            let code = args.get("code").and_then(crate::dialect::whole).and_then(|code| u32::try_from(code).ok());
            // these and no others.
            let code = code.filter(|code| matches!(code, 90_000_001 | 90_100_017..=90_100_020));
            let code = code.ok_or_else(|| bad("code", "90000001 or 90100017 to 90100020"))?;
            Ok(Host::Captured { stream: stream()?, medium: medium()?, result: Err(code) })
        }
        "screenSharingStopped" => {
            let stream = stream()?.ok_or_else(|| bad("stream", "the name of a local stream"))?;
            Ok(Host::SharingStopped { stream })
        }
        "statistics" => Report::read(args).map(Host::Statistics).map_err(|wrong| bad(&wrong.at, wrong.expected)),
        "capabilities" => capable.told(args).map(Host::Capable).map_err(|(at, expected)| bad(&at, expected)),
        "logUploaded" => {
            let status = args.get("status").and_then(crate::dialect::whole).ok_or_else(|| bad("status", "a number"))?;
            Ok(Host::LogUploaded { status })
        }
        _ => {
            let known = "captureSucceeded, captureFailed, screenSharingStopped, logUploaded, capabilities, statistics";
            Err(Refused::UnknownInput { kind: "host", name: name.into(), known })
        }
    }
}

/// What the media plane says.
pub(super) enum Media {
    /// A good picture of that user's stream came.
    Frame { user: UserId, kind: StreamKind },
    /// How good the connection was for a while.
    Window(session::Input),
}

/// Reads a media input. How loud somebody is, and what can be sent to whom, the server measures.
pub(super) fn media_input(name: String, args: &Value) -> Result<Media, Refused> {
    let text = |field: &str| args.get(field).and_then(Value::as_str);
    match name.as_str() {
        "window" => quality::window(args).map(Media::Window),
        "frame" => {
            let user = text("user").and_then(|user| UserId::new(user).ok());
            let kind = match (args.get("type"), text("type")) {
                (None, _) | (_, Some("main")) => Some(StreamKind::Main),
                (_, Some("auxiliary")) => Some(StreamKind::Aux),
                (Some(_), _) => None,
            };
            match (user, kind) {
                (Some(user), Some(kind)) => Ok(Media::Frame { user, kind }),
                (None, _) => Err(Refused::BadInput { name, at: "user".into(), expected: "a user id" }),
                (_, None) => Err(Refused::BadInput { name, at: "type".into(), expected: "\"main\" or \"auxiliary\"" }),
            }
        }
        _ => Err(Refused::UnknownInput { kind: "media", name, known: "frame, window" }),
    }
}
