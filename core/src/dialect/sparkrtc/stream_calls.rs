//! The methods of stream objects.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Map, Value};

use super::{
    Client, Failure, Reply,
    arguments::{Fields, Wrong},
    capture::{Goal, source_for, sources_of},
    streams::{LocalStream, Phase, RESOLUTIONS, Remote, Track, track_word},
};
use crate::{
    code::sparkrtc::client,
    dialect::{VendorCall, whole},
    id::{UserId, UserName},
    profile::{AudioProfile, Bitrate, VideoProfile, sparkrtc as profiles},
    stream::{StreamKind, TrackKind},
};

/// A track among the arguments: `"audio"`, `"video"`, or `{"kind", "id"}`.
struct TrackArgument<'a> {
    kind: TrackKind,
    id: Option<&'a str>,
}

impl Client {
    pub(super) fn local_call(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let Some(local) = self.streams.get_mut(name) else { return gone(call) };
        let now = |value: Value| Ok(Reply::Now(value));
        match call.call.as_str() {
            "on" => self.on(call, true),
            "off" => self.on(call, false),
            "close" => self.close(name, call),
            "muteAudio" => Ok(self.mute(name, TrackKind::Audio, true)),
            "muteVideo" => Ok(self.mute(name, TrackKind::Video, true)),
            "unmuteAudio" => Ok(self.mute(name, TrackKind::Audio, false)),
            "unmuteVideo" => Ok(self.mute(name, TrackKind::Video, false)),
            "initialize" => self.initialize(name, call),
            "setAudioProfile" => self.set_audio_profile(name, call),
            "setScreenProfile" => self.set_screen_profile(name, call),
            "setVideoProfile" => self.set_video_profile(name, call),
            "addResolution" => self.add_resolution(name, call),
            "removeResolution" => self.remove_resolution(name, call),
            "addTrack" => self.add_track(name, call),
            "removeTrack" => self.remove_track(name, call),
            "replaceTrack" => self.replace_track(name, call),
            "addAudioTrackCapture" => self.add_audio_capture(name, call),
            "addVideoTrackCapture" => self.add_video_capture(name, call),
            "StreamInitializeResult.getMediaCaptureResult" => {
                local.captures.clone().map(Value::Array).map_or(Err(client::INVALID_OPERATION.into()), now)
            }
            "StreamInitializeResult.getMediaCaptureResultByType" => {
                let fields = Fields::of(&call.args);
                let word = medium(fields.text("type")?).map(track_word).ok_or_else(|| fields.wrong("type", "\"audio\" or \"video\""))?;
                let results = local.captures.as_ref().ok_or(client::INVALID_OPERATION)?;
                now(results.iter().find(|result| result["type"] == word).cloned().unwrap_or(Value::Null))
            }
            query => {
                match query {
                    "getId" => now(local.id().map(|id| id.0.to_string()).into()),
                    "getUserId" => now(local.sources.user.clone().into()),
                    "getType" => now("local".into()),
                    "hasAudio" => now(local.has(TrackKind::Audio).into()), // muted or not
                    "hasVideo" => now(local.has(TrackKind::Video).into()),
                    "getStreamInfo" if local.phase == Phase::Initialised => now(local.info()),
                    _ => Err(client::INVALID_OPERATION.into()),
                }
            }
        }
    }

    pub(super) fn remote_call(&mut self, user: &str, kind: StreamKind, call: &VendorCall) -> Result<Reply, Failure> {
        let wrong = || Wrong { at: "on".to_string(), expected: "a stream of somebody else" };
        let user = UserId::new(user).map_err(|_| wrong())?;
        let key = (user, kind);
        let Some(remote) = self.remotes.get(&key) else { return gone(call) };
        let (has_audio, has_video) = (remote.info.offer.audio_bps.is_some(), !remote.info.offer.layers.is_empty());
        let value: Value = match call.call.as_str() {
            "on" => return self.on(call, true),
            "off" => return self.on(call, false),
            "close" => {
                parts(&Fields::of(&call.args))?;
                Value::Null // playback is the page's
            }
            // What is heard and seen here is the page's; whether there is anything to mute is known.
            "muteAudio" | "unmuteAudio" | "hasAudio" => has_audio.into(),
            "muteVideo" | "unmuteVideo" | "hasVideo" => has_video.into(),
            "getId" => remote.render()["id"].clone(),
            "getUserId" => key.0.as_str().into(),
            // The name that is shown now, not the one of when the stream came.
            "getUserName" => self.others.get(&key.0).and_then(Option::as_ref).map(UserName::as_str).into(),
            "getType" => remote.kind_word().into(),
            "getStreamInfo" => Remote::stream_info(remote),
            _ => return Err(client::RTC_SDK_ERROR.into()),
        };
        Ok(Reply::Now(value))
    }

    /// Mutes or unmutes a part. False where there is none; the room hears of a change alone.
    fn mute(&mut self, name: &str, part: TrackKind, muted: bool) -> Reply {
        let Some(local) = self.streams.get_mut(name).filter(|local| local.has(part)) else { return Reply::Now(false.into()) };
        match part {
            TrackKind::Audio => local.muted.audio = muted,
            TrackKind::Video => local.muted.video = muted,
        }
        self.sync_muted(name);
        Reply::Now(true.into())
    }

    fn initialize(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let local = self.local(name, "on")?;
        if local.phase != Phase::Created {
            return Err(client::INVALID_OPERATION.into());
        }
        let sources = sources_of(local);
        self.capture(name, call, Goal::Initialize, sources)
    }

    fn close(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let parts = parts(&Fields::of(&call.args))?;
        let local = self.local(name, "on")?;
        let before = local.captured();
        let released = local.released;
        let Some((audio, video, ids)) = parts else {
            self.forget_stream(name);
            return Ok(Reply::Now(Value::Null));
        };
        if audio {
            local.audio = None;
        }
        for resolution in local.resolutions.iter_mut().filter(|resolution| ids.is_empty() || ids.contains(&resolution.id.as_str())) {
            if video {
                resolution.track = None;
            }
        }
        let nothing_left = !local.has(TrackKind::Audio) && !local.has(TrackKind::Video);
        if !released {
            self.release_unused(name, before);
        }
        if nothing_left {
            self.withdraw(name);
        }
        self.sync(name, None);
        Ok(Reply::Now(Value::Null))
    }

    fn set_audio_profile(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let profile = audio_profile(fields.get("profile").ok_or_else(|| fields.wrong("profile", "a profile"))?);
        let local = self.local(name, "on")?;
        if local.phase != Phase::Created {
            return Err(client::INVALID_OPERATION.into());
        }
        local.audio_profile = profile;
        Ok(Reply::Now(Value::Null))
    }

    fn set_screen_profile(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let profile = screen_profile(fields.get("profile").ok_or_else(|| fields.wrong("profile", "a profile"))?);
        let local = self.local(name, "on")?;
        if local.phase != Phase::Created || local.sources.kind != StreamKind::Aux {
            return Err(client::INVALID_OPERATION.into());
        }
        set_first(local, profile);
        Ok(Reply::Now(Value::Null))
    }

    fn set_video_profile(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let profile = camera_profile(fields.get("profile").ok_or_else(|| fields.wrong("profile", "a profile"))?);
        let id = fields.text_or_none("resolutionId")?;
        let local = self.local(name, "on")?;
        // what the application brings is as it is.
        if local.sources.kind != StreamKind::Main || local.is_custom() && local.phase != Phase::Created {
            return Err(client::INVALID_OPERATION.into());
        }
        if local.resolutions.is_empty() && id.is_none() {
            local.video_profile = profile;
            return Ok(Reply::Now(Value::Null));
        }
        let several = local.resolutions.len() > 1;
        let largest = local.resolutions.iter().map(|resolution| resolution.captured_px).max().unwrap_or(0);
        let pixels = u32::from(profile.width_px) * u32::from(profile.height_px);
        if several && pixels > largest {
            return Err(fields.wrong("profile", "no larger a picture than was captured, while there are two resolutions").into());
        }
        let resolution =
            local.resolution_or_highest(id).ok_or_else(|| fields.wrong("resolutionId", "the id of a resolution of the stream"))?;
        resolution.profile = profile;
        if !several {
            resolution.captured_px = pixels;
        }
        self.sync(name, None); // the call itself returns at once
        Ok(Reply::Now(Value::Null))
    }

    fn add_resolution(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let profile = camera_profile(fields.get("profile").ok_or_else(|| fields.wrong("profile", "a profile"))?);
        let audio = fields.flag("audio")?;
        let busy = self.jobs.contains_key(name);
        let local = self.local(name, "on")?;
        // R-111 R-117
        let may = local.phase == Phase::Initialised && local.sources.kind == StreamKind::Main && !local.is_custom();
        if !may || busy || local.resolutions.len() >= RESOLUTIONS {
            return Err(client::INVALID_OPERATION.into());
        }
        // Sound is shared by all resolutions; it is made where it was asked for and is not there.
        let with_audio = audio && local.sources.audio.is_some() && local.audio.is_none();
        let id = local.add_resolution(profile);
        let media = with_audio.then_some(TrackKind::Audio).into_iter().chain([TrackKind::Video]);
        let sources = media.map(|medium| source_for(StreamKind::Main, medium)).collect();
        self.capture(name, call, Goal::Resolution(id), sources)
    }

    fn remove_resolution(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let id = fields.text("resolutionId")?;
        self.change(name, call, |local| {
            let at = local.resolutions.iter().position(|resolution| resolution.id.as_str() == id);
            let at = at.ok_or_else(|| fields.wrong("resolutionId", "the id of a resolution of the stream"))?;
            local.resolutions.remove(at);
            Ok(())
        })
    }

    fn add_track(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let (argument, id) = (track(&fields)?, fields.text_or_none("resolutionId")?);
        let track = Track { id: argument.id.map_or_else(|| alloc::format!("{name}.added"), Into::into), source: None };
        self.change(name, call, |local| match argument.kind {
            TrackKind::Audio if local.audio.is_some() => Err(client::INVALID_OPERATION.into()),
            TrackKind::Audio => {
                local.audio = Some(track);
                Ok(())
            }
            TrackKind::Video => {
                if local.resolutions.is_empty() && id.is_none() {
                    local.add_resolution(local.video_profile);
                }
                let slot =
                    local.resolution_or_highest(id).ok_or_else(|| fields.wrong("resolutionId", "the id of a resolution of the stream"))?;
                if slot.track.is_some() {
                    return Err(client::INVALID_OPERATION.into());
                }
                slot.captured_px = slot.pixels();
                slot.track = Some(track);
                Ok(())
            }
        })
    }

    fn remove_track(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let argument = track(&fields)?;
        self.change(name, call, |local| {
            let is_it = |track: &Track| argument.id.is_none_or(|id| id == track.id);
            let slot = match argument.kind {
                TrackKind::Audio => &mut local.audio,
                TrackKind::Video => {
                    let highest = local.resolutions.iter_mut().rev().filter(|slot| slot.track.as_ref().is_some_and(is_it));
                    let highest = highest.max_by_key(|slot| slot.pixels());
                    &mut highest.ok_or_else(|| fields.wrong("track", "a track of the stream"))?.track
                }
            };
            slot.take_if(|track| is_it(track)).map(|_| ()).ok_or_else(|| fields.wrong("track", "a track of the stream").into())
        })
    }

    fn replace_track(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let (argument, id) = (track(&fields)?, fields.text_or_none("resolutionId")?);
        let kind = medium(fields.text("type")?).filter(|kind| *kind == argument.kind);
        let kind = kind.ok_or_else(|| fields.wrong("type", "\"audio\" or \"video\", as the track is"))?;
        let local = self.local(name, "on")?;
        if local.phase != Phase::Initialised || !local.has(kind) {
            return Err(client::INVALID_OPERATION.into());
        }
        let before = local.captured();
        let track = Track { id: argument.id.map_or_else(|| alloc::format!("{name}.replaced"), Into::into), source: None };
        match kind {
            TrackKind::Audio => local.audio = Some(track),
            TrackKind::Video => {
                let slot =
                    local.resolution_or_highest(id).ok_or_else(|| fields.wrong("resolutionId", "the id of a resolution of the stream"))?;
                slot.track = Some(track);
            }
        }
        self.release_unused(name, before);
        Ok(self.sync_anew(name, Some((call, Value::Null))))
    }

    fn add_audio_capture(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let fields = Fields::of(&call.args);
        let device = fields.text_or_none("microphoneId")?;
        let busy = self.jobs.contains_key(name);
        let local = self.local(name, "on")?;
        if local.phase != Phase::Initialised || local.audio.is_some() || busy {
            return Err(client::INVALID_OPERATION.into());
        }
        if let Some(device) = device {
            local.sources.microphone = Some(device.into());
        }
        let source = source_for(local.sources.kind, TrackKind::Audio);
        self.capture(name, call, Goal::Audio, [source].into())
    }

    fn add_video_capture(&mut self, name: &str, call: &VendorCall) -> Result<Reply, Failure> {
        let option = Fields::of(&call.args).object_or_none("option")?;
        let text = |field| option.as_ref().map_or(Ok(None), |option| option.text_or_none(field));
        let (camera, id) = (text("cameraId")?, text("resolutionId")?);
        let busy = self.jobs.contains_key(name);
        let local = self.local(name, "on")?;
        if local.phase != Phase::Initialised || busy {
            return Err(client::INVALID_OPERATION.into());
        }
        if local.resolutions.is_empty() && id.is_none() {
            local.add_resolution(local.video_profile);
        }
        let slot = local.resolution_or_highest(id);
        let slot = slot.ok_or_else(|| Wrong { at: "option.resolutionId".to_string(), expected: "the id of a resolution of the stream" })?;
        if slot.track.is_some() {
            return Err(client::INVALID_OPERATION.into());
        }
        let id = slot.id.clone();
        if let Some(camera) = camera {
            local.sources.camera = Some(camera.into());
        }
        let source = source_for(local.sources.kind, TrackKind::Video);
        self.capture(name, call, Goal::Video(id), [source].into())
    }

    /// Changes what an initialised stream is made of, lets go of what is not needed any more, and tells the room. A change that fails changes nothing, and a published
    /// stream keeps something to send.
    fn change(
        &mut self,
        name: &str,
        call: &VendorCall,
        change: impl FnOnce(&mut LocalStream) -> Result<(), Failure>,
    ) -> Result<Reply, Failure> {
        let busy = self.jobs.contains_key(name);
        let local = self.local(name, "on")?;
        if local.phase != Phase::Initialised || busy {
            return Err(client::INVALID_OPERATION.into());
        }
        let mut changed = local.clone();
        change(&mut changed)?;
        if changed.published != super::streams::Published::No && changed.offer(false).is_none() {
            return Err(client::INVALID_OPERATION.into());
        }
        let (before, released) = (local.captured(), local.released);
        *local = changed;
        if !released {
            self.release_unused(name, before);
        }
        Ok(self.sync(name, Some((call, Value::Null))))
    }
}

/// What a method of a stream returns that is not there, or not any more. No server is asked, so no code of a server's is told: muting prints a plain no for every failure.
fn gone(call: &VendorCall) -> Result<Reply, Failure> {
    match call.call.as_str() {
        "muteAudio" | "muteVideo" | "unmuteAudio" | "unmuteVideo" => Ok(Reply::Now(false.into())),
        _ => Err(client::INVALID_OPERATION.into()),
    }
}

/// The profile of a stream's first resolution, set before there is a track.
fn set_first(local: &mut LocalStream, profile: VideoProfile) {
    local.video_profile = profile;
    if let Some(first) = local.resolutions.first_mut() {
        first.profile = profile;
    }
}

/// The argument `option` of close: none when left out, which means everything.
type CloseParts<'a> = Option<(bool, bool, Vec<&'a str>)>;

fn parts<'a>(fields: &Fields<'a>) -> Result<CloseParts<'a>, Wrong> {
    let Some(option) = fields.object_or_none("option")? else { return Ok(None) };
    Ok(Some((option.flag("audio")?, option.flag("video")?, option.texts("resolutionIds")?)))
}

fn medium(word: &str) -> Option<TrackKind> {
    match word {
        "audio" => Some(TrackKind::Audio),
        "video" => Some(TrackKind::Video),
        _ => None,
    }
}

fn track<'a>(fields: &Fields<'a>) -> Result<TrackArgument<'a>, Wrong> {
    let wrong = || fields.wrong("track", "\"audio\", \"video\", or {\"kind\", \"id\"}");
    match fields.get("track") {
        Some(Value::String(word)) => Ok(TrackArgument { kind: medium(word).ok_or_else(wrong)?, id: None }),
        Some(Value::Object(_)) => {
            let track = fields.object("track")?;
            Ok(TrackArgument { kind: medium(track.text("kind")?).ok_or_else(wrong)?, id: track.text_or_none("id")? })
        }
        Some(_) | None => Err(wrong()),
    }
}

/// A name or an object; whatever is neither, or cannot be, is the default.
fn camera_profile(value: &Value) -> VideoProfile {
    match value {
        Value::String(name) => profiles::camera(name),
        Value::Object(fields) => custom(fields, "minBitrate", "maxBitrate").map_or(profiles::CAMERA_DEFAULT, profiles::VideoFields::camera),
        _ => profiles::CAMERA_DEFAULT,
    }
}

fn screen_profile(value: &Value) -> VideoProfile {
    let default = profiles::SCREEN_DEFAULT;
    match value {
        Value::String(name) => profiles::screen(name),
        Value::Object(fields) => {
            let Some(custom) = custom(fields, "bitrate", "bitrate") else { return default };
            let Bitrate::Single { bps } = default.bitrate else { return default };
            let profile = VideoProfile {
                name: "custom",
                width_px: custom.width_px.unwrap_or(default.width_px),
                height_px: custom.height_px.unwrap_or(default.height_px),
                fps: custom.fps.unwrap_or(default.fps),
                bitrate: Bitrate::Single { bps: custom.max_bps.unwrap_or(bps) },
                number: None,
            };
            let can_be = profile.width_px > 0 && profile.height_px > 0 && profile.fps > 0 && profile.bitrate != Bitrate::Single { bps: 0 };
            if can_be { profile } else { default }
        }
        _ => default,
    }
}

fn audio_profile(value: &Value) -> AudioProfile {
    let default = profiles::AUDIO_DEFAULT;
    match value {
        Value::String(name) => profiles::audio(name),
        Value::Object(fields) => {
            let read = |name, or| match fields.get(name) {
                None | Some(Value::Null) => Some(or),
                Some(value) => whole(value).and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0),
            };
            let (rate, channels, bps) =
                (read("sampleRate", default.sample_rate_hz), read("channelCount", default.channels.into()), read("bitrate", default.bps));
            match (rate, channels.and_then(|channels| u8::try_from(channels).ok()), bps) {
                (Some(sample_rate_hz), Some(channels), Some(bps)) => AudioProfile { name: "custom", sample_rate_hz, channels, bps },
                _ => default,
            }
        }
        _ => default,
    }
}

/// The fields of a profile that is given as an object. None where one of them is no number that could be.
fn custom(fields: &Map<String, Value>, min: &str, max: &str) -> Option<profiles::VideoFields> {
    let read = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => whole(value).map(Some),
    };
    let narrow = |number: Option<u64>| number.map(u16::try_from).transpose().ok();
    let wide = |number: Option<u64>| number.map(u32::try_from).transpose().ok();
    Some(profiles::VideoFields {
        width_px: narrow(read("width")?)?,
        height_px: narrow(read("height")?)?,
        fps: read("frameRate")?.map(u8::try_from).transpose().ok()?,
        min_bps: wide(read(min)?)?,
        max_bps: wide(read(max)?)?,
    })
}
